"""The command line knows a plugin's chart types as it knows core's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from core.chart_types_desk import AcmeDesk, acme_desk, ms
from core.chart_types_venue import interest
from core.fake_dists import write_dist
from dsm_core.cli.app import dsm

__all__ = ["acme_desk"]

Run = Callable[..., Result]
Shell = Callable[..., str]
SWAP = ("--provider", "acme", "--market", "swap")
DAY = ("--start", "2026-11-18", "--end", "2026-11-18")


@pytest.fixture
def run(acme_desk: AcmeDesk, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `dsm` in this process."""
    for name in [name for name in os.environ if name.startswith("DSM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DSM_CONFIG", str(acme_desk.write_config()))
    monkeypatch.setenv("PYTHONPATH", str(acme_desk.packages))
    monkeypatch.chdir(acme_desk.folder)

    def invoke(*args: str, code: int = 0) -> Result:
        done = CliRunner().invoke(dsm, args, prog_name="dsm", catch_exceptions=False)
        assert done.exit_code == code, done.stderr
        return done

    return invoke


@pytest.fixture
def shell(run: Run) -> Shell:
    """Run `dsm` in a process of its own, into which the plugin was not loaded before."""

    def invoke(*args: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "dsm_core", *args],
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return invoke


def test_chart_types_lists_who_declares_and_serves_them(run: Run) -> None:
    facts = {one["name"]: one for one in json.loads(run("chart-types", "--json").stdout)}
    assert facts["open_interest"]["declared_by"] == "acme"
    assert facts["open_interest"]["served_by"] == [
        {"provider": "acme", "market_type": "swap", "source": "rest", "intervals": ["5m", "1h"]}
    ]
    assert facts["liquidations"]["key"] == ["liquidation_id"]
    assert facts["instrument_info"]["ttl_s"] == 3600
    assert facts["instrument_info"]["columns"][1] == {
        "name": "tick_size",
        "dtype": "float64",
        "unit": "quote currency",
        "agg": None,
        "required": True,
        "nullable": False,
    }
    assert facts["klines"]["declared_by"] == "dsm-core"
    listed = run("chart-types")
    assert "instrument_info  " in listed.stdout
    assert "Providers that were loaded: acme" in listed.stderr


def test_chart_types_tells_the_columns_of_one(run: Run) -> None:
    told = run("chart-types", "liquidations").stdout
    assert "declared by acme" in told
    assert "liquidation_id (key)" in told
    assert "served by acme, swap from rest" in told
    assert "did you mean 'liquidations'" in run("chart-types", "liquidation", code=2).stderr


def test_a_broken_plugin_is_named_and_hides_no_chart_type(acme_desk: AcmeDesk, run: Run) -> None:
    code = """
    from dsm_core.plugins import hookimpl
    from dsm_core.schema import ChartSchema

    @hookimpl
    def dsm_chart_types():
        return [ChartSchema(name="ticks", kind="event", index="time", columns=[])]

    @hookimpl
    def dsm_provider():
        raise AssertionError("not reached")
    """
    write_dist(acme_desk.packages, "dsm-torn", providers={"torn": "torn_mod"}, modules={"torn_mod": code})
    done = run("chart-types")
    assert "warning: dsm-torn 1.0 (provider 'torn')" in done.stderr
    assert "open_interest" in done.stdout


def test_get_explain_and_a_second_process(acme_desk: AcmeDesk, run: Run, shell: Shell) -> None:
    bars = ("BTC", "1h", *SWAP, "--chart-type", "open_interest", *DAY)
    assert json.loads(run("explain", *bars, "--json").stdout)["requests"] == 1
    rows = json.loads(run("get", *bars, "--json").stdout)["rows"]
    first = ms(datetime(2026, 11, 18, tzinfo=UTC))
    assert rows[0] == {
        "open_time": "2026-11-18T00:00:00+00:00",
        "sum_open_interest": interest(first),
        "sum_open_interest_value": interest(first) * 2,
    }
    assert acme_desk.venue.asked() == ["/open-interest"]
    again = shell("get", *bars, "--format", "csv").splitlines()
    assert (len(again), acme_desk.venue.asked()) == (25, [])


def test_documents_need_no_range(acme_desk: AcmeDesk, run: Run) -> None:
    acme_desk.venue.instruments["BTC"] = {
        "time": ms(datetime.now(UTC)),
        "status": "TRADING",
        "tickSize": "0.10",
        "listed": None,
    }
    info = ("BTC", *SWAP, "--chart-type", "instrument_info")
    (row,) = json.loads(run("get", *info, "--json").stdout)["rows"]
    assert (row["status"], row["tick_size"], row["listed_at"]) == ("TRADING", 0.1, None)
    assert "record of now" not in run("explain", *info).stdout
    assert "TRADING" in run("get", *info).stdout
    assert acme_desk.venue.asked() == ["/instrument"]
    assert "0 new rows" in run("update", "*").stdout


def test_what_needs_a_range_says_so(run: Run) -> None:
    done = run("get", "BTC", *SWAP, "--chart-type", "liquidations", code=4)
    assert "--start" in done.stderr
    assert "--last" in done.stderr


def test_coverage_and_export_load_the_plugin_themselves(acme_desk: AcmeDesk, run: Run, shell: Shell) -> None:
    run("get", "BTC", "1h", *SWAP, "--chart-type", "open_interest", *DAY, "-o", "rows.csv")
    shell("coverage", "--html", "page.html")
    page = (acme_desk.folder / "page.html").read_text(encoding="utf-8")
    assert '"column":"sum_open_interest"' in page
    (facts,) = json.loads(run("coverage", "--json").stdout)
    assert (facts["rows"], facts["held_share"]) == (24, 1.0)
    shell("export", "--to", "parquet", "out")
    (path,) = (acme_desk.folder / "out").rglob("*.parquet")
    assert len(pq.read_table(path)) == 24
