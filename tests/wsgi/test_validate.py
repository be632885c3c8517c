"""Applications that keep to PEP 3333, with its checkers around them: nobody complains, and each response is exact."""

import runpy

import pytest

from support import Client
from support.peers import STAND_IN, only_yett
from support.wsgi_cases import CASES, applications_fields, ask, expected_body

WRAPPERS = ["plain", "validator", "lint"]
# WebTest takes only what has __iter__; PEP 3333 asks for an iterable, and `iter` is content with __getitem__.
COMBINATIONS = [(name, wrapper) for name in CASES for wrapper in WRAPPERS]
COMBINATIONS.remove(("sequence_protocol", "lint"))


@pytest.fixture(scope="module")
def server(serve_apps):
    return serve_apps("compliant")


def assert_right(response, name, wrapper, form):
    case = CASES[name]
    assert f"{response.status} {response.reason}" == case.status
    assert response.version == "HTTP/1.1" or STAND_IN
    assert applications_fields(response) == list(case.headers)
    assert response.body == expected_body(name, wrapper, form)


def framing(response):
    if response.header("content-length") is not None:
        return "length"
    return "none" if response.header("transfer-encoding") is None else "chunked"


def test_every_application_is_asked():
    applications = runpy.run_path(__file__.replace("test_validate.py", "apps/compliant.py"))["APPLICATIONS"]
    assert {name.split()[0] for name in CASES} == set(applications)
    assert len(applications) >= 25


@pytest.mark.parametrize(("name", "wrapper"), COMBINATIONS)
def test_it_is_answered(server, name, wrapper):
    """Each form twice on one connection that lives on, unless the form ends it."""
    case = CASES[name]
    for form in case.forms:
        with Client(server.port) as client:
            response = ask(client, name, wrapper, form)
            assert_right(response, name, wrapper, form)
            ends_by_close = case.framing != "none" and framing(response) == "none" and form != "HEAD"
            if STAND_IN and response.header("connection") == "close":
                continue
            if form.endswith("HTTP/1.0") or ends_by_close:
                assert client.rest() == b""
            else:
                assert_right(ask(client, name, wrapper, form), name, wrapper, form)


@only_yett
@pytest.mark.parametrize("name", CASES)
def test_the_framing_is_the_best_there_is(server, name):
    """Content-Length wherever the length can be known; else chunks for HTTP/1.1, and nothing but the end for 1.0."""
    case = CASES[name]
    for form in case.forms:
        with Client(server.port) as client:
            response = ask(client, name, "plain", form)
        if form == "HEAD":
            continue
        if case.framing == "length":
            assert response.header("content-length") == str(len(expected_body(name, "plain", form)))
        assert framing(response) == ("none" if "1.0" in form and case.framing == "chunked" else case.framing)


@only_yett
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "HEAD" in case.forms])
def test_head_is_as_get(server, name):
    with Client(server.port) as client:
        whole = ask(client, name, "plain", "GET")
        head = ask(client, name, "plain", "HEAD")
    assert head.status == whole.status
    assert applications_fields(head) == applications_fields(whole)
    # What frames a body may be left out, but not be another (RFC 9110 §8.6, §9.3.2).
    assert head.header("transfer-encoding") in (None, whole.header("transfer-encoding"))
    assert head.header("content-length") in (None, whole.header("content-length"))
    if whole.body and framing(whole) == "length":
        assert framing(head) == "length"


def test_pipelined_requests(server):
    """All are sent before an answer is read; the answers come in order."""
    names = [name for name, case in CASES.items() if case.sent is None and not case.path and not case.fields]
    with Client(server.port) as client:
        for name in names:
            client.send(f"GET /plain/{name.split()[0]} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        for name in names:
            assert_right(client.response(final=True), name, "plain", "GET")


def test_a_changed_environ_is_not_seen_by_the_next(server):
    with Client(server.port) as client:
        for _ in range(8):
            assert client.get("/plain/changed_environ").body == b"none"


def test_the_checkers_check(serve_apps):
    """They do, or the other tests would mean nothing."""
    server = serve_apps("incompliant")
    with Client(server.port) as client:
        assert client.get("/validator").status == 500
    server.wait_for("AssertionError: Names may not end in '-' or '_'")
    with Client(server.port) as client:
        assert client.get("/lint").status == 500
    server.wait_for("AssertionError: Names may not end in '-' or '_'")


def test_nobody_has_complained(serve_apps):
    """Least of all the checkers, who say at the end of a result that was not closed what they think of it."""
    server = serve_apps("compliant")
    for name, wrapper in COMBINATIONS:
        with Client(server.port) as client:
            ask(client, name, wrapper, CASES[name].forms[0])
    server.stop()
    for complaint in ("Traceback", "Warning", "garbage collected", "Exception ignored"):
        assert complaint not in server.log
