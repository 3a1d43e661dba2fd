"""How networks are written: what the help page of layers and the manual say of it."""

from textwrap import fill

__all__ = ["EXAMPLES", "LAYERS", "layer_page", "layer_usages"]

LAYERS = """A network is a text of layers, parted by commas or the ends of lines, in quotes or in a .net file;
behind # stands a comment. Capitals stand for a number or size of yours, and what is in [brackets] may be left
out. f is the side of a layer's filters, s their stride, p the padding, d the dilation, g the groups, as in:
conv 64 f3 s2 p1. N x { ... } repeats. A and B are branches, parted by |; an empty one is the input itself.
@NAME behind a layer names its output. The input's size is given by --n, or by in at the beginning."""
EXAMPLES = (
    'convcli params "in 32x32x3, conv 6 f5, relu, maxpool f2, flatten, fc 9"',
    'convcli shape --n 9x9x3 "conv 8 f3 p1, add { conv 8 f3 p1 | }, gap"',
)


def layer_usages() -> tuple[list[str], list[str]]:
    """Return how each layer is written: those that take something, and those that are one word.

    Examples
    --------
    >>> with_more, alone = layer_usages()
    >>> with_more[0].split()[0], alone[:2]
    ('conv', ['bn', 'ln'])
    """
    from convcli.network.grammar import words_after  # late: few ask for it

    usages = dict.fromkeys(words_after([]).values())
    return [usage for usage in usages if " " in usage], [usage for usage in usages if " " not in usage]


def layer_page(width: int) -> str:
    """Return the help page of layers, for so many columns."""
    with_more, alone = layer_usages()
    parts = [
        "Layers: the words of a network",
        fill(" ".join(LAYERS.split()), width - 2, initial_indent="  ", subsequent_indent="  "),
        "\n".join(f"  {example}" for example in EXAMPLES),
        "\n".join(f"  {usage}" for usage in with_more),
        fill(", ".join(alone), width - 2, initial_indent="  ", subsequent_indent="  "),
        "  convcli params --list names the networks that are shipped.",
    ]
    return "\n\n".join(parts) + "\n"
