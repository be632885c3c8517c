"""Calls for mypy to judge, not to be run: `make lint` fails when a right one is refused, and when a wrong one is not
(a comment that silences no error is one itself: `warn_unused_ignores`)."""

from pathlib import Path
from typing import Any

import yett
from yett.testing import serve


def app() -> None:
    """What is served is not the subject."""


def right() -> None:
    yett.run("app:app")
    yett.run(app, bind=["127.0.0.1:8000", "unix:/run/app.sock"], loop="uvloop", lifespan="on")
    yett.run(app, bind=8000, threads=4, unix_mode=0o660, root_path="/api")
    yett.run(app, head_timeout=2.5, keep_alive_timeout="75s", body_timeout=False, write_timeout=None)
    yett.run(app, limit_head=65536, limit_body="1GiB", response_spool=0)
    yett.run(app, access_log=Path("access.log"), log_level="debug", server_header=False)
    yett.run(app, error_log="logging", trusted_proxies=["10.0.0.0/8", "unix"], syslog_facility="local0")
    with serve(app, interface="wsgi", threads=1) as server:
        print(server.url)


def settings_from_elsewhere(options: dict[str, Any]) -> None:
    yett.run(app, **options)


def wrong_names() -> None:
    yett.run(app, timeout=5)  # type: ignore[call-arg]
    yett.run(app, head_timout=5)  # type: ignore[call-arg]
    with serve(app, thread=1):  # type: ignore[call-arg]
        pass


def wrong_values() -> None:
    yett.run(app, loop="trio")  # type: ignore[arg-type]
    yett.run(app, log_level=10)  # type: ignore[arg-type]
    yett.run(app, threads="4")  # type: ignore[arg-type]
    yett.run(app, head_timeout=[10])  # type: ignore[arg-type]
    yett.run(app, limit_body=1.5)  # type: ignore[arg-type]
    yett.run(app, access_log=3.5)  # type: ignore[arg-type]
    yett.run(app, bind={"host": "127.0.0.1"})  # type: ignore[arg-type]
    with serve(app, server_header="off"):  # type: ignore[arg-type]
        pass
