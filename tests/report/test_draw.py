"""Coverage on a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.cache_series import DAY, HOUR, at
from dsm_core.cache import CacheStore
from dsm_core.report import SeriesCoverage, draw, survey
from report.samples import NOW, fill, hole, key_of, put, put_hostile

START = at(2025, 1, 1)


@pytest.fixture
def store(tmp_path: Path) -> CacheStore:
    return CacheStore(tmp_path / "cache")


@pytest.fixture
def ten_days(store: CacheStore) -> list[SeriesCoverage]:
    """Day by day: held, held, a hole in it, a hole, missing, half, held, ..., held."""
    rows = [(0, 60), (62, 72), (132, 240)]
    put(
        store,
        key_of("BTCUSDT"),
        [(START + a * HOUR, START + b * HOUR) for a, b in rows],
        hole(START + 60 * HOUR, START + 62 * HOUR),
        hole(START + 72 * HOUR, START + 96 * HOUR),
    )
    return survey(store, now=START + 10 * DAY)


def test_each_mark_is_an_equal_part_of_the_span(ten_days: list[SeriesCoverage]) -> None:
    size = ten_days[0].bytes / 1000
    assert draw(ten_days, width=34, colour=False, unicode=True).splitlines() == [
        "binance/spot/klines/BTCUSDT/1h",
        f"  178 rows · {size:.1f} kB · 83.2 % held · 3 gaps (1 open) · from vision 178",
        "  2025-01-01 ██▄·╌▒████ 2025-01-10",
        "",
        "  █ held   ▄ held but for holes   · hole: the venue has none   ▒ partly held   ╌ missing",
    ]


def test_ascii_stays_ascii_and_plain_has_no_escapes(ten_days: list[SeriesCoverage]) -> None:
    text = draw(ten_days, width=34, colour=False, unicode=False)
    assert "  2025-01-01 ##=.x+#### 2025-01-10" in text
    assert text.isascii()
    assert "\x1b" not in text


def test_colours_change_nothing_but_colours(ten_days: list[SeriesCoverage]) -> None:
    plain = draw(ten_days, width=60, colour=False, unicode=True)
    coloured = draw(ten_days, width=60, colour=True, unicode=True)
    assert "\x1b[34m" in coloured
    for code in ("0", "1", "31", "33", "34", "36", "90"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == plain


def test_the_timeline_is_as_wide_as_the_terminal(store: CacheStore) -> None:
    fill(store)
    for width in (50, 80, 200):
        lines = draw(survey(store, now=NOW), width=width, colour=False, unicode=True).splitlines()
        timelines = [line for line in lines if line.startswith("  20")]
        assert [len(line) for line in timelines] == [width] * 6


def test_a_series_that_ended_earlier_says_how_long_ago(
    ten_days: list[SeriesCoverage], store: CacheStore
) -> None:
    del ten_days
    found = survey(store, now=START + 11 * DAY)
    assert "  1 day newer not fetched" in draw(found, width=80, colour=False, unicode=True).splitlines()


def test_a_symbol_cannot_steer_the_terminal(store: CacheStore) -> None:
    put_hostile(store)
    text = draw(survey(store, now=NOW), width=80, colour=False, unicode=True)
    assert "\x1b" not in text
    assert r"\x1b[31m" in text


def test_nothing_held_is_said_in_words() -> None:
    assert draw([], width=80, colour=True, unicode=True) == "The cache holds no such series."
