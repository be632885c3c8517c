"""What is said in the log when a client has left: nothing of that, and everything else."""

import os

from support import Client

STREAM = """
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        except OSError:
            print("left", flush=True)
            %s
"""


def test_a_mistake_while_handling_the_disconnect_is_logged(serve):
    server = serve(STREAM % "undefined_name", "--lifespan", "off")
    with Client(server.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        client.read(100)
        client.reset()
    server.wait_for("left")
    server.wait_for("NameError: name 'undefined_name' is not defined")


def test_passing_the_disconnect_on_is_not(serve):
    server = serve(STREAM % "raise", "--lifespan", "off")
    with Client(server.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        client.read(100)
        client.reset()
    server.wait_for("left")
    assert server.stop() == 0
    assert "ERROR" not in server.log


def test_a_missing_response_is_an_error_also_if_the_client_has_finished_sending(serve):
    server = serve(
        """
        import asyncio

        async def app(scope, receive, send):
            print("asked", flush=True)
            await asyncio.sleep(0.2)  # the FIN is seen meanwhile; if not, the test holds as well
        """,
        "--lifespan", "off",
    )  # fmt: skip
    with Client(server.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        client.finish_sending()
        assert client.response().status == 500
    server.wait_for("returned without sending a response")


def test_leaving_after_having_been_told_is_no_error(serve):
    server = serve(
        """
        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            while (await receive())["type"] != "http.disconnect":
                pass
            print("told", flush=True)
        """,
        "--lifespan", "off",
    )  # fmt: skip
    with Client(server.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        client.finish_sending()
        server.wait_for("told")
    assert server.stop() == 0
    assert "ERROR" not in server.log


def test_a_fifo_for_pathsend_is_an_error_and_holds_up_nobody(serve, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    server = serve(
        """
        import os

        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            if scope["path"] == "/fifo":
                await send({"type": "http.response.pathsend", "path": os.path.abspath("fifo")})
            await send({"type": "http.response.body", "body": b"fine"})
        """,
        "--lifespan", "off",
    )  # fmt: skip
    with Client(server.port) as client:
        assert client.get("/fifo").status == 500
        assert client.get("/").body == b"fine"
    server.wait_for("is not a file")


def test_who_waits_in_send_goes_on_when_another_task_ends_the_response(serve):
    server = serve(
        """
        import asyncio

        async def app(scope, receive, send):
            large = {"type": "http.response.body", "body": bytes(32_000_000), "more_body": True}
            await send({"type": "http.response.start", "status": 200, "headers": []})
            waiting = asyncio.ensure_future(send(large))
            await asyncio.sleep(0)
            await send({"type": "http.response.body", "body": b"the end"})
            await waiting
            print("went on", flush=True)
        """,
        "--lifespan", "off",
    )  # fmt: skip
    with Client(server.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        server.wait_for("went on")
        assert client.response().body.endswith(b"the end")
