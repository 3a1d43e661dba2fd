"""The base class of layers: text, output size, parameters and costs, which each type overrides."""

from collections.abc import Iterable
from functools import lru_cache
from inspect import get_annotations
from math import prod
from typing import Any, ClassVar, Literal, Self, dataclass_transform

from convcli.errors import SizeError
from convcli.sizes.adaptive import AdaptiveAxis
from convcli.sizes.axes import window_axes
from convcli.sizes.resized import CroppedAxis, ResizedAxis
from convcli.sizes.text import NamedPadding, PaddingAmounts, format_padding, format_size, joined_if_different
from convcli.sizes.transposed import TransposedAxis
from convcli.sizes.windowed import Axis

__all__ = [
    "DIMENSIONS",
    "NO_PADDING",
    "ONES",
    "ZEROS",
    "AnyAxis",
    "Layer",
    "PerAxis",
    "Sides",
    "Size",
    "UnknownChannelsError",
    "WindowedLayer",
    "cached_window_axes",
    "channels_of",
    "check_groups",
    "constant",
    "format_per_axis",
    "image_size",
    "rank_of",
    "shortest",
    "sides_of",
    "sum_if_known",
    "value_count",
    "with_sides",
]

Size = tuple[int, ...]
"""Sides, then channels: ``(values,)``, ``(L, C)``, ``(H, W, C)``, ``(D, H, W, C)``; `Sides` if the channels
are unknown, and ``()`` if nothing is known."""
# A layer computes the same axes several times, and a network has many equal layers.
cached_window_axes = lru_cache(1 << 12)(window_axes)
AnyAxis = Axis | TransposedAxis | AdaptiveAxis | ResizedAxis | CroppedAxis

REQUIRED = object()  # instead of the default of an attribute that has none
NO_PADDING: PaddingAmounts = ((0, 0),)
ONES, ZEROS = (1,), (0,)
PerAxis = tuple[int, ...]
"""One number for all axes, or one for each."""
DIMENSIONS = {1: "one-dimensional", 2: "two-dimensional", 3: "three-dimensional"}


class Sides(tuple[int, ...]):
    """The size of a sound, an image or a volume whose channels are unknown: its sides alone.

    Examples
    --------
    >>> Sides((28, 28)) == (28, 28), channels_of(Sides((28, 28))), channels_of((28, 28))
    (True, None, 28)
    """

    __slots__ = ()


def channels_of(size: Size) -> int | None:
    """Return the channels of a size, or the values of a vector; None if unknown.

    Examples
    --------
    >>> channels_of((7, 7, 512)), channels_of((4096,)), channels_of(Sides((7, 7))), channels_of(())
    (512, 4096, None, None)
    """
    return None if not size or isinstance(size, Sides) else size[-1]


def check_groups(groups: int, size: Size) -> None:
    """Check that a number of groups divides the channels, if they are known.

    Raises
    ------
    SizeError
        It does not.

    Examples
    --------
    >>> check_groups(4, (7, 7, 6))
    Traceback (most recent call last):
    convcli.errors.SizeError: groups 4: must divide the 6 channels, but 6 / 4 leaves a remainder of 2
    """
    channels = channels_of(size)
    if channels is not None and channels % groups:
        rest = channels % groups
        raise SizeError(
            f"groups {groups}",
            f"must divide the {channels} channels, but {channels} / {groups} leaves a remainder of {rest}",
        )


def sides_of(size: Size) -> Size:
    """Return a size without its channels: length, height and width, or depth, height and width.

    Examples
    --------
    >>> sides_of((7, 7, 512)), sides_of((4096,)), sides_of(Sides((7, 7)))
    ((7, 7), (), (7, 7))
    """
    return tuple(size) if isinstance(size, Sides) else size[:-1]


def with_sides(size: Size, sides: Iterable[int]) -> Size:
    """Return a size with other sides and the same channels.

    Examples
    --------
    >>> with_sides((7, 7, 512), (1, 1)), channels_of(with_sides(Sides((7, 7)), (1, 1)))
    ((1, 1, 512), None)
    """
    return Sides(sides) if isinstance(size, Sides) else (*sides, *size[-1:])


def rank_of(size: Size) -> int:
    """Return the number of axes: 1 for a sound, 2 for an image, 3 for a volume; 0 for a vector.

    Examples
    --------
    >>> [rank_of(size) for size in [(10,), (8000, 1), (7, 7, 512), Sides((7, 7)), (16, 7, 7, 512)]]
    [0, 1, 2, 2, 3]
    """
    return len(size) if isinstance(size, Sides) or not size else len(size) - 1


