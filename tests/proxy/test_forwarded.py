"""What is believed of forwarding headers, and of whom: the same for ASGI and WSGI."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support import Client, ServerProcess

Reporter = Callable[..., ServerProcess]

TRUSTED = ("--trusted-proxies", "127.0.0.1,10.0.0.0/8,::1")
UNTRUSTED = ("--trusted-proxies", "192.0.2.0/24")

LAST = "X-Forwarded-For: 203.0.113.7"
CLIENT = ["203.0.113.7", None]
# Nobody can tell: above all, it is not the proxy.
UNKNOWN = {"client": ["", None]}

# Fields that a proxy sends, and what differs from what the connection shows.
CASES: list[tuple[list[str], dict[str, Any]]] = [
    # --- the client
    ([LAST], {"client": CLIENT}),
    (["X-Forwarded-For: 6.6.6.6, 203.0.113.7"], {"client": CLIENT}),
    (["X-Forwarded-For: 6.6.6.6, 203.0.113.7, 10.0.0.1"], {"client": CLIENT}),
    (
        ["X-Forwarded-For: 6.6.6.6", "Accept: */*", "x-forwarded-for: 203.0.113.7,10.0.0.1"],
        {"client": CLIENT},
    ),
    (["X-Forwarded-For: 10.0.0.9, 10.0.0.1"], {"client": ["10.0.0.9", None]}),
    (["X-Forwarded-For: 203.0.113.7:4711"], {"client": ["203.0.113.7", 4711]}),
    (["X-Forwarded-For: [2001:db8::1]:4711"], {"client": ["2001:db8::1", 4711]}),
    (["X-Forwarded-For: 2001:DB8::1"], {"client": ["2001:db8::1", None]}),
    (["X-Forwarded-For: ::ffff:203.0.113.7"], {"client": CLIENT}),
    (["X-Forwarded-For: 6.6.6.6, unknown, 10.0.0.1"], {"client": ["10.0.0.1", None]}),
    (["X-Forwarded-For: 203.0.113.7, rubbish"], {}),
    (["X-Forwarded-For: 127.0.0.1\x80"], {}),
    (["X-Forwarded-For:"], {}),
    (["Forwarded: for=203.0.113.7"], {"client": CLIENT}),
    (['Forwarded: for=6.6.6.6, for="203.0.113.7:4711", for=10.0.0.1'], {"client": ["203.0.113.7", 4711]}),
    (['Forwarded: For="[2001:db8::1]"'], {"client": ["2001:db8::1", None]}),
    (["Forwarded: for=_hidden, for=10.0.0.1"], {"client": ["10.0.0.1", None]}),
    (["Forwarded: for=unknown"], {}),
    (['Forwarded: for="x, for=203.0.113.7'], UNKNOWN),
    (["Forwarded: for=203.0.113.7;proto=https, nonsense"], UNKNOWN),
    # --- the scheme
    (["X-Forwarded-Proto: https"], {"scheme": "https"}),
    (["X-Forwarded-Proto: HTTPS"], {"scheme": "https"}),
    (["X-Forwarded-Proto: http"], {}),
    (["X-Forwarded-Proto: http, https"], {"scheme": "https"}),
    (["X-Forwarded-Proto: https", "X-Forwarded-Proto: http"], {}),
    (["X-Forwarded-Proto: gopher"], {}),
    (["X-Forwarded-Proto: https\t;"], {}),
    (
        ["Forwarded: for=203.0.113.7;proto=https, for=10.0.0.1;proto=http"],
        {"client": CLIENT, "scheme": "https"},
    ),
    (["Forwarded: for=6.6.6.6;proto=https, for=203.0.113.7"], {"client": CLIENT}),
    (["Forwarded: proto=https"], {"scheme": "https"}),
    # --- host and port
    (["X-Forwarded-Host: good.example"], {"host": "good.example", "server": ["good.example", 80]}),
    (
        ["X-Forwarded-Host: good.example:8443", "X-Forwarded-Proto: https"],
        {"host": "good.example:8443", "server": ["good.example", 8443], "scheme": "https"},
    ),
    (
        ["X-Forwarded-Host: evil.example, good.example", "X-Forwarded-Proto: https"],
        {"host": "good.example", "server": ["good.example", 443], "scheme": "https"},
    ),
    (["X-Forwarded-Host: [2001:db8::1]:81"], {"host": "[2001:db8::1]:81", "server": ["2001:db8::1", 81]}),
    (["X-Forwarded-Host: user@evil.example"], {}),
    (["X-Forwarded-Host: evil.example/path"], {}),
    (["X-Forwarded-Host: good.example, "], {"host": "good.example", "server": ["good.example", 80]}),
    (["X-Forwarded-Port: 8080"], {"host": "test:8080", "server": ["127.0.0.1", 8080]}),
    (
        ["X-Forwarded-Port: 443", "X-Forwarded-Proto: https"],
        {"server": ["127.0.0.1", 443], "scheme": "https"},
    ),
    (
        ["X-Forwarded-Host: good.example:1", "X-Forwarded-Port: 2"],
        {"host": "good.example:2", "server": ["good.example", 2]},
    ),
    (["X-Forwarded-Port: 0"], {}),
    (["X-Forwarded-Port: 80, x"], {}),
    (
        ['Forwarded: for=203.0.113.7;host="good.example:81", for=10.0.0.1;host=inner.example'],
        {"client": CLIENT, "host": "good.example:81", "server": ["good.example", 81]},
    ),
    # --- the prefix
    (["X-Forwarded-Prefix: /app"], {"root": "/app", "path": "/app/a/b", "raw_path": "/app/a/b"}),
    (["X-Forwarded-Prefix: /app/"], {"root": "/app", "path": "/app/a/b", "raw_path": "/app/a/b"}),
    (["X-Forwarded-Prefix: /a"], {"root": "/a", "path": "/a/a/b", "raw_path": "/a/a/b"}),
    (["X-Forwarded-Prefix: //evil.example"], {}),
    (["X-Forwarded-Prefix: /.."], {}),
    (["X-Forwarded-Prefix: app"], {}),
    # --- both families
    (["Forwarded: for=6.6.6.6;host=evil.example;proto=https", LAST], UNKNOWN),
    (["Forwarded: for=203.0.113.7;host=evil.example;proto=https", LAST], {"client": CLIENT}),
    (
        [
            "Forwarded: for=203.0.113.7;proto=https",
            LAST,
            "X-Forwarded-Proto: https",
            "X-Forwarded-Prefix: /evil",
        ],
        {"client": CLIENT, "scheme": "https"},
    ),
    (["Forwarded: for=203.0.113.7", "X-Forwarded-Host: evil.example"], UNKNOWN),
    (['Forwarded: "', LAST], UNKNOWN),
    # --- never believed
    (["X-Real-IP: 6.6.6.6"], {}),
    (["X_Forwarded_For: 6.6.6.6"], {}),
    (["X-Forwarded-Ssl: on", "X-Forwarded-Scheme: https", "X-Url-Scheme: https", "Front-End-Https: on"], {}),
    (["X-Forwarded: for=6.6.6.6", "Forwarded-For: 6.6.6.6", "Client-IP: 6.6.6.6"], {}),
]


def case_name(case: tuple[list[str], dict[str, Any]]) -> str:
    return " | ".join(case[0]).encode("unicode_escape").decode()


def ask(client: Client, *fields: str) -> dict[str, Any]:
    """The report of a request; its `client` is None if it is the connection's own."""
    report = client.get("/a/b", *fields).json()
    if client.socket.family != socket.AF_UNIX and report["client"] == list(client.socket.getsockname()[:2]):
        report["client"] = None
    return report


