"""Settings of HTTP that no request could be made with are refused by the check, with their bound."""

from __future__ import annotations

from typing import Any

import pytest

from dsm_core.config import check_config


@pytest.mark.parametrize(
    ("key", "value", "bound"),
    [
        ("retry_count", 101, "100 or less"),
        ("max_concurrent", 10**9, "1000 or less"),
        ("max_concurrent_downloads", 1001, "1000 or less"),
        ("user_agent", "a\nX-Evil: 1", "printable ASCII"),
        ("user_agent", "\u00e9", "printable ASCII"),
        ("user_agent", "\x00", "printable ASCII"),
        ("user_agent", " ", "printable ASCII"),
        ("user_agent", "x" * 100_000, "1000 characters or less"),
    ],
)
def test_a_setting_beyond_its_bound_is_a_problem(key: str, value: Any, bound: str) -> None:
    (problem,) = check_config({"http": {key: value}}, {}, env={})
    assert key in str(problem)
    assert bound in str(problem)


def test_settings_at_their_bounds_are_none() -> None:
    most = {
        "retry_count": 100,
        "max_concurrent": 1000,
        "max_concurrent_downloads": 1000,
        "user_agent": "a/1 b",
    }
    assert check_config({"http": most}, {}, env={}) == []
