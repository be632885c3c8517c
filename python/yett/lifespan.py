"""The lifespan protocol: what an application does before its first request and after its last.

ASGI lifespan specification 2.0. The application runs as one task from start-up to shutdown. ``auto`` tolerates an
application that does not know the protocol (it raises for the unknown scope type before it answers); ``on`` does not;
``off`` does not ask.
"""

import asyncio
import contextvars
from typing import Any

from . import _core
from .errors import LifespanError, application_traceback, summary


class Lifespan:
    """One run of the protocol; ``state`` and ``context`` are for the requests."""

    def __init__(self, application: Any, mode: str) -> None:
        self._application = application
        self._mode = mode
        self._task: asyncio.Task[None] | None = None
        self._to_application: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._started: asyncio.Future[None] | None = None
        self._stopped: asyncio.Future[None] | None = None
        #: What the application has put there at start-up; None if it does not take part.
        self.state: dict[str, Any] | None = None
        #: The context in which start-up has run: requests see its variables, each in a copy.
        self.context = contextvars.copy_context()

    async def startup(self) -> None:
        """Run the start-up. Raises `LifespanError` when the application says, or shows, that it failed."""
        if self._mode == "off":
            return
        loop = asyncio.get_running_loop()
        self._started, self._stopped = loop.create_future(), loop.create_future()
        state: dict[str, Any] = {}
        self._task = loop.create_task(self._run(state), name="yett-lifespan", context=self.context)
        self._to_application.put_nowait({"type": "lifespan.startup"})
        await asyncio.wait([self._task, self._started], return_when=asyncio.FIRST_COMPLETED)
        if self._started.done():
            self._started.result()
            self.state = state
            return
        self._judge_early_end(self._task)
        self._task = None
        self.context = contextvars.copy_context()

    def _judge_early_end(self, task: asyncio.Task[None]) -> None:
        """The application has ended without an answer."""
        error = None if task.cancelled() else task.exception()
        if isinstance(error, (SystemExit, KeyboardInterrupt)):
            # It knows well that it is being started, and does not want to be.
            raise LifespanError(
                f"the application's start-up failed: {summary(error)}", application_traceback(error)
            )
        if self._mode == "auto":
            # ASGI lifespan: an exception means that the protocol is not supported, and the server goes on.
            reason = summary(error) if error else "it returned"
            _core.write_log("info", f"the application does not take part in the lifespan protocol ({reason})")
            return
        if error is None:
            raise LifespanError("the application returned without answering lifespan.startup")
        raise LifespanError(
            f"the application's start-up failed: {summary(error)}", application_traceback(error)
        )

    async def shutdown(self, patience: float) -> None:
        """Run the shutdown, for ``patience`` seconds at most; what goes wrong is logged, for the server ends anyway."""
        if self._task is None or self._stopped is None:
            return
        if self._started is not None and not self._started.done():
            # Stopped in the middle of its start-up: there is nothing to shut down yet.
            self._task.cancel()
        elif not self._task.done():
            self._to_application.put_nowait({"type": "lifespan.shutdown"})
            ends = [self._task, self._stopped]
            done, _ = await asyncio.wait(ends, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                _core.write_log(
                    "error", f"the application has not answered lifespan.shutdown in {patience:g} s"
                )
        # After its answer the application has nothing left to do but return.
        await asyncio.wait([self._task], timeout=1)
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=1)
        elif not self._task.cancelled() and (error := self._task.exception()) is not None:
            _core.write_log(
                "error", f"exception in the application's lifespan\n{application_traceback(error).rstrip()}"
            )

    async def _run(self, state: dict[str, Any]) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
        await self._application(scope, self._to_application.get, self._send)

    async def _send(self, message: dict[str, Any]) -> None:
        assert self._started is not None and self._stopped is not None
        kind = message["type"]
        if kind in ("lifespan.startup.complete", "lifespan.startup.failed"):
            if self._started.done():
                raise RuntimeError(f"{kind}: the start-up has been answered already")
            if kind == "lifespan.startup.complete":
                # A snapshot of the sender's: what the application sets later is its own.
                self.context = contextvars.copy_context()
                self._started.set_result(None)
            else:
                reason = message.get("message") or "it gave no reason"
                self._started.set_exception(LifespanError(f"the application's start-up failed: {reason}"))
        elif kind in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            if not self._started.done() or self._stopped.done():
                raise RuntimeError(f"{kind}: no shutdown is to be answered")
            if kind == "lifespan.shutdown.failed":
                reason = message.get("message") or "it gave no reason"
                _core.write_log("error", f"the application's shutdown failed: {reason}")
            self._stopped.set_result(None)
        else:
            raise ValueError(f"unknown message type {kind!r} for a scope of type 'lifespan'")
