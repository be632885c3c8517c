//! What happens when the event loop says that there is news.
//!
//! The loop watches the reactor's descriptor and calls [`Driver::tick`]. A tick polls the reactor without waiting and
//! gives each connection with news a *turn*: read, parse, start or resume the application, write. Applications run
//! inside the tick and call `receive()` and `send()`, which come back here; therefore nothing is borrowed while Python
//! runs, and a connection is looked up by its token each time.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use pyo3::intern;
use pyo3::prelude::*;
use yett_logs::{Record, RequestId};
use yett_net::acceptor::{Acceptor, FIRST_LISTENER, PATIENCE_OVER, RESUME_ACCEPTING};
use yett_net::buffer::Flush;
use yett_net::clock::{self, DateCache};
use yett_net::connection::{OUTPUT_HIGH_WATER, OUTPUT_LOW_WATER};
use yett_net::reactor::ALARM;
use yett_net::timer::Deadlines;
use yett_net::{Connection, Events, Inbox, Listener, Reactor, Readiness, Step, Table, Token};
use yett_proto::response::ResponseHead;

use super::access::log_undelivered;
use super::awaitable::Pending;
use super::exchange::{Exchange, Inner};
use super::overdue::{BEAT, Beats};
use super::scope::{Addresses, Scopes};
use super::task::Tasks;
use crate::ffi::Ready;
use crate::log;
use crate::options::Options;
use crate::sharing::Woken;

/// After so many microseconds a tick leaves the rest to the next one, so that the application's own sockets and timers
/// get their turn (design, section 4, rule 7).
const TICK_MICROS: u64 = 1000;

/// Response heads kept for reuse: as many as are between `http.response.start` and the body at one time, mostly one.
const SPARE_HEADS: usize = 16;

/// A connection and what the gateway keeps with it.
pub struct Slot {
    pub connection: Connection,
    /// The request being answered.
    pub exchange: Option<Py<Exchange>>,
    /// Made at its first request.
    pub addresses: Option<Rc<Addresses>>,
    pub listener: usize,
    /// Its turn is under way further up the stack (an application that runs the loop from within itself).
    pub busy: bool,
    /// It has a turn to come: one, whatever else happens to it until then.
    pub queued: bool,
    /// Of a request that is answered, while the client has yet to take much of the response.
    pub undelivered: Option<Box<Record>>,
}

/// Everything that one event loop's connections share. Lives on the loop's thread.
pub struct Driver {
    pub event_loop: Py<PyAny>,
    pub ready: Ready,
    pub date: DateCache,
    pub options: Options,
    pub application: Py<PyAny>,
    pub scopes: Scopes,
    pub tasks: Tasks,
    pub reactor: Reactor,
    pub slots: RefCell<Table<Slot>>,
    pub acceptor: RefCell<Acceptor>,
    pub deadlines: RefCell<Deadlines>,
    inbox: Cell<Option<Box<Inbox>>>,
    events: Cell<Option<Box<Events>>>,
    /// Connections that have a turn to come, each once, in their order.
    queue: RefCell<VecDeque<Token>>,
    /// The connection whose turn it is: what is written to it goes out at the end of the turn.
    turn: Cell<Option<Token>>,
    in_tick: Cell<bool>,
    /// When the tick under way leaves the rest to the next, in microseconds.
    tick_ends: Cell<u64>,
    /// Tasks may be started eagerly in this tick.
    pub eager: Cell<bool>,
    /// `call_soon(tick)` is under way.
    scheduled: Cell<bool>,
    /// The bound method `tick_again`, for `call_soon`.
    pub tick_callback: RefCell<Option<Py<PyAny>>>,
    #[allow(clippy::vec_box)] // the box itself is what is handed to an exchange and comes back
    spare_heads: RefCell<Vec<Box<ResponseHead>>>,
    /// Exchanges whose task is still running, attached to a connection or not.
    pub running: RefCell<slab::Slab<Py<Exchange>>>,
    pub draining: Cell<bool>,
    /// Responses say that their connection ends.
    pub closing: Cell<bool>,
    pub beats: Beats,
    /// Called once when nothing runs and no response is on its way any more.
    pub drained_callback: RefCell<Option<Py<PyAny>>>,
    /// Called once when no connection is open any more.
    pub emptied_callback: RefCell<Option<Py<PyAny>>>,
}

