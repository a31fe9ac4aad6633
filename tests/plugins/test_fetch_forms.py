"""Whatever form a fetch has and whatever it gives, the rows are the same."""

from __future__ import annotations

import functools
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dsm_core.errors import AllSourcesFailedError
from dsm_core.plugins import Answer, ClientSpec, DataClientInterface, Provider
from plugins.venues import HOUR, Desk, utc

SPEC = ClientSpec(
    market_type="spot",
    chart_type="klines",
    source="rest",
    intervals=["1h"],
    columns="open high low close",
    authoritative=True,
)
START, END = utc(2024, 6, 1), utc(2024, 6, 1, 6)
NAMES = ("open", "high", "low", "close")


def columns(start: datetime, end: datetime) -> dict[str, Any]:
    times = pd.date_range(start, end, freq="h", inclusive="left")
    return {"open_time": times, **{name: [float(t.hour) for t in times] for name in NAMES}}


def table(start: datetime, end: datetime) -> pa.Table:
    return pa.table({name: pa.array(values) for name, values in columns(start, end).items()})


def halves(start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    middle = start + 3 * HOUR
    return [(start, middle), (middle, end)]


def as_rows(start: datetime, end: datetime) -> Answer:
    cells = [
        [int(t.timestamp() * 1000), *(f"{t.hour}.0" for _ in NAMES)]
        for t in pd.date_range(start, end, freq="h", inclusive="left")
    ]
    return Answer.from_rows(cells, "open_time:ms open high low close")


FORMS: dict[str, Callable[[datetime, datetime], Any]] = {
    "arrow": table,
    "batch": lambda a, b: table(a, b).to_batches()[0],
    "pandas index": lambda a, b: pd.DataFrame(columns(a, b)).set_index("open_time"),
    "pandas column": lambda a, b: pd.DataFrame(columns(a, b)),
    "pandas backwards": lambda a, b: pd.DataFrame(columns(a, b)).iloc[::-1],
    "polars": lambda a, b: pl.DataFrame(columns(a, b)),
    "mapping": columns,
    "answer": lambda a, b: Answer(table(a, b)),
    "text": as_rows,
    "answers": lambda a, b: [Answer(table(*half)) for half in halves(a, b)],
    "iterator": lambda a, b: iter([table(*half) for half in halves(a, b)]),
}


def client(fetch: Callable[..., Any]) -> type[DataClientInterface]:
    return type("Desk", (DataClientInterface,), {"spec": SPEC, "fetch": fetch})


def check(desk: Desk, fetch: Callable[..., Any]) -> None:
    manager = desk.of_clients(client(fetch))
    for _ in range(2):
        data = manager.query("ACME", START, END, "1h", inclusive="left", on_gaps="raise_any")
        assert list(data.to_pandas()["open"]) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


@pytest.mark.parametrize("form", FORMS)
def test_a_plain_fetch_may_give_any_form(desk: Desk, form: str) -> None:
    check(desk, lambda self, start_time, end_time, **kwargs: FORMS[form](start_time, end_time))


@pytest.mark.parametrize("form", FORMS)
def test_a_coroutine_may_give_any_form(desk: Desk, form: str) -> None:
    async def fetch(self: Any, start_time: datetime, end_time: datetime, **kwargs: Any) -> Any:
        return FORMS[form](start_time, end_time)

    check(desk, fetch)


@pytest.mark.parametrize("form", sorted(FORMS.keys() - {"answers", "iterator"}))
def test_a_generator_may_give_its_parts_in_any_form(desk: Desk, form: str) -> None:
    def fetch(self: Any, start_time: datetime, end_time: datetime, **kwargs: Any) -> Iterator[Any]:
        for half in halves(start_time, end_time):
            yield FORMS[form](*half)

    check(desk, fetch)


@pytest.mark.parametrize("form", sorted(FORMS.keys() - {"answers", "iterator"}))
def test_an_async_generator_may_give_its_parts_in_any_form(desk: Desk, form: str) -> None:
    async def fetch(self: Any, start_time: datetime, end_time: datetime, **kwargs: Any) -> AsyncIterator[Any]:
        for half in halves(start_time, end_time):
            yield FORMS[form](*half)

    check(desk, fetch)


def test_a_decorated_coroutine_is_awaited(desk: Desk) -> None:
    async def fetch(self: Any, start_time: datetime, end_time: datetime, **kwargs: Any) -> Any:
        return table(start_time, end_time)

    def logged(*args: Any, **kwargs: Any) -> Any:
        return fetch(*args, **kwargs)

    check(desk, functools.wraps(fetch)(logged))


def test_a_generator_keeps_its_thread_so_that_a_database_connection_may_be_open_in_it(desk: Desk) -> None:
    closed = []

    def fetch(self: Any, start_time: datetime, end_time: datetime, **kwargs: Any) -> Iterator[Any]:
        db = sqlite3.connect(":memory:")
        try:
            for half in halves(start_time, end_time):
                assert db.execute("SELECT 1").fetchone() == (1,)
                yield table(*half)
        finally:
            db.close()
            closed.append(True)

    check(desk, fetch)
    assert closed == [True]


def test_a_connection_is_closed_when_the_rows_of_a_part_do_not_fit(desk: Desk) -> None:
    closed = []

    def fetch(self: Any, start_time: datetime, end_time: datetime, **kwargs: Any) -> Iterator[Any]:
        try:
            yield {"open_time": [1], "open": ["x"]}
            yield table(start_time, end_time)
        finally:
            closed.append(threading.current_thread().name)

    with pytest.raises(AllSourcesFailedError, match="Desk of provider 'desk' gave rows"):
        desk.of_clients(client(fetch)).query("ACME", START, END, "1h", inclusive="left")
    assert [name.startswith("dsm-client") for name in closed] == [True]


def test_a_part_without_rows_says_nothing_of_the_rest(desk: Desk) -> None:
    def fetch(self: Any, start_time: datetime, end_time: datetime, **kwargs: Any) -> Iterator[Any]:
        yield {}
        yield table(start_time, min(end_time, start_time + 3 * HOUR))
        yield pd.DataFrame()

    data = desk.of_clients(client(fetch)).query("ACME", START, END, "1h", inclusive="left")
    # The venue gives three bars at a time: what it left out is asked for, not taken for a hole.
    assert (len(data.to_pandas()), data.gaps) == (6, ())


async def test_an_async_manager_takes_the_same_clients(desk: Desk) -> None:
    provider = Provider(name="desk", clients=[client(lambda self, a, b, **kwargs: columns(a, b))])
    async with desk.async_manager(provider) as manager:
        frame = await manager.get_data("ACME", START, END, "1h", inclusive="left")
    assert len(frame) == 6


def test_an_empty_answer_of_any_form_is_an_answer(desk: Desk) -> None:
    for empty in ({}, pa.table({}), pd.DataFrame(), pl.DataFrame(), Answer({}), iter([])):
        manager = desk.of_clients(client(lambda self, a, b, empty=empty, **kwargs: empty), use_cache=False)
        data = manager.query("ACME", START, END, "1h", inclusive="left", on_gaps="ignore")
        assert len(data.to_pandas()) == 0
        assert {g.reason for g in data.gaps} == {"venue_has_none"}
