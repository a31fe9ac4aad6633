"""The small parts: URLs shown and expanded, the breaker, Retry-After."""

from __future__ import annotations

import pytest

from dsm_core.net.breaker import MAX_OPEN_S, OPEN_S, THRESHOLD, Breaker
from dsm_core.net.retry import backoff_s
from dsm_core.net.settings import HttpSettings
from dsm_core.net.status import Rejection, parse_reset, parse_retry_after, status_error
from dsm_core.net.urls import expand, is_same_host, mask


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock)


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.leave(breaker.enter(), ok=False)


def test_a_breaker_opens_after_failures_that_follow_one_another(breaker: Breaker) -> None:
    fail(breaker, THRESHOLD - 1)
    breaker.leave(breaker.enter(), ok=True)
    fail(breaker, THRESHOLD - 1)
    assert breaker.wait_s() == 0
    fail(breaker)
    assert breaker.wait_s() == OPEN_S


def test_requests_that_break_together_count_once(breaker: Breaker, clock: Clock) -> None:
    started = [breaker.enter() for _ in range(20)]
    clock.now += 1
    for moment in started:
        breaker.leave(moment, ok=False)
    assert not breaker.is_open


def test_an_open_breaker_admits_one_probe(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, THRESHOLD)
    clock.now += OPEN_S
    assert breaker.wait_s() == 0
    started = breaker.enter()
    assert breaker.wait_s() == float("inf")
    breaker.leave(started, ok=None)
    assert breaker.wait_s() == 0
    breaker.leave(breaker.enter(), ok=True)
    assert not breaker.is_open


def test_every_failed_probe_doubles_the_time_up_to_a_bound(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, THRESHOLD)
    lengths = []
    for _ in range(5):
        lengths.append(breaker.wait_s())
        clock.now += breaker.wait_s()
        fail(breaker)
    assert lengths == [OPEN_S, 2 * OPEN_S, 4 * OPEN_S, 8 * OPEN_S, MAX_OPEN_S]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/a?b=1&c=%20x", "https://h/a?b=1&c=%20x"),
        ("https://me:pw@h:8/a", "https://***@h:8/a"),
        ("https://h/a?apiKey=k&b=1", "https://h/a?apiKey=***&b=1"),
        ("https://h/a?X-Amz-Signature=k#f", "https://h/a?X-Amz-Signature=***"),
        ("http://[broken", "(not a URL)"),
    ],
)
def test_a_shown_url_has_no_credentials(url: str, shown: str) -> None:
    assert mask(url) == shown


def test_a_template_stands_for_one_url_per_host() -> None:
    endpoints = {"spot": ["https://a.test/", "https://b.test/base"]}
    assert expand("{spot}/k", endpoints) == ("spot", ("https://a.test/k", "https://b.test/base/k"))
    assert expand("https://c.test/{x}", endpoints) == ("c.test", ("https://c.test/{x}",))


@pytest.mark.parametrize(
    ("target", "same"),
    [
        ("http://h/b", True),
        ("http://H:80/b", True),
        ("https://h/b", True),
        ("http://h:81/b", False),
        ("https://h:444/b", False),
        ("http://h.evil.test/b", False),
        ("ftp://h/b", False),
    ],
)
def test_a_redirect_stays_at_home_or_is_not_followed(target: str, same: bool) -> None:
    assert is_same_host("http://h/a", target) is same


def test_a_redirect_never_leaves_encryption() -> None:
    assert not is_same_host("https://h/a", "http://h/a")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("5", 5.0),
        (" 2.5 ", 2.5),
        ("x", None),
        ("-1", None),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0),
        ("Thu, 01 Jan 1970 00:00:01 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str | None, seconds: float | None) -> None:
    assert parse_retry_after(text, 10.0) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60", 60.0),
        (" 1.5 ", 1.5),
        ("0", None),
        ("1732150030", 30.0),
        ("1732150030500", 30.5),
        ("1732149990", None),
        ("999999999", 259_200.0),
        ("soon", None),
        ("-5", None),
        (None, None),
    ],
)
def test_the_reset_of_a_limit_is_read_in_seconds_or_as_a_moment(text: str | None, seconds: float) -> None:
    assert parse_reset(text, 1_732_150_000.0) == seconds


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"x-ratelimit-reset": "60"}, 60.0),
        (429, {"x-ratelimit-reset": "60", "retry-after": "5"}, 5.0),
        (429, {}, None),
        (503, {"x-ratelimit-reset": "60"}, None),
    ],
)
def test_a_429_without_retry_after_waits_for_the_reset(
    status: int, headers: dict[str, str], seconds: float | None
) -> None:
    error = status_error(Rejection(status=status, headers=headers, body="", wall_s=0.0))
    assert error.details.get("retry_after_s") == seconds


def test_the_pause_doubles_with_jitter_up_to_a_bound() -> None:
    settings = HttpSettings(backoff_initial_s=1.0, backoff_max_s=8.0)
    for attempt, longest in enumerate([1, 2, 4, 8, 8], start=1):
        assert longest / 2 <= backoff_s(settings, attempt) <= longest
    assert backoff_s(settings, 10_000) <= 8
