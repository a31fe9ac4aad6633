"""Answers of one task as they can be kept: pages of events that do not say what they cover, as one.

A page of bars vouches for the slots of its rows. Events have none: a page that vouched for the whole
range of its task would take the place of the pages before it. So they are kept together, when the
last one has come.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pyarrow as pa
from attrs import evolve

from dsm_core.fcp.series import Series
from dsm_core.plugins.answer import Answer
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.schema.conform import conform

__all__ = ["assembled"]


async def assembled(
    series: Series, client: DataClientInterface, answers: AsyncIterator[Answer]
) -> AsyncIterator[Answer]:
    """The answers; of a series without a grid those that leave ``covered`` out, joined, at the end."""
    parts: list[Answer] = []
    async for answer in answers:
        if series.grid is not None or answer.covered is not None:
            yield answer
        else:
            parts.append(answer)
    if parts:
        yield parts[0] if len(parts) == 1 else await client.context.run(_joined, series, client, parts)


def _joined(series: Series, client: DataClientInterface, parts: Sequence[Answer]) -> Answer:
    absent = series.absent_columns(client)
    tables = [conform(part.rows, series.schema, absent=absent).table for part in parts]
    return evolve(parts[-1], rows=pa.concat_tables(tables), cursor=None)
