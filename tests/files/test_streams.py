"""Standard streams: everything is written, also where a stream takes only a part at a time."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from convcli.files.streams import write_bytes


@pytest.mark.skipif(os.name != "posix", reason="needs a pipe that does not block")
@pytest.mark.parametrize("buffering", [0, -1])
def test_standard_output_that_does_not_block_takes_everything(
    buffering: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    content: list[bytes | memoryview] = [
        bytes(range(256)) * 4096,
        memoryview(b"end"),
    ]  # more than a pipe holds
    with (
        ThreadPoolExecutor() as pool,
        open(reader, "rb") as source,  # noqa: PTH123 -- opens a descriptor
        open(writer, "wb", buffering) as target,  # noqa: PTH123 -- opens a descriptor
    ):
        monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=target))
        received = pool.submit(source.read)
        write_bytes(content)
        target.close()
        assert received.result() == b"".join(content)
