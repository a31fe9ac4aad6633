"""`dsm providers NAME`: all about one provider."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.running import Run, Shell
from core.fake_dists import plugin_code, write_dist
from dsm_binance import __version__ as binance_version

HOUSE = """
from attrs import field, frozen
from dsm_core.config import Secret
from dsm_core.net import Limit
from dsm_core.plugins import Rolling, Since
import datetime

@frozen
class Pages:
    rows: int = field(default=9, metadata={"doc": "Rows of a page."})

@frozen
class Config:
    api_key: Secret
    pages: Pages = field(factory=Pages)

class Other(Client):
    spec = ClientSpec(
        market_type="equities", chart_type="klines", source="files", intervals={"1d": "d", "1h": "h"},
        columns=frozenset({"open", "high", "low", "close", "close_time"}),
        history=Since(datetime.date(2020, 2, 3)), options={"adjusted": bool, "feed": ("sip", "iex")},
    )

class Newest(Client):
    spec = ClientSpec(
        market_type="equities", chart_type="klines", source="rest", intervals={"1d": "d"},
        history=Rolling(rows=720, days=30),
    )
"""


@pytest.fixture
def house(place: Path) -> str:
    """Folder for PYTHONPATH: a provider with everything that can be told."""
    code = plugin_code("house", HOUSE).replace(
        'clients=[Client], sources=["rest"]',
        'clients=[Newest, Other], sources=["files", "rest"], config=Config, limits=[Limit("all", 100, 60.0)]',
    )
    modules = {"house_mod": code}
    write_dist(place / "site", "dsm-house", "2.5", providers={"house": "house_mod"}, modules=modules)
    return str(place / "site")


def test_everything_a_provider_declares_is_told_as_json(shell: Shell, house: str) -> None:
    told = json.loads(shell("providers", "house", "--json", PYTHONPATH=house).stdout)
    assert (told["name"], told["distribution"], told["version"], told["module"], told["api"]) == (
        "house",
        "dsm-house",
        "2.5",
        "house_mod",
        1,
    )
    assert (told["markets"], told["sources"], told["has_clock"]) == (["equities"], ["files", "rest"], False)
    files, rest = told["clients"]
    assert (files["source"], files["intervals"], files["history"]) == (
        "files",
        ["1d", "1h"],
        "since 2020-02-03",
    )
    assert files["options"] == {"adjusted": "true or false", "feed": "sip | iex"}
    assert files["lacks"] == [
        "volume",
        "quote_asset_volume",
        "count",
        "taker_buy_volume",
        "taker_buy_quote_volume",
    ]
    assert (rest["history"], rest["lacks"], rest["kind"]) == ("newest 720 rows, last 30 days", [], "bars")
    assert told["limits"] == [{"pool": "all", "capacity": 100, "window_s": 60.0}]
    assert [(key["key"], key["required"], key["default"]) for key in told["config"]] == [
        ("api_key", True, None),
        ("pages.rows", False, 9),
    ]


def test_the_same_is_told_in_lines(shell: Shell, house: str) -> None:
    lines = shell("providers", "house", PYTHONPATH=house).stdout.splitlines()
    assert lines[0] == "house: dsm-house 2.5 (house_mod)"
    assert ["klines", "equities", "files", "1d", "1h", "since", "2020-02-03"] in map(str.split, lines)
    assert "klines of equities from files takes options: adjusted (true or false), feed (sip | iex)" in lines
    assert any(line.startswith("klines of equities from files lacks columns: volume, ") for line in lines)
    assert ["all", "100", "60"] in map(str.split, lines)
    keys = [line.split() for line in lines if line.startswith("providers.house.")]
    assert keys[0] == ["providers.house.api_key", "text", "required"]
    assert " ".join(keys[1]) == "providers.house.pages.rows a whole number 9 Rows of a page."


def test_binance_tells_its_markets_and_limits(run: Run) -> None:
    result = run("providers", "binance")
    assert result.stdout.startswith(f"binance: dsm-binance {binance_version} (dsm_binance.plugin)\n")
    assert "\nmarkets: spot, futures_usdt, futures_coin\n" in result.stdout
    assert "providers.binance.endpoints.{vision,listing,spot,um,cm}" in result.stdout


def test_a_slip_gets_the_nearest_installed_name(run: Run) -> None:
    result = run("providers", "binanse")
    assert (result.exit_code, result.stdout) == (4, "")
    assert "installed: binance" in result.stderr
    assert "Did you mean 'binance'?" in result.stderr


def test_no_package_is_promised_for_a_name_nobody_brings(run: Run) -> None:
    result = run("providers", "kraken")
    assert result.exit_code == 4
    assert "usually called dsm-<provider>" in result.stderr
    assert "dsm-kraken" not in result.stderr


def test_a_broken_provider_is_one_error(shell: Shell, place: Path) -> None:
    broken = {"broken_mod": "raise RuntimeError('out of order')"}
    write_dist(place / "site", "dsm-broken", "3.1", providers={"broken": "broken_mod"}, modules=broken)
    done = shell("providers", "broken", PYTHONPATH=str(place / "site"))
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("error: dsm-broken 3.1 (provider 'broken') failed to import")
