//! Granian: the options of its command line without an equivalent.

use super::{
    ENVIRONMENT, HTTP2, LOG_CONFIG, METRICS, PROCESS_NAME, RELOAD, RELOAD_DETAIL, SHEDDING, STATIC, TLS,
    Unmatched, WEBSOCKET, unmatched,
};

const RUNTIME: &str = "Yett has no runtime beside the application's threads: the thread that reads a request runs the \
                       application.";

pub(super) static UNMATCHED: &[Unmatched] = &[
    unmatched(&["--http"], HTTP2),
    unmatched(&["--ws"], WEBSOCKET),
    unmatched(
        &["--respawn-failed-workers", "--respawn-interval"],
        "Yett always replaces a worker that has failed: at once, and after growing pauses while it keeps failing early.",
    ),
    unmatched(
        &["--rss-sample-interval", "--rss-samples"],
        "Yett has its own interval for max_rss; its replacement of a worker loses no request, so one sample decides.",
    ),
    unmatched(
        &["--blocking-threads-idle-timeout"],
        "Yett's idle threads are parked and cost 20 KiB each; they stay.",
    ),
    unmatched(&["--runtime-threads", "--runtime-blocking-threads", "--runtime-mode"], RUNTIME),
    unmatched(
        &["--task-impl"],
        "Every request of an ASGI application is a real asyncio.Task; see also eager_tasks.",
    ),
    unmatched(&["--backpressure"], SHEDDING),
    unmatched(
        &["--http1-keep-alive"],
        "Connections are always kept for further requests; keep_alive_timeout says how long.",
    ),
    unmatched(
        &["--http1-pipeline-flush"],
        "There is nothing to switch: pipelined requests are answered in their order.",
    ),
    unmatched(
        &[
            "--http2-adaptive-window",
            "--http2-initial-connection-window-size",
            "--http2-initial-stream-window-size",
            "--http2-keep-alive-interval",
            "--http2-keep-alive-timeout",
            "--http2-max-concurrent-streams",
            "--http2-max-frame-size",
            "--http2-max-headers-size",
            "--http2-max-send-buffer-size",
        ],
        HTTP2,
    ),
    unmatched(
        &["--log"],
        "Yett's messages cannot be switched off; `log_level = \"error\"` leaves only failures.",
    ),
    unmatched(&["--log-config"], LOG_CONFIG),
    unmatched(
        &[
            "--ssl-certificate",
            "--ssl-keyfile",
            "--ssl-keyfile-password",
            "--ssl-protocol-min",
            "--ssl-ca",
            "--ssl-crl",
            "--ssl-client-verify",
        ],
        TLS,
    ),
    unmatched(&["--factory"], "A factory is named as a call: `yett 'app:create_app()'`."),
    unmatched(&["--env-files"], ENVIRONMENT),
    unmatched(
        &["--static-path-route", "--static-path-mount", "--static-path-dir-to-file", "--static-path-expires"],
        STATIC,
    ),
    unmatched(&["--metrics", "--metrics-scrape-interval", "--metrics-address", "--metrics-port"], METRICS),
    unmatched(&["--reload"], RELOAD),
    unmatched(&["--reload-paths", "--reload-tick"], RELOAD_DETAIL),
    unmatched(
        &["--reload-ignore-patterns"],
        "Yett's reload_exclude takes patterns like `*.log`, no regular expressions.",
    ),
    unmatched(
        &["--reload-ignore-worker-failure"],
        "There is nothing to switch: `yett dev` waits for the next change when the application fails.",
    ),
    unmatched(&["--process-name"], PROCESS_NAME),
    unmatched(&["--version"], "`yett --version`."),
];
