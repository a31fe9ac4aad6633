"""Open sets of names: constants with attributes, to which any provider may add."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Any, ClassVar, NoReturn, Self

from dsm_core.errors import RequestError

__all__ = ["ChartType", "DataSource", "MarketType", "NameMeta", "OpenName", "no_constant"]

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


def no_constant(cls: type, attribute: str, remedy: str) -> NoReturn:
    """Raise for a constant that a class of names does not have, naming the nearest one."""
    message = f"type object {cls.__name__!r} has no attribute {attribute!r}"
    if not attribute.startswith("_"):
        known = [name for name in dir(cls) if name.isupper()]
        close = get_close_matches(attribute.upper(), known, n=1)
        guess = f"Did you mean {cls.__name__}.{close[0]}? " if close else ""
        message = f"{cls.__name__} has no {attribute}. {guess}{remedy}"
    raise AttributeError(message, name=attribute, obj=cls)


class NameMeta(type):
    """Tells of a constant that does not exist which one was meant."""

    def __getattr__(cls, attribute: str) -> Any:
        remedy = f"A name of a provider's own is written {cls.__name__}({attribute.lower()!r})."
        no_constant(cls, attribute, remedy)


class OpenName(str, metaclass=NameMeta):
    """A lower-case name that is a string, with ``.name`` and ``.value`` as an enum member has.

    Equal to its text: ``DataSource.VISION == "vision"``. Any well-formed name is accepted;
    whether something answers to it is the registry's business.
    """

    __slots__ = ()
    aliases: ClassVar[dict[str, str]] = {}

    def __new__(cls, text: str) -> Self:
        """Read a name, or an alias of one."""
        if not isinstance(text, str):
            raise RequestError(
                f"{cls.__name__} takes a name, not {text!r}.", hint="Pass a string.", value=repr(text)
            )
        name = str.__str__(text).strip().lower()
        name = cls.aliases.get(name, name)
        if not _NAME.match(name):
            raise RequestError(
                f"{text!r} is not a {cls.__name__} name.",
                hint="Names are letters, digits and underscores, such as 'spot'.",
                value=text,
            )
        return str.__new__(cls, name)

    @property
    def name(self) -> str:
        """Upper-case constant name."""
        return str.__str__(self).upper()

    @property
    def value(self) -> str:
        """The text itself."""
        return str.__str__(self)

    def __str__(self) -> str:
        return str.__str__(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.value,)


class MarketType(OpenName):
    """Which market of a provider; ``um`` and ``cm`` are aliases of the two futures markets."""

    __slots__ = ()
    aliases: ClassVar[dict[str, str]] = {"um": "futures_usdt", "cm": "futures_coin"}

    SPOT: ClassVar[MarketType]
    FUTURES_USDT: ClassVar[MarketType]
    FUTURES_COIN: ClassVar[MarketType]
    FUTURES: ClassVar[MarketType]
    OPTIONS: ClassVar[MarketType]
    EQUITIES: ClassVar[MarketType]
    FOREX: ClassVar[MarketType]
    CRYPTO: ClassVar[MarketType]
    INDEX: ClassVar[MarketType]


class ChartType(OpenName):
    """Which schema the rows have."""

    __slots__ = ()

    KLINES: ClassVar[ChartType]
    FUNDING_RATE: ClassVar[ChartType]


class DataSource(OpenName):
    """Where rows come from; ``AUTO`` lets the protocol choose."""

    __slots__ = ()

    AUTO: ClassVar[DataSource]
    CACHE: ClassVar[DataSource]
    VISION: ClassVar[DataSource]
    REST: ClassVar[DataSource]


def _declare(cls: type[OpenName], names: str) -> None:
    for name in names.split():
        setattr(cls, name, cls(name))


_declare(MarketType, "SPOT FUTURES_USDT FUTURES_COIN FUTURES OPTIONS EQUITIES FOREX CRYPTO INDEX")
_declare(ChartType, "KLINES FUNDING_RATE")
_declare(DataSource, "AUTO CACHE VISION REST")
