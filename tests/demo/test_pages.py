"""The page and its parts: what is sent, with which headers, and that they fit together."""

import re
from pathlib import Path

import pytest

import yett.demo

STATIC = Path(yett.demo.__file__).parent / "static"


@pytest.mark.parametrize(
    "target", ["/", "/style.css", "/page.js", "/logo.svg", "/scope", "/knock", "/stream?pause=0", "/nope"]
)
def test_every_response_is_guarded(get, target):
    response = get(target)
    assert response.complete
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "unsafe" not in response.headers["content-security-policy"]
    assert "default-src 'none'" in response.headers["content-security-policy"]


def test_page_uses_only_what_is_served(get, served):
    page = get("/").body.decode()
    scripts = [path.read_text() for path in STATIC.glob("*.js")]
    named = set(re.findall(r'(?:src|href)="([^"#]+)"', page))
    named |= {name for script in scripts for name in re.findall(r'from "\./([^"]+)"', script)}
    named |= {name for script in scripts for name in re.findall(r'(?:fetch|EventSource)\("([^"?]+)', script)}
    assert {"style.css", "page.js", "logo.svg", "dom.js", "stream", "events", "scope"} <= named
    for response in served(*(("HEAD", f"/{name}", {}) for name in named)):
        assert response.status == 200


def test_page_has_nothing_inline_that_the_policy_forbids(get):
    page = get("/").body.decode()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", page)
    assert not re.search(r"<script(?![^>]*\ssrc=)", page)
    assert "//" not in re.sub(r"http://127\.0\.0\.1:8000/", "", page), "no outside resources"


def test_ids_that_scripts_use_are_in_the_page(get):
    page = get("/").body.decode()
    ids = {
        found for path in STATIC.glob("*.js") for found in re.findall(r'byId\("([^"]+)"\)', path.read_text())
    }
    assert len(ids) > 10
    assert not [name for name in ids if f'id="{name}"' not in page]
    bars = {int(number) for number in re.findall(r'data-bar="(\d+)"', page)}
    assert bars == set(range(1, len(get("/stream?pause=0").body.splitlines()) + 1)), "a part for each bar"


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("", "text/html"),
        ("style.css", "text/css"),
        ("page.js", "text/javascript"),
        ("logo.svg", "image/svg+xml"),
    ],
)
def test_static_files(get, name, content_type):
    response = get(f"/{name}")
    expected = (STATIC / (name or "index.html")).read_bytes()
    assert response.body == expected
    assert response.headers["content-length"] == str(len(expected))
    assert response.headers["content-type"].startswith(content_type)


def test_pathsend_and_early_hints_where_offered(get):
    offered = ["http.response.pathsend", "http.response.early_hint"]
    assert len(get("/", extensions=offered).messages) == 2, (
        "hints are for browsers: other clients may not expect them"
    )
    response = get("/", extensions=offered, headers=[(b"sec-fetch-mode", b"navigate")])
    hint, start, pathsend = response.messages
    assert hint["type"] == "http.response.early_hint"
    assert b"<style.css>; rel=preload; as=style" in hint["links"]
    assert start["type"] == "http.response.start"
    assert pathsend == {"type": "http.response.pathsend", "path": str(STATIC / "index.html")}
    assert int(response.headers["content-length"]) == (STATIC / "index.html").stat().st_size


def test_head_has_the_headers_of_get_and_no_body(served):
    extensions = {"extensions": ["http.response.pathsend"]}
    for target in ("/", "/logo.svg", "/knock"):
        got, head = served(("GET", target, extensions), ("HEAD", target, extensions))
        assert head.headers == got.headers
        assert head.body == b""
        assert head.messages[-1]["type"] == "http.response.body"


@pytest.mark.parametrize("target", ["/stream", "/events"])
def test_head_of_a_stream_ends_at_once(served, target):
    (response,) = served(("HEAD", target, {}))
    assert (response.status, response.body, response.complete) == (200, b"", True)


def test_known_versions_are_not_sent_again(get):
    etag = get("/style.css").headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', etag)
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        response = get("/style.css", headers=[(b"if-none-match", known.encode())])
        assert (response.status, response.body) == (304, b"")
        assert response.headers["etag"] == etag
        assert "content-length" not in response.headers
    assert get("/style.css", headers=[(b"if-none-match", b'"other"')]).status == 200


def test_unknown_path(get):
    response = get("/nowhere")
    assert response.status == 404
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        ("POST", "/", "GET, HEAD, OPTIONS"),
        ("GET", "/upload", "POST, PUT, OPTIONS"),
        ("BREW", "/knock", "GET, HEAD, OPTIONS"),
    ],
)
def test_wrong_method(served, method, target, allow):
    (response, options) = served((method, target, {}), ("OPTIONS", target, {}))
    assert response.status == 405
    assert options.status == 200
    assert response.headers["allow"] == options.headers["allow"] == allow


def test_under_a_prefix(get):
    assert get("/gate/", root_path="/gate").body == get("/").body
    response = get("/gate", root_path="/gate")
    assert (response.status, response.headers["location"]) == (308, "/gate/")
