"""numpy, imported when it is first used: importing it takes longer than filtering a small picture."""

from typing import TYPE_CHECKING

__all__ = ["np"]

if TYPE_CHECKING:
    import numpy as np
else:

    class _LateNumpy:
        """Stands for the module until an attribute of it is needed."""

        def __getattr__(self, name: str) -> object:
            import numpy

            self.__dict__.update(vars(numpy))  # from now on as fast as the module itself
            return getattr(numpy, name)

    np = _LateNumpy()
