"""Groups of operations that together are one layer become that layer."""

from convcli.networks.models.operations import Model

__all__ = ["fuse"]


def fuse(model: Model) -> Model:
    """Return a model in which groups of operations that together are one layer are that layer."""
    return model
