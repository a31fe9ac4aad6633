"""Level three: an archive of one Parquet object a day, with or without checksums."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import frozen

from dsm_core.model import EpochGrid, TimeRange, from_ns
from dsm_core.plugins import ArchiveClient, ClientSpec, Granularity, Provider, Task, hookimpl

DAY_NS = 86_400 * 10**9


@frozen(kw_only=True)
class LakeConfig:
    """Where the objects are, and whether each has a checksum beside it."""

    endpoints: dict[str, str]
    checksums: bool = False


class LakeKlines(ArchiveClient):
    """One object a day, published six hours after it ends."""

    spec = ClientSpec(
        market_type="spot", chart_type="klines", source="files", intervals=["1h"],
        columns="open high low close volume",
    )  # fmt: skip

    def granularities(self) -> tuple[Granularity, ...]:
        """Days."""
        return (
            Granularity(name="daily", grid=EpochGrid(DAY_NS), published_at=lambda end: end + DAY_NS // 4),
        )

    def object_url(self, granularity: Granularity, period: TimeRange) -> str:
        """``/1h/ACME/2024-06-01.parquet``."""
        return f"{{files}}/{self.code}/{self.symbol}/{from_ns(period.start):%Y-%m-%d}.parquet"

    async def expected_sha256(self, url: str) -> str | None:
        """The text beside the object, as ``sha256sum`` writes it."""
        if not self.context.config.checksums:
            return None
        return (await self.context.http.get_text(url + ".sha256")).text.split()[0]

    def parse(self, task: Task, path: Path) -> pa.Table:
        """The object is a table in the schema's own columns."""
        return pq.read_table(path)


@hookimpl
def dsm_provider() -> Provider:
    """The lake."""
    return Provider(name="lake", clients=[LakeKlines], config=LakeConfig)
