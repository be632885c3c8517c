//! Whose is the next connection: that of a worker with least to do.
//!
//! All workers watch the same listeners. Which of them the kernel wakes, or who comes first, says nothing about who has
//! time; so whoever is about to accept asks first whether the connection is its own. What counts is the *load*: requests in
//! the application, and connections accepted a moment ago, for their requests are still to come. How many connections a
//! worker has does not count: most of them may be idle for minutes.
//!
//! A connection may be left to another only if that one can come: it serves, watches, and has come the last times
//! ([`Share::note_absent`]). Everything here is a matter of statistics: numbers may be a moment old, and two may think that
//! it is theirs; then both try, and the listener decides.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Milliseconds of one epoch of [`Fresh`], as a power of two: a connection counts as fresh for 64 to 128 ms. A request
/// follows its connection within a round trip, which is rarely longer.
const EPOCH: u32 = 6;

/// How long somebody who did not come may only be waiting for a processor, in microseconds: some turns of a scheduler on a
/// machine that is full. After that he is taken for stuck.
const LATE_MICROS: u64 = 100_000;

/// What is decided about: one worker, as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Which of the slots.
    pub index: usize,
    /// Requests in the application and fresh connections.
    pub load: u32,
    /// When it last took a connection, in microseconds.
    pub took: u64,
}

impl Candidate {
    /// The lower, the sooner it is given one.
    #[must_use]
    pub fn rank(&self) -> (u32, u64) {
        (self.load, self.took)
    }
}

/// How much more than another a worker may have to do and still take a connection: one request, or an eighth. To hand
/// connections to and fro costs more than it brings.
fn slack(load: u32) -> u32 {
    1 + load / 8
}

/// To whom `own` should leave a connection; `None`: it is its own.
///
/// It is if nobody has clearly less to do. If nobody has anything to do at all, it is the turn of who has waited longest:
/// otherwise all connections of a quiet hour would be one worker's, and with them the load of the busy one that follows.
#[must_use]
pub fn leave_to(own: Candidate, others: impl Iterator<Item = Candidate>) -> Option<usize> {
    let best = others.min_by_key(Candidate::rank)?;
    let idle = own.load == 0 && best.load == 0;
    let better = if idle { best.took < own.took } else { own.load > best.load + slack(best.load) };
    better.then_some(best.index)
}

/// How a worker takes part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Watching {
    /// It does not accept: not yet, not any more, or it has no descriptors left.
    #[default]
    No,
    /// It learns of each connection.
    Yes,
    /// It has left a connection to another, and looks again when it is called, or in a moment.
    Later,
}

/// What others need to know of a worker for that, in its slot.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub struct Share {
    fresh: AtomicU64,
    took: AtomicU64,
    watching: AtomicU32,
    /// Since when, in microseconds; 0: it is not.
    absent: AtomicU64,
}

impl Share {
    pub(super) fn clear(&self) {
        let Self { fresh, took, watching, absent } = self;
        fresh.store(0, Ordering::Relaxed);
        took.store(0, Ordering::Relaxed);
        watching.store(0, Ordering::Relaxed);
        absent.store(0, Ordering::Relaxed);
    }

    /// It has taken a connection. `now`: in microseconds.
    pub fn note_taken(&self, now: u64) {
        self.took.store(now, Ordering::Relaxed);
        // Threads of one worker accept one after the other.
        let fresh = Fresh::unpack(self.fresh.load(Ordering::Relaxed)).at(now / 1000);
        self.fresh
            .store(Fresh { current: fresh.current.saturating_add(1), ..fresh }.pack(), Ordering::Relaxed);
    }

    /// Connections that it has accepted a moment ago. `now`: in microseconds.
    #[must_use]
    pub fn fresh(&self, now: u64) -> u32 {
        let fresh = Fresh::unpack(self.fresh.load(Ordering::Relaxed)).at(now / 1000);
        u32::from(fresh.current) + u32::from(fresh.last)
    }

    /// When it last took one, in microseconds; 0: never.
    #[must_use]
    pub fn took(&self) -> u64 {
        self.took.load(Ordering::Relaxed)
    }

    /// See [`Watching`].
    #[must_use]
    pub fn watching(&self) -> Watching {
        match self.watching.load(Ordering::Relaxed) {
            1 => Watching::Yes,
            2 => Watching::Later,
            _ => Watching::No,
        }
    }

    /// See [`Watching`].
    pub fn set_watching(&self, watching: Watching) {
        self.watching.store(watching as u32, Ordering::Release);
    }

