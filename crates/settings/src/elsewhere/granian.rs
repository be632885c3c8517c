//! Granian: the options of its command line without an equivalent.

use super::{
    DIRECTORY, ENVIRONMENT, HTTP2, LOG_CONFIG, METRICS, PID_FILE, PROCESS_NAME, PROCESSES, RELOAD, SHEDDING,
    STATIC, TLS, Unmatched, WEBSOCKET, unmatched,
};

const RUNTIME: &str = "Yett has no runtime beside the application's threads: the thread that reads a request runs the \
                       application.";

pub(super) static UNMATCHED: &[Unmatched] = &[
    unmatched(&["--http"], HTTP2),
    unmatched(&["--ws"], WEBSOCKET),
    unmatched(
        &[
            "--workers",
            "--respawn-failed-workers",
            "--respawn-interval",
            "--rss-sample-interval",
            "--rss-samples",
            "--workers-lifetime",
            "--workers-max-rss",
        ],
        PROCESSES,
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
    unmatched(&["--working-dir"], DIRECTORY),
    unmatched(&["--env-files"], ENVIRONMENT),
    unmatched(
        &["--static-path-route", "--static-path-mount", "--static-path-dir-to-file", "--static-path-expires"],
        STATIC,
    ),
    unmatched(&["--metrics", "--metrics-scrape-interval", "--metrics-address", "--metrics-port"], METRICS),
    unmatched(
        &[
            "--reload",
            "--reload-paths",
            "--reload-ignore-dirs",
            "--reload-ignore-patterns",
            "--reload-ignore-paths",
            "--reload-tick",
            "--reload-ignore-worker-failure",
        ],
        RELOAD,
    ),
    unmatched(&["--process-name"], PROCESS_NAME),
    unmatched(&["--pid-file"], PID_FILE),
    unmatched(&["--version"], "`yett --version`."),
];
