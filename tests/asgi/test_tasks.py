"""The task that runs the application: a real one, one per request, and usable as such."""

import asyncio
import sys
import threading
import weakref

import anyio
import anyio.to_thread
import pytest
import sniffio
import uvloop

from support import Client
from support.asgi import Outbox, piece, read_body, respond, start

needs_eager_tasks = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="asyncio has eager tasks since Python 3.12"
)


def post_in_two(client):
    client.begin("POST", "/", "Content-Length: 4")
    client.send(b"ab")
    return client


def test_it_is_one_real_task_from_first_to_last_instruction(connect):
    tasks, told = [], Outbox()

    async def app(scope, receive, send):
        tasks.append(asyncio.current_task())
        await receive()
        tasks.append(asyncio.current_task())
        await asyncio.sleep(0)
        tasks.append(asyncio.current_task())
        await start(send)
        await piece(send, b"go on")
        tasks.append(asyncio.current_task())
        await receive()  # resumed by the arrival of the rest
        tasks.append(asyncio.current_task())
        await send({"type": "http.response.body"})
        tasks.append(asyncio.current_task())
        told.put(asyncio.get_running_loop())

    client = post_in_two(connect(app))
    client.head()
    assert client.read(10) == b"5\r\ngo on\r\n"
    client.send(b"cd")
    assert client.read(5) == b"0\r\n\r\n"
    loop = told.get()
    (task,) = set(tasks)
    assert len(tasks) == 6
    assert isinstance(task, asyncio.Task)
    assert task.get_loop() is loop
    assert task.get_coro().__qualname__.endswith("app")


def test_each_request_has_its_own_and_it_ends(connect):
    tasks, told = [], Outbox()

    async def app(scope, receive, send):
        task = asyncio.current_task()
        tasks.append(task)
        if scope["path"] == "/later":
            await asyncio.sleep(0)
        task.add_done_callback(told.put)
        await respond(send)

    client = connect(app)
    for path in ("/at-once", "/at-once", "/later", "/later"):
        assert client.get(path).status == 200
        assert told.get() is tasks[-1]
    assert len(set(map(id, tasks))) == 4
    assert all(task.done() and task.exception() is None for task in tasks)


def test_concurrent_requests_do_not_mix_their_tasks(serve_app):
    count = 5
    here, told = [], Outbox()

    async def app(scope, receive, send):
        task = asyncio.current_task()
        here.append(task)
        if len(here) == count:
            everybody.set()
        await everybody.wait()
        assert asyncio.current_task() is task
        body = b""
        more = True
        while more:
            message = await receive()
            assert asyncio.current_task() is task
            body, more = body + message["body"], message["more_body"]
        assert asyncio.current_task() is task
        await respond(send, body)

    everybody = asyncio.Event()
    port = serve_app(app)
    clients = [Client(port) for _ in range(count)]
    for client in clients:
        client.begin("POST", "/", "Content-Length: 3")
    for client in clients:
        client.send(b"a")
    for position, client in reversed(list(enumerate(clients))):
        client.send(b"b%d" % position)
    for position, client in enumerate(clients):
        assert client.response().body == b"ab%d" % position
        client.close()
    assert len(set(here)) == count
    assert told.is_empty()


def test_nothing_is_current_outside(connect):
    """The server leaves no task behind as the current one."""
    told = Outbox()

    async def app(scope, receive, send):
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: told.put(asyncio.current_task(loop)))
        await respond(send)

    assert connect(app).get().status == 200
    assert told.get() is None


def test_all_tasks_knows_it(connect):
    async def app(scope, receive, send):
        await respond(send, asyncio.current_task() in asyncio.all_tasks())

    assert connect(app).get().json() is True


def test_timeout(connect):
    async def app(scope, receive, send):
        async with asyncio.timeout(30):
            await read_body(receive)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await receive()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive(), 0.01)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.sleep(30)
        assert asyncio.current_task().cancelling() == 0
        await respond(send, b"in time")

    assert connect(app).request("POST", "/", body=b"x").body == b"in time"


