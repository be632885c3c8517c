"""The endpoints behind the panels, lifespan, and clients that leave."""

import asyncio
import hashlib
import json

import pytest

from yett.demo import app, live


def test_lifespan(server):
    asyncio.run(server.startup())
    assert server.lifespan == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert isinstance(server.state["counters"], live.Counters)


def test_another_protocol_is_refused():
    with pytest.raises(NotImplementedError, match="websocket"):
        asyncio.run(app({"type": "websocket"}, None, None))


def test_stream_sends_each_part_by_itself(get):
    response = get("/stream?parts=3&pause=0")
    assert response.headers["content-type"] == "application/x-ndjson"
    assert "content-length" not in response.headers
    lines = [json.loads(part) for part in response.parts]
    assert [(line["part"], line["of"]) for line in lines] == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("query", ["parts=0", "parts=201", "parts=x", "pause=-1", "pause=2001"])
def test_stream_is_bounded(get, query):
    assert get(f"/stream?{query}").status == 400


def test_stream_stops_when_the_client_leaves(served):
    """The pause is longer than the whole test may take: only the disconnect can end it."""
    left, scope = served(("GET", "/stream?parts=200&pause=2000", {"leave_after": 2}), ("GET", "/scope", {}))
    assert len(left.parts) == 1
    assert scope.json()["state"]["departed"] == 1


def test_send_that_fails_is_a_client_that_left(served):
    (_, scope) = served(
        ("GET", "/knock", {"leave_after": 1, "send_fails": True}),
        ("GET", "/scope", {}),
    )
    assert scope.json()["state"]["departed"] == 1


def test_events(get, monkeypatch):
    monkeypatch.setattr(live, "TICK_SECONDS", 0)
    response = get("/events")
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["cache-control"] == "no-store"
    events = [part.decode() for part in response.parts if part]
    assert all(event.endswith("\n\n") for event in events)
    assert [event.splitlines()[0] for event in events] == [f"id: {number}" for number in range(1, 11)]
    data = json.loads(events[0].split("data: ")[1])
    assert (data["requests"], data["active"]) == (1, 1)


@pytest.mark.parametrize(
    ("last", "first"), [(b"41", "id: 42"), (b"nonsense", "id: 1"), (b"9" * 5000, "id: 1")]
)
def test_events_go_on_after_the_last_one(get, monkeypatch, last, first):
    monkeypatch.setattr(live, "TICK_SECONDS", 0)
    response = get("/events", headers=[(b"last-event-id", last)])
    assert response.parts[0].decode().splitlines()[0] == first


def test_events_end_when_the_client_leaves(get, monkeypatch):
    monkeypatch.setattr(live, "TICK_SECONDS", 3600)
    assert len(get("/events", leave_after=2).parts) == 1


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_upload(served, method):
    pieces = [b"wrought", b"", b" iron", b"x" * 100_000]
    upload, scope = served((method, "/upload", {"body": pieces}), ("GET", "/scope", {}))
    whole = b"".join(pieces)
    answer = upload.json()
    assert answer["size"] == len(whole)
    assert answer["sha256"] == hashlib.sha256(whole).hexdigest()
    assert answer["parts"] == 3
    state = scope.json()["state"]
    assert state["uploaded"] == len(whole)
    assert (state["requests"], state["active"]) == (2, 1), "only this request is at work now"


def test_upload_that_breaks_off_is_not_answered(served):
    upload, scope = served(("POST", "/upload", {"body": [b"half"], "leave_after": 0}), ("GET", "/scope", {}))
    assert upload.messages == []
    state = scope.json()["state"]
    assert (state["departed"], state["uploaded"]) == (1, 0)


def test_scope_is_shown(get):
    report = get(
        "/scope?a=%20b",
        headers=[(b"x-one", b"1"), (b"x-two", b"\xe9"), (b"x-one", b"3"), (b"cookie", b"secret=1")],
        extensions=["http.response.trailers"],
    ).json()
    assert report["scope"]["query_string"] == "a=%20b"
    assert report["scope"]["client"] == ["192.0.2.1", 4711]
    assert report["headers"] == [
        ["x-one", "1"],
        ["x-two", "é"],
        ["x-one", "3"],
        ["cookie", "(8 bytes, not shown)"],
    ]
    assert report["extensions"] == ["http.response.trailers"]
    assert report["state"]["offered"] is True
    assert report["runtime"]["loop"] == "asyncio"


def test_optional_parts_of_the_scope_may_be_missing():
    """Unix sockets have no client address; an older server has no state and no extensions."""

    async def run():
        sent = []

        async def receive():
            return {"type": "http.request"}

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.0",
            "method": "GET",
            "path": "/scope",
            "query_string": b"",
            "headers": [],
        }
        await app(scope, receive, send)
        return json.loads(sent[-1]["body"])

    report = asyncio.run(run())
    assert report["state"]["offered"] is False
    assert report["scope"]["client"] is None
