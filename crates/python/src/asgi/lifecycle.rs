//! An exchange's life: it begins with a request, loses its client or not, and ends with the application's task.

use std::rc::Rc;

use pyo3::exceptions::asyncio::CancelledError;
use pyo3::exceptions::{PyBaseExceptionGroup, PyException, PyOSError};
use pyo3::intern;
use pyo3::prelude::*;
use yett_logs::{About, CLIENT_GONE, Interface, Outcome};
use yett_net::{Inbox, Token};
use yett_proto::error::RequestError;
use yett_settings::LogLevel;

use super::awaitable::Pending;
use super::driver::Driver;
use super::exchange::{Exchange, Inner, Response};
use super::receive::{RECEIVE, message_at_hand};
use super::send::SEND;
use crate::ffi;
use crate::{ClientDisconnected, log, requests};

ffi::builtin!(
    /// Called by asyncio when a task ends that did not end in its first step.
    TASK_DONE,
    c"task_done",
    c"The application's task has ended.",
    |this: Exchange, task| {
        let exchange = this.get().inner()?;
        exchange.driver.suspended_task_ended(exchange, task)
    }
);

impl Driver {
    // ---- beginning ----

    /// A request has come: makes its scope and starts its task.
    pub fn begin_exchange(self: &Rc<Self>, py: Python<'_>, token: Token, inbox: &Inbox) -> PyResult<()> {
        let begun = self.try_begin_exchange(py, token, inbox);
        if let Err(error) = &begun
            && error.is_instance_of::<PyException>(py)
        {
            // Not the application's doing (no memory, an odd task factory), and nobody is left who would answer.
            log::exception(py, None, "a request could not be started", error);
            if let Some(exchange) = self.exchange_of(py, token) {
                self.with_record(exchange.get().inner()?, |record, _| {
                    record.conclude(Outcome::Failed, CLIENT_GONE, "The request could not be started.");
                });
            }
            return self.close(py, token);
        }
        begun
    }

    fn try_begin_exchange(self: &Rc<Self>, py: Python<'_>, token: Token, inbox: &Inbox) -> PyResult<()> {
        let head = inbox.head();
        let addresses = self.addresses(py, token)?;
        let forwarding = self.options.proxies.judge(addresses.speaker, &head);
        let scope = self.scopes.make(py, &head, &addresses, &forwarding)?;
        let request_id = self.options.identify(&head, addresses.speaker);
        requests::put_id(&request_id, &scope)?;
        let client = forwarding.client(addresses.peer);
        let record = self.options.record(&head, client, Interface::Asgi, &request_id);
        let counted = self.options.count(&head, client, &request_id, record.as_deref(), 0);
        let inner = Inner::new(Rc::clone(self), token, request_id);
        inner.counted.set(counted);
        inner.scope.replace(Some(scope.clone().unbind()));
        inner.record.replace(record);
        let exchange = Bound::new(py, Exchange::new(inner))?;
        if let Some(slot) = self.slots.borrow_mut().get_mut(token) {
            slot.exchange = Some(exchange.clone().unbind());
        }
        let receive = RECEIVE.bind(py, exchange.as_any())?;
        let send = SEND.bind(py, exchange.as_any())?;
        let inner = exchange.get().inner()?;
        let started = ffi::vectorcall(self.application.bind(py), [scope.as_any(), &receive, &send], None)
            .and_then(|coroutine| {
                self.tasks.start(py, &coroutine, &self.tasks.context(py)?, self.eager.get())
            });
        match started {
            Ok(task) => self.follow(py, &exchange, task),
            // Calling the application failed, or (SystemExit, KeyboardInterrupt) its first step did.
            Err(error) => {
                let ended = self.application_failed(py, inner, &error);
                inner.uncount();
                drop(inner.scope.take());
                ended
            }
        }
    }

    fn follow(
        self: &Rc<Self>,
        py: Python<'_>,
        exchange: &Bound<'_, Exchange>,
        task: Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let inner = exchange.get().inner()?;
        if task.call_method0(intern!(py, "done"))?.is_truthy()? {
            return self.task_ended(py, inner, &task);
        }
        let callback = TASK_DONE.bind(py, exchange.as_any())?;
        task.call_method1(intern!(py, "add_done_callback"), (callback,))?;
        inner.running.set(Some(self.running.borrow_mut().insert(exchange.clone().unbind())));
        inner.task.replace(Some(task.unbind()));
        Ok(())
    }

    // ---- news for the application ----

