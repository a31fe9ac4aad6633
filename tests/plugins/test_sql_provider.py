"""A plain fetch over a SQL table is a whole provider, and its variants never mix."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from dsm_core import DataSourceManager, SeriesKey
from dsm_core.errors import AllSourcesFailedError, RequestError
from dsm_core.model import to_ns
from dsm_core.plugins import Registry
from dsm_core.report import survey
from plugins.sql_provider import dsm_provider
from plugins.venues import DAY, HOUR, Desk, utc

START, END = utc(2024, 6, 1), utc(2024, 6, 3)
VARIANTS = [
    (0, "regular", "sip"),
    (1, "regular", "sip"),
    (0, "extended", "sip"),
    (0, "regular", "../iex;a=b"),
]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Two days of hours in four variants, told apart by their prices; one hour was never traded."""
    path = tmp_path / "vault.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "CREATE TABLE bars (symbol, code, open_time, open, high, low, close, volume,"
            " adjusted, session, feed)"
        )
        for number, variant in enumerate(VARIANTS):
            for hour in range(48):
                if hour != 30:
                    t = int((START + hour * HOUR).timestamp())
                    price = 1000 * number + hour
                    bar = (price, price + 1, price - 1, price, 10)
                    db.execute(
                        f"INSERT INTO bars VALUES ({','.join('?' * 11)})", ("ACME", "1h", t, *bar, *variant)
                    )
    return path


@pytest.fixture
def manager(desk: Desk, database: Path) -> Iterator[DataSourceManager]:
    return made(desk, database)


def made(desk: Desk, database: Path, **given: Any) -> DataSourceManager:
    config = {"providers": {"vault": {"database": str(database)}}}
    return desk.manager(Registry.of(dsm_provider()), config=config, **given)


def opens(
    manager: DataSourceManager, start: datetime = START, end: datetime = END, **options: Any
) -> list[float]:
    frame = manager.get_data("ACME", start, end, "1h", inclusive="left", options=options)
    return list(frame["open"])


def test_a_table_is_answered_with_its_hole_and_its_nulls(manager: DataSourceManager) -> None:
    data = manager.query("ACME", START, END, "1h", inclusive="left")
    frame = data.to_pandas()
    assert list(frame["open"]) == [float(h) for h in range(48) if h != 30]
    assert frame["taker_buy_volume"].isna().all()
    assert [(g.start_time, g.reason, g.final) for g in data.gaps] == [
        (START + 30 * HOUR, "venue_has_none", True)
    ]


def test_the_second_call_needs_no_database(desk: Desk, database: Path) -> None:
    first = opens(made(desk, database))
    database.unlink()
    assert opens(made(desk, database)) == first


