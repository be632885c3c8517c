"""The page and its parts: files of this package, sent with `http.response.pathsend` where it is offered.

They are read once, at import: a change of a file shows after a restart, and an ETag is always right.
"""

import hashlib
from pathlib import Path

from .web import Receive, Scope, Send, answer, header, start

_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".html": b"text/html; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
}
# What the page asks for as soon as it is read; a browser told early need not wait for that.
_EARLY_LINKS = [b"<style.css>; rel=preload; as=style", b"<page.js>; rel=modulepreload"]


class StaticFile:
    """One file, as an endpoint."""

    def __init__(self, path: Path, early_links: list[bytes] | None = None) -> None:
        self.path = path
        self.body = path.read_bytes()
        self.content_type = _TYPES[path.suffix]
        self.etag = b'"%s"' % hashlib.sha256(self.body).hexdigest()[:32].encode()
        self.early_links = early_links or []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        extensions = scope.get("extensions") or {}
        # `no-cache` is to ask each time whether the copy is still good, which the ETag answers.
        validators = [(b"etag", self.etag), (b"cache-control", b"no-cache")]
        if self._is_known(scope):
            await start(send, 304, None, *validators)
            await send({"type": "http.response.body"})
            return
        # Browsers only: clients such as Python's http.client take a 103 for the answer itself.
        navigates = header(scope, b"sec-fetch-mode") == b"navigate"
        if self.early_links and navigates and "http.response.early_hint" in extensions:
            await send({"type": "http.response.early_hint", "links": self.early_links})
        if "http.response.pathsend" in extensions and scope["method"] == "GET":
            length = (b"content-length", b"%d" % len(self.body))
            await start(send, 200, self.content_type, length, *validators)
            await send({"type": "http.response.pathsend", "path": str(self.path)})
            return
        await answer(scope, send, 200, self.body, self.content_type, *validators)

    def _is_known(self, scope: Scope) -> bool:
        """Whether If-None-Match names this version; the comparison is weak (RFC 9110 §13.1.2)."""
        tags = [tag.strip().removeprefix(b"W/") for tag in header(scope, b"if-none-match").split(b",")]
        return self.etag in tags or b"*" in tags


def static_files() -> dict[str, StaticFile]:
    """Path below the root → file; the page itself is at ``/``."""
    found = {f"/{path.name}": StaticFile(path) for path in _FOLDER.iterdir() if path.suffix in _TYPES}
    page = found.pop("/index.html")
    page.early_links = _EARLY_LINKS
    return {"/": page, **found}
