"""Settings classes with a field of every kind a file can give."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NewType

from attrs import field, frozen
from attrs.validators import and_, ge, in_, le, optional

from dsm_core.config import Secret, endpoints_field, sources_field

__all__ = ["Every", "Needy"]

Host = NewType("Host", str)


class Tier(Enum):
    FREE = "free"
    PRO = "pro"


@frozen(kw_only=True)
class Pages:
    """How pages are asked for.

    Parameters
    ----------
    rows
        Rows of one page.
    """

    rows: int = field(default=1000, validator=and_(ge(1), le(5000)))
    pause_s: float = 0.5


@frozen(kw_only=True)
class Every:
    """One key of every kind.

    Parameters
    ----------
    sources
        Which are asked.
    mode
        How fast; ``None`` is never
        written.
    """

    sources: tuple[str, ...] = sources_field(("files", "rest"))
    endpoints: Mapping[str, tuple[str, ...]] = endpoints_field({"api": "https://api.example"})
    pages: Pages = field(factory=Pages)
    mode: Literal["fast", "careful"] = "fast"
    tier: Tier = Tier.FREE
    side: str = field(default="bid", validator=in_(["bid", "ask"]), metadata={"doc": "Which prices."})
    folder: Path | None = None
    token: Secret | None = None
    retries: int | None = field(default=None, validator=optional(ge(0)))
    verify: bool = True
    weights: Mapping[str, float] = field(factory=dict)
    pair: tuple[int, str] = (0, "a")
    steps: list[int] = field(factory=list)
    tags: frozenset[str] = frozenset({"x"})
    either: int | tuple[str, ...] = 0
    anything: Any = None
    host: Host = Host("h")
    size: Annotated[int, "bytes"] = 0
    label: str = "plain: $${x} #"


@frozen(kw_only=True)
class Needy:
    """What wants credentials."""

    client_id: str
    client_secret: Secret = field(metadata={"doc": "From the desk."})
    sandbox: bool = False
