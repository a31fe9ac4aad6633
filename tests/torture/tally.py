"""What a torture test injected and survived; ``make torture`` makes its table of these lines."""

from __future__ import annotations

import json
import os

__all__ = ["tally"]


def tally(name: str, *, injected: int, survived: int, rows_lost: int = 0) -> None:
    """Append a line to the file that ``DSM_TORTURE_TALLY`` names, if it names one.

    Parameters
    ----------
    name
        The subject, as the table shows it.
    injected, survived
        How many faults, and after how many of them everything was as promised.
    rows_lost
        Rows that were missing or wrong afterwards.
    """
    path = os.environ.get("DSM_TORTURE_TALLY")
    if not path:
        return
    line = json.dumps({"name": name, "injected": injected, "survived": survived, "rows_lost": rows_lost})
    # One write, at the end of the file: lines of several processes do not mix.
    with open(path, "ab", buffering=0) as file:
        file.write(line.encode() + b"\n")
