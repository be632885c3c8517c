"""A worker of `yett dev`: loading the application, and what is served where that cannot be done."""

import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from .. import _core, interface, server
from ..errors import TargetError
from . import asgi, failure, standin, wsgi
from .session import Session, now
from .wrapper import Wrapper

# Frameworks that turn exceptions into an answer of their own unless they are told that this is development.
_DEBUG_VARIABLES = ("FLASK_DEBUG", "QUART_DEBUG")
# A pool has most of its threads for the application, even if many pages are open.
_THREADS_FOR_NEWS = 4


class Target(server.Loader):
    """The application that a person names."""

    def __init__(self, target: str, session: Session) -> None:
        self._target = target
        self._session = session

    def load(self, settings: _core.Settings) -> interface.Application:
        """The application with what `yett dev` adds, or one that says why there is none.

        Raises `TargetError` if it cannot be loaded, and another process serves what was there before.
        """
        for name in _DEBUG_VARIABLES:
            os.environ.setdefault(name, "1")
        # Before the import: what changes during it is newer.
        generation = self._session.state().generation or now()
        try:
            found = server.load(self._target, settings)
        except TargetError as error:
            cause = error.__cause__ or error
            own = failure.short(cause) if error.traceback and error.__cause__ else None
            error.traceback = own
            shown = "\n".join(part for part in (own, error.hint) if part)
            page = standin.page_of(f"{self._target} cannot be loaded", cause, shown or error.message)
            self._session.failed(error.message, shown, page)
            if self._session.others_serve():
                raise
            _tell(error.message, shown)
            return self._stand_in(settings, generation)
        if found.interface == "wsgi":
            wrapper = Wrapper(self._session, settings, generation, settings.threads // _THREADS_FOR_NEWS)
            return found._replace(
                call=wsgi.wrap(found.call, wrapper), observer=Observer(self._session, wrapper)
            )
        wrapper = Wrapper(self._session, settings, generation)
        observer = Observer(self._session, wrapper)
        lifespan = _Lifespan(found.call, self._session, wrapper, observer)
        return found._replace(call=asgi.wrap(lifespan, wrapper), returns_coroutine=True, observer=observer)

    def _stand_in(self, settings: _core.Settings, generation: int) -> interface.Application:
        wrapper = Wrapper(self._session, settings, generation)
        observer = Observer(self._session, wrapper, is_whole=False)
        call = standin.application(self._session, wrapper)
        return interface.Application(call, "asgi", True, observer)


class Observer:
    """What the process that serves tells of itself."""

    def __init__(self, session: Session, wrapper: Wrapper, *, is_whole: bool = True) -> None:
        self._session = session
        self._wrapper = wrapper
        self.is_whole = is_whole

    def started(self) -> None:
        """Requests are answered."""
        self._session.started(is_whole=self.is_whole)

    def stopping(self, order: str) -> None:
        """The process is told to end: what waits for news would hold that up."""
        self._wrapper.retired = order == "retire"
        self._wrapper.channel.stop()


class _Lifespan:
    """The application, and the page that takes its place if its lifespan start-up fails and nobody else serves."""

    def __init__(
        self, application: Callable[..., Any], session: Session, wrapper: Wrapper, observer: Observer
    ) -> None:
        self._application = application
        self._session = session
        self._wrapper = wrapper
        self._observer = observer

    def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> Awaitable[None]:
        if scope["type"] == "lifespan":
            return self._lifespan(scope, receive, send)
        return self._application(scope, receive, send)

    async def _lifespan(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        failed = False

        async def sending(message: asgi.Message) -> None:
            nonlocal failed
            if message.get("type") != "lifespan.startup.failed" or failed:
                return await send(message)
            text = str(message.get("message") or "")
            title = "the application's lifespan start-up failed"
            # What a framework sends is a traceback, as a rule; it knows the exception, we do not.
            error = sys.exc_info()[1]
            cause = error or RuntimeError(text)
            shown = failure.short(error) if error else text
            self._session.failed(title, shown, standin.page_of(title, cause, shown))
            if self._session.others_serve():
                return await send(message)
            _tell(title, shown)
            failed = True
            self._application = standin.application(self._session, self._wrapper)
            self._observer.is_whole = False
            return await send({"type": "lifespan.startup.complete"})

        try:
            await self._application(scope, receive, sending)
        except Exception:
            if not failed:
                raise
        if failed:
            # The server expects an answer at the end.
            while (await receive())["type"] != "lifespan.shutdown":
                pass
            await send({"type": "lifespan.shutdown.complete"})


def _tell(message: str, text: str) -> None:
    more = f"\n{text.rstrip()}" if text else ""
    _core.write_log("error", f"{message}{more}\nwaiting for a change; until then every answer says so")
