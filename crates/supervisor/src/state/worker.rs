//! What is remembered of a worker, and of the seat that it has.

use super::{Exit, Millis, Order, Why, WorkerId};

/// A worker that has been ready for less than this dies young.
const YOUNG: Millis = 10_000;

/// After so much health earlier failures are forgotten. Longer than [`YOUNG`], so that something that dies every eleven
/// seconds does not begin anew each time.
const HEALTHY: Millis = 30_000;

/// The first pause. Most of what fails once is over by then, and nobody notices it.
const FIRST_PAUSE: Millis = 100;

/// No pause is longer: someone who has repaired what was broken does not want to wait.
const LONGEST_PAUSE: Millis = 30_000;

/// How far a worker has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Asked for, and not yet a process.
    Forking,
    /// Loads the application.
    Starting,
    /// Serves.
    Ready,
}

/// A worker that is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leaving {
    /// The strongest order that it was given.
    pub order: Order,
    /// When patience ends, also with the fork that it is to come from; `None` after it was killed.
    pub kill_at: Option<Millis>,
}

/// One worker, from the moment a fork is asked for until it is reaped.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    pub id: WorkerId,
    pub seat: u32,
    pub generation: u32,
    pub pid: Option<u32>,
    pub phase: Phase,
    pub leaving: Option<Leaving>,
    /// When it has to be ready.
    pub startup_end: Option<Millis>,
    pub ready_at: Option<Millis>,
    /// When its lifetime is over.
    pub lifetime_end: Option<Millis>,
    /// Since when, and why, it is to be replaced.
    pub wish: Option<(Millis, Why)>,
    /// It was forked to replace one that has reached a limit.
    pub recycles: bool,
    /// It has reached a limit and was replaced: until then it counts as being recycled.
    pub recycled_until: Option<Millis>,
}

impl Worker {
    pub fn new(id: WorkerId, seat: u32, generation: u32) -> Self {
        Self {
            id,
            seat,
            generation,
            pid: None,
            phase: Phase::Forking,
            leaving: None,
            startup_end: None,
            ready_at: None,
            lifetime_end: None,
            wish: None,
            recycles: false,
            recycled_until: None,
        }
    }

    /// Nobody has told it to go.
    pub fn stays(&self) -> bool {
        self.leaving.is_none()
    }

    /// It serves, and nobody has told it to go.
    pub fn serves(&self) -> bool {
        self.stays() && self.phase == Phase::Ready
    }

    /// It is to be replaced because it, or something in it, does not move on.
    pub fn is_stuck(&self) -> bool {
        self.wish.is_some_and(|(_, why)| why.is_stuck())
    }

    /// The next moment at which something about it has to be done.
    pub fn deadlines(&self) -> impl Iterator<Item = Millis> {
        let startup_end = self.startup_end.filter(|_| self.stays());
        let lifetime_end = self.lifetime_end.filter(|_| self.stays() && self.wish.is_none());
        let kill_at = self.leaving.and_then(|leaving| leaving.kill_at);
        [startup_end, lifetime_end, kill_at, self.recycled_until].into_iter().flatten()
    }
}

impl Order {
    /// A stronger order replaces a weaker one.
    pub(super) fn strength(self) -> u8 {
        match self {
            Self::Retire => 0,
            Self::Drain => 1,
            Self::Quick => 2,
            Self::Kill => 3,
        }
    }
}

impl Exit {
    /// The process has ended by itself, and well.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }
}

/// When something that keeps failing may be tried again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BackOff {
    failures: u32,
    not_before: Millis,
    /// When something became ready after the last failure.
    recovered_at: Option<Millis>,
}

impl BackOff {
    /// The next try may be made at this time.
    pub fn not_before(&self) -> Millis {
        self.not_before
    }

    /// How often in a row it has failed.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// It has failed, and nothing has become ready since.
    pub fn is_failing(&self) -> bool {
        self.failures > 0 && self.recovered_at.is_none()
    }

    /// Something became ready.
    pub fn recovered(&mut self, now: Millis) {
        self.recovered_at = Some(now);
    }

    /// Something has died that became ready at `ready_at`, or never. What has lived long enough may be replaced at once.
    pub fn died(&mut self, now: Millis, ready_at: Option<Millis>) {
        let lasted =
            |since: Option<Millis>, span| since.is_some_and(|since| now.saturating_sub(since) >= span);
        if lasted(self.recovered_at, HEALTHY) {
            self.failures = 0;
        }
        if lasted(ready_at, YOUNG) {
            self.not_before = now;
            return;
        }
        // Two to the twelfth of the first pause is far beyond the longest one.
        let pause = (FIRST_PAUSE << self.failures.min(12)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.not_before = now.saturating_add(pause);
        self.recovered_at = None;
    }
}

/// A place for one worker.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seat {
    pub back_off: BackOff,
    /// A worker in it has ended before it was ready.
    pub lost_unready: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut back_off = BackOff::default();
        let pauses: Vec<Millis> = (0..12)
            .map(|_| {
                back_off.died(1000, None);
                back_off.not_before() - 1000
            })
            .collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000, 30_000]);
    }

    #[test]
    fn what_has_lived_long_enough_is_replaced_at_once() {
        let mut back_off = BackOff::default();
        back_off.died(10_000, Some(0));
        assert_eq!((back_off.not_before(), back_off.failures()), (10_000, 0));
        back_off.died(10_000, Some(1));
        assert_eq!((back_off.not_before(), back_off.failures()), (10_100, 1));
    }

    #[test]
    fn failures_are_forgotten_after_health_and_only_then() {
        let mut back_off = BackOff::default();
        back_off.died(0, None);
        back_off.died(0, None);
        back_off.recovered(1000);
        back_off.died(30_999, Some(1000));
        assert_eq!(back_off.failures(), 2, "29,999 ms are not enough");
        back_off.died(31_000, None);
        assert_eq!((back_off.failures(), back_off.not_before()), (1, 31_100));
    }

    #[test]
    fn the_health_of_one_that_is_to_be_replaced_does_not_excuse_its_replacements() {
        let mut back_off = BackOff::default();
        back_off.recovered(0);
        for failures in 1..5 {
            back_off.died(1_000_000, None);
            assert_eq!(back_off.failures(), failures);
        }
    }
}
