"""What a request leaves behind: nothing. Blocks of memory are counted, so that one object per request is seen."""

import pytest

from support import Client, start_server

APP = """
    import asyncio, gc, os, sys, weakref

    HEAD = {"type": "http.response.start", "status": 200, "headers": []}
    MORE = {"type": "http.response.body", "body": b"part", "more_body": True}
    LARGE = {**MORE, "body": bytes(16000000)}
    END = {"type": "http.response.body", "body": b"end"}
    tasks = weakref.WeakSet()
    marks = weakref.WeakSet()

    class Mark:
        pass

    async def plain(scope, receive, send):
        await send(HEAD)
        await send(END)

    async def later(scope, receive, send):
        await asyncio.sleep(0)
        await send(HEAD)
        await send(MORE)
        await asyncio.sleep(0)
        await send(END)

    async def body(scope, receive, send):
        while (await receive())["more_body"]:
            pass
        await plain(scope, receive, send)

    async def waiting(scope, receive, send):
        await receive()
        disconnect = asyncio.ensure_future(receive())
        other = receive()
        await asyncio.sleep(0)
        await plain(scope, receive, send)
        await disconnect
        await other

    async def cancelled(scope, receive, send):
        await receive()
        task = asyncio.create_task(receive())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        await plain(scope, receive, send)

    async def abandoned(scope, receive, send):
        await receive()
        scope["abandoned"] = receive(), asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        scope["abandoned"][1].cancel()
        await plain(scope, receive, send)

    async def cycle(scope, receive, send):
        scope["receive"], scope["send"], scope["self"] = receive, send, scope
        scope["extensions"]["task"] = asyncio.current_task()
        await asyncio.sleep(0)
        await plain(scope, receive, send)

    async def raising(scope, receive, send):
        scope["receive"], scope["send"] = receive, send
        if scope["query_string"]:
            await asyncio.sleep(0)
        raise LookupError

    async def started(scope, receive, send):
        await send(HEAD)

    async def wrong(scope, receive, send):
        for message in ({}, {"type": "no"}, {**HEAD, "headers": [("a", "b")]}, END):
            try:
                await send(message)
            except Exception:
                pass
        await plain(scope, receive, send)

    async def leaves(scope, receive, send):
        scope["receive"], scope["send"] = receive, send
        await receive()
        await send(HEAD)
        await send(MORE)
        assert (await receive())["type"] == "http.disconnect"
        try:
            while True:
                sending = scope["sending"] = asyncio.ensure_future(send(MORE))
                await sending
                await asyncio.sleep(0)
        except OSError as error:
            scope["error"] = error

    async def behind(scope, receive, send):
        await receive()
        await send(HEAD)
        while True:
            waits = send(LARGE)  # more than the kernel's buffers take
            scope["waits"] = waits
            await waits

    async def stats(scope, receive, send):
        for _ in range(1000):
            gc.collect()
            if not tasks:
                break
            await asyncio.sleep(0.01)  # the last client's reset is on its way
        for _ in range(2):
            gc.collect()
        with open("/proc/self/statm") as statm:
            rss = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        counts = [sys.getallocatedblocks(), len(gc.get_objects()), len(tasks), len(marks), rss]
        await send(HEAD)
        await send({**END, "body": repr(counts).encode()})

    async def app(scope, receive, send):
        if scope["path"] != "/stats":
            tasks.add(asyncio.current_task())
            mark = scope["mark"] = Mark()
            marks.add(mark)
        await globals()[scope["path"][1:]](scope, receive, send)
"""
# The last leave within the response. `behind` also has a full send queue.
SHAPES = [
    "plain",
    "later",
    "body",
    "waiting",
    "cancelled",
    "abandoned",
    "cycle",
    "raising",
    "started",
    "wrong",
]
LEAVING = ["leaves", "behind"]
# What the server keeps for reuse, and what Python does, may still come and go; one block per request would be 1000.
BLOCKS = 250
MEMORY = 2 * 1024 * 1024


@pytest.fixture(scope="module", params=["asyncio", "asyncio --no-eager-tasks", "uvloop"])
def server(request, tmp_path_factory):
    options = ["--lifespan", "off", "--loop", *request.param.split()]
    with start_server(tmp_path_factory.mktemp("leaks"), APP, *options) as server:
        yield server


def stats(port):
    with Client(port) as client:
        blocks, objects, tasks, marks, memory = eval(client.get("/stats").body)
    # That of the request itself is not among them.
    assert (tasks, marks) == (0, 0)
    return blocks, objects, memory


def requests(port, shape, count):
    with Client(port) as client:
        for number in range(count):
            if shape in LEAVING:
                with Client(port) as leaving:
                    leaving.begin("GET", f"/{shape}")
                    leaving.head()
                    leaving.reset()
            elif shape == "body":
                client.begin("POST", "/body", "Content-Length: 2000")
                client.send(b"x" * 1000)
                client.send(b"x" * 1000)
                assert client.response().status == 200
            else:
                client.get(f"/{shape}" + "?later" * (number % 2))


@pytest.mark.parametrize("shape", SHAPES + LEAVING)
def test_a_thousand_requests_leave_nothing(server, shape):
    requests(server.port, shape, 300)
    # What is kept for reuse grows for a while and then no more; a leak grows with every thousand.
    for _ in range(5):
        before = stats(server.port)
        requests(server.port, shape, 1000)
        blocks, objects, memory = (now - then for then, now in zip(before, stats(server.port), strict=True))
        if blocks < BLOCKS and objects < BLOCKS and memory < MEMORY:
            return
    raise AssertionError(f"a thousand requests left {blocks} blocks, {objects} objects, {memory} bytes")
