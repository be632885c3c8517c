"""The ASGI workloads; every server takes part in every one, but for the access log."""

from ..workloads import Workload

# What a browser sends on a navigation; with Host (added by the client) it makes twelve fields.
BROWSER_HEADERS = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language: en-GB,en;q=0.7,de;q=0.3",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Referer: http://localhost/articles/index.html?page=3",
    "Connection: keep-alive",
    "Cookie: session=8f14e45fceea167a5a36dedd4bea2543; theme=dark; consent=necessary",
    "Upgrade-Insecure-Requests: 1",
    "Sec-Fetch-Dest: document",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-Site: same-origin",
)

# Each with its access log, and without.
LOGGING = tuple(
    f"{name}{log}"
    for name in ("yett-asyncio", "yett-uvloop", "granian-uvloop", "uvicorn")
    for log in ("", "-log")
)

WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("hello", "Hello", "hello:app", size=13),
        Workload(
            "headers",
            "Hello with 12 browser-like header fields",
            "hello:app",
            headers=BROWSER_HEADERS,
            size=13,
        ),
        Workload(
            "access-log", "Hello, with and without an access log", "hello:app", size=13, servers=LOGGING
        ),
        Workload("fastapi-json", "FastAPI, JSON route", "fastapi_routes:app", "/items/7?q=abc"),
        Workload("fastapi-def", "FastAPI, `def` route (thread)", "fastapi_routes:app", "/thread"),
        Workload("sleep", "`await asyncio.sleep(0.01)`", "waiting:app", "/sleep", size=4),
        Workload("executor", "`run_in_executor`", "waiting:app", "/executor", size=4),
        Workload("echo", "10 KiB POST, echoed", "bodies:app", post=10 * 1024, size=10 * 1024),
        Workload(
            "stream", "1 MiB, streamed in parts of 64 KiB", "bodies:app", connections=16, size=1024 * 1024
        ),
    )
}
