"""What a line of the access log says, in every format, and that no request can make it say something else."""

import json
import re

import pytest

from support import Client
from support.logs import Lines

COMBINED = re.compile(
    r'127\.0\.0\.1 - (?P<user>\S+) \[[^]]+\] "(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?P<bytes>\d+|-) '
    r'"(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)"'
)
HOSTILE = [
    '" 200 - "forged',
    '\\" 200',
    "\\",
    "tab\there",
    "\x80\xff\xfe",
    "é".encode().decode("latin-1"),
    '"}{"status":200,"x":"',
    "%(h)s %s {0}",
]


def test_json(start, get, interface):
    server = start("--access-log-format", "json")
    response = get(
        server,
        "/a%20b?c=d",
        "User-Agent: Tester/1.0",
        "Referer: http://x/",
        "Authorization: Basic dXNlcjpwdw==",
    )
    line = Lines(server).object()
    assert {
        key: line[key] for key in ("client", "method", "path", "query", "protocol", "status", "outcome")
    } == {
        "client": "127.0.0.1",
        "method": "GET",
        "path": "/a%20b",
        "query": "c=d",
        "protocol": "HTTP/1.1",
        "status": 200,
        "outcome": "answered",
    }
    assert (line["user"], line["referer"], line["user_agent"]) == ("user", "http://x/", "Tester/1.0")
    assert (line["interface"], line["worker"], line["body_bytes"]) == (interface, server.pid, 5)
    assert line["bytes_in"] > 100
    assert line["bytes_out"] > len(response.body) + 50
    if interface == "wsgi":
        assert 0 <= line["queue_time"] <= line["duration"]
    else:
        assert "queue_time" not in line  # it is called at once
    assert 0 < line["first_byte"] <= line["duration"] < 20
    assert re.fullmatch(r"[0-9a-f]{32}", line["request_id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["time"])
    assert "reason" not in line
    assert "traceparent" not in line


def test_bytes_on_the_wire(start):
    server = start("--access-log-format", "json")
    lines = Lines(server)
    with Client(server.port) as client:
        for body in (b"", b"x" * 10, b"y" * 200_000):
            head = f"POST /read HTTP/1.1\r\nHost: test\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            client.send(head + body)
            client.response()
            assert lines.object()["bytes_in"] == len(head) + len(body)
        chunked = (
            b"POST /read HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        )
        client.send(chunked)
        client.response()
        assert lines.object()["bytes_in"] == len(chunked)
        client.send(b"BAD\r\n\r\n")
        received = client.rest()
    line = lines.object()
    assert (line["bytes_in"], line["bytes_out"]) == (7, len(received))
    assert line["body_bytes"] == len(received.split(b"\r\n\r\n", 1)[1])


def test_combined(start, get):
    server = start("--access-log-format", "combined")
    get(server, "/x?y", "User-Agent: Tester/1.0")
    line = COMBINED.fullmatch(Lines(server).next())
    assert line
    assert line["request"] == "GET /x?y HTTP/1.1"
    assert (line["status"], line["bytes"], line["referer"], line["agent"]) == ("200", "5", "-", "Tester/1.0")


def test_a_format_string(start, get, interface):
    server = start(
        "--access-log-format",
        '%(m)s|%(U)s|%(q)s|%(H)s|%(s)s|%(B)s|%({X-One}i)s|%({x-none}i)s|"%({X-OUT}o)s"|"%({tenant}e)s"|%({number}e)s|'
        "%({object}e)s|%(interface)s|%(worker)s|%(p)s|%(outcome)s|%(tls_version)s|100%%",
    )
    get(server, "/variables?a=b", "X-One: first", "X-One: second")
    assert Lines(server).next() == (
        r'GET|/variables|a=b|HTTP/1.1|200|5|first|-|"say \"hi\""|"a b\"c\x0a"|7|-|'
        f"{interface}|{server.pid}|<{server.pid}>|answered|-|100%"
    )


def test_times_in_a_format_string(start, get):
    server = start("--access-log-format", "%(t)s %(T)s %(M)s %(D)s %(L)s %(queue_time)s %(first_byte)s")
    get(server)
    assert re.fullmatch(
        r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] \d+ \d+ \d+ \d+\.\d{6} (-|\d+\.\d{6}) \d+\.\d{6}",
        Lines(server).next(),
    )


def test_dev(start, get):
    server = start("--access-log-format", "dev")
    get(server, "/x?y")
    assert re.fullmatch(r"\d\d:\d\d:\d\d GET /x 200 [\d.]+(us|ms|s) 5B", Lines(server).next())


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_headers(start, get, value):
    for name, options in [("json", ["json"]), ("combined", ["combined"]), ("text", ['"%({x}i)s" "%(f)s"'])]:
        server = start("--access-log-format", *options)
        lines = Lines(server)
        lines.seen = len(lines.path.read_text().splitlines())
        fields = [f"{field}: {value}" for field in ("Referer", "User-Agent", "x", "traceparent")]
        get(server, "/", *fields)
        get(server, "/after", "User-Agent: after")
        first, second = lines.next(), lines.next()
        if name == "json":
            expected = value.strip("\t ").encode("latin-1").decode("utf-8", "replace")
            assert json.loads(first)["user_agent"] == expected
            assert json.loads(second)["path"] == "/after"
            assert json.loads(first)["status"] == 200
        else:
            assert first.isascii()
            assert first.isprintable()
        if name == "combined":
            assert COMBINED.fullmatch(first)
            assert COMBINED.fullmatch(second)["agent"] == "after"
        if name == "text":
            assert re.fullmatch(r'"(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*"', first)
        assert server.stop() == 0


def test_a_user_cannot_forge_columns(start, get):
    server = start()
    # `a b" 200`, then the colon and the password.
    get(server, "/", "Authorization: Basic YSBiIiAyMDA6cHc=")
    assert Lines(server).next().startswith(r"127.0.0.1 - a\x20b\"\x20200 [")


def test_a_header_of_64_kib(start, get):
    server = start("--access-log-format", "json", "--limit-field", "80KiB", "--limit-head", "200KiB")
    lines = Lines(server)
    for filler in ("a", "\xff", '"'):
        get(server, "/", f"User-Agent: {filler * 65536}")
        expected = (filler * 65536).encode("latin-1").decode("utf-8", "replace")
        assert lines.object()["user_agent"] == expected
    get(server, "/after")
    assert lines.object()["path"] == "/after"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("combind", "did you mean 'combined'?"),
        ("%(h)s %(request_di)s", "did you mean 'request_id'?"),
        ("%(h", "not closed"),
        ("", "access-log-format"),
    ],
)
def test_a_format_that_is_none(tmp_path, text, reason):
    from support.command import run_yett

    ended = run_yett("app:app", "--access-log-format", text, cwd=tmp_path)
    assert ended.returncode == 2
    assert reason in ended.stderr
