"""dsm-binance's archive clients conform, and no client of it is left out."""

from __future__ import annotations

from dsm_binance import funding_vision, plugin, vision
from dsm_core.testing import ClientSuite
from kit import test_binance_rest
from kit.binance_venue import FundingVisionSuite, VisionSuite


class TestSpotKlinesVision(VisionSuite):
    client = vision.SpotKlinesVision


class TestUsdsMKlinesVision(VisionSuite):
    client = vision.UsdsMKlinesVision


class TestCoinMKlinesVision(VisionSuite):
    client = vision.CoinMKlinesVision


class TestUsdsMMarkPriceVision(VisionSuite):
    client = vision.UsdsMMarkPriceVision


class TestCoinMMarkPriceVision(VisionSuite):
    client = vision.CoinMMarkPriceVision


class TestUsdsMIndexPriceVision(VisionSuite):
    client = vision.UsdsMIndexPriceVision


class TestCoinMIndexPriceVision(VisionSuite):
    client = vision.CoinMIndexPriceVision


class TestUsdsMPremiumIndexVision(VisionSuite):
    client = vision.UsdsMPremiumIndexVision


class TestCoinMPremiumIndexVision(VisionSuite):
    client = vision.CoinMPremiumIndexVision


class TestUsdsMFundingVision(FundingVisionSuite):
    client = funding_vision.UsdsMFundingVision


class TestCoinMFundingVision(FundingVisionSuite):
    client = funding_vision.CoinMFundingVision


def test_every_client_of_the_provider_has_a_suite() -> None:
    named = {**vars(test_binance_rest), **globals()}.values()
    tested = {
        v.client for v in named if isinstance(v, type) and issubclass(v, ClientSuite) and "client" in vars(v)
    }
    assert tested == set(plugin.dsm_provider().clients)
