"""Which interface a callable speaks, and that what `adapt` returns really works as that."""

import asyncio
import enum
import functools

import pytest

from yett.errors import TargetError
from yett.interface import adapt, is_coroutine_callable, looks_like_application, looks_like_factory


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
    assert adapted.interface == "asgi"
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


class WsgiClassOfTheOldProtocol:
    def __init__(self, environ, start_response):
        pass

    def __getitem__(self, index):
        raise IndexError


class WsgiInstance:
    def __call__(self, env, start):
        return []

    def method(self, environ, start_response):
        return []

    @classmethod
    def of_class(cls, environ, start_response):
        return []

    @staticmethod
    def static(environ, start_response):
        return []


def with_configuration(config, environ, start_response):
    return []


def wsgi_named_beside_more(environ, start_response, *rest, **options):
    return []


WSGI = [
    wsgi,
    wsgi_generator,
    wsgi_with_more,
    wsgi_named_beside_more,
    Wsgi(),
    Wsgi().__call__,
    WsgiInstance(),
    WsgiInstance().method,
    WsgiInstance.of_class,
    WsgiInstance.static,
    WsgiClass,
    WsgiClassOfTheOldProtocol,
    wrapping(wsgi),
    functools.partial(with_configuration, "config"),
    lambda a, b: [],
]


@pytest.mark.parametrize("interface", ["auto", "wsgi"])
@pytest.mark.parametrize("app", WSGI)
def test_wsgi(app, interface):
    assert adapt(app, interface)[:3] == (app, "wsgi", False)


def either_way(*args):
    return []


def undecided(a, b, c=None):
    return []


def scope_alone(scope, receive=None, send=None):
    return asgi3(scope, receive, send)


@pytest.mark.parametrize("app", [either_way, silent_wrapper, wrapping(either_way), undecided, min])
def test_what_leaves_it_open_is_asked_about(app):
    with pytest.raises(TargetError, match="may be a WSGI or an ASGI application") as caught:
        adapt(app)
    assert caught.value.hint == "say which it is: -i wsgi or -i asgi"
    assert adapt(app, "asgi")[:3] == (app, "asgi", False)
    assert adapt(app, "wsgi")[:3] == (app, "wsgi", False)


def test_a_decorator_may_have_changed_the_arguments():
    """As `werkzeug.Request.application`: WSGI, made of a function of one argument."""
    app = wrapping(lambda request: [])
    with pytest.raises(TargetError, match=r"may be a WSGI .*: it takes \(\*args, \*\*kwargs\)"):
        adapt(app)
    assert adapt(app, "wsgi")[:3] == (app, "wsgi", False)


def test_what_is_ambiguous_is_shown():
    with pytest.raises(TargetError, match=r"function 'undecided' .*: it takes \(a, b, c=None\)"):
        adapt(undecided)
    with pytest.raises(TargetError, match=r"function 'min' .*: it does not tell what it takes"):
        adapt(min)


def test_names_decide_where_the_number_does_not():
    assert adapt(scope_alone)[:3] == (scope_alone, "asgi", False)
    assert adapt(wsgi_with_more)[:3] == (wsgi_with_more, "wsgi", False)


def test_the_users_word_is_taken_where_it_can_be():
    assert adapt(wsgi_with_more, "asgi").call is wsgi_with_more
    assert adapt(marked_single, "wsgi")[:3] == (marked_single, "wsgi", False)
    with pytest.raises(TargetError, match=r"takes \(environ, start_response\), not") as caught:
        adapt(wsgi, "asgi")
    assert "leave -i asgi out" in caught.value.hint


@pytest.mark.parametrize("app", [WsgiClass, Wsgi(), wsgi_generator])
def test_wsgi_under_the_word_for_asgi(app):
    with pytest.raises(TargetError, match="is not an application") as caught:
        adapt(app, "asgi")
    assert "leave -i asgi out" in caught.value.hint


class Configured:
    def __init__(self, config):
        pass

    async def __call__(self, scope, receive, send):
        pass


class WsgiFactory:
    """As Flask's class: its instances are applications."""

    def __init__(self, name, folder=None):
        pass

    def __call__(self, environ, start_response):
        return []


