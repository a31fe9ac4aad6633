"""What a client is given: HTTP, its configuration, the clock, limits and events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import copy_context
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from attrs import field, frozen

from dsm_core.events import Event
from dsm_core.model.specimen import Specimen
from dsm_core.model.time_range import from_ns
from dsm_core.net import HttpSession
from dsm_core.plugins.threads import contained

__all__ = ["ClientContext"]

T = TypeVar("T")


def _kept_nowhere(specimen: Specimen, why: Exception | str) -> None:
    """Without a cache there is no quarantine."""


@frozen(kw_only=True)
class ClientContext:
    """The resources of one provider inside one manager; clients own none themselves.

    Parameters
    ----------
    http
        Pooled HTTP with retries, limits and host failover.
    config
        The provider's section of the configuration, as its own attrs class.
    now_ns
        The venue's clock, UTC nanoseconds.
    emit
        Hands an event to the observers.
    make_workdir
        Gives the folder for temporary downloads, made at first use.
    workers
        Threads for parsing.
    shared_objects
        What :meth:`shared` has made so far.
    quarantine
        Keeps an object as evidence: refused with an error, or mended as a text tells.
    """

    http: HttpSession
    config: Any
    now_ns: Callable[[], int]
    emit: Callable[[Event], None]
    make_workdir: Callable[[], Path]
    workers: Executor
    _shared: dict[str, Any] = field(factory=dict, alias="shared_objects", repr=False)
    quarantine: Callable[[Specimen, Exception | str], None] = field(default=_kept_nowhere, repr=False)

    def shared(self, key: str, make: Callable[[], T]) -> T:
        """What the clients of one provider and manager have in common, made at first use.

        Parameters
        ----------
        key
            Its name; one for each kind of thing.
        make
            Called once, at once: it may not wait for anything.
        """
        found: T = self._shared[key] if key in self._shared else self._shared.setdefault(key, make())
        return found

    @property
    def workdir(self) -> Path:
        """A folder for temporary downloads."""
        return self.make_workdir()

    def now(self) -> datetime:
        """The venue's clock as an aware UTC datetime."""
        return from_ns(self.now_ns())

    async def limit(self, cost: int, pool: str) -> None:
        """Wait until ``cost`` units of ``pool`` are free and take them."""
        await self.http.limit(cost, pool)

    async def run(self, work: Callable[..., T], *args: Any) -> T:
        """Run blocking ``work`` in a worker thread."""
        # Threads do not inherit the context, and events of the work belong to this call.
        within = copy_context()
        return await asyncio.get_running_loop().run_in_executor(
            self.workers, partial(within.run, contained, work, *args)
        )
