"""The PROXY protocol, versions 1 and 2: who is behind a connection, and who may say so."""

import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support import Client, ServerProcess
from support.server import PATIENCE_SECONDS

Reporter = Callable[..., ServerProcess]

BIND = ("--bind", "proxy+127.0.0.1:0")
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V1 = b"PROXY TCP4 203.0.113.7 198.51.100.2 56324 443\r\n"
REQUEST = b"GET /a/b HTTP/1.1\r\nHost: test\r\n\r\n"
TOLD = {"client": ["203.0.113.7", 56324], "server": ["198.51.100.2", 443]}


def v2(command: int, family: int, block: bytes) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(block)) + block


def v2_inet(additions: bytes = b"") -> bytes:
    addresses = socket.inet_aton("203.0.113.7") + socket.inet_aton("198.51.100.2")
    return v2(0x21, 0x11, addresses + struct.pack("!HH", 56324, 443) + additions)


def told(report: dict[str, Any]) -> dict[str, Any]:
    return {key: report[key] for key in ("client", "server")}


def ends_silently(client: Client) -> bool:
    """Whether the server closes the connection, or resets it, without having said anything."""
    try:
        return client.rest() == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    "header",
    [V1, v2_inet(), v2_inet(b"\x04\0\x03abc" + b"\xee\x01\0" + b"x" * 256)],
    ids=["v1", "v2", "v2-tlv"],
)
class TestHeader:
    def test_before_the_request(self, reporter: Reporter, header: bytes) -> None:
        with Client(reporter(*BIND).port) as client:
            client.send(header + REQUEST)
            assert told(client.response().json()) == TOLD

    def test_alone(self, reporter: Reporter, header: bytes) -> None:
        with Client(reporter(*BIND).port) as client:
            client.send(header)
            for _ in range(3):
                assert told(client.get("/").json()) == TOLD

    def test_byte_by_byte(self, reporter: Reporter, header: bytes) -> None:
        with Client(reporter(*BIND).port) as client:
            for byte in header + REQUEST:
                client.send(bytes([byte]))
            assert told(client.response().json()) == TOLD

    def test_before_pipelined_requests(self, reporter: Reporter, header: bytes) -> None:
        with Client(reporter(*BIND).port) as client:
            client.send(header + 20 * REQUEST)
            assert [told(client.response().json()) for _ in range(20)] == 20 * [TOLD]

    def test_twice_is_once_too_often(self, reporter: Reporter, header: bytes) -> None:
        with Client(reporter(*BIND).port) as client:
            client.send(header + header + REQUEST)
            assert client.response().status == 400


def test_ipv6(reporter: Reporter) -> None:
    addresses = socket.inet_pton(socket.AF_INET6, "2001:db8::7") + socket.inet_pton(socket.AF_INET6, "::1")
    for header in (
        b"PROXY TCP6 2001:db8::7 ::1 56324 443\r\n",
        v2(0x21, 0x21, addresses + struct.pack("!HH", 56324, 443)),
    ):
        with Client(reporter(*BIND).port) as client:
            client.send(header + REQUEST)
            expected = {"client": ["2001:db8::7", 56324], "server": ["::1", 443]}
            assert told(client.response().json()) == expected


@pytest.mark.parametrize(
    "header",
    [
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN a b c d\r\n",
        v2(0x20, 0, b""),
        v2(0x20, 0x11, b"x" * 12),
        v2(0x21, 0, b"x"),
    ],
)
def test_a_proxy_that_speaks_for_itself(reporter: Reporter, header: bytes) -> None:
    server = reporter(*BIND)
    with Client(server.port) as client:
        client.send(header + REQUEST)
        report = client.response().json()
        assert report["client"] == list(client.socket.getsockname())
        assert report["server"] == ["127.0.0.1", server.port]


def test_a_client_on_a_unix_socket_of_the_proxy_s(reporter: Reporter) -> None:
    server = reporter(*BIND)
    with Client(server.port) as client:
        client.send(v2(0x21, 0x31, bytes(216)) + REQUEST)
        expected = {"client": ["", None], "server": ["127.0.0.1", server.port]}
        assert told(client.response().json()) == expected


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (REQUEST, "missing"),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", "missing"),
        (b"PROXY TCP4 203.0.113.7 198.51.100.2 56324\r\n" + REQUEST, "malformed"),
        (b"PROXY TCP4 203.0.113.7 198.51.100.2 56324 443\n" + REQUEST + REQUEST + REQUEST, "malformed"),
        (b"PROXY TCP4 " + b"x" * 200, "too long"),
        (v2(0x31, 0x11, b"x" * 12), "malformed"),
        (v2(0x21, 0x11, b"x" * 11), "malformed"),
        (v2(0x21, 0x12, b"x" * 12), "malformed"),
        (v2(0x20, 0, b"x" * 5000), "too long"),
    ],
)
def test_anything_else_is_closed_without_a_word(reporter: Reporter, sent: bytes, reason: str) -> None:
    server = reporter(*BIND, "--log-level", "debug")
    with Client(server.port) as client:
        client.send(sent)
        assert ends_silently(client)
    server.wait_for(f"refused a request from .*PROXY protocol header is {reason}")


