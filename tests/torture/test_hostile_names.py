"""Names from hostile hands: none leaves the cache's folder, none becomes another part of a URL."""

from __future__ import annotations

import os
import tracemalloc
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from binance.venues import Desk
from dsm_binance.emulator import Emulator, Listing
from dsm_binance.listing import parse_listing
from dsm_core import DataSourceManager
from dsm_core.cache.paths import escape, series_folder
from dsm_core.config import load_config
from dsm_core.errors import ConfigError, DSMError, ProtocolChangedError, RequestError
from dsm_core.events import EventBus
from dsm_core.model.series import SeriesKey
from dsm_core.net import Http, HttpSettings
from torture.backfill_child import NOW
from torture.minute_venue import DAY, minute_manager, minute_venue
from torture.redirecting import host
from torture.scale import count
from torture.tally import tally

HOSTILE: Final = (
    "..", "../..", "../../etc/passwd", "..\\..\\x", "a/../../b", "/etc/passwd", "C:\\x",
    "\\\\host\\share", "a\0b",
    "a\nb", "a\r\nHost: evil", "%2e%2e%2f", "%252e%252e", "%00", "a?b=c", "a#b", "a&symbol=ETHUSDT",
    "a;b=c", "a=b",
    "CON", "con", "nul.txt", "LPT1", "aux.", "a.", "a ", " a", "~", "~root", "$HOME", "${HOME}", "`id`",
    "$(id)",
    "*", "?", "[a]", "a:b", "a|b", "<a>", "\"a\"", "'a'", "\ufb03", "é", "e\u0301", "\u0130", "ß",
    "\uff41", "\uff0e\uff0e\uff0f", "\u202eabc", "\ud800",
    "x" * 300, "é" * 300, "a/b", "币安USDT", "BTCUSDT", "btcusdt", "{spot}", "{vision}/x", "@evil.example",
    "//evil.example/x", "http://evil.example", ".", "-rf", "--help", "\u2028", "\x7f", "\x1b[2J", "%",
    "%%", "",
)  # fmt: skip
NAMES: Final = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=40),
    st.lists(st.sampled_from(HOSTILE), min_size=2, max_size=3).map("".join),
)
RELAXED: Final = settings(
    max_examples=count(150, 20_000),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def everything_below(folder: Path) -> set[str]:
    return {
        os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names
    }


def harmless(path: str) -> bool:
    """Whether a path below the cache is made of components that mean nothing to any system."""
    parts = path.split(os.sep)
    return path.isascii() and all(
        part not in (".", "..") and 0 < len(part) <= 160 and not set(part) & set('/\\:*?"<>|\0\n\r ')
        for part in parts
    )


def test_a_hostile_symbol_stays_in_the_cache_and_is_one_value_of_the_query(tmp_path: Path) -> None:
    cache = tmp_path / "a" / "cache"
    served = 0
    with minute_venue() as venue, minute_manager(venue, cache) as manager, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for symbol in HOSTILE:
            venue.asked.clear()
            with suppress(DSMError):
                manager.get_data(symbol, DAY, DAY, "1m")
                served += 1
            assert all(path == "/bars" and query["symbol"] == symbol for path, query in venue.asked), symbol
            assert all(set(query) == {"symbol", "from", "to"} for _, query in venue.asked), symbol
    kept = everything_below(tmp_path)
    assert all(name.startswith(("a/cache/", "a/limits/")) for name in kept), kept
    assert all(harmless(os.path.relpath(name, "a/cache")) for name in kept if name.startswith("a/cache/"))
    assert served > 20
    tally("hostile symbols of an open market", injected=len(HOSTILE), survived=len(HOSTILE))


@pytest.mark.parametrize("market", ["spot", "um", "cm"])
def test_a_hostile_symbol_never_becomes_another_path_of_the_archive(market: str, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    with Emulator(listings=[Listing("BTCUSDT")], now=NOW) as venue, desk.stack, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        manager = desk.manager(venue, market, provider="binance", retry_count=0)
        for symbol in HOSTILE:
            venue.clear_requests()
            with suppress(DSMError):
                manager.get_data(symbol, "2024-05-01", "2024-05-01", "1h")
            for request in venue.requests:
                path = unquote(urlsplit(request.path).path)
                assert ".." not in path.split("/"), (symbol, request)
                assert request.kind != "zip" or f"/{symbol}/1h/{symbol}-1h-" in path, (symbol, request)
    kept = everything_below(tmp_path)
    assert all(name.startswith("desk/") for name in kept), kept
    tally(f"hostile symbols of Binance {market}", injected=len(HOSTILE), survived=len(HOSTILE))


@RELAXED
@given(NAMES, NAMES, NAMES)
def test_names_that_differ_lie_in_folders_that_differ_inside_the_cache(a: str, b: str, option: str) -> None:
    keys = [
        SeriesKey("acme", "spot", "klines", symbol, None, (("o", option),))  # type: ignore[arg-type]
        for symbol in (a, b)
    ]
    folders = [series_folder(key) for key in keys]
    assert all(harmless(folder) and folder.count("/") == 4 for folder in folders)
    assert (folders[0].lower() == folders[1].lower()) == (a == b)
    assert (escape(a).lower() == escape(b).lower()) == (a == b)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("field", ["interval", "market_type", "chart_type", "enforce_source", "provider"])
def test_a_hostile_name_of_a_closed_set_is_refused_before_anything_is_asked(
    name: str, field: str, tmp_path: Path
) -> None:
    asked = {"interval": "1m", field: name}
    if name == "" and field in ("market_type", "chart_type", "provider"):
        pytest.skip("an empty one stands for the default")
    with minute_venue() as venue, minute_manager(venue, tmp_path / "cache") as manager:
        with pytest.raises(DSMError):
            manager.get_data("BTCUSDT", DAY, DAY, **asked)
        assert venue.asked == []


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_option_is_refused_before_anything_is_asked(name: str, tmp_path: Path) -> None:
    with minute_venue() as venue, minute_manager(venue, tmp_path / "cache") as manager:
        with pytest.raises(RequestError):
            manager.get_data("BTCUSDT", DAY, DAY, "1m", options={name: name})
        assert venue.asked == []


async def test_a_redirect_to_another_host_takes_no_credentials_along(tmp_path: Path) -> None:
    secret = {"Authorization": "Bearer kept-secret", "X-Api-Key": "kept-secret"}
    with host() as home, host() as elsewhere:
        http = Http(HttpSettings(state_dir=tmp_path, retry_count=0), EventBus())
        session = http.session(provider="acme", endpoints={"api": [home.url]})
        home.leads_to = f"{elsewhere.url}/collect"
        with pytest.raises(ProtocolChangedError, match="redirects"):
            await session.get_json("{api}/bars", {"key": "kept-secret"}, headers=secret)
        assert elsewhere.got == []
        assert home.got[0][1]["authorization"] == "Bearer kept-secret"
        # A name that only looks the same is another host.
        home.leads_to = home.url.replace("http://", "http://user@").replace("127.0.0.1", "localhost")
        with pytest.raises(ProtocolChangedError, match="redirects"):
            await session.get_json("{api}/bars", headers=secret)
        await http.close()
        assert len(home.got) == 2
    tally("redirects to another host", injected=2, survived=2)


def test_binance_is_sent_no_credentials_of_any_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password kept-secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("BINANCE_API_KEY", "kept-secret")
    with host() as venue:
        config = {
            "http": {"state_dir": str(tmp_path / "limits"), "retry_count": 0},
            "providers": {"binance": {"endpoints": dict.fromkeys(("vision", "listing", "spot"), venue.url)}},
        }
        with (
            DataSourceManager(
                "spot", "binance", cache_dir=tmp_path / "cache", config=config, clock=lambda: NOW
            ) as manager,
            suppress(DSMError),
        ):
            manager.get_data("BTCUSDT", "2024-06-01", "2024-06-11", "1h", on_gaps="ignore")
    assert len(venue.got) > 2
    for target, headers in venue.got:
        assert "kept-secret" not in f"{target} {headers}"
        assert not {"authorization", "cookie", "x-mbx-apikey"} & set(headers)


@pytest.mark.parametrize("head", ["<!DOCTYPE a>", "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>"])
def test_a_listing_with_a_document_type_is_refused(head: str) -> None:
    listing = (
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Key>k</Key></ListBucketResult>'
    )
    assert parse_listing(listing, "http://venue").keys == ["k"]
    with pytest.raises(ProtocolChangedError, match="plain XML"):
        parse_listing(head + listing, "http://venue")


@pytest.mark.parametrize(
    "text",
    [
        "cache: !!python/object/apply:os.system ['touch owned']",
        "cache: !!python/name:os.system",
        "defaults: {provider: !!python/object/new:os.system ['touch owned']}",
        "cache: !!binary aGVsbG8=",
        "cache: !include /etc/passwd",
        "cache: {dir: !!set {a, b}}",
    ],
)
def test_a_tag_of_yaml_runs_nothing(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "dsm.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="tag"):
        load_config(path, env={})
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("shape", ["list", "mapping", "merge"])
def test_a_bomb_of_aliases_is_refused_in_bounded_memory(shape: str, tmp_path: Path) -> None:
    item = {"list": "[{0}]", "mapping": "{{{1}}}", "merge": "{{<<: [{0}]}}"}[shape]
    lines = ["a0: &a0 {x: 1}" if shape == "merge" else "a0: &a0 [x]"]
    for level in range(1, 40):
        names = [f"*a{level - 1}"] * 9
        keyed = ", ".join(f"k{place}: {name}" for place, name in enumerate(names))
        lines.append(f"a{level}: &a{level} " + item.format(", ".join(names), keyed))
    path = tmp_path / "dsm.yaml"
    path.write_text("\n".join(lines))
    tracemalloc.start()
    try:
        with pytest.raises(ConfigError) as caught:
            load_config(path, env={})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 << 20
    assert len(str(caught.value)) < 100_000
