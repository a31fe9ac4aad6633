"""When a case does not apply: what a client declares, and what its suite offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dsm_core.plugins.archive import ArchiveClient
from dsm_core.plugins.paged import PagedClient
from dsm_core.plugins.spec import Unlimited
from dsm_core.testing.case import Skip

if TYPE_CHECKING:
    from dsm_core.testing.suite import ClientSuite

__all__ = [
    "HAS_CHECKSUMS",
    "NEEDS_ARCHIVE",
    "NEEDS_BARS",
    "NEEDS_GRID",
    "NEEDS_HISTORY",
    "NEEDS_HTTP",
    "NEEDS_JSON",
    "NEEDS_OTHER_SYMBOL",
    "NEEDS_PAGES",
    "NEEDS_PAGE_ORDER",
    "NEEDS_RANGE",
    "NEEDS_REFUSAL",
    "NEEDS_SECRET",
    "NEEDS_UNKNOWN_SYMBOL",
    "NOT_ARCHIVE",
    "NOT_PLAIN",
]


def _is(suite: ClientSuite, kind: type) -> bool:
    return issubclass(suite.client, kind)


def _has_no_grid(suite: ClientSuite) -> bool:
    scenery = suite.stage.scenery
    return scenery.main is None or scenery.grid_of(scenery.main) is None


NEEDS_HTTP: Final = Skip("the client needs no HTTP of the kit's (the suite has `load`)", lambda s: s.loads)
NEEDS_BARS: Final = Skip(
    "the chart type has no bars (kind `events` or `documents`)", lambda s: s.stage.schema.kind != "bars"
)
NEEDS_RANGE: Final = Skip(
    "the chart type is of kind `documents`, which has no ranges", lambda s: s.stage.is_document
)
NEEDS_GRID: Final = Skip("the client has no grid", _has_no_grid)
NEEDS_HISTORY: Final = Skip(
    "`history` is `Unlimited()`", lambda s: isinstance(s.client.spec.history, Unlimited)
)
NEEDS_PAGES: Final = Skip(
    "one request brings any range: no `page_rows`, no `max_span_s`, or a history of one page",
    lambda s: s.stage.scenery.pages() is None,
)
NEEDS_PAGE_ORDER: Final = Skip(
    "the client parses whole objects", lambda s: issubclass(s.client, ArchiveClient)
)
NEEDS_ARCHIVE: Final = Skip("the client is no `ArchiveClient`", lambda s: not _is(s, ArchiveClient))
NOT_ARCHIVE: Final = Skip("the client is an `ArchiveClient`", lambda s: _is(s, ArchiveClient))
NOT_PLAIN: Final = Skip(
    "the client's `fetch` is its own (neither `PagedClient` nor `ArchiveClient`)",
    lambda s: not (_is(s, PagedClient) or _is(s, ArchiveClient)),
)
HAS_CHECKSUMS: Final = Skip(
    "the archive publishes no checksums (`expected_sha256` is not written)",
    lambda s: getattr(s.client, "expected_sha256", None) in (None, ArchiveClient.expected_sha256),
)
NEEDS_JSON: Final = Skip("the client parses whole objects, not JSON", lambda s: _is(s, ArchiveClient))
NEEDS_OTHER_SYMBOL: Final = Skip("the suite names no `other_symbol`", lambda s: s.other_symbol is None)
NEEDS_REFUSAL: Final = Skip(
    "the suite has no `error_inside_200`", lambda s: not s.overrides("error_inside_200")
)
NEEDS_UNKNOWN_SYMBOL: Final = Skip(
    "the suite has no `unknown_symbol`", lambda s: not s.overrides("unknown_symbol")
)
NEEDS_SECRET: Final = Skip(
    "the configuration has no `Secret` and the suite names no `secrets`", lambda s: not s.stage.secrets
)
