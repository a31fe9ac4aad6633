"""The page "Write a provider" is true: its commands, its kit, and what it says of mistakes."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from attrs import frozen

from .markdown import ROOT
from .session import Command, File, mismatch, play, steps

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the page's shell is bash")

PAGE = (ROOT / "docs" / "write-a-provider.md").read_text(encoding="utf-8")
SESSION = steps(PAGE)
MODULE = "src/dsm_harbor/plugin.py"
MOST_LINES = 60
# What the page's table says is left out or confused, in the code.
MISTAKES = {
    "`since` without the `- 1`": ("page.start_s - 1", "page.start_s"),
    "`vwap` taken for `volume`": ("close _ volume", "close volume _"),
    "`open_time:ms`": ("open_time:s", "open_time:ms"),
    "`grid=` left out": ("    grid=partial(grid_for, week_anchor=0),\n", ""),
    "`check` left out": ('in body["error"]', "in ()"),
    "`history=` left out": ("    history=Rolling(rows=719),\n", ""),
}
TABLE = re.findall(r"^\| (?P<mistake>[^|]+) \| `(?P<case>c\d\d)` (?P<sentence>[^|]+) \|$", PAGE, re.MULTILINE)


@frozen
class Walk:
    """What came of the page's session."""

    package: Path
    printed: Mapping[Command, str]
    env: Mapping[str, str]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    folder = tmp_path_factory.mktemp("author")
    env = environment(folder)
    printed = play(SESSION, folder, env)
    return Walk(folder / "dsm-harbor", printed, env)


def environment(folder: Path) -> dict[str, str]:
    """A user's environment, in which ``pip`` installs into a folder of the test's."""
    commands = folder / "bin"
    commands.mkdir()
    pip = commands / "pip"
    site = folder / "site"
    pip.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -m pip install --quiet --no-deps --target "{site}" .\n'
    )
    pip.chmod(0o755)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DSM_", "PYTHON", "XDG_"))}
    return kept | {
        "HOME": str(folder),
        "PATH": os.pathsep.join([str(commands), str(Path(sys.executable).parent), os.environ["PATH"]]),
        # The sources come first, as they do after an editable installation.
        "PYTHONPATH": os.pathsep.join([str(folder / "dsm-harbor" / "src"), str(site)]),
        "PYTHONUTF8": "1",
    }


def run(walk: Walk, *command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=cwd or walk.package,
        env=dict(walk.env),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def provider_code() -> str:
    return "".join(step.text for step in SESSION if isinstance(step, File) and step.path == MODULE)


def docstring_lines(tree: ast.Module) -> set[int]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, kinds) and ast.get_docstring(node) is not None:
            found |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return found


def test_the_provider_of_the_page_has_at_most_sixty_lines_of_code() -> None:
    code = provider_code()
    documented = docstring_lines(ast.parse(code))
    lines = [n for n, line in enumerate(code.splitlines(), 1) if line.strip() and n not in documented]
    assert 30 < len(lines) <= MOST_LINES


@pytest.mark.parametrize(
    "command", [step for step in SESSION if isinstance(step, Command)], ids=lambda c: f"{c.line}-{c.text}"
)
def test_a_command_of_the_page_prints_what_is_shown(walk: Walk, command: Command) -> None:
    assert command in walk.printed, "the session ended before"
    difference = mismatch(command, walk.printed[command])
    assert difference is None, difference


def test_the_kit_passes_on_the_page(walk: Walk) -> None:
    (printed,) = (text for command, text in walk.printed.items() if command.text.startswith("pytest"))
    summary = printed.strip().splitlines()[-1]
    passed = re.match(r"(\d+) passed, \d+ skipped in", summary)
    assert passed, printed
    assert int(passed[1]) > 40


def test_nothing_beyond_the_history_became_a_hole_of_the_cache(walk: Walk) -> None:
    (told,) = json.loads(run(walk, "dsm_core", "coverage", "--json").stdout)
    assert told["rows"] == 719 + 719 + 5 * 24
    assert {gap["reason"] for gap in told["gaps"]} <= {"beyond_history", "not_requested"}


def test_the_code_of_the_page_is_typed_and_lint_clean(
    walk: Walk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cache = tmp_path_factory.getbasetemp() / "mypy"
    for command in (
        ("mypy", f"--cache-dir={cache}"),
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
    ):
        ended = run(walk, *command)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_table_of_mistakes_is_the_one_that_is_tried() -> None:
    assert [mistake for mistake, _, _ in TABLE] == list(MISTAKES)


@pytest.mark.parametrize(("mistake", "case", "sentence"), TABLE, ids=[case for _, case, _ in TABLE])
def test_a_mistake_of_the_table_fails_the_case_that_is_named(
    walk: Walk, tmp_path: Path, mistake: str, case: str, sentence: str
) -> None:
    package = tmp_path / "dsm-harbor"
    shutil.copytree(walk.package, package, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    right, wrong = MISTAKES[mistake]
    code = (package / MODULE).read_text(encoding="utf-8")
    assert right in code
    (package / MODULE).write_text(code.replace(right, wrong), encoding="utf-8")
    beside = Walk(
        package,
        {},
        walk.env | {"PYTHONPATH": walk.env["PYTHONPATH"].replace(str(walk.package), str(package))},
    )
    ended = run(beside, "pytest", "-q", "-k", case, "tests/test_kit.py")
    assert "1 failed" in ended.stdout, ended.stdout
    words = re.sub(r"\W+", "_", sentence.replace("'", "")).strip("_").lower()
    assert f"test_{case}_{words}" in ended.stdout
