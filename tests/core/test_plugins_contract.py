"""What a client class says of itself is checked before it is asked, naming the class and the value."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from dsm_core.errors import PluginContractError, RequestError
from dsm_core.model.interval import Interval
from dsm_core.net import Limit
from dsm_core.plugins import ClientSpec, DataClientInterface, PagedClient, Provider, Registry, Rolling, Since
from dsm_core.plugins.contract import check_chart_types, check_client_class
from dsm_core.plugins.options import read_options
from dsm_core.schema.chart_type import CHART_TYPES

GOOD: dict[str, Any] = {
    "market_type": "spot",
    "chart_type": "klines",
    "source": "rest",
    "intervals": {Interval.MINUTE_1: "1min"},
}


def client(**facts: Any) -> type[DataClientInterface]:
    class Desk(DataClientInterface):
        spec = ClientSpec(**{**GOOD, **facts})

        def fetch(self, start_time: Any, end_time: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

    return Desk


def check(cls: Any) -> None:
    check_client_class(cls, "desk")
    check_chart_types([cls], "desk", CHART_TYPES)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"intervals": {60: "1m"}}, "interval 60: '1m'"),
        ({"intervals": {"1 minute": "1m"}}, "interval '1 minute'"),
        ({"intervals": {"1m": None}}, "interval Interval.'1m'.: None"),
        ({"intervals": 60}, "intervals=60"),
        ({"intervals": {}}, "no intervals.*are bars"),
        ({"columns": "open high low closs"}, "column 'closs'.*open, high"),
        ({"columns": "high low close"}, "lacks the column 'open'"),
        ({"columns": [1, 2]}, "columns="),
        ({"not_negative": "volumen"}, "'volumen' in not_negative.*volume"),
        ({"not_negative": "close_time"}, "'close_time' in not_negative"),
        ({"not_negative": None}, "not_negative=None"),
        ({"page_rows": 0}, "page_rows=0"),
        ({"page_rows": -5}, "page_rows=-5"),
        ({"page_rows": 2.5}, r"page_rows=2\.5"),
        ({"page_rows": True}, "page_rows=True"),
        ({"max_span_s": 0}, "max_span_s=0"),
        ({"history": 720}, "history=720.*Rolling"),
        ({"history": Rolling()}, "history=Rolling"),
        ({"history": Rolling(rows=0)}, "rows=0"),
        ({"history": Rolling(days=-1)}, "days=-1"),
        ({"history": Since("2017")}, "history=Since"),  # type: ignore[arg-type]
        ({"history": Rolling}, "history=<class"),
        ({"authoritative": "yes"}, "authoritative='yes'"),
        ({"snap": 1}, "snap=1"),
        ({"grid": None}, "grid=None"),
        ({"options": ["adjusted close"]}, "option 'adjusted close'"),
        ({"options": {"2nd": bool}}, "option '2nd'"),
        ({"options": {"feed": dict}}, "option 'feed' of <class 'dict'>"),
        ({"options": {"feed": ()}}, "option 'feed'"),
        ({"options": 5}, "options=5"),
        ({"cost": "2"}, "cost='2'"),
        ({"pool": 1}, "pool=1"),
        ({"source": "auto"}, "source='auto'"),
        ({"source": "cache"}, "source='cache'"),
        ({"chart_type": "nobodys"}, "chart type 'nobodys', which nobody declares"),
        ({"chart_type": "funding_rate"}, "intervals 1m.*are events"),
    ],
    ids=str,
)
def test_a_spec_that_cannot_be_kept_names_class_and_value(facts: dict[str, Any], told: str) -> None:
    with pytest.raises(PluginContractError, match=rf"'desk': Desk .*{told}") as caught:
        check(client(**facts))
    assert caught.value.hint
    assert caught.value.details == {"provider": "desk", "client": "Desk"}


@pytest.mark.parametrize(
    "facts",
    [
        {"columns": "open high low close volume"},
        {"columns": ("open", "high", "low", "close", "close_time")},
        {"intervals": ["1m", "1h"]},
        {"intervals": {"1m": 1, "1h": 60}},
        {"history": Since(date(2020, 1, 1))},
        {"history": Rolling(rows=720)},
        {"history": Rolling(days=0.5)},
        {"options": {"adjusted": bool, "session": ("regular", "extended"), "feed": str}},
        {"options": "adjusted feed"},
        {"cost": 2},
        {"page_rows": 1, "max_span_s": 0.5},
    ],
    ids=str,
)
def test_a_spec_may_be_written_shortly(facts: dict[str, Any]) -> None:
    check(client(**facts))


def test_short_forms_become_the_long_ones() -> None:
    spec = client(intervals={"1m": 1, "60m": 60}, columns="open high", options="feed adjusted", cost=3).spec
    assert spec.intervals == {Interval.MINUTE_1: "1", Interval.HOUR_1: "60"}
    assert spec.columns == {"open", "high"}
    assert spec.options == {"feed": str, "adjusted": str}
    assert spec.cost(500) == 3
    assert client(intervals=["1h", "1d"]).spec.intervals == {"1h": "1h", "1d": "1d"}


def test_a_class_that_leaves_something_unwritten_is_refused_by_what_is_missing() -> None:
    class Half(PagedClient):
        spec = ClientSpec(**GOOD)

    with pytest.raises(PluginContractError, match="Half lacks fetch_page"):
        check(Half)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"name": "Desk"}, "name that is not 'desk'"),
        ({"name": "des k"}, "has the name 'des k'"),
        ({"clients": ()}, r"clients=\(\)"),
        ({"clients": 5}, "clients=5"),
        ({"config": dict}, "config=<class 'dict'>"),
        ({"limits": [60]}, "60 in limits"),
        ({"symbols": "BTCUSDT"}, "symbols='BTCUSDT'"),
        ({"sources": ["rest", "rest"]}, "sources="),
        ({"sources": ["files"]}, "Desk, which serves rest, not in sources"),
    ],
    ids=str,
)
def test_a_provider_that_cannot_be_right_names_the_value(facts: dict[str, Any], told: str) -> None:
    with pytest.raises(PluginContractError, match=told):
        Provider(**{"name": "desk", "clients": [client()], **facts})


def test_two_clients_of_one_place_are_refused_naming_both() -> None:
    class Second(client()):  # type: ignore[misc]
        pass

    with pytest.raises(
        PluginContractError, match="Second serves klines of spot from rest, which Desk already serves"
    ):
        Provider(name="desk", clients=[client(), Second])


def test_a_chart_type_is_checked_where_a_client_is_registered() -> None:
    registry = Registry.of()
    with pytest.raises(PluginContractError, match="'opne'"):
        registry.register("desk", client(columns="opne high low close"))
    with pytest.raises(PluginContractError, match="'opne'"):
        Registry.of(Provider(name="desk", clients=[client(columns="opne high low close")]))
    assert registry.names() == ()


KINDS: Any = {"adjusted": bool, "depth": int, "ratio": float, "feed": str, "session": ("regular", "extended")}


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("adjusted", "True", True),
        ("adjusted", "false", False),
        ("adjusted", True, True),
        ("depth", "5", 5),
        ("depth", 5.0, 5),
        ("ratio", "0.50", 0.5),
        ("ratio", 2, 2.0),
        ("feed", True, "true"),
        ("feed", 7, "7"),
        ("feed", "../x", "../x"),
        ("session", "regular", "regular"),
    ],
)
def test_an_option_has_one_form_however_it_is_written(name: str, given: Any, value: Any) -> None:
    read = read_options({name: given}, KINDS)[name]
    assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"adjusted": "yes"}, "'adjusted' has the value 'yes'. It takes true or false"),
        ({"adjusted": 1}, "'adjusted' has the value 1"),
        ({"depth": 2.5}, "'depth' has the value 2.5. It takes a whole number"),
        ({"depth": True}, "'depth' has the value True"),
        ({"ratio": "nan"}, "'ratio' has the value 'nan'"),
        ({"feed": None}, "'feed' has the value None"),
        ({"feed": ""}, "'feed' has the value ''"),
        ({"feed": ["a"]}, "'feed' has the value"),
        ({"session": "regulr"}, "one of regular, extended. Did you mean 'regular'?"),
        ({"adjustd": True}, "No client reads the option 'adjustd'. Did you mean 'adjusted'?"),
        ({"zzz": True}, "Known options: adjusted, depth, feed, ratio, session"),
    ],
    ids=str,
)
def test_an_option_that_is_wrong_is_told_with_what_it_takes(given: dict[str, Any], told: str) -> None:
    with pytest.raises(RequestError) as caught:
        read_options(given, KINDS)
    assert told in str(caught.value)


def test_a_pool_that_no_limit_has_is_refused_when_the_provider_is_made() -> None:
    class Pooled(PagedClient):
        spec = ClientSpec(
            market_type="spot", chart_type="klines", source="rest", intervals=["1h"], pool="publik"
        )

        async def fetch_page(self, page: Any) -> Any:
            raise NotImplementedError

    with pytest.raises(PluginContractError, match=r"Pooled.*'publik'.*Use one of public"):
        Provider(name="acme", clients=[Pooled], limits=[Limit("public", capacity=60, window_s=60.0)])
    Provider(name="acme", clients=[Pooled])