/// What [`Driver`] is made of.
pub struct Parts {
    pub event_loop: Py<PyAny>,
    pub application: Py<PyAny>,
    pub scopes: Scopes,
    pub tasks: Tasks,
    pub listeners: Vec<Listener>,
    pub options: Options,
    pub beats: Beats,
}

impl Driver {
    /// # Errors
    /// The reactor cannot be made (a system limit).
    pub fn new(py: Python<'_>, parts: Parts) -> PyResult<Self> {
        let mut acceptor = Acceptor::new(parts.listeners);
        // The loop watches the reactor, so that the kernel finds nobody who waits, and wakes all workers.
        if let Some(sharing) = parts.options.sharing(Woken::All) {
            acceptor.share(sharing);
        }
        Ok(Self {
            event_loop: parts.event_loop,
            ready: Ready::new(py)?,
            date: DateCache::default(),
            options: parts.options,
            application: parts.application,
            scopes: parts.scopes,
            tasks: parts.tasks,
            reactor: Reactor::new()?,
            slots: RefCell::default(),
            acceptor: RefCell::new(acceptor),
            deadlines: RefCell::default(),
            inbox: Cell::default(),
            events: Cell::default(),
            queue: RefCell::default(),
            turn: Cell::new(None),
            in_tick: Cell::new(false),
            tick_ends: Cell::new(0),
            eager: Cell::new(false),
            scheduled: Cell::new(false),
            tick_callback: RefCell::default(),
            spare_heads: RefCell::default(),
            running: RefCell::default(),
            draining: Cell::new(false),
            closing: Cell::new(false),
            beats: parts.beats,
            drained_callback: RefCell::default(),
            emptied_callback: RefCell::default(),
        })
    }

    // ---- a tick ----

    /// The loop has seen news in the reactor.
    ///
    /// # Errors
    /// As [`Driver::tick_again`].
    pub fn tick(self: &Rc<Self>, py: Python<'_>) -> PyResult<()> {
        if self.scheduled.get() {
            // A tick is in the loop's queue already and will find the same. Two kinds of calls that each asked for
            // another would multiply, and keep the loop from everything else.
            return Ok(());
        }
        self.tick_again(py)
    }

    /// Does what there is to do, within bounds, and asks to be called again if anything is left.
    ///
    /// # Errors
    /// What escapes an application's task (`SystemExit`, `KeyboardInterrupt`), and failures of the reactor.
    pub fn tick_again(self: &Rc<Self>, py: Python<'_>) -> PyResult<()> {
        self.scheduled.set(false);
        self.eager.set(self.tasks.eager_now(py)?);
        let outer = self.in_tick.replace(true);
        let result = self.do_tick(py);
        self.in_tick.set(outer);
        if self.queue.try_borrow().is_ok_and(|queue| !queue.is_empty()) {
            self.schedule(py)?;
        }
        result
    }

    fn do_tick(self: &Rc<Self>, py: Python<'_>) -> PyResult<()> {
        self.tick_ends.set(clock::now_micros() + TICK_MICROS);
        let mut events = self.events.take().unwrap_or_default();
        let polled = self.reactor.poll(&mut events, Some(0));
        let mut alarm = false;
        for index in 0..events.len() {
            let Some((token, readiness)) = events.get(index) else { break };
            match token {
                ALARM => alarm = true,
                FIRST_LISTENER.. => self.accept(token),
                _ => self.note(Token::from_u64(token), readiness),
            }
        }
        // An outer loop that is edge-triggered does not tell again.
        let more = events.is_full();
        self.events.set(Some(events));
        if more {
            self.schedule(py)?;
        }
        polled?;
        let mut result = Ok(());
        // The first is always served, so that there is progress however slow the applications are. Who wants another turn
        // has it in the next tick, behind those who are left now.
        let turns = self.queue.borrow().len();
        for _ in 0..turns {
            let Some(token) = self.queue.borrow_mut().pop_front() else { break };
            result = self.take_turn(py, token);
            if result.is_err() || self.tick_is_over() {
                break;
            }
        }
        if alarm {
            self.on_alarm(py)?;
        }
        result
    }

