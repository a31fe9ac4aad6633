"""The running venue: a loopback server in a thread of its own, and the handles that a test holds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from dsm_binance.emulator.archive import Archive
from dsm_binance.emulator.faults import Fault
from dsm_binance.emulator.funding_rest import FundingRest
from dsm_binance.emulator.gate import Gate, Rooms
from dsm_binance.emulator.instruments import DEFAULT_LISTINGS, Listing, Outage
from dsm_binance.emulator.journal import RequestRecord
from dsm_binance.emulator.limits import Limits
from dsm_binance.emulator.recorded import Recordings
from dsm_binance.emulator.rest import Rest
from dsm_binance.emulator.rows import Book
from dsm_core.emulation import HOST, Clock, EmulatedVenue, WeightPool

__all__ = ["Emulator"]


class Emulator(EmulatedVenue[RequestRecord, Fault]):
    """A Binance on 127.0.0.1: archive, listing, and REST of spot, USDS-M (`um`) and COIN-M (`cm`).

    Parameters
    ----------
    data
        Folders of recorded archive files, which come before anything generated.
    listings
        What is traded. ``None`` is a handful of known symbols, or, with `data`, only what was recorded.
    outages
        When trading stood still.
    faults
        What goes wrong, in this order of preference.
    now
        The venue's time, aware; it stands still unless `running`. ``None`` is the machine's clock.
    running
        Whether time passes from `now` on.
    seed
        Another seed, other prices.
    port
        The first port; each endpoint has its own, as the real ones are hosts of their own. 0 takes
        free ones.
    rest, vision
        Whether the venue has a REST interface, and an archive with its listing.
    spot_hosts
        How many spot hosts there are; each further one has its own prefix too (``/spot2``).
    spot_weight, futures_weight
        Request weight per window; `um` and `cm` share theirs, as do all spot hosts.
    window_s, ban_after, ban_s
        The window's length, how many requests after a 429 bring a ban, and how long the first ban lasts.
    funding_limit, funding_window_s
        How many funding requests `um` and `cm` allow together, and in how many seconds; beyond that is 429.
    cm_mark_price
        Whether COIN-M's funding rates state a mark price, as USDS-M's do.
    index_by_contract
        Whether the archive has COIN-M's index prices under the perpetual contract's name (``BTCUSD_PERP``),
        as some have seen, not under the pair's.
    missing
        Archive paths, or patterns of them with ``*``, that never got published.
    lacking
        Days (``"2024-01-05"``) that a monthly zip lacks, by its path.
    slow_lag_months
        How many months later than others the monthly files of 3d, 1w and 1mo bars come out.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from urllib.request import urlopen
    >>> with Emulator(now=datetime(2024, 6, 1, tzinfo=UTC)) as venue:
    ...     with urlopen(f"{venue.endpoints['spot']}/api/v3/time") as answer:
    ...         answer.read()
    b'{"serverTime":1717200000000}'
    """

    def __init__(  # noqa: PLR0913 - each argument is one switch of the venue, all but four by name only
        self,
        data: Iterable[Path | str] = (),
        listings: Iterable[Listing] | None = None,
        outages: Iterable[Outage] = (),
        faults: Iterable[Fault] = (),
        *,
        now: datetime | None = None,
        running: bool = False,
        seed: int = 7,
        port: int = 0,
        rest: bool = True,
        vision: bool = True,
        spot_hosts: int = 1,
        spot_weight: int = 6000,
        futures_weight: int = 2400,
        window_s: float = 60.0,
        ban_after: int = 10,
        ban_s: float = 120.0,
        funding_limit: int = 500,
        funding_window_s: float = 300.0,
        cm_mark_price: bool = False,
        index_by_contract: bool = False,
        missing: Iterable[str] = (),
        lacking: Mapping[str, Iterable[str]] | None = None,
        slow_lag_months: int = 1,
    ) -> None:
        super().__init__(faults)
        self.clock = Clock(now, running=running)
        book = _book(data, listings, outages, seed, index_by_contract=index_by_contract)
        self._archive = Archive(book, self.clock, missing, lacking, slow_lag_months) if vision else None
        spot, futures = (WeightPool(w, window_s, ban_after, ban_s) for w in (spot_weight, futures_weight))
        funding_pool = _funding_pool(funding_limit, funding_window_s)
        self._limits = Limits({"spot": spot, "um": futures, "cm": futures}, funding_pool)
        funding = FundingRest(book, self.clock, cm_mark_price)
        interface = Rest(book, self.clock, self._limits.weights, funding) if rest else None
        rooms = Rooms(self.clock, self._archive, interface, self._limits, self._faults, self._journal)
        self._prefixes = _prefixes(spot_hosts, rest, vision)
        ports = [port + number if port else 0 for number in range(len(self._prefixes))]
        self.listen(Gate(rooms, self._prefixes), ports)

    @property
    def endpoints(self) -> dict[str, str | list[str]]:
        """The base URL of each endpoint key; ``spot`` is a list when there are several hosts."""
        found: dict[str, list[str]] = {}
        for (prefix, endpoint), port in zip(self._prefixes.items(), self._running().ports, strict=True):
            found.setdefault(endpoint, []).append(f"http://{HOST}:{port}/{prefix}")
        return {endpoint: urls if len(urls) > 1 else urls[0] for endpoint, urls in found.items()}

    def reset_limits(self) -> None:
        """Forget used weight, funding requests and bans."""
        self._limits.reset()

    def republish(
        self,
        path: str,
        changed: Mapping[datetime, Mapping[str, str]] | None = None,
        withdrawn: Iterable[datetime] = (),
    ) -> None:
        """Serve other rows under an archive path from now on, with a new checksum, ETag and Last-Modified.

        Parameters
        ----------
        path
            The zip: a URL, or its path from ``data/`` on.
        changed
            New cells as text, by the row's first cell (a bar's open time, a funding rate's exact time) and
            the column's name in the archive's header. When neither this nor `withdrawn` is given, the first
            bar counts one trade more, or the first funding rate changes its sign.
        withdrawn
            First cells of rows that are taken away.

        Raises
        ------
        ValueError
            There is no such file, row or column.
        """
        if self._archive is None:
            msg = f"cannot republish {path!r}: this emulator has no archive (vision=False)"
            raise ValueError(msg)
        self._archive.republish(path, changed, withdrawn)


def _book(
    data: Iterable[Path | str],
    listings: Iterable[Listing] | None,
    outages: Iterable[Outage],
    seed: int,
    *,
    index_by_contract: bool,
) -> Book:
    recordings = Recordings(Path(folder) for folder in data)
    if listings is None:
        listings = () if recordings.symbols() else DEFAULT_LISTINGS
    return Book(seed, listings, tuple(outages), recordings, index_by_contract=index_by_contract)


def _funding_pool(limit: int, window_s: float) -> WeightPool:
    """Count funding requests; whoever goes on beyond the limit is refused, never banned."""
    window = f"{window_s / 60:g} minutes" if window_s >= 60 else f"{window_s:g} seconds"
    return WeightPool(limit, window_s, ban_after=math.inf, per=window)


def _prefixes(spot_hosts: int, rest: bool, vision: bool) -> dict[str, str]:
    """Give the endpoint of each first part of a path."""
    found = {"vision": "vision", "listing": "listing"} if vision else {}
    if rest:
        mirrors = {f"spot{number}": "spot" for number in range(2, spot_hosts + 1)}
        found |= {"spot": "spot", **mirrors, "um": "um", "cm": "cm"}
    return found
