"""A Django project as `django-admin startproject` makes it, over WSGI: admin, uploads, streams, files, failures."""

import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import httpx
import pytest

from support import Client
from support.peers import only_yett, start_wsgi
from support.server import PATIENCE_SECONDS

pytest.importorskip("django")

URLS = Path(__file__).parent / "apps" / "django_urls.py"
CONTENT = random.Random(3).randbytes(1_000_000)
UPLOAD = bytes(range(256)) * (20 * 4096)  # 20 MiB, eight times what Django keeps in memory
DIGEST = hashlib.sha256(UPLOAD).hexdigest()
PASSWORD = "schlüssel 1"

SETTINGS = """
    import os

    DEBUG = os.environ.get("SITE_DEBUG", "on") == "on"
    ALLOWED_HOSTS = ["127.0.0.1", "test"]
    # The hashing that Django prefers takes a second on purpose.
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The folder of a project with a database and an administrator."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "content.bin").write_bytes(CONTENT)

    def run(*arguments):
        account = {"DJANGO_SUPERUSER_PASSWORD": PASSWORD, "DJANGO_SUPERUSER_EMAIL": "root@example.org"}
        command = [sys.executable, *arguments]
        subprocess.run(
            command, cwd=folder, env={**os.environ, **account}, check=True, timeout=PATIENCE_SECONDS
        )

    run("-m", "django", "startproject", "mysite", ".")
    with open(folder / "mysite" / "settings.py", "a") as settings:
        settings.write(textwrap.dedent(SETTINGS))
    shutil.copy(URLS, folder / "mysite" / "urls.py")
    run("manage.py", "migrate", "--verbosity=0")
    run("manage.py", "createsuperuser", "--noinput", "--username=wärter")
    return folder


@pytest.fixture(scope="module")
def server(project):
    with start_wsgi("mysite.wsgi", folder=project) as server:
        yield server
        assert server.stop() == 0


@pytest.fixture
def http(server):
    with httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client:
        yield client


def token(page):
    return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]


def log_in(http, password=PASSWORD):
    page = http.get("/admin/login/?next=/admin/")
    account = {"username": "wärter", "password": password, "csrfmiddlewaretoken": token(page)}
    return http.post("/admin/login/?next=/admin/", data={**account, "next": "/admin/"})


def test_admin_wants_a_log_in(http):
    response = http.get("/admin/")
    assert response.status_code == 302
    assert response.headers["location"] == "/admin/login/?next=/admin/"
    assert log_in(http, "wrong").status_code == 200
    assert "sessionid" not in http.cookies


def test_admin_session(http):
    response = log_in(http)
    assert (response.status_code, response.headers["location"]) == (302, "/admin/")
    names = {cookie.partition("=")[0] for cookie in response.headers.get_list("set-cookie")}
    assert names == {"csrftoken", "sessionid"}, "two fields of one name"
    page = http.get("/admin/")
    assert "<strong>wärter</strong>" in page.text

    form = http.get("/admin/auth/group/add/")
    group = {"csrfmiddlewaretoken": token(form), "name": "Torwächter & Söhne", "_save": "Save"}
    response = http.post("/admin/auth/group/add/", data=group)
    assert (response.status_code, response.headers["location"]) == (302, "/admin/auth/group/")
    listed = http.get("/admin/auth/group/")
    assert "Torwächter &amp; Söhne" in listed.text
    assert "was added successfully" in listed.text, "the message went through the session"

    assert http.post("/admin/logout/", data={"csrfmiddlewaretoken": token(listed)}).status_code == 200
    assert http.get("/admin/").status_code == 302


def test_csrf(http):
    account = {"username": "wärter", "password": PASSWORD}
    assert http.post("/admin/login/", data=account).status_code == 403, "no cookie"
    account["csrfmiddlewaretoken"] = token(http.get("/admin/login/"))
    elsewhere = http.post("/admin/login/", data=account, headers={"origin": "http://elsewhere.test"})
    assert elsewhere.status_code == 403
    own = str(http.base_url).rstrip("/")
    response = http.post("/admin/login/", data={**account, "next": "/"}, headers={"origin": own})
    assert response.status_code == 302, "Django takes this origin for its own"


def test_what_a_request_tells(server, http):
    headers = {"x-test": "a header", "cookie": "a=1; b=2"}
    told = http.get("/about/w%C3%B6rld?q=a%26b&q=%C3%BC", headers=headers).json()
    assert told == {
        "name": "wörld",
        "query": ["a&b", "ü"],
        "uri": server.url + "/about/w%C3%B6rld?q=a%26b&q=%C3%BC",
        "itself": "/about/w%C3%B6rld",
        "address": "127.0.0.1",
        "secure": False,
        "header": "a header",
        "cookies": {"a": "1", "b": "2"},
    }


def test_a_form_with_a_large_file(http):
    response = http.post("/form", data={"title": "ä"}, files={"f": ("größe.bin", UPLOAD)})
    assert response.json() == {
        "name": "größe.bin",
        "size": len(UPLOAD),
        "title": "ä",
        "sha256": DIGEST,
        "kept": "TemporaryUploadedFile",
    }


def in_pieces(body):
    for start in range(0, len(body), 1_000_000):
        yield body[start : start + 1_000_000]


@only_yett  # without CONTENT_LENGTH Django takes no body
def test_a_form_with_a_large_file_in_chunks(http):
    request = http.build_request("POST", "/form", data={"title": "ä"}, files={"f": ("f.bin", UPLOAD)})
    kind = {"content-type": request.headers["content-type"]}
    response = http.post("/form", content=in_pieces(request.read()), headers=kind)
    assert response.request.headers["transfer-encoding"] == "chunked"
    told = response.json()
    assert (told["size"], told["title"], told["sha256"]) == (len(UPLOAD), "ä", DIGEST)


@pytest.mark.parametrize("chunked", [False, pytest.param(True, marks=only_yett)])
def test_a_large_body(http, chunked):
    response = http.post("/raw", content=in_pieces(UPLOAD) if chunked else UPLOAD)
    assert response.json() == {"sha256": DIGEST}


@only_yett
def test_a_large_body_without_buffering(project):
    """The view reads what has come before the client has sent the rest."""
    with start_wsgi("mysite.wsgi", "--no-request-buffering", folder=project) as server:
        with Client(server.port) as client:
            client.begin("POST", "/raw", f"Content-Length: {len(UPLOAD) + 4}")
            client.send(b"abcd")
            server.wait_for("^read: abcd$")
            client.send(UPLOAD)
            assert client.response().json() == {"sha256": hashlib.sha256(b"abcd" + UPLOAD).hexdigest()}
            assert client.get("/release").status == 200
        files = {"f": ("f.bin", UPLOAD)}
        response = httpx.post(
            server.url + "/form", data={"title": "ä"}, files=files, timeout=PATIENCE_SECONDS
        )
        assert response.json()["sha256"] == DIGEST
        assert server.stop() == 0


def test_a_stream(server):
    with Client(server.port) as client, Client(server.port) as other:
        client.begin("GET", "/stream")
        head = client.head().lower()
        assert "transfer-encoding: chunked" in head
        assert "x-kind: stream" in head
        assert client.read(10) == b"5\r\nfirst\r\n", "it is not held back"
        other.get("/release")
        assert client.read(16) == b"6\r\nzw\xc3\xb6lf\r\n0\r\n\r\n", "and an empty piece does not end it"
        server.wait_for("the stream was closed")
        assert client.get("/release").status == 200


def test_a_stream_whose_client_leaves_is_closed(server):
    client = Client(server.port)
    client.begin("GET", "/endless")
    client.head()
    assert client.read(10) == b"5\r\nfirst\r\n"
    client.reset()
    assert httpx.get(server.url + "/release").status_code == 200
    server.wait_for("the endless stream was closed")


def test_a_stream_that_fails_is_cut(server):
    with Client(server.port) as client:
        client.begin("GET", "/broken-stream")
        client.head()
        assert client.read(10) == b"5\r\nfirst\r\n"
        with pytest.raises((EOFError, ConnectionResetError)):
            client.read(5)
    server.wait_for("^Traceback")
    server.wait_for("ZeroDivisionError: in the middle")


@pytest.mark.parametrize("kind", ["plain", "wrapped", "temporary", "memory"])
@pytest.mark.parametrize("asked", [None, "bytes=10-19"])
def test_a_file(http, kind, asked):
    """`FileResponse` knows no ranges: whoever asks for one gets the file, and all lengths say so."""
    response = http.get(f"/file/{kind}", headers={"range": asked} if asked else {})
    assert response.status_code == 200
    assert response.headers["content-length"] == str(len(CONTENT))
    assert "content-range" not in response.headers
    assert "transfer-encoding" not in response.headers
    assert response.content == CONTENT


def test_the_rest_of_a_file(http):
    response = http.get("/file/offset")
    assert response.headers["content-length"] == str(len(CONTENT) - 1000)
    assert response.content == CONTENT[1000:]
    assert response.headers["content-disposition"] == "attachment; filename*=utf-8''gr%C3%B6%C3%9Fe.bin"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_file_is_closed(server, method):
    with Client(server.port) as client:
        client.begin(method, f"/file/told?name={method}")
        response = client.response(method=method)
        assert response.header("content-length") == str(len(CONTENT))
        assert response.body == (CONTENT if method == "GET" else b"")
        server.wait_for(f"closed {method}")
        # Had a body followed the head, this would not be a response.
        assert client.get("/release").status == 200


def test_a_file_whose_client_leaves_is_closed(server):
    client = Client(server.port, receive_buffer=4096)
    client.begin("GET", "/file/told?name=left")
    client.head()
    client.reset()
    server.wait_for("closed left")


def test_static_files(http):
    from django.contrib import admin

    [package] = admin.__path__
    with open(f"{package}/static/admin/css/base.css", "rb") as file:
        content = file.read()
    response = http.get("/static/admin/css/base.css")
    assert response.content == content
    assert response.headers["content-length"] == str(len(content))
    assert response.headers["content-type"] == "text/css"
    same = {"if-modified-since": response.headers["last-modified"]}
    cached = http.get("/static/admin/css/base.css", headers=same)
    assert (cached.status_code, cached.content) == (304, b"")
    assert http.get("/static/admin/none").status_code == 404


def test_the_page_of_an_exception(server, http):
    response = http.get("/fail", headers={"accept": "text/html"})
    assert response.status_code == 500
    assert "the view&#x27;s own &lt;mistake&gt;" in response.text
    assert "<pre>42042</pre>" in response.text, "the variables of the view"
    assert "wsgi.input" in response.text, "the environ"
    server.wait_for("ZeroDivisionError: the view's own <mistake>")
    assert http.get("/release").status_code == 200


def test_no_page_of_an_exception_in_production(project):
    with start_wsgi("mysite.wsgi", folder=project, env={"SITE_DEBUG": "off"}) as server:
        with Client(server.port) as client:
            response = client.get("/fail")
            assert (response.status, b"ZeroDivisionError" in response.body) == (500, False)
            assert b"Server Error (500)" in response.body
            assert client.get("/none").status == 404
            client.send(b"GET /release HTTP/1.1\r\nHost: elsewhere\r\n\r\n")
            assert client.response().status == 400
        assert server.stop() == 0


def test_requests_are_finished_in_their_thread(server, http):
    http.get("/release")
    server.wait_for("request finished in (yett-[0-9]+|ThreadPoolExecutor|waitress)")


@only_yett
def test_below_a_root_path(project):
    with start_wsgi("mysite.wsgi", "--root-path", "/site", folder=project) as server:
        with httpx.Client(base_url=server.url) as http:
            for start in ("", "/site"):
                told = http.get(start + "/about/you").json()
                assert told["itself"] == "/site/about/you"
                assert told["uri"] == server.url + "/site/about/you"
            login = http.get("/site/admin/").headers["location"]
            assert login == "/site/admin/login/?next=/site/admin/"
            assert 'href="/site/static/admin/css/base.css"' in http.get(login).text
        assert server.stop() == 0
