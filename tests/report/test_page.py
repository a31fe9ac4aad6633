"""The coverage page as a file: whole, small enough, closed to the network."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from dsm_core.cache import CacheStore
from dsm_core.report import survey, write_page
from report.samples import HOSTILE, NOW, fill, put_hostile

VENDOR = files("dsm_core.report").joinpath("vendor")


@pytest.fixture
def store(tmp_path: Path) -> CacheStore:
    store = CacheStore(tmp_path / "cache")
    fill(store)
    return store


def written(store: CacheStore, path: Path, **options: Any) -> str:
    write_page(survey(store, now=NOW), store, path, now=NOW, **options)
    return path.read_text("utf-8")


def data_of(page: str) -> list[dict[str, Any]]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    series: list[dict[str, Any]] = json.loads(found[1])
    return series


def test_the_policy_allows_this_pages_own_code_and_nothing_else(store: CacheStore, tmp_path: Path) -> None:
    page = written(store, tmp_path / "page.html")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src &#x27;none&#x27;; ")
    assert "unsafe" not in policy[1]
    code = re.findall(r"<(?:script|style)>(.*?)</(?:script|style)>", page, re.DOTALL)
    hashes = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in code}
    assert hashes == set(re.findall(r"sha256-([^&]+)&#x27;", policy[1]))


def test_a_page_takes_the_place_of_what_a_link_names(store: CacheStore, tmp_path: Path) -> None:
    (tmp_path / "link.html").symlink_to(tmp_path / "real.html")
    page = written(store, tmp_path / "link.html")
    assert (tmp_path / "link.html").is_symlink()
    assert (tmp_path / "real.html").read_text("utf-8") == page


def test_nothing_in_the_page_points_outside(store: CacheStore, tmp_path: Path) -> None:
    page = written(store, tmp_path / "page.html")
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!#)|url\(|@import|sourceMappingURL""", page)


def test_hostile_names_stay_text(store: CacheStore, tmp_path: Path) -> None:
    put_hostile(store)
    page = written(store, tmp_path / "page.html", title="</title><script>alert(1)</script>{{script}}")
    assert "<img" not in page
    assert "<script>alert" not in page
    assert "&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;{{script}}" in page
    assert HOSTILE in [series["symbol"] for series in data_of(page)]


def test_charts_that_do_not_fit_are_left_out_and_named(store: CacheStore, tmp_path: Path) -> None:
    whole = written(store, tmp_path / "page.html")
    assert [series["no_chart"] for series in data_of(whole)] == [None] * 6
    limit = len(whole) - 60_000
    small = written(store, tmp_path / "small.html", max_bytes=limit)
    reasons = [series["no_chart"] for series in data_of(small)]
    assert reasons[0] is None
    assert reasons[-1] == "it was left out to keep this page small"
    assert small.count('id="chart-') == reasons.count(None)
    assert len(small) < limit + 1000


def test_only_the_worst_gaps_are_listed_and_the_rest_counted(
    store: CacheStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dsm_core.report.facts.MAX_GAPS", 2)
    ether = next(s for s in data_of(written(store, tmp_path / "page.html")) if s["symbol"] == "ETHUSDT")
    assert (ether["gap_count"], ether["open_gaps"]) == (4, 3)
    assert [(gap[2], gap[4]) for gap in ether["gaps"]] == [(480, False), (80, False)]


def test_a_page_replaces_another_as_a_whole_or_not_at_all(store: CacheStore, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("before")
    written(store, path)
    assert path.read_text("utf-8").startswith("<!doctype html>")
    with pytest.raises(OSError, match="nowhere"):
        written(store, tmp_path / "nowhere" / "page.html")
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(OSError, match="folder"):
        written(store, folder)
    assert not [name for name in tmp_path.iterdir() if name.suffix == ".tmp"]


def test_the_vendored_files_are_those_their_note_tells_of() -> None:
    told = dict(
        re.findall(
            r"^\| `([^`]+)` \| `package/[^|]+ \| `([0-9a-f]{64})`",
            VENDOR.joinpath("ORIGIN.md").read_text("utf-8"),
            re.MULTILINE,
        )
    )
    there = {
        f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in VENDOR.iterdir() if f.name != "ORIGIN.md"
    }
    assert told == there


def test_the_licence_travels_with_the_page(store: CacheStore, tmp_path: Path) -> None:
    assert VENDOR.joinpath("LICENSE").read_text("utf-8").strip() in written(store, tmp_path / "page.html")
