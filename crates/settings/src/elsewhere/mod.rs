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

use crate::registry::{self, Equivalents, SETTINGS, Setting};

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

/// What a name that is not ours means at another server.
pub(crate) enum Foreign {
    /// What this setting does.
    Is(&'static Setting),
    /// What nothing here does, and why.
    Lacks(&'static str),
}

/// The one-letter options of Gunicorn that people type without thinking, where Yett has none of that letter.
const LETTERS: &[(&str, &str)] =
    &[("k", "worker_class"), ("e", "raw_env"), ("D", "daemon"), ("u", "user"), ("g", "group")];

/// What an option or a setting of another server is here. `name` is one of its spellings, with or without dashes:
/// `--port`, `keepalive`, `--keep-alive`, `-w`.
pub(crate) fn foreign(name: &str) -> Option<Foreign> {
    let letter = name.strip_prefix('-').and_then(|name| LETTERS.iter().find(|(letter, _)| *letter == name));
    let wanted = bare(letter.map_or(name, |(_, name)| name));
    let is_meant = |options: &[&str]| options.iter().any(|option| bare(option) == wanted);
    Peer::ALL.iter().find_map(|peer| {
        let row = SETTINGS.iter().find(|setting| is_meant(setting.equivalents.of(*peer)));
        let is_matched =
            |(options, ours): &&(&[&str], &str)| is_meant(options) && registry::find(ours).is_some();
        let row = row.or_else(|| registry::find(peer.matched().iter().find(is_matched)?.1));
        let lacks = || peer.unmatched().iter().find(|group| is_meant(group.options));
        row.map(Foreign::Is).or_else(|| lacks().map(|group| Foreign::Lacks(group.reason)))
    })
}

/// A name without what its spellings differ in: the option of Gunicorn's `keepalive` is `--keep-alive`.
fn bare(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_')).collect()
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

const TLS: &str = "Yett does not speak TLS yet; the proxy or load balancer in front has to end it.";
const HTTP2: &str = "Yett speaks HTTP/1.1; the proxy in front translates HTTP/2.";
const WEBSOCKET: &str = "Yett does not speak WebSocket yet.";
const RELOAD: &str = "`yett dev app:app` serves while developing, and reloads when files change.";
const RELOAD_DETAIL: &str = "`yett dev` finds out by itself what to watch and when; reload_include and reload_exclude say \
                             which files count.";
const SHARED_SOCKET: &str = "Yett's workers share one socket, and take connections by their load.";
const LOG_CONFIG: &str = "Python's logging is the application's own to configure; `error_log = \"logging\"` sends \
                          Yett's messages through it.";
const PROCESS_NAME: &str = "Yett does not rename its process.";
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
    use super::{Foreign, Peer, foreign};

    #[test]
    fn names_of_other_servers_are_known_in_each_spelling() {
        for (name, setting) in [
            ("--host", "bind"),
            ("--port", "bind"),
            ("--keep-alive", "keep_alive_timeout"),
            ("keepalive", "keep_alive_timeout"),
            ("--proxy-headers", "trusted_proxies"),
            ("-k", "interface"),
            ("-u", "user"),
            ("--preload-app", "preload"),
            ("--limit-max-requests", "max_requests"),
            ("--harakiri", "request_timeout"),
        ] {
            assert!(matches!(foreign(name), Some(Foreign::Is(row)) if row.name == setting), "{name}");
        }
        for name in ["--reload", "-D", "--max-worker-lifetime-delta", "--cheaper", "--certfile"] {
            assert!(matches!(foreign(name), Some(Foreign::Lacks(_))), "{name}");
        }
        for name in ["", "-", "--", "-z", "w", "--lop"] {
            assert!(foreign(name).is_none(), "{name}");
        }
    }

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
