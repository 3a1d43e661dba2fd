"""Describes what an intact picture holds that Pillow does not open."""

from itertools import islice
from typing import BinaryIO

from PIL import TiffImagePlugin

from convcli.errors import NotKeptWhole
from convcli.pictures.formats.unsupported import (
    refuse_compression,
    refuse_jpeg,
    refuse_tiff,
)
from convcli.pictures.headers.jpeg import read_frame
from convcli.pictures.headers.tiff import Tags, read_tags
from convcli.pictures.headers.tiff_pages import page_offsets
from convcli.pictures.headers.tiff_tags import FLOAT, SEPARATE_PLANES, SIGNED, Photometric, Tag

__all__ = ["refuse_unopened"]

SAMPLE_FORMATS = {1: "", SIGNED: " signed", FLOAT: " float", 4: "", 5: " complex", 6: " complex"}
EIGHT = 8  # bits


def refuse_unopened(stream: BinaryIO, name: str, frame: int = 0) -> None:
    """Refuse a picture that Pillow does not open although its header is intact: what it holds is the reason.

    Raises
    ------
    NotKeptWhole
        It holds what Pillow does not read.
    ImageError
        It holds what no decoder reads.
    """
    stream.seek(0)
    head = stream.read(4)
    holds: str | None = None
    if head[:2] == b"\xff\xd8":
        holds = _describe_jpeg(stream, name)
    elif head in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}:
        holds = _describe_tiff(head[:2], _page_tags(stream, frame), name)
    if holds:
        raise NotKeptWhole(name, f"{holds}, which Pillow does not read")


def _page_tags(stream: BinaryIO, frame: int) -> Tags | None:
    offset = next(islice(page_offsets(stream), frame, None), None)
    return None if offset is None else read_tags(stream, offset)


def _describe_jpeg(stream: BinaryIO, name: str) -> str | None:
    frame = read_frame(stream)
    if frame is None or frame.bits == EIGHT:
        return None
    refuse_jpeg(name, frame)
    return f"holds {frame.bits} bits per channel"


def _describe_tiff(head: bytes, tags: Tags | None, name: str) -> str | None:
    """Return what a TIFF holds that Pillow does not read; None if it reads it, or if its tags are damaged.

    Raises
    ------
    ImageError
        No other decoder reads it, either.
    """
    if tags is None or not {Tag.PHOTOMETRIC, Tag.WIDTH, Tag.HEIGHT} <= set(tags):
        return None
    samples = tags.get(Tag.SAMPLES, (1,))[0]
    bits = tags.get(Tag.BITS_PER_SAMPLE, (1,))
    formats = set(tags.get(Tag.SAMPLE_FORMAT, (1,)))
    if samples < 1 or not all(1 <= number <= 128 for number in bits) or not formats <= set(SAMPLE_FORMATS):
        return None
    method = tags.get(Tag.COMPRESSION, (1,))[0]
    if method not in TiffImagePlugin.COMPRESSION_INFO:
        refuse_compression(name, method)
        return f"is compressed by method {method}"
    planes = samples > 1 and tags.get(Tag.PLANAR) == (SEPARATE_PLANES,)
    if _pillow_reads(head, tags, samples, bits, formats) and not (planes and Tag.EXTRA_SAMPLES in tags):
        return None
    photometric, extra = tags[Tag.PHOTOMETRIC][0], tags.get(Tag.EXTRA_SAMPLES, ())
    refuse_tiff(name, photometric, bits[0], max(formats), extra)
    refuse_compression(name, method)
    depth = f"{bits[0]}-bit" if len(set(bits)) == 1 else "unequal"
    kind = SAMPLE_FORMATS[next(iter(formats))] if len(formats) == 1 else ""
    several = f", {samples} per pixel" if samples > 1 else ""
    white = " that count from white" if tags[Tag.PHOTOMETRIC] == (Photometric.WHITE_IS_ZERO,) else ""
    apart = " in separate planes" if planes else ""
    order = ", big-endian" if head == b"MM" and not several + white else ""
    return f"holds {depth}{kind} samples{white}{order}{several}{apart}"


def _pillow_reads(head: bytes, tags: Tags, samples: int, bits: tuple[int, ...], formats: set[int]) -> bool:
    """Whether Pillow has an entry for the samples of a TIFF."""
    wanted = (
        head,
        tags[Tag.PHOTOMETRIC][0],
        tuple(sorted(formats)),
        tags.get(Tag.FILL_ORDER, (1,))[0],
        bits * samples if len(bits) == 1 else bits,
        tags.get(Tag.EXTRA_SAMPLES, ()),
    )
    return wanted in TiffImagePlugin.OPEN_INFO
