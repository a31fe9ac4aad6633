"""Observers that misbehave cost one warning and no row; packages that observe are found and guarded."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from asyncio import CancelledError
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pandas as pd
import pytest

from binance.venues import Desk, Venues, check_frame
from core.fake_dists import distributions, plugin_code, write_dist
from dsm_core.config import Secret
from dsm_core.errors import RequestError
from dsm_core.events import CacheWritten, Event, EventBus
from dsm_core.observe import Metrics
from dsm_core.plugins.observers import InstalledObserver, installed_observers
from observe.watching import Heard, assert_paired

DAYS: tuple[Any, ...] = ("BTCUSDT", "2024-05-01", "2024-05-03", "1h")


def fetched(manager: Any) -> pd.DataFrame:
    frame = manager.get_data(*DAYS)
    check_frame(frame)
    assert len(frame) == 72
    return frame


def raises_always(event: Event) -> None:
    raise KeyError("always")


def raises_in_a_worker(event: Event) -> None:
    if threading.current_thread().name.startswith("dsm_"):
        raise ValueError("only here")


def raises_on_writes(event: Event) -> None:
    assert not isinstance(event, CacheWritten)


class Own(BaseException):
    """What no `except Exception` catches."""


ENDINGS = (SystemExit(1), Own(), GeneratorExit(), CancelledError(), BaseExceptionGroup("g", [SystemExit()]))


@pytest.mark.parametrize("raised", ENDINGS, ids=lambda raised: type(raised).__name__)
def test_whatever_an_observer_raises_ends_no_call(
    venues: Venues, desk: Desk, caplog: pytest.LogCaptureFixture, raised: BaseException
) -> None:
    manager = desk.manager(venues())
    calls: list[Event] = []

    def broken(event: Event) -> None:
        calls.append(event)
        raise raised

    manager.subscribe(broken)
    fetched(manager)
    fetched(manager)
    assert len(calls) == 1
    assert len([r for r in caplog.records if r.name == "dsm_core.events"]) == 1


def test_the_report_of_a_broken_observer_tells_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    bus, secret = EventBus(), Secret("hunter2SECRET")

    def broken(event: Event) -> None:
        raise ValueError(f"https://u:pa55wo@h/?apikey=topword {secret.reveal()}")

    bus.subscribe(broken)
    bus.emit(Event())
    assert "observer_dropped" in caplog.text
    assert "in broken" in caplog.text
    assert not [text for text in ("pa55wo", "topword", "hunter2SECRET") if text in caplog.text]


@pytest.mark.parametrize("observer", [raises_always, raises_in_a_worker, raises_on_writes])
def test_an_observer_that_raises_costs_one_warning_and_no_row(
    venues: Venues, desk: Desk, caplog: pytest.LogCaptureFixture, observer: Callable[[Event], None]
) -> None:
    manager = desk.manager(venues())
    manager.subscribe(observer)
    heard = Heard()
    manager.subscribe(heard)
    fetched(manager)
    fetched(manager)
    dropped = [r for r in caplog.records if r.name == "dsm_core.events"]
    assert [r.levelname for r in dropped] == ["WARNING"]
    assert observer.__name__ in dropped[0].getMessage()
    assert "Traceback" in (dropped[0].exc_text or "")
    assert_paired(heard)


def test_an_observer_that_ends_its_own_subscription_is_called_once(venues: Venues, desk: Desk) -> None:
    manager = desk.manager(venues())
    heard, last = Heard(), Heard()

    def once(event: Event) -> None:
        heard(event)
        end()

    end = manager.subscribe(once)
    manager.subscribe(last)
    fetched(manager)
    assert len(heard.events) == 1
    assert_paired(last)
    assert last.events[0] is heard.events[0]


def test_an_observer_that_waits_holds_its_call_and_loses_nothing(venues: Venues, desk: Desk) -> None:
    manager = desk.manager(venues())
    heard, may_go = Heard(), threading.Event()
    frames: list[pd.DataFrame] = []
    is_held = threading.Event()

    def slow(event: Event) -> None:
        is_held.set()
        assert may_go.wait(30)
        heard(event)

    manager.subscribe(slow)
    thread = threading.Thread(target=lambda: frames.append(fetched(manager)))
    thread.start()
    assert is_held.wait(30)
    may_go.set()
    thread.join(60)
    assert [len(frame) for frame in frames] == [72]
    assert_paired(heard)


@pytest.mark.parametrize("verb", ["get_data", "explain", "close"])
def test_an_observer_that_calls_its_manager_is_refused_in_any_thread(
    venues: Venues, desk: Desk, caplog: pytest.LogCaptureFixture, verb: str
) -> None:
    for place in ("dsm-loop", "dsm_", "MainThread"):
        manager = desk.manager(venues(), cache_dir=desk.tmp_path / verb / place)

        def nosy(event: Event, manager: Any = manager, place: str = place) -> None:
            if threading.current_thread().name.startswith(place):
                getattr(manager, verb)(*(DAYS if verb != "close" else ()))

        manager.subscribe(nosy)
        fetched(manager)
        fetched(manager)
    dropped = [f"{r.getMessage()} {r.exc_text}" for r in caplog.records if r.name == "dsm_core.events"]
    assert len(dropped) == 3
    assert all("one of its own observers" in text and "on a queue" in text for text in dropped)


def test_an_observer_may_call_another_manager(venues: Venues, desk: Desk) -> None:
    venue = venues()
    manager, other = desk.manager(venue), desk.manager(venue, cache_dir=desk.tmp_path / "other")
    lengths: list[int] = []
    ids: list[set[int]] = []

    def curious(event: Event) -> None:
        end()
        heard = Heard()
        other.subscribe(heard)
        lengths.append(len(fetched(other)))
        ids.append({event.call_id, *heard.call_ids})

    end = manager.subscribe(curious)
    fetched(manager)
    assert lengths == [72]
    assert len(ids[0]) == 2


def test_what_can_not_observe_is_refused_at_once(venues: Venues, desk: Desk) -> None:
    manager = desk.manager(venues())

    async def coroutine(event: Event) -> None: ...

    class Awaited:
        async def __call__(self, event: Event) -> None: ...

    for wrong in (coroutine, Awaited(), None, 7):
        with pytest.raises(RequestError, match=r"coroutine function|cannot be called"):
            manager.subscribe(wrong)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_keeps_its_observers_once(venues: Venues, desk: Desk) -> None:
    manager = desk.manager(venues())
    metrics = Metrics()
    manager.subscribe(metrics)
    fetched(manager)
    before = metrics.value("cache_hits")
    child = os.fork()
    if child == 0:
        fetched(manager)
        os._exit(int(metrics.value("cache_hits") - before))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


OBSERVER = """
from dsm_core.plugins import hookimpl

