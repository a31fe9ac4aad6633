"""Damaged archive files, byte by byte, each under a checksum that is right for the damaged bytes."""

from __future__ import annotations

import base64
import hashlib
import io
import random
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from binance.venues import DAY, make_rows, utc

DAY_START = utc(2024, 6, 11)
STEM = "BTCUSDT-1h-2024-06-11"
NAME = f"{STEM}.zip"
MEMBER = f"{STEM}.csv"
Rows = list[list[str]]


def rows() -> Rows:
    return make_rows(DAY_START, 24)


def csv_of(cells: Rows) -> bytes:
    return "".join(",".join(row) + "\n" for row in cells).encode()


def zip_of(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(target, "w", method) as archive:
        # One name twice is what a test wants.
        warnings.simplefilter("ignore")
        for name, body in members:
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), body, method)
    return target.getvalue()


def good_zip() -> bytes:
    return zip_of((MEMBER, csv_of(rows())))


def serve_folder(folder: Path, body: bytes, stated: str | None = None) -> Path:
    """A folder for the emulator with one day's file; its sidecar is right unless ``stated`` is given."""
    path = folder / "spot" / "klines" / "BTCUSDT" / "1h" / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(body)
    digest = hashlib.sha256(body).hexdigest()
    path.with_name(f"{NAME}.CHECKSUM").write_text(f"{digest}  {NAME}\n" if stated is None else stated)
    return folder


@frozen
class Defect:
    """What is wrong with a file: its bytes, what its sidecar says, and a word of the reason that is kept."""

    body: Callable[[], bytes]
    says: str
    stated: str | None = None


