//! Where to listen: `host:port`, `unix:/path`, `fd://N`.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;

/// The host of a bare port: loopback, so that nothing is reachable from outside by accident.
const DEFAULT_HOST: &str = "127.0.0.1";
/// The port of a bare host: the one of the `bind` default.
const DEFAULT_PORT: u16 = 8000;
/// `sockaddr_un.sun_path` holds 108 bytes on Linux and 104 on macOS, the closing NUL included; the smaller
/// one, so that a configuration does not stop working on the other system.
const UNIX_PATH_MAX: usize = 103;
/// RFC 1035 §2.3.4: a host name has at most 255 octets on the wire, which is 253 characters of text.
const HOST_MAX: usize = 253;

/// One address to listen on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Bind {
    /// TCP. `host` is an IPv4 or IPv6 address (without brackets) or a name to resolve; port 0 lets the kernel
    /// choose.
    Tcp {
        /// Address or name.
        host: String,
        /// Port, 0 for any free one.
        port: u16,
    },
    /// A unix socket at this path.
    Unix(PathBuf),
    /// A listening socket that the parent process opened, by its descriptor.
    Fd(i32),
}

/// One address to listen on, and what is expected of whoever connects.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Listen {
    /// Where.
    pub address: Bind,
    /// Every connection begins with a header of the PROXY protocol (`proxy+` before the address).
    pub proxy_protocol: bool,
}

/// What stands before the address of a listener behind a proxy that speaks the PROXY protocol.
const PROXY_PREFIX: &str = "proxy+";

impl FromStr for Listen {
    type Err = String;

    /// The forms of [`Bind`], each of them after `proxy+` too.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix(PROXY_PREFIX) {
            Some(address) => Ok(Self { address: address.parse()?, proxy_protocol: true }),
            None => Ok(Self { address: text.parse()?, proxy_protocol: false }),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.proxy_protocol { PROXY_PREFIX } else { "" })?;
        self.address.fmt(f)
    }
}

impl FromStr for Bind {
    type Err = String;

    /// Forms: `host:port`, `host` (port 8000), `port` (on 127.0.0.1), `:port` (on 0.0.0.0, all IPv4
    /// interfaces), `[v6]:port`, `unix:path`, `fd://number`. The error is one sentence that says what to
    /// write instead.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return unix(path);
        }
        if let Some(number) = text.strip_prefix("fd://") {
            return match number.parse::<i32>() {
                Ok(fd) if fd >= 0 && is_digits(number) => Ok(Self::Fd(fd)),
                _ => Err("the descriptor is not a number; write it like fd://3".into()),
            };
        }
        if text.strip_prefix("fd:").is_some_and(is_digits) {
            return Err(format!("a descriptor is written like fd://{}", text.trim_start_matches("fd:")));
        }
        if text.contains("://") {
            return Err("this is a URL; write host:port, unix:/path or fd://3".into());
        }
        if text.is_empty() {
            return Err("empty; write host:port, unix:/path or fd://3".into());
        }
        tcp(text)
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Fd(fd) => write!(f, "fd://{fd}"),
        }
    }
}

fn unix(path: &str) -> Result<Bind, String> {
    if path.is_empty() {
        return Err("the path is missing; write it like unix:/run/yett.sock".into());
    }
    if path.contains('\0') {
        return Err("the path contains a NUL character".into());
    }
    if path.len() > UNIX_PATH_MAX {
        return Err(format!(
            "the path has {} bytes; the address of a unix socket holds at most {UNIX_PATH_MAX}",
            path.len()
        ));
    }
    Ok(Bind::Unix(path.into()))
}

fn tcp(text: &str) -> Result<Bind, String> {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((host, rest)) = rest.split_once(']') else {
            return Err("the closing bracket is missing; write it like [::1]:8000".into());
        };
        // A zone ("fe80::1%eth0") is resolved by the system and not part of the address proper.
        let address = host.split_once('%').map_or(host, |(address, _)| address);
        if address.parse::<Ipv6Addr>().is_err() {
            return Err(format!("'{host}' is not an IPv6 address"));
        }
        let port = match rest.strip_prefix(':') {
            Some(port) => parse_port(port)?,
            None if rest.is_empty() => DEFAULT_PORT,
            None => return Err("after the bracket comes a colon and the port, like [::1]:8000".into()),
        };
        return Ok(Bind::Tcp { host: host.into(), port });
    }
    if is_digits(text) {
        return Ok(Bind::Tcp { host: DEFAULT_HOST.into(), port: parse_port(text)? });
    }
    let (host, port) = match text.split_once(':') {
        Some((_, port)) if port.contains(':') => {
            return Err(match text.parse::<Ipv6Addr>() {
                Ok(_) => format!("an IPv6 address stands in brackets: [{text}]:8000"),
                Err(_) => "more than one colon; write host:port, or [v6]:port".into(),
            });
        }
        Some(("", port)) => ("0.0.0.0", parse_port(port)?),
        Some((host, port)) => (host, parse_port(port)?),
        None => (text, DEFAULT_PORT),
    };
    check_host(host)?;
    Ok(Bind::Tcp { host: host.into(), port })
}