    /// There is more of the body, or its end.
    pub fn wake_receiver(self: &Rc<Self>, py: Python<'_>, token: Token) -> PyResult<()> {
        let Some(exchange) = self.exchange_of(py, token) else { return Ok(()) };
        let inner = exchange.get().inner()?;
        let Some(pending) = next_waiting(py, inner) else { return Ok(()) };
        match message_at_hand(py, inner)? {
            Some(message) => Pending::resolve(&pending, Some(message.unbind()), self.may_resume_directly(py)),
            None => {
                inner.receivers.borrow_mut().insert(0, pending.unbind());
                Ok(())
            }
        }
    }

    /// The client has finished sending.
    pub fn half_closed(self: &Rc<Self>, py: Python<'_>, token: Token) -> PyResult<()> {
        let Some(exchange) = self.exchange_of(py, token) else { return Ok(()) };
        let inner = exchange.get().inner()?;
        inner.half_closed.set(true);
        self.wake_all_receivers(py, inner)
    }

    /// A request was refused, perhaps in the middle of its body.
    pub fn refused(self: &Rc<Self>, py: Python<'_>, token: Token, error: RequestError) -> PyResult<()> {
        let mut slots = self.slots.borrow_mut();
        let Some(slot) = slots.get_mut(token) else { return Ok(()) };
        log::refusal(Some(slot.connection.peer()), error);
        let exchange = slot.exchange.take();
        if exchange.is_none()
            && let Some(log) = &self.options.access_log
        {
            requests::write_refusal(log, &slot.connection, error);
        }
        drop(slots);
        let Some(exchange) = exchange else { return Ok(()) };
        let inner = exchange.get().inner()?;
        if let Some(record) = inner.record.borrow_mut().as_mut() {
            requests::note_refusal(record, error);
        }
        self.log_access(py, inner, token);
        self.detach(py, &exchange)
    }

    /// The exchange has lost its client: whoever waits learns of it.
    pub fn detach(self: &Rc<Self>, py: Python<'_>, exchange: &Py<Exchange>) -> PyResult<()> {
        let inner = exchange.get().inner()?;
        inner.connection.set(None);
        let senders = inner.senders.take();
        let mut result = self.wake_all_receivers(py, inner);
        for sender in senders {
            let woken = Pending::resolve(sender.bind(py), None, self.may_resume_directly(py));
            result = result.and(woken);
        }
        result
    }

    /// Gives everybody who waits in `receive()` a message, as long as there are any.
    pub fn wake_all_receivers(&self, py: Python<'_>, inner: &Inner) -> PyResult<()> {
        loop {
            let Some(pending) = next_waiting(py, inner) else { return Ok(()) };
            let Some(message) = message_at_hand(py, inner)? else {
                inner.receivers.borrow_mut().insert(0, pending.unbind());
                return Ok(());
            };
            // Through the loop: a task of this exchange may be the one that is running.
            Pending::resolve(&pending, Some(message.unbind()), false)?;
        }
    }

    /// The client has taken what was queued.
    pub fn wake_senders(&self, py: Python<'_>, token: Token) -> PyResult<()> {
        let Some(exchange) = self.exchange_of(py, token) else { return Ok(()) };
        self.wake_senders_of(py, exchange.get().inner()?)
    }

    /// Whoever waits in `send()` goes on.
    pub fn wake_senders_of(&self, py: Python<'_>, inner: &Inner) -> PyResult<()> {
        if inner.senders.borrow().is_empty() {
            return Ok(());
        }
        for sender in inner.senders.take() {
            Pending::resolve(sender.bind(py), Some(py.None()), false)?;
        }
        Ok(())
    }

    fn exchange_of(&self, py: Python<'_>, token: Token) -> Option<Py<Exchange>> {
        self.slots.borrow().get(token)?.exchange.as_ref().map(|exchange| exchange.clone_ref(py))
    }

    // ---- the end ----

