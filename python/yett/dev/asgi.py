"""An ASGI application with an error page, and pages that reload by themselves."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from . import local, markup, page
from .channel import EVENTS
from .local import Header
from .wrapper import PREFIX, Answer, Wrapper, bytes_of, is_answerable, texts_of

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# What Starlette (and so FastAPI) answers when a handler has raised, before it lets the exception pass.
_DEFAULT_ANSWER = b"Internal Server Error"
# A page whose file is sent by the server could not be added to.
_FILE_EXTENSIONS = ("http.response.pathsend", "http.response.zerocopysend")


def wrap(application: Application, wrapper: Wrapper) -> Application:
    """``application``, with what `yett dev` adds."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await application(scope, receive, send)
        header = local.header_of_scope(scope)
        if not local.scope_is_local(scope, header):
            return await application(scope, receive, send)
        if scope["path"].startswith(PREFIX):
            return await _own(wrapper, scope, header, receive, send)
        return await _answer(application, wrapper, scope, header, receive, send)

    return wrapped


async def _answer(
    application: Application, wrapper: Wrapper, scope: Scope, header: Header, receive: Receive, send: Send
) -> None:
    becomes_page = wrapper.reloads and markup.wants_page(header)
    if wrapper.retired and markup.wants_page(header) and scope["method"] == "GET":
        await respond(send, wrapper.elsewhere(request_of(scope, header).target), "GET")
        return
    response = _Response(wrapper, send, becomes_page)
    try:
        await application(_for_page(scope) if becomes_page else scope, receive, response.send)
    except Exception as error:
        if not response.started and is_answerable(error):
            answer = wrapper.failed(error, request_of(scope, header), header)
            with contextlib.suppress(OSError):  # the client has gone; the exception is worth more
                await respond(send, answer, scope["method"])
        # For the log, and whoever counts failures.
        raise
    await response.release()


def _for_page(scope: Scope) -> Scope:
    """The request without what could make the answer anything but a page."""
    changed = dict(scope)
    if scope["method"] in ("GET", "HEAD"):
        changed["headers"] = [
            field for field in scope["headers"] if field[0].decode("latin-1").lower() not in markup.CONDITIONS
        ]
    if extensions := scope.get("extensions"):
        changed["extensions"] = {k: v for k, v in extensions.items() if k not in _FILE_EXTENSIONS}
    return changed


class _Response:
    """Passes on what the application sends, with the script where it belongs."""

    def __init__(self, wrapper: Wrapper, send: Send, becomes_page: bool) -> None:
        self._wrapper = wrapper
        self._send = send
        self._becomes_page = becomes_page
        self._tag = b""
        self._is_first = True
        self._held: list[Message] = []
        self.started = False

    async def send(self, message: Message) -> None:
        kind = message.get("type")
        if kind == "http.response.start" and not self.started and not self._held:
            if message.get("status") == 500 and not message.get("trailers"):
                # It may be what a framework says of an exception that comes after it.
                self._held = [message]
                return
            message = self._begin(message)
        elif self._held:
            if kind == "http.response.body" and len(self._held) == 1 and _is_default_answer(message):
                self._held.append(message)
                return
            await self.release()
        if kind == "http.response.body" and self._tag:
            message = self._body(message)
        self._is_first = self._is_first and kind != "http.response.body"
        await self._send(message)

    async def release(self) -> None:
        """Send what was held back."""
        held, self._held = self._held, []
        for message in held:
            if message["type"] == "http.response.start":
                await self._send(self._begin(message))
            else:
                await self._send(self._body(message) if self._tag else message)

    def _begin(self, message: Message) -> Message:
        self.started = True
        # A message that is wrong in itself is for the server to refuse.
        if self._becomes_page and isinstance(message.get("status"), int):
            try:
                fields = texts_of(message.get("headers") or ())
            except (TypeError, ValueError):
                return message
            if found := self._wrapper.insertion(message["status"], fields):
                self._tag = found.tag
                return {**message, "headers": bytes_of(found.fields)}
        return message

    def _body(self, message: Message) -> Message:
        if message.get("more_body"):
            return message
        tag, self._tag = self._tag, b""
        last = bytes(message.get("body") or b"")
        # In pieces, the end tag may be in one that has gone already: then it goes behind everything.
        return {**message, "body": markup.insert(last, tag)}


def _is_default_answer(message: Message) -> bool:
    return message.get("body") == _DEFAULT_ANSWER and not message.get("more_body")


async def _own(wrapper: Wrapper, scope: Scope, header: Header, receive: Receive, send: Send) -> None:
    if not wrapper.reloads or scope["path"] not in (EVENTS, markup.SCRIPT):
        answer = wrapper.refusal(404, "There is nothing here.\n")
    elif not local.is_same_origin(header, scope["scheme"]):
        answer = wrapper.refusal(403, "Only pages of this server may ask.\n")
    elif scope["method"] not in ("GET", "HEAD"):
        answer = wrapper.refusal(405, "GET is what there is.\n")
    elif scope["path"] == EVENTS and scope["method"] == "GET":
        return await wrapper.channel.serve(receive, send)
    else:
        answer = wrapper.script()
    return await respond(send, answer, scope["method"])


async def respond(send: Send, answer: Answer, method: str) -> None:
    """Send a whole answer."""
    status, fields, body = answer
    await send({"type": "http.response.start", "status": status, "headers": bytes_of(fields)})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})


def request_of(scope: Scope, header: Header) -> page.Request:
    """What the error page says of the request."""
    path = scope.get("raw_path") or scope["path"].encode()
    target = path.decode("latin-1")
    if scope.get("query_string"):
        target += "?" + scope["query_string"].decode("latin-1")
    client = scope.get("client")
    where = f"{client[0]}:{client[1]}" if client else "a unix socket"
    return page.Request(scope["method"], target, texts_of(scope["headers"]), where)
