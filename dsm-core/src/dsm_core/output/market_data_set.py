"""Many series at once: their data, errors and gaps, as one panel or one by one."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, Sequence, ValuesView
from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import pyarrow as pa

from dsm_core.errors import DSMError, RequestError
from dsm_core.model.provenance import Gap
from dsm_core.model.wording import counted
from dsm_core.output.market_data import MarketData
from dsm_core.output.polars_frame import to_polars_frame

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["MarketDataSet", "SHAPES", "Shape", "check_shape"]

Shape = Literal["long", "wide", "dict"]
SHAPES: Final = ("long", "wide", "dict")
_T = TypeVar("_T")
_ON_ERROR: Final = ("collect", "raise")
_LABEL: Final = "symbol"


def check_shape(shape: str, on_error: str) -> None:
    """Refuse a word that means nothing.

    Raises
    ------
    RequestError
        Naming the ones there are.
    """
    if shape not in SHAPES:
        raise RequestError(f"shape={shape!r}.", hint=f"Use one of {', '.join(SHAPES)}.")
    if on_error not in _ON_ERROR:
        raise RequestError(f"on_error={on_error!r}.", hint=f"Use one of {', '.join(_ON_ERROR)}.")


class MarketDataSet:
    """Market data by label, in the order asked for.

    A label is the symbol, or the text of the series key where that was given. A series that could
    not be had is in ``errors`` instead. It reads like a dict, and polars, duckdb and pyarrow take it as
    one long table (:meth:`to_arrow`).

    Parameters
    ----------
    data
        By label.
    errors
        By label.
    shape
        What :meth:`to_pandas` gives by default.
    """

    def __init__(
        self, data: Mapping[str, MarketData], errors: Mapping[str, DSMError], *, shape: Shape = "long"
    ) -> None:
        self._data = dict(data)
        self._errors = dict(errors)
        self._shape: Shape = shape

    # No Mapping: polars would take its labels for columns.

    def __getitem__(self, label: str) -> MarketData:
        return self._data[label]

    def __contains__(self, label: object) -> bool:
        return label in self._data

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def keys(self) -> KeysView[str]:
        """The labels."""
        return self._data.keys()

    def values(self) -> ValuesView[MarketData]:
        """The data, in the order of the labels."""
        return self._data.values()

    def items(self) -> ItemsView[str, MarketData]:
        """Pairs of label and data."""
        return self._data.items()

    def get(self, label: str, default: _T | None = None) -> MarketData | _T | None:
        """Data of a label, or ``default``."""
        return self._data.get(label, default)

    @property
    def errors(self) -> Mapping[str, DSMError]:
        """Why a series is not there, by label."""
        return MappingProxyType(self._errors)

    @property
    def gaps(self) -> Mapping[str, tuple[Gap, ...]]:
        """What is missing, by label; series without gaps are left out."""
        return {label: data.gaps for label, data in self._data.items() if data.gaps}

    @property
    def requests(self) -> int:
        """HTTP requests sent for all series."""
        return sum(data.requests for data in self._data.values())

    def to_arrow(self) -> pa.Table:
        """Long table: ``symbol``, the time column, then the columns; by label, then time."""
        tables = []
        for label, data in self._data.items():
            table = data.to_arrow()
            labels = pa.DictionaryArray.from_arrays(pa.nulls(0, pa.int32()), pa.array([label]))
            if len(table):
                labels = pa.DictionaryArray.from_arrays(
                    pa.repeat(pa.scalar(0, pa.int32()), len(table)), [label]
                )
            tables.append(table.add_column(0, _LABEL, labels.cast(pa.string())))
        if not tables:
            raise RequestError("No series of the set could be had.", hint="Look into .errors.")
        self._check_alike([data.schema.arrow() for data in self._data.values()])
        return pa.concat_tables(tables)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def to_polars(self) -> pl.DataFrame:
        """Long polars frame.

        Raises
        ------
        ConfigError
            When polars is not installed.
        """
        return to_polars_frame(self.to_arrow())

    def to_pandas(self, shape: Shape | None = None) -> Any:
        """All series in pandas.

        Parameters
        ----------
        shape
            ``long``: index (symbol, time). ``wide``: index time, columns (column, symbol), NaN
            where a series has no row. ``dict``: a frame by label.

        Returns
        -------
        pandas.DataFrame or dict

        Raises
        ------
        RequestError
            When there is no series, their chart types have other indices, or a wide panel is asked for of
            events that share their times.
        """
        shape = shape or self._shape
        if shape == "dict":
            return self.frames
        self._check_alike([data.schema.index for data in self._data.values()])
        if shape == "long":
            return _long(self.frames)
        keyed = next((data.schema for data in self._data.values() if data.schema.key), None)
        if keyed is not None:
            raise RequestError(
                f"{keyed.name} may have several rows of one time, which a wide panel cannot hold.",
                hint='Use shape="long" or "dict".',
            )
        return _wide(self.frames)

    @property
    def frames(self) -> dict[str, pd.DataFrame]:
        """A frame by label."""
        return {label: data.to_pandas() for label, data in self._data.items()}

    def _check_alike(self, facts: Sequence[object]) -> None:
        """Refuse one table of chart types that differ in ``facts``."""
        if any(fact != facts[0] for fact in facts):
            names = " and ".join(dict.fromkeys(data.schema.name for data in self._data.values()))
            raise RequestError(
                f"The set holds {names}, which do not make one table.",
                hint='Use shape="dict", or get one chart type at a time.',
            )

    def __repr__(self) -> str:
        rows = sum(map(len, self._data.values()))
        errors = counted(len(self._errors), "error")
        return f"<MarketDataSet {len(self)} series, {counted(rows, 'row')}, {errors}>"

    def _repr_html_(self) -> str:
        head = "<tr><th>series</th><th>rows</th><th>gaps</th><th>requests</th></tr>"
        rows = "".join(
            f"<tr><td>{escape(label)}</td><td>{len(d)}</td><td>{len(d.gaps)}</td><td>{d.requests}</td></tr>"
            for label, d in self._data.items()
        )
        errors = "".join(f"<li>{escape(k)}: {escape(str(e))}</li>" for k, e in self._errors.items())
        tail = f"<p>Errors:</p><ul>{errors}</ul>" if errors else ""
        return f"<p>{escape(repr(self)[1:-1])}</p><table>{head}{rows}</table>{tail}"


def _long(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415 - loaded by whoever asks for pandas

    if not frames:
        raise RequestError("No series of the set could be had.", hint="Look into .errors.")
    return pd.concat(frames, names=[_LABEL])


def _wide(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415

    if not frames:
        raise RequestError("No series of the set could be had.", hint="Look into .errors.")
    wide = pd.concat(frames, axis=1, names=[_LABEL], sort=True).swaplevel(axis=1)
    order = list(dict.fromkeys(column for frame in frames.values() for column in frame.columns))
    return wide.reindex(columns=pd.MultiIndex.from_product([order, list(frames)], names=["column", _LABEL]))
