//! Options of other servers that no setting of Yett's corresponds to, each with the reason.
//!
//! The options that do correspond to a setting stand in its row of the registry (`equivalents`). Together the two name
//! every option of Gunicorn, Uvicorn and Granian exactly once, which a test compares with what is installed; of uWSGI's
//! thousand options this has the usual ones.
//!
//! | file      | what it holds                                    |
//! |-----------|--------------------------------------------------|
//! | `gunicorn`| names as in a `gunicorn.conf.py`                 |
//! | `uvicorn` | options of the command line                      |
//! | `granian` | options of the command line                      |
//! | `uwsgi`   | names as in an `.ini` file                       |

mod granian;
mod gunicorn;
mod uvicorn;
mod uwsgi;

use crate::registry::Equivalents;

/// A server that people come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// <https://gunicorn.org>
    Gunicorn,
    /// <https://uvicorn.dev>
    Uvicorn,
    /// <https://github.com/emmett-framework/granian>
    Granian,
    /// <https://uwsgi-docs.readthedocs.io>
    Uwsgi,
}

impl Peer {
    /// All of them, in the order of the documentation.
    pub const ALL: &'static [Self] = &[Self::Gunicorn, Self::Uvicorn, Self::Granian, Self::Uwsgi];

    /// The name as its project writes it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Gunicorn => "Gunicorn",
            Self::Uvicorn => "Uvicorn",
            Self::Granian => "Granian",
            Self::Uwsgi => "uWSGI",
        }
    }

    /// The name of its command.
    pub fn command(self) -> &'static str {
        match self {
            Self::Gunicorn => "gunicorn",
            Self::Uvicorn => "uvicorn",
            Self::Granian => "granian",
            Self::Uwsgi => "uwsgi",
        }
    }

    /// Its options with an equivalent, and that: for a server that has no column in the registry, as its options are
    /// nearly always others.
    pub fn matched(self) -> &'static [(&'static [&'static str], &'static str)] {
        match self {
            Self::Uwsgi => uwsgi::MATCHED,
            _ => &[],
        }
    }

    /// Its options without an equivalent.
    pub fn unmatched(self) -> &'static [Unmatched] {
        match self {
            Self::Gunicorn => gunicorn::UNMATCHED,
            Self::Uvicorn => uvicorn::UNMATCHED,
            Self::Granian => granian::UNMATCHED,
            Self::Uwsgi => uwsgi::UNMATCHED,
        }
    }
}

impl Equivalents {
    /// The names at this server.
    pub fn of(&self, peer: Peer) -> &'static [&'static str] {
        match peer {
            Peer::Gunicorn => self.gunicorn,
            Peer::Uvicorn => self.uvicorn,
            Peer::Granian => self.granian,
            Peer::Uwsgi => &[],
        }
    }
}

/// Options of one server that no setting corresponds to, for one reason.
pub struct Unmatched {
    /// As their server spells them.
    pub options: &'static [&'static str],
    /// Whole sentences for the person who used them: why, and what to do instead.
    pub reason: &'static str,
}

const fn unmatched(options: &'static [&'static str], reason: &'static str) -> Unmatched {
    Unmatched { options, reason }
}

// Reasons that several servers share.

const PROCESSES: &str =
    "Yett runs one process for now; several, and their restarts, come with its supervisor.";
const TLS: &str = "Yett does not speak TLS yet; the proxy or load balancer in front has to end it.";
const HTTP2: &str = "Yett speaks HTTP/1.1; the proxy in front translates HTTP/2.";
const WEBSOCKET: &str = "Yett does not speak WebSocket yet.";
const RELOAD: &str =
    "Yett does not restart when files change; while developing, `watchfiles 'yett app:app'` does it.";
const LOG_CONFIG: &str = "Python's logging is the application's own to configure; `error_log = \"logging\"` sends \
                          Yett's messages through it.";
const USER: &str =
    "Yett stays the user that it is started as; systemd (`User=`, `Group=`) or the container sets it.";
const PID_FILE: &str = "Yett writes no pid file; what started it (systemd, a container) knows the process.";
const PROCESS_NAME: &str = "Yett does not rename its process.";
const DIRECTORY: &str =
    "Start Yett in that directory (`WorkingDirectory=` of systemd); it can then be imported from.";
const ENVIRONMENT: &str =
    "Set variables where Yett is started (`Environment=` of systemd, or the container).";
const METRICS: &str = "Yett sends no metrics; the access log has what they are made of.";
const BACKGROUND: &str = "Yett stays in the foreground; systemd or a container keeps it running.";
const PATHS: &str =
    "Set PYTHONPATH where Yett is started; the current directory can be imported from anyway.";
const SHEDDING: &str = "Yett does not refuse requests above a number yet.";
const STATIC: &str =
    "Yett serves no files by itself; let the proxy do it, or a middleware such as WhiteNoise.";

#[cfg(test)]
mod tests {
    use super::Peer;

    #[test]
    fn no_option_is_named_twice_and_every_reason_is_a_sentence() {
        for peer in Peer::ALL {
            let mut seen = Vec::new();
            for group in peer.unmatched() {
                assert!(!group.options.is_empty());
                assert!(group.reason.ends_with('.'), "{}", group.reason);
                for option in group.options {
                    assert!(!seen.contains(option), "{}: {option}", peer.title());
                    seen.push(option);
                }
            }
        }
    }
}
