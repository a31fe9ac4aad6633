"""The running venue: a loopback server in a thread of its own, and the handles that a test holds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from dsm_core.emulation import HOST, Clock, EmulatedVenue, to_ms
from dsm_tradestation.emulator.barcharts import Barcharts
from dsm_tradestation.emulator.book import Book
from dsm_tradestation.emulator.faults import Fault
from dsm_tradestation.emulator.gate import Gate, Rooms
from dsm_tradestation.emulator.journal import RequestRecord
from dsm_tradestation.emulator.listings import DEFAULT_LISTINGS, Listing
from dsm_tradestation.emulator.manners import Manners
from dsm_tradestation.emulator.oauth import SignIn
from dsm_tradestation.emulator.quota import Quotas
from dsm_tradestation.emulator.recorded import Recordings
from dsm_tradestation.emulator.symbols import Symbols

__all__ = ["CLIENT_ID", "TradeStationEmulator"]

CLIENT_ID: Final = "dsm-emulator"
"""The API key that every emulator knows; it has no secret, so its login uses PKCE."""


class TradeStationEmulator(EmulatedVenue[RequestRecord, Fault]):
    """A TradeStation on 127.0.0.1: sign-in, bars, symbols and suggestions.

    Parameters
    ----------
    data
        Folders of recorded answers, which come before anything generated.
    listings
        What is listed. ``None`` is a handful of known symbols.
    faults
        What goes wrong, in this order of preference.
    now
        The venue's time, aware; it stands still unless `running`. ``None`` is the machine's clock.
    running
        Whether time passes from `now` on.
    seed
        Another seed, other prices.
    port
        The API's port; the sign-in has the next one, as the real one is a host of its own. 0 takes free ones.
    manners
        How it behaves where the venue's documents leave that open.
    limit, window_s, rolling
        Requests for bars per API key, in how many seconds, and whether they are refilled evenly instead of
        counted in fixed windows.
    rotation, expires_in
        Whether refreshing gives a new refresh token, and how many seconds an access token lives.

    Attributes
    ----------
    clock
        The venue's time, to set, advance, freeze or run.
    manners
        As above; may be replaced at any time.
    sign_in
        The authorization server: clients, tokens, counters.
    refresh_token
        One that `CLIENT_ID` holds from the start.

    Examples
    --------
    >>> from urllib.request import Request, urlopen
    >>> with TradeStationEmulator() as venue:
    ...     token = venue.sign_in.seed_access_token(CLIENT_ID)
    ...     bearer = {"Authorization": f"Bearer {token}"}
    ...     asked = Request(f"{venue.url}/v3/marketdata/symbols/NOPE", headers=bearer)
    ...     with urlopen(asked) as answer:
    ...         answer.read()
    b'{"Symbols":[],"Errors":[{"Symbol":"NOPE","Error":"NotFound","Message":"Invalid symbol"}]}'
    """

    def __init__(  # noqa: PLR0913 - each argument is one switch of the venue, all but three by name only
        self,
        data: Iterable[Path | str] = (),
        listings: Iterable[Listing] | None = None,
        faults: Iterable[Fault] = (),
        *,
        now: datetime | None = None,
        running: bool = False,
        seed: int = 7,
        port: int = 0,
        manners: Manners | None = None,
        limit: int = 500,
        window_s: float = 300.0,
        rolling: bool = False,
        rotation: bool = False,
        expires_in: int = 1200,
    ) -> None:
        super().__init__(faults)
        self.clock, self.manners = Clock(now, running=running), manners or Manners()
        self.sign_in = SignIn(self.clock, self._manners, rotation=rotation, expires_in=expires_in)
        self.sign_in.add_client(CLIENT_ID)
        self.refresh_token = self.sign_in.seed_refresh_token(CLIENT_ID)
        recordings = Recordings(Path(folder) for folder in data)
        self._book = Book(seed, DEFAULT_LISTINGS if listings is None else listings, recordings)
        self._quotas = Quotas(limit, window_s, rolling=rolling)
        self.listen(Gate(self._rooms()), [port, port + 1 if port else 0])

    @property
    def url(self) -> str:
        """The base URL of the API; the sign-in answers there too."""
        return self.endpoints["api"]

    @property
    def endpoints(self) -> dict[str, str]:
        """The base URLs of ``api`` and ``signin``."""
        api, signin = self._running().ports
        return {"api": f"http://{HOST}:{api}", "signin": f"http://{HOST}:{signin}"}

    @property
    def section(self) -> dict[str, Any]:
        """The provider's section of a configuration that leads here, with a login that works."""
        return {
            "endpoints": self.endpoints,
            "client_id": CLIENT_ID,
            "refresh_token": self.refresh_token,
            # What is only played here stays out of the user's keyring.
            "token_store": "memory",
        }

    def reset_limits(self) -> None:
        """Forget the requests that were counted."""
        self._quotas.reset()

    def roll(self, symbol: str, at: datetime, by: float) -> None:
        """Have a continuous contract roll, besides its own schedule.

        Once the venue's clock has reached `at`, all bars of the back-adjusted contract, new and old, lie
        higher by `by`; unadjusted ones only from `at` on.

        Parameters
        ----------
        symbol
            The continuous contract (``@ES``).
        at
            When, aware.
        by
            The gap in points; it may be negative.

        Raises
        ------
        ValueError
            No such contract is listed, or the gap is no multiple of its increment.
        """
        rolls = self._book.rolls(symbol)
        rolls.add(to_ms(at), rolls.listing.ticks(by))

    def _manners(self) -> Manners:
        return self.manners

    def _rooms(self) -> Rooms:
        return Rooms(
            clock=self.clock,
            sign_in=self.sign_in,
            barcharts=Barcharts(self._book, self.clock, self._manners),
            symbols=Symbols(self._book, self.clock),
            quotas=self._quotas,
            manners=self._manners,
            faults=self._faults,
            journal=self._journal,
        )
