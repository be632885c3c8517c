//! When is something stuck that should go on, and what is due then: told by times alone.
//!
//! An event loop, a pool of threads, the interpreter's lock and a single request are all watched in the same way: each is
//! late *since* some moment, or it is not. Whoever watches looks about once a second and carries out what is due. First
//! that something is stuck, which is to be told with evidence and met with what may help; then, if it has not helped for
//! [`GRACE`], that it is hopeless; and at any time that it goes on again. Each is due once in an incident.
//!
//! Nothing here looks at a clock. Times are in milliseconds, of the monotonic clock.

/// A point on the monotonic clock, in milliseconds.
pub type Millis = u64;

/// How often whoever watches is to look, in milliseconds: what is promised of timeouts is a second, and a process that
/// does nothing is not to be woken more often.
pub const LOOK_EVERY: Millis = 1000;

/// How long what was done against it has to help, in milliseconds. A cancelled task that undoes a transaction, and a
/// thread that comes back from C, take less; clients wait no longer for it than for a second try.
pub const GRACE: Millis = 5000;

/// A look that comes so much later than the one before, in milliseconds, was kept from coming: the process was stopped, the
/// machine slept or had no time for it. Three looks: less is the scheduler of a loaded machine.
const STANDSTILL: Millis = 3 * LOOK_EVERY;

/// Whether the one who watches was awake all the time. What seems late after a standstill may not have had its turn yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Looks {
    /// When the last one ended.
    last: Option<Millis>,
    awake_since: Millis,
    /// The last one was excused.
    excused: bool,
}

impl Looks {
    /// A look begins. The moment from which on lateness counts.
    pub fn begin(&mut self, now: Millis) -> Millis {
        if self.last.is_none_or(|last| now.saturating_sub(last) > STANDSTILL) {
            self.awake_since = now;
        }
        self.last = Some(now);
        self.awake_since
    }

    /// A look begins. Whether it may blame anybody: not the first one after a standstill. The second one may, even if it
    /// comes late as well: a loop that somebody or other holds up before every look would else never find that anything
    /// takes too long.
    pub fn may_blame(&mut self, now: Millis) -> bool {
        let is_late = self.begin(now) == now;
        self.excused = is_late && !self.excused;
        !self.excused
    }

    /// It has ended: to take evidence may last seconds, in which nobody slept.
    pub fn end(&mut self, now: Millis) {
        self.last = Some(now);
    }
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// It has not gone on for as long as it may: to be told, and met with what may help.
    Stuck {
        /// For how long, in milliseconds.
        for_ms: Millis,
    },
    /// That has not helped.
    Hopeless {
        /// For how long it has been stuck, in milliseconds.
        for_ms: Millis,
    },
    /// It goes on.
    GoesOn {
        /// How long it did not, in milliseconds.
        after_ms: Millis,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Fine,
    Told {
        since: Millis,
        at: Millis,
    },
    Hopeless {
        since: Millis,
    },
}

/// What is remembered of one thing that is watched.
#[derive(Clone, Copy, Debug, Default)]
pub struct Suspect {
    phase: Phase,
}

impl Suspect {
    /// Looks at it. `late_since`: it has not gone on since then, and should have; `None`: it goes on. `patience`: how long
    /// that may be. `awake_since`: see [`Looks::begin`].
    pub fn look(
        &mut self,
        now: Millis,
        late_since: Option<Millis>,
        patience: Millis,
        awake_since: Millis,
    ) -> Option<Due> {
        match (self.phase, late_since) {
            (Phase::Fine, None) => None,
            (Phase::Fine, Some(since)) => {
                if now.saturating_sub(since.max(awake_since)) < patience {
                    return None;
                }
                self.phase = Phase::Told { since, at: now };
                Some(Due::Stuck { for_ms: now.saturating_sub(since) })
            }
            (Phase::Told { since, .. } | Phase::Hopeless { since }, None) => {
                self.phase = Phase::Fine;
                Some(Due::GoesOn { after_ms: now.saturating_sub(since) })
            }
            // It has gone on for a moment between two looks, and is late again.
            (Phase::Told { since, .. } | Phase::Hopeless { since }, Some(later)) if later > since => {
                self.phase = Phase::Fine;
                Some(Due::GoesOn { after_ms: later - since })
            }
            (Phase::Told { since, at }, Some(_)) => {
                if now.saturating_sub(at.max(awake_since)) < GRACE {
                    return None;
                }
                self.phase = Phase::Hopeless { since };
                Some(Due::Hopeless { for_ms: now.saturating_sub(since) })
            }
            (Phase::Hopeless { .. }, Some(_)) => None,
        }
    }

