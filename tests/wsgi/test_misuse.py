"""Wrong applications get an exception at their own line that says what is wrong; the client 500, once; life goes on."""

import pytest

from support import Client
from support.peers import only_yett

pytestmark = only_yett

# A function for each case: what stands in it is called with `environ` and `start_response`. Its wrong line is marked;
# where the mistake is only seen when the line has been left (a result), there is no mark. Then the exception as the log
# has it, a regular expression.
CASES = {
    # Status
    "status_bytes": ('start_response(b"200 OK", [])  # wrong', "TypeError: .*status must be str, not bytes"),
    "status_int": ("start_response(200, [])  # wrong", "TypeError: .*status must be str, not int"),
    "status_none": ("start_response(None, [])  # wrong", "TypeError: .*status must be str, not NoneType"),
    "status_without_reason": ('start_response("200", [])  # wrong', "ValueError: .*status .*'200'"),
    "status_empty": ('start_response("", [])  # wrong', "ValueError: .*status .*''"),
    "status_no_number": ('start_response("OK 200", [])  # wrong', "ValueError: .*status .*'OK 200'"),
    "status_no_space": ('start_response("200OK", [])  # wrong', "ValueError: .*status .*'200OK'"),
    "status_four_digits": ('start_response("2000 OK", [])  # wrong', "ValueError: .*status .*'2000 OK'"),
    "status_signed": ('start_response("+20 OK", [])  # wrong', r"ValueError: .*status .*'\+20 OK'"),
    "status_other_digits": ('start_response("٢٠٠ OK", [])  # wrong', "ValueError: .*status"),
    "status_zero": ('start_response("000 No", [])  # wrong', "ValueError: .*status"),
    "status_interim": ('start_response("100 Continue", [])  # wrong', "ValueError: .*status.*100"),
    "status_switching": ('start_response("101 Switching Protocols", [])  # wrong', "ValueError: .*101"),
    "status_199": ('start_response("199 Almost", [])  # wrong', "ValueError: .*199"),
    "status_too_large": ('start_response("600 Large", [])  # wrong', "ValueError: .*600"),
    "status_with_newline": ('start_response("200 OK\\r\\nX: y", [])  # wrong', "ValueError: "),
    "status_with_nul": ('start_response("200 O\\0K", [])  # wrong', "ValueError: "),
    "status_outside_latin_1": ('start_response("200 \u20ac", [])  # wrong', "ValueError: .*status.*latin-1"),
    # Headers
    "headers_none": ('start_response("200 OK", None)  # wrong', "TypeError: .*headers.*list.*not NoneType"),
    "headers_dict": ('start_response("200 OK", {"A": "b"})  # wrong', "TypeError: .*headers.*list.*not dict"),
    "headers_tuple": ('start_response("200 OK", (("A", "b"),))  # wrong', "TypeError: .*headers.*not tuple"),
    "headers_iterator": ('start_response("200 OK", iter([]))  # wrong', "TypeError: .*headers.*list"),
    "headers_of_str": ('start_response("200 OK", ["A: b"])  # wrong', "TypeError: .*headers.*tuple.*'A: b'"),
    "header_list": ('start_response("200 OK", [["A", "b"]])  # wrong', "TypeError: .*headers.*tuple"),
    "header_of_one": ('start_response("200 OK", [("A",)])  # wrong', "TypeError: .*headers.*tuple"),
    "header_of_three": (
        'start_response("200 OK", [("A", "b", "c")])  # wrong',
        "TypeError: .*headers.*tuple",
    ),
    "header_name_bytes": ('start_response("200 OK", [(b"A", "b")])  # wrong', "TypeError: .*str.*bytes"),
    "header_value_bytes": ('start_response("200 OK", [("A", b"b")])  # wrong', "TypeError: .*str.*bytes"),
    "header_value_int": ('start_response("200 OK", [("Content-Length", 5)])  # wrong', "TypeError: .*int"),
    "header_value_none": ('start_response("200 OK", [("A", None)])  # wrong', "TypeError: .*NoneType"),
    "header_name_empty": ('start_response("200 OK", [("", "b")])  # wrong', "ValueError: .*name"),
    "header_name_with_space": (
        'start_response("200 OK", [("X Evil", "b")])  # wrong',
        "ValueError: .*X Evil",
    ),
    "header_name_with_colon": (
        'start_response("200 OK", [("X-Evil:", "b")])  # wrong',
        "ValueError: .*X-Evil:",
    ),
    "header_name_with_newline": ('start_response("200 OK", [("X\\nY", "b")])  # wrong', "ValueError: .*"),
    "header_name_latin_1": ('start_response("200 OK", [("X-\xe9", "b")])  # wrong', "ValueError: .*name"),
    "header_with_crlf": (
        'start_response("200 OK", [("X-Evil", "a\\r\\nX: b")])  # wrong',
        "ValueError: .*X-Evil",
    ),
    "header_with_lf": ('start_response("200 OK", [("X-Evil", "a\\nb")])  # wrong', "ValueError: .*X-Evil"),
    "header_with_cr": ('start_response("200 OK", [("X-Evil", "a\\rb")])  # wrong', "ValueError: .*X-Evil"),
    "header_with_nul": ('start_response("200 OK", [("X-Evil", "a\\0b")])  # wrong', "ValueError: .*X-Evil"),
    "header_outside_latin_1": (
        'start_response("200 OK", [("X-Evil", "\u20ac")])  # wrong',
        "ValueError: .*latin-1",
    ),
    "name_outside_latin_1": (
        'start_response("200 OK", [("X-\u20ac", "a")])  # wrong',
        "ValueError: .*latin-1",
    ),
    "length_no_number": (
        'start_response("200 OK", [("Content-Length", "+1")])  # wrong',
        "ValueError: .*(?i:length)",
    ),
    "length_twice": (
        'start_response("200 OK", [("Content-Length", "1"), ("Content-Length", "2")])  # wrong',
        "ValueError: .*(?i:content-length)",
    ),
    # Fields that are the connection's: wsgiref.util.is_hop_by_hop
    **{
        f"hop_by_hop_{name.lower().replace('-', '_')}": (
            f'start_response("200 OK", [("{name}", "{value}")])  # wrong',
            f"ValueError: .*{name}",
        )
        for name, value in [
            ("Connection", "keep-alive"),
            ("CONNECTION", "close, X-User"),
            ("Keep-Alive", "timeout=5"),
            ("Proxy-Authenticate", "Basic"),
            ("Proxy-Authorization", "Basic x"),
            ("TE", "trailers"),
            ("Trailers", "X-A"),
            ("Transfer-Encoding", "chunked"),
            ("Upgrade", "websocket"),
        ]
    },
    # Calls
    "called_twice": (
        'start_response("200 OK", [])\nstart_response("200 OK", [])  # wrong',
        "RuntimeError: .*already",
    ),
    "called_twice_with_none": (
        'start_response("200 OK", [])\nstart_response("200 OK", [], None)  # wrong',
        "RuntimeError: .*already",
    ),
    "called_without_arguments": ("start_response()  # wrong", "TypeError: .*start_response"),
    "called_with_one_argument": ('start_response("200 OK")  # wrong', "TypeError: .*start_response"),
    "called_with_four": ('start_response("200 OK", [], None, None)  # wrong', "TypeError: .*start_response"),
    "called_with_a_strange_keyword": ('start_response("200 OK", [], status_code=1)  # wrong', "TypeError: "),
    "exc_info_no_tuple": (
        'start_response("200 OK", [])(b"x")\nstart_response("500 No", [], "error")  # wrong',
        "TypeError: .*exc_info",
    ),
    "never_called_list": ('return [b"body"]', "RuntimeError: .*start_response"),
    "never_called_empty": ("return []", "RuntimeError: .*start_response"),
    "never_called_iterator": ('return iter([b"body"])', "RuntimeError: .*start_response"),
    "never_called_empty_iterator": ("return iter([])", "RuntimeError: .*start_response"),
    "never_called_generator": ('return too_early(b"body")', "RuntimeError: .*start_response"),
    # write
    "write_str": ('start_response("200 OK", [])("text")  # wrong', "TypeError: .*write.*bytes, not str"),
    "write_none": ('start_response("200 OK", [])(None)  # wrong', "TypeError: .*bytes, not NoneType"),
    "write_bytearray": ('start_response("200 OK", [])(bytearray(1))  # wrong', "TypeError: .*not bytearray"),
    "write_nothing": ('start_response("200 OK", [])()  # wrong', "TypeError: .*write"),
    # Results
    "returns_none": ('start_response("200 OK", [])', "TypeError: .*NoneType"),
    "returns_int": ('start_response("200 OK", [])\nreturn 5', "TypeError: .*int"),
    "returns_str": ('start_response("200 OK", [])\nreturn "text"', "TypeError: .*bytes.*str"),
    "returns_bytes": ('start_response("200 OK", [])\nreturn b"text"', "TypeError: .*bytes.*int"),
    "returns_a_list_of_str": ('start_response("200 OK", [])\nreturn ["text"]', "TypeError: .*bytes, not str"),
    "returns_a_list_with_one_str": (
        'start_response("200 OK", [])\nreturn [b"bytes", "text"]',
        "TypeError: .*bytes, not str",
    ),
    "returns_a_list_of_none": (
        'start_response("200 OK", [])\nreturn [None]',
        "TypeError: .*bytes, not NoneType",
    ),
    "returns_an_iterator_of_str": (
        'start_response("200 OK", [])\nreturn iter(["text"])',
        "TypeError: .*bytes, not str",
    ),
    "returns_a_dict": ('start_response("200 OK", [])\nreturn {"a": 1}', "TypeError: .*bytes.*str"),
    "returns_a_coroutine": (
        'async def later(): return [b"x"]\nstart_response("200 OK", [])\nreturn later()',
        "TypeError: .*coroutine",
    ),
    "yields_str": ('start_response("200 OK", [])\nreturn too_early("text")', "TypeError: .*bytes, not str"),
    "yields_none": (
        'start_response("200 OK", [])\nreturn too_early(None)',
        "TypeError: .*bytes, not NoneType",
    ),
    "yields_bytearray": (
        'start_response("200 OK", [])\nreturn too_early(bytearray(b"x"))',
        "TypeError: .*bytes, not bytearray",
    ),
}
# Those that were told only when a piece had been sent already.
AFTER_THE_HEAD = {"exc_info_no_tuple"}


