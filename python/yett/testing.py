"""A real server for tests, in threads of the test's own process.

with yett.testing.serve(app) as server:
    httpx.get(server.url + "/")
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import _core, interface
from . import server as _server
from .orders import Order

if TYPE_CHECKING:
    from typing import Unpack

    from ._arguments import Arguments


class TestServer:
    """A running server. ``url``: its address, without a slash at the end; ``urls``: all of them."""

    __test__ = False  # pytest: this is no test case

    def __init__(self, urls: list[str]) -> None:
        self.urls = urls
        self.url = urls[0]


@contextlib.contextmanager
def serve(app: Any, **settings: "Unpack[Arguments]") -> Iterator[TestServer]:
    """Serve ``app`` (an application or its target) on a free port of 127.0.0.1 until the block ends.

    ``settings`` are those of `yett.run`. When the block begins, the application has started up and requests are
    answered; when it has ended, it has shut down. What start-up raises is raised here.
    """
    settings.setdefault("bind", ["127.0.0.1:0"])
    settings.setdefault("log_level", "warning")
    values = _core.Settings(**settings)
    _server.open_logs(values)
    application = _server.load(app, values)
    listeners = _server.open_listeners(values)
    server = TestServer([listener.address for listener in listeners])
    try:
        yield from _serve(application, listeners, values, server)
    finally:
        # What a test looks for in the log is there.
        _core.flush_logs()


def _serve(
    application: interface.Application,
    listeners: list[_core.Listener],
    values: _core.Settings,
    server: TestServer,
) -> Iterator[TestServer]:
    thread = _Thread(application, listeners, values)
    try:
        thread.start()
        thread.ready.wait()
        if thread.failure is None:
            yield server
    finally:
        thread.stop()
        for listener in listeners:
            listener.close()
    if thread.failure is not None:
        raise thread.failure


class _Thread(threading.Thread):
    """Serves until `stop`; the source of its orders."""

    def __init__(
        self, application: interface.Application, listeners: list[_core.Listener], settings: _core.Settings
    ) -> None:
        super().__init__(name="yett-testing", daemon=True)
        self._serve_arguments = (application, listeners, settings)
        self._reader, self._writer = socket.socketpair()
        self.ready = threading.Event()
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            _server.serve_application(*self._serve_arguments, self, self.ready.set)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            self.failure = error
        finally:
            self.ready.set()

    def fileno(self) -> int:
        return self._reader.fileno()

    def read(self) -> Order | None:
        return "drain" if self._reader.recv(1) else None

    def stop(self) -> None:
        with self._reader, self._writer:
            self._writer.send(b".")
            self.join()
