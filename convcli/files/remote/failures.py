"""What goes wrong between here and a store: which errors pass, and what is said of the others.

Errors come from fsspec, its drivers and what these use, so they are told by their names and numbers.
"""

import errno
from collections.abc import Iterator

from convcli.files.urls import redacted_text

__all__ = ["FolderError", "RemoteError", "described", "is_transient", "status_of"]

TRANSIENT_STATUS = {408, 409, 425, 429, 500, 502, 503, 504, 509}
TRANSIENT_ERRNO = {
    getattr(errno, name, None)
    for name in (
        "EIO",
        "EREMOTEIO",
        "EBUSY",
        "ECONNRESET",
        "ECONNREFUSED",
        "ECONNABORTED",
        "EPIPE",
        "ETIMEDOUT",
    )
}
TRANSIENT_NAMES = {
    "ClientConnectionError", "ClientPayloadError", "EndpointConnectionError", "HTTPClientError",
    "IncompleteRead", "IncompleteReadError", "ResponseParserError", "ServiceRequestError",
    "ServiceResponseError",
}  # fmt: skip
NO_CREDENTIALS = {
    "ClientAuthenticationError", "CredentialRetrievalError", "DefaultCredentialsError", "NoCredentialsError",
    "PartialCredentialsError", "ProfileNotFound",
}  # fmt: skip
CREDENTIALS = (
    "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; "
    "FSSPEC_S3_ANON=true reads public buckets"
)


class RemoteError(OSError):
    """A failure that has been described."""


class FolderError(RemoteError, IsADirectoryError):
    """There are only objects below this name."""


class _NotFoundError(RemoteError, FileNotFoundError):
    """There is no such object."""


class _RefusedError(RemoteError, PermissionError):
    """The store does not allow it."""


class _ExistsError(RemoteError, FileExistsError):
    """There is such an object already."""


def status_of(error: BaseException) -> int | None:
    """Return the status of the HTTP answer that an error is about, or None."""
    for cause in _causes(error):
        answer = getattr(cause, "response", None)
        if isinstance(answer, dict):  # of botocore
            status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
        else:
            found = (getattr(cause, name, None) for name in ("status", "status_code", "code"))
            status = next((number for number in found if isinstance(number, int)), None)
        if isinstance(status, int):
            return status
    return None


def is_transient(error: BaseException) -> bool:
    """Whether the same request may succeed a moment later."""
    if isinstance(error, RemoteError):
        return False
    causes = list(_causes(error))
    if any(
        isinstance(cause, TimeoutError | ConnectionError) or TRANSIENT_NAMES & _class_names(cause)
        for cause in causes
    ):
        return True
    status = status_of(error)
    if status is not None:
        return status in TRANSIENT_STATUS
    return any(
        isinstance(cause, OSError) and cause.errno is not None and cause.errno in TRANSIENT_ERRNO
        for cause in causes
    )


def described(error: Exception, tries: int) -> RemoteError:
    """Return the error to report: one line, without secrets, with what to do."""
    if isinstance(error, RemoteError):
        return error
    names = {name for cause in _causes(error) for name in _class_names(cause)}
    again = f" (tried {tries} times)" if tries > 1 else ""
    status = status_of(error)
    if is_transient(error):
        if isinstance(error, TimeoutError):
            return RemoteError(f"the server does not answer{again}")
        answer = "the connection fails" if status is None else f"the server answers {status}"
        return RemoteError(f"{answer}{again}: {_text(error)}")
    if isinstance(error, FileExistsError):
        return _ExistsError("exists")
    if isinstance(error, FileNotFoundError) or status == 404:
        if _code(error) == "NoSuchBucket":
            return _NotFoundError("there is no such bucket; check its name")
        return _NotFoundError("there is no such object")
    if names & NO_CREDENTIALS:
        return _RefusedError(f"no credentials: {_text(error)}; for S3, {CREDENTIALS}")
    if isinstance(error, PermissionError) or status in (401, 403):
        return _RefusedError(
            f"access is denied: {_text(error)}; check the credentials, or ask for a new link"
        )
    if "FileExpired" in names or status == 412:
        return RemoteError("has changed while it was read; try again")
    if status is not None:
        return RemoteError(f"the server answers {status}: {_text(error)}")
    return RemoteError(_text(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it was made of, but at most some: a cause may lead back."""
    cause: BaseException | None = error
    for _ in range(8):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__


def _class_names(error: BaseException) -> set[str]:
    return {cls.__name__ for cls in type(error).__mro__}


def _code(error: BaseException) -> str | None:
    """Return botocore's code of an error."""
    for cause in _causes(error):
        answer = getattr(cause, "response", None)
        if isinstance(answer, dict):
            return str(answer.get("Error", {}).get("Code"))
    return None


def _text(error: BaseException) -> str:
    message = getattr(error, "message", None) or getattr(error, "strerror", None) or str(error)
    return redacted_text(str(message)) or type(error).__name__