    fn tick_is_over(&self) -> bool {
        clock::now_micros() >= self.tick_ends.get()
    }

    /// What the reactor says of `token`, which has a turn for it.
    fn note(&self, token: Token, readiness: Readiness) {
        if let Some(slot) = self.slots.borrow_mut().get_mut(token) {
            slot.connection.on_ready(readiness);
            self.enqueue(token, slot);
        }
    }

    fn enqueue(&self, token: Token, slot: &mut Slot) {
        if !std::mem::replace(&mut slot.queued, true) {
            self.queue.borrow_mut().push_back(token);
        }
    }

    /// Another turn of `token`, in the next tick if one is under way.
    fn take_another(&self, token: Token) {
        if let Some(slot) = self.slots.borrow_mut().get_mut(token) {
            self.enqueue(token, slot);
        }
    }

    /// Has `tick` called again soon.
    fn schedule(&self, py: Python<'_>) -> PyResult<()> {
        if self.scheduled.replace(true) {
            return Ok(());
        }
        let callback = self.tick_callback.borrow().as_ref().map(|callback| callback.clone_ref(py));
        if let Some(callback) = callback {
            self.event_loop.bind(py).call_method1(intern!(py, "call_soon"), (callback,))?;
        }
        Ok(())
    }

    /// A turn of `token`, in the next tick, which is asked for.
    pub fn turn_later(&self, py: Python<'_>, token: Token) -> PyResult<()> {
        self.take_another(token);
        if self.in_tick.get() { Ok(()) } else { self.schedule(py) }
    }

    // ---- a turn ----

    /// Reads, parses, starts and resumes the application, and writes, for one connection.
    fn take_turn(self: &Rc<Self>, py: Python<'_>, token: Token) -> PyResult<()> {
        let mut inbox = self.inbox.take().unwrap_or_default();
        {
            let mut slots = self.slots.borrow_mut();
            let slot = slots.get_mut(token).and_then(|slot| {
                slot.queued = false;
                (!slot.busy).then_some(slot)
            });
            let Some(slot) = slot else {
                self.inbox.set(Some(inbox));
                return Ok(());
            };
            slot.busy = true;
            slot.connection.begin_turn(&mut inbox);
        }
        let outer = self.turn.replace(Some(token));
        let date = self.date.text();
        // Requests have stamps of their own; this is for those that are refused.
        let stamp = self.options.stamp(&date, &RequestId::None);
        let mut result = Ok(());
        loop {
            let step = match self.slots.borrow_mut().get_mut(token) {
                Some(slot) => slot.connection.advance(&mut inbox, &stamp),
                None => break,
            };
            result = match step {
                Step::Request => self.begin_exchange(py, token, &inbox),
                Step::Body => self.wake_receiver(py, token),
                Step::HalfClosed => self.half_closed(py, token),
                Step::Refused(error) => self.refused(py, token, error),
                Step::Wait | Step::Close => break,
                Step::Yield => {
                    self.take_another(token);
                    break;
                }
            };
            if result.is_err() || (step == Step::Request && self.tick_is_over()) {
                self.take_another(token);
                break;
            }
        }
        self.turn.set(outer);
        if let Some(slot) = self.slots.borrow_mut().get_mut(token) {
            slot.busy = false;
            slot.connection.end_turn(&mut inbox);
        }
        self.inbox.set(Some(inbox));
        result.and(self.settle(py, token))
    }

