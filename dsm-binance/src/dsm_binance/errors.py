"""Errors that only this provider raises."""

from __future__ import annotations

from dsm_core.errors import ArchiveError

__all__ = ["VisionAPIError"]


class VisionAPIError(ArchiveError):
    """A file of the public archive was refused; its range moved on to the next source."""
