"""Sizes as people read them."""

from __future__ import annotations

import pytest

from dsm_core.config import parse_bytes
from dsm_core.model.wording import size_text


@pytest.mark.parametrize(
    ("size", "told"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_949, "99.9 kB"),
        (99_950, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (20 * 10**9, "20.0 GB"),
        (5 * 10**15, "5,000.0 TB"),
    ],
)
def test_a_size_is_told_in_the_unit_that_reads_best(size: int, told: str) -> None:
    assert size_text(size) == told


@pytest.mark.parametrize("size", [1, 950, 5_310, 69_150, 212_400_000, 19_999_100_000])
def test_what_is_told_can_be_written_as_a_limit(size: int) -> None:
    assert abs(parse_bytes(size_text(size)) - size) <= size * 0.05
