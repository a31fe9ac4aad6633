"""What ``exchangeInfo`` says of each market, in the fields that recorded answers have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from dsm_binance.emulator.instruments import FAR_FUTURE_MS, Listing, Market
from dsm_core.emulation import to_ms

__all__ = ["exchange_info", "is_known"]


def is_known(listing: Listing, now_ms: int) -> bool:
    """Tell whether REST knows a symbol by now; the archive may know it longer."""
    gone = listing.removed and now_ms >= listing.delisted_ms
    return listing.listed_ms <= now_ms and not gone


def exchange_info(market: Market, listings: Iterable[Listing], now_ms: int, limit: int) -> dict[str, Any]:
    """Give the whole answer for some listings of a market."""
    symbols = {"spot": _spot_symbol, "um": _um_symbol, "cm": _cm_symbol}[market]
    head: dict[str, Any] = {"timezone": "UTC", "serverTime": now_ms}
    if market == "um":
        head["futuresType"] = "U_MARGINED"
    head["rateLimits"] = _rate_limits(market, limit)
    head["exchangeFilters"] = []
    if market == "um":
        head["assets"] = [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}]
    head["symbols"] = [symbols(listing, now_ms) for listing in listings if is_known(listing, now_ms)]
    return head


def _rate_limits(market: Market, limit: int) -> Sequence[dict[str, Any]]:
    def rule(kind: str, interval: str, number: int, most: int) -> dict[str, Any]:
        return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": most}

    weight = rule("REQUEST_WEIGHT", "MINUTE", 1, limit)
    if market != "spot":
        return [weight, rule("ORDERS", "MINUTE", 1, 1200)]
    orders = [rule("ORDERS", "SECOND", 10, 100), rule("ORDERS", "DAY", 1, 200_000)]
    return [weight, *orders, rule("RAW_REQUESTS", "MINUTE", 5, 300_000)]


def _spot_symbol(listing: Listing, now_ms: int) -> dict[str, Any]:
    base, quote = listing.assets
    return {
        "symbol": listing.symbol,
        "status": "BREAK" if now_ms >= listing.delisted_ms else "TRADING",
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "isSpotTradingAllowed": now_ms < listing.delisted_ms,
        "isMarginTradingAllowed": False,
        "filters": _filters(listing),
        "permissions": [],
        "permissionSets": [["SPOT"]],
    }


def _um_symbol(listing: Listing, now_ms: int) -> dict[str, Any]:
    status = "SETTLING" if now_ms >= listing.delisted_ms else "TRADING"
    return _contract(listing, {"status": status}, {}, listing.assets[1])


def _cm_symbol(listing: Listing, now_ms: int) -> dict[str, Any]:
    status = "SETTLING" if now_ms >= listing.delisted_ms else "TRADING"
    states = {"contractStatus": status, "contractSize": listing.contract_size}
    return _contract(listing, states, {"equalQtyPrecision": 4}, listing.assets[0])


def _contract(
    listing: Listing, states: dict[str, Any], extra: dict[str, Any], margin_asset: str
) -> dict[str, Any]:
    base, quote = listing.assets
    delivery_ms = to_ms(listing.delivery_at) if listing.delivery_at is not None else FAR_FUTURE_MS
    return {
        "symbol": listing.symbol,
        "pair": listing.pair,
        "contractType": listing.contract_type,
        "deliveryDate": delivery_ms,
        "onboardDate": listing.listed_ms,
        **states,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": base,
        "quoteAsset": quote,
        "marginAsset": margin_asset,
        "pricePrecision": listing.decimals.price,
        "quantityPrecision": listing.decimals.volume,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        **extra,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10_000,
        "filters": _filters(listing),
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def _filters(listing: Listing) -> list[dict[str, Any]]:
    decimals = listing.decimals
    tick = _step(decimals.price, decimals.price_text)
    lot = _step(decimals.volume, decimals.volume_text)
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000", "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "9000", "stepSize": lot},
    ]


def _step(held: int, written: int) -> str:
    """One unit of the last decimal that is held, in as many as are written."""
    return f"{10.0**-held:.{written}f}"
