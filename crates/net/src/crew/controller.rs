//! As many threads as the application's waiting calls for.
//!
//! Threads that all take requests fight over the interpreter's lock: with 32 of them a trivial application loses a
//! fifth of its throughput, and its slowest answers take a hundred times as long. So as a rule one thread takes events,
//! runs the application and writes; the others are parked. Two questions decide who takes part:
//!
//! * *Is anybody looking for events?* One parked thread is the **watch**. It looks every [`LOOK_MICROS`]. If nobody is
//!   waiting in the poll, and nobody has come for an event since the last look, every thread that takes part is inside
//!   the application: it waits for something, or computes for long. Then the watch lets itself in, and another parked
//!   thread becomes the watch. So nothing that is ready waits longer than two looks while a thread is parked. It also
//!   does if there are events that nobody takes although the process hardly computes: threads come back now and then,
//!   but too few. ([`Watch`])
//! * *Is there a crowd?* A thread that comes back from the application leaves if another is waiting in the poll
//!   already, or if it lately had to wait for the interpreter, long in proportion to its stay, while others take part.
//!   ([`Door`])
//!
//! Both are pure: they are told the time and what there is to see, and answer. A build without the interpreter's
//! lock has no use for them.

/// How often the watch looks, in microseconds: half of what something that is ready may have to wait. Looking costs
/// about 3 µs, so that a busy server spends less than 1 % on it.
pub const LOOK_MICROS: u64 = 500;

/// Looks at an idle server after which the watch goes to sleep until somebody has work again (waking it costs the
/// one who has work a few microseconds, which 2 ms of looking outweigh).
const LOOKS_BEFORE_REST: u32 = 4;

/// Average waiting time for the interpreter that makes a crowd, in microseconds. Without competition entering takes less
/// than 1; with it, at least the time a thread needs to be woken, some 10 to 50.
const CROWDED_MICROS: u64 = 30;

/// How many times the wait the stay inside may be, and it is still a crowd. Threads that sleep inside come back in
/// bursts and meet at the door; what they wait there is nothing to what they would wait outside.
const STAY: u64 = 8;

/// Averages give the newest value this part of the weight: a few requests in a row decide, a single odd one does not,
/// unless it took longer than four times the threshold.
const WEIGHT: u64 = 4;

/// What the watch does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Look again after [`LOOK_MICROS`].
    Look,
    /// Take part.
    LetIn,
    /// Nothing goes on: sleep until somebody has work.
    Rest,
}

/// A process that computes for less than this part of the time, in percent, has time for one more request. Not 100: the
/// clocks are coarse, and the kernel and its neighbours take their share.
const BUSY_PERCENT: u64 = 85;

/// Looks over which that is judged: in a single one, a neighbour of the process on its core makes it look idle.
const LOOKS_FOR_LOAD: usize = 4;

/// What there is to see at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sight {
    /// How often threads have come for an event so far.
    pub visits: u64,
    /// A thread waits for events.
    pub polling: bool,
    /// The time, in microseconds.
    pub now: u64,
    /// The processor time that this process has used so far, in microseconds.
    pub used: u64,
}

/// The watch's memory between two looks.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// The last looks, in a ring.
    seen: [Sight; LOOKS_FOR_LOAD],
    looks: usize,
    idle: u32,
}

impl Watch {
    /// Begins to watch.
    #[must_use]
    pub fn new(sight: Sight) -> Self {
        Self { seen: [sight; LOOKS_FOR_LOAD], looks: 0, idle: 0 }
    }

    /// Looks. `events_wait` finds out, when that matters, whether events are there that nobody has taken.
    pub fn look(&mut self, sight: Sight, events_wait: impl FnOnce() -> bool) -> Verdict {
        let last = self.seen[self.looks % LOOKS_FOR_LOAD];
        self.looks += 1;
        let oldest = std::mem::replace(&mut self.seen[self.looks % LOOKS_FOR_LOAD], sight);
        let nobody_came = sight.visits == last.visits;
        if sight.polling {
            self.idle = if nobody_came { self.idle + 1 } else { 0 };
            return if self.idle >= LOOKS_BEFORE_REST { Verdict::Rest } else { Verdict::Look };
        }
        self.idle = 0;
        let used = sight.used.saturating_sub(oldest.used);
        let passed = sight.now.saturating_sub(oldest.now);
        let has_time = self.looks >= LOOKS_FOR_LOAD && used * 100 < passed * BUSY_PERCENT;
        if nobody_came || (has_time && events_wait()) { Verdict::LetIn } else { Verdict::Look }
    }
}

