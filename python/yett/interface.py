"""Which interface an application speaks, and adapters to those that Yett serves: ASGI 3 and WSGI.

The rules, in order:

1. The marks ``_asgi_single_callable`` and ``_asgi_double_callable`` of asgiref decide.
2. A callable that returns a coroutine is ASGI 3.
3. A class that takes ``(scope, receive, send)`` and whose instances can be awaited is ASGI 3; one that takes
   ``(environ, start_response)`` and whose instances can be iterated over is WSGI; one that takes ``(scope)`` and
   whose instances take ``(receive, send)`` is ASGI 2.
4. Any other callable is judged by how many positional arguments it takes: two is WSGI, three is ASGI 3 and returns
   some awaitable, one is ASGI 2. Where several would do, the names of its parameters decide, and where they say
   nothing, the person must (``-i wsgi``, ``-i asgi``).

A wrapper that takes ``*args`` is judged by the function it wraps, where it says so (``functools.wraps``), unless that
takes a single argument: then it may as well have been made WSGI by the decorator.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol

from .errors import TargetError
from .orders import Order

INTERFACES = ("auto", "asgi", "wsgi")
_WSGI_NAMES = {"environ", "start_response"}
_ASGI_NAMES = {"scope", "receive", "send"}
_ASGI_HINT = "an ASGI application is: async def app(scope, receive, send)"
_WSGI_HINT = "a WSGI application is: def app(environ, start_response)"
_EITHER_HINT = f"{_WSGI_HINT}; {_ASGI_HINT}"


class Observer(Protocol):
    """Hears of the life of the process that serves an application."""

    def started(self) -> None:
        """Requests are answered."""

    def stopping(self, order: Order) -> None:
        """The process is told to end; running requests finish."""


class Application(NamedTuple):
    """What is served.

    ``call`` is an ASGI 3 or WSGI callable, as ``interface`` says. ``returns_coroutine``: calling it is known to
    return a coroutine, and not another awaitable; never so for WSGI. ``observer`` belongs to what Yett has put around
    it.
    """

    call: Callable[..., Any]
    interface: Literal["asgi", "wsgi"]
    returns_coroutine: bool
    observer: Observer | None = None


def adapt(app: Any, interface: str = "auto") -> Application:
    """Make an ASGI 3 or WSGI callable of ``app``.

    ``auto`` finds out which; ``asgi`` and ``wsgi`` take the word of the user for it, as far as ``app`` can be called
    so at all. Raises `TargetError` when it cannot be served.
    """
    if interface not in INTERFACES:
        raise ValueError(f"interface must be one of {', '.join(INTERFACES)}, not {interface!r}")
    if not callable(app):
        raise TargetError(f"{describe(app)} is not an application: it is not callable", hint=_EITHER_HINT)
    if interface == "wsgi":
        _check_wsgi(app)
        found: str | None = "wsgi"
    else:
        found = _marked(app) or _asynchronous(app)
        if found is None and interface == "auto":
            found = _class(app) if inspect.isclass(app) else _callable(app)
        elif found is None:
            found = _asgi_by_word(app)
    if found == "wsgi":
        return Application(app, "wsgi", False)
    call = _from_asgi2(app) if found == "asgi2" else app
    return Application(call, "asgi", is_coroutine_callable(call))


def is_coroutine_callable(app: Any) -> bool:
    """Whether ``app(...)`` is known to return a coroutine, so that a task can be made of it directly."""
    while isinstance(app, functools.partial):
        app = app.func
    if inspect.isclass(app):
        return False
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(_call_method(app))


def looks_like_application(value: Any) -> bool:
    """Whether ``value`` is worth suggesting as an application: an object or function, never a class.

    WSGI applications must say ``start_response``: too much takes two arguments.
    """
    if inspect.isclass(value) or not callable(value):
        return False
    if is_coroutine_callable(value):
        return accepts(value, 3)
    return "start_response" in _names(value) and accepts(value, 2) and not accepts(value, 1)


def looks_like_factory(value: Any) -> bool:
    """Whether ``value`` can be called without arguments, and nothing says that it is an application all the same."""
    if _signature(value) is None or _takes_any_number(value) or not accepts(value, 0):
        return False
    return not _names(value) & (_WSGI_NAMES | _ASGI_NAMES)


def accepts(app: Any, count: int) -> bool:
    """Whether ``app`` can be called with ``count`` positional arguments; True when that is not known."""
    return _fits(_signature(app), count)


def describe(value: Any) -> str:
    """A short name for ``value`` in a message: ``function 'index'``, ``a list``."""
    name = getattr(value, "__qualname__", None)
    if inspect.isclass(value):
        return f"class {name!r}"
    if inspect.isroutine(value):
        return f"function {name!r}"
    if inspect.ismodule(value):
        return f"module {value.__name__!r}"
    if value is None:
        return "None"
    kind = type(value).__name__
    return f"{'an' if kind[:1].lower() in tuple('aeiou') else 'a'} {kind}"


def _marked(app: Any) -> str | None:
    if getattr(app, "_asgi_single_callable", False):
        return "asgi3"
    return "asgi2" if getattr(app, "_asgi_double_callable", False) else None


def _asynchronous(app: Any) -> str | None:
    if _is_async_generator(app):
        raise TargetError(
            f"{describe(app)} is an async generator, not an application",
            hint="its body has a 'yield': an ASGI application answers with 'await send(...)'",
        )
    if not is_coroutine_callable(app):
        return None
    if accepts(app, 3):
        return "asgi3"
    raise _wrong_arguments(app, "(scope, receive, send)", _ASGI_HINT)


def _callable(app: Any) -> str:
    fitting = {2: "wsgi", 3: "asgi3", 1: "asgi2"}
    fitting = {count: found for count, found in fitting.items() if accepts(app, count)}
    if not fitting:
        raise _wrong_arguments(app, "(environ, start_response) or (scope, receive, send)", _EITHER_HINT)
    names = _names(app)
    if names & _WSGI_NAMES and not names & _ASGI_NAMES:
        if 2 not in fitting:
            raise _wrong_arguments(app, "(environ, start_response)", _WSGI_HINT)
        return "wsgi"
    if names & _ASGI_NAMES and not names & _WSGI_NAMES:
        if 3 in fitting:
            return "asgi3"
        if 1 not in fitting:
            raise _wrong_arguments(app, "(scope, receive, send)", _ASGI_HINT)
        return "asgi2"
    signature = _own_signature(app)
    # A decorator may well make WSGI of a function of one argument, as Werkzeug's `Request.application` does.
    decorated = signature is not None and signature != _signature(app)
    if len(fitting) == 1 and not (decorated and 1 in fitting):
        return next(iter(fitting.values()))
    taken = "it does not tell what it takes" if signature is None else f"it takes {signature}"
    raise TargetError(
        f"{describe(app)} may be a WSGI or an ASGI application: {taken}",
        hint="say which it is: -i wsgi or -i asgi",
    )


def _class(app: type) -> str:
    # Of instances: how they are called, with the instance itself as the first argument.
    call = None if _call_method(app, of_instances=True) is None else app.__call__
    if hasattr(app, "__await__") and accepts(app, 3):
        return "asgi3"
    names = _names(app) & _WSGI_NAMES
    # Not by a rough fit: many containers can be made of two arguments.
    if _is_iterable(app) and accepts(app, 2) and (names or not (accepts(app, 1) or accepts(app, 3))):
        return "wsgi"
    if call is not None and accepts(call, 3) and _names(call) & _WSGI_NAMES:
        raise _not_an_instance(app)
    if call is not None and accepts(app, 1) and accepts(call, 3):
        return "asgi2"
    if call is not None and is_coroutine_callable(call) and accepts(call, 4):
        raise _not_an_instance(app)
    if names and accepts(app, 2):
        raise _not_iterable(app)
    raise _wrong_arguments(app, "(environ, start_response) or (scope, receive, send)", _EITHER_HINT)


def _asgi_by_word(app: Any) -> str:
    """ASGI, of a callable that is not known to return a coroutine."""
    if inspect.isclass(app):
        found = _class(app)
        if found != "wsgi":
            return found
    elif accepts(app, 3):
        return "asgi3"
    elif accepts(app, 1):
        return "asgi2"
    hint = "it looks like a WSGI application: leave -i asgi out" if accepts(app, 2) else _ASGI_HINT
    raise _wrong_arguments(app, "(scope, receive, send)", hint)


def _check_wsgi(app: Any) -> None:
    if is_coroutine_callable(app) or _is_async_generator(app):
        if accepts(app, 3):
            hint = "it looks like an ASGI application: leave -i wsgi out"
        else:
            hint = "a WSGI application is an ordinary function: def app(environ, start_response)"
        raise TargetError(f"{describe(app)} is not a WSGI application: it is asynchronous", hint=hint)
    if inspect.isclass(app) and not _is_iterable(app):
        call = _call_method(app, of_instances=True)
        raise _not_iterable(app) if call is None else _not_an_instance(app)
    if not _fits(_own_signature(app), 2):
        raise _wrong_arguments(app, "(environ, start_response)", _WSGI_HINT)


def _wrong_arguments(app: Any, wanted: str, hint: str) -> TargetError:
    return TargetError(
        f"{describe(app)} is not an application: it takes {_signature(app)}, not {wanted}", hint=hint
    )


def _not_an_instance(app: type) -> TargetError:
    return TargetError(
        f"{describe(app)} is a class: its instances are applications, it is not one itself",
        hint=f"make an instance in your module (app = {app.__name__}(…)) and name that",
    )


def _not_iterable(app: type) -> TargetError:
    return TargetError(
        f"{describe(app)} is not an application: its instances cannot be iterated over",
        hint="a class that is a WSGI application gives the body by its __iter__ method",
    )


def _from_asgi2(app: Callable[..., Any]) -> Callable[..., Any]:
    async def asgi3(scope: Any, receive: Any, send: Any) -> None:
        await app(scope)(receive, send)

    return asgi3


def _call_method(app: Any, *, of_instances: bool = False) -> Any:
    """What runs when ``app`` (or an instance of the class ``app``) is called; an instance's own attribute does not."""
    return _defined(app if of_instances else type(app), "__call__")


