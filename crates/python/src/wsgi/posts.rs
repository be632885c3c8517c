//! What each thread of the pool is at: since when its request has been in the application, and how it is called back.
//!
//! The thread itself writes its post, with a few plain stores for a request; `yett-watch` reads it. An exception is raised
//! in a thread only by somebody who holds the interpreter's lock, and sees that the thread is still in the same request;
//! and the thread takes back what was not raised by the end of it, with the lock held as well. So no request ever gets
//! what was meant for another.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use yett_net::acceptor::PATIENCE_OVER;
use yett_net::clock;
use yett_supervisor::stuck::{Due, LOOK_EVERY, Millis, Suspect};

use super::engine::Engine;
use crate::watch::{Job, Limits, Overdue, Place, Subject};
use crate::{RequestTimeout, ffi};

/// One thread.
pub struct Post {
    /// The thread, as Python knows it.
    ident: u64,
    /// Twice the number of its requests so far; odd while one is in the application.
    serial: AtomicU64,
    /// When that one was handed to it, in milliseconds.
    began: AtomicU64,
    /// The response has begun.
    started: AtomicBool,
    /// The thread waits for its client, within time limits of its own.
    waits: AtomicBool,
    /// The request in which an exception was raised from outside.
    raised: AtomicU64,
    /// What is remembered of how late the request of this serial is; for `yett-watch` alone.
    suspect: Mutex<(u64, Suspect)>,
}

/// All threads of a pool.
pub struct Posts {
    all: Mutex<Vec<Arc<Post>>>,
    /// Since when, at each look, somebody has waited for a thread while none was free; 0: nobody has. For `yett-watch` alone.
    waited_since: AtomicU64,
    pub limits: Limits,
    pub place: Option<Place>,
}

impl Post {
    fn new(ident: u64) -> Self {
        Self {
            ident,
            serial: AtomicU64::new(0),
            began: AtomicU64::new(0),
            started: AtomicBool::new(false),
            waits: AtomicBool::new(false),
            raised: AtomicU64::new(u64::MAX),
            suspect: Mutex::default(),
        }
    }

    /// See there.
    pub fn ident(&self) -> u64 {
        self.ident
    }

    // ---- the thread's side; plain loads and stores, for nobody else writes ----

