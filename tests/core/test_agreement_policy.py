"""What a call does when two sources bring the same row and tell different things of it."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import pytest

from core.two_sources import HOUR, START, Files, Rest, two_sources
from dsm_core import DataSourceManager
from dsm_core.errors import ConfigError, DisagreementError, DisagreementWarning, DSMError
from dsm_core.model.provenance import Segment

DAY: dict[str, Any] = {
    "start_time": START,
    "end_time": START + 24 * HOUR,
    "interval": "1h",
    "inclusive": "left",
}
TOLD = "2024-01-01 07:00 close: files 112.0, rest 111.0"


def opened(folder: Path, policy: str | None, **agreement: Any) -> DataSourceManager:
    """The first source lacks 05:00 and 09:00; the page that brings them has what lies between, too."""
    told = agreement if policy is None else {"policy": policy, **agreement}
    manager = two_sources(folder, config={"agreement": told})
    Files.absent = {START + 5 * HOUR, START + 9 * HOUR}
    Rest.changed = {START + 7 * HOUR: {"close": 111.0}}
    return manager


def sources(segments: tuple[Segment, ...]) -> list[str]:
    return [segment.source for segment in segments]


@pytest.mark.parametrize("policy", [None, "prefer"])
def test_the_earlier_source_is_preferred_in_silence(tmp_path: Path, policy: str | None) -> None:
    with opened(tmp_path, policy) as manager, warnings.catch_warnings():
        warnings.simplefilter("error")
        data = manager.query("ACME", **DAY)
    assert data.to_pandas()["close"].iloc[7] == 112.0
    assert (len(data), data.disagreements) == (24, ())


def test_flag_warns_and_lists_and_gives_the_same_rows(tmp_path: Path) -> None:
    with opened(tmp_path, "flag") as manager:
        with pytest.warns(DisagreementWarning, match="1 place; .*; the row of files was given$") as caught:
            data = manager.query("ACME", **DAY)
        assert [str(d) for d in data.disagreements] == [TOLD]
        assert data.to_pandas()["close"].iloc[7] == 112.0
        assert sources(data.provenance) == ["files", "rest", "files", "rest", "files"]
        assert Path(caught[0].filename).name == Path(__file__).name
        # Then the cache answers, and nothing is compared.
        assert manager.query("ACME", **DAY).disagreements == ()


def test_raise_refuses_the_later_answer_each_time_and_keeps_the_earlier(tmp_path: Path) -> None:
    with opened(tmp_path, "raise") as manager:
        for _ in range(2):
            with pytest.raises(DisagreementError, match="sources disagree in 1 place") as caught:
                manager.query("ACME", **DAY)
            assert [str(d) for d in caught.value.disagreements] == [TOLD]
            assert "What files told stays; what rest told now is not used." in str(caught.value)
            for word in ("--source", "agreement.absolute", "agreement.relative"):
                assert word in str(caught.value)
        held = manager.query("ACME", **DAY, enforce_source="cache", on_gaps="ignore")
        assert set(sources(held.provenance)) == {"files"}
        assert len(held) == 22
        assert len(manager.query("ACME", **DAY, enforce_source="rest", use_cache=False)) == 24


def test_a_tolerance_makes_sources_agree(tmp_path: Path) -> None:
    with opened(tmp_path, "raise", absolute={"close": 1.0}) as manager:
        assert len(manager.query("ACME", **DAY)) == 24


def test_a_prefetch_holds_rows_against_the_cache(tmp_path: Path) -> None:
    with opened(tmp_path, "raise") as manager, pytest.raises(DisagreementError):
        manager.prefetch("ACME", **DAY)


def test_prefetch_warns_and_update_counts(tmp_path: Path) -> None:
    with opened(tmp_path, "flag") as manager, pytest.warns(DisagreementWarning):
        manager.prefetch("ACME", **DAY)
    with opened(tmp_path / "other", "flag") as manager:
        manager.query("ACME", START, START + 3 * HOUR, "1h")
        (line,) = manager.update()
    assert (line.disagreements, line.partial) == (1, False)
    assert str(line).endswith("; sources disagree in 1 place")


def test_one_series_of_many_fails_alone(tmp_path: Path) -> None:
    with opened(tmp_path, "raise") as manager:
        found = manager.get_many(["ACME"], **DAY)
    assert isinstance(found.errors["ACME"], DisagreementError)


def test_one_warning_speaks_for_many_series(tmp_path: Path) -> None:
    with opened(tmp_path, "flag") as manager, pytest.warns(DisagreementWarning) as caught:
        found = manager.get_many(["ACME", "OTHER"], **DAY)
    assert len(caught) == 1
    assert [str(d) for d in found["OTHER"].disagreements] == [TOLD]


def test_a_call_that_wants_one_source_has_its_answer_in_that(tmp_path: Path) -> None:
    with opened(tmp_path, "flag") as manager, warnings.catch_warnings():
        warnings.simplefilter("error")
        manager.query("ACME", **DAY, enforce_source="files", on_gaps="ignore")
        assert manager.query("ACME", **DAY, enforce_source="rest").to_pandas()["close"].iloc[7] == 111.0
        assert len(manager.audit("ACME", **DAY).disagreements) == 3


@pytest.mark.parametrize(("held", "close", "asked"), [("files", 112.0, "rest"), ("rest", 111.0, "files")])
def test_with_raise_a_call_that_wants_one_source_replaces_nothing_held(
    tmp_path: Path, held: str, close: float, asked: str
) -> None:
    with opened(tmp_path, "raise") as manager:
        manager.query("ACME", **DAY, enforce_source=held, on_gaps="ignore")
        for _ in range(2):
            with pytest.raises(DisagreementError, match=f"What {held} told stays") as caught:
                manager.query("ACME", **DAY, enforce_source=asked, on_gaps="ignore")
            assert [str(d) for d in caught.value.disagreements] == [TOLD]
            assert "use_cache=False" in str(caught.value)
        kept = manager.query("ACME", **DAY, enforce_source="cache", on_gaps="ignore")
        assert kept.to_pandas().loc["2024-01-01 07:00", "close"] == close
        assert set(sources(kept.provenance)) == {held}
        # One source's word is to be had all the same, and an audit tells what differs.
        alone = manager.query("ACME", **DAY, enforce_source=asked, use_cache=False, on_gaps="ignore")
        assert set(sources(alone.provenance)) == {asked}
        assert TOLD in map(str, manager.audit("ACME", **DAY).disagreements)


def test_the_error_can_be_pickled(tmp_path: Path) -> None:
    with opened(tmp_path, "raise") as manager, pytest.raises(DisagreementError) as caught:
        manager.query("ACME", **DAY)
    again = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(again, DSMError)
    assert (str(again), again.series) == (str(caught.value), "house/spot/klines/ACME/1h")


def test_a_tolerance_of_no_column_of_any_chart_type_is_refused(tmp_path: Path) -> None:
    told = r"agreement\.relative names 'nope', and no chart type has such a column.*There are: .*close"
    with opened(tmp_path, "prefer", relative={"nope": 1.0}) as manager:
        for call in (manager.query, manager.audit):
            with pytest.raises(ConfigError, match=told):
                call("ACME", **DAY)
    wrong = opened(tmp_path, "prefer", absolute={"closs": 1.0})
    with wrong as manager, pytest.raises(ConfigError, match="Did you mean 'close'"):
        manager.query("ACME", **DAY)
    # Chart types have columns of their own, and one configuration serves all.
    with opened(tmp_path, "raise", absolute={"close": 1.0, "funding_rate": 0.1}) as manager:
        assert len(manager.query("ACME", **DAY)) == 24


@pytest.mark.parametrize("name", ["", " "])
def test_a_tolerance_without_a_column_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"agreement\.relative.*names no column"):
        opened(tmp_path, None, relative={name: 1.0})