/// A thread's experience with the interpreter: moving averages, in microseconds times `WEIGHT`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Door {
    wait: u64,
    stay: u64,
}

impl Door {
    /// A visit of the interpreter: so many microseconds before it was entered, and so many inside.
    pub fn visited(&mut self, wait: u64, stay: u64) {
        self.wait = self.wait - self.wait / WEIGHT + wait;
        self.stay = self.stay - self.stay / WEIGHT + stay;
    }

    /// Whether others are in the way.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.wait / WEIGHT > CROWDED_MICROS && self.wait * STAY > self.stay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A look after each of which half of the time was spent computing.
    fn sight(visits: u64, polling: bool, number: u64) -> Sight {
        Sight { visits, polling, now: number * LOOK_MICROS, used: number * LOOK_MICROS / 2 }
    }

    #[test]
    fn a_thread_that_comes_back_often_enough_stays_alone() {
        let mut watch = Watch::new(sight(0, false, 0));
        assert!((1..100).all(|n| watch.look(sight(n, false, n), || false) == Verdict::Look));
    }

    #[test]
    fn when_nobody_has_come_back_for_a_whole_look_one_more_is_let_in() {
        let mut watch = Watch::new(sight(7, false, 0));
        assert_eq!(watch.look(sight(8, false, 1), || false), Verdict::Look);
        assert_eq!(watch.look(sight(8, false, 2), || false), Verdict::LetIn);
    }

    #[test]
    fn events_that_wait_while_the_process_does_not_compute_let_one_in() {
        let verdicts = |used_per_look: u64| {
            let mut watch = Watch::new(sight(0, false, 0));
            let at = move |n| Sight { used: n * used_per_look, ..sight(n, false, n) };
            (1..=20).map(|n| watch.look(at(n), || true)).collect::<Vec<_>>()
        };
        assert_eq!(
            verdicts(LOOK_MICROS / 2).iter().position(|v| *v == Verdict::LetIn),
            Some(LOOKS_FOR_LOAD - 1)
        );
        assert!(!verdicts(LOOK_MICROS).contains(&Verdict::LetIn), "it computes all the time");
    }

    #[test]
    fn one_moment_without_computing_is_not_enough() {
        let mut watch = Watch::new(sight(0, false, 0));
        let mut used = 0;
        for n in 1..100 {
            used += if n % 8 == 0 { LOOK_MICROS / 2 } else { LOOK_MICROS };
            assert_eq!(watch.look(Sight { used, ..sight(n, false, n) }, || true), Verdict::Look);
        }
    }

    #[test]
    fn an_idle_server_needs_no_help_and_no_watch() {
        let mut watch = Watch::new(sight(7, true, 0));
        let looks = (1..=u64::from(LOOKS_BEFORE_REST)).map(|n| watch.look(sight(7, true, n), || true));
        let looks: Vec<Verdict> = looks.collect();
        assert_eq!(looks.last(), Some(&Verdict::Rest));
        assert!(!looks.contains(&Verdict::LetIn));
        assert_eq!(watch.look(sight(8, true, 9), || false), Verdict::Look, "somebody had work in between");
        assert_eq!(watch.look(sight(9, false, 10), || false), Verdict::Look);
    }

    #[test]
    fn waiting_for_the_interpreter_makes_a_crowd_and_ease_dissolves_it() {
        let mut door = Door::default();
        for _ in 0..100 {
            door.visited(1, 5);
        }
        assert!(!door.is_crowded());
        door.visited(100, 5);
        assert!(!door.is_crowded(), "one odd wait");
        for _ in 0..6 {
            door.visited(50, 5);
        }
        assert!(door.is_crowded());
        for _ in 0..12 {
            door.visited(1, 5);
        }
        assert!(!door.is_crowded());
    }

    #[test]
    fn one_very_long_wait_is_enough() {
        let mut door = Door::default();
        door.visited(5000, 1000);
        assert!(door.is_crowded());
    }

