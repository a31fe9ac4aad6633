"""The table at the end of ``make torture``: what was injected, what was survived, what was lost.

Run as ``python -m torture.report FILE``; ends with 1 when a row was lost, a fault was not survived, or
nothing was tried.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

__all__ = ["Line", "read_lines", "table_of"]


class Line(NamedTuple):
    """One subject; the lines of one name, as a test with parameters writes them, are added up."""

    name: str
    injected: int
    survived: int
    rows_lost: int

    @property
    def is_good(self) -> bool:
        """Whether everything was as promised."""
        return self.injected > 0 and self.survived == self.injected and self.rows_lost == 0


def read_lines(text: str) -> list[Line]:
    """The subjects of a tally, by name."""
    found: dict[str, Line] = {}
    for line in map(json.loads, text.splitlines()):
        name = line["name"]
        before = found.get(name, Line(name, 0, 0, 0))
        sums = (before[place] + int(line[Line._fields[place]]) for place in (1, 2, 3))
        found[name] = Line(name, *sums)
    return sorted(found.values())


def table_of(lines: Iterable[Line]) -> str:
    """The table, its last line the sum."""
    lines = list(lines)
    total = Line("all", *(sum(line[place] for line in lines) for place in (1, 2, 3)))
    rows = [("subject", "faults injected", "survived", "rows lost")]
    rows += [(line.name, f"{line[1]:,}", f"{line[2]:,}", f"{line[3]:,}") for line in (*lines, total)]
    widths = [max(len(row[place]) for row in rows) for place in range(4)]
    told = [
        "  ".join([row[0].ljust(widths[0]), *(row[place].rjust(widths[place]) for place in (1, 2, 3))])
        for row in rows
    ]
    rule = "-" * len(told[0])
    return "\n".join([told[0], rule, *told[1:-1], rule, told[-1]])


def main(path: str) -> int:
    """Print the table; whether it tells of a loss."""
    tally = Path(path)
    lines = read_lines(tally.read_text()) if tally.exists() else []
    sys.stdout.write(f"{table_of(lines)}\n")
    return 0 if lines and all(line.is_good for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
