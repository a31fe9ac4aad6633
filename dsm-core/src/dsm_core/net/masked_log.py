"""The HTTP library logs each address as it is; for DSM's own requests credentials in it are masked."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import httpx

from dsm_core.net.urls import mask

__all__ = ["mask_log", "own_request"]

_is_own: ContextVar[bool] = ContextVar("dsm_own_request", default=False)


class _MaskOwn(logging.Filter):
    """Changes nothing of what other users of the library log."""

    def filter(self, record: logging.LogRecord) -> bool:
        if _is_own.get() and isinstance(record.args, tuple):
            record.args = tuple(mask(str(one)) if isinstance(one, httpx.URL) else one for one in record.args)
        return True


_FILTER = _MaskOwn()


def mask_log() -> None:
    """Begin to mask; a second time changes nothing."""
    logging.getLogger("httpx").addFilter(_FILTER)


@contextmanager
def own_request() -> Iterator[None]:
    """Mark what is sent inside as DSM's."""
    token = _is_own.set(True)
    try:
        yield
    finally:
        _is_own.reset(token)
