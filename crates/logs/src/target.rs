//! Where a log goes, as the settings say it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use yett_settings::{LogLevel, LogTarget, Settings, SyslogAddress};

/// Takes one message, somewhere else. False if it could not.
pub type Receiver = dyn Fn(LogLevel, &str) -> bool + Send + Sync;

/// Where the lines of a log go.
#[derive(Clone)]
pub enum Target {
    /// Standard output, whatever that is at the time.
    Stdout,
    /// Standard error.
    Stderr,
    /// Appended to this file, which is made if it is not there.
    File(PathBuf),
    /// A syslog server, one datagram a line.
    Syslog {
        /// Who.
        server: SyslogAddress,
        /// Number of the facility (RFC 5424 §6.2.1).
        facility: u8,
    },
    /// A function, called by the writer.
    Function(Arc<Receiver>),
}

impl Target {
    /// The target that the settings name; `None`: nowhere. `receiver` is what `logging` stands for.
    #[must_use]
    pub fn of(target: &LogTarget, settings: &Settings, receiver: &Arc<Receiver>) -> Option<Self> {
        Some(match target {
            LogTarget::Off => return None,
            LogTarget::Stdout => Self::Stdout,
            LogTarget::Stderr => Self::Stderr,
            // As seen from here: the application may go elsewhere before the log is reopened.
            LogTarget::Path(path) => Self::File(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
            LogTarget::Syslog(server) => {
                Self::Syslog { server: server.clone(), facility: settings.syslog_facility.code() }
            }
            LogTarget::Logging => Self::Function(Arc::clone(receiver)),
        })
    }

    /// Whether it wants to know where each message begins, and its level.
    pub(crate) fn is_framed(&self) -> bool {
        matches!(self, Self::Syslog { .. } | Self::Function(_))
    }

    /// Whether a signal reopens it.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("Stdout"),
            Self::Stderr => f.write_str("Stderr"),
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Syslog { server, facility } => write!(f, "Syslog({server:?}, {facility})"),
            Self::Function(_) => f.write_str("Function"),
        }
    }
}
