//! What an application waits for when `receive()` has no message yet, or `send()` has run ahead of the client.
//!
//! A [`Pending`] speaks the protocol of `asyncio.Future` as far as a Task uses it (`_asyncio_future_blocking`,
//! `add_done_callback`, `cancel`, `result`), and that of a coroutine (`send`, `throw`, `close`), so that
//! `create_task(receive())` works. It differs from a Future in one thing: the tick that has the news may resume the
//! waiting task at once, instead of through the loop's queue (design, section 4, rule 6).

use std::cell::RefCell;

use pyo3::exceptions::PyStopIteration;
use pyo3::exceptions::asyncio::{CancelledError, InvalidStateError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::ffi::{self, ThreadBound};

/// A message, or room to write, that is still to come.
#[pyclass(frozen, module = "yett._core")]
pub struct Pending {
    state: ThreadBound<RefCell<State>>,
    event_loop: Py<PyAny>,
}

struct State {
    outcome: Outcome,
    /// Set while a Task is about to take note of us (the handshake of `Task.__step`).
    blocking: bool,
    callbacks: Vec<Callback>,
}

struct Callback {
    function: Py<PyAny>,
    context: Option<Py<PyAny>>,
}

enum Outcome {
    Waiting,
    Value(Py<PyAny>),
    /// The exception is made when it is asked for: one that is kept here would keep, by its traceback, the frames that
    /// it has passed, and one of them may hold this object, in a cycle that the collector does not see.
    Disconnected,
    Cancelled(Option<Py<PyAny>>),
}

impl Pending {
    pub fn new(event_loop: &Py<PyAny>, py: Python<'_>) -> Self {
        let state = State { outcome: Outcome::Waiting, blocking: false, callbacks: Vec::new() };
        Self { state: ThreadBound::new(RefCell::new(state)), event_loop: event_loop.clone_ref(py) }
    }

    /// Whether somebody may still be waiting.
    pub fn is_waiting(&self) -> bool {
        self.state.get().is_some_and(|state| matches!(state.borrow().outcome, Outcome::Waiting))
    }

    /// The news is here: the value, or (`None`) that the client has gone. `directly`: no task is running, so that the
    /// waiting one may be resumed at once.
    ///
    /// # Errors
    /// What escapes a directly resumed task: `SystemExit` and `KeyboardInterrupt`.
    pub fn resolve(this: &Bound<'_, Self>, value: Option<Py<PyAny>>, directly: bool) -> PyResult<()> {
        Self::finish(this, value.map_or(Outcome::Disconnected, Outcome::Value), directly)
    }

    fn finish(this: &Bound<'_, Self>, outcome: Outcome, directly: bool) -> PyResult<()> {
        let py = this.py();
        let callbacks = {
            let mut state = this.get().state.get_or_raise()?.borrow_mut();
            if !matches!(state.outcome, Outcome::Waiting) {
                return Ok(());
            }
            state.outcome = outcome;
            std::mem::take(&mut state.callbacks)
        };
        for callback in callbacks {
            match (&callback.context, directly) {
                (Some(context), true) => {
                    ffi::call_in_context(context.bind(py), callback.function.bind(py), this.as_any())?;
                }
                _ => this.get().call_soon(py, &callback, this)?,
            }
        }
        Ok(())
    }

    fn call_soon(&self, py: Python<'_>, callback: &Callback, this: &Bound<'_, Self>) -> PyResult<()> {
        let keywords = PyDict::new(py);
        if let Some(context) = &callback.context {
            keywords.set_item("context", context)?;
        }
        self.event_loop.bind(py).call_method("call_soon", (&callback.function, this), Some(&keywords))?;
        Ok(())
    }
}

#[pymethods]
impl Pending {
    fn __await__<'py>(this: &Bound<'py, Self>) -> Bound<'py, Self> {
        this.clone()
    }

    fn __iter__<'py>(this: &Bound<'py, Self>) -> Bound<'py, Self> {
        this.clone()
    }

    fn __next__<'py>(this: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        let py = this.py();
        let pending = this.get();
        {
            let mut state = pending.state.get_or_raise()?.borrow_mut();
            if matches!(state.outcome, Outcome::Waiting) {
                state.blocking = true;
                return Ok(this.clone());
            }
        }
        Err(PyStopIteration::new_err((pending.result(py)?,)))
    }

    fn send<'py>(this: &Bound<'py, Self>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let _ = value;
        Self::__next__(this)
    }

    #[pyo3(signature = (*arguments))]
    #[allow(clippy::unused_self)]
    fn throw(&self, arguments: &Bound<'_, PyTuple>) -> PyResult<()> {
        Err(ffi::throw(arguments.as_any()))
    }

    #[allow(clippy::unused_self)]
    fn close(&self) {}

    /// `None` except in the handshake: to `asyncio.isfuture` it is no future, so that `ensure_future(receive())` makes
    /// a task, as it does when the message is at hand, and `asyncio.wait` takes that (a coroutine it refuses).
    #[getter(_asyncio_future_blocking)]
    fn blocking(&self) -> PyResult<Option<bool>> {
        Ok(self.state.get_or_raise()?.borrow().blocking.then_some(true))
    }

    #[setter(_asyncio_future_blocking)]
    fn set_blocking(&self, value: bool) -> PyResult<()> {
        self.state.get_or_raise()?.borrow_mut().blocking = value;
        Ok(())
    }

    fn get_loop(&self, py: Python<'_>) -> Py<PyAny> {
        self.event_loop.clone_ref(py)
    }

    #[pyo3(signature = (function, *, context = None))]
    fn add_done_callback(
        this: &Bound<'_, Self>,
        function: Py<PyAny>,
        context: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let pending = this.get();
        let callback = Callback { function, context };
        {
            let mut state = pending.state.get_or_raise()?.borrow_mut();
            if matches!(state.outcome, Outcome::Waiting) {
                state.callbacks.push(callback);
                return Ok(());
            }
        }
        pending.call_soon(this.py(), &callback, this)
    }

    fn remove_done_callback(&self, function: &Bound<'_, PyAny>) -> PyResult<usize> {
        let state = self.state.get_or_raise()?;
        // Comparing may run code of the application: not while the state is borrowed.
        let callbacks = std::mem::take(&mut state.borrow_mut().callbacks);
        let before = callbacks.len();
        let mut kept = Vec::with_capacity(before);
        let mut failed = Ok(());
        for callback in callbacks {
            match function.eq(&callback.function) {
                Ok(true) => {}
                Ok(false) => kept.push(callback),
                Err(error) => {
                    failed = Err(error);
                    kept.push(callback);
                }
            }
        }
        let removed = before - kept.len();
        let mut state = state.borrow_mut();
        kept.append(&mut state.callbacks);
        state.callbacks = kept;
        failed.map(|()| removed)
    }

    /// As `Future.cancel`: the waiting task is resumed through the loop, since it may be the one that is running.
    #[pyo3(signature = (msg = None))]
    fn cancel(this: &Bound<'_, Self>, msg: Option<Py<PyAny>>) -> PyResult<bool> {
        if !this.get().is_waiting() {
            return Ok(false);
        }
        Self::finish(this, Outcome::Cancelled(msg), false)?;
        Ok(true)
    }

    fn cancelled(&self) -> PyResult<bool> {
        Ok(matches!(self.state.get_or_raise()?.borrow().outcome, Outcome::Cancelled(_)))
    }

    fn done(&self) -> bool {
        !self.is_waiting()
    }

    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match &self.state.get_or_raise()?.borrow().outcome {
            Outcome::Waiting => Err(InvalidStateError::new_err("Result is not set.")),
            Outcome::Value(value) => Ok(value.clone_ref(py)),
            Outcome::Disconnected => Err(disconnected()),
            Outcome::Cancelled(None) => Err(CancelledError::new_err(())),
            Outcome::Cancelled(Some(message)) => Err(CancelledError::new_err((message.clone_ref(py),))),
        }
    }

    fn exception(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        match &self.state.get_or_raise()?.borrow().outcome {
            Outcome::Waiting => Err(InvalidStateError::new_err("Exception is not set.")),
            Outcome::Value(_) => Ok(None),
            Outcome::Disconnected => Ok(Some(disconnected().into_value(py).into_any())),
            Outcome::Cancelled(_) => Err(CancelledError::new_err(())),
        }
    }

    fn __repr__(&self) -> PyResult<&'static str> {
        Ok(match &self.state.get_or_raise()?.borrow().outcome {
            Outcome::Waiting => "<yett Pending waiting>",
            Outcome::Cancelled(_) => "<yett Pending cancelled>",
            Outcome::Value(_) | Outcome::Disconnected => "<yett Pending done>",
        })
    }
}

/// Raised by `send()` when the client has gone (ASGI: «should raise an exception that is a subclass of OSError»).
pub fn disconnected() -> PyErr {
    crate::ClientDisconnected::new_err("the client has disconnected")
}
