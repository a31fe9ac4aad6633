"""The commands of the page "Proof" print what it shows."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dsm_binance.emulator import Emulator, Listing

from .markdown import ROOT, blocks
from .session import Command, File, Step, mismatch, play, steps

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the page's shell is bash")

PAGE = ROOT / "docs" / "lineage.md"
REQUESTS = "# requests.yaml\n"
DAY_ZIP = "data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-05-11.zip"


@pytest.fixture(scope="module")
def venue() -> Iterator[Emulator]:
    """A venue of May 2024, whose archive tells one volume otherwise than its REST."""
    listings = [Listing("BTCUSDT"), Listing("BTCUSDT", "um")]
    with Emulator(listings=listings, now=datetime(2024, 6, 2, 12, 0, 30, tzinfo=UTC)) as running:
        running.republish(DAY_ZIP, changed={datetime(2024, 5, 11, 3, tzinfo=UTC): {"volume": "77.5"}})
        yield running


def session() -> list[Step]:
    """Its commands, and the file of requests where it stands."""
    found: list[Step] = []
    for block in blocks(PAGE.read_text(encoding="utf-8")):
        if block.language == "console":
            found += steps(f"```console\n{block.text}```\n")
        elif block.text.startswith(REQUESTS):
            found.append(File("requests.yaml", block.text, True))
    return found


def environment(venue: Emulator, folder: Path) -> Mapping[str, str]:
    for name, sources in (("dsm.yaml", ["vision", "rest"]), ("rest.yaml", ["rest"])):
        told = {
            "http": {"state_dir": str(folder / "state")},
            "defaults": {"provider": "binance", "market_type": "spot"},
            "providers": {"binance": {"endpoints": venue.endpoints, "sources": sources}},
        }
        (folder / name).write_text(json.dumps(told), encoding="utf-8")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DSM_", "PYTHON", "XDG_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    own = {"HOME": str(folder), "PATH": path, "DSM_CACHE_DIR": str(folder / "cache"), "PYTHONUTF8": "1"}
    return kept | own


def joined(played: list[Step]) -> list[Step]:
    """``echo $?`` as part of the command before it, whose exit code the marks between commands would hide."""
    found: list[Step] = []
    for step in played:
        last = found[-1] if found else None
        if isinstance(step, Command) and step.text == "echo $?" and isinstance(last, Command):
            found[-1] = Command(f"{last.text}; {step.text}", last.shown + step.shown, last.line)
        else:
            found.append(step)
    return found


def test_the_commands_of_the_page_print_what_it_shows_and_end_so(venue: Emulator, tmp_path: Path) -> None:
    played = joined(session())
    printed = play(played, tmp_path, environment(venue, tmp_path))
    commands = [step for step in played if isinstance(step, Command)]
    assert sum(command.text.endswith("; echo $?") for command in commands) == 2
    wrong = [mismatch(command, printed[command]) for command in commands]
    assert [told for told in wrong if told is not None] == []
