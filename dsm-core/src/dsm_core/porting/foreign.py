"""Import of what other programs keep: CSV, and the files of freqtrade and ccxt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Final

import pyarrow as pa
from attrs import frozen

from dsm_core.cache import CacheStore
from dsm_core.config import ConfigSource, load_config
from dsm_core.errors import RequestError
from dsm_core.fcp.checks import usual_provider
from dsm_core.model.names import MarketType
from dsm_core.model.series import SeriesKey
from dsm_core.plugins.registry import default_registry
from dsm_core.porting.candles import read_feather, read_json_rows
from dsm_core.porting.csv_rows import read_csv
from dsm_core.porting.intake import ImportedFile, keep_foreign
from dsm_core.porting.naming import key_of_folders, key_of_name, named_bars
from dsm_core.porting.source_file import SourceFile
from dsm_core.porting.target import Target, target_of
from dsm_core.porting.time_text import TIME_UNITS, TimeForm

__all__ = ["import_ccxt", "import_csv", "import_freqtrade"]

_Reader = Callable[[SourceFile], pa.Table]
_PathText = str | PathLike[str]
_READERS: Final[Mapping[str, _Reader]] = {".feather": read_feather, ".json": read_json_rows}
_TRADES: Final = "-trades"


def import_csv(  # noqa: PLR0913 - the keywords are the public face
    store: CacheStore,
    path: _PathText,
    series: SeriesKey | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    time_unit: str | None = None,
    tz: str | None = None,
    now: int,
    force: bool = False,
    config: ConfigSource = None,
) -> ImportedFile:
    """Bring the bars of a CSV file into the cache.

    Parameters
    ----------
    series
        Whose bars they are; None where the file lies as an export put it.
    columns
        The file's name of a column of the chart type, where it differs: ``{"open_time": "ts"}``.
        Columns that the file lacks become null, ``close_time`` the end of the bar's slot.
    time_unit
        ``s``, ``ms``, ``us``, ``ns`` or ``iso``; told by the text when left out.
    tz
        Zone of ISO times that name none.
    now
        UTC nanoseconds; bars that have not closed are left out.
    force
        Replace what the cache holds; else only ranges that it does not know are filled.
    config
        As for a manager: options that the series leaves out, and what else decides where its bars open.

    Returns
    -------
    ImportedFile
        How many rows were written, held already, and unfinished.

    Raises
    ------
    RequestError, PluginError, ConfigError
        When the series cannot be told or nobody serves it, or the file is not what it should be;
        nothing was written.
    CacheUnavailableError
        When the cache cannot be written.
    """
    if time_unit is not None and time_unit not in TIME_UNITS:
        raise RequestError(f"There is no time unit {time_unit!r}.", hint=f"Use {', '.join(TIME_UNITS)}.")
    file = SourceFile.read(Path(path))
    target = _target(file, series or key_of_folders(file.path), config)
    rows = read_csv(file, target.schema, columns, TimeForm(time_unit, tz))
    return keep_foreign(store, target, file, rows, now=now, force=force)


def import_ccxt(
    store: CacheStore,
    path: _PathText,
    series: SeriesKey | None = None,
    *,
    provider: str | None = None,
    market: str | None = None,
    now: int,
    force: bool = False,
    config: ConfigSource = None,
) -> ImportedFile:
    """Bring a JSON list of ``[ms, open, high, low, close, volume]`` into the cache.

    Parameters
    ----------
    series
        Whose bars they are; None to tell it from the name (``BTC_USDT-1h.json``) and ``market``.
    provider
        Where several are installed.
    now, force, config
        As in :func:`import_csv`.

    Raises
    ------
    RequestError, PluginError, ConfigError, CacheUnavailableError
        As :func:`import_csv`.
    """
    job = _Job(store, series, provider, market, now, force, config)
    return job.run(Path(path), read_json_rows)


def import_freqtrade(
    store: CacheStore,
    path: _PathText,
    series: SeriesKey | None = None,
    *,
    provider: str | None = None,
    market: str | None = None,
    now: int,
    force: bool = False,
    config: ConfigSource = None,
) -> Iterator[ImportedFile]:
    """Bring freqtrade's Feather and JSON files into the cache, one after the other.

    Parameters
    ----------
    path
        A file, or a folder whose files are looked through, subfolders included.
    series
        Of a single file; else told by the names, such as ``BTC_USDT-1h.feather`` (spot, unless
        ``market`` says otherwise) and ``BTC_USDT_USDT-1h-futures.feather``.
    now, force, config
        As in :func:`import_csv`.

    Yields
    ------
    ImportedFile
        For each file. In a folder, one that cannot be used is told of and the others are imported;
        mark prices, funding and trades are skipped.

    Raises
    ------
    RequestError, PluginError, ConfigError, CacheUnavailableError
        As :func:`import_csv`, of a single file; or when a folder has no such file.
    """
    where = Path(path)
    job = _Job(store, series, provider, market or MarketType.SPOT, now, force, config)
    if not where.is_dir():
        yield job.run(where, _reader(where))
        return
    if series is not None:
        raise RequestError(f"{where} is a folder.", hint="A series is named for a single file.", path=where)
    files = sorted(f for f in where.rglob("*") if f.suffix.lower() in _READERS and f.is_file())
    if not files:
        raise RequestError(f"{where} holds no .feather or .json file.", path=where)
    yield from map(job.attempt, files)


@frozen
class _Job:
    """What the files of one import share."""

    store: CacheStore
    series: SeriesKey | None
    provider: str | None
    market: str | None
    now: int
    force: bool
    config: ConfigSource

    def run(self, path: Path, reader: _Reader) -> ImportedFile:
        """Import one file."""
        file = SourceFile.read(path)
        target = _target(file, self.series or self._key(path), self.config)
        return keep_foreign(self.store, target, file, reader(file), now=self.now, force=self.force)

    def attempt(self, path: Path) -> ImportedFile:
        """Import one file of many, or tell why not."""
        other = _other_content(path)
        if other:
            return ImportedFile(path=path, outcome="skipped", problem=f"holds {other}, no bars of trades")
        try:
            return self.run(path, _reader(path))
        except RequestError as error:
            return ImportedFile(path=path, outcome="refused", problem=str(error))

    def _key(self, path: Path) -> SeriesKey:
        market = None if self.market is None else MarketType(self.market)
        return key_of_name(path, self.provider or self._usual_provider(), market)

    def _usual_provider(self) -> str:
        return usual_provider(default_registry.names(), load_config(self.config).defaults.provider)


def _target(file: SourceFile, key: SeriesKey, config: ConfigSource) -> Target:
    target = target_of(key, config)
    if target.grid is None or target.schema.kind != "bars":
        raise file.refusal(f"{key} is no series of bars on a grid", "Only such can be imported.")
    return target


def _reader(path: Path) -> _Reader:
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise RequestError(
            f"{path} is neither .feather nor .json.", hint="`dsm import csv` reads CSV.", path=path
        )
    return reader


def _other_content(path: Path) -> str:
    """What a file of freqtrade's holds that is no bars of trades; empty where it should be such."""
    if path.stem.endswith(_TRADES):
        return "trades"
    try:
        named = named_bars(path)
    except RequestError:
        return ""
    return "" if named.holds_bars else str(named.kind)
