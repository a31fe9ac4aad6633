"""A fault in a client's own code fails its range, shows its cause, and leaves the next source its turn."""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from dsm_core import DataSourceManager
from dsm_core.errors import (
    AllSourcesFailedError,
    AuthenticationError,
    ClientFailedError,
    IncompleteDataWarning,
    ServerError,
    SourceTimeoutError,
)
from dsm_core.plugins import Answer, ClientSpec, DataClientInterface, PagedClient, PageRequest, Provider
from plugins.test_fetch_forms import END, START, columns, table
from plugins.venues import HOUR, Desk


def spec(source: str) -> ClientSpec:
    return ClientSpec(
        market_type="spot",
        chart_type="klines",
        source=source,
        intervals=["1h"],
        columns="open high low close",
        authoritative=source == "rest",
    )


class Faulty(DataClientInterface):
    spec = spec("files")

    def fetch(self, start_time: datetime, end_time: datetime, **kwargs: Any) -> Any:
        return {}["opne"]


class Sound(DataClientInterface):
    spec = spec("rest")

    def fetch(self, start_time: datetime, end_time: datetime, **kwargs: Any) -> Any:
        return columns(start_time, end_time)


def of(fetch: Callable[..., Any], base: type = Faulty, name: str = "fetch") -> Any:
    return type("Own", (base,), {name: fetch})


def get(manager: DataSourceManager, **more: Any) -> Any:
    return manager.query("ACME", START, END, "1h", inclusive="left", **more)


def raising(error: BaseException | type[BaseException]) -> Callable[..., Any]:
    def fetch(self: Any, start_time: datetime, end_time: datetime, **kwargs: Any) -> Any:
        raise error

    return fetch


def test_the_error_tells_client_provider_range_type_message_and_line(desk: Desk) -> None:
    with pytest.raises(AllSourcesFailedError) as caught:
        get(desk.of_clients(Faulty))
    cause = caught.value.__cause__
    assert isinstance(cause, ClientFailedError)
    assert isinstance(cause.__cause__, KeyError)
    assert (cause.details["client"], cause.details["provider"]) == ("Faulty", "desk")
    assert cause.details["cause"] == "KeyError: 'opne'"
    assert cause.details["where"].startswith(__file__)
    assert cause.details["range"] == "[2024-06-01 00:00, 2024-06-01 06:00)"
    for told in ("Faulty of provider 'desk'", "2024-06-01 00:00", "KeyError: 'opne'", cause.details["where"]):
        assert told in str(caught.value)


def test_the_next_source_has_its_turn(desk: Desk) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", IncompleteDataWarning)
        data = get(desk.of_clients(Faulty, Sound))
    assert len(data.to_pandas()) == 6
    assert {s.source for s in data.provenance} == {"rest"}


def test_what_came_before_the_fault_is_kept_and_the_warning_names_the_cause(desk: Desk) -> None:
    def fetch(self: Any, start_time: datetime, end_time: datetime, **kwargs: Any) -> Iterator[Any]:
        if start_time == START:
            yield table(start_time, start_time + 2 * HOUR)
        raise ZeroDivisionError("by nought")

    with pytest.warns(
        IncompleteDataWarning, match=r"ZeroDivisionError: by nought.*test_client_faults\.py:\d+"
    ):
        data = get(desk.of_clients(of(fetch)))
    assert len(data.to_pandas()) == 2
    assert [(g.reason, g.bars) for g in data.gaps] == [("source_failed", 4)]


async def _async_fetch(self: Any, start_time: datetime, end_time: datetime, **kwargs: Any) -> Any:
    raise KeyError("opne")


async def _async_generator(self: Any, start: datetime, end: datetime, **kwargs: Any) -> AsyncIterator[Any]:
    yield {}["opne"]


def _generator(self: Any, start: datetime, end: datetime, **kwargs: Any) -> Iterator[Any]:
    yield {}["opne"]


async def _group(self: Any, start: datetime, end: datetime, **kwargs: Any) -> Any:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_async_fetch(self, start, end))


@pytest.mark.parametrize("fetch", [_async_fetch, _async_generator, _generator, _group])
def test_a_fault_in_any_form_of_fetch_is_the_clients(desk: Desk, fetch: Any) -> None:
    with pytest.raises(AllSourcesFailedError, match=r"Own of provider 'desk' failed.*KeyError: 'opne'"):
        get(desk.of_clients(of(fetch)))


@pytest.mark.parametrize(
    "error",
    [
        StopIteration,
        StopAsyncIteration,
        GeneratorExit,
        SystemExit(3),
        RuntimeError("x"),
        OSError(5, "io"),
        TimeoutError,
    ],
    ids=repr,
)
def test_no_exception_of_a_client_hangs_or_ends_the_process(desk: Desk, error: Any) -> None:
    manager = desk.of_clients(of(raising(error)), Sound)
    assert len(get(manager).to_pandas()) == 6
    assert len(get(manager).to_pandas()) == 6


def test_an_interrupt_is_not_the_clients_fault_and_the_manager_lives_on(desk: Desk) -> None:
    hit = [KeyboardInterrupt]

    def fetch(self: Any, start_time: datetime, end_time: datetime, **kwargs: Any) -> Any:
        if hit:
            raise hit.pop()
        return columns(start_time, end_time)

    manager = desk.of_clients(of(fetch))
    with pytest.raises(KeyboardInterrupt):
        get(manager)
    assert len(get(manager).to_pandas()) == 6


