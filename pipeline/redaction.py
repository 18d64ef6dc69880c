"""Redaction: removes the secrets of addresses from everything that is written, printed or shown.

User names, passwords, queries, fragments and stream keys are secrets. Addresses pass through `without_secrets`, other
texts through `redacted`, which also knows the secrets of this run wherever a library repeats them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from os import PathLike, fspath
from typing import Any
from urllib.parse import quote, unquote

HIDDEN = "…"
LOCAL = ("file", "camera")
"""Schemes of things on this machine."""
RTMP = ("rtmp", "rtmps", "rtmpt", "rtmpe", "rtmpts", "rtmpte")
"""In their paths, the key for sending or watching follows the name of the application."""
OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "hdfs", "webhdfs", "sftp")
"""Paths in stores are names of files, even where they look like tokens."""
CONTAINER_AT_ACCOUNT = ("az", "abfs", "abfss")
"""Stores whose addresses have a container, not a user, before the `@`."""
SECRET_NAME = re.compile(r"pass|pwd|secret|token|key|sig|auth|cred|cookie|header|session|ticket|policy|hmac|jwt", re.I)
"""Names of settings and of parts of a query whose values are secrets."""
OPTIONS = "options"
"""The sections of a configuration with options for FFmpeg, passphrases and headers among them."""
_ADDRESS = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://(.*)", re.DOTALL)
_IN_TEXT = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s'\"<>`|]+")
_CREDENTIALS = re.compile(r"/([^/\s:@]+:[^/\s@]+)@")
"""Also in malformed addresses: `http:/user:password@host`."""
_AFTER_ADDRESS = ".,;:!?)]}"
_ASSIGNMENT = re.compile(r"[=&;]|%3[bdBD]|%26")
_TOKEN = re.compile(
    r"(?=[^/]*\d)(?=[^/]*[a-zA-Z])(?:.*[a-zA-Z0-9]{20}.*|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|eyJ.*)"
)
_SUBSCRIPTION = re.compile(r"(?:live/|movie/|series/)?[^/]+/[^/]+/(\d+(?:\.\w+)?)")
"""Television over HTTP has user and password in its path: /live/USER/PASSWORD/NUMBER.ts."""


def without_secrets(address: str) -> str:
    """An address for messages, files and pages: without credentials, query, fragment and key.

    Text without `scheme://…` is returned unchanged. Where a character in a password makes it unclear which part is the
    host, only the scheme remains.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None:  # an address within another name: concat:http://…|http://…
        return _IN_TEXT.sub(_without_secrets_match, address) if "://" in address else address
    if found[1].lower() in LOCAL:
        return address
    _, host, path, _ = _parts(address)
    if host is None:
        return f"{found[1]}://{HIDDEN}"
    return f"{found[1]}://{host}{_path(found[1].lower(), path)}"


def has_secrets(address: str) -> bool:
    """Whether an address contains secrets."""
    return without_secrets(address) != address


@lru_cache(maxsize=4096)
def address_key(address: str) -> str:
    """A unique name of an address without its secrets, which may be written into files."""
    if not has_secrets(address):
        return address
    public = without_secrets(address)
    # A password may be short: a slow hash hinders guessing.
    digest = hashlib.scrypt(address.encode(), salt=public.encode(), n=2**10, r=8, p=1, dklen=8)
    return f"{public} ({digest.hex()})"


def register_secrets(value: Any, name: str = "") -> None:
    """Register the secrets of addresses in a text or in settings, so that this process redacts them everywhere.

    Args:
        value: a text, or mappings and sequences of texts.
        name: the key of the value; a value whose key is `passphrase`, `headers` or similar is a secret as a whole.
    """
    if isinstance(value, PathLike):
        value = fspath(value)
    if isinstance(value, str):
        for credentials in _CREDENTIALS.findall(value):
            _known.update(dict.fromkeys(_escaped(credentials), HIDDEN))
        for address in {value, value.partition("=")[2], *_IN_TEXT.findall(value)}:
            if address not in _known and has_secrets(address):
                for secret in {*_secrets_of(address)}:
                    _known.update(dict.fromkeys(_escaped(secret), HIDDEN))
                for spelling in (address, address.replace("://", ":/")):
                    _known.update(dict.fromkeys(_escaped(spelling), without_secrets(address)))
        if name and SECRET_NAME.search(name) and _ADDRESS.fullmatch(value) is None:
            _known.update(dict.fromkeys(_spellings(value), HIDDEN))
    elif isinstance(value, Mapping):
        for key, member in value.items():
            register_secrets(member, str(key) if name == OPTIONS else OPTIONS if key == OPTIONS else name)
    elif isinstance(value, list | tuple):
        for member in value:
            register_secrets(member, name)


@contextmanager
def secrets_registered(*values: Any) -> Iterator[None]:
    """Register secrets while the block runs; see `register_secrets`."""
    before = dict(_known)
    register_secrets(values)
    try:
        yield
    finally:
        _known.clear()
        _known.update(before)


def without_registered_secrets(text: str) -> str:
    """A text without any registered secret."""
    found = [secret for secret in list(_known) if secret in text]  # another thread may add secrets meanwhile
    if not found:
        return text
    net = "|".join(map(_as_word, sorted(found, key=len, reverse=True)))
    return re.sub(net, lambda match: _known[match[0]], text)


def redacted(text: str) -> str:
    """A text without registered secrets and without secrets of the addresses in it."""
    text = without_registered_secrets(text)
    return _IN_TEXT.sub(_without_secrets_match, text) if "://" in text else text


