"""Which interface an application speaks, and adapters to the one that Yett serves, ASGI 3.

The rules, in order:

1. The marks ``_asgi_single_callable`` and ``_asgi_double_callable`` of asgiref decide.
2. A callable that returns a coroutine is ASGI 3.
3. A class that takes ``(scope, receive, send)`` and whose instances can be awaited is ASGI 3;
   a class that takes ``(scope)`` and whose instances take ``(receive, send)`` is ASGI 2.
4. A plain callable of two arguments is WSGI.
5. A plain callable that can take three is ASGI 3 and returns some awaitable; one that takes one is ASGI 2.

A wrapper that takes ``*args`` is judged by the function it wraps, where it says so (``functools.wraps``).
"""

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from .errors import TargetError

INTERFACES = ("auto", "asgi")
_WSGI_PARAMETERS = {"environ", "start_response"}
_ASGI_HINT = "an ASGI application is: async def app(scope, receive, send)"


class Application(NamedTuple):
    """An ASGI 3 callable, and whether calling it returns a coroutine (and not another awaitable)."""

    call: Callable[..., Awaitable[Any]]
    returns_coroutine: bool


def adapt(app: Any, interface: str = "auto") -> Application:
    """Make an ASGI 3 callable of ``app``.

    ``auto`` guesses and refuses what looks like WSGI; ``asgi`` takes the word of the user for it that
    ``app`` is ASGI, and only tells versions 2 and 3 apart. Raises `TargetError` when it cannot be served.
    """
    if interface not in INTERFACES:
        raise ValueError(f"interface must be one of {', '.join(INTERFACES)}, not {interface!r}")
    call = _from_asgi2(app) if _is_asgi2(app, guess=interface == "auto") else app
    return Application(call, is_coroutine_callable(call))


def is_coroutine_callable(app: Any) -> bool:
    """Whether ``app(...)`` is known to return a coroutine, so that a task can be made of it directly."""
    while isinstance(app, functools.partial):
        app = app.func
    if inspect.isclass(app):
        return False
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(_call_method(app))


def looks_like_asgi(value: Any) -> bool:
    """Whether ``value`` is worth suggesting as an application: an object or function, never a class."""
    return not inspect.isclass(value) and is_coroutine_callable(value) and accepts(value, 3)


def accepts(app: Any, count: int) -> bool:
    """Whether ``app`` can be called with ``count`` positional arguments; True when that is not known."""
    signature = _signature(app)
    if signature is None:
        return True
    try:
        signature.bind(*[None] * count)
    except TypeError:
        return False
    return True


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


def _is_asgi2(app: Any, *, guess: bool) -> bool:
    if not callable(app):
        raise TargetError(f"{describe(app)} is not an application: it is not callable", hint=_ASGI_HINT)
    if getattr(app, "_asgi_single_callable", False):
        return False
    if getattr(app, "_asgi_double_callable", False):
        return True
    if inspect.isasyncgenfunction(app) or inspect.isasyncgenfunction(_call_method(app)):
        raise TargetError(
            f"{describe(app)} is an async generator, not an application",
            hint="its body has a 'yield': an ASGI application answers with 'await send(...)'",
        )
    if is_coroutine_callable(app):
        if accepts(app, 3):
            return False
        raise _wrong_arguments(app)
    if guess and _looks_like_wsgi(app):
        raise TargetError(
            f"{describe(app)} looks like a WSGI application, and WSGI is not served yet",
            hint="until then it can be wrapped: app = asgiref.wsgi.WsgiToAsgi(app)",
        )
    if inspect.isclass(app):
        return _is_asgi2_class(app)
    if accepts(app, 3):
        return False
    if accepts(app, 1):
        return True
    raise _wrong_arguments(app)


def _is_asgi2_class(app: type) -> bool:
    awaitable = hasattr(app, "__await__")
    if awaitable and accepts(app, 3):
        return False
    call = None if _call_method(app, of_instances=True) is None else app.__call__
    # `call` is not bound: its first argument is the instance.
    if call is not None and accepts(app, 1) and accepts(call, 3):
        return True
    if call is not None and is_coroutine_callable(call) and accepts(call, 4):
        raise TargetError(
            f"{describe(app)} is a class: its instances are applications, it is not one itself",
            hint=f"make an instance in your module (app = {app.__name__}(…)) and name that",
        )
    raise _wrong_arguments(app)


def _looks_like_wsgi(app: Any) -> bool:
    signature = _signature(app)
    if signature is None:
        return False
    if _WSGI_PARAMETERS & set(signature.parameters):
        return accepts(app, 2)
    return accepts(app, 2) and not accepts(app, 1) and not accepts(app, 3)


def _wrong_arguments(app: Any) -> TargetError:
    signature = _signature(app)
    return TargetError(
        f"{describe(app)} is not an application: it takes {signature}, not (scope, receive, send)",
        hint=_ASGI_HINT,
    )


def _from_asgi2(app: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    async def asgi3(scope: Any, receive: Any, send: Any) -> None:
        await app(scope)(receive, send)

    return asgi3


def _call_method(app: Any, *, of_instances: bool = False) -> Any:
    """What runs when ``app`` (or an instance of the class ``app``) is called; an instance's own attribute does not."""
    owner = app if of_instances else type(app)
    return next((base.__dict__["__call__"] for base in owner.__mro__ if "__call__" in base.__dict__), None)


def _signature(app: Any) -> inspect.Signature | None:
    """How ``app`` is called, or None when it does not tell, as some built-in callables."""
    try:
        own = inspect.signature(app, follow_wrapped=False)
        if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in own.parameters.values()):
            return inspect.signature(app)
    except (TypeError, ValueError):
        return None
    return own
