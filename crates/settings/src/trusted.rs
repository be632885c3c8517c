//! Who is believed, and what.

use crate::nearest::{did_you_mean, nearest};

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
const ALL: &str = "all";

/// The rule of one of the `trusted_proxies`.
pub(crate) fn check(text: &str) -> Result<String, String> {
    Ok(text.into())
}

/// The rule of one of the `forwarded_headers`.
pub(crate) fn check_header(text: &str) -> Result<String, String> {
    let name = text.to_ascii_lowercase();
    if name == ALL || FORWARDED_HEADERS.contains(&name.as_str()) {
        return Ok(name);
    }
    let names = || FORWARDED_HEADERS.iter().copied().chain([ALL]);
    let advice = did_you_mean(nearest(&name, names()));
    Err(format!("not one of {}{advice}", names().collect::<Vec<_>>().join(", ")))
}
