//! What time is it: cheaply, and often.

use std::cell::Cell;

use rustix::time::{ClockId, clock_gettime};
use yett_proto::date::imf_fixdate;

// The coarse clocks are a memory read (about 5 ns); they lag by at most one kernel tick (1 to 10 ms), which neither
// a timeout in seconds nor the Date header can tell.
#[cfg(target_os = "linux")]
const MONOTONIC: ClockId = ClockId::MonotonicCoarse;
#[cfg(target_os = "linux")]
const REALTIME: ClockId = ClockId::RealtimeCoarse;
#[cfg(not(target_os = "linux"))]
const MONOTONIC: ClockId = ClockId::Monotonic;
#[cfg(not(target_os = "linux"))]
const REALTIME: ClockId = ClockId::Realtime;

/// A point on the monotonic clock, in milliseconds. Only differences mean something.
pub type Millis = u64;

/// The monotonic clock, in milliseconds.
#[must_use]
pub fn now() -> Millis {
    let t = clock_gettime(MONOTONIC);
    u64::try_from(t.tv_sec).unwrap_or(0) * 1000 + u64::try_from(t.tv_nsec).unwrap_or(0) / 1_000_000
}

/// The monotonic clock, in microseconds, fine-grained: for durations in logs.
#[must_use]
pub fn now_micros() -> u64 {
    let t = clock_gettime(ClockId::Monotonic);
    u64::try_from(t.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(t.tv_nsec).unwrap_or(0) / 1000
}

/// The processor time that this process has used, in all its threads, in microseconds.
#[must_use]
pub fn processor_micros() -> u64 {
    let t = clock_gettime(ClockId::ProcessCPUTime);
    u64::try_from(t.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(t.tv_nsec).unwrap_or(0) / 1000
}

/// The wall clock, in seconds since 1970.
#[must_use]
pub fn unix_seconds() -> u64 {
    u64::try_from(clock_gettime(REALTIME).tv_sec).unwrap_or(0)
}

/// The text of the `Date` header, made once a second (RFC 9110 §6.6.1).
#[derive(Debug)]
pub struct DateCache {
    second: Cell<u64>,
    text: Cell<[u8; 29]>,
}

impl Default for DateCache {
    fn default() -> Self {
        let second = unix_seconds();
        Self { second: Cell::new(second), text: Cell::new(imf_fixdate(second)) }
    }
}

impl DateCache {
    /// The date now, as `Date` wants it.
    pub fn text(&self) -> [u8; 29] {
        let second = unix_seconds();
        if second != self.second.get() {
            self.second.set(second);
            self.text.set(imf_fixdate(second));
        }
        self.text.get()
    }
}
