//! Where a request came from, as far as the header fields of a trusted proxy are believed: Forwarded (RFC 7239), and
//! X-Forwarded-For, -Proto, -Host, -Port and -Prefix, which no standard describes.
//!
//! **The client.** Each proxy adds, at the right, the address of whoever has connected to it. So the list is read from
//! the right: the nearest proxy is trusted, hence its word is taken for who was in front of it; if that one is trusted
//! too, so is *its* word; and so on. The client is the first address from the right that is not trusted. If all are, it
//! is the leftmost: a client on a network of ours. An element that is no address (`unknown`, `_hidden`, rubbish) ends
//! the walk: then the client is the last address before it, which is the one that said so; or, if there is none, the
//! peer of the connection.
//!
//! **The rest.** Forwarded says all of a proxy in one element; so scheme and host are those of the element in which the
//! walk ended, which the proxy that faced the client has added. The X-Forwarded fields are lists that need not belong
//! together: a client that knows that a proxy adds to one and not to the other can shift them against each other. So
//! the rightmost element counts, that of the nearest proxy; and if it is not valid, none.
//!
//! **Both families.** A proxy that sets one passes the other on as the client has sent it, and nobody can tell which.
//! So with fields of both, only what both say is believed: nothing at all if they lead to different clients.

use std::fmt;
use std::net::IpAddr;

use super::elements::{self, Element, parse_port};
use crate::headers::trim_ows;
use crate::target::{is_authority, split_authority};

/// A client's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// IPv4 if it is an IPv4-mapped IPv6 address.
    pub address: IpAddr,
    /// 1 to 65535, if it was said.
    pub port: Option<u16>,
}

impl Client {
    pub(super) fn new(address: IpAddr, port: Option<u16>) -> Self {
        Self { address: address.to_canonical(), port: port.filter(|port| *port != 0) }
    }
}

/// The scheme that the client used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// `http`
    #[default]
    Http,
    /// `https`
    Https,
}

impl Scheme {
    /// `http` or `https`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// 80 or 443 (RFC 9110 §4.2).
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    fn parse(word: &[u8]) -> Option<Self> {
        match word {
            _ if word.eq_ignore_ascii_case(b"http") => Some(Self::Http),
            _ if word.eq_ignore_ascii_case(b"https") => Some(Self::Https),
            _ => None,
        }
    }
}

/// What is believed of a request's way to us. `None`: nobody has said so, and it is as the connection shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Who sent it.
    pub client: Option<Client>,
    /// By which scheme.
    pub scheme: Option<Scheme>,
    /// To which `host[:port]`: as valid as the value of a Host field.
    pub host: Option<String>,
    /// To which port, 1 to 65535, if that was said apart.
    pub port: Option<u16>,
    /// What was taken off the path: `/` and visible ASCII, without a slash at its end.
    pub prefix: Option<String>,
}

/// The host and port that a request is for: see [`Origin::authority`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// What stands for the value of Host; `None` leaves it as it is.
    pub host: Option<String>,
    /// The host without the port, IPv6 addresses in brackets; `None` if only the port was said.
    pub name: Option<String>,
    /// The port.
    pub port: u16,
}

impl Origin {
    /// Host and port of a request that came with this Host, if anything is believed of them. A port that was said apart
    /// takes the place of the one in the host, and is left out there if it is the scheme's own.
    #[must_use]
    pub fn authority(&self, host: Option<&[u8]>) -> Option<Authority> {
        if self.host.is_none() && self.port.is_none() {
            return None;
        }
        let default = self.scheme.unwrap_or_default().default_port();
        let sent = host.and_then(|host| std::str::from_utf8(host).ok()).filter(|host| !host.is_empty());
        let Some(host) = self.host.as_deref().or(sent) else {
            return Some(Authority { host: None, name: None, port: self.port.unwrap_or(default) });
        };
        let (name, own) = split_authority(host);
        let text = match self.port {
            None => host.to_owned(),
            Some(port) if port == default => name.to_owned(),
            Some(port) => format!("{name}:{port}"),
        };
        let port = self.port.or(own).unwrap_or(default);
        Some(Authority { host: Some(text), name: self.host.is_some().then(|| name.to_owned()), port })
    }

