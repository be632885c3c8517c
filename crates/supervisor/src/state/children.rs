//! What happens to workers: they are forked, ready, killed, dead.

use yett_settings::LogLevel;

use super::crashes::{Report, Verdict, WINDOW};
use super::machine::Machine;
use super::worker::{Leaving, Phase, Worker};
use super::{Action, Exit, Millis, Order, WorkerId, words};

/// What a worker is given beyond its own deadlines before it is killed: it ends itself in time, unless it cannot.
const GRACE: Millis = 5_000;

/// How long a worker may take to stop fast.
pub(super) const QUICK: Millis = 2_000;

impl Machine {
    pub(super) fn forked(&mut self, id: WorkerId, pid: u32) {
        let timeout = self.config_of_start().startup_timeout;
        let Some(worker) = self.workers.get_mut(&id).filter(|worker| worker.pid.is_none()) else {
            return;
        };
        worker.pid = Some(pid);
        worker.phase = Phase::Starting;
        worker.startup_end = Some(self.now.saturating_add(timeout));
        let pending = worker.leaving.take();
        let text = format!("{} starts", words::name(worker));
        self.log(LogLevel::Debug, text);
        // What it was to be told while it was no process yet.
        if let Some(leaving) = pending {
            self.dismiss(id, leaving.order);
        }
        self.catch_up_exit(pid);
    }

    /// The end of a child may be told before its birth: by whoever has forked it, on another way.
    pub(super) fn catch_up_exit(&mut self, pid: u32) {
        if let Some(at) = self.early_exits.iter().position(|exit| exit.0 == pid) {
            let (pid, how, oom) = self.early_exits.swap_remove(at);
            self.exited(pid, how, oom);
        }
    }

    pub(super) fn fork_failed(&mut self, id: WorkerId, error: &str) {
        if self.workers.get(&id).is_none_or(|worker| worker.pid.is_some()) {
            return;
        }
        let Some(worker) = self.workers.remove(&id) else {
            return;
        };
        self.actions.push(Action::Removed { worker: id });
        if worker.stays() {
            self.lost(&worker, &format!("{} could not be forked: {error}", words::name(&worker)), None);
        }
    }

    pub(super) fn ready(&mut self, id: WorkerId) {
        let now = self.now;
        let lifetime = self.config.worker_lifetime;
        let jitter = lifetime.map_or(0, |_| self.random(self.config.worker_lifetime_jitter));
        let Some(worker) = self.workers.get_mut(&id).filter(|worker| worker.stays()) else {
            return;
        };
        if worker.phase != Phase::Starting {
            return;
        }
        worker.phase = Phase::Ready;
        worker.startup_end = None;
        worker.ready_at = Some(now);
        worker.lifetime_end = lifetime.map(|lifetime| now.saturating_add(lifetime).saturating_add(jitter));
        let (seat, generation, text) =
            (worker.seat, worker.generation, format!("{} is ready", words::name(worker)));
        if let Some(seat) = self.seats.get_mut(seat as usize) {
            seat.back_off.recovered(now);
        }
        self.ever_ready = true;
        // When all are ready for the first time that is told in one line, and in a loop of deaths each of them would be
        // told by this one.
        let quiet = !self.started || self.crashes.is_loop();
        let level = if quiet { LogLevel::Debug } else { LogLevel::Info };
        self.log(level, text);
        self.proven_by(id, generation);
    }

    pub(super) fn frozen(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get(&id).filter(|worker| worker.pid.is_some()).cloned() else {
            return;
        };
        if worker.leaving.is_some_and(|leaving| leaving.order == Order::Kill) {
            return;
        }
        let text =
            format!("{} is frozen: not even its own watch moves on; it is killed", words::name(&worker));
        self.dismiss(id, Order::Kill);
        if worker.stays() {
            self.lost(&worker, &text, None);
        } else {
            self.log(LogLevel::Warning, text);
        }
    }

    pub(super) fn exited(&mut self, pid: u32, how: Exit, oom: bool) {
        if self.zygote_exited(pid, how, oom) {
            return;
        }
        let Some(id) = self.workers.values().find(|worker| worker.pid == Some(pid)).map(|worker| worker.id)
        else {
            self.early_exits.push((pid, how, oom));
            return;
        };
        let Some(worker) = self.workers.remove(&id) else {
            return;
        };
        self.actions.push(Action::Removed { worker: id });
        let text = format!("{} {}", words::name(&worker), words::ended(how, oom));
        match worker.leaving {
            None if self.stop.is_none() => {
                let code = if let Exit::Code(code) = how { Some(code) } else { None };
                self.lost(&worker, &text, code);
            }
            Some(Leaving { order: Order::Kill, .. }) => self.log(LogLevel::Debug, text),
            // Whoever is interrupted while it loads the application cannot end well.
            _ if how.is_success() || worker.ready_at.is_none() => self.log(LogLevel::Debug, text),
            _ => self.log(LogLevel::Warning, format!("{text} while it was stopping")),
        }
    }

