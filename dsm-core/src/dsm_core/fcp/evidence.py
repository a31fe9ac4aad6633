"""Evidence: an object that was refused, or mended, is kept in the quarantine before its file goes."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from dsm_core.cache import Quarantine
from dsm_core.errors import CacheUnavailableError, DSMError, IntegrityError, SourceError
from dsm_core.model.specimen import Specimen
from dsm_core.plugins.answer import Answer
from dsm_core.plugins.interface import DataClientInterface

__all__ = ["evidence_keeper", "evidence_of"]

_log = logging.getLogger(__name__)


def evidence_keeper(
    quarantine: Quarantine | None,
) -> Callable[[Specimen, Exception | str, int], None] | None:
    """What keeps an object as evidence; where it cannot be kept, that costs the call nothing."""
    if quarantine is None:
        return None

    def keep(specimen: Specimen, why: Exception | str, now: int) -> None:
        is_refused = isinstance(why, Exception)
        try:
            quarantine.keep(
                specimen,
                outcome="refused" if is_refused else "mended",
                reason=why.message if isinstance(why, DSMError) else str(why),
                error=type(why).__name__ if is_refused else "",
                now=now,
            )
        except CacheUnavailableError as error:
            _log.warning("evidence_not_kept url=%s error=%r", specimen.origin.url, error)

    return keep


@asynccontextmanager
async def evidence_of(client: DataClientInterface, answer: Answer) -> AsyncIterator[None]:
    """Keep the object behind ``answer`` when it is refused inside the block, or was mended."""
    specimen, context = answer.specimen, client.context
    try:
        yield
    except (IntegrityError, SourceError) as error:
        if specimen is not None:
            await context.run(context.quarantine, specimen, error)
        raise
    if specimen is not None and answer.mended:
        _log.warning("object_mended url=%s what=%r", specimen.origin.url, answer.mended)
        await context.run(context.quarantine, specimen, answer.mended)
