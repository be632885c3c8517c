//! Stuck work: what does not go on is told with evidence, met with what may help, and given up at last.
//!
//! Three things can stand still, and each is seen in its own way: the event loop or the pool of threads, which *beats*
//! while it gets on; the interpreter's lock, which a thread of ours asks for once a second; and a single request, whose
//! age is known. When what is late, and how often what is due, is decided in `yett_supervisor::stuck`.
//!
//! | question | file |
//! |---|---|
//! | Who looks, and what follows? | `watcher` (the thread `yett-watch`, which never takes the interpreter's lock) |
//! | Can the lock be had, and who does what needs it? | `prober` (the thread `yett-gil`) |
//! | What stands in the log? | `evidence` (and `yett/watch.py`) |
//! | Where are the threads while somebody holds the lock? | `stacks` |
//! | When does a loop beat, and how is a task ended? | `asgi/overdue` |
//! | When does a pool beat, and how is a thread called back? | `wsgi/posts` |

mod evidence;
mod prober;
mod stacks;
mod watcher;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use yett_logs::writer;
use yett_settings::{FOREVER, Settings};
use yett_supervisor::scoreboard::{OwnSlot, Scoreboard};
use yett_supervisor::stuck::Millis;

use crate::slot::Slot;
use prober::Prober;
use stacks::Stacks;
use watcher::{Stop, Watcher};

pub use evidence::{SHOWN, Stuck, head, requests};
pub use prober::Job;
pub use watcher::give_up;

/// How long each thing may stand still, in milliseconds; `None`: for ever.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The event loop, or the pool.
    pub beat: Option<Millis>,
    /// The interpreter's lock.
    pub gil: Option<Millis>,
    /// A request, until its response begins.
    pub request: Option<Millis>,
    /// A request, until its response is complete.
    pub total: Option<Millis>,
}

impl Limits {
    pub fn new(settings: &Settings) -> Self {
        let limit = |duration: std::time::Duration| {
            (duration != FOREVER).then(|| Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX))
        };
        Self {
            beat: limit(settings.beat_timeout),
            gil: limit(settings.gil_timeout),
            request: limit(settings.request_timeout),
            total: limit(settings.request_total_timeout),
        }
    }

    /// Whether requests have a limit.
    pub fn concern_requests(&self) -> bool {
        self.request.is_some() || self.total.is_some()
    }

    /// Whether nothing has one: then nothing is watched, and nothing need be known of requests.
    pub fn are_off(&self) -> bool {
        self.beat.is_none() && self.gil.is_none() && !self.concern_requests()
    }

    /// How long a request may run, and which of the settings says so. `started`: its response has begun.
    pub fn of_request(&self, started: bool) -> Option<(Millis, &'static str)> {
        let request = self.request.filter(|_| !started).map(|limit| (limit, "request_timeout"));
        let total = self.total.map(|limit| (limit, "request_total_timeout"));
        request.into_iter().chain(total).min_by_key(|(limit, _)| *limit)
    }
}

/// Requests that are over their time.
#[derive(Default)]
pub struct Overdue {
    /// How many have newly been found to be.
    pub stuck: usize,
    /// Ends them, as far as that is possible. To be called after the evidence was taken.
    pub end: Option<Job>,
    /// The end of one was tried, and has not helped.
    pub hopeless: bool,
}

/// What is watched in one server: the event loop of ASGI, or the pool of threads of WSGI.
pub trait Subject: Send + Sync {
    /// What does not go on, in words: «the event loop has not come round».
    fn standstill(&self) -> &'static str;

    /// Since when it has not gone on although it should have; `None`: it goes on.
    fn late_since(&self, now: Millis) -> Option<Millis>;

    /// How long that may be: `limits.beat`, or less if a request that runs is over its own time.
    fn patience(&self, limits: &Limits, now: Millis) -> Option<Millis>;

    /// What may help against a standstill; `None`: nothing that this process can do.
    fn relief(self: Arc<Self>) -> Option<Job>;

    /// Takes no more connections, as far as that is possible from here: another worker is about to.
    fn leave(&self);

    /// Looks at each request, if that is not done elsewhere. `is_awake`: the process has not stood still since the look
    /// before.
    fn look_at_requests(self: Arc<Self>, now: Millis, is_awake: bool) -> Overdue;
}

