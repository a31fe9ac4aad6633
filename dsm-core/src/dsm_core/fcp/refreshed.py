"""What a refresh found: of each series, the objects that were published anew and the rows that differ."""

from __future__ import annotations

from attrs import field, frozen

from dsm_core.errors import DSMError
from dsm_core.fcp.row_changes import Changes
from dsm_core.model.coverage import Origin
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import TimeRange
from dsm_core.model.wording import counted

__all__ = ["RefreshedObject", "Refreshed"]


@frozen(kw_only=True)
class RefreshedObject:
    """An object that was published anew, or that could not be looked at.

    Parameters
    ----------
    name, span
        Its file name and its period.
    old, new
        Origins: the edition that was held, and the one that took its place; ``new`` is None with an error.
    changes
        Rows that differ.
    error
        Why nothing was done; what was held stays.
    """

    name: str
    span: TimeRange
    old: Origin
    new: Origin | None = None
    changes: Changes = field(factory=Changes)
    error: DSMError | None = None

    def __str__(self) -> str:
        if self.error is not None:
            return f"{self.name}: what is held stays: {self.error}"
        if not self.changes.rows:
            return f"{self.name}: published anew, no row differs"
        told = self.changes
        return f"{self.name}: {told.changed} changed, {told.withdrawn} withdrawn, {told.added} added"


@frozen(kw_only=True)
class Refreshed:
    """What became of one series.

    Parameters
    ----------
    key
        Which series.
    checked
        Objects that were asked about.
    requests
        HTTP requests sent for it.
    objects
        Those that were published anew, and those that could not be looked at; by time.
    error
        Why the series could not be looked at.
    """

    key: SeriesKey
    checked: int = 0
    requests: int = 0
    objects: tuple[RefreshedObject, ...] = ()
    error: DSMError | None = None

    @property
    def republished(self) -> tuple[RefreshedObject, ...]:
        """Objects whose new edition is held now."""
        return tuple(one for one in self.objects if one.error is None)

    @property
    def failed(self) -> tuple[RefreshedObject, ...]:
        """Objects of which nobody knows; what they brought stays."""
        return tuple(one for one in self.objects if one.error is not None)

    @property
    def partial(self) -> bool:
        """Whether asking again may tell more."""
        return self.error is not None or bool(self.failed)

    def __str__(self) -> str:
        if self.error is not None:
            return f"{self.key}: failed: {self.error}"
        parts = [f"{counted(self.checked, 'object')} checked", f"{len(self.republished)} published anew"]
        parts += [f"{len(self.failed)} failed"] if self.failed else []
        return f"{self.key}: {', '.join(parts)}"
