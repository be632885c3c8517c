//! Who is believed (`trusted_proxies`), and what (`forwarded_headers`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::nearest::{did_you_mean, nearest};

/// Every peer.
const EVERYBODY: &str = "*";
/// Every peer on a unix socket.
const UNIX: &str = "unix";
/// The whole list, if nobody is meant: read by [`Kind::List`](crate::kind::Kind), here only for advice.
const NOBODY: &str = "none";

/// Leading bits that make an IPv6 address an IPv4-mapped one, `::ffff:0:0/96` (RFC 4291 §2.5.5.2).
const MAPPED_BITS: u8 = 96;

/// The peers that are believed. Those that nobody has named are not: an empty set trusts nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trusted {
    everybody: bool,
    unix: bool,
    v4: Vec<Network<Ipv4Addr>>,
    v6: Vec<Network<Ipv6Addr>>,
}

/// A network: an address whose bits after the first `length` are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network<A> {
    address: A,
    length: u8,
}

/// The rule of one of the `trusted_proxies`: an address, a network whose further bits are zero, `unix` or `*`.
pub(crate) fn check(text: &str) -> Result<String, String> {
    let text = text.to_ascii_lowercase();
    Trusted::default().add(&text).map(|()| text)
}

impl Trusted {
    /// Those of `trusted_proxies`. The error is one clause that says what to write instead.
    pub fn new(elements: &[String]) -> Result<Self, String> {
        let mut trusted = Self::default();
        elements.iter().try_for_each(|element| trusted.add(element))?;
        Ok(trusted)
    }

    /// Whether `address` is one of those. An IPv4-mapped IPv6 address counts as the IPv4 address that it stands for.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.everybody
            || match address.to_canonical() {
                IpAddr::V4(address) => self.v4.iter().any(|network| network.contains(address)),
                IpAddr::V6(address) => self.v6.iter().any(|network| network.contains(address)),
            }
    }

    /// Whether peers on unix sockets are.
    #[must_use]
    pub fn unix(&self) -> bool {
        self.everybody || self.unix
    }

    fn add(&mut self, text: &str) -> Result<(), String> {
        match text {
            EVERYBODY => self.everybody = true,
            UNIX => self.unix = true,
            _ => return self.add_addresses(text),
        }
        Ok(())
    }

    fn add_addresses(&mut self, text: &str) -> Result<(), String> {
        let Some((address, length)) = text.split_once('/') else {
            let address = text.parse().map_err(|_| no_address(text))?;
            self.add_network(address, None);
            return Ok(());
        };
        let address: IpAddr = address.parse().map_err(|_| no_address(address))?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = length
            .parse::<u8>()
            .ok()
            .filter(|bits| *bits <= most && length.bytes().all(|b| b.is_ascii_digit()))
            .ok_or_else(|| format!("after the slash comes a number from 0 to {most}"))?;
        let first = first_address(address, bits);
        if first != address {
            return Err(format!("not the beginning of a network; write {first}/{bits}"));
        }
        self.add_network(address, Some(bits));
        Ok(())
    }

    /// `length`: `None` for a single address.
    fn add_network(&mut self, address: IpAddr, length: Option<u8>) {
        match (address, address.to_canonical(), length) {
            (IpAddr::V6(_), IpAddr::V4(address), Some(length)) if length >= MAPPED_BITS => {
                self.v4.push(Network { address, length: length - MAPPED_BITS });
            }
            (IpAddr::V4(address), _, length) | (_, IpAddr::V4(address), length @ None) => {
                self.v4.push(Network { address, length: length.unwrap_or(32) });
            }
            (IpAddr::V6(address), _, length) => {
                self.v6.push(Network { address, length: length.unwrap_or(128) });
            }
        }
    }
}

impl Network<Ipv4Addr> {
    fn contains(&self, address: Ipv4Addr) -> bool {
        let differing = self.address.to_bits() ^ address.to_bits();
        differing.leading_zeros() >= u32::from(self.length)
    }
}

impl Network<Ipv6Addr> {
    fn contains(&self, address: Ipv6Addr) -> bool {
        let differing = self.address.to_bits() ^ address.to_bits();
        differing.leading_zeros() >= u32::from(self.length)
    }
}

/// The first address of the network of so many bits that `address` is in.
fn first_address(address: IpAddr, bits: u8) -> IpAddr {
    let bits = u32::from(bits);
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

fn no_address(text: &str) -> String {
    match text {
        "localhost" => return "names are not looked up; write 127.0.0.0/8,::1".into(),
        "off" | "" => return format!("write {NOBODY}, alone, for nobody"),
        NOBODY => return format!("{NOBODY} means nobody; it stands alone"),
        _ => {}
    }
    let advice = did_you_mean(nearest(text, [UNIX, NOBODY]));
    format!("neither an address nor a network like 10.0.0.0/8, nor {UNIX} or {EVERYBODY}{advice}")
}

/// The fields in which proxies tell of the client before them: RFC 7239, and what was usual before it.
pub const FORWARDED_HEADERS: &[&str] = &[
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
];

/// Every one of them.
pub const ALL_FORWARDED_HEADERS: &str = "all";

/// The rule of one of the `forwarded_headers`.
pub(crate) fn check_header(text: &str) -> Result<String, String> {
    let name = text.to_ascii_lowercase();
    let names = || FORWARDED_HEADERS.iter().copied().chain([ALL_FORWARDED_HEADERS]);
    if names().any(|known| known == name) {
        return Ok(name);
    }
    let advice = did_you_mean(nearest(&name, names()));
    Err(format!("not one of {}{advice}", names().collect::<Vec<_>>().join(", ")))
}

#[cfg(test)]
mod tests;
