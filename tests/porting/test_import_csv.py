"""CSV of any shape comes in once its columns and times are understood, and not a row before."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from binance.venues import Desk
from dsm_binance.emulator import Emulator
from dsm_core.cache import CacheBatch, CacheStore
from dsm_core.errors import PluginError, RequestError
from dsm_core.model.coverage import LedgerEntry
from dsm_core.model.series import SeriesKey
from dsm_core.porting import ImportedFile, export, import_csv
from dsm_core.schema.chart_type import KLINES
from porting.files import (
    EVER,
    HOUR_MS,
    HOURLY,
    NOW_NS,
    START_MS,
    candles,
    held,
    sources,
    write_csv,
    written_at,
)

HEADER = "open_time,open,high,low,close,volume"
CLOSES = {row[0]: row[4] for row in candles(5)}


def bring(store: CacheStore, path: Path, **given: Any) -> ImportedFile:
    return import_csv(store, path, **({"series": HOURLY, "now": NOW_NS} | given))


def iso(ms: int, form: str = "%Y-%m-%dT%H:%M:%S+00:00") -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime(form)


@pytest.mark.parametrize(
    ("times", "given"),
    [
        (lambda ms: ms, {}),
        (lambda ms: ms // 1000, {}),
        (lambda ms: ms * 1000, {}),
        (lambda ms: ms * 10**6, {}),
        (lambda ms: ms * 10**6, {"time_unit": "ns"}),
        (iso, {}),
        (iso, {"time_unit": "iso"}),
        (lambda ms: iso(ms, "%Y-%m-%d %H:%M:%SZ"), {}),
        (lambda ms: iso(ms, "%Y-%m-%d %H:%M"), {"tz": "UTC"}),
        (lambda ms: iso(ms + 5 * HOUR_MS, "%Y-%m-%dT%H:%M:%S+0500"), {}),
        (lambda ms: iso(ms + HOUR_MS, "%Y-%m-%d %H:%M:%S"), {"tz": "Europe/Berlin"}),
    ],
)
def test_times_come_in_whatever_their_form(
    store: CacheStore, tmp_path: Path, times: Any, given: dict[str, Any]
) -> None:
    rows = [[times(row[0]), *row[1:]] for row in candles(5)]
    done = bring(store, write_csv(tmp_path / "a.csv", HEADER, rows), **given)
    assert (done.key, done.rows, done.held, done.unfinished) == (HOURLY, 5, 0, 0)
    assert held(store) == CLOSES


def test_columns_are_mapped_and_those_that_lack_are_null(store: CacheStore, tmp_path: Path) -> None:
    rows = [[row[4], row[3], row[2], row[1], "x", row[0]] for row in candles(5)]
    path = write_csv(tmp_path / "a.csv", "c,l,h,o,note,ts", rows)
    columns = {"open_time": "ts", "open": "o", "high": "h", "low": "l", "close": "c"}
    assert bring(store, path, columns=columns).rows == 5
    table = store.read(HOURLY, KLINES, EVER).table
    assert held(store) == CLOSES
    assert [table.column(n).null_count for n in ("volume", "count", "close_time")] == [5, 5, 0]
    assert table.column("close_time")[0].value == (START_MS + HOUR_MS) * 10**6 - 10**6


def test_a_file_without_header_is_told_by_place(store: CacheStore, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", "", candles(5))
    with pytest.raises(RequestError, match="f0, f1, f2"):
        bring(store, path)
    names = dict(zip(HEADER.split(","), ("f0", "f1", "f2", "f3", "f4", "f5"), strict=True))
    assert bring(store, path, columns=names).rows == 5


def test_what_was_exported_comes_in_again_as_it_was(venue: Emulator, desk: Desk, tmp_path: Path) -> None:
    desk.manager(venue).get_data("BTCUSDT", "2024-03-01", "2024-03-02", "1h", on_gaps="ignore")
    first = CacheStore(tmp_path / "cache")
    [path] = export(first, None, "csv", tmp_path / "out").files
    second = CacheStore(tmp_path / "second")
    done = bring(second, path, series=None)
    assert (done.key, done.rows) == (HOURLY, 45)
    [before, after] = [store.read(HOURLY, KLINES, EVER).table for store in (first, second)]
    assert after.combine_chunks().equals(before.combine_chunks())


def test_origin_and_checksum_are_kept_and_rows_count_as_held(
    venue: Emulator, desk: Desk, store: CacheStore, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "a.csv", HEADER, candles(24))
    bring(store, path)
    venue.clear_requests()
    data = desk.manager(venue).query(
        "BTCUSDT", "2024-01-01", "2024-01-01", "1h", include_source_metadata=True
    )
    assert len(data) == 24
    assert set(data.to_pandas()["_data_source"]) == {"IMPORTED"}
    assert venue.requests == []
    [segment] = data.provenance
    assert (segment.source, segment.origin) == ("imported", "imported:a.csv")
    assert segment.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert data.gaps == ()
    assert "imported" in data.to_pandas().attrs["dsm"].value["sources"]


def test_a_source_that_is_enforced_replaces_imported_rows(
    venue: Emulator, desk: Desk, store: CacheStore, tmp_path: Path
) -> None:
    bring(store, write_csv(tmp_path / "a.csv", HEADER, candles(24)))
    manager = desk.manager(venue)
    own = manager.get_data("BTCUSDT", "2024-01-01", "2024-01-01", "1h", enforce_source="vision")
    assert own["close"].tolist() != [row[4] for row in candles(24)]
    again = manager.query("BTCUSDT", "2024-01-01", "2024-01-01", "1h")
    assert again.to_pandas()["close"].tolist() == own["close"].tolist()
    assert {s.source for s in again.provenance} == {"vision"}


def test_only_what_is_not_held_is_filled(
    venue: Emulator, desk: Desk, store: CacheStore, tmp_path: Path
) -> None:
    own = desk.manager(venue).get_data("BTCUSDT", "2024-01-01", "2024-01-01", "1h")
    path = write_csv(tmp_path / "a.csv", HEADER, candles(30))
    done = bring(store, path)
    assert (done.rows, done.held) == (6, 24)
    assert list(held(store).values())[:24] == own["close"].tolist()
    assert sources(store)[-1] == ("imported", "imported:a.csv")
    assert bring(store, path).held == 30
    forced = bring(store, path, force=True)
    assert (forced.rows, forced.held) == (30, 0)
    assert held(store) == {row[0]: row[4] for row in candles(30)}


def test_what_the_venue_has_not_for_good_is_not_filled(store: CacheStore, tmp_path: Path) -> None:
    start = START_MS * 10**6
    entries = [
        LedgerEntry(start=start + a * HOUR_MS * 10**6, end=start + b * HOUR_MS * 10**6, state=state,
                    source="rest", first_fetched=1, last_fetched=1, reason="venue_has_none")
        for a, b, state in ((1, 2, "confirmed"), (3, 4, "provisional"))
    ]  # fmt: skip
    empty = store.read(HOURLY, KLINES, EVER).table
    store.write(HOURLY, KLINES, [CacheBatch(table=empty, entries=tuple(entries))], now=NOW_NS)
    done = bring(store, write_csv(tmp_path / "a.csv", HEADER, candles(5)))
    assert (done.rows, done.held) == (4, 1)
    assert START_MS + HOUR_MS not in held(store)


def test_bars_that_have_not_closed_are_left_out(store: CacheStore, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", HEADER, candles(5))
    done = bring(store, path, now=(START_MS + 3 * HOUR_MS + 1) * 10**6)
    assert (done.rows, done.unfinished) == (3, 2)


def test_the_bar_that_was_open_when_the_file_was_written_is_left_out(
    store: CacheStore, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "a.csv", HEADER, candles(5))
    done = bring(store, written_at(path, (START_MS + 4 * HOUR_MS + 60_000) * 10**6))
    assert (done.rows, done.unfinished) == (4, 1)
    # An archive may give its files any date; that says nothing of bars in the middle.
    other = CacheStore(tmp_path / "other")
    assert bring(other, written_at(path, (START_MS + HOUR_MS) * 10**6)).rows == 5


REFUSED: list[tuple[str, str | bytes, dict[str, Any], str]] = [
    ("empty", "", {}, "is empty"),
    ("binary", bytes(range(256)), {}, "no CSV text"),
    ("return in a name", f"{HEADER}\rx\n{START_MS},1,2,1,1,3\n", {}, "no CSV text"),
    ("one long line", "a" * 200_000, {}, "no CSV text"),
    ("prose", "Dear reader,\nthis is a letter.\n", {}, "which column is open_time"),
    ("no close", f"open_time,open,high,low\n{START_MS},1,2,1\n", {}, "which column is close cannot"),
    ("text price", f"{HEADER}\n{START_MS},1,2,1,many,3\n", {}, "many"),
    ("no price", f"{HEADER}\n{START_MS},1,2,1,,3\n", {}, "absent"),
    ("nan", f"{HEADER}\n{START_MS},1,2,1,nan,3\n", {}, "finite"),
    ("huge price", f"{HEADER}\n{START_MS},1,1e999,1,1,3\n", {}, "finite"),
    ("huge time", f"{HEADER}\n{10**30},1,2,1,1,3\n", {}, "unit of 1000"),
    ("huge ms", f"{HEADER}\n{10**17},1,2,1,1,3\n", {"time_unit": "ms"}, "no time in ms"),
    ("huge int", f"{HEADER}\n{10**30},1,2,1,1,3\n", {"time_unit": "s"}, "cannot be read"),
    ("short time", f"{HEADER}\n12345,1,2,1,1,3\n", {}, "--time-unit"),
    ("no zone", f"{HEADER}\n2024-01-01 00:00:00,1,2,1,1,3\n", {}, "--tz"),
    ("no such zone", f"{HEADER}\n2024-01-01 00:00:00,1,2,1,1,3\n", {"tz": "Mars/North"}, "Mars/North"),
    (
        "mixed zones",
        f"{HEADER}\n2024-01-01T00:00,1,2,1,1,3\n2024-01-01T01:00Z,1,2,1,1,3\n",
        {},
        "some do not",
    ),
    ("zone of counts", f"{HEADER}\n{START_MS},1,2,1,1,3\n", {"tz": "UTC"}, "no zone"),
    ("no time", f"{HEADER}\nyesterday,1,2,1,1,3\n", {"tz": "UTC"}, "cannot be read"),
    ("off the grid", f"{HEADER}\n{START_MS + 60_000},1,2,1,1,3\n", {}, "off the grid"),
    ("crossed", f"{HEADER}\n{START_MS},1,2,5,1,3\n", {}, "above"),
    ("ragged", f"{HEADER}\n{START_MS},1,2\n", {}, "as CSV"),
    ("column twice", f"{HEADER},open\n{START_MS},1,2,1,1,3,4\n", {}, "more than once"),
    ("unknown target", f"{HEADER}\n{START_MS},1,2,1,1,3\n", {"columns": {"opn": "open"}}, "'open'"),
    ("unknown column", f"{HEADER}\n{START_MS},1,2,1,1,3\n", {"columns": {"open": "o"}}, "no column 'o'"),
    ("unknown unit", f"{HEADER}\n{START_MS},1,2,1,1,3\n", {"time_unit": "min"}, "'min'"),
]


@pytest.mark.parametrize(("text", "given", "told"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_a_file_that_is_not_understood_is_refused(
    store: CacheStore, tmp_path: Path, text: str | bytes, given: dict[str, Any], told: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RequestError, match=told):
        bring(store, path, **given)
    assert store.ls() == []


def test_a_header_alone_brings_nothing(store: CacheStore, tmp_path: Path) -> None:
    assert bring(store, write_csv(tmp_path / "a.csv", HEADER, [])).rows == 0


def test_bars_of_another_interval_are_refused(store: CacheStore, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", HEADER, candles(20))
    with pytest.raises(RequestError, match=r"no two of its 20 bars are 1m apart.*--series"):
        bring(store, path, series=SeriesKey.parse("binance/spot/klines/BTCUSDT/1m"))
    with pytest.raises(RequestError, match="off the grid"):
        bring(store, path, series=SeriesKey.parse("binance/spot/klines/BTCUSDT/4h"))


@pytest.mark.parametrize(
    ("series", "told"),
    [
        ("binance/spot/klines/btc-usdt/1h", "Did you mean 'BTCUSDT'"),
        ("binance/spot/klines/BTCUSDT/7h", "no interval 7h"),
        ("binance/spot/bars/BTCUSDT/1h", "no bars of spot"),
        ("acme/spot/klines/BTCUSDT/1h", "acme"),
        ("binance/um/funding_rate/BTCUSDT", "no series of bars"),
    ],
)
def test_a_series_that_nobody_serves_is_refused(
    store: CacheStore, tmp_path: Path, series: str, told: str
) -> None:
    path = write_csv(tmp_path / "a.csv", f"{HEADER},funding_time,contracts,funding_interval,funding_rate", [])
    with pytest.raises((RequestError, PluginError), match=told):
        bring(store, path, series=SeriesKey.parse(series))


def test_a_file_whose_series_cannot_be_told_names_the_remedy(store: CacheStore, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"neither symbol nor interval can be told.*--series"):
        bring(store, write_csv(tmp_path / "a.csv", HEADER, candles(2)), series=None)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    places=st.sets(st.integers(0, 80), min_size=1, max_size=9),
    held_places=st.sets(st.integers(0, 80), max_size=9),
    force=st.booleans(),
)
def test_held_rows_stay_unless_forced(
    tmp_path_factory: pytest.TempPathFactory, places: set[int], held_places: set[int], force: bool
) -> None:
    folder = tmp_path_factory.mktemp("import")
    store = CacheStore(folder / "cache")

    def rows(which: set[int], price: float) -> list[list[Any]]:
        # In any order, as files come.
        return [[START_MS + p * HOUR_MS, price, price, price, price, 1] for p in sorted(which, reverse=True)]

    if held_places:
        bring(store, write_csv(folder / "first.csv", HEADER, rows(held_places, 1.0)))
    done = bring(store, write_csv(folder / "second.csv", HEADER, rows(places, 2.0)), force=force)
    fresh = places if force else places - held_places
    expected = {START_MS + p * HOUR_MS: 2.0 if p in fresh else 1.0 for p in places | held_places}
    assert held(store) == dict(sorted(expected.items()))
    assert (done.rows, done.held) == (len(fresh), len(places) - len(fresh))
