"""A worker that is stuck for good gives way to another, and its requests are accounted for."""

import pytest

ASGI = """
    import asyncio, ctypes, os

    async def app(scope, receive, send):
        path = scope["path"]
        if path == "/block":
            open("gate").close()
        elif path == "/lock":
            ctypes.PyDLL(None).open(b"gate", os.O_RDONLY)
        elif path == "/swallow":
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % os.getpid()})
"""
WSGI = """
    import ctypes, os

    def app(environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/block":
            open("gate").close()
        elif path == "/lock":
            ctypes.PyDLL(None).open(b"gate", os.O_RDONLY)
        start_response("200 OK", [])
        return [b"%d" % os.getpid()]
"""
SHORT = ["--graceful-timeout", "1s", "--beat-timeout", "1s", "--gil-timeout", "1s"]


@pytest.mark.parametrize("source, path", [(ASGI, "/block"), (ASGI, "/lock"), (WSGI, "/lock")])
def test_a_worker_that_stands_still_is_replaced_and_killed(stuck, source, path):
    server = stuck(source, *SHORT, supervised=True)
    before = server.connect().get("/").body
    client = server.begin(path)
    server.wait_for(r"stuck: .* \(worker with pid \d+, since ")
    server.wait_for("nothing has helped.* This worker is to be replaced")
    after = server.connect().get("/").body
    assert after != before
    with pytest.raises((EOFError, ConnectionResetError)):
        client.response()
    line = server.line(path)
    assert (line["outcome"], line["method"]) == ("worker-died", "GET")
    assert server.connect().get("/").body == after
    assert server.server.stop() == 0


def test_who_waits_at_the_listeners_is_not_taken_by_a_worker_that_stands_still(stuck):
    server = stuck(WSGI, *SHORT, "--threads", "1", supervised=True)
    client = server.begin("/lock")
    server.wait_for(r"stuck: .* \(worker with pid \d+, since ")
    # Its only thread is in the application.
    waiting = [server.begin("/") for _ in range(5)]
    server.wait_for("nothing has helped.* This worker is to be replaced")
    assert [client.response().status for client in waiting] == [200] * 5
    client.close()
    assert server.server.stop() == 0


def test_a_worker_with_a_request_that_cannot_be_ended_finishes_the_others(stuck):
    server = stuck(WSGI, *SHORT, "--request-timeout", "1s", supervised=True)
    client = server.begin("/block")
    server.wait_for("a request that took too long could not be ended. This worker is to be replaced")
    server.open_gate()
    assert client.response().status == 504
    assert server.connect().get("/").status == 200
    assert server.server.stop() == 0


def test_a_worker_with_a_task_that_does_not_end_is_replaced(stuck):
    server = stuck(ASGI, *SHORT, "--request-timeout", "1s", supervised=True)
    before = server.connect().get("/").body
    assert server.begin("/swallow").response().status == 504
    server.wait_for("its task does not end. This worker is to be replaced")
    server.wait_for(r"worker 2 \(pid \d+\) is ready")
    server.wait_for(r"worker 1 \(pid \d+\) has not stopped in time; it is killed")
    assert server.connect().get("/").body != before
    assert server.line("/swallow")["outcome"] == "timed-out"
    assert server.server.stop() == 0
