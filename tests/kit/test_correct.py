"""Correct clients of every kind pass every case that applies to them."""

from __future__ import annotations

from kit.depot import DepotSuite, FundingSuite, TableSuite
from kit.funding_venues import BackwardSuite, WindowSuite
from kit.house import HouseSuite, NightDeskSuite
from kit.own_http import OwnHttpSuite
from kit.papers import BareTermsSuite, FillsSuite, TermsSuite
from kit.rolling import RollingSuite


class TestHouseKlines(HouseSuite):
    """Pages over REST."""


class TestNightDeskKlines(NightDeskSuite):
    """Bars without a grid."""


class TestRollingKlines(RollingSuite):
    """A history of 720 bars, errors inside 200."""


class TestDepotKlines(DepotSuite):
    """Whole objects."""


class TestTableKlines(TableSuite):
    """A plain function over a local table."""


class TestFundingRates(FundingSuite):
    """Events with a cursor."""


class TestBackwardFunding(BackwardSuite):
    """Events, newest first."""


class TestWindowFunding(WindowSuite):
    """Events by windows of time."""


class TestOwnHttpKlines(OwnHttpSuite):
    """A plain function with HTTP of its own."""


class TestTerms(TermsSuite):
    """Documents."""


class TestBareTerms(BareTermsSuite):
    """Documents whose rows have no time."""


class TestFills(FillsSuite):
    """Events with a key."""
