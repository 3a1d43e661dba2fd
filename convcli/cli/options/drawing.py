"""The drawings of ``apply``, beside results or instead of them: the options --sheet and --direction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from convcli.cli.options.batch import BatchOptions, read_destination
from convcli.errors import FilterError, UsageError
from convcli.figures.gradient_direction import GRADIENT_FILTERS
from convcli.files.streams import STREAM
from convcli.kernels.banks import Bank
from convcli.kernels.catalog import CATALOG
from convcli.kernels.filter import Filter
from convcli.kernels.named import get_filter
from convcli.pictures.formats.file_formats import FileFormat, format_for_path
from convcli.pipeline.outputs import Destination, check_name
from convcli.pipeline.recipes.directions import direction_recipe
from convcli.pipeline.recipes.recipe import Recipe
from convcli.pipeline.recipes.rendering import Rendering
from convcli.pipeline.recipes.sheets import sheet_recipe
from convcli.pipeline.recipes.window import SlidingWindow

__all__ = ["DrawingOptions"]

DEFAULT_LIMITS = "sobel"  # the default filter of --direction


@dataclass(frozen=True)
class DrawingOptions:
    """Which figures are drawn, where they go, and whether results are written as well."""

    sheet: Destination | None
    direction: Destination | None
    results: bool

    @classmethod
    def read(
        cls, sheet: str | None, direction: str | None, batch: BatchOptions, *, results: bool
    ) -> "DrawingOptions":
        """Read the options as they were typed.

        Raises
        ------
        UsageError
            A name does not fit a picture, or not one picture per input.
        """
        both = [
            None if name is None else _destination(option, name, batch, results=results)
            for option, name in (("--sheet", sheet), ("--direction", direction))
        ]
        for one in both:
            if one is not None and one.output == STREAM and (results or None not in both):
                raise UsageError(
                    f"{one.option} -",
                    "writes to standard output, but so do the names of the other outputs; write to a file",
                )
        return cls(both[0], both[1], results)

    @property
    def _are_directions_alone(self) -> bool:
        return self.sheet is None and not self.results

    def names(self, *, angle: str | None, size: str | None) -> list[str]:
        """Return the default filters.

        Raises
        ------
        UsageError
            An angle or a size is given, which not all of them have.
        """
        if self.sheet is None:
            return [DEFAULT_LIMITS]
        for option, given in (("--angle", angle), ("--size", size)):
            if given is not None:
                raise UsageError(option, "is not an option of every filter; choose filters by --filter")
        return list(CATALOG)

    def recipes(
        self,
        chosen: Sequence[Filter | Bank],
        window: SlidingWindow,
        rendering: Rendering,
        *,
        named: bool,
    ) -> list[Recipe]:
        """Make the operations that draw the figures.

        Parameters
        ----------
        chosen : sequence of Filter or Bank
        window, rendering
        named : bool
            Whether the filters were chosen, not the default ones.

        Raises
        ------
        UsageError
            A figure cannot be drawn.
        """
        made = []
        if self.sheet is not None:
            made.append(sheet_recipe(chosen, window, rendering, self.sheet))
        if self.direction is not None:
            if self._are_directions_alone:
                _check_plain(rendering)
            directed = self._directed(chosen, self.direction, named=named)
            made += [direction_recipe(one, window, rendering, self.direction) for one in directed]
        return made

    def _directed(
        self, chosen: Sequence[Filter | Bank], destination: Destination, *, named: bool
    ) -> list[Filter]:
        """Return the filters that have a direction; with a sheet or results there may be others as well."""
        if self.sheet is not None and not named:
            return [get_filter(DEFAULT_LIMITS)]
        found = [one for one in chosen if isinstance(one, Filter) and _is_directed(one)]
        others = [one.name for one in chosen if one not in found]
        if others and (not found or self._are_directions_alone):
            raise FilterError(others[0], f"gives no direction; use one of {', '.join(GRADIENT_FILTERS)}")
        if len(found) > 1 and (destination.output is not None or "{filter}" not in destination.name):
            raise UsageError(
                "--direction",
                f'is one picture for {len(found)} filters; add both fields: "{{stem}}-{{filter}}.png"',
            )
        return found


def _is_directed(one: Filter) -> bool:
    return len(one.kernels) == 2 and one.name.partition(":")[0] in GRADIENT_FILTERS


def _check_plain(rendering: Rendering) -> None:
    """Refuse options that would have no effect."""
    for option, given in (
        ("--signed", rendering.signed is not None),
        ("--scale", rendering.scale != 1),
        ("--bias", rendering.biases != (0,)),
        ("--relu", rendering.relu),
    ):
        if given:
            raise UsageError(
                option, "is for results, but --direction shows the gradient itself; leave it out"
            )


def _destination(option: str, name: str, batch: BatchOptions, *, results: bool) -> Destination:
    """Return where a figure goes; a name with fields, as in --name, gives one figure per input."""
    destination = batch.destination
    if "{" in name or "}" in name:
        goes = _for_each(option, name, destination)
    else:
        goes = read_destination(
            name, None, None, force=destination.force, json=batch.json, png_level=None, jobs=destination.jobs,
            option=option,
        )  # fmt: skip
        if len(batch.sources) > 1:
            example = f'{option} "{{stem}}-{Path(name).stem}{Path(name).suffix}"'
            raise UsageError(
                f"{option} {name}",
                f"is one picture for {len(batch.sources)} inputs; add {{stem}}: {example}",
            )
    if goes.format is None or goes.format.numeric or name.lower().endswith(".pgm"):
        what = "gray" if goes.format == FileFormat.PNM else f"{goes.format}, which holds values"
        raise UsageError(f"{option} {name}", f"is a color picture, not {what}; end it in .png")
    if destination.png_level is not None and goes.format != FileFormat.PNG and not results:
        raise UsageError("--png-level", f"is for PNG files, but {option} is {goes.format}")
    return replace(
        goes, skip_existing=destination.skip_existing, png_level=destination.png_level,
        option=option,
    )  # fmt: skip


def _for_each(option: str, name: str, destination: Destination) -> Destination:
    """Return the destination of a name with fields; folders before the first field are created as well."""
    parts = Path(name).parts
    fixed = next(number for number, part in enumerate(parts) if "{" in part or "}" in part)
    template = str(Path(*parts[fixed:]))
    check_name(template, option)
    file_format = FileFormat.PNG if template.endswith(".{ext}") else format_for_path(template)
    folder = Path(destination.folder or "", *parts[:fixed])
    return replace(
        destination,
        output=None,
        folder=None if folder == Path() else folder,
        name=template,
        format=file_format,
    )
