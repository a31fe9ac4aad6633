"""Agreement between sources: each asked for the same range, row held against row."""

from dsm_core.audit.result import Audit
from dsm_core.audit.run import audit_series

__all__ = ["Audit", "audit_series"]
