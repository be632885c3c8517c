"""Little applications that keep to PEP 3333, by name; each covers a piece of it.

The path says which is meant, and what stands around it: /plain/NAME, /validator/NAME, /lint/NAME.
"""

import io
import json
import sys
import warnings
from pathlib import Path
from wsgiref import validate
from wsgiref.util import shift_path_info

from webtest import lint

TEXT = ("Content-Type", "text/plain")
ALPHABET = b"abcdefghijklmnopqrstuvwxyz"
APPLICATIONS = {}

# What the checkers find odd is an error here.
warnings.simplefilter("error", validate.WSGIWarning)
warnings.simplefilter("error", lint.WSGIWarning)


def application(function):
    APPLICATIONS[function.__name__] = function
    return function


# Kinds of results


@application
def list_of_one(environ, start_response):
    start_response("200 OK", [TEXT])
    return [b"Hello, world!"]


@application
def tuple_of_three(environ, start_response):
    start_response("200 OK", [TEXT])
    return (b"one ", b"two ", b"three")


@application
def empty_strings_in_a_list(environ, start_response):
    start_response("200 OK", [TEXT])
    return [b"", b"a", b"", b"", b"b", b""]


@application
def empty_list(environ, start_response):
    start_response("200 OK", [TEXT])
    return []


@application
def only_empty_strings(environ, start_response):
    start_response("200 OK", [TEXT])
    return [b"", b""]


@application
def generator(environ, start_response):
    start_response("200 OK", [TEXT])
    return (b"%d " % number for number in range(5))


@application
def generator_with_length(environ, start_response):
    start_response("200 OK", [TEXT, ("Content-Length", "10")])
    return (b"%d " % number for number in range(5))


@application
def empty_strings_in_a_generator(environ, start_response):
    """An empty string must not become the chunk that ends the body."""
    start_response("200 OK", [TEXT])
    return iter([b"", b"a", b"", b"", b"b", b""])


@application
def empty_generator(environ, start_response):
    start_response("200 OK", [TEXT])
    return iter(())


@application
def generator_function(environ, start_response):
    """Nothing of it runs, `start_response` included, before the first item is asked for."""
    start_response("200 OK", [TEXT])
    yield b"begun "
    yield b"late"


@application
class ApplicationClass:
    """PEP 3333, «The Application/Framework Side»: calling the class makes the iterable."""

    def __init__(self, environ, start_response):
        self.start = start_response

    def __iter__(self):
        self.start("200 OK", [TEXT])
        yield b"an instance"


@application
def sequence_protocol(environ, start_response):
    """Iterable only by `__getitem__`."""

    class Lines:
        def __getitem__(self, index):
            return (b"first ", b"second ", b"third")[index]

    start_response("200 OK", [TEXT])
    return Lines()


@application
def iterator_with_close(environ, start_response):
    class Iterator:
        def __init__(self):
            self.left = [b"c", b"b", b"a"]

        def __iter__(self):
            return self

        def __next__(self):
            if not self.left:
                raise StopIteration
            return self.left.pop()

        def close(self):
            pass

    start_response("200 OK", [TEXT])
    return Iterator()


@application
def subclass_of_list(environ, start_response):
    class Pieces(list):
        def close(self):
            pass

    start_response("200 OK", [TEXT])
    return Pieces([b"sub", b"class"])


@application
def large_list(environ, start_response):
    start_response("200 OK", [TEXT])
    return [letter.encode() * 100_000 for letter in "abc"]


@application
def large_generator(environ, start_response):
    start_response("200 OK", [TEXT])
    return (bytes([65 + number % 26]) * 10_000 for number in range(30))


# write()


@application
def write_only(environ, start_response):
    write = start_response("200 OK", [TEXT])
    write(b"written ")
    write(b"")
    write(b"twice")
    return []


@application
def write_and_list(environ, start_response):
    write = start_response("200 OK", [TEXT])
    write(b"written, ")
    return [b"returned"]


@application
def write_and_generator(environ, start_response):
    write = start_response("200 OK", [TEXT, ("Content-Length", "16")])
    write(b"written, ")
    return iter([b"yielded"])


# start_response, its status and headers


@application
def headers_of_all_kinds(environ, start_response):
    start_response(
        "200 OK",
        [
            TEXT,
            ("Set-Cookie", "a=1; Path=/"),
            ("X-Latin", "caf\xe9"),
            ("Set-Cookie", "b=2"),
            ("X-Empty", ""),
            ("x-lower", "a, b"),
        ],
    )
    return [b"ok"]


@application
def server_and_date(environ, start_response):
    start_response("200 OK", [TEXT, ("Server", "mine"), ("Date", "Thu, 01 Jan 1970 00:00:00 GMT")])
    return [b"ok"]


@application
def not_found(environ, start_response):
    start_response("404 Not Found", [TEXT])
    return [b"nothing here"]


@application
def redirect(environ, start_response):
    start_response("302 Found", [TEXT, ("Location", "/elsewhere")])
    return [b""]


@application
def unknown_status(environ, start_response):
    start_response("299 Quite All Right", [TEXT])
    return [b"odd"]


@application
def no_content(environ, start_response):
    start_response("204 No Content", [])
    return []


@application
def not_modified(environ, start_response):
    start_response("304 Not Modified", [("ETag", '"1"')])
    return []


@application
def start_within_the_iteration(environ, start_response):
    """Time enough: PEP 3333 wants it before the iterable yields its first item."""

    def items():
        start_response("200 OK", [TEXT])
        yield b""
        yield b"content"

    return items()


