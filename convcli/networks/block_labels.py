"""Short texts for the items of a network's top level, which stand for all layers within."""

from collections.abc import Callable, Sequence

from convcli.networks.text.spec import From, Item, Join, JoinTag, LayerItem, Out, Repeat, Tag, Use

__all__ = ["block_label"]


def block_label(item: Item) -> str:
    """Return a short text for an item of the top level, whose layers are not listed."""
    if isinstance(item, Repeat | Join | Out):
        return _item_label(item, _inner_label)
    return item.layer.text if isinstance(item, LayerItem) else _first_word(item)


def _inner_label(item: Item) -> str:
    """Return a shorter text for an item within another: its first word, and the layers that it repeats."""
    return _item_label(item, _first_word) if isinstance(item, Repeat) else _first_word(item)


def _first_word(item: Item) -> str:
    if isinstance(item, Repeat):
        return f"{item.times} x {{ ... }}"
    if isinstance(item, Join):
        return "split" if item.splits else str(item.kind)
    if isinstance(item, Out):
        return "out"
    if isinstance(item, Use):
        return f"use @{item.name}"
    return item.layer.text.partition(" ")[0] if isinstance(item, LayerItem) else ""


def _item_label(item: Repeat | Join | Out, label: Callable[[Item], str]) -> str:
    """Return the text of an item with braces, with a label for each item within."""
    if isinstance(item, Repeat):
        return f"{item.times} x {{ {_labels(item.body, label)} }}"
    if isinstance(item, Out):
        return f"out {{ {_labels(item.body, label)} }}"
    word = f"split {len(item.branches)}" if item.splits else str(item.kind)
    if len(item.branches) > 2:
        return f"{word} {{ {len(item.branches)} branches }}"
    branches = " | ".join(_labels(branch, label) for branch in item.branches)
    return " ".join(f"{word} {{ {branches} }}".split())


def _labels(items: Sequence[Item], label: Callable[[Item], str]) -> str:
    """Return the labels of several items, or of the first and the last of them."""
    labels = [label(item) for item in items if not isinstance(item, Tag | JoinTag | From)]
    return ", ".join(labels if len(labels) <= 2 else [labels[0], "...", labels[-1]])
