"""Settings classes of the installed providers, as the checks of a configuration ask for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from dsm_core.errors import PluginError

if TYPE_CHECKING:
    from dsm_core.config import Offer
    from dsm_core.plugins import Provider

__all__ = ["Offers", "Sections"]


class Sections(Mapping[str, "type | None"]):
    """Settings class of each installed provider; one is imported when it is asked for.

    ``broken`` keeps the errors of those that cannot be imported: nobody knows what their sections mean.
    """

    def __init__(self) -> None:
        from dsm_core.plugins.registry import default_registry  # noqa: PLC0415 - brings the HTTP room

        self._registry = default_registry
        self._names = default_registry.names()
        self.broken: dict[str, PluginError] = {}

    def provider(self, name: str) -> Provider:
        """Description of a provider.

        Raises
        ------
        PluginError
            It cannot be had.
        """
        return self._registry.provider(name)

    def __getitem__(self, name: str) -> type | None:
        if name not in self._names:
            raise KeyError(name)
        try:
            return self.provider(name).config
        except PluginError as error:
            self.broken[name] = error
            return None

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def whole(self) -> dict[str, type | None]:
        """The classes of those that can be imported and described; the others are in ``broken`` now."""
        from dsm_core.config.described import keys_of  # noqa: PLC0415 - brings attrs

        for name, cls in self.items():
            try:
                _ = None if cls is None else keys_of(cls)
            except PluginError as error:
                self.broken[name] = error
        return {name: cls for name, cls in self.items() if name not in self.broken}


class Offers(Mapping[str, "Offer | None"]):
    """What each installed provider serves; one is imported when it is asked for."""

    def __init__(self, sections: Sections) -> None:
        self._sections = sections

    def __getitem__(self, name: str) -> Offer | None:
        from dsm_core.config import Offer  # noqa: PLC0415 - brings attrs

        try:
            specs = [client.spec for client in self._sections.provider(name).clients]
        except PluginError:
            # Whose section is not asked about need not be sound.
            return None
        return Offer(
            market_types=frozenset(str(spec.market_type) for spec in specs),
            chart_types=frozenset(str(spec.chart_type) for spec in specs),
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._sections)

    def __len__(self) -> int:
        return len(self._sections)
