"""Joins of branches."""

from convcli.networks.layer_types.base import Layer

__all__ = ["JoinLayer"]


class JoinLayer(Layer):
    """The join of branches, as a layer without parameters."""

    type: str
    tag: str | None = None

    @property
    def text(self) -> str:
        """The join in the words of the layer grammar, without its branches."""
        return f"{self.type}" if self.tag is None else f"{self.type} @{self.tag}"
