"""Every error hangs on one tree, carries plain facts, and survives a journey between processes."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import re
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import pytest

from core.strategies import HOUR, at
from dsm_core import errors
from dsm_core.errors import DSMError, DSMWarning, IncompleteDataError, RateLimitError
from dsm_core.model.names import MarketType
from dsm_core.model.provenance import Gap

CLASSES = [getattr(errors, name) for name in errors.__all__]
ERRORS: list[type[DSMError]] = [cls for cls in CLASSES if issubclass(cls, DSMError)]
WARNINGS = [cls for cls in CLASSES if issubclass(cls, DSMWarning)]


def drawn_tree() -> dict[str, tuple[str | None, str | None]]:
    """Each class of the drawing with its parent by indentation and its second base in brackets."""
    drawn: dict[str, tuple[str | None, str | None]] = {}
    above: list[tuple[int, str]] = []
    assert errors.__doc__ is not None
    for line in errors.__doc__.splitlines():
        depth = len(line) - len(line.lstrip())
        if depth < 4:
            continue
        above = [pair for pair in above if pair[0] < depth]
        for name, base in re.findall(r"(\w+Error)(?: \((\w+)\))?", line):
            drawn[name] = (above[-1][1] if above else None, base or None)
        above.append((depth, re.findall(r"\w+Error", line)[0]))
    return drawn


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    real = {}
    for cls in ERRORS:
        first, *others = cls.__bases__
        parent = first.__name__ if issubclass(first, DSMError) else None
        real[cls.__name__] = (parent, others[0].__name__ if others else None)
    assert drawn_tree() == real


def test_every_class_of_the_module_is_public() -> None:
    defined = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and value.__module__ == errors.__name__
    }
    assert defined == set(errors.__all__)
    assert set(CLASSES) == {*ERRORS, *WARNINGS}


@pytest.mark.parametrize("cls", ERRORS)
def test_an_error_carries_its_facts_and_prints_its_hint(cls: type[DSMError]) -> None:
    error = cls("It broke.", hint="Mend it.", url="https://a", status=500, attempts=["a", "b"], nothing=None)
    assert str(error) == "It broke. Mend it."
    assert str(cls("It broke.")) == "It broke."
    assert error.details == {"url": "https://a", "status": 500, "attempts": ["a", "b"]}
    assert (error.url, error.status) == ("https://a", 500)
    assert json.loads(json.dumps(error.details)) == error.details
    with pytest.raises(AttributeError, match=f"{cls.__name__} carries no 'nothing'"):
        _ = error.nothing


@pytest.mark.parametrize("cls", ERRORS)
def test_an_error_survives_pickling_and_copying(cls: type[DSMError]) -> None:
    error = cls("It broke.", hint="Mend it.", retry_after_s=2.5, place={"a": [1]})
    copies = [pickle.loads(pickle.dumps(error, p)) for p in range(pickle.HIGHEST_PROTOCOL + 1)]
    for again in (*copies, copy.copy(error), copy.deepcopy(error)):
        assert type(again) is cls
        assert (str(again), again.message, again.hint) == (str(error), error.message, error.hint)
        assert again.details == error.details


@pytest.mark.parametrize("cls", WARNINGS)
def test_a_warning_survives_pickling(cls: type[DSMWarning]) -> None:
    again = pickle.loads(pickle.dumps(cls("Some rows are missing.")))
    assert (type(again), str(again)) == (cls, "Some rows are missing.")


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (datetime(2024, 1, 1, tzinfo=UTC), "2024-01-01 00:00:00+00:00"),
        (PurePosixPath("/a/b"), "/a/b"),
        ((1, "a"), [1, "a"]),
        ({1: {2: frozenset({3})}}, {"1": {"2": [3]}}),
        (MarketType.SPOT, "spot"),
        (ValueError("why"), "why"),
        (0, 0),
        (False, False),
    ],
)
def test_details_are_safe_for_json_whatever_was_given(value: Any, plain: Any) -> None:
    details = DSMError("It broke.", fact=value).details
    assert json.loads(json.dumps(details)) == details == {"fact": plain}


def test_incomplete_data_keeps_its_gaps_when_pickled_and_leaves_the_data_behind() -> None:
    gap = Gap(
        start_ns=at(2024, 1, 1), end_ns=at(2024, 1, 1) + HOUR, bars=1, reason="source_failed", final=False
    )
    error = IncompleteDataError("One bar is missing.", data=lambda: None, gaps=(gap,), missing=1)
    assert error.details == {"missing": 1}
    again = pickle.loads(pickle.dumps(error))
    assert (again.gaps, again.data, again.details) == ((gap,), None, {"missing": 1})


def test_errors_are_caught_by_the_builtins_that_they_also_are() -> None:
    assert issubclass(errors.RequestError, ValueError)
    assert issubclass(errors.ConfigError, ValueError)
    assert issubclass(errors.ProviderNotFoundError, LookupError)
    assert RateLimitError("Too fast.", retry_after_s=3.0).retry_after_s == 3.0
