"""The server shares the loop with the application's own sockets, timers and tasks."""

import asyncio
import sys
import threading
import time
from contextlib import ExitStack

from support import Client

CLIENTS = 32

BUSY = """
import asyncio

longest_queue = 0
answered = 0


async def watch():
    # As many calls as were queued for one iteration of the loop when this task had its turn.
    global longest_queue
    loop = asyncio.get_running_loop()
    while True:
        longest_queue = max(longest_queue, len(loop._ready))
        await asyncio.sleep(0)


async def app(scope, receive, send):
    global answered
    if scope["type"] == "lifespan":
        await receive()
        watcher = asyncio.create_task(watch())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        watcher.cancel()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/longest":
        body = str(longest_queue).encode()
    else:
        sum(range(20_000))  # some hundred microseconds without an await
        body = b""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
"""


def test_work_left_over_does_not_multiply(serve):
    server = serve(BUSY, "--loop", "asyncio")

    async def load() -> None:
        request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

        async def one() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            for _ in range(150):
                writer.write(request)
                await reader.readuntil(b"\r\n\r\n")
            writer.close()

        await asyncio.gather(*[one() for _ in range(CLIENTS)])

    asyncio.run(load())
    with Client(server.port) as client:
        longest = int(client.get("/longest").body)
    # The watcher, one tick of the reader and one that was asked for, and what connections coming and going add; without
    # eager tasks also a task for each client.
    limit = 10 if sys.version_info >= (3, 12) else 10 + 2 * CLIENTS
    assert longest < limit, f"{longest} calls were queued for one iteration of the loop"


PIPELINED = """
import os, time

served = 0


async def app(scope, receive, send):
    global served
    body = str(served).encode()
    if scope["path"] in ("/slow", "/large"):
        served += 1
        time.sleep(0.005)  # longer than the server's own part of an iteration of the loop
        if scope["path"] == "/large":
            body = bytes(100_000)
    elif scope["path"] == "/begin":
        os.write(1, b"begun\\n")
        while not os.path.exists("go"):
            time.sleep(0.01)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
"""
MANY = 400


def test_who_sends_many_requests_at_once_leaves_turns_to_others(serve):
    server = serve(PIPELINED, "--lifespan", "off")
    with ExitStack() as stack:
        greedy, first, *others = [stack.enter_context(Client(server.port)) for _ in range(6)]
        for client in (greedy, *others):
            assert client.get("/").body == b"0"
        # All of them are there when the loop comes round again.
        first.begin("GET", "/begin")
        server.wait_for("^begun$")
        greedy.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" * MANY)
        for client in others:
            client.begin("GET", "/")
        (server.folder / "go").touch()
        for client in others:
            # One of the many in between for each turn, and some for the rounds of the loop.
            assert int(client.response().body) < MANY / 4
        for _ in range(MANY):
            assert greedy.response().status == 200


def test_turns_of_one_connection_do_not_multiply(serve):
    server = serve(PIPELINED, "--lifespan", "off")
    with Client(server.port) as greedy, Client(server.port) as other:
        greedy.send(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n" * MANY)
        reading = threading.Thread(target=lambda: [greedy.response() for _ in range(MANY)])
        reading.start()
        served, waits = 0, []
        while served < MANY:
            before, served = served, int(other.get("/").body)
            waits.append(served - before)
        reading.join()
    assert max(waits) < MANY / 4, waits


BLOCKED = """
import os, time


async def app(scope, receive, send):
    if scope["path"] == "/block":
        os.write(1, b"blocked\\n")
        while not os.path.exists("go"):
            time.sleep(0.01)
    time.sleep(0.002)  # longer than the server's own part of an iteration of the loop
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
"""
# More than the system tells the server of at once.
WAITING = 100


def test_what_has_come_while_the_loop_was_blocked_has_come_in_time(serve):
    server = serve(BLOCKED, "--lifespan", "off", "--head-timeout", "3s")
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(server.port)) for _ in range(WAITING)]
        for client in clients:
            client.send(request)
            assert client.response().status == 200
        with Client(server.port) as blocking:
            for client in clients:
                client.send(request[:10])
            # Meanwhile the server has read what there is.
            for _ in range(3):
                assert blocking.get("/").status == 200
            blocking.begin("GET", "/block")
            server.wait_for("^blocked$")
            for client in clients:
                client.send(request[10:])
            # Nothing is waited for but the time that a head has.
            time.sleep(4)
            (server.folder / "go").touch()
            assert [client.response().status for client in clients] == [200] * WAITING