@hookimpl
def dsm_observe(event):
    with open("heard.txt", "a") as file:
        print(event.name, file=file)
"""


def write_observer(folder: Path, name: str, code: str) -> None:
    """A distribution that only observes."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[dsm.observers]\n{name} = {name}_plugin\n")
    (folder / f"{name}_plugin.py").write_text(dedent(code))


def test_observers_are_listed_from_metadata(tmp_path: Path) -> None:
    write_observer(tmp_path, "watch", "raise RuntimeError('never imported')")
    found = installed_observers(distributions(tmp_path))
    assert found == (
        InstalledObserver(name="watch", module="watch_plugin", distribution="watch", version="1.0"),
    )


def run_call(folder: Path) -> subprocess.CompletedProcess[str]:
    """Two managers and a call in a fresh process, over the plugins of ``folder``; it logs to stderr."""
    code = """
        import logging, sys
        logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
        from dsm_core import DataSourceManager
        print("imported", any(name.endswith("_plugin") for name in sys.modules))
        for number in range(2):
            with DataSourceManager("spot", provider="fake", cache_dir=f"cache{number}") as manager:
                manager.query("A", "2024-01-01", "2024-01-01", "1m", on_gaps="ignore")
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DSM_", "PYTHON"))}
    return subprocess.run(
        [sys.executable, "-c", dedent(code)],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(folder), "HOME": str(folder), "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


EMPTY = """
import pyarrow as pa

async def fetch(self, start_time, end_time, **kwargs):
    names = ["open", "high", "low", "close", "volume"]
    columns = {name: pa.array([], pa.float64()) for name in names}
    return pa.table({"open_time": pa.array([], pa.timestamp("ns", "UTC")), **columns})

Client.fetch = fetch
"""


def write_provider(folder: Path, more: str = "") -> None:
    write_dist(
        folder,
        "dsm-fake",
        providers={"fake": "fake_provider"},
        modules={"fake_provider": plugin_code("fake", EMPTY + dedent(more))},
    )


def test_a_package_that_only_observes_sees_every_manager(tmp_path: Path) -> None:
    write_provider(tmp_path)
    write_observer(tmp_path, "watch", OBSERVER)
    done = run_call(tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "imported False\n"
    heard = (tmp_path / "heard.txt").read_text().split()
    assert heard.count("planned") == 2
    assert heard.count("segment_done") == 2


def test_a_provider_observes_the_managers_that_use_it_and_not_twice(tmp_path: Path) -> None:
    write_provider(tmp_path, OBSERVER)
    info = tmp_path / "dsm_fake-1.0.dist-info" / "entry_points.txt"
    info.write_text(info.read_text() + "[dsm.observers]\nfake = fake_provider\n")
    done = run_call(tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "heard.txt").read_text().split().count("planned") == 2


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("raise RuntimeError('broken')", "RuntimeError: broken"),
        ("raise IndexError('its own')", "IndexError: its own"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("", "no dsm_observe() hook"),
        ("from dsm_core.plugins import hookimpl\n@hookimpl\ndef dsm_observ(event): ...", "dsm_observ"),
        ("from dsm_core.plugins import hookimpl\n@hookimpl\ndef dsm_observe(events): ...", "events"),
    ],
)
def test_a_broken_observer_is_named_once_and_hurts_nobody(tmp_path: Path, code: str, told: str) -> None:
    write_provider(tmp_path)
    write_observer(tmp_path, "broken", code)
    write_observer(tmp_path, "watch", OBSERVER)
    done = run_call(tmp_path)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "observer_not_loaded" in line]
    assert "broken 1.0" in line.replace("distribution=", "").replace("version=", "")
    assert told in done.stderr
    assert "planned" in (tmp_path / "heard.txt").read_text()


def test_a_hook_that_raises_is_dropped_by_each_manager_with_one_warning(tmp_path: Path) -> None:
    write_provider(tmp_path)
    code = "from dsm_core.plugins import hookimpl\n@hookimpl\ndef dsm_observe(event): raise KeyError('hook')"
    write_observer(tmp_path, "broken", code)
    done = run_call(tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("observer_dropped") == 2
    assert "broken_plugin" in done.stderr