    fn suspended_task_ended<'py>(
        self: &Rc<Self>,
        inner: &Inner,
        task: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = task.py();
        let forgotten = inner.running.take().and_then(|key| self.running.borrow_mut().try_remove(key));
        self.task_ended(py, inner, task)?;
        self.check_drained(py)?;
        drop(forgotten);
        Ok(py.None().into_bound(py))
    }

    fn task_ended(self: &Rc<Self>, py: Python<'_>, inner: &Inner, task: &Bound<'_, PyAny>) -> PyResult<()> {
        drop(inner.task.take());
        let ended = match task.call_method0(intern!(py, "result")) {
            Ok(_) => self.application_returned(py, inner),
            Err(error) => self.application_failed(py, inner, &error),
        };
        inner.uncount();
        // The scope may hold what holds this exchange: a cycle that the collector does not see.
        drop(inner.scope.take());
        ended
    }

    fn application_returned(self: &Rc<Self>, py: Python<'_>, inner: &Inner) -> PyResult<()> {
        let missing = match inner.response.get() {
            Response::Complete => return Ok(()),
            _ if inner.is_disconnected() => return Ok(()),
            // It was told that the client has left, and has stopped: as it should.
            _ if inner.told_disconnect.get() => {
                self.with_record(inner, |record, _| record.conclude(Outcome::ClientGone, 500, ""));
                return self.give_up(py, inner);
            }
            _ if inner.timed_out.get() => return self.give_up(py, inner),
            Response::NotStarted => "the application returned without sending a response",
            Response::Started => "the application returned after http.response.start, without a body",
            Response::Streaming => "the application returned before the end of the body (more_body was True)",
            Response::Trailers => "the application returned without the trailers that it had promised",
        };
        log::about(LogLevel::Error, self.describe(py, inner), missing);
        self.give_up(py, inner)
    }

    fn application_failed(self: &Rc<Self>, py: Python<'_>, inner: &Inner, error: &PyErr) -> PyResult<()> {
        if inner.is_disconnected() && is_disconnect(py, error) {
            log::about(LogLevel::Debug, self.describe(py, inner), "the client has disconnected");
            return Ok(());
        }
        if inner.timed_out.get() && error.is_instance_of::<CancelledError>(py) {
            return self.give_up(py, inner);
        }
        if inner.cancelled.get() && error.is_instance_of::<CancelledError>(py) {
            self.with_record(inner, |record, _| {
                record.conclude(Outcome::Failed, 500, requests::SERVER_STOPS);
            });
            return self.give_up(py, inner);
        }
        log::exception(py, Some(self.describe(py, inner)), "exception in the application", error);
        self.give_up(py, inner)
    }

    /// The application has left its response unfinished: 500, or 504 if it was ended for taking too long; if something is
    /// out already, the connection is cut.
    pub fn give_up(self: &Rc<Self>, py: Python<'_>, inner: &Inner) -> PyResult<()> {
        if inner.response.get() == Response::Complete {
            return Ok(());
        }
        let unsent = matches!(inner.response.get(), Response::NotStarted | Response::Started);
        let date = self.date.text();
        let stamp = self.options.stamp(&date, &inner.request_id);
        self.with_connection(inner, |connection| {
            if unsent && inner.timed_out.get() {
                connection.respond_timeout(&stamp);
            } else if unsent {
                connection.respond_failure(&stamp);
            } else {
                connection.abort();
            }
        });
        let (outcome, status, reason) =
            if inner.timed_out.get() { requests::TIMED_OUT } else { (Outcome::Failed, 500, "") };
        self.with_record(inner, |record, _| record.conclude(outcome, status, reason));
        inner.response.set(Response::Complete);
        self.after_response(py, inner)
    }

    /// For messages: which request it was.
    pub fn describe(&self, py: Python<'_>, inner: &Inner) -> About {
        let scope = inner.scope.borrow().as_ref().map(|scope| scope.clone_ref(py).into_bound(py));
        requests::about(&inner.request_id, scope.as_ref(), ["method", "path"])
    }

    // ---- draining ----

    /// From now on responses say that their connection ends, and it does; new ones are taken as before.
    pub fn close_soon(&self) {
        self.closing.set(true);
        let mut slots = self.slots.borrow_mut();
        for token in slots.tokens() {
            if let Some(slot) = slots.get_mut(token) {
                slot.connection.close_soon();
            }
        }
    }

    /// The listeners are closed, and idle connections; responses say that theirs will be. `callback` is called once when
    /// nothing is left.
    pub fn drain(self: &Rc<Self>, py: Python<'_>, callback: Py<PyAny>) -> PyResult<()> {
        self.stop_accepting();
        self.draining.set(true);
        let tokens = self.slots.borrow().tokens();
        for token in tokens {
            if let Some(slot) = self.slots.borrow_mut().get_mut(token) {
                slot.connection.drain();
            }
            self.turn_later(py, token)?;
        }
        self.drained_callback.replace(Some(callback));
        self.check_drained(py)
    }

    /// The listeners are closed: others have them as well. Connections that are open may still bring a request, whose
    /// response says that it is the last. `callback` is called once when none is open any more.
    pub fn leave(&self, py: Python<'_>, callback: Py<PyAny>) -> PyResult<()> {
        self.stop_accepting();
        self.close_soon();
        self.emptied_callback.replace(Some(callback));
        self.check_emptied(py)
    }

    /// Tells whoever leaves when no connection is open.
    pub fn check_emptied(&self, py: Python<'_>) -> PyResult<()> {
        if self.emptied_callback.borrow().is_none() || !self.slots.borrow().is_empty() {
            return Ok(());
        }
        match self.emptied_callback.take() {
            Some(callback) => callback.call0(py).map(drop),
            None => Ok(()),
        }
    }

    /// Whether tasks run whose end is to be waited for.
    fn is_awaited(&self) -> bool {
        let awaited =
            |exchange: &Py<Exchange>| exchange.get().inner().is_ok_and(|inner| !inner.abandoned.get());
        self.running.borrow().iter().any(|(_, exchange)| awaited(exchange))
    }

    /// Tells whoever drains when nothing is left.
    pub fn check_drained(&self, py: Python<'_>) -> PyResult<()> {
        if self.drained_callback.borrow().is_none()
            || self.is_awaited()
            || self.slots.borrow().iter().any(|slot| slot.connection.is_busy())
        {
            return Ok(());
        }
        match self.drained_callback.take() {
            Some(callback) => callback.call0(py).map(drop),
            None => Ok(()),
        }
    }

    /// How many of those that are still running have sent a part of their response, and have more to send.
    pub fn streaming(&self) -> PyResult<usize> {
        let running = self.running.borrow();
        let streams =
            running.iter().map(|(_, exchange)| Ok(usize::from(exchange.get().inner()?.is_streaming())));
        streams.sum()
    }

    /// Cancels the tasks that are still running, those of streams only if `streams`; how many there are.
    pub fn cancel_running(&self, py: Python<'_>, streams: bool) -> PyResult<usize> {
        let mut exchanges: Vec<Py<Exchange>> = Vec::new();
        for (_, exchange) in &*self.running.borrow() {
            if streams || !exchange.get().inner()?.is_streaming() {
                exchanges.push(exchange.clone_ref(py));
            }
        }
        for exchange in &exchanges {
            let inner = exchange.get().inner()?;
            let task = inner.task.borrow().as_ref().map(|task| task.clone_ref(py));
            if let Some(task) = task {
                log::about(LogLevel::Warning, self.describe(py, inner), "cancelled, the server stops");
                inner.cancelled.set(true);
                task.call_method0(py, intern!(py, "cancel"))?;
            }
        }
        Ok(exchanges.len())
    }

    /// Drops every connection.
    pub fn close_all(self: &Rc<Self>, py: Python<'_>) -> PyResult<()> {
        let tokens = self.slots.borrow().tokens();
        let mut result = Ok(());
        for token in tokens {
            // Whoever was not answered by now was not left by the client, but by the server.
            if let Some(exchange) = self.exchange_of(py, token) {
                self.with_record(exchange.get().inner()?, |record, _| {
                    record.conclude(Outcome::Failed, CLIENT_GONE, requests::SERVER_STOPS);
                });
            }
            if let Some(record) =
                self.slots.borrow_mut().get_mut(token).and_then(|slot| slot.undelivered.as_mut())
            {
                record.conclude(Outcome::Failed, CLIENT_GONE, requests::SERVER_STOPS);
            }
            result = result.and(self.close(py, token));
        }
        result
    }
}