class NoBody:
    def __init__(self, environ, start_response):
        pass


class Pair:
    """A container that can be made of two things is no application."""

    def __init__(self, first=None, second=None):
        pass

    def __iter__(self):
        return iter(())


class Colour(enum.Enum):
    RED = 1


async def generator(scope, receive, send):
    yield


@pytest.mark.parametrize("interface", ["auto", "asgi", "wsgi"])
@pytest.mark.parametrize(
    ("app", "words"),
    [
        (lambda: None, "is not an application"),
        (lambda a, b, c, d: None, "is not an application"),
        (lambda *, environ, start_response: None, "is not an application"),
        (Configured, "its instances are applications"),
        (WsgiFactory, "its instances are applications"),
        (NoBody, "its instances cannot be iterated over"),
        (7, "an int is not an application: it is not callable"),
        (None, "not callable"),
    ],
)
def test_refused(app, words, interface):
    with pytest.raises(TargetError, match=words) as caught:
        adapt(app, interface)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("app", "words"),
    [
        (view, r"function 'view' is not an application: it takes \(request\)"),
        (generator, "is an async generator"),
        (int, "class 'int' is not an application"),
        (str, "class 'str' is not an application"),
        (Colour, "class 'Colour' is not an application"),
        (Pair, "class 'Pair' is not an application"),
        (lambda environ: None, r"takes \(environ\), not \(environ, start_response\)"),
        (lambda scope, receive: None, r"takes \(scope, receive\), not \(scope, receive, send\)"),
    ],
)
def test_refused_when_looked_at(app, words):
    with pytest.raises(TargetError, match=words) as caught:
        adapt(app)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("app", "hint"),
    [
        (asgi3, "leave -i wsgi out"),
        (Instance3(), "leave -i wsgi out"),
        (generator, "leave -i wsgi out"),
        (view, "an ordinary function"),
    ],
)
def test_asynchronous_under_the_word_for_wsgi(app, hint):
    with pytest.raises(TargetError, match="is not a WSGI application: it is asynchronous") as caught:
        adapt(app, "wsgi")
    assert hint in caught.value.hint


def test_wrong_arguments_under_the_word_for_wsgi():
    with pytest.raises(TargetError, match=r"takes \(scope\), not \(environ, start_response\)"):
        adapt(asgi2, "wsgi")


class Unbound:
    """A proxy for something that is not there yet."""

    @property
    def __call__(self):
        raise AttributeError("nothing is bound")


@pytest.mark.parametrize("wrapped", [5, "itself", Unbound()])
def test_what_a_wrapper_names_may_be_anything(wrapped):
    """Its own signature, which says nothing, is all that is known then."""

    def wrapper(*args):
        return []

    wrapper.__wrapped__ = wrapper if wrapped == "itself" else wrapped
    with pytest.raises(
        TargetError, match=r"may be a WSGI or an ASGI application: it takes \(\*args\)"
    ) as caught:
        adapt(wrapper)
    assert "-i wsgi" in caught.value.hint
    assert adapt(wrapper, "wsgi").call is wrapper
    assert not looks_like_factory(wrapper)


def test_unknown_interface():
    with pytest.raises(ValueError, match="auto, asgi, wsgi"):
        adapt(asgi3, "rsgi")


def test_an_instances_own_call_attribute_is_not_what_runs():
    instance = Instance2()
    instance.__call__ = asgi3
    assert not is_coroutine_callable(instance)


def test_candidates():
    for app in (asgi3, Instance3(), wsgi, Wsgi(), wsgi_with_more):
        assert looks_like_application(app)
    for other in (Instance3, WsgiClass, view, lambda a, b: None, 7, wrapping(either_way), with_configuration):
        assert not looks_like_application(other)


def test_factories():
    for factory in (lambda: wsgi, lambda config=None: wsgi, lambda a=None, b=None, c=None: wsgi):
        assert looks_like_factory(factory)
    for other in (either_way, wsgi, asgi2, min, lambda environ=None, start_response=None: []):
        assert not looks_like_factory(other)
