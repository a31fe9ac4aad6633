"""Clients of archives: whole objects, downloaded and verified by core, parsed by the author."""

from __future__ import annotations

import asyncio
import tempfile
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from attrs import evolve

from dsm_core.errors import (
    ArchiveError,
    ChecksumMismatchError,
    DataNotAvailableError,
    IntegrityError,
    PluginContractError,
    SourceError,
)
from dsm_core.events import current_scope
from dsm_core.model.coverage import Origin
from dsm_core.model.interval import Interval
from dsm_core.model.specimen import Specimen
from dsm_core.model.time_range import RangeSet, TimeRange, to_ns
from dsm_core.net import Download
from dsm_core.plugins.answer import Answer
from dsm_core.plugins.blame import place_of, told
from dsm_core.plugins.calling import as_answer, name_of
from dsm_core.plugins.context import ClientContext
from dsm_core.plugins.granularity import Granularity
from dsm_core.plugins.guard import guarding
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.task import Task
from dsm_core.plugins.turn import turn_of

__all__ = ["ArchiveClient", "sizes_of"]

# A month of which two or three days are held is still fetched as one file.
_WHOLE_SHARE: Final = 0.9


def _origin_of(download: Download) -> Origin:
    return Origin(
        url=download.url,
        sha256=download.sha256,
        etag=download.etag,
        last_modified=download.last_modified,
        size=download.size,
    )


def _mismatch(digest: str | BaseException | None, download: Download) -> IntegrityError | None:
    """Why an object cannot be believed; None when it can."""
    if isinstance(digest, DataNotAvailableError):
        error = ChecksumMismatchError(
            f"{download.url} has no published checksum.", hint="The file is not used.", url=download.url
        )
        error.__cause__ = digest
        return error
    if isinstance(digest, IntegrityError):
        return digest
    if digest is not None and digest != download.sha256:
        return ChecksumMismatchError(
            f"{download.url} does not match its checksum.",
            hint="The file is not used.",
            url=download.url,
            expected=digest,
            actual=download.sha256,
        )
    return None


def sizes_of(client: ArchiveClient) -> tuple[Granularity, ...]:
    """The client's granularities, checked.

    Raises
    ------
    PluginContractError
        When there is none, or something else.
    """
    given: Any = client.granularities()
    sizes = tuple(given) if isinstance(given, Iterable) else ()
    if not sizes or not all(isinstance(size, Granularity) for size in sizes):
        raise PluginContractError(
            f"{name_of(client)} has the granularities {given!r:.100}.",
            hint="Give a tuple of at least one Granularity, coarsest first.",
        )
    return sizes


