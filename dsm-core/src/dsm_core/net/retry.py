"""When a failed request is sent again, and after what pause."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

from tenacity import AsyncRetrying, RetryCallState

from dsm_core.errors import RateLimitError, SourceError
from dsm_core.net.deadline import Deadline
from dsm_core.net.settings import HttpSettings

__all__ = ["backoff_s", "build_retrying"]


def backoff_s(settings: HttpSettings, attempt: int) -> float:
    """Give the pause after the ``attempt``-th try (1, 2, ...): doubling, with jitter, bounded."""
    longest = min(settings.backoff_initial_s * 2.0 ** min(attempt - 1, 60), settings.backoff_max_s)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter keeps clients apart, no secrecy


def build_retrying(
    settings: HttpSettings,
    deadline: Deadline,
    *,
    sleep: Callable[[float], Awaitable[None]],
    is_retryable: Callable[[BaseException], bool],
    before_sleep: Callable[[RetryCallState], None],
) -> AsyncRetrying:
    """Give the retry loop of one call; the last error leaves it as it was raised."""

    def wait(state: RetryCallState) -> float:
        error = _error(state)
        if isinstance(error, RateLimitError):
            return 0.0  # the pool is blocked, and every attempt waits for its pool
        asked = error.details.get("retry_after_s", 0.0) if isinstance(error, SourceError) else 0.0
        return max(asked, backoff_s(settings, state.attempt_number))

    def stop(state: RetryCallState) -> bool:
        longest = min(deadline.remaining_s(), settings.max_wait_s)
        return state.attempt_number > settings.retry_count or state.upcoming_sleep >= longest

    return AsyncRetrying(
        sleep=sleep,
        wait=wait,
        stop=stop,
        retry=lambda state: (error := _error(state)) is not None and is_retryable(error),
        before_sleep=before_sleep,
        reraise=True,
    )


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