async def test_a_cancellation_passes_through_and_a_made_up_one_is_the_clients_fault(desk: Desk) -> None:
    begun = asyncio.Event()

    async def hang(self: Any, start_time: datetime, end_time: datetime, **kwargs: Any) -> Any:
        begun.set()
        await asyncio.Event().wait()

    async with desk.async_manager(Provider(name="desk", clients=[of(hang), Sound])) as manager:
        task = asyncio.create_task(manager.get_data("ACME", START, END, "1h"))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    lost = of(raising(asyncio.CancelledError))
    async with desk.async_manager(Provider(name="desk", clients=[lost])) as manager:
        with pytest.raises(AllSourcesFailedError, match="nobody had cancelled it"):
            await manager.get_data("ACME", START, END, "1h")


def test_an_error_of_dsms_own_tree_stays_what_it_is(desk: Desk) -> None:
    with pytest.raises(AuthenticationError, match="key expired"):
        get(desk.of_clients(of(raising(AuthenticationError("key expired"))), Sound))

    async def group(self: Any, start: datetime, end: datetime, **kwargs: Any) -> Any:
        raise ExceptionGroup("two", [ServerError("down"), ServerError("down too")])

    with pytest.raises(AllSourcesFailedError) as caught:
        get(desk.of_clients(of(group)))
    assert isinstance(caught.value.__cause__, ServerError)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, "NoneType"),
        (5, "came as int"),
        ("rows", "came as str"),
        ([{"open_time": 1}], "came as list"),
        ({"open_time": [1, 2]}, "int64, not times"),
        ({"open": [1.0]}, "'open_time': is missing; the source gave open"),
        ({"open_time": [START], "open": [1.0, 2.0]}, "make no table"),
        (object, "came as type"),
    ],
    ids=str,
)
def test_what_is_no_table_is_refused_naming_the_client(desk: Desk, given: Any, told: str) -> None:
    with pytest.raises(AllSourcesFailedError) as caught:
        get(desk.of_clients(of(lambda self, a, b, **kwargs: given)))
    assert told in str(caught.value)
    assert "Own of provider 'desk' gave rows that do not fit" in str(caught.value)


class SoundFiles(Sound):
    spec = spec("files")


class Pages(PagedClient):
    spec = spec("rest")

    async def fetch_page(self, page: PageRequest) -> Any:
        return Answer(columns(START, END))


def test_a_fault_in_a_page_is_the_clients_and_the_next_source_has_its_turn(desk: Desk) -> None:
    faulty = of(lambda self, page: 1 / 0, Pages, "fetch_page")
    with pytest.raises(AllSourcesFailedError, match=r"Own of provider 'desk' failed.*ZeroDivision"):
        get(desk.of_clients(faulty))
    assert len(get(desk.of_clients(faulty, SoundFiles)).to_pandas()) == 6


@pytest.mark.parametrize("name", ["plan", "__init__"])
def test_a_fault_before_anything_is_asked_is_raised_at_once_naming_the_client(desk: Desk, name: str) -> None:
    faulty = of(lambda self, *args, **kwargs: 1 / 0, Pages, name)
    with pytest.raises(ClientFailedError, match=r"Own of provider 'desk' failed: ZeroDivision.*\.py:\d+"):
        get(desk.of_clients(faulty))


def test_a_page_that_is_none_is_refused(desk: Desk) -> None:
    async def fetch_page(self: Any, page: PageRequest) -> Any:
        return None

    with pytest.raises(AllSourcesFailedError, match=r"Own of provider 'desk' gave rows.*NoneType"):
        get(desk.of_clients(of(fetch_page, Pages, "fetch_page")))


def test_a_page_may_be_a_plain_table(desk: Desk) -> None:
    async def fetch_page(self: Any, page: PageRequest) -> Any:
        return columns(START, END)

    assert len(get(desk.of_clients(of(fetch_page, Pages, "fetch_page"))).to_pandas()) == 6


def test_a_fault_in_lifetime_costs_the_rows_nothing(desk: Desk) -> None:
    async def lifetime(self: Any) -> Any:
        raise KeyError("listed")

    def fetch(self: Any, start_time: datetime, end_time: datetime, **kwargs: Any) -> Any:
        return columns(START, END) if start_time <= START else {}

    own = type("Own", (Sound,), {"lifetime": lifetime, "fetch": fetch})
    data = desk.of_clients(own).query("ACME", START, END + HOUR, "1h", inclusive="left", on_gaps="ignore")
    assert len(data.to_pandas()) == 6


def test_a_client_that_never_answers_ends_with_the_deadline(desk: Desk) -> None:
    done = threading.Event()
    manager = desk.of_clients(of(lambda self, a, b, **kwargs: done.wait() and None))
    try:
        with pytest.raises(AllSourcesFailedError, match="within the call's deadline") as caught:
            get(manager, deadline_s=0.05)
    finally:
        done.set()
    assert isinstance(caught.value.__cause__, SourceTimeoutError)


def test_nobody_is_told_to_try_again_what_cannot_help(desk: Desk) -> None:
    with pytest.raises(AllSourcesFailedError, match="Trying again will not help"):
        get(desk.of_clients(Faulty))
