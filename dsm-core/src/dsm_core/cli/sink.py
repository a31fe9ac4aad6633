"""Where rows are written: stdout, or a file that appears when it is whole."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import click

__all__ = ["opened_sink"]


@contextmanager
def opened_sink(path: Path | None) -> Iterator[BinaryIO]:
    """Binary stream to stdout, or to a file beside ``path`` that takes its place at the end.

    Raises
    ------
    click.FileError
        When the file cannot be written; what was there before stays.
    """
    if path is None:
        sys.stdout.flush()
        stdout = sys.stdout.buffer
        yield stdout
        stdout.flush()
        return
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise click.FileError(str(path), error.strerror or str(error)) from error
    finally:
        with suppress(OSError):
            part.unlink()
