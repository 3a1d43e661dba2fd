"""How to write networks: the text of ``convcli help layers`` and of the manual page."""

from textwrap import fill

__all__ = ["LAYER_SYNTAX", "NETWORK_EXAMPLES", "layer_usages", "layers_help"]

LAYER_SYNTAX = """\
A network is a list of layers, separated by commas or line breaks, in quotes or in a .net file;
# starts a comment. Capitals stand for numbers or sizes that you choose; [brackets] mark what is optional.
f is the kernel size, s the stride, p the padding, d the dilation, g the number of groups, as in:
conv 64 f3 s2 p1. N x { ... } repeats layers. A and B are branches, separated by |; an empty branch is the
input itself. add, cat and mul join branches, or join with an earlier output: @NAME after a layer
names its output. split gives each branch a part of the channels. out makes a side output, and goes on with
what was before it; from goes on from a tag; use applies the layer with that tag again, with the same
weights. dw is a depthwise convolution with M maps per channel (xM), tconv a transposed convolution
(opN: its output padding), gap and gmp global average and max pooling, up upsampling by a factor or to a
size, slice a range of channels, gn, instancenorm and rms group, instance and RMS normalization, scale a
learned factor per channel. Give the input size with --n, or start the network
with "in HxWxC"; "in LxC 1d" makes it one-dimensional (1d may be left out for one channel), "in DxHxWxC"
three-dimensional, as in: conv 64 f3x7x7."""
NETWORK_EXAMPLES = (
    'convcli params "in 32x32x3, conv 6 f5, relu, maxpool f2, flatten, fc 9"',
    'convcli shape --n 9x9x3 "conv 8 f3 p1, add { conv 8 f3 p1 | }, gap"',
    'convcli shape --n 9x9x3 "bn @a, out { gap, fc 2 }, conv 8 f3 p1, cat @a"',
)


def layer_usages() -> tuple[list[str], list[str]]:
    """Return the syntax of each layer: first the layers with options, then those of a single word.

    Examples
    --------
    >>> with_options, single_words = layer_usages()
    >>> with_options[0].split()[0], single_words[0]
    ('conv', 'flatten')
    """
    from convcli.networks.text.layer_words import next_words  # late: few ask for it

    usages = dict.fromkeys(next_words([]).values())
    return [usage for usage in usages if " " in usage], [usage for usage in usages if " " not in usage]


def layers_help(width: int) -> str:
    """Return the help page of layers, for a terminal of this width."""
    with_options, single_words = layer_usages()
    parts = [
        "Layers: how to write a network",
        fill(" ".join(LAYER_SYNTAX.split()), width - 2, initial_indent="  ", subsequent_indent="  "),
        "\n".join(f"  {example}" for example in NETWORK_EXAMPLES),
        "\n".join(f"  {usage}" for usage in with_options),
        fill(", ".join(single_words), width - 2, initial_indent="  ", subsequent_indent="  "),
        "  convcli params --list shows the shipped networks.",
    ]
    return "\n\n".join(parts) + "\n"
