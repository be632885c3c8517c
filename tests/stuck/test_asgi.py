"""ASGI: a loop that does not come round, and requests that take longer than they may."""

import signal
from pathlib import Path

import pytest

APP = """
    import asyncio, ctypes, os, time

    def say(*words):
        os.write(1, (" ".join(map(str, words)) + "\\n").encode())

    async def answer(send, status=200):
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"answered"})

    async def wait_deep():
        await asyncio.Event().wait()

    async def block_again_and_again():
        while True:
            time.sleep(3.2)
            await asyncio.sleep(0)

    async def app(scope, receive, send):
        path = scope["path"]
        if path == "/block":
            open("gate").close()
        elif path == "/lock":
            ctypes.PyDLL(None).open(b"gate", os.O_RDONLY)
        elif path == "/wait":
            await wait_deep()
        elif path == "/swallow":
            while True:
                try:
                    await wait_deep()
                except asyncio.CancelledError:
                    say("swallowed")
        elif path == "/busy":
            blocks = asyncio.create_task(block_again_and_again())
            try:
                await wait_deep()
            finally:
                blocks.cancel()
        elif path == "/own":
            try:
                await wait_deep()
            except asyncio.CancelledError as error:
                say("cancelled:", error)
                return await answer(send, 503)
        elif path == "/fail":
            try:
                await wait_deep()
            except asyncio.CancelledError:
                raise RuntimeError("on the way out")
        elif path == "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for number in range(1000):
                await send({"type": "http.response.body", "body": b"%03d" % number, "more_body": True})
                if scope["query_string"] and number == int(scope["query_string"]):
                    break
                await asyncio.sleep(0.1)
            return await send({"type": "http.response.body"})
        await answer(send)
        if path == "/behind":
            await asyncio.sleep(3)
            say("behind")
"""
TOO_LATE = "The application did not answer in time."


@pytest.fixture
def serve(stuck):
    return lambda *options: stuck(APP, "--lifespan", "off", "--graceful-timeout", "2s", *options)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_blocked_loop_is_told_with_evidence_once(serve, loop):
    server = serve("--loop", loop, "--beat-timeout", "1s")
    client = server.begin("/block?secret=no")
    told = server.message("stuck: the event loop has not come round")
    assert "One request is running:\n  GET /block?secret=no, running for " in told
    assert ", from 127.0.0.1:" in told and "request_id=" in told
    assert "Thread MainThread (most recent call last):" in told and 'open("gate").close()' in told
    assert "threading.py" not in told and "yett/server.py" not in told, "only what is the application's"
    server.wait_for("nothing has helped: the event loop has not come round. There is no supervisor")
    server.open_gate()
    assert client.response().body == b"answered"
    server.wait_for(r"WARNING: goes on again: the event loop has not come round for \d+\.\d s")
    assert server.line("/block")["status"] == 200
    assert server.server.stop() == 0
    assert server.server.log.count("stuck: the event loop") == 1


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_request_that_waits_for_ever_is_cancelled_and_answered_with_504(serve, loop):
    server = serve("--loop", loop, "--request-timeout", "1s")
    client = server.begin("/wait")
    response = client.response()
    assert (response.status, response.body) == (504, TOO_LATE.encode() + b"\n")
    told = server.message("stuck: a request takes longer than it may")
    assert "GET /wait, running for " in told and "request_id=" in told
    task = told.split("Task of GET /wait (request_timeout) (most recent call last):\n")[1]
    assert "in wait_deep" in task and "asyncio/locks.py" in task and "waits for <" in task
    line = server.line("/wait")
    assert (line["status"], line["outcome"], line["reason"]) == (504, "timed-out", TOO_LATE)
    assert client.get("/").status == 200, "the connection lives on"
    assert server.server.stop() == 0
    assert "Traceback" not in server.server.log


def test_a_task_that_swallows_its_cancellation_is_left_behind(serve):
    server = serve("--request-timeout", "1s")
    client = server.begin("/swallow")
    server.wait_for("^swallowed$")
    assert client.response().status == 504
    server.wait_for("nothing has helped: a request that took too long was cancelled")
    assert server.line("/swallow")["outcome"] == "timed-out"
    assert client.get("/").status == 200
    assert server.server.stop() == 0
    assert server.server.log.count("stuck: a request") == 1


def test_an_application_may_answer_its_own_cancellation(serve):
    server = serve("--request-timeout", "1s")
    assert server.begin("/own").response().status == 503
    server.wait_for("^cancelled: request_timeout$")
    line = server.line("/own")
    assert (line["status"], line["outcome"]) == (503, "answered")


