"""One frame by one call, without a manager to keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from dsm_core.fcp.request import Moment
from dsm_core.manager import DataSourceManager
from dsm_core.model.request import Last

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["get"]

_MANAGER_KEYWORDS: Final = frozenset(
    {"rest_client", "cache_dir", "cache_max_size", "config", "clock", "retry_count", "registry"}
)


def get(
    symbol: str,
    interval: str,
    start: Moment | None = None,
    end: Moment | None = None,
    *,
    last: Last | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Frame of one series, through a manager made for this call.

    Parameters
    ----------
    symbol, interval, start, end, last
        As in :meth:`DataSourceManager.get_data`.
    **options
        Its other keywords, and those of the manager's constructor.
    """
    own: Mapping[str, Any] = {k: options.pop(k) for k in list(options) if k in _MANAGER_KEYWORDS}
    with DataSourceManager(**own) as manager:
        frame: pd.DataFrame = manager.get_data(symbol, start, end, interval, last=last, **options)
        return frame