    /// Gives a worker an order, unless it has had that or a stronger one, and sets the end of our patience.
    pub(super) fn dismiss(&mut self, id: WorkerId, order: Order) {
        let patience = match order {
            Order::Retire => {
                let streams = self.config.stream_drain_timeout.saturating_add(GRACE);
                self.config.graceful_timeout.saturating_add(streams)
            }
            Order::Drain => {
                let delay = self.stop.as_ref().map_or(0, |stop| stop.delay);
                self.config.graceful_timeout.saturating_add(delay).saturating_add(GRACE)
            }
            Order::Quick => QUICK,
            Order::Kill => 0,
        };
        let (now, graceful) = (self.now, self.config.graceful_timeout);
        let Some(worker) = self.workers.get_mut(&id) else {
            return;
        };
        let before = worker.leaving;
        if before.is_some_and(|leaving| leaving.order.strength() >= order.strength()) {
            return;
        }
        // What is stuck will not end its streams well, and holds requests that wait for an answer.
        let patience = if order == Order::Retire && worker.is_stuck() { graceful } else { patience };
        // Never at once: those who are late may have been looked for already, and no timer comes for what is due.
        let mut kill_at = now.saturating_add(patience.max(1));
        if let Some(earlier) = before.and_then(|leaving| leaving.kill_at) {
            kill_at = kill_at.min(earlier);
        }
        let is_process = worker.pid.is_some();
        let kill_at = (order != Order::Kill).then_some(kill_at);
        worker.leaving = Some(Leaving { order, kill_at });
        if order == Order::Retire && worker.wish.is_some() && !worker.is_stuck() {
            worker.recycled_until = Some(now.saturating_add(graceful));
        }
        if is_process {
            self.actions.push(Action::Order { worker: id, order });
        }
    }

    /// Kills workers that have used up our patience.
    pub(super) fn expire_workers(&mut self) {
        let now = self.now;
        let due = |deadline: Option<Millis>| deadline.is_some_and(|deadline| deadline <= now);
        let late = |worker: &&Worker| match worker.leaving {
            Some(leaving) => due(leaving.kill_at),
            None => due(worker.startup_end),
        };
        // What is told of one may change what is to be told of the others.
        while let Some(worker) = self.workers.values().find(late).cloned() {
            self.dismiss(worker.id, Order::Kill);
            if worker.pid.is_none() {
                // Its zygote hangs, and answers when it is dead.
                self.kill_zygote(worker.generation);
            }
            if worker.stays() {
                let timeout = words::span(self.config_of_start().startup_timeout);
                let text = format!(
                    "{} was not ready within {timeout} (--startup-timeout); it is killed",
                    words::name(&worker)
                );
                self.lost(&worker, &text, None);
            } else {
                self.log(
                    LogLevel::Warning,
                    format!("{} has not stopped in time; it is killed", words::name(&worker)),
                );
            }
        }
    }

    /// A worker that nobody has told to go is no more: `words` say why. Its seat may be taken again, now or later.
    fn lost(&mut self, worker: &Worker, words: &str, code: Option<i32>) {
        if worker.ready_at.is_none() && self.trial() == Some(worker.generation) {
            // It says something of the new code, and nothing of its seat.
            self.log(LogLevel::Error, words);
            self.disproven_by(worker.generation, words);
            return;
        }
        let Some(seat) = self.seats.get_mut(worker.seat as usize) else {
            return;
        };
        seat.back_off.died(self.now, worker.ready_at);
        seat.lost_unready |= worker.ready_at.is_none();
        let failures = seat.back_off.failures();
        // Who fails to start ends with a code of its own, and has said why.
        let explained = code.filter(|code| worker.ready_at.is_none() && (2..=5).contains(code));
        if explained.is_some() && !self.ever_ready {
            self.log(LogLevel::Debug, words);
        } else {
            self.tell_death(failures, words);
        }
        if worker.ready_at.is_none() {
            self.first_code = self.first_code.or(explained);
            self.give_up_if_hopeless();
        }
    }

    /// Tells a death, or counts it if there are too many.
    pub(super) fn tell_death(&mut self, failures: u32, words: &str) {
        let verdict = self.crashes.died(self.now, failures, words);
        if verdict != Verdict::Count {
            self.log(LogLevel::Error, words);
        }
        if verdict == Verdict::Name {
            self.log(
                LogLevel::Error,
                "the workers are in a crash loop: they are started again, with pauses; from now on deaths are counted, \
                 and told once a minute",
            );
        }
    }

    pub(super) fn report_crashes(&mut self) {
        if self.stop.is_some() {
            return;
        }
        let all_ready = self.all_ready();
        match self.crashes.report(self.now, all_ready) {
            Some(Report::Further(number, last)) => {
                let text =
                    format!("crash loop: {} more deaths since the last message; the last: {last}", number);
                self.log(LogLevel::Error, text);
            }
            Some(Report::Over(untold)) => {
                let more =
                    if untold > 0 { format!(" ({untold} more deaths were not told)") } else { String::new() };
                let text = format!(
                    "the crash loop is over: all workers are ready, and none has died for {}{more}",
                    words::span(WINDOW)
                );
                self.log(LogLevel::Info, text);
            }
            None => {}
        }
    }
}