    /// What both say.
    fn common(self, other: Self) -> Self {
        let both = |one: Option<String>, other: Option<String>| {
            one.filter(|one| other.is_some_and(|other| one.eq_ignore_ascii_case(&other)))
        };
        Self {
            client: self.client.map(|client| Client {
                port: client.port.filter(|port| other.client.is_some_and(|other| other.port == Some(*port))),
                ..client
            }),
            scheme: self.scheme.filter(|scheme| other.scheme == Some(*scheme)),
            host: both(self.host, other.host),
            port: self.port.filter(|port| other.port == Some(*port)),
            prefix: both(self.prefix, other.prefix),
        }
    }
}

/// Which fields are believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // a set of six, each with a name
pub struct Sources {
    /// Forwarded.
    pub forwarded: bool,
    /// X-Forwarded-For.
    pub x_for: bool,
    /// X-Forwarded-Proto.
    pub x_proto: bool,
    /// X-Forwarded-Host.
    pub x_host: bool,
    /// X-Forwarded-Port.
    pub x_port: bool,
    /// X-Forwarded-Prefix.
    pub x_prefix: bool,
}

/// Why nothing was believed although it was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// A Forwarded field does not follow its grammar.
    Malformed,
    /// Forwarded and the X-Forwarded fields lead to different clients.
    Contradiction,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the Forwarded field is malformed",
            Self::Contradiction => "Forwarded and X-Forwarded-For name different clients",
        })
    }
}

/// What a trusted peer's header fields say of a request's origin. `trusts` tells whether a proxy further away is
/// trusted too.
///
/// # Errors
/// Something was said, and nothing of it is believed; for the log, the request goes on.
pub fn origin<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    sources: Sources,
    trusts: impl Fn(IpAddr) -> bool,
) -> Result<Origin, Doubt> {
    let said = Said::collect(fields, sources);
    let standard = (!said.forwarded.is_empty()).then(|| said.standard(&trusts));
    let customary = said.any_customary().then(|| said.customary(&trusts));
    match (standard, customary) {
        (None, None) => Ok(Origin::default()),
        (None, Some(customary)) => Ok(customary),
        (Some(standard), None) => standard.ok_or(Doubt::Malformed),
        (Some(standard), Some(customary)) => {
            let standard = standard.ok_or(Doubt::Malformed)?;
            let address = |origin: &Origin| origin.client.map(|client| client.address);
            if address(&standard) != address(&customary) {
                return Err(Doubt::Contradiction);
            }
            Ok(standard.common(customary))
        }
    }
}

/// Whether a field of this name is one that proxies write, believed here or not: Forwarded, X-Forwarded and all that
/// begin so, X-Real-IP. Also with `_` for `-`, which WSGI could not tell from it.
#[must_use]
pub fn is_forwarding(name: &[u8]) -> bool {
    let starts = |with: &[u8]| {
        name.get(..with.len()).is_some_and(|start| {
            let same = |(b, with): (&u8, &u8)| b.eq_ignore_ascii_case(with) || (*b == b'_' && *with == b'-');
            start.iter().zip(with).all(same)
        })
    };
    starts(b"x-forwarded") || (name.len() == 9 && (starts(b"forwarded") || starts(b"x-real-ip")))
}

/// The lines of one field.
#[derive(Default)]
struct Lines<'a> {
    last: Option<&'a [u8]>,
    /// Those before the last: nearly never any.
    before: Vec<&'a [u8]>,
}

impl<'a> Lines<'a> {
    fn push(&mut self, line: &'a [u8]) {
        self.before.extend(self.last.replace(line));
    }

    fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    fn backwards(&self) -> impl Iterator<Item = &'a [u8]> {
        self.last.into_iter().chain(self.before.iter().rev().copied())
    }

    /// The elements of the list that the lines are together (RFC 9110 §5.3), empty ones left out.
    fn elements_backwards(&self) -> impl Iterator<Item = &'a [u8]> {
        let elements = self.backwards().flat_map(|line| line.rsplit(|b| *b == b','));
        elements.map(trim_ows).filter(|element| !element.is_empty())
    }

    fn rightmost(&self) -> Option<&'a [u8]> {
        self.elements_backwards().next()
    }
}

