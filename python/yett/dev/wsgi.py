"""A WSGI application with an error page, and pages that reload by themselves."""

import sys
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any

from . import local, markup, page
from .channel import EVENTS, HEADERS
from .local import Header
from .wrapper import PREFIX, Answer, Fields, Wrapper, is_answerable

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


def wrap(application: Application, wrapper: Wrapper) -> Application:
    """``application``, with what `yett dev` adds."""

    def wrapped(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        header = local.header_of_environ(environ)
        if not local.environ_is_local(environ, header):
            return application(environ, start_response)
        if _path(environ).startswith(PREFIX):
            return _own(wrapper, environ, header, start_response)
        becomes_page = wrapper.reloads and markup.wants_page(header)
        response = _Response(wrapper, start_response, becomes_page)
        # What the page says is what was asked; the application may change its environ.
        request = request_of(environ, header)
        file_wrapper = environ.get("wsgi.file_wrapper")
        if wrapper.retired and markup.wants_page(header) and request.method == "GET":
            return _respond(start_response, wrapper.elsewhere(request.target), "GET")
        if becomes_page and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            for name in markup.CONDITIONS:
                environ.pop("HTTP_" + name.upper().replace("-", "_"), None)

        def failed(error: BaseException) -> bytes:
            status, fields, body = wrapper.failed(error, request, header)
            response.replace(status, fields)
            return b"" if request.method == "HEAD" else body

        try:
            result = application(environ, response.start)
        except Exception as error:
            if response.wrote or not is_answerable(error):
                raise
            return _Failed(failed(error), error)
        if type(result) in (list, tuple) and not response.tag:
            return result  # nothing of the application's runs any more
        if response.started and not response.tag and type(result) is file_wrapper:
            return result  # the server sends the file itself
        return _Body(result, response, failed)

    return wrapped


class _Response:
    """Its head, as the application starts it."""

    def __init__(self, wrapper: Wrapper, start_response: StartResponse, becomes_page: bool) -> None:
        self._wrapper = wrapper
        self._start_response = start_response
        self._becomes_page = becomes_page
        self.started = False
        self.wrote = False
        self.tag = b""

    def start(self, status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
        self.tag = b""
        if self._becomes_page:
            try:
                found = self._wrapper.insertion(int(status[:3]), list(headers))
            except (TypeError, ValueError, AttributeError):
                found = None  # wrong in itself, and for the server to refuse
            if found:
                headers, self.tag = found.fields, found.tag
        more = () if exc_info is None else (exc_info,)
        write = self._start_response(status, headers, *more)
        self.started = True

        def writing(data: bytes) -> object:
            self.wrote = self.wrote or bool(data)
            return write(data)

        return writing

    def replace(self, status: int, fields: Fields) -> None:
        """Another head, while an exception is being handled."""
        self.tag = b""
        line = f"{status} {HTTPStatus(status).phrase}"
        self._start_response(line, fields, *((sys.exc_info(),) if self.started else ()))


class _Body:
    """The body of the application, with the script behind it, or the error page in its place."""

    def __init__(
        self, result: Iterable[bytes], response: _Response, failed: Callable[[BaseException], bytes]
    ) -> None:
        self._result = result
        self._response = response
        self._failed = failed
        self._whole = isinstance(result, (list, tuple)) and len(result) == 1
        self._items: Iterator[bytes] | None = None
        self._error: BaseException | None = None
        self._ended = False

    def __iter__(self) -> "_Body":
        return self

    def __next__(self) -> bytes:
        if self._ended:
            raise StopIteration
        try:
            if self._items is None:
                self._items = iter(self._result)
            item = next(self._items)
        except StopIteration:
            self._ended = True
            if not self._response.tag:
                raise
            return self._response.tag
        except Exception as error:
            if self._response.wrote or not is_answerable(error):
                raise
            self._ended, self._error = True, error
            return self._failed(error)
        self._response.wrote = self._response.wrote or bool(item)
        if self._whole and self._response.tag and isinstance(item, bytes):
            self._ended = True
            return markup.insert(item, self._response.tag)
        return item

    def close(self) -> None:
        """Close what the application gave, then let its exception pass: the server logs it."""
        if hasattr(self._result, "close"):
            self._result.close()
        if self._error is not None:
            raise self._error


class _Failed:
    """The error page; the exception comes behind it, for the log."""

    def __init__(self, body: bytes, error: BaseException) -> None:
        self._body = body
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        return iter([self._body])

    def close(self) -> None:
        raise self._error


def _own(
    wrapper: Wrapper, environ: Environ, header: Header, start_response: StartResponse
) -> Iterable[bytes]:
    method, path = environ["REQUEST_METHOD"], _path(environ)
    if not wrapper.reloads or path not in (EVENTS, markup.SCRIPT):
        answer = wrapper.refusal(404, "There is nothing here.\n")
    elif not local.is_same_origin(header, environ["wsgi.url_scheme"]):
        answer = wrapper.refusal(403, "Only pages of this server may ask.\n")
    elif method not in ("GET", "HEAD"):
        answer = wrapper.refusal(405, "GET is what there is.\n")
    elif path == EVENTS and method == "GET":
        start_response("200 OK", HEADERS)
        return wrapper.channel.pieces()
    else:
        answer = wrapper.script()
    return _respond(start_response, answer, method)


def _respond(start_response: StartResponse, answer: Answer, method: str) -> Iterable[bytes]:
    status, fields, body = answer
    start_response(f"{status} {HTTPStatus(status).phrase}", fields)
    return [] if method == "HEAD" else [body]


def _path(environ: Environ) -> str:
    return environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")


def request_of(environ: Environ, header: Header) -> page.Request:
    """What the error page says of the request."""
    target = environ.get("RAW_URI") or _path(environ)
    fields = [
        (key.removeprefix("HTTP_").replace("_", "-").lower(), str(value))
        for key, value in environ.items()
        if key.startswith("HTTP_") or (key in ("CONTENT_TYPE", "CONTENT_LENGTH") and value)
    ]
    address, port = environ.get("REMOTE_ADDR"), environ.get("REMOTE_PORT", "")
    where = f"{address}:{port}" if address else "a unix socket"
    return page.Request(environ["REQUEST_METHOD"], target, fields, where)
