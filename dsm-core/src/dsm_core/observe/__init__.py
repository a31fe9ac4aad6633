"""Ready-made observers: metrics, their Prometheus exposition, and logs as JSON lines.

They see events and log records, nothing else; no room of the core calls them.
"""

from dsm_core.observe.json_lines import JsonFormatter, fields_of
from dsm_core.observe.metrics import Metrics
from dsm_core.observe.prometheus import MetricsCollector

__all__ = ["JsonFormatter", "Metrics", "MetricsCollector", "fields_of"]
