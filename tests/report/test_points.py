"""Charts of as many points as show, from as many rows as there are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.cache_series import DAY, HOUR, MINUTE, at, entry, table_of
from dsm_core.cache import CacheBatch, CacheStore
from dsm_core.model.names import ChartType
from dsm_core.report import points as points_module
from dsm_core.report import survey
from dsm_core.report.points import Points, read_points
from dsm_core.schema.chart_type import KLINES, ChartSchema
from dsm_core.schema.column import Column
from report.samples import NOW, fill, hole, key_of, put

START = at(2025, 1, 1)


@pytest.fixture
def store(tmp_path: Path) -> CacheStore:
    return CacheStore(tmp_path / "cache")


def points_of(store: CacheStore, pattern: str = "*", most: int = 2000) -> Points:
    (series,) = survey(store, pattern, now=NOW)
    found = read_points(store, series, most=most)
    assert isinstance(found, Points), found
    return found


def put_minutes(store: CacheStore, *spans: tuple[int, int]) -> None:
    """Bars whose close and volume is their number since the start."""
    rows = {START + i * MINUTE: float(i) for a, b in spans for i in range(a, b)}
    told = tuple(entry(START + a * MINUTE, START + b * MINUTE) for a, b in spans)
    store.write(key_of("BTCUSDT", "1m"), KLINES, [CacheBatch(table=table_of(rows), entries=told)], now=NOW)


def test_few_rows_are_drawn_as_they_are(store: CacheStore) -> None:
    put_minutes(store, (0, 100))
    found = points_of(store)
    assert (found.bucket, found.column.name, len(found.times)) == (None, "close", 100)
    assert found.values.tolist() == list(range(100))


def test_many_rows_become_last_values_and_sums(store: CacheStore) -> None:
    put_minutes(store, (3, 23))
    found = points_of(store, most=5)
    assert found.bucket == "5m"
    assert ((found.times - START) // MINUTE).tolist() == [3, 5, 10, 15, 20]
    assert found.values.tolist() == [4, 9, 14, 19, 22]
    assert found.volumes is not None
    assert found.volumes.tolist() == [7, 35, 60, 85, 63]


def test_rows_read_in_portions_make_the_same_points(
    store: CacheStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_minutes(store, (3, 1000))
    whole = points_of(store, most=100)
    monkeypatch.setattr(points_module, "_ROWS_AT_ONCE", 37)
    parts = points_of(store, most=100)
    assert (whole.times == parts.times).all()
    assert (whole.values == parts.values).all()


def test_a_line_breaks_where_something_is_not_held(store: CacheStore) -> None:
    put_minutes(store, (0, 10), (30, 40), (42, 50))
    assert points_of(store).breaks.tolist() == [10, 20]
    # Two minutes inside neighbouring buckets do not show.
    assert points_of(store, most=11).breaks.tolist() == [2]


@pytest.mark.parametrize(("interval", "step"), [("1d", DAY), ("1w", 7 * DAY)])
def test_long_bars_stay_one_line(store: CacheStore, interval: str, step: int) -> None:
    put(store, key_of("BTCUSDT", interval), [(at(2024, 1, 1), at(2025, 6, 30))], step=step)
    assert points_of(store).breaks.tolist() == []


def test_events_draw_their_first_number_and_no_volume(store: CacheStore) -> None:
    fill(store)
    found = points_of(store, "*/funding_rate/*")
    assert (found.column.name, found.volumes, found.bucket) == ("funding_rate", None, "8h")
    assert found.breaks.tolist() == []
    assert len(found.times) == 1641


def test_decades_still_fit(store: CacheStore) -> None:
    put(store, key_of("BTCUSDT", "1d"), [(at(1985, 1, 1), at(2025, 1, 1))], step=DAY)
    found = points_of(store)
    assert found.bucket == "4w" or len(found.times) <= 2000
    assert np.diff(found.times).min() >= DAY


def test_a_series_without_rows_has_no_chart(store: CacheStore) -> None:
    batch = CacheBatch(table=KLINES.arrow().empty_table(), entries=(hole(START, START + DAY),))
    store.write(key_of("BTCUSDT"), KLINES, [batch], now=NOW)
    (series,) = survey(store, now=NOW)
    assert read_points(store, series) == "no rows are held"


def test_a_chart_type_that_is_not_installed_has_no_chart(store: CacheStore) -> None:
    schema = ChartSchema("open_interest", "bars", "time", (Column("contracts", "float64", "contracts"),))
    batch = CacheBatch(table=table_of({START: 1.0}, schema), entries=(entry(START, START + HOUR),))
    key = key_of("BTCUSDT", chart=ChartType("open_interest"))
    store.write(key, schema, [batch], now=NOW)
    (series,) = survey(store, now=NOW)
    assert (series.rows, read_points(store, series)) == (1, "no installed package declares this chart type")
