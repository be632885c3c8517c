//! Once a second the event loop beats: it tells that it comes round, and looks for requests that take too long.
//!
//! The beat is one of the reactor's deadlines, so that it comes the way of every request: by the loop that looks at its
//! descriptors. (`loop.call_later` would do, but with a timer that never goes away asyncio does some 4,000 instructions
//! more each time that it comes round.) It is the loop itself that ends requests, so that nothing of theirs is touched by
//! another thread.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyList;
use yett_net::acceptor::PATIENCE_OVER;
use yett_net::{Token, clock};
use yett_supervisor::scoreboard::Why;
use yett_supervisor::stuck::{Due, LOOK_EVERY, Looks, Millis};

use super::driver::Driver;
use super::exchange::{Exchange, Response};
use crate::log;
use crate::watch::{self, Job, Limits, Overdue, Place, Stuck, Subject, Watch};

/// The token under which the next beat stands among the deadlines: below those of the acceptor.
pub const BEAT: u64 = PATIENCE_OVER - 1;

/// When the loop last beat; what the watch sees of it.
pub struct Pulse {
    /// 0: it does not beat, which is no fault.
    last: AtomicU64,
    place: Option<Place>,
}

/// What the driver needs to beat.
pub struct Beats {
    pulse: Arc<Pulse>,
    limits: Limits,
    looks: Cell<Looks>,
    /// The loop is to beat.
    beating: Cell<bool>,
    told_alone: Cell<bool>,
}

impl Beats {
    pub fn new(limits: Limits, place: Option<Place>) -> Self {
        Self {
            pulse: Arc::new(Pulse { last: AtomicU64::new(0), place }),
            limits,
            looks: Cell::default(),
            beating: Cell::new(false),
            told_alone: Cell::new(false),
        }
    }
}

impl Driver {
    /// Begins to watch the loop.
    ///
    /// # Errors
    /// The system refuses a thread, or a timer.
    pub fn watch(&self, py: Python<'_>) -> PyResult<Watch> {
        let Beats { limits, pulse, .. } = &self.beats;
        if limits.beat.is_some() || limits.concern_requests() {
            self.beats.beating.set(true);
            pulse.last.store(clock::now(), Ordering::Relaxed);
            self.beat_later();
            if let Some(at) = self.deadlines.borrow_mut().next_alarm(false) {
                self.reactor.set_alarm(Some(at))?;
            }
        }
        Watch::start(py, Arc::clone(pulse) as Arc<dyn Subject>, *limits, pulse.place.clone())
    }

    /// No more beats.
    pub fn stop_beating(&self) {
        self.beats.pulse.last.store(0, Ordering::Relaxed);
        self.beats.beating.set(false);
    }

    /// The caller sets the alarm.
    fn beat_later(&self) {
        self.deadlines.borrow_mut().push(Token::from_u64(BEAT), clock::now() + LOOK_EVERY);
    }

    /// The loop comes round. For the driver, when [`BEAT`] is due; it sets the alarm for the next afterwards.
    ///
    /// # Errors
    /// A request could not be ended.
    pub fn beat(self: &Rc<Self>, py: Python<'_>) -> PyResult<()> {
        if !self.beats.beating.get() {
            return Ok(());
        }
        let now = clock::now();
        self.beats.pulse.last.store(now, Ordering::Relaxed);
        self.beat_later();
        let mut looks = self.beats.looks.get();
        let may_blame = looks.may_blame(now);
        // When the loop stood still, those who wait have not had their turn yet.
        let ended = if may_blame && self.beats.limits.concern_requests() {
            self.end_overdue(py, now)
        } else {
            Ok(())
        };
        looks.end(clock::now());
        self.beats.looks.set(looks);
        ended
    }

