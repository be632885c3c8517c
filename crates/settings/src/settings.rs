//! The values: plain typed fields for the rest of the house to read, and the one way in which they are
//! written.

use std::fmt;
use std::time::Duration;

use crate::bind::Bind;
use crate::choices::{AccessLog, Interface, Lifespan, LogLevel, LoopKind, UnderscoreHeaders};
use crate::kind::Value;
use crate::nearest::{did_you_mean, nearest};
use crate::registry::{self, SETTINGS};

/// Every setting with its value. A timeout that is `off` holds [`FOREVER`](crate::FOREVER), a limit that is
/// `off` holds `u64::MAX`. What each means, and why its default is what it is, stands in the registry.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Addresses to listen on; never empty.
    pub bind: Vec<Bind>,
    /// Connections that the kernel may queue for each listener.
    pub backlog: usize,
    /// Permission bits of unix sockets; `None` leaves them to the umask.
    pub unix_mode: Option<u32>,
    /// Which interface the application speaks.
    pub interface: Interface,
    /// Most threads that run a WSGI application.
    pub threads: usize,
    /// Whether a request body is collected before a WSGI application is called.
    pub request_buffering: bool,
    /// What becomes of request headers with an underscore in their names (WSGI).
    pub underscore_headers: UnderscoreHeaders,
    /// Which application of a Paste file is served; never empty.
    pub paste_name: String,
    /// Which event loop runs an ASGI application.
    pub loop_kind: LoopKind,
    /// Whether that takes part in the lifespan protocol.
    pub lifespan: Lifespan,
    /// Prefix under which the application is mounted: empty, or `/prefix` without a slash at its end.
    pub root_path: String,
    /// Whether a request's task takes its first step at once (Python 3.12 or later).
    pub eager_tasks: bool,
    /// Whether responses say `Server: yett`.
    pub server_header: bool,
    /// From the first byte of a request head to its last.
    pub head_timeout: Duration,
    /// From the end of a response to the first byte of the next request.
    pub keep_alive_timeout: Duration,
    /// Between two arrivals of body bytes that the application waits for.
    pub body_timeout: Duration,
    /// How long a client may take nothing of what is ready for it.
    pub write_timeout: Duration,
    /// How long running requests may go on after a signal to stop.
    pub graceful_timeout: Duration,
    /// Bytes of the request line.
    pub limit_request_line: usize,
    /// Bytes of one header field.
    pub limit_field: usize,
    /// Bytes of a whole request head.
    pub limit_head: usize,
    /// Number of header fields.
    pub limit_fields: usize,
    /// Bytes of a request body.
    pub limit_body: u64,
    /// Bytes of a chunk-size line with its extensions.
    pub limit_chunk_line: usize,
    /// Bytes of a trailer section.
    pub limit_trailers: usize,
    /// Bytes of a response that may wait for its client in a temporary file (WSGI).
    pub response_spool: u64,
    /// The least important kind of message that is still logged.
    pub log_level: LogLevel,
    /// Where one line per request goes; `None` writes none.
    pub access_log: Option<AccessLog>,
}

impl Default for Settings {
    /// The registry's defaults.
    fn default() -> Self {
        let mut settings = Self::blank();
        for setting in SETTINGS {
            let stored = setting.kind.store(&mut settings, &[setting.default.to_owned()]);
            // A constant of the table, and a test reads every one of them.
            debug_assert_eq!(stored, Ok(()), "default of {}", setting.name);
        }
        settings
    }
}

impl Settings {
    /// Sets one setting by its name, as `yett.run(app, name=value)` does. On an error nothing has changed.
    pub fn set(&mut self, name: &str, value: Value) -> Result<(), SettingError> {
        let Some(setting) = registry::find(name) else {
            let known = nearest(name, SETTINGS.iter().map(|setting| setting.name));
            return Err(SettingError::Unknown { name: name.into(), nearest: known });
        };
        let shown = match &value {
            Value::Text(text) => format!("{name}={text:?}"),
            _ => name.to_owned(),
        };
        let texts = setting.kind.texts(value).map_err(|reason| SettingError::invalid(&shown, reason))?;
        setting.kind.store(self, &texts).map_err(|reason| SettingError::invalid(&shown, reason))
    }

    /// The value of a setting as a user would write it, or `None` for an unknown name.
    pub fn show(&self, name: &str) -> Option<String> {
        // The registry has one accessor per field, which hands out `&mut`; reading through a copy keeps it at
        // one.
        registry::find(name).map(|setting| setting.kind.show(&mut self.clone()))
    }

    /// What the defaults are then written over; never seen outside.
    fn blank() -> Self {
        Self {
            bind: Vec::new(),
            backlog: 0,
            unix_mode: None,
            interface: Interface::Auto,
            threads: 0,
            request_buffering: false,
            underscore_headers: UnderscoreHeaders::Drop,
            paste_name: String::new(),
            loop_kind: LoopKind::Auto,
            lifespan: Lifespan::Auto,
            root_path: String::new(),
            eager_tasks: false,
            server_header: false,
            head_timeout: Duration::ZERO,
            keep_alive_timeout: Duration::ZERO,
            body_timeout: Duration::ZERO,
            write_timeout: Duration::ZERO,
            graceful_timeout: Duration::ZERO,
            limit_request_line: 0,
            limit_field: 0,
            limit_head: 0,
            limit_fields: 0,
            limit_body: 0,
            limit_chunk_line: 0,
            limit_trailers: 0,
            response_spool: 0,
            log_level: LogLevel::Error,
            access_log: None,
        }
    }
}

/// Why a setting was not accepted. Its text is one line that names the setting as the user wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingError {
    /// There is no such setting.
    Unknown {
        /// The name given.
        name: String,
        /// The known name nearest to it, if one is near.
        nearest: Option<&'static str>,
    },
    /// The setting exists, its value is wrong.
    Invalid {
        /// The setting and its value as given: `--head-timeout 10x`, `YETT_BIND=…`, `head_timeout="10x"`.
        given: String,
        /// What is wrong with it, as the rest of the sentence.
        reason: String,
    },
}

impl SettingError {
    pub(crate) fn invalid(given: &str, reason: String) -> Self {
        Self::Invalid { given: given.into(), reason }
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name, nearest } => {
                write!(f, "unknown setting '{name}'{}", did_you_mean(*nearest))
            }
            Self::Invalid { given, reason } => write!(f, "{given}: {reason}"),
        }
    }
}

impl std::error::Error for SettingError {}
