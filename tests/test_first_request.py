"""The smallest things that must hold; the first place to look when everything fails."""

import subprocess
import urllib.request

HELLO = """
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"Hello, " + scope["path"].encode()})
"""


def test_a_request_is_answered(serve):
    server = serve(HELLO, "--lifespan", "off")
    with urllib.request.urlopen(server.url + "/w%C3%B6rld") as response:
        assert response.status == 200
        assert response.headers["content-length"] == "14"
        assert response.headers["server"] == "yett"
        assert response.read().decode() == "Hello, /wörld"
    assert server.stop() == 0


def test_curl_is_answered(serve):
    server = serve(HELLO, "--lifespan", "off")
    output = subprocess.run(["curl", "-s", server.url], capture_output=True, check=True).stdout
    assert output == b"Hello, /"
