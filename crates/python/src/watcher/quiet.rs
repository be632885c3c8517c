//! When changes have come to rest: a save is several events, a checkout many.

use std::time::{Duration, Instant};

/// Pure: it is told the time.
pub struct Quiet {
    /// So long nothing may have happened.
    quiet: Duration,
    /// So long after the first change, they are told anyway.
    latest: Duration,
    /// The first and the last change that have not been told.
    since: Option<(Instant, Instant)>,
}

impl Quiet {
    pub fn new((quiet, latest): (Duration, Duration)) -> Self {
        Self { quiet, latest, since: None }
    }

    /// Something has changed.
    pub fn note(&mut self, now: Instant) {
        let first = self.since.map_or(now, |(first, _)| first);
        self.since = Some((first, now));
    }

    /// How long to wait until changes are to be told; `None` while there are none.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let (first, last) = self.since?;
        let due = (last + self.quiet).min(first + self.latest);
        Some(due.saturating_duration_since(now))
    }

    /// Whether it is time; if so, they count as told.
    pub fn is_due(&mut self, now: Instant) -> bool {
        let due = self.wait(now).is_some_and(|wait| wait.is_zero());
        if due {
            self.since = None;
        }
        due
    }
}
