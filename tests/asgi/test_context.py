"""Context variables (PEP 567): each request has a copy of what lifespan start-up has left."""

import asyncio
from contextvars import ContextVar, copy_context

import pytest

from support import Client
from support.asgi import piece, read_body, respond, start

setting = ContextVar("setting")
user = ContextVar("user", default="nobody")


async def lifespan(receive, send):
    await receive()
    setting.set("from start-up")
    await send({"type": "lifespan.startup.complete"})
    setting.set("after start-up")
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def test_requests_see_what_start_up_has_set(connect):
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            return await lifespan(receive, send)
        return await respond(send, setting.get().encode())

    client = connect(app, lifespan="on")
    assert client.get().body == client.get().body == b"from start-up"


def test_requests_do_not_see_each_other(serve_app):
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            return await lifespan(receive, send)
        before = [user.get(), setting.get()]
        user.set(scope["path"])
        setting.set("of a request")
        if scope["path"] != "/at-once":
            await read_body(receive)
            await asyncio.sleep(0)
        assert user.get() == scope["path"]
        return await respond(send, before)

    port = serve_app(app, lifespan="on")
    with Client(port) as one, Client(port) as two:
        for client in (one, two):
            client.begin("POST", "/slow", "Content-Length: 2")
            client.send(b"a")
        for _ in range(3):
            with Client(port) as third:
                assert third.get("/at-once").json() == ["nobody", "from start-up"]
                assert third.get("/at-once").json() == ["nobody", "from start-up"]
        for client in (one, two):
            client.send(b"b")
            assert client.response().json() == ["nobody", "from start-up"]
            assert client.get("/later").json() == ["nobody", "from start-up"]


def test_tokens_are_good_across_awaits(connect):
    """`reset` raises where the context is another than that of `set`."""

    async def app(scope, receive, send):
        token = user.set("somebody")
        await receive()
        await asyncio.sleep(0)
        await start(send)
        await piece(send, b"go on")
        inner = user.set("somebody else")
        await receive()  # resumed by the arrival of the rest
        user.reset(inner)
        assert user.get() == "somebody"
        user.reset(token)
        await send({"type": "http.response.body", "body": user.get().encode()})

    client = connect(app)
    client.begin("POST", "/", "Content-Length: 2")
    client.send(b"a")
    client.head()
    assert client.read(10) == b"5\r\ngo on\r\n"
    client.send(b"b")
    assert client.read(11) == b"6\r\nnobody\r\n"


def test_a_generator_dependency_resets_its_token(connect):
    """As frameworks do it: the token is made in one step of an async generator, and reset in another."""

    async def dependency():
        token = user.set("somebody")
        try:
            yield
        finally:
            user.reset(token)

    async def app(scope, receive, send):
        generator = dependency()
        await anext(generator)
        await read_body(receive)
        seen = user.get()
        await generator.aclose()
        await respond(send, [seen, user.get()])

    client = connect(app)
    client.begin("POST", "/", "Content-Length: 2")
    client.send(b"a")
    client.send(b"b")
    assert client.response().json() == ["somebody", "nobody"]


@pytest.mark.parametrize("how", ["task", "thread", "call_soon"])
def test_children_inherit(connect, how):
    async def app(scope, receive, send):
        user.set("parent")
        if how == "task":

            async def child():
                return user.get()

            seen = await asyncio.create_task(child())
        elif how == "thread":
            seen = await asyncio.to_thread(user.get)
        else:
            future = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(lambda: future.set_result(user.get()))
            seen = await future
        await respond(send, seen.encode())

    assert connect(app).get().body == b"parent"


def test_the_task_runs_in_its_own_context(connect):
    """Not in one that it shares with the loop's callbacks, which would keep what it sets."""

    async def app(scope, receive, send):
        user.set("request")
        await respond(send)
        seen.append(copy_context()[user])
        asyncio.get_running_loop().call_soon(lambda: None)

    seen = []
    client = connect(app)
    assert client.get().status == 200
    assert client.get().status == 200
    assert seen[0] == "request"
    assert user.get() == "nobody"
