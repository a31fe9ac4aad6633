"""Processes of the tests: one that asks for tokens when told to, and some that are killed at every step.

python -m tradestation.auth_child ask URL FOLDER COUNT
python -m tradestation.auth_child fetch CONFIG FIRST LAST
python -m tradestation.auth_child writes FOLDER auto|file
python -m tradestation.auth_child renewals URL FOLDER
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.request import urlopen

from dsm_core import AsyncDataSourceManager
from dsm_core.config import Secret
from dsm_tradestation.auth import authorized, get_authorized
from tradestation.signin import context_of, keep, record, settings, store_of

HOME = os.path.join("dsm_tradestation", "auth", "")


def tell(line: str) -> None:
    """Let the parent read a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def ask(url: str, folder: Path, times: int) -> None:
    """Say `ready`, wait for a line, make requests at once, print the tokens that served them."""

    async def work() -> None:
        async with context_of(settings(url, folder), folder) as context:
            tell("ready")
            await asyncio.to_thread(sys.stdin.readline)
            requests = [
                asyncio.create_task(get_authorized(context, "{api}/v3/data", pool="signin"))
                for _ in range(times)
            ]
            await asyncio.sleep(0)
            tell("asked")
            tell(json.dumps([(await one).body["token"] for one in requests]))

    asyncio.run(work())


def fetch(config: Path, first: int, last: int) -> None:
    """Say `ready`, wait for a line, fetch bars of so many intervals at once, print how many there were."""

    async def work() -> None:
        async with AsyncDataSourceManager(
            "equities", "tradestation", config=config, use_cache=False
        ) as manager:
            tell("ready")
            await asyncio.to_thread(sys.stdin.readline)
            intervals = [f"{minutes}m" for minutes in range(first, last)]
            calls = [manager.query("MSFT", "2024-03-05", "2024-03-05", interval) for interval in intervals]
            tell(json.dumps([data.to_arrow().num_rows for data in await asyncio.gather(*calls)]))

    asyncio.run(work())


def kill_at(step: int, *, after: str | None = None) -> None:
    """Die by SIGKILL at that line of the login's code; counting begins with a function, or at once."""
    lines, begun = count(), threading.Event()
    if after is None:
        begun.set()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if HOME not in frame.f_code.co_filename:
            return None
        if frame.f_code.co_name == after:
            begun.set()
        if event == "line" and begun.is_set() and next(lines) == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    threading.settrace(trace)
    sys.settrace(trace)


def run_and_kill(work: Callable[[], object], step: int, after: str | None) -> tuple[bool, bool]:
    """Whether the child lived to its end, and whether it reported success."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            kill_at(step, after=after)
            work()
            os.write(writer, b"1")
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        reported = pipe.read() == b"1"
    _, status = os.waitpid(child, 0)
    return os.WIFEXITED(status), reported


def writes(folder: Path, kind: str) -> None:
    """Kill a process at every line of storing; print what was found after each."""
    config = settings("http://127.0.0.1:9", folder, token_store=kind)
    keep(config, record(config, refresh=Secret("refresh-old")))
    found = []
    for step in count():
        keep(config, record(config, refresh=Secret("refresh-old")))
        new = record(config, refresh=Secret("refresh-new"))
        lived, reported = run_and_kill(partial(store_of(config).write, new), step, None)
        store = store_of(config)
        held, _ = store.read()
        token = None if held is None else held.refresh.reveal()
        found.append({"token": token, "reported": reported, "damaged": store.damaged})
        if lived:
            break
    store_of(config).write(record(config))
    tell(json.dumps({"found": found, "files": sorted(os.listdir(folder / "auth"))}))


def renewals(url: str, folder: Path) -> None:
    """Kill a process at every fifth line after its refresh token was replaced; then one goes on."""
    config = settings(url, folder)

    def renew(step: int) -> str:
        async def work() -> str:
            # Limits are counted in a folder of each step: so many renewals would go beyond them.
            async with context_of(config, folder / str(step)) as context:
                return (await authorized(context).token()).reveal()

        return asyncio.run(work())

    found = []
    for step in count(0, 5):
        with urlopen(f"{url}/reset") as reply:
            fresh = json.load(reply)["refresh_token"]
        keep(config, record(config, refresh=Secret(fresh)))
        lived, reported = run_and_kill(partial(renew, step), step, "grown")
        held, _ = store_of(config).read()
        assert held is not None
        with urlopen(f"{url}/takes?refresh_token={held.refresh.reveal()}") as reply:
            found.append({"reported": reported, "is_good": json.load(reply)})
        if lived:
            break
    # The process after the last one, with a token that has expired meanwhile.
    keep(config, record(config, refresh=held.refresh))
    _, works = run_and_kill(partial(renew, step), -1, None)
    assert works
    tell(json.dumps(found))


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "ask":
        ask(rest[0], Path(rest[1]), int(rest[2]))
    elif what == "fetch":
        fetch(Path(rest[0]), int(rest[1]), int(rest[2]))
    elif what == "writes":
        writes(Path(rest[0]), rest[1])
    else:
        renewals(rest[0], Path(rest[1]))