def test_variants_stand_side_by_side(desk: Desk, database: Path) -> None:
    given = [{}, {"adjusted": True}, {"session": "extended"}, {"feed": "../iex;a=b"}]
    for _ in range(2):
        for number, options in enumerate(given):
            found = opens(made(desk, database), **options)
            assert {int(price) // 1000 for price in found} == {number}
            assert len(found) == 47
    folders = sorted(p.name for p in (desk.tmp_path / "cache/vault/equities/klines/ACME").iterdir())
    assert folders == ["1h", "1h;adjusted=true", "1h;feed=%2E%2E%2Fiex%3Ba%3Db", "1h;session=extended"]


@pytest.mark.parametrize("written", [True, "true", "True"])
def test_one_value_is_one_variant_however_it_is_written(
    desk: Desk, database: Path, manager: DataSourceManager, written: Any
) -> None:
    assert opens(manager, adjusted=True)[0] == 1000.0
    database.unlink()
    assert opens(made(desk, database), adjusted=written)[0] == 1000.0


def test_a_false_from_the_cache_is_false_for_the_client(desk: Desk, database: Path) -> None:
    desk.now = START + 20.01 * HOUR
    opens(made(desk, database), START, START + 20 * HOUR, adjusted=False)
    desk.now = START + 25.01 * HOUR
    (line,) = made(desk, database).update()
    assert (line.error, line.rows) == (None, 5)
    found = opens(made(desk, database), START, START + 25 * HOUR, adjusted=False)
    assert found == [float(h) for h in range(25)]


def test_update_extends_each_variant_with_its_own_rows(desk: Desk, database: Path) -> None:
    desk.now = START + 20.01 * HOUR
    given: list[dict[str, Any]] = [{}, {"adjusted": True}, {"feed": "../iex;a=b"}]
    for options in given:
        opens(made(desk, database), START, START + 20 * HOUR, **options)
    desk.now = START + 25.01 * HOUR
    lines = made(desk, database).update()
    assert [line.rows for line in lines] == [5, 5, 5]
    assert {line.key.options for line in lines} == {
        (),
        (("adjusted", "true"),),
        (("feed", "../iex;a=b"),),
    }
    database.unlink()
    for number, options in zip((0, 1, 3), given, strict=True):
        found = opens(made(desk, database), START, START + 25 * HOUR, **options)
        assert found == [1000.0 * number + h for h in range(25)]


def test_a_key_as_text_names_the_same_variant(desk: Desk, database: Path) -> None:
    desk.now = START + 20.01 * HOUR
    opens(made(desk, database), START, START + 20 * HOUR, feed="../iex;a=b")
    desk.now = START + 25.01 * HOUR
    (line,) = made(desk, database).update()
    assert SeriesKey.parse(str(line.key)) == line.key
    (again,) = made(desk, database).update(series=[str(line.key)])
    assert again.error is None
    many = made(desk, database).get_many([str(line.key)], START, START + DAY, inclusive="left")
    assert set(many.to_pandas()["open"] // 1000) == {3.0}


def test_scan_reads_the_variant_that_is_asked_for(manager: DataSourceManager) -> None:
    opens(manager)
    opens(manager, adjusted=True)
    plain = manager.scan(["ACME"], "1h").collect()
    adjusted = manager.scan(["ACME"], "1h", options={"adjusted": "true"}).collect()
    assert (len(plain), len(adjusted)) == (47, 47)
    assert (plain["open"].max(), adjusted["open"].min()) == (47.0, 1000.0)


def test_a_plan_and_the_cache_know_variants_apart(manager: DataSourceManager) -> None:
    opens(manager)
    asked = (START, END, "1h")
    assert manager.explain("ACME", *asked, inclusive="left").requests == 0
    assert manager.explain("ACME", *asked, inclusive="left", options={"adjusted": True}).requests == 1
    assert "adjusted=true" in str(manager.explain("ACME", *asked, options={"adjusted": True}))


def test_coverage_counts_each_variant_for_itself(manager: DataSourceManager, desk: Desk) -> None:
    opens(manager)
    opens(manager, START, START + DAY, adjusted=True)
    store = manager._session.store
    assert store is not None
    found = {s.key.options: s.rows for s in survey(store, now=to_ns(desk.now))}
    assert found == {(): 47, (("adjusted", "true"),): 24}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"adjustd": True}, "Did you mean 'adjusted'"),
        ({"adjusted": "yes"}, "true or false"),
        ({"session": "extnded"}, "Did you mean 'extended'"),
    ],
    ids=str,
)
def test_a_wrong_option_is_refused_before_anything_is_asked(
    manager: DataSourceManager, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(RequestError, match=told):
        opens(manager, **options)


def test_a_database_that_breaks_is_told_with_type_message_and_line(
    manager: DataSourceManager, database: Path
) -> None:
    with closing(sqlite3.connect(database)) as db, db:
        db.execute("DROP TABLE bars")
    with pytest.raises(
        AllSourcesFailedError,
        match=r"VaultKlines of provider 'vault' failed.*OperationalError: no such.*sql_provider\.py:\d+",
    ) as caught:
        opens(manager)
    cause = caught.value.__cause__
    assert cause is not None
    assert isinstance(cause.__cause__, sqlite3.OperationalError)
