"""Metrics for Prometheus, through its own client library; extra ``[prometheus]``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from dsm_core.errors import ConfigError
from dsm_core.observe.families import FAMILIES, Family
from dsm_core.observe.metrics import Metrics

if TYPE_CHECKING:
    from prometheus_client.core import Metric

__all__ = ["MetricsCollector"]

_PREFIX: Final = "dsm_"


class MetricsCollector:
    """Hands :class:`Metrics` to a ``prometheus_client`` registry: ``REGISTRY.register(...)``.

    Counters are called ``dsm_requests_total``, the histogram ``dsm_request_seconds``. Values are read
    when Prometheus asks.

    Parameters
    ----------
    metrics
        What is exposed; subscribe it to the managers.

    Raises
    ------
    ConfigError
        When ``prometheus_client`` is not installed.
    """

    def __init__(self, metrics: Metrics) -> None:
        try:
            import prometheus_client  # noqa: F401, PLC0415 - an extra
        except ImportError as error:
            raise ConfigError(
                "Prometheus' client library is not installed.", hint="Run: pip install 'dsm-core[prometheus]'"
            ) from error
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """Every metric with its current values."""
        told = self._metrics.snapshot()
        for name, family in FAMILIES.items():
            yield (
                _histogram(name, family, told[name])
                if family.is_histogram
                else _counter(name, family, told[name])
            )


def _counter(name: str, family: Family, values: list[dict[str, Any]]) -> Metric:
    from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415 - an extra

    metric = CounterMetricFamily(_PREFIX + name, family.meaning, labels=family.labels)
    for one in values:
        metric.add_metric(list(one["labels"].values()), one["value"])
    return metric


def _histogram(name: str, family: Family, values: list[dict[str, Any]]) -> Metric:
    from prometheus_client.core import HistogramMetricFamily  # noqa: PLC0415 - an extra

    metric = HistogramMetricFamily(_PREFIX + name, family.meaning, labels=family.labels)
    for one in values:
        metric.add_metric(list(one["labels"].values()), list(one["buckets"].items()), one["sum"])
    return metric