    /// A request is handed to the application.
    pub fn begin(&self) {
        self.began.store(clock::now(), Ordering::Relaxed);
        self.started.store(false, Ordering::Relaxed);
        self.serial.store(self.serial.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    /// Its response has begun.
    pub fn started(&self) {
        self.started.store(true, Ordering::Relaxed);
    }

    /// The application is done with it. Whether it was called back.
    pub fn end(&self, py: Python<'_>) -> bool {
        let serial = self.serial.load(Ordering::Relaxed);
        self.serial.store(serial + 1, Ordering::Release);
        let raised = self.raised.load(Ordering::Relaxed) == serial;
        if raised {
            ffi::raise_in_thread(py, self.ident, None);
        }
        raised
    }

    /// Whether the thread is called back from its request, which Python will tell it as soon as it comes there.
    pub fn is_called_back(&self) -> bool {
        self.raised.load(Ordering::Relaxed) == self.serial.load(Ordering::Relaxed)
    }

    /// Runs `wait`, in which the thread waits for its client.
    pub fn waiting<R>(&self, wait: impl FnOnce() -> R) -> R {
        self.waits.store(true, Ordering::Relaxed);
        let result = wait();
        self.waits.store(false, Ordering::Relaxed);
        result
    }

    // ---- the watch's side ----

    /// Number and beginning of the request that is in the application.
    fn running(&self) -> Option<(u64, Millis)> {
        let serial = self.serial.load(Ordering::Acquire);
        let began = self.began.load(Ordering::Relaxed);
        (serial % 2 == 1 && self.serial.load(Ordering::Acquire) == serial).then_some((serial, began))
    }

    fn look(&self, now: Millis, limits: &Limits) -> Option<(u64, Due)> {
        let (serial, began) = self.running()?;
        let limit = limits.of_request(self.started.load(Ordering::Relaxed));
        let mut suspect = self.suspect.lock().unwrap_or_else(PoisonError::into_inner);
        if suspect.0 != serial {
            *suspect = (serial, Suspect::default());
        }
        let (patience, _) = limit.unwrap_or_default();
        Some((serial, suspect.1.look(now, limit.map(|_| began), patience, 0)?))
    }

    /// Calls the thread back from a request, if it is still in it, and was not called before.
    fn call_back(&self, py: Python<'_>, serial: u64) {
        if self.running().is_some_and(|(running, _)| running == serial)
            && self.raised.swap(serial, Ordering::Relaxed) != serial
        {
            ffi::raise_in_thread(py, self.ident, Some(&py.get_type::<RequestTimeout>()));
        }
    }
}

impl Posts {
    pub fn new(limits: Limits, place: Option<Place>) -> Self {
        Self { all: Mutex::default(), waited_since: AtomicU64::new(0), limits, place }
    }

    /// The calling thread takes part.
    pub fn enlist(&self, py: Python<'_>) -> Arc<Post> {
        let post = Arc::new(Post::new(ffi::thread_ident(py)));
        self.lock().push(Arc::clone(&post));
        post
    }

    /// The thread of `post` ends.
    pub fn leave(&self, post: &Arc<Post>) {
        self.lock().retain(|other| !Arc::ptr_eq(other, post));
    }

    /// Since when no thread has been free, or has come back.
    fn exhausted_since(&self) -> Option<Millis> {
        self.lock().iter().try_fold(0, |latest: Millis, post| {
            let (_, began) = post.running()?;
            (!post.waits.load(Ordering::Relaxed)).then(|| latest.max(began))
        })
    }

    /// Takes note of whether somebody waits. Since when that has been so.
    fn note_waiting(&self, waits: bool, now: Millis) -> Option<Millis> {
        let since = match self.waited_since.load(Ordering::Relaxed) {
            0 => now,
            since => since,
        };
        self.waited_since.store(if waits { since } else { 0 }, Ordering::Relaxed);
        waits.then_some(since)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Post>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Calls the threads back from these requests.
fn call_back(requests: Vec<(Arc<Post>, u64)>) -> Option<Job> {
    if requests.is_empty() {
        return None;
    }
    Some(Box::new(move |py| {
        for (post, serial) in requests {
            post.call_back(py, serial);
        }
    }))
}

impl Subject for Engine {
    fn standstill(&self) -> &'static str {
        "all threads are in the application while others wait, and none has come back"
    }

    fn late_since(&self, now: Millis) -> Option<Millis> {
        // Threads that come back within a second are not disturbed by looking.
        let is_long = |since: &Millis| *since != 0 && now.saturating_sub(*since) >= LOOK_EVERY;
        let exhausted = self.posts.exhausted_since().filter(is_long);
        if exhausted.is_some_and(|since| self.posts.limits.beat.is_some_and(|limit| now - since >= limit)) {
            // The last thread may have left a connection to another process, and has not come back to watch the listeners
            // again: who waits there would be seen by nobody.
            self.accept(PATIENCE_OVER);
        }
        let waited = self.posts.note_waiting(exhausted.is_some() && self.anybody_waits(), now);
        // Who has just come, while all threads are rightly at work, has not waited yet; and what is at a listener just now
        // may be with another process in a moment.
        Some(exhausted?.max(waited?))
    }

    fn patience(&self, limits: &Limits, _now: Millis) -> Option<Millis> {
        limits.beat
    }

    /// All of them are called back: each has been in the application for longer than the pool may stand still.
    fn relief(self: Arc<Self>) -> Option<Job> {
        let posts = self.posts.lock();
        let running = posts.iter().filter_map(|post| Some((Arc::clone(post), post.running()?.0)));
        call_back(running.collect())
    }

    fn leave(&self) {
        // The main thread, which gets the supervisor's order, may not have the interpreter's lock, while threads that have
        // no need of it yet still accept.
        self.abandon();
    }

    fn look_at_requests(self: Arc<Self>, now: Millis, is_awake: bool) -> Overdue {
        let mut overdue = Overdue::default();
        if !is_awake || !self.posts.limits.concern_requests() {
            return overdue;
        }
        let mut stuck = Vec::new();
        for post in &*self.posts.lock() {
            match post.look(now, &self.posts.limits) {
                Some((serial, Due::Stuck { .. })) => stuck.push((Arc::clone(post), serial)),
                // A slow client has limits of its own, and is no reason to replace a worker.
                Some((_, Due::Hopeless { .. })) => overdue.hopeless |= !post.waits.load(Ordering::Relaxed),
                Some((_, Due::GoesOn { .. })) | None => {}
            }
        }
        overdue.stuck = stuck.len();
        overdue.end = call_back(stuck);
        overdue
    }
}
