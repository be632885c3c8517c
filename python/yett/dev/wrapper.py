"""What both wrappers share: which answers they change, and what they answer themselves."""

import threading
from pathlib import Path
from typing import Any

from .. import _core
from . import failure, markup, page
from .channel import Channel
from .local import Header
from .policy import Verdict
from .session import Session

PREFIX = "/__yett__/"
_SCRIPT = Path(__file__).parent / "static" / "reload.js"

Fields = list[tuple[str, str]]
Answer = tuple[int, Fields, bytes]


class Wrapper:
    """One for each worker. ``most_threads``: see `Channel`."""

    def __init__(
        self, session: Session, settings: _core.Settings, generation: int, most_threads: int = 0
    ) -> None:
        self.generation = generation
        self.channel = Channel(session, generation, most_threads=most_threads)
        self.reloads = settings.browser_reload
        #: Another worker has newer code, and this one only finishes.
        self.retired = False
        self._told: set[str] = set()
        self._lock = threading.Lock()

    def script(self) -> Answer:
        """The script itself."""
        body = _SCRIPT.read_bytes()
        fields = [
            ("content-type", "text/javascript; charset=utf-8"),
            ("content-length", str(len(body))),
            ("x-content-type-options", "nosniff"),
            # It is small, and another version of Yett may serve the next one.
            ("cache-control", "no-store"),
            # Not for pages of other sites, which would learn that a server is here.
            ("cross-origin-resource-policy", "same-origin"),
        ]
        return 200, fields, body

    def refusal(self, status: int, text: str) -> Answer:
        """A short answer to who may not have what it asks for."""
        body = text.encode()
        return status, page.plain_headers(len(body)), body

    def elsewhere(self, target: str) -> Answer:
        """To a page that has come over an old connection to a worker with old code: ask again, on another one."""
        # Two slashes would name a server.
        location = "/" + target.lstrip("/")
        fields = [
            ("location", location),
            ("content-length", "0"),
            ("connection", "close"),
            ("cache-control", "no-store"),
        ]
        return 307, fields, b""

    def insertion(self, status: int, fields: Fields) -> markup.Insertion | None:
        """What is to be added to a response that becomes a page."""
        found = markup.insertion(self.generation, status, fields)
        if isinstance(found, Verdict):
            self._tell(found.refusal)
            return None
        return found

    def failed(self, error: BaseException, request: page.Request, header: Header) -> Answer:
        """The page that shows an exception, or the traceback as text for who does not read HTML."""
        traceback = failure.plain(error)
        if "text/html" not in header("accept").lower():
            body = page.as_text(traceback, request)
            return 500, page.plain_headers(len(body)), body
        nonce = page.new_nonce()
        tag = markup.element(self.generation, nonce=nonce) if self.reloads else ""
        body = page.render(failure.describe(error), traceback, request, nonce, tag=tag)
        return 500, page.headers(nonce, len(body)), body

    def _tell(self, refusal: str) -> None:
        # Once for each policy: a page is asked for often.
        with self._lock:
            if refusal in self._told:
                return
            self._told.add(refusal)
        _core.write_log(
            "warning",
            f"pages cannot reload by themselves: the application's Content-Security-Policy forbids it ({refusal}); "
            "'self' in script-src and connect-src would allow it",
        )


def is_answerable(error: BaseException) -> bool:
    """Whether an exception is a mistake to show, and not a client that has gone."""
    return isinstance(error, Exception) and not isinstance(error, _core.ClientDisconnected)


def bytes_of(fields: Fields) -> list[tuple[bytes, bytes]]:
    """Header fields as ASGI has them."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]


def texts_of(fields: Any) -> Fields:
    """Header fields of an ASGI message as texts."""
    return [(bytes(name).decode("latin-1"), bytes(value).decode("latin-1")) for name, value in fields]
