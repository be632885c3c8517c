//! One request with its response, as the application holds it: the state behind `start_response`, `write`, and
//! `wsgi.early_hints`.
//!
//! While the request runs, the thread's [`Worker`] is in here: so these functions work on the thread and in the time of
//! their request only, and anybody who calls them later, or elsewhere, is told so.

use std::cell::{Cell, RefCell};

use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};
use yett_net::buffer::KEEP_BY_REFERENCE;
use yett_net::{Connection, Sent};
use yett_proto::error::ResponseError;
use yett_proto::h1::BodyEnd;
use yett_proto::headers::FieldBlock;
use yett_proto::response::ResponseHead;

use super::forked;
use super::respond::{Delivery, Read};
use super::worker::Worker;
use crate::ffi::{self, SharedBytes, ThreadBound};
use crate::{ClientDisconnected, log, requests};

/// How far the response has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// `start_response` has not been called.
    NotStarted,
    /// It has; nothing is on the wire, for the first piece of the body decides the framing.
    Started,
    /// The head is on its way.
    Streaming,
    /// All was sent.
    Complete,
}

/// The object that the functions are bound to. The application sees it as their `__self__`, and as `wsgi.early_hints`.
#[pyclass(frozen, module = "yett._core")]
pub struct Exchange {
    inner: ThreadBound<Inner>,
}

/// The state of an exchange; see [`Exchange`].
pub struct Inner {
    worker: RefCell<Option<Box<Worker>>>,
    pub response: Cell<Response>,
    /// The server has called the thread back from it, because it took too long.
    pub timed_out: Cell<bool>,
    /// The client has gone: nothing that is sent arrives.
    pub gone: Cell<bool>,
    /// Body bytes that were read but not asked for yet (without request buffering).
    unread: RefCell<Vec<u8>>,
    /// What `start_response` returns, while a request runs.
    pub write: RefCell<Option<Py<PyAny>>>,
}

ffi::builtin_fast!(
    /// What the application begins its response with.
    pub START_RESPONSE,
    c"start_response",
    c"start_response(status, headers, exc_info=None)\n--\n\nBegins the response; returns write(data).",
    |this: Exchange, arguments| {
        let [status, headers, exc_info] =
            arguments.by_name("start_response", ["status", "headers", "exc_info"], 2)?;
        let (Some(status), Some(headers)) = (status, headers) else { return Ok(this.py().None().into_bound(this.py())) };
        start_response(this, &status, &headers, exc_info.filter(|exc_info| !exc_info.is_none()))
    }
);

ffi::builtin!(
    /// What `start_response` returns.
    pub WRITE,
    c"write",
    c"write(data, /)\n--\n\nSends a piece of the body at once.",
    |this: Exchange, data| {
        let inner = this.get().inner()?;
        let Ok(data) = data.cast::<PyBytes>() else {
            return Err(PyTypeError::new_err(format!("write() takes bytes, not {}", type_of(data))));
        };
        if inner.send(this.py(), data, None)? == Delivery::Gone {
            return Err(ClientDisconnected::new_err("the client has disconnected"));
        }
        Ok(this.py().None().into_bound(this.py()))
    }
);

ffi::builtin!(
    /// What a body that is still coming is read with.
    pub READ_BODY,
    c"read_body",
    c"read_body(size, /)\n--\n\nAt most so many bytes of the body; waits for them; empty at its end.",
    |this: Exchange, size| {
        let inner = this.get().inner()?;
        Ok(inner.read_body(this.py(), size.extract()?)?.into_any())
    }
);

#[pymethods]
impl Exchange {
    /// `wsgi.early_hints(headers)`: sends a 103 response with these headers at once (RFC 8297). The object itself is
    /// called, for making one more in every request would cost more than a function that is hardly ever called.
    #[pyo3(signature = (headers, /))]
    fn __call__(&self, headers: &Bound<'_, PyAny>) -> PyResult<()> {
        self.inner()?.early_hints(headers)
    }
}

impl Default for Exchange {
    fn default() -> Self {
        Self {
            inner: ThreadBound::new(Inner {
                worker: RefCell::default(),
                response: Cell::new(Response::Complete),
                timed_out: Cell::new(false),
                gone: Cell::new(false),
                unread: RefCell::default(),
                write: RefCell::default(),
            }),
        }
    }
}

impl Exchange {
    /// # Errors
    /// `RuntimeError` on another thread than the request's.
    pub fn inner(&self) -> PyResult<&Inner> {
        self.inner.get().ok_or_else(|| {
            PyRuntimeError::new_err("called from another thread than the one that runs the request")
        })
    }
}

