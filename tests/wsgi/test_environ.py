"""The environ: every key, its type, and where its value comes from."""

import ast
import threading

import pytest

import yett
from support import Client
from support.peers import only_yett


@pytest.fixture(scope="module")
def server(serve_apps):
    return serve_apps("environment")


@pytest.fixture
def client(server):
    with Client(server.port) as client:
        yield client


def environ_of(client, target="/", *fields, method="GET", body=b""):
    """The environ that the application tells."""
    client.begin(method, target, *fields)
    client.send(body)
    return ast.literal_eval(client.response().body.decode())


def raw_environ(client, data):
    client.send(data)
    return ast.literal_eval(client.response().body.decode())


def http_fields(environ):
    return {key: value for key, value in environ.items() if key.startswith("HTTP_")}


@only_yett
def test_every_key(server, client):
    environ = environ_of(client, "/a%20b?c=d", "X-One: 1")
    for key in ("wsgi.input", "wsgi.errors", "wsgi.file_wrapper", "wsgi.early_hints"):
        assert environ.pop(key)
    assert len(environ.pop("yett.request_id")) == 32
    assert environ == {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a b",
        "QUERY_STRING": "c=d",
        "RAW_URI": "/a%20b?c=d",
        "REQUEST_URI": "/a%20b?c=d",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(server.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": f"yett/{yett.__version__}",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": str(client.socket.getsockname()[1]),
        "HTTP_HOST": "test",
        "HTTP_X_ONE": "1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input_terminated": True,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def test_the_environ_is_a_plain_dict_of_native_strings(serve):
    server = serve(
        """
        def app(environ, start_response):
            kinds = {type(environ)} | {type(key) for key in environ}
            kinds |= {type(value) for key, value in environ.items() if "." not in key}
            start_response("200 OK", [])
            return [repr(sorted(kind.__name__ for kind in kinds)).encode()]
        """
    )
    with Client(server.port) as client:
        assert client.request("POST", "/a?b", "X-Latin: \xe9", body=b"x").body == b"['dict', 'str']"


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/", "/"),
        ("/plain", "/plain"),
        ("/a%20b", "/a b"),
        ("/w%C3%B6rld", "/w\xc3\xb6rld"),  # UTF-8 shown as latin-1: PEP 3333, «Unicode Issues»
        ("/%ff%FE", "/\xff\xfe"),
        ("/a%2Fb", "/a/b"),
        ("/a%3Fb%23", "/a?b#"),
        ("/100%25", "/100%"),
        ("/a+b", "/a+b"),
        ("//a//b/", "//a//b/"),
        ("/a;b=c", "/a;b=c"),
        ("/%E2%82%AC%20", "/\xe2\x82\xac "),
    ],
)
def test_path_info_is_decoded(client, target, path):
    environ = environ_of(client, target)
    assert environ["PATH_INFO"] == path
    assert environ["SCRIPT_NAME"] == ""


@only_yett
@pytest.mark.parametrize("target", ["/a/../b", "/a/./b", "/..", "/a/%2e%2e/b"])
def test_dots_are_left_to_the_application(client, target):
    assert environ_of(client, target)["PATH_INFO"] == target.replace("%2e", ".")


@only_yett
def test_the_target_of_a_proxy_request(client):
    """RFC 9112 §3.2.2: a server takes the absolute form too, and its host instead of the Host field."""
    environ = environ_of(client, "http://other.example:81/x%20y?z")
    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == ("/x y", "z")
    assert environ["RAW_URI"] == environ["REQUEST_URI"] == "http://other.example:81/x%20y?z"
    assert environ["HTTP_HOST"] == "other.example:81"


@only_yett
def test_the_target_of_options_in_general(client):
    environ = environ_of(client, "*", method="OPTIONS")
    assert environ["REQUEST_METHOD"] == "OPTIONS"
    assert environ["RAW_URI"] == "*"


@pytest.mark.parametrize(
    ("target", "query"),
    [
        ("/", ""),
        ("/?", ""),
        ("/?a=b%20c", "a=b%20c"),
        ("/?a?b", "a?b"),
        ("/?%ff+", "%ff+"),
        ("/x?a=/b", "a=/b"),
    ],
)
def test_query_string_is_as_sent(client, target, query):
    assert environ_of(client, target)["QUERY_STRING"] == query


