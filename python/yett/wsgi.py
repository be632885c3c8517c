"""Serving a WSGI application: its threads, and their orderly end."""

import contextvars
import threading
import time
from collections.abc import Callable
from typing import Any

from . import _core
from .orders import LAST_REQUEST_SECONDS, Order, Orders, Source
from .threads import LAST_WORDS_SECONDS, join_all

# How often signals and orders are looked for while requests finish.
SLICE_SECONDS = 0.1


class ThreadsError(RuntimeError):
    """The system refuses one of the threads that ``--threads`` asks for (exit code 2).

    ``message`` is one line that says so, ``hint`` says what to do about it.
    """

    def __init__(self, number: int, wanted: int, reason: RuntimeError) -> None:
        self.message = f"thread {number} of {wanted} cannot be started: {reason}"
        self.hint = (
            "try fewer (--threads), or let the system allow more processes or memory (ulimit -u, ulimit -v)"
        )
        super().__init__(self.message)


def serve(
    application: Callable[..., Any],
    listeners: list[_core.Listener],
    settings: _core.Settings,
    source: Source,
    started: Callable[[], None],
    slot: _core.Slot | None = None,
) -> Order | None:
    """Serve with threads until ``source`` has an order; then finish running requests within limits. The last order.

    ``started`` is called when it begins. A thread that does not come back from the application even at the end is named
    in the log and left behind. Raises `ThreadsError`.
    """
    server = _core.WsgiServer(application, listeners, settings, contextvars.copy_context(), slot)
    threads: list[threading.Thread] = []
    orders = Orders(source)
    try:
        for number in range(1, settings.threads + 1):
            # No daemons: the threads that an application starts would be daemons too, and die with the process.
            thread = threading.Thread(target=server.serve, name=f"yett-{number}")
            try:
                thread.start()
            except RuntimeError as error:
                raise ThreadsError(number, settings.threads, error) from None
            threads.append(thread)
        server.start()
        with server.watch():
            try:
                started()
                orders.wait()
                _finish(server, orders, settings)
            finally:
                server.drain()
    finally:
        server.stop()
        if busy := join_all(threads, LAST_WORDS_SECONDS):
            names = ", ".join(thread.name for thread in busy)
            _core.write_log("warning", f"still in the application after the graceful timeout: {names}")
        server.close()
    return orders.current


def _finish(server: _core.WsgiServer, orders: Orders, settings: _core.Settings) -> None:
    """Let running requests finish, within limits."""
    if orders.current == "drain" and settings.drain_delay:
        server.closing()
        orders.wait(settings.drain_delay)
    elif orders.current == "retire":
        server.leave()
        _wait(server.wait_until_empty, orders, "retire", LAST_REQUEST_SECONDS)
    server.drain()
    if orders.current == "retire":
        # Which of them are streams is not to be seen from here: a thread is in the application, and that is all.
        patience = settings.graceful_timeout + settings.stream_drain_timeout
        _wait(server.wait_until_drained, orders, "retire", patience)
    if orders.current == "drain":
        _wait(server.wait_until_drained, orders, "drain", settings.graceful_timeout)


def _wait(condition: Callable[[float], bool], orders: Orders, order: Order, seconds: float) -> None:
    """Wait until ``condition``, or another order has come, or ``seconds`` are over."""
    end = time.monotonic() + seconds
    # In slices: in between Python runs the application's own signal handlers, for which a running request may wait.
    while orders.current == order and (left := end - time.monotonic()) > 0:
        if condition(min(left, SLICE_SECONDS)):
            return
        orders.look()
