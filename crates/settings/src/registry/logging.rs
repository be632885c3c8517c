//! What is written down.

macro_rules! logging {
    ($next:ident $($rest:ident)*; $($rows:tt)*) => { $next! { $($rest)*; $($rows)* Logging {

    /// The least important kind of message that is still logged.
    log_level: LogLevel = Choice {
        default: "info",
        reason: "Start, addresses and stop are said, requests are not.",
        placeholder: "LEVEL",
        help: "Least message shown: error, warning, info, debug",
        details: "`debug` also tells why each refused request was refused.",
        reloadable: true,
        equivalents: Equivalents {
            gunicorn: &["loglevel"],
            uvicorn: &["--log-level"],
            granian: &["--log-level"],
        },
        sample: ("debug", || Value::Text("debug".into())),
    }

    /// How a message of the error log is written.
    log_format: LogFormat = Choice {
        default: "text",
        reason: "People read it first; machines are told.",
        placeholder: "FORMAT",
        help: "Form of the error log: text, json",
        details: "`text` is for people, coloured on a terminal. `json` is one object per line.",
        reloadable: true,
        sample: ("json", || Value::Text("json".into())),
    }

    /// Where messages go; never off.
    error_log: LogTarget = Target(LogKind::Error) {
        default: "stderr",
        reason: "What every service manager and container runtime collects.",
        placeholder: "WHERE",
        help: "Messages go to: stderr, -, PATH, syslog, logging",
        details: "`syslog` is the system's own (/dev/log); `syslog:/path` is another socket, `syslog:host:port` a \
                  server that takes UDP. `logging` hands messages to Python's `logging` as the application has \
                  set it up, under the name `yett.error`.",
        reloadable: true,
        equivalents: Equivalents { gunicorn: &["errorlog", "syslog", "syslog_addr"], ..NO_EQUIVALENTS },
        sample: ("syslog:127.0.0.1:514", || Value::Text("syslog:127.0.0.1:514".into())),
    }

    /// Where one line per request goes.
    access_log: LogTarget = Target(LogKind::Access) {
        default: "off",
        reason: "A proxy in front writes one already, and it costs time on every request.",
        placeholder: "WHERE",
        help: "One line per request to: -, stderr, PATH, syslog, off",
        details: "The option alone means `-`, which is standard output. `syslog` as for the error log.",
        reloadable: true,
        equivalents: Equivalents {
            gunicorn: &["accesslog", "disable_redirect_access_to_syslog"],
            uvicorn: &["--access-log"],
            granian: &["--access-log"],
        },
        sample: ("-", || Value::Bool(true)),
    }

    /// What the line of a request says: the name of a format, or a format string.
    access_log_format: String = Text(access_format::check) {
        default: "common",
        reason: "The format that every log analyser reads, and the duration, which everybody asks for.",
        placeholder: "FORMAT",
        help: "What the access log says about a request",
        details: "`common` is the common log format, then the duration in seconds. `combined` adds Referer and \
                  User-Agent instead. `json` is one object per line, `dev` short and coloured. A format string has \
                  Gunicorn's atoms, such as `%(h)s`, and others: see docs/logging.md.",
        reloadable: true,
        equivalents: Equivalents {
            gunicorn: &["access_log_format"],
            granian: &["--access-log-fmt"],
            ..NO_EQUIVALENTS
        },
        sample: ("combined", || Value::Text("combined".into())),
    }

    /// Which kind of program the system's log takes us for.
    syslog_facility: SyslogFacility = Choice {
        default: "daemon",
        reason: "What RFC 5424 §6.2.1 has for system daemons.",
        placeholder: "NAME",
        help: "Facility of messages to syslog, like daemon or local0",
        details: "",
        reloadable: true,
        equivalents: Equivalents { gunicorn: &["syslog_facility"], ..NO_EQUIVALENTS },
        sample: ("local7", || Value::Text("local7".into())),
    }

    /// Whether each request has an identifier of its own.
    request_id: bool = Bool("Make no request identifiers") {
        default: "on",
        reason: "What ties the lines of both logs and of the application together costs next to nothing.",
        help: "Give each request an identifier, in both logs and for the application",
        details: "Taken from the `X-Request-ID` of a trusted proxy, made otherwise.",
        reloadable: true,
        sample: ("off", || Value::Bool(false)),
    }

    /// Whether the response carries it, too.
    request_id_header: bool = Bool("Do not tell clients the request's identifier") {
        default: "off",
        reason: "Clients have not asked for it, and it costs bytes on every response.",
        help: "Add X-Request-ID to responses",
        details: "",
        reloadable: true,
        sample: ("on", || Value::Bool(true)),
    }

    } } };
}
