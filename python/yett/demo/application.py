"""The showcase's application: lifespan, counting, and which path goes where."""

from collections.abc import Awaitable, Callable
from urllib.parse import quote

from . import live
from .files import static_files
from .web import NOT_STORED, TEXT, BadRequest, Receive, Scope, Send, answer

Endpoint = Callable[[Scope, Receive, Send], Awaitable[None]]

_READ = ("GET", "HEAD")
_ROUTES: dict[str, tuple[tuple[str, ...], Endpoint]] = {
    **{path: (_READ, file) for path, file in static_files().items()},
    "/stream": (_READ, live.stream),
    "/events": (_READ, live.events),
    "/scope": (_READ, live.seen),
    "/knock": (_READ, live.knock),
    "/upload": (("POST", "PUT"), live.upload),
}
# For a server without lifespan state; with it, the counters are made at start-up.
_without_state = live.Counters()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """ASGI 3: HTTP and lifespan."""
    if scope["type"] == "lifespan":
        await _lifespan(scope, receive, send)
    elif scope["type"] == "http":
        counters = scope.get("state", {}).get("counters", _without_state)
        counters.requests += 1
        counters.active += 1
        try:
            await _dispatch({**scope, "counters": counters}, receive, send)
        except OSError:
            # `send` raises it when the client is gone, and so do the endpoints when `receive` says so.
            counters.departed += 1
        finally:
            counters.active -= 1
    else:
        # What the ASGI specification asks of an application for a protocol that it does not speak.
        raise NotImplementedError(f"the showcase does not speak {scope['type']}")


async def _lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    if "state" in scope:
        scope["state"]["counters"] = live.Counters()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def _dispatch(scope: Scope, receive: Receive, send: Send) -> None:
    # The path is the whole one, with the prefix under which a proxy shows this application to the world.
    root = scope.get("root_path", "")
    path = scope["path"].removeprefix(root)
    if not path:
        # The page names its parts relative to itself: without the slash they would be looked for beside it.
        location = (b"location", quote(root).encode() + b"/")
        await answer(scope, send, 308, b"The showcase is one slash further.\n", TEXT, location)
        return
    if path not in _ROUTES:
        await answer(scope, send, 404, b"There is nothing behind this gate.\n", TEXT, NOT_STORED)
        return
    methods, endpoint = _ROUTES[path]
    allow = (b"allow", ", ".join((*methods, "OPTIONS")).encode())
    if scope["method"] == "OPTIONS":
        await answer(scope, send, 200, b"", TEXT, allow)
    elif scope["method"] not in methods:
        await answer(scope, send, 405, b"This path has other methods, see Allow.\n", TEXT, allow)
    else:
        try:
            await endpoint(scope, receive, send)
        except BadRequest as error:
            await answer(scope, send, 400, f"{error}\n".encode(), TEXT, NOT_STORED)