    /// It did not come when a connection was left to it: it is stuck, or too busy to come.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.absent.load(Ordering::Relaxed) != 0
    }

    /// It is absent, but not for long yet: it may still come. `now`: in microseconds.
    #[must_use]
    pub fn is_late(&self, now: u64) -> bool {
        let since = self.absent.load(Ordering::Relaxed);
        since != 0 && now.saturating_sub(since) < LATE_MICROS
    }

    /// See [`Share::is_absent`]. By others, who call it then. `now`: in microseconds.
    pub fn note_absent(&self, now: u64) {
        self.absent.store(now.max(1), Ordering::Relaxed);
    }

    /// It is there. By the worker itself.
    pub fn note_present(&self) {
        // Mostly that is known; then the line stays where it is.
        if self.is_absent() {
            self.absent.store(0, Ordering::Relaxed);
        }
    }
}

/// Connections accepted in this epoch and in the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fresh {
    epoch: u32,
    current: u16,
    last: u16,
}

impl Fresh {
    fn pack(self) -> u64 {
        u64::from(self.epoch) << 32 | u64::from(self.current) << 16 | u64::from(self.last)
    }

    #[allow(clippy::cast_possible_truncation)] // the parts are meant
    fn unpack(word: u64) -> Self {
        Self { epoch: (word >> 32) as u32, current: (word >> 16) as u16, last: word as u16 }
    }

    /// What is left of it at `now`, in milliseconds.
    #[allow(clippy::cast_possible_truncation)] // it goes round in nine years, and then is wrong for a moment
    fn at(self, now: u64) -> Self {
        let epoch = (now >> EPOCH) as u32;
        match epoch.wrapping_sub(self.epoch) {
            0 => self,
            1 => Self { epoch, current: 0, last: self.current },
            // Somebody's clock is a moment behind.
            u32::MAX => self,
            _ => Self { epoch, current: 0, last: 0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(load: u32, took: u64) -> Candidate {
        Candidate { index: 0, load, took }
    }

    fn left_to(load: u32, took: u64, others: &[(u32, u64)]) -> Option<usize> {
        let others =
            others.iter().zip(1..).map(|((load, took), index)| Candidate { index, load: *load, took: *took });
        leave_to(own(load, took), others)
    }

    #[test]
    fn alone_everything_is_ones_own() {
        assert_eq!(left_to(1000, 5, &[]), None);
    }

    #[test]
    fn a_connection_is_left_to_who_has_clearly_less_to_do() {
        assert_eq!(left_to(2, 0, &[(0, 9), (1, 0)]), Some(1));
        assert_eq!(left_to(2, 0, &[(1, 0), (0, 9)]), Some(2));
        assert_eq!(left_to(1, 0, &[(0, 0)]), None, "one request is no difference");
        assert_eq!(left_to(0, 9, &[(1, 0)]), None);
        assert_eq!(left_to(91, 0, &[(80, 0)]), None, "nor is an eighth");
        assert_eq!(left_to(92, 0, &[(80, 0)]), Some(1));
    }

    #[test]
    fn among_the_idle_it_is_the_turn_of_who_has_waited_longest() {
        assert_eq!(left_to(0, 3, &[(0, 2), (0, 1), (5, 0)]), Some(2));
        assert_eq!(left_to(0, 1, &[(0, 2), (0, 3)]), None);
        assert_eq!(left_to(0, 0, &[(0, 0)]), None);
    }

    #[test]
    fn turns_go_round() {
        let (mut took, mut counts) = ([0_u64; 4], [0; 4]);
        for now in 1..=40 {
            // Whoever comes first leaves it to somebody, until it is somebody's own.
            let mut who = 0;
            loop {
                let all =
                    took.iter().enumerate().map(|(index, took)| Candidate { index, load: 0, took: *took });
                let me = Candidate { index: who, load: 0, took: took[who] };
                match leave_to(me, all.filter(|other| other.index != who)) {
                    Some(next) => who = next,
                    None => break,
                }
            }
            took[who] = now;
            counts[who] += 1;
        }
        assert_eq!(counts, [10; 4]);
    }

    #[test]
    fn a_connection_is_fresh_for_a_moment() {
        let share = Share::default();
        let begin = 64_000_000_u64;
        for _ in 0..3 {
            share.note_taken(begin);
        }
        share.note_taken(begin + 64_000);
        assert_eq!(share.fresh(begin + 64_000), 4);
        assert_eq!(share.fresh(begin + 127_000), 4);
        assert_eq!(share.fresh(begin + 128_000), 1);
        assert_eq!(share.fresh(begin + 192_000), 0);
        assert_eq!(share.fresh(begin + 10_000_000_000), 0);
        assert_eq!(share.took(), begin + 64_000);
        assert_eq!(share.fresh(begin + 63_000), 4, "a clock that is a moment behind");
    }
}
