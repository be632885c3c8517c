"""What is shown of an exception, to whom, and that nothing in it can do anything."""

import re
from html.parser import HTMLParser

import pytest

from support import Client
from support.dev import PAGE, get, page

FAILING = """
class Odd:
    def __repr__(self):
        raise RuntimeError("no")


def find(name):
    password = "hunter2"
    markup, odd = "<script>alert(1)</script>", Odd()
    try:
        return {}["missing"]
    except KeyError as error:
        raise LookupError("nobody is called <img src=x onerror=alert(2)>") from error


def answer(path):
    if path == "/group":
        raise ExceptionGroup("several", [ValueError("the first"), TypeError("the second")])
    if path == "/fine":
        return 200, [("content-type", "text/plain"), ("content-length", "4")], [b"fine"]
    return find("Ada")
"""


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def test_the_page(site):
    server = site(FAILING)
    response = page(server, "/some/path?question=why", "X-Own: yes")
    assert (response.status, response.header("content-type")) == (500, "text/html; charset=utf-8")
    text = response.body.decode()
    for expected in (
        "LookupError",
        "nobody is called",
        "It was caused by",
        "KeyError",
        "app.py",
        "in <b>find</b>",
    ):
        assert expected in text, expected
    for expected in (
        "/some/path",
        "question",
        "why",
        "x-own",
        "yes",
        "whose repr() raised RuntimeError",
        "Python 3.",
    ):
        assert expected in text, expected
    assert "hunter2" not in text.replace("password = &quot;hunter2&quot;", "")  # its line of source is shown
    server.wait_for("LookupError: nobody is called")
    server.wait_for(r"GET /some/path.* 500 ")
    assert page(server, "/fine").body == b"fine"


def test_nothing_in_it_runs(site):
    attack = "<script>alert(3)</script>"
    response = page(
        site(FAILING),
        f"/%3Cscript%3Ealert(4)%3C/script%3E'\"?{attack.replace(' ', '')}=1&a=<img/onerror=alert(5)>",
        f"X-Attack: {attack}",
        "User-Agent: \"'><svg onload=alert(6)>",
    )
    assert response.status == 500
    policy = response.header("content-security-policy")
    nonce = re.search(r"script-src 'nonce-([^']+)'", policy)[1]
    assert policy.startswith(f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'")
    tags = Tags(response.body.decode()).tags
    scripts = [attributes for tag, attributes in tags if tag == "script"]
    assert len(scripts) == 2
    assert all(attributes["nonce"] == nonce for attributes in scripts)
    assert not {tag for tag, _ in tags} & {"img", "svg", "iframe", "link", "object", "form", "base"}
    assert not [
        name for _, attributes in tags for name in attributes if name.startswith("on") or name == "style"
    ]
    assert {attributes.get("src") for attributes in scripts} == {None, "/__yett__/reload.js"}


def test_nonces_are_new_each_time(site):
    server = site(FAILING)
    policies = {page(server).header("content-security-policy") for _ in range(3)}
    assert len(policies) == 3


def test_groups(site):
    text = page(site(FAILING), "/group").body.decode()
    for expected in ("ExceptionGroup", "Member 1 of 2", "the first", "Member 2 of 2", "the second"):
        assert expected in text


def test_who_does_not_read_html_gets_text(site):
    response = get(site(FAILING), "/x", "Accept: application/json")
    assert (response.status, response.header("content-type")) == (500, "text/plain; charset=utf-8")
    text = response.body.decode()
    assert text.startswith("GET /x\n\nTraceback")
    assert "LookupError" in text
    assert "yett/dev" not in text


def test_head(site):
    with Client(site(FAILING).port) as client:
        for _ in range(2):  # the connection goes on
            client.begin("HEAD", "/", PAGE, "Accept-Language: en")
            client.response(method="HEAD")
        client.send(f"HEAD / HTTP/1.1\r\nHost: localhost\r\n{PAGE}\r\n\r\n".encode())
        response = client.response(method="HEAD")
        assert response.status == 500
        assert int(response.header("content-length")) > 1000


ELSEWHERE = [
    *(
        "example.com",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "10.0.0.1",
        "localhost:80:80",
        "notlocalhost",
    ),
    *("[::2]", "0.0.0.0", "localhost@example.com", "2130706433"),
]


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "127.9.9.9", "[::1]:80", "app.localhost"]
)
def test_this_machine_by_its_names(site, host):
    assert b"LookupError" in page(site(FAILING), host=host).body


