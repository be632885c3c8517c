//! Who has said his name by Basic authentication (RFC 7617).

/// The user in the value of an Authorization field of the Basic scheme (RFC 7617 §2).
pub(crate) fn basic_user(value: &[u8]) -> Option<Vec<u8>> {
    let (scheme, rest) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let mut decoded = base64(rest.trim_ascii())?;
    let colon = decoded.iter().position(|b| *b == b':')?;
    decoded.truncate(colon);
    Some(decoded)
}

/// Decodes base64 (RFC 4648 §4).
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for b in text.iter().take_while(|b| **b != b'=') {
        let value = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_of_basic_authentication() {
        assert_eq!(basic_user(b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==").as_deref(), Some(&b"Aladdin"[..]));
        assert_eq!(basic_user(b"basic YTpi").as_deref(), Some(&b"a"[..]));
        for other in [&b"Bearer x"[..], b"Basic", b"Basic !", b"Basic YWI=", b""] {
            assert_eq!(basic_user(other), None, "{other:?}");
        }
    }
}
