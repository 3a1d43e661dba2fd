"""URLs of objects: which names are URLs, their parts, and how they are shown without secrets.

A name that starts with ``scheme://`` is a URL, even if there is such a file: write ``./a://b`` for the file.
``file://`` URLs are names of files. Uses only the standard library; `convcli.files.remote` reads and writes.
"""

import re
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

__all__ = [
    "canonical_url",
    "file_name",
    "has_wildcard",
    "is_url",
    "join_name",
    "local_name",
    "redacted",
    "redacted_text",
    "split_pattern",
    "split_url",
    "without_secrets",
]

WEB = ("http", "https")
ALIASES = {"s3a": "s3", "gcs": "gs", "abfs": "az", "abfss": "az"}
SCHEME = r"(?a:([A-Za-z][A-Za-z0-9+.-]+)://)"  # two letters: C:// is a drive of Windows
URL_IN_TEXT = r"(?a:[A-Za-z][A-Za-z0-9+.-]+://[^\s'\"<>]+)"
WILDCARD = r"[*?\[]"
MAX_TEXT = 300  # characters of a library's message


def is_url(name: object) -> bool:
    """Whether a name is a URL.

    Examples
    --------
    >>> is_url("s3://bucket/cat.png"), is_url("./s3://bucket"), is_url("C://cat.png")
    (True, False, False)
    """
    return isinstance(name, str) and "://" in name and re.match(SCHEME, name) is not None


def split_url(url: str) -> tuple[str, str, str]:
    """Split a URL into its scheme in lower case, what stands before the first slash, and the rest.

    Examples
    --------
    >>> split_url("S3://bucket/a/cat.png"), split_url("memory:///cat.png")
    (('s3', 'bucket', 'a/cat.png'), ('memory', 'cat.png', ''))
    """
    scheme, _, rest = url.partition("://")
    authority, _, path = rest.lstrip("/").partition("/")
    return scheme.lower(), authority, path


def local_name(name: str) -> str:
    """Return the path of a ``file://`` URL; any other name is returned as it is.

    Examples
    --------
    >>> local_name("file:///tmp/my%20cat.png"), local_name("cat.png"), local_name("s3://bucket/cat.png")
    ('/tmp/my cat.png', 'cat.png', 's3://bucket/cat.png')
    """
    if name[:7].lower() != "file://":
        return name
    path = name[7:]
    return unquote(path[9:] if path.lower().startswith("localhost/") else path)


def file_name(name: str) -> str:
    """Return the last part of a path or of a URL, without the query of a URL.

    Examples
    --------
    >>> file_name("https://host/a/my%20cat.png?X-Amz-Signature=1"), file_name("s3://bucket/what?.png")
    ('my cat.png', 'what?.png')
    """
    if not is_url(name):
        return Path(name).name
    scheme, authority, path = split_url(name)
    is_web = scheme in WEB
    last = f"{authority}/{_without_query(path) if is_web else _without_version(path)}".rstrip("/").rpartition(
        "/"
    )[2]
    decoded = unquote(last) if is_web else last
    return last if {"/", "\0"} & set(decoded) or decoded in {".", ".."} else decoded


def join_name(folder: str | Path | None, subfolder: str, name: str) -> str:
    """Return the name of a file or an object in a folder.

    Examples
    --------
    >>> join_name("s3://bucket/out/", "a", "cat.png"), join_name(None, "", "./cat.png")
    ('s3://bucket/out/a/cat.png', 'cat.png')
    """
    if not is_url(folder):
        return str(Path(folder or "", subfolder, name))
    inside = PurePosixPath(Path(subfolder).as_posix(), name)
    return f"{str(folder).rstrip('/')}/{inside}" if inside.parts else str(folder)


def canonical_url(url: str) -> str:
    """Return one spelling for all URLs of an object, to recognize it; the query does not count.

    Examples
    --------
    >>> canonical_url("S3A://bucket//a.png"), canonical_url("abfs://box@account.dfs.core.windows.net/a.png")
    ('s3://bucket//a.png', 'az://box/a.png')
    """
    scheme, authority, path = split_url(url)
    if scheme in WEB:
        return f"{scheme}://{authority.rpartition('@')[2].lower()}/{unquote(_without_query(path))}"
    container = authority.partition("@")[0]
    return f"{ALIASES.get(scheme, scheme)}://{container}/{_without_version(path)}".rstrip("/")