def test_other_names_for_this_machine_see_nothing(site):
    server = site(FAILING)
    for host in ELSEWHERE:
        response = page(server, host=host)
        assert response.status in (400, 500), host
        assert b"LookupError" not in response.body, host
        for path in ("/__yett__/events", "/__yett__/reload.js"):
            response = page(server, path, host=host)
            # The application's own answer.
            assert response.status in (400, 500), (host, path)
            assert b"generation" not in response.body


@pytest.mark.parametrize(
    "field",
    [
        "Forwarded: for=127.0.0.1",
        "X-Forwarded-For: 127.0.0.1",
        "X-Forwarded-Host: localhost",
        "Via: 1.1 tunnel",
    ],
)
def test_who_comes_through_a_proxy_sees_nothing(site, field):
    response = page(site(FAILING), "/", field)
    assert response.status == 500
    assert b"LookupError" not in response.body


def test_over_a_unix_socket(develop, interface):
    from support.dev import INTERFACES

    server = develop(FAILING + INTERFACES[interface], "--bind", "unix:a.sock")
    with Client(str(server.folder / "a.sock")) as client:
        client.send(f"GET / HTTP/1.1\r\nHost: localhost\r\n{PAGE}\r\n\r\n".encode())
        assert b"LookupError" in client.response().body
    with Client(str(server.folder / "a.sock")) as client:
        client.send(f"GET / HTTP/1.1\r\nHost: evil.example\r\n{PAGE}\r\n\r\n".encode())
        assert b"LookupError" not in client.response().body


def test_yett_run_shows_nothing(serve, interface):
    from support.dev import INTERFACES

    server = serve(FAILING + INTERFACES[interface])
    response = page(server)
    assert response.status == 500
    assert b"LookupError" not in response.body
    assert page(server, "/__yett__/events").status == 500


def test_a_response_that_has_begun_stays_what_it_is(develop, interface):
    sources = {
        "asgi": """
            async def app(scope, receive, send):
                await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
                await send({"type": "http.response.body", "body": b"begun", "more_body": True})
                raise LookupError
            """,
        "wsgi": """
            def app(environ, start_response):
                start_response("200 OK", [("content-type", "text/html")])
                yield b"begun"
                raise LookupError
            """,
    }
    server = develop(sources[interface])
    with Client(server.port) as client:
        client.send(f"GET / HTTP/1.1\r\nHost: localhost\r\n{PAGE}\r\n\r\n".encode())
        received = client.rest()
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"begun" in received
    assert b"LookupError" not in received
    assert not received.endswith(b"0\r\n\r\n")  # cut off, as without `yett dev`


def test_a_wsgi_application_that_fails_late_but_before_its_body(develop):
    server = develop("""
        def app(environ, start_response):
            start_response("200 OK", [("content-type", "text/html"), ("content-length", "5")])
            if environ["PATH_INFO"] == "/first":
                raise LookupError("first")
            return body()

        def body():
            yield b""
            raise LookupError("second")
        """)
    for path, word in (("/first", b"first"), ("/", b"second")):
        response = page(server, path)
        assert response.status == 500
        assert word in response.body
        server.wait_for(f"LookupError: {word.decode()}")


def test_starlette_and_fastapi_answer_before_they_raise(develop):
    pytest.importorskip("fastapi")
    server = develop("""
        from fastapi import FastAPI
        from fastapi.responses import PlainTextResponse

        app = FastAPI()

        @app.get("/boom")
        async def boom():
            raise LookupError("in a handler")

        @app.get("/own")
        async def own():
            return PlainTextResponse("Internal Server Error", 500)

        @app.get("/other")
        async def other():
            return PlainTextResponse("something else", 500)
        """)
    response = page(server, "/boom")
    assert response.status == 500
    assert b"in a handler" in response.body
    assert page(server, "/own").body == b"Internal Server Error"
    assert page(server, "/other").body == b"something else"


def test_flask_and_its_debug_mode(develop):
    pytest.importorskip("flask")
    server = develop("""
        from flask import Flask

        app = Flask(__name__)

        @app.get("/boom")
        def boom():
            raise LookupError("in a view")
        """)
    response = page(server, "/boom")
    assert response.status == 500
    assert b"in a view" in response.body
    assert page(server, "/none").status == 404
