//! The grammar of Forwarded (RFC 7239 §4 and §6), strictly: one mistake, and nothing of the field is believed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::forwarded::Client;
use crate::headers::TCHAR;
use crate::scan::table_length;

/// What one proxy has added: a `forwarded-element`. Values as sent, without their quotes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// Who was in front of that proxy; `None` if it has not said so, or not by an address.
    pub client: Option<Client>,
    pub proto: Option<Vec<u8>>,
    pub host: Option<Vec<u8>>,
}

/// What stands after `for=` or `by=` (RFC 7239 §6).
#[derive(Debug, PartialEq, Eq)]
enum Node {
    Address(Client),
    /// `unknown`, or a name made up by the proxy, such as `_gateway`.
    Hidden,
}

/// The elements of one field line, in order; `None` if it is malformed.
pub(super) fn parse(value: &[u8]) -> Option<Vec<Element>> {
    let mut elements = Vec::new();
    let mut rest = value;
    loop {
        let (element, after) = parse_element(rest)?;
        elements.extend(element);
        match after {
            [] => return Some(elements),
            // Empty elements of a list count for nothing (RFC 9110 §5.6.1).
            [b',', after @ ..] => rest = after,
            _ => return None,
        }
    }
}

/// One element, `None` if it is empty, and what follows it.
fn parse_element(mut rest: &[u8]) -> Option<(Option<Element>, &[u8])> {
    let mut element = Element::default();
    let (mut seen_for, mut seen_by, mut is_empty) = (false, false, true);
    loop {
        rest = skip_space(rest);
        let name_length = table_length(rest, &TCHAR);
        if name_length > 0 {
            let (name, after) = rest.split_at(name_length);
            let [b'=', after @ ..] = after else { return None };
            let (value, after) = parse_value(after)?;
            let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
            // «Each parameter MUST NOT occur more than once per field-value» of an element (RFC 7239 §4). Of extensions
            // (§5.5), which mean nothing here, that is not asked: their names would have to be kept and compared, and a
            // client can send thousands.
            let first = if is(b"for") {
                if let Node::Address(client) = parse_node(&value)? {
                    element.client = Some(client);
                }
                !std::mem::replace(&mut seen_for, true)
            } else if is(b"by") {
                parse_node(&value)?;
                !std::mem::replace(&mut seen_by, true)
            } else if is(b"proto") {
                element.proto.replace(value).is_none()
            } else if is(b"host") {
                element.host.replace(value).is_none()
            } else {
                true
            };
            if !first {
                return None;
            }
            is_empty = false;
            rest = skip_space(after);
        }
        match rest {
            [b';', after @ ..] => rest = after,
            _ => return Some(((!is_empty).then_some(element), rest)),
        }
    }
}

/// `token / quoted-string` (RFC 9110 §5.6.2, §5.6.4), without quotes and escapes, and what follows.
fn parse_value(rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let [b'"', inside @ ..] = rest else {
        let length = table_length(rest, &TCHAR);
        return (length > 0).then(|| (rest[..length].to_vec(), &rest[length..]));
    };
    let mut value = Vec::new();
    let mut rest = inside;
    loop {
        let (byte, after) = match rest {
            [b'"', after @ ..] => return Some((value, after)),
            [b'\\', byte, after @ ..] => (*byte, after),
            [] | [b'\\'] => return None,
            [byte, after @ ..] => (*byte, after),
        };
        value.push(byte);
        rest = after;
    }
}

/// `nodename [ ":" node-port ]` (RFC 7239 §6).
fn parse_node(node: &[u8]) -> Option<Node> {
    let text = std::str::from_utf8(node).ok()?;
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (name, after) = rest.split_once(']')?;
            let address = IpAddr::V6(name.parse::<Ipv6Addr>().ok()?);
            (Some(address), if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
        }
        None => {
            let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
            let hidden = name.eq_ignore_ascii_case("unknown") || is_obfuscated(name);
            (if hidden { None } else { Some(IpAddr::V4(name.parse::<Ipv4Addr>().ok()?)) }, port)
        }
    };
    let port = match port {
        None => None,
        Some(port) if is_obfuscated(port) => None,
        Some(port) => Some(parse_port(port)?),
    };
    Some(match name {
        Some(address) => Node::Address(Client::new(address, port)),
        None => Node::Hidden,
    })
}

