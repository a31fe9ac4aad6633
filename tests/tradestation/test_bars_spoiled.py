"""Values that the vendor should never send: they are its faults, and none of the client's code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dsm_core.errors import DSMError, ProtocolChangedError, SymbolNotFoundError
from dsm_core.testing import Request, Response
from dsm_tradestation.bar_rows import bar_table, end_times
from tradestation.desk import Desk, Venue, bar, refused, utc, within

NOW = utc(2025, 4, 1)
STAMP = utc(2025, 3, 25, 20)


@pytest.mark.parametrize(
    "changes",
    [
        {"Epoch": 2**70},
        {"Epoch": 10**16, "TimeStamp": None},
        {"Epoch": None, "TimeStamp": "0001-01-01T00:00:00Z"},
        {"Epoch": None, "TimeStamp": "9999-12-31T23:59:59Z"},
    ],
    ids=str,
)
def test_a_time_that_no_table_can_hold_is_told_as_one(changes: dict[str, Any]) -> None:
    with pytest.raises(ProtocolChangedError, match=r"a time beyond all|two times"):
        end_times([bar(STAMP), bar(STAMP, **changes), bar(STAMP)])


@pytest.mark.parametrize(
    "changes",
    [
        {"UpTicks": 2**63},
        {"DownTicks": -(2**70)},
        {"UpVolume": 1e300},
        {"UpVolume": "1" * 5000},
        {"Close": "\ud800"},
        {"TotalVolume": "\u0661\u0662"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_number_that_no_table_can_hold_is_told_with_its_field(changes: dict[str, Any]) -> None:
    columns = frozenset({"volume", "up_ticks", "down_ticks", "up_volume"})
    [field] = changes
    with pytest.raises(ProtocolChangedError, match=f"A bar has {field}="):
        bar_table([bar(STAMP, **changes)], "open_time", np.array([0]), columns)


@pytest.mark.parametrize("changes", [{"UpTicks": 2**63}, {"Epoch": 10**16, "TimeStamp": None}], ids=str)
def test_a_caller_is_told_of_the_vendors_answer_and_not_of_a_fault_in_the_client(
    desk: Desk, changes: dict[str, Any]
) -> None:
    server = desk.serve(Venue({"MSFT": lambda _: {"Bars": [bar(STAMP, **changes)]}}))
    with pytest.raises(DSMError) as error:
        desk.manager(server, "equities", NOW).get_data("MSFT", "2025-03-25", "2025-03-25", "1d")
    assert isinstance(error.value.__cause__, ProtocolChangedError)


@pytest.mark.parametrize("expiry", ["9999-12-31T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_an_expiry_that_cannot_be_costs_nothing(desk: Desk, expiry: str) -> None:
    month = bar(utc(2025, 3, 21, 13, 30))

    def answer(request: Request) -> Any:
        return {"Bars": within([month] if request.params["unit"] == "Monthly" else [], request)}

    details = {"AssetType": "FUTURE", "ExpirationDate": expiry}
    server = desk.serve(Venue({"ESH25": answer}, {"ESH25": details}))
    manager = desk.manager(server, "futures", utc(2025, 6))
    found = manager.query("ESH25", "2025-04-01", "2025-04-03", "1d", on_gaps="ignore")
    assert {gap.reason for gap in found.gaps} == {"venue_has_none"}
    assert found.failures == ()


def test_errors_that_are_no_list_leave_a_symbol_unknown(desk: Desk) -> None:
    venue = Venue({"NOPE": lambda _: refused(404, "NotFound")})

    def answer(request: Request) -> Any:
        if request.path.startswith("/v3/marketdata/symbols/"):
            return Response(json={"Symbols": [], "Errors": 5})
        return venue(request)

    with pytest.raises(SymbolNotFoundError, match="NOPE"):
        desk.manager(desk.serve(answer), "equities", NOW).get_data("NOPE", "2025-03-25", "2025-03-25", "1d")
