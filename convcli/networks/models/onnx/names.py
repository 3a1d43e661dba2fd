"""Names of modules, from what exporters leave in ONNX files: scopes, names of nodes, names of weights."""

import re
from collections.abc import Sequence

from convcli.networks.models.onnx.file import Node
from convcli.networks.models.operations import Weight

__all__ = ["module_name", "names_module"]

SCOPES, NAMESPACE = "pkg.torch.onnx.name_scopes", "namespace"
# What modules call their own tensors; what comes before it in the name of a weight is the module.
LAST_PART = re.compile(
    r"\.(weight|bias|kernel|gamma|beta|scale|weight_[a-z_]*|in_proj_weight|in_proj_bias|running_mean|_packed_params)$"
)


def module_name(node: Node, weights: Sequence[Weight], prefix: str) -> str:
    """Return the path of the module that a node belongs to, or the name of the node if the file has none.

    Parameters
    ----------
    node : Node
    weights : sequence of Weight
        Those that it reads; PyTorch names them after their modules.
    prefix : str
        Name of the call whose function the node belongs to; empty outside of functions.
    """
    own = _of_weights(weights) or _of_metadata(node) or _of_node(node)
    return f"{prefix}.{own}" if prefix and own else prefix or own


def names_module(name: str) -> bool:
    """Whether the name of a tensor is that of a module's parameter."""
    return LAST_PART.search(name) is not None


def _of_weights(weights: Sequence[Weight]) -> str:
    for weight in weights[:4]:
        name = weight.name
        found = None if ":" in name or "/" in name else LAST_PART.search(name)
        if found:
            return name[: found.start()]
    return ""


def _of_metadata(node: Node) -> str:
    """Return the last module that PyTorch's newer exporter names; its own operation follows."""
    texts = dict(node.metadata())
    if SCOPES in texts:
        scopes: list[str] = re.findall(r"'([^']*)'", texts[SCOPES])
        return next((scope for scope in scopes[-2::-1] if scope), "")
    if NAMESPACE in texts:
        parts = [part.partition(":")[0].strip() for part in texts[NAMESPACE].split("/")]
        return next((part for part in parts[-2::-1] if part), "")
    return ""


def _of_node(node: Node) -> str:
    """Return the module path in the name of a node.

    PyTorch's older exporter writes ``/layer1/layer1.0/conv1/Conv``, TensorFlow ``model/conv1/Conv2D``.
    """
    parts = [part for part in node.name.split("/") if part]
    if len(parts) < 2:
        return "" if node.name.startswith("/") else node.name
    kept: list[str] = []
    for part in parts[:-1]:
        if kept and part.startswith(f"{kept[-1]}."):  # a member of a sequence is named after it
            kept.pop()
        kept.append(part)
    return ".".join(kept)
