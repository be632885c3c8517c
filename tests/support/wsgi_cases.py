"""Requests to the applications of tests/wsgi/apps/compliant.py, and the responses they must get from any server."""

from dataclasses import dataclass

from .raw import Client, Response

TEXT = ("Content-Type", "text/plain")
JSON = ("Content-Type", "application/json")
# Fields that are the server's own business: they frame the body, concern the connection or name the server.
SERVERS_OWN = {"content-length", "transfer-encoding", "connection", "keep-alive", "date", "server", "via"}
LINES = b"one\ntwo\r\nthree\n\nlonger than the limit\nlast"


@dataclass
class Case:
    """`framing`: how the body is framed for HTTP/1.1 where nothing stands around the application."""

    body: bytes
    framing: str
    status: str = "200 OK"
    headers: tuple[tuple[str, str], ...] = (TEXT,)
    path: str = ""
    fields: tuple[str, ...] = ()
    # The body of the request. It is sent with POST: once with its length, once in chunks.
    sent: bytes | None = None

    @property
    def forms(self) -> list[str]:
        """The ways to ask: keys of `_FORMS`."""
        if self.sent is None:
            return ["GET", "HEAD", "GET HTTP/1.0", "GET HTTP/1.0 keep-alive"]
        return ["POST", "POST chunked", "POST HTTP/1.0"]


def length(body: bytes, **more) -> Case:
    """The length of the whole body is known: Content-Length."""
    return Case(body, "length", **more)


def chunked(body: bytes, **more) -> Case:
    """It is not."""
    return Case(body, "chunked", **more)


# By the application's name; several cases of one application have a remark behind it.
CASES = {
    "list_of_one": length(b"Hello, world!"),
    "tuple_of_three": length(b"one two three"),
    "empty_strings_in_a_list": length(b"ab"),
    "empty_list": length(b""),
    "only_empty_strings": length(b""),
    "generator": chunked(b"0 1 2 3 4 "),
    "generator_with_length": length(b"0 1 2 3 4 "),
    "empty_strings_in_a_generator": chunked(b"ab"),
    "empty_generator": length(b""),
    "generator_function": chunked(b"begun late"),
    "ApplicationClass": chunked(b"an instance"),
    "sequence_protocol": chunked(b"first second third"),
    "iterator_with_close": chunked(b"abc"),
    "subclass_of_list": chunked(b"subclass"),
    "large_list": length(b"a" * 100_000 + b"b" * 100_000 + b"c" * 100_000),
    "large_generator": chunked(b"".join(bytes([65 + number % 26]) * 10_000 for number in range(30))),
    "write_only": chunked(b"written twice"),
    "write_and_list": chunked(b"written, returned"),
    "write_and_generator": length(b"written, yielded"),
    "headers_of_all_kinds": length(
        b"ok",
        headers=(
            TEXT,
            ("Set-Cookie", "a=1; Path=/"),
            ("X-Latin", "caf\xe9"),
            ("Set-Cookie", "b=2"),
            ("X-Empty", ""),
            ("x-lower", "a, b"),
        ),
    ),
    "server_and_date": length(b"ok"),
    "not_found": length(b"nothing here", status="404 Not Found"),
    "redirect": length(b"", status="302 Found", headers=(TEXT, ("Location", "/elsewhere"))),
    "unknown_status": length(b"odd", status="299 Quite All Right"),
    "no_content": Case(b"", "none", status="204 No Content", headers=()),
    "not_modified": Case(b"", "none", status="304 Not Modified", headers=(("ETag", '"1"'),)),
    "start_within_the_iteration": chunked(b"content"),
    "replaced_by_an_error": length(
        b"replaced", status="500 Internal Server Error", headers=(TEXT, ("X-Second", "2"))
    ),
    "replaced_after_an_empty_string": chunked(b"replaced", status="503 Service Unavailable"),
    "exc_info_at_first": length(b"failed", status="500 Internal Server Error"),
    "names": length(b"/WRAPPER/names|/w\xc3\xb6rld/a b|q=%20+&r", path="/w%C3%B6rld%2Fa%20b?q=%20+&r"),
    "names (nothing)": length(b"/WRAPPER/names||"),
    "headers_received": length(
        b'{"HTTP_X_ONE": "1,2", "HTTP_X_LATIN": "caf\\u00e9", "HTTP_COOKIE": "a=1; b=2", "HTTP_X_EMPTY": ""}',
        headers=(JSON,),
        fields=(
            "X-One: 1",
            "Cookie: a=1",
            "X-Latin: caf\xe9",
            "X-One:   2  ",
            "Proxy: http://evil.example",
            "cookie: b=2",
            "X-Empty:",
        ),
    ),
    "headers_received (of a body)": length(
        b'{"CONTENT_TYPE": "text/x", "CONTENT_LENGTH": "2"}',
        headers=(JSON,),
        fields=("Content-Type: text/x",),
        sent=b"ab",
    ),
    "changed_environ": length(b"none"),
    "echo_read": chunked(LINES, sent=LINES),
    "echo_read (nothing)": length(b"", sent=b""),
    "echo_read (large)": chunked(LINES * 5000, sent=LINES * 5000),
    "echo_read_all": length(LINES, sent=LINES),
    "echo_read_all (large)": length(LINES * 5000, sent=LINES * 5000),
    "echo_lines": length(b"<one\n><two\r\n><three\n><\n><longer than the limit\n><last>", sent=LINES),
    "echo_readline": length(b"<one\n><two\r\n><three\n><\n><longer than the limit\n><last>", sent=LINES),
    "echo_readline_limited": length(
        b"<one\n><two\r><\n><thre><e\n><\n><long><er t><han ><the ><limi><t\n><last>", sent=LINES
    ),
    "echo_readlines": length(b"<one\n><two\r\n><three\n><\n><longer than the limit\n><last>", sent=LINES),
    "reads_past_the_end": length(b"[b'', b'', b'']", sent=LINES),
    "reads_past_the_end (nothing)": length(b"[b'', b'', b'']"),
    "body_not_read": length(b"not interested", sent=LINES),
    "read_while_answering": chunked(LINES.upper() + b"END", sent=LINES),
    "errors": length(b"complained"),
    "file_wrapper": length(b"abcdefghijklmnopqrstuvwxyz"),
    "file_wrapper_from_an_offset": length(b"uvwxyz"),
    "file_wrapper_of_a_file_like": chunked(b"abcdefghijklmnopqrstuvwxyz"),
    "early_hints": length(b"hinted"),
    "middleware": chunked(b"BEGUN LATE", headers=(TEXT, ("X-Shouted", "yes"))),
}

