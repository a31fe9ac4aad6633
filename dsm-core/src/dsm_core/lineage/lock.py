"""An answer that is to be had again: its manifest, and hashes that find where another one differs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

import pyarrow as pa
from attrs import evolve, frozen

from dsm_core.errors import RequestError
from dsm_core.fcp.outcome import Outcome
from dsm_core.lineage.blocks import Block, cut_blocks
from dsm_core.lineage.canonical import canonical_columns
from dsm_core.lineage.manifest import Manifest, manifest_of
from dsm_core.lineage.packed import pack
from dsm_core.model.exact_time import exact_iso
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import iso
from dsm_core.model.wording import counted
from dsm_core.schema.conform import times_of

__all__ = ["FORMAT", "Locked", "lock_text", "locked_of"]

FORMAT: Final = 1
"""Format of lock files; a newer one is refused."""
_LISTS: Final = ("segments", "gaps", "blocks")


@frozen(kw_only=True, repr=False)
class Locked:
    """An entry of a lock: one range of a series, with what it gave.

    Parameters
    ----------
    manifest
        Request, origins, versions, hash of the rows.
    blocks
        Hashes of parts of the rows, by time.
    """

    manifest: Manifest
    blocks: tuple[Block, ...]

    @property
    def has_values(self) -> bool:
        """Whether the values themselves are kept, so that a difference can be told with both."""
        return all(block.values is not None for block in self.blocks)

    def call(self) -> dict[str, Any]:
        """Keyword arguments of ``query`` that ask for the same."""
        told = self.manifest
        key = SeriesKey.parse(told.series)
        return {
            "symbol": key.symbol,
            "start_time": exact_iso(told.start_ns),
            "end_time": exact_iso(told.end_ns),
            "inclusive": "left",
            "interval": None if key.interval is None else str(key.interval),
            "provider": key.provider,
            "market_type": str(key.market_type),
            "chart_type": str(key.chart_type),
            "options": dict(key.options) or None,
            "columns": [name for name, _ in told.columns[1:]],
            "enforce_source": told.source,
        }

    def as_dict(self) -> dict[str, Any]:
        """Plain, JSON-safe data."""
        return {**self.manifest.as_dict(), "blocks": list(map(_block_fact, self.blocks))}

    def __repr__(self) -> str:
        told = self.manifest
        parts = f"{counted(told.rows, 'row')} in {counted(len(self.blocks), 'part')}"
        values = ", with values" if self.blocks and self.has_values else ""
        span = f"[{iso(told.start_ns)}, {iso(told.end_ns)})"
        return f"<Lock of {told.series} {span}: {parts}, sha256 {told.sha256[:16]}{values}>"


def locked_of(outcome: Outcome, table: pa.Table, *, keeps_values: bool) -> Locked:
    """Lock an answer.

    Raises
    ------
    RequestError
        When it cannot be had again: bars that have not closed, resampled ones, documents.
    """
    manifest = manifest_of(outcome, table)
    _check_lasting(outcome, manifest)
    columns = canonical_columns(table, outcome.series.schema)
    blocks = []
    for start, end, block in cut_blocks(columns, times_of(table, outcome.series.schema)):
        blocks.append(evolve(block, values=pack(columns, start, end)) if keeps_values else block)
    return Locked(manifest=manifest, blocks=tuple(blocks))


def _check_lasting(outcome: Outcome, manifest: Manifest) -> None:
    if manifest.unfinished:
        raise RequestError(
            "A bar that has not closed cannot be locked.",
            hint="Leave include_open_bar out.",
            series=manifest.series,
        )
    if manifest.resampled_from is not None:
        raise RequestError(
            "Resampled bars cannot be locked: nothing fetches them.",
            hint=f"Lock the bars of {manifest.resampled_from} that they were made of.",
            series=manifest.series,
        )
    if outcome.series.schema.kind == "documents":
        raise RequestError(
            "A document cannot be locked: it grows old and is replaced.",
            hint="Lock bars or events.",
            series=manifest.series,
        )


def lock_text(entries: Iterable[Locked]) -> Iterator[str]:
    """Text of a lock file, in pieces; each segment, gap and block stands on a line, for who compares two."""
    yield f'{{"dsm_lock": {FORMAT}, "entries": ['
    before = "\n"
    for entry in entries:
        facts = entry.as_dict()
        lists = {name: facts.pop(name) for name in _LISTS}
        yield f"{before}{{\n" + "".join(f"{json.dumps(k)}: {json.dumps(v)},\n" for k, v in facts.items())
        for name, items in lists.items():
            lines = "".join(f"\n{json.dumps(item)}," for item in items).removesuffix(",")
            yield f'"{name}": [{lines}\n]' + (",\n" if name != _LISTS[-1] else "\n")
        yield "}"
        before = ",\n"
    yield "\n]}\n"


def _block_fact(block: Block) -> dict[str, Any]:
    told: dict[str, Any] = {
        "start_time": exact_iso(block.start_ns),
        "rows": block.rows,
        "columns": list(block.digests),
        "checks": block.checks,
    }
    return told if block.values is None else {**told, "values": block.values}
