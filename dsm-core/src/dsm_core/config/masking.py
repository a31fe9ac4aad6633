"""Text fit to be shown: URLs without user info, errors without the secrets of the settings they speak of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import attrs

from dsm_core.config.secret import Secret
from dsm_core.masking import MASK

__all__ = ["MASK", "hide_secrets", "is_credential", "mask_url"]

# A session may also be an exchange's: of those names only `session` and `session_id` are credentials.
_SECRET_PARAMETER: Final = re.compile(
    r"key|token|secret|sign|pass|auth|credential|session(?:[_.-]?id)?\Z", re.IGNORECASE
)
# Narrower than for parameters: a setting called `session_template` hides nothing.
_SECRET_SETTING: Final = re.compile(
    r"api_?key|access_?key|private_?key|token|secret|passw|passphrase|credential", re.IGNORECASE
)


def is_credential(name: str) -> bool:
    """Whether a setting is named as those are that hold a credential."""
    return _SECRET_SETTING.search(name) is not None


def mask_url(url: str) -> str:
    """The URL with user info, and the values of parameters named like credentials, hidden."""
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return "(not a URL)"
    netloc = parts.netloc
    if "@" in netloc:
        netloc = f"{MASK}@{netloc.rpartition('@')[2]}"
    shown = parts.query
    if any(_SECRET_PARAMETER.search(name) for name, _ in query):
        hidden = [(name, MASK if _SECRET_PARAMETER.search(name) else value) for name, value in query]
        shown = urlencode(hidden, safe="*/:,", quote_via=quote)
    return urlunsplit((parts.scheme, netloc, parts.path, shown, ""))


def hide_secrets(text: str, settings: object) -> str:
    """The text without any secret that `settings`, at any depth, holds."""
    for secret in sorted(_secrets(settings), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, Secret):
        yield from [value.reveal()] if value else ()
    elif attrs.has(type(value)):
        yield from _secrets(attrs.asdict(value, recurse=False))
    elif isinstance(value, Mapping):
        yield from _secrets(list(value.values()))
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _secrets(item)