def told(client: Client, *fields: str) -> dict[str, Any]:
    """What the report has that one without fields has not."""
    plain = ask(client)
    report = ask(client, *fields)
    return {key: value for key, value in report.items() if plain[key] != value and key != "seen"}


@pytest.mark.parametrize("case", CASES, ids=case_name)
class TestTable:
    def test_a_trusted_proxy_is_believed(
        self, reporter: Reporter, case: tuple[list[str], dict[str, Any]]
    ) -> None:
        fields, expected = case
        with Client(reporter(*TRUSTED).port) as client:
            # Each three times on one connection: what is remembered of a header block is not what it meant.
            assert [told(client, *fields) for _ in range(3)] == [expected] * 3

    def test_anybody_else_is_not(self, reporter: Reporter, case: tuple[list[str], dict[str, Any]]) -> None:
        with Client(reporter(*UNTRUSTED).port) as client:
            assert told(client, *case[0]) == {}


def test_the_headers_stay_visible(reporter: Reporter) -> None:
    fields = ["Forwarded: for=203.0.113.7", LAST, "X-Forwarded-Ssl: on", "X-Real-IP: 203.0.113.7"]
    seen = ["forwarded", "x-forwarded-for", "x-forwarded-ssl", "x-real-ip"]
    for options in (TRUSTED, UNTRUSTED, (*TRUSTED, "--strip-forwarded")):
        with Client(reporter(*options).port) as client:
            assert ask(client, *fields)["seen"] == seen, options