    /// Whether it was told that it is stuck, and it has not gone on since.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.phase != Phase::Fine
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Looks once a second from `from` to `to`, at something that is late since `since`.
    fn watch(suspect: &mut Suspect, from: Millis, to: Millis, since: Option<Millis>) -> Vec<(Millis, Due)> {
        let looks = (from..=to).step_by(1000);
        looks.filter_map(|now| Some((now, suspect.look(now, since, 3000, 0)?))).collect()
    }

    #[test]
    fn each_is_due_once() {
        let mut suspect = Suspect::default();
        let due = watch(&mut suspect, 1000, 60_000, Some(1000));
        assert_eq!(due, [(4000, Due::Stuck { for_ms: 3000 }), (9000, Due::Hopeless { for_ms: 8000 })]);
        assert!(suspect.is_stuck());
        let due = watch(&mut suspect, 61_000, 70_000, None);
        assert_eq!(due, [(61_000, Due::GoesOn { after_ms: 60_000 })]);
        assert!(!suspect.is_stuck());
    }

    #[test]
    fn what_helps_in_time_is_not_hopeless() {
        let mut suspect = Suspect::default();
        assert_eq!(watch(&mut suspect, 0, 7000, Some(0)), [(3000, Due::Stuck { for_ms: 3000 })]);
        assert_eq!(watch(&mut suspect, 7500, 9500, None), [(7500, Due::GoesOn { after_ms: 7500 })]);
    }

    #[test]
    fn going_on_between_two_looks_is_seen() {
        let mut suspect = Suspect::default();
        watch(&mut suspect, 0, 4000, Some(0));
        let due = watch(&mut suspect, 5000, 9000, Some(4500));
        assert_eq!(due, [(5000, Due::GoesOn { after_ms: 4500 }), (8000, Due::Stuck { for_ms: 3500 })]);
    }

    #[test]
    fn who_has_slept_blames_nobody() {
        let (mut looks, mut suspect) = (Looks::default(), Suspect::default());
        let mut look = |now, since| {
            let awake = looks.begin(now);
            suspect.look(now, Some(since), 3000, awake)
        };
        assert_eq!(look(1000, 1000), None);
        // Stopped for a minute.
        assert_eq!(look(61_000, 1000), None);
        assert_eq!(look(63_000, 1000), None);
        assert_eq!(look(64_000, 1000), Some(Due::Stuck { for_ms: 63_000 }));
        // And once more: it has not had its chance yet.
        assert_eq!(look(100_000, 1000), None);
        assert_eq!(look(103_000, 1000), None);
        assert_eq!(look(105_000, 1000), Some(Due::Hopeless { for_ms: 104_000 }));
    }

    #[test]
    fn one_look_is_excused_and_never_two_in_a_row() {
        let mut looks = Looks::default();
        let seen = [0, 1000, 2000, 61_000, 65_000, 66_000, 100_000, 104_000, 108_000, 112_000, 113_000];
        let seen = seen.map(|now| looks.may_blame(now));
        assert_eq!(seen, [false, true, true, false, true, true, false, true, false, true, true]);
    }

    #[test]
    fn a_look_that_takes_long_is_no_standstill() {
        let (mut looks, mut suspect) = (Looks::default(), Suspect::default());
        looks.begin(0);
        let mut due = Vec::new();
        let mut now = 1000;
        while now < 12_000 {
            let awake = looks.begin(now);
            if let Some(new) = suspect.look(now, Some(0), 3000, awake) {
                due.push((now, new));
                // Evidence is taken, in vain.
                now += 2100;
                looks.end(now);
            }
            now += 1000;
        }
        assert_eq!(due, [(3000, Due::Stuck { for_ms: 3000 }), (8100, Due::Hopeless { for_ms: 8100 })]);
    }

    proptest! {
        /// Whatever happens: stuck, perhaps hopeless, goes on, in this order; and nothing is stuck that was not late for
        /// as long as it may be.
        #[test]
        fn the_order_holds(
            steps in prop::collection::vec((1u64..6000, prop::option::of(0u64..20_000)), 1..200),
            patience in 0u64..10_000,
        ) {
            let (mut looks, mut suspect) = (Looks::default(), Suspect::default());
            let (mut now, mut stuck, mut hopeless) = (0, false, false);
            for (step, late) in steps {
                now += step;
                let awake = looks.begin(now);
                let since = late.map(|late| now.saturating_sub(late));
                match suspect.look(now, since, patience, awake) {
                    Some(Due::Stuck { for_ms }) => {
                        prop_assert!(!stuck && for_ms >= patience);
                        stuck = true;
                    }
                    Some(Due::Hopeless { for_ms }) => {
                        prop_assert!(stuck && !hopeless && for_ms >= GRACE);
                        hopeless = true;
                    }
                    Some(Due::GoesOn { .. }) => {
                        prop_assert!(stuck);
                        (stuck, hopeless) = (false, false);
                    }
                    None => {}
                }
                prop_assert_eq!(suspect.is_stuck(), stuck);
            }
        }
    }
}
