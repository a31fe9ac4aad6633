"""An archive of Parquet objects over HTTP, with and without checksums, is a whole provider."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attrs import define, evolve, field

from dsm_core import DataSourceManager
from dsm_core.errors import AllSourcesFailedError, IncompleteDataWarning
from dsm_core.plugins import Registry
from plugins.parquet_provider import LakeKlines, dsm_provider
from plugins.venues import DAY, HOUR, Desk, Reply, Server, serving, utc

START, END = utc(2024, 6, 1), utc(2024, 6, 4)


def parquet(day: datetime, **columns: Any) -> bytes:
    times = [day + HOUR * h for h in range(24)]
    prices = [float(t.day * 100 + t.hour) for t in times]
    bars = {"open": prices, "high": prices, "low": prices, "close": prices, "volume": [1.5] * 24}
    out = io.BytesIO()
    pq.write_table(pa.table({"open_time": pa.array(times, pa.timestamp("us", "UTC"))} | bars | columns), out)
    return out.getvalue()


@define
class Lake:
    """The objects, and the checksums that stand beside them."""

    objects: dict[str, bytes] = field(factory=dict)

    def put(self, day: datetime, body: bytes, digest: str | None = None) -> None:
        path = f"/1h/ACME/{day:%Y-%m-%d}.parquet"
        self.objects[path] = body
        self.objects[path + ".sha256"] = f"{digest or hashlib.sha256(body).hexdigest()}  {path}".encode()

    def answer(self, path: str, query: dict[str, str]) -> Reply:
        return (200, self.objects[path]) if path in self.objects else (404, "no such object")


@pytest.fixture
def lake() -> Lake:
    made = Lake()
    for day in range(3):
        made.put(START + day * DAY, parquet(START + day * DAY))
    return made


@pytest.fixture
def server(lake: Lake) -> Iterator[Server]:
    with serving(lake.answer) as made:
        yield made


def made(desk: Desk, server: Server, *, checksums: bool) -> DataSourceManager:
    section = {"endpoints": {"files": server.url}, "checksums": checksums}
    return desk.manager(Registry.of(dsm_provider()), config={"providers": {"lake": section}})


def bars(manager: DataSourceManager, **more: Any) -> Any:
    return manager.query("ACME", START, END, "1h", inclusive="left", **more)


@pytest.mark.parametrize("checksums", [True, False])
def test_objects_become_rows_with_their_origin(
    desk: Desk, server: Server, checksums: bool, lake: Lake
) -> None:
    data = bars(made(desk, server, checksums=checksums))
    frame = data.to_pandas()
    assert (len(frame), frame["open"].iloc[-1], data.gaps) == (72, 323.0, ())
    assert frame["count"].isna().all()
    assert frame["close_time"].iloc[0] == frame.index[0] + timedelta(milliseconds=3_599_999)
    digests = [hashlib.sha256(lake.objects[f"/1h/ACME/2024-06-0{d}.parquet"]).hexdigest() for d in (1, 2, 3)]
    assert [s.sha256 for s in data.provenance] == digests
    assert server.count() == (6 if checksums else 3)
    assert len(bars(made(desk, server, checksums=checksums)).to_pandas()) == 72
    assert server.count() == (6 if checksums else 3)


def test_an_object_whose_checksum_differs_is_downloaded_twice_and_not_used(
    desk: Desk, server: Server, lake: Lake
) -> None:
    lake.put(START + DAY, parquet(START + DAY, volume=[9.0] * 24), digest="0" * 64)
    with pytest.warns(IncompleteDataWarning, match="does not match its checksum"):
        data = bars(made(desk, server, checksums=True))
    assert len(data.to_pandas()) == 48
    assert [(g.reason, g.bars) for g in data.gaps] == [("source_failed", 24)]
    assert server.count("/1h/ACME/2024-06-02.parquet") == 4


def test_without_checksums_the_same_object_is_taken(desk: Desk, server: Server, lake: Lake) -> None:
    lake.put(START + DAY, parquet(START + DAY, volume=[9.0] * 24), digest="0" * 64)
    assert set(bars(made(desk, server, checksums=False)).to_pandas()["volume"]) == {1.5, 9.0}


def test_an_empty_object_of_an_authoritative_archive_is_the_venue_s_word(
    desk: Desk, server: Server, lake: Lake
) -> None:
    class WholeLake(LakeKlines):
        spec = evolve(LakeKlines.spec, authoritative=True)

    empty = pq.read_table(io.BytesIO(parquet(START + DAY))).slice(0, 0)
    out = io.BytesIO()
    pq.write_table(empty, out)
    lake.put(START + DAY, out.getvalue())
    provider = evolve(dsm_provider(), clients=[WholeLake])
    config = {"providers": {"lake": {"endpoints": {"files": server.url}}}}
    manager = desk.manager(Registry.of(provider), config=config)
    for _ in range(2):
        data = bars(manager, on_gaps="raise")
        assert [(gap.reason, gap.bars, gap.final) for gap in data.gaps] == [("venue_has_none", 24, True)]
    assert server.count() == 3


def test_a_missing_checksum_is_no_permission(desk: Desk, server: Server, lake: Lake) -> None:
    del lake.objects["/1h/ACME/2024-06-02.parquet.sha256"]
    with pytest.warns(IncompleteDataWarning, match="no published checksum"):
        data = bars(made(desk, server, checksums=True))
    assert len(data.to_pandas()) == 48


def test_an_archive_vouches_for_no_hole_in_it(desk: Desk, server: Server, lake: Lake) -> None:
    whole = pq.read_table(io.BytesIO(parquet(START + DAY)))
    out = io.BytesIO()
    pq.write_table(pa.concat_tables([whole.slice(0, 10), whole.slice(11)]), out)
    lake.put(START + DAY, out.getvalue())
    data = bars(made(desk, server, checksums=True), on_gaps="ignore")
    assert [(g.start_time, g.reason, g.final) for g in data.gaps] == [
        (START + DAY + 10 * HOUR, "not_requested", False)
    ]


def test_an_absent_object_is_an_answer_and_one_not_published_is_not_asked_for(
    desk: Desk, server: Server, lake: Lake
) -> None:
    del lake.objects["/1h/ACME/2024-06-02.parquet"]
    desk.now = START + 3 * DAY + HOUR
    data = bars(made(desk, server, checksums=False), on_gaps="ignore")
    assert [(g.reason, g.bars) for g in data.gaps] == [("not_requested", 24), ("not_published_yet", 24)]
    assert server.count("/1h/ACME/2024-06-03.parquet") == 0


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            b"no parquet at all",
            r"LakeKlines of provider 'lake' failed.*ArrowInvalid.*parquet_provider\.py:\d+",
        ),
        (parquet(START, high=[None] * 24), r"LakeKlines of provider 'lake' gave rows.*'high'"),
        (parquet(START, open=["x"] * 24), r"LakeKlines of provider 'lake' gave rows.*'open'"),
    ],
    ids=["garbage", "nulls", "text"],
)
def test_an_object_that_cannot_be_read_names_client_and_line(
    desk: Desk, server: Server, lake: Lake, body: bytes, told: str
) -> None:
    for day in range(3):
        lake.put(START + day * DAY, body)
    with pytest.raises(AllSourcesFailedError, match=told):
        bars(made(desk, server, checksums=True))
