"""A network: its layers in order, with sizes, parameters and costs."""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from inspect import get_annotations
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from convcli.errors import SizeError
from convcli.networks.layer_types.base import Layer, Sides, Size, sum_if_known, value_count
from convcli.networks.layer_types.dense import Flatten
from convcli.networks.layer_types.pooling import AdaptivePooling
from convcli.networks.stages import ReceptiveFields, SequentialBuilder, Stage, Tensor
from convcli.sizes.text import TypedSize, channels_last, counted, format_size

if TYPE_CHECKING:
    from convcli.networks.text.spec import Item


__all__ = [
    "Network",
    "Port",
    "single_layer",
    "with_channels_hint",
]


class Port(NamedTuple):
    """An input or an output of a network that has several.

    Attributes
    ----------
    name : str
        Empty if it has none.
    size : tuple of int
    tensor : int
        Its number, see `Stage.output_tensor`.
    """

    name: str
    size: Size
    tensor: int


class Network:
    """A network on an input of a given size.

    Attributes
    ----------
    input : tuple of int
    layers : tuple of Stage
        In order of execution: repeats written out, joins after their branches.
    blocks : tuple of str
        Short texts of the items of the spec's top level.
    items : tuple of Item
        The top level of the spec; empty for a layer given by options, and for a model file: see `structured`.
    inputs, outputs : tuple of Port
        All inputs and outputs, the main ones among them; empty if there is one of each.
    is_stored : bool
        Whether the parameters are those stored in a file, which may have folded normalization into
        convolutions.
    batch : int
        Number of inputs that a model file computes at once; all counts are for one of them.
    unused_params : int
        Parameters of a model file that no layer uses, such as those of heads for training alone.
    model_file : str
        Path of the model file that it was read from; empty for text.
    input_tags : tuple of (str, int)
        Names of the inputs in `items`, and the number of the input that each names.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> net = network("conv 6 f5, maxpool f2, flatten, fc 10", (32, 32, 3))
    >>> net.output, net.params, net.macs
    ((10,), 12226, 364560)
    >>> [str(layer.text) for layer in net.layers][:2], net.layers[1].output
    (['conv 6 f5', 'maxpool f2'], (14, 14, 6))
    """

    input: Size
    layers: tuple[Stage, ...]
    blocks: tuple[str, ...]
    items: "tuple[Item, ...]"
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    is_stored: bool
    batch: int
    unused_params: int
    model_file: str
    input_tags: tuple[tuple[str, int], ...]

    def __init__(
        self,
        input: Size,
        layers: tuple[Stage, ...],
        blocks: tuple[str, ...] = (),
        items: "tuple[Item, ...]" = (),
        inputs: tuple[Port, ...] = (),
        outputs: tuple[Port, ...] = (),
        is_stored: bool = False,
        batch: int = 1,
        unused_params: int = 0,
        model_file: str = "",
        input_tags: tuple[tuple[str, int], ...] = (),
    ) -> None:
        vars(self).update(
            input=input,
            layers=layers,
            blocks=blocks,
            items=items,
            inputs=inputs,
            outputs=outputs,
            is_stored=is_stored,
            batch=batch,
            unused_params=unused_params,
            model_file=model_file,
            input_tags=input_tags,
        )

    def changed(self, **attributes: Any) -> "Network":
        """Return a network that differs in some attributes.

        Examples
        --------
        >>> from convcli.networks.sources import network
        >>> network("relu", (9, 9, 3)).changed(model_file="a.onnx").model_file
        'a.onnx'
        """
        own = {name: getattr(self, name) for name in get_annotations(Network)}
        return Network(**own | attributes)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a network cannot be changed: {name} stays as it is")

    @property
    def output(self) -> Size:
        """Size of the main output."""
        if self.outputs:
            return self.main_output.size
        return self.layers[-1].output if self.layers else self.input

    @property
    def main_output(self) -> Port:
        """Of several outputs, the last of a text, and the first of a model file.

        Raises
        ------
        IndexError
            `outputs` is empty.
        """
        return self.outputs[0 if self.model_file else -1]

    @cached_property
    def structured(self) -> "Network":
        """The network with `items` and `blocks`, which a model file lacks, and its layers in their order."""
        if self.items or len(self.layers) < 2:
            return self
        from convcli.networks.structuring import find_items  # late: few runs need it

        return find_items(self)

    @property
    def stages_by_block(self) -> list[tuple[str, tuple[Stage, ...]]]:
        """The items of the top level: the text of each, and its layers."""
        network = self.structured
        groups = (tuple(stages) for _, stages in groupby(network.layers, attrgetter("block")))
        return [
            (network.blocks[stages[0].block] if len(stages) > 1 else stages[0].text, stages)
            for stages in groups
        ]

    @cached_property
    def params(self) -> int | None:
        """Parameters of all layers and `unused_params`; None if channels or filters are unknown."""
        return sum_if_known([*(stage.params for stage in self.layers), self.unused_params])

    @property
    def statistics(self) -> int:
        """Number of running statistics, which are kept but not learned."""
        return sum(stage.statistics for stage in self.layers)

    @cached_property
    def macs(self) -> int | None:
        """Multiply-accumulates of all layers for one input; None if unknown."""
        return sum_if_known(stage.macs for stage in self.layers)

    @property
    def known_params(self) -> int:
        """Parameters of the layers whose number is known, and `unused_params`: at least this many."""
        return sum(stage.params or 0 for stage in self.layers) + self.unused_params

    @property
    def known_macs(self) -> int:
        """Multiply-accumulates of the layers whose number is known: at least this many."""
        return sum(stage.macs or 0 for stage in self.layers)

    @cached_property
    def unknown(self) -> dict[str, int]:
        """Types of the operations of a model file that could not be counted, and how many there are of each.

        In order of execution. They are unknown operations, and layers after one that hides their size.
        """
        return dict(Counter(str(stage.layer.type) for stage in self.layers if stage.is_uncounted))

    @cached_property
    def activations(self) -> int | None:
        """Output values of all layers for one input; None if unknown."""
        return sum_if_known(stage.activations for stage in self.layers)

    @property
    def receptive_field(self) -> tuple[int | None, ...] | None:
        """Sides of the receptive field of the deepest features, see `fields`.

        None for an axis of which a unit sees all pixels; None for a network without an image.
        """
        return None if self.fields is None else tuple(field.size for field in self.fields)

    @property
    def fields(self) -> ReceptiveFields | None:
        """The receptive fields of the deepest features, before global pooling or flattening."""
        path, fields, gates = self._main_path, None, set[int]()
        ends = AdaptivePooling, Flatten
        read = {
            number for stage in path if not isinstance(stage.layer, ends) for number in stage.input_tensors
        }
        for stage in path:
            if stage.depth == 0 and isinstance(stage.layer, ends):
                number = next(iter(stage.input_tensors), None)
                # What is pooled but also read as it is goes on, such as the input of a gate.
                if number not in gates and (number not in read or isinstance(stage.layer, Flatten)):
                    break
                gates.add(stage.output_tensor)
            fields = stage.fields
        return fields

    @property
    def _main_path(self) -> Sequence[Stage]:
        """The layers that the main output depends on: all, if there are no others."""
        if not self.outputs:
            return self.layers
        needed, path = {self.main_output.tensor}, list[Stage]()
        for stage in reversed(self.layers):
            if stage.output_tensor in needed:
                needed.update(stage.input_tensors)
                path.append(stage)
        return path[::-1]

    @property
    def unused(self) -> tuple[Stage, ...]:
        """The layers whose output neither a layer reads nor the network returns.

        Examples
        --------
        >>> from convcli.networks.sources import network
        >>> net = network("relu @a, conv 2 f3, from @a, tanh", (9, 9, 3))
        >>> [stage.text for stage in net.unused]
        ['conv 2 f3']
        """
        read = {tensor for stage in self.layers for tensor in stage.input_tensors}
        read.update(port.tensor for port in self.outputs)
        if not self.outputs and self.layers:
            read.add(self.layers[-1].output_tensor)
        return tuple(stage for stage in self.layers if stage.output_tensor not in read)

    @cached_property
    def array_sizes(self) -> dict[int, int | None]:
        """The number of values of each array by its number, for one input; None if unknown."""
        sizes = {port.tensor: value_count(port.size) for port in self.inputs}
        sizes.setdefault(0, value_count(self.input))
        for stage in self.layers:
            sizes.setdefault(stage.output_tensor, stage.activations)
        return sizes

    @cached_property
    def peak_activations(self) -> int | None:
        """Least number of values that must be held at once during inference, for one input.

        While a layer runs, these are its inputs, its output, and the outputs that later layers need. Layers
        that do nothing at inference, and `Flatten`, need no memory of their own.
        """
        sizes = self.array_sizes
        if None in sizes.values():
            return None
        last_use = {
            tensor: number for number, stage in enumerate(self.layers) for tensor in stage.input_tensors
        }
        for port in self.outputs:
            last_use.pop(port.tensor, None)  # an output is kept to the end
        ends: dict[int, list[int]] = {}
        for tensor, number in last_use.items():
            ends.setdefault(number, []).append(tensor)
        held = {0, *(port.tensor for port in self.inputs)}
        live = peak = sum(sizes[tensor] or 0 for tensor in held)
        for number, stage in enumerate(self.layers):
            if stage.output_tensor not in held:
                held.add(stage.output_tensor)
                live += sizes[stage.output_tensor] or 0
            peak = max(peak, live)
            live -= sum(
                sizes[tensor] or 0 for tensor in ends.get(number, ()) if tensor != stage.output_tensor
            )
        return peak

    def __repr__(self) -> str:
        """Return the input size, the number of layers and the output size."""
        layers = counted(len(self.layers), "layer")
        return f"<Network {format_size(self.input)}, {layers}, {format_size(self.output)}>"

    def __str__(self) -> str:
        """Return the table of parameters and costs."""
        from convcli.networks.rows import table_rows
        from convcli.networks.tables import params_table

        return params_table(self, table_rows(self, has_headings=True)).as_text()

    def _repr_html_(self) -> str:
        """Return the diagram and the table, for notebooks."""
        from convcli.drawing.notebooks import notebook_html  # late: only notebooks need it

        return notebook_html("network_html", self)


def single_layer(layer: Layer, size: Size) -> Network:
    """Return a network of one layer; two numbers are the size of an image with unknown channels.

    Raises
    ------
    SizeError
        The layer is impossible on that size.

    Examples
    --------
    >>> from convcli.networks.layer_types.dense import Dense
    >>> single_layer(Dense(units=300), (16384,)).params
    4915500
    """
    builder = SequentialBuilder()
    size = Sides(size) if len(size) == 2 and not isinstance(size, TypedSize) else size
    try:
        builder.add(layer, None, Tensor.of_input(size), depth=0)
    except SizeError as error:
        raise with_channels_hint(error, size) from None
    return Network(size, tuple(builder.stages))


def with_channels_hint(error: SizeError, size: Size) -> SizeError:
    """Return an error that also asks about channels first, if the input looks like that.

    Examples
    --------
    >>> with_channels_hint(SizeError("filter 5 on input 3", "does not fit"), (3, 32, 32)).why
    'does not fit; if the channels come first, give the input as 32x32x3'
    """
    swapped = channels_last(size)
    if swapped is None:
        return error
    hint = f"if the channels come first, give the input as {format_size(swapped)}"
    return SizeError(error.what, f"{error.why}; {hint}")
