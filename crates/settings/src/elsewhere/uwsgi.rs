//! uWSGI: the usual options of an `.ini` file without an equivalent.

use super::{
    DIRECTORY, ENVIRONMENT, HTTP2, METRICS, PATHS, PID_FILE, PROCESS_NAME, PROCESSES, RELOAD, STATIC, TLS,
    USER, Unmatched, WEBSOCKET, unmatched,
};

const ALWAYS: &str = "There is nothing to switch: Yett does so by itself.";
const NO_PLUGINS: &str = "Yett has no plugins and runs Python only.";
const SERVICES: &str =
    "Yett serves requests only; background work belongs to a task queue, timers to cron or systemd.";
const EMPEROR: &str = "Yett serves one application in each process; systemd keeps many.";
const ASYNC: &str = "Yett runs WSGI in threads and ASGI in an event loop; green threads are not supported.";

/// What `yett migrate` carries over, and the settings that it becomes; the application is `app`.
pub(super) static MATCHED: &[(&[&str], &str)] = &[
    (&["module", "wsgi", "wsgi-file", "file", "callable", "paste", "mount"], "app"),
    (&["http", "http-socket", "socket", "uwsgi-socket"], "bind"),
    (&["listen"], "backlog"),
    (&["chmod-socket"], "unix_mode"),
    (&["threads"], "threads"),
    (&["post-buffering"], "request_buffering"),
    (&["logto", "logger", "log-syslog", "daemonize"], "error_log"),
    (&["req-logger", "disable-logging"], "access_log"),
    (&["http-keepalive"], "keep_alive_timeout"),
    (&["socket-timeout"], "body_timeout"),
    (&["worker-reload-mercy", "reload-mercy"], "graceful_timeout"),
    (&["buffer-size"], "limit_head"),
    (&["limit-post"], "limit_body"),
];

pub(super) static UNMATCHED: &[Unmatched] = &[
    unmatched(
        &[
            "master",
            "processes",
            "workers",
            "cheaper",
            "cheaper-initial",
            "cheaper-step",
            "cheaper-algo",
            "max-requests",
            "max-requests-delta",
            "max-worker-lifetime",
            "min-worker-lifetime",
            "reload-on-rss",
            "reload-on-as",
            "evil-reload-on-rss",
            "evil-reload-on-as",
            "lazy",
            "lazy-apps",
            "thunder-lock",
            "reuse-port",
            "cpu-affinity",
        ],
        PROCESSES,
    ),
    unmatched(
        &["harakiri", "harakiri-verbose", "http-timeout", "http-connect-timeout"],
        "Yett does not interrupt the application. Clients that are too slow meet head_timeout, body_timeout and \
         write_timeout.",
    ),
    unmatched(
        &["enable-threads", "single-interpreter", "need-app", "die-on-term", "vacuum", "http-auto-chunked"],
        ALWAYS,
    ),
    unmatched(
        &["no-orphans", "strict", "ignore-sigpipe", "ignore-write-errors", "disable-write-exception"],
        ALWAYS,
    ),
    unmatched(&["so-keepalive"], "Yett's own timeouts end connections on which nothing moves."),
    unmatched(&["plugin", "plugins", "plugins-dir", "protocol"], NO_PLUGINS),
    unmatched(
        &["virtualenv", "venv", "home", "pyhome"],
        "Start the `yett` that is installed in that environment: `venv/bin/yett`.",
    ),
    unmatched(&["pythonpath", "python-path", "pp"], PATHS),
    unmatched(&["chdir", "chdir2"], DIRECTORY),
    unmatched(&["env", "for-env"], ENVIRONMENT),
    unmatched(&["uid", "gid", "chown-socket"], USER),
    unmatched(&["pidfile", "pidfile2", "safe-pidfile"], PID_FILE),
    unmatched(&["procname", "procname-prefix", "procname-prefix-spaced", "auto-procname"], PROCESS_NAME),
    unmatched(&["stats", "stats-server", "memory-report", "metric", "carbon", "statsd"], METRICS),
    unmatched(
        &["py-autoreload", "python-autoreload", "touch-reload", "touch-chain-reload", "fs-reload"],
        RELOAD,
    ),
    unmatched(
        &["static-map", "static-map2", "check-static", "static-index", "static-expires", "offload-threads"],
        STATIC,
    ),
    unmatched(&["https", "https2", "https-socket", "ssl-option"], TLS),
    unmatched(&["http2", "http2-socket"], HTTP2),
    unmatched(&["http-websockets"], WEBSOCKET),
    unmatched(&["gevent", "gevent-monkey-patch", "gevent-early-monkey-patch", "async", "ugreen"], ASYNC),
    unmatched(
        &["http-to", "http-processes", "http-raw-body", "http-chunked-input"],
        "Yett reads HTTP itself; there is no router in front of the workers.",
    ),
    unmatched(
        &["manage-script-name", "route", "route-run"],
        "Yett serves one application; root_path is the prefix under which a proxy serves it.",
    ),
    unmatched(
        &[
            "spooler",
            "mule",
            "mules",
            "cron",
            "cron2",
            "attach-daemon",
            "smart-attach-daemon",
            "lock-engine",
            "cache2",
            "queue",
        ],
        SERVICES,
    ),
    unmatched(&["emperor", "vassals", "zerg"], EMPEROR),
    unmatched(
        &[
            "log-date",
            "log-encoder",
            "log-maxsize",
            "log-backupname",
            "logformat-strftime",
            "log-x-forwarded-for",
            "log-4xx",
            "log-5xx",
            "log-slow",
            "log-micros",
        ],
        "Yett's logs have their own form (access_log_format, log_format); logrotate turns the files over.",
    ),
    unmatched(
        &["limit-as", "rlimit-nofile", "max-fd"],
        "Limits of a process are set where it is started (`ulimit`, systemd's `Limit…=`).",
    ),
];