/// What the fields of a request say.
#[derive(Default)]
struct Said<'a> {
    forwarded: Lines<'a>,
    x_for: Lines<'a>,
    x_proto: Lines<'a>,
    x_host: Lines<'a>,
    x_port: Lines<'a>,
    x_prefix: Lines<'a>,
}

impl<'a> Said<'a> {
    fn collect(fields: impl Iterator<Item = (&'a [u8], &'a [u8])>, sources: Sources) -> Self {
        let mut said = Self::default();
        for (name, value) in fields {
            let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
            let lines = match name.len() {
                9 if sources.forwarded && is(b"forwarded") => &mut said.forwarded,
                15 if sources.x_for && is(b"x-forwarded-for") => &mut said.x_for,
                16 if sources.x_host && is(b"x-forwarded-host") => &mut said.x_host,
                16 if sources.x_port && is(b"x-forwarded-port") => &mut said.x_port,
                17 if sources.x_proto && is(b"x-forwarded-proto") => &mut said.x_proto,
                18 if sources.x_prefix && is(b"x-forwarded-prefix") => &mut said.x_prefix,
                _ => continue,
            };
            lines.push(value);
        }
        said
    }

    fn any_customary(&self) -> bool {
        [&self.x_for, &self.x_proto, &self.x_host, &self.x_port, &self.x_prefix]
            .iter()
            .any(|lines| !lines.is_empty())
    }

    fn customary(&self, trusts: impl Fn(IpAddr) -> bool) -> Origin {
        let mut client = None;
        for element in self.x_for.elements_backwards() {
            let Some(found) = parse_address(element) else { break };
            client = Some(found);
            if !trusts(found.address) {
                break;
            }
        }
        Origin {
            client,
            scheme: self.x_proto.rightmost().and_then(Scheme::parse),
            host: self.x_host.rightmost().and_then(valid_host),
            port: self
                .x_port
                .rightmost()
                .and_then(|port| parse_port(std::str::from_utf8(port).ok()?))
                .filter(|port| *port != 0),
            prefix: self.x_prefix.rightmost().and_then(valid_prefix),
        }
    }

    /// `None` if it is malformed.
    fn standard(&self, trusts: impl Fn(IpAddr) -> bool) -> Option<Origin> {
        let lines = self.forwarded.backwards().map(elements::parse).collect::<Option<Vec<_>>>()?;
        let mut origin = Origin::default();
        for Element { client, proto, host } in lines.into_iter().flat_map(|line| line.into_iter().rev()) {
            // Each was added by a trusted proxy, or the walk would have ended before; the last one counts.
            origin.scheme = proto.as_deref().and_then(Scheme::parse);
            origin.host = host.as_deref().and_then(valid_host);
            let Some(found) = client else { break };
            origin.client = Some(found);
            if !trusts(found.address) {
                break;
            }
        }
        Some(origin)
    }
}

/// An element of X-Forwarded-For: an address, IPv6 with brackets or without; a port where it can be told apart.
fn parse_address(element: &[u8]) -> Option<Client> {
    let text = std::str::from_utf8(element).ok()?;
    if let Ok(address) = text.parse() {
        return Some(Client::new(address, None));
    }
    let (address, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']')?;
            (IpAddr::V6(address.parse().ok()?), after)
        }
        None => {
            let colon = text.find(':')?;
            (IpAddr::V4(text.get(..colon)?.parse().ok()?), text.get(colon..)?)
        }
    };
    let port = match port {
        "" => None,
        port => Some(parse_port(port.strip_prefix(':')?)?),
    };
    Some(Client::new(address, port))
}

fn valid_host(host: &[u8]) -> Option<String> {
    if is_authority(host) { String::from_utf8(host.to_vec()).ok() } else { None }
}

/// A prefix that may stand before any path: one that could change what the rest of a URL means is not believed
/// (`//evil.example`, `/../`, `?`), nor one that would have to be decoded.
fn valid_prefix(prefix: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(prefix).ok()?;
    let is_plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'%' | b'\\');
    let rest = text.strip_prefix('/')?;
    if rest.starts_with('/') || !text.bytes().all(is_plain) {
        return None;
    }
    let text = text.trim_end_matches('/');
    let has_dots = text.split('/').any(|segment| matches!(segment, "." | ".."));
    (!text.is_empty() && !has_dots).then(|| text.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
