"""Defaults that nobody answers to, and variables that are DSM's but for a slip."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dsm_core.config import DSMConfig, Offer, check_config

ACME = Offer(
    market_types=frozenset({"spot", "futures_usdt"}), chart_types=frozenset({"klines", "funding_rate"})
)
DESK = Offer(market_types=frozenset({"equities"}), chart_types=frozenset({"bars"}))
OFFERS: Mapping[str, Offer | None] = {"acme": ACME, "desk": DESK}
NO_SETTINGS = dict.fromkeys(OFFERS, None)


def problems(
    defaults: Mapping[str, Any],
    env: Mapping[str, str] | None = None,
    offers: Mapping[str, Offer | None] | None = OFFERS,
) -> list[str]:
    found = check_config({"defaults": defaults}, NO_SETTINGS, offers=offers, env=env or {})
    return [str(problem) for problem in found]


def test_a_default_provider_that_is_not_installed_is_told() -> None:
    assert problems({"provider": "acmee", "market_type": "no such"}) == [
        "config: defaults.provider: no installed provider is called 'acmee' (did you mean 'acme'?); "
        "installed: acme, desk"
    ]


@pytest.mark.parametrize("market", ["spot", "um", "SPOT", "futures_usdt"])
def test_a_market_of_the_default_provider_is_right_in_any_spelling(market: str) -> None:
    assert problems({"provider": "acme", "market_type": market, "chart_type": "klines"}) == []


def test_a_market_that_only_another_provider_has_is_told() -> None:
    assert problems({"provider": "acme", "market_type": "equities", "chart_type": "bars"}) == [
        "config: defaults.market_type: no market is called 'equities'; acme has futures_usdt, spot",
        "config: defaults.chart_type: no chart type is called 'bars'; acme has funding_rate, klines",
    ]


def test_without_a_default_provider_any_provider_s_market_serves() -> None:
    assert problems({"market_type": "equities"}) == []
    assert problems({"market_type": "equties"}) == [
        "config: defaults.market_type: no market is called 'equties' (did you mean 'equities'?); "
        "installed providers have equities, futures_usdt, spot"
    ]


def test_a_name_that_cannot_be_one_is_told() -> None:
    (problem,) = problems({"market_type": "a b"})
    assert problem.startswith("config: defaults.market_type: 'a b' is not a MarketType name")


def test_what_a_broken_provider_serves_is_not_guessed() -> None:
    assert problems({"market_type": "nothing"}, offers={"acme": None, "desk": DESK}) == []
    assert problems({"market_type": "nothing"}, offers=None) == []


def test_a_variable_is_blamed_where_a_variable_decides() -> None:
    env = {"DSM_PROVIDER": "acme", "DSM_MARKET_TYPE": "moon"}
    (problem,) = problems({"market_type": "spot"}, env)
    assert problem.startswith("environment: DSM_MARKET_TYPE: no market is called 'moon'")


def test_a_mistake_elsewhere_hides_no_wrong_name(tmp_path: Path) -> None:
    (tmp_path / "dsm.yaml").write_text("offline: perhaps\ndefaults:\n  provider: acmee\n")
    found = check_config(None, NO_SETTINGS, offers=OFFERS, env={}, cwd=tmp_path)
    assert [(p.line, p.path) for p in found] == [(1, "offline"), (3, "defaults.provider")]


def test_a_misspelt_variable_is_told_and_a_user_s_own_is_not() -> None:
    env = {"DSM_OFLINE": "1", "DSM_DESK_TOKEN": "x", "DSM_CACHE_DIRR": "y", "DSM_OFFLINE": "0"}
    found = check_config({"http": {"user_agent": "${DSM_CACHE_DIRR}"}}, {}, env=env)
    assert [str(p) for p in found] == [
        "environment: DSM_OFLINE: is no variable of DSM's (did you mean 'DSM_OFFLINE'?)"
    ]


def test_a_finished_configuration_is_checked_too() -> None:
    config = check_config(DSMConfig(), {"acme": None}, offers=OFFERS, env={"DSM_PROVIDER": "desc"})
    assert [p.path for p in config] == ["DSM_PROVIDER"]
