//! What is believed of proxies in front: one implementation for both gateways.
//!
//! What a request's fields mean is decided in `yett_proto::gateway`; here is who is trusted, and what of it reaches the
//! application. A gateway asks [`Proxies::judge`] once for each request, and shows what comes out. What it keeps of
//! header blocks (`block_cache`) is made without regard to this, and so is the same for everybody.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use yett_net::listener::NewConnection;
use yett_net::{Peer, clock};
use yett_proto::gateway::forwarded::{self, Origin, Scheme, Sources};
use yett_proto::request::RequestHead;
use yett_settings::{ALL_FORWARDED_HEADERS, LogLevel, Settings, Trusted};

use crate::log;

/// Seconds between two lines that any peer can cause.
const TELL_EVERY: u64 = 60;

/// Who is believed, and what.
pub struct Proxies {
    trusted: Trusted,
    sources: Sources,
    strip: bool,
    /// When it was last told that somebody has been turned away.
    told_stranger: AtomicU64,
    /// When it was last told that fields contradict each other.
    told_doubt: AtomicU64,
}

/// What the forwarding fields of a request come to.
#[derive(Debug, Default)]
pub enum Forwarding {
    /// Nothing: there are none, or they are not believed. The application sees them as they are.
    #[default]
    Plain,
    /// They are believed. The application sees them, too.
    Believed(Box<Origin>),
    /// They are not believed, and kept from the application.
    Stripped,
    /// A trusted proxy sent them, and they contradict each other. Who the client is cannot be told; that it is the
    /// proxy, to which an application may grant more than to strangers, is the one thing that is certainly wrong.
    Doubtful,
}

impl Proxies {
    /// # Errors
    /// `ValueError` for what no setting lets through.
    pub fn new(settings: &Settings) -> PyResult<Self> {
        let has = |name: &str| {
            settings.forwarded_headers.iter().any(|known| known == name || known == ALL_FORWARDED_HEADERS)
        };
        Ok(Self {
            trusted: Trusted::new(&settings.trusted_proxies).map_err(PyValueError::new_err)?,
            sources: Sources {
                forwarded: has("forwarded"),
                x_for: has("x-forwarded-for"),
                x_proto: has("x-forwarded-proto"),
                x_host: has("x-forwarded-host"),
                x_port: has("x-forwarded-port"),
                x_prefix: has("x-forwarded-prefix"),
            },
            strip: settings.strip_forwarded,
            told_stranger: AtomicU64::new(0),
            told_doubt: AtomicU64::new(0),
        })
    }

    /// Whether what this peer says of others is believed.
    pub fn trusts(&self, peer: Peer) -> bool {
        match peer {
            Peer::Inet(address) => self.trusted.contains(address.ip()),
            Peer::Unix => self.trusted.unix(),
        }
    }

    /// What becomes of the forwarding fields of a request that is this speaker's word
    /// ([`yett_net::Connection::speaker`]).
    #[inline]
    pub fn judge(&self, speaker: Option<Peer>, head: &RequestHead<'_>) -> Forwarding {
        // Noted by the parser, so that nobody else pays.
        if head.has_forwarding() { self.weigh(speaker, head) } else { Forwarding::Plain }
    }

    fn weigh(&self, speaker: Option<Peer>, head: &RequestHead<'_>) -> Forwarding {
        let Some(peer) = speaker.filter(|peer| self.trusts(*peer)) else {
            return if self.strip { Forwarding::Stripped } else { Forwarding::Plain };
        };
        let trusts = |address| self.trusted.contains(address);
        match forwarded::origin(head.fields(), self.sources, trusts) {
            Ok(origin) if origin == Origin::default() => Forwarding::Plain,
            Ok(origin) => Forwarding::Believed(Box::new(origin)),
            Err(doubt) => {
                let said = || format!("{doubt}: forwarding headers from {} are not believed", shown(peer));
                if is_due(&self.told_doubt) {
                    log::warning(&format!(
                        "{} (--forwarded-headers with only those that the proxy sets keeps its clients out of it; \
                         others are told at level debug for a minute)",
                        said()
                    ));
                } else if log::enabled(LogLevel::Debug) {
                    log::debug(&said());
                }
                Forwarding::Doubtful
            }
        }
    }