impl Inner {
    /// A request begins.
    pub fn begin(&self, worker: Box<Worker>) {
        self.worker.replace(Some(worker));
        self.response.set(Response::NotStarted);
        self.timed_out.set(false);
        self.gone.set(false);
        self.unread.borrow_mut().clear();
    }

    /// Takes the worker back: the request is over.
    pub fn end(&self) -> Option<Box<Worker>> {
        self.worker.take()
    }

    /// # Errors
    /// `RuntimeError` when the request is over: somebody has kept one of its functions.
    fn check_running(&self) -> PyResult<()> {
        // While it is borrowed, it is in use.
        if self.worker.try_borrow().is_ok_and(|worker| worker.is_none()) { Err(over()) } else { Ok(()) }
    }

    /// Has `read_body` give these bytes first.
    pub fn unread(&self, bytes: Vec<u8>) {
        self.unread.replace(bytes);
    }

    /// Runs `act` on the worker.
    ///
    /// # Errors
    /// `RuntimeError` when the request is over.
    pub fn with_worker<R>(&self, act: impl FnOnce(&mut Worker) -> R) -> PyResult<R> {
        // Hardly ever borrowed while Python runs.
        match self.worker.try_borrow_mut().ok().as_deref_mut() {
            Some(Some(worker)) => {
                forked::end_stray_child(worker.engine.made_in);
                Ok(act(worker))
            }
            _ => Err(over()),
        }
    }

    /// Sends a piece of the body, and the head before it, and sees to it that the client gets it now. `complete`: the
    /// length of the whole body, if this is all of it.
    pub fn send(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyBytes>,
        complete: Option<u64>,
    ) -> PyResult<Delivery> {
        self.check_running()?;
        match self.response.get() {
            Response::NotStarted => return Err(not_started()),
            Response::Complete => return Err(PyRuntimeError::new_err("the response is complete already")),
            Response::Started | Response::Streaming => {}
        }
        if self.gone.get() {
            return Ok(Delivery::Gone);
        }
        // The head goes out with the first byte: until then `start_response` may still replace it (PEP 3333, «exc_info»).
        if data.as_bytes().is_empty() {
            return Ok(Delivery::Fine);
        }
        self.queue(data, complete)?;
        self.deliver(py, false)
    }

    /// Queues a piece of the body, and the head before it.
    pub fn queue(&self, data: &Bound<'_, PyBytes>, complete: Option<u64>) -> PyResult<()> {
        let bytes = data.as_bytes();
        self.respond(complete, |connection| {
            if bytes.len() >= KEEP_BY_REFERENCE && data.is_exact_instance_of::<PyBytes>() {
                connection.respond_shared(Box::new(SharedBytes::new(data)))
            } else {
                connection.respond_bytes(bytes)
            }
        })
    }

    /// Queues the head, if it is still to come, and a piece of the body by `push`.
    pub fn respond(&self, complete: Option<u64>, push: impl FnOnce(&mut Connection) -> Sent) -> PyResult<()> {
        if self.gone.get() {
            // Refused meanwhile, and answered: nothing that follows is sent.
            return Ok(());
        }
        let begins = self.response.get() == Response::Started;
        let overflow = self.with_worker(|worker| {
            let options = &worker.engine.options;
            let Some(client) = &mut worker.client else { return false };
            if begins {
                worker.engine.may_be_last(&mut client.connection);
                worker.post.started();
                let date = worker.date.text();
                let stamp = options.stamp(&date, &client.request_id);
                client.connection.respond_head(&worker.head, complete, &stamp);
                options.count_started(worker.counted, worker.head.status());
                if let (Some(record), Some(log)) = (&mut client.record, &options.access_log) {
                    requests::note_head(record, log.needs(), &worker.head);
                }
            }
            let sent = push(&mut client.connection);
            if let Some(record) = &mut client.record {
                record.body_bytes += sent.taken;
            }
            sent.overflow
        })?;
        self.response.set(Response::Streaming);
        if overflow {
            log::warning(log::EXCESS);
        }
        Ok(())
    }

    /// Sees to it that what is queued is on its way, without the interpreter's lock.
    pub fn deliver(&self, py: Python<'_>, last: bool) -> PyResult<Delivery> {
        let delivery = self.with_worker(|worker| {
            if worker.is_delivered() { Delivery::Fine } else { py.detach(|| worker.deliver(last)) }
        })?;
        if delivery == Delivery::Gone {
            self.gone.set(true);
        }
        Ok(delivery)
    }

    /// The body is finished.
    pub fn finish(&self) -> PyResult<BodyEnd> {
        match self.response.get() {
            Response::NotStarted => return Err(not_started()),
            Response::Started => self.respond(Some(0), |_| Sent { taken: 0, overflow: false })?,
            Response::Streaming | Response::Complete => {}
        }
        if self.response.replace(Response::Complete) == Response::Complete {
            return Ok(BodyEnd::Complete);
        }
        self.with_worker(|worker| match &mut worker.client {
            Some(client) => client.connection.respond_end(None),
            None => BodyEnd::Complete,
        })
    }

