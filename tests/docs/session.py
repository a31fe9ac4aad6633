"""A page as a session at a shell: its commands run in order, its files are written where they stand."""

from __future__ import annotations

import doctest
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import frozen

from .markdown import blocks

__all__ = ["Command", "File", "Step", "mismatch", "play", "steps"]

LONGEST_S = 300
_PATH = re.compile(r"# (?P<path>[\w./-]+\.py)\n")
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d(\.\d+)?)?")
_MARK = "@@ step "


@frozen
class Command:
    """A line behind ``$``, what the page shows below it, and its line on the page."""

    text: str
    shown: str
    line: int


@frozen
class File:
    """Python code that the page puts into a file, or adds to it."""

    path: str
    text: str
    begins: bool


Step = Command | File


def steps(page: str) -> list[Step]:
    """Commands and files in the page's order.

    A Python block whose first line is a comment with a path begins that file; others go on with the last.
    """
    found: list[Step] = []
    path = ""
    for block in blocks(page):
        if block.language == "console":
            found += _commands(block.text, block.line)
        elif block.language == "python":
            named = _PATH.match(block.text)
            path = named["path"] if named else path
            found.append(File(path, block.text if named else f"\n\n{block.text}", named is not None))
    return found


def _commands(text: str, line: int) -> Iterator[Command]:
    lines = text.splitlines(keepends=True)
    starts = [n for n, content in enumerate(lines) if content.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield Command(lines[start][2:].strip(), "".join(lines[start + 1 : end]), line + start)


def play(session: list[Step], folder: Path, env: Mapping[str, str]) -> dict[Command, str]:
    """Run a session in bash; what each command printed, on both streams.

    A command that ends in ``&`` is waited for until the file that it writes has something in it.
    """
    script = ["trap 'kill $(jobs -p) 2>/dev/null' EXIT"]
    for number, step in enumerate(session):
        script += _lines(step, number)
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env=dict(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=LONGEST_S,
        check=False,
    )
    printed = {}
    for part in done.stdout.split(_MARK)[1:]:
        number_text, _, output = part.partition("\n")
        step = session[int(number_text)]
        assert isinstance(step, Command)
        printed[step] = output
    return printed


def _lines(step: Step, number: int) -> list[str]:
    if isinstance(step, File):
        return [f"cat {'>' if step.begins else '>>'} {step.path} <<'THE_END'\n{step.text}THE_END"]
    mark = f"echo '{_MARK}{number}'"
    if step.text.endswith("&"):
        written = step.text.removesuffix("&").rpartition(">")[2].strip()
        # Not for ever: one that fails to start is told of by the commands that follow.
        waiting = f"for _ in $(seq 600); do [ -s {written} ] && break; sleep 0.05; done"
        return [mark, f"rm -f {written}", step.text, waiting]
    # Bash would tell of the end of a job amid the next command's output.
    return [mark, step.text, *(["wait 2>/dev/null"] if step.text.startswith("kill ") else [])]


def mismatch(command: Command, printed: str) -> str | None:
    """How what was printed differs from what the page shows, where ``...`` stands for anything."""
    want, got = _plain(command.shown), _plain(printed)
    if command.text.startswith("dsm explain"):
        # A plan for the present is as of now.
        want, got = _TIME.sub("TIME", want), _TIME.sub("TIME", got)
    if doctest.OutputChecker().check_output(want, got, doctest.ELLIPSIS):
        return None
    return f"line {command.line}: $ {command.text}\nshows\n{want}\nand prints\n{got}"


def _plain(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.rstrip().splitlines())