def _noise(size: int) -> bytes:
    """Letters that do not compress well, always the same."""
    return base64.b16encode(random.Random(size).randbytes(size // 2)).replace(b"0", b"x")


def _cell(row: int, column: int, text: str) -> Callable[[], bytes]:
    def body() -> bytes:
        cells = rows()
        cells[row][column] = text
        return zip_of((MEMBER, csv_of(cells)))

    return body


def _text(text: Callable[[], bytes]) -> Callable[[], bytes]:
    return lambda: zip_of((MEMBER, text()))


def _named(*names: str) -> Callable[[], bytes]:
    return lambda: zip_of(*((name, csv_of(rows())) for name in names))


def _flipped(at: int) -> Callable[[], bytes]:
    def body() -> bytes:
        data = bytearray(good_zip())
        data[at] ^= 0xFF
        return bytes(data)

    return body


def _bomb(size: int, claimed: int | None = None) -> Callable[[], bytes]:
    """A zip of zeros; ``claimed`` is the size it says instead of its own."""

    def body() -> bytes:
        data = bytearray(zip_of((MEMBER, bytes(size))))
        if claimed is not None:
            directory = data.rfind(b"PK\x01\x02")
            data[directory + 24 : directory + 28] = struct.pack("<I", claimed)
            data[22:26] = struct.pack("<I", claimed)
        return bytes(data)

    return body


def _crowded() -> bytes:
    """A directory that claims more members than anybody would read."""
    data = bytearray(good_zip())
    end = data.rfind(b"PK\x05\x06")
    data[end + 8 : end + 12] = struct.pack("<HH", 60_000, 60_000)
    return bytes(data)


def _twice_differing() -> bytes:
    cells = rows()
    other = [*cells[5][:4], "106.0", *cells[5][5:]]
    return zip_of((MEMBER, csv_of([*cells, other])))


REFUSED: dict[str, Defect] = {
    "checksum of other bytes": Defect(good_zip, "does not match", f"{'0' * 64}  {NAME}\n"),
    "sidecar without a checksum": Defect(good_zip, "no SHA-256", "<html>not found</html>"),
    "empty sidecar": Defect(good_zip, "no SHA-256", " "),
    "truncated zip": Defect(lambda: good_zip()[:-30], "not a zip"),
    "first half of a zip": Defect(lambda: good_zip()[: len(good_zip()) // 2], "not a zip"),
    "no byte at all": Defect(bytes, "not a zip"),
    "page in place of a zip": Defect(lambda: b"<html><body>Please wait</body></html>" * 20, "not a zip"),
    "flipped byte in the rows": Defect(_flipped(80), ""),
    "flipped byte in the directory": Defect(_flipped(good_zip().rfind(b"PK\x01\x02") + 17), ""),
    "bomb by size": Defect(_bomb(64 * 1024**2), "claims 67108864 bytes"),
    "bomb by ratio": Defect(_bomb(512_000), "claims 512000 bytes out of"),
    "bomb that states another size": Defect(_bomb(64 * 1024**2, claimed=2_000), "damaged"),
    "directory of thousands": Defect(_crowded, "60000 members"),
    "two members": Defect(_named(MEMBER, "other.csv"), "2 members"),
    "the member twice": Defect(_named(MEMBER, MEMBER), "2 members"),
    "another member": Defect(_named("BTCUSDT-1h-2024-06-12.csv"), "instead of"),
    "path above": Defect(_named(f"../../{MEMBER}"), "instead of"),
    "absolute path": Defect(_named(f"/tmp/{MEMBER}"), "instead of"),
    "path of windows": Defect(_named(f"C:\\{MEMBER}"), "instead of"),
    "no member": Defect(zip_of, "0 members"),
    "NaN price": Defect(_cell(3, 1, "NaN"), "open is nan in row 3"),
    "NaN volume": Defect(_cell(3, 5, "nan"), "volume is nan in row 3"),
    "infinite price": Defect(_cell(3, 2, "inf"), "high is inf in row 3"),
    "empty price": Defect(_cell(3, 4, ""), ""),
    "text for a price": Defect(_cell(3, 4, "n/a"), "n/a"),
    "text for a time": Defect(_cell(3, 0, "yesterday"), "yesterday"),
    "text in the first row": Defect(_cell(0, 0, "yesterday"), "neither a row nor a header"),
    "time in nanoseconds": Defect(_cell(3, 0, "1718064000000000000"), "neither milliseconds"),
    "fractional count": Defect(_cell(3, 8, "7.5"), ""),
    "eleven columns": Defect(_text(lambda: csv_of([row[:11] for row in rows()])), "11"),
    "thirteen columns": Defect(_text(lambda: csv_of([[*row, "0"] for row in rows()])), "13"),
    "a short row": Defect(_text(lambda: csv_of([*rows()[:5], rows()[5][:4], *rows()[6:]])), ""),
    "negative price": Defect(_cell(3, 3, "-1.0"), "low is -1.0 in row 3"),
    "negative volume": Defect(_cell(3, 5, "-0.5"), "volume is -0.5"),
    "negative count": Defect(_cell(3, 8, "-7"), "count is -7"),
    "low above high": Defect(_cell(3, 3, "999999.0"), "above"),
    "open above high": Defect(_cell(3, 1, "999999.0"), "above"),
    "close below low": Defect(_cell(3, 4, "0.5"), "above"),
    "rows of another day": Defect(_text(lambda: csv_of(make_rows(DAY_START - DAY, 24))), "another period"),
    "two rows of one time": Defect(_twice_differing, "differ"),
    "one enormous line": Defect(_text(lambda: _noise(400_000)), "neither a row nor a header"),
    "one enormous cell": Defect(_text(lambda: csv_of(rows()[:3]) + _noise(400_000)), ""),
    "bytes that are no text": Defect(_text(lambda: bytes(range(256)) * 40), ""),
}
"""What is refused, and its range asked of the next source."""


def _shuffled() -> bytes:
    cells = rows()
    return csv_of([*cells[12:], *reversed(cells[:12])])


MENDED: dict[str, Defect] = {
    "rows of another day beside": Defect(
        _text(lambda: csv_of([*rows(), *make_rows(DAY_START + DAY, 2)])), "another period left out: 2"
    ),
    "duplicates": Defect(
        _text(lambda: csv_of([*rows()[:9], *rows()[5:9], *rows()[9:]])), "twice left out: 4"
    ),
    "unsorted": Defect(_text(_shuffled), "put in order"),
}
"""What is put right, and used."""

SOUND: dict[str, Callable[[], bytes]] = {
    "as the archive writes it": good_zip,
    "stored": lambda: zip_of((MEMBER, csv_of(rows())), method=zipfile.ZIP_STORED),
    "with a header": _text(lambda: b"open_time,open,high,low,close,volume,close_time,quote_volume,count,"
                           b"taker_buy_volume,taker_buy_quote_volume,ignore\n" + csv_of(rows())),
    "with line ends of windows": _text(lambda: csv_of(rows()).replace(b"\n", b"\r\n")),
}  # fmt: skip
"""What nothing is wrong with."""
