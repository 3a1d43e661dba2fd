"""Whether the weights of a file fit a network: which layer each tensor is for, and what does not fit.

Layers and modules of the file are matched by the shapes of their weights, in order, because files name
modules in any way; only where the network was read from a file, modules of the same name come first. Weights
may lie as in PyTorch, ``(outputs, inputs, height, width)``, or as in Keras, ``(height, width, inputs,
outputs)``.
"""

from collections import defaultdict, deque
from collections.abc import Sequence
from typing import NamedTuple

from convcli.networks.models.operations import Weight
from convcli.networks.models.state_dicts.tensors import BITS, BUFFERS, StateDict, StoredTensor
from convcli.networks.network import Network
from convcli.networks.stages import Stage
from convcli.sizes.text import format_size

__all__ = ["Fit", "Match", "Mismatch", "Needed", "fit_weights", "needed_by_file", "needed_by_layers"]

Shape = tuple[int, ...]
FLOATING = frozenset(name for name in BITS if name.startswith(("float", "bfloat", "complex")))


class Needed(NamedTuple):
    """What a layer needs.

    Attributes
    ----------
    label : str
        The layer in words, with where it stands: ``conv 64 f3 p1 (line 3, column 1)``.
    name : str
        Its module in the file that the network was read from; empty for text.
    kernels : tuple of tuple of int
        The shapes that its weights may have, PyTorch's first.
    bias : tuple of int or None
    total : int or None
        Instead of shapes: the number of parameters, of a layer that convcli has no shapes for.
    """

    label: str
    name: str
    kernels: tuple[Shape, ...]
    bias: Shape | None
    total: int | None = None


class Module(NamedTuple):
    """The parameters of a module in a file of weights, without running statistics."""

    name: str
    tensors: tuple[StoredTensor, ...]

    @property
    def kernel(self) -> StoredTensor:
        """The weights: ``weight`` or ``kernel``, or the largest."""
        for tensor in self.tensors:
            if tensor.leaf in ("weight", "kernel", "gamma", "scale"):
                return tensor
        return max(self.tensors, key=lambda tensor: tensor.elements)

    @property
    def bias(self) -> StoredTensor | None:
        """The other tensor; None unless there are two."""
        return (
            next((each for each in self.tensors if each is not self.kernel), None) if self.is_pair else None
        )

    @property
    def is_pair(self) -> bool:
        """Whether it has weights and a bias."""
        return len(self.tensors) == 2

    @property
    def elements(self) -> int:
        """Number of values."""
        return sum(tensor.elements for tensor in self.tensors)


class Match(NamedTuple):
    """A layer and the module whose weights fit it."""

    needed: Needed
    module: str


class Mismatch(NamedTuple):
    """What does not fit: a tensor, a layer without one, or a tensor that no layer needs.

    Attributes
    ----------
    tensor : str
        Empty for a layer without weights in the file.
    shape : tuple of int or None
        That of the tensor.
    layer : str
        Empty for a tensor that no layer needs.
    needed : tuple of int or None
        The shape that the layer needs.
    """

    tensor: str
    shape: Shape | None
    layer: str
    needed: Shape | None

    def __str__(self) -> str:
        shape = None if self.shape is None else format_size(self.shape) or "a single number"
        needed = None if self.needed is None else format_size(self.needed) or "a single number"
        if not self.layer:
            return f"{self.tensor} is {shape}, but no layer needs it"
        if not self.tensor:
            return f"{self.layer} needs {needed}, which the file lacks"
        return f"{self.tensor} is {shape}, but {self.layer} needs {needed}"


class Fit(NamedTuple):
    """Whether weights fit a network.

    Attributes
    ----------
    matches : list of Match
        In the order of the layers.
    wrong, missing, left_over : list of Mismatch
        Tensors of another shape than their layer needs, layers without weights in the file, and tensors that
        no layer needs.
    """

    matches: list[Match]
    wrong: list[Mismatch]
    missing: list[Mismatch]
    left_over: list[Mismatch]

    @property
    def fits(self) -> bool:
        """Whether all of them fit, and none is missing or left over."""
        return not (self.wrong or self.missing or self.left_over)

    @property
    def mismatches(self) -> list[Mismatch]:
        """All that does not fit."""
        return [*self.wrong, *self.missing, *self.left_over]


def needed_by_layers(network: Network) -> list[Needed]:
    """Return what the layers of a network need, in order; those that share weights need them once."""
    found = []
    for stage in network.layers:
        if stage.shares is None and stage.params:
            place = f" ({stage.place})" if stage.place else ""
            found.append(_needed_by(stage, f"{stage.text}{place}"))
    return found


