"""Which interface a callable speaks, and that what `adapt` returns really works as ASGI 3."""

import asyncio
import functools

import pytest

from yett.errors import TargetError
from yett.interface import adapt, is_coroutine_callable, looks_like_asgi


async def asgi3(scope, receive, send):
    await send(("asgi3", scope["type"], await receive()))


def asgi2(scope):
    async def instance(receive, send):
        await send(("asgi2", scope["type"], await receive()))

    return instance


class Instance3:
    async def __call__(self, scope, receive, send):
        await asgi3(scope, receive, send)

    async def method(self, scope, receive, send):
        await asgi3(scope, receive, send)


class Instance2:
    def __call__(self, scope):
        return asgi2(scope)


class Class2:
    def __init__(self, scope):
        self.scope = scope

    async def __call__(self, receive, send):
        await asgi2(self.scope)(receive, send)


class Awaitable3:
    """As the endpoint classes of Starlette."""

    def __init__(self, scope, receive, send):
        self.arguments = (scope, receive, send)

    def __await__(self):
        return asgi3(*self.arguments).__await__()


class Wsgi:
    def __call__(self, environ, start_response):
        return []


def returns_coroutine(scope, receive, send):
    return asgi3(scope, receive, send)


def silent_wrapper(*args, **kwargs):
    return asgi3(*args, **kwargs)


def wrapping(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def view_decorator(view):
    """A decorator that changes the arguments, and still says what it wraps."""

    @functools.wraps(view)
    async def wrapper(scope, receive, send):
        await asgi3(scope, receive, send)

    return wrapper


async def view(request):
    pass


async def with_prefix(prefix, scope, receive, send):
    await asgi3(scope, receive, send)


def marked_double(*args):
    return asgi2(*args)


marked_double._asgi_double_callable = True


def marked_single(one, *rest):
    return asgi3(one, *rest)


marked_single._asgi_single_callable = True


def run(app):
    """What the application sends when it is served through its adapter."""
    sent = []

    async def receive():
        return "received"

    async def send(message):
        sent.append(message)

    async def serve():
        result = app.call({"type": "http"}, receive, send)
        assert asyncio.iscoroutine(result) or not app.returns_coroutine
        await result

    asyncio.run(serve())
    return sent


@pytest.mark.parametrize("interface", ["auto", "asgi"])
@pytest.mark.parametrize(
    ("app", "version", "coroutine"),
    [
        (asgi3, "asgi3", True),
        (Instance3(), "asgi3", True),
        (Instance3().method, "asgi3", True),
        (functools.partial(with_prefix, "prefix"), "asgi3", True),
        (functools.partial(Instance3()), "asgi3", True),
        (view_decorator(view), "asgi3", True),
        (returns_coroutine, "asgi3", False),
        (silent_wrapper, "asgi3", False),
        (wrapping(asgi3), "asgi3", False),
        (Awaitable3, "asgi3", False),
        (marked_single, "asgi3", False),
        (asgi2, "asgi2", True),
        (wrapping(asgi2), "asgi2", True),
        (functools.partial(asgi2), "asgi2", True),
        (Instance2(), "asgi2", True),
        (Class2, "asgi2", True),
        (marked_double, "asgi2", True),
    ],
)
def test_served(app, version, coroutine, interface):
    adapted = adapt(app, interface)
    assert adapted.returns_coroutine is coroutine
    assert run(adapted) == [(version, "http", "received")]
    if version == "asgi3":
        assert adapted.call is app, "no wrapper where none is needed"


def wsgi(environ, start_response):
    return []


def wsgi_generator(environ, start_response):
    yield b""


def wsgi_with_more(environ, start_response, extra=None):
    return []


class WsgiClass:
    def __init__(self, environ, start_response):
        pass

    def __iter__(self):
        return iter([])


@pytest.mark.parametrize(
    "app",
    [
        wsgi,
        wsgi_generator,
        wsgi_with_more,
        Wsgi(),
        Wsgi().__call__,
        WsgiClass,
        wrapping(wsgi),
        lambda a, b: [],
    ],
)
def test_wsgi_is_refused(app):
    with pytest.raises(TargetError) as caught:
        adapt(app)
    assert "WSGI is not served yet" in caught.value.message
    assert caught.value.hint


def test_asgi_takes_the_users_word_where_it_can():
    assert adapt(wsgi_with_more, "asgi").call is wsgi_with_more
    with pytest.raises(TargetError, match=r"takes \(environ, start_response\), not"):
        adapt(wsgi, "asgi")


class Configured:
    def __init__(self, config):
        pass

    async def __call__(self, scope, receive, send):
        pass


async def generator(scope, receive, send):
    yield


@pytest.mark.parametrize(
    ("app", "words"),
    [
        (view, r"function 'view' is not an application: it takes \(request\)"),
        (lambda: None, "is not an application"),
        (lambda a, b, c, d: None, "is not an application"),
        (Configured, "its instances are applications"),
        (int, "class 'int' is not an application"),
        (generator, "is an async generator"),
        (7, "an int is not an application: it is not callable"),
        (None, "not callable"),
    ],
)
def test_refused(app, words):
    with pytest.raises(TargetError, match=words) as caught:
        adapt(app)
    assert caught.value.hint


def test_unknown_interface():
    with pytest.raises(ValueError, match="auto, asgi"):
        adapt(asgi3, "wsgi")


def test_an_instances_own_call_attribute_is_not_what_runs():
    instance = Instance2()
    instance.__call__ = asgi3
    assert not is_coroutine_callable(instance)


def test_candidates():
    assert looks_like_asgi(asgi3)
    assert looks_like_asgi(Instance3())
    assert not looks_like_asgi(Instance3)
    assert not looks_like_asgi(view)
    assert not looks_like_asgi(wsgi)
