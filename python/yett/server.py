"""One process that serves: addresses, event loop, application, signals, and an orderly end."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import Any

from . import _core, importer, interface
from .lifespan import Lifespan
from .loops import LAST_WORDS_SECONDS, run_to_end, running_loop, wait_for_threads


class ListenError(OSError):
    """An address cannot be opened (exit code 5). The message is one line; the hint says what to do."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.errno, error.strerror)
        self.message, _, hint = (error.strerror or str(error)).partition("\n")
        self.hint: str | None = hint or None


class AccessLogError(OSError):
    """The access log cannot be opened (exit code 2)."""


def serve(app: Any, settings: _core.Settings, *, own_process: bool = False) -> None:
    """Serve ``app`` (an application or its target) in this thread until SIGINT or SIGTERM.

    ``own_process``: the process exists for serving. It says where it serves, and does not wait without a limit for
    threads that the application has left at work.
    """
    # Before the import of the application: who made a mistake in an option need not wait for it.
    try:
        _core.check_access_log(settings)
    except OSError as error:
        raise AccessLogError(error.errno, error.strerror) from None
    listeners = open_listeners(settings)
    try:
        application = load(app, settings)
        with _stop_signals() as signals:
            with running_loop(settings.loop_kind) as loop:
                stop = asyncio.Event()

                def on_signal() -> None:
                    signals.read()
                    stop.set()

                loop.add_reader(signals.fileno(), on_signal)

                def started() -> None:
                    if own_process:
                        for listener in listeners:
                            _core.write_log("info", f"serving on {listener.address} (stop with Ctrl-C)")

                run_to_end(loop, serve_until(stop, application, listeners, settings, started))
                loop.remove_reader(signals.fileno())
            if own_process:
                # After the loop, which tells the idle threads of `run_in_executor` to end, so that only those at work
                # are waited for. In here: a second signal still ends the process at once.
                wait_for_threads(settings.graceful_timeout)
    finally:
        for listener in listeners:
            listener.close()


@contextlib.contextmanager
def _stop_signals() -> Iterator[_core.StopSignals]:
    # The handlers of `StopSignals` also call those before them, and Python's own would raise KeyboardInterrupt in
    # whichever request happens to run. They stay in place when nobody listens any more: both are put back.
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with _core.StopSignals() as signals:
            yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def open_listeners(settings: _core.Settings) -> list[_core.Listener]:
    """Open all addresses of the settings. Raises `ListenError`."""
    try:
        return _core.open_listeners(settings)
    except OSError as error:
        raise ListenError(error) from None


def load(app: Any, settings: _core.Settings) -> Callable[..., Any]:
    """The application as an ASGI 3 callable that returns a coroutine. Raises `TargetError`."""
    found = importer.load(app) if isinstance(app, str) else app
    application = interface.adapt(found, settings.interface)
    return application.call if application.returns_coroutine else _as_coroutine_function(application.call)


def _as_coroutine_function(call: Callable[..., Any]) -> Callable[..., Any]:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await call(scope, receive, send)

    return application


async def serve_until(
    stop: asyncio.Event,
    application: Callable[..., Any],
    listeners: list[_core.Listener],
    settings: _core.Settings,
    started: Callable[[], None],
) -> None:
    """Lifespan start-up, serving until ``stop``, draining, lifespan shutdown."""
    loop = asyncio.get_running_loop()
    lifespan = Lifespan(application, settings.lifespan)
    await _unless_stopped(lifespan.startup(), stop)
    if not stop.is_set():
        server = _core.Server(application, loop, listeners, settings, lifespan.state, lifespan.context)
        server.start()
        started()
        try:
            await stop.wait()
            await _drain(server, settings.graceful_timeout)
        finally:
            server.close()
    await lifespan.shutdown(settings.graceful_timeout)


async def _unless_stopped(startup: Any, stop: asyncio.Event) -> None:
    """Run the start-up, or give it up when the server is told to stop meanwhile."""
    starting, stopping = asyncio.ensure_future(startup), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
    finally:
        for task in (starting, stopping):
            task.cancel()
        await asyncio.wait([starting, stopping])


async def _drain(server: _core.Server, graceful_timeout: float) -> None:
    """Let running requests finish; cancel those that take too long."""
    drained = asyncio.Event()
    server.drain(drained.set)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(graceful_timeout):
            await drained.wait()
    if not drained.is_set() and server.cancel_running():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await drained.wait()
