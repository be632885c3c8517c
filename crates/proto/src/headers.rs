//! Field syntax (RFC 9110 §5), and blocks of fields that were checked against it.

use crate::error::ResponseError;

/// The bytes of `tchar` (RFC 9110 §5.6.2).
pub(crate) const TCHAR: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let marks = b"!#$%&'*+-.^_`|~";
    let mut i = 0;
    while i < marks.len() {
        table[marks[i] as usize] = true;
        i += 1;
    }
    table
};

/// True if `b` may be part of a token (RFC 9110 §5.6.2).
#[inline]
pub fn is_tchar(b: u8) -> bool {
    TCHAR[b as usize]
}

/// True if `b` is a token: one or more tchar.
#[inline]
pub fn is_token(b: &[u8]) -> bool {
    !b.is_empty() && b.iter().all(|&b| is_tchar(b))
}

/// True if `b` may be a field value: no control characters but HTAB; bytes above 0x7F are allowed (obs-text,
/// RFC 9110 §5.5).
#[inline]
pub fn is_field_value(b: &[u8]) -> bool {
    // No early exit: this way the compiler makes vector instructions of it, and bad values are rare.
    !b.iter().fold(false, |bad, &b| bad | ((b < 0x20) & (b != b'\t')) | (b == 0x7F))
}

/// `b` without the optional white space (SP and HTAB, RFC 9110 §5.6.3) around it.
#[inline]
pub(crate) fn trim_ows(mut b: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = b {
        b = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = b {
        b = rest;
    }
    b
}

/// The non-empty elements of a comma-separated list, trimmed (RFC 9110 §5.6.1). For lists of tokens: a comma
/// inside a quoted string would split it.
pub(crate) fn list_elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&b| b == b',').map(trim_ows).filter(|element| !element.is_empty())
}

/// 1*DIGIT as a number; `None` for anything else, and for what does not fit (RFC 9110 §8.6).
pub(crate) fn parse_decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, &digit| {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Appends `number` in decimal digits.
pub(crate) fn push_decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Checked fields in wire form, `name: value CRLF` one after the other. Nothing gets in that could end a line early.
#[derive(Default, Clone, Debug, PartialEq, Eq)]
pub struct FieldBlock {
    wire: Vec<u8>,
    count: usize,
}

impl FieldBlock {
    /// An empty block; allocates nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Removes all fields, keeps the memory.
    pub fn clear(&mut self) {
        self.wire.clear();
        self.count = 0;
    }

    /// Appends a field. White space around the value is left out; names keep their case.
    ///
    /// Errors: [`ResponseError::BadName`] if `name` is not a token, [`ResponseError::BadValue`] if `value` has a
    /// control character. The block then stays as it was.
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), ResponseError> {
        if !is_token(name) {
            return Err(ResponseError::BadName { name: name.to_vec() });
        }
        if !is_field_value(value) {
            return Err(ResponseError::BadValue { name: name.to_vec() });
        }
        let value = trim_ows(value);
        self.wire.reserve(name.len() + value.len() + 4);
        self.wire.extend_from_slice(name);
        self.wire.extend_from_slice(b": ");
        self.wire.extend_from_slice(value);
        self.wire.extend_from_slice(b"\r\n");
        self.count += 1;
        Ok(())
    }

    /// All fields in wire form, each with its CRLF; without an empty line.
    pub fn as_bytes(&self) -> &[u8] {
        &self.wire
    }

    /// (name, value) of every field, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.wire.split_inclusive(|&b| b == b'\n').filter_map(|line| {
            let colon = memchr::memchr(b':', line)?;
            Some((&line[..colon], line.get(colon + 2..line.len() - 2)?))
        })
    }

    /// True if there is no field.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn tchar_is_the_set_of_the_rfc() {
        for b in 0..=255u8 {
            let delimiter = b"\"(),/:;<=>?@[\\]{}".contains(&b);
            assert_eq!(is_tchar(b), (0x21..0x7F).contains(&b) && !delimiter, "{b:#x}");
        }
        assert!(is_token(b"X-Request_Id") && !is_token(b"") && !is_token(b"a b") && !is_token(b"a\xc3"));
    }

    #[test]
    fn field_values_have_no_control_characters_at_any_place() {
        for b in 0..=255u8 {
            let allowed = b == b'\t' || (b >= 0x20 && b != 0x7F);
            for place in [0, 1, 15, 16, 33, 63] {
                let mut value = [b'a'; 64];
                value[place] = b;
                assert_eq!(is_field_value(&value), allowed, "{b:#x} at {place}");
            }
        }
        assert!(is_field_value(b""));
    }

    #[test]
    fn a_block_has_wire_form_and_gives_its_fields_back() {
        let mut block = FieldBlock::new();
        assert!(block.is_empty());
        block.push(b"Link", b"</a:b.css>; rel=preload").unwrap();
        block.push(b"x-empty", b"").unwrap();
        block.push(b"x-trim", b" \t a b \t").unwrap();
        assert_eq!(block.as_bytes(), b"Link: </a:b.css>; rel=preload\r\nx-empty: \r\nx-trim: a b\r\n");
        let fields: Vec<_> = block.iter().collect();
        assert_eq!(
            fields,
            [(&b"Link"[..], &b"</a:b.css>; rel=preload"[..]), (b"x-empty", b""), (b"x-trim", b"a b")]
        );
        assert_eq!(block.len(), 3);
        block.clear();
        assert!(block.is_empty() && block.as_bytes().is_empty() && block.iter().next().is_none());
    }

    #[test]
    fn a_refused_field_leaves_no_trace() {
        let mut block = FieldBlock::new();
        for (name, value) in [
            (&b"a"[..], &b"x\r\nb: y"[..]),
            (b"a", b"x\0"),
            (b"a", b"\r"),
            (b"a", b"\n"),
            (b"a\r\nb", b"x"),
            (b"", b"x"),
            (b"a:", b"x"),
            (b"a b", b"x"),
        ] {
            assert!(block.push(name, value).is_err(), "{name:?} {value:?}");
        }
        assert!(block.is_empty() && block.as_bytes().is_empty());
        assert_eq!(block.push(b"n", b"\x7f"), Err(ResponseError::BadValue { name: b"n".to_vec() }));
        assert_eq!(block.push(b"n\0", b""), Err(ResponseError::BadName { name: b"n\0".to_vec() }));
    }

    #[test]
    fn decimals() {
        assert_eq!(parse_decimal(b"0"), Some(0));
        assert_eq!(parse_decimal(b"007"), Some(7));
        assert_eq!(parse_decimal(b"18446744073709551615"), Some(u64::MAX));
        for bad in [&b""[..], b"18446744073709551616", b"+1", b"-1", b"1 ", b"0x1", b"1,1", b"1_0", b"\xb2"] {
            assert_eq!(parse_decimal(bad), None, "{bad:?}");
        }
        for number in [0, 9, 10, 12_345, u64::MAX] {
            let mut out = Vec::new();
            push_decimal(&mut out, number);
            assert_eq!(out, number.to_string().as_bytes());
        }
    }

    #[test]
    fn lists_skip_empty_elements() {
        let elements: Vec<_> = list_elements(b", close ,\t,keep-alive,").collect();
        assert_eq!(elements, [&b"close"[..], b"keep-alive"]);
        assert_eq!(trim_ows(b" \t "), b"");
    }
}
