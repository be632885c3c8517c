//! One request with its response, as the application holds it: the state behind `receive` and `send`.
//!
//! An exchange is *attached* to its connection until the response is complete or the client is gone. Detached, it
//! lives as long as the application's task: `receive()` gives `http.disconnect`, `send()` raises `OSError`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use yett_logs::{Record, RequestId};
use yett_net::{Token, clock};
use yett_proto::headers::FieldBlock;
use yett_proto::response::ResponseHead;
use yett_supervisor::stuck::Suspect;

use super::awaitable::Pending;
use super::driver::Driver;
use crate::ffi::ThreadBound;
use crate::slot::Counted;

/// How far the response has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// Nothing was sent.
    NotStarted,
    /// `http.response.start` was sent; nothing is on the wire, for the first piece of the body decides the framing.
    Started,
    /// The head is on its way.
    Streaming,
    /// The body is complete; trailers were promised.
    Trailers,
    /// All was sent.
    Complete,
}

/// The object that `receive` and `send` are bound to. The application sees it only as their `__self__`.
#[pyclass(frozen, module = "yett._core")]
pub struct Exchange {
    inner: ThreadBound<Inner>,
}

/// The state of an exchange; see [`Exchange`].
pub struct Inner {
    pub driver: Rc<Driver>,
    /// Where the client is; `None` once detached.
    pub connection: Cell<Option<Token>>,
    /// The client has sent FIN: it may still read, but it sends nothing more.
    pub half_closed: Cell<bool>,
    /// `receive()` has said that the client has left.
    pub told_disconnect: Cell<bool>,
    /// `receive()` has given the end of the body.
    pub body_ended: Cell<bool>,
    pub response: Cell<Response>,
    pub promised_trailers: Cell<bool>,
    /// The head between `http.response.start` and the first piece of the body.
    pub head: RefCell<Option<Box<ResponseHead>>>,
    /// Trailers sent so far.
    pub trailers: RefCell<Option<Box<FieldBlock>>>,
    /// Who waits in `receive()`, and who in `send()`. Mostly nobody, rarely more than one.
    pub receivers: RefCell<Vec<Py<Pending>>>,
    pub senders: RefCell<Vec<Py<Pending>>>,
    /// The task, if it did not finish in its first step; asyncio itself holds tasks weakly.
    pub task: RefCell<Option<Py<PyAny>>>,
    /// Its place among the exchanges whose task is running.
    pub running: Cell<Option<usize>>,
    /// The server has cancelled the task.
    pub cancelled: Cell<bool>,
    /// When it began.
    pub began: clock::Millis,
    /// What is remembered of how late it is.
    pub suspect: Cell<Suspect>,
    /// The server has cancelled the task because it took too long.
    pub timed_out: Cell<bool>,
    /// And it goes on all the same: nobody waits for it.
    pub abandoned: Cell<bool>,
    /// What the application was given; for messages of ours about it, until the task ends.
    pub scope: RefCell<Option<Py<PyDict>>>,
    /// For the access log: method and target are kept only if somebody will read them.
    pub record: RefCell<Option<Box<Record>>>,
    pub request_id: RequestId,
    /// How the worker's slot knows it, as long as its task runs.
    pub counted: Cell<Counted>,
}

impl Exchange {
    pub fn new(inner: Inner) -> Self {
        Self { inner: ThreadBound::new(inner) }
    }

    /// # Errors
    /// `RuntimeError` on another thread than the loop's.
    pub fn inner(&self) -> PyResult<&Inner> {
        self.inner.get_or_raise()
    }
}

impl Inner {
    pub fn new(driver: Rc<Driver>, connection: Token, request_id: RequestId) -> Self {
        Self {
            driver,
            connection: Cell::new(Some(connection)),
            half_closed: Cell::new(false),
            told_disconnect: Cell::new(false),
            body_ended: Cell::new(false),
            response: Cell::new(Response::NotStarted),
            promised_trailers: Cell::new(false),
            head: RefCell::new(None),
            trailers: RefCell::new(None),
            receivers: RefCell::new(Vec::new()),
            senders: RefCell::new(Vec::new()),
            task: RefCell::new(None),
            running: Cell::new(None),
            cancelled: Cell::new(false),
            began: clock::now(),
            suspect: Cell::default(),
            timed_out: Cell::new(false),
            abandoned: Cell::new(false),
            scope: RefCell::new(None),
            record: RefCell::new(None),
            request_id,
            counted: Cell::default(),
        }
    }

    /// Its task has ended.
    pub fn uncount(&self) {
        self.driver.options.uncount(self.counted.take());
    }

    /// Whether a part of the response was sent, and more is to come.
    pub fn is_streaming(&self) -> bool {
        self.connection.get().is_some()
            && matches!(self.response.get(), Response::Streaming | Response::Trailers)
    }

    /// Whether the client is known to be gone although the response is not complete.
    pub fn is_disconnected(&self) -> bool {
        self.connection.get().is_none() && self.response.get() != Response::Complete
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // One that was never started, or never ended.
        self.uncount();
    }
}
