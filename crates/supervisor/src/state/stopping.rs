//! The end: all workers are told to stop, those that do not are killed, and when no child is left the supervisor exits. Also
//! the successor that SIGUSR2 starts: when it serves, the old one makes way; when it fails, the old one goes on.

use yett_settings::LogLevel;

use super::machine::Machine;
use super::worker::Phase;
use super::{Action, Millis, Order, Signal, WorkerId, words};

/// No worker has ever become ready (of a successor: not all), and none has said why with a code of its own (docs/exit-codes.md).
const NO_WORKER: i32 = 6;

/// How far the end has come.
#[derive(Debug)]
pub(super) struct Stop {
    code: i32,
    /// A signal has asked for it.
    asked: bool,
    /// How long workers go on accepting.
    pub delay: Millis,
    /// When the listeners are closed; `None`: they are.
    close_at: Option<Millis>,
    /// Nobody else has the files of Unix sockets.
    remove: bool,
    /// What workers are told, from now on.
    order: Order,
}

impl Stop {
    /// The next moment at which something has to be done.
    pub fn deadline(&self) -> Option<Millis> {
        self.close_at
    }
}

impl Machine {
    /// SIGTERM, SIGINT, SIGQUIT.
    pub(super) fn asked_to_stop(&mut self, signal: Signal) {
        let name = words::signal(signal);
        // Those that are starting have nothing to finish.
        let order = if signal == Signal::Term && self.ever_ready { Order::Drain } else { Order::Quick };
        let Some(stop) = &mut self.stop else {
            let how = if order == Order::Drain { "running requests finish first" } else { "at once" };
            self.log(LogLevel::Info, format!("{name}: stopping; {how}"));
            let delay = if order == Order::Drain { self.config.drain_delay } else { 0 };
            // A successor that is starting has inherited the sockets.
            self.stop(Stop {
                code: 0,
                asked: true,
                delay,
                close_at: Some(self.now.saturating_add(delay)),
                remove: !self.successor,
                order,
            });
            return;
        };
        if stop.asked {
            let number = match signal {
                Signal::Int => 2,
                Signal::Quit => 3,
                _ => 15,
            };
            if stop.order != Order::Kill {
                stop.code = 128 + number;
            }
            stop.order = Order::Kill;
            self.log(LogLevel::Warning, format!("{name} again: everything is killed"));
            self.kill_zygotes();
        } else {
            stop.asked = true;
            let faster = order.strength() > stop.order.strength();
            if faster {
                stop.order = order;
            }
            let how = match order {
                _ if !faster => "stopping already",
                Order::Drain => "running requests finish, streams are not waited for",
                _ => "stopping at once",
            };
            self.log(LogLevel::Info, format!("{name}: {how}"));
        }
        if let Some(stop) = self.stop.as_mut().filter(|stop| stop.order.strength() > Order::Drain.strength())
        {
            stop.close_at = stop.close_at.map(|at| at.min(self.now));
        }
        self.tell_all();
    }

    fn stop(&mut self, stop: Stop) {
        self.stop = Some(stop);
        self.reload = None;
        self.reload_again = None;
        self.actions.push(Action::Stopping);
        self.tell_all();
    }

    /// Gives all workers the order of the hour.
    fn tell_all(&mut self) {
        let Some(order) = self.stop.as_ref().map(|stop| stop.order) else {
            return;
        };
        let all: Vec<(WorkerId, Phase)> =
            self.workers.values().map(|worker| (worker.id, worker.phase)).collect();
        for (id, phase) in all {
            let finishes = matches!(order, Order::Drain | Order::Retire);
            let order = if phase != Phase::Ready && finishes { Order::Quick } else { order };
            self.dismiss(id, order);
        }
    }

    /// No worker will ever be ready: the first one of each seat has ended before it was. Or one of them has, and there is
    /// another supervisor, which can do without this one.
    pub(super) fn give_up_if_hopeless(&mut self) {
        let mut seats = self.seats.iter().take(self.wanted as usize);
        let is_hopeless = !self.ever_ready && seats.all(|seat| seat.lost_unready);
        if (is_hopeless || self.on_trial) && self.stop.is_none() {
            self.give_up();
        }
    }

    pub(super) fn give_up(&mut self) {
        // Who has ended with a code of its own has said why.
        let level = if self.first_code.is_some() { LogLevel::Debug } else { LogLevel::Error };
        // Those of a successor that are ready may have requests; new ones are the old supervisor's.
        let (who, order) = if self.ever_ready { ("not every", Order::Retire) } else { ("no", Order::Quick) };
        self.log(level, format!("{who} worker became ready; stopping"));
        let code = self.first_code.unwrap_or(NO_WORKER);
        self.stop(Stop { code, asked: false, delay: 0, close_at: Some(self.now), remove: true, order });
    }

    /// Closes the listeners in time, and ends when no child is left.
    pub(super) fn step_stop(&mut self) {
        let gone = self.workers.is_empty() && self.zygotes.is_empty();
        let now = self.now;
        let Some(stop) = &mut self.stop else {
            return;
        };
        let code = stop.code;
        if stop.close_at.is_some_and(|at| at <= now || gone) {
            stop.close_at = None;
            let remove = stop.remove;
            self.actions.push(Action::CloseListeners { remove });
        }
        if gone {
            self.over = true;
            self.actions.push(Action::Exit(code));
        }
    }

    /// SIGUSR2.
    pub(super) fn ask_for_successor(&mut self) {
        if self.stop.is_some() {
            return;
        }
        if self.successor {
            self.log(LogLevel::Warning, "SIGUSR2: a new supervisor is starting already");
        } else if !self.ever_ready || self.on_trial {
            let who = if self.on_trial { "all workers are" } else { "a worker is" };
            self.log(LogLevel::Warning, format!("SIGUSR2: not before {who} ready"));
        } else {
            self.successor = true;
            self.log(LogLevel::Info, "SIGUSR2: a new supervisor is started");
            self.actions.push(Action::SpawnSuccessor);
        }
    }

    /// Whether there is another supervisor that goes on if this one fails.
    pub(super) fn predecessor(&mut self, serves: bool) {
        if self.on_trial && !serves {
            self.log(LogLevel::Info, "the old supervisor has ended; this one goes on with what starts");
        }
        self.on_trial = serves && !self.started;
    }

    pub(super) fn successor_ready(&mut self) {
        if !self.successor || self.stop.is_some() {
            return;
        }
        self.log(LogLevel::Info, "the new supervisor serves; this one stops when its requests have finished");
        // What waits at the listeners is for the new one, and clients may be about to use the connections that they have.
        let order = Order::Retire;
        self.stop(Stop { code: 0, asked: false, delay: 0, close_at: Some(self.now), remove: false, order });
    }

    pub(super) fn successor_ended(&mut self, text: &str) {
        if !self.successor {
            return;
        }
        self.successor = false;
        if self.stop.is_none() {
            self.log(LogLevel::Error, format!("the new supervisor did not start: {text}; this one goes on"));
        }
    }
}
