"""Which series a venue has: bars of what is traded, and of the prices that its contracts go by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from dsm_binance.emulator.bars import Bars
from dsm_binance.emulator.generator import Generator
from dsm_binance.emulator.instruments import FAR_FUTURE_MS, Listing, Market, Outage
from dsm_binance.emulator.kinds import INDEX, MARK, PREMIUM, BarKind
from dsm_binance.emulator.price_generator import PriceGenerator
from dsm_binance.emulator.series import Series
from dsm_core.emulation import Store, from_ms

__all__ = ["make_series"]

_OF_CONTRACTS: tuple[BarKind, ...] = (MARK, PREMIUM)


def make_series(
    seed: int, listings: Iterable[Listing], outages: Sequence[Outage], store: Store[Bars]
) -> Iterator[Series]:
    """Give every series of some listings; contracts of one pair share its index."""
    pairs: dict[tuple[Market, str], list[Listing]] = {}
    for listing in listings:
        yield Series(listing, Generator(seed, listing), outages, store)
        if listing.market != "spot":
            pairs.setdefault((listing.market, listing.pair), []).append(listing)
    for (_, pair), contracts in pairs.items():
        reference = min(contracts, key=lambda listing: (not listing.is_perpetual, listing.symbol))
        whole = _pair_listing(pair, contracts, reference)
        yield Series(whole, PriceGenerator(seed, reference, pair, INDEX), outages, store, INDEX)
        for listing in contracts:
            for kind in _OF_CONTRACTS:
                generator = PriceGenerator(seed, reference, listing.symbol, kind)
                yield Series(listing, generator, outages, store, kind)


def _pair_listing(pair: str, contracts: Sequence[Listing], reference: Listing) -> Listing:
    """The pair as if it were listed: from its first contract's first day to its last one's last."""
    return replace(
        reference,
        symbol=pair,
        listed_at=from_ms(min(listing.listed_ms for listing in contracts)),
        delisted_at=_end(max(listing.delisted_ms for listing in contracts)),
        delivery_at=None,
        removed=all(listing.removed for listing in contracts),
        generated=any(listing.generated for listing in contracts),
    )


def _end(delisted_ms: int) -> datetime | None:
    return None if delisted_ms == FAR_FUTURE_MS else from_ms(delisted_ms)