/// The worker's place in the scoreboard.
#[derive(Clone)]
pub struct Place {
    pub slot: Arc<OwnSlot>,
    /// There is a supervisor, who replaces workers that ask for it.
    pub supervised: bool,
}

impl Place {
    /// The worker's, or one of this process's own where there is no supervisor, if anything of it will be read. `None` also
    /// if there is no memory for it: then the evidence names no requests.
    pub fn find(limits: Limits, slot: Option<&Slot>) -> Option<Self> {
        if let Some(slot) = slot {
            return Some(Self { slot: slot.own(), supervised: true });
        }
        if limits.are_off() {
            return None;
        }
        let board = Arc::new(Scoreboard::new(1).ok()?);
        board.slot(0)?.take(0, 0);
        Some(Self { slot: Arc::new(OwnSlot::new(board, 0, None)?), supervised: false })
    }

    /// For a gateway, which enters its requests there.
    pub fn own(&self) -> Arc<OwnSlot> {
        Arc::clone(&self.slot)
    }
}

/// Watches one server while it lives. Python stops it before the interpreter ends.
#[pyclass(frozen, module = "yett._core")]
pub struct Watch {
    threads: Mutex<Option<Threads>>,
    /// The process in which it was made: its children have no such threads.
    made_in: usize,
}

struct Threads {
    stop: Arc<Stop>,
    prober: Arc<Prober>,
    stacks: Option<Arc<Stacks>>,
    handles: Vec<JoinHandle<()>>,
    place: Option<Place>,
}

impl Watch {
    /// Begins to watch, unless there is nothing to be seen. `place`: where the requests of the server are known.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn start(
        py: Python<'_>,
        subject: Arc<dyn Subject>,
        limits: Limits,
        place: Option<Place>,
    ) -> PyResult<Self> {
        let supervised = place.as_ref().is_some_and(|place| place.supervised);
        let made_in = writer::forks();
        if limits.are_off() && !supervised {
            return Ok(Self { threads: Mutex::new(None), made_in });
        }
        let mut threads = Threads {
            stop: Arc::default(),
            prober: Arc::default(),
            // Without it the evidence has no stacks while somebody holds the lock.
            stacks: if limits.are_off() { None } else { Stacks::share(py) },
            handles: Vec::new(),
            place: place.clone(),
        };
        if !limits.are_off() {
            threads.prober.note_names(py);
        }
        let watcher = Watcher::new(
            subject,
            limits,
            place,
            Arc::clone(&threads.prober),
            threads.stacks.clone(),
            Arc::clone(&threads.stop),
        );
        if let Some(place) = &threads.place {
            // From now on its beat is missed, also if the thread never gets as far as the first look.
            place.slot.slot().note_beat(yett_net::clock::now());
        }
        let started = threads.start(watcher, limits);
        let watch = Self { threads: Mutex::new(Some(threads)), made_in };
        if let Err(error) = started {
            watch.stop(py);
            return Err(error.into());
        }
        Ok(watch)
    }

    fn stop(&self, py: Python<'_>) {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(threads) = threads else { return };
        if writer::forks() != self.made_in {
            // In a child, where those threads never were.
            return std::mem::forget(threads);
        }
        threads.stop.now();
        threads.prober.stop();
        py.detach(|| {
            for handle in threads.handles {
                // Failure: it has panicked, which the panic itself has told.
                let _ = handle.join();
            }
        });
        if let Some(place) = threads.place {
            // What follows, such as the application's own shutdown, has time limits of other kinds.
            place.slot.slot().note_beat(0);
        }
        if let Some(stacks) = threads.stacks {
            stacks.give_back(py);
        }
    }
}

impl Threads {
    fn start(&mut self, watcher: Watcher, limits: Limits) -> std::io::Result<()> {
        let spawn = |name: &str, body: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new().name(name.to_owned()).spawn(body)
        };
        if !limits.are_off() {
            let prober = Arc::clone(&self.prober);
            self.handles.push(spawn("yett-gil", Box::new(move || prober.run()))?);
        }
        self.handles.push(spawn("yett-watch", Box::new(move || watcher.run()))?);
        Ok(())
    }
}

#[pymethods]
impl Watch {
    fn __enter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    /// Stops watching: its threads have ended when this returns.
    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) {
        self.stop(py);
    }
}
