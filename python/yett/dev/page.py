"""The page that shows an exception: one document with nothing from outside, which runs nothing and asks for nothing.

Everything that comes from the application or the request is escaped here, in `_text`; the policy of the response lets
only our own style and script run, by a nonce that is new each time.
"""

import html
import platform
import secrets
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from .. import __version__
from .failure import Failure, Frame, Line
from .values import MASK, is_secret, without_secrets

Fields = list[tuple[str, str]]

_FOLDER = Path(__file__).parent / "static"
_LONGEST = 2000
_MOST_PAIRS = 100


class Request:
    """What the page says about the request."""

    def __init__(self, method: str, target: str, headers: list[tuple[str, str]], client: str) -> None:
        """``target``: path and query as they were sent. ``client``: where from."""
        self.method = method
        self.target = target
        self.path, _, self.query = target.partition("?")
        self.headers = headers
        self.client = client

    @property
    def line(self) -> str:
        """Method and path, for a heading."""
        return f"{self.method} {unquote(self.path)}"


def policy(nonce: str) -> str:
    """The Content-Security-Policy of the page: our own style and script, and the channel that tells of a reload."""
    return (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def headers(nonce: str, length: int) -> list[tuple[str, str]]:
    """All header fields of a page of ``length`` bytes."""
    return [
        ("content-type", "text/html; charset=utf-8"),
        ("content-length", str(length)),
        ("content-security-policy", policy(nonce)),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
    ]


def plain_headers(length: int) -> list[tuple[str, str]]:
    """All header fields of a traceback as text."""
    return [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", str(length)),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    ]


def new_nonce() -> str:
    """One for each response."""
    return secrets.token_urlsafe(18)


def render(
    failures: list[Failure],
    traceback: str,
    request: Request | None,
    nonce: str,
    *,
    title: str = "",
    tag: str = "",
) -> bytes:
    """The whole page. ``title`` stands above it; ``tag``: an element of ours to put at its end."""
    first = failures[0]
    heading = title or (request.line if request else "")
    parts = [
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width,initial-scale=1'>",
        f"<title>{_text(first.kind)}: {_text(_cut(first.message, 120))}</title>",
        f"<style nonce='{nonce}'>{_file('page.css')}</style></head><body>",
        f"<header><p class=what>{_text(_cut(heading, 300))}</p><h1>{_text(first.kind)}</h1>",
        f"<p class=message>{_text(_cut(first.message, _LONGEST))}</p>",
        *(f"<p class=note>{_text(_cut(note, _LONGEST))}</p>" for note in first.notes),
        "<p class=actions><button id=copy hidden>Copy traceback</button> "
        "<button id=libraries hidden aria-pressed=false>Show libraries</button></p></header><main>",
    ]
    for position, failure in enumerate(failures):
        parts.append(_failure(failure, is_first=position == 0))
    if request:
        parts.append(_request(request))
    parts += [
        f"<section><h2>Traceback as text</h2><pre id=traceback>{_text(traceback)}</pre></section></main>",
        f"<footer>Yett {_text(__version__)} · Python {_text(platform.python_version())} · shown by "
        "<code>yett dev</code>, on this machine only</footer>",
        f"<script nonce='{nonce}'>{_file('page.js')}</script>{tag}</body></html>\n",
    ]
    return "".join(parts).encode("utf-8", "replace")


def as_text(traceback: str, request: Request) -> bytes:
    """The same for who does not read HTML."""
    return f"{request.line}\n\n{traceback}".encode("utf-8", "replace")


# ---- parts ----


def _failure(failure: Failure, *, is_first: bool) -> str:
    parts = ["<section class=failure>"]
    if not is_first:
        parts.append(
            f"<h2><span class=relation>{_text(failure.relation)}</span> {_text(failure.kind)}</h2>"
            f"<p class=message>{_text(_cut(failure.message, _LONGEST))}</p>"
        )
        parts += (f"<p class=note>{_text(_cut(note, _LONGEST))}</p>" for note in failure.notes)
    own = [frame for frame in failure.frames if frame.is_own]
    # The innermost call first: that is what somebody looks for. It is open, and so is the innermost of their own.
    opened = {id(frame) for frame in (failure.frames[-1:] + own[-1:] if is_first else own[-1:])}
    if own and failure.frames and is_first and not failure.frames[-1].is_own:
        opened = {id(own[-1])}
    run: list[Frame] = []
    for frame in reversed(failure.frames):
        if frame.is_own or not own:
            parts += [_libraries(run), _frame(frame, is_open=id(frame) in opened)]
            run = []
        else:
            run.append(frame)
    parts.append(_libraries(run))
    if failure.left_out:
        parts.append(f"<p class=note>{failure.left_out} more calls are not shown.</p>")
    return "".join(parts) + "</section>"


def _libraries(run: list[Frame]) -> str:
    if not run:
        return ""
    calls = "1 call" if len(run) == 1 else f"{len(run)} calls"
    inner = "".join(_frame(frame, is_open=False) for frame in run)
    return f"<details class=libraries><summary>{calls} in libraries</summary>{inner}</details>"


def _frame(frame: Frame, *, is_open: bool) -> str:
    function = f" in <b>{_text(frame.function)}</b>" if frame.function else ""
    parts = [
        f"<details class='frame{' own' if frame.is_own else ''}'{' open' if is_open else ''}>",
        f"<summary><span class=file>{_text(frame.file)}</span>:{frame.line}{function}</summary>",
    ]
    if frame.lines:
        parts += ["<pre class=source>", *(_line(line) for line in frame.lines), "</pre>"]
    if frame.variables:
        parts.append(_table(frame.variables, "variables"))
    return "".join(parts) + "</details>"


def _line(line: Line) -> str:
    text = _text(line.text)
    if line.marked:
        begin, end = line.marked
        text = f"{_text(line.text[:begin])}<mark>{_text(line.text[begin:end])}</mark>{_text(line.text[end:])}"
    return f"<span class='line{' current' if line.is_current else ''}'><i>{line.number}</i>{text}\n</span>"


def _request(request: Request) -> str:
    parts = [
        "<section><h2>Request</h2>",
        _table([("method", request.method), ("path", request.path), ("client", request.client)], "request"),
    ]
    query = parse_qsl(request.query, keep_blank_values=True, max_num_fields=None) if request.query else []
    for heading, pairs in (("Query", query), ("Headers", request.headers)):
        if pairs:
            shown = [
                (name, MASK if is_secret(name) else without_secrets(value))
                for name, value in pairs[:_MOST_PAIRS]
            ]
            parts.append(f"<h3>{heading}</h3>{_table(shown, 'request')}")
    return "".join(parts) + "</section>"


def _table(pairs: list[tuple[str, str]], kind: str) -> str:
    rows = "".join(
        f"<tr><th scope=row>{_text(_cut(name, 200))}</th><td>{_text(_cut(value, _LONGEST))}</td></tr>"
        for name, value in pairs
    )
    return f"<table class={kind}>{rows}</table>"


def _text(text: str) -> str:
    """The only way of foreign text into the page. Control characters are shown, or they would do something."""
    shown = "".join(c if (c >= " " and c != "\x7f") or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)
    return html.escape(shown, quote=True)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length] + "…"


def _file(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