@application
def replaced_by_an_error(environ, start_response):
    start_response("200 OK", [TEXT, ("X-First", "1"), ("Content-Length", "1000")])
    try:
        raise LookupError("before anything was sent")
    except LookupError:
        start_response("500 Internal Server Error", [TEXT, ("X-Second", "2")], sys.exc_info())
    return [b"replaced"]


@application
def replaced_after_an_empty_string(environ, start_response):
    """An empty string sends nothing: the head is still to be had."""
    start_response("200 OK", [TEXT])
    yield b""
    try:
        raise LookupError("late, not too late")
    except LookupError:
        start_response("503 Service Unavailable", [TEXT], sys.exc_info())
    yield b"replaced"


@application
def exc_info_at_first(environ, start_response):
    try:
        raise LookupError
    except LookupError:
        start_response("500 Internal Server Error", [TEXT], sys.exc_info())
    return [b"failed"]


# The request


@application
def names(environ, start_response):
    start_response("200 OK", [TEXT])
    values = [environ["SCRIPT_NAME"], environ["PATH_INFO"], environ["QUERY_STRING"]]
    return ["|".join(values).encode("latin-1")]


@application
def headers_received(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    keys = [
        "HTTP_X_ONE",
        "HTTP_X_LATIN",
        "HTTP_COOKIE",
        "HTTP_PROXY",
        "HTTP_X_EMPTY",
        "CONTENT_TYPE",
        "CONTENT_LENGTH",
    ]
    return [json.dumps({key: environ[key] for key in keys if key in environ}).encode()]


@application
def changed_environ(environ, start_response):
    """«The application is allowed to modify the dictionary in any way it desires.»"""
    before = environ.get("HTTP_X_LEAK", "none")
    environ.clear()
    environ["HTTP_X_LEAK"] = environ["my.own"] = "leaked"
    start_response("200 OK", [TEXT])
    return [before.encode()]


@application
def echo_read(environ, start_response):
    start_response("200 OK", [TEXT])
    return iter(lambda: environ["wsgi.input"].read(7), b"")


@application
def echo_read_all(environ, start_response):
    start_response("200 OK", [TEXT])
    return [environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or -1))]


@application
def echo_lines(environ, start_response):
    start_response("200 OK", [TEXT])
    return [b"<" + line + b">" for line in environ["wsgi.input"]]


@application
def echo_readline(environ, start_response):
    start_response("200 OK", [TEXT])
    return [b"<" + line + b">" for line in iter(environ["wsgi.input"].readline, b"")]


@application
def echo_readline_limited(environ, start_response):
    start_response("200 OK", [TEXT])
    return [b"<" + line + b">" for line in iter(lambda: environ["wsgi.input"].readline(4), b"")]


@application
def echo_readlines(environ, start_response):
    start_response("200 OK", [TEXT])
    return [b"<" + line + b">" for line in environ["wsgi.input"].readlines()]


@application
def reads_past_the_end(environ, start_response):
    stream = environ["wsgi.input"]
    while stream.read(1000):
        pass
    rest = [stream.read(1), stream.readline(), *stream.readlines(), *stream, stream.read(0)]
    start_response("200 OK", [TEXT])
    return [repr(rest).encode()]


@application
def body_not_read(environ, start_response):
    start_response("200 OK", [TEXT])
    return [b"not interested"]


@application
def read_while_answering(environ, start_response):
    start_response("200 OK", [TEXT])
    for line in environ["wsgi.input"]:
        yield line.upper()
    yield b"END"


# What a server offers


@application
def errors(environ, start_response):
    stream = environ["wsgi.errors"]
    stream.write("compliant: written\n")
    stream.writelines(["compliant: ", "in two\n"])
    stream.flush()
    start_response("200 OK", [TEXT])
    return [b"complained"]


@application
def file_wrapper(environ, start_response):
    file = Path(__file__).with_name("alphabet.txt").open("rb")
    start_response("200 OK", [TEXT])
    return environ["wsgi.file_wrapper"](file, 10)


@application
def file_wrapper_from_an_offset(environ, start_response):
    file = Path(__file__).with_name("alphabet.txt").open("rb")
    file.seek(20)
    start_response("200 OK", [TEXT, ("Content-Length", "6")])
    return environ["wsgi.file_wrapper"](file)


@application
def file_wrapper_of_a_file_like(environ, start_response):
    start_response("200 OK", [TEXT])
    return environ["wsgi.file_wrapper"](io.BytesIO(ALPHABET), 10)


@application
def early_hints(environ, start_response):
    if hint := environ.get("wsgi.early_hints"):
        hint([("Link", "</style.css>; rel=preload; as=style")])
    start_response("200 OK", [TEXT])
    return [b"hinted"]


@application
def middleware(environ, start_response):
    """Changes the head and the items of another application, and closes what that returned."""

    def start_shouting(status, headers, exc_info=None):
        headers.append(("X-Shouted", "yes"))
        return start_response(status, headers, exc_info)

    quiet = generator_function(environ, start_shouting)
    try:
        for item in quiet:
            yield item.upper()
    finally:
        quiet.close()


def dispatch(environ, start_response):
    shift_path_info(environ)
    return APPLICATIONS[shift_path_info(environ)](environ, start_response)


WRAPPED = {"plain": dispatch, "validator": validate.validator(dispatch), "lint": lint.middleware(dispatch)}


def app(environ, start_response):
    wrapper = environ["PATH_INFO"].split("/")[1]
    return WRAPPED[wrapper](environ, start_response)
