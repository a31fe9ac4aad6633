"""Logs: silent by default, one line a step when asked for, JSON for programs, and no secret in any of it."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from attrs import frozen

from binance.venues import Desk, Venues
from cli.running import write_config
from dsm_binance.emulator import Emulator, Fault
from dsm_core import DataSourceManager
from dsm_core.errors import AllSourcesFailedError, SourceError
from dsm_core.events import Event, EventBus, GapFound, Retry, call_scope
from dsm_core.net import Http, HttpSettings
from dsm_core.observe import JsonFormatter
from dsm_core.plugins import ClientSpec, DataClientInterface, Provider, Registry
from observe.watching import Heard

SECRETS = ("hushhush", "topword", "signedaway")


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


class Lines(logging.Handler):
    """Formats what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Everything that any logger says, as JSON lines."""
    handler, root = Lines(), logging.getLogger()
    names = ("", "dsm_core", "dsm_binance", "httpx", "httpcore")
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield handler.lines
    root.removeHandler(handler)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def test_the_library_is_silent_unless_asked(venues: Venues, desk: Desk) -> None:
    """A source that fails and an observer that raises are warnings, which go nowhere by themselves."""
    venue = venues(faults=[Fault("403", "/vision", times=None)])
    code = f"""
import warnings; warnings.simplefilter("ignore")
from datetime import datetime, UTC
from dsm_core import DataSourceManager
config = {desk.settings(venue)!r}
clock = lambda: datetime(2024, 6, 15, 12, tzinfo=UTC)
with DataSourceManager("spot", config=config, cache_dir={str(desk.tmp_path / "c")!r}, clock=clock) as manager:
    manager.subscribe(lambda event: 1 / 0)
    print(len(manager.get_data("BTCUSDT", "2024-05-01", "2024-05-01", "1h")))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("24\n", "")


@pytest.mark.parametrize("package", ["dsm_core.events", "dsm_binance.csv_member"])
def test_a_warning_of_a_package_goes_nowhere_by_itself(package: str) -> None:
    code = f"import logging, {package}; logging.getLogger({package!r}).warning('heard')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""


def test_the_log_of_a_call_is_its_events(venues: Venues, desk: Desk, logged: list[str]) -> None:
    manager = desk.manager(venues(faults=[Fault("403", "/vision", times=None)]))
    heard = Heard()
    manager.subscribe(heard)
    manager.query("BTCUSDT", "2024-05-01", "2024-05-01", "1h")
    events = [told for told in lines_of("\n".join(logged)) if told["logger"] == "dsm_core.events"]
    assert [told["event"] for told in events] == heard.names
    for told, event in zip(events, heard.events, strict=True):
        assert event.as_dict().items() <= told.items()
        assert told["level"] == ("warning" if told["event"] == "source_skipped" else "debug")
    assert "source_skipped" in heard.names
    others = [told for told in lines_of("\n".join(logged)) if told["event"] == "host_refused"]
    assert {told["call_id"] for told in others} == heard.call_ids


def test_loggers_are_named_after_their_packages(venues: Venues, desk: Desk, logged: list[str]) -> None:
    desk.manager(venues()).query("BTCUSDT", "2024-05-01", "2024-05-01", "1h")
    ours = {told["logger"] for told in lines_of("\n".join(logged)) if told["event"] != "log"}
    assert all(name.startswith(("dsm_core.", "dsm_binance.")) for name in ours)


def test_an_event_is_one_line_of_text_whatever_is_in_it() -> None:
    event = Retry(url="u", attempt=1, wait_s=0.5, error='two words\nand "quotes"')
    assert str(event) == (
        'retry call_id=0 series="" provider="" source="" url=u attempt=1 wait_s=0.5 '
        'error="two words\\nand \\"quotes\\""'
    )


class Colour(Enum):
    RED = "red"


@frozen(kw_only=True)
class Odd(Event):
    """A plugin's event with fields of every kind."""

    time: float
    path: Path
    colour: Colour
    nested: Any


def test_events_of_plugins_are_json_too(logged: list[str]) -> None:
    nested = {1: [b"x", {2}, float("nan")], "deep": (None, True)}
    nested["self"] = nested  # type: ignore[index]
    EventBus().emit(Odd(time=float("inf"), path=Path("a"), colour=Colour.RED, nested=nested))
    (told,) = [json.loads(line, parse_constant=pytest.fail) for line in logged if '"odd"' in line]
    assert told["logger"] == "dsm_core.events"
    assert told["time"].startswith("20")
    assert (told["path"], told["colour"]) == ("a", "Colour.RED")
    assert told["nested"]["1"] == ["b'x'", [2], "nan"]


def test_other_records_are_json_with_call_and_traceback(logged: list[str]) -> None:
    with call_scope(7):
        try:
            raise ValueError("x")
        except ValueError:
            logging.getLogger("dsm_core.some").exception("thing_failed path=%s", "a b")
        logging.getLogger("dsm_core.some").info("Plain words, %d of them", 3)
    failed, plain = lines_of("\n".join(logged))
    assert (failed["event"], failed["message"], failed["call_id"]) == (
        "thing_failed",
        "thing_failed path=a b",
        7,
    )
    assert "ValueError: x" in failed["exception"]
    assert (plain["event"], plain["level"], plain["message"]) == ("log", "info", "Plain words, 3 of them")


