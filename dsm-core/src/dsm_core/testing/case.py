"""Numbered cases: what each is about, when it does not apply, and how it is run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import pytest
from attrs import frozen

from dsm_core.errors import PluginContractError

if TYPE_CHECKING:
    from dsm_core.testing.suite import ClientSuite

__all__ = ["CASES", "Case", "Skip", "case", "check_expected_failures", "check_untouched"]

_METHOD: Final = re.compile(r"test_c(\d\d)_")


@frozen
class Skip:
    """A case does not apply when ``applies`` holds; ``text`` says so in the table."""

    text: str
    applies: Callable[[ClientSuite], bool]


@frozen(kw_only=True)
class Case:
    """One numbered case.

    Parameters
    ----------
    number
        Such as ``c01``; it never changes.
    method
        Name of the test method.
    sentence
        What must be true of every client.
    skips
        When it does not apply.
    """

    number: str
    method: str
    sentence: str
    skips: tuple[Skip, ...]


_cases: dict[str, Case] = {}
CASES: Final[Mapping[str, Case]] = _cases
"""Every case by number."""


def case(*skips: Skip) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Make a method ``test_cNN_...`` a case; its docstring is the sentence."""

    def numbered(function: Callable[[Any], None]) -> Callable[[Any], None]:
        name = function.__name__
        found = _METHOD.match(name)
        assert found is not None, name
        sentence = " ".join((function.__doc__ or "").split()).rstrip(".")
        made = Case(number=f"c{found[1]}", method=name, sentence=sentence, skips=skips)
        assert made.number not in _cases, made.number
        _cases[made.number] = made

        @wraps(function)
        def run(suite: ClientSuite) -> None:
            _run(made, function, suite)

        return run

    return numbered


def _run(made: Case, function: Callable[[Any], None], suite: ClientSuite) -> None:
    for skip in made.skips:
        if skip.applies(suite):
            # The summary of pytest shows where a skip was asked for, which is here, not in the case.
            pytest.skip(f"{made.number}: {skip.text}")
    reason = suite.expected_failures.get(made.number)
    try:
        function(suite)
    except (Exception, pytest.fail.Exception) as error:
        if reason is None:
            raise
        pytest.xfail(f"{reason} ({error!r})")
    if reason is not None:
        pytest.fail(
            f"{made.number} passes, though a failure is expected: {reason}. Drop it from expected_failures.",
            pytrace=False,
        )


def check_expected_failures(name: str, expected: Mapping[str, str]) -> dict[str, str]:
    """Expected failures by number, in lower case.

    Raises
    ------
    PluginContractError
        For a number that no case has, or one without a reason.
    """
    checked = {}
    for number, reason in expected.items():
        known = str(number).lower()
        if known not in CASES:
            raise PluginContractError(
                f"{name}.expected_failures names {number!r}, which is no case.",
                hint=f"There are {', '.join(sorted(CASES))}.",
            )
        if not isinstance(reason, str) or not reason.strip():
            raise PluginContractError(
                f"{name}.expected_failures gives no reason for {known}.", hint="Say why in a sentence."
            )
        checked[known] = reason
    return checked


def check_untouched(cls: type, base: type) -> None:
    """Refuse a subclass that replaces a numbered case.

    Raises
    ------
    PluginContractError
        Naming the case.
    """
    for made in CASES.values():
        if getattr(cls, made.method, None) is not getattr(base, made.method):
            raise PluginContractError(
                f"{cls.__name__} overrides {made.method}, the case {made.number.upper()}: {made.sentence}.",
                hint=f'Leave it, and write expected_failures = {{"{made.number}": "why"}}.',
            )
    for name in vars(cls):
        if _METHOD.match(name):
            raise PluginContractError(
                f"{cls.__name__}.{name} is named like a numbered case.", hint="Choose another name."
            )
