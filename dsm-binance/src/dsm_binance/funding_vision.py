"""Funding rates from the public archive: monthly zips, the only record of past intervals."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

__all__ = ["CoinMFundingVision", "UsdsMFundingVision"]

_TYPES: Final = {
    "calc_time": pa.int64(),
    "funding_interval_hours": pa.int64(),
    "last_funding_rate": pa.float64(),
}
