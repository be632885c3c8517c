//! Calendar time for logs, in UTC: servers stand in many places, their logs are read together.

/// A date and time of day.
struct Civil {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
}

/// From seconds since 1970, by the calendar of 400 years (146 097 days), which begins in March so that leap days come
/// last.
fn civil(unix_seconds: u64) -> Civil {
    let days = unix_seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let second = unix_seconds % 86_400;
    Civil {
        year: era * 400 + year_of_era + u64::from(month <= 2),
        month,
        day: day_of_year - (153 * march_month + 2) / 5 + 1,
        hour: second / 3600,
        minute: second / 60 % 60,
        second: second % 60,
    }
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn month_name(month: u64) -> &'static str {
    usize::try_from(month - 1).ok().and_then(|month| MONTHS.get(month)).unwrap_or(&"???")
}

/// `2026-11-21T08:30:00`.
pub fn iso(unix_seconds: u64) -> String {
    let Civil { year, month, day, hour, minute, second } = civil(unix_seconds);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// `Nov 21 08:30:00`, as the old form of syslog has it (RFC 3164 §4.1.2).
pub fn syslog(unix_seconds: u64) -> String {
    let Civil { month, day, hour, minute, second, .. } = civil(unix_seconds);
    format!("{} {day:2} {hour:02}:{minute:02}:{second:02}", month_name(month))
}

/// `21/Nov/2026:08:30:00 +0000`, as the common log format has it.
pub fn common_log(unix_seconds: u64) -> String {
    let Civil { year, month, day, hour, minute, second } = civil(unix_seconds);
    let month = month_name(month);
    format!("{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(iso(0), "1970-01-01T00:00:00");
        assert_eq!(iso(951_782_400), "2000-02-29T00:00:00");
        assert_eq!(iso(1_795_249_799), "2026-11-21T08:29:59");
        assert_eq!(common_log(1_795_249_799), "21/Nov/2026:08:29:59 +0000");
        assert_eq!(syslog(1_793_577_600), "Nov  2 00:00:00");
    }
}
