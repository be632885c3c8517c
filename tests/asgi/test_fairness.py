"""The server shares the loop with the application's own sockets, timers and tasks."""

import asyncio
import sys

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
