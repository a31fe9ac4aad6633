"""Arrow table to polars frame, where polars is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsm_core.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = ["to_polars_frame"]


def to_polars_frame(table: pa.Table) -> pl.DataFrame:
    """The same columns and rows; nothing is copied where polars can share them.

    Raises
    ------
    ConfigError
        When polars is not installed.
    """
    try:
        import polars as pl  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigError("polars is not installed.", hint="Run: pip install 'dsm-core[polars]'") from None
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame
