//! The table of settings. A new setting is one row here and one field in [`Settings`](crate::Settings).
//!
//! The name gives the other spellings: `head_timeout` is `--head-timeout`, `YETT_HEAD_TIMEOUT`, and
//! `yett.run(app, head_timeout=…)`.

use crate::choices::{Interface, Lifespan, LogLevel, LoopKind, UnderscoreHeaders};
use crate::kind::{Kind, Off, Zero};

/// One setting.
pub struct Setting {
    /// Name in Python; lower case with underscores.
    pub name: &'static str,
    /// One-letter flag.
    pub short: Option<char>,
    /// Type, field and allowed values.
    pub kind: Kind,
    /// Default, as a user would write it.
    pub default: &'static str,
    /// Why this default.
    pub reason: &'static str,
    /// Group in help.
    pub section: Section,
    /// What stands for the value in help: `ADDR`, `DURATION`, …
    pub placeholder: &'static str,
    /// One line, no full stop.
    pub help: &'static str,
    /// What else there is to know: whole sentences; may be empty.
    pub details: &'static str,
}

/// The groups of settings, in the order of help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Where to listen.
    Listening,
    /// How the application is run.
    Application,
    /// What is written down.
    Logging,
    /// What is added to responses.
    Responses,
    /// How long to wait for whom.
    Timeouts,
    /// How much a request may be, and a response may leave behind.
    Limits,
}

impl Section {
    /// All sections in order.
    pub const ALL: &'static [Self] =
        &[Self::Listening, Self::Application, Self::Logging, Self::Responses, Self::Timeouts, Self::Limits];

    /// Heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Listening => "Listening",
            Self::Application => "Application",
            Self::Logging => "Logging",
            Self::Responses => "Responses",
            Self::Timeouts => "Timeouts",
            Self::Limits => "Limits",
        }
    }

    /// Whether `-h` shows it; `--help` shows all.
    pub(crate) fn in_short_help(self) -> bool {
        !matches!(self, Self::Timeouts | Self::Limits)
    }
}

impl Setting {
    /// `--head-timeout` without the dashes.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// `YETT_HEAD_TIMEOUT`.
    pub fn variable(&self) -> String {
        format!("YETT_{}", self.name.to_ascii_uppercase())
    }
}

/// The row of a name.
pub(crate) fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// A choice among the words of an enum, kept in one field.
macro_rules! choice {
    ($words:ident, $field:ident) => {
        Kind::Choice {
            words: $words::WORDS,
            store: |settings, word| match $words::from_word(word) {
                Some(value) => {
                    settings.$field = value;
                    true
                }
                None => false,
            },
            load: |settings| settings.$field.as_str(),
        }
    };
}