@pytest.mark.parametrize(
    "method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "M-SEARCH"]
)
def test_methods(client, method):
    assert environ_of(client, method=method)["REQUEST_METHOD"] == method


def test_http_1_0(client):
    environ = raw_environ(client, b"GET / HTTP/1.0\r\n\r\n")
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.0"
    assert "HTTP_HOST" not in environ
    assert environ["SERVER_NAME"]
    assert environ["SERVER_PORT"]


@only_yett
def test_repeated_fields_are_joined(client):
    environ = environ_of(
        client,
        "/",
        "X-A: 1",
        "Cookie: a=1",
        "x-a: 2, 3",
        "X-B:",
        "cookie: b=2",
        "X-A:",
        "X-B: 4",
        "Cookie: c=3",
    )
    assert environ["HTTP_X_A"] == "1,2, 3,"
    assert environ["HTTP_X_B"] == ",4"
    assert environ["HTTP_COOKIE"] == "a=1; b=2; c=3"


def test_values_are_latin_1_without_white_space_around(client):
    environ = environ_of(client, "/", "X-Latin:  caf\xe9 \xff\t", "X-Utf: \xc3\xb6", "X-Inner: a  b")
    assert environ["HTTP_X_LATIN"] == "caf\xe9 \xff"
    assert environ["HTTP_X_UTF"] == "\xc3\xb6"
    assert environ["HTTP_X_INNER"] == "a  b"


@only_yett
def test_no_http_proxy(client):
    """CVE-2016-5385, «httpoxy»: programs take HTTP_PROXY from the environment for the proxy to use."""
    environ = environ_of(client, "/", "Proxy: http://evil.example", "proxy: again", "Proxy-Authorization: x")
    assert "HTTP_PROXY" not in environ
    assert environ["HTTP_PROXY_AUTHORIZATION"] == "x"


@only_yett
@pytest.mark.parametrize(
    "name", ["X_User", "X-Us_er", "Content_Length", "Content_Type", "_", "Host_", "Transfer_Encoding"]
)
def test_names_with_underscores_are_dropped(client, name):
    """X_User and X-User would be the same key, and a proxy that sets the second does not remove the first."""
    without = environ_of(client, "/", "X-User: real")
    environ = environ_of(client, "/", f"{name}: forged", "X-User: real", f"{name}: forged")
    assert http_fields(environ) == http_fields(without)
    assert environ.keys() == without.keys()


@only_yett
def test_names_with_underscores_may_be_allowed(serve_apps):
    with Client(serve_apps("environment", "--underscore-headers", "allow").port) as client:
        environ = environ_of(client, "/", "X_User: 1", "X-User: 2", "Content_Length: 3", "Content_Type: 4")
    assert environ["HTTP_X_USER"] == "1,2"
    # Not even then may these be mistaken for what frames the body.
    assert "CONTENT_LENGTH" not in environ
    assert "CONTENT_TYPE" not in environ


@only_yett
def test_odd_names(client):
    """All that RFC 9110 §5.6.2 allows in a name; only letters change, and hyphens."""
    environ = environ_of(client, "/", "X.a!b#c$d%e&f'g*h+i^j`k|l~0: odd")
    assert environ["HTTP_X.A!B#C$D%E&F'G*H+I^J`K|L~0"] == "odd"


