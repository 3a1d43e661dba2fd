"""The sizes of a model file's inputs: those that it states, and those that a user types."""

import re
from collections.abc import Mapping, Sequence
from typing import NoReturn

from convcli.errors import SizeError, suggestion
from convcli.networks.layer_types.base import Size
from convcli.networks.models.operations import ModelInput, Shape
from convcli.sizes.per_axis import whole_number
from convcli.sizes.text import counted, format_size, parse_count

__all__ = ["fixed_sizes", "input_shapes", "square_size"]

SIDES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
EXAMPLES = {1: "8000x1", 2: "224x224x3", 3: "16x112x112x3"}  # of inputs with channels, by number of sides


def input_shapes(
    inputs: Sequence[ModelInput], size: str | Size | int | None, source: str
) -> dict[str, Shape]:
    """Return the shape of each input, batch first and channels where the file puts them.

    Parameters
    ----------
    inputs : sequence of ModelInput
        As the file declares them.
    size : str, tuple of int, int or None
        Without the batch and with the channels last, as everywhere in convcli; they may be left out. It is
        that of the first image, or of the first input if there is none; a text may name several:
        ``image=224x224x3,mask=224x224x1``. Sides that a file fixes are the default. None of these: they are.
    source : str
        The file, for messages.

    Raises
    ------
    SizeError
        A dynamic side has no size, the channels contradict those of the file, or an input does not exist.

    Examples
    --------
    >>> image = ModelInput("x", ("batch", 3, "height", "width"))
    >>> input_shapes([image], "320x240", "model.onnx")
    {'x': (1, 3, 320, 240)}
    """
    typed = _typed_sizes(inputs, size, source)
    bound: dict[str, int] = {}  # dynamic sides by name: those of several inputs may have one name
    shapes: dict[str, list[int | str | None]] = {}
    for model_input in inputs:
        shape: list[int | str | None] = list(model_input.shape)
        batch = model_input.batch_axis
        if _has_batch(model_input) and not isinstance(side := shape[batch], int):
            if side is not None:
                bound[side] = 1
            shape[batch] = 1
        if model_input.name in typed:
            for axis, number in _assigned(model_input, typed[model_input.name], source).items():
                declared = shape[axis]
                if isinstance(declared, str):
                    bound[declared] = number
                shape[axis] = number
        shapes[model_input.name] = shape
    for model_input in inputs:
        shape = [_bound(side, bound) for side in shapes[model_input.name]]
        if len(shape) == 1 and len(inputs) > 1 and not isinstance(shape[0], int):
            shape = [1]  # beside others, such as the step of a diffusion: one number for each input
        shapes[model_input.name] = shape
    missing = [each for each in inputs if not all(isinstance(side, int) for side in shapes[each.name])]
    if missing:
        _fail_missing(missing, shapes, typed, inputs, source)
    return {name: tuple(side for side in shape if isinstance(side, int)) for name, shape in shapes.items()}


def fixed_sizes(inputs: Sequence[ModelInput], shapes: Mapping[str, Shape]) -> str:
    """Return the sizes that a file states for its inputs, as text, if the shapes differ; else an empty text.

    Examples
    --------
    >>> image = ModelInput("x", (1, 3, 224, 224))
    >>> fixed_sizes([image], {"x": (1, 3, 320, 320)}), fixed_sizes([image], {"x": (1, 3, 224, 224)})
    ('224x224x3', '')
    """
    for model_input in inputs:
        stated = model_input.shape
        numbers = [side for side in stated if isinstance(side, int)]
        if len(numbers) == len(stated) and tuple(numbers) != shapes[model_input.name]:
            return format_size([numbers[axis] for axis in _axes(model_input)])
    return ""


def square_size(inputs: Sequence[ModelInput], side: int, size: str | None, source: str) -> Size:
    """Return the size of the main input with all sides equal, to be given to `input_shapes`.

    Raises
    ------
    SizeError
        There is no image among the inputs, or `size` names several.

    Examples
    --------
    >>> square_size([ModelInput("x", ("batch", "channels", "height", "width"))], 7, "32x32x3", "model.onnx")
    (7, 7, 3)
    """
    if not inputs or not _has_sides(_main(inputs)):
        raise SizeError(source, "has no image as input, so there is no side to search for")
    if size is not None and "=" in size:
        raise SizeError(f"input {size[:50]!r}", "names inputs; to search for a side, give the image alone")
    sides = len(_main(inputs).shape) - 2
    return (*[side] * sides, *(() if size is None else _numbers(size)[sides:]))


def _has_batch(model_input: ModelInput) -> bool:
    """Whether an axis is the batch: not that of a single row of numbers."""
    return len(model_input.shape) > 1


def _axes(model_input: ModelInput) -> list[int]:
    """Return the axes in the order in which they are typed: without the batch, the channels last."""
    axes = list(range(len(model_input.shape)))
    if _has_batch(model_input):
        axes.remove(model_input.batch_axis)
    channels = model_input.channel_axis
    if channels in axes:
        axes.remove(channels)
        axes.append(channels)
    return axes


def _has_sides(model_input: ModelInput) -> bool:
    """Whether it is an image, a sound or a volume."""
    return model_input.channel_axis is not None and len(model_input.shape) > 2


def _main(inputs: Sequence[ModelInput]) -> ModelInput:
    """Return the input that a size without a name is for: the first image, or the first of all."""
    return next((each for each in inputs if _has_sides(each)), inputs[0])


