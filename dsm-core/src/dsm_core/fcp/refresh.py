"""Refreshing: which objects were published anew since they were fetched, and what differs in them.

Each distinct object is asked about once, for its checksum. One that changed is fetched, verified and
compared; its new edition takes the place of the old one, and rows of other origin stay. Whatever fails,
what is held stays (ADR 0021).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Final

from attrs import define, field, frozen

from dsm_core.cache import CacheStore, SeriesLedger
from dsm_core.errors import (
    AccessDeniedError,
    ArchiveError,
    CacheUnavailableError,
    DSMError,
    IntegrityError,
    OfflineError,
    RateLimitError,
    RequestError,
    SourceError,
)
from dsm_core.events import Event, RequestSent, call_scope, current_scope, source_scope
from dsm_core.fcp.edition import fetch_edition, is_same, keep_edition
from dsm_core.fcp.refreshed import Refreshed, RefreshedObject
from dsm_core.fcp.request import Moment
from dsm_core.fcp.selection import Selection
from dsm_core.fcp.series import Series
from dsm_core.fcp.session import Session
from dsm_core.fcp.upkeep import request_of
from dsm_core.model.coverage import LedgerEntry, Origin
from dsm_core.model.request import moment_bounds
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import TimeRange
from dsm_core.net import Deadline, deadline_scope
from dsm_core.plugins.archive import ArchiveClient
from dsm_core.plugins.calling import published_origin_of
from dsm_core.plugins.guard import guarding
from dsm_core.plugins.task import Task
from dsm_core.plugins.venue import Venue

__all__ = ["refresh_series"]

_FAILURES: Final = (SourceError, IntegrityError, CacheUnavailableError)


@frozen(kw_only=True)
class _Held:
    """An object that brought rows of a series: who can ask for it, and in which editions it is held."""

    series: Series
    venue: Venue
    client: ArchiveClient
    task: Task
    origins: tuple[Origin, ...]


@define
class _Round:
    """What the series of one refresh share: each object is asked about once."""

    session: Session
    since: int | None
    told: dict[tuple[str, str], Origin | DSMError] = field(factory=dict)
    locks: dict[tuple[str, str], asyncio.Lock] = field(factory=dict)
    stopped: dict[str, SourceError] = field(factory=dict)

    async def ask(self, held: _Held) -> Origin:
        """What is published of an object now."""
        name = (held.client.provider, str(held.task.url))
        async with self.locks.setdefault(name, asyncio.Lock()):
            if name not in self.told:
                try:
                    self.told[name] = await self._asked(held, name[1])
                except (SourceError, IntegrityError) as error:
                    self.told[name] = error
        told = self.told[name]
        if isinstance(told, DSMError):
            raise told
        return told

    async def _asked(self, held: _Held, url: str) -> Origin:
        where = f"{held.client.provider}/{held.client.source}"
        async with held.venue.lane(held.client).slot() as slot:
            # A small request tells nothing of how many downloads pay.
            slot.done(0)
            if where in self.stopped:
                raise self.stopped[where]
            try:
                with self.deadline():
                    return await published_origin_of(held.client, url)
            except SourceError as error:
                if _stops_source(error):
                    self.stopped[where] = error
                raise

    def deadline(self) -> Any:
        """The time that one object may take."""
        return deadline_scope(Deadline.after(self.session.settings.config.defaults.deadline_s))


async def refresh_series(
    session: Session,
    pattern: str | None,
    wanted: Iterable[str | SeriesKey] | None,
    since: Moment | None,
    jobs: int,
) -> tuple[Refreshed, ...]:
    """Look at every object that brought rows of what is held and matches; one line a series, by key.

    Raises
    ------
    RequestError
        Without a cache, or for arguments that mean nothing.
    OfflineError
        When requests are switched off.
    """
    store, chosen = _checked(session), Selection.of(pattern, wanted, jobs)
    first = None if since is None else moment_bounds(since, "since")[0]
    held = await asyncio.to_thread(lambda: list(store.ledgers(chosen.means)))
    together, lane = _Round(session, first), asyncio.Semaphore(chosen.jobs)

    async def one(ledger: SeriesLedger) -> Refreshed:
        async with lane:
            return await _refresh(together, ledger)

    lines = list(await asyncio.gather(*map(one, held)))
    missing = chosen.lacking(ledger.summary.key for ledger in held)
    lines += [Refreshed(key=key, error=_not_held(key)) for key in missing]
    return tuple(sorted(lines, key=lambda line: str(line.key)))


def _checked(session: Session) -> CacheStore:
    """The cache, once nothing forbids to ask about what it holds."""
    if session.store is None:
        raise RequestError("The cache is switched off, so nothing is held.", hint="Use use_cache=True.")
    if session.settings.config.offline:
        raise OfflineError("Requests are switched off (offline).", hint="Unset DSM_OFFLINE.")
    return session.store


async def _refresh(together: _Round, ledger: SeriesLedger) -> Refreshed:
    key, requests = ledger.summary.key, 0
    call_id = current_scope().call_id

    def count(event: Event) -> None:
        nonlocal requests
        if isinstance(event, RequestSent) and (event.call_id, event.series) == (call_id, str(key)):
            requests += 1

    stop_counting = together.session.bus.subscribe(count)
    try:
        with call_scope(call_id, str(key)):
            objects = _objects(together, ledger)
            found = await asyncio.gather(*(_look(together, held) for held in objects))
    except DSMError as error:
        return Refreshed(key=key, requests=requests, error=error)
    finally:
        stop_counting()
    told = sorted((one for one in found if one is not None), key=lambda one: (one.span.start, one.name))
    return Refreshed(key=key, checked=len(objects), requests=requests, objects=tuple(told))


def _objects(together: _Round, ledger: SeriesLedger) -> list[_Held]:
    """The objects that brought the series' rows, as far as its sources know them."""
    # A call of one instant resolves the series, and asks nobody.
    call = together.session.open_call(request_of(ledger.summary.key, TimeRange(0, 1)), keeps_rows=False)
    found: dict[tuple[str, str], tuple[ArchiveClient, Task, list[Origin]]] = {}
    for entry in ledger.ledger:
        client = call.series.clients.get(entry.source)
        if not isinstance(client, ArchiveClient):
            continue
        task = _object_of(client, entry)
        if task is None or (together.since is not None and task.span.end <= together.since):
            continue
        origins = found.setdefault((entry.source, str(task.url)), (client, task, []))[2]
        if entry.origin not in origins:
            origins.append(entry.origin)
    return [
        _Held(series=call.series, venue=call.venue, client=client, task=task, origins=tuple(origins))
        for client, task, origins in found.values()
    ]