fn parse_port(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(port) if is_digits(text) => Ok(port),
        _ => Err(format!("'{text}' is not a port; a port is a number from 0 to 65535")),
    }
}

fn check_host(host: &str) -> Result<(), String> {
    let looks_numeric = host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if looks_numeric && host.parse::<Ipv4Addr>().is_err() {
        return Err(format!("'{host}' is not an IPv4 address"));
    }
    let is_name = host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    if !is_name || host.len() > HOST_MAX {
        return Err(format!("'{host}' is not a host name or an address"));
    }
    Ok(())
}

/// `str::parse` for integers accepts a leading `+`; people do not mean it.
fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parsed(text: &str) -> Bind {
        text.parse().unwrap()
    }

    fn tcp_of(host: &str, port: u16) -> Bind {
        Bind::Tcp { host: host.into(), port }
    }

    #[test]
    fn every_form_is_understood() {
        assert_eq!(parsed("127.0.0.1:80"), tcp_of("127.0.0.1", 80));
        assert_eq!(parsed("localhost:0"), tcp_of("localhost", 0));
        assert_eq!(parsed("app_1.internal:65535"), tcp_of("app_1.internal", 65535));
        assert_eq!(parsed("8080"), tcp_of("127.0.0.1", 8080));
        assert_eq!(parsed(":8080"), tcp_of("0.0.0.0", 8080));
        assert_eq!(parsed("localhost"), tcp_of("localhost", 8000));
        assert_eq!(parsed("[::1]:9000"), tcp_of("::1", 9000));
        assert_eq!(parsed("[::]"), tcp_of("::", 8000));
        assert_eq!(parsed("[fe80::1%eth0]:80"), tcp_of("fe80::1%eth0", 80));
        assert_eq!(parsed("unix:/run/yett.sock"), Bind::Unix("/run/yett.sock".into()));
        assert_eq!(parsed("unix:here.sock"), Bind::Unix("here.sock".into()));
        assert_eq!(parsed("fd://3"), Bind::Fd(3));
    }

    #[test]
    fn display_is_read_back_as_the_same_address() {
        for text in
            ["127.0.0.1:80", "localhost:0", "[::1]:9000", "[fe80::1%eth0]:80", "unix:/run/y.sock", "fd://0"]
        {
            assert_eq!(parsed(text).to_string(), text);
        }
        assert_eq!(parsed("8080").to_string(), "127.0.0.1:8080");
    }

    #[test]
    fn every_form_may_stand_behind_proxy() {
        for text in ["127.0.0.1:80", "[::1]:9000", "unix:/run/y.sock", "fd://0"] {
            let plain: Listen = text.parse().unwrap();
            assert_eq!(plain, Listen { address: parsed(text), proxy_protocol: false });
            let proxied = format!("proxy+{text}");
            let listen: Listen = proxied.parse().unwrap();
            assert_eq!(listen, Listen { address: parsed(text), proxy_protocol: true });
            assert_eq!(listen.to_string(), proxied);
        }
        assert!("proxy+".parse::<Listen>().unwrap_err().contains("empty"));
        assert!("proxy+proxy+:80".parse::<Listen>().is_err());
    }

    #[test]
    fn every_mistake_is_refused_with_its_reason() {
        let long = format!("unix:/{}", "x".repeat(UNIX_PATH_MAX));
        for (text, reason) in [
            ("", "empty"),
            ("127.0.0.1:65536", "'65536' is not a port"),
            ("127.0.0.1:+80", "'+80' is not a port"),
            ("127.0.0.1:", "'' is not a port"),
            ("99999", "'99999' is not a port"),
            ("127.0.0.256:80", "not an IPv4 address"),
            ("127.0.1:80", "not an IPv4 address"),
            ("my host:80", "not a host name"),
            ("höst:80", "not a host name"),
            ("::1", "in brackets: [::1]:8000"),
            ("0.0.0.0:80:80", "more than one colon; write host:port"),
            ("fd:3", "like fd://3"),
            ("[::1", "closing bracket"),
            ("[::1]80", "a colon and the port"),
            ("[::g]:80", "'::g' is not an IPv6 address"),
            ("[127.0.0.1]:80", "not an IPv6 address"),
            ("http://localhost:80", "this is a URL"),
            ("unix:", "the path is missing"),
            ("unix:a\0b", "NUL"),
            (long.as_str(), "at most 103"),
            ("fd://", "write it like fd://3"),
            ("fd://-1", "write it like fd://3"),
            ("fd://+1", "write it like fd://3"),
            ("fd://99999999999", "write it like fd://3"),
        ] {
            let error = text.parse::<Bind>().unwrap_err();
            assert!(error.contains(reason), "{text:?}: {error:?} does not say {reason:?}");
        }
    }
}
