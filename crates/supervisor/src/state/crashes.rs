//! What is said when workers keep dying: each death as long as they are few, then that it is a loop, once, then their number,
//! at most once a minute, at last that it is over.

use std::collections::VecDeque;

use super::Millis;

/// So many deaths within [`WINDOW`] are a loop, in all seats together.
const DEATHS: usize = 5;

/// A minute: also how often the deaths of a loop are told, and how long none must come until it is over.
pub(super) const WINDOW: Millis = 60_000;

/// So many failures in a row in one seat are a loop, too: with growing pauses they may take longer than the window.
const FAILURES: u32 = 5;

/// What is to be said of a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// That it was.
    Tell,
    /// That it was, and that it is a loop now.
    Name,
    /// Nothing now.
    Count,
}

/// What is to be said because time has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// So many deaths have not been told; how the last one was.
    Further(u32, String),
    /// The loop is over. So many deaths had not been told.
    Over(u32),
}

#[derive(Debug)]
struct Loop {
    last_death: Millis,
    told_at: Millis,
    untold: u32,
    last_words: String,
}

/// The memory of deaths.
#[derive(Debug, Default)]
pub(super) struct Crashes {
    /// The last [`DEATHS`] ones.
    recent: VecDeque<Millis>,
    current: Option<Loop>,
}

impl Crashes {
    /// A worker has died, the `failures`th in its seat in a row; `words` say how.
    pub fn died(&mut self, now: Millis, failures: u32, words: &str) -> Verdict {
        self.recent.push_back(now);
        if self.recent.len() > DEATHS {
            self.recent.pop_front();
        }
        if let Some(current) = &mut self.current {
            current.last_death = now;
            current.untold += 1;
            words.clone_into(&mut current.last_words);
            return Verdict::Count;
        }
        let first = self.recent.front().copied().unwrap_or(now);
        let crowded = self.recent.len() == DEATHS && now.saturating_sub(first) <= WINDOW;
        if !crowded && failures < FAILURES {
            return Verdict::Tell;
        }
        self.current = Some(Loop { last_death: now, told_at: now, untold: 0, last_words: String::new() });
        Verdict::Name
    }

    /// Whether a loop goes on.
    pub fn is_loop(&self) -> bool {
        self.current.is_some()
    }

    /// What is to be said now. A loop is over when nobody has died for a minute and all workers are there.
    pub fn report(&mut self, now: Millis, all_ready: bool) -> Option<Report> {
        let current = self.current.as_mut()?;
        if all_ready && now.saturating_sub(current.last_death) >= WINDOW {
            let untold = current.untold;
            self.current = None;
            self.recent.clear();
            return Some(Report::Over(untold));
        }
        if current.untold == 0 || now.saturating_sub(current.told_at) < WINDOW {
            return None;
        }
        current.told_at = now;
        Some(Report::Further(std::mem::take(&mut current.untold), std::mem::take(&mut current.last_words)))
    }

    /// When to ask for a report. Times that have passed mean: when something else has happened.
    pub fn deadlines(&self) -> impl Iterator<Item = Millis> {
        let over = self.current.as_ref().map(|current| current.last_death + WINDOW);
        let told = self
            .current
            .as_ref()
            .filter(|current| current.untold > 0)
            .map(|current| current.told_at + WINDOW);
        [over, told].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_deaths_are_told_one_by_one() {
        let mut crashes = Crashes::default();
        for number in 0..20 {
            assert_eq!(crashes.died(number * 15_001, 1, ""), Verdict::Tell, "{number}");
        }
    }

    #[test]
    fn five_within_a_minute_are_a_loop() {
        let mut crashes = Crashes::default();
        let verdicts: Vec<Verdict> = (0..7).map(|number| crashes.died(number * 15_000, 1, "")).collect();
        use Verdict::{Count, Name, Tell};
        assert_eq!(verdicts, [Tell, Tell, Tell, Tell, Name, Count, Count]);
    }

    #[test]
    fn so_are_five_failures_in_a_row() {
        let mut crashes = Crashes::default();
        assert_eq!(crashes.died(0, 4, ""), Verdict::Tell);
        assert_eq!(crashes.died(90_000, 5, ""), Verdict::Name);
    }

    #[test]
    fn deaths_of_a_loop_are_told_once_a_minute_and_its_end_once() {
        let mut crashes = Crashes::default();
        crashes.died(0, 5, "first");
        assert_eq!(crashes.report(59_999, true), None);
        crashes.died(30_000, 6, "second");
        crashes.died(31_000, 7, "third");
        assert_eq!(crashes.deadlines().min(), Some(60_000));
        assert_eq!(crashes.report(60_000, false), Some(Report::Further(2, "third".into())));
        assert_eq!(crashes.report(60_000, false), None);
        assert_eq!(crashes.deadlines().min(), Some(91_000));
        assert_eq!(crashes.report(91_000, false), None, "a seat is empty: nothing is over");
        assert_eq!(crashes.report(95_000, true), Some(Report::Over(0)));
        assert!(!crashes.is_loop());
        assert_eq!(crashes.report(200_000, true), None);
        assert_eq!(crashes.died(95_001, 1, ""), Verdict::Tell);
    }
}