def _object_of(client: ArchiveClient, entry: LedgerEntry) -> Task | None:
    # What the archive took back may have come again.
    if entry.origin.url is None or entry.state == "provisional":
        return None
    with guarding(type(client), client.provider):
        return client.object_at(entry.origin.url, entry.start)


async def _look(together: _Round, held: _Held) -> RefreshedObject | None:
    """What became of an object; None where its edition is the one that is held."""
    with source_scope(str(held.client.source)):
        try:
            told = await together.ask(held)
            old = _outdated(held, told)
            return await _renew(together, held, old) if old else None
        except _FAILURES as error:
            return _of(held, held.origins, error=error)


def _outdated(held: _Held, told: Origin) -> tuple[Origin, ...]:
    sames = {origin: is_same(origin, told) for origin in held.origins}
    if None in sames.values():
        raise ArchiveError(
            f"{held.task.name}: neither checksum nor ETag tells whether it changed.",
            hint="What is held stays; clear the series to fetch it anew.",
            url=held.task.url,
        )
    return tuple(origin for origin, same in sames.items() if not same)


async def _renew(together: _Round, held: _Held, old: Sequence[Origin]) -> RefreshedObject:
    """Fetch the new edition of an object and let it take the place of the old ones."""
    client, series, store = held.client, held.series, together.session.store
    assert store is not None
    async with held.venue.lane(client).slot():
        with together.deadline():
            now = held.venue.now_ns(series.key.market_type)
            edition = await fetch_edition(series, client, held.task, now)
            changes = await client.context.run(keep_edition, store, series, edition, frozenset(old), now)
    return _of(held, old, new=edition.origin, changes=changes)


def _of(held: _Held, old: Sequence[Origin], **told: Any) -> RefreshedObject:
    return RefreshedObject(name=held.task.name, span=held.task.span, old=old[0], **told)


def _stops_source(error: SourceError) -> bool:
    """Whether every other object would fail alike."""
    banned = isinstance(error, RateLimitError) and bool(error.details.get("banned"))
    return banned or isinstance(error, AccessDeniedError | OfflineError)


def _not_held(key: SeriesKey) -> RequestError:
    return RequestError(f"{key} is not held.", hint="Fetch its first range with prefetch.", series=str(key))
