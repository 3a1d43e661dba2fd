"""What the tests of hostile cases share."""

from collections.abc import Iterator

import pytest

from tests.hostile.running import Nursery


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Run convcli in children of one process."""
    started = Nursery()
    yield started
    started.close()


@pytest.fixture
def hostile(nursery: Nursery, in_folder: object) -> Nursery:  # noqa: ARG001 -- for what it does
    """Run convcli in an empty folder."""
    return nursery
