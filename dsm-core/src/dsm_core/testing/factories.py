"""Things that tests of providers need and that are tedious to make."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from textwrap import dedent

import pyarrow as pa

from dsm_core.model.grid import grid_for
from dsm_core.model.interval import Interval
from dsm_core.model.time_range import TimeRange, to_ns
from dsm_core.schema.chart_type import chart_schema
from dsm_core.testing.bars import Bars, Moment
from dsm_core.testing.book import Book

__all__ = ["checksum_of", "fake_distribution", "invented_bars", "klines_table", "zip_of"]

_ZIP_DATE = (2024, 1, 1, 0, 0, 0)


def zip_of(name: str, content: str | bytes) -> bytes:
    """A zip with one member; the same bytes for the same content.

    Parameters
    ----------
    name
        Of the member, such as ``BTCUSDT-1h-2024-01.csv``.
    content
        Text becomes UTF-8.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        member = zipfile.ZipInfo(name, _ZIP_DATE)
        member.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(member, content, compresslevel=1)
    return out.getvalue()


def checksum_of(name: str, data: bytes) -> str:
    """The line that ``sha256sum`` writes of a file: its digest, two spaces, its name."""
    return f"{hashlib.sha256(data).hexdigest()}  {name}\n"


def invented_bars(
    symbol: str,
    interval: str,
    start: datetime,
    end: datetime,
    *,
    chart_type: str = "klines",
    now: datetime | None = None,
) -> Bars:
    """Invented rows with ``start <= time < end``, the same at every call.

    Parameters
    ----------
    symbol, interval
        What they are of; the rows of two symbols differ.
    start, end
        Aware datetimes.
    chart_type
        Of kind ``bars`` or ``events``.
    now
        The venue's time; the bar that is open then is unfinished. By default ``end``.
    """
    schema = chart_schema(chart_type)
    length = Interval(interval) if schema.kind == "bars" else None
    book = Book(
        schema=schema,
        symbol=symbol,
        interval=length,
        grid=grid_for(length) if length else None,
        listed_at=to_ns(start),
    )
    bars = Bars(book=book, now=Moment(to_ns(now or end)), code=interval)
    return bars.between(to_ns(start), to_ns(end))


def klines_table(symbol: str, interval: str, start: datetime, end: datetime) -> pa.Table:
    """Invented klines in the schema, as a client might return them or a cache hold them."""
    schema = chart_schema("klines")
    length = Interval(interval)
    book = Book(schema=schema, symbol=symbol, interval=length, grid=grid_for(length), listed_at=to_ns(start))
    span = TimeRange(to_ns(start), to_ns(end))
    return book.rows(book.times(span)).table(frozenset(schema.column_names))


def fake_distribution(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    providers: Mapping[str, str] | None = None,
    modules: Mapping[str, str] | None = None,
) -> Path:
    """An installed distribution in ``folder``, which need only be put on ``sys.path``.

    Parameters
    ----------
    folder
        Made where it is missing; may hold several distributions.
    name, version
        Of the distribution.
    providers
        Entry points of the group ``dsm.providers``: name to module.
    modules
        Module name to its code, which may be indented.

    Returns
    -------
    Path
        The folder of the distribution's metadata.
    """
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", "utf-8")
    lines = [f"{provider} = {module}" for provider, module in (providers or {}).items()]
    (info / "entry_points.txt").write_text("\n".join(["[dsm.providers]", *lines, ""]), "utf-8")
    for module, code in (modules or {}).items():
        (folder / f"{module}.py").write_text(dedent(code), "utf-8")
    return info