def _needed_by(stage: Stage, label: str) -> Needed:
    weights, biases = stage.weights, stage.biases
    if weights is None:
        return Needed(label, stage.name, (), None, stage.params)
    bias = None if biases is None else (max(biases),)
    if len(weights) < 3:
        kernels = (weights[::-1], weights)
        return Needed(label, stage.name, kernels, bias)
    *window, inputs, outputs = weights
    groups = getattr(stage.layer, "groups", 1)
    if stage.layer.type == "tconv":
        ends = inputs * groups, outputs // groups
        stored: tuple[Shape, ...] = ((*ends, *window), (*window, *ends[::-1]))
    else:
        stored = ((outputs, inputs, *window), (*window, inputs, outputs))
        channels = stage.input[-1]
        if inputs == 1 and outputs % channels == 0:  # Keras's depthwise kernels
            stored = (*stored, (*window, channels, outputs // channels))
    return Needed(label, stage.name, stored, bias)


def needed_by_file(weights: Sequence[Weight], *, kernels_only: bool = False) -> list[Needed]:
    """Return what a network needs that was read from a model file, which states the shapes of its weights.

    Parameters
    ----------
    kernels_only : bool
        Leave out vectors: biases and normalization, which exporters fold into each other.
    """
    if kernels_only:
        return [
            Needed(weight.name, weight.name, _layouts(weight.shape), None)
            for weight in weights
            if weight.learned and weight.dtype in FLOATING and _is_kernel(weight.shape)
        ]
    modules: dict[str, list[Weight]] = defaultdict(list)
    for weight in weights:
        if weight.learned and weight.dtype in FLOATING:
            modules[_module_name(weight.name)].append(weight)
    found = []
    for name, members in modules.items():
        if len(members) > 2:
            found += [Needed(each.name, each.name, _layouts(each.shape), None) for each in members]
            continue
        kernel = next(
            (each for each in members if _leaf(each.name) in ("weight", "kernel", "gamma")), members[0]
        )
        bias = next((each.shape for each in members if each is not kernel), None)
        found.append(Needed(name or kernel.name, name or kernel.name, _layouts(kernel.shape), bias))
    return found


def _module_name(name: str) -> str:
    return name.rpartition(".")[0]


def _leaf(name: str) -> str:
    return name.rpartition(".")[2]


def _layouts(shape: Shape) -> tuple[Shape, ...]:
    """Return a stored shape as it is, and as other frameworks store it."""
    if len(shape) < 2:
        return (shape,)
    if len(shape) == 2:
        return shape, shape[::-1]
    return shape, (*shape[2:], shape[1], shape[0]), (shape[-1], shape[-2], *shape[:-2])


def _squeezed(shape: Shape) -> Shape:
    """Return a shape without axes of length 1 around a vector, as a scale is stored as cx1x1."""
    return tuple(side for side in shape if side != 1) if sum(side != 1 for side in shape) <= 1 else shape


def _is_kernel(shape: Shape) -> bool:
    """Whether weights are more than a vector."""
    return len(_squeezed(shape)) > 1


def _modules_of(state_dict: StateDict, *, kernels_only: bool) -> list[Module]:
    """Return the modules of a file, in order; those of more than two tensors are taken apart."""
    if kernels_only:
        return [
            Module(tensor.name, (tensor,))
            for tensor in state_dict.tensors
            if tensor.is_learned and not tensor.shared and _is_kernel(tensor.shape)
        ]
    found: dict[str, list[StoredTensor]] = {}
    for tensor in state_dict.tensors:
        if tensor.leaf not in BUFFERS and tensor.is_learned and not tensor.shared:
            found.setdefault(tensor.module, []).append(tensor)
    modules = []
    for name, tensors in found.items():
        if len(tensors) <= 2 and (name or {tensor.leaf for tensor in tensors} == {"weight", "bias"}):
            modules.append(Module(name, tuple(tensors)))
        else:
            modules += [Module(tensor.name, (tensor,)) for tensor in tensors]
    return modules


class _Fitter:
    """Matches layers and modules in passes, from what certainly belongs together to what is only similar."""

    def __init__(self, needed: Sequence[Needed], modules: Sequence[Module]) -> None:
        self._needed = needed
        self._modules = modules
        self._found: dict[int, Module] = {}  # by the index of what is needed
        self._free = dict.fromkeys(range(len(modules)))
        self._wrong: list[Mismatch] = []

    def fit(self) -> Fit:
        self._match_names()
        self._match_shapes(with_bias=True)
        self._match_totals()
        self._match_shapes(with_bias=False)
        missing, left_over = self._pair_similar()
        matches = [Match(self._needed[index], module.name) for index, module in sorted(self._found.items())]
        return Fit(matches, self._wrong, missing, left_over)

    def _open(self) -> list[int]:
        return [index for index in range(len(self._needed)) if index not in self._found]

    def _take(self, index: int, place: int) -> None:
        self._found[index] = self._modules[place]
        del self._free[place]

    def _match_names(self) -> None:
        """Match what has the same name and fits."""
        places = {self._modules[place].name: place for place in self._free}
        for index in self._open():
            needed = self._needed[index]
            named = places.get(needed.name) if needed.name else None
            if named is not None and named in self._free and _fits(needed, self._modules[named]):
                self._take(index, named)

    def _match_shapes(self, *, with_bias: bool) -> None:
        """Match the k-th layer that needs certain shapes with the k-th module that has them."""
        places: dict[object, deque[int]] = defaultdict(deque)
        for place in self._free:
            module = self._modules[place]
            bias = None if module.bias is None else _squeezed(module.bias.shape)
            places[_squeezed(module.kernel.shape), bias if with_bias else None].append(place)
        for index in self._open():
            needed = self._needed[index]
            bias = None if needed.bias is None else _squeezed(needed.bias)
            for kernel in needed.kernels:
                waiting = places.get((_squeezed(kernel), bias if with_bias else None))
                if waiting:
                    place = waiting.popleft()
                    module = self._modules[place]
                    self._take(index, place)
                    if not with_bias:
                        self._note_bias(needed, module)
                    break

    def _note_bias(self, needed: Needed, module: Module) -> None:
        """Note a bias that is missing, left over or of another length."""
        bias = module.bias
        if bias is not None:
            layer = "" if needed.bias is None else needed.label
            self._wrong.append(Mismatch(bias.name, bias.shape, layer, needed.bias))
        else:
            self._wrong.append(Mismatch("", None, f"{needed.label}, the bias,", needed.bias))

    def _match_totals(self) -> None:
        """Match layers without known shapes with all tensors below their name, or of their number."""
        for index in self._open():
            needed = self._needed[index]
            if needed.total is None:
                continue
            below = [
                place
                for place in self._free
                if needed.name and f"{self._modules[place].name}.".startswith(f"{needed.name}.")
            ]
            if not below or sum(self._modules[place].elements for place in below) != needed.total:
                below = [place for place in self._free if self._modules[place].elements == needed.total][:1]
            if below:
                self._found[index] = self._modules[below[0]]._replace(
                    name=needed.name or self._modules[below[0]].name
                )
                for place in below:
                    del self._free[place]

    def _pair_similar(self) -> tuple[list[Mismatch], list[Mismatch]]:
        """Pair what is left by name, or in order by number of axes; return what is missing and left over."""
        missing = []
        places: dict[int, deque[int]] = defaultdict(deque)
        names = {self._modules[place].name: place for place in self._free}
        for place in self._free:
            places[len(_squeezed(self._modules[place].kernel.shape))].append(place)
        for index in self._open():
            needed = self._needed[index]
            kernel = needed.kernels[0] if needed.kernels else None
            similar = names.get(needed.name) if needed.name else None
            if similar not in self._free:
                waiting = places[len(_squeezed(kernel))] if kernel is not None else deque()
                while waiting and waiting[0] not in self._free:
                    waiting.popleft()
                similar = waiting.popleft() if waiting else None
            if similar is None or kernel is None:
                missing.append(Mismatch("", None, needed.label, kernel or (needed.total or 0,)))
                continue
            module = self._modules[similar]
            del self._free[similar]
            self._wrong.append(Mismatch(module.kernel.name, module.kernel.shape, needed.label, kernel))
        left_over = [
            Mismatch(tensor.name, tensor.shape, "", None)
            for place in self._free
            for tensor in self._modules[place].tensors
        ]
        return missing, left_over


def _fits(needed: Needed, module: Module) -> bool:
    """Whether a module has the shapes that a layer needs."""
    if needed.total is not None:
        return module.elements == needed.total
    bias = None if module.bias is None else _squeezed(module.bias.shape)
    kernels = [_squeezed(kernel) for kernel in needed.kernels]
    wanted = None if needed.bias is None else _squeezed(needed.bias)
    return _squeezed(module.kernel.shape) in kernels and bias == wanted


def fit_weights(needed: Sequence[Needed], state_dict: StateDict, *, kernels_only: bool = False) -> Fit:
    """Match the weights of a file with what a network needs.

    Parameters
    ----------
    kernels_only : bool
        Leave out the vectors of the file, as in `needed_by_file`.

    Examples
    --------
    >>> conv = Needed("conv 8 f3 (line 1)", "", ((8, 3, 3, 3), (3, 3, 3, 8)), (8,))
    >>> tensors = [StoredTensor("0.weight", (8, 4, 3, 3), "float32"), StoredTensor("0.bias", (8,), "float32")]
    >>> fit = fit_weights([conv], StateDict("a.pth", tuple(tensors)))
    >>> fit.fits, str(fit.wrong[0])
    (False, '0.weight is 8x4x3x3, but conv 8 f3 (line 1) needs 8x3x3x3')
    """
    return _Fitter(needed, _modules_of(state_dict, kernels_only=kernels_only)).fit()