    fn end_overdue(self: &Rc<Self>, py: Python<'_>, now: Millis) -> PyResult<()> {
        let (mut stuck, mut hopeless) = (Vec::new(), Vec::new());
        for (_, exchange) in &*self.running.borrow() {
            let inner = exchange.get().inner()?;
            let response = inner.response.get();
            let started = !matches!(response, Response::NotStarted | Response::Started);
            // What a task does behind its response is nobody's waiting time.
            let limit = self.beats.limits.of_request(started).filter(|_| response != Response::Complete);
            let (patience, setting) = limit.unwrap_or_default();
            let mut suspect = inner.suspect.get();
            let due = suspect.look(now, limit.map(|_| inner.began), patience, 0);
            inner.suspect.set(suspect);
            match due {
                Some(Due::Stuck { .. }) => stuck.push((exchange.clone_ref(py), setting)),
                Some(Due::Hopeless { .. }) => hopeless.push(exchange.clone_ref(py)),
                Some(Due::GoesOn { .. }) | None => {}
            }
        }
        if !stuck.is_empty() {
            self.tell_overdue(py, &stuck)?;
        }
        for (exchange, setting) in &stuck {
            self.cancel_overdue(py, exchange, setting)?;
        }
        for exchange in &hopeless {
            self.abandon(py, exchange)?;
        }
        if !hopeless.is_empty() {
            let mut told_alone = self.beats.told_alone.get();
            let what = "a request that took too long was cancelled, and its task does not end";
            watch::give_up(self.beats.pulse.place.as_ref(), &mut told_alone, Why::StuckRequest, what);
            self.beats.told_alone.set(told_alone);
        }
        Ok(())
    }

    /// The evidence, as one message.
    fn tell_overdue(&self, py: Python<'_>, stuck: &[(Py<Exchange>, &'static str)]) -> PyResult<()> {
        let place = self.beats.pulse.place.as_ref();
        let mut text = watch::head(Stuck::Requests(stuck.len()), 0, place);
        text.push_str(&watch::requests(place));
        text.push('\n');
        let tasks = PyList::empty(py);
        for (exchange, setting) in stuck.iter().take(watch::SHOWN) {
            let inner = exchange.get().inner()?;
            let what = format!("{} ({setting})", self.describe(py, inner).describe());
            if let Some(task) = &*inner.task.borrow() {
                tasks.append((what, task))?;
            }
        }
        let module = py.import(intern!(py, "yett.watch"))?;
        text.push_str(&module.call_method1("task_stacks", (tasks,))?.extract::<String>()?);
        text.push_str(&module.call_method0("thread_stacks")?.extract::<String>()?);
        log::error(text.trim_end());
        Ok(())
    }

    /// Ends the task of a request. Its answer follows when the task has ended.
    fn cancel_overdue(&self, py: Python<'_>, exchange: &Py<Exchange>, setting: &'static str) -> PyResult<()> {
        let inner = exchange.get().inner()?;
        let task = inner.task.borrow().as_ref().map(|task| task.clone_ref(py));
        if let Some(task) = task {
            inner.timed_out.set(true);
            task.call_method1(py, intern!(py, "cancel"), (setting,))?;
        }
        Ok(())
    }

    /// The task of a request goes on although it was cancelled: its client gets an answer all the same.
    fn abandon(self: &Rc<Self>, py: Python<'_>, exchange: &Py<Exchange>) -> PyResult<()> {
        let inner = exchange.get().inner()?;
        let response = inner.response.get();
        inner.abandoned.set(true);
        self.give_up(py, inner)?;
        // To the task it looks as if the client had gone: it can send nothing more.
        inner.response.set(response);
        self.check_drained(py)
    }
}

impl Subject for Pulse {
    fn standstill(&self) -> &'static str {
        "the event loop has not come round"
    }

    fn late_since(&self, now: Millis) -> Option<Millis> {
        let last = self.last.load(Ordering::Relaxed);
        (last != 0 && now.saturating_sub(last) >= 2 * LOOK_EVERY).then_some(last)
    }

    fn patience(&self, limits: &Limits, now: Millis) -> Option<Millis> {
        // Requests are ended by the loop. One that keeps it from coming round is stuck as soon as its time is over.
        let request = limits.request.filter(|limit| {
            let is_over = |began: u64| now.saturating_sub(began / 1000) >= *limit;
            self.late_since(now).is_some()
                && self.place.as_ref().is_some_and(|place| {
                    let running = place.slot.slot().running();
                    running.iter().any(|request| request.status.is_none() && is_over(request.began))
                })
        });
        request.into_iter().chain(limits.beat).min()
    }

    fn relief(self: Arc<Self>) -> Option<Job> {
        // An exception in the loop's thread would hit whatever happens to run there.
        None
    }

    fn leave(&self) {
        // A loop that stands still takes none; one that comes round gets the supervisor's order.
    }

    fn look_at_requests(self: Arc<Self>, _now: Millis, _is_awake: bool) -> Overdue {
        // The loop does that itself.
        Overdue::default()
    }
}
