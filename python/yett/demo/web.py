"""The few lines of HTTP that the endpoints share."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

# Everything the page needs comes from here and from files, so the strictest policy fits: no inline script
# or style, no other origin, no framing.
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SECURITY_HEADERS = [
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
NOT_STORED = (b"cache-control", b"no-store")
TEXT = b"text/plain; charset=utf-8"
JSON = b"application/json"


class BadRequest(Exception):
    """The request cannot be answered as it is; the text is for the person who sent it."""


async def start(send: Send, status: int, content_type: bytes | None, *extra: tuple[bytes, bytes]) -> None:
    """Begin a response whose body the caller sends."""
    headers = [(b"content-type", content_type)] if content_type else []
    await send(
        {"type": "http.response.start", "status": status, "headers": headers + _SECURITY_HEADERS + [*extra]}
    )


async def answer(
    scope: Scope, send: Send, status: int, body: bytes, content_type: bytes, *extra: tuple[bytes, bytes]
) -> None:
    """A whole response; for HEAD the same without the body."""
    await start(send, status, content_type, (b"content-length", b"%d" % len(body)), *extra)
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def number(scope: Scope, name: str, *, default: int, least: int, most: int) -> int:
    """A whole number from the query string; raises `BadRequest` outside its bounds."""
    given = parse_qs(scope["query_string"].decode("latin-1")).get(name)
    if given is None:
        return default
    try:
        value = int(given[-1])
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise BadRequest(f"{name} must be a whole number from {least} to {most}")
    return value


def header(scope: Scope, name: bytes) -> bytes:
    """All values of a request header joined with commas, empty if there is none (RFC 9110 §5.3)."""
    return b", ".join(value for key, value in scope["headers"] if key == name)
