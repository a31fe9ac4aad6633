"""The one member of an archive zip, bounded and checked before and after inflating."""

from __future__ import annotations

import struct
import zipfile
import zlib
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

__all__ = ["MOST_BYTES", "read_member"]

MOST_BYTES: Final = 1024**3
"""No member is larger: a month of 1-second bars is about 400 MB of CSV in a zip of a quarter of that."""
_MOST_RATIO: Final = 200
_LOCAL_HEADER: Final = 30
# The end of a zip: its directory's number of entries, size and place, and a comment.
_END: Final = 22
_MOST_DIRECTORY: Final = 64 * 1024
# What a zip adds to what is in it.
_MOST_WRAPPING: Final = _MOST_DIRECTORY + 4096

# The extra [fast] brings isal; the bytes are the same.
_inflate: Any = import_module("isal.isal_zlib" if find_spec("isal") else "zlib")


def read_member(path: Path, name: str, most_bytes: int = MOST_BYTES) -> bytes:
    """Content of the zip's only member.

    Nothing is unpacked to disk, and the name inside is compared, never used.

    Parameters
    ----------
    most_bytes
        Longest content that makes sense, in bytes.

    Raises
    ------
    ValueError
        When there is not exactly one member called ``name``, it is encrypted, is or claims to be too
        large, or its bytes do not have the size and CRC that the zip states.
    zipfile.BadZipFile
        When it is no zip.
    """
    most_bytes = min(most_bytes, MOST_BYTES)
    _check_directory(path, most_bytes)
    members = _members(path)
    if len(members) != 1 or members[0].filename != name:
        raise ValueError(f"holds {[m.filename[:200] for m in members][:3]} instead of {name!r}")
    member = members[0]
    if member.flag_bits & 0x1:
        raise ValueError("is encrypted")
    if member.file_size > most_bytes:
        raise ValueError(f"claims {member.file_size} bytes; at most {most_bytes} make sense")
    if member.compress_size > path.stat().st_size:
        # A reader sets aside as much memory as it is told to read.
        raise ValueError(f"claims {member.compress_size} packed bytes, more than the file has")
    if member.file_size > _MOST_RATIO * max(member.compress_size, 1024):
        raise ValueError(f"claims {member.file_size} bytes out of {member.compress_size}")
    packed = _packed(path, member)
    data = packed if member.compress_type == zipfile.ZIP_STORED else _unpack(packed, member)
    if len(data) != member.file_size or _inflate.crc32(data) != member.CRC:
        raise ValueError("is damaged: size or CRC is wrong")
    return data


def _members(path: Path) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.infolist()
    except (NotImplementedError, RuntimeError, struct.error, OverflowError) as error:
        # What the reader says of fields that no zip has.
        raise zipfile.BadZipFile(f"has a directory that makes no sense: {error}") from error


def _check_directory(path: Path, most_bytes: int) -> None:
    """Refuse what cannot hold one member, before its directory is read into memory.

    A truncated zip has no end; ``zipfile`` says so in its own words.
    """
    size = path.stat().st_size
    if size > most_bytes + _MOST_WRAPPING:
        raise ValueError(f"has {size} bytes; at most {most_bytes} make sense")
    with path.open("rb") as file:
        file.seek(max(0, size - _END - 0xFFFF))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END:
        raise zipfile.BadZipFile("File is not a zip file")
    if tail[max(0, at - 20) : at].startswith(b"PK\x06\x07"):
        raise ValueError("has a directory of 64 bits, which nothing of this size needs")
    members, directory = struct.unpack("<10xHI", tail[at : at + 16])
    if members != 1:
        raise ValueError(f"holds {members} members instead of one")
    if directory > _MOST_DIRECTORY:
        raise ValueError(f"has a directory of {directory} bytes for one member")


def _packed(path: Path, member: zipfile.ZipInfo) -> bytes:
    with path.open("rb") as file:
        file.seek(member.header_offset)
        header = file.read(_LOCAL_HEADER)
        if len(header) < _LOCAL_HEADER or header[:4] != b"PK\x03\x04":
            raise ValueError("has no local header")
        name_length, extra_length = struct.unpack("<HH", header[26:30])
        file.seek(name_length + extra_length, 1)
        return file.read(member.compress_size)


def _unpack(packed: bytes, member: zipfile.ZipInfo) -> bytes:
    if member.compress_type != zipfile.ZIP_DEFLATED:
        raise ValueError(f"uses compression method {member.compress_type}")
    try:
        # One byte more than stated tells a zip that lies about its size.
        data: bytes = _inflate.decompressobj(-zlib.MAX_WBITS).decompress(packed, member.file_size + 1)
    except _inflate.error as error:
        raise ValueError(f"cannot be inflated: {error}") from error
    return data
