"""What installed distributions declare, as their metadata tells it; nothing is imported."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import importlib_metadata

__all__ = ["Declared", "declared"]

_log = logging.getLogger(__name__)


class Declared(NamedTuple):
    """One entry point with the distribution that declares it."""

    name: str
    target: str
    distribution: str
    version: str


def declared(
    group: str, distributions: Iterable[importlib_metadata.Distribution] | None = None
) -> Iterator[Declared]:
    """Entry points of a group; of one that a distribution has twice on the path, the first.

    What cannot be read is left out: an uninstall that was cut short leaves a folder without metadata
    behind, and it must not cost other packages anything.
    """
    seen: set[tuple[str, str]] = set()
    for dist in importlib_metadata.Distribution.discover() if distributions is None else distributions:
        for found in _read(dist, group):
            # An editable install and its build folder can both be on the path; Python takes the first.
            if (found.name, found.distribution) not in seen:
                seen.add((found.name, found.distribution))
                yield found


def _read(dist: importlib_metadata.Distribution, group: str) -> list[Declared]:
    try:
        entries = dist.entry_points.select(group=group)
        return [Declared(e.name, e.value, str(dist.metadata["Name"]), str(dist.version)) for e in entries]
    except Exception as error:
        _log.debug("distribution_ignored group=%s reason=%r", group, error)
        return []
