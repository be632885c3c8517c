"""What policies of applications let us add, and what is added to which response."""

import pytest

from yett.dev import markup, policy


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "default-src 'self'",
            "script-src 'self'; object-src 'none'",
            "default-src *",
            "img-src 'none'",
        ),
        *(
            "script-src 'self' 'unsafe-inline' https://cdn.example",
            "default-src 'none'; script-src 'self'; connect-src 'self'",
        ),
        *(
            "script-src-elem 'self'; script-src 'none'",
            "sandbox allow-scripts allow-same-origin",
            "DEFAULT-SRC 'SELF'",
        ),
        "default-src http://localhost:8000",
    ],
)
def test_policies_that_allow_it(text):
    assert policy.judge([text]) == policy.Verdict()


@pytest.mark.parametrize(
    ("text", "nonce"),
    [
        ("script-src 'nonce-abc123=='", "abc123=="),
        ("script-src 'strict-dynamic' 'nonce-r4nd-_m' https:; base-uri 'none'", "r4nd-_m"),
        ("default-src 'self'; script-src 'nonce-x'", "x"),
    ],
)
def test_policies_that_allow_it_by_nonce(text, nonce):
    assert policy.judge([text]) == policy.Verdict(nonce)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "default-src 'none'",
            "script-src 'none'",
            "script-src https://cdn.example",
            "script-src 'sha256-abc='",
        ),
        *("script-src 'self' 'strict-dynamic'", "script-src 'self'; connect-src https://api.example"),
        *("sandbox", "sandbox allow-scripts", "default-src https:", "script-src http://localhost.example"),
    ],
)
def test_policies_that_forbid_it(text):
    assert policy.judge([text]).refusal
    assert policy.judge(["default-src 'self'", text]).refusal
    assert policy.judge([f"default-src 'self', {text}"]).refusal


def test_a_nonce_cannot_break_out():
    assert '"><' not in markup.element(1, nonce='"><script>', error='"><script>')
    assert policy.judge(["script-src 'nonce-\"onload=x'"]).refusal


def insertion(*fields, status=200):
    return markup.insertion(7, status, list(fields))


HTML = ("Content-Type", "text/html; charset=utf-8")


def test_what_is_added_to():
    found = insertion(HTML, ("Content-Length", "10"), ("ETag", '"x"'), ("Last-Modified", "x"), ("X-Own", "y"))
    assert found.fields == [HTML, ("Content-Length", str(10 + len(found.tag))), ("X-Own", "y")]
    assert b'data-generation="7"' in found.tag
    assert insertion(("content-type", "TEXT/HTML"), status=404)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ([("Content-Type", "application/json")], 200),
        ([("Content-Type", "application/xhtml+xml")], 200),
        ([("Content-Type", "text/html; charset=utf-16")], 200),
        ([HTML, ("Content-Encoding", "gzip")], 200),
        ([HTML], 204),
        ([HTML], 206),
        ([HTML], 304),
        ([], 200),
    ],
)
def test_what_is_left_alone(fields, status):
    assert insertion(*fields, status=status) is None


def test_where_it_goes():
    assert markup.insert(b"<p>x</body></html>\n", b"T") == b"<p>xT</body></html>\n"
    assert markup.insert(b"<p>x</BODY >\n</HTML>", b"T") == b"<p>xT</BODY >\n</HTML>"
    assert markup.insert(b"<p>x", b"T") == b"<p>xT"
    assert markup.insert(b"", b"T") == b"T"
    # Only at the very end: a script may speak of it, too.
    assert markup.insert(b"<script>s = '</body>'</script>x", b"T") == b"<script>s = '</body>'</script>xT"
    assert markup.insert(b"</body>" + b" " * 2_000_000 + b"x", b"T").endswith(b"xT")


def wants(**fields):
    return markup.wants_page(lambda name: fields.get(name.replace("-", "_"), ""))


def test_which_requests_become_pages():
    assert wants(accept="text/html,*/*;q=0.8")
    assert wants(sec_fetch_dest="document", accept="*/*")
    assert wants(sec_fetch_dest="iframe")
    assert not wants(accept="*/*")
    assert not wants(sec_fetch_dest="empty", accept="text/html")
    assert not wants(accept="text/html", hx_request="true")
    assert not wants(accept="text/html", x_requested_with="XMLHttpRequest")
