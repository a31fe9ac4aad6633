"""Every error DSM raises, and the one tree they hang on.

    DSMError
      ConfigError (ValueError)
      RequestError (ValueError)
        InvalidRangeError, UnsupportedIntervalError, UnsupportedChartTypeError
      PluginError
        ProviderNotFoundError (LookupError), PluginLoadError, PluginConflictError, PluginContractError
      SourceError
        TransientSourceError
          SourceTimeoutError, ServerError, RateLimitError
        PermanentSourceError
          AuthenticationError, AccessDeniedError, SymbolNotFoundError, DataNotAvailableError,
          ProtocolChangedError, OfflineError, RestAPIError, ArchiveError, ClientFailedError
      IntegrityError
        ChecksumMismatchError, SchemaMismatchError, CacheCorruptError
      CacheUnavailableError
      AllSourcesFailedError
      IncompleteDataError
      DisagreementError

Facts are attributes and ``details``, not only text. Raising an error does not log it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dsm_core.masking import hide_known

__all__ = [
    "AccessDeniedError",
    "AllSourcesFailedError",
    "ArchiveError",
    "AuthenticationError",
    "CacheCorruptError",
    "CacheUnavailableError",
    "CacheWarning",
    "ChecksumMismatchError",
    "ClientFailedError",
    "ConfigError",
    "DSMError",
    "DSMWarning",
    "DataNotAvailableError",
    "DisagreementError",
    "DisagreementWarning",
    "IncompleteDataError",
    "IncompleteDataWarning",
    "IntegrityError",
    "InvalidRangeError",
    "OfflineError",
    "PermanentSourceError",
    "PluginConflictError",
    "PluginContractError",
    "PluginError",
    "PluginLoadError",
    "ProtocolChangedError",
    "ProviderNotFoundError",
    "RateLimitError",
    "RequestError",
    "RestAPIError",
    "SchemaMismatchError",
    "ServerError",
    "SourceError",
    "SourceTimeoutError",
    "SymbolNotFoundError",
    "TransientSourceError",
    "UnsupportedChartTypeError",
    "UnsupportedIntervalError",
]


class DSMError(Exception):
    """Anything DSM raises on purpose.

    Parameters
    ----------
    message
        What happened, to which value.
    hint
        What to do next; printed after the message.
    **details
        Plain, JSON-safe facts; also readable as attributes. A value that JSON does not know
        becomes its text.
    """

    def __init__(self, message: str, *, hint: str | None = None, **details: Any) -> None:
        self.message = hide_known(message)
        self.hint = hint and hide_known(hint)
        super().__init__(self.message)
        self.details: dict[str, Any] = {k: _plain(v) for k, v in details.items() if v is not None}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "details":
            raise AttributeError(name)
        try:
            return self.details[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} carries no {name!r}") from None

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.hint, self.details)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return hide_known(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(v) for v in value]
    return hide_known(str(value))


def _rebuild(cls: type[DSMError], message: str, hint: str | None, details: dict[str, Any]) -> DSMError:
    return cls(message, hint=hint, **details)


class ConfigError(DSMError, ValueError):
    """The configuration is wrong; the message names each place (file:line) and the remedy."""


class RequestError(DSMError, ValueError):
    """The call cannot be answered as asked; nothing was fetched."""


class InvalidRangeError(RequestError):
    """Start and end do not make a range: no time zone, wrong order, or not a time."""


class UnsupportedIntervalError(RequestError):
    """The market has no bars of that interval."""


class UnsupportedChartTypeError(RequestError):
    """No installed client serves that chart type for that market."""


class PluginError(DSMError):
    """A provider package is missing, broken or wrong."""


class ProviderNotFoundError(PluginError, LookupError):
    """No installed package provides that name."""


class PluginLoadError(PluginError):
    """A provider package failed while it was imported."""


class PluginConflictError(PluginError):
    """Two distributions claim one provider name."""


class PluginContractError(PluginError):
    """A plugin does not keep the contract of the plugin API."""


class SourceError(DSMError):
    """A source did not deliver; ``details`` tell provider, source, URL, status and attempt."""


class TransientSourceError(SourceError):
    """The same request may work later."""


class SourceTimeoutError(TransientSourceError):
    """No answer in time, or the connection broke."""


class ServerError(TransientSourceError):
    """The server failed (5xx) or answered with a damaged body."""


class RateLimitError(TransientSourceError):
    """The venue's limit is reached; ``retry_after_s`` says how long to wait, where known."""


class PermanentSourceError(SourceError):
    """The same request will fail again."""


class AuthenticationError(PermanentSourceError):
    """Credentials are missing, wrong or not entitled."""


class AccessDeniedError(PermanentSourceError):
    """The host refuses this client (403, 451); another host or source may serve it."""


class SymbolNotFoundError(PermanentSourceError):
    """No source knows the symbol; ``hint`` names close matches."""


class DataNotAvailableError(PermanentSourceError):
    """The object does not exist at the source (404)."""


class ProtocolChangedError(PermanentSourceError):
    """The answer does not have the documented form."""


class OfflineError(PermanentSourceError):
    """Requests are switched off (``DSM_OFFLINE=1``); only the cache answers."""


class RestAPIError(PermanentSourceError):
    """A REST API refused the request; ``code`` is the venue's own."""


class ArchiveError(PermanentSourceError):
    """An archive file was refused: unreadable, unverified or not what its name says."""


class ClientFailedError(PermanentSourceError):
    """A provider's own code raised something that is no ``DSMError``; raised from it.

    ``client``, ``provider``, ``range``, ``cause`` (type and message) and ``where`` (file and line) tell
    what failed. The range goes to the next source.
    """


class IntegrityError(DSMError):
    """Bytes are not what they should be."""


class ChecksumMismatchError(IntegrityError):
    """A download does not match its published checksum."""


class SchemaMismatchError(IntegrityError):
    """Rows cannot be brought to the chart type's schema."""


class CacheCorruptError(IntegrityError):
    """A cache file is damaged."""


class CacheUnavailableError(DSMError):
    """The cache folder cannot be read or written."""


class AllSourcesFailedError(DSMError):
    """No row could be had and a source failed; raised from the last failure."""


class IncompleteDataError(DSMError):
    """Raised with ``on_gaps="raise"``; ``data`` is the partial result, ``gaps`` what is missing.

    A pickled one keeps the gaps and leaves the data behind.
    """

    def __init__(self, message: str, *, hint: str | None = None, **details: Any) -> None:
        data, gaps = details.pop("data", None), details.pop("gaps", ())
        super().__init__(message, hint=hint, **details)
        self.data = data
        self.gaps = gaps

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.hint, {**self.details, "gaps": self.gaps})


class DisagreementError(DSMError):
    """Two sources tell different things of one row, and the policy of agreement is ``raise``.

    ``disagreements`` is a tuple of what differs; a pickled one leaves it behind.
    """

    def __init__(self, message: str, *, hint: str | None = None, **details: Any) -> None:
        disagreements = details.pop("disagreements", ())
        super().__init__(message, hint=hint, **details)
        self.disagreements = disagreements


class DSMWarning(UserWarning):
    """Every warning of DSM."""


class IncompleteDataWarning(DSMWarning):
    """Rows are missing; the message names the first gap and its reason."""


class CacheWarning(DSMWarning):
    """The cache could not be read or written; the answer is delivered all the same."""


class DisagreementWarning(DSMWarning):
    """Two sources tell different things of one row; the message names whose was given."""
