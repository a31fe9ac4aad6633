"""Recorded answers, which are served before anything generated."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from dsm_tradestation.emulator.series import Unit

__all__ = ["Recordings", "Row"]

_Key = tuple[str, Unit, int]
Row = dict[str, Any]
"""One bar as the venue writes it."""

_NAME: Final = re.compile(r"barcharts_(?P<symbol>[^_]+)_(?P<rest>.*)")
_UNIT: Final = re.compile(r"(?<![a-z])(minute|daily|weekly|monthly)(?![a-z])", re.IGNORECASE)
_INTERVAL: Final = re.compile(r"interval_(\d+)", re.IGNORECASE)
_UNITS: Final[dict[str, Unit]] = {
    "minute": "Minute",
    "daily": "Daily",
    "weekly": "Weekly",
    "monthly": "Monthly",
}


class Recordings:
    """Bars and symbol details out of folders of recorded answers.

    An answer with bars names its symbol and unit in the file's name, as
    ``barcharts_MSFT_interval_1_unit_Daily.json``.

    Raises
    ------
    FileNotFoundError
        A folder holds no recorded answer.
    ValueError
        A file's name does not tell what its bars are.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._bars: dict[_Key, dict[int, Row]] = {}
        self._spans: dict[_Key, list[tuple[int, int]]] = {}
        self.details: dict[str, Mapping[str, Any]] = {}
        for folder in folders:
            answers = [path for path in sorted(folder.rglob("*.json")) if _is_answer(path)]
            for path in answers:
                self._read(path)
            if not answers:
                msg = f"no recorded barcharts or symbols under {folder}; name a folder of the venue's answers"
                raise FileNotFoundError(msg)

    def symbols(self) -> set[str]:
        """Give every symbol that bars were recorded of."""
        return {symbol for symbol, _, _ in self._bars}

    def bars(self, symbol: str, unit: Unit, interval: int) -> dict[int, Row]:
        """Give the recorded bars of a series by their time in milliseconds, ascending."""
        return self._bars.get((symbol, unit, interval), {})

    def spans(self, symbol: str, unit: Unit, interval: int) -> list[tuple[int, int]]:
        """Give from when to when each recorded answer of a series reaches, both inclusive."""
        return self._spans.get((symbol, unit, interval), [])

    def _read(self, path: Path) -> None:
        body = json.loads(path.read_text("utf-8"))
        for detail in body.get("Symbols", ()):
            self.details[detail["Symbol"]] = detail
        if body.get("Bars"):
            key, rows = _key(path), {row["Epoch"]: row for row in body["Bars"]}
            self._bars[key] = dict(sorted({**self._bars.get(key, {}), **rows}.items()))
            self._spans.setdefault(key, []).append((min(rows), max(rows)))


def _is_answer(path: Path) -> bool:
    return re.match("(marketdata_)?(barcharts|symbols)_", path.name) is not None


def _key(path: Path) -> _Key:
    match = _NAME.search(path.stem)
    unit = _UNIT.search(match["rest"]) if match else None
    if match is None or unit is None:
        msg = f"{path.name} does not tell its bars; name it barcharts_SYMBOL_interval_N_unit_UNIT.json"
        raise ValueError(msg)
    interval = _INTERVAL.search(match["rest"])
    return match["symbol"], _UNITS[unit[1].lower()], int(interval[1]) if interval else 1