    /// As Gunicorn has it: any iterable of pairs, of bytes too; forgotten without a word once the head is out.
    fn early_hints(&self, headers: &Bound<'_, PyAny>) -> PyResult<()> {
        self.check_running()?;
        if !matches!(self.response.get(), Response::NotStarted | Response::Started) {
            return Ok(());
        }
        let mut fields = FieldBlock::new();
        for (index, header) in headers.try_iter()?.enumerate() {
            let (name, value) = header?.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
            let wrong =
                |part: &str| outside_latin1("early_hints()", &format!("the {part} of headers[{index}]"));
            let name = header_bytes(&name)?.ok_or_else(|| wrong("name"))?;
            let value = header_bytes(&value)?.ok_or_else(|| wrong("value"))?;
            fields.push(name, value).map_err(|error| refused("early_hints()", &error))?;
        }
        self.with_worker(|worker| {
            if let Some(client) = &mut worker.client {
                client.connection.respond_interim(103, &fields);
            }
        })?;
        self.deliver(headers.py(), false).map(drop)
    }

    fn read_body<'py>(&self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyBytes>> {
        self.check_running()?;
        if self.unread.borrow().is_empty() && self.response.get() != Response::Complete {
            if self.gone.get() {
                return Err(ClientDisconnected::new_err("the client has disconnected"));
            }
            match self.with_worker(|worker| py.detach(|| worker.read_body()))? {
                Read::Piece(bytes) => self.unread(bytes),
                Read::End => {}
                Read::Gone => {
                    self.gone.set(true);
                    return Err(ClientDisconnected::new_err("the client has disconnected"));
                }
                Read::Refused(error) => {
                    self.gone.set(true);
                    return Err(ClientDisconnected::new_err(error.reason()));
                }
            }
        }
        let mut unread = self.unread.borrow_mut();
        let taken = size.min(unread.len());
        let rest = unread.split_off(taken);
        let bytes = std::mem::replace(&mut *unread, rest);
        Ok(PyBytes::new(py, &bytes))
    }

    /// Reads `status` and `headers` into the worker's head.
    fn read_head(&self, status: &Bound<'_, PyAny>, headers: &Bound<'_, PyAny>) -> PyResult<()> {
        let name = "start_response()";
        let Ok(text) = status.cast::<PyString>() else {
            return Err(PyTypeError::new_err(format!("{name}: status must be str, not {}", type_of(status))));
        };
        let text = ffi::latin1(text).ok_or_else(|| outside_latin1(name, "status"))?;
        let Some((code, reason)) = status_line(text) else {
            let shown = status.repr()?;
            return Err(PyValueError::new_err(format!(
                "{name}: status must be like \"200 OK\" (three digits, a space, a reason), not {shown}"
            )));
        };
        // Not in its place: reading may run code of the application, and what `exc_info` is to replace stays if the
        // replacement is refused.
        let mut head = self.with_worker(|worker| std::mem::take(&mut worker.spare_head))?;
        let filled = fill_head(&mut head, name, code, reason, headers);
        self.with_worker(|worker| {
            if filled.is_ok() {
                std::mem::swap(&mut worker.head, &mut head);
            }
            worker.spare_head = head;
        })?;
        filled
    }
}

/// `name`: of the function, for messages.
fn fill_head(
    head: &mut ResponseHead,
    name: &str,
    code: u16,
    reason: &[u8],
    headers: &Bound<'_, PyAny>,
) -> PyResult<()> {
    head.reset(code).and_then(|()| head.set_reason(reason)).map_err(|error| refused(name, &error))?;
    each_header(headers, name, |field, value| {
        if is_hop_by_hop(field, value) {
            return Err(PyValueError::new_err(format!(
                "{name}: header {:?} concerns the connection, which is the server's (PEP 3333, RFC 9110 §7.6.1)",
                String::from_utf8_lossy(field)
            )));
        }
        head.push(field, value).map_err(|error| refused(name, &error))
    })
}

fn start_response<'py>(
    this: &Bound<'py, Exchange>,
    status: &Bound<'py, PyAny>,
    headers: &Bound<'py, PyAny>,
    exc_info: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = this.py();
    let inner = this.get().inner()?;
    inner.check_running()?;
    match (inner.response.get(), exc_info) {
        (Response::NotStarted, _) | (Response::Started, Some(_)) => {}
        (Response::Started, None) => {
            return Err(PyRuntimeError::new_err(
                "start_response() was called already (to replace a response, give exc_info)",
            ));
        }
        (Response::Streaming | Response::Complete, Some(exc_info)) => return Err(exception_of(&exc_info)?),
        (Response::Streaming | Response::Complete, None) => {
            return Err(PyRuntimeError::new_err("start_response(): the response has begun already"));
        }
    }
    inner.read_head(status, headers)?;
    inner.response.set(Response::Started);
    match &*inner.write.borrow() {
        Some(write) => Ok(write.bind(py).clone()),
        None => Err(over()),
    }
}

