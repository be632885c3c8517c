"""Large answers: `/memory` 100 KiB in one piece, `/file` the file that BENCH_FILE names, by wsgi.file_wrapper."""

import os
from wsgiref.util import FileWrapper

BODY = b"x" * (100 * 1024)
BLOCK = 256 * 1024  # where the server has no file_wrapper of its own, or cannot use sendfile


def app(environ, start_response):
    headers = [("Content-Type", "application/octet-stream")]
    if environ["PATH_INFO"] == "/memory":
        start_response("200 OK", [*headers, ("Content-Length", str(len(BODY)))])
        return [BODY]
    file = open(os.environ["BENCH_FILE"], "rb")  # closed by the wrapper
    size = os.fstat(file.fileno()).st_size
    start_response("200 OK", [*headers, ("Content-Length", str(size))])
    return environ.get("wsgi.file_wrapper", FileWrapper)(file, BLOCK)
