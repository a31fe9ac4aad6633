"""From a URL template to the addresses it may be fetched from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from dsm_core.config.masking import mask_url as mask
from dsm_core.errors import ConfigError
from dsm_core.masking import mask_text

__all__ = ["expand", "is_same_host", "mask", "mask_text", "origin"]

_TEMPLATE: Final = re.compile(r"\{([^{}/?]*)\}(.*)", re.DOTALL)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def expand(template: str, endpoints: Mapping[str, Sequence[str]]) -> tuple[str, tuple[str, ...]]:
    """Give the endpoint key (the host, for an absolute URL) and every URL the template stands for.

    Raises
    ------
    ConfigError
        The key is unknown, or an address is not an http(s) URL.
    """
    match = _TEMPLATE.fullmatch(template)
    if match is None:
        return urlsplit(_checked(template)).hostname or "", (template,)
    key, rest = match.groups()
    if not endpoints.get(key):
        known = ", ".join(sorted(endpoints)) or "none"
        raise ConfigError(f"No endpoint is configured under {key!r}; known keys: {known}.", key=key)
    return key, tuple(_checked(base.rstrip("/")) + rest for base in endpoints[key])


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in _DEFAULT_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ConfigError(f"{mask(url)!r} is not an http or https URL.", url=mask(url))
    return url


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: what one breaker, or one refusal, is about."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)


def is_same_host(url: str, target: str) -> bool:
    """Whether a redirect from ``url`` to ``target`` stays at home; an upgrade to https does."""
    here, there = origin(url), origin(target)
    upgrade = here[1] == there[1] and here[::2] == ("http", 80) and there[::2] == ("https", 443)
    return here == there or upgrade