def value_count(size: Size) -> int | None:
    """Return the number of values of an array of that size; None if it or its channels are unknown.

    Examples
    --------
    >>> value_count((28, 28, 6)), value_count(Sides((28, 28)))
    (4704, None)
    """
    return None if channels_of(size) is None else prod(size)


def sum_if_known(numbers: Iterable[int | None]) -> int | None:
    """Return the sum of numbers, or None if any of them is unknown.

    Examples
    --------
    >>> sum_if_known([1, 2]), sum_if_known([1, None])
    (3, None)
    """
    total = 0
    for number in numbers:
        if number is None:
            return None
        total += number
    return total


class UnknownChannelsError(SizeError):
    """A layer is impossible on an input whose channels are unknown."""


class _Constant(str):
    """The value of an attribute that all layers of a class have in common."""

    __slots__ = ()


def constant(value: str, *, init: Literal[False] = False) -> str:  # noqa: ARG001 -- for type checkers
    """Return the value of an attribute that all layers of a class have in common."""
    return _Constant(value)


@dataclass_transform(
    kw_only_default=True, frozen_default=True, eq_default=False, field_specifiers=(constant,)
)
class Layer:
    """Base of all layers, with defaults that suit most of them.

    The annotated attributes of a class, with their defaults, are the keyword arguments that make a layer, as
    in a frozen dataclass. What `dataclasses.dataclass` generates takes a millisecond per class at import.

    Attributes such as a stride are tuples, of one number for all axes or one for each. A layer as typed fits
    inputs of any rank; `for_input` makes the one for an image, a sound or a volume. Layers that differ only
    in that are equal.
    """

    type: str
    per_axis: ClassVar[dict[str, str]] = {}  # attributes with one number per axis; the letter of each in text

    _attributes: ClassVar[dict[str, object]] = {}  # with their defaults, `REQUIRED` without one

    def __init_subclass__(cls) -> None:
        own = {
            name: cls.__dict__.get(name, cls._attributes.get(name, REQUIRED))
            for name, annotation in get_annotations(cls).items()
            if "ClassVar" not in str(annotation)
        }
        for name in [name for name, value in own.items() if isinstance(value, _Constant)]:
            setattr(cls, name, str(own.pop(name)))
        cls._attributes = cls._attributes | own

    def __init__(self, **values: object) -> None:
        attributes = self._attributes | values
        if len(attributes) != len(self._attributes) or REQUIRED in attributes.values():
            wrong = {*values} - {*self._attributes} or {
                name for name, value in attributes.items() if value is REQUIRED
            }
            raise TypeError(f"{type(self).__name__}: unknown or missing: {', '.join(sorted(wrong))}")
        vars(self).update(attributes)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"cannot assign {name}: layers do not change")

    def changed(self, **values: object) -> Self:
        """Return the layer with other values of some attributes.

        Examples
        --------
        >>> WindowedLayer(window=(5,)).changed(stride=(2,))
        WindowedLayer(window=(5,), stride=(2,), padding=((0, 0),), dilation=(1,))
        """
        layer = object.__new__(type(self))
        vars(layer).update(vars(self), **values)
        return layer

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layer) and self.identity() == other.identity()

    def __hash__(self) -> int:
        return hash(self.identity())

    def identity(self, **values: object) -> tuple[object, ...]:
        """Return what equal layers have in common: their attributes, with these values instead."""
        attributes = (vars(self) | values).items()
        per_axis = self.per_axis
        return type(self), *[shortest(value) if name in per_axis else value for name, value in attributes]

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({given})"

    is_view: ClassVar[bool] = False  # at inference its output is its input, and needs no memory
    has_params: ClassVar[bool] = False  # whether it has parameters

    @property
    def text(self) -> str:
        """The layer in the words of the layer grammar."""
        return str(self.type)

    def for_input(self, size: Size) -> Self:
        """Return the layer with one number per axis of an input of that size.

        Raises
        ------
        SizeError
            It has numbers for another number of axes.

        Examples
        --------
        >>> WindowedLayer(window=(5,), stride=(2,)).for_input((16, 112, 112, 3)).window
        (5, 5, 5)
        """
        rank = rank_of(size)
        spread = {}
        for name in self.per_axis if rank else ():
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != rank:
                if len(value) != 1:
                    raise _rank_error(self.per_axis[name], value, size)
                spread[name] = value * rank
        if not spread:
            return self
        return self.changed(**spread)

    def axes(self, size: Size) -> tuple[AnyAxis, ...] | None:  # noqa: ARG002 -- subclasses use it
        """Return the axes along which the layer's windows slide; None for a layer without windows.

        Raises
        ------
        SizeError
            The windows do not fit the input.
        """
        return None

    def output(self, size: Size) -> Size:
        """Return the output size for an input of that size.

        Raises
        ------
        SizeError
            The layer is impossible on that input.
        """
        axes = self.axes(size)
        return size if axes is None else with_sides(size, (axis.output for axis in axes))

    def weights(self, channels: int) -> Size | None:  # noqa: ARG002
        """Return the shape of the weights for this many input channels; None for a layer without weights."""
        return None

    def biases(self, channels: int) -> Size | None:  # noqa: ARG002
        """Return the shape of the bias; None for a layer without one."""
        return None

    def connections(self, channels: int) -> int | None:  # noqa: ARG002
        """Return the number of input values that an output value depends on; None if it varies."""
        return None

    def params(self, channels: int) -> int | None:
        """Return the number of parameters: weights and bias; None if unknown."""
        shapes = self.weights(channels), self.biases(channels)
        return sum(prod(shape) for shape in shapes if shape is not None)

    def statistics(self, channels: int) -> int:  # noqa: ARG002
        """Return the number of running statistics, which are kept but not learned."""
        return 0

    def macs(self, size: Size) -> int | None:  # noqa: ARG002
        """Return the multiply-accumulates for one input; None if unknown."""
        return 0


