"""Development switches of Python: nothing is said that was not there before, and nothing breaks."""

import re

import pytest

from support import Client

APP = """
    import asyncio, gc, logging, warnings

    logging.basicConfig()
    warnings.simplefilter("default")

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            # A loaded machine is slow; that is not the matter here.
            asyncio.get_running_loop().slow_callback_duration = SLOW
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            return await send({"type": "lifespan.shutdown.complete"})
        if COLLECT:
            gc.collect()
        waiting = asyncio.create_task(receive())
        body = (await waiting)["body"]
        gone = asyncio.ensure_future(receive())
        repr(asyncio.all_tasks()), repr(gone), repr(receive), repr(send)
        await asyncio.wait({gone}, timeout=0.01)
        if scope["path"] == "/fails":
            gone.cancel()
            raise LookupError("on purpose")
        if COLLECT:
            gc.collect()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.gather(*(
            send({"type": "http.response.body", "body": b"%d" % number, "more_body": True}) for number in range(3)
        ))
        if scope["path"] == "/gone":
            await gone
            while True:
                await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
                await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": body})
        if COLLECT:
            gc.collect()
        await gone
"""


def exercise(port):
    with Client(port) as client:
        for _ in range(5):
            assert client.get().body == b"012"
            assert client.request("POST", "/", body=b"body").body == b"012body"
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nb")
        assert client.get("/fails").status == 200, "its head was the rest of the body"
    with Client(port) as client:
        assert client.get("/fails").status == 500
    for _ in range(3):
        client = Client(port)
        client.begin("GET", "/gone")
        client.head()
        client.reset()
    with Client(port) as client:
        assert client.get().body == b"012"


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("switch", ["PYTHONASYNCIODEBUG", "PYTHONDEVMODE"])
def test_debug_modes_are_quiet(serve, loop, switch):
    app = APP.replace("SLOW", "60").replace("COLLECT", "False")
    server = serve(app, "--loop", loop, env={switch: "1"})
    exercise(server.port)
    assert server.stop() == 0
    starting, serving, rest = server.log.partition("serving on")
    # Until the application has set what is slow, 0.1 s is.
    starting = re.sub(".*Executing .* took .* seconds.*\n", "", starting)
    log = starting + serving + rest
    said = [line for line in log.splitlines() if not re.search("serving on|SIGTERM: stopping", line)]
    assert "GET /fails" in said[0]
    assert said[-1] == "LookupError: on purpose"
    assert "\n".join(said).count("Traceback") == 1
    for word in ("Warning", "never", "WARNING", "Executing"):
        assert word not in log


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_everything_can_be_described_as_slow(serve, loop):
    """In debug mode the loop describes what it ran, our objects too, when it took long. Here everything does."""
    app = APP.replace("SLOW", "-1").replace("COLLECT", "False")
    server = serve(app, "--loop", loop, env={"PYTHONASYNCIODEBUG": "1"})
    exercise(server.port)
    assert server.stop() == 0
    assert "Executing" in server.log
    assert server.log.count("Traceback") == 1
    assert "never" not in server.log


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_the_collector_may_run_at_any_time(serve, loop):
    app = APP.replace("SLOW", "60").replace("COLLECT", "True") + "\n    gc.set_threshold(1, 1, 1)\n"
    server = serve(app, "--loop", loop)
    exercise(server.port)
    assert server.stop() == 0
    assert server.log.count("Traceback") == 1
