"""The hash of rows: the written definition, read anew from the page; the same whatever holds the rows."""

from __future__ import annotations

import hashlib
import math
import struct
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsm_core.lineage.blocks import cut_blocks, row_checks
from dsm_core.lineage.canonical import canonical_columns, content_hash
from dsm_core.schema.chart_type import FUNDING_RATE, KLINES, ChartSchema
from dsm_core.schema.column import Column
from dsm_core.schema.conform import conform, times_of

START = 1_704_067_200 * 10**9
HOUR = 3600 * 10**9
ALL_TYPES = ChartSchema(
    "types_of_a_test",
    "events",
    "time",
    (
        Column("number", "float64", "-", nullable=True),
        Column("count", "int64", "-", nullable=True),
        Column("flag", "bool", "-", nullable=True, agg="last"),
        Column("text", "string", "-", nullable=True, agg="last"),
        Column("until", "time", "-", nullable=True, agg="last"),
    ),
)


def second_opinion(columns: list[tuple[str, str, list[Any]]]) -> str:
    """The definition of docs/lineage.md, from plain cells, with struct and hashlib alone."""

    def prefixed(text: str) -> bytes:
        return struct.pack("<Q", len(text.encode())) + text.encode()

    def encoded(dtype: str, cells: list[Any]) -> bytes:
        cells = [None if isinstance(c, float) and math.isnan(c) else c for c in cells]
        present = b"".join(b"\0" if c is None else b"\1" for c in cells)
        if dtype == "string":
            texts = [b"" if c is None else c.encode() for c in cells]
            return present + b"".join(struct.pack("<Q", len(t)) for t in texts) + b"".join(texts)
        form = {"float64": "<d", "int64": "<q", "time": "<q", "bool": "<B"}[dtype]
        values = (0 if c is None else c + 0.0 if dtype == "float64" else c for c in cells)
        return present + b"".join(struct.pack(form, v) for v in values)

    rows = len(columns[0][2])
    whole = hashlib.sha256(b"dsm-content-1\n" + struct.pack("<Q", rows))
    for name, dtype, cells in columns:
        whole.update(prefixed(name) + prefixed(dtype) + hashlib.sha256(encoded(dtype, cells)).digest())
    return whole.hexdigest()


def hash_of(table: pa.Table, schema: ChartSchema) -> str:
    return content_hash(canonical_columns(table, schema), len(table))


def klines(count: int) -> pa.Table:
    opens = [START + i * HOUR for i in range(count)]
    prices = {name: [100.0 + i / 7 for i in range(count)] for name in ("open", "high", "low", "close")}
    stamp = pa.timestamp("ns", "UTC")
    times = {"open_time": pa.array(opens, pa.int64()).cast(stamp)}
    times["close_time"] = pa.array([t + HOUR - 10**6 for t in opens], pa.int64()).cast(stamp)
    return conform({**times, **prices, "count": list(range(count))}, KLINES).table


CELLS = st.tuples(
    st.none() | st.floats(),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.booleans(),
    st.none() | st.text(max_size=6),
    st.none() | st.integers(0, 2**60),
)


@given(st.lists(CELLS, max_size=20))
def test_the_hash_is_the_one_that_the_page_defines(rows: list[tuple[Any, ...]]) -> None:
    times = [START + i for i in range(len(rows))]
    columns = [times, *([row[i] for row in rows] for i in range(5))]
    table = pa.table(
        [pa.array(c, f.type) for c, f in zip(columns, ALL_TYPES.arrow(), strict=True)],
        schema=ALL_TYPES.arrow(),
    )
    dtypes = ["time", "float64", "int64", "bool", "string", "time"]
    names = ["time", *ALL_TYPES.column_names]
    expected = second_opinion(list(zip(names, dtypes, columns, strict=True)))
    assert hash_of(table, ALL_TYPES) == expected


def test_a_pandas_frame_gives_the_same_hash_by_numpy_alone() -> None:
    table = klines(500)
    frame = table.to_pandas().set_index("open_time")
    whole = hashlib.sha256(b"dsm-content-1\n" + struct.pack("<Q", len(frame)))
    dtypes = {"open_time": "time", **{c.name: c.dtype for c in KLINES.columns}}
    for name, dtype in dtypes.items():
        cells = frame.index if name == "open_time" else frame[name]
        absent = np.asarray(pd.isna(cells))
        if dtype == "time":
            values = np.asarray(
                cells.to_numpy("datetime64[ns]") if name == "open_time" else cells.dt.tz_localize(None)
            ).view("<i8")
        else:
            values = np.where(absent, 0, np.asarray(cells, "float64")).astype(
                "<f8" if dtype == "float64" else "<i8"
            )
        encoded = (~absent).astype("u1").tobytes() + values.tobytes()
        for text in (name, dtype):
            whole.update(struct.pack("<Q", len(text)) + text.encode())
        whole.update(hashlib.sha256(encoded).digest())
    assert hash_of(table, KLINES) == whole.hexdigest()


