"""Exported files hold the cache's rows and say where those came from; folders in use are left alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from binance.venues import Desk
from dsm_binance.emulator import Emulator
from dsm_core.cache import CacheStore
from dsm_core.errors import CacheWarning, ConfigError, RequestError
from dsm_core.porting import EXPORT_FORMS, export
from dsm_core.schema.chart_type import KLINES
from porting.files import EVER, HOURLY, write_json

NAME = "binance/spot/klines/BTCUSDT/1h"


@pytest.fixture
def cached(venue: Emulator, desk: Desk) -> CacheStore:
    """Hours of two years with a hole that the venue has, days, and funding rates."""
    manager = desk.manager(venue)
    manager.get_data("BTCUSDT", "2023-12-31", "2024-01-01", "1h")
    manager.get_data("BTCUSDT", "2024-03-01", "2024-03-01", "1h", on_gaps="ignore")
    manager.get_data("BTCUSDT", "2024-01", "2024-01", "1d")
    futures = desk.manager(venue, "um", chart_type="funding_rate")
    futures.get_data("BTCUSDT", "2024-02", "2024-02", None)
    return CacheStore(desk.tmp_path / "cache")


def rows_of(store: CacheStore) -> pa.Table:
    return store.read(HOURLY, KLINES, EVER).table


def plain(table: pa.Table) -> pa.Table:
    return table.replace_schema_metadata(None).combine_chunks()


@pytest.mark.parametrize("form", ["parquet", "feather"])
def test_files_hold_all_rows_and_tell_of_gaps_and_origins(
    cached: CacheStore, tmp_path: Path, form: str
) -> None:
    done = export(cached, "*/BTCUSDT/1h", form, tmp_path / "out")
    assert done.files == (tmp_path / "out" / f"{NAME}.{form}",)
    read = pq.read_table if form == "parquet" else feather.read_table
    table = read(done.files[0])
    assert plain(table).equals(plain(rows_of(cached)))
    assert (done.rows, done.size_bytes) == (len(table), done.files[0].stat().st_size)
    told = json.loads(table.schema.metadata[b"dsm"])
    assert told["series"] == NAME
    assert {"start_time": "2024-03-01T02:00:00+00:00", "end_time": "2024-03-01T05:00:00+00:00",
            "reason": "venue_has_none", "final": True} in told["gaps"]  # fmt: skip
    assert {p["source"] for p in told["provenance"]} == {"vision"}
    assert all(len(p["sha256"]) == 64 and p["origin"].endswith(".zip") for p in told["provenance"])


def test_csv_is_as_dsm_get_prints_it(cached: CacheStore, tmp_path: Path) -> None:
    [path] = export(cached, "*/BTCUSDT/1h", "csv", tmp_path / "out").files
    lines = path.read_text().splitlines()
    assert lines[0] == ",".join(["open_time", *KLINES.column_names])
    assert lines[1].startswith("2023-12-31T00:00:00+00:00,")
    assert ",2023-12-31T00:59:59.999+00:00," in lines[1]
    closes = pa_csv.read_csv(path).column("close").cast(pa.float64()).to_pylist()
    assert closes == rows_of(cached).column("close").to_pylist()


def test_events_and_text_reach_csv(cached: CacheStore, tmp_path: Path) -> None:
    [path] = export(cached, "*funding_rate*", "csv", tmp_path / "out").files
    assert (
        path.relative_to(tmp_path / "out").as_posix() == "binance/futures_usdt/funding_rate/BTCUSDT/all.csv"
    )
    table = pa_csv.read_csv(path)
    assert len(table) == 29 * 3
    assert set(table.column("funding_interval").to_pylist()) == {"8h"}


def test_duckdb_has_a_table_for_each_chart_type(cached: CacheStore, tmp_path: Path) -> None:
    done = export(cached, None, "duckdb", tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["dsm.duckdb"]
    assert len(done.series) == 3
    with duckdb.connect(done.files[0], read_only=True) as database:
        where = "symbol = 'BTCUSDT' AND market_type = 'spot' AND interval = '1h'"
        hours = database.sql(f"SELECT * FROM klines WHERE {where} ORDER BY open_time").pl()
        assert hours["close"].to_list() == rows_of(cached).column("close").to_pylist()
        times = hours["open_time"].cast(pl.Datetime("ns", "UTC")).to_physical().to_list()
        assert times == rows_of(cached).column("open_time").cast(pa.int64()).to_pylist()
        counts = database.sql("SELECT interval, count(*) FROM klines GROUP BY 1 ORDER BY 1").fetchall()
        assert counts == [("1d", 31), ("1h", len(hours))]
        assert database.sql("SELECT count(*) FROM funding_rate").fetchall() == [(87,)]
        [(about,)] = database.sql("SELECT about FROM dsm_series WHERE interval = '1d'").fetchall()
        assert json.loads(about)["series"] == "binance/spot/klines/BTCUSDT/1d"


def test_without_duckdb_the_extra_is_named(
    cached: CacheStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    monkeypatch.setattr("dsm_core.porting.duckdb_file.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"dsm-core\[duckdb\]"):
        export(cached, None, "duckdb", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", EXPORT_FORMS)
def test_a_folder_that_is_not_empty_is_left_alone(cached: CacheStore, tmp_path: Path, form: str) -> None:
    out = tmp_path / "out"
    mine = write_json(out / "mine.txt", "precious")
    with pytest.raises(RequestError, match=r"is not empty.*--force"):
        export(cached, None, form, out)
    assert [p.name for p in out.iterdir()] == ["mine.txt"]
    first = export(cached, None, form, out, force=True)
    for path in first.files:
        path.write_bytes(b"old")
    again = export(cached, None, form, out, force=True)
    assert mine.read_text() == "precious"
    assert again.files == first.files
    assert all(path.stat().st_size > 3 for path in again.files)
    assert list(out.rglob("*.part")) == []


def test_what_fails_leaves_the_old_file(
    cached: CacheStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [path] = export(cached, "*/BTCUSDT/1h", "parquet", tmp_path / "out").files
    before, read = path.read_bytes(), CacheStore.read

    def failing(store: CacheStore, *given: Any, columns: Any = None) -> Any:
        if columns is None:
            raise OSError(28, "No space left on device")
        return read(store, *given, columns=columns)

    monkeypatch.setattr(CacheStore, "read", failing)
    with pytest.raises(OSError, match="No space"):
        export(cached, "*/BTCUSDT/1h", "parquet", tmp_path / "out", force=True)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_memory_holds_one_period_at_a_time(
    cached: CacheStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, read = [], CacheStore.read

    def noted(*given: Any, **more: Any) -> Any:
        found = read(*given, **more)
        sizes.append(len(found.table))
        return found

    monkeypatch.setattr(CacheStore, "read", noted)
    done = export(cached, "*/BTCUSDT/1h", "parquet", tmp_path / "out")
    assert max(sizes) < done.rows
    assert pq.ParquetFile(done.files[0]).num_row_groups == 2


def test_a_damaged_period_is_left_out_and_told_of(cached: CacheStore, tmp_path: Path) -> None:
    [file] = cached.root.rglob("1h/2023.arrow")
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.warns(CacheWarning, match="2023"):
        done = export(CacheStore(cached.root), "*/BTCUSDT/1h", "parquet", tmp_path / "out")
    told = json.loads(pq.read_schema(done.files[0]).metadata[b"dsm"])
    assert min(p["start_time"] for p in told["provenance"]).startswith("2024")


def test_what_cannot_be_exported_is_refused(cached: CacheStore, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"'xlsx'.*parquet"):
        export(cached, None, "xlsx", tmp_path / "out")
    with pytest.raises(RequestError, match="'ETH\\*'"):
        export(cached, "ETH*", "csv", tmp_path / "out")
    with pytest.raises(RequestError, match="inside the cache"):
        export(cached, None, "csv", cached.root / "binance", force=True)
    with pytest.raises(RequestError, match="is a file"):
        export(cached, None, "csv", write_json(tmp_path / "file", "x"), force=True)
    with pytest.raises(RequestError, match="The cache is empty"):
        export(CacheStore(tmp_path / "nothing"), None, "csv", tmp_path / "out")
    assert not (tmp_path / "out").exists()
