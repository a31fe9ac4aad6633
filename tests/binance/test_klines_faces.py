"""The public face: ends of a range, columns, frames, both managers, events and the run-time factory."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

import dsm_core
from binance.venues import (
    COLUMNS,
    DAY,
    HOUR,
    NOW,
    Desk,
    Venues,
    assert_equal,
    check_frame,
    gaps,
    sent,
    sources,
    utc,
)
from dsm_binance.emulator import Emulator, Outage
from dsm_core import (
    ChartType,
    DataClientFactory,
    DataProvider,
    DataSource,
    DataSourceManager,
    Interval,
    MarketType,
)
from dsm_core.errors import IncompleteDataError, IncompleteDataWarning, PluginContractError
from dsm_core.plugins import ClientSpec

A, B = utc(2024, 5, 10, 3), utc(2024, 5, 10, 9)
WEEK: dict[str, Any] = {"start_time": "2024-05-06", "end_time": "2024-05-12", "interval": "1h"}


@pytest.mark.parametrize(
    ("inclusive", "first", "last"),
    [("both", 3, 9), ("left", 3, 8), ("right", 4, 9), ("neither", 4, 8)],
)
def test_instants_belong_to_the_range_as_inclusive_says(
    inclusive: Any, first: int, last: int, venue: Emulator, desk: Desk
) -> None:
    frame = desk.manager(venue).get_data("BTCUSDT", A, B, "1h", inclusive=inclusive)
    assert (frame.index[0], frame.index[-1]) == (utc(2024, 5, 10, first), utc(2024, 5, 10, last))


def test_instants_between_bars_take_no_bar_that_opens_outside(venue: Emulator, desk: Desk) -> None:
    frame = desk.manager(venue).get_data("BTCUSDT", A + HOUR / 2, B + HOUR / 2, "1h")
    assert (frame.index[0], frame.index[-1]) == (utc(2024, 5, 10, 4), utc(2024, 5, 10, 9))


@pytest.mark.parametrize(
    ("inclusive", "first", "last"),
    [
        ("both", utc(2024, 5, 10), utc(2024, 5, 12, 23)),
        ("left", utc(2024, 5, 10), utc(2024, 5, 11, 23)),
        ("right", utc(2024, 5, 11), utc(2024, 5, 12, 23)),
        ("neither", utc(2024, 5, 11), utc(2024, 5, 11, 23)),
    ],
)
def test_a_label_belongs_to_the_range_whole_or_not_at_all(
    inclusive: Any, first: datetime, last: datetime, venue: Emulator, desk: Desk
) -> None:
    frame = desk.manager(venue).get_data("BTCUSDT", "2024-05-10", "2024-05-12", "1h", inclusive=inclusive)
    assert (frame.index[0], frame.index[-1]) == (first, last)


def test_an_empty_range_gives_an_empty_frame_of_the_same_shape(venue: Emulator, desk: Desk) -> None:
    manager = desk.manager(venue)
    for inclusive in ("neither", "left"):
        frame = manager.get_data("BTCUSDT", A, A, "1h", inclusive=inclusive)
        check_frame(frame)
        assert len(frame) == 0
    assert venue.requests == []
    assert len(manager.get_data("BTCUSDT", A, A, "1h")) == 1


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [
        ("2024-05", "2024-05", 31),
        ("2024", "2024-06-13", 165),
        (date(2024, 5, 30), date(2024, 6, 2), 4),
        ("2024-05-30T00:00:00+00:00", "2024-06-02T00:00:00Z", 4),
        ("2024-05-30T02:00:00+02:00", "2024-06-02T02:00:00+02:00", 4),
        (pd.Timestamp("2024-05-30", tz="UTC"), pd.Timestamp("2024-06-02", tz="America/New_York"), 4),
        (np.str_("2024-05-30"), datetime(2024, 6, 2, tzinfo=timezone(DAY / 24)), 3),
    ],
)
def test_labels_dates_and_text_with_offset_are_times(
    start: Any, end: Any, count: int, venue: Emulator, desk: Desk
) -> None:
    assert len(desk.manager(venue).get_data("BTCUSDT", start, end, "1d")) == count


def test_the_last_seven_days_and_the_last_thousand_bars(venue: Emulator, desk: Desk) -> None:
    manager = desk.manager(venue)
    week = manager.query("BTCUSDT", last="7d", interval="1h")
    assert (week.to_pandas().index[0], week.to_pandas().index[-1]) == (
        utc(2024, 6, 8, 13),
        utc(2024, 6, 15, 11),
    )
    assert week.gaps == ()
    bars = manager.get_data("BTCUSDT", last=1000, interval="1h")
    assert len(bars) == 1000
    assert bars.index[-1] == utc(2024, 6, 15, 11)
    assert len(manager.get_data("BTCUSDT", last=5, end_time="2024-05", interval="1d")) == 5
    month = manager.get_data("BTCUSDT", last="1M", end_time=utc(2024, 3, 31), interval="1d", inclusive="left")
    assert (month.index[0], month.index[-1]) == (utc(2024, 2, 29), utc(2024, 3, 30))


def test_without_an_end_the_range_ends_with_the_last_closed_bar_and_has_no_gap(
    venue: Emulator, desk: Desk
) -> None:
    data = desk.manager(venue).query("BTCUSDT", utc(2024, 6, 15), interval="1h", on_gaps="raise_any")
    assert data.to_pandas().index[-1] == utc(2024, 6, 15, 11)
    assert data.gaps == ()


def test_columns_come_in_the_order_asked_for_and_what_is_fetched_stays_the_same(
    venue: Emulator, desk: Desk
) -> None:
    manager = desk.manager(venue)
    narrow = manager.get_data("BTCUSDT", **WEEK, columns=["close", "count", "open"])
    assert list(narrow.columns) == ["close", "count", "open"]
    venue.clear_requests()
    whole = manager.get_data("BTCUSDT", **WEEK)
    assert venue.requests == []
    check_frame(whole)
    assert_equal(narrow, whole[["close", "count", "open"]])
    assert list(manager.get_data("BTCUSDT", **WEEK, columns=[]).columns) == []
    assert len(manager.get_data("BTCUSDT", **WEEK, columns=[])) == 168


def test_the_source_of_each_row_is_told_also_when_it_comes_from_the_cache(
    venue: Emulator, desk: Desk
) -> None:
    manager = desk.manager(venue)
    span: dict[str, Any] = {
        "start_time": utc(2024, 6, 14),
        "end_time": utc(2024, 6, 15, 11),
        "interval": "1h",
    }
    for _ in range(2):
        frame = manager.get_data("BTCUSDT", **span, include_source_metadata=True)
        assert list(frame.columns) == [*COLUMNS, "_data_source"]
        told = frame["_data_source"]
        assert set(told[: utc(2024, 6, 14, 23)]) == {"VISION"}
        assert set(told[utc(2024, 6, 15) :]) == {"REST"}
    assert sent(venue, "zip")
    check_frame(manager.get_data("BTCUSDT", **span))


def test_polars_and_pandas_tell_the_same(venue: Emulator, desk: Desk) -> None:
    manager = desk.manager(venue)
    arguments = {**WEEK, "include_source_metadata": True}
    frame = manager.get_data("BTCUSDT", **arguments)
    other = manager.get_data("BTCUSDT", **arguments, return_polars=True)
    assert isinstance(other, pl.DataFrame)
    assert other.columns == ["open_time", *COLUMNS, "_data_source"]
    assert other.schema["open_time"] == pl.Datetime("ns", "UTC")
    for name in COLUMNS:
        assert (
            (other[name].to_numpy() == frame[name].dt.tz_localize(None).to_numpy()).all()
            if name == ("close_time")
            else (other[name].to_numpy() == frame[name].to_numpy()).all()
        )
    assert other["_data_source"].to_list() == frame["_data_source"].to_list()


def test_market_data_converts_without_loss(venue: Emulator, desk: Desk, tmp_path: Path) -> None:
    data = desk.manager(venue).query("BTCUSDT", **WEEK)
    frame = data.to_pandas()
    data.to_parquet(tmp_path / "week.parquet")
    table = pq.read_table(tmp_path / "week.parquet")
    assert b"dsm" in table.schema.metadata
    assert table.select(data.to_arrow().column_names).equals(data.to_arrow())
    assert pl.DataFrame(data).shape == (168, 11)
    berlin = data.to_pandas(tz="Europe/Berlin")
    assert berlin.index[0] == frame.index[0]
    assert frame.attrs["dsm"].value["sources"] == {"vision": 168}
    frame.iloc[0, 0] = -1.0
    assert data.to_pandas().iloc[0, 0] != -1.0
    assert "168 rows" in data._repr_html_()


@pytest.mark.parametrize("source", ["vision", "rest", DataSource.VISION, DataSource.REST])
def test_an_enforced_source_is_the_only_one_asked_and_counted(
    source: str, venue: Emulator, desk: Desk
) -> None:
    manager = desk.manager(venue)
    other = "rest" if source == "vision" else "vision"
    manager.get_data("BTCUSDT", **WEEK, enforce_source=other)
    venue.clear_requests()
    data = manager.query("BTCUSDT", **WEEK, enforce_source=source)
    check_frame(data.to_pandas())
    assert len(data) == 168
    assert sources(data) == [str(source)]
    kinds = {r.kind for r in venue.requests}
    assert kinds == ({"zip", "checksum"} if source == "vision" else {"klines"})


def test_the_cache_alone_answers_what_it_holds_and_names_the_rest(venue: Emulator, desk: Desk) -> None:
    manager = desk.manager(venue)
    manager.get_data("BTCUSDT", "2024-05-06", "2024-05-08", "1h")
    venue.clear_requests()
    data = manager.query("BTCUSDT", **WEEK, enforce_source=DataSource.CACHE, on_gaps="ignore")
    assert len(data) == 72
    assert gaps(data) == [(utc(2024, 5, 9), utc(2024, 5, 13), "not_requested", False)]
    assert venue.requests == []


def test_the_archive_alone_leaves_the_present_unpublished(venue: Emulator, desk: Desk) -> None:
    with pytest.warns(IncompleteDataWarning, match="not_published_yet"):
        data = desk.manager(venue).query(
            "BTCUSDT", utc(2024, 6, 13), utc(2024, 6, 15, 11), "1h", enforce_source="vision"
        )
    assert gaps(data) == [(utc(2024, 6, 15), utc(2024, 6, 15, 12), "not_published_yet", False)]


@pytest.mark.parametrize("how", ["warn", "raise", "raise_any", "ignore", None])
def test_gaps_are_treated_as_asked(how: Any, venues: Venues, desk: Desk) -> None:
    final, open_ = (utc(2024, 6, 3, 2), utc(2024, 6, 3, 5)), (utc(2024, 6, 15, 4), utc(2024, 6, 15, 5))
    venue = venues(outages=[Outage(*final), Outage(*open_)])
    manager = desk.manager(venue)
    span: dict[str, Any] = {"interval": "1h", "on_gaps": how}
    old = ("BTCUSDT", "2024-06-02", "2024-06-04")
    new = ("BTCUSDT", utc(2024, 6, 15), utc(2024, 6, 15, 23))
    if how == "raise_any":
        with pytest.raises(IncompleteDataError, match="venue_has_none") as caught:
            manager.query(*old, **span)
        assert len(caught.value.data) == 69
        assert [g.reason for g in caught.value.gaps] == ["venue_has_none"]
    else:
        assert [g.final for g in manager.query(*old, **span).gaps] == [True]
    if how in ("raise", "raise_any"):
        with pytest.raises(IncompleteDataError, match="not final") as caught:
            manager.query(*new, **span)
        assert [g.reason for g in caught.value.gaps] == ["venue_has_none"]
    elif how == "ignore":
        assert len(manager.query(*new, **span).gaps) == 2
    else:
        with pytest.warns(IncompleteDataWarning, match="1 gap, 1 bars? missing") as warned:
            manager.query(*new, **span)
        assert [w.filename for w in warned] == [__file__]


async def test_the_sync_manager_works_inside_a_running_loop(venue: Emulator, desk: Desk) -> None:
    manager = desk.manager(venue)
    assert len(manager.get_data("BTCUSDT", **WEEK)) == 168
    assert asyncio.get_running_loop().is_running()


async def test_the_async_manager_tells_what_the_sync_one_tells(venue: Emulator, desk: Desk) -> None:
    expected = desk.manager(venue, cache_dir=desk.tmp_path / "one").get_data("BTCUSDT", **WEEK)
    async with desk.async_manager(venue, cache_dir=desk.tmp_path / "two") as manager:
        plan = manager.explain("BTCUSDT", **WEEK)
        venue.clear_requests()
        frames = await asyncio.gather(*(manager.get_data("BTCUSDT", **WEEK) for _ in range(2)))
        for frame in frames:
            assert_equal(frame, expected)
        data = await manager.query("BTCUSDT", **WEEK)
        assert (data.requests, plan.requests) == (0, 14)
        held = await manager.prefetch("ETHUSDT", **WEEK)
        assert (held.rows, held.gaps) == (168, ())


def test_an_open_bar_is_handed_out_when_asked_for_and_never_cached(venues: Venues, desk: Desk) -> None:
    venue = venues()
    manager = desk.manager(venue)
    start, end = utc(2024, 6, 15), utc(2024, 6, 15, 23)
    closed = manager.get_data("BTCUSDT", start, end, "1h", on_gaps="ignore")
    open_ = manager.get_data("BTCUSDT", start, end, "1h", include_open_bar=True, include_source_metadata=True)
    check_frame(closed)
    assert (closed.index[-1], open_.index[-1]) == (utc(2024, 6, 15, 11), utc(2024, 6, 15, 12))
    assert len(open_) == len(closed) + 1
    assert_equal(manager.get_data("BTCUSDT", start, end, "1h"), closed)
    venue.clear_requests()
    plan = manager.explain("BTCUSDT", start, end, "1h", include_open_bar=True)
    manager.get_data("BTCUSDT", start, end, "1h", include_open_bar=True)
    assert len(sent(venue, "klines")) == plan.requests == 1
    assert "has not closed" in str(plan)
    venue.clock.advance(HOUR)
    later = manager.get_data("BTCUSDT", start, end, "1h")
    assert later.index[-1] == utc(2024, 6, 15, 12)
    assert later["close_time"].iloc[-1] == pd.Timestamp("2024-06-15 12:59:59.999Z")
    assert later["volume"].iloc[-1] > open_["volume"].iloc[-1]


@pytest.mark.parametrize("whose", ["manager", "call", "configuration"])
def test_without_a_cache_no_file_is_left(whose: str, venue: Emulator, desk: Desk) -> None:
    folder = desk.tmp_path / "cache"
    given: dict[str, Any] = {"use_cache": False} if whose == "manager" else {}
    if whose == "configuration":
        given = {"config": {"cache": {"enabled": False}}}
    manager = desk.manager(venue, **given)
    options: dict[str, Any] = {"use_cache": False} if whose == "call" else {}
    for _ in range(2):
        venue.clear_requests()
        assert len(manager.get_data("BTCUSDT", **WEEK, **options)) == 168
        assert venue.requests
    assert not folder.exists()


def test_prefetch_fills_the_cache(venue: Emulator, desk: Desk) -> None:
    manager = desk.manager(venue)
    held = manager.prefetch("BTCUSDT", **WEEK)
    assert (held.rows, held.gaps, held.failures) == (168, (), ())
    venue.clear_requests()
    assert len(manager.get_data("BTCUSDT", **WEEK)) == 168
    assert venue.requests == []
    with pytest.raises(ValueError, match="max_days"):
        manager.prefetch("BTCUSDT", "2019", "2023", "1h")


def test_events_of_a_call_carry_its_number(venue: Emulator, desk: Desk) -> None:
    manager = desk.manager(venue)
    heard: list[Any] = []
    stop = manager.subscribe(heard.append)
    manager.get_data("BTCUSDT", **WEEK)
    names = {type(e).__name__ for e in heard}
    assert {"Planned", "RequestSent", "RequestFinished", "SegmentDone", "CacheWritten"} <= names
    assert len({e.call_id for e in heard}) == 1
    assert len([e for e in heard if type(e).__name__ == "RequestSent"]) == len(venue.requests)
    stop()
    count = len(heard)
    manager.get_data("BTCUSDT", **WEEK)
    assert len(heard) == count


def test_names_may_be_text_or_constants(venue: Emulator, desk: Desk) -> None:
    frame = desk.manager(venue).get_data("BTCUSDT", **WEEK)
    other = desk.manager(venue, MarketType.SPOT, provider=DataProvider.BINANCE, chart_type=ChartType.KLINES)
    assert_equal(other.get_data("BTCUSDT", WEEK["start_time"], WEEK["end_time"], Interval.HOUR_1), frame)
    crossed = desk.manager(venue, None).get_data("BTCUSDT", **WEEK, market_type="SPOT", provider="binance")
    assert_equal(crossed, frame)
    for market in ("um", "futures_usdt", "FUTURES_USDT", MarketType.FUTURES_USDT):
        told = desk.manager(venue, market).query("BTCUSDT", **WEEK)
        assert "/futures/um/" in (told.provenance[0].origin or "")


def test_the_module_level_call_gives_the_same_frame(venue: Emulator, desk: Desk) -> None:
    frame = desk.manager(venue).get_data("BTCUSDT", **WEEK)
    other = dsm_core.get(
        "BTCUSDT",
        "1h",
        "2024-05-06",
        "2024-05-12",
        market_type="spot",
        config=desk.settings(venue),
        cache_dir=desk.tmp_path / "cache",
        clock=lambda: NOW,
    )
    assert_equal(other, frame)


class Doubled(dsm_core.DataClientInterface):
    """A client made at run time: prices that count the hours."""

    spec = ClientSpec(
        market_type="spot",
        chart_type="klines",
        source="made",
        intervals={Interval("1h"): "1h"},
        columns=frozenset({"open", "high", "low", "close", "close_time"}),
        authoritative=True,
    )

    def fetch(self, start_time: datetime, end_time: datetime, **kwargs: Any) -> pd.DataFrame:
        opens = pd.date_range(start_time, end_time, freq="1h", inclusive="left", name="open_time")
        prices = pd.Series(range(len(opens)), index=opens, dtype="float64")
        closes = opens + pd.Timedelta("1h") - pd.Timedelta("1ms")
        return pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), prices)).assign(close_time=closes)


def test_a_client_registered_at_run_time_is_a_provider(desk: Desk) -> None:
    place: dict[str, Any] = {"provider": "house", "market_type": "spot", "chart_type": "klines"}
    DataClientFactory.register_client(**place, client_class=Doubled)
    try:
        client = DataClientFactory.create_data_client(**place, symbol="X", interval="1h")
        frame = client.fetch(utc(2024, 5, 1), utc(2024, 5, 2))
        assert list(frame.columns) == COLUMNS
        assert len(frame) == 24
        assert frame["volume"].isna().all()
        assert frame["count"].isna().all()
        with pytest.raises(PluginContractError, match="already serves"):
            DataClientFactory.register_client(**place, client_class=Doubled)
        with pytest.raises(PluginContractError, match="Register it as that"):
            DataClientFactory.register_client(
                provider="other", market_type="um", chart_type="klines", client_class=Doubled
            )
        with DataSourceManager("spot", "house", cache_dir=desk.tmp_path / "cache") as manager:
            data = manager.query("X", "2024-05-01", "2024-05-02", "1h", enforce_source="made")
            assert_equal(manager.get_data("X", "2024-05-01", "2024-05-01", "1h"), data.to_pandas()[:24])
    finally:
        DataClientFactory.unregister("house")


def test_the_factory_makes_a_client_of_an_installed_provider(venue: Emulator, desk: Desk) -> None:
    client = DataClientFactory.create_data_client(
        provider="binance",
        market_type="spot",
        chart_type="klines",
        symbol="BTCUSDT",
        interval="1h",
        source="rest",
        config=desk.settings(venue),
    )
    frame = client.fetch(utc(2024, 5, 1), utc(2024, 5, 2))
    check_frame(frame)
    assert (len(frame), frame.index[-1]) == (24, utc(2024, 5, 1, 23))
    assert {r.kind for r in venue.requests} == {"klines"}


def test_many_threads_share_one_manager(venue: Emulator, desk: Desk) -> None:
    manager = desk.manager(venue)
    expected = desk.manager(venue, use_cache=False).get_data("BTCUSDT", **WEEK)
    with ThreadPoolExecutor(8) as threads:
        frames = list(threads.map(lambda _: manager.get_data("BTCUSDT", **WEEK), range(8)))
    for frame in frames:
        assert_equal(frame, expected)
    venue.clear_requests()
    assert_equal(manager.get_data("BTCUSDT", **WEEK), expected)
    assert venue.requests == []


def test_the_open_bar_is_told_to_come_from_rest(venue: Emulator, desk: Desk) -> None:
    frame = desk.manager(venue).get_data(
        "BTCUSDT", last="3h", interval="1h", include_open_bar=True, include_source_metadata=True
    )
    assert frame["_data_source"].tolist() == ["REST"] * len(frame)
    assert frame.index[-1] == utc(2024, 6, 15, 12)


def test_only_the_open_bar_can_be_asked_for(venue: Emulator, desk: Desk) -> None:
    data = desk.manager(venue).query("BTCUSDT", utc(2024, 6, 15, 12), NOW, "1h", include_open_bar=True)
    assert len(data) == 1
    assert data.to_pandas().index[0] == utc(2024, 6, 15, 12)
    assert data.gaps == ()
    check_frame(data.to_pandas())


def test_an_archive_is_not_asked_for_the_open_bar(venue: Emulator, desk: Desk) -> None:
    manager = desk.manager(venue)
    span: dict[str, Any] = {"start_time": utc(2024, 6, 14), "end_time": NOW, "interval": "1h"}
    data = manager.query("BTCUSDT", **span, enforce_source="vision", include_open_bar=True, on_gaps="ignore")
    assert len(data) == 24
    assert {g.reason for g in data.gaps} == {"not_published_yet", "not_closed_yet"}
    assert data.failures == ()
    turned = desk.manager(venue, config={"binance": {"sources": ["rest", "vision"]}})
    assert turned.get_data("BTCUSDT", **span, include_open_bar=True).index[-1] == utc(2024, 6, 15, 12)
