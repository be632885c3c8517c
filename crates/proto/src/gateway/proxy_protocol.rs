//! The PROXY protocol, versions 1 and 2: what a proxy says of a connection before the first byte of the client's.
//!
//! Specification: <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>; its sections are cited. The receiver
//! must know that a header is coming (§2): whether one is there is never guessed, since a client could write it too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::error::RequestError;

/// The longest header of version 1, CRLF included (§2.1).
const LONGEST_V1: usize = 107;

/// The bytes a header of version 2 begins with (§2.2).
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Signature, version and command, family and protocol, length (§2.2).
const FIXED_V2: usize = 16;

/// What may follow them. Addresses take at most 216 bytes; the rest are additions (§2.2: TLVs), such as the client's
/// certificate, of which we read none. 65535 could be announced.
const LONGEST_V2: usize = 4096;

/// What [`parse`] has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The header is not there whole: call again with more behind it.
    Incomplete,
    /// It takes the first `length` bytes; what follows is the client's.
    Complete {
        /// In bytes.
        length: usize,
        /// Whose connection it is.
        source: Source,
    },
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The proxy itself (`LOCAL`: a health check): the addresses of the connection are the true ones.
    Proxy,
    /// Somebody whom the proxy cannot name (`UNKNOWN`, no family). The addresses of the connection stand for theirs, but
    /// what they say is not the proxy's word.
    Unknown,
    /// A client that the proxy has accepted. IPv4-mapped addresses are given as IPv4.
    Inet {
        /// Its address.
        client: SocketAddr,
        /// The address that it has connected to.
        server: SocketAddr,
    },
    /// A client on a unix socket of the proxy's.
    Unix,
}

/// Reads the header at the start of `input`, which holds all that has come. Cheap to call again: it looks at no more
/// than the first 107 bytes of a version 1 header, and at no more than 52 of version 2.
///
/// # Errors
/// [`RequestError::MissingProxyHeader`], [`RequestError::BadProxyHeader`], [`RequestError::ProxyHeaderTooLong`]: as soon
/// as that is certain.
pub fn parse(input: &[u8]) -> Result<Parsed, RequestError> {
    if begins(input, SIGNATURE) {
        parse_v2(input)
    } else if begins(input, b"PROXY ") {
        parse_v1(input)
    } else {
        Err(RequestError::MissingProxyHeader)
    }
}

/// Whether `input` starts with `signature`, or could when more of it has come.
fn begins(input: &[u8], signature: &[u8]) -> bool {
    let length = input.len().min(signature.len());
    input[..length] == signature[..length]
}

/// §2.1: `PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n`.
fn parse_v1(input: &[u8]) -> Result<Parsed, RequestError> {
    let within = &input[..input.len().min(LONGEST_V1)];
    let Some(end) = within.windows(2).position(|two| two == b"\r\n") else {
        return if within.len() < LONGEST_V1 {
            Ok(Parsed::Incomplete)
        } else {
            Err(RequestError::ProxyHeaderTooLong)
        };
    };
    let line = std::str::from_utf8(&within[..end]).map_err(|_| RequestError::BadProxyHeader)?;
    let source = match line.strip_prefix("PROXY ").ok_or(RequestError::BadProxyHeader)? {
        // «the receiver must ignore anything presented before the CRLF»
        rest if rest == "UNKNOWN" || rest.starts_with("UNKNOWN ") => Source::Unknown,
        rest => v1_addresses(rest).ok_or(RequestError::BadProxyHeader)?,
    };
    Ok(Parsed::Complete { length: end + 2, source })
}

/// Exactly one space between the parts, and nothing after them.
fn v1_addresses(text: &str) -> Option<Source> {
    let mut parts = text.split(' ');
    let mut part = || parts.next();
    let family = part()?;
    let address = |text: &str| -> Option<IpAddr> {
        match family {
            "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    let (client, server) = (address(part()?)?, address(part()?)?);
    let (client_port, server_port) = (v1_port(part()?)?, v1_port(part()?)?);
    part().is_none().then(|| inet(client, client_port, server, server_port))
}

/// «Heading zeroes are not permitted».
fn v1_port(digits: &str) -> Option<u16> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    if plain { digits.parse().ok() } else { None }
}

/// §2.2.
fn parse_v2(input: &[u8]) -> Result<Parsed, RequestError> {
    // What is known to be wrong is refused without waiting for the rest.
    if let Some(command) = input.get(12)
        && !matches!(command, 0x20 | 0x21)
    {
        return Err(RequestError::BadProxyHeader);
    }
    let Some(fixed) = input.first_chunk::<FIXED_V2>() else { return Ok(Parsed::Incomplete) };
    let is_local = fixed[12] == 0x20;
    let announced = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if announced > LONGEST_V2 {
        return Err(RequestError::ProxyHeaderTooLong);
    }
    let addresses = match fixed[13] {
        // «discard the protocol block including the family which is ignored»
        _ if is_local => 0,
        // No family: «free to accept the connection and use the real endpoint addresses».
        0x00 => 0,
        0x11 => 12,
        0x21 => 36,
        0x31 => 216,
        // Datagrams, and what «must be rejected as invalid».
        _ => return Err(RequestError::BadProxyHeader),
    };
    if announced < addresses {
        return Err(RequestError::BadProxyHeader);
    }
    let length = FIXED_V2 + announced;
    let Some(block) = input.get(FIXED_V2..length) else { return Ok(Parsed::Incomplete) };
    let source = if is_local { Some(Source::Proxy) } else { v2_addresses(addresses, block) };
    let source = source.ok_or(RequestError::BadProxyHeader)?;
    Ok(Parsed::Complete { length, source })
}

/// The addresses at the start of `block`, which take so many bytes there.
fn v2_addresses(size: usize, block: &[u8]) -> Option<Source> {
    let port = |at: usize| Some(u16::from_be_bytes([*block.get(at)?, *block.get(at + 1)?]));
    Some(match size {
        0 => Source::Unknown,
        12 => {
            let address = |at: usize| Some(IpAddr::from(*block.get(at..)?.first_chunk::<4>()?));
            inet(address(0)?, port(8)?, address(4)?, port(10)?)
        }
        36 => {
            let address = |at: usize| Some(IpAddr::from(*block.get(at..)?.first_chunk::<16>()?));
            inet(address(0)?, port(32)?, address(16)?, port(34)?)
        }
        _ => Source::Unix,
    })
}

fn inet(client: IpAddr, client_port: u16, server: IpAddr, server_port: u16) -> Source {
    Source::Inet {
        client: SocketAddr::new(client.to_canonical(), client_port),
        server: SocketAddr::new(server.to_canonical(), server_port),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