/// Every setting, by section.
pub static SETTINGS: &[Setting] = &[
    Setting {
        name: "bind",
        short: Some('b'),
        kind: Kind::Binds(|s| &mut s.bind),
        default: "127.0.0.1:8000",
        reason: "Loopback, so that nothing is reachable from outside before somebody asks for it; 8000 is \
                 the port of Gunicorn, Uvicorn and Django's runserver.",
        section: Section::Listening,
        placeholder: "ADDR",
        help: "Address to listen on; may be repeated",
        details: "Forms: `host:port`, `[v6]:port`, `:port` (all IPv4 interfaces), `port` (on 127.0.0.1), \
                  `unix:/path`, `fd://3` (a listening socket inherited from the parent process). Port 0 \
                  takes any free port. In the environment, several addresses are separated by commas or \
                  spaces.",
    },
    Setting {
        name: "backlog",
        short: None,
        kind: Kind::Count(|s| &mut s.backlog, 1..=65_535),
        default: "2048",
        reason: "The value of Gunicorn and Uvicorn; the kernel lowers it to net.core.somaxconn where that \
                 is less.",
        section: Section::Listening,
        placeholder: "N",
        help: "Connections that the kernel may queue for each address",
        details: "",
    },
    Setting {
        name: "unix_mode",
        short: None,
        kind: Kind::Mode(|s| &mut s.unix_mode),
        default: "umask",
        reason: "What every other program does with the files it makes.",
        section: Section::Listening,
        placeholder: "MODE",
        help: "File mode of unix sockets, like 660",
        details: "Three octal digits. Whoever may write to the socket may send requests. `umask` leaves the \
                  mode to the process's umask.",
    },
    Setting {
        name: "interface",
        short: Some('i'),
        kind: choice!(Interface, interface),
        default: "auto",
        reason: "The application tells which one it speaks.",
        section: Section::Application,
        placeholder: "NAME",
        help: "Interface of the application: auto, asgi, wsgi",
        details: "`auto` looks at the application, and says so where it cannot tell; ASGI 2 applications are \
                  adapted.",
    },
    Setting {
        name: "threads",
        short: Some('t'),
        kind: Kind::Count(|s| &mut s.threads, 1..=1024),
        default: "16",
        reason: "Room for sixteen requests that wait for a database or another service at once, which is about \
                 what the usual pools hold for one process (SQLAlchemy's 15). A parked thread costs 20 KiB and no \
                 time: measured with 32, a trivial application ran at 0.97 of its speed with one thread, and one \
                 that computes for 100 µs at 0.94.",
        section: Section::Application,
        placeholder: "N",
        help: "Most threads that run the application (WSGI)",
        details: "Only as many of them take requests as the application's own waiting calls for. With 1 no two \
                  requests run at the same time, which an application that is not thread-safe needs.",
    },
    Setting {
        name: "request_buffering",
        short: None,
        kind: Kind::Bool(
            |s| &mut s.request_buffering,
            "Let the application read the body as it arrives (WSGI)",
        ),
        default: "on",
        reason: "A client that sends slowly then holds no thread; nginx and Waitress do the same.",
        section: Section::Application,
        placeholder: "",
        help: "Collect the request body before calling the application (WSGI)",
        details: "A collected body is held in memory up to 64KiB, and in a temporary file beyond that. Without \
                  it, `wsgi.input` reads from the connection while the application runs, and a slow client \
                  holds a thread.",
    },
    Setting {
        name: "underscore_headers",
        short: None,
        kind: choice!(UnderscoreHeaders, underscore_headers),
        default: "drop",
        reason: "`X_User` and `X-User` both become `HTTP_X_USER`: a client could forge what a proxy sets. nginx \
                 drops them too.",
        section: Section::Application,
        placeholder: "WHAT",
        help: "Request headers with _ in their names (WSGI): drop, allow",
        details: "`allow` hands them to the application; then nothing in front may rely on a header whose name \
                  has a hyphen.",
    },
    Setting {
        name: "paste_name",
        short: None,
        kind: Kind::Text(|s| &mut s.paste_name, not_empty),
        default: "main",
        reason: "PasteDeploy's own default, and the section that Pyramid's templates make.",
        section: Section::Application,
        placeholder: "NAME",
        help: "Application in a Paste file: yett production.ini",
        details: "The section `[app:NAME]`, or `[pipeline:NAME]` or `[composite:NAME]`. \
                  `yett production.ini#NAME` says the same and wins.",
    },
    Setting {
        name: "loop",
        short: None,
        kind: choice!(LoopKind, loop_kind),
        default: "auto",
        reason: "Who installed uvloop wants it.",
        section: Section::Application,
        placeholder: "NAME",
        help: "Event loop (ASGI): auto, asyncio, uvloop",
        details: "`auto` takes uvloop if it is installed, asyncio otherwise.",
    },
    Setting {
        name: "lifespan",
        short: None,
        kind: choice!(Lifespan, lifespan),
        default: "auto",
        reason: "ASGI tells servers to go on when an application does not support the lifespan protocol.",
        section: Section::Application,
        placeholder: "WHEN",
        help: "Lifespan protocol (ASGI): auto, on, off",
        details: "`auto` offers it and serves without it if the application raises before it answers; `on` \
                  demands it; `off` never offers it.",
    },
    Setting {
        name: "root_path",
        short: None,
        kind: Kind::Text(|s| &mut s.root_path, normal_root_path),
        default: "",
        reason: "The application stands at the root.",
        section: Section::Application,
        placeholder: "PATH",
        help: "Prefix under which a proxy serves the application",
        details: "The `root_path` of ASGI and the `SCRIPT_NAME` of WSGI. It starts with a slash; slashes at its end are dropped.",
    },
    Setting {
        name: "eager_tasks",
        short: None,
        kind: Kind::Bool(|s| &mut s.eager_tasks, "Begin requests in the next turn of the event loop (ASGI)"),
        default: "on",
        reason: "A handler that does not wait is answered without a turn of the event loop.",
        section: Section::Application,
        placeholder: "",
        help: "Begin requests at once, without a turn of the event loop (ASGI)",
        details: "Needs Python 3.12 or later, and that the application sets no task factory.",
    },
    Setting {
        name: "log_level",
        short: None,
        kind: choice!(LogLevel, log_level),
        default: "info",
        reason: "Start, addresses and stop are said, requests are not.",
        section: Section::Logging,
        placeholder: "LEVEL",
        help: "Least important message shown: error, warning, info, debug",
        details: "Messages go to standard error. `debug` also tells why each refused request was refused.",
    },
    Setting {
        name: "access_log",
        short: None,
        kind: Kind::Output(|s| &mut s.access_log),
        default: "off",
        reason: "A proxy in front writes one already, and it costs time on every request.",
        section: Section::Logging,
        placeholder: "PATH",
        help: "Write one line per request to a file, or to standard output (-)",
        details: "Common log format, then the duration. The option alone means `-`.",
    },
    Setting {
        name: "server_header",
        short: None,
        kind: Kind::Bool(|s| &mut s.server_header, "Leave the Server field to the application"),
        default: "on",
        reason: "RFC 9110 §10.2.4 has it for finding out who has a problem; it names no version.",
        section: Section::Responses,
        placeholder: "",
        help: "Add `Server: yett` to responses that have no Server field",
        details: "",
    },
    Setting {
        name: "head_timeout",
        short: None,
        kind: Kind::Duration(|s| &mut s.head_timeout, Zero::Refused, Off::Refused),
        default: "10s",
        reason: "A head fits into a few packets; who sends it slower than this is stuck or wants to hold \
                 connections (slowloris). Apache's mod_reqtimeout begins with 20 s.",
        section: Section::Timeouts,
        placeholder: "DURATION",
        help: "From the first byte of a request head to its last",
        details: "Afterwards the answer is 408. It cannot be off.",
    },
    Setting {
        name: "keep_alive_timeout",
        short: None,
        kind: Kind::Duration(|s| &mut s.keep_alive_timeout, Zero::Refused, Off::Allowed),
        default: "75s",
        reason: "nginx's default; longer than the 60 s after which common load balancers drop an idle \
                 connection, so that they and not we close first and no request is lost between.",
        section: Section::Timeouts,
        placeholder: "DURATION",
        help: "How long an idle connection is kept for the next request",
        details: "",
    },
    Setting {
        name: "body_timeout",
        short: None,
        kind: Kind::Duration(|s| &mut s.body_timeout, Zero::Refused, Off::Allowed),
        default: "30s",
        reason: "Half of nginx's 60 s: a client that is still there sends something in that time.",
        section: Section::Timeouts,
        placeholder: "DURATION",
        help: "Longest pause in a request body",
        details: "Counted between two arrivals while the body is waited for, by the application or, where it \
                  is collected first (`request_buffering`), by Yett; not over the whole body.",
    },
    Setting {
        name: "write_timeout",
        short: None,
        kind: Kind::Duration(|s| &mut s.write_timeout, Zero::Refused, Off::Allowed),
        default: "30s",
        reason: "Half of nginx's 60 s, for the same reason.",
        section: Section::Timeouts,
        placeholder: "DURATION",
        help: "How long a client may take nothing of a response that waits for it",
        details: "Afterwards the connection is closed. What is spooled (`response_spool`) waits for the client \
                  as well.",
    },
    Setting {
        name: "graceful_timeout",
        short: None,
        kind: Kind::Duration(|s| &mut s.graceful_timeout, Zero::Allowed, Off::Allowed),
        default: "30s",
        reason: "Gunicorn's default, and the time that Kubernetes gives a pod to end.",
        section: Section::Timeouts,
        placeholder: "DURATION",
        help: "How long running requests may go on after SIGTERM or SIGINT",
        details: "A second signal ends the server at once.",
    },
    Setting {
        name: "limit_request_line",
        short: None,
        kind: Kind::Buffer(|s| &mut s.limit_request_line, 256),
        default: "8KiB",
        reason: "RFC 9112 §3 asks for at least 8000 bytes; Apache's and nginx's default.",
        section: Section::Limits,
        placeholder: "SIZE",
        help: "Request line (414 above it)",
        details: "",
    },
    Setting {
        name: "limit_field",
        short: None,
        kind: Kind::Buffer(|s| &mut s.limit_field, 256),
        default: "16KiB",
        reason: "Room for four cookies of the 4096 bytes that browsers allow; Node's limit for the whole \
                 head.",
        section: Section::Limits,
        placeholder: "SIZE",
        help: "One header field (431 above it)",
        details: "",
    },
    Setting {
        name: "limit_head",
        short: None,
        kind: Kind::Buffer(|s| &mut s.limit_head, 1024),
        default: "64KiB",
        reason: "Uvicorn's limit.",
        section: Section::Limits,
        placeholder: "SIZE",
        help: "Whole request head (431 above it)",
        details: "",
    },
    Setting {
        name: "limit_fields",
        short: None,
        kind: Kind::Count(|s| &mut s.limit_fields, 1..=10_000),
        default: "100",
        reason: "The limit of Apache, Gunicorn and hyper.",
        section: Section::Limits,
        placeholder: "N",
        help: "Number of header fields (431 above it)",
        details: "",
    },
    Setting {
        name: "limit_body",
        short: None,
        kind: Kind::Size(|s| &mut s.limit_body, Off::Allowed),
        default: "1GiB",
        reason: "Apache's default since 2.4.53. Bodies are streamed, or collected in a file, so it protects \
                 the disk, not the memory.",
        section: Section::Limits,
        placeholder: "SIZE",
        help: "Request body (413 above it)",
        details: "",
    },
    Setting {
        name: "limit_chunk_line",
        short: None,
        kind: Kind::Buffer(|s| &mut s.limit_chunk_line, 16),
        default: "4KiB",
        reason: "Nobody uses chunk extensions; unbounded ones let a client send much and say nothing \
                 (CVE-2023-39326).",
        section: Section::Limits,
        placeholder: "SIZE",
        help: "Chunk-size line with its extensions (400 above it)",
        details: "",
    },
    Setting {
        name: "limit_trailers",
        short: None,
        kind: Kind::Buffer(|s| &mut s.limit_trailers, 256),
        default: "8KiB",
        reason: "Checksums and signatures are all that trailers carry.",
        section: Section::Limits,
        placeholder: "SIZE",
        help: "Trailer section of a chunked body (431 above it)",
        details: "",
    },
    Setting {
        name: "response_spool",
        short: None,
        kind: Kind::Size(|s| &mut s.response_spool, Off::Refused),
        default: "1GiB",
        reason: "nginx's proxy_max_temp_file_size.",
        section: Section::Limits,
        placeholder: "SIZE",
        help: "How much of a response may wait in a temporary file (WSGI)",
        details: "Counted for each response whose client takes it more slowly than the application makes it. \
                  Above it, and from the start with 0, the thread waits for the client.",
    },
];

/// A name of which nothing is asked but that there is one.
fn not_empty(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("a name is needed".into()) } else { Ok(text.into()) }
}

/// A prefix like `/app`: what ASGI servers put in front of `path`, and what applications put in front of
/// their links.
fn normal_root_path(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    if !text.starts_with('/') {
        return Err(format!("must start with a slash: /{text}"));
    }
    if let Some(c) = text.chars().find(|&c| c.is_control() || matches!(c, '?' | '#')) {
        return Err(format!("contains {c:?}, which no path can"));
    }
    Ok(text.trim_end_matches('/').into())
}
