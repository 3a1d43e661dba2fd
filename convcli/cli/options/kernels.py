"""Reads the values of --kernel: coefficients, or a file after an @."""

from pathlib import Path

from convcli.cli.terminal.output import message
from convcli.errors import KernelError
from convcli.kernels.banks import Bank, filter_or_bank
from convcli.kernels.catalog import CATALOG
from convcli.kernels.filter import Filter, custom_filter
from convcli.kernels.parsing import parse_kernel_matrix
from convcli.kernels.weights import WEIGHT_FILES, load_weights, split_weights
from convcli.sizes.text import format_size

__all__ = ["is_kernel_file", "parse_kernel_option"]


def is_kernel_file(text: str) -> bool:
    """Whether a text is the name of a file that can hold a kernel.

    Examples
    --------
    >>> is_kernel_file("weights.npz:conv1.weight"), is_kernel_file("sobel-x")
    (True, False)
    """
    return Path(split_weights(text)[0]).suffix.lower() in WEIGHT_FILES


def parse_kernel_option(text: str, order: str | None) -> Filter | Bank:
    """Read a kernel from the value of --kernel.

    Parameters
    ----------
    text : str
        Rows of coefficients, or a file after an @.
    order : str or None
        Order of the axes in a file, see `read_weights`.

    Raises
    ------
    KernelError
        The text is not a kernel, or the file cannot be read.

    Examples
    --------
    >>> parse_kernel_option("1 -2 1", None).name
    'kernel'
    """
    if text.startswith("@"):
        file, tensor = split_weights(text[1:])
        weights = load_weights(file, tensor, order=order)
        if weights.is_ambiguous:
            volume = weights.taps.ndim == 3
            read, other = ("(f, f, C)", "(C, f, f)") if volume else ("(f, f, C, F)", "(F, C, f, f)")
            message(
                "note",
                f"{file}: {format_size(weights.taps.shape)} is read as {read}; if the axes are {other}, "
                "add --order oihw",
            )
        return filter_or_bank(tensor or Path(file).stem, weights.taps)
    try:
        return custom_filter("kernel", parse_kernel_matrix(text, "--kernel"))
    except KernelError:
        if is_kernel_file(text):
            raise KernelError("--kernel", f"{text} is a file; write it with an @: --kernel @{text}") from None
        if text.partition(":")[0].lower() in CATALOG:
            raise KernelError("--kernel", f"{text} is the name of a filter; use --filter {text}") from None
        raise
