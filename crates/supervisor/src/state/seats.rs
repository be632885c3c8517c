//! Which seats need a worker, and which workers are superfluous.

use yett_settings::LogLevel;

use super::machine::Machine;
use super::worker::{Phase, Seat, Worker};
use super::{Action, Order, WorkerId, words};

impl Machine {
    /// Sets how many workers there are to be, at least one, and not more than there is room for.
    pub(super) fn want(&mut self, workers: u32) {
        self.wanted = workers.clamp(1, self.config.most_workers.max(1));
        let wanted = self.wanted as usize;
        if self.seats.len() < wanted {
            self.seats.resize(wanted, Seat::default());
        }
        // A seat that comes back later is not to remember what happened in it long ago.
        for seat in self.seats.iter_mut().skip(wanted) {
            *seat = Seat::default();
        }
    }

    /// SIGTTIN.
    pub(super) fn one_more(&mut self) {
        self.change_number(self.wanted.saturating_add(1), "SIGTTIN");
    }

    /// SIGTTOU.
    pub(super) fn one_fewer(&mut self) {
        self.change_number(self.wanted.saturating_sub(1), "SIGTTOU");
    }

    fn change_number(&mut self, workers: u32, signal: &str) {
        if self.stop.is_some() {
            return;
        }
        let before = self.wanted;
        self.want(workers);
        let now = words::workers(self.wanted);
        let text = if self.wanted == before {
            format!("{signal}: it stays at {now}; there is no going further")
        } else {
            format!("{signal}: {now} from now on")
        };
        self.log(LogLevel::Info, text);
        if self.wanted != before {
            self.actions.push(Action::WorkerCount(self.wanted));
        }
    }

    /// The workers of a seat that nobody has told to go, oldest first. There are never more than two.
    pub(super) fn staying(&self, seat: u32) -> Vec<&Worker> {
        self.workers.values().filter(|worker| worker.seat == seat && worker.stays()).collect()
    }

    /// The worker of a seat, if it has exactly one, which serves: it may be replaced.
    pub(super) fn only_server(&self, seat: u32) -> Option<&Worker> {
        match self.staying(seat)[..] {
            [worker] if worker.serves() => Some(worker),
            _ => None,
        }
    }

    /// Each seat has a worker that serves.
    pub(super) fn all_ready(&self) -> bool {
        (0..self.wanted).all(|seat| self.staying(seat).iter().any(|worker| worker.serves()))
    }

    /// The pause of a seat is over.
    pub(super) fn may_fork(&self, seat: u32) -> bool {
        self.seats.get(seat as usize).is_some_and(|seat| seat.back_off.not_before() <= self.now)
    }

    /// Asks for a worker in a seat, if there is somebody to fork it.
    pub(super) fn fork(&mut self, seat: u32, generation: u32) -> Option<WorkerId> {
        if self.config.preload && !self.has_zygote(generation) {
            return None;
        }
        let id = self.next_worker();
        let mut worker = Worker::new(id, seat, generation);
        // A zygote may never come to forking it.
        worker.startup_end = Some(self.now.saturating_add(self.config_of_start().startup_timeout));
        self.workers.insert(id, worker);
        self.actions.push(Action::Fork { worker: id, seat, generation });
        Some(id)
    }

    /// Sends away whoever is not needed any more.
    pub(super) fn clear_seats(&mut self) {
        let mut superfluous = Vec::new();
        for seat in 0..u32::try_from(self.seats.len()).unwrap_or(u32::MAX) {
            let staying = self.staying(seat);
            let replaced = match staying[..] {
                [.., last] if last.serves() => staying.len() - 1,
                _ => 0,
            };
            superfluous.extend(staying.iter().enumerate().filter_map(|(index, worker)| {
                // Nobody waits for a worker with old code that does not serve yet.
                let outdated = worker.generation < self.generation && worker.phase != Phase::Ready;
                (index < replaced || outdated).then_some(worker.id)
            }));
        }
        self.send_away(&superfluous);
        self.clear_unwanted_seats();
    }

    /// Workers whose seats are no longer wanted go, the highest seats first; but one that serves only if those that are wanted
    /// do without it: they may just be starting, or failing.
    fn clear_unwanted_seats(&mut self) {
        let serving = self.workers.values().filter(|worker| worker.serves()).count();
        let spare = serving.saturating_sub(self.wanted as usize);
        let mut unwanted: Vec<&Worker> =
            self.workers.values().filter(|worker| worker.stays() && worker.seat >= self.wanted).collect();
        unwanted.sort_by_key(|worker| std::cmp::Reverse((worker.seat, worker.id)));
        let starting = unwanted.iter().filter(|worker| !worker.serves()).map(|worker| worker.id);
        let spared = unwanted.iter().filter(|worker| worker.serves()).take(spare).map(|worker| worker.id);
        let superfluous: Vec<WorkerId> = starting.chain(spared).collect();
        self.send_away(&superfluous);
    }

    fn send_away(&mut self, workers: &[WorkerId]) {
        for id in workers {
            let serves = self.workers.get(id).is_some_and(Worker::serves);
            self.dismiss(*id, if serves { Order::Retire } else { Order::Quick });
        }
    }

    /// Takes empty seats again.
    pub(super) fn fill_seats(&mut self) {
        for seat in 0..self.wanted {
            if self.may_fork(seat) && self.staying(seat).is_empty() {
                self.fork(seat, self.generation_of_forks());
            }
        }
    }
}
