"""The table of faults, and a suite for each; pytest runs it when it is named, see test_faults.py.

A row is: the faulty client, the suite of the correct one, the cases that must fail.
"""

from __future__ import annotations

from typing import Any, Final

from dsm_core.testing import Bars, ClientSuite, Request
from kit import faults_of_conduct as conduct
from kit import faults_of_others as others
from kit import faults_of_pages as pages
from kit.depot import DepotSuite, FundingSuite, TableSuite
from kit.funding_venues import BackwardSuite, WindowSuite
from kit.house import COLUMNS, HouseSuite
from kit.own_http import OwnHttpSuite
from kit.papers import TermsSuite
from kit.rolling import RollingSuite


class CountingBackSuite(HouseSuite):
    """The house, as a venue that counts back from the end of the range."""

    def answer(self, request: Request, bars: Bars) -> Any:
        asked = request.params
        rows = bars.between(asked["from"], int(asked["to"]) + 1, unit="ms").last(50)
        return {"rows": rows.cells(COLUMNS + " _")}


class LoginSuite(HouseSuite):
    """The house, with a login that the client makes of its key: core does not know it, the suite does."""

    secrets = (conduct.LOGIN,)


FAULTS: Final[tuple[tuple[type, type[ClientSuite], str], ...]] = (
    (pages.ExclusiveEnd, HouseSuite, "c02"),
    (pages.ExclusiveStart, HouseSuite, "c01"),
    (pages.InclusiveEndDoubled, CountingBackSuite, "c82"),
    (pages.SecondsForMilliseconds, HouseSuite, "c01"),
    (pages.StampedAtTheEnd, HouseSuite, "c01"),
    (pages.MillisecondsReadAsSeconds, HouseSuite, "c01"),
    (pages.DropsTheMidnightBar, HouseSuite, "c32"),
    (pages.EmptyIsAnError, HouseSuite, "c06"),
    (pages.TooLongHistory, RollingSuite, "c08"),
    (pages.AuthorityBeyondHistory, RollingSuite, "c17"),
    (pages.AsksBeyondHistory, RollingSuite, "c09"),
    (pages.TakesEveryRowOnce, HouseSuite, "c11"),
    (pages.StopsAtTheFirstStepBack, HouseSuite, "c12"),
    (pages.WantsFullPages, HouseSuite, "c13"),
    (pages.LongerPagesThanSent, HouseSuite, "c82"),
    (pages.NumbersItsRows, HouseSuite, "c15"),
    (pages.EmptyIsUnknown, HouseSuite, "c16"),
    (pages.SwappedColumns, HouseSuite, "c20"),
    (pages.RoundedPrices, HouseSuite, "c20"),
    (pages.SinglePrecision, HouseSuite, "c20"),
    (pages.ZeroForAbsent, HouseSuite, "c22"),
    (pages.DropsQuietBars, HouseSuite, "c23"),
    (pages.LocalTime, HouseSuite, "c24"),
    (pages.WallClock, HouseSuite, "c25"),
    (pages.MonthOfThirtyDays, HouseSuite, "c30"),
    (pages.NoLeapDay, HouseSuite, "c31"),
    (pages.OpenBarAsClosed, HouseSuite, "c33"),
    (pages.SymbolInText, HouseSuite, "c40"),
    (pages.UnknownIsEmpty, HouseSuite, "c42"),
    (pages.RemembersPages, HouseSuite, "c43"),
    (pages.ChangesADefault, HouseSuite, "c43"),
    (pages.AsksForOneSymbol, HouseSuite, "c43"),
    (pages.AsksForBothSymbols, HouseSuite, "c43"),
    (pages.OneForAll, HouseSuite, "c92"),
    (conduct.RateLimitIsEmpty, HouseSuite, "c51"),
    (conduct.LoginIsEmpty, HouseSuite, "c53"),
    (conduct.FailureIsEmpty, HouseSuite, "c55"),
    (conduct.SilenceIsEmpty, HouseSuite, "c56"),
    (conduct.CutIsEmpty, HouseSuite, "c57"),
    (conduct.ErrorInsideIgnored, HouseSuite, "c64"),
    (conduct.AnyFormWillDo, HouseSuite, "c63"),
    (conduct.PageIsEmpty, HouseSuite, "c62"),
    (conduct.KnowsItsColumns, HouseSuite, "c65"),
    (conduct.FillsShortRows, HouseSuite, "c66"),
    (conduct.ForgetsWhatItPlanned, HouseSuite, "c80"),
    (conduct.OverlappingPages, HouseSuite, "c81"),
    (conduct.OneHugePage, HouseSuite, "c81"),
    (conduct.PingsFirst, HouseSuite, "c82"),
    (conduct.CheaperThanItSays, HouseSuite, "c83"),
    (conduct.Unmoved, HouseSuite, "c90"),
    (conduct.GoesItsOwnWay, HouseSuite, "c91"),
    (conduct.BlocksTheLoop, HouseSuite, "c93"),
    (conduct.KeepsAConnection, HouseSuite, "c94"),
    (conduct.TellsItsLoginInErrors, LoginSuite, "c96"),
    (conduct.TellsTheKeyInLogs, HouseSuite, "c96"),
    (conduct.TellsTheKeyInItsRepr, HouseSuite, "c96"),
    (conduct.TellsItsLoginOfARefusal, LoginSuite, "c96"),
    (conduct.TellsItsLoginOfAnUnknownSymbol, LoginSuite, "c96"),
    (others.NoChecksums, DepotSuite, "c73"),
    (others.SymbolInThePath, DepotSuite, "c40"),
    (others.FileOfTheDayAfter, DepotSuite, "c01"),
    (others.LosesMidnight, DepotSuite, "c70"),
    (others.Microseconds, DepotSuite, "c01"),
    (others.AbsentIsAWrongRequest, DepotSuite, "c71"),
    (others.AsksTooEarly, DepotSuite, "c72"),
    (others.KeepsFilesOpen, DepotSuite, "c94"),
    (others.UnreadableIsEmpty, DepotSuite, "c61"),
    (others.TwoSizesAtOnce, DepotSuite, "c81"),
    (others.CursorIgnored, FundingSuite, "c10"),
    (others.NewestPageOnly, BackwardSuite, "c10"),
    (others.EmptyPageIsTheEnd, WindowSuite, "c14"),
    (others.ZeroRates, FundingSuite, "c66"),
    (others.Percent, FundingSuite, "c20"),
    (others.VouchesForItsRowsOnly, FundingSuite, "c84"),
    (others.RetryAfterIgnored, OwnHttpSuite, "c50"),
    (others.FailedOnceIsEmpty, OwnHttpSuite, "c54"),
    (others.KnocksOnAfterABan, OwnHttpSuite, "c52"),
    (others.MalformedIsEmpty, OwnHttpSuite, "c61"),
    (others.HalfABodyIsEnough, OwnHttpSuite, "c60"),
    (others.RoundedTick, TermsSuite, "c20"),
    (others.WholeDaysOnly, TableSuite, "c02"),
    (others.Forgetful, TableSuite, "c94"),
)

for _client, _suite, _ in FAULTS:
    _name = f"Test{_client.__name__}"
    globals()[_name] = type(_name, (_suite,), {"client": _client, "__module__": __name__})
