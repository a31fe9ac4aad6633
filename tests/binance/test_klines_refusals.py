"""Bad input: refused at once with the value and the remedy, or answered all the same with one warning."""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from binance.venues import DAY, HOUR, NOW, Desk, assert_equal, check_frame, gaps, utc
from dsm_binance.emulator import Emulator
from dsm_core import DataProvider, DataSourceManager
from dsm_core.errors import (
    CacheWarning,
    ConfigError,
    DSMError,
    IncompleteDataWarning,
    InvalidRangeError,
    ProviderNotFoundError,
    RequestError,
    UnsupportedChartTypeError,
    UnsupportedIntervalError,
)

GOOD: dict[str, Any] = {"start_time": "2024-05-06", "end_time": "2024-05-08", "interval": "1h"}
NAIVE = datetime(2024, 5, 6)


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"start_time": NAIVE}, InvalidRangeError, ["start_time=2024-05-06T00:00:00", "+00:00"]),
        ({"end_time": NAIVE}, InvalidRangeError, ["end_time=2024-05-06T00:00:00", "+00:00"]),
        ({"end_time": pd.Timestamp("2024-05-08")}, InvalidRangeError, ["no time zone"]),
        ({"start_time": "2024-05-06T00:00:00"}, InvalidRangeError, ["no time zone"]),
        ({"start_time": pd.NaT}, InvalidRangeError, ["NaT"]),
        ({"start_time": "2024-05-09"}, InvalidRangeError, ["2024-05-09", "2024-05-08", "Swap"]),
        ({"start_time": utc(2024, 5, 8, 1), "end_time": utc(2024, 5, 8)}, InvalidRangeError, ["Swap"]),
        ({"start_time": "yesterday"}, InvalidRangeError, ["yesterday", "2024-01-31"]),
        ({"start_time": "2024-13"}, InvalidRangeError, ["2024-13"]),
        ({"start_time": "2024-02-30"}, InvalidRangeError, ["2024-02-30"]),
        ({"start_time": 1715000000}, InvalidRangeError, ["1715000000", "datetime"]),
        ({"start_time": None}, InvalidRangeError, ["start_time", "last="]),
        ({"start_time": utc(2025), "end_time": None}, InvalidRangeError, ["2025-01-01", "future"]),
        ({"start_time": "0001", "end_time": "0002"}, InvalidRangeError, ["1700"]),
        ({"last": "7d"}, RequestError, ["start_time", "last"]),
        ({"start_time": None, "last": 0}, RequestError, ["last=0"]),
        ({"start_time": None, "last": -3}, RequestError, ["last=-3"]),
        ({"start_time": None, "last": "soon"}, RequestError, ["soon"]),
        ({"start_time": None, "last": 2.5}, RequestError, ["2.5"]),
        ({"start_time": None, "last": True}, RequestError, ["True"]),
        ({"inclusive": "yes"}, RequestError, ["yes", "both, left, right, neither"]),
        ({"interval": "1y"}, RequestError, ["1y"]),
        ({"interval": "45m"}, UnsupportedIntervalError, ["45m", "1h"]),
        ({"interval": 60}, RequestError, ["60"]),
        ({"columns": ["close", "vwap"]}, RequestError, ["vwap", "close_time"]),
        ({"columns": ["closee"]}, RequestError, ["closee", "Did you mean 'close'"]),
        ({"columns": "close"}, RequestError, ["columns=['close']"]),
        ({"enforce_source": "archive"}, RequestError, ["archive", "vision"]),
        ({"enforce_source": "stream"}, RequestError, ["stream", "rest"]),
        ({"market_type": "sport"}, RequestError, ["sport", "spot"]),
        ({"market_type": "options"}, RequestError, ["options"]),
        ({"chart_type": "candles"}, UnsupportedChartTypeError, ["candles"]),
        ({"provider": "binanse"}, ProviderNotFoundError, ["binanse", "binance"]),
        ({"on_gaps": "explode"}, RequestError, ["explode", "raise_any"]),
        ({"options": {"session": "us"}}, RequestError, ["session"]),
        ({"options": {"session": object()}}, RequestError, ["session"]),
        ({"deadline_s": 0}, RequestError, ["deadline_s=0"]),
        ({"deadline_s": -1.0}, RequestError, ["deadline_s=-1.0"]),
        ({"deadline_s": "soon"}, RequestError, ["soon"]),
        ({"colums": ["close"]}, TypeError, ["colums", "columns"]),
    ],
    ids=lambda value: (
        ",".join(f"{k}={v!r}"[:40] for k, v in value.items()) if isinstance(value, dict) else ""
    ),
)
def test_a_request_that_makes_no_sense_is_refused_and_nothing_is_fetched(
    changed: dict[str, Any], error: type[Exception], said: list[str], venue: Emulator, desk: Desk
) -> None:
    manager = desk.manager(venue)
    for verb in (manager.get_data, manager.query, manager.explain):
        with pytest.raises(error) as caught:
            verb("BTCUSDT", **(GOOD | changed))
        for words in said:
            assert words in str(caught.value)
        if isinstance(caught.value, DSMError) and not isinstance(caught.value, ProviderNotFoundError):
            assert isinstance(caught.value, ValueError)
            assert caught.value.hint
    assert venue.requests == []
    assert not (desk.tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"provider": "binanse"}, ProviderNotFoundError, "binance"),
        ({"market_type": "sport"}, RequestError, "spot"),
        ({"chart_type": "candles"}, UnsupportedChartTypeError, "klines"),
    ],
)
def test_a_wrong_default_is_named_at_the_first_call(
    given: dict[str, Any], error: type[Exception], said: str, venue: Emulator, desk: Desk
) -> None:
    market = given.pop("market_type", "spot")
    manager = desk.manager(venue, market, **given)
    with pytest.raises(error, match=said):
        manager.get_data("BTCUSDT", **GOOD)


