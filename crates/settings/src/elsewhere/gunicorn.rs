//! Gunicorn: the settings of `gunicorn.config` without an equivalent.

use super::{
    BACKGROUND, ENVIRONMENT, HTTP2, LOG_CONFIG, METRICS, PATHS, PROCESS_NAME, RELOAD, RELOAD_DETAIL,
    SHARED_SOCKET, TLS, Unmatched, WEBSOCKET, unmatched,
};

const STRICT: &str = "Yett's parser is strict and has no switches: what they let through has been used to smuggle \
                      requests past a proxy.";
const HOOK: &str = "yett.toml holds no code: it names functions of modules (when_ready, worker_start, …: docs/hooks.md). \
                    `yett --config gunicorn.conf.py` reads that file as it is and calls this hook.";
const REQUEST_HOOK: &str =
    "Yett calls no hook around each request; a middleware of the application sees the same.";
const DIRTY: &str = "Yett has no second pool of processes for long work; a task queue does that.";
const CONTROL: &str = "Yett has no control socket; signals stop it.";

pub(super) static UNMATCHED: &[Unmatched] = &[
    unmatched(
        &["config"],
        "`yett --config PATH` does the same, with a yett.toml or with a gunicorn.conf.py.",
    ),
    unmatched(&["wsgi_app"], "The application is named as `yett APP`, or as `app` in yett.toml."),
    unmatched(&["reuse_port"], SHARED_SOCKET),
    unmatched(&["worker_tmp_dir"], "Yett's workers need no heartbeat file."),
    unmatched(
        &["worker_connections"],
        "Yett has no limit on connections but the system's on open files (`ulimit -n`); an idle one costs 0.75 KiB.",
    ),
    unmatched(&["reload"], RELOAD),
    unmatched(&["reload_engine"], RELOAD_DETAIL),
    unmatched(&["spew"], "It traces every line that Python runs; `python -m trace` does so for any program."),
    unmatched(&["check_config"], "`yett check` validates the settings and imports the application."),
    unmatched(&["print_config"], "`yett config` prints the settings in effect, and where each comes from."),
    unmatched(
        &["sendfile"],
        "There is nothing to switch: what `wsgi.file_wrapper` wraps goes out by sendfile if it is a real file.",
    ),
    unmatched(&["daemon"], BACKGROUND),
    unmatched(&["enable_stdio_inheritance"], "Yett keeps standard output and error as they are."),
    unmatched(&["capture_output"], "Yett leaves the application's standard output and error where they go."),
    unmatched(&["raw_env"], ENVIRONMENT),
    unmatched(&["initgroups"], "There is nothing to switch: a worker has the groups of its user."),
    unmatched(
        &["tmp_upload_dir"],
        "Collected bodies wait in the system's temporary directory, which TMPDIR names.",
    ),
    unmatched(
        &["secure_scheme_headers"],
        "Yett takes the scheme from the Forwarded or X-Forwarded-Proto of a trusted proxy; have it send one of them.",
    ),
    unmatched(
        &["forwarder_headers"],
        "A trusted proxy sets the prefix by X-Forwarded-Prefix; Yett takes no other variable from a header.",
    ),
    unmatched(&["logger_class", "logconfig", "logconfig_dict", "logconfig_json"], LOG_CONFIG),
    unmatched(&["syslog_prefix"], "Yett's lines in syslog have one name, `yett`."),
    unmatched(&["statsd_host", "dogstatsd_tags", "statsd_prefix", "enable_backlog_metric"], METRICS),
    unmatched(&["proc_name", "default_proc_name"], PROCESS_NAME),
    unmatched(&["pythonpath"], PATHS),
    unmatched(&["paste"], "A Paste file is named as the application: `yett production.ini`."),
    unmatched(&["raw_paste_global_conf"], "Write these into the `[DEFAULT]` section of the Paste file."),
    unmatched(
        &[
            "on_starting",
            "on_reload",
            "when_ready",
            "pre_fork",
            "post_fork",
            "post_worker_init",
            "worker_int",
            "pre_exec",
            "child_exit",
            "worker_exit",
            "nworkers_changed",
            "on_exit",
        ],
        HOOK,
    ),
    unmatched(
        &["worker_abort"],
        "What a worker was doing that takes too long stands in the log, with all stacks; nothing calls this hook.",
    ),
    unmatched(&["pre_request", "post_request"], REQUEST_HOOK),
    unmatched(
        &[
            "keyfile",
            "certfile",
            "ca_certs",
            "cert_reqs",
            "ciphers",
            "ssl_version",
            "ssl_context",
            "suppress_ragged_eofs",
            "do_handshake_on_connect",
        ],
        TLS,
    ),
    unmatched(
        &["protocol", "uwsgi_allow_ips"],
        "Yett speaks HTTP only; in nginx, `uwsgi_pass` becomes `proxy_pass`.",
    ),
    unmatched(
        &[
            "http_protocols",
            "http2_cleartext",
            "http2_max_concurrent_streams",
            "http2_initial_window_size",
            "http2_max_frame_size",
            "http2_max_header_list_size",
        ],
        HTTP2,
    ),
    unmatched(
        &[
            "permit_obsolete_folding",
            "strip_header_spaces",
            "permit_unconventional_http_method",
            "permit_unconventional_http_version",
            "casefold_http_method",
        ],
        STRICT,
    ),
    unmatched(&["http_parser"], "Yett has one parser."),
    unmatched(
        &["asgi_disconnect_grace_period"],
        "When the client goes, Yett tells the application (http.disconnect) and lets it finish in its own time.",
    ),
    unmatched(&["websocket_max_message_size"], WEBSOCKET),
    unmatched(
        &[
            "dirty_apps",
            "dirty_workers",
            "dirty_timeout",
            "dirty_threads",
            "dirty_graceful_timeout",
            "on_dirty_starting",
            "dirty_post_fork",
            "dirty_worker_init",
            "dirty_worker_exit",
        ],
        DIRTY,
    ),
    unmatched(&["control_socket", "control_socket_mode", "control_socket_disable"], CONTROL),
];