def test_content_type_and_length(client):
    without = environ_of(client)
    assert "CONTENT_TYPE" not in without
    assert "CONTENT_LENGTH" not in without
    environ = environ_of(
        client, "/", "Content-Type: text/x; a=b", "Content-Length: 2", method="POST", body=b"ab"
    )
    assert environ["CONTENT_TYPE"] == "text/x; a=b"
    assert environ["CONTENT_LENGTH"] == "2"
    assert not {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & environ.keys()
    empty = environ_of(client, "/", "Content-Length: 0", "Content-Type:", method="POST")
    assert empty["CONTENT_LENGTH"] == "0"
    assert empty["CONTENT_TYPE"] == ""


@only_yett
def test_a_chunked_body_that_was_collected_has_a_length(client):
    environ = environ_of(
        client, "/", "Transfer-Encoding: chunked", method="POST", body=b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    assert environ["CONTENT_LENGTH"] == "5"
    assert "HTTP_TRANSFER_ENCODING" not in environ


@only_yett
def test_trailers_are_not_mixed_into_the_environ(client):
    environ = environ_of(
        client,
        "/",
        "Transfer-Encoding: chunked",
        method="POST",
        body=b"1\r\na\r\n0\r\nX-Trailer: 1\r\nX-User: forged\r\n\r\n",
    )
    assert http_fields(environ) == {"HTTP_HOST": "test"}


@only_yett
def test_a_chunked_body_that_was_not_collected_has_none(serve_apps):
    with Client(serve_apps("environment", "--no-request-buffering").port) as client:
        environ = environ_of(
            client, "/", "Transfer-Encoding: chunked", method="POST", body=b"1\r\na\r\n0\r\n\r\n"
        )
        assert "CONTENT_LENGTH" not in environ
        assert environ["HTTP_TRANSFER_ENCODING"] == "chunked"
        environ = environ_of(client, "/", "Content-Length: 2", method="POST", body=b"ab")
        assert environ["CONTENT_LENGTH"] == "2"


@only_yett
@pytest.mark.parametrize(
    ("target", "script", "path"),
    [
        ("/shop/a%20b", "/shop", "/a b"),
        ("/shop/", "/shop", "/"),
        ("/shop", "/shop", ""),
        ("/shopping", "/shop", "/shopping"),
        ("/other", "/shop", "/other"),
        ("/", "/shop", "/"),
    ],
)
def test_root_path(root_path_server, target, script, path):
    with Client(root_path_server.port) as client:
        environ = environ_of(client, target)
        assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (script, path)
        assert environ["RAW_URI"] == target


@pytest.fixture(scope="module")
def root_path_server(serve_apps):
    return serve_apps("environment", "--root-path", "/shop")


@only_yett
def test_one_thread_is_told(serve_apps):
    with Client(serve_apps("environment", "--threads", "1").port) as client:
        environ = environ_of(client)
    assert environ["wsgi.multithread"] is False
    assert environ["wsgi.multiprocess"] is False


@only_yett
def test_a_unix_socket(serve_apps, tmp_path):
    path = tmp_path / "socket"
    serve_apps("environment", "--bind", f"unix:{path}")
    with Client(str(path)) as client:
        environ = environ_of(client)
    assert environ["REMOTE_ADDR"] == ""
    assert "REMOTE_PORT" not in environ
    assert environ["SERVER_NAME"]
    assert environ["SERVER_PORT"] == "80"


@only_yett
def test_ipv6(serve_apps):
    server = serve_apps("environment", "--bind", "[::1]:0")
    with Client(("::1", server.port)) as client:
        environ = environ_of(client)
    assert (environ["REMOTE_ADDR"], environ["SERVER_NAME"]) == ("::1", "[::1]")
    assert environ["SERVER_PORT"] == str(server.port)


def test_the_url_can_be_put_together_again(serve):
    """wsgiref.util.request_uri, as PEP 3333 shows it («URL Reconstruction»)."""
    server = serve(
        """
        from wsgiref.util import request_uri

        def app(environ, start_response):
            start_response("200 OK", [])
            return [request_uri(environ).encode()]
        """
    )
    with Client(server.port) as client:
        assert client.get("/a%20b/%C3%B6?c=d%20e").body == b"http://test/a%20b/%C3%B6?c=d%20e"
        client.send(b"GET /x HTTP/1.0\r\n\r\n")
        port = server.port
        assert client.response().body == f"http://127.0.0.1:{port}/x".encode()


def test_clients_at_the_same_time_do_not_mix(server):
    """Each of many connections, with different fields in turn, sees its own."""
    failures = []

    def run(number):
        with Client(server.port) as client:
            for turn in range(50):
                name = f"X-{number}-{turn % 3}"
                environ = environ_of(client, f"/{number}/{turn}", f"{name}: {turn}")
                expected = {"HTTP_HOST": "test", f"HTTP_X_{number}_{turn % 3}": str(turn)}
                if (environ["PATH_INFO"], http_fields(environ)) != (f"/{number}/{turn}", expected):
                    failures.append(environ)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