fn next_waiting<'py>(py: Python<'py>, inner: &Inner) -> Option<Bound<'py, Pending>> {
    let mut receivers = inner.receivers.borrow_mut();
    while !receivers.is_empty() {
        let pending = receivers.remove(0);
        if pending.get().is_waiting() {
            return Some(pending.into_bound(py));
        }
    }
    None
}

/// Whether the exception is, or was caused by, ours that says that the client has gone. A group (of a task group that
/// streamed) counts if it holds nothing else.
fn is_disconnect(py: Python<'_>, error: &PyErr) -> bool {
    // Chains and groups are short; the bound guards against those that bite their tail.
    speaks_of_disconnect(error.value(py).as_any(), &mut 64)
}

fn speaks_of_disconnect(exception: &Bound<'_, PyAny>, budget: &mut u32) -> bool {
    let mut current = Some(exception.clone());
    while let Some(exception) = current {
        if exception.is_instance_of::<ClientDisconnected>() {
            return true;
        }
        let Some(left) = budget.checked_sub(1) else { return false };
        *budget = left;
        if exception.is_instance_of::<PyBaseExceptionGroup>() {
            let members = exception
                .getattr("exceptions")
                .and_then(|members| members.extract::<Vec<Bound<'_, PyAny>>>());
            if members.is_ok_and(|members| members.iter().all(|member| speaks_of_disconnect(member, budget)))
            {
                return true;
            }
        }
        current = cause(&exception);
    }
    false
}

/// What led to the exception: its cause, or what was being handled when it was raised, if it merely passes that on.
fn cause<'py>(exception: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let linked = |name: &str| exception.getattr(name).ok().filter(|next| !next.is_none());
    // An OSError, or a framework's own word for it, such as Starlette's ClientDisconnect. Any other exception raised
    // while a disconnect was handled is a mistake of its own.
    let passes_on = || {
        exception.is_instance_of::<PyOSError>()
            || exception.get_type().name().is_ok_and(|name| name.to_string_lossy().contains("Disconnect"))
    };
    linked("__cause__").or_else(|| if passes_on() { linked("__context__") } else { None })
}
