"""WSGI without a framework. Serve it with: yett examples/plain_wsgi.py"""


def app(environ, start_response):
    body = f"Hello from {environ['PATH_INFO']}\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [body]
