"""Operations of model files that are no layer of the grammar: attention, recurrent layers, unknown ones."""

from typing import ClassVar

from convcli.networks.layer_types.base import Layer, Size

__all__ = ["FileOperation"]


class FileOperation(Layer):
    """An operation whose size and costs a model file determines; the layer grammar has no word for it.

    Attributes
    ----------
    type : str
        What it is: ``attention``, ``lstm``, ``matmul``; for an unknown one, its name in the file.
    size : tuple of int
        Of the output; empty if unknown.
    parameters, products : int or None
        Its parameters and multiply-accumulates; None if unknown.
    is_known : bool

    Examples
    --------
    >>> FileOperation(type="com.acme.Foo", size=(7, 7, 64), is_known=False).text
    '? com.acme.Foo'
    """

    type: str
    size: Size
    parameters: int | None = 0
    products: int | None = 0
    is_known: bool = True
    has_params: ClassVar[bool] = True

    @property
    def text(self) -> str:
        """What it is; after ``?`` if it is unknown."""
        return f"{'' if self.is_known else '? '}{self.type}"

    def output(self, size: Size) -> Size:  # noqa: ARG002 -- the file determines it
        """Return the output size that the file determines."""
        return self.size

    def params(self, channels: int) -> int | None:  # noqa: ARG002
        """Return the number of parameters; None if unknown."""
        return self.parameters

    def macs(self, size: Size) -> int | None:  # noqa: ARG002
        """Return the multiply-accumulates; None if unknown."""
        return self.products
