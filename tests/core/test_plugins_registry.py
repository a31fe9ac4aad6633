"""The registry knows what is installed and what was registered in this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dsm_core import DataClientFactory
from dsm_core.errors import PluginContractError, ProviderNotFoundError, RequestError
from dsm_core.model.names import ChartType, MarketType
from dsm_core.plugins import ClientSpec, DataClientInterface, Provider
from dsm_core.plugins.registry import DataProvider, Registry, default_registry

SPOT_KLINES = (MarketType.SPOT, ChartType.KLINES)


class Spot(DataClientInterface):
    spec = ClientSpec(market_type="spot", chart_type="klines", source="rest", intervals={"1m": "1m"})

    def fetch(self, start_time: Any, end_time: Any, **kwargs: Any) -> Any:
        return {}


class Again(Spot): ...


class SpotFile(Spot):
    spec = ClientSpec(market_type="spot", chart_type="klines", source="files", intervals={"1m": "1m"})


class Futures(Spot):
    spec = ClientSpec(market_type="um", chart_type="klines", source="rest", intervals={"1m": "1m"})


class Specless(DataClientInterface):
    def fetch(self, start_time: Any, end_time: Any, **kwargs: Any) -> Any:
        return {}


@pytest.fixture
def registry() -> Registry:
    return Registry()


def register(registry: Registry, cls: Any, name: str = "house", **places: Any) -> None:
    market = places.pop("market_type", "spot")
    registry.register(name, cls, market_type=market, chart_type=places.pop("chart_type", "klines"), **places)


def test_a_registered_client_begins_a_provider(registry: Registry) -> None:
    register(registry, Spot)
    made = registry.provider("house")
    assert (made.name, made.sources) == ("house", ("rest",))
    assert made.clients_for(*SPOT_KLINES) == {"rest": Spot}
    assert "house" in registry.names()


def test_further_clients_join_the_provider_in_order(registry: Registry) -> None:
    register(registry, SpotFile, source="FILES")
    register(registry, Spot, source="rest")
    register(registry, Futures, market_type="um")
    made = registry.provider("house")
    assert list(made.clients_for(*SPOT_KLINES)) == ["files", "rest"]
    assert made.market_types == (MarketType.SPOT, MarketType.FUTURES_USDT)


def test_a_place_is_taken_once(registry: Registry) -> None:
    register(registry, Spot)
    with pytest.raises(
        PluginContractError, match="Again serves klines of spot from rest, which Spot already serves"
    ):
        register(registry, Again)
    with pytest.raises(
        PluginContractError, match=r"'binance': Spot serves.*which SpotKlinesRest already serves"
    ):
        register(registry, Spot, "binance")
    assert registry.provider("house").clients == (Spot,)


@pytest.mark.parametrize(
    "places", [{"market_type": "um"}, {"chart_type": "funding_rate"}, {"source": "vision"}], ids=repr
)
def test_a_client_is_registered_as_what_it_says_it_is(registry: Registry, places: dict[str, str]) -> None:
    with pytest.raises(PluginContractError, match="Spot serves klines of spot from rest"):
        register(registry, Spot, **places)
    assert "house" not in registry.names()


@pytest.mark.parametrize("bad", [object, None, "Spot", Spot.fetch, Specless, DataClientInterface])
def test_what_is_no_client_class_is_refused(registry: Registry, bad: Any) -> None:
    with pytest.raises(PluginContractError, match=r"is no client class|has no spec"):
        register(registry, bad)


@pytest.mark.parametrize("bad", ["", "Two Words", "../up", "1st"])
def test_a_provider_needs_a_well_formed_name(registry: Registry, bad: str) -> None:
    with pytest.raises(RequestError, match="DataProvider"):
        register(registry, Spot, bad)


def test_a_client_may_join_an_installed_provider_for_this_process(registry: Registry) -> None:
    register(registry, SpotFile, "binance")
    assert list(registry.provider("binance").clients_for(*SPOT_KLINES)) == ["vision", "rest", "files"]
    registry.unregister("binance")
    assert list(registry.provider("binance").clients_for(*SPOT_KLINES)) == ["vision", "rest"]
    assert list(Registry().provider("binance").clients_for(*SPOT_KLINES)) == ["vision", "rest"]


def test_an_unregistered_provider_is_forgotten(registry: Registry) -> None:
    register(registry, Spot)
    registry.unregister("house")
    registry.unregister("house")
    assert "house" not in registry.names()
    with pytest.raises(ProviderNotFoundError):
        registry.provider("house")


def test_one_registry_does_not_see_what_another_was_told(registry: Registry) -> None:
    register(registry, Spot)
    assert "house" not in Registry().names()


def test_a_loaded_provider_is_loaded_once(registry: Registry) -> None:
    assert registry.provider("binance") is registry.provider("binance")
    assert registry.observer("binance") is None
    assert registry.observer("never loaded") is None


@pytest.fixture
def house() -> Iterator[None]:
    register(default_registry, Spot)
    yield
    default_registry.unregister("house")


def test_installed_and_registered_providers_are_attributes(house: None) -> None:
    assert DataProvider.BINANCE == "binance"
    assert isinstance(DataProvider.BINANCE, DataProvider)
    assert repr(DataProvider.BINANCE) == "DataProvider.BINANCE"
    assert DataProvider.HOUSE == "house"


def test_a_provider_that_is_not_installed_is_an_attribute_error_with_the_remedy() -> None:
    with pytest.raises(AttributeError, match=r"installed: .*binance.*pip install"):
        _ = DataProvider.NOPE
    with pytest.raises(AttributeError, match="Did you mean 'binance'"):
        _ = DataProvider.BINANC
    for attribute in ("binance", "_BINANCE", "__wrapped__"):
        assert not hasattr(DataProvider, attribute)


def test_a_provider_lists_its_clients_as_classes() -> None:
    with pytest.raises(PluginContractError, match="is no client class"):
        Provider(name="house", clients=[object], sources=["rest"])  # type: ignore[list-item]
    with pytest.raises(PluginContractError, match="has no spec"):
        Provider(name="house", clients=[Specless], sources=["rest"])
    with pytest.raises(PluginContractError, match="serves rest"):
        Provider(name="house", clients=[Spot], sources=["files"])


def test_an_isolated_registry_knows_what_it_was_given_and_nothing_installed() -> None:
    made = Provider(name="acme", clients=[Spot, SpotFile])
    alone = Registry.of(made)
    assert alone.names() == ("acme",)
    assert alone.provider("acme") is made
    assert made.sources == ("rest", "files")
    with pytest.raises(ProviderNotFoundError, match="installed: acme"):
        alone.provider("binance")


def test_a_whole_provider_is_added_once_and_joined_by_clients() -> None:
    alone = Registry.of(Provider(name="acme", clients=[Spot]))
    with pytest.raises(PluginContractError, match="'acme' already"):
        alone.add(Provider(name="acme", clients=[SpotFile]))
    with pytest.raises(PluginContractError, match="'binance' already"):
        Registry().add(Provider(name="binance", clients=[Spot]))
    alone.register("acme", SpotFile)
    assert alone.provider("acme").sources == ("rest", "files")
    alone.unregister("acme", source="files")
    assert alone.provider("acme").clients == (Spot,)
    alone.unregister("acme")
    assert alone.names() == ()


@pytest.mark.parametrize(
    ("part", "left"),
    [
        ({"source": "files"}, (Spot, Futures)),
        ({"market_type": "spot"}, (Futures,)),
        ({"market_type": "um"}, (Spot, SpotFile)),
        ({"market_type": "spot", "source": "rest"}, (SpotFile, Futures)),
        ({"chart_type": "funding_rate"}, (Spot, SpotFile, Futures)),
        ({"source": "stream"}, (Spot, SpotFile, Futures)),
    ],
    ids=str,
)
def test_a_part_of_a_provider_is_unregistered(
    registry: Registry, part: dict[str, str], left: tuple[Any, ...]
) -> None:
    for cls in (Spot, SpotFile, Futures):
        registry.register("house", cls)
    registry.unregister("house", **part)
    assert registry.provider("house").clients == left


def test_a_block_has_its_client_and_leaves_no_trace(registry: Registry) -> None:
    with registry.registered("house", Spot, market_type="spot") as made:
        assert made.clients == (Spot,)
        with registry.registered("house", SpotFile) as more:
            assert more.clients == (Spot, SpotFile)
        assert registry.provider("house") == made
    assert "house" not in registry.names()


def test_a_block_ends_after_an_error_as_it_began(registry: Registry) -> None:
    registry.register("house", Spot)
    before = registry.provider("house")

    def block() -> None:
        with registry.registered("house", Futures):
            registry.unregister("house")
            registry.register("house", SpotFile)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        block()
    assert registry.provider("house") == before


def test_a_refused_block_changes_nothing(registry: Registry) -> None:
    registry.register("house", Spot)
    with pytest.raises(PluginContractError, match="Spot already serves"), registry.registered("house", Again):
        raise AssertionError("the block began")
    assert registry.provider("house").clients == (Spot,)


def test_a_block_of_an_installed_provider_gives_it_back_whole(registry: Registry) -> None:
    before = registry.provider("binance")
    with registry.registered("binance", SpotFile) as made:
        assert made.sources == ("vision", "rest", "files")
    assert registry.provider("binance") is before


def test_blocks_of_many_threads_do_not_see_each_other_off(registry: Registry) -> None:
    registry.register("house", Spot)
    begun = threading.Barrier(8)

    def block(number: int) -> bool:
        spec = ClientSpec(
            market_type="spot", chart_type="klines", source=f"s{number}", intervals={"1m": "1m"}
        )
        own = type(f"Own{number}", (Spot,), {"spec": spec})
        for _ in range(50):
            with registry.registered("house", own):
                begun.wait()
                if own not in registry.provider("house").clients:
                    return False
                begun.wait()
        return True

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(block, range(8)))
    assert registry.provider("house").clients == (Spot,)


def test_the_factory_registers_for_a_block_and_unregisters_a_part() -> None:
    with DataClientFactory.registered(provider="house", client_class=Spot):
        DataClientFactory.register_client(provider="house2", client_class=SpotFile)
        assert DataProvider.HOUSE == "house"
        DataClientFactory.unregister("house2", source="files")
        assert not hasattr(DataProvider, "HOUSE2")
    assert not hasattr(DataProvider, "HOUSE")


def test_one_class_is_registered_once(registry: Registry) -> None:
    register(registry, Spot)
    with pytest.raises(PluginContractError, match=r"Spot serves.*which Spot already serves"):
        register(registry, Spot)
