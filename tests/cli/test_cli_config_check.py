"""`dsm config check`: every mistake of a file in one run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.running import Run, Shell
from core.fake_dists import plugin_code, write_dist

MISTAKES = """\
chache: {dir: data}
defaults:
  deadline_s: soon
  provider: binanse
http:
  retry_count: -1
  user_agent: desk ${DSM_TEST_UNSET}
  user_agent: twice
providers:
  binance:
    sources: [vison]
    endpoints:
      spot: [https://fine.example, ftp://ann:hunter2@spot.example]
      spott: https://fine.example
    max_concurent_downloads: 4
  acme: {}
"""


def test_a_file_with_eleven_mistakes_has_eleven_lines(
    run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DSM_PROVIDER")
    (place / "dsm.yaml").write_text(MISTAKES)
    result = run("config", "check")
    assert result.exit_code == 4
    assert result.stdout.splitlines() == [
        "dsm.yaml:1: chache: unknown key (did you mean 'cache'?)",
        "dsm.yaml:3: defaults.deadline_s: expected a number, got text 'soon'",
        "dsm.yaml:4: defaults.provider: no installed provider is called 'binanse' (did you mean 'binance'?); "
        "installed: binance, tradestation",
        "dsm.yaml:6: http.retry_count: must be 0 or more, not -1",
        "dsm.yaml:7: http.user_agent: the environment variable DSM_TEST_UNSET is not set; "
        "set it, or write ${DSM_TEST_UNSET:-default}",
        "dsm.yaml:8: http.user_agent: given twice, first on line 7; keep one",
        "dsm.yaml:11: providers.binance.sources: no source is called 'vison' (did you mean 'vision'?); "
        "there are vision, rest",
        "dsm.yaml:13: providers.binance.endpoints.spot[1]: '***@spot.example' is not a URL; "
        "write one that starts with https:// or http://",
        "dsm.yaml:14: providers.binance.endpoints.spott: unknown key (did you mean 'spot'?); "
        "there are vision, listing, spot, um, cm",
        "dsm.yaml:15: providers.binance.max_concurent_downloads: unknown key "
        "(did you mean 'max_concurrent_downloads'?)",
        "dsm.yaml:16: providers.acme: no installed provider has this name",
    ]
    assert result.stderr == ""


def test_the_same_lines_come_as_json(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DSM_PROVIDER")
    (place / "dsm.yaml").write_text(MISTAKES)
    result = run("config", "check", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 4
    assert told["file"] == str(place / "dsm.yaml")
    assert [problem["line"] for problem in told["problems"]] == [1, 3, 4, 6, 7, 8, 11, 13, 14, 15, 16]


def test_a_market_that_the_provider_lacks_is_told(run: Run, place: Path) -> None:
    (place / "dsm.yaml").write_text("defaults: {provider: binance, market_type: equities}\n")
    result = run("config", "check")
    assert result.stdout.startswith(
        "dsm.yaml:1: defaults.market_type: no market is called 'equities'; binance has futures_coin, "
    )
    (place / "dsm.yaml").write_text("defaults: {market_type: um, chart_type: funding_rate}\n")
    assert run("config", "check").exit_code == 0


def test_a_misspelt_variable_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSM_OFLINE", "1")
    result = run("config", "check")
    assert result.exit_code == 4
    assert result.stdout == (
        "environment: DSM_OFLINE: is no variable of DSM's (did you mean 'DSM_OFFLINE'?)\n"
    )


def test_a_variable_that_names_no_file_is_a_mistake_in_json_too(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSM_CONFIG", "gone.yaml")
    result = run("config", "check", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["file"], told["problems"][0]["path"]) == (4, None, "DSM_CONFIG")


def test_a_broken_provider_that_the_file_does_not_name_hurts_no_check(shell: Shell, place: Path) -> None:
    broken = {"broken_mod": "raise RuntimeError('out of order')"}
    write_dist(place / "site", "dsm-broken", providers={"broken": "broken_mod"}, modules=broken)
    (place / "dsm.yaml").write_text("defaults: {market_type: spot}\n")
    done = shell("config", "check", PYTHONPATH=str(place / "site"))
    assert (done.returncode, done.stderr) == (0, "")


CANNOT_BE_WRITTEN = """
from attrs import frozen

@frozen
class Config:
    blob: complex = 0
    name: "Missing" = 0
"""


def test_a_settings_class_no_file_can_fill_is_told_by_every_command(shell: Shell, place: Path) -> None:
    code = plugin_code("odd", CANNOT_BE_WRITTEN).replace("sources=", "config=Config, sources=")
    write_dist(place / "site", "dsm-odd", providers={"odd": "odd_mod"}, modules={"odd_mod": code})
    (place / "dsm.yaml").write_text("providers: {odd: {name: 1}, binance: {sources: [vison]}}\n")
    site = str(place / "site")
    check = shell("config", "check", PYTHONPATH=site)
    assert check.returncode == 4
    assert [line.split(": ")[1] for line in check.stdout.splitlines()] == [
        "providers.odd",
        "providers.binance.sources",
    ]
    for command in (
        ("config", "show"),
        ("config", "init", "-"),
        ("config", "schema"),
        ("doctor", "--offline"),
    ):
        done = shell(*command, PYTHONPATH=site)
        assert "Config has a field whose type no configuration can give" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout


def test_a_default_chart_type_is_what_a_call_gets(run: Run, place: Path) -> None:
    config = json.loads((place / "dsm.yaml").read_text())
    defaults = {"market_type": "um", "chart_type": "funding_rate"}
    (place / "dsm.yaml").write_text(json.dumps({**config, "defaults": defaults}))
    told = json.loads(run("explain", "BTCUSDT", "--last", "7d", "--format", "json").stdout)
    assert told["series"].startswith("binance/futures_usdt/funding_rate/BTCUSDT")
