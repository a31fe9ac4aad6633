"""How complete the cache is: a survey of its series, drawn on a terminal or written as a page.

This room reads the cache and fetches nothing.
"""

from dsm_core.report.coverage import DayShares, SeriesCoverage
from dsm_core.report.page import write_page
from dsm_core.report.survey import survey
from dsm_core.report.terminal import draw

__all__ = ["DayShares", "SeriesCoverage", "draw", "survey", "write_page"]