def source_of_cases():
    source = "def too_early(item):\n    yield item  # wrong\n\n\n"
    for name, (code, _) in CASES.items():
        body = "".join(f"    {line}\n" for line in code.splitlines())
        source += f"def {name}(environ, start_response):\n{body}\n\n"
    return source + (
        "def fine(environ, start_response):\n"
        '    start_response("200 OK", [])\n'
        '    return [b"fine"]\n\n\n'
        "def app(environ, start_response):\n"
        '    return globals()[environ["PATH_INFO"][1:]](environ, start_response)\n'
    )


@pytest.fixture(scope="module")
def server(serve_source):
    return serve_source(source_of_cases())


def entry_of(server, case):
    """The entry of the log about the request of a case; fails if there are several."""
    with Client(server.port) as client:
        assert client.get("/fine").body == b"fine"
    server.wait_for(f"ERROR: GET /{case}: ")
    server.wait_for(CASES[case][1])
    entries = server.log.split(" ERROR: GET /")
    (entry,) = [entry for entry in entries if entry.startswith(f"{case}: ")]
    return entry


@pytest.mark.parametrize("case", CASES)
def test_it_is_answered_with_500_and_explained(server, case):
    code = CASES[case][0]
    with Client(server.port) as client:
        client.begin("GET", f"/{case}")
        if case in AFTER_THE_HEAD:
            with pytest.raises(EOFError):
                client.response()
        else:
            response = client.response()
            assert response.status == 500
            assert response.body == b"The application failed.\n"
            assert response.header("content-type").startswith("text/plain")
            # Once: the next thing on the connection is the next response.
            assert client.get("/fine").body == b"fine"
    entry = entry_of(server, case)
    if "# wrong" in code or "too_early" in code:
        assert entry.count("Traceback (most recent call last)") == 1
        assert "# wrong" in entry, entry
        assert f"in {'too_early' if 'too_early' in code else case}" in entry