def redacted(name: str) -> str:
    """Return a name for messages: a URL without password and query, which may hold secrets.

    Examples
    --------
    >>> redacted("https://me:secret@host/cat.png?X-Amz-Signature=12ab")
    'https://***@host/cat.png?***'
    >>> redacted("s3://bucket/me@home?.png"), redacted("cat.png?a=b")
    ('s3://bucket/me@home?.png', 'cat.png?a=b')
    """
    match = re.match(SCHEME, name) if "://" in name else None
    if match is None:
        return name
    scheme, rest = match[1].lower(), name[match.end() :]
    # A key may have a question mark, and what looks like a query may hold a secret.
    shown = _without_query(rest) if scheme in WEB else re.split(r"\?(?=[^/]*=)", rest, maxsplit=1)[0]
    hidden = "" if shown == rest else "?***"
    authority, slash, path = shown.partition("/")
    user, at, host = authority.rpartition("@")
    if at and (":" in user or ALIASES.get(scheme, scheme) != "az"):  # box@account has no secret
        shown = f"***@{host}{slash}{path}"
    elif "@" in path and re.search(r":(?!\d*$)", authority):  # a slash in a password
        shown = f"***@{path.rpartition('@')[2]}"
    return f"{match[0]}{shown}{hidden}"


def redacted_text(text: str) -> str:
    """Return a library's message as one short line without the secrets of URLs.

    Examples
    --------
    >>> redacted_text("Cannot connect to\\n https://host/a?token=1")
    'Cannot connect to https://host/a?***'
    """
    line = " ".join(without_secrets(text).split())
    return line if len(line) <= MAX_TEXT else f"{line[:MAX_TEXT]}..."


def has_wildcard(url: str) -> bool:
    """Whether a URL is a pattern; those of web servers are not.

    Examples
    --------
    >>> has_wildcard("s3://bucket/*.png"), has_wildcard("https://host/cat?id=1")
    (True, False)
    """
    return split_url(url)[0] not in WEB and re.search(WILDCARD, url) is not None


def without_secrets(text: str) -> str:
    """Return a text with the URLs in it as `redacted` shows them."""
    return re.sub(URL_IN_TEXT, lambda match: redacted(match[0]), text) if "://" in text else text


def split_pattern(url: str) -> tuple[str, re.Pattern[str], bool]:
    """Read a pattern as a shell does: ``*``, ``?`` and ``[]`` match within a folder, ``**`` in all.

    Returns
    -------
    str
        The text before the first wildcard.
    pattern
        Matches the whole URL.
    bool
        Whether there are wildcards in the names of folders.

    Examples
    --------
    >>> start, pattern, deep = split_pattern("s3://bucket/a/*.png")
    >>> start, deep, [bool(pattern.fullmatch(f"s3://bucket/a/{name}")) for name in ("b.png", "c/b.png")]
    ('s3://bucket/a/', False, [True, False])
    """
    first = re.search(WILDCARD, url)
    if first is None:
        return url, re.compile(re.escape(url)), False
    pattern, position = "", 0
    while position < len(url):
        character, is_first = url[position], url[position - 1 : position] == "/"
        hidden = r"(?!\.)" if is_first else ""  # as a shell, not the names that begin with a dot
        group = re.compile(r"\[([!^]?)(\]?[^\]/]*)\]").match(url, position)
        if url.startswith("**/", position) and is_first:
            pattern += r"(?:(?!\.)[^/]+/)*"
            position += 3
            continue
        if character == "*":
            pattern += f"{hidden}[^/]*"
        elif character == "?":
            pattern += f"{hidden}[^/]"
        elif character == "[" and group is not None:
            members = re.sub(r"([\\\[\]^&~|])", r"\\\1", group[2])
            pattern += f"{hidden}(?!/)[{'^' if group[1] else ''}{members}]"
            position = group.end()
            continue
        else:
            pattern += re.escape(character)
        position += 1
    try:
        return url[: first.start()], re.compile(pattern, re.DOTALL), "/" in url[first.start() :]
    except re.error:  # as in [z-a]
        return url, re.compile(re.escape(url)), False


def _without_query(path: str) -> str:
    return re.split(r"[?#]", path, maxsplit=1)[0]


def _without_version(path: str) -> str:
    return path.partition("?versionId=")[0]