def test_timeout_in_a_body_loses_nothing(connect):
    """What arrives after a cancelled `receive()` goes to the next."""

    async def app(scope, receive, send):
        parts = [(await receive())["body"]]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await receive()
        task = asyncio.create_task(receive())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await start(send)
        await piece(send, b"go on")
        parts.append((await receive())["body"])
        await send({"type": "http.response.body", "body": b"+".join(parts)})

    client = post_in_two(connect(app))
    client.head()
    assert client.read(10) == b"5\r\ngo on\r\n"
    client.send(b"cd")
    assert client.read(10) == b"5\r\nab+cd\r\n"


def test_timeout_in_send(serve_app):
    told = Outbox()

    async def app(scope, receive, send):
        await start(send)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                while True:
                    await piece(send, b"x" * 65536)
        told.put("waited")

    with Client(serve_app(app, log_level="error"), receive_buffer=65536) as client:
        client.begin("GET", "/")
        assert told.get() == "waited"


def test_task_group(connect):
    async def app(scope, receive, send):
        await receive()
        cancelled = []

        async def wait():
            try:
                await receive()
            except asyncio.CancelledError:
                cancelled.append("receive")
                raise

        async def fail():
            await asyncio.sleep(0)
            raise LookupError

        with pytest.raises(ExceptionGroup) as raised:
            async with asyncio.TaskGroup() as group:
                group.create_task(wait())
                group.create_task(fail())
        assert raised.value.subgroup(LookupError) is not None
        async with asyncio.TaskGroup() as group:
            group.create_task(start(send))
            group.create_task(piece(send, b"one "))
            group.create_task(piece(send, b"two "))
        await send({"type": "http.response.body", "body": repr(cancelled).encode()})

    assert connect(app).get().body == b"one two ['receive']"


def test_anyio(connect):
    async def app(scope, receive, send):
        assert sniffio.current_async_library() == "asyncio"
        first = anyio.get_current_task()
        await receive()
        with anyio.move_on_after(0.01) as moved:
            await receive()
        assert moved.cancelled_caught
        with pytest.raises(TimeoutError), anyio.fail_after(0.01):
            await receive()
        with anyio.CancelScope() as cancelled:
            cancelled.cancel()
            await receive()
        assert cancelled.cancelled_caught
        told = []
        async with anyio.create_task_group() as group:

            async def wait():
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(0.01)
                told.append("shielded")
                await receive()
                told.append("not reached")

            group.start_soon(wait)
            await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
        assert told == ["shielded"]
        assert await anyio.to_thread.run_sync(lambda: anyio.from_thread.run(anyio.sleep, 0)) is None
        assert anyio.get_current_task() == first
        await respond(send, b"any")

    assert connect(app).get().body == b"any"


def test_cancelling_the_requests_own_task(connect):
    """From outside, as a watchdog does. Where it waits in `receive()` it may catch that and go on."""

    async def app(scope, receive, send):
        await receive()
        task = asyncio.current_task()
        asyncio.get_running_loop().call_soon(task.cancel, "because")
        with pytest.raises(asyncio.CancelledError) as raised:
            await receive()
        assert raised.value.args == ("because",)
        assert task.uncancel() == 0
        await respond(send, b"went on")

    assert connect(app).get().body == b"went on"


def test_tasks_around_receive(connect):
    async def app(scope, receive, send):
        begun = [asyncio.create_task(receive()) for _ in range(1)]  # data is at hand
        assert (await begun[0])["body"] == b"ab"
        waiting = asyncio.create_task(receive(), name="waiting")  # it is not
        other = asyncio.create_task(asyncio.sleep(0, "other"))
        done, pending = await asyncio.wait({waiting, other}, return_when=asyncio.FIRST_COMPLETED)
        assert (done, pending) == ({other}, {waiting})
        await start(send)
        await asyncio.create_task(send({"type": "http.response.body", "body": b"go on", "more_body": True}))
        assert (await waiting)["body"] == b"cd"
        await send({"type": "http.response.body"})

    client = post_in_two(connect(app))
    client.head()
    assert client.read(10) == b"5\r\ngo on\r\n"
    client.send(b"cd")
    assert client.read(5) == b"0\r\n\r\n"


