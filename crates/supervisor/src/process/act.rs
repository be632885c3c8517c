//! What the machine asks for, and how it is done.

use rustix::process::Signal as SystemSignal;

use super::workers::Worker;
use super::{Limits, Supervisor, Task, children};
use crate::scoreboard;
use crate::state::{Action, Event, Order, WorkerId};

impl Supervisor {
    pub(super) fn carry_out(&mut self, action: Action) {
        let task = match action {
            Action::Fork { worker, seat, generation } => return self.fork(worker, seat, generation),
            Action::StopZygote { generation } => {
                // It sees the end of its channel, and ends.
                if let Some(zygote) = self.zygotes.get_mut(&generation) {
                    zygote.dismiss();
                    if !zygote.is_ready() {
                        // It imports, and hears nothing.
                        children::send(zygote.pid, SystemSignal::TERM);
                    }
                }
                return;
            }
            Action::KillZygote { generation } => {
                if let Some(zygote) = self.zygotes.get(&generation) {
                    children::send(zygote.pid, SystemSignal::KILL);
                }
                return;
            }
            Action::Order { worker, order } => return self.order(worker, order),
            Action::ReopenLogs => Task::ReopenLogs,
            Action::Removed { worker } => {
                let Some(Worker { slot, pid, .. }) = self.workers.remove(worker) else { return };
                Task::Removed { slot, pid }
            }
            Action::StartZygote { generation } => Task::StartZygote { generation },
            Action::ReadSettings => Task::ReadSettings,
            Action::WorkerCount(workers) => Task::WorkerCount(workers),
            Action::SpawnSuccessor => Task::SpawnSuccessor,
            Action::Log(level, text) => Task::Log(level, text),
            Action::Started => {
                self.scoreboard.set_started();
                self.scoreboard.forget_failure();
                Task::Started
            }
            Action::Reloading => Task::Reloading,
            Action::Reloaded { success } => {
                self.limits_tried = None;
                Task::Reloaded { success }
            }
            Action::Stopping => {
                self.scoreboard.set_draining(true);
                Task::Stopping
            }
            Action::CloseListeners { remove } => Task::CloseListeners { remove },
            Action::Exit(code) => Task::Exit(code),
        };
        self.tasks.push_back(task);
    }

    fn fork(&mut self, worker: WorkerId, seat: u32, generation: u32) {
        let Some(slot) = self.scoreboard.find_free() else {
            let error = "all places of the scoreboard are taken, by workers that have yet to end".into();
            return self.event(Event::ForkFailed { worker, error });
        };
        if let Some(place) = self.scoreboard.slot(slot) {
            place.take(seat, generation);
            place.holder().expect(worker.0);
            let tried = self.limits_tried.filter(|_| generation > self.machine.generation());
            place.limit_requests(tried.unwrap_or(self.limits).requests_for(worker));
        }
        self.workers.insert(worker, Worker::new(slot));
        match self.zygotes.get_mut(&generation) {
            Some(zygote) => {
                if let Err(error) = zygote.ask(worker, slot) {
                    let error = format!("the zygote does not hear: {error}");
                    self.event(Event::ForkFailed { worker, error });
                }
            }
            None => self.tasks.push_back(Task::Fork { worker, slot }),
        }
    }

    fn order(&mut self, worker: WorkerId, order: Order) {
        let Some(&Worker { slot, pid: Some(pid), .. }) = self.workers.get(worker) else { return };
        let given = match order {
            Order::Drain => scoreboard::Order::Drain,
            Order::Retire => scoreboard::Order::Retire,
            Order::Quick => scoreboard::Order::Quick,
            Order::Kill => return children::send(pid, SystemSignal::KILL),
        };
        if let Some(slot) = self.scoreboard.slot(slot) {
            slot.give(given);
        }
        children::send(pid, SystemSignal::TERM);
        // Stopped by somebody (SIGSTOP), it would never hear of it.
        children::send(pid, SystemSignal::CONT);
    }
}

impl Limits {
    fn requests_for(&self, worker: WorkerId) -> u64 {
        if self.requests == 0 {
            return 0;
        }
        // Spread evenly and differently for each: a golden-ratio sequence needs no state and no clock.
        let spread = worker.0.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.requests
            + u64::try_from((u128::from(spread) * u128::from(self.requests_jitter + 1)) >> 64).unwrap_or(0)
    }
}
