//! Request targets (RFC 9112 §3.2), authorities and percent-encoding (RFC 3986).

use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::ops::Range;

use crate::error::RequestError;
use crate::scan::table_length;

/// `raw` with its percent-encoded bytes decoded (RFC 3986 §2.1). Escapes that are none, such as `%` or `%zz`, are
/// left as they are: what they mean is the application's business. Allocates only if there is something to decode.
pub fn percent_decode(raw: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'%', raw) else {
        return Cow::Borrowed(raw);
    };
    let mut decoded = Vec::with_capacity(raw.len());
    decoded.extend_from_slice(&raw[..first]);
    let mut rest = &raw[first..];
    while let [byte, tail @ ..] = rest {
        rest = match (byte, tail) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                decoded.push(hex_value(*high) << 4 | hex_value(*low));
                after
            }
            _ => {
                decoded.push(*byte);
                tail
            }
        };
    }
    Cow::Owned(decoded)
}

/// The value of an ASCII hexadecimal digit; only for bytes that are one.
fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20).wrapping_sub(b'a').wrapping_add(10),
    }
}

/// The bytes a request target may have: VCHAR but `#` (a fragment is never sent, RFC 9110 §7.1). More than RFC 3986
/// allows (`|`, `{`, `"` …): browsers and other clients send them, and they cannot be mistaken for a delimiter.
pub(crate) const TARGET_BYTE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0x21;
    while byte < 0x7F {
        table[byte] = byte != b'#' as usize;
        byte += 1;
    }
    table
};

/// The parts of a request target, as ranges of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TargetParts {
    /// From the first `/` on, up to the query; `None` where an absolute-form target has no path.
    pub path: Option<Range<usize>>,
    /// What follows the first `?`; empty if there is none.
    pub query: Range<usize>,
    /// host[:port] of an absolute-form target.
    pub authority: Option<Range<usize>>,
}

/// Takes a request target apart, whose bytes were checked against [`TARGET_BYTE`] already: origin-form and
/// absolute-form for any method, asterisk-form for OPTIONS (RFC 9112 §3.2).
#[inline]
pub(crate) fn split_target(method: &[u8], target: &[u8]) -> Result<TargetParts, RequestError> {
    match target {
        [b'/', ..] => {
            let (path, query) = split_query(0, target);
            Ok(TargetParts { path: Some(path), query, authority: None })
        }
        b"*" if method == b"OPTIONS" => Ok(TargetParts { path: Some(0..1), query: 1..1, authority: None }),
        _ => split_absolute(target),
    }
}

fn split_absolute(target: &[u8]) -> Result<TargetParts, RequestError> {
    let start = if starts_with_ignoring_case(target, b"http://") {
        7
    } else if starts_with_ignoring_case(target, b"https://") {
        8
    } else {
        return Err(RequestError::BadTarget);
    };
    let rest = &target[start..];
    let length = rest.iter().position(|&b| b == b'/' || b == b'?').unwrap_or(rest.len());
    // An http URI without a host must be refused (RFC 9110 §4.2.1), and so is userinfo (§4.2.4): the `@` is no
    // part of a host.
    if length == 0 || !is_authority(&rest[..length]) {
        return Err(RequestError::BadAuthority);
    }
    let after = start + length;
    let (path, query) = split_query(after, target);
    Ok(TargetParts { path: (!path.is_empty()).then_some(path), query, authority: Some(start..after) })
}

/// The ranges of path and query in `target`, where the path starts at `start`.
#[inline]
fn split_query(start: usize, target: &[u8]) -> (Range<usize>, Range<usize>) {
    match memchr::memchr(b'?', &target[start..]) {
        Some(length) => (start..start + length, start + length + 1..target.len()),
        None => (start..target.len(), target.len()..target.len()),
    }
}

fn starts_with_ignoring_case(bytes: &[u8], prefix: &[u8]) -> bool {
    bytes.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// The bytes that a registered name may have besides percent-encoded ones: unreserved and sub-delims (RFC 3986 §3.2.2).
const REG_NAME_BYTE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let marks = b"-._~!$&'()*+,;=";
    let mut i = 0;
    while i < marks.len() {
        table[marks[i] as usize] = true;
        i += 1;
    }
    table
};

/// True if `value` is `host [":" port]` (RFC 3986 §3.2.2) with a host that is not empty and a port that, if it is
/// there, is empty or at most 65535.
pub(crate) fn is_authority(value: &[u8]) -> bool {
    let (host_is_valid, port) = match value {
        [b'[', rest @ ..] => match memchr::memchr(b']', rest) {
            Some(end) => (is_ip_literal(&rest[..end]), &rest[end + 1..]),
            None => return false,
        },
        _ => {
            let plain = table_length(value, &REG_NAME_BYTE);
            match value.get(plain) {
                None | Some(b':') => (plain > 0, &value[plain..]),
                Some(_) => {
                    let end = value.iter().position(|&b| b == b':').unwrap_or(value.len());
                    (is_escaped_reg_name(&value[..end]), &value[end..])
                }
            }
        }
    };
    host_is_valid && is_port_suffix(port)
}

/// The host of a valid authority, with the brackets of an IPv6 address, and its port, if there is one above 0.
pub(crate) fn split_authority(authority: &str) -> (&str, Option<u16>) {
    let colon = match authority.rfind(':') {
        Some(colon) if !authority.ends_with(']') => colon,
        _ => return (authority, None),
    };
    let port = authority[colon + 1..].parse().ok().filter(|port| *port != 0);
    (&authority[..colon], port)
}