class ArchiveClient(DataClientInterface):
    """A client whose source holds whole objects.

    The author names the objects (:meth:`granularities`, :meth:`object_url`) and parses one
    (:meth:`parse`). Core downloads, verifies the checksum before a byte is parsed, and moves on to
    finer objects or the next source where an object is absent, incomplete or refused.
    """

    def __init__(
        self, symbol: str, interval: Interval | None, context: ClientContext, **options: Any
    ) -> None:
        super().__init__(symbol, interval, context, **options)
        self._stated: dict[str, str] = {}

    @abstractmethod
    def granularities(self) -> tuple[Granularity, ...]:
        """Sizes of objects this series has, coarsest first."""

    @abstractmethod
    def object_url(self, granularity: Granularity, period: TimeRange) -> str:
        """URL of an object, starting with an endpoint key: ``{vision}/data/...``."""

    @abstractmethod
    def parse(self, task: Task, path: Path) -> Any:
        """Rows of a verified object, a table or an :class:`Answer`; runs in a worker thread.

        Raises
        ------
        ArchiveError
            When the object is not what its name says; its range moves on.
        """

    async def expected_sha256(self, url: str) -> str | None:
        """Published SHA-256 of an object, lower-case hex; None where the archive has no checksums.

        Raises
        ------
        DataNotAvailableError
            When the checksum should be there and is not.
        """
        return None

    async def published_origin(self, url: str) -> Origin:
        """What is published at ``url`` now, in one cheap request: its checksum, else its ETag.

        ``refresh`` compares it with what is known of the object. Override where the archive tells it
        otherwise, such as in a catalogue; leave out what is not told.

        Raises
        ------
        DataNotAvailableError
            When the object, or its checksum, is not there.
        """
        digest = await self.expected_sha256(url)
        if digest is not None:
            # A download that follows need not ask again.
            self._stated[url] = digest
            return Origin(url=url, sha256=digest)
        headers = await self.context.http.head(url)
        size = headers.get("content-length", "")
        return Origin(
            url=url,
            etag=headers.get("etag"),
            last_modified=headers.get("last-modified"),
            size=int(size) if size.isascii() and size.isdigit() else None,
        )

    def object_at(self, url: str, at: int) -> Task | None:
        """The object that has this address and holds the instant ``at``; None for no such one.

        Parameters
        ----------
        url, at
            As an object's origin tells it, of whichever host; UTC nanoseconds.
        """
        sizes = sizes_of(self)
        for size in sizes:
            start = size.grid.floor(at)
            task = self._task(size, TimeRange(start, size.grid.next(start)), size is sizes[-1])
            # Hosts come and go with the configuration; what stands behind them stays.
            path = str(task.url).partition("}")[2] or str(task.url)
            if url.endswith(path):
                return task
        return None

    def plan(self, ranges: RangeSet, now: int, skip: frozenset[str] = frozenset()) -> tuple[Task, ...]:
        """Objects that bring ``ranges``: coarse where (nearly) every finer period is wanted, else fine."""
        tasks: list[Task] = []
        remaining = self.within_history(ranges, now)
        sizes = sizes_of(self)
        for number, size in enumerate(sizes):
            finest = number == len(sizes) - 1
            for period in list(size.periods(remaining)):
                if size.published_at(period.end) > now:
                    continue
                if self.grid is not None and not self.grid.count_all(remaining.within(period)):
                    # A week that ends in this month opened in the one before, and stands there.
                    continue
                task = self._task(size, period, finest)
                if task.name in skip:
                    continue
                if finest or self._is_wanted_whole(sizes[-1], period, remaining):
                    tasks.append(task)
                    remaining = remaining - RangeSet.of(period)
        return tuple(sorted(tasks, key=lambda t: t.span.start))

    def unpublished(self, ranges: RangeSet, now: int) -> RangeSet:
        """The part of ``ranges`` whose finest objects cannot be there yet."""
        finest = sizes_of(self)[-1]
        waiting = [p for p in finest.periods(ranges) if finest.published_at(p.end) > now]
        return ranges & RangeSet.of(*waiting)

    async def answers(self, task: Task) -> AsyncIterator[Answer]:
        """Download, verify and parse one object; one new download where the checksum fails."""
        try:
            with tempfile.TemporaryDirectory(dir=self.context.workdir, ignore_cleanup_errors=True) as folder:
                specimen = await self._verified(task, Path(folder) / "object")
                async with turn_of(self.context, specimen.origin.size):
                    try:
                        answer = as_answer(await self.context.run(self._parsed, task, specimen.path))
                    except (IntegrityError, SourceError) as error:
                        await self._keep(specimen, error)
                        raise
                    # Its file stays until the rows have been taken in, or refused.
                    yield evolve(answer, origin=specimen.origin, specimen=specimen)
        except OSError as error:
            raise ArchiveError(
                f"{task.name} cannot be stored: {error}.",
                hint="Free space in the temporary folder, or set TMPDIR.",
                url=task.url,
            ) from error

    async def fetch(self, start_time: datetime, end_time: datetime, **kwargs: Any) -> AsyncIterator[Answer]:
        """Objects that overlap ``[start_time, end_time)``."""
        span = RangeSet.from_pairs([(to_ns(start_time), to_ns(end_time))])
        for task in self.plan(span, self.context.now_ns()):
            async for answer in self.answers(task):
                yield answer

    def _parsed(self, task: Task, path: Path) -> Any:
        with guarding(type(self), self.provider, task.span):
            try:
                return self.parse(task, path)
            except OSError as error:
                raise ArchiveError(
                    f"{task.name} cannot be read: {told(error)}{place_of(error)}.", url=task.url
                ) from error

    async def _verified(self, task: Task, path: Path) -> Specimen:
        """The object and its checksum; both once more where they do not agree."""
        specimen, error = await self._downloaded(task, path)
        if error is not None:
            specimen, error = await self._downloaded(task, path)
        if error is not None:
            await self._keep(specimen, error)
            raise error
        return specimen

    async def _downloaded(self, task: Task, path: Path) -> tuple[Specimen, IntegrityError | None]:
        url = str(task.url)
        digest, download = await asyncio.gather(
            self._digest(url), self.context.http.download(url, path), return_exceptions=True
        )
        if isinstance(download, BaseException):
            raise download
        if isinstance(digest, BaseException) and not isinstance(
            digest, DataNotAvailableError | IntegrityError
        ):
            raise digest
        stated = None if isinstance(digest, BaseException) else digest
        specimen = Specimen(
            path=path,
            origin=_origin_of(download),
            stated=stated,
            client=name_of(self),
            series=current_scope().series,
        )
        return specimen, _mismatch(digest, download)

    async def _digest(self, url: str) -> str | None:
        stated = self._stated.pop(url, None)
        return await self.expected_sha256(url) if stated is None else stated

    async def _keep(self, specimen: Specimen, error: Exception) -> None:
        await self.context.run(self.context.quarantine, specimen, error)

    def _task(self, size: Granularity, period: TimeRange, finest: bool) -> Task:
        url = self.object_url(size, period)
        return Task(
            name=url.rpartition("/")[2],
            source=self.source,
            span=period,
            requests=size.requests,
            size_bytes=size.size_bytes,
            why=f"{size.name} file",
            fallback="next source" if finest else "absent or lacking days: finer files, then next source",
            url=url,
            granularity=size.name,
        )

    def _is_wanted_whole(self, finest: Granularity, period: TimeRange, wanted: RangeSet) -> bool:
        """Whether all but a few of the finer periods are wanted, so that one object costs less."""
        if self.grid is not None:
            wanted = self.grid.align(wanted)
        inside = wanted.within(period)
        return sum(1 for _ in finest.periods(inside)) >= _WHOLE_SHARE * finest.grid.count(period)