def test_the_hash_of_known_rows_never_changes() -> None:
    assert hash_of(klines(3), KLINES) == "bdd2b3b318fe70c45b78556761eec8db098415ca3c4584349eb1880ec5d64463"
    assert (
        hash_of(FUNDING_RATE.arrow().empty_table(), FUNDING_RATE)
        == "9909aee88c2122fcedba45f9d1a724a92a95d05b49d0a4d7f9c0d07d6773ffe6"
    )


def test_how_arrow_holds_the_rows_does_not_matter() -> None:
    table = klines(100)
    cut = pa.concat_tables([table.slice(0, 3), table.slice(3, 40), table.slice(43)])
    padded = pa.concat_tables([klines(7).slice(0, 0), table])
    sliced = klines(120).slice(0, 100)
    assert {hash_of(t, KLINES) for t in (table, cut, padded, sliced)} == {hash_of(table, KLINES)}


def test_minus_zero_is_zero_and_nan_is_missing() -> None:
    schema = ChartSchema("one_number", "events", "time", (Column("x", "float64", "-", nullable=True),))

    def table(*cells: float | None) -> pa.Table:
        return pa.table(
            [
                pa.array(range(len(cells)), pa.int64()).cast(pa.timestamp("ns", "UTC")),
                pa.array(cells, pa.float64()),
            ],
            schema=schema.arrow(),
        )

    assert hash_of(table(0.0, None), schema) == hash_of(table(-0.0, float("nan")), schema)
    assert hash_of(table(0.0, None), schema) != hash_of(table(None, 0.0), schema)


@given(row=st.integers(0, 299), column=st.sampled_from(("open_time", "close", "count", "volume")))
def test_every_single_cell_counts_in_hash_block_and_row(row: int, column: str) -> None:
    table = klines(300)
    place = table.schema.get_field_index(column)
    cells = (
        table.column(place)
        .cast(pa.int64() if column == "open_time" else table.schema.types[place])
        .to_pylist()
    )
    cells[row] = (cells[row] or 0) + 1
    other = table.set_column(
        place, table.schema.field(place), pa.array(cells).cast(table.schema.types[place])
    )
    assert hash_of(other, KLINES) != hash_of(table, KLINES)
    before, after = (canonical_columns(t, KLINES) for t in (table, other))
    then, now = (row_checks(c, 0, 300) for c in (before, after))
    assert [i for i in range(300) if then[i] != now[i]] == [row]
    blocks = zip(
        cut_blocks(before, times_of(table, KLINES)), cut_blocks(after, times_of(table, KLINES)), strict=True
    )
    changed = [
        (a.rows, i)
        for (start, _, a), (_, _, b) in blocks
        for i in range(11)
        if a.digests[i] != b.digests[i]
        if start <= row < start + a.rows
    ]
    assert changed == [(256 if row < 256 else 44, place)]


def test_rows_of_one_instant_stay_in_one_block() -> None:
    schema = ChartSchema("keyed", "events", "time", (Column("id", "int64", "-"),), key=("id",))
    times = [0] * 200 + [1] * 300 + [2] * 700 + [3]
    table = pa.table(
        [pa.array(times, pa.int64()).cast(pa.timestamp("ns", "UTC")), range(len(times))],
        schema=schema.arrow(),
    )
    cut = list(cut_blocks(canonical_columns(table, schema), times_of(table, schema)))
    assert [(start, end, block.start_ns) for start, end, block in cut] == [
        (0, 200, 0),
        (200, 500, 1),
        (500, 1200, 2),
        (1200, 1201, 3),
    ]


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257])
def test_blocks_hold_every_row_once(count: int) -> None:
    table = klines(count)
    cut = list(cut_blocks(canonical_columns(table, KLINES), times_of(table, KLINES)))
    assert sum(block.rows for _, _, block in cut) == count
    assert [len(block.row_checks()) for _, _, block in cut] == [end - start for start, end, _ in cut]
