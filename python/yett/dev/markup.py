"""Adding the script that reloads a page to the HTML of an application.

One element of ours goes behind what the application sends: before ``</body>`` if the end of the document is at hand,
otherwise after everything, where browsers put it into the body as well. A script in the page that contains the text
``</body>`` is so never hit.
"""

import re
from html import escape
from typing import NamedTuple

from .local import Header
from .policy import Verdict, judge

SCRIPT = "/__yett__/reload.js"

_END_OF_BODY = re.compile(rb"</body\s*>\s*(?:</html\s*>)?\s*\Z", re.IGNORECASE)
# Kept for the search: an end tag with generous blanks.
_TAIL = 512
# Requests whose answer becomes a page; `empty` is what fetch() and XMLHttpRequest ask for.
_PAGES = {"document", "iframe", "frame", "embed", "object"}
# They speak of the body as the application made it, which is not the body that is sent.
_VALIDATORS = {
    "etag",
    "last-modified",
    "accept-ranges",
    "content-md5",
    "digest",
    "content-digest",
    "repr-digest",
}
# Otherwise a browser would be told that its copy, with an older script in it, is still good.
CONDITIONS = ("if-none-match", "if-modified-since", "if-range", "range")

Fields = list[tuple[str, str]]


class Insertion(NamedTuple):
    """What becomes of a response: its new header fields, and what is added to its body."""

    fields: Fields
    tag: bytes


def wants_page(header: Header) -> bool:
    """Whether the answer is going to be a page of its own in a browser."""
    if header("x-requested-with") or header("hx-request"):
        return False
    destination = header("sec-fetch-dest")
    return destination in _PAGES if destination else "text/html" in header("accept").lower()


def element(generation: int, *, nonce: str = "", error: str = "") -> str:
    """The element. ``error``: the identifier of one that the page itself shows."""
    marks = f' nonce="{escape(nonce)}"' if nonce else ""
    marks += f' data-error="{escape(error)}"' if error else ""
    return f'<script src="{SCRIPT}" data-generation="{generation}"{marks} defer></script>'


def insertion(generation: int, status: int, fields: Fields) -> Insertion | Verdict | None:
    """What is to be done with a response to a request that wants a page.

    None: it is no HTML that a text can be added to. A `Verdict`: the application's Content-Security-Policy forbids it.
    """
    found = {name.lower(): value for name, value in fields}
    kind, _, parameters = found.get("content-type", "").partition(";")
    if (
        kind.strip().lower() != "text/html"
        or "utf-16" in parameters.lower()
        or "utf-32" in parameters.lower()
    ):
        return None
    if status in (204, 206, 304) or found.get("content-encoding", "identity").lower() != "identity":
        return None
    verdict = judge([value for name, value in fields if name.lower() == "content-security-policy"])
    if verdict.refusal:
        return verdict
    tag = element(generation, nonce=verdict.nonce).encode()
    changed = []
    for name, value in fields:
        if name.lower() == "content-length" and value.strip().isdigit():
            changed.append((name, str(int(value) + len(tag))))
        elif name.lower() not in _VALIDATORS:
            changed.append((name, value))
    return Insertion(changed, tag)


def insert(last: bytes, tag: bytes) -> bytes:
    """``last``, the end of a document, with the element in it."""
    found = _END_OF_BODY.search(last, max(0, len(last) - _TAIL))
    position = found.start() if found else len(last)
    return last[:position] + tag + last[position:]
