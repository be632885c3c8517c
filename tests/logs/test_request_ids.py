"""Request ids: taken from who is trusted, made otherwise; in the application, both logs and the response."""

import json
import re

import pytest

from support import Client
from support.logs import Lines

MADE = re.compile("[0-9a-f]{32}")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_made(start, get):
    server = start("--access-log-format", "json")
    lines = Lines(server)
    ids = []
    for _ in range(3):
        ids.append(get(server, "/id").body.decode())
        assert lines.object()["request_id"] == ids[-1]
    assert len(set(ids)) == 3
    assert all(MADE.fullmatch(one) for one in ids)


def test_taken_from_a_trusted_peer(start, get, tmp_path):
    server = start("--bind", "127.0.0.1:0", "--bind", "unix:socket", "--access-log-format", "%(request_id)s")
    lines = Lines(server)
    assert get(server, "/id", "X-Request-ID: abc-1:2/x=@+._").body == b"abc-1:2/x=@+._"
    assert lines.next() == "abc-1:2/x=@+._"
    with Client(str(tmp_path / "socket")) as client:
        assert client.get("/id", "x-request-id: from-nginx").body == b"from-nginx"
    assert lines.next() == "from-nginx"


def test_not_taken_from_anybody_else(start, get):
    server = start("--trusted-proxies", "10.0.0.1", "--access-log-format", "%(h)s %(request_id)s")
    body = get(server, "/id", "X-Request-ID: given", "X-Forwarded-For: 192.0.2.1").body.decode()
    assert MADE.fullmatch(body)
    assert Lines(server).next() == f"127.0.0.1 {body}"


def test_the_line_names_the_client_that_a_trusted_proxy_names(start, get):
    server = start("--access-log-format", "%(h)s")
    get(server, "/", "X-Forwarded-For: 192.0.2.1")
    assert Lines(server).next() == "192.0.2.1"


@pytest.mark.parametrize("value", ["", "a b", 'a"b', "a\\b", "\xff", "a,b", "<x>", "a" * 129])
def test_a_hostile_id_is_not_taken(start, get, value):
    server = start("--access-log-format", "%(request_id)s")
    body = get(server, "/id", f"X-Request-ID: {value}").body.decode()
    assert MADE.fullmatch(body)
    assert Lines(server).next() == body


def test_in_the_response(start, get):
    server = start("--request-id-header")
    response = get(server, "/id")
    assert response.header("X-Request-ID") == response.body.decode()
    assert get(server, "/id", "X-Request-ID: given").header("X-Request-ID") == "given"
    assert get(server, "/own-id").header("X-Request-ID") == "mine"
    failed = get(server, "/fail")
    assert failed.status == 500
    server.wait_for(rf"request_id={failed.header('X-Request-ID')}$")


def test_not_in_the_response_unless_asked_for(start, get):
    assert get(start(), "/id", "X-Request-ID: given").header("X-Request-ID") is None


def test_switched_off(start, get):
    server = start("--no-request-id", "--request-id-header", "--access-log-format", "json")
    response = get(server, "/id", "X-Request-ID: given")
    assert response.body == b"none"
    assert response.header("X-Request-ID") is None
    assert "request_id" not in Lines(server).object()


def test_in_the_error_log(start, get):
    server = start()
    get(server, "/fail", "X-Request-ID: given-1")
    assert server.wait_for(r"ERROR: GET /fail: .* request_id=given-1$")
    assert server.wait_for(r"^Traceback")


def test_traceparent_is_left_alone_and_shown(start, get):
    server = start("--access-log-format", "json", "--log-format", "json")
    lines = Lines(server)
    assert get(server, "/traceparent", f"traceparent: {TRACE}").body.decode() == TRACE
    assert lines.object()["traceparent"] == TRACE
    get(server, "/fail", f"Traceparent: {TRACE}", "X-Request-ID: given")
    found = json.loads(server.wait_for('"level":"error"').string)
    assert (found["traceparent"], found["request_id"]) == (TRACE, "given")
