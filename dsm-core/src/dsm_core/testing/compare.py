"""Differences between the rows that are due and the rows that came, told in a sentence."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from dsm_core.model.time_range import iso

__all__ = ["check_equal", "check_subset"]

_SHOWN: Final = 3


def _times(table: pa.Table) -> list[int]:
    times: list[int] = table.column(0).cast(pa.int64()).to_pylist()
    return times


def _listed(times: list[int]) -> str:
    more = f" and {len(times) - _SHOWN} more" if len(times) > _SHOWN else ""
    return ", ".join(map(iso, times[:_SHOWN])) + more


def check_equal(found: pa.Table, due: pa.Table) -> None:
    """Check that both tables hold the same rows, bit for bit.

    Raises
    ------
    AssertionError
        Naming the first rows that are missing or too many, or the first value that differs.
    """
    have, want = _times(found), _times(due)
    missing, extra = sorted(set(want) - set(have)), sorted(set(have) - set(want))
    if missing or extra:
        told = [f"{len(missing)} of {len(want)} rows are missing: {_listed(missing)}"] if missing else []
        told += [f"{len(extra)} rows do not belong: {_listed(extra)}"] if extra else []
        raise AssertionError("; ".join(told))
    if have != want:
        raise AssertionError("the rows are not in the order of time, each once")
    if found.schema.names != due.schema.names or found.schema.types != due.schema.types:
        raise AssertionError(f"the schema is\n{found.schema}\nand should be\n{due.schema}")
    for name in due.column_names[1:]:
        _check_column(name, found.column(name), due.column(name), want)


def _check_column(name: str, found: pa.ChunkedArray, due: pa.ChunkedArray, times: list[int]) -> None:
    if found.equals(due):
        return
    pairs = zip(times, found.to_pylist(), due.to_pylist(), strict=True)
    t, a, b = next((t, a, b) for t, a, b in pairs if a != b)
    wrong = sum(x != y for x, y in zip(found.to_pylist(), due.to_pylist(), strict=True))
    advice = "; the client's spec should name the columns it has" if a is None else ""
    raise AssertionError(f"{name} of {iso(t)} is {a!r}, not {b!r} ({wrong} of {len(times)} differ){advice}")


def check_subset(found: pa.Table, due: pa.Table) -> None:
    """Check that every row of ``found`` is one of ``due``; where a value may be absent, it may be null.

    Raises
    ------
    AssertionError
        Naming the first row or value that is wrong.
    """
    have, want = _times(found), _times(due)
    extra = sorted(set(have) - set(want))
    if extra:
        raise AssertionError(f"{len(extra)} rows do not belong: {_listed(extra)}")
    due = due.take(pa.array(np.searchsorted(want, have)))
    for name in due.column_names[1:]:
        pairs = zip(have, found.column(name).to_pylist(), due.column(name).to_pylist(), strict=True)
        wrong = next(((t, a, b) for t, a, b in pairs if a is not None and a != b), None)
        if wrong is not None:
            t, a, b = wrong
            raise AssertionError(f"{name} of {iso(t)} is {a!r}, not {b!r}")
