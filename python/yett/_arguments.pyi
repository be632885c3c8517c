# Made by `cargo xtask generate` from the settings registry. Do not edit.

import os
from typing import Literal, TypedDict

class Arguments(TypedDict, total=False):
    """The settings as `yett.run` and `yett.testing.serve` take them; None leaves a setting at its default."""

    # Listening
    bind: str | int | list[str] | tuple[str, ...] | None
    """Address to listen on; may be repeated. [127.0.0.1:8000]"""
    backlog: int | None
    """Connections that the kernel may queue for each address. [2048]"""
    unix_mode: int | str | None
    """File mode of unix sockets, like 660. [umask]"""

    # Application
    interface: Literal["auto", "asgi", "wsgi"] | None
    """Interface of the application: auto, asgi, wsgi. [auto]"""
    threads: int | None
    """Most threads that run the application (WSGI). [16]"""
    request_buffering: bool | None
    """Collect the request body before calling the application (WSGI). [on]"""
    underscore_headers: Literal["drop", "allow"] | None
    """Request headers with _ in their names (WSGI): drop, allow. [drop]"""
    paste_name: str | None
    """Application in a Paste file: yett production.ini. [main]"""
    loop: Literal["auto", "asyncio", "uvloop"] | None
    """Event loop (ASGI): auto, asyncio, uvloop. [auto]"""
    lifespan: Literal["auto", "on", "off"] | None
    """Lifespan protocol (ASGI): auto, on, off. [auto]"""
    root_path: str | None
    """Prefix under which a proxy serves the application."""
    eager_tasks: bool | None
    """Begin requests at once, without a turn of the event loop (ASGI). [on]"""

    # Logging
    log_level: Literal["error", "warning", "info", "debug"] | None
    """Least message shown: error, warning, info, debug. [info]"""
    log_format: Literal["text", "json"] | None
    """Form of the error log: text, json. [text]"""
    error_log: str | os.PathLike[str] | None
    """Messages go to: stderr, -, PATH, syslog, logging. [stderr]"""
    access_log: bool | str | os.PathLike[str] | None
    """One line per request to: -, stderr, PATH, syslog, off. [off]"""
    access_log_format: str | None
    """What the access log says about a request. [common]"""
    syslog_facility: Literal["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"] | None
    """Facility of messages to syslog, like daemon or local0. [daemon]"""
    request_id: bool | None
    """Give each request an identifier, in both logs and for the application. [on]"""
    request_id_header: bool | None
    """Add X-Request-ID to responses. [off]"""

    # Behind a proxy
    trusted_proxies: str | list[str] | tuple[str, ...] | None
    """Proxies that are believed. [127.0.0.0/8,::1,unix]"""
    forwarded_headers: str | list[str] | tuple[str, ...] | None
    """Forwarding fields believed. [x-forwarded-for,x-forwarded-proto]"""
    strip_forwarded: bool | None
    """Remove forwarding headers of untrusted peers. [off]"""

    # Responses
    server_header: bool | None
    """Add `Server: yett` to responses that have no Server field. [on]"""

    # Workers
    workers: int | str | None
    """Processes that run the application, or auto. [1]"""
    supervisor: bool | None
    """Have a process of its own look after the workers. [on]"""
    preload: bool | None
    """Import the application once, and fork the workers from there. [off]"""
    balance: bool | None
    """Share new connections among the workers by their running requests. [on]"""

    # Process
    pid: str | os.PathLike[str] | None
    """Write the number of the process that takes signals to this file."""
    user: str | None
    """Run the application as this user."""
    group: str | None
    """Run the application as this group."""
    umask: int | str | None
    """Permission bits that files made by the application lack, like 027. [inherit]"""
    chdir: str | os.PathLike[str] | None
    """Change to this directory before anything is opened or imported."""

    # Replacing workers
    max_requests: int | str | Literal[False] | None
    """Replace a worker after so many requests. [off]"""
    max_requests_jitter: int | None
    """Up to so many requests more, at random for each worker. [0]"""
    max_rss: int | str | Literal[False] | None
    """Replace a worker that takes more memory than this. [off]"""
    worker_lifetime: float | str | Literal[False] | None
    """Replace a worker after this time. [off]"""
    worker_lifetime_jitter: float | str | None
    """Up to this much longer, at random for each worker. [0s]"""

    # Timeouts
    head_timeout: float | str | None
    """From the first byte of a request head to its last. [10s]"""
    keep_alive_timeout: float | str | Literal[False] | None
    """How long an idle connection is kept for the next request. [75s]"""
    body_timeout: float | str | Literal[False] | None
    """Longest pause in a request body. [30s]"""
    write_timeout: float | str | Literal[False] | None
    """How long a client may take nothing of a response that waits for it. [30s]"""
    request_timeout: float | str | Literal[False] | None
    """Longest time until a response begins (504 after it). [off]"""
    request_total_timeout: float | str | Literal[False] | None
    """Longest time until a response is complete. [off]"""
    beat_timeout: float | str | Literal[False] | None
    """How long a worker's event loop or pool may show no sign of life. [30s]"""
    gil_timeout: float | str | Literal[False] | None
    """How long one thread of a worker may hold Python's global lock. [30s]"""
    startup_timeout: float | str | Literal[False] | None
    """Longest time from a worker's start until it is ready. [60s]"""
    graceful_timeout: float | str | Literal[False] | None
    """How long running requests may go on after SIGTERM or SIGINT. [30s]"""
    drain_delay: float | str | None
    """How long connections are still taken after SIGTERM. [0s]"""
    stream_drain_timeout: float | str | Literal[False] | None
    """How long streaming responses may go on in a worker that is replaced. [5m]"""

    # Limits
    limit_request_line: int | str | None
    """Request line (414 above it). [8KiB]"""
    limit_field: int | str | None
    """One header field (431 above it). [16KiB]"""
    limit_head: int | str | None
    """Whole request head (431 above it). [64KiB]"""
    limit_fields: int | None
    """Number of header fields (431 above it). [100]"""
    limit_body: int | str | Literal[False] | None
    """Request body (413 above it). [1GiB]"""
    limit_chunk_line: int | str | None
    """Chunk-size line with its extensions (400 above it). [4KiB]"""
    limit_trailers: int | str | None
    """Trailer section of a chunked body (431 above it). [8KiB]"""
    response_spool: int | str | None
    """How much of a response may wait in a temporary file (WSGI). [1GiB]"""

    # Hooks
    when_ready: str | None
    """Call this when all workers are ready, in the supervisor."""
    worker_start: str | None
    """Call this in each new worker, before it imports the application."""
    worker_ready: str | None
    """Call this in each worker that is ready for requests."""
    worker_stop: str | None
    """Call this in each worker that begins to stop."""
    worker_exit: str | None
    """Call this in each worker, last of all."""
    on_reload: str | None
    """Call this when a reload begins, in the supervisor."""

    # Development
    reload_include: str | list[str] | tuple[str, ...] | None
    """Files whose change makes `yett dev` reload. [*.py,*.html,*.jinja,*.jinja2,*.toml,*.ini]"""
    reload_exclude: str | list[str] | tuple[str, ...] | None
    """Files and directories that `yett dev` does not watch. [none]"""
    browser_reload: bool | None
    """Have pages in the browser reload after a reload (yett dev). [on]"""
