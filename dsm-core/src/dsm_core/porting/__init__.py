"""Rows on their way out of the cache into other programs' hands, and from their files into the cache."""

from dsm_core.porting.export import EXPORT_FORMS, Exported, ExportedSeries, export
from dsm_core.porting.foreign import import_ccxt, import_csv, import_freqtrade
from dsm_core.porting.intake import ImportedFile
from dsm_core.porting.scan import scan_cache

__all__ = [
    "EXPORT_FORMS",
    "Exported",
    "ExportedSeries",
    "ImportedFile",
    "export",
    "import_ccxt",
    "import_csv",
    "import_freqtrade",
    "scan_cache",
]
