"""Where rows are written: stdout, or a file that appears when it is whole."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

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
        # Unbuffered, stdout's raw file may write a part only and say so in a number nobody reads.
        raw = sys.stdout.buffer
        stdout = raw if isinstance(raw, io.BufferedIOBase) else io.BufferedWriter(raw)
        try:
            yield cast("BinaryIO", stdout)
            stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise click.FileError("standard output", error.strerror or str(error)) from error
        finally:
            if stdout is not raw:
                with suppress(OSError):
                    stdout.detach()
        return
    if path.exists() and not path.is_file():
        # A device or a pipe is written to, never replaced.
        with path.open("wb") as file:
            yield file
        return
    # A link keeps pointing where it does: what it names is replaced.
    path = path.resolve() if path.is_symlink() else path
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