_FORMS = {
    "GET": ("GET", "HTTP/1.1", ""),
    "HEAD": ("HEAD", "HTTP/1.1", ""),
    "GET HTTP/1.0": ("GET", "HTTP/1.0", ""),
    "GET HTTP/1.0 keep-alive": ("GET", "HTTP/1.0", "Connection: keep-alive"),
    "POST": ("POST", "HTTP/1.1", ""),
    "POST chunked": ("POST", "HTTP/1.1", "Transfer-Encoding: chunked"),
    "POST HTTP/1.0": ("POST", "HTTP/1.0", ""),
}


def ask(client: Client, name: str, wrapper: str, form: str, *more_fields: str) -> Response:
    """Send the request of a case in one of its forms, and read the final response."""
    case = CASES[name]
    method, version, field = _FORMS[form]
    body = case.sent or b""
    lines = [
        f"{method} /{wrapper}/{name.split()[0]}{case.path} {version}",
        "Host: test",
        *case.fields,
        *more_fields,
    ]
    if field:
        lines.append(field)
    if form == "POST chunked":
        # The border between the chunks is one that no line of the body has.
        chunks = [chunk for chunk in (body[:5], body[5:]) if chunk]
        body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    elif case.sent is not None:
        lines.append(f"Content-Length: {len(body)}")
    client.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
    return client.response(method=method, final=True)


def expected_body(name: str, wrapper: str, form: str) -> bytes:
    return b"" if form == "HEAD" else CASES[name].body.replace(b"WRAPPER", wrapper.encode())


def applications_fields(response: Response) -> list[tuple[str, str]]:
    """The fields of the response that are not the server's own business."""
    return [field for field in response.fields if field[0].lower() not in SERVERS_OWN]
