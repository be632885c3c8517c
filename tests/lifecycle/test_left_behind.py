"""What an application leaves running does not keep the server from ending."""

import signal

from support import Client


def test_a_thread_that_never_ends_is_given_up(serve):
    server = serve(
        """
        import asyncio, threading

        async def app(scope, receive, send):
            asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body"})
        """,
        "--graceful-timeout", "200ms", "--lifespan", "off",
    )  # fmt: skip
    with Client(server.port) as client:
        assert client.get().status == 200
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert "threads of the application are still at work and are given up" in server.log


def test_a_thread_that_ends_in_time_is_waited_for(serve):
    server = serve(
        """
        import threading, sys

        stopping = threading.Event()

        def finish():
            stopping.wait()
            print("finished in order", flush=True)

        async def app(scope, receive, send):
            if scope["type"] == "lifespan":
                threading.Thread(target=finish).start()
                await receive()
                await send({"type": "lifespan.startup.complete"})
                await receive()
                await send({"type": "lifespan.shutdown.complete"})
                stopping.set()
        """
    )
    assert server.stop() == 0
    assert "finished in order" in server.log
    assert "given up" not in server.log


def test_a_shutdown_that_is_never_answered_is_given_up(serve):
    server = serve(
        """
        import asyncio

        async def app(scope, receive, send):
            if scope["type"] == "lifespan":
                await receive()
                await send({"type": "lifespan.startup.complete"})
                await receive()
                await asyncio.Event().wait()
        """,
        "--graceful-timeout", "200ms",
    )  # fmt: skip
    assert server.stop() == 0
    assert "has not answered lifespan.shutdown in 0.2 s" in server.log
