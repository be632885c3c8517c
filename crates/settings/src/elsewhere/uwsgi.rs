//! uWSGI: the usual options of an `.ini` file without an equivalent.

use super::{
    ENVIRONMENT, HTTP2, METRICS, PATHS, PROCESS_NAME, RELOAD, SHARED_SOCKET, STATIC, TLS, Unmatched,
    WEBSOCKET, unmatched,
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
    (&["processes", "workers"], "workers"),
    (&["lazy", "lazy-apps"], "preload"),
    (&["harakiri"], "request_timeout"),
    (&["max-requests"], "max_requests"),
    (&["max-requests-delta"], "max_requests_jitter"),
    (&["max-worker-lifetime"], "worker_lifetime"),
    (&["reload-on-rss", "evil-reload-on-rss"], "max_rss"),
    (&["pidfile", "pidfile2", "safe-pidfile", "safe-pidfile2"], "pid"),
    (&["uid"], "user"),
    (&["gid"], "group"),
    (&["umask"], "umask"),
    (&["chdir", "chdir2"], "chdir"),
];

pub(super) static UNMATCHED: &[Unmatched] = &[
    unmatched(
        &["master"],
        "There is nothing to switch: a supervisor looks after the workers, unless `supervisor = false`.",
    ),
    unmatched(
        &["cheaper", "cheaper-initial", "cheaper-step", "cheaper-algo"],
        "Yett keeps as many workers as `workers` says; SIGTTIN and SIGTTOU change the number.",
    ),
    unmatched(
        &["min-worker-lifetime", "max-worker-lifetime-delta"],
        "Yett replaces one worker at a time in any case; worker_lifetime_jitter spreads the replacements.",
    ),
    unmatched(
        &["reload-on-as", "evil-reload-on-as"],
        "Address space says little about memory in use; max_rss goes by what is resident.",
    ),
    unmatched(&["thunder-lock", "reuse-port"], SHARED_SOCKET),
    unmatched(
        &["cpu-affinity"],
        "The system shares out the CPUs; `taskset` or systemd's CPUAffinity= restricts them.",
    ),
    unmatched(
        &["harakiri-verbose"],
        "There is nothing to switch: what a request was doing that took too long stands in the log.",
    ),
    unmatched(
        &["http-timeout", "http-connect-timeout"],
        "Clients that are too slow meet head_timeout, body_timeout and write_timeout.",
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
    unmatched(&["env", "for-env"], ENVIRONMENT),
    unmatched(&["chown-socket"], "A unix socket belongs to the user and group that `user` and `group` name."),
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
