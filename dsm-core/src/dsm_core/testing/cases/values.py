"""Cases of what a row holds: units, types, absent columns, times."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pyarrow as pa
from attrs import evolve

from dsm_core.testing.case import case
from dsm_core.testing.conditions import NEEDS_BARS
from dsm_core.testing.stage import Stage

__all__ = ["ValueCases", "machine_zone"]


@contextmanager
def machine_zone(name: str) -> Iterator[None]:
    """The machine's local time is that of a zone; without effect on Windows."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = name
    if sys.platform != "win32":
        time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        if sys.platform != "win32":
            time.tzset()


class ValueCases:
    """C20 to C25."""

    stage: Stage

    @case()
    def test_c20_every_value_is_the_venues_to_the_last_decimal(self) -> None:
        """Every value is the nearest float64 of the venue's decimal text, every time exact."""
        scene = self.stage.settle(self.stage.scenery.usual(rows=40))
        self.stage.check(self.stage.ask(scene), scene)

    @case()
    def test_c21_columns_and_types_are_the_schemas(self) -> None:
        """Columns, their order and their types are the chart type's, in an empty answer too."""
        stage = self.stage
        scene = stage.settle(stage.scenery.usual())
        unlisted = evolve(scene, listed_at=scene.end)
        for asked in (scene,) if stage.is_document else (scene, unlisted):
            found = stage.ask(asked).to_arrow()
            due = stage.schema.arrow()
            assert found.schema.names == due.names, f"the columns are {found.schema.names}"
            assert found.schema.types == due.types, f"the types are {found.schema.types}"
            assert found.column(0).null_count == 0, "a row has no time"

    @case()
    def test_c22_a_column_that_the_source_lacks_is_null(self) -> None:
        """A column that the source lacks is null and never 0; one that it declares has values."""
        stage = self.stage
        scene = stage.settle(stage.scenery.usual(rows=40))
        found, due = stage.ask(scene).to_arrow(), stage.due(scene)
        for name in stage.schema.column_names:
            column = found.column(name)
            if name not in stage.present:
                assert column.null_count == len(found), (
                    f"{name} is not among the client's columns, and not null"
                )
            elif len(found) and due.column(name).null_count < len(due):
                empty = {None, 0, ""}
                only = set(column.to_pylist()) <= empty < set(due.column(name).to_pylist()) | empty
                assert not only, (
                    f"{name} holds nothing but {set(column.to_pylist())}; leave it out of columns"
                )

    @case(NEEDS_BARS)
    def test_c23_a_bar_without_trades_keeps_its_zeros(self) -> None:
        """A bar in which nothing was traded is handed out with its volume of 0, not dropped, not null."""
        stage = self.stage
        scene = stage.settle(stage.scenery.usual(rows=80))
        found, due = stage.ask(scene).to_arrow(), stage.due(scene)
        if "volume" in stage.present and "volume" in due.column_names:
            wanted = due.filter(pa.compute.equal(due.column("volume"), 0.0)).column(0).to_pylist()
            have = found.filter(pa.compute.equal(found.column("volume"), 0.0)).column(0).to_pylist()
            assert have == wanted, f"{len(wanted)} bars have no trade, {len(have)} came with volume 0"
        else:
            stage.check(stage.ask(scene), scene)

    @case()
    def test_c24_times_are_utc_wherever_the_machine_stands(self) -> None:
        """Times are UTC, whatever zone the machine is set to."""
        stage = self.stage
        scene = stage.settle(stage.scenery.usual())
        for zone in ("America/New_York", "Asia/Kathmandu"):
            with machine_zone(zone):
                stage.check(stage.ask(scene), scene)

    @case()
    def test_c25_the_days_of_a_clock_change_are_whole(self) -> None:
        """The days on which New York's and Berlin's clocks change have all their hours, each once."""
        stage = self.stage
        for zone, moment in (
            ("America/New_York", datetime(2024, 3, 10, 7, tzinfo=UTC)),
            ("America/New_York", datetime(2024, 11, 3, 6, tzinfo=UTC)),
            ("Europe/Berlin", datetime(2024, 3, 31, 1, tzinfo=UTC)),
            ("Europe/Berlin", datetime(2024, 10, 27, 1, tzinfo=UTC)),
        ):
            scene = stage.settle(stage.scenery.around(moment))
            with machine_zone(zone):
                stage.check(stage.ask(scene), scene)
