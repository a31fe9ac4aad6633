"""The universe of symbols as a frame."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from dsm_core.fcp.universe import traded_in
from dsm_core.model.request import moment_bounds
from dsm_core.plugins.provider import SymbolInfo

__all__ = ["universe_frame"]

_TEXTS = ("symbol", "base", "quote", "contract_type", "status")
_TIMES = ("listed_at", "delisted_at")
_TOLD = ("status", *_TIMES)


def universe_frame(infos: Sequence[SymbolInfo], at: object = None) -> pd.DataFrame:
    """Frame of symbols, or of those that traded ``at`` a time."""
    if at is not None:
        infos = traded_in(infos, *moment_bounds(at, "at"))
    columns: dict[str, object] = {
        name: pd.Series([getattr(info, name) for info in infos], dtype="str") for name in _TEXTS
    }
    for name in _TIMES:
        columns[name] = pd.to_datetime([getattr(info, name) for info in infos], utc=True).as_unit("ns")
    for name in _TOLD:
        columns[f"{name}_source"] = pd.Series([info.sources.get(name) for info in infos], dtype="str")
    return pd.DataFrame(columns)