async def test_no_secret_is_in_any_event_or_log(tmp_path: Path, logged: list[str]) -> None:
    """User info, key and signature, in a server that repeats them in its refusal, beside httpx's own log."""

    async def refuse(request: web.Request) -> web.Response:
        status = 503 if "first" not in seen else 400
        seen.add("first")
        return web.json_response({"code": -1, "msg": f"bad request {request.path_qs}"}, status=status)

    seen: set[str] = set()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", refuse)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    bus, heard = EventBus(), Heard()
    bus.subscribe(heard)
    http = Http(HttpSettings(state_dir=tmp_path, retry_count=2, backoff_initial_s=0.01), bus)
    session = http.session(provider="p", endpoints={"api": f"http://me:topword@127.0.0.1:{port}"})
    params = {"apiKey": "hushhush", "signature": "signedaway", "symbol": "A"}
    with pytest.raises(SourceError) as caught:
        await session.get_json("{api}/order", params, headers={"X-API-KEY": "hushhush"})
    await http.close()
    await runner.cleanup()
    text = "\n".join([*logged, *(json.dumps(e.as_dict()) for e in heard.events), str(heard.events)])
    assert not [secret for secret in SECRETS if secret in text]
    assert not [secret for secret in SECRETS if secret in f"{caught.value!r} {caught.value.details}"]
    assert heard.names == ["request_sent", "request_finished", "retry", "request_sent", "request_finished"]
    assert any(json.loads(line)["logger"] == "httpx" and "symbol=A" in line for line in logged)


@pytest.fixture(scope="module")
def shop() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


def dsm(folder: Path, venue: Emulator, *args: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DSM_")}
    env = {
        **kept,
        "DSM_CONFIG": str(write_config(folder, venue.endpoints)),
        "DSM_CACHE_DIR": str(folder / "c"),
    }
    command = [sys.executable, "-m", "dsm_core", *args]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


GET = (
    *("get", "BTCUSDT", "1h", "--provider", "binance", "--market", "spot"),
    *("--start", "2024-05-01", "--end", "2024-05-01"),
)


@pytest.mark.parametrize("args", [("--log-json", *GET), (*GET, "--log-json"), ("-v", *GET, "--log-json")])
def test_all_of_stderr_is_json_lines_when_asked(
    tmp_path: Path, shop: Emulator, args: tuple[str, ...]
) -> None:
    done = dsm(tmp_path, shop, *args)
    assert done.returncode == 0
    told = lines_of(done.stderr)
    assert all({"time", "level", "logger", "event", "call_id"} <= line.keys() for line in told)
    names = [line["event"] for line in told]
    assert [names[0], names[-2], names[-1]] == ["planned", "segment_done", "note"]
    assert told[-1]["message"].startswith("24 rows of binance/spot")
    assert done.stdout.startswith(" ")


@pytest.mark.parametrize("args", [("get", "BTCUSDT", "1h"), (*GET[:-1], "2023-01-01", "--debug"), ("nope",)])
def test_errors_are_json_lines_too(tmp_path: Path, shop: Emulator, args: tuple[str, ...]) -> None:
    done = dsm(tmp_path, shop, "--log-json", *args)
    assert done.returncode != 0
    told = lines_of(done.stderr)
    assert [line["level"] for line in told if line["event"] == "error"] == ["error"]
    assert "hint" in [line["event"] for line in told]


def test_verbose_shows_steps_as_text_beside_what_is_said(tmp_path: Path, shop: Emulator) -> None:
    lines = dsm(tmp_path, shop, "-v", *GET).stderr.splitlines()
    assert any("DEBUG dsm_core.events planned call_id=1 series=binance/spot" in line for line in lines)
    assert lines[-1].startswith("24 rows of binance/spot")
    quiet = dsm(tmp_path, shop, *GET).stderr.splitlines()
    assert len(quiet) == 1


def test_gaps_and_reasons_are_told_with_their_ends() -> None:
    gap = GapFound(call_id=3, series="s", start_ns=1, end_ns=2, reason="delisted", final=False)
    told = {"event": "gap_found", "call_id": 3, "series": "s", "start_ns": 1, "end_ns": 2}
    assert gap.as_dict() == {**told, "reason": "delisted", "final": False}


def test_a_client_that_repeats_its_address_in_an_error_tells_no_secret(
    desk: Desk, logged: list[str], tmp_path: Path
) -> None:
    """What a vendor's library says of a failed request, in events, logs and the error itself."""

    class Vendor(DataClientInterface):
        spec = ClientSpec(market_type="spot", chart_type="klines", source="rest", intervals=["1h"])

        def fetch(self, start_time: Any, end_time: Any, **kwargs: Any) -> Any:
            raise ConnectionError(
                "401 for https://me:topword@host/x?apikey=hushhush&signature=signedaway&a=1"
            )

    registry = Registry.of(Provider(name="vendor", clients=[Vendor]))
    heard = Heard()
    with DataSourceManager("spot", provider="vendor", registry=registry, cache_dir=tmp_path) as manager:
        manager.subscribe(heard)
        with pytest.raises(AllSourcesFailedError) as caught:
            manager.query("A", "2024-01-01", "2024-01-01", "1h")
    text = "\n".join([*logged, str(heard.events), repr(caught.value), str(caught.value.details)])
    assert "https://***@host/x?apikey=***&signature=***&a=1" in text
    assert not [secret for secret in SECRETS if secret in text]
    assert "source_skipped" in heard.names
