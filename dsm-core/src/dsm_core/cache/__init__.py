"""The crash-safe cache: rows and what is known of them, in one folder of Arrow files."""

from dsm_core.cache.admin import CachedSeries, SeriesLedger
from dsm_core.cache.clear import Cleared
from dsm_core.cache.documents import CachedDocument, DocumentStore
from dsm_core.cache.evict import Pruned
from dsm_core.cache.merge import CacheBatch
from dsm_core.cache.paths import escape, unescape
from dsm_core.cache.quarantine import Quarantine, Quarantined
from dsm_core.cache.read import CachedRows
from dsm_core.cache.repair import Repaired, repair
from dsm_core.cache.store import CacheStore

__all__ = [
    "CacheBatch",
    "CacheStore",
    "CachedDocument",
    "CachedRows",
    "CachedSeries",
    "Cleared",
    "DocumentStore",
    "Pruned",
    "Quarantine",
    "Quarantined",
    "Repaired",
    "SeriesLedger",
    "escape",
    "repair",
    "unescape",
]
