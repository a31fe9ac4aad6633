"""Large objects one at a time: while it is taken in, an object needs several times its size in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pyarrow as pa

from dsm_core.plugins.context import ClientContext

__all__ = ["LARGE_BYTES", "turn_of"]

LARGE_BYTES: Final = 16 * 1024 * 1024
"""A month of 1-second bars is three times as large, and every other file a tenth."""


@asynccontextmanager
async def turn_of(context: ClientContext, size: int | None) -> AsyncIterator[None]:
    """Wait until no other large object is taken in; ``size`` is the object's own, in bytes."""
    if size is None or size < LARGE_BYTES:
        yield
        return
    async with context.shared("dsm_core.large_object", asyncio.Lock):
        # What the object before it needed is free by now, but still the process's.
        pa.default_memory_pool().release_unused()
        yield
