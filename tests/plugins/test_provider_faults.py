"""No code of a provider holds a call beyond its deadline, ends the program, or fails namelessly."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

from dsm_core import DataSourceManager
from dsm_core.errors import (
    AllSourcesFailedError,
    ClientFailedError,
    IncompleteDataWarning,
    PluginContractError,
    ProtocolChangedError,
    SymbolNotFoundError,
)
from dsm_core.model import RangeSet
from dsm_core.plugins import Answer, ArchiveClient, PageRequest, Provider, SymbolInfo
from plugins.test_client_faults import Faulty, Pages, Sound, SoundFiles, get, of, raising, spec
from plugins.test_fetch_forms import END, START, columns, table
from plugins.venues import HOUR, Desk


class Abort(BaseException):
    """Of a vendor who derives from the wrong class."""


def of_desk(desk: Desk, *clients: Any, **given: Any) -> DataSourceManager:
    return desk.manager(Provider(name="desk", clients=clients or (Sound,), **given))


def test_a_cursor_that_was_seen_before_ends_the_task_at_once(desk: Desk) -> None:
    asked = []

    async def fetch_page(self: Any, page: PageRequest) -> Any:
        asked.append(page.cursor)
        return Answer(columns(START, START + HOUR), cursor=[((page.cursor or [0])[0] + 1) % 3])

    with pytest.warns(IncompleteDataWarning, match=r"do not end: cursor \[1\] came again"):
        get(desk.of_clients(of(fetch_page, Pages, "fetch_page")))
    assert asked[:4] == [None, [1], [2], [0]]
    with pytest.raises(AllSourcesFailedError) as caught:
        get(desk.of_clients(of(_same_cursor, Pages, "fetch_page")), use_cache=False)
    assert isinstance(caught.value.__cause__, ProtocolChangedError)


async def _same_cursor(self: Any, page: PageRequest) -> Any:
    return Answer({}, cursor="next")


async def _pages_without_end(self: Any, page: PageRequest) -> Any:
    await asyncio.sleep(0.01)
    return Answer(columns(START, START + HOUR), cursor=(page.cursor or 0) + 1)


async def _parts_without_end(self: Any, start: datetime, end: datetime, **kwargs: Any) -> AsyncIterator[Any]:
    while True:
        yield table(start, start + HOUR)


async def _blanks_without_end(self: Any, start: datetime, end: datetime, **kwargs: Any) -> AsyncIterator[Any]:
    yield table(start, start + HOUR)
    while True:
        yield table(start, start)


@pytest.mark.parametrize(
    "client",
    [of(_pages_without_end, Pages, "fetch_page"), of(_parts_without_end), of(_blanks_without_end)],
    ids=["pages", "parts", "blanks"],
)
def test_pieces_without_end_end_with_the_deadline_and_what_came_is_kept(desk: Desk, client: Any) -> None:
    with pytest.warns(IncompleteDataWarning, match="within the call's deadline"):
        assert len(get(desk.of_clients(client), deadline_s=0.05).to_pandas()) == 1


def test_a_blocked_generator_is_left_and_closed_in_its_own_thread(desk: Desk) -> None:
    done, closed = threading.Event(), threading.Event()
    threads = []

    def fetch(self: Any, start_time: datetime, end_time: datetime, **kwargs: Any) -> Iterator[Any]:
        try:
            threads.append(threading.current_thread())
            yield table(start_time, start_time + HOUR)
            done.wait()
            yield table(start_time, end_time)
        finally:
            threads.append(threading.current_thread())
            closed.set()

    with pytest.warns(IncompleteDataWarning):
        assert len(get(desk.of_clients(of(fetch)), deadline_s=0.05).to_pandas()) == 1
    assert not closed.is_set()
    done.set()
    assert closed.wait(10)
    assert threads[0] is threads[1]


HANGING = """
import tempfile, threading, warnings
from dsm_core import DataClientInterface, DataSourceManager
from dsm_core.errors import DSMError
from dsm_core.plugins import ClientSpec, Provider, Registry

class Hangs(DataClientInterface):
    spec = ClientSpec(market_type="spot", chart_type="klines", source="rest", intervals=["1h"])

    def fetch(self, start, end, **kwargs):
        {body}

registry = Registry.of(Provider(name="desk", clients=[Hangs]))
with tempfile.TemporaryDirectory() as folder:
    with DataSourceManager("spot", registry=registry, cache_dir=folder) as manager:
        try:
            manager.query("ACME", "2024-01-01", "2024-01-01", "1h", deadline_s=0.05)
        except DSMError as error:
            print(type(error).__name__)
