"""The kinds of bars that the venue tells: of trades, and of the prices that futures are settled by."""

from __future__ import annotations

from typing import Final, Literal

__all__ = ["BAR_KINDS", "INDEX", "KLINES", "MARK", "PREMIUM", "PRICE_KINDS", "BarKind", "bar_kind", "pair_of"]

BarKind = Literal["klines", "markPriceKlines", "indexPriceKlines", "premiumIndexKlines"]
"""A REST endpoint, and the folder of the archive."""

KLINES: Final = "klines"
MARK: Final = "markPriceKlines"
INDEX: Final = "indexPriceKlines"
PREMIUM: Final = "premiumIndexKlines"

PRICE_KINDS: Final[tuple[BarKind, ...]] = (INDEX, MARK, PREMIUM)
"""What futures markets alone have, in the order of a listing."""

BAR_KINDS: Final[tuple[BarKind, ...]] = (INDEX, KLINES, MARK, PREMIUM)
"""Every kind, in the order of a listing."""


def bar_kind(name: str) -> BarKind | None:
    """Give the kind of that name, or ``None``."""
    return next((kind for kind in BAR_KINDS if kind == name), None)


def pair_of(symbol: str) -> str:
    """Give the pair of a contract, which is its name without its suffix."""
    return symbol.partition("_")[0]