/// What `raise exc_info[1].with_traceback(exc_info[2])` raises.
fn exception_of(exc_info: &Bound<'_, PyAny>) -> PyResult<PyErr> {
    let wrong = |_| PyTypeError::new_err("start_response(): exc_info must be a tuple as of sys.exc_info()");
    let parts = exc_info.cast::<PyTuple>().map_err(|_| wrong(()))?;
    let value = parts.get_item(1).map_err(|_| wrong(()))?;
    Ok(PyErr::from_value(value))
}

/// Three digits, a space, and a reason, which may be empty.
fn status_line(text: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, rest) = text.split_at_checked(3)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let reason = rest.strip_prefix(b" ")?;
    Some((digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0')), reason))
}

/// Fields that an application must not use (PEP 3333, «Other HTTP Features»; `wsgiref.util.is_hop_by_hop`), except that
/// it may ask for the end of the connection, for which there is no other way.
fn is_hop_by_hop(name: &[u8], value: &[u8]) -> bool {
    let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
    match name.len() {
        2 => is(b"te"),
        7 => is(b"upgrade"),
        8 => is(b"trailers"),
        10 => is(b"keep-alive") || (is(b"connection") && !value.trim_ascii().eq_ignore_ascii_case(b"close")),
        17 => is(b"transfer-encoding"),
        18 => is(b"proxy-authenticate"),
        19 => is(b"proxy-authorization"),
        _ => false,
    }
}

/// Calls `act` with the bytes of each (name, value) of `headers`.
fn each_header(
    headers: &Bound<'_, PyAny>,
    function: &str,
    mut act: impl FnMut(&[u8], &[u8]) -> PyResult<()>,
) -> PyResult<()> {
    let Ok(headers) = headers.cast::<PyList>() else {
        return Err(PyTypeError::new_err(format!(
            "{function}: headers must be a list of (name, value) tuples, not {}",
            type_of(headers)
        )));
    };
    for (index, header) in headers.iter().enumerate() {
        let pair = header.cast::<PyTuple>().ok().filter(|pair| pair.len() == 2);
        let Some(pair) = pair else {
            return Err(PyTypeError::new_err(format!(
                "{function}: headers[{index}] must be a tuple (name, value), not {}",
                header.repr()?
            )));
        };
        let (name, value) = (pair.get_item(0)?, pair.get_item(1)?);
        let (Ok(name), Ok(value)) = (name.cast::<PyString>(), value.cast::<PyString>()) else {
            return Err(PyTypeError::new_err(format!(
                "{function}: name and value of headers[{index}] must be str, not {} and {}",
                type_of(&name),
                type_of(&value)
            )));
        };
        let place = |part: &str| format!("the {part} of headers[{index}]");
        act(
            ffi::latin1(name).ok_or_else(|| outside_latin1(function, &place("name")))?,
            ffi::latin1(value).ok_or_else(|| outside_latin1(function, &place("value")))?,
        )?;
    }
    Ok(())
}

/// The bytes that stand for a name or value, given as `str` or `bytes`; `None` if it is text outside of latin-1.
fn header_bytes<'a>(part: &'a Bound<'_, PyAny>) -> PyResult<Option<&'a [u8]>> {
    match (part.cast::<PyString>(), part.cast::<PyBytes>()) {
        (Ok(text), _) => Ok(ffi::latin1(text)),
        (_, Ok(bytes)) => Ok(Some(bytes.as_bytes())),
        _ => Err(PyTypeError::new_err(format!(
            "early_hints(): names and values of headers must be str, not {}",
            type_of(part)
        ))),
    }
}

fn outside_latin1(function: &str, what: &str) -> PyErr {
    PyValueError::new_err(format!(
        "{function}: {what} has characters outside of latin-1, which stand for no byte (PEP 3333, «Unicode Issues»)"
    ))
}

fn refused(function: &str, error: &ResponseError) -> PyErr {
    PyValueError::new_err(format!("{function}: {error}"))
}

fn over() -> PyErr {
    PyRuntimeError::new_err("the request is over")
}

fn not_started() -> PyErr {
    PyRuntimeError::new_err("start_response() was not called before the body")
}

/// How a value is named in a message.
pub fn type_of(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "?".to_owned(), |name| name.to_string())
}
