"""TradeStation's futures roots and the asset class of each: which decides the trading hours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["ASSET_CLASS_OF_ROOT"]

# TradeStation keeps older roots where the exchange has others: EC is 6E, TY is ZN, C is ZC, LH is HE.
_ROOTS: Final[Mapping[str, str]] = {
    "equity_index_future": "ES NQ YM RTY EMD NK MES MNQ MYM M2K",
    "rate_future": "TY US FV TU TEN UB FF ED SR1 SR3",
    "fx_future": "EC JY BP AD CD SF NE1 MP1 RF RP RY E7 J7 M6E M6B M6A MCD MSF MJY",
    "energy_future": "CL NG HO RB QM QG QN MCL MNG",
    "metal_future": "GC SI HG PL PA QO QI QC MGC SIL MHG",
    "grain_future": "C S W KW O SM BO XC XK XW YC YK YW",
    "livestock_future": "LC LH FC",
    "crypto_future": "BTC MBT ETH MET",
    "soft_future": "SB KC CC CT OJ",
}

ASSET_CLASS_OF_ROOT: Final[Mapping[str, str]] = {
    root: asset_class for asset_class, roots in _ROOTS.items() for root in roots.split()
}
"""Asset class of each known root; any other is a plain ``future``."""
