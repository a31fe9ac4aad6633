"""The verb ``refresh`` of the synchronous manager."""

from __future__ import annotations

from collections.abc import Iterable

from dsm_core.background import LoopThread
from dsm_core.events import new_call
from dsm_core.face import Face
from dsm_core.fcp.refresh import refresh_series
from dsm_core.fcp.refreshed import Refreshed
from dsm_core.fcp.request import Moment
from dsm_core.model.series import SeriesKey

__all__ = ["RefreshVerb"]


class RefreshVerb(Face):
    """Finds what an archive published anew."""

    _loop: LoopThread

    def refresh(
        self,
        pattern: str | None = None,
        *,
        series: Iterable[str | SeriesKey] | None = None,
        since: Moment | None = None,
        jobs: int = 8,
    ) -> tuple[Refreshed, ...]:
        """Ask whether archive files changed since they were fetched, and bring what did.

        Each distinct file is asked about once, for its checksum. The rows of one that was published anew
        take the place of those that it brought before: what the venue withdrew is a final gap then. Rows
        of other sources stay, and so does everything when the file cannot be had or verified.

        Parameters
        ----------
        pattern
            Glob over symbols or series keys; everything held when neither it nor ``series`` is given.
        series
            Series keys; one that is not held is an error in its line.
        since
            Only files with bars of that time or later; all when left out.
        jobs
            Series in flight.

        Returns
        -------
        tuple of Refreshed
            One line a series, by key; ``objects`` tell which rows differ, with old and new values.

        Raises
        ------
        RequestError
            Without a cache, or for arguments that mean nothing.
        OfflineError
            Requests are switched off.
        """
        self._check_open()
        with new_call():
            return self._loop.run(refresh_series(self._session, pattern, series, since, jobs))