def test_another_exception_on_the_way_out_is_shown(serve):
    server = serve("--request-timeout", "1s")
    assert server.begin("/fail").response().status == 504
    server.wait_for("RuntimeError: on the way out")
    assert server.line("/fail")["outcome"] == "timed-out"


def test_a_response_that_has_begun_in_time_may_take_longer(serve):
    server = serve("--request-timeout", "1s")
    response = server.begin("/stream?30").response()
    assert response.body.endswith(b"030")
    assert "stuck" not in server.server.log


def test_but_not_longer_than_the_limit_for_all_of_it(serve):
    server = serve("--request-total-timeout", "1s")
    client = server.begin("/stream")
    with pytest.raises(EOFError):
        client.response()
    assert "Task of GET /stream (request_total_timeout)" in server.message("stuck: a request takes longer")
    line = server.line("/stream")
    assert (line["status"], line["outcome"], line["reason"]) == (200, "timed-out", TOO_LATE)


def test_what_a_task_does_behind_its_response_has_no_limit(serve):
    server = serve("--request-timeout", "1s", "--request-total-timeout", "1s")
    assert server.begin("/behind").response().status == 200
    server.wait_for("^behind$")
    assert "stuck" not in server.server.log


def test_a_request_that_blocks_the_loop_is_told_when_its_own_time_is_over(serve):
    server = serve("--request-timeout", "1s", "--beat-timeout", "10m")
    client = server.begin("/block")
    assert "GET /block" in server.message("stuck: the event loop has not come round")
    server.open_gate()
    assert client.response().status == 200


def test_a_loop_without_a_limit_of_its_own_is_told_to_go_on_again(serve):
    server = serve("--request-timeout", "1s", "--beat-timeout", "off")
    client = server.begin("/block")
    server.wait_for("stuck: the event loop has not come round")
    server.open_gate()
    assert client.response().status == 200
    server.wait_for(r"WARNING: goes on again: the event loop has not come round for \d+\.\d s")
    assert server.server.stop() == 0


def test_a_loop_that_is_blocked_before_every_beat_ends_requests_all_the_same(serve):
    server = serve("--request-timeout", "1s")
    assert server.begin("/busy").response().status == 504
    assert server.line("/busy")["outcome"] == "timed-out"
    assert server.server.stop() == 0


def test_others_that_wait_behind_a_blocked_loop_get_their_turn(serve):
    server = serve("--request-timeout", "2s", "--beat-timeout", "1s")
    client = server.begin("/block")
    server.wait_for("stuck: the event loop")
    other = server.begin("/")
    server.wait_for("nothing has helped")
    server.open_gate()
    assert client.response().status == 200
    assert other.response().status == 200


def test_a_lock_that_is_held_in_c_is_told_with_stacks(serve):
    server = serve("--gil-timeout", "1s", "--beat-timeout", "1s")
    client = server.begin("/lock")
    told = server.message("stuck: nobody has got the interpreter's lock (GIL) for ")
    assert "GET /lock, running for " in told
    assert "Thread MainThread (most recent call first):" in told and "in app" in told
    server.wait_for("nothing has helped: nobody gets the interpreter's lock")
    server.open_gate()
    assert client.response().status == 200
    server.wait_for("goes on again: the interpreter's lock could not be had for ")
    assert server.server.stop() == 0
    assert "has not come round" not in server.server.log, "told as what it is"


def test_nothing_is_watched_where_nothing_has_a_limit(serve):
    server = serve("--beat-timeout", "off", "--gil-timeout", "off")
    tasks = Path(f"/proc/{server.server.pid}/task").iterdir()
    assert not {(task / "comm").read_text().strip() for task in tasks} & {"yett-watch", "yett-gil"}


@pytest.mark.parametrize("path", ["/block", "/lock"])
def test_sigterm_while_the_loop_stands_still(serve, path):
    server = serve("--beat-timeout", "1s", "--gil-timeout", "1s")
    client = server.begin(path)
    server.wait_for("stuck: ")
    server.server.signal(signal.SIGTERM)
    server.open_gate()
    assert client.response().status == 200
    assert server.server.wait() == 0


def test_sigterm_while_a_cancelled_task_does_not_end(serve):
    server = serve("--request-timeout", "1s", "--graceful-timeout", "1s")
    client = server.begin("/swallow")
    server.wait_for("^swallowed$")
    server.server.signal(signal.SIGTERM)
    assert server.server.wait() == 0
    assert client.rest() == b"", "what little time it had was over before there was an answer"
    assert server.line("/swallow")["outcome"] == "failed"
