"""Finds pictures that Pillow would cut: those whose bits, channels or planes it would lose."""

from __future__ import annotations

from typing import Any, BinaryIO

from PIL import Image

from convcli.errors import NotKeptWhole
from convcli.pictures.formats.unsupported import refuse_tiff
from convcli.pictures.headers.tiff_tags import ASSOCIATED, SEPARATE_PLANES, UNSIGNED, Photometric, Tag

__all__ = ["decoder_arguments", "refuse_cut"]

CHANNELS = {"La": 2, "LA": 2, "PA": 2, "RGB": 3, "YCbCr": 3, "LAB": 3, "RGBA": 4, "RGBa": 4, "CMYK": 4}
PLANES_IN_PILLOW = {"RGB", "YCbCr", "LAB", "RGBA", "CMYK"}  # modes whose separate planes Pillow puts together
EIGHT = 8


def refuse_cut(image: Image.Image, stream: BinaryIO, name: str) -> None:
    """Refuse an opened picture if Pillow would lose bits, channels or planes of it.

    Raises
    ------
    NotKeptWhole
        Pillow would lose something; the message says what.
    """
    if image.format == "TIFF":
        _refuse_cut_tiff(image, name)
        return
    bits = _bits(image, stream)
    in_color = image.mode not in {"1", "L", "I", "F"} and not image.mode.startswith("I;16")
    if (in_color or image.format == "AVIF") and bits > EIGHT:
        gray = decoder_arguments(image)[0].startswith("LA")
        samples = "bits of gray with alpha" if gray else f"bits per {'color ' * in_color}channel"
        raise NotKeptWhole(name, f"holds {bits} {samples}, which Pillow would cut to 8")


def _bits(image: Image.Image, stream: BinaryIO) -> int:
    """Return the bits per channel in the file, where there may be more than 8."""
    raw_mode, *rest = decoder_arguments(image)
    if image.format == "PNG" and ";16" in raw_mode:
        return 16
    if image.format == "PPM" and rest and isinstance(rest[0], int):
        return rest[0].bit_length()
    if image.format == "AVIF":
        from convcli.pictures.headers.avif import avif_bits  # late: only for an AVIF

        position = stream.tell()
        bits = avif_bits(stream)
        stream.seek(position)
        return bits
    return EIGHT


def _refuse_cut_tiff(image: Image.Image, name: str) -> None:
    tags: Any = image.tag_v2  # type: ignore[attr-defined] # a TIFF has it
    raw_mode = decoder_arguments(image)[0]
    samples, bits = tags.get(Tag.SAMPLES, 1), max(tags.get(Tag.BITS_PER_SAMPLE, (8,)))
    if image.mode in CHANNELS and bits > EIGHT:
        raise NotKeptWhole(name, f"holds {bits} bits per color channel, which Pillow would cut to 8")
    depth = tags.get(Tag.IMAGE_DEPTH, 1)
    if depth > 1:
        raise NotKeptWhole(name, f"holds a volume of {depth} slices, of which Pillow reads one")
    if "X" in raw_mode and samples > len(image.getbands()):  # libtiff, too, names what it has converted so
        photometric = tags.get(Tag.PHOTOMETRIC, Photometric.RGB)
        refuse_tiff(name, photometric, bits, UNSIGNED, tags.get(Tag.EXTRA_SAMPLES, ()))
        raise NotKeptWhole(name, f"holds {samples} samples per pixel, of which Pillow would drop some")
    planes = tags.get(Tag.PLANAR, 1) == SEPARATE_PLANES and samples > 1
    if planes and (image.mode not in PLANES_IN_PILLOW or tags.get(Tag.EXTRA_SAMPLES) == (ASSOCIATED,)):
        raise NotKeptWhole(
            name, f"holds its {samples} samples in separate planes, which Pillow does not read"
        )


def decoder_arguments(image: Image.Image) -> tuple[Any, ...]:
    """Return the arguments of Pillow's decoder: the raw mode first, or "" if there is none."""
    tiles = getattr(image, "tile", [])
    arguments = tiles[0][3] if tiles else ""
    whole = arguments if isinstance(arguments, tuple) else (arguments,)
    return whole if whole and isinstance(whole[0], str) else ("", *whole)
