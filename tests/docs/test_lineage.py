"""The commands of the page "Proof" print what it shows, against the venue that the page itself sets up."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from .markdown import ROOT, blocks
from .session import Command, File, Step, mismatch, play, steps

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the page's shell is bash")

PAGE = ROOT / "docs" / "lineage.md"
REQUESTS = "# requests.yaml\n"
VENUE = "# venue.py\n"


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    """A reader's environment, and nothing of this machine's."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DSM_", "PYTHON", "XDG_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    return kept | {"HOME": str(tmp_path), "PATH": path, "PYTHONUTF8": "1"}


@pytest.fixture
def folder(environment: Mapping[str, str], tmp_path: Path) -> Iterator[Path]:
    """The folder of the page's venue, which a session of Python keeps open."""
    (code,) = (block.text for block in blocks(PAGE.read_text("utf-8")) if block.text.startswith(VENUE))
    (tmp_path / "venue.py").write_text(code, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-i", "venue.py"],
        cwd=tmp_path,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as session:
        assert session.stdin is not None
        assert session.stdout is not None
        session.stdin.write("print('ready')\n")
        session.stdin.flush()
        assert session.stdout.readline() == "ready\n"
        yield tmp_path
        session.communicate("venue.stop()\n")


def session() -> list[Step]:
    """Its commands, and the file of requests where it stands."""
    found: list[Step] = []
    for block in blocks(PAGE.read_text(encoding="utf-8")):
        if block.language == "console":
            found += steps(f"```console\n{block.text}```\n")
        elif block.text.startswith(REQUESTS):
            found.append(File("requests.yaml", block.text, True))
    return found


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


def test_the_commands_of_the_page_print_what_it_shows_and_end_so(
    folder: Path, environment: Mapping[str, str]
) -> None:
    played = joined(session())
    printed = play(played, folder, environment)
    commands = [step for step in played if isinstance(step, Command)]
    assert sum(command.text.endswith("; echo $?") for command in commands) == 2
    wrong = [mismatch(command, printed[command]) for command in commands]
    assert [told for told in wrong if told is not None] == []