# Windows --------------------------------------------------------------------------------------------------


class WindowedLayer(Layer):
    """A layer with a sliding window: kernel size, stride, padding, dilation."""

    window: PerAxis
    stride: PerAxis = ONES
    padding: NamedPadding | PaddingAmounts = NO_PADDING
    dilation: PerAxis = ONES
    per_axis: ClassVar[dict[str, str]] = {"window": "f", "stride": "s", "padding": "p", "dilation": "d"}

    def geometry_words(self, *, default_stride: PerAxis = ONES) -> list[str]:
        """Return the geometry in the words of the layer grammar, without defaults."""
        words = [f"f{format_per_axis(self.window)}"]
        if shortest(self.stride) != shortest(default_stride):
            words.append(f"s{format_per_axis(self.stride)}")
        if shortest(self.padding) not in (NO_PADDING, NamedPadding.VALID):
            words.append(f"p{format_padding(self.padding)}")
        if shortest(self.dilation) != ONES:
            words.append(f"d{format_per_axis(self.dilation)}")
        return words


def format_per_axis(values: PerAxis) -> str:
    """Write one number per axis as text: `3` if they are equal, else as in `3x1`.

    Examples
    --------
    >>> format_per_axis((3, 3)), format_per_axis((1, 3, 3))
    ('3', '1x3x3')
    """
    return joined_if_different(map(str, values))


def shortest(value: object) -> object:
    """Return one number for all axes if those for each are equal."""
    return value[:1] if isinstance(value, tuple) and len(value) > 1 and len(set(value)) == 1 else value


def _rank_error(letter: str, values: tuple[Any, ...], size: Size) -> SizeError:
    rank = rank_of(size)
    if rank == 1:  # 80x1 and 1x80 are a sound's 80
        fitting: tuple[Any, ...] = (max(values),)
    else:
        fitting = values[-rank:] if len(values) > rank else values[:1] * (rank - len(values)) + values
    pairs = isinstance(values[0], tuple)
    amounts = [f"{a}" if a == b else f"{a}:{b}" for a, b in values] if pairs else map(str, values)
    typed = "x".join(amounts)
    advice = format_padding(fitting) if pairs else format_per_axis(fitting)
    return SizeError(
        f"{letter}{typed}",
        f"has {len(values)} sides, but the input {format_size(size)} is {DIMENSIONS.get(rank, f'{rank}-D')}: "
        f"give {letter}{advice}",
    )


def image_size(layer: Layer, size: Size) -> Size:
    """Return the sides of an input, such as height and width; or refuse a vector."""
    if not rank_of(size):
        raise SizeError(
            f"{layer.type} on {format_size(size)} values",
            "needs an image, not a vector; put it before the flatten",
        )
    return sides_of(size)
