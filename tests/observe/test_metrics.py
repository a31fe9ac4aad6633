"""Metrics agree with what the venue counted itself, here and as Prometheus sees them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.parser import text_string_to_metric_families

from binance.venues import HOUR, NOW, Desk, Venues, sent, utc
from dsm_binance.emulator import Fault, Outage
from dsm_core.errors import RequestError
from dsm_core.events import CacheHit, RequestFinished, SegmentDone
from dsm_core.observe import Metrics, MetricsCollector
from dsm_core.observe.families import FAMILIES
from observe.watching import Heard

OUTAGE = Outage(utc(2024, 5, 3, 2), utc(2024, 5, 3, 5), market="spot")


def finished(number: int = 1, **given: Any) -> RequestFinished:
    usual: dict[str, Any] = {
        "provider": "p",
        "source": "rest",
        "method": "GET",
        "url": f"https://user:word@host{number}:8443/path?symbol=S{number}",
        "status": 200,
        "duration_s": 0.02,
        "bytes_received": 10,
    }
    return RequestFinished(**(usual | given))


def test_a_request_is_counted_by_place_and_status_class() -> None:
    metrics = Metrics()
    for status, error in ((200, ""), (204, ""), (404, "DataNotAvailableError"), (0, "SourceTimeoutError")):
        metrics(finished(status=status, error=error))
    told = metrics.snapshot()
    place = {"provider": "p", "host": "host1:8443", "source": "rest"}
    assert told["requests"] == [
        {"labels": {**place, "status": "2xx"}, "value": 2},
        {"labels": {**place, "status": "4xx"}, "value": 1},
        {"labels": {**place, "status": "none"}, "value": 1},
    ]
    assert told["received_bytes"] == [{"labels": place, "value": 40}]
    assert metrics.value("request_errors") == 2
    assert metrics.value("request_errors", error="SourceTimeoutError") == 1


def test_latencies_fall_into_buckets_with_their_bounds_included() -> None:
    metrics = Metrics(buckets_s=(0.1, 1))
    for duration in (0.05, 0.1, 0.5, 1.0, 7.0):
        metrics(finished(duration_s=duration))
    (told,) = metrics.snapshot()["request_seconds"]
    assert told["buckets"] == {"0.1": 2, "1.0": 4, "+Inf": 5}
    assert (told["count"], told["sum"]) == (5, pytest.approx(8.65))
    assert metrics.value("request_seconds") == 5


def test_no_label_holds_a_symbol_a_path_or_a_password() -> None:
    metrics = Metrics()
    metrics(finished())
    metrics(CacheHit(series="p/spot/klines/HUSHUSDT/1m", rows=1))
    text = json.dumps(metrics.snapshot())
    assert not any(word in text for word in ("HUSHUSDT", "word", "path", "S1"))
    assert {label for family in FAMILIES.values() for label in family.labels} == {
        *("provider", "host", "source", "status", "error", "pool", "reason", "final")
    }


def test_labels_are_bounded_whatever_comes() -> None:
    metrics = Metrics(most_labels=10)
    for number in range(100):
        metrics(finished(number))
    assert len(metrics.snapshot()["requests"]) == 11
    assert metrics.value("requests") == 100
    assert metrics.value("requests", host="other") == 90
    assert metrics.value("request_seconds", host="other") == 90


def test_counts_from_many_threads_are_all_kept() -> None:
    metrics, started = Metrics(), threading.Barrier(8)

    def count() -> None:
        started.wait()
        for _ in range(500):
            metrics(finished())

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert metrics.value("requests") == metrics.value("request_seconds") == 4000


@pytest.mark.parametrize("bounds", [(), (1, 0.5), (1, 1)])
def test_bounds_that_do_not_ascend_are_refused(bounds: tuple[float, ...]) -> None:
    with pytest.raises(RequestError, match="buckets_s"):
        Metrics(buckets_s=bounds)


def test_an_unknown_metric_or_label_is_refused_by_name() -> None:
    with pytest.raises(RequestError, match="'request'"):
        Metrics().value("request")
    with pytest.raises(RequestError, match="'symbol'"):
        Metrics().value("requests", symbol="A")


def test_prometheus_scrapes_what_the_venue_counted(venues: Venues, desk: Desk) -> None:
    """One venue, three managers, faults of several kinds; the exposition is fetched over HTTP."""
    faults = [Fault("503", "/vision", times=2), Fault("429", "v3/klines", retry_after=1)]
    venue = venues(faults=faults, outages=[OUTAGE])
    metrics, heard = Metrics(), Heard()
    registry = CollectorRegistry()
    registry.register(MetricsCollector(metrics))
    for folder in ("a", "b", "a"):
        manager = desk.manager(venue, cache_dir=desk.tmp_path / folder)
        manager.subscribe(metrics)
        manager.subscribe(heard)
        manager.query("BTCUSDT", "2024-05-01", "2024-05-03", "1h", on_gaps="ignore")
        manager.query("BTCUSDT", NOW - 30 * HOUR, NOW - HOUR, "1m", on_gaps="ignore")
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        url = f"http://127.0.0.1:{server.server_port}/metrics"
        with urllib.request.urlopen(url, timeout=30) as answer:
            text = answer.read().decode()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    scraped = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }

    def total(name: str, **labels: str) -> float:
        return sum(
            v for (n, held), v in scraped.items() if n == name and labels.items() <= dict(held).items()
        )

    given = Counter(f"{r.status // 100}xx" for r in sent(venue))
    assert given["5xx"] == 2
    assert given["4xx"] >= 1
    for status, count in given.items():
        assert total("dsm_requests_total", status=status) == count
    assert total("dsm_request_seconds_count") == total("dsm_requests_total") == len(venue.requests)
    assert total("dsm_request_seconds_bucket", le="+Inf") == len(venue.requests)
    for port, count in Counter(r.port for r in sent(venue)).items():
        assert total("dsm_requests_total", host=f"127.0.0.1:{port}", provider="binance") == count
    archive = [r for r in sent(venue) if "/vision/" in r.path]
    assert total("dsm_requests_total", source="vision") == len(archive)
    assert total("dsm_retries_total") == 3
    assert total("dsm_rate_limit_waits_total", pool="spot") >= 1
    assert total("dsm_rate_limit_wait_seconds_total") > 0
    assert total("dsm_cache_hits_total") == 2
    assert total("dsm_gaps_total", reason="venue_has_none") == 3
    assert total("dsm_received_bytes_total") == sum(e.bytes_received for e in heard.of(RequestFinished))
    assert total("dsm_segment_rows_total") == sum(e.rows for e in heard.of(SegmentDone)) > 2 * 29 * 60


def test_without_the_client_library_the_collector_says_what_to_install(tmp_path: Any) -> None:
    code = (
        "import sys; sys.modules['prometheus_client'] = None\n"
        "from dsm_core.errors import ConfigError\n"
        "from dsm_core.observe import Metrics, MetricsCollector\n"
        "metrics = Metrics()\n"
        "try: MetricsCollector(metrics)\n"
        "except ConfigError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert "pip install 'dsm-core[prometheus]'" in done.stdout


def test_every_metric_is_documented_with_its_labels() -> None:
    page = (Path(__file__).parents[2] / "docs" / "observability.md").read_text("utf-8")
    told: dict[str, tuple[str, ...]] = {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        for name in re.findall(r"`([a-z_]+)`", cells[0]) if len(cells) == 3 else ():
            told[name] = tuple(cells[1].split(", "))
    assert {name: told.get(name) for name in FAMILIES} == {n: f.labels for n, f in FAMILIES.items()}
