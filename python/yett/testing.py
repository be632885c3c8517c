"""A real server for tests, in threads of the test's own process.

with yett.testing.serve(app) as server:
    httpx.get(server.url + "/")
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import _core
from . import asgi as _asgi
from . import loops as _loops
from . import server as _server
from . import wsgi as _wsgi

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
    application: Any, listeners: list[_core.Listener], values: _core.Settings, server: TestServer
) -> Iterator[TestServer]:
    if application.interface == "wsgi":
        try:
            with _wsgi.serving(application.call, listeners, values):
                yield server
        finally:
            for listener in listeners:
                listener.close()
        return
    thread = _Thread(application.call, listeners, values)
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
    def __init__(self, application: Any, listeners: list[_core.Listener], settings: _core.Settings) -> None:
        super().__init__(name="yett-testing", daemon=True)
        self._serve_arguments = (application, listeners, settings)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_serving = asyncio.Event()  # `_stop` is a method of Thread until 3.12
        self.ready = threading.Event()
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            with _loops.running_loop(self._serve_arguments[2].loop) as self._loop:
                _loops.run_to_end(
                    self._loop,
                    _asgi.serve_until(self._stop_serving, *self._serve_arguments, self.ready.set),
                )
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            self.failure = error
        finally:
            self.ready.set()

    def stop(self) -> None:
        if self._loop is None:
            self._stop_serving.set()  # nobody waits for it yet
        else:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._stop_serving.set)
        self.join()