    /// Writes what is queued, drops the connection if it is over, wakes who waited for room, and sets the deadline.
    pub fn settle(self: &Rc<Self>, py: Python<'_>, token: Token) -> PyResult<()> {
        let (room, again);
        {
            let mut slots = self.slots.borrow_mut();
            let Some(slot) = slots.get_mut(token) else { return Ok(()) };
            let connection = &mut slot.connection;
            let stalled = connection.output_pending() >= OUTPUT_HIGH_WATER;
            let flush = connection.flush();
            if flush == Flush::ShortFile {
                log::short_file();
            }
            if connection.is_done() {
                drop(slots);
                return self.close(py, token);
            }
            let drained = connection.output_pending() <= OUTPUT_LOW_WATER;
            if drained {
                log_undelivered(&self.options, connection, &mut slot.undelivered);
            }
            room = drained && slot.exchange.is_some();
            // A pipelining client that had stopped reading may go on now.
            again = flush == Flush::Yield
                || (stalled && drained && slot.exchange.is_none())
                || (connection.is_lingering() && connection.has_news());
            let mut deadlines = self.deadlines.borrow_mut();
            connection.settle(token, clock::now(), &self.options.timeouts, &mut deadlines);
            if let Some(at) = deadlines.next_alarm(false) {
                self.reactor.set_alarm(Some(at))?;
            }
        }
        if again {
            self.turn_later(py, token)?;
        }
        if room {
            self.wake_senders(py, token)?;
        }
        if self.draining.get() { self.check_drained(py) } else { Ok(()) }
    }

    /// Drops a connection. An exchange in progress has lost its client.
    pub fn close(self: &Rc<Self>, py: Python<'_>, token: Token) -> PyResult<()> {
        let Some(slot) = self.slots.borrow_mut().remove(token) else { return Ok(()) };
        let Slot { connection, exchange, mut undelivered, .. } = slot;
        log_undelivered(&self.options, &connection, &mut undelivered);
        if let Some(exchange) = &exchange {
            self.write_record(py, exchange.get().inner()?, &connection);
        }
        // Its descriptor is closed here, before anybody learns of it.
        drop(connection);
        self.resume_accepting();
        let woken = match exchange {
            Some(exchange) => self.detach(py, &exchange),
            None => Ok(()),
        };
        woken.and(self.check_drained(py)).and(self.check_emptied(py))
    }

    // ---- time ----

    fn on_alarm(self: &Rc<Self>, py: Python<'_>) -> PyResult<()> {
        let now = clock::now();
        let date = self.date.text();
        // Requests have stamps of their own; this is for those that are refused.
        let stamp = self.options.stamp(&date, &RequestId::None);
        let mut result = Ok(());
        loop {
            let Some((at, token)) = self.deadlines.borrow_mut().pop_due(now) else { break };
            match token.as_u64() {
                RESUME_ACCEPTING => {
                    self.resume_accepting();
                    continue;
                }
                PATIENCE_OVER => {
                    self.accept(PATIENCE_OVER);
                    continue;
                }
                BEAT => {
                    result = result.and(self.beat(py));
                    continue;
                }
                _ => {}
            }
            let (late, busy) = match self.slots.borrow_mut().get_mut(token) {
                Some(slot) => (slot.connection.looks_late(at, now), slot.busy),
                None => continue,
            };
            if busy {
                // Its turn has not come to its end, at which it would say what is waited for now.
                result = result.and(self.settle(py, token));
            } else if late {
                result = result.and(self.take_turn(py, token));
            }
            let step = match self.slots.borrow_mut().get_mut(token) {
                Some(slot) => slot.connection.on_timer(at, now, &stamp),
                None => continue,
            };
            if let Step::Refused(error) = step {
                result = result.and(self.refused(py, token, error));
            }
            result = result.and(self.settle(py, token));
            // Applications may have run. What else is due comes up again at once.
            if late && (result.is_err() || self.tick_is_over()) {
                break;
            }
        }
        if let Some(at) = self.deadlines.borrow_mut().next_alarm(true) {
            self.reactor.set_alarm(Some(at))?;
        }
        result
    }

