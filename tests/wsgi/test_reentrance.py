"""Code of the application that runs in the middle of a call of ours: what it hands over may do anything."""

import pytest

from support import Client
from support.peers import only_yett

pytestmark = only_yett

APP = """
    from urllib.parse import parse_qs

    AGAIN = (ValueError, ValueError("again"), None)
    said = []

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/said":
            start_response("200 OK", [])
            return [repr(said).encode()]
        asked = {key: value for key, [value] in parse_qs(environ["QUERY_STRING"]).items()}
        hint = environ["wsgi.early_hints"]
        said.clear()

        def act():
            said.append("asked")
            try:
                eval(asked["way"], names)
            except Exception as error:
                said.append(f"{type(error).__name__}: {error}")

        def acting():
            yield "X-A", "a"
            act()
            yield "X-B", "b"

        class Odd:
            def __repr__(self):
                act()
                return "<odd>"

        class OddText(str):
            __repr__ = Odd.__repr__

        class OddPair(tuple):
            __repr__ = Odd.__repr__

        begun = asked["begun"] == "True"
        write = start_response("200 OK", [("X-First", "1")]) if begun else None
        names = {**globals(), **locals()}
        try:
            eval(asked["call"], names)
        except Exception as error:
            said.append(f"raised {type(error).__name__}")
        if not begun:
            start_response("200 OK", [("X-First", "1")], AGAIN)
        return [b"whole"]
"""
# What the code does when it is asked for something.
WAYS = {
    "hint": 'hint([("X-Hint", "1")])',
    "write": 'write(b"written, ")',
    "start": 'start_response("200 OK", [("X-Inner", "1")], AGAIN)',
}
# The call in the middle of which it runs.
WRONG = {
    "header": 'start_response("200 OK", [Odd()], AGAIN)',
    "second header": 'start_response("200 OK", [("X-A", "a"), Odd()], AGAIN)',
    "triple": 'start_response("200 OK", [OddPair(("a", "b", "c"))], AGAIN)',
    "name": 'start_response("200 OK", [(Odd(), "a")], AGAIN)',
    "value": 'start_response("200 OK", [("X-A", Odd())], AGAIN)',
    "headers": 'start_response("200 OK", Odd(), AGAIN)',
    "status": "start_response(Odd(), [], AGAIN)",
    "status text": 'start_response(OddText("20 OK"), [], AGAIN)',
    "hint": "hint([Odd()])",
    "value of a hint": 'hint([("X-A", Odd())])',
}


@pytest.fixture(scope="module")
def server(serve_source):
    return serve_source(APP, "--threads", "1")


def ask(client: Client, way: str, call: str, begun: bool):
    """The interim responses, the final one, and what the application has to say."""
    query = "&".join(
        f"{key}={''.join(f'%{byte:02x}' for byte in value.encode())}"
        for key, value in {"way": WAYS[way], "call": call, "begun": str(begun)}.items()
    )
    client.begin("GET", f"/?{query}")
    interim = []
    while (response := client.response()).status == 103:
        interim.append(response)
    assert response.status == 200
    return interim, response, eval(client.get("/said").body)


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_repr_that_calls_us(server, way, wrong, begun):
    """Whether it is asked is not promised; the error of the call is, and a response that is whole."""
    with Client(server.port) as client:
        for _ in range(2):
            interim, response, said = ask(client, way, WRONG[wrong], begun)
            assert said[-1] == ("raised ValueError" if wrong == "status text" else "raised TypeError")
            assert all(hint.fields == [("X-Hint", "1")] for hint in interim)
            written = way == "write" and begun and said[0] == "asked" and len(said) == 2
            assert response.body == (b"written, whole" if written else b"whole")
            fields = [name for name, _ in response.fields if name.startswith(("X-", "x-"))]
            assert [name.lower() for name in fields] in (["x-first"], ["x-inner"])


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_hints_that_are_made_while_they_are_asked_for(server, way, begun):
    with Client(server.port) as client:
        for _ in range(2):
            interim, response, said = ask(client, way, "hint(acting())", begun)
            assert said[0] == "asked"
            assert "raised" not in said[-1]
            outer = [("X-A", "a"), ("X-B", "b")]
            if way == "write" and begun:
                # The head was sent meanwhile: it is too late for hints.
                assert (interim, response.body) == ([], b"written, whole")
            else:
                hints = [[("X-Hint", "1")], outer] if way == "hint" else [outer]
                assert [hint.fields for hint in interim] == hints
                assert response.body == b"whole"
