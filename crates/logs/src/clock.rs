//! What time is it: as numbers, and as logs write it.

use rustix::time::{ClockId, clock_gettime};

use crate::civil;

/// The monotonic clock, in microseconds. Only differences mean something.
#[must_use]
pub fn micros() -> u64 {
    let t = clock_gettime(ClockId::Monotonic);
    u64::try_from(t.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(t.tv_nsec).unwrap_or(0) / 1000
}

/// The wall clock: seconds since 1970, and the microseconds of this second.
#[must_use]
pub fn wall() -> (u64, u32) {
    let t = clock_gettime(ClockId::Realtime);
    (u64::try_from(t.tv_sec).unwrap_or(0), u32::try_from(t.tv_nsec / 1000).unwrap_or(0))
}

/// The wall clock as it follows from the monotonic one: looked at once a second, for each look costs as much as a tenth of
/// a line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wall {
    /// Microseconds since 1970 when the monotonic clock was zero.
    offset: u64,
    /// When that was found out, by the monotonic clock.
    looked: Option<u64>,
}

impl Wall {
    /// Seconds since 1970, and the microseconds of this second. `now`: of the monotonic clock.
    pub fn at(&mut self, now: u64) -> (u64, u32) {
        if self.looked.is_none_or(|looked| now.saturating_sub(looked) >= 1_000_000) {
            let (seconds, micros) = wall();
            self.offset = (seconds * 1_000_000 + u64::from(micros)).saturating_sub(now);
            self.looked = Some(now);
        }
        let micros = now + self.offset;
        (micros / 1_000_000, (micros % 1_000_000) as u32)
    }
}

/// The texts of one second: made once for all the lines that are written in it.
#[derive(Clone, Debug, Default)]
pub struct Second {
    unix: u64,
    /// `2026-11-21T08:30:00`
    iso: String,
    /// `21/Nov/2026:08:30:00 +0000`
    common: String,
}

impl Second {
    /// Makes the texts of `unix`, unless they are at hand.
    pub fn set(&mut self, unix: u64) {
        if self.unix != unix || self.iso.is_empty() {
            *self = Self { unix, iso: civil::iso(unix), common: civil::common_log(unix) };
        }
    }

    /// Date and time without zone: `2026-11-21T08:30:00`, in UTC.
    #[must_use]
    pub fn iso(&self) -> &str {
        &self.iso
    }

    /// As the common log format has it, without the brackets.
    #[must_use]
    pub fn common(&self) -> &str {
        &self.common
    }

    /// The time of day: `08:30:00`.
    #[must_use]
    pub fn of_day(&self) -> &str {
        self.iso.get(11..).unwrap_or_default()
    }
}
