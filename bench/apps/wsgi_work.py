"""Applications that wait or compute: `/sleep/10` waits 10 ms, `/compute/100` computes for 100 µs in pure Python."""

import time

from compute import compute

HEADERS = [("Content-Type", "text/plain"), ("Content-Length", "4")]
BODY = b"done"


def app(environ, start_response):
    _, what, amount = environ["PATH_INFO"].split("/")
    if what == "sleep":
        time.sleep(int(amount) / 1000)
    else:
        compute(int(amount))
    start_response("200 OK", HEADERS)
    return [BODY]
