"""The verb ``audit`` of the synchronous manager."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Unpack

from dsm_core.audit import Audit, audit_series
from dsm_core.audit.run import Bounds
from dsm_core.background import LoopThread
from dsm_core.events import new_call
from dsm_core.face import Face
from dsm_core.fcp.request import CallOptions, Moment, Request
from dsm_core.model.interval import Interval

__all__ = ["AuditVerb"]


class AuditVerb(Face):
    """Compares the sources of a series."""

    _loop: LoopThread

    def audit(
        self,
        symbol: str,
        start_time: Moment | None = None,
        end_time: Moment | None = None,
        interval: str | None = Interval.SECOND_1,
        *,
        sources: Sequence[str] | None = None,
        relative: Mapping[str, float] | None = None,
        absolute: Mapping[str, float] | None = None,
        **options: Unpack[CallOptions],
    ) -> Audit:
        """Fetch a range from each source of a series and compare, row by row.

        Each source is asked alone. Rows of it that are cached are not fetched again; what is fetched is
        not cached, so that no later call is given other rows because of an audit.

        Parameters
        ----------
        symbol, start_time, end_time, interval, options
            As in :meth:`get_data`; ``columns`` are those compared. ``enforce_source``, ``on_gaps``,
            ``include_open_bar`` and ``include_source_metadata`` mean nothing here.
        sources
            Two or more of the series' sources; all when left out.
        relative, absolute
            Tolerances by column, in place of the configuration's and the usual ones: 1e-9 of volumes,
            none of anything else.

        Returns
        -------
        Audit
            Rows compared, what differs, and where a source could not tell.

        Raises
        ------
        RequestError
            When the series has no two sources, or a tolerance no column.
        DSMError
            When there is no row at all and a source failed.
        """
        self._check_open()
        request = Request.of(symbol, start_time, end_time, interval, options)
        told = self._settings.config.agreement
        bounds = Bounds(
            sources=sources, tolerances=(told.relative, told.absolute), relative=relative, absolute=absolute
        )
        with new_call():
            return self._loop.run(audit_series(request, bounds, self._open))
