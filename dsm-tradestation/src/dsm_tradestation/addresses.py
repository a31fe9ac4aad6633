"""Which addresses may be sent credentials: those behind https, and this machine's own."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

__all__ = ["hosts_in_clear"]


def hosts_in_clear(urls: Iterable[str]) -> list[str]:
    """Hosts of other machines to which a token or a secret would go unencrypted."""
    parts = [urlsplit(url) for url in urls]
    found = [part.hostname or "" for part in parts if part.scheme != "https"]
    return [host for host in found if not _is_loopback(host)]


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
