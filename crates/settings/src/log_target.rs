//! Where a log goes.

use std::fmt;
use std::path::PathBuf;

use crate::scalars::parse_bool;

/// The port of syslog over UDP (RFC 5426 §3.3).
const SYSLOG_PORT: u16 = 514;

/// Where the lines of a log go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogTarget {
    /// Nowhere.
    #[default]
    Off,
    /// Standard output (`-`).
    Stdout,
    /// Standard error.
    Stderr,
    /// Appended to this file.
    Path(PathBuf),
    /// The system's log.
    Syslog(SyslogAddress),
    /// Python's `logging`, as the application has set it up.
    Logging,
}

/// Where a syslog server takes messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyslogAddress {
    /// Where this system has it: `/dev/log`, or `/var/run/syslog` on macOS.
    Local,
    /// This unix datagram socket.
    Unix(PathBuf),
    /// UDP to this host, an address (without brackets) or a name to resolve.
    Udp {
        /// Address or name.
        host: String,
        /// Port.
        port: u16,
    },
}

/// Which log it is: not everything makes sense for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogKind {
    /// Messages; they cannot be off.
    Error,
    /// One line per request; too many for Python's `logging`.
    Access,
}

impl LogTarget {
    /// Reads what a user wrote. The error is one clause.
    pub(crate) fn parse(text: &str, kind: LogKind) -> Result<Self, String> {
        let target = match text {
            "" => return Err("the path is empty; write - for standard output".into()),
            "-" | "stdout" => Self::Stdout,
            "stderr" => Self::Stderr,
            "syslog" => Self::Syslog(SyslogAddress::Local),
            "logging" => Self::Logging,
            _ => match (parse_bool(text), text.strip_prefix("syslog:")) {
                // A switch, as environment files write it, is not the name of a file.
                (Some(true), _) => Self::Stdout,
                (Some(false), _) => Self::Off,
                (None, Some(address)) => Self::Syslog(syslog(address)?),
                (None, None) if text.contains('\0') => return Err("the path contains a NUL character".into()),
                (None, None) => Self::Path(text.into()),
            },
        };
        match (kind, &target) {
            (LogKind::Error, Self::Off) => Err("cannot be off; to see less, write --log-level error".into()),
            (LogKind::Access, Self::Logging) => {
                Err("requests do not go to Python's logging; write a path, or - for standard output".into())
            }
            _ => Ok(target),
        }
    }
}

/// `/path`, `host`, `host:port`, `[v6]:port`.
fn syslog(address: &str) -> Result<SyslogAddress, String> {
    if address.starts_with('/') {
        return Ok(SyslogAddress::Unix(address.into()));
    }
    let wrong = || "write it like syslog, syslog:/dev/log or syslog:host:514".to_owned();
    let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').ok_or_else(wrong)?)),
        None => address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port))),
    };
    let port = match port {
        None => SYSLOG_PORT,
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => port.parse().map_err(|_| wrong())?,
        Some(_) => return Err(wrong()),
    };
    if host.is_empty() || host.contains(|c: char| c.is_control() || c == '/' || c == ' ') {
        return Err(wrong());
    }
    Ok(SyslogAddress::Udp { host: host.into(), port })
}

impl fmt::Display for LogTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Stdout => f.write_str("-"),
            Self::Stderr => f.write_str("stderr"),
            Self::Path(path) => path.display().fmt(f),
            Self::Syslog(SyslogAddress::Local) => f.write_str("syslog"),
            Self::Syslog(SyslogAddress::Unix(path)) => write!(f, "syslog:{}", path.display()),
            Self::Syslog(SyslogAddress::Udp { host, port }) if host.contains(':') => {
                write!(f, "syslog:[{host}]:{port}")
            }
            Self::Syslog(SyslogAddress::Udp { host, port }) => write!(f, "syslog:{host}:{port}"),
            Self::Logging => f.write_str("logging"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_read_is_shown_and_read_back() {
        for text in [
            "-",
            "stderr",
            "/log/a b",
            "here.log",
            "syslog",
            "syslog:/dev/log",
            "syslog:[::1]:514",
            "syslog:h:1",
        ] {
            let target = LogTarget::parse(text, LogKind::Access).unwrap();
            assert_eq!(target.to_string(), text);
        }
        assert_eq!(LogTarget::parse("logging", LogKind::Error), Ok(LogTarget::Logging));
        assert_eq!(LogTarget::parse("syslog:h", LogKind::Error).unwrap().to_string(), "syslog:h:514");
        assert_eq!(LogTarget::parse("syslog:[::1]", LogKind::Error).unwrap().to_string(), "syslog:[::1]:514");
    }

    #[test]
    fn a_switch_is_no_file() {
        for (text, target) in [
            ("on", LogTarget::Stdout),
            ("True", LogTarget::Stdout),
            ("1", LogTarget::Stdout),
            ("off", LogTarget::Off),
            ("false", LogTarget::Off),
            ("No", LogTarget::Off),
            ("0", LogTarget::Off),
            ("./false", LogTarget::Path("./false".into())),
        ] {
            assert_eq!(LogTarget::parse(text, LogKind::Access), Ok(target), "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in [
            "syslog:",
            "syslog:h:x",
            "syslog:h:+1",
            "syslog::514",
            "syslog:[::1]514",
            "syslog:a b",
            "syslog:h:70000",
        ] {
            let reason = LogTarget::parse(text, LogKind::Access).unwrap_err();
            assert!(reason.contains("like syslog,"), "{text}: {reason}");
        }
        assert!(LogTarget::parse("off", LogKind::Error).unwrap_err().contains("cannot be off"));
        assert!(LogTarget::parse("logging", LogKind::Access).unwrap_err().contains("Python's logging"));
        assert!(LogTarget::parse("a\0b", LogKind::Error).unwrap_err().contains("NUL"));
    }
}
