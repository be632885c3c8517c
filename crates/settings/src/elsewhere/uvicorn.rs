//! Uvicorn: the options of its command line without an equivalent.

use super::{
    ENVIRONMENT, HTTP2, LOG_CONFIG, RELOAD, RELOAD_DETAIL, SHEDDING, TLS, Unmatched, WEBSOCKET, unmatched,
};

pub(super) static UNMATCHED: &[Unmatched] = &[
    unmatched(&["--reload"], RELOAD),
    unmatched(&["--reload-dir", "--reload-delay"], RELOAD_DETAIL),
    unmatched(&["--http"], "Yett has one parser."),
    unmatched(&["--http2"], HTTP2),
    unmatched(
        &[
            "--ws",
            "--ws-max-size",
            "--ws-max-queue",
            "--ws-ping-interval",
            "--ws-ping-timeout",
            "--ws-per-message-deflate",
        ],
        WEBSOCKET,
    ),
    unmatched(&["--env-file"], ENVIRONMENT),
    unmatched(&["--log-config"], LOG_CONFIG),
    unmatched(&["--use-colors"], "Yett colours its messages where standard error is a terminal."),
    unmatched(
        &["--date-header"],
        "Every response has a Date field, as RFC 9110 §6.6.1 asks of a server with a clock.",
    ),
    unmatched(&["--header"], "Fields of every response are the application's to set, or the proxy's."),
    unmatched(&["--limit-concurrency"], SHEDDING),
    unmatched(
        &[
            "--ssl-keyfile",
            "--ssl-certfile",
            "--ssl-keyfile-password",
            "--ssl-version",
            "--ssl-cert-reqs",
            "--ssl-ca-certs",
            "--ssl-ciphers",
        ],
        TLS,
    ),
    unmatched(&["--version"], "`yett --version`."),
    unmatched(&["--app-dir"], "Start Yett in that directory, or name the file: `yett src/app.py:app`."),
    unmatched(&["--factory"], "A factory is named as a call: `yett 'app:create_app()'`."),
    unmatched(
        &["--reset-contextvars"],
        "There is nothing to switch: every request gets a fresh copy of the context in which the application started up.",
    ),
];
