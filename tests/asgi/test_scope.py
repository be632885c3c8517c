"""The scope: every key, its type, and where its value comes from."""

import ast
import random

import pytest

from support import Client, start_server

# Answers with the scope as a Python literal, and then spoils it as far as it can be spoilt.
APP = """
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            scope["state"].update(name="from start-up", shared=[])
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        shown = repr(scope).encode()
        scope["headers"].clear()
        scope["headers"].append((b"x-leak", b"1"))
        scope["state"]["leak"] = 1
        scope["extensions"]["leak"] = {}
        scope["path"] = scope["leak"] = "/leak"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": shown})
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with start_server(tmp_path_factory.mktemp("scope"), APP) as server:
        yield server


@pytest.fixture
def client(server):
    with Client(server.port) as client:
        yield client


def scope_of(client, path="/", *fields, method="GET"):
    client.begin(method, path, *fields)
    return ast.literal_eval(client.response().body.decode())


def raw_scope(client, data):
    client.send(data)
    return ast.literal_eval(client.response().body.decode())


def test_every_key(server, client):
    scope = scope_of(client, "/a?b=c", "X-One: 1")
    assert len(scope.pop("yett.request_id")) == 32
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/a",
        "raw_path": b"/a",
        "query_string": b"b=c",
        "root_path": "",
        "headers": [(b"host", b"test"), (b"x-one", b"1")],
        "client": client.socket.getsockname(),
        "server": ("127.0.0.1", server.port),
        "state": {"name": "from start-up", "shared": []},
        "extensions": {
            "http.response.pathsend": {},
            "http.response.zerocopysend": {},
            "http.response.early_hint": {},
        },
    }


@pytest.mark.parametrize(
    ("target", "path", "raw_path", "query"),
    [
        ("/", "/", b"/", b""),
        ("/a%20b", "/a b", b"/a%20b", b""),
        ("/w%C3%B6rld", "/wörld", b"/w%C3%B6rld", b""),
        ("/%F0%9F%8F%B0", "/🏰", b"/%F0%9F%8F%B0", b""),
        ("/a%2Fb%3Fc", "/a/b?c", b"/a%2Fb%3Fc", b""),
        ("/%25%34%31", "/%41", b"/%25%34%31", b""),
        ("/bad%FFutf-8", "/bad\ufffdutf-8", b"/bad%FFutf-8", b""),
        ("/half%C3", "/half\ufffd", b"/half%C3", b""),
        ("/none%zz%4", "/none%zz%4", b"/none%zz%4", b""),
        ("/nul%00", "/nul\x00", b"/nul%00", b""),
        ("//a//b/", "//a//b/", b"//a//b/", b""),
        ("/a/../b/./c", "/a/../b/./c", b"/a/../b/./c", b""),
        ("/a+b;c=d,e", "/a+b;c=d,e", b"/a+b;c=d,e", b""),
        ("/?", "/", b"/", b""),
        ("/q?a=%20+&b?c=/", "/q", b"/q", b"a=%20+&b?c=/"),
    ],
)
def test_path_and_query(client, target, path, raw_path, query):
    scope = scope_of(client, target)
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == (path, raw_path, query)


def test_the_target_of_options_for_the_whole_server(client):
    scope = scope_of(client, "*", method="OPTIONS")
    assert (scope["method"], scope["path"], scope["raw_path"]) == ("OPTIONS", "*", b"*")


@pytest.mark.parametrize(
    "method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "purge", "M-SEARCH"]
)
def test_methods_are_as_sent(client, method):
    assert scope_of(client, method=method)["method"] == method


def test_http_1_0(client):
    scope = raw_scope(client, b"GET /old HTTP/1.0\r\n\r\n")
    assert (scope["http_version"], scope["path"], scope["headers"]) == ("1.0", "/old", [])


@pytest.mark.parametrize(
    ("target", "host", "path", "query"),
    [
        ("http://other.example:81/x?y", b"other.example:81", "/x", b"y"),
        ("http://other.example", b"other.example", "/", b""),
        ("http://other.example?y", b"other.example", "/", b"y"),
        ("http://[::1]:8000/", b"[::1]:8000", "/", b""),
    ],
)
def test_absolute_form_replaces_host(client, target, host, path, query):
    """RFC 9112 §3.2.2: the host of the target wins, and a server must not pass the other on."""
    for _ in range(3):  # Also where the header block is one that the server remembers.
        scope = scope_of(client, target, "X-One: 1")
        assert [value for name, value in scope["headers"] if name == b"host"] == [host]
        assert (b"x-one", b"1") in scope["headers"]
        assert (scope["path"], scope["query_string"]) == (path, query)
    assert scope_of(client, "/", "X-One: 1")["headers"] == [(b"host", b"test"), (b"x-one", b"1")]


def test_headers_keep_order_and_repetition_and_are_lower_case(client):
    scope = scope_of(
        client,
        "/",
        "X-B: 1",
        "Accept: text/html",
        "x-a:2",
        "X-B:  3 \t",
        "Empty:",
        "X-Obs: \xe9\xff",
        "COOKIE: a=B",
        "Cookie: c",
    )
    assert scope["headers"] == [
        (b"host", b"test"),
        (b"x-b", b"1"),
        (b"accept", b"text/html"),
        (b"x-a", b"2"),
        (b"x-b", b"3"),
        (b"empty", b""),
        (b"x-obs", b"\xe9\xff"),
        (b"cookie", b"a=B"),
        (b"cookie", b"c"),
    ]
    assert type(scope["headers"]) is list
    assert {type(pair) for pair in scope["headers"]} == {tuple}


def test_a_long_header_name_is_lower_case_too(client):
    name = "X-" + "Long" * 40
    assert scope_of(client, "/", f"{name}: 1")["headers"][1] == (name.lower().encode(), b"1")


def test_requests_do_not_share_what_they_may_change(server, client):
    """The application spoils its scope each time. The header block is the same each time, which is remembered."""
    first = scope_of(client, "/same", "X-One: 1")
    ids = {first["yett.request_id"]}
    for _ in range(5):
        again = scope_of(client, "/same", "X-One: 1")
        ids.add(again["yett.request_id"])
        assert {**again, "yett.request_id": first["yett.request_id"]} == first
    assert len(ids) == 6
    with Client(server.port) as other:
        again = scope_of(other, "/same", "X-One: 1")
        same = {key: first[key] for key in ("client", "yett.request_id")}
        assert {**again, **same} == first


def test_remembered_header_blocks_are_not_mixed_up(client):
    """Blocks that come again, blocks that differ in one byte, and more of them than the server remembers."""
    chance = random.Random(20261121)
    blocks = [[f"X-Number: {number:03}", "User-Agent: test"] for number in range(200)]
    for _ in range(1500):
        number = chance.choice([0, 1, 2, chance.randrange(200)])
        headers = scope_of(client, "/", *blocks[number])["headers"]
        assert headers == [(b"host", b"test"), (b"x-number", b"%03d" % number), (b"user-agent", b"test")]


def test_a_client_that_takes_trailers_is_offered_them(client):
    assert scope_of(client, "/", "TE: trailers")["extensions"]["http.response.trailers"] == {}
    assert "http.response.trailers" not in scope_of(client, "/", "TE: gzip")["extensions"]
    old = raw_scope(client, b"GET / HTTP/1.0\r\nTE: trailers\r\n\r\n")
    assert "http.response.trailers" not in old["extensions"]


@pytest.mark.parametrize(
    ("target", "path", "raw_path"),
    [
        # The proxy has taken the prefix away …
        ("/", "/api/v1/", b"/api/v1/"),
        ("/x%20y", "/api/v1/x y", b"/api/v1/x%20y"),
        # … or left it there …
        ("/api/v1", "/api/v1", b"/api/v1"),
        ("/api/v1/x", "/api/v1/x", b"/api/v1/x"),
        # … and this only begins alike.
        ("/api/v10", "/api/v1/api/v10", b"/api/v1/api/v10"),
    ],
)
def test_root_path(serve, target, path, raw_path):
    server = serve(APP, "--root-path", "/api/v1/")
    with Client(server.port) as client:
        scope = scope_of(client, target)
    assert scope["root_path"] == "/api/v1"
    assert (scope["path"], scope["raw_path"]) == (path, raw_path)


def test_server_on_all_interfaces_is_the_address_that_was_called(serve):
    server = serve(APP, "--bind", "0.0.0.0:0")
    with Client(("127.0.0.2", server.port)) as client:
        scope = scope_of(client)
    assert scope["server"] == ("127.0.0.2", server.port)
    assert scope["client"] == client_of(scope, "127.0.0.1")


def test_ipv6(serve):
    server = serve(APP, "--bind", "[::1]:0")
    with Client(("::1", server.port)) as client:
        scope = scope_of(client)
        assert scope["client"] == ("::1", client.socket.getsockname()[1])
    assert scope["server"] == ("::1", server.port)


def test_ipv6_on_all_interfaces(serve):
    server = serve(APP, "--bind", "[::]:0")
    with Client(("::1", server.port)) as client:
        assert scope_of(client)["server"] == ("::1", server.port)


def test_unix_socket(serve, tmp_path):
    path = str(tmp_path / "yett.sock")
    serve(APP, "--bind", f"unix:{path}")
    with Client(path) as client:
        scope = scope_of(client)
    assert scope["client"] is None
    assert scope["server"] == (path, None)


def test_without_lifespan_there_is_no_state(serve):
    server = serve(APP.replace('scope["state"]["leak"]', 'scope["leak"]'), "--lifespan", "off")
    with Client(server.port) as client:
        assert "state" not in scope_of(client)


def test_state_is_a_shallow_copy(serve):
    """What is in it is shared; the dict itself is not (ASGI lifespan specification, «Lifespan State»)."""
    server = serve(APP.replace('scope["state"]["leak"] = 1', 'scope["state"]["shared"].append(1)'))
    with Client(server.port) as client:
        assert [scope_of(client)["state"]["shared"] for _ in range(3)] == [[], [1], [1, 1]]


def client_of(scope, host):
    """The client's pair must be (str, int) with this host, whatever the port."""
    assert isinstance(scope["client"], tuple)
    assert isinstance(scope["client"][1], int)
    return (host, scope["client"][1])