def _defined(owner: type, name: str) -> Any:
    """What a class gives its instances; `getattr` would also find what its metaclass gives the class."""
    return next((base.__dict__[name] for base in owner.__mro__ if name in base.__dict__), None)


def _is_async_generator(app: Any) -> bool:
    return inspect.isasyncgenfunction(app) or inspect.isasyncgenfunction(_call_method(app))


def _is_iterable(app: type) -> bool:
    # The second is the older protocol, which `iter` still knows.
    return _defined(app, "__iter__") is not None or _defined(app, "__getitem__") is not None


def _fits(signature: inspect.Signature | None, count: int) -> bool:
    try:
        return signature is None or signature.bind(*[None] * count) is not None
    except TypeError:
        return False


def _takes_any_number(app: Any) -> bool:
    signature = _signature(app)
    kinds = {parameter.kind for parameter in signature.parameters.values()} if signature else set()
    return inspect.Parameter.VAR_POSITIONAL in kinds


def _names(app: Any) -> set[str]:
    signature = _signature(app)
    return set(signature.parameters) if signature else set()


def _signature(app: Any) -> inspect.Signature | None:
    """How ``app``, or the function that it wraps, is called; None when it does not tell, as some built-in callables."""
    own = _own_signature(app)
    if own and any(parameter.kind is parameter.VAR_POSITIONAL for parameter in own.parameters.values()):
        return _inspected(app, follow_wrapped=True) or own
    return own


def _own_signature(app: Any) -> inspect.Signature | None:
    return _inspected(app, follow_wrapped=False)


def _inspected(app: Any, *, follow_wrapped: bool) -> inspect.Signature | None:
    try:
        return inspect.signature(app, follow_wrapped=follow_wrapped)
    # Those that it announces, and what comes of a `__wrapped__` that is no function.
    except (TypeError, ValueError, AttributeError):
        return None