def test_one_that_is_cut_off_is_closed(reporter: Reporter) -> None:
    for sent in (b"", V1[:-1], v2_inet()[:-1]):
        with Client(reporter(*BIND).port) as client:
            client.send(sent)
            client.finish_sending()
            assert ends_silently(client)


def test_it_has_the_time_of_a_head(reporter: Reporter) -> None:
    server = reporter(*BIND, "--head-timeout", "1s", "--keep-alive-timeout", "1h")
    began = time.monotonic()
    with Client(server.port) as idle:
        # At once: it has no more time for it than the others.
        idle.send(V1)
        with Client(server.port) as silent, Client(server.port) as slow:
            slow.send(V1[:10])
            assert ends_silently(silent)
            assert time.monotonic() - began >= 0.9
            assert ends_silently(slow)
        # With its header, a connection may be idle for as long as any other.
        assert told(idle.get("/").json()) == TOLD


def test_peers_that_are_not_trusted_are_turned_away(reporter: Reporter) -> None:
    server = reporter(*BIND, "--trusted-proxies", "192.0.2.0/24,unix")
    for _ in range(3):
        with Client(server.port) as client:
            try:
                client.send(V1 + REQUEST)
            except (BrokenPipeError, ConnectionResetError):
                continue
            assert ends_silently(client)
    server.wait_for("WARNING.* a connection from 127.0.0.1 was closed: .*--trusted-proxies")
    assert server.log.count("a connection from 127.0.0.1 was closed") == 1, "told once"


def test_on_a_unix_socket(reporter: Reporter, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    reporter("--bind", f"proxy+unix:{path}")
    with Client(path) as client:
        client.send(V1 + REQUEST)
        assert told(client.response().json()) == TOLD
    other = str(tmp_path / "o")
    reporter("--bind", f"proxy+unix:{other}", "--trusted-proxies", "127.0.0.1")
    with Client(other) as client:
        try:
            client.send(V1 + REQUEST)
        except BrokenPipeError:
            return
        assert ends_silently(client)


def test_only_listeners_that_expect_it_read_it(reporter: Reporter) -> None:
    server = reporter(*BIND, "--bind", "127.0.0.1:0")
    plain = int(server.wait_for(rf"serving on http://127\.0\.0\.1:(?!{server.port} )(\d+)")[1])
    with Client(server.port) as client:
        client.send(V1 + REQUEST)
        assert told(client.response().json()) == TOLD
    with Client(plain) as client:
        assert client.get("/").status == 200
        client.send(V1 + REQUEST)
        assert client.response().status == 400


def test_forwarding_headers_are_judged_by_the_peer_that_was_told(reporter: Reporter) -> None:
    """The same header block, again and again, from peers that are believed and from others."""
    server = reporter(
        *BIND, "--trusted-proxies", "127.0.0.1,10.0.0.0/8", "--strip-forwarded", "--threads", "1"
    )
    fields = ("X-Forwarded-For: 192.0.2.9", "X-Forwarded-Host: good.example", "X-Forwarded-Prefix: /p")
    with Client(server.port) as inner, Client(server.port) as outer:
        inner.send(b"PROXY TCP4 10.0.0.5 198.51.100.2 1000 443\r\n")
        outer.send(V1)
        for _ in range(4):
            report = inner.get("/", *fields).json()
            assert (report["client"], report["host"], report["root"]) == (
                ["192.0.2.9", None],
                "good.example",
                "/p",
            )
            assert len(report["seen"]) == 3
            report = outer.get("/", *fields).json()
            assert (report["client"], report["host"], report["root"]) == (TOLD["client"], "test", "")
            assert report["seen"] == []


@pytest.mark.parametrize(
    ("header", "believed"),
    [
        (v2(0x20, 0, b""), True),
        (b"PROXY UNKNOWN\r\n", False),
        (v2(0x21, 0, b""), False),
        (v2(0x21, 0x31, bytes(216)), False),
    ],
    ids=["local", "unknown", "no family", "unix"],
)
def test_whom_the_proxy_cannot_name_is_not_believed_as_the_proxy(
    reporter: Reporter, header: bytes, believed: bool
) -> None:
    with Client(reporter(*BIND).port) as client:
        client.send(header)
        for _ in range(2):
            report = client.get("/", "X-Forwarded-For: 192.0.2.9", "X-Forwarded-Proto: https").json()
            assert (report["client"] == ["192.0.2.9", None]) is believed
            assert (report["scheme"] == "https") is believed


def test_the_access_log_has_the_client(reporter: Reporter) -> None:
    server = reporter(*BIND, "--access-log", "-")
    with Client(server.port) as client:
        client.send(V1 + REQUEST)
        client.response()
        server.wait_for(r'^203\.0\.113\.7 .*"GET /a/b ')


def test_stopping_does_not_wait_for_headers(alone: Reporter) -> None:
    server = alone(*BIND)
    with Client(server.port) as asked, Client(server.port) as silent:
        asked.send(V1 + REQUEST)
        asked.response()
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < PATIENCE_SECONDS
        assert ends_silently(silent)
