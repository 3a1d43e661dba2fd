"""Words that other programs and books use, and the names that convcli has for them."""

from collections.abc import Container

__all__ = ["meant_by"]

# A word may appear in several rows: the choices decide which name it means.
_OTHERS = {
    "apply": "convolve conv convolution filter blur run",
    "pool": "pooling maxpool avgpool downsample",
    "explain": "why show how",
    "learn": "train fit",
    "shape": "size sizes output",
    "params": "count parameters flops macs summary cost",
    "filters": "kernels list",
    "gaussian": "blur smooth gauss",
    "box": "average mean",
    "sobel": "edge edges gradient canny",
    "laplacian": "laplace",
    "sharpen": "sharp unsharp",
    "emboss": "relief",
    "identity": "none copy",
    "edge": "replicate nearest clamp extend",
    "reflect": "mirror reflect101 reflect_101",
    "symmetric": "grid-mirror",
    "wrap": "circular periodic repeat grid-wrap",
    "zero": "zeros black",
    "r": "red",
    "g": "green",
    "b": "blue",
    "gray": "grey luma l mono",
    "each": "all rgb color colour",
    "abs": "absolute magnitude",
    "center": "centre middle",
    "stretch": "normalize normalise minmax autocontrast",
    "raw": "float none keep",
    "avg": "average mean",
    "fp32": "float32 float single f32",
    "fp16": "float16 half f16 bf16 bfloat16",
    "int8": "i8 uint8",
    "maxpool": "max pool",
    "avgpool": "avg",
    "same": "half auto",
    "valid": "none",
}


def meant_by(word: str, choices: Container[str]) -> str | None:
    """Return the choice that other programs call by this word, or None.

    Examples
    --------
    >>> meant_by("replicate", ["zero", "edge"]), meant_by("mean", ["max", "avg"]), meant_by("mean", ["box"])
    ('edge', 'avg', 'box')
    >>> meant_by("blur", ["zero", "edge"])
    """
    found = (name for name, others in _OTHERS.items() if word in others.split() and name in choices)
    return next(found, None)
