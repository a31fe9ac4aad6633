"""How a user sets the provider up: configuration, credentials, doctor, and life without the extras."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from dsm_core import DataSourceManager
from dsm_core.config import ProviderSection, check_config, load_config
from dsm_core.errors import AuthenticationError, ConfigError
from dsm_core.model import Interval
from dsm_core.schema.chart_type import KLINES
from dsm_core.testing import Request
from dsm_tradestation import plugin
from dsm_tradestation.clients import BARS_REST
from dsm_tradestation.config import TradeStationConfig
from dsm_tradestation.schemas import BARS
from tradestation.desk import Desk, Venue, bar, checked, refused, utc
from tradestation.venues import Floor

# As design.md has it: the whole of what a user writes.
DESIGN = """\
providers:
  tradestation:
    client_id: ${TRADESTATION_CLIENT_ID}
    client_secret: ${TRADESTATION_CLIENT_SECRET}
    refresh_token: ${TRADESTATION_REFRESH_TOKEN}
"""
ENV = {
    "TRADESTATION_CLIENT_ID": "the-id",
    "TRADESTATION_CLIENT_SECRET": "the-secret",
    "TRADESTATION_REFRESH_TOKEN": "the-refresh-token",
}


def test_the_yaml_of_the_design_configures_it(tmp_path: Path) -> None:
    path = tmp_path / "dsm.yaml"
    path.write_text(DESIGN, encoding="utf-8")
    section = load_config(path, env=ENV).section("tradestation").structure(TradeStationConfig)
    assert section.client_id == "the-id"
    assert section.client_secret is not None
    assert section.client_secret.reveal() == "the-secret"
    assert section.refresh_token is not None
    assert section.refresh_token.reveal() == "the-refresh-token"
    assert section.endpoints["signin"] == ("https://signin.tradestation.com",)
    for secret in ("the-secret", "the-refresh-token"):
        assert secret not in repr(section)


def test_every_wrong_key_is_told_at_once() -> None:
    wrong = {
        "bar_stamp": "middle",
        "session_template": "USEQ",
        "endpoints": {"ap": "https://x.example"},
        "redirect_port": 0,
        "sources": ["stream"],
        "calendar": {"ES": "none"},
    }
    found = check_config({"providers": {"tradestation": wrong}}, {"tradestation": TradeStationConfig}, env={})
    assert {str(p).split(":")[1].strip().rpartition(".")[2] for p in found} == {
        "bar_stamp",
        "session_template",
        "ap",
        "redirect_port",
        "sources",
        "calendar",
    }
    assert any("did you mean 'calendars'" in str(p) for p in found)
    assert any("expected one of 'end', 'start', got text 'middle'" in str(p) for p in found)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            {"endpoints": {"signin": "http://desk.example"}},
            "signin would send credentials unencrypted to",
        ),
        ({"endpoints": {"api": "http://desk.example"}}, "api would send credentials unencrypted to desk"),
        ({"calendars": {"SB": "ICEE", "ES": "none"}}, r"SB: .*'ICEE'; name one that it has \(ICE\b"),
    ],
)
def test_what_a_call_would_refuse_is_told_by_the_check_of_the_configuration(wrong: Any, told: str) -> None:
    given = {"providers": {"tradestation": wrong}}
    [problem] = check_config(given, {"tradestation": TradeStationConfig}, env={})
    assert re.search(told, str(problem))


def test_a_calendar_that_does_not_exist_is_told_with_near_ones(desk: Desk) -> None:
    server = desk.serve(Venue({"MSFT": []}))
    manager = desk.manager(server, "equities", utc(2025, 4), calendars={"MSFT": "NYSEE"})
    with pytest.raises(ConfigError, match="NYSE"):
        manager.get_data("MSFT", "2025-03-25", "2025-03-25", "1h")


def test_without_credentials_one_message_says_how_to_get_them(tmp_path: Path) -> None:
    section = {"token_store": "file", "token_dir": str(tmp_path / "auth")}
    config = {"providers": {"tradestation": section}, "http": {"state_dir": str(tmp_path / "limits")}}
    with (
        DataSourceManager(
            "equities", provider="tradestation", config=config, cache_dir=tmp_path / "cache"
        ) as manager,
        pytest.raises(AuthenticationError) as error,
    ):
        manager.get_data("MSFT", "2025-03-25", "2025-03-25", "1d")
    message = str(error.value)
    for told in ("client_id", "Client Services", "dsm auth tradestation login", "refresh_token"):
        assert told in message
    assert "\n" not in message


def test_what_is_held_needs_no_credentials(desk: Desk) -> None:
    server = desk.serve(Venue({"MSFT": [bar(utc(2025, 3, 25, 20))]}))
    asked_at = ("MSFT", "2025-03-25", "2025-03-25", "1d")
    desk.manager(server, "equities", utc(2025, 4)).get_data(*asked_at)
    bare = desk.manager(server, "equities", utc(2025, 4), client_id=None, refresh_token=None)
    assert len(bare.get_data(*asked_at)) == 1


async def test_the_check_of_doctor_tries_the_credentials(desk: Desk) -> None:
    assert await checked(desk, Venue(types={"MSFT": "STOCK"})) is None


async def test_the_check_of_doctor_tells_what_is_refused(desk: Desk) -> None:
    def answer(request: Request) -> Any:
        return venue(request) if request.endpoint == "signin" else refused(403, "Forbidden", "Bad scope")

    venue = Venue()
    with pytest.raises(AuthenticationError, match="MarketData"):
        await checked(desk, answer)


def test_every_market_has_both_chart_types_and_says_what_it_lacks() -> None:
    provider = plugin.dsm_provider()
    places = {(str(c.spec.market_type), str(c.spec.chart_type)) for c in BARS_REST}
    markets = {"equities", "futures", "forex", "crypto", "index", "options"}
    assert places == {(market, chart) for market in markets for chart in ("bars", "klines")}
    assert {limit.pool for limit in provider.limits} >= {"bars"}
    (bars,) = [limit for limit in provider.limits if limit.pool == "bars"]
    assert (bars.capacity, bars.window_s) == (500, 300.0)
    for client in BARS_REST:
        assert client.spec.authoritative
        assert client.spec.overlap == 1
        assert client.__name__ == client.__name__.strip("_")
        lacks = client.spec.columns
        assert lacks is None or lacks < set(KLINES.column_names)


def test_bars_are_joined_as_their_columns_say(floor: Floor) -> None:
    venue = floor.venue(utc(2024, 12, 20))
    manager = floor.manager(venue, "futures")
    start, end = utc(2024, 11, 10, 23), utc(2024, 11, 15, 22)
    hours = manager.query("ESZ24", start, end, "1h", inclusive="left")
    joined = hours.resample("4h").to_pandas()
    frame = hours.to_pandas()
    for column in ("volume", "up_volume", "down_volume", "up_ticks", "down_ticks", "total_ticks"):
        assert joined[column].sum() == frame[column].sum(), column
    assert joined["open_interest"].iloc[-1] == frame["open_interest"].iloc[-1]
    assert {c.name: c.agg for c in BARS.columns}["open_interest"] == "last"


ALONE = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"pandas_market_calendars", "exchange_calendars", "keyring", "aiohttp"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
sys.path.insert(0, sys.argv[1])
import asyncio
from pathlib import Path
from tradestation.desk import Desk, Venue, asked, checked, bars_every, bar, utc

desk = Desk(Path(sys.argv[2]))
with desk.stack:
    day = utc(2025, 3, 25)
    hours = bars_every(utc(2025, 3, 25, 13, 30), 60, 6) + [bar(utc(2025, 3, 25, 20))]
    def hourly(request):
        return {"Bars": hours if request.params["unit"] == "Minute" else [bar(utc(2025, 3, 25, 20))]}
    server = desk.serve(Venue({"MSFT": hourly}))
    manager = desk.manager(server, "equities", utc(2025, 4), token_store="auto")
    for _ in range(2):
        data = manager.query("MSFT", day, utc(2025, 3, 26), "1h")
        print(*(t.strftime("%H:%M") for t in data.to_pandas().index), data.coverage.expected, len(data.gaps))
    daily = manager.query("MSFT", "2025-03-25", "2025-03-25", "1d")
    print(daily.to_pandas().index[0].isoformat(), daily.coverage.expected, len(daily.gaps))
    crypto = desk.serve(Venue({"BTCUSD": bars_every(day, 60, 24)}))
    found = desk.manager(crypto, "crypto", utc(2025, 4)).query("BTCUSD", day, utc(2025, 3, 25, 23), "1h")
    print(len(found), found.coverage.expected, len(asked(server)))
    print(asyncio.run(checked(desk, Venue(types={"MSFT": "STOCK"}))))
"""


def test_without_its_extras_nothing_is_expected_and_nothing_breaks(tmp_path: Path) -> None:
    tests = Path(__file__).parents[1]
    run = subprocess.run(
        [sys.executable, "-c", dedent(ALONE), str(tests), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    hours = " ".join(f"{hour}:30" for hour in range(13, 20))
    assert run.stdout.splitlines() == [
        # The short last bar is right without a calendar too: it begins where the one before ended.
        f"{hours} None 0",
        f"{hours} None 0",
        "2025-03-25T00:00:00+00:00 None 0",
        # A market that never closes needs no calendar.
        "24 24 2",
        'exchange calendars are not installed, pip install "dsm-tradestation[calendars]" brings them',
    ]


def test_the_settings_are_those_of_every_section(tmp_path: Path) -> None:
    section = ProviderSection(name="tradestation", raw={}).structure(TradeStationConfig)
    assert section.bar_stamp == "end"
    assert section.session_template == "Default"
    assert dict(section.calendars) == {}
    assert section.scopes == ("openid", "offline_access", "MarketData")
    assert all(Interval("1439m") in client.spec.intervals for client in BARS_REST)
