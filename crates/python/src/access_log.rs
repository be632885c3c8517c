//! The access log: one line per request, in the common log format with the duration behind it.
//!
//! Off by default. Lines are collected and written together, by one `write` call, at the end of a tick (ASGI) or when a
//! thread has nothing else to do (WSGI): no request waits for the log, and no Python runs for it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError, TryLockError};

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use yett_net::{Peer, clock};
use yett_proto::request::{RequestHead, Version};
use yett_settings::LogTarget;

use crate::settings::Settings;
use crate::{civil, log};

/// Collected bytes above which a line is not kept until there is time.
const FLUSH_AT: usize = 32 * 1024;

/// Collected bytes above which further lines are dropped: whatever takes them has stopped to.
const MOST_COLLECTED: usize = 1024 * 1024;

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

/// Where the lines go. Any thread may write, and none waits for another that is stuck in a write.
pub struct Writer {
    lines: Mutex<Lines>,
    out: Mutex<Out>,
}

/// What has been collected.
struct Lines {
    text: String,
    /// So many were left out, because what takes the lines takes none any more.
    dropped: u64,
    /// The time of the last line, and how it is written.
    time: (u64, String),
}

struct Out {
    file: Box<dyn io::Write + Send>,
    /// Lines lost since the last that was written.
    lost: u64,
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
        target @ LogTarget::Path(path) => append(path).map(drop).map_err(|error| {
            let reason = format!("cannot open the access log {target}: {error}");
            PyOSError::new_err((error.raw_os_error(), reason))
        }),
        target => Writer::open(target).map(drop).map_err(PyErr::from),
    }
}

impl Writer {
    /// The writer, unless the log is off.
    ///
    /// # Errors
    /// The file cannot be opened for appending.
    pub fn open(target: &LogTarget) -> io::Result<Option<Self>> {
        let file: Box<dyn io::Write + Send> = match target {
            LogTarget::Off => return Ok(None),
            LogTarget::Stdout => Box::new(io::stdout()),
            LogTarget::Stderr => Box::new(io::stderr()),
            LogTarget::Path(path) => Box::new(append(path)?),
            LogTarget::Syslog(_) | LogTarget::Logging => {
                return Err(io::Error::new(io::ErrorKind::Unsupported, "the access log cannot go there"));
            }
        };
        let lines = Lines { text: String::new(), dropped: 0, time: (0, String::new()) };
        Ok(Some(Self { lines: Mutex::new(lines), out: Mutex::new(Out { file, lost: 0 }) }))
    }

    /// Adds the line of a request that is over.
    pub fn write(&self, record: &Record) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let Lines { text, dropped, time } = &mut *lines;
        if text.len() >= MOST_COLLECTED {
            *dropped += 1;
            return;
        }
        let seconds = clock::unix_seconds();
        if time.0 != seconds {
            *time = (seconds, civil::common_log(seconds));
        }
        let micros = clock::now_micros().saturating_sub(record.began_micros);
        match record.peer {
            Peer::Inet(address) => {
                let _ = write!(text, "{}", address.ip());
            }
            Peer::Unix => text.push('-'),
        }
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            " - - [{}] \"{}\" {} {} {}.{:06}",
            time.1,
            record.request_line,
            record.status,
            record.body_bytes,
            micros / 1_000_000,
            micros % 1_000_000
        );
        let enough = text.len() >= FLUSH_AT;
        drop(lines);
        if enough {
            self.flush();
        }
    }

    /// Writes what has been collected, unless another thread is at it.
    pub fn flush(&self) {
        let mut out = match self.out.try_lock() {
            Ok(out) => out,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let (text, dropped) = {
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            (std::mem::take(&mut lines.text), std::mem::take(&mut lines.dropped))
        };
        if !text.is_empty() {
            out.write(&text, dropped);
        }
    }
}

impl Out {
    fn write(&mut self, text: &str, dropped: u64) {
        self.lost += dropped;
        let told = self.lost > dropped;
        if let Err(error) = self.file.write_all(text.as_bytes()).and_then(|()| self.file.flush()) {
            self.lost += text.lines().count() as u64;
            if !told {
                log::error(&format!(
                    "the access log cannot be written, its lines are lost until it can: {error}"
                ));
            }
        } else if self.lost > 0 {
            let lost = std::mem::take(&mut self.lost);
            log::error(&format!("the access log is written again; {lost} lines were lost"));
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    File::options().append(true).create(true).open(path)
}
