//! Durations and sizes as people write them: `30s`, `500ms`, `1.5m`; `64KiB`, `1GiB`, `10MB`.

use std::time::Duration;

/// What `off` means for a timeout: ten years. A deadline that never comes, without a second code path for
/// "none", and small enough to be added to any clock reading without overflow (counted in milliseconds it
/// needs 64 bits).
pub const FOREVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The longest duration that may be written out: a week. More than that is a slip of the unit; who means it
/// writes `off`.
pub const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Unit names and their length in nanoseconds. A number without a unit counts seconds.
const DURATION_UNITS: &[(&str, u128)] = &[
    ("", 1_000_000_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("min", 60 * 1_000_000_000),
    ("h", 3600 * 1_000_000_000),
    ("d", 24 * 3600 * 1_000_000_000),
];

/// Unit names (compared in lower case) and their size in bytes. `k`, `m`, `g` count in 1024s, as nginx and
/// Apache do; `kb`, `mb`, `gb` in 1000s, as the SI does.
const SIZE_UNITS: &[(&str, u128)] = &[
    ("", 1),
    ("b", 1),
    ("k", 1 << 10),
    ("kib", 1 << 10),
    ("m", 1 << 20),
    ("mib", 1 << 20),
    ("g", 1 << 30),
    ("gib", 1 << 30),
    ("t", 1 << 40),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
];

/// Reads a duration. The error is the end of a sentence that begins with the option and its value.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let nanoseconds =
        scaled(text, DURATION_UNITS).ok_or("not a duration; write it like 30s, 500ms, 1.5m or 2h")?;
    match u64::try_from(nanoseconds).map(Duration::from_nanos) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        _ => Err("longer than a week".into()),
    }
}

/// Reads a size in bytes.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let lower = text.to_ascii_lowercase();
    let bytes = scaled(&lower, SIZE_UNITS).ok_or("not a size; write it like 4096, 64KiB, 10MB or 1GiB")?;
    u64::try_from(bytes).map_err(|_| "more bytes than can be counted".into())
}

/// `1.5m` → 1.5 × the unit, rounded down; exact, because it counts in integers.
fn scaled(text: &str, units: &[(&str, u128)]) -> Option<u128> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim_start_matches(' ');
    let &(_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    // Nine places are nanoseconds of a second; what a float carries beyond them is noise.
    let places = fraction.get(..9).unwrap_or(fraction);
    let tenths = 10u128.pow(u32::try_from(places.len()).ok()?);
    let whole = u128::from(whole.parse::<u64>().ok()?).checked_mul(factor)?;
    let part = u128::from(places.parse::<u64>().ok()?).checked_mul(factor)? / tenths;
    whole.checked_add(part)
}

/// The shortest exact spelling: `30s`, `500ms`, `2m`, `off`.
pub(crate) fn format_duration(duration: Duration) -> String {
    if duration >= FOREVER {
        return "off".into();
    }
    let milliseconds = duration.as_millis();
    // 75 s stays 75s: a person thinks of timeouts up to two minutes in seconds.
    match milliseconds {
        0 => "0s".into(),
        n if n % 1000 != 0 => format!("{n}ms"),
        n if n % 3_600_000 == 0 => format!("{}h", n / 3_600_000),
        n if n >= 120_000 && n % 60_000 == 0 => format!("{}m", n / 60_000),
        n => format!("{}s", n / 1000),
    }
}

/// The shortest exact spelling: `64KiB`, `1GiB`, `100`, `off`.
pub(crate) fn format_size(bytes: u64) -> String {
    if bytes == u64::MAX {
        return "off".into();
    }
    for (name, shift) in [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)] {
        if bytes != 0 && bytes.is_multiple_of(1 << shift) {
            return format!("{}{name}", bytes >> shift);
        }
    }
    bytes.to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, milliseconds) in [
            ("30s", 30_000),
            ("30", 30_000),
            ("0", 0),
            ("500ms", 500),
            ("0.5", 500),
            ("1.5m", 90_000),
            ("2 min", 120_000),
            ("2h", 7_200_000),
            ("7d", 604_800_000),
            ("0.30000000000000004", 300),
        ] {
            assert_eq!(parse_duration(text).unwrap(), Duration::from_millis(milliseconds), "{text}");
        }
    }

    #[test]
    fn wrong_durations_are_refused() {
        for text in ["", "s", "-1s", "+1s", "1.s", ".5s", "1.2.3s", "10x", "10 S", "1e3", "NaN", "inf", "1s2"]
        {
            assert!(parse_duration(text).unwrap_err().contains("not a duration"), "{text}");
        }
        assert_eq!(parse_duration("8d").unwrap_err(), "longer than a week");
        assert_eq!(parse_duration("18446744073709551615d").unwrap_err(), "longer than a week");
    }

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [
            ("4096", 4096),
            ("10B", 10),
            ("64KiB", 65_536),
            ("64k", 65_536),
            ("1.5MiB", 1_572_864),
            ("10MB", 10_000_000),
            ("1 GiB", 1 << 30),
            ("2TB", 2_000_000_000_000),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse_size(text).unwrap(), bytes, "{text}");
        }
    }

    #[test]
    fn wrong_sizes_are_refused() {
        for text in ["", "KiB", "-1", "1.", "10X", "1e9", "18446744073709551616"] {
            assert!(parse_size(text).unwrap_err().contains("not a size"), "{text}");
        }
        assert!(parse_size("18446744073709551615k").unwrap_err().contains("more bytes"));
    }

    #[test]
    fn spelling_is_read_back_as_the_same_value() {
        for text in ["0s", "500ms", "10s", "75s", "90s", "2m", "1h"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
        assert_eq!(format_duration(FOREVER), "off");
        for text in ["0", "100", "64KiB", "3MiB", "1GiB", "2TiB"] {
            assert_eq!(format_size(parse_size(text).unwrap()), text);
        }
        assert_eq!(format_size(u64::MAX), "off");
    }
}