/// `"_" 1*( ALPHA / DIGIT / "." / "_" / "-" )` (RFC 7239 §6.3).
fn is_obfuscated(name: &str) -> bool {
    name.strip_prefix('_').is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    })
}

/// 1*5DIGIT, at most 65535.
pub(super) fn parse_port(digits: &str) -> Option<u16> {
    let is_number = (1..=5).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}

fn skip_space(mut rest: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', after @ ..] = rest {
        rest = after;
    }
    rest
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::headers::is_tchar;

    fn client(text: &str, port: Option<u16>) -> Option<Client> {
        Some(Client::new(text.parse().unwrap(), port))
    }

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 7239 §4, §6.3 and §7.1, one after the other.
        for (value, expected) in [
            ("for=\"_gazonk\"", vec![None]),
            ("For=\"[2001:db8:cafe::17]:4711\"", vec![client("2001:db8:cafe::17", Some(4711))]),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", vec![client("192.0.2.60", None)]),
            (
                "for=192.0.2.43, for=198.51.100.17",
                vec![client("192.0.2.43", None), client("198.51.100.17", None)],
            ),
            ("for=_hidden, for=_SEVKISEK", vec![None, None]),
            (
                "for=192.0.2.43, for=\"[2001:db8:cafe::17]\"",
                vec![client("192.0.2.43", None), client("2001:db8:cafe::17", None)],
            ),
            (
                "for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown",
                vec![client("192.0.2.43", None), client("2001:db8:cafe::17", None), None],
            ),
        ] {
            let clients: Vec<_> = parse(value.as_bytes()).unwrap().into_iter().map(|e| e.client).collect();
            assert_eq!(clients, expected, "{value}");
        }
    }

    #[test]
    fn values_are_unquoted_and_extensions_passed_over() {
        let elements = parse(
            b"secret=x ; HOST=\"a\\\"\\\\b, c;d\";Proto=https;for=\"1.2.3.4:_p\";by=\"unknown:80\";, ,;",
        )
        .unwrap();
        assert_eq!(
            elements,
            [Element {
                client: client("1.2.3.4", None),
                proto: Some(b"https".to_vec()),
                host: Some(b"a\"\\b, c;d".to_vec()),
            }]
        );
        assert_eq!(parse(b"").unwrap(), []);
    }

    #[test]
    fn what_is_malformed_gives_nothing() {
        for value in [
            "for",
            "for=",
            "for =1.2.3.4",
            "for= 1.2.3.4",
            "=x",
            "for=\"1.2.3.4",
            "for=\"x\\",
            "for=\"1.2.3.4\"x",
            "for=1.2.3.4:80",
            "for=[::1]",
            "for=\"::1\"",
            "for=\"[::1\"",
            "for=\"[::1]80\"",
            "for=\"[1.2.3.4]\"",
            "for=1.2.3",
            "for=\"1.2.3.4:\"",
            "for=\"1.2.3.4:99999\"",
            "for=\"1.2.3.4:+80\"",
            "for=_",
            "for=\"_a b\"",
            "for=localhost",
            "for=1.2.3.4;for=1.2.3.4",
            "for=_a;for=1.2.3.4",
            "proto=http;Proto=https",
            "host=a;x=y;host=a",
            "by=_a;BY=_b",
            "by=x",
            "for=1.2.3.4 proto=http",
            "for=1.2.3.4;\u{e9}=x",
            "for=\"\u{e9}\"",
            "for=1.2.3.4 for=1.2.3.4",
            "for=1.2.3.4;;x",
            "\"",
        ] {
            assert_eq!(parse(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn parameters_are_not_compared_with_each_other() {
        // A name may come again; to find that out would take time that grows with the square of their number.
        let parameters: String = (0..100_000).map(|n| format!("x{n}=y;")).collect();
        let elements = parse(format!("{parameters}x1=z;for=1.2.3.4").as_bytes()).unwrap();
        assert_eq!(elements[0].client, client("1.2.3.4", None));
    }

    #[test]
    fn every_token_byte_may_be_in_a_value_and_no_other() {
        for byte in 0x20..=0xFFu8 {
            let value = [b"x=a".as_slice(), &[byte], b"b"].concat();
            let delimits = matches!(byte, b';' | b',' | b' ');
            if !delimits {
                assert_eq!(parse(&value).is_some(), is_tchar(byte), "{byte:#x}");
            }
        }
    }
}
