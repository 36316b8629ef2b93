"""Compares the layout of screens with kept images: small, in shades of grey, and with tolerance for fonts.

A screenshot is reduced to a small image, in which letters are a shade. Each place is compared with the places around it
in the other image, so that a text of another font, which is a little wider or higher, is no difference, while a panel
that is elsewhere, empty or gone is one.
"""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from playwright.async_api import Page

Shades = NDArray[np.int16]  # of grey, 0 to 255, by line and column

FOLDER: Final = Path(__file__).parent / "layout"
WIDTH: Final = 144  # of a kept image
REACH: Final = 2  # places around, in each direction
MAX_DIFFERENCE: Final = 20  # between shades that count as equal
_READ_SHADES: Final = """async ([data, width, height]) => {
    const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
    const picture = await createImageBitmap(new Blob([bytes]), {resizeWidth: width, resizeHeight: height, resizeQuality: "high"});
    const canvas = new OffscreenCanvas(width, height).getContext("2d");
    canvas.drawImage(picture, 0, 0);
    const {data: values} = canvas.getImageData(0, 0, width, height);
    return Array.from({length: width * height}, (_, index) => Math.round(
        0.3 * values[4 * index] + 0.59 * values[4 * index + 1] + 0.11 * values[4 * index + 2]));
}"""


async def read_shades(page: Page, picture: bytes) -> Shades:
    """Return a PNG reduced to the width of kept images, by the browser of the page."""
    width, height = struct.unpack(">II", picture[16:24])
    lines = round(WIDTH * height / width)
    values: Any = await page.evaluate(_READ_SHADES, [base64.b64encode(picture).decode(), WIDTH, lines])
    return np.array(values, dtype=np.int16).reshape(lines, WIDTH)


def compare_shades(one: Shades, other: Shades) -> float:
    """Return the share of places that differ from all places around them in the other image, in percent."""
    if one.shape != other.shape:
        return 100.0
    differences = np.maximum(_difference_around(one, other), _difference_around(other, one))
    return float((differences > MAX_DIFFERENCE).mean() * 100)


def _difference_around(one: Shades, other: Shades) -> Shades:
    """Return for each place of one image the least difference to the places around it in the other."""
    padded = np.pad(other, REACH, mode="edge")
    steps = range(2 * REACH + 1)
    lines, columns = one.shape
    around = [np.abs(one - padded[down : down + lines, right : right + columns]) for down in steps for right in steps]
    least: Shades = np.min(around, axis=0)
    return least


def encode_png(shades: Shades) -> bytes:
    """Return an image as a PNG of 16 shades, which is what a comparison with tolerance needs."""
    lines, columns = shades.shape
    levels = np.round(shades / 17).astype(np.uint8)
    packed = (levels[:, 0::2] << 4) | levels[:, 1::2]
    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    header = struct.pack(">IIBBBBB", columns, lines, 4, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