def test_they_can_be_kept_from_the_application(reporter: Reporter) -> None:
    with Client(reporter(*UNTRUSTED, "--strip-forwarded", "--underscore-headers", "allow").port) as client:
        for _ in range(3):
            fields = [
                LAST,
                "Forwarded: for=1.1.1.1",
                "X_Forwarded_Proto: https",
                "x-real-ip: 1",
                "Accept: */*",
            ]
            report = ask(client, *fields)
            assert (report["seen"], report["client"]) == ([], None)
            assert report["host"] == "test"


def test_a_host_field_is_added_where_there_is_none(reporter: Reporter) -> None:
    with Client(reporter(*TRUSTED).port) as client:
        client.send(b"GET / HTTP/1.0\r\nX-Forwarded-Host: good.example\r\n\r\n")
        report = client.response().json()
        assert (report["host"], report["server"]) == ("good.example", ["good.example", 80])
    with Client(reporter(*TRUSTED).port) as client:
        client.send(b"GET / HTTP/1.0\r\nX-Forwarded-Port: 8080\r\n\r\n")
        report = client.response().json()
        assert (report["host"], report["server"]) == (None, ["127.0.0.1", 8080])
    with Client(reporter(*TRUSTED).port) as client:
        client.send(
            b"GET http://inner.example/ HTTP/1.1\r\nHost: x\r\nX-Forwarded-Host: good.example\r\n\r\n"
        )
        assert client.response().json()["host"] == "good.example"


def test_with_a_body_that_comes_later(reporter: Reporter) -> None:
    with Client(reporter(*TRUSTED).port) as client:
        client.begin("POST", "/", LAST, "X-Forwarded-Proto: https", "Content-Length: 2")
        client.send(b"a")
        client.send(b"b")
        report = client.response().json()
        assert (report["client"], report["scheme"]) == (CLIENT, "https")
        # It was that request's only.
        assert ask(client)["scheme"] == "http"


def test_everybody(reporter: Reporter) -> None:
    with Client(reporter("--trusted-proxies", "*").port) as client:
        assert told(client, "X-Forwarded-For: 6.6.6.6, 203.0.113.7") == {"client": ["6.6.6.6", None]}


def test_nobody(reporter: Reporter) -> None:
    with Client(reporter("--trusted-proxies", "none").port) as client:
        assert told(client, LAST, "X-Forwarded-Proto: https") == {}


def test_by_default_loopback_is_believed_what_nearly_every_proxy_sets(untold: ServerProcess) -> None:
    """And not what proxies pass on as clients have sent it."""
    passed_on = ["X-Forwarded-Host: evil.example", "X-Forwarded-Prefix: /evil", "X-Forwarded-Port: 1"]
    with Client(untold.port) as client:
        fields = [LAST, "X-Forwarded-Proto: https", "Forwarded: for=6.6.6.6", *passed_on]
        assert told(client, *fields) == {"client": CLIENT, "scheme": "https"}
        assert told(client, "Forwarded: for=6.6.6.6;proto=https", *passed_on) == {}


def test_chosen_headers_only(reporter: Reporter) -> None:
    with Client(reporter("--forwarded-headers", "forwarded").port) as client:
        others = ["X-Forwarded-For: 6.6.6.6", "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https"]
        assert told(client, *others) == {}
        assert told(client, "Forwarded: for=203.0.113.7", *others) == {"client": CLIENT}


ROOT = ("--root-path", "/root")


@pytest.mark.parametrize(
    ("sent", "prefix", "root", "path"),
    [
        ("/x", None, "/root", "/root/x"),
        ("/root/x", None, "/root", "/root/x"),
        ("/x", "/p", "/p/root", "/p/root/x"),
        ("/root/x", "/p", "/p/root", "/p/root/x"),
        ("/p/root/x", "/p", "/p/root", "/p/root/p/root/x"),
        ("/root", "/p", "/p/root", "/p/root"),
        ("/p/x", "/p", "/p/root", "/p/root/p/x"),
        ("/rootless", "/p", "/p/root", "/p/root/rootless"),
    ],
)
def test_a_prefix_stands_before_the_root_path(
    reporter: Reporter, sent: str, prefix: str | None, root: str, path: str
) -> None:
    with Client(reporter(*ROOT).port) as client:
        report = client.get(sent, *([f"X-Forwarded-Prefix: {prefix}"] if prefix else [])).json()
        assert (report["root"], report["path"], report["raw_path"]) == (root, path, path)


