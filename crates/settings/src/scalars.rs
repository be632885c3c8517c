//! Truth values, whole numbers and file modes as people write them.

/// How a truth value is shown.
pub(crate) fn on_off(value: bool) -> &'static str {
    if value { "on" } else { "off" }
}

/// Whether a text is the word for no limit.
pub(crate) fn is_off(text: &str) -> bool {
    text.eq_ignore_ascii_case("off")
}

/// The spellings that environment files use.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Some(true),
        "off" | "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// Digits only: `usize::from_str` would take a leading plus.
pub(crate) fn parse_whole(text: &str) -> Option<usize> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// Permission bits only: set-user-id and the like mean nothing on a socket and in a mask.
pub(crate) fn parse_mode(text: &str, unset: &str) -> Result<Option<u32>, String> {
    if text.eq_ignore_ascii_case(unset) {
        return Ok(None);
    }
    let digits = text.strip_prefix("0o").unwrap_or(text);
    match u32::from_str_radix(digits, 8) {
        Ok(mode) if mode <= 0o777 && !digits.starts_with('+') => Ok(Some(mode)),
        _ => Err("not a file mode; write three octal digits, like 660".into()),
    }
}
