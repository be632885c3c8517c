//! What `yett dev` does with the settings: only this machine may connect, and whoever looks on sees the requests.

use std::net::IpAddr;

use crate::bind::Bind;
use crate::choices::LogLevel;
use crate::layers::{Effective, Origin};
use crate::log_target::LogTarget;
use crate::mistake::Mistake;

/// Defaults of `yett dev` for what nobody has set, and a mistake for each address that others could reach: the error
/// page shows source and values.
pub(crate) fn adapt(effective: &mut Effective) -> Vec<Mistake> {
    if *effective.origins.of("access_log") == Origin::Default {
        effective.settings.access_log = LogTarget::Stderr;
    }
    if *effective.origins.of("access_log_format") == Origin::Default {
        effective.settings.access_log_format = "dev".into();
    }
    if *effective.origins.of("log_level") == Origin::Default {
        // What the supervisor does at each reload is told in fewer words.
        effective.settings.log_level = LogLevel::Warning;
    }
    let origin = effective.origins.of("bind");
    let reachable = effective.settings.bind.iter().filter(|listen| !is_local(&listen.address));
    reachable
        .map(|listen| {
            Mistake::with_hint(
                format!("{origin}: `yett dev` does not listen on {}: others could reach it", listen.address),
                "errors are shown with source and values: bind 127.0.0.1, [::1], localhost or a unix socket, or \
                 serve with `yett run`",
            )
        })
        .collect()
}

/// Whether only this machine reaches the address. Of an inherited descriptor nobody knows.
fn is_local(address: &Bind) -> bool {
    match address {
        Bind::Tcp { host, .. } => match host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            // RFC 6761 §6.3: names in `localhost` are never asked of a name server.
            Err(_) => {
                let host = host.trim_end_matches('.').to_ascii_lowercase();
                host == "localhost" || host.ends_with(".localhost")
            }
        },
        Bind::Unix(_) => true,
        Bind::Fd(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(text: &str) -> bool {
        is_local(&text.parse().unwrap_or(Bind::Fd(0)))
    }

    #[test]
    fn loopback_is_local() {
        for text in
            ["127.0.0.1:80", "127.9.9.9", "[::1]:0", "localhost", "a.LOCALHOST:1", "8000", "unix:a.sock"]
        {
            assert!(local(text), "{text}");
        }
    }

    #[test]
    fn everything_else_is_not() {
        for text in [
            ":8000",
            "0.0.0.0",
            "[::]",
            "192.168.1.1:80",
            "[::ffff:10.0.0.1]:80",
            "example.com",
            "localhost.example.com:80",
            "notlocalhost",
            "fd://3",
        ] {
            assert!(!local(text), "{text}");
        }
    }
}
