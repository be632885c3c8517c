//! The access log: one line per request, in the common log format with the duration behind it.
//!
//! Off by default. Lines are collected and written together at the end of a tick, by one `write` call: no request
//! waits for the log, and no Python runs for it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use yett_net::{Peer, clock};
use yett_proto::request::{RequestHead, Version};
use yett_settings::AccessLog;

use crate::settings::Settings;
use crate::{civil, log};

/// Collected bytes above which a line is not kept for the end of the tick.
const FLUSH_AT: usize = 32 * 1024;

/// The status of a request whose client has gone before it got any (nginx's number).
pub const CLIENT_GONE: u16 = 499;

/// What the line of one request needs, gathered while it runs.
pub struct Record {
    request_line: String,
    peer: Peer,
    began_micros: u64,
    /// Status of the response; [`CLIENT_GONE`] if it never got one.
    pub status: u16,
    /// Bytes of the body that the application has sent; 0 for answers of ours.
    pub body_bytes: u64,
}

/// Where the lines go. Any thread may write.
pub struct Writer {
    state: Mutex<State>,
}

struct State {
    out: Box<dyn io::Write + Send>,
    lines: String,
    lost: u64,
    /// The time of the last line, and how it is written.
    time: (u64, String),
}

impl Record {
    pub fn new(head: &RequestHead<'_>, peer: Peer) -> Self {
        let version = if head.version() == Version::Http10 { "HTTP/1.0" } else { "HTTP/1.1" };
        // Method and target hold visible ASCII only; a quote could end the field early.
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\\', "\\\\").replace('"', "\\\"");
        Self {
            request_line: format!("{} {} {version}", text(head.method()), text(head.target())),
            peer,
            began_micros: clock::now_micros(),
            status: CLIENT_GONE,
            body_bytes: 0,
        }
    }

    /// The record of a request that was refused before it was understood; `-` stands for its first line.
    pub fn of_refusal(peer: Peer, status: u16) -> Self {
        Self { request_line: "-".to_owned(), peer, began_micros: clock::now_micros(), status, body_bytes: 0 }
    }
}

/// Makes sure that the access log of `settings` can be written, before anything is started.
///
/// # Errors
/// `OSError` whose text says which file, and why not.
#[pyfunction]
pub fn check_access_log(settings: &Settings) -> PyResult<()> {
    match &settings.values.access_log {
        Some(target @ AccessLog::Path(path)) => append(path).map(drop).map_err(|error| {
            let reason = format!("cannot open the access log {target}: {error}");
            PyOSError::new_err((error.raw_os_error(), reason))
        }),
        Some(AccessLog::Stdout) | None => Ok(()),
    }
}

impl Writer {
    /// # Errors
    /// The file cannot be opened for appending.
    pub fn open(target: &AccessLog) -> io::Result<Self> {
        let out: Box<dyn io::Write + Send> = match target {
            AccessLog::Stdout => Box::new(io::stdout()),
            AccessLog::Path(path) => Box::new(append(path)?),
        };
        let state = State { out, lines: String::new(), lost: 0, time: (0, String::new()) };
        Ok(Self { state: Mutex::new(state) })
    }

    /// Adds the line of a request that is over.
    pub fn write(&self, record: &Record) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { lines, time, .. } = &mut *state;
        let seconds = clock::unix_seconds();
        if time.0 != seconds {
            *time = (seconds, civil::common_log(seconds));
        }
        let micros = clock::now_micros().saturating_sub(record.began_micros);
        match record.peer {
            Peer::Inet(address) => {
                let _ = write!(lines, "{}", address.ip());
            }
            Peer::Unix => lines.push('-'),
        }
        // Writing to a string does not fail.
        let _ = writeln!(
            lines,
            " - - [{}] \"{}\" {} {} {}.{:06}",
            time.1,
            record.request_line,
            record.status,
            record.body_bytes,
            micros / 1_000_000,
            micros % 1_000_000
        );
        if lines.len() >= FLUSH_AT {
            state.flush();
        }
    }

    /// Writes what has been collected.
    pub fn flush(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).flush();
    }
}

impl State {
    fn flush(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        let written = self.out.write_all(self.lines.as_bytes()).and_then(|()| self.out.flush());
        if let Err(error) = written {
            let told = self.lost > 0;
            self.lost += self.lines.lines().count() as u64;
            if !told {
                log::error(&format!(
                    "the access log cannot be written, its lines are lost until it can: {error}"
                ));
            }
        } else if self.lost > 0 {
            let lost = std::mem::take(&mut self.lost);
            log::error(&format!("the access log is written again; {lost} lines were lost"));
        }
        self.lines.clear();
    }
}

fn append(path: &Path) -> io::Result<File> {
    File::options().append(true).create(true).open(path)
}
