"""What the HTTP room can be told, and the form in which a provider states its limits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import field, frozen
from attrs.validators import gt
from platformdirs import user_state_path

from dsm_core._version import __version__

if TYPE_CHECKING:
    from attrs import Attribute

__all__ = ["HttpSettings", "Limit"]

MIB: Final = 1024 * 1024


@frozen(kw_only=True)
class HttpSettings:
    """How requests are sent.

    Parameters
    ----------
    connect_timeout_s, read_timeout_s
        Longest silence while connecting, and between two pieces of an answer.
    retry_count
        How often a request that failed for a passing reason is sent again.
    max_wait_s
        Longest single wait for a rate limit; a longer one is an error that says how long.
    max_connections
        Connections open at once, over all hosts.
    backoff_initial_s, backoff_max_s
        First and longest pause before a request is sent again; it doubles in between.
    user_agent
        What the venue's logs show.
    max_json_bytes, max_download_bytes
        Larger answers are refused; counted after decompression.
    offline
        Refuse every request.
    state_dir
        Where the machine's processes share their use of the limits; by default a folder of the
        platform's user state.
    """

    connect_timeout_s: float = 10.0
    read_timeout_s: float = 30.0
    retry_count: int = 5
    max_wait_s: float = 120.0
    max_connections: int = 50
    backoff_initial_s: float = 0.5
    backoff_max_s: float = 20.0
    user_agent: str = f"dsm-core/{__version__}"
    max_json_bytes: int = 64 * MIB
    max_download_bytes: int = 2048 * MIB
    offline: bool = False
    state_dir: Path | None = None

    @property
    def limits_dir(self) -> Path:
        """Folder of the shared limit files."""
        return self.state_dir or user_state_path("dsm", appauthor=False) / "limits"


def _check_window(limit: Limit, _attribute: Attribute[float], window_s: float) -> None:
    if window_s < 0.1:
        raise ValueError(f"limit of pool {limit.pool!r}: a window of {window_s} s is too short to keep")


@frozen
class Limit:
    """A venue allows ``capacity`` units of ``pool`` in any ``window_s`` seconds.

    Parameters
    ----------
    pool
        Name of what is shared, such as ``"futures"``; hosts that count together use one name.
    capacity
        Units in one window.
    window_s
        Length of the window.
    header
        Response header, in any case, that tells the units the venue counts as used.
    """

    pool: str
    capacity: int = field(validator=gt(0))
    window_s: float = field(validator=_check_window)
    header: str | None = None