def test_a_prefix_leads_past_nothing(reporter: Reporter) -> None:
    """What a proxy forbids, by its path, is not reached by a client that sends a prefix through it."""
    with Client(reporter().port) as client:
        report = client.get("/x/admin", "X-Forwarded-Prefix: /x").json()
        assert (report["root"], report["own"]) == ("/x", "/x/admin")
        assert client.get("/%78/admin", "X-Forwarded-Prefix: /x").json()["own"] == "/x/admin"


def test_unix_sockets(reporter: Reporter, interface: str, tmp_path: Path) -> None:
    for options, expected in (
        ((), {"client": CLIENT}),
        (("--trusted-proxies", "127.0.0.1"), {}),
        (("--trusted-proxies", "unix"), {"client": CLIENT}),
    ):
        path = str(tmp_path / f"{len(options)}{options[-1:]}.sock")
        reporter("--bind", f"unix:{path}", *options)
        with Client(path) as client:
            assert told(client, LAST) == expected
            assert told(client, "X-Forwarded-For: rubbish") == {}
            report = ask(client, "X-Forwarded-Proto: https")
            assert report["scheme"] == ("https" if expected else "http")
            assert report["server"] == [path, report["server"][1]]
            if interface == "wsgi":
                assert report["server"][1] == (443 if expected else 80)


def test_ipv6(reporter: Reporter) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    for trusted, expected in (("::1", {"client": CLIENT}), ("127.0.0.0/8", {}), ("::/0", {"client": CLIENT})):
        server = reporter("--bind", "[::1]:0", "--trusted-proxies", trusted)
        with Client(("::1", server.port)) as client:
            assert told(client, LAST) == expected, trusted


def test_an_ipv4_peer_of_an_ipv6_listener_is_ipv4(reporter: Reporter) -> None:
    try:
        socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True).close()
    except (OSError, ValueError):
        pytest.skip("this machine has no IPv6, or not for both")
    server = reporter("--bind", "[::]:0", "--trusted-proxies", "127.0.0.1")
    with Client(server.port) as client:
        assert told(client, LAST) == {"client": CLIENT}


def test_the_access_log_has_the_client_that_is_believed(reporter: Reporter) -> None:
    server = reporter(*TRUSTED, "--access-log", "-")
    with Client(server.port) as client:
        client.get("/a", LAST)
        server.wait_for(r'^203\.0\.113\.7 .*"GET /a ')
        client.get("/b")
        server.wait_for(r'^127\.0\.0\.1 .*"GET /b ')
    server = reporter(*UNTRUSTED, "--access-log", "-")
    with Client(server.port) as client:
        client.get("/a", LAST)
        server.wait_for(r'^127\.0\.0\.1 .*"GET /a ')


def test_nobody_passes_for_the_proxy(reporter: Reporter) -> None:
    """Applications let more do whoever comes from this machine."""
    for fields in (["Forwarded: for=127.0.0.1", LAST], ["Forwarded: x", LAST], ["Forwarded: x"]):
        server = reporter("--access-log", "-")
        with Client(server.port) as client:
            for number in range(2):
                path = f"/{number}{len(fields[0])}{len(fields)}"
                assert client.get(path, *fields).json()["client"] == ["", None], fields
                server.wait_for(rf'^- .*"GET {path} ')


def test_doubt_is_told(alone: Reporter) -> None:
    server = alone(*TRUSTED, "--log-level", "debug")
    with Client(server.port) as client:
        client.get("/", "Forwarded: for=6.6.6.6", LAST)
        server.wait_for(
            r"WARNING.*Forwarded and X-Forwarded-For name different clients.* from 127\.0\.0\.1 are not believed "
            r".*--forwarded-headers"
        )
        client.get("/", 'Forwarded: "')
        server.wait_for(r"DEBUG.*the Forwarded field is malformed.* from 127\.0\.0\.1 are not believed$")
