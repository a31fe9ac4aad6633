"""What is told of a call on its way."""

from __future__ import annotations

import io
import sys

import pytest

from dsm_core import show_progress
from dsm_core.errors import ConfigError
from dsm_core.events import CacheHit, EventBus, Planned, RateLimitWait, RequestFinished, Retry, SegmentDone
from dsm_core.progress import Progress, plain_line

SERIES = "acme/spot/klines/X/1h"


def test_progress_counts_parts_requests_and_bytes() -> None:
    shown: list[str] = []
    progress = Progress(lambda p: shown.append(str(p)))
    progress.observe(Planned(series=SERIES, tasks=3, requests=4))
    progress.observe(
        RequestFinished(method="GET", url="u", status=200, duration_s=0.1, bytes_received=2_500_000)
    )
    progress.observe(SegmentDone(series=SERIES, source="rest", start_ns=0, end_ns=1, rows=1))
    assert shown == [
        "0/3 parts, 0 requests, 0 B",
        "0/3 parts, 1 request, 2.5 MB",
        "1/3 parts, 1 request, 2.5 MB, rest",
    ]


def test_progress_tells_of_waits_and_new_attempts_and_passes_over_the_rest() -> None:
    shown: list[str] = []
    progress = Progress(lambda p: shown.append(p.remark))
    progress.observe(RateLimitWait(pool="spot", wait_s=12.0))
    progress.observe(Retry(url="u", attempt=2, wait_s=3.0, error="503"))
    progress.observe(CacheHit(series=SERIES, rows=7))
    assert shown == ["waits 12 s for the rate limit", "tries again in 3 s"]


def test_more_parts_than_were_planned_are_no_more_than_whole() -> None:
    progress = Progress(lambda _: None)
    for _ in range(2):
        progress.observe(SegmentDone(series=SERIES, source="rest", start_ns=0, end_ns=1, rows=1))
    assert str(progress).startswith("2/2 parts")


def test_theplain_line_is_rewritten_and_gone_at_the_end() -> None:
    stream = io.StringIO()
    with plain_line(stream) as show:
        progress = Progress(show)
        progress.observe(Planned(series=SERIES, tasks=3, requests=4))
        text = str(progress)
        assert stream.getvalue() == f"\r{text}"
    assert stream.getvalue() == f"\r{text}\r{' ' * len(text)}\r"


def test_aplain_line_that_showed_nothing_leaves_nothing() -> None:
    stream = io.StringIO()
    with plain_line(stream):
        pass
    assert stream.getvalue() == ""


def test_without_rich_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    with pytest.raises(ConfigError, match=r"rich is not installed.*dsm-core\[rich\]"):
        show_progress(EventBus())


def test_nothing_is_shown_where_nobody_looks(capfd: pytest.CaptureFixture[str]) -> None:
    bus = EventBus()
    with show_progress(bus):
        bus.emit(Planned(series=SERIES, tasks=3, requests=4))
        assert not bus.wants(Planned)
    assert capfd.readouterr() == ("", "")
