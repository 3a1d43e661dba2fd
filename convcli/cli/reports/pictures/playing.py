"""Pages to play with: what ``explain`` and ``filters`` write into ``-o play.html``."""

from typing import TYPE_CHECKING

import numpy as np

from convcli.cli.output_files import write_output_file
from convcli.convolution.planning import ConvolutionSettings
from convcli.figures.page.page import playground_page
from convcli.figures.page.playground import Playground, as_kernel_choice
from convcli.files.identity import FileIds

if TYPE_CHECKING:
    from convcli.kernels.filter import Filter

__all__ = ["filter_playground", "save_page"]

SAMPLE = [[10, 10, 10, 0, 0, 0]] * 6  # the textbook's vertical edge
MAX_VALID = 4  # coefficients a side: the results of larger kernels on the sample would be very small


def filter_playground(filter_: "Filter") -> Playground:
    """Return what a page shows of a filter: its kernels on a small image, half bright and half dark.

    Examples
    --------
    >>> from convcli.kernels.lookup import get_filter
    >>> filter_playground(get_filter("sobel")).title
    'sobel'
    """
    padding = "valid" if max(filter_.shape) <= MAX_VALID else "same"
    return Playground(
        title=filter_.name,
        subtitle=f"{filter_.summary}; responds to {filter_.responds_to}",
        image=np.array(SAMPLE),
        choice=as_kernel_choice(filter_),
        settings=ConvolutionSettings(padding=padding),
        at=(1, 1),
        notes=(f"Source: {filter_.source}.",) if filter_.source != "typed" else (),
    )


def save_page(playground: Playground, target: str, inputs: FileIds, *, force: bool) -> None:
    """Write a page into a file that has been checked.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    write_output_file(target, playground_page(playground).encode(), inputs, force=force)
