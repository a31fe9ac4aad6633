"""One file: every byte is vouched for, and others can read it as it is."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from core.cache_series import MINUTE, at, entry, key_of, minutes, table_of
from dsm_core.cache import CacheStore
from dsm_core.cache.file import CacheFile, Unusable, decode, encode, load, peek
from dsm_core.cache.header import Header
from dsm_core.cache.period import PeriodKind, period_at
from dsm_core.model.coverage import Ledger, Origin
from dsm_core.model.time_range import TimeRange
from dsm_core.schema.chart_type import KLINES

JANUARY = at(2024, 1, 1)
ROWS = 1440


def header_of(rows: int = ROWS, *, fmt: int = 1, origin: str = "https://example.test/a.zip") -> Header:
    told = [
        entry(JANUARY, JANUARY + rows * MINUTE),
        entry(JANUARY + rows * MINUTE, JANUARY + 2 * rows * MINUTE, "confirmed"),
    ]
    ledger = Ledger.of(told)
    object.__setattr__(ledger.entries[0], "origin", Origin(url=origin, sha256="ab" * 32, size=3))
    return Header(
        key=key_of("1m", adjusted="true"),
        period="2024-01",
        generation=7,
        rows=rows,
        first=JANUARY,
        last=JANUARY + (rows - 1) * MINUTE,
        ledger=ledger,
        format=fmt,
    )


def encoded(header: Header, rows: int = ROWS) -> bytes:
    table = table_of({JANUARY + i * MINUTE: float(i) for i in range(rows)})
    return b"".join(encode(table, header))


def damaged(data: bytes) -> bool:
    found = decode("x", pa.py_buffer(data))
    return isinstance(found, Unusable) and found.why == "damaged"


def test_header_and_rows_come_back() -> None:
    found = decode("x", pa.py_buffer(encoded(header_of())))
    assert not isinstance(found, Unusable)
    header, table = found
    assert header == header_of()
    assert table == table_of({JANUARY + i * MINUTE: float(i) for i in range(ROWS)})


def test_every_flipped_byte_is_found() -> None:
    data = bytearray(encoded(header_of()))
    start = bytes(data).rfind(b'{"xxh3_128"') - 2000
    for place in range(len(data)):
        for mask in (0x01,) if 2000 < place < start else (0x01, 0x20, 0xFF):
            data[place] ^= mask
            assert damaged(bytes(data)), (place, mask)
            data[place] ^= mask
    assert not damaged(bytes(data))


@pytest.mark.parametrize("keep", [0, 1, 6, 9, 10, 17, 18, 100, 1000, -1, -6, -10, -100])
def test_a_file_cut_short_is_found(keep: int) -> None:
    assert damaged(encoded(header_of())[:keep])


@pytest.mark.parametrize("tail", [b"\0", b"ARROW1", b"\xff\xff\xff\x7fARROW1", b"\xff\xff\xff\xffARROW1"])
def test_a_file_with_something_after_it_is_found(tail: bytes) -> None:
    assert damaged(encoded(header_of()) + tail)


def test_text_that_looks_like_the_mark_changes_nothing() -> None:
    header = header_of(origin='{"xxh3_128":"' + "f" * 32)
    assert not damaged(encoded(header))


def test_a_newer_format_is_told_apart_from_damage() -> None:
    found = decode("x", pa.py_buffer(encoded(header_of(fmt=2))))
    assert isinstance(found, Unusable)
    assert found.why == "newer"


@pytest.mark.parametrize("size", [1, 1440, 20_000])
def test_small_and_large_files_load_alike(tmp_path: Path, size: int) -> None:
    path = tmp_path / "2024-01.arrow"
    path.write_bytes(encoded(header_of(size), size))
    period = period_at(PeriodKind.MONTH, JANUARY)
    found = load(str(path), period, header_of().key, KLINES)
    assert isinstance(found, CacheFile)
    assert found.times.tolist() == [JANUARY + i * MINUTE for i in range(size)]
    assert (found.heap_bytes == 0) == (path.stat().st_size > 256 * 1024)
    assert peek(str(path)) == found.header
    other = load(str(path), period, key_of("1m", "ETHUSDT"), KLINES)
    assert isinstance(other, Unusable)


def test_the_header_can_be_read_from_the_footer_as_documented(tmp_path: Path) -> None:
    store = CacheStore(tmp_path)
    store.write(key_of(), KLINES, [minutes(JANUARY, 5)], now=JANUARY)
    (path,) = tmp_path.rglob("*.arrow")
    with pa.OSFile(str(path)) as source:
        facts = json.loads(pa.ipc.open_file(source).metadata[b"dsm"])
    assert facts["format"] == 1
    assert facts["series"]["symbol"] == "BTCUSDT"
    assert (facts["period"], facts["generation"], facts["rows"]) == ("2024-01-01", 1, 5)
    assert facts["ledger"] == [[JANUARY, JANUARY + 5 * MINUTE, "rows", 0, 0, 0]]


def test_polars_duckdb_and_pyarrow_read_the_rows_as_they_are(tmp_path: Path) -> None:
    CacheStore(tmp_path).write(key_of(), KLINES, [minutes(JANUARY, 50)], now=at(2025, 1, 1))
    (path,) = tmp_path.rglob("*.arrow")
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
    assert pl.read_ipc(path).to_dict(as_series=False)["close"] == table["close"].to_pylist()
    assert pl.scan_ipc(path).select(pl.len()).collect().item() == 50
    assert duckdb.arrow(table).aggregate("count(*), sum(close)").fetchall() == [(50, 50.0)]


def test_rows_are_served_without_a_copy(tmp_path: Path) -> None:
    store = CacheStore(tmp_path)
    store.write(key_of(), KLINES, [minutes(JANUARY, 5000)], now=at(2025, 1, 1))
    spans = [TimeRange(JANUARY, JANUARY + 10 * MINUTE), TimeRange(JANUARY, JANUARY + 5000 * MINUTE)]
    first, second = (store.read(key_of(), KLINES, span).table["close"].chunk(0) for span in spans)
    assert first.buffers()[1].address == second.buffers()[1].address
    assert np.shares_memory(np.asarray(first), np.asarray(second))