    #[test]
    fn who_sleeps_inside_does_not_mind_a_short_wait_at_the_door() {
        let mut door = Door::default();
        for _ in 0..20 {
            door.visited(400, 10_000);
        }
        assert!(!door.is_crowded());
    }

    // ---- a simulated server: virtual time, one interpreter lock, an endless queue of requests ----

    /// A request: how long it computes (with the lock), then how long it waits (without), in microseconds.
    type Request = (u64, u64);

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum State {
        Parked,
        WantsLock { since: u64, request: Request },
        Computes { left: u64, waits: u64 },
        Waits { left: u64 },
    }

    struct Outcome {
        done: u64,
        /// The most threads inside at one time.
        most: usize,
        computing_micros: u64,
    }

    /// Runs `threads` threads for `micros` in steps of 10 µs.
    fn simulate(threads: usize, micros: u64, request: impl Fn(u64) -> Request) -> Outcome {
        const STEP: u64 = 10;
        let mut states = vec![State::Parked; threads];
        let mut doors = vec![Door::default(); threads];
        let (mut visits, mut done, mut most, mut computing) = (0, 0, 0, 0);
        let take = |visits: &mut u64, now: u64| {
            *visits += 1;
            State::WantsLock { since: now, request: request(*visits) }
        };
        states[0] = take(&mut visits, 0);
        let mut watch = Watch::new(Sight { visits, ..Sight::default() });
        for now in (0..micros).step_by(usize::try_from(STEP).unwrap_or(1)) {
            if now % LOOK_MICROS == LOOK_MICROS - STEP
                && watch.look(Sight { visits, polling: false, now, used: computing }, || true)
                    == Verdict::LetIn
                && let Some(index) = states.iter().position(|state| *state == State::Parked)
            {
                doors[index] = Door::default();
                states[index] = take(&mut visits, now);
                watch = Watch::new(Sight { visits, polling: false, now, used: computing });
            }
            let mut held = states.iter().any(|state| matches!(state, State::Computes { .. }));
            let taking_part = states.iter().filter(|state| **state != State::Parked).count();
            most = most.max(taking_part);
            let mut leaving = 0;
            for index in 0..threads {
                let finished = match &mut states[index] {
                    State::Parked => false,
                    State::WantsLock { since, request } => {
                        if !held {
                            held = true;
                            doors[index].visited(now - *since, request.0 + request.1);
                            states[index] = State::Computes { left: request.0, waits: request.1 };
                        }
                        false
                    }
                    State::Computes { left, waits } => {
                        computing += STEP;
                        *left = left.saturating_sub(STEP);
                        let (over, waits) = (*left == 0, *waits);
                        if over && waits > 0 {
                            states[index] = State::Waits { left: waits };
                        }
                        over && waits == 0
                    }
                    State::Waits { left } => {
                        *left = left.saturating_sub(STEP);
                        *left == 0
                    }
                };
                if finished {
                    done += 1;
                    let leaves = doors[index].is_crowded() && taking_part - leaving > 1;
                    leaving += usize::from(leaves);
                    states[index] = if leaves { State::Parked } else { take(&mut visits, now) };
                }
            }
        }
        Outcome { done, most, computing_micros: computing }
    }

    #[test]
    fn short_requests_are_served_by_one_thread() {
        let outcome = simulate(32, 1_000_000, |_| (100, 0));
        assert_eq!(outcome.most, 1);
        assert!(outcome.done > 9000 / 2, "{}", outcome.done);
    }

    #[test]
    fn an_application_that_waits_gets_all_threads_within_a_few_milliseconds() {
        let outcome = simulate(32, 1_000_000, |_| (20, 10_000));
        assert_eq!(outcome.most, 32);
        // 32 threads at 10 ms each, but for the time in which they were let in one by one.
        assert!(outcome.done > 3200 * 95 / 100, "{}", outcome.done);
    }

    #[test]
    fn a_long_computation_does_not_keep_the_others_out() {
        // Every twentieth computes for 200 ms (this model does not take the lock away from it).
        let outcome = simulate(4, 2_000_000, |n| if n % 20 == 0 { (200_000, 0) } else { (1000, 0) });
        assert!(outcome.most > 1);
        assert!(outcome.computing_micros > 2_000_000 * 95 / 100, "the lock is hardly ever unused");
    }
}