def test_a_wrong_item_after_right_ones_ends_the_response(serve):
    server = serve(
        """
        def app(environ, start_response):
            start_response("200 OK", [])
            yield b"right"
            yield "wrong"  # the wrong line
        """
    )
    for version in (b"1.1", b"1.0"):
        with Client(server.port) as client:
            client.send(b"GET / HTTP/%b\r\nHost: test\r\n\r\n" % version)
            with pytest.raises((EOFError, ConnectionResetError)):
                client.response()
    server.wait_for("TypeError: .*bytes, not str")
    assert "# the wrong line" in server.log


def test_a_generator_may_catch_what_its_item_has_caused(serve):
    """It does not help: the exception is told all the same."""
    server = serve(
        """
        def app(environ, start_response):
            start_response("200 OK", [])
            try:
                yield "wrong"
            except TypeError:
                yield b"swallowed"
        """
    )
    with Client(server.port) as client:
        assert client.get().status == 500
        assert client.get().status == 500
    server.wait_for("TypeError: .*bytes, not str")


def test_a_wrong_write_has_no_effect(serve):
    server = serve(
        """
        def app(environ, start_response):
            write = start_response("200 OK", [])
            for wrong in ("text", None, 5):
                try:
                    write(wrong)
                except TypeError:
                    pass
            write(b"right")
            return []
        """
    )
    with Client(server.port) as client:
        for _ in range(2):
            assert client.get().body == b"right"


def test_what_the_application_does_while_its_headers_are_read(serve):
    """Its objects run code then; it may even call `start_response` there."""
    server = serve(
        """
        def app(environ, start_response):
            class Odd:
                def __repr__(self):
                    start_response("200 OK", [("X-Inner", "1")])
                    headers.clear()
                    return "odd"

            headers = [("X-First", "1"), Odd(), ("X-Last", "1")]
            try:
                start_response("500 Odd", headers)
            except (TypeError, RuntimeError):
                pass
            else:
                raise AssertionError("Odd is no tuple")
            try:
                start_response("201 Created", [("X-Right", "1")])
            except RuntimeError:
                pass
            return [b"lives"]
        """
    )
    with Client(server.port) as client:
        for _ in range(2):
            response = client.get()
            assert (response.status in (200, 201), response.body) == (True, b"lives")
            assert len([name for name, _ in response.fields if name.startswith("X-")]) == 1
