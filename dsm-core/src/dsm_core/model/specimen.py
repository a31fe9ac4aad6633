"""A downloaded object while somebody looks at it: where it lies, and what is known of its bytes."""

from __future__ import annotations

from pathlib import Path

from attrs import field, frozen

from dsm_core.model.coverage import Origin

__all__ = ["Specimen"]


@frozen(kw_only=True)
class Specimen:
    """An object of an archive, as it arrived.

    Parameters
    ----------
    path
        The temporary file; it goes when the object has been taken in or refused.
    origin
        URL, SHA-256 of the bytes that came, and what the server said of them.
    stated
        The SHA-256 that the archive publishes for it; None where there is none.
    client
        Who asked for it, in words.
    series
        For which series; empty where for none.
    """

    path: Path
    origin: Origin
    stated: str | None = None
    client: str = ""
    series: str = field(default="")