@pytest.mark.parametrize(
    "how", ["gather", "ensure_future", "wait_for", "shield", "as_completed", "await later", "wait"]
)
@pytest.mark.parametrize("at_hand", [True, False])
def test_what_asyncio_does_with_awaitables(connect, how, at_hand):
    async def app(scope, receive, send):
        if not at_hand:
            assert (await receive())["body"] == b"ab"
            await start(send)
            await piece(send, b"go on")
        if how == "gather":
            message, other = await asyncio.gather(receive(), asyncio.sleep(0, "other"))
            assert other == "other"
        elif how == "ensure_future":
            message = await asyncio.ensure_future(receive())
        elif how == "wait_for":
            message = await asyncio.wait_for(receive(), 30)
        elif how == "shield":
            shielded = asyncio.ensure_future(receive())
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await asyncio.shield(shielded)
                    await asyncio.sleep(30)  # where the message came without a wait
            message = await shielded
        elif how == "as_completed":
            (message,) = [await next_one for next_one in asyncio.as_completed([receive()], timeout=30)]
        elif how == "wait":
            ((future,), _) = await asyncio.wait([asyncio.ensure_future(receive())])
            message = future.result()
        else:
            awaitable = receive()
            await asyncio.sleep(0.01)
            message = await awaitable
        if at_hand:
            await start(send)
        await send({"type": "http.response.body", "body": message["body"]})

    client = post_in_two(connect(app))
    client.head()
    if at_hand:
        assert client.read(2) == b"ab"
    else:
        assert client.read(10) == b"5\r\ngo on\r\n"
        client.send(b"cd")
        assert client.read(7) == b"2\r\ncd\r\n"


def test_an_abandoned_receive_takes_nothing(connect):
    async def app(scope, receive, send):
        assert (await receive())["body"] == b"ab"
        waiting = asyncio.ensure_future(receive())
        done, pending = await asyncio.wait({waiting}, timeout=0.01)
        assert (done, pending) == (set(), {waiting})
        assert waiting.cancel()
        await start(send)
        await piece(send, b"go on")
        await send({"type": "http.response.body", "body": (await receive())["body"]})

    client = post_in_two(connect(app))
    client.head()
    assert client.read(10) == b"5\r\ngo on\r\n"
    client.send(b"cd")
    assert client.read(7) == b"2\r\ncd\r\n"


def test_two_concurrent_receives(connect):
    """Each message goes to one, in the order in which they came; the disconnect goes to all."""
    told = Outbox()

    async def app(scope, receive, send):
        first = [asyncio.create_task(receive()) for _ in range(2)]
        messages = [await first[0]]
        told.put("more")
        messages.append(await first[1])
        last = [asyncio.create_task(receive()) for _ in range(3)]
        await asyncio.sleep(0)
        told.put([message["body"] for message in messages])
        told.put([(await task)["type"] for task in last])

    client = connect(app, log_level="error")
    client.begin("POST", "/", "Content-Length: 2")
    client.send(b"a")
    assert told.get() == "more"
    client.send(b"b")
    assert told.get() == [b"a", b"b"]
    client.close()
    assert told.get() == ["http.disconnect"] * 3


def test_send_from_another_task(connect):
    async def app(scope, receive, send):
        await asyncio.create_task(start(send))
        lines = asyncio.Queue()

        async def write():
            while (line := await lines.get()) is not None:
                await piece(send, line)
            await send({"type": "http.response.body"})

        writer = asyncio.create_task(write())
        for number in range(3):
            lines.put_nowait(b"%d\n" % number)
            await asyncio.sleep(0)
        lines.put_nowait(None)
        await writer

    assert connect(app).get().body == b"0\n1\n2\n"


def test_a_background_task_outlives_the_response(connect):
    told, background = Outbox(), set()

    async def work():
        for _ in range(10):
            await asyncio.sleep(0)
        await proceed.wait()
        told.put("work is done")

    async def app(scope, receive, send):
        if scope["path"] == "/proceed":
            proceed.set()
        else:
            background.add(asyncio.create_task(work()))
        await respond(send)

    proceed = asyncio.Event()
    client = connect(app)
    assert client.get().status == 200
    assert client.get("/proceed").status == 200
    assert told.get() == "work is done"


