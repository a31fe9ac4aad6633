"""Whether rows of two sources tell the same: tolerances, and what differs. Nothing is fetched here."""

from dsm_core.agreement.comparison import CELL_COLUMNS, Compared, Disagreement, compare_rows, disagreements_of
from dsm_core.agreement.tolerance import Tolerance, Tolerances

__all__ = [
    "CELL_COLUMNS",
    "Compared",
    "Disagreement",
    "Tolerance",
    "Tolerances",
    "compare_rows",
    "disagreements_of",
]
