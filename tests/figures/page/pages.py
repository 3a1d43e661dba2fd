"""Playgrounds that several tests show, and what a browser shows of them."""

from typing import TYPE_CHECKING, Any

import numpy as np

from convcli.convolution.planning import ConvolutionSettings
from convcli.figures.page.playground import (
    KernelChoice,
    OutputColors,
    Playground,
    PoolingWindow,
    as_kernel_choice,
)
from convcli.kernels.lookup import get_filter

if TYPE_CHECKING:
    from playwright.sync_api import Page

EDGE = np.array([[10, 10, 10, 0, 0, 0]] * 6)
RAMP = np.arange(49).reshape(7, 7)
COLORED = np.stack((EDGE, np.full((6, 6), 5), np.arange(36).reshape(6, 6)), axis=2)
RED_EDGE = np.stack(([[1, 0, -1]] * 3, np.zeros((3, 3), int), np.zeros((3, 3), int)), axis=2)
POOLED = np.array([[1, 3, 2, 1], [2, 9, 1, 1], [1, 3, 2, 3], [5, 6, 1, 2]])
PHOTO = np.random.default_rng(1).integers(0, 256, (90, 120), np.uint8)


def edge(**changes: Any) -> Playground:
    """Return the article's first example, or a variation of it."""
    shown: dict[str, Any] = {
        "title": "vertical on edge.csv",
        "image": EDGE,
        "choice": as_kernel_choice(get_filter("vertical"), ("--filter", "vertical")),
        "settings": ConvolutionSettings(padding="valid"),
    }
    return Playground(**(shown | changes))


def volume(**changes: Any) -> Playground:
    """Return a filter as deep as the image."""
    return edge(**({"image": COLORED, "choice": KernelChoice("red edge", (RED_EDGE,))} | changes))


def pooling(**changes: Any) -> Playground:
    """Return max pooling."""
    return edge(image=POOLED, pooling=PoolingWindow(), **changes)


def photo(**changes: Any) -> Playground:
    """Return a picture, too large for numbers."""
    settings = ConvolutionSettings(padding="same")
    choice = as_kernel_choice(get_filter("sobel-x"))
    return edge(
        **(
            {"image": PHOTO, "white": 255, "colors": OutputColors.ABS, "choice": choice, "settings": settings}
            | changes
        )
    )


def texts(page: "Page", selector: str) -> list[str]:
    """Return the texts of elements, with an ASCII minus."""
    found = page.locator(selector).all_text_contents()
    return [text.replace("−", "-") for text in found]


def numbers(page: "Page", part: str = "output") -> list[list[float]]:
    """Return the table of the input or the output."""
    rows: list[list[str]] = page.locator(f"#{part} .views tbody tr").evaluate_all(
        "(rows) => rows.map((row) => [...row.querySelectorAll('td')].map((cell) => cell.textContent))"
    )
    return [[float(text.replace("−", "-")) for text in row] for row in rows]


def sum_text(page: "Page") -> str:
    """Return the line above the explanation."""
    return texts(page, "#sum")[0]


def window(page: "Page") -> set[tuple[int, int]]:
    """Return the rows and columns of the input that the window covers, counted in the padded input."""
    names = page.locator("#input td.window").evaluate_all("(cells) => cells.map((cell) => cell.id)")
    return {(int(row), int(column)) for _, row, column in (name.split("-") for name in names)}
