"""Clients that people use: http.client, httpx and curl, with their keep-alive."""

import hashlib
import http.client
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

APP = """
    import hashlib, json

    async def app(scope, receive, send):
        body, more = b"", True
        while more:
            message = await receive()
            body += message["body"]
            more = message["more_body"]
        report = {
            "method": scope["method"],
            "path": scope["path"],
            "query": scope["query_string"].decode(),
            "client": scope["client"],
            "length": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        text = json.dumps(report).encode()
        if scope["path"] == "/stream":
            for at in range(0, len(text), 10):
                await send({"type": "http.response.body", "body": text[at : at + 10], "more_body": True})
            text = b""
        await send({"type": "http.response.body", "body": text})
"""
BODY = bytes(range(256)) * 4000
DIGEST = hashlib.sha256(BODY).hexdigest()


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module(APP, "--lifespan", "off")


def test_http_client(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.connect()
    port = connection.sock.getsockname()[1]

    def ask(method, path, **more):
        connection.request(method, path, **more)
        response = connection.getresponse()
        assert response.status == 200
        return response, response.read()

    for path in ("/a", "/stream", "/b?c=d"):
        assert json.loads(ask("GET", path)[1])["client"] == ["127.0.0.1", port], "over the same connection"
    assert json.loads(ask("POST", "/", body=BODY)[1])["sha256"] == DIGEST
    pieces = (BODY[at : at + 50_000] for at in range(0, len(BODY), 50_000))
    chunked = {"encode_chunked": True, "headers": {"Transfer-Encoding": "chunked"}}
    assert json.loads(ask("PUT", "/stream", body=pieces, **chunked)[1])["sha256"] == DIGEST
    response, body = ask("HEAD", "/a")
    assert body == b""
    assert int(response.headers["content-length"]) > 0
    assert json.loads(ask("DELETE", "/a")[1])["method"] == "DELETE"


def test_httpx(server):
    with httpx.Client(base_url=server.url, timeout=30) as client:
        ports = set()
        for path in ("/a", "/stream", "/ü"):
            report = client.get(path, params={"q": "1 2"}).raise_for_status().json()
            assert (report["path"], report["query"]) == (path, "q=1+2")
            ports.add(report["client"][1])
        assert len(ports) == 1, "over the same connection"
        assert client.post("/", content=BODY).json()["sha256"] == DIGEST
        assert client.post("/stream", content=iter([BODY[:1000], BODY[1000:]])).json()["sha256"] == DIGEST
        assert client.post("/", files={"file": ("name", BODY)}).json()["length"] > len(BODY)
        with client.stream("GET", "/stream") as response:
            assert b"".join(response.iter_raw(7)).startswith(b'{"method": "GET"')


def test_httpx_from_many_threads(server):
    with httpx.Client(base_url=server.url, timeout=30) as client, ThreadPoolExecutor(8) as pool:
        reports = pool.map(lambda n: client.post(f"/{n}", content=BODY[:n]).json(), range(200))
        assert [(report["path"], report["length"]) for report in reports] == [
            (f"/{n}", n) for n in range(200)
        ]


def curl(server, *arguments: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(
        ["curl", "-sS", *arguments], input=stdin, capture_output=True, check=True, timeout=30
    ).stdout


def test_curl(server):
    url = server.url
    output = curl(server, "-v", "--stderr", "-", f"{url}/a", f"{url}/stream", f"{url}/c")
    assert output.count(b'"method": "GET"') == 3
    assert output.count(b"Re-using existing connection") == 2
    assert DIGEST.encode() in curl(server, "--data-binary", "@-", url, stdin=BODY)
    assert DIGEST.encode() in curl(server, "-T", "-", url, stdin=BODY), "chunked, of unknown length"
    assert b"content-length" in curl(server, "-I", url)
    assert b'"method": "GET"' in curl(server, "--http1.0", f"{url}/stream")
    assert b'"method": "GET"' in curl(server, "--http2", f"{url}/stream"), "an upgrade that is not taken"
