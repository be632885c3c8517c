//! The workers that are there, or are about to be.

use std::collections::BTreeMap;

use crate::scoreboard::Why;
use crate::state::WorkerId;

/// What is known of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Worker {
    /// Its place in the scoreboard.
    pub slot: usize,
    /// Its process, once it is one.
    pub pid: Option<u32>,
    /// The machine knows that it serves.
    pub ready_told: bool,
    /// The machine knows that it wants to be replaced, for this reason.
    pub wish_told: Option<Why>,
}

impl Worker {
    pub fn new(slot: usize) -> Self {
        Self { slot, pid: None, ready_told: false, wish_told: None }
    }
}

/// All of them, by their names.
#[derive(Debug, Default)]
pub(super) struct Workers(BTreeMap<WorkerId, Worker>);

impl Workers {
    pub fn insert(&mut self, id: WorkerId, worker: Worker) {
        self.0.insert(id, worker);
    }

    pub fn remove(&mut self, id: WorkerId) -> Option<Worker> {
        self.0.remove(&id)
    }

    pub fn get(&self, id: WorkerId) -> Option<&Worker> {
        self.0.get(&id)
    }

    pub fn get_mut(&mut self, id: WorkerId) -> Option<&mut Worker> {
        self.0.get_mut(&id)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&WorkerId, &mut Worker)> {
        self.0.iter_mut()
    }

    pub fn of_pid(&self, pid: u32) -> Option<WorkerId> {
        self.0.iter().find(|(_, worker)| worker.pid == Some(pid)).map(|(id, _)| *id)
    }

    pub fn pids(&self) -> impl Iterator<Item = u32> {
        self.0.values().filter_map(|worker| worker.pid)
    }
}
