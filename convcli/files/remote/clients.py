"""The clients of stores, which fsspec makes: requests are repeated if that may help, and forks are survived.

Clients work in the event loop of a thread. A fork would lose it, so it pauses before, and the new process
makes its own.
"""

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock, Thread, get_native_id
from typing import Any, TypeVar

from convcli.errors import install_command
from convcli.files.remote.failures import RemoteError, described, is_transient
from convcli.files.urls import WEB, redacted, split_url

__all__ = ["WRITABLE", "attempt"]

WRITABLE = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory")
"""The schemes of stores in which an object appears whole."""
S3 = ("s3", "s3a")
PAUSES = (0.1, 0.3, 0.9, 1.8)  # seconds before a request is repeated
CONNECT_SECONDS = 10
READ_SECONDS = 30  # without a single byte
REQUEST_SECONDS = 600  # of a web server
END_SECONDS = 1

Answer = TypeVar("Answer")


def attempt(url: str, operation: Callable[[Any, str], Answer]) -> Answer:
    """Return what an operation returns; repeat it while it fails for reasons that pass.

    Parameters
    ----------
    url : str
    operation : callable
        Takes fsspec's file system and the path of the object in it.

    Raises
    ------
    RemoteError
        In one line, without secrets.
    """
    for tries, pause in enumerate((*PAUSES, None), 1):
        try:
            with _clients.in_use:
                return operation(*_clients.client(url))
        except MemoryError:
            raise
        except Exception as error:  # drivers raise anything
            if pause is None or not is_transient(error):
                raise described(error, tries) from None
        time.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


class _Users:
    """Counts those who are using clients."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = Lock()

    def __enter__(self) -> None:
        with self._lock:
            self.count += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self.count -= 1


class _Clients:
    """The clients of this process, and the thread in whose event loop they work."""

    def __init__(self) -> None:
        self.in_use = _Users()
        self._lock = Lock()
        self._loop = asyncio.new_event_loop()
        self._thread: Thread | None = None
        self._executor: ThreadPoolExecutor | None = None
        self._native_ids: list[int] = []
        self._made: dict[str, Any] = {}

    def client(self, url: str) -> tuple[Any, str]:
        """Return fsspec's file system for a URL, and the path in it."""
        scheme = split_url(url)[0]
        driver = _driver(scheme)
        if scheme in WRITABLE and redacted(url).startswith(f"{url.partition('://')[0]}://***@"):
            raise RemoteError("has a password; give it to fsspec in its configuration or the environment")
        with self._lock:
            if self._thread is None:
                self._start()
            options = driver._get_kwargs_from_urls(url)
            key = repr((driver, sorted(options.items())))
            if key not in self._made:
                self._made[key] = _make(driver, scheme, options, self._loop)
            if scheme in WEB:
                from urllib.parse import quote

                return self._made[key], quote(url, safe="%/:=&?~#+!$,;'@()*[]")  # as it is, if it is signed
            return self._made[key], driver._strip_protocol(f"{scheme}://{url.partition('://')[2]}")

    def _start(self) -> None:
        self._native_ids = []
        self._executor = ThreadPoolExecutor(initializer=self._note_thread)  # for what would block the loop
        self._loop.set_default_executor(self._executor)
        self._thread = Thread(target=self._run, name="convcli-remote", daemon=True)
        self._thread.start()

    def _note_thread(self) -> None:
        self._native_ids.append(get_native_id())

    def _run(self) -> None:
        self._note_thread()
        self._loop.run_forever()

    def pause(self) -> None:
        """End the thread if nobody needs it; the next request starts it again."""
        with self._lock:
            if self._thread is None or self._executor is None or self.in_use.count:
                return
            self._executor.shutdown()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._thread = None
            # They have ended for Python, but may hold a lock of OpenSSL, which a fork would keep locked.
            deadline = time.monotonic() + END_SECONDS
            for number in self._native_ids:
                while Path(f"/proc/self/task/{number}").exists() and time.monotonic() < deadline:
                    time.sleep(0.0005)


def _driver(scheme: str) -> Any:
    """Return fsspec's class for a scheme.

    Raises
    ------
    RemoteError
        There is none, or a package is missing.
    """
    try:
        import fsspec  # type: ignore[import-untyped] # it has no types
    except ImportError:
        raise RemoteError(f"needs the extra: {install_command('cloud')}") from None
    try:
        return fsspec.get_filesystem_class(scheme)
    except ValueError:
        known = "s3, gs, az, https, memory"
        raise RemoteError(
            f"{scheme}:// is no scheme that fsspec knows, such as {known}; write ./ before the name of a file"
        ) from None
    except ImportError as error:
        missing = getattr(error.__cause__, "name", None) or scheme
        is_ours = missing in ("s3fs", "aiohttp")
        command = install_command("cloud") if is_ours else f"pip install {missing}"
        raise RemoteError(f"{scheme}:// needs a driver: {command}") from None


def _make(driver: Any, scheme: str, options: dict[str, Any], loop: asyncio.AbstractEventLoop) -> Any:
    """Make a client that does not wait forever and leaves repeating to `attempt`, if the user set nothing."""
    from fsspec.config import conf  # type: ignore[import-untyped]

    configured: dict[str, Any] = conf.get(scheme, {})
    if driver.async_impl:
        options = {**options, "loop": loop}
    if scheme in S3:
        limits = {"connect_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}
        once = {"retries": {"total_max_attempts": 1}}
        options["config_kwargs"] = {**limits, **once, **configured.get("config_kwargs", {})}
    if scheme in WEB:
        import aiohttp

        limit = aiohttp.ClientTimeout(total=REQUEST_SECONDS, connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
        options |= {
            "client_kwargs": {"timeout": limit, **configured.get("client_kwargs", {})},
            "encoded": True,
        }
    made = driver(**options, use_listings_cache=False, skip_instance_cache=True)
    if scheme in S3:
        made.retries = 1
    return made


_clients = _Clients()
_parents: list[_Clients] = []  # kept, because closing what belongs to another process would wait for it


def _start_over() -> None:
    global _clients
    _parents.append(_clients)
    _clients = _Clients()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=lambda: _clients.pause(), after_in_child=_start_over)
