"""Reads the corpus of raw requests; README.md beside this file explains the format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)")
_ESCAPES = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"s": b" ", b"\\": b"\\"}


@dataclass
class Request:
    """A request that must come out whole."""

    method: bytes
    target: bytes
    version: bytes
    keep_alive: bool
    fields: list[tuple[bytes, bytes]] | None = None
    body: bytes = b""
    trailers: list[tuple[bytes, bytes]] = field(default_factory=list)
    parts: dict[str, bytes] = field(default_factory=dict)  # path, query, authority, upgrade, expect, te


@dataclass
class Entry:
    """Bytes to send and what must become of them."""

    name: str
    raw: bytes = b""
    requests: list[Request] = field(default_factory=list)
    refuse: int | None = None


def _unescape(value: bytes) -> bytes:
    def replace(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return bytes.fromhex(code[1:].decode()) if len(code) == 3 else _ESCAPES[code]

    return _ESCAPE.sub(replace, value)


def _pair(value: bytes) -> tuple[bytes, bytes]:
    name, _, rest = value.partition(b":")
    return name, rest.removeprefix(b" ")


def _apply(entry: Entry, directive: str, value: bytes) -> None:
    request = entry.requests[-1] if entry.requests else None
    match directive:
        case "line":
            entry.raw += value + b"\r\n"
        case "send":
            entry.raw += value
        case "repeat":
            count, _, part = value.partition(b" ")
            entry.raw += part * int(count)
        case "request":
            method, target, version, end = value.split(b" ")
            entry.requests.append(
                Request(method, target, version, {b"keep-alive": True, b"close": False}[end])
            )
        case "refuse":
            entry.refuse = int(value)
        case "field" if request:
            request.fields = [*(request.fields or []), _pair(value)]
        case "fields" if request and value == b"none":
            request.fields = []
        case "body" if request:
            request.body += value
        case "trailer" if request:
            request.trailers.append(_pair(value))
        case "path" | "query" | "authority" | "upgrade" | "expect" | "te" if request:
            request.parts[directive] = value
        case _:
            raise ValueError(f"{entry.name}: unknown or misplaced directive {directive!r}")


def entries(folder: Path = Path(__file__).parent) -> Iterator[Entry]:
    """Every entry of every ``.txt`` file in ``folder``."""
    for path in sorted(folder.glob("*.txt")):
        entry = None
        for line in path.read_bytes().split(b"\n"):
            if not line or line.startswith(b"#"):
                continue
            directive, _, value = line.partition(b":")
            value = _unescape(value.removeprefix(b" "))
            if directive == b"name":
                if entry:
                    yield _finished(entry)
                entry = Entry(value.decode())
            elif entry:
                _apply(entry, directive.decode(), value)
        if entry:
            yield _finished(entry)


def _finished(entry: Entry) -> Entry:
    for request in entry.requests:
        if request.fields is None:
            request.fields = [(b"Host", b"example.com")]
    return entry