    /// Whether a connection is served: one to a listener that expects the PROXY protocol is only if its peer is believed
    /// what it will say there.
    pub fn admits(&self, new: &NewConnection) -> bool {
        if !new.proxied || self.trusts(new.peer) {
            return true;
        }
        if is_due(&self.told_stranger) {
            log::warning(&format!(
                "a connection from {} was closed: its listener expects the PROXY protocol, which only trusted proxies \
                 may speak (--trusted-proxies); others are not told of for a minute",
                shown(new.peer)
            ));
        }
        false
    }
}

impl Forwarding {
    /// What is believed.
    pub fn origin(&self) -> Option<&Origin> {
        match self {
            Self::Believed(origin) => Some(origin),
            Self::Plain | Self::Stripped | Self::Doubtful => None,
        }
    }

    /// Whether a field of this name is kept from the application.
    pub fn hides(&self, name: &[u8]) -> bool {
        matches!(self, Self::Stripped) && forwarded::is_forwarding(name)
    }

    /// Whether nobody knows who has sent the request.
    pub fn hides_client(&self) -> bool {
        matches!(self, Self::Doubtful)
    }

    /// Who has sent the request, as far as anybody knows. Port 0: it is not known.
    pub fn client(&self, peer: Peer) -> Peer {
        if self.hides_client() {
            // Somebody without an address.
            return Peer::Unix;
        }
        match self.origin().and_then(|origin| origin.client) {
            Some(client) => Peer::Inet(SocketAddr::new(client.address, client.port.unwrap_or(0))),
            None => peer,
        }
    }

    /// Whether the client has used https.
    pub fn is_https(&self) -> bool {
        self.origin().is_some_and(|origin| origin.scheme == Some(Scheme::Https))
    }

    fn prefix(&self) -> &str {
        self.origin().and_then(|origin| origin.prefix.as_deref()).unwrap_or_default()
    }

    /// Where the application is mounted: under what the proxy has taken off, and below it under the setting's
    /// `root_path`.
    pub fn mount<'a>(&self, root_path: &'a str) -> Mount<'a> {
        let prefix = self.prefix();
        let whole =
            if prefix.is_empty() { root_path.into() } else { Cow::Owned(format!("{prefix}{root_path}")) };
        Mount { whole, root_path }
    }
}

/// Where an application is mounted. What a proxy says that it has taken off the path is not there any more: if the path
/// begins with the same, that is the application's own. (Otherwise `/x/admin` with `X-Forwarded-Prefix: /x`, which many
/// proxies pass on as any client sends it, would be the application's `/admin`, past whatever the proxy forbids there.)
/// The setting's part may be there or not.
pub struct Mount<'a> {
    /// All of it: `root_path`, `SCRIPT_NAME`.
    pub whole: Cow<'a, str>,
    root_path: &'a str,
}

impl Mount<'_> {
    /// What of the mount is missing at the start of `path` (decoded).
    pub fn missing(&self, path: &[u8]) -> &str {
        &self.whole[..self.whole.len() - self.present(path)]
    }

    /// What of `path` (decoded) is the application's own.
    pub fn below<'p>(&self, path: &'p [u8]) -> &'p [u8] {
        path.get(self.present(path)..).unwrap_or(path)
    }

    /// How many bytes of the mount, at its end, `path` begins with.
    fn present(&self, path: &[u8]) -> usize {
        if begins(path, self.root_path) { self.root_path.len() } else { 0 }
    }
}

/// Whether `path` is `mount` or something below it.
fn begins(path: &[u8], mount: &str) -> bool {
    path.strip_prefix(mount.as_bytes()).is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
}

/// Whether a line that was last written then may be again; if so, it counts as written.
fn is_due(told: &AtomicU64) -> bool {
    let (now, last) = (clock::unix_seconds(), told.load(Ordering::Relaxed));
    now.saturating_sub(last) >= TELL_EVERY
        && told.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
}

/// For messages.
fn shown(peer: Peer) -> String {
    match peer {
        Peer::Inet(address) => address.ip().to_string(),
        Peer::Unix => "a unix socket".to_owned(),
    }
}
