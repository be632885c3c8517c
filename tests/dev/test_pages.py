"""The script that reloads pages: which responses get it, how, and who may ask for the news."""

import json

import pytest

from support import Client
from support.dev import PAGE, get, page

TAG = b'<script src="/__yett__/reload.js"'
SITE = """
import time

HTML = ("content-type", "text/html; charset=utf-8")
BODY = b"<html><body><h1>hello</h1></body></html>"


def answer(path):
    length = ("content-length", str(len(BODY)))
    return {
        "/": lambda: (200, [HTML, length, ("etag", '"1"'), ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT")], [BODY]),
        "/pieces": lambda: (200, [HTML, length], [BODY[:10], BODY[10:]]),
        "/streamed": lambda: (200, [HTML], iter([BODY[:10], b"", BODY[10:]])),
        "/unknown-length": lambda: (404, [HTML], [BODY]),
        "/json": lambda: (200, [("content-type", "application/json"), ("content-length", "2")], [b"{}"]),
        "/gzip": lambda: (200, [HTML, ("content-encoding", "gzip"), ("content-length", "3")], [b"abc"]),
        "/nonce": lambda: (200, [HTML, ("content-security-policy", "script-src 'nonce-n0nce'")], [BODY]),
        "/strict": lambda: (200, [HTML, length, ("content-security-policy", "default-src 'none'")], [BODY]),
        "/empty": lambda: (204, [], []),
        "/error": lambda: (500, [HTML, length], [BODY]),
    }[path]()
"""
BODY = b"<html><body><h1>hello</h1></body></html>"


@pytest.mark.parametrize("path", ["/", "/pieces", "/streamed", "/unknown-length", "/error"])
def test_pages_have_it_whatever_their_framing(site, path):
    server = site(SITE)
    with Client(server.port) as client:
        for _ in range(2):  # on one connection: the framing is right
            client.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{PAGE}\r\n\r\n".encode())
            response = client.response()
            assert response.body.count(TAG) == 1
            begin = response.body.index(TAG)
            end = response.body.index(b"</script>") + len(b"</script>")
            assert response.body[:begin] + response.body[end:] == BODY
    if path == "/":
        assert response.body.endswith(b"</script></body></html>")


def test_what_speaks_of_the_body_as_it_was_goes(site):
    server = site(SITE)
    response = page(server)
    assert response.header("etag") is None
    assert response.header("last-modified") is None
    assert int(response.header("content-length")) == len(response.body)
    head = page(server, method="HEAD")
    assert head.header("content-length") == response.header("content-length")


@pytest.mark.parametrize("path", ["/json", "/gzip", "/strict", "/empty"])
def test_what_is_left_alone(site, path):
    response = page(site(SITE), path)
    assert TAG not in response.body
    expected = {"/json": b"{}", "/gzip": b"abc", "/strict": BODY, "/empty": b""}[path]
    assert response.body == expected


def test_requests_that_want_no_page_are_left_alone(site):
    server = site(SITE)
    for fields in (
        [],
        ["Accept: */*"],
        [PAGE, "Sec-Fetch-Dest: empty"],
        [PAGE, "HX-Request: true"],
        [PAGE, "X-Requested-With: XMLHttpRequest"],
    ):
        response = get(server, "/", *fields)
        assert response.body == BODY, fields
        assert response.header("etag") == '"1"'
    assert page(server, host="example.com").body == BODY
    assert page(server, "/", "X-Forwarded-For: 1.2.3.4").body == BODY


def test_it_can_be_switched_off(site):
    server = site(SITE, "--no-browser-reload")
    assert page(server).body == BODY
    assert page(server, "/__yett__/events").status == 404
    assert page(server, "/__yett__/reload.js").status == 404


def test_policies_of_the_application(site):
    server = site(SITE)
    assert b' nonce="n0nce"' in page(server, "/nonce").body
    page(server, "/strict")
    server.wait_for(
        "pages cannot reload by themselves: .*Content-Security-Policy forbids it .default-src 'none'"
    )


def test_the_script_itself(site):
    server = site(SITE)
    response = get(server, "/__yett__/reload.js")
    assert (response.status, response.header("content-type")) == (200, "text/javascript; charset=utf-8")
    assert b"EventSource" in response.body
    assert get(server, "/__yett__/other").status == 404
    assert get(server, "/__yett__/events", method="POST").status == 405


@pytest.mark.parametrize("path", ["/__yett__/events", "/__yett__/reload.js"])
@pytest.mark.parametrize(
    "field",
    [
        *(
            "Origin: http://evil.example",
            "Sec-Fetch-Site: cross-site",
            "Sec-Fetch-Site: same-site",
            "Origin: null",
        ),
        "Origin: http://localhost:1",
    ],
)
def test_pages_of_other_sites_get_nothing(site, path, field):
    response = get(site(SITE), path, field)
    assert response.status == 403
    assert b"generation" not in response.body


class News:
    """A page that listens."""

    def __init__(self, server) -> None:
        self.client = Client(server.port)
        self.client.send(
            b"GET /__yett__/events HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\n\r\n"
        )
        self.head = self.client.head()

    def state(self) -> dict:
        while True:
            for line in self._chunk().decode().splitlines():
                if line.startswith("data: "):
                    return json.loads(line.removeprefix("data: "))

    def state_or_end(self) -> dict | None:
        """The same, or None where the worker ends the news."""
        try:
            return self.state()
        except EOFError:
            return None

    def _chunk(self) -> bytes:
        line = b""
        while not line.endswith(b"\r\n"):
            line += self.client.read(1)
        size = int(line, 16)
        data = self.client.read(size + 2)[:-2]
        if not size:
            raise EOFError
        return data


def test_the_news(site):
    server = site(SITE)
    news = News(server)
    assert news.head.startswith("HTTP/1.1 200 ")
    state = news.state()
    assert state["error"] is None
    server.change("def (")
    while state["error"] is None:
        state = news.state()
    assert "SyntaxError" in state["error"]["title"]
    assert "def (" in state["error"]["text"]
    news.client.close()


def test_who_listens_holds_nothing_up(site):
    server = site(SITE)
    listening = [News(server) for _ in range(6)]
    assert page(server).status == 200
    for news in listening[:4]:
        news.state()
    text = (server.folder / "app.py").read_text()
    server.change(text.replace("hello", "hullo"))
    server.wait_for("ready in")
    for news in listening[:4]:
        while news.state_or_end():
            pass
    # The worker that leaves can have taken these connections, too: it sends whoever comes to the next one.
    listening = [News(server) for _ in range(3)]
    while (state := listening[0].state_or_end()) is None:
        listening[0] = News(server)
    assert state["generation"]
    while (response := page(server)).status == 307:
        pass
    assert b"hullo" in response.body
    assert server.stop() == 0
