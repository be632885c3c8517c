//! Workers that have reached a limit, or are stuck, are replaced: the replacement is ready first, then the old one goes
//! (`clear_seats` sends it away).
//!
//! With more than two workers, one that has reached a limit waits until no other is being recycled: until that one has
//! ended, or only its streams keep it. Stuck ones wait for nobody.

use yett_settings::LogLevel;

use super::machine::Machine;
use super::worker::Worker;
use super::{Why, WorkerId, words};

/// With so few workers, two may be recycled at once: otherwise a limit that all reach together would take long to be
/// obeyed, for a gain that is small.
const FEW: u32 = 2;

impl Machine {
    pub(super) fn wants_replacement(&mut self, id: WorkerId, why: Why) {
        let (now, graceful) = (self.now, self.config.graceful_timeout);
        let Some(worker) = self.workers.get_mut(&id).filter(|worker| worker.ready_at.is_some()) else {
            return;
        };
        if worker.wish.is_some() && (worker.is_stuck() || !why.is_stuck()) {
            return;
        }
        worker.wish = Some((now, why));
        // It may be leaving already, with patience for streams that it will not end.
        let kill_at = worker.leaving.as_mut().and_then(|leaving| leaving.kill_at.as_mut());
        if let Some(kill_at) = kill_at.filter(|_| why.is_stuck()) {
            *kill_at = (*kill_at).min(now.saturating_add(graceful));
        }
        let level = if why.is_stuck() { LogLevel::Error } else { LogLevel::Info };
        let will = if worker.stays() && self.stop.is_none() { "; it will be replaced" } else { "" };
        let text = format!("{} {}{will}", words::name(worker), why.as_str());
        self.log(level, text);
    }

    /// Forks replacements.
    pub(super) fn step_recycling(&mut self) {
        self.end_lifetimes();
        let mut waiting: Vec<(u64, u32, bool)> = Vec::new();
        for seat in (0..self.wanted).filter(|seat| self.may_fork(*seat)) {
            let worker = self.only_server(seat);
            if let Some((worker, (since, why))) = worker.and_then(|worker| Some((worker, worker.wish?))) {
                // Those that a reload replaces anyway have their turn there.
                if why.is_stuck() || worker.generation == self.generation {
                    waiting.push((since, seat, why.is_stuck()));
                }
            }
        }
        waiting.sort_unstable();
        let generation = self.generation_of_forks();
        for (_, seat, _) in waiting.iter().filter(|(_, _, stuck)| *stuck) {
            self.fork(*seat, generation);
        }
        // New code that has not proven itself is not to decide about workers that do well enough.
        if self.is_trying() {
            return;
        }
        for (_, seat, _) in waiting.iter().filter(|(_, _, stuck)| !stuck) {
            if self.wanted > FEW && self.workers.values().any(|worker| is_being_recycled(worker, self.now)) {
                return;
            }
            let forked = self.fork(*seat, generation);
            if let Some(worker) = forked.and_then(|id| self.workers.get_mut(&id)) {
                worker.recycles = true;
            }
        }
    }

    fn end_lifetimes(&mut self) {
        let now = self.now;
        let ended: Vec<WorkerId> = self
            .workers
            .values()
            .filter(|worker| worker.serves() && worker.wish.is_none())
            .filter(|worker| worker.lifetime_end.is_some_and(|end| end <= now))
            .map(|worker| worker.id)
            .collect();
        for id in ended {
            self.wants_replacement(id, Why::Lifetime);
        }
    }
}

/// It replaces one that has reached a limit and is not ready yet, or it is the one that was replaced.
fn is_being_recycled(worker: &Worker, now: u64) -> bool {
    let arrives = worker.recycles && worker.ready_at.is_none();
    arrives || worker.recycled_until.is_some_and(|until| until > now)
}
