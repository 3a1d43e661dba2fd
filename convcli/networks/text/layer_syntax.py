"""The words of the layer grammar: each layer's names, its options and the class that it becomes."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from convcli.errors import SizeError
from convcli.networks.layer_types.base import Layer
from convcli.networks.layer_types.convolution import Convolution, Depthwise, TransposedConvolution
from convcli.networks.layer_types.cropping import Crop, Slice
from convcli.networks.layer_types.dense import Dense, Flatten
from convcli.networks.layer_types.elementwise import (
    Elementwise,
    ElementwiseKind,
    Normalization,
    NormalizationKind,
    Pad,
    PadMode,
    Prelu,
    Scale,
)
from convcli.networks.layer_types.pooling import AdaptiveKind, AdaptivePooling, BlurPool, Pooling, PoolingKind
from convcli.networks.layer_types.resizing import Upsample, UpsampleMode
from convcli.networks.layer_types.shuffling import ChannelShuffle, PixelShuffle, PixelUnshuffle
from convcli.networks.text.spec import JoinKind
from convcli.sizes.text import NamedPadding, parse_count, parse_padding_per_axis, parse_per_axis

__all__ = [
    "DESCRIPTIONS",
    "FLAGS",
    "FLAG_ALIASES",
    "GRAPH_WORDS",
    "KEYWORDS",
    "LAYER_NAMES",
    "LETTERS",
    "SYNTAX",
    "LayerSyntax",
    "Option",
]


class Option(NamedTuple):
    """An option of a layer: the attribute that it sets, the parser of its value, its long names."""

    attribute: str
    parse: Callable[[str], object]
    names: tuple[str, ...] = ()


def _parse_flag(word: str) -> bool:
    if word.lower() not in ("true", "false"):
        raise SizeError(repr(word[:50]), "must be true or false")
    return word.lower() == "true"


def _parse_choice(word: str, choices: Mapping[str, object]) -> object:
    if word.lower() not in choices:
        raise SizeError(repr(word[:50]), f"must be one of {', '.join(choices)}")
    return choices[word.lower()]


def _parse_channels(text: str) -> tuple[int, int | None]:
    """Parse the channels of a slice: ``0:24``, or ``24:`` up to the last."""
    start, colon, stop = text.partition(":")
    if not colon:
        raise SizeError(f"channels {text[:50]!r}", "must be a range, as in 0:24, or 24: up to the last")
    first = parse_count(start, "first channel", minimum=0)
    return first, parse_count(stop, "end of the channels", minimum=first + 1) if stop else None


def _parse_amounts(text: str) -> object:
    padding = parse_padding_per_axis(text)
    if isinstance(padding, NamedPadding):
        raise SizeError(f"amount {text[:50]!r}", "must be a number, AxB or T:BxL:R")
    return "amounts", padding


def _parse_crop(text: str) -> object:
    """Parse what a crop keeps or cuts off: a size, or amounts on each side, which have colons."""
    return _parse_amounts(text) if ":" in text else ("size", parse_per_axis(text, "size of the crop"))


def _upsample(target: tuple[str, object], **values: object) -> Upsample:
    if values.get("align_corners") and values.get("mode", UpsampleMode.NEAREST) == UpsampleMode.NEAREST:
        raise SizeError("corners", "needs bilinear or bicubic: the nearest pixel is the same without it")
    return Upsample(**{target[0]: target[1]}, **values)  # type: ignore[arg-type] # parsed for its attribute


def _crop(area: tuple[str, object]) -> Crop:
    return Crop(**{area[0]: area[1]})  # type: ignore[arg-type]


def _slice(channels: tuple[int, int | None]) -> Slice:
    return Slice(start=channels[0], stop=channels[1])


_parse_window = partial(parse_per_axis, name="filter")
LETTERS = {
    "f": Option("window", _parse_window, ("kernel_size", "kernel", "filter_size", "window", "pool_size")),
    "k": Option("window", _parse_window),
    "s": Option("stride", partial(parse_per_axis, name="stride"), ("stride", "strides")),
    "p": Option("padding", parse_padding_per_axis, ("padding",)),
    "d": Option("dilation", partial(parse_per_axis, name="dilation"), ("dilation", "dilation_rate")),
    "g": Option("groups", partial(parse_count, name="groups"), ("groups", "num_groups")),
    "op": Option(
        "output_padding", partial(parse_per_axis, name="output padding", minimum=0), ("output_padding",)
    ),
    "x": Option("multiplier", partial(parse_count, name="multiplier"), ("depth_multiplier", "multiplier")),
    "to": Option("target", lambda text: ("size", parse_per_axis(text, "output size")), ("output_size",)),
}
_BIAS = Option("bias", _parse_flag, ("bias", "use_bias"))
_AFFINE = Option("affine", _parse_flag, ("affine", "elementwise_affine"))
_UPSAMPLE_MODES = {
    **{mode.value: mode for mode in UpsampleMode},
    "linear": UpsampleMode.BILINEAR,
    "trilinear": UpsampleMode.BILINEAR,
}
_MODE = Option("mode", partial(_parse_choice, choices=_UPSAMPLE_MODES), ("mode", "interpolation"))
_PAD_MODES = {
    **{mode.value: mode for mode in PadMode},
    "constant": PadMode.ZERO,
    "reflect": PadMode.MIRROR,
    "replicate": PadMode.EDGE,
}
_PAD_MODE = Option("mode", partial(_parse_choice, choices=_PAD_MODES), ("mode",))
FLAGS: dict[str, tuple[Option, object]] = {
    "bias": (_BIAS, True),
    "nobias": (_BIAS, False),
    "ceil": (Option("ceil", _parse_flag, ("ceil_mode",)), True),
    "affine": (_AFFINE, True),
    "noaffine": (_AFFINE, False),
    "c": (Option("per_channel", _parse_flag, ("per_channel",)), True),
    "corners": (Option("align_corners", _parse_flag, ("align_corners",)), True),
    **{mode.value: (_MODE, mode) for mode in UpsampleMode},
    **{mode.value: (_PAD_MODE, mode) for mode in (PadMode.MIRROR, PadMode.EDGE)},
}
FLAG_ALIASES = {"linear": "bilinear", "trilinear": "bilinear", "reflect": "mirror", "replicate": "edge"}
_FILTERS = Option("filters", partial(parse_count, name="filters"), ("filters", "out_channels"))
_OUTPUT_SIZE = Option("size", partial(parse_per_axis, name="output size"), ("output_size",))
_UNITS = Option("units", partial(parse_count, name="units"), ("units", "out_features"))
_FACTOR = Option(
    "target", lambda text: ("factor", parse_per_axis(text, "factor")), ("scale_factor", "factor")
)
_PIXELS = Option(
    "factor", partial(parse_count, name="factor"), ("upscale_factor", "downscale_factor", "block_size")
)
_GROUPS = LETTERS["g"]


class LayerSyntax(NamedTuple):
    """How a layer is built from its words.

    Attributes
    ----------
    create : callable
        The class of the layer, or a function that makes one.
    usage : str
        The syntax as error messages show it.
    letters, flags : tuple of str
        Options that it takes.
    number : Option or None
        The option that a number without a letter sets.
    required : tuple of str
        Attributes that must be given.
    names : tuple of str
        Other names of the layer. Those that end with ``2d`` also end with ``1d`` and ``3d``.
    """

    create: Callable[..., Layer]
    usage: str
    letters: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    number: Option | None = None
    required: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def named_options(self) -> dict[str, Option]:
        """All options that can be given as name=value."""
        options = [LETTERS[letter] for letter in self.letters]
        options += [FLAGS[flag][0] for flag in self.flags]
        options += [] if self.number is None else [self.number]
        long_names = {name: option for option in options for name in option.names}
        return {letter: LETTERS[letter] for letter in self.letters} | long_names


DESCRIPTIONS = {
    "window": "kernel size",
    "filters": "number of filters",
    "units": "number of units",
    "groups": "number of groups",
    "target": "factor or size",
    "area": "size, or amounts",
    "channels": "range of channels",
}
_GEOMETRY = ("f", "k", "s", "p", "d")
SYNTAX: dict[str, LayerSyntax] = {
    "conv": LayerSyntax(
        Convolution, "conv OUT fF [sS] [pP] [dD] [gG] [nobias]", (*_GEOMETRY, "g"), ("nobias", "ceil"),
        _FILTERS, ("filters", "window"), ("conv2d", "convolution"),
    ),
    "dw": LayerSyntax(
        Depthwise, "dw fF [sS] [pP] [dD] [xM] [nobias]", (*_GEOMETRY, "x"), ("nobias",),
        None, ("window",), ("dwconv", "depthwise", "depthwiseconv2d"),
    ),
    "tconv": LayerSyntax(
        TransposedConvolution, "tconv OUT fF [sS] [pP] [dD] [gG] [opN] [nobias]", (*_GEOMETRY, "g", "op"),
        ("nobias",), _FILTERS, ("filters", "window"), ("convtranspose2d", "conv2dtranspose", "deconv"),
    ),
    "maxpool": LayerSyntax(
        partial(Pooling, type=PoolingKind.MAX), "maxpool fF [sS] [pP] [dD] [ceil]", _GEOMETRY, ("ceil",),
        None, ("window",), ("maxpool2d", "maxpooling2d"),
    ),
    "avgpool": LayerSyntax(
        partial(Pooling, type=PoolingKind.AVERAGE), "avgpool fF [sS] [pP] [dD] [ceil]", _GEOMETRY, ("ceil",),
        None, ("window",), ("avgpool2d", "averagepooling2d"),
    ),
    "blurpool": LayerSyntax(
        BlurPool, "blurpool fF sS", ("f", "k", "s"), (), None, ("window", "stride"), ("blurpool2d",),
    ),
    "gap": LayerSyntax(
        AdaptivePooling, "gap, or gap HxW", (), (), _OUTPUT_SIZE,
        (), ("globalaveragepooling2d", "globalavgpool2d", "adaptiveavgpool2d"),
    ),
    "gmp": LayerSyntax(
        partial(AdaptivePooling, type=AdaptiveKind.MAX), "gmp, or gmp HxW", (), (), _OUTPUT_SIZE,
        (), ("globalmaxpooling2d", "globalmaxpool2d", "adaptivemaxpool2d"),
    ),
    "up": LayerSyntax(
        _upsample, "up N, or up to HxW, [bilinear] [bicubic] [corners]", ("to",),
        (*UpsampleMode, "corners"), _FACTOR, ("target",),
        ("upsample", "upsampling2d", "upsamplingnearest2d", "interpolate", "resize"),
    ),
    "crop": LayerSyntax(
        _crop, "crop HxW, or crop T:BxL:R", (), (),
        Option("area", _parse_crop, ("output_size",)), ("area",), ("centercrop",),
    ),
    "pad": LayerSyntax(
        Pad, "pad P [mirror] [edge]", (), ("mirror", "edge"),
        Option("padding", parse_padding_per_axis, ("padding",)), ("padding",), ("zeropad2d", "zeropadding2d"),
    ),
    "slice": LayerSyntax(
        _slice, "slice C0:C1", (), (), Option("channels", _parse_channels, ("channels",)), ("channels",),
    ),
    "shuffle": LayerSyntax(
        ChannelShuffle, "shuffle gG", ("g",), (), _GROUPS, ("groups",), ("channelshuffle",),
    ),
    "pixelshuffle": LayerSyntax(
        PixelShuffle, "pixelshuffle N", (), (), _PIXELS, ("factor",), ("depthtospace",),
    ),
    "pixelunshuffle": LayerSyntax(
        PixelUnshuffle, "pixelunshuffle N", (), (), _PIXELS, ("factor",), ("spacetodepth",),
    ),
    "fc": LayerSyntax(
        Dense, "fc OUT [nobias]", (), ("nobias",), _UNITS, ("units",), ("linear", "dense"),
    ),
    "bn": LayerSyntax(
        partial(Normalization, type=NormalizationKind.BATCH), "bn [noaffine] [nobias]", (),
        ("noaffine", "nobias"), names=("batchnorm", "batchnorm2d", "batchnormalization"),
    ),
    "ln": LayerSyntax(
        partial(Normalization, type=NormalizationKind.LAYER), "ln [noaffine] [nobias]", (),
        ("noaffine", "nobias"), names=("layernorm", "layernorm2d", "layernormalization"),
    ),
    "gn": LayerSyntax(
        partial(Normalization, type=NormalizationKind.GROUP), "gn gG [noaffine] [nobias]", ("g",),
        ("noaffine", "nobias"), _GROUPS, ("groups",), ("groupnorm", "groupnormalization"),
    ),
    "instancenorm": LayerSyntax(
        partial(Normalization, type=NormalizationKind.INSTANCE, affine=False), "instancenorm [affine]", (),
        ("affine", "nobias"), names=("instancenorm2d", "instancenormalization"),
    ),
    "rms": LayerSyntax(
        partial(Normalization, type=NormalizationKind.RMS), "rms [noaffine]", (), ("noaffine",),
        names=("rmsnorm", "rmsnormalization"),
    ),
    "scale": LayerSyntax(Scale, "scale [bias]", (), ("bias",), names=("layerscale",)),
    "prelu": LayerSyntax(Prelu, "prelu [c]", (), ("c",)),
    "flatten": LayerSyntax(Flatten, "flatten"),
    **{kind: LayerSyntax(partial(Elementwise, type=kind), kind) for kind in ElementwiseKind},
}  # fmt: skip
# Layers of other libraries that are a layer with certain options.
_PRESETS = {
    "reflectionpad2d": ("pad", SYNTAX["pad"]._replace(create=partial(Pad, mode=PadMode.MIRROR), flags=())),
    "replicationpad2d": ("pad", SYNTAX["pad"]._replace(create=partial(Pad, mode=PadMode.EDGE), flags=())),
    "upsamplingbilinear2d": (
        "up",
        SYNTAX["up"]._replace(
            create=partial(_upsample, mode=UpsampleMode.BILINEAR, align_corners=True), flags=()
        ),
    ),
    "cropping2d": (
        "crop",
        SYNTAX["crop"]._replace(number=Option("area", _parse_amounts, ("cropping",))),
    ),
    "swish": ("silu", SYNTAX["silu"]),
    "hswish": ("hardswish", SYNTAX["hardswish"]),
    "lrelu": ("leakyrelu", SYNTAX["leakyrelu"]),
}
LAYER_NAMES = {
    alias: entry
    for name, entry in {
        **{name: (word, syntax) for word, syntax in SYNTAX.items() for name in (word, *syntax.names)},
        **_PRESETS,
    }.items()
    for alias in ((name,) if "2d" not in name else (name.replace("2d", axes) for axes in ("1d", "2d", "3d")))
}
"""The word and the syntax of each layer by all of its names, which have no underscores."""
GRAPH_WORDS = {
    **{str(kind): f"{kind} {{ A | B }}, or {kind} @NAME" for kind in JoinKind},
    "split": "split N { A | B }",
    "out": "out { A }",
    "from": "from @NAME",
    "use": "use @NAME",
}
"""Words that change where layers read from, with their syntax."""
KEYWORDS = (*SYNTAX, *GRAPH_WORDS, "in")
"""Words that error messages suggest."""
