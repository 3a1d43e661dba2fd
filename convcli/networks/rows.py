"""The rows of a network's tables: its layers, blocks of them, or the modules of a model file."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from convcli.networks.layer_types.joins import JoinLayer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from convcli.networks.network import Network
    from convcli.networks.stages import Stage

__all__ = ["Grouping", "Row", "table_rows"]

Path = tuple[str, ...]
MAX_LEVELS = 50  # of modules, as each takes a call; what is deeper has its path in one piece


class Row(NamedTuple):
    """A row of a table.

    Attributes
    ----------
    stages : tuple of Stage
        The layers that it stands for.
    label : str
    indent : int
        How deep it is nested.
    module : str
        Path of the module of a model file; empty for text, and where headings arrange the rows by module.
    is_heading : bool
        Whether the rows below it show its layers, too, which totals count once.
    """

    stages: tuple[Stage, ...]
    label: str
    indent: int = 0
    module: str = ""
    is_heading: bool = False


class Grouping(NamedTuple):
    """Which layers have a row together; see `table_rows`."""

    by_block: bool = False
    depth: int | None = None

    def arranged(self, network: Network) -> Network:
        """Return a network with blocks, if there are rows for them: a model file has none of itself."""
        needs_blocks = self.by_block or (self.depth is not None and not _has_modules(network))
        return network.structured if needs_blocks else network

    def rows(self, network: Network, *, has_headings: bool = False) -> list[Row]:
        """Return the rows of a network's table."""
        return table_rows(network, by_block=self.by_block, depth=self.depth, has_headings=has_headings)


def table_rows(
    network: Network, *, by_block: bool = False, depth: int | None = None, has_headings: bool = False
) -> list[Row]:
    """Return the rows of a network's table: its layers, or the items of the spec's top level.

    Parameters
    ----------
    network : Network
    by_block : bool
        One row per item of the spec's top level.
    depth : int, optional
        Levels of modules, or of braces in a text, that have rows; what is deeper is folded into them.
    has_headings : bool
        Whether modules whose layers have rows get one, too.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> net = network("2 x { conv 3 f1 }, relu", (9, 9, 3))
    >>> [row.label for row in table_rows(net)], [row.label for row in table_rows(net, by_block=True)]
    (['conv 3 f1', 'conv 3 f1', 'relu'], ['2 x { conv }', 'relu'])
    >>> deep = network("add { relu, 2 x { conv 3 f1 } | }, fc 10", (9, 9, 3))
    >>> [row.label for row in table_rows(deep, depth=2)]
    ['relu', 'conv 3 f1, conv 3 f1', 'add', 'fc 10']
    """
    has_modules = _has_modules(network)
    if by_block or (depth == 1 and not has_modules):
        return [
            Row(stages, text if len(stages) > 1 else _label(stages[0]), module=_shared_module(stages))
            for text, stages in network.stages_by_block
        ]
    if has_modules and (has_headings or depth is not None):
        modules = [
            (tuple(stage.name.split(".", MAX_LEVELS - 1)) if stage.name else (), stage)
            for stage in network.layers
        ]
        rows = _module_rows(modules, 0, 0, depth, has_headings=has_headings)
        return [row._replace(module="") for row in rows] if has_headings else list(rows)
    if depth is not None:
        return list(_folded_braces(network.layers, depth))
    return [Row((stage,), _label(stage), stage.depth, stage.name) for stage in network.layers]


def _has_modules(network: Network) -> bool:
    """Whether its layers belong to modules within modules."""
    return any("." in stage.name for stage in network.layers)


def _label(stage: Stage) -> str:
    """Return the text of a layer with its tags, after ``|`` if it begins a branch, and what it reads."""
    lead = [f"{stage.lead}:"] * bool(stage.lead)
    return " ".join(["|"] * stage.starts_branch + lead + [stage.text] + [f"@{tag}" for tag in stage.tags])


# Braces ---------------------------------------------------------------------------------------------------


def _folded_braces(stages: Sequence[Stage], depth: int) -> Iterator[Row]:
    """Fold each run of layers that are deeper than so many braces, with the join that ends it, if any."""
    run: list[Stage] = []
    for stage in stages:
        if run and (stage.block != run[-1].block or (stage.depth < depth and not _ends(stage, run, depth))):
            yield _folded_run(run, depth)
            run = []
        if stage.depth >= depth:
            run.append(stage)
        elif run:
            yield _folded_run([*run, stage], depth)
            run = []
        else:
            yield Row((stage,), _label(stage), stage.depth)
    if run:
        yield _folded_run(run, depth)


def _ends(stage: Stage, run: Sequence[Stage], depth: int) -> bool:
    """Whether a layer joins the branches of a run."""
    is_join = isinstance(stage.layer, JoinLayer) and stage.layer.tag is None
    return is_join and stage.depth == depth - 1 and run[-1].output_tensor in stage.input_tensors


def _folded_run(run: Sequence[Stage], depth: int) -> Row:
    labels = [_label(stage) for stage in run]
    shown = labels if len(labels) <= 2 else [labels[0], "...", f"{labels[-1]} ({len(labels)} layers)"]
    return Row(tuple(run), ", ".join(shown), depth - 1)


# Modules --------------------------------------------------------------------------------------------------


def _module_rows(
    modules: Iterable[tuple[Path, Stage]], level: int, indent: int, depth: int | None, *, has_headings: bool
) -> Iterator[Row]:
    """Return the rows of layers that share the first `level` names of their modules' paths.

    Layers that follow each other and share the next name are a module.
    """
    for name, group in groupby(modules, lambda module: module[0][level : level + 1]):
        members = list(group)
        stages = tuple(stage for _, stage in members)
        if not name:  # operations of the module itself
            yield from (Row((stage,), stage.text, indent, stage.name) for stage in stages)
            continue
        path = members[0][0]
        if len(stages) == 1:
            label = _relative(path, level) if has_headings else ""
            text = stages[0].text
            is_clear = re.sub(r"_[0-9]+$", "", label) in ("", text.partition(" ")[0])  # as in relu_1
            shown = text if is_clear else f"{label}: {text}"
            yield Row(stages, shown, indent, stages[0].name)
            continue
        inner = level + 1
        while inner != depth and len({each[inner : inner + 1] for each, _ in members}) == 1 and path[inner:]:
            inner += 1  # a module with a single one in it
        label, module = _relative(path[:inner], level), ".".join(path[:inner])
        if inner == depth:
            yield Row(stages, label, indent, module)
            continue
        if has_headings:
            yield Row(stages, label, indent, module, is_heading=True)
        yield from _module_rows(members, inner, indent + has_headings, depth, has_headings=has_headings)


def _relative(path: Path, level: int) -> str:
    """Return a path within its parent module; a number keeps the names before it: ``layer1.0``."""
    start = level
    while start and path[start].isdecimal():
        start -= 1
    return ".".join(path[start:])


def _shared_module(stages: Sequence[Stage]) -> str:
    """Return the path of the innermost module that all of these layers belong to."""
    first, *others = (stage.name.split(".") for stage in stages)
    shared = []
    for names in zip(first, *others, strict=False):
        if len(set(names)) > 1:
            break
        shared.append(names[0])
    return ".".join(shared)
