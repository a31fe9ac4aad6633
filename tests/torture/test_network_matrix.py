"""Every trouble of the network before every client: calls end, rows stay, and nothing false is learned."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dsm_core import DataSourceManager
from dsm_core.errors import AllSourcesFailedError, AuthenticationError, DSMError, RateLimitError
from torture.network_clients import ASKED, CLIENTS, FRESH, HELD, NOW, Stage, World
from torture.network_troubles import TROUBLES, Trouble
from torture.scale import count
from torture.tally import tally

# Far longer than any deadline here: whoever takes that long hangs.
HANG_S = 90.0
PASSING_RETRIES = 3
# In the short form every trouble meets every so-many-th client, and every client some troubles.
EVERY = count(7, 1)


def cells() -> Iterator[tuple[str, str]]:
    for i, trouble in enumerate(TROUBLES):
        for j, client in enumerate(CLIENTS):
            if (i + j) % EVERY == 0 and TROUBLES[trouble].concerns(CLIENTS[client]):
                yield client, trouble


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = Stage(tmp_path_factory.mktemp("stage"))
    with made.stack:
        yield made


def in_time(work: Callable[..., Any], *args: Any, **given: Any) -> Any:
    """What ``work`` gives, or its error; a call that hangs is a failure, not a run without end."""
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(work, *args, **given).result(HANG_S)
    except DSMError as error:
        return error
    finally:
        pool.shutdown(wait=False)


def ask(world: World, manager: DataSourceManager, span: tuple[str, str], trouble: Trouble) -> Any:
    """Ask in trouble, and count what was sent for it."""
    retries = PASSING_RETRIES if trouble.is_passing else 1
    budget = world.budget(manager, span, retries, trouble)
    world.sent()
    answer = in_time(world.query, manager, span, deadline_s=trouble.deadline_s)
    sent = world.sent()
    assert len(sent) <= budget, f"{len(sent)} requests where {budget} are the most"
    return answer, len(sent)


def check_part(stage: Stage, name: str, trouble: Trouble, data: Any, span: tuple[str, str]) -> int:
    """Rows that are right, and a reason for each that is not there; how many rows came."""
    whole = stage.truth(name, span)
    frame = data.to_pandas()
    pd.testing.assert_frame_equal(frame, whole.loc[frame.index], check_freq=False)
    if trouble.is_passing:
        assert (len(frame), data.gaps, data.failures) == (len(whole), (), ())
        return len(frame)
    missing = whole.index.difference(frame.index)
    assert len(missing) > 0
    for moment in missing:
        assert any(g.start_time <= moment < g.end_time for g in data.gaps), f"{moment} is not explained"
    assert not any(gap.final for gap in data.gaps)
    kinds = trouble.becomes + ((DSMError,) if trouble.is_silent else ())
    assert all(isinstance(failure.error, kinds) for failure in data.failures), data.failures
    assert trouble.is_silent or data.failures
    return len(frame)


def check_error(trouble: Trouble, error: Any) -> None:
    """One error of the tree, whose kind tells what happened."""
    assert isinstance(error, AllSourcesFailedError | RateLimitError | AuthenticationError), error
    cause = error.__cause__ if isinstance(error, AllSourcesFailedError) else error
    assert isinstance(cause, (*trouble.becomes, AuthenticationError)), repr(cause)


def check_cache(stage: Stage, name: str, world: World) -> None:
    """Held is what was held and what came: nothing wrong, nothing final, no hole that is believed."""
    with world.manager(config={"offline": True}) as manager:
        for span in (ASKED, FRESH):
            data = in_time(world.query, manager, span)
            if isinstance(data, DSMError):
                continue
            frame, whole = data.to_pandas(), stage.truth(name, span)
            pd.testing.assert_frame_equal(frame, whole.loc[frame.index], check_freq=False)
            assert not any(gap.final for gap in data.gaps)
        for month in HELD:
            assert not world.query(manager, (month, month)).gaps


def check_healed(stage: Stage, name: str, world: World) -> None:
    """Everything comes, and what was held is not asked for again."""
    with world.manager() as manager:
        for span in (ASKED, FRESH):
            data = in_time(world.query, manager, span, on_gaps="raise_any")
            assert not isinstance(data, DSMError), data
            pd.testing.assert_frame_equal(data.to_pandas(), stage.truth(name, span), check_freq=False)
        assert world.sent() == [] or span == FRESH
        held = sum(len(stage.truth(name, ASKED).loc[month]) for month in HELD)
        again = in_time(world.query, manager, ASKED)
        assert sum(s.rows for s in again.provenance if s.from_cache) >= held


@pytest.mark.parametrize(("name", "what"), list(cells()))
def test_no_trouble_of_the_network_costs_a_row_or_confirms_a_hole(
    name: str, what: str, stage: Stage, tmp_path: Path
) -> None:
    world, trouble = stage.open(name, tmp_path), TROUBLES[what]
    trouble.begin(world)
    try:
        retries = PASSING_RETRIES if trouble.is_passing else 1
        with world.manager(retries, http=trouble.http) as manager:
            held, _ = ask(world, manager, ASKED, trouble)
            if isinstance(held, DSMError):
                # Credentials that do not suffice: an error, whatever is held.
                assert isinstance(held, AuthenticationError)
            else:
                rows = check_part(stage, name, trouble, held, ASKED)
                assert rows >= sum(len(stage.truth(name, ASKED).loc[month]) for month in HELD)
            fresh, sent = ask(world, manager, FRESH, trouble)
            assert not (trouble.stops and sent and world.client.provider == "binance")
            if isinstance(fresh, DSMError):
                check_error(trouble, fresh)
            else:
                assert trouble.is_passing or trouble.is_silent
                check_part(stage, name, trouble, fresh, FRESH)
    finally:
        trouble.end(world)
    check_cache(stage, name, world)
    world.let_time_pass()
    check_healed(stage, name, world)
    tally("network faults", injected=2, survived=2)


@pytest.mark.parametrize(
    "name", [name for name in CLIENTS if CLIENTS[name].can_show("empty")][:: count(3, 1)]
)
def test_an_outage_of_hours_that_answers_with_nothing_confirms_nothing(
    name: str, stage: Stage, tmp_path: Path
) -> None:
    world, trouble = stage.open(name, tmp_path), TROUBLES["200 without a row"]
    trouble.begin(world)
    for hours in range(count(3, 9)):
        world.venue.clock.set(NOW + timedelta(hours=hours * 2))
        with world.manager() as manager:
            data = in_time(world.query, manager, ASKED)
            assert not isinstance(data, DSMError), data
            check_part(stage, name, trouble, data, ASKED)
    trouble.end(world)
    check_cache(stage, name, world)
    world.venue.clock.set(NOW + timedelta(days=1))
    check_healed(stage, name, world)
    tally("network faults", injected=3, survived=3)


@pytest.mark.parametrize(
    "off",
    [
        timedelta(hours=-30),
        timedelta(hours=-1),
        timedelta(hours=1),
        timedelta(days=6),
        timedelta(days=20),
        timedelta(days=366),
    ],
)
@pytest.mark.parametrize("name", list(CLIENTS)[:: count(5, 1)])
def test_a_wrong_clock_costs_no_row_and_confirms_nothing(
    name: str, off: timedelta, stage: Stage, tmp_path: Path
) -> None:
    world = stage.open(name, tmp_path)
    with world.manager(clock=lambda: world.venue.clock.now() + off) as manager:
        for span in (ASKED, FRESH):
            data = in_time(world.query, manager, span, on_gaps="raise_any")
            assert not isinstance(data, DSMError), data
            pd.testing.assert_frame_equal(data.to_pandas(), stage.truth(name, span), check_freq=False)
        in_time(world.query, manager, ("2024-06-14", "2024-06-20"))
    # When the month's files are out too.
    world.venue.clock.set(NOW + timedelta(days=25))
    june = ("2024-06-01", "2024-06-20")
    with world.manager() as manager, world.manager(cache_dir=tmp_path / "untouched") as other:
        after, whole = (in_time(world.query, m, june, on_gaps="raise_any") for m in (manager, other))
        assert not isinstance(after, DSMError), after
        assert after.to_pandas().index[-1].date().isoformat() == "2024-06-20"
        # Nor was the bar kept that was open then.
        pd.testing.assert_frame_equal(after.to_pandas(), whole.to_pandas(), check_freq=False)
    tally("network faults", injected=1, survived=1)
