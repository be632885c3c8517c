//! Can the interpreter's lock be had? Asked once a second, by a thread of its own, because asking is waiting.
//!
//! The same thread does what others need the lock for and must not wait for it themselves.

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use yett_supervisor::stuck::Millis;

/// Something to be done with the interpreter's lock.
pub type Job = Box<dyn FnOnce(Python<'_>) + Send>;

/// What the thread `yett-gil` is asked, and what it has found.
#[derive(Default)]
pub struct Prober {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    /// Since when the lock has been asked for, and not been had.
    asked: Option<Millis>,
    /// The names of Python's threads by ident, as they were when the lock was last had.
    names: HashMap<u64, String>,
    stopping: bool,
}

impl Prober {
    /// Asks whether the lock can be had, unless that is being found out.
    pub fn ask(&self, now: Millis) {
        self.lock().asked.get_or_insert(now);
        self.news.notify_all();
    }

    /// Since when the lock has been asked for in vain.
    pub fn waits_since(&self) -> Option<Millis> {
        self.lock().asked
    }

    /// Has it done when the lock can be had.
    pub fn give(&self, job: Job) {
        self.lock().jobs.push_back(job);
        self.news.notify_all();
    }

    /// Has it done, and waits `patience` for it. `None`: it was not done by then.
    pub fn have<T: Send + 'static>(
        &self,
        patience: Duration,
        job: impl FnOnce(Python<'_>) -> T + Send + 'static,
    ) -> Option<T> {
        let (sender, receiver) = mpsc::channel();
        // Failure: nobody waits any more.
        self.give(Box::new(move |py| drop(sender.send(job(py)))));
        receiver.recv_timeout(patience).ok()
    }

    /// Takes note of what the threads are called: later there may be nobody to ask.
    pub fn note_names(&self, py: Python<'_>) {
        // Failure: they are called what they were called before.
        if let Ok(names) = names(py) {
            self.lock().names = names;
        }
    }

    /// The name of a thread, if it was there when the lock was last had.
    pub fn name_of(&self, ident: u64) -> Option<String> {
        self.lock().names.get(&ident).cloned()
    }

    /// Ends the thread, when it comes from what it does.
    pub fn stop(&self) {
        let mut state = self.lock();
        state.stopping = true;
        // Whoever waits for one learns that it will not be done.
        state.jobs.clear();
        self.news.notify_all();
    }

    /// The body of the thread.
    pub fn run(&self) {
        while self.wait() {
            let had = Python::try_attach(|py| {
                while let Some(job) = self.next_job() {
                    job(py);
                }
                self.note_names(py);
                self.lock().asked = None;
            });
            if had.is_none() {
                // The interpreter ends, and lets nobody in any more.
                return;
            }
        }
    }

    /// Waits until the lock is needed. False: the thread is to end.
    fn wait(&self) -> bool {
        let mut state = self.lock();
        while state.asked.is_none() && state.jobs.is_empty() && !state.stopping {
            state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.stopping
    }

    fn next_job(&self) -> Option<Job> {
        self.lock().jobs.pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn names(py: Python<'_>) -> PyResult<HashMap<u64, String>> {
    py.import("yett.watch")?.call_method0("thread_names")?.extract()
}