"""


@pytest.mark.parametrize("body", ["threading.Event().wait()", "yield threading.Event().wait()"])
def test_a_program_ends_though_a_fetch_hangs(body: str) -> None:
    script = textwrap.dedent(HANGING).replace("{body}", body)
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=False, text=True, timeout=60
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, "AllSourcesFailedError"), ran.stderr


def test_a_client_that_swallows_its_cancellation_is_left_and_told_of(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    begun = []

    async def fetch(self: Any, start: datetime, end: datetime, **kwargs: Any) -> Any:
        over = asyncio.Event()
        begun.append((asyncio.get_running_loop(), over))
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                continue

    manager = desk.of_clients(of(fetch))
    with caplog.at_level(logging.WARNING, "dsm_core"), pytest.raises(AllSourcesFailedError):
        get(manager, deadline_s=0.05)
    assert [r.message for r in caplog.records if "client_left" in r.message] == [
        "client_left why='it does not end when it is cancelled' client=\"Own of provider 'desk'\""
    ]
    manager.close()
    assert begun[0][0].is_closed()


FAULTS = [
    BaseExceptionGroup("g", [SystemExit(3)]),
    Abort("x"),
    GeneratorExit(),
    SystemExit(1),
    asyncio.CancelledError(),
    ValueError("x"),
]


@pytest.mark.parametrize("error", FAULTS, ids=repr)
def test_every_exception_but_an_interrupt_is_the_clients(desk: Desk, error: BaseException) -> None:
    async def coroutine(self: Any, start: datetime, end: datetime, **kwargs: Any) -> Any:
        raise error

    async def generator(self: Any, start: datetime, end: datetime, **kwargs: Any) -> Any:
        yield table(start, start + HOUR)
        raise error

    for fetch in (raising(error), coroutine, generator):
        assert len(get(desk.of_clients(of(fetch), Sound)).to_pandas()) == 6
        with pytest.raises(AllSourcesFailedError) as caught:
            get(desk.of_clients(of(coroutine)), use_cache=False)
        assert isinstance(caught.value.__cause__, ClientFailedError)
    with pytest.raises(ClientFailedError):
        get(desk.of_clients(of(raising(error), Pages, "__init__")))


def test_an_interrupt_in_a_group_is_an_interrupt(desk: Desk) -> None:
    group = BaseExceptionGroup("g", [ValueError(), KeyboardInterrupt()])
    with pytest.raises(KeyboardInterrupt):
        get(desk.of_clients(of(raising(group))))


@pytest.mark.parametrize("error", FAULTS, ids=repr)
def test_a_fault_in_a_providers_function_is_named_and_costs_no_rows(desk: Desk, error: BaseException) -> None:
    async def function(context: Any, market: Any) -> Any:
        raise error

    unknown = of(raising(SymbolNotFoundError("No ACME.")))
    assert len(get(of_desk(desk, server_time=function)).to_pandas()) == 6
    with pytest.raises(SymbolNotFoundError, match=r"No ACME"):
        get(of_desk(desk, unknown, symbols=function), use_cache=False)
    with pytest.raises(ClientFailedError, match="universe of provider 'desk' failed: "):
        of_desk(desk, universe=function).symbols()


def giving(value: Any) -> Any:
    async def function(context: Any, market: Any) -> Any:
        return value

    return function


@pytest.mark.parametrize("told", [None, "x", float("nan"), True, 1.5, 0, 1_718_452_830_000, 10**30], ids=repr)
def test_a_time_that_is_none_leaves_the_clock_as_it_was(
    desk: Desk, told: Any, caplog: pytest.LogCaptureFixture
) -> None:
    manager = of_desk(desk, server_time=giving(told))
    end = desk.now
    with caplog.at_level(logging.DEBUG, "dsm_core.plugins"):
        data = manager.query("ACME", end - 6 * HOUR, end, "1h", inclusive="left", on_gaps="ignore")
    assert data.to_pandas().index[-1].hour == desk.now.hour - 1
    assert any(r.message.startswith("clock_not_read") and repr(told) in r.message for r in caplog.records)


def test_a_clock_that_hangs_leaves_the_rows_their_share_of_the_deadline(desk: Desk) -> None:
    async def server_time(context: Any, market: Any) -> Any:
        await asyncio.Event().wait()

    end = desk.now
    manager = of_desk(desk, server_time=server_time)
    data = manager.query(
        "ACME", end - 6 * HOUR, end, "1h", inclusive="left", on_gaps="ignore", deadline_s=0.5
    )
    assert len(data.to_pandas()) == 5


@pytest.mark.parametrize("found", [None, 5, ["A"], [None], "ABC", {"A": 1}], ids=repr)
def test_symbols_that_are_none_are_refused_naming_the_value(desk: Desk, found: Any) -> None:
    unknown = of(raising(SymbolNotFoundError("No ACME.")))
    with pytest.raises(SymbolNotFoundError, match="No ACME"):
        get(of_desk(desk, unknown, symbols=giving(found)))
    with pytest.raises(ClientFailedError) as caught:
        of_desk(desk, universe=giving(found)).symbols()
    assert f"universe gave {found!r}, not a list of SymbolInfo" in str(caught.value)
    listed = of_desk(desk, universe=giving(iter([SymbolInfo(symbol="ACME")]))).symbols()
    assert len(listed) == 1


def test_a_fault_in_check_symbol_is_the_clients(desk: Desk) -> None:
    own = type("Own", (Sound,), {"check_symbol": classmethod(lambda cls, symbol: {}[symbol])})
    with pytest.raises(ClientFailedError, match=r"Own of provider 'desk' failed: KeyError: 'ACME'"):
        get(desk.of_clients(own))


@pytest.mark.parametrize("plan", [None, 5, [5], "text"], ids=repr)
def test_a_plan_of_no_tasks_is_refused_naming_the_value(desk: Desk, plan: Any) -> None:
    with pytest.raises(ClientFailedError, match=r"Own of provider 'desk' failed: TypeError: plan\(\) gave"):
        get(desk.of_clients(of(lambda self, *given: plan, Pages, "plan")))


def test_a_lifetime_that_is_none_costs_the_rows_nothing(desk: Desk) -> None:
    def fetch(self: Any, start_time: datetime, end_time: datetime, **kwargs: Any) -> Any:
        return columns(START, END) if start_time <= START else {}

    for lifetime in (lambda self: "2020", giving_self("2020")):
        own = type("Own", (Sound,), {"lifetime": lifetime, "fetch": fetch})
        manager = desk.of_clients(own)
        data = manager.query("ACME", START, END + HOUR, "1h", inclusive="left", on_gaps="ignore")
        assert len(data.to_pandas()) == 6


def giving_self(value: Any) -> Any:
    async def method(self: Any, *args: Any) -> Any:
        return value

    return method


class Objects(ArchiveClient):
    spec = spec("files")

    def granularities(self) -> Any:
        return ()

    def object_url(self, granularity: Any, period: Any) -> str:
        raise NotImplementedError

    def parse(self, task: Any, path: Any) -> Any:
        raise NotImplementedError


@pytest.mark.parametrize("sizes", [(), None, 5, ["daily"]], ids=repr)
def test_granularities_that_are_none_are_refused_naming_class_and_value(desk: Desk, sizes: Any) -> None:
    with pytest.raises(PluginContractError) as caught:
        get(desk.of_clients(of(lambda self: sizes, Objects, "granularities")))
    assert f"Own of provider 'desk' has the granularities {sizes!r}" in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [{"covered": "all"}, {"covered": [(START, END)]}, {"covered": 5}, {"origin": "here"}, {"origin": 5}],
    ids=repr,
)
def test_an_answer_that_vouches_for_nothing_readable_is_the_clients_fault(
    desk: Desk, given: dict[str, Any]
) -> None:
    async def fetch_page(self: Any, page: PageRequest) -> Any:
        return Answer(columns(START, END), **given)

    faulty = of(fetch_page, Pages, "fetch_page")
    with pytest.raises(AllSourcesFailedError) as caught:
        get(desk.of_clients(faulty))
    assert f"TypeError: {next(iter(given))}=" in str(caught.value)
    assert len(get(desk.of_clients(faulty, SoundFiles)).to_pandas()) == 6


def test_an_answer_takes_pairs_and_a_url() -> None:
    answer = Answer(pa.table({}), covered=[(1, 5), (7, 9)], origin="https://me:pw@desk.example/rows")
    assert answer.covered == RangeSet.from_pairs([(1, 5), (7, 9)])
    assert answer.origin is not None
    assert answer.origin.url is not None
    assert answer.origin.url.endswith("desk.example/rows")
    assert "pw" not in answer.origin.url


def test_the_same_fault_in_every_call_leaves_the_manager_usable(desk: Desk) -> None:
    manager = desk.of_clients(Faulty, Sound)
    for _ in range(3):
        assert len(get(manager, use_cache=False).to_pandas()) == 6