@pytest.mark.parametrize(
    "given",
    [
        {"max_concurrent": 0},
        {"retry_count": -1},
        {"max_concurrent_downloads": "many"},
        {"rest_client": object},
    ],
)
def test_a_wrong_argument_of_the_constructor_is_refused(given: Any, venue: Emulator, desk: Desk) -> None:
    with pytest.raises(RequestError, match=next(iter(given))):
        desk.manager(venue, **given)
    with pytest.raises(TypeError):
        DataSourceManager("spot", cash_dir="x")  # type: ignore[call-arg]


def test_a_provider_that_is_not_installed_is_named_with_what_to_install() -> None:
    with pytest.raises(AttributeError, match=r"(?i)kraken"):
        _ = DataProvider.KRAKEN
    assert DataProvider.BINANCE == "binance"


def test_a_configuration_with_mistakes_names_them_all(venue: Emulator, desk: Desk) -> None:
    section = {"sources": ["vision", "rst"], "max_concurrent_downloads": 0, "endpoint": {}}
    with pytest.raises(ConfigError) as caught:
        desk.manager({"vision": "ftp://x/vision"}, config={"binance": section}).get_data("BTCUSDT", **GOOD)
    for key in ("sources", "max_concurrent_downloads", "endpoint", "ftp"):
        assert key in str(caught.value)


@pytest.mark.parametrize("end", [utc(2024, 6, 15, 20), date(2024, 6, 20), "2024-06", "2025"])
def test_an_end_in_the_future_is_clipped_to_what_has_closed(end: Any, venue: Emulator, desk: Desk) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = desk.manager(venue).query("BTCUSDT", utc(2024, 6, 14), end, "1h", on_gaps="raise_any")
    assert data.to_pandas().index[-1] == utc(2024, 6, 15, 11)
    (gap,) = gaps(data)
    assert (gap[0], gap[2], gap[3]) == (utc(2024, 6, 15, 12), "not_closed_yet", False)
    assert data.coverage.complete
    assert all(int(r.query.get("endTime", 0)) <= NOW.timestamp() * 1000 for r in venue.requests)


def test_without_an_interval_a_market_that_has_no_seconds_tells_what_it_has(
    venue: Emulator, desk: Desk
) -> None:
    with pytest.raises(UnsupportedIntervalError, match=r"call without an interval.*one of: 1m, 3m"):
        desk.manager(venue, "um").get_data("BTCUSDT", last="1d")
    assert venue.requests == []


def test_a_zone_and_a_path_that_are_none_are_refused(venue: Emulator, desk: Desk) -> None:
    data = desk.manager(venue).query("BTCUSDT", **GOOD)
    assert str(data.to_pandas(tz="Europe/Zurich").index[0]) == "2024-05-06 02:00:00+02:00"
    for zone in ("Mars/Base", "", 5):
        with pytest.raises(RequestError, match="Europe/Zurich"):
            data.to_pandas(tz=zone)  # type: ignore[arg-type]
    for path in (desk.tmp_path / "none" / "x.parquet", desk.tmp_path, "x\0y", 5):
        with pytest.raises(RequestError, match=r"cannot be written.*folder that exists"):
            data.to_parquet(path)  # type: ignore[arg-type]


def test_a_range_in_the_future_has_no_row_and_asks_nothing(venue: Emulator, desk: Desk) -> None:
    data = desk.manager(venue).query("BTCUSDT", utc(2024, 7, 1), utc(2024, 7, 2), "1h", on_gaps="raise_any")
    check_frame(data.to_pandas())
    assert len(data) == 0
    assert [(g.reason, g.bars) for g in data.gaps] == [("not_closed_yet", 25)]
    assert [r for r in venue.requests if r.kind != "time"] == []