    // ---- what `receive` and `send` need ----

    /// Runs `act` on the exchange's connection; `None` if it has none any more.
    pub fn with_connection<R>(&self, exchange: &Inner, act: impl FnOnce(&mut Connection) -> R) -> Option<R> {
        let token = exchange.connection.get()?;
        // Never borrowed while Python runs; if it were, the client would count as gone rather than the server panic.
        let mut slots = self.slots.try_borrow_mut().ok()?;
        slots.get_mut(token).map(|slot| act(&mut slot.connection))
    }

    /// What has arrived of the body, and whether that was all; `None` if there is no news.
    pub fn take_body(&self, exchange: &Inner) -> Option<(Vec<u8>, bool)> {
        self.with_connection(exchange, |connection| {
            connection.body_at_hand().then(|| connection.take_body())
        })?
    }

    /// The application waits for the body.
    pub fn want_body(self: &Rc<Self>, py: Python<'_>, exchange: &Inner) -> PyResult<()> {
        let Some(token) = exchange.connection.get() else { return Ok(()) };
        let news = self.with_connection(exchange, |connection| {
            connection.want_body();
            connection.has_news()
        });
        let Some(news) = news else { return Ok(()) };
        if self.turn.get() == Some(token) {
            return Ok(());
        }
        if news {
            self.turn_later(py, token)?;
        }
        self.settle(py, token)
    }

    /// A piece of the response was queued: written at once, unless its connection's turn is under way. What to wait
    /// for if the client is behind.
    pub fn after_piece<'py>(
        self: &Rc<Self>,
        py: Python<'py>,
        exchange: &Inner,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(token) = exchange.connection.get() else { return Ok(None) };
        // More is to come, so that nothing is gained by waiting for the end of the turn; the client sees it now.
        self.settle(py, token)?;
        let behind = self
            .with_connection(exchange, |connection| connection.output_pending() >= OUTPUT_HIGH_WATER)
            .unwrap_or(false);
        if !behind {
            return Ok(None);
        }
        let pending = Bound::new(py, Pending::new(&self.event_loop, py))?;
        exchange.senders.borrow_mut().push(pending.clone().unbind());
        Ok(Some(pending.into_any()))
    }

    /// The response is complete: the connection is free for the next request.
    pub fn after_response(self: &Rc<Self>, py: Python<'_>, exchange: &Inner) -> PyResult<()> {
        let Some(token) = exchange.connection.take() else { return Ok(()) };
        self.log_access(py, exchange, token);
        let mut news = false;
        let done = match self.slots.borrow_mut().get_mut(token) {
            Some(slot) => {
                news = slot.connection.has_news();
                slot.exchange.take()
            }
            None => None,
        };
        drop(done);
        self.wake_all_receivers(py, exchange)?;
        // A second task that waits in `send()` would wait for ever: the connection no longer knows the exchange.
        self.wake_senders_of(py, exchange)?;
        if self.turn.get() == Some(token) {
            // The turn goes on with the next request, and writes.
            return Ok(());
        }
        if news {
            self.turn_later(py, token)?;
        }
        self.settle(py, token)
    }

    /// Whether a waiting task may be resumed here and now: inside a tick, and no task is running (an application may
    /// have been entered by the tick and have called back).
    pub fn may_resume_directly(&self, py: Python<'_>) -> bool {
        self.in_tick.get() && self.tasks.none_is_running(py)
    }

    pub fn spare_head(&self) -> Box<ResponseHead> {
        self.spare_heads.borrow_mut().pop().unwrap_or_default()
    }

    pub fn return_head(&self, head: Box<ResponseHead>) {
        let mut spare = self.spare_heads.borrow_mut();
        if spare.len() < SPARE_HEADS {
            spare.push(head);
        }
    }
}
