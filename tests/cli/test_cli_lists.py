"""List files: what they mean, and every way in which they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.running import Run
from dsm_core.config import Wish, load_list
from dsm_core.errors import ConfigError

GOOD = """\
defaults: {provider: binance, market_type: um, interval: 1h, start: 2024}
series:
  - BTCUSDT
  - binance/spot/klines/ETHUSDT/1m
  - {symbol: SOLUSDT, interval: 15m, start: 2024-06-01, end: 2024-09, chart_type: klines}
  - ON
"""
WRONG = """\
defaults: {provder: binance, start: 2024, interval: 1x}
serie: []
series:
  - 1000
  - [a]
  - binance/spot/ETHUSDT
  - {symbol: SOLUSDT, intervall: 15m}
  - {symbol: binance/spot/klines/ETHUSDT/1m, interval: 1h}
  -
  - {symbol: X, start: yesterday, options: {a: [1]}}
  - ""
"""


@pytest.fixture
def wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "list.yaml"


def problems(path: Path, text: str) -> list[str]:
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_list(path.name)
    return caught.value.message.splitlines()


def test_entries_take_what_they_leave_out_from_the_defaults(wrote: Path) -> None:
    wrote.write_text(GOOD)
    btc, eth, sol, on = load_list(wrote)
    assert btc == Wish(
        symbol="BTCUSDT", provider="binance", market_type="futures_usdt", interval="1h", start="2024"
    )
    assert (eth.market_type, eth.interval, eth.start) == ("spot", "1m", "2024")
    assert (sol.interval, sol.start, sol.end) == ("15m", "2024-06-01", "2024-09")
    assert on.symbol == "ON"


def test_every_mistake_is_told_at_once_with_its_line(wrote: Path) -> None:
    lines = problems(wrote, WRONG)
    assert [line.split(": ")[:2] for line in lines] == [
        ["list.yaml:1", "defaults.provder"],
        ["list.yaml:1", "defaults.interval"],
        ["list.yaml:2", "serie"],
        ["list.yaml:4", "series[0].symbol"],
        ["list.yaml:5", "series[1]"],
        ["list.yaml:6", "series[2].symbol"],
        ["list.yaml:7", "series[3].intervall"],
        ["list.yaml:8", "series[4]"],
        ["list.yaml:9", "series[5].symbol"],
        ["list.yaml:10", "series[6].start"],
        ["list.yaml:10", "series[6].options.a"],
        ["list.yaml:11", "series[7].symbol"],
    ]
    assert "did you mean 'provider'?" in lines[0]
    assert "put it in quotes" in lines[3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "series: is required and missing"),
        ("series: []", "series: the list is empty; name at least one series"),
        ("series: BTCUSDT", "series: expected a list, got text 'BTCUSDT'"),
        ("- BTCUSDT", "expected the keys 'defaults:' and 'series:' at the top level"),
        ("series: [A]\nseries: [B]", "series: given twice"),
        ("series: [{symbol: A, start: 2024-02, end: 2024-01}]", "start 2024-02 is after end 2024-01"),
        ("series: [{symbol: A, end: 2024-01}]", "has an end and no start"),
        ("series: [{symbol: A, market_type: a b}]", "'a b' is not a MarketType name"),
        ("series: [A", "not YAML"),
    ],
)
def test_a_wrong_list_is_refused(wrote: Path, text: str, message: str) -> None:
    assert message in "\n".join(problems(wrote, text))


def test_a_missing_file_is_named(wrote: Path) -> None:
    with pytest.raises(ConfigError, match=r"list\.yaml: there is no such file"):
        load_list("list.yaml")


def test_what_means_the_same_counts_once(wrote: Path) -> None:
    wrote.write_text(
        "defaults: {provider: binance, market_type: um, chart_type: klines, interval: 60m}\n"
        "series: [A, A, {symbol: A, interval: 1h}, binance/futures_usdt/klines/A/1h, B]\n"
    )
    assert [wish.symbol for wish in load_list(wrote)] == ["A", "B"]


def test_a_list_may_name_ten_thousand_series(wrote: Path) -> None:
    entries = "".join(f"  - {{symbol: S{n}, interval: 1m}}\n" for n in range(5_000))
    wrote.write_text("series:\n" + entries + "".join(f"  - T{n}\n" for n in range(5_000)))
    assert len(load_list(wrote)) == 10_000


@pytest.mark.parametrize("command", ["update", "prefetch"])
def test_a_command_refuses_a_wrong_list_line_by_line(run: Run, place: Path, command: str) -> None:
    (place / "list.yaml").write_text(WRONG)
    result = run(command, "--list", "list.yaml")
    assert (result.exit_code, result.stdout) == (4, "")
    lines = result.stderr.splitlines()
    assert len(lines) == 12
    assert all(line.startswith("error: list.yaml:") for line in lines)
