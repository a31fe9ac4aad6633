"""Where rows are written: stdout, or a file that appears when it is whole."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

import click

from dsm_core.whole_file import whole_file

__all__ = ["opened_sink"]


@contextmanager
def opened_sink(path: Path | None) -> Iterator[BinaryIO]:
    """Binary stream to stdout, or to a file that appears when it is whole.

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
    try:
        with whole_file(path) as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        raise click.FileError(str(path), error.strerror or str(error)) from error
