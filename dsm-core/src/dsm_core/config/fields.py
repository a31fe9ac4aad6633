"""Fields that most providers' settings have: addresses and the order of sources.

They are checked key by key, so that a file with three wrong addresses gets three lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import Attribute, field, frozen

from dsm_core.config.masking import mask_url

__all__ = ["endpoints_field", "sources_field"]

_PLACEHOLDER: Final = r".*\$\{"
_HTTP: Final = ("http", "https")
_WEBSOCKET: Final = ("ws", "wss")


def endpoints_field(defaults: Mapping[str, str | Sequence[str]]) -> Any:
    """Field for a provider's addresses by endpoint key; those left out keep their default.

    Parameters
    ----------
    defaults
        Addresses of every key there is; requests are spread over a list of several. Where they begin
        with ``ws``, only such addresses are taken, else only ``http`` and ``https``.

    Returns
    -------
    Any
        An attrs field; annotate it ``Mapping[str, tuple[str, ...]]``.

    Examples
    --------
    >>> from attrs import frozen
    >>> @frozen
    ... class Settings:
    ...     endpoints: Mapping[str, tuple[str, ...]] = endpoints_field({"api": "https://api.example"})
    >>> Settings().endpoints
    {'api': ('https://api.example',)}
    """
    known = {key: _tuple(urls) for key, urls in defaults.items()}
    keys = {key: _address_schema(key, urls) for key, urls in known.items()}
    return field(
        factory=dict,
        converter=_Filled(known),
        validator=_Addresses(known),
        metadata={
            "usual_doc": "Addresses by endpoint key; those left out keep their default.",
            "schema": {"properties": keys, "additionalProperties": False},
        },
    )


def sources_field(names: Sequence[str]) -> Any:
    """Field for which of a provider's sources are asked, and in which order; by default all.

    Parameters
    ----------
    names
        The sources there are, in their usual order.

    Returns
    -------
    Any
        An attrs field; annotate it ``tuple[str, ...]``.
    """
    known = tuple(names)
    item = {"anyOf": [{"enum": list(known)}, {"type": "string", "pattern": _PLACEHOLDER}]}
    several = {"type": "array", "items": item, "minItems": 1, "uniqueItems": True}
    return field(
        default=known,
        converter=_tuple,
        validator=_Sources(known),
        metadata={
            "usual_doc": "Which sources are asked, in this order.",
            "schema": {"anyOf": [*item["anyOf"], several]},
        },
    )


def _tuple(value: str | Sequence[str]) -> tuple[str, ...]:
    # Text is iterable too: one letter would be one address.
    return (value,) if isinstance(value, str) else tuple(value)


def _schemes(urls: Sequence[str]) -> tuple[str, str]:
    return _WEBSOCKET if urls and urls[0].startswith("ws") else _HTTP


def _address_schema(key: str, urls: tuple[str, ...]) -> dict[str, Any]:
    # A scheme may be written in capitals, and these patterns know no flags.
    scheme = "|".join("".join(f"[{c.upper()}{c}]" for c in scheme) for scheme in _schemes(urls))
    address = {"type": "string", "pattern": f"^({scheme})://[^/:]|{_PLACEHOLDER}"}
    several = {"type": "array", "items": address, "minItems": 1}
    default = urls[0] if len(urls) == 1 else list(urls)
    return {"description": f"Addresses of {key}.", "anyOf": [address, several], "default": default}


@frozen
class _Filled:
    """Converter: the given addresses over the default ones."""

    known: Mapping[str, tuple[str, ...]]

    def __call__(self, given: Mapping[str, str | Sequence[str]]) -> dict[str, tuple[str, ...]]:
        return {**self.known, **{key: _tuple(urls) for key, urls in given.items()}}


@frozen
class _Addresses:
    """Validator of :func:`endpoints_field`."""

    known: Mapping[str, tuple[str, ...]]

    def __call__(self, _: object, __: Attribute[Any], value: Mapping[str, tuple[str, ...]]) -> None:
        from dsm_core.config.mistakes import Mistakes, did_you_mean  # noqa: PLC0415 - imports difflib

        found: list[tuple[tuple[str | int, ...], str]] = []
        for key, urls in value.items():
            if key not in self.known:
                there_are = f"there are {', '.join(self.known)}"
                found.append(((key,), f"unknown key{did_you_mean(key, self.known)}; {there_are}"))
                continue
            if not urls and self.known[key]:
                found.append(((key,), "give at least one URL, or leave the key out"))
            schemes = _schemes(self.known[key])
            wrong = [(place, url) for place, url in enumerate(urls) if not _is_address(url, schemes)]
            found += [
                ((key, *((place,) if len(urls) > 1 else ())), _no_address(url, schemes))
                for place, url in wrong
            ]
        if found:
            raise Mistakes(found)


@frozen
class _Sources:
    """Validator of :func:`sources_field`."""

    known: tuple[str, ...]

    def __call__(self, _: object, __: Attribute[Any], value: tuple[str, ...]) -> None:
        from dsm_core.config.mistakes import Mistakes, did_you_mean  # noqa: PLC0415 - imports difflib

        there_are = ", ".join(self.known)
        found: list[tuple[tuple[str | int, ...], str]] = []
        for place, name in enumerate(value):
            path = (place,) if len(value) > 1 else ()
            if name not in self.known:
                message = (
                    f"no source is called {name!r}{did_you_mean(name, self.known)}; there are {there_are}"
                )
                found.append((path, message))
            elif name in value[:place]:
                found.append((path, f"{name!r} is named twice; keep one"))
        if not value:
            found.append(((), f"the list is empty; name at least one of {there_are}"))
        if found:
            raise Mistakes(found)


def _is_address(url: str, schemes: tuple[str, str]) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _no_address(url: str, schemes: tuple[str, str]) -> str:
    shown = mask_url(url)
    if "@" in shown:
        # Without a scheme the user info is no part of its own.
        shown = f"***@{shown.rpartition('@')[2]}"
    return f"{shown!r} is not a URL; write one that starts with {schemes[1]}:// or {schemes[0]}://"