/// True if `suffix` is empty, or a colon and a port.
#[inline]
fn is_port_suffix(suffix: &[u8]) -> bool {
    match suffix {
        [] => true,
        [b':', digits @ ..] => {
            digits.iter().all(u8::is_ascii_digit)
                && digits.iter().fold(0u32, |port, b| (port * 10 + u32::from(b - b'0')).min(65_536)) <= 65_535
        }
        _ => false,
    }
}

/// True for a registered name (RFC 3986 §3.2.2); the thorough way, for the rare name with percent-encoded bytes.
fn is_escaped_reg_name(mut name: &[u8]) -> bool {
    while let [byte, rest @ ..] = name {
        name = match (byte, rest) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => after,
            _ if REG_NAME_BYTE[*byte as usize] => rest,
            _ => return false,
        };
    }
    true
}

/// IPv6address or IPvFuture, without the brackets. Zone identifiers are not part of a URI's host.
fn is_ip_literal(literal: &[u8]) -> bool {
    if let [b'v' | b'V', rest @ ..] = literal {
        let Some(dot) = rest.iter().position(|&b| b == b'.') else { return false };
        let (version, address) = (&rest[..dot], &rest[dot + 1..]);
        return !version.is_empty()
            && version.iter().all(u8::is_ascii_hexdigit)
            && !address.is_empty()
            && address.iter().all(|&b| b == b':' || REG_NAME_BYTE[b as usize]);
    }
    std::str::from_utf8(literal).is_ok_and(|literal| literal.parse::<Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn decodes_percent_escapes_and_leaves_others_alone() {
        let cases: [(&[u8], &[u8]); 9] = [
            (b"/plain", b"/plain"),
            (b"/a%20b", b"/a b"),
            (b"%41%5a%7E", b"AZ~"),
            (b"%C3%a9", b"\xc3\xa9"),
            (b"%00%ff", b"\x00\xff"),
            (b"%", b"%"),
            (b"100%2", b"100%2"),
            (b"%zz%4g%41", b"%zz%4gA"),
            (b"%2541", b"%41"),
        ];
        for (raw, decoded) in cases {
            assert_eq!(&*percent_decode(raw), decoded, "{raw:?}");
        }
        assert!(matches!(percent_decode(b"/no/escape"), Cow::Borrowed(_)));
    }

    /// (path, query, authority) as text.
    fn split(method: &[u8], target: &str) -> Result<(Option<String>, String, Option<String>), RequestError> {
        let parts = split_target(method, target.as_bytes())?;
        let text = |range: Range<usize>| target[range].to_owned();
        Ok((parts.path.map(text), text(parts.query), parts.authority.map(text)))
    }

    #[test]
    fn target_forms() {
        let cases = [
            ("GET", "/", Some("/"), "", None),
            ("GET", "/a/b?c=d?e", Some("/a/b"), "c=d?e", None),
            ("GET", "/?", Some("/"), "", None),
            ("GET", "//evil.example/x", Some("//evil.example/x"), "", None),
            ("OPTIONS", "*", Some("*"), "", None),
            ("GET", "http://a.example/x?y", Some("/x"), "y", Some("a.example")),
            ("GET", "HTTPS://a.example:8443", None, "", Some("a.example:8443")),
            ("GET", "http://a.example?y=/z", None, "y=/z", Some("a.example")),
            ("GET", "http://[::1]:80/", Some("/"), "", Some("[::1]:80")),
        ];
        for (method, target, path, query, authority) in cases {
            let parts = split(method.as_bytes(), target).unwrap();
            assert_eq!(
                (parts.0.as_deref(), &*parts.1, parts.2.as_deref()),
                (path, query, authority),
                "{target}"
            );
        }
    }

    #[test]
    fn targets_of_no_form_are_refused() {
        for target in ["", "x", "*", "a.example:80", "ftp://a/", "http:/a", "http:a", "?x", "mailto:x"] {
            assert_eq!(split(b"GET", target), Err(RequestError::BadTarget), "{target}");
        }
        assert_eq!(split(b"OPTIONS", "**"), Err(RequestError::BadTarget));
        for target in [
            "http://",
            "http:///x",
            "http://?x",
            "http://u@h/",
            "http://u:p@h/",
            "http://:80/",
            "http://[::1/",
        ] {
            assert_eq!(split(b"GET", target), Err(RequestError::BadAuthority), "{target}");
        }
    }

    #[test]
    fn authorities() {
        for valid in [
            "a",
            "a.example",
            "a.example:",
            "a:0",
            "a:65535",
            "127.0.0.1:8000",
            "xn--e1afmkfd",
            "a_b",
            "%41",
            "a%c3",
            "[::1]",
            "[::1]:80",
            "[2001:db8::1]",
            "[::ffff:1.2.3.4]",
            "[v1.x:y]",
            "a,b;c=d",
            "000.1",
            "a:00080",
        ] {
            assert!(is_authority(valid.as_bytes()), "{valid}");
        }
        for invalid in [
            "",
            ":",
            ":80",
            "a:65536",
            "a:99999999999999999999",
            "a:8x",
            "a:-1",
            "a:80:80",
            "a b",
            "a/b",
            "u@a",
            "a?",
            "a#",
            "a\\b",
            "<a>",
            "\"a\"",
            "%",
            "%4",
            "%zz",
            "a%zz",
            "[",
            "[]",
            "[::1",
            "::1",
            "[::1]x",
            "[::1]:x",
            "[1.2.3.4]",
            "[::1%eth0]",
            "[::1%25eth0]",
            "[v.x]",
            "[v1.]",
            "[vg.x]",
            "[v1]",
            "é",
            "a{",
            "a\t",
        ] {
            assert!(!is_authority(invalid.as_bytes()), "{invalid}");
        }
    }
}
