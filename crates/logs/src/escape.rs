//! Bytes from elsewhere, made safe for a line: none of them ends the line, or the field that it stands in.

use std::io::Write as _;

/// Whether `b` needs no escape anywhere.
fn is_plain(b: u8) -> bool {
    (0x20..0x7F).contains(&b) && b != b'"' && b != b'\\'
}

fn all_plain(bytes: &[u8]) -> bool {
    // No early exit: this way the compiler makes vector instructions of it, and most bytes are plain.
    bytes.iter().fold(true, |plain, &b| plain & is_plain(b))
}

/// For a line of text: printable ASCII stays, a quote and a backslash get a backslash, all else becomes `\xNN`.
pub(crate) fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    if all_plain(bytes) {
        out.extend_from_slice(bytes);
        return;
    }
    for &b in bytes {
        match b {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', b]),
            0x20..0x7F => out.push(b),
            _ => hexadecimal(out, b),
        }
    }
}

/// As [`text`], and a space is `\x20`: for a value that stands unquoted between spaces.
pub(crate) fn word(out: &mut Vec<u8>, bytes: &[u8]) {
    for (index, part) in bytes.split(|b| *b == b' ').enumerate() {
        if index > 0 {
            hexadecimal(out, b' ');
        }
        text(out, part);
    }
}

/// For messages: lines and tabs stay as they are, and so does what is not ASCII; other control characters, which could
/// steer a terminal, are shown (also those of U+0080 to U+009F, by their bytes).
pub(crate) fn lines(out: &mut Vec<u8>, message: &str) {
    let mut written = 0;
    for (at, c) in message.char_indices() {
        if c.is_control() && c != '\n' && c != '\t' {
            let end = at + c.len_utf8();
            out.extend_from_slice(&message.as_bytes()[written..at]);
            message.as_bytes()[at..end].iter().for_each(|b| hexadecimal(out, *b));
            written = end;
        }
    }
    out.extend_from_slice(&message.as_bytes()[written..]);
}

fn hexadecimal(out: &mut Vec<u8>, b: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(&[b'\\', b'x', DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]);
}

/// A JSON string, quotes included. What is no UTF-8 becomes U+FFFD.
pub(crate) fn json(out: &mut Vec<u8>, bytes: &[u8]) {
    if all_plain(bytes) {
        out.push(b'"');
        out.extend_from_slice(bytes);
        out.push(b'"');
        return;
    }
    let text = String::from_utf8_lossy(bytes);
    if serde_json::to_writer(&mut *out, &*text).is_err() {
        // Writing to memory does not fail; if it did, the line would still be whole.
        out.extend_from_slice(b"null");
    }
}

/// A number in decimal digits.
pub(crate) fn decimal(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Microseconds as seconds with six decimals.
pub(crate) fn seconds(out: &mut Vec<u8>, micros: u64) {
    decimal(out, micros / 1_000_000);
    out.push(b'.');
    six_digits(out, micros % 1_000_000);
}

/// Six digits, with zeros in front; `number` is below a million.
pub(crate) fn six_digits(out: &mut Vec<u8>, number: u64) {
    // With a one in front the zeros need no care.
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(1_000_000 + number).as_bytes();
    out.extend_from_slice(digits.get(1..).unwrap_or_default());
}

/// An address, as text.
pub(crate) fn address(out: &mut Vec<u8>, address: std::net::IpAddr) {
    match address {
        std::net::IpAddr::V4(address) => {
            for (index, octet) in address.octets().into_iter().enumerate() {
                if index > 0 {
                    out.push(b'.');
                }
                decimal(out, u64::from(octet));
            }
        }
        std::net::IpAddr::V6(address) => {
            // Writing to memory does not fail.
            let _ = write!(out, "{address}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn made(by: fn(&mut Vec<u8>, &[u8]), bytes: &[u8]) -> String {
        let mut out = Vec::new();
        by(&mut out, bytes);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn what_is_escaped() {
        assert_eq!(made(text, b"a \"b\" \\ \n\x1b\xff\x7f"), r#"a \"b\" \\ \x0a\x1b\xff\x7f"#);
        assert_eq!(made(word, b"a b\n"), r"a\x20b\x0a");
        assert_eq!(made(json, b"a\"\n\xff"), "\"a\\\"\\n\u{fffd}\"");
        let mut out = Vec::new();
        lines(&mut out, "ä\n\tb\x1b[31m\r\n\u{9b}c");
        assert_eq!(String::from_utf8_lossy(&out), "ä\n\tb\\x1b[31m\\x0d\n\\xc2\\x9bc");
    }

    #[test]
    fn numbers_and_addresses() {
        let mut out = Vec::new();
        seconds(&mut out, 12_000_345);
        out.push(b' ');
        decimal(&mut out, u64::MAX);
        for text in [" 127.0.0.1", " 2001:db8::1"] {
            out.push(b' ');
            if let Ok(ip) = text.trim().parse() {
                address(&mut out, ip);
            }
        }
        assert_eq!(String::from_utf8_lossy(&out), "12.000345 18446744073709551615 127.0.0.1 2001:db8::1");
    }

    proptest! {
        #[test]
        fn text_is_printable_and_its_quotes_are_escaped(bytes: Vec<u8>) {
            for line in [made(text, &bytes), made(word, &bytes)] {
                prop_assert!(line.bytes().all(|b| (0x20..0x7F).contains(&b)));
                let without = line.replace("\\\\", "").replace("\\\"", "");
                prop_assert!(!without.contains('"'));
            }
            prop_assert!(!made(word, &bytes).contains(' '));
        }

        #[test]
        fn json_reads_back(bytes: Vec<u8>) {
            let line = made(json, &bytes);
            prop_assert!(!line.contains('\n'));
            let back: String = serde_json::from_str(&line).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(back, String::from_utf8_lossy(&bytes));
        }
    }
}