def _typed_sizes(
    inputs: Sequence[ModelInput], size: str | Size | int | None, source: str
) -> dict[str, tuple[int, ...]]:
    """Return the numbers that were given for each input."""
    if size is None or not inputs:
        return {}
    main = _main(inputs)
    if not isinstance(size, str):
        sides = size if isinstance(size, tuple | list) else (size,)
        return {main.name: tuple(whole_number(side, "input", 1) for side in sides)}
    if "=" not in size:
        return {main.name: _numbers(size)}
    typed = {}
    names = [each.name for each in inputs]
    for part in size.split(","):
        name, equals, text = (word.strip() for word in part.rpartition("="))
        if not equals:
            raise SizeError(
                f"input {size[:50]!r}", f"must name every input: {','.join(f'{each}=SIZE' for each in names)}"
            )
        if name not in names:
            raise SizeError(f"input {name[:50]!r}", f"is not one of {source}: {suggestion(name, names)}")
        typed[name] = _numbers(text)
    return typed


def _numbers(text: str) -> tuple[int, ...]:
    parts = re.split("[xX×]", text.strip())
    if not all(re.fullmatch(r"\s*\+?[0-9]+\s*", part) for part in parts):
        sides = re.findall(r"[0-9]+", text) if re.fullmatch(r"[\s0-9,;:*/()\[\]]+", text) else []
        hint = f"; did you mean {'x'.join(sides)}?" * (1 < len(sides) < 5)
        raise SizeError(f"input {text[:50]!r}", f"must be a size such as 224, 320x240 or 224x224x3{hint}")
    return tuple(parse_count(part, "input") for part in parts)


def _assigned(model_input: ModelInput, numbers: tuple[int, ...], source: str) -> dict[int, int]:
    """Return the number of each axis that was given; refuse channels that contradict the file."""
    axes = _axes(model_input)
    sides = len(axes) - 1 if _has_sides(model_input) else len(axes)
    if len(numbers) == 1 and _has_sides(model_input):
        numbers *= sides
    if len(numbers) not in (sides, len(axes)):
        _fail_rank(model_input, numbers, source)
    channels = model_input.shape[axes[-1]]
    has_channels = len(numbers) == len(axes) and model_input.channel_axis is not None
    if has_channels and isinstance(channels, int) and channels != numbers[-1]:
        swapped = (*numbers[1:], numbers[0]) if numbers[0] == channels else (*numbers[:-1], channels)
        raise SizeError(
            f"input {format_size(numbers)}",
            f"has {counted(numbers[-1], 'channel')}, but input {model_input.name!r} of "
            f"{source} has {channels}; channels come last: give {format_size(swapped)}",
        )
    return dict(zip(axes, numbers, strict=False))


def _fail_rank(model_input: ModelInput, numbers: tuple[int, ...], source: str) -> NoReturn:
    axes = _axes(model_input)
    names = "x".join(_side_names(model_input, axes)) or "a single number"
    shown = f"input {format_size(numbers)}"
    raise SizeError(shown, f"does not fit input {model_input.name!r} of {source}, which is {names}")


def _side_names(model_input: ModelInput, axes: Sequence[int]) -> list[str]:
    """Return a name for each axis: HEIGHT, WIDTH, CHANNELS."""
    if not _has_sides(model_input):
        return ["LENGTH"] * len(axes)
    sides = SIDES.get(len(axes) - 1, tuple(f"side{number}" for number in range(len(axes) - 1)))
    return [*(side.upper() for side in sides), "CHANNELS"]


def _bound(side: int | str | None, bound: dict[str, int]) -> int | str | None:
    return bound.get(side, side) if isinstance(side, str) else side


def _fail_missing(
    missing: Sequence[ModelInput],
    shapes: Mapping[str, Sequence[int | str | None]],
    typed: Mapping[str, tuple[int, ...]],
    inputs: Sequence[ModelInput],
    source: str,
) -> NoReturn:
    """Say which sides of the first input without a size are dynamic, and what to type."""
    first = missing[0]
    axes = _axes(first)
    names = dict(zip(axes, _side_names(first, axes), strict=True))
    dynamic = [axis for axis in axes if not isinstance(shapes[first.name][axis], int)]
    sides = " and ".join(_side_text(names[axis], first.shape[axis]) for axis in dynamic)
    examples = {name: format_size(numbers) for name, numbers in typed.items()}
    bound: set[int | str | None] = set()
    for each in missing:  # those that share the names of their sides with an earlier one follow from it
        symbols = {side for side in shapes[each.name] if not isinstance(side, int)}
        if None in symbols or not symbols <= bound:
            examples[each.name] = _example(each)
        bound |= symbols
    named = [f"{each.name}={examples[each.name]}" for each in inputs if each.name in examples]
    main = _main(inputs).name
    example = examples[main] if list(examples) == [main] else f'"{",".join(named)}"'
    raise SizeError(
        f"{source}, input {first.name!r}",
        f"has no fixed size: its {sides} {'is' if len(dynamic) == 1 else 'are'} dynamic; add --n {example}",
    )


def _side_text(name: str, symbol: int | str | None) -> str:
    """Return the name of a side, and what the file calls it."""
    is_named = isinstance(symbol, str) and symbol.lower() != name.lower()
    return f"{name.lower()} ({symbol})" if is_named else name.lower()


def _example(model_input: ModelInput) -> str:
    """Return a size that could be typed."""
    axes = _axes(model_input)
    typical = EXAMPLES.get(len(axes) - 1, "") if _has_sides(model_input) else ""
    sides = typical.split("x") if typical else ["128"] * len(axes)
    known = [model_input.shape[axis] for axis in axes]
    return "x".join(
        f"{number}" if isinstance(number, int) else side for number, side in zip(known, sides, strict=True)
    )
