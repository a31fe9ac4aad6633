"""Import of archive zips that lie on disk, in the archive's own folders or any other."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from attrs import evolve, frozen

from dsm_binance.archive import DAILY, MONTHLY, VisionClient
from dsm_binance.funding_vision import CoinMFundingVision, UsdsMFundingVision
from dsm_binance.kinds import INDEX_PRICE, KINDS, TRADES
from dsm_binance.markets import MARKETS
from dsm_binance.vision import KLINES_VISION
from dsm_core.cache import CacheStore
from dsm_core.errors import ChecksumMismatchError, DSMError, IntegrityError, RequestError, SourceError
from dsm_core.model import ChartType, Interval, MarketType, Origin, TimeRange, to_ns
from dsm_core.model.series import SeriesKey
from dsm_core.plugins import Task
from dsm_core.porting.intake import ImportedFile, keep
from dsm_core.porting.target import Target, target_of

__all__ = ["import_archive"]

_CLIENTS: Final[tuple[type[VisionClient], ...]] = (*KLINES_VISION, UsdsMFundingVision, CoinMFundingVision)
_FUNDING: Final = "fundingRate"
_KINDS: Final = {kind.method: kind.chart_type for kind in KINDS} | {_FUNDING: "funding_rate"}
# What else the archive has; some of it in files that are named as those of klines are.
_OTHERS: Final = "aggTrades|trades|bookTicker|bookDepth|metrics|liquidationSnapshot|BVOLIndex|EOHSummary"
_FOLDERS: Final = re.compile(rf"/(spot|um|cm|option)/(?:(?:daily|monthly)/)?({'|'.join(_KINDS)}|{_OTHERS})/")
_NAME: Final = re.compile(
    r"(?P<symbol>.+)-(?P<what>fundingRate|\d+(?:s|m|h|d|w|mo))-(?P<date>\d{4}-\d\d(?P<day>-\d\d)?)\.zip\Z"
)
_OTHER_NAME: Final = re.compile(rf".+-(?:{_OTHERS})-\d{{4}}-\d\d(?:-\d\d)?\.zip\Z")
_NO_CONTEXT: Any = None


@frozen
class _Zip:
    """What a zip holds, as its folders and its name tell."""

    path: Path
    target: Target
    client: VisionClient
    span: TimeRange


def import_archive(
    store: CacheStore,
    folder: str | PathLike[str],
    *,
    market: str | None = None,
    now: int,
    force: bool = False,
) -> Iterator[ImportedFile]:
    """Bring the archive's zips of bars and funding rates into the cache, one after the other.

    Their source is ``vision``, as if they had been downloaded; the origin names the file. Months come
    before days, which fill what is left.

    Parameters
    ----------
    folder
        Looked through with all below it. ``.../um/monthly/klines/BTCUSDT/1h/`` tells the market.
    market
        Of the files whose folders do not tell it.
    now
        UTC nanoseconds; bars that have not closed are left out.
    force
        Replace what the cache holds; else only ranges that it does not know are filled.

    Yields
    ------
    ImportedFile
        For each zip. One whose CHECKSUM lies beside it and differs is refused, as is one that is not
        what its name says; trades and other kinds are skipped.

    Raises
    ------
    RequestError
        When there is no zip, or no such market.
    CacheUnavailableError
        When the cache cannot be written.
    """
    where = Path(folder)
    usual = None if market is None else MarketType(market)
    if usual not in (None, *MARKETS):
        raise RequestError(f"There is no market {market!r}.", hint=f"Use one of {', '.join(MARKETS)}.")
    paths = sorted(where.rglob("*.zip"), key=lambda path: (_is_day(path), path))
    if not paths:
        raise RequestError(
            f"{where} holds no zip.", hint="Name the folder of the archive's files.", path=where
        )
    yield from (_attempt(store, path, usual, now, force=force) for path in paths)


def _attempt(
    store: CacheStore, path: Path, market: MarketType | None, now: int, *, force: bool
) -> ImportedFile:
    if _is_other(path):
        return ImportedFile(path=path, outcome="skipped", problem="it holds neither bars nor funding rates")
    try:
        return _imported(store, _told(path, market), now=now, force=force)
    except (RequestError, SourceError, IntegrityError, OSError) as error:
        text = str(error) if isinstance(error, DSMError) else f"it cannot be read: {error.strerror}"
        return ImportedFile(path=path, outcome="refused", problem=text)


def _is_day(path: Path) -> bool:
    found = _NAME.match(path.name)
    return found is not None and found["day"] is not None


def _is_other(path: Path) -> bool:
    folders = _folders(path)
    if _OTHER_NAME.match(path.name):
        return True
    return folders is not None and (folders[0] == "option" or folders[1] not in _KINDS)


def _folders(path: Path) -> tuple[str, str] | None:
    """Market and kind, as the innermost folders that name both."""
    found = _FOLDERS.findall(f"{path.resolve().parent.as_posix()}/")
    return found[-1] if found else None


def _told(path: Path, market: MarketType | None) -> _Zip:
    name, folders = _NAME.match(path.name), _folders(path)
    if name is None:
        raise RequestError(
            f"{path}: its name tells neither symbol nor interval.", hint="It must be the archive's own name."
        )
    if folders is not None:
        market = MarketType(folders[0])
    if market is None:
        raise RequestError(f"{path}: its folders do not tell the market.", hint="Name it: --market.")
    is_funding = name["what"] == _FUNDING
    kind = _FUNDING if is_funding else TRADES.method if folders is None else folders[1]
    symbol = name["symbol"]
    if kind == INDEX_PRICE.method:
        # They lie under the pair's name, or under its perpetual contract's.
        symbol = symbol.removesuffix("_PERP")
    interval = None if is_funding else Interval(name["what"])
    key = SeriesKey("binance", market, ChartType(_KINDS[kind]), symbol, interval)
    target = target_of(key)
    client = next(c for c in _CLIENTS if (c.spec.market_type, c.spec.chart_type) == (market, key.chart_type))
    # Parsing asks for neither HTTP nor the clock.
    return _Zip(path, target, client(key.symbol, key.interval, _NO_CONTEXT), _period(path, name["date"]))


def _period(path: Path, date: str) -> TimeRange:
    size, form = (DAILY, "%Y-%m-%d") if len(date) == len("2024-01-31") else (MONTHLY, "%Y-%m")
    try:
        start = to_ns(datetime.strptime(date, form).replace(tzinfo=UTC))
    except ValueError as error:
        raise RequestError(
            f"{path}: {date} is no date.", hint="It must be the archive's own name."
        ) from error
    return TimeRange(start, size.grid.next(start))


def _imported(store: CacheStore, found: _Zip, *, now: int, force: bool) -> ImportedFile:
    path = found.path
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    verified = _is_verified(path, digest)
    origin = Origin(url=f"imported:{path.name}", sha256=digest, size=path.stat().st_size)
    # The parser looks for the member that the archive's name, as in its address, stands for.
    task = Task(name=quote(path.name), source="vision", span=found.span)
    answer = evolve(found.client.parse(task, path), origin=origin)
    done = keep(store, found.target, found.client, task, answer, now=now, force=force)
    return evolve(done, path=path, verified=verified)


def _is_verified(path: Path, digest: str) -> bool:
    beside = path.with_name(f"{path.name}.CHECKSUM")
    if not beside.exists():
        return False
    words = beside.read_text("utf-8", "replace").split()
    if not words or words[0].lower() != digest:
        raise ChecksumMismatchError(
            f"{path} does not match its checksum.", hint="Download it again.", actual=digest
        )
    return True
