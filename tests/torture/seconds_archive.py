"""An archive of 1-second bars on loopback: whole months, made once, and days where a month is not whole."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from plugins.venues import Server, serving

__all__ = ["ROWS_A_DAY", "seconds_archive"]

ROWS_A_DAY = 86_400
_PATH = re.compile(
    r"/data/spot/(?:monthly|daily)/klines/BTCUSDT/1s/(BTCUSDT-1s-([\d-]+)\.zip)(\.CHECKSUM)?\Z"
)


def _csv(label: str) -> bytes:
    """Rows of a month (``2024-01``) or a day, in milliseconds."""
    start = np.datetime64(label, "ms")
    end = np.datetime64(label, "M" if len(label) == 7 else "D") + 1
    opens = np.arange(start, end.astype("datetime64[ms]"), np.timedelta64(1, "s")).astype(np.int64)
    price = 100 + opens // 1000 % 10_000 / 100
    cells = [opens, price, price + 1, price - 1, price + 0.5, np.full(len(opens), 3.25), opens + 999]
    cells += [np.full(len(opens), 325.5), opens % 7, np.full(len(opens), 1.5), np.full(len(opens), 150.0)]
    names = [f"c{place}" for place in range(12)]
    table = pa.table(dict(zip(names, [*cells, np.zeros(len(opens), np.int64)], strict=True)))
    sink = io.BytesIO()
    pa_csv.write_csv(table, sink, pa_csv.WriteOptions(include_header=False))
    return sink.getvalue()


@lru_cache(maxsize=4)
def _zip(label: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(f"BTCUSDT-1s-{label}.csv", _csv(label))
    return sink.getvalue()


def _answer(path: str, _: dict[str, str]) -> tuple[int, bytes | str]:
    found = _PATH.match(path)
    if found is None:
        return 404, ""
    body = _zip(found[2])
    return 200, f"{hashlib.sha256(body).hexdigest()}  {found[1]}\n" if found[3] else body


@contextmanager
def seconds_archive() -> Iterator[Server]:
    """The server; ``asked`` tells what was fetched."""
    with serving(_answer) as server:
        yield server