def test_other_threads_are_sent_away(connect):
    async def app(scope, receive, send):
        raised = []

        def elsewhere():
            for call in (receive, lambda: send({"type": "http.response.start", "status": 200})):
                try:
                    call()
                except RuntimeError as error:
                    raised.append(str(error))

        thread = threading.Thread(target=elsewhere)
        thread.start()
        await asyncio.get_running_loop().run_in_executor(None, thread.join)
        assert len(raised) == 2
        assert all("thread" in text and "call_soon_threadsafe" in text for text in raised)
        await respond(send, b"unharmed")

    assert connect(app).get().body == b"unharmed"


def test_run_coroutine_threadsafe_works(connect):
    async def app(scope, receive, send):
        loop = asyncio.get_running_loop()

        def elsewhere():
            async def first():
                return await receive()

            return asyncio.run_coroutine_threadsafe(first(), loop).result(30)

        message = await asyncio.to_thread(elsewhere)
        await respond(send, message["type"].encode())

    assert connect(app).get().body == b"http.request"


def test_a_task_factory_of_the_application(connect):
    """Set while it runs: from then on requests are its tasks too."""
    made = []

    class Own(asyncio.Task):
        pass

    def factory(loop, coroutine, **keywords):
        task = Own(coroutine, loop=loop, **keywords)
        made.append(task)
        return task

    async def app(scope, receive, send):
        if scope["path"] == "/set":
            asyncio.get_running_loop().set_task_factory(factory)
        elif scope["path"] == "/unset":
            asyncio.get_running_loop().set_task_factory(None)
        await asyncio.sleep(0)
        await respond(send, type(asyncio.current_task()).__name__.encode())

    client = connect(app)
    assert client.get("/").body == b"Task"
    assert client.get("/set").body == b"Task"
    assert client.get("/").body == b"Own"
    assert client.request("POST", "/", body=b"x" * 200_000).body == b"Own"
    assert client.get("/unset").body == b"Own"
    assert client.get("/").body == b"Task"
    assert len(made) == 3


def test_a_task_factory_set_at_start_up(connect):
    tasks = weakref.WeakSet()

    def factory(loop, coroutine, **keywords):
        task = asyncio.Task(coroutine, loop=loop, **keywords)
        tasks.add(task)
        return task

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            asyncio.get_running_loop().set_task_factory(factory)
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            return await send({"type": "lifespan.shutdown.complete"})
        return await respond(send, asyncio.current_task() in tasks)

    assert connect(app, lifespan="on").get().json() is True


@needs_eager_tasks
def test_eager_task_factory(connect, request):
    if "uvloop" in request.node.name and not uvloop_takes_eager_factory():
        pytest.skip("this uvloop cannot call the eager task factory of this Python")

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            return await send({"type": "lifespan.shutdown.complete"})
        task = asyncio.current_task()
        body = await asyncio.create_task(read_body(receive))
        await asyncio.sleep(0)
        assert asyncio.current_task() is task
        return await asyncio.create_task(respond(send, body))

    client = connect(app, lifespan="on")
    for size in (0, 10, 300_000):
        assert client.request("POST", "/", body=b"x" * size).body == b"x" * size


def uvloop_takes_eager_factory():
    loop = uvloop.new_event_loop()
    loop.set_task_factory(asyncio.eager_task_factory)
    sleeping = asyncio.sleep(0)
    try:
        loop.run_until_complete(loop.create_task(sleeping))
    except TypeError:
        sleeping.close()
        return False
    finally:
        loop.close()
    return True


@needs_eager_tasks
@pytest.mark.parametrize("eager", [True, False])
def test_eager_start_is_a_setting(connect, eager):
    """Eagerly started, the first step runs before anything that was scheduled earlier by the tick before it."""
    order = []

    async def app(scope, receive, send):
        order.append(scope["path"])
        asyncio.get_running_loop().call_soon(order.append, "soon")
        await respond(send)

    client = connect(app, eager_tasks=eager)
    # Both arrive in one read: one tick begins both.
    client.send(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
    assert [client.response().status for _ in range(2)] == [200, 200]
    assert (order[:2] == ["/1", "/2"]) is eager
