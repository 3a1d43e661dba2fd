"""Recognizes picture formats by the first bytes of a file."""

import re
from typing import BinaryIO

__all__ = ["find_format"]

PREFIX = 16
SIGNATURES = {
    "PNG": rb"\x89PNG",
    "JPEG": rb"\xff\xd8\xff",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "GIF": rb"GIF8",
    "WebP": rb"(?s:RIFF.{4}WEBP)",
    "AVIF": rb"(?s:.{4}ftypavi[fs])",
    "PNM": rb"P[1-6Ff][ \t\r\n#]",
    "JPEG 2000": rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
    "JPEG XL": rb"\0\0\0\x0cJXL \r\n\x87\n|\xff\x0a",
}


def find_format(stream: BinaryIO) -> str | None:
    """Return the name of the format whose signature a stream has, or None, and rewind the stream."""
    stream.seek(0)
    head = stream.read(PREFIX)
    stream.seek(0)
    return next((name for name, pattern in SIGNATURES.items() if re.match(pattern, head)), None)
