"""The one member of an archive zip, bounded and checked before and after inflating."""

from __future__ import annotations

import struct
import zipfile
import zlib
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

__all__ = ["read_member"]

# A month of 1-second bars is about 400 MB of CSV in a zip of a quarter of that.
_MOST_BYTES: Final = 1024**3
_MOST_RATIO: Final = 200
_LOCAL_HEADER: Final = 30

# The extra [fast] brings isal; the bytes are the same.
_inflate: Any = import_module("isal.isal_zlib" if find_spec("isal") else "zlib")


def read_member(path: Path, name: str) -> bytes:
    """Content of the zip's only member.

    Raises
    ------
    ValueError
        When there is not exactly one member called ``name``, it is encrypted, claims to be too
        large, or its bytes do not have the size and CRC that the zip states.
    zipfile.BadZipFile
        When it is no zip.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    if len(members) != 1 or members[0].filename != name:
        raise ValueError(f"holds {[m.filename for m in members][:3]} instead of {name!r}")
    member = members[0]
    if member.flag_bits & 0x1:
        raise ValueError("is encrypted")
    if member.file_size > _MOST_BYTES or member.file_size > _MOST_RATIO * max(member.compress_size, 1024):
        raise ValueError(f"claims {member.file_size} bytes out of {member.compress_size}")
    packed = _packed(path, member)
    data = packed if member.compress_type == zipfile.ZIP_STORED else _unpack(packed, member)
    if len(data) != member.file_size or _inflate.crc32(data) != member.CRC:
        raise ValueError("is damaged: size or CRC is wrong")
    return data


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
