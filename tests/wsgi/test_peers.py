"""The applications of compliant.py under other servers: where these differ from Yett, a table says why."""

import ast
from typing import NamedTuple

import pytest

from support import Client
from support.peers import PEERS, only_yett, start_peer
from support.wsgi_cases import CASES, SERVERS_OWN, ask

from .conftest import APPS

pytestmark = only_yett

FORMS = ["GET", "HEAD", "GET HTTP/1.0", "POST", "POST chunked", "POST HTTP/1.0"]


class Difference(NamedTuple):
    """`peer` answers otherwise: "*" means every name, or every form of the request; `part` is a key of an answer."""

    peer: str
    name: str
    form: str
    part: str
    why: str

    def covers(self, peer, name, form, part):
        return (
            self.peer == peer and self.name in ("*", name) and self.form in ("*", form) and self.part == part
        )


HEAD_KEPT = "keeps the fields of the head that start_response replaced; its Content-Length does not fit"
HEAD_SENT = "sends the head with the first item, though that is empty; start_response is too late then"
ENVIRON_USED = "looks into the environ after the application has returned, and misses what that removed"

DIFFERENCES = [
    Difference("gunicorn", "replaced_by_an_error", "GET", "cut short", HEAD_KEPT),
    Difference("gunicorn", "replaced_by_an_error", "GET HTTP/1.0", "cut short", HEAD_KEPT),
    Difference("gunicorn", "replaced_by_an_error", "HEAD", "fields", HEAD_KEPT),
    Difference("gunicorn", "replaced_after_an_empty_string", "GET", "cut short", HEAD_SENT),
    Difference("gunicorn", "replaced_after_an_empty_string", "GET HTTP/1.0", "body", HEAD_SENT),
    Difference("gunicorn", "replaced_after_an_empty_string", "GET HTTP/1.0", "status", HEAD_SENT),
    Difference("gunicorn", "replaced_after_an_empty_string", "HEAD", "status", HEAD_SENT),
    Difference("gunicorn", "headers_received", "*", "body", "joins cookies with a comma; has HTTP_PROXY"),
    Difference(
        "gunicorn",
        "headers_received (of a body)",
        "POST chunked",
        "body",
        "does not collect the body, so that it has no CONTENT_LENGTH for one in chunks",
    ),
    Difference("gunicorn", "changed_environ", "*", "status", ENVIRON_USED),
    Difference("gunicorn", "changed_environ", "*", "fields", ENVIRON_USED),
    Difference("gunicorn", "changed_environ", "*", "body", ENVIRON_USED),
    Difference("gunicorn", "changed_environ", "HEAD", "after the end", ENVIRON_USED),
    Difference("waitress", "*", "HEAD", "after the end", "sends the body to HEAD too"),
    Difference("waitress", "replaced_by_an_error", "*", "cut short", HEAD_KEPT),
    Difference(
        "waitress", "headers_received", "*", "body", 'joins fields and cookies with ", "; has HTTP_PROXY'
    ),
]

# Keys that a peer does not have, has alone, or fills otherwise.
ENVIRON_DIFFERENCES = {
    "gunicorn": {
        "REQUEST_URI": "has the target as sent as RAW_URI only",
        "SERVER_SOFTWARE": "its own name",
        "gunicorn.socket": "an extension of its own",
        "HTTP_PROXY": "lets it through (CVE-2016-5385, «httpoxy»)",
        "yett.request_id": "has no ids of requests",
    },
    "waitress": {
        "RAW_URI": "has the target as sent as REQUEST_URI only",
        "SERVER_NAME": "does not tell its address",
        "SERVER_SOFTWARE": "its own name",
        "REMOTE_HOST": "has the address once more",
        "waitress.client_disconnected": "an extension of its own",
        "wsgi.early_hints": "has none",
        "HTTP_PROXY": "lets it through (CVE-2016-5385, «httpoxy»)",
        "yett.request_id": "has no ids of requests",
        "HTTP_X_ONE": 'joins with ", "',
    },
}


@pytest.fixture(scope="module")
def yett(serve_apps):
    return serve_apps("compliant")


@pytest.fixture(scope="module", params=PEERS)
def peer(request):
    """The name of a peer that serves the applications, and its port."""
    with start_peer(request.param, "compliant:app", folder=APPS) as server:
        yield request.param, server.port


def answer(port, name, form):
    """What comes back, in parts, so that the answers of two servers can be compared."""
    with Client(port) as client:
        try:
            response = ask(client, name, "plain", form, "Connection: close")
        except EOFError:
            return {"cut short": True}
        fields = [(field.lower(), value) for field, value in response.fields]
        return {
            "status": response.status,
            # The order of different fields means nothing, that of equal ones does.
            "fields": sorted([f for f in fields if f[0] not in SERVERS_OWN], key=lambda field: field[0]),
            "body": response.body,
            "after the end": client.rest(),
        }


def differing_parts(ours, theirs):
    if "cut short" in ours or "cut short" in theirs:
        return [] if ours == theirs else ["cut short"]
    return [part for part in ours if ours[part] != theirs[part]]


def test_where_they_differ_the_table_says_why(yett, peer):
    peer_name, port = peer
    differing = [
        (peer_name, name, form, part)
        for name, case in CASES.items()
        for form in case.forms
        if form in FORMS
        for part in differing_parts(answer(yett.port, name, form), answer(port, name, form))
    ]
    assert [found for found in differing if not any(row.covers(*found) for row in DIFFERENCES)] == []
    # And the table says nothing that is not so.
    rows = [row for row in DIFFERENCES if row.peer == peer_name]
    assert [row for row in rows if not any(row.covers(*found) for found in differing)] == []


def environ_of(port):
    with Client(port) as client:
        client.begin(
            "POST",
            "/a%20b/%ff?c=d",
            "X-One: 1",
            "X_Two: 2",
            "Proxy: http://evil.example",
            "Content-Type: text/x",
            "Content-Length: 2",
            "Cookie: a=1",
            "X-One:  2",
            "TE: trailers",
            "Connection: te",
        )
        client.send(b"ab")
        return ast.literal_eval(client.response().body.decode())


@pytest.mark.parametrize("peer_name", PEERS)
def test_the_environ_is_the_same_but_for_what_the_table_says(serve_apps, peer_name):
    with start_peer(peer_name, "environment:app", folder=APPS) as server:
        theirs = environ_of(server.port)
    ours = environ_of(serve_apps("environment").port)
    # Another server has another port, a client another one for each connection, and objects have a type of their own.
    for key in ("SERVER_PORT", "REMOTE_PORT", "wsgi.input", "wsgi.errors", "wsgi.file_wrapper"):
        assert ours.pop(key)
        assert theirs.pop(key)
    if "wsgi.early_hints" in theirs:
        theirs["wsgi.early_hints"] = ours["wsgi.early_hints"]
    differing = {key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)}
    assert differing == ENVIRON_DIFFERENCES[peer_name].keys()
