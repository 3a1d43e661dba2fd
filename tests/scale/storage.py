"""An object store on this machine that fails every tenth request: pictures and a Zarr array, in and out of it."""

import logging
import os
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

import convcli
from tests.scale import measuring
from tests.scale.batches import OPTIONS, digest, write_list, write_pictures
from tests.scale.measuring import Table
from tests.support.object_store import Fault, Proxy, Request, serving, store_environment

__all__ = ["measure_storage"]

EVERY = 10  # requests, of which one fails
FAULTS: tuple[Fault, ...] = ("503", "closed", "lost")


def fail_sometimes(request: Request) -> Fault | None:
    """Let every tenth request fail, in turn in each way."""
    return None if request.number % EVERY else FAULTS[request.number // EVERY % len(FAULTS)]


def measure_storage(folder: Path, count: int, side: int) -> None:
    """Filter so many pictures, and a Zarr array of that side, from a bucket into it; compare with local files."""
    names = write_pictures(folder / "in", count)
    local = folder / "local"
    measuring.run([
        *measuring.convcli, "apply", "--files0-from", write_list(folder / "names", names), *OPTIONS,
        "--out-dir", local,
    ])  # fmt: skip
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else it reports every request
    # Late: the tests are collected without them, too.
    server = import_module("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    proxy = Proxy(server.get_host_and_port())
    try:
        with serving(proxy.handle) as port, patch.dict(os.environ, store_environment(port)):
            client = import_module("boto3").client(
                "s3", endpoint_url="http://{}:{}".format(*server.get_host_and_port())
            )
            client.create_bucket(Bucket="scale")
            for name in names:
                client.put_object(Bucket="scale", Key=f"in/{name.name}", Body=name.read_bytes())
            table = Table("store", "seconds", "pictures a second", "requests", "failed")
            for label, fault in (
                ("no faults", lambda _: None),
                ("every tenth request fails", fail_sometimes),
            ):
                _filter_objects(folder, client, proxy, fault, label, table, digest(local), names)
            _filter_zarr(proxy, side)
    finally:
        server.stop()


def _filter_objects(
    folder: Path,
    client: Any,
    proxy: Proxy,
    fault: Callable[[Request], Fault | None],
    label: str,
    table: Table,
    expected: str,
    names: list[Path],
) -> None:
    proxy.reset()
    proxy.fault = fault
    listed = write_list(folder / "urls", [f"s3://scale/in/{name.name}" for name in names])
    line = [
        *measuring.convcli,
        "apply",
        "--files0-from",
        str(listed),
        *OPTIONS,
        "--out-dir",
        "s3://scale/out",
    ]
    run = measuring.run(line)
    failed = sum(fault(request) is not None for request in proxy.requests)
    requests = len(proxy.requests)
    proxy.reset()
    out = folder / "fetched"
    out.mkdir()
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="scale", Prefix="out/")
    for key in [entry["Key"] for page in pages for entry in page["Contents"]]:
        content = client.get_object(Bucket="scale", Key=key)["Body"].read()
        (out / Path(key).name).write_bytes(content)
        client.delete_object(Bucket="scale", Key=key)
    assert digest(out) == expected, "results differ from those of local files"
    shutil.rmtree(out)
    table.add(label, f"{run.seconds:.1f}", f"{len(names) / run.seconds:.0f}", requests, failed)


def _filter_zarr(proxy: Proxy, side: int) -> None:
    """Filter an array in the store, whose every tenth request fails, into another array there."""
    source = np.random.default_rng(3).integers(0, 256, (side, side), np.uint8)
    zarr: Any = import_module("zarr")
    stored = zarr.create_array(
        "s3://scale/in.zarr", shape=source.shape, chunks=(512, 512), dtype=source.dtype
    )
    stored[:] = source
    proxy.reset()
    proxy.fault = fail_sometimes
    run = measuring.run([
        *measuring.convcli, "apply", "s3://scale/in.zarr", "--filter", "sobel", "-o", "s3://scale/out.zarr"
    ])  # fmt: skip
    proxy.fault = lambda _: None
    result = zarr.open_array("s3://scale/out.zarr", mode="r")[:]
    np.testing.assert_array_equal(result, convcli.render(convcli.apply_filter(source, "sobel")))
    table = Table("Zarr array in the store", "seconds", "megapixels a second")
    table.add(
        f"{side}x{side}, every tenth request fails",
        f"{run.seconds:.1f}",
        f"{side**2 / run.seconds / 1e6:.0f}",
    )
