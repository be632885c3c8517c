"""What may be served: everything that the ASGI specification, versions 2 and 3, calls an application."""

import asyncio
import functools

import pytest

from support.asgi import respond


async def answer(scope, receive, send):
    await receive()
    await asyncio.sleep(0)
    assert isinstance(asyncio.current_task(), asyncio.Task)
    await respond(send, b"answer")


class WithCall:
    async def __call__(self, scope, receive, send):
        await answer(scope, receive, send)

    async def method(self, scope, receive, send):
        await answer(scope, receive, send)

    @staticmethod
    async def static(scope, receive, send):
        await answer(scope, receive, send)


class ReturnsFuture:
    def __call__(self, scope, receive, send):
        return asyncio.ensure_future(answer(scope, receive, send))


class CustomAwaitable:
    def __init__(self, coroutine):
        self.coroutine = coroutine

    def __await__(self):
        return self.coroutine.__await__()


class ReturnsAwaitable:
    def __call__(self, scope, receive, send):
        return CustomAwaitable(answer(scope, receive, send))


class Asgi3Class:
    """Starlette's endpoints are such."""

    def __init__(self, scope, receive, send):
        self.arguments = scope, receive, send

    def __await__(self):
        return answer(*self.arguments).__await__()


def returns_coroutine(scope, receive, send):
    return answer(scope, receive, send)


def wrapped(*arguments, **keywords):
    return answer(*arguments, **keywords)


def asgi2_function(scope):
    return functools.partial(answer, scope)


class Asgi2Class:
    def __init__(self, scope):
        self.scope = scope

    async def __call__(self, receive, send):
        await answer(self.scope, receive, send)


APPLICATIONS = {
    "function": answer,
    "instance": WithCall(),
    "method": WithCall().method,
    "static method": WithCall.static,
    "partial": functools.partial(answer),
    "partial of an instance": functools.partial(WithCall()),
    "sync function, coroutine": returns_coroutine,
    "any arguments": functools.wraps(answer)(wrapped),
    "future": ReturnsFuture(),
    "awaitable": ReturnsAwaitable(),
    "ASGI 3 class": Asgi3Class,
    "ASGI 2 function": asgi2_function,
    "ASGI 2 class": Asgi2Class,
}


@pytest.mark.parametrize("interface", ["auto", "asgi"])
@pytest.mark.parametrize("name", APPLICATIONS)
def test_kinds_of_application(connect, name, interface):
    client = connect(APPLICATIONS[name], interface=interface)
    for size in (0, 100_000):
        assert client.request("POST", "/", body=b"x" * size).body == b"answer"


@pytest.mark.parametrize("name", ["awaitable", "future", "ASGI 2 class"])
def test_lifespan_of_other_kinds(connect, name, monkeypatch):
    async def with_lifespan(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["started"] = True
            await send({"type": "lifespan.startup.complete"})
            await receive()
            return await send({"type": "lifespan.shutdown.complete"})
        return await respond(send, scope["state"])

    monkeypatch.setitem(globals(), "answer", with_lifespan)
    assert connect(APPLICATIONS[name], lifespan="on").get().json() == {"started": True}