def redacted_data(value: Any) -> Any:
    """`redacted` for every text in mappings and sequences; in keys, only addresses are redacted."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {without_secrets(key) if isinstance(key, str) else key: redacted_data(one) for key, one in value.items()}
    return [redacted_data(one) for one in value] if isinstance(value, list | tuple) else value


_known: dict[str, str] = {}
"""Registered secrets, and their replacements."""
_WHOLE_WORD = 6
"""Shorter secrets are replaced only as whole words."""
_LEAST = 4
"""Still shorter ones are replaced only within their addresses: they would match everywhere."""


def _as_word(secret: str) -> str:
    text = re.escape(secret)
    return text if len(secret) >= _WHOLE_WORD else rf"(?<![a-zA-Z0-9]){text}(?![a-zA-Z0-9])"


def _without_secrets_match(found: re.Match[str]) -> str:
    address = found[0].rstrip(_AFTER_ADDRESS)
    return without_secrets(address) + found[0][len(address) :]


def _parts(address: str) -> tuple[str, str | None, str, str]:
    """Credentials, host, path, and query with fragment; host None if it is unclear."""
    scheme, _, rest = address.partition("://")
    place = re.split(r"[?#]", rest, maxsplit=1)[0]
    tail = rest[len(place) + 1 :]
    authority, slash, _ = place.partition("/")
    name, colon, port = authority.rpartition(":")
    odd = bool(colon) and not port.isdigit() and not name.startswith("[")
    if ("@" in tail and not slash) or (odd and "@" not in place):
        return rest, None, "", ""
    credentials = ""
    if "@" in authority or (colon and "@" in place):
        credentials, _, place = place.rpartition("@")
    host, slash, path = place.partition("/")
    named = scheme.lower() in CONTAINER_AT_ACCOUNT and ":" not in credentials
    empty = "@" in rest and not credentials and rest.startswith("@")
    if credentials and named:
        return "", f"{credentials}@{host}", slash + path, tail
    return credentials, f"@{host}" if empty else host, slash + path, tail


def _path(scheme: str, path: str) -> str:
    """A path without keys and tokens."""
    if scheme in OBJECT_STORES:
        return path
    names = path.split("/")[1:]
    if scheme in RTMP:
        shown = names[:1] if len(names) > 1 else []
        return "/".join(["", *shown, HIDDEN]) if any(names) else path
    subscription = _SUBSCRIPTION.fullmatch("/".join(names)) if scheme.startswith("http") else None
    if subscription:
        return f"/{HIDDEN}/{subscription[1]}"
    shown = [_name(name, last=number == len(names)) for number, name in enumerate(names, 1)]
    return "/".join(["", *shown]) if path else path


def _name(name: str, *, last: bool) -> str:
    """One name of a path without tokens; the last one may be a file name that looks like a token."""
    assignment = _ASSIGNMENT.search(name)
    if assignment:
        return name[: assignment.start()] + HIDDEN
    is_file = last and re.search(r"\.[a-zA-Z][a-zA-Z0-9]{1,4}$", name) is not None
    return HIDDEN if _TOKEN.fullmatch(name) and not is_file else name


def _secrets_of(address: str) -> Iterator[str]:
    """The secrets in an address, as written there and as libraries may write them."""
    scheme, _, _ = address.partition("://")
    credentials, host, path, tail = _parts(address)
    if credentials:
        user, _, password = credentials.partition(":")
        yield from (credentials, f"{credentials}@", unquote(credentials))
        yield from _spellings(password or (user if len(user) >= 2 * _LEAST else ""))
        for piece in re.split(r"[@/:?#]", password if host is not None else ""):
            yield from _spellings(piece)
    yield from ([tail] if len(tail) >= _LEAST else [])
    for pair in re.split(r"[&#;]", tail):
        name, equals, value = pair.partition("=")
        if equals:
            yield from (one for one in (pair, unquote(pair)) if len(one) > _LEAST)
        is_secret = SECRET_NAME.search(name) or _is_random(value)
        yield from _spellings(value if is_secret else "" if equals else name)
    if host is not None:
        yield from _secret_names_of_path(scheme.lower(), path)


def _secret_names_of_path(scheme: str, path: str) -> Iterator[str]:
    """The redacted names of a path, except plain words, which may have other meanings."""
    public = _path(scheme, path)
    if public == path:
        return
    shown = set(public.split("/"))
    for name in path.split("/"):
        if name in shown:
            continue
        odd = scheme not in RTMP and len(name) >= _WHOLE_WORD and any(letter.isdigit() for letter in name)
        yield from _spellings(name if odd or _is_random(name) else "")
        for pair in re.split(r"[&;]|_(?=[a-z]+=)", name):
            yield from _spellings(pair.partition("=")[2] if SECRET_NAME.search(pair) else "")


def _is_random(word: str) -> bool:
    """Whether a word is so long and irregular that it is hardly the name of anything else, such as a file."""
    return len(word) >= 2 * _WHOLE_WORD and not word.isalpha()


def _escaped(text: str) -> set[str]:
    """A text as it is, and as Python and JSON write it between quotes."""
    return {text, repr(text)[1:-1], json.dumps(text)[1:-1]}


def _spellings(secret: str) -> Iterator[str]:
    """A secret as it is, decoded and encoded; nothing if it is too short to be replaced by itself."""
    for spelling in {secret, unquote(secret), quote(secret, safe=""), quote(secret)}:
        if len(spelling) >= _LEAST:
            yield spelling