def test_a_closed_manager_says_so(venue: Emulator, desk: Desk) -> None:
    manager = desk.manager(venue)
    manager.get_data("BTCUSDT", **GOOD)
    manager.close()
    manager.close()
    for verb in (manager.get_data, manager.query, manager.explain, manager.prefetch):
        with pytest.raises(RequestError, match=r"closed.*new one"):
            verb("BTCUSDT", **GOOD)


async def test_a_closed_async_manager_says_so(venue: Emulator, desk: Desk) -> None:
    async with desk.async_manager(venue) as manager:
        assert len(await manager.get_data("BTCUSDT", **GOOD)) == 72
    with pytest.raises(RequestError, match="closed"):
        await manager.get_data("BTCUSDT", **GOOD)


def _is_file(folder: Path, patch: pytest.MonkeyPatch) -> None:
    folder.write_text("a file")


def _is_below_a_file(folder: Path, patch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    (folder / "binance").write_text("a file")


def _cannot_be_written(folder: Path, patch: pytest.MonkeyPatch) -> None:
    folder.mkdir(mode=0o500)

    make = os.mkdir

    def refuse(path: Any, *rest: Any, **more: Any) -> None:
        if str(path).startswith(str(folder)):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        make(path, *rest, **more)

    # Root may write anywhere, so permission bits alone prove nothing.
    patch.setattr(os, "mkdir", refuse)


def _is_full(folder: Path, patch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    patch.setattr(os, "fsync", refuse)


TROUBLES: list[Callable[[Path, pytest.MonkeyPatch], None]] = [
    _is_file,
    _is_below_a_file,
    _cannot_be_written,
    _is_full,
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda f: f.__name__.strip("_"))
def test_a_cache_that_cannot_be_used_costs_one_warning_and_no_row(
    trouble: Callable[[Path, pytest.MonkeyPatch], None],
    venue: Emulator,
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = desk.manager(venue, use_cache=False).get_data("BTCUSDT", **GOOD)
    folder = desk.tmp_path / "broken"
    manager = desk.manager(venue, cache_dir=folder)
    with monkeypatch.context() as patch:
        trouble(folder, patch)
        for _ in range(2):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                data = manager.query("BTCUSDT", **GOOD, on_gaps="raise_any")
            told = [w for w in caught if issubclass(w.category, CacheWarning)]
            assert len(told) == 1, [str(w.message) for w in caught]
            assert str(folder) in str(told[0].message)
            assert_equal(data.to_pandas(), expected)
    assert not list(desk.tmp_path.rglob("broken/**/*.tmp*"))


def test_a_damaged_cache_file_is_set_aside_told_once_and_healed(venue: Emulator, desk: Desk) -> None:
    manager = desk.manager(venue)
    expected = manager.get_data("BTCUSDT", **GOOD)
    (path,) = (desk.tmp_path / "cache").rglob("*.arrow")
    body = bytearray(path.read_bytes())
    body[len(body) // 3] ^= 0xFF
    path.write_bytes(bytes(body))
    venue.clear_requests()
    with pytest.warns(CacheWarning, match="set aside") as told:
        frame = desk.manager(venue).get_data("BTCUSDT", **GOOD)
    assert len(told) == 1
    assert_equal(frame, expected)
    assert venue.requests
    assert list((desk.tmp_path / "cache").rglob("*.corrupt*"))
    venue.clear_requests()
    assert_equal(desk.manager(venue).get_data("BTCUSDT", **GOOD), expected)
    assert venue.requests == []


def test_only_cached_rows_are_handed_out_where_nothing_may_be_asked(venue: Emulator, desk: Desk) -> None:
    offline = desk.manager(venue, config={"offline": True})
    with pytest.warns(IncompleteDataWarning, match="not_requested"):
        data = offline.query("BTCUSDT", **GOOD)
    check_frame(data.to_pandas())
    assert len(data) == 0
    assert venue.requests == []


def test_what_a_forbidden_span_would_cost_can_be_asked_first(venue: Emulator, desk: Desk) -> None:
    plan = desk.manager(venue).explain("BTCUSDT", "2018", "2023", "1m")
    assert plan.requests == 144
    assert plan.size_bytes is None or plan.size_bytes > 0
    assert "monthly" in str(plan)
    assert venue.requests == []


def test_a_span_between_two_bars_is_empty(venue: Emulator, desk: Desk) -> None:
    frame = desk.manager(venue).get_data("BTCUSDT", utc(2024, 5, 6, 0, 10), utc(2024, 5, 6, 0, 50), "1h")
    check_frame(frame)
    assert len(frame) == 0
    assert venue.requests == []


def test_times_of_another_zone_mean_the_same_instants(venue: Emulator, desk: Desk) -> None:
    tokyo = pd.Timestamp("2024-05-06 09:00", tz="Asia/Tokyo")
    frame = desk.manager(venue).get_data("BTCUSDT", tokyo, tokyo + DAY - HOUR, "1h")
    assert (frame.index[0], len(frame)) == (utc(2024, 5, 6), 24)
