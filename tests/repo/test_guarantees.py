"""Behind each promise stands a test: docs/guarantees.md names them, and they exist."""

from __future__ import annotations

import ast
import re
from functools import lru_cache

import pytest

from repo.modules import ROOT

PAGE = ROOT / "docs" / "guarantees.md"
_ROW = re.compile(r"\|\s*(?P<promise>[^|]+?)\s*\|\s*(?P<tests>[^|]+?)\s*\|\Z")
_NAME = re.compile(r"`?(?P<path>tests/[\w/]+\.py)::(?P<name>[\w:]+)`?\Z")


def promises() -> list[tuple[str, str]]:
    """Each promise with the cell that names its tests; heads and rules of tables left out."""
    rows = filter(None, map(_ROW.match, PAGE.read_text(encoding="utf-8").splitlines()))
    cells = [(row["promise"], row["tests"]) for row in rows]
    return [
        (promise, tests) for promise, tests in cells if promise != "promise" and set(promise) - set("-: ")
    ]


@lru_cache
def names_in(path: str) -> frozenset[str]:
    """Tests of a file, those of a class behind its name."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    found = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{f.name}" for f in node.body if isinstance(f, _FUNCTIONS)}
        elif isinstance(node, _FUNCTIONS):
            found.add(node.name)
    return frozenset(found)


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def test_the_page_makes_promises() -> None:
    assert len(promises()) >= 8


@pytest.mark.parametrize(("promise", "tests"), promises())
def test_behind_a_promise_stands_a_test_that_exists(promise: str, tests: str) -> None:
    for text in re.split(r",\s*|<br>", tests):
        found = _NAME.match(text.strip())
        assert found, f"{promise}: {text!r} is not path::name"
        assert found["name"].rpartition("::")[2].startswith("test_"), text
        assert found["name"] in names_in(found["path"]), f"{promise}: there is no {text}"


def test_no_promise_is_made_twice() -> None:
    told = [promise for promise, _ in promises()]
    assert sorted(set(told)) == sorted(told)


def test_a_test_that_does_not_exist_is_missed() -> None:
    assert "test_the_page_makes_promises" in names_in("tests/repo/test_guarantees.py")
    assert "test_nobody_wrote" not in names_in("tests/repo/test_guarantees.py")
    assert names_in("tests/nowhere.py") == frozenset()
