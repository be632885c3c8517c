"""Fields that CGI has one value for, sent twice."""

import pytest

from support import Client
from support.peers import only_yett

pytestmark = only_yett

APP = """
    def app(environ, start_response):
        told = [environ.get("CONTENT_TYPE"), environ.get("CONTENT_LENGTH")]
        told += sorted(key for key in environ if key.startswith("HTTP_CONTENT"))
        body = environ["wsgi.input"].read()
        start_response("200 OK", [])
        return [repr((*told, body)).encode()]
"""


@pytest.fixture(scope="module", params=["collected", "streamed"])
def server(request, serve_source):
    return serve_source(APP, *(["--no-request-buffering"] if request.param == "streamed" else []))


def ask(server, *fields: str):
    """What the application sees, the body being `hello`; None if it is not asked. The next request is no part of it."""
    with Client(server.port) as client:
        client.begin("POST", "/", *fields)
        client.send(b"hello")
        response = client.response()
        if response.status == 400:
            assert client.rest() == b""
            return None
        assert response.status == 200
        assert eval(client.get("/next").body) == (None, None, b"")
        return eval(response.body)


@pytest.mark.parametrize("times", [2, 3])
def test_equal_lengths_are_one(server, times):
    """RFC 9110 §8.6 lets a server take them for one, or refuse them."""
    assert ask(server, *["Content-Length: 5"] * times) in ((None, "5", b"hello"), None)
    assert ask(server, *["Content-Length: 5", "X-Between: 1"] * times) in ((None, "5", b"hello"), None)


def test_equal_lengths_in_one_field(server):
    assert ask(server, "Content-Length: 5, 5") in ((None, "5", b"hello"), None)
    assert ask(server, "Content-Length: 5,5", "content-length: 5") in ((None, "5", b"hello"), None)


@pytest.mark.parametrize("other", ["6", "+5", ""])
def test_different_lengths_are_refused(server, other):
    assert ask(server, "Content-Length: 5", f"Content-Length: {other}") is None


@pytest.mark.parametrize("second", ["text/second", "text/first", ""])
def test_the_first_content_type_counts(server, second):
    """Two parsers must not see two types: as in most of what may stand before or behind us, the first wins."""
    fields = ["Content-Type: text/first; charset=x", "Content-Length: 5", f"Content-Type: {second}"]
    assert ask(server, *fields) == ("text/first; charset=x", "5", b"hello")


def test_other_fields_are_joined_all_the_same(serve):
    server = serve(
        """
        def app(environ, start_response):
            start_response("200 OK", [])
            return [repr((environ["HTTP_X_A"], environ["CONTENT_TYPE"])).encode()]
        """
    )
    with Client(server.port) as client:
        fields = ["X-A: 1", "Content-Type: a/b", "X-A: 2", "Content-Type: c/d", "x-a: 3"]
        assert client.get("/", *fields).body == b"('1,2,3', 'a/b')"
