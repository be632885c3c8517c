//! How the application is called, and its result sent (PEP 3333).

use std::sync::Arc;

use pyo3::exceptions::{PyException, PyRuntimeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};
use yett_logs::{About, Needs, Outcome, Record};
use yett_net::buffer::FilePart;
use yett_proto::h1::BodyEnd;
use yett_proto::request::BodyLength;
use yett_settings::{LogLevel, Settings};

use super::client::{Addresses, Request};
use super::engine::Engine;
use super::environ::Environs;
use super::errors;
use super::exchange::{Inner, READ_BODY, Response, type_of};
use super::forked;
use super::input::Inputs;
use super::lent::{Lent, Shelf};
use super::posts::Post;
use super::respond::Delivery;
use super::worker::Worker;
use crate::{ClientDisconnected, RequestTimeout, ffi, log, requests};

/// The application, and what is needed to call it. One for each thread.
pub struct Gateway {
    application: Py<PyAny>,
    /// Copied for each request.
    context: Py<PyAny>,
    environs: Environs,
    inputs: Inputs,
    pub shelf: Shelf,
    /// The process in which the server was made.
    made_in: usize,
    file_wrapper: Py<PyAny>,
    /// Finds the descriptor of a file object, if there is a real file behind it.
    open_file: Py<PyAny>,
    /// Where others see what the thread is at.
    post: Arc<Post>,
    /// Bodies are collected, and so have a length, before the application runs.
    collects_bodies: bool,
    /// The access log tells when the application was called.
    logs_times: bool,
    /// It shows values of `environ`.
    logs_variables: bool,
}

impl Gateway {
    pub fn new(
        py: Python<'_>,
        application: Py<PyAny>,
        context: Py<PyAny>,
        settings: &Settings,
        engine: &Engine,
        post: Arc<Post>,
    ) -> PyResult<Self> {
        let support = py.import("yett.streams")?;
        Ok(Self {
            application,
            context,
            environs: Environs::new(&support, settings, engine.only_address())?,
            inputs: Inputs::new(&support)?,
            shelf: Shelf::default(),
            made_in: engine.made_in,
            file_wrapper: support.getattr("FileWrapper")?.unbind(),
            open_file: support.getattr("open_file")?.unbind(),
            post,
            collects_bodies: settings.request_buffering,
            logs_times: engine.options.access_log.as_ref().is_some_and(|log| log.needs().times),
            logs_variables: engine
                .options
                .access_log
                .as_ref()
                .is_some_and(|log| !log.needs().variables().is_empty()),
        })
    }

    /// Has the application answer a request. `None`: the worker is lost, for want of memory.
    pub fn run(&self, py: Python<'_>, worker: Box<Worker>, request: Request) -> Option<Box<Worker>> {
        let lent = match self.shelf.lend(py, worker) {
            Ok(lent) => lent,
            Err(error) => {
                log::error(&format!("a request could not be started: {error}"));
                return None;
            }
        };
        let inner = lent.exchange.get().inner().ok()?;
        if let Err(error) = self.answer(py, &lent, inner, request) {
            // Not the application's doing: no memory, most likely.
            self.fail(py, inner, None, "a request could not be started", &error);
        }
        // Also one that was forked in close(), or in a destructor.
        forked::end_stray_child(self.made_in);
        errors::finish_line();
        let mut worker = inner.end()?;
        if let Some(mut client) = worker.client.take() {
            // Whatever went wrong before: the client is not left without an end.
            if client.connection.awaits_response() {
                client.connection.abort();
            }
            worker.client = Some(client);
        }
        self.shelf.take_back(py, lent).ok()?;
        Some(worker)
    }

    fn answer(&self, py: Python<'_>, lent: &Lent, inner: &Inner, request: Request) -> PyResult<()> {
        let exchange = lent.exchange.bind(py);
        let (environ, chunked) = inner.with_worker(|worker| {
            let client = worker.client.as_mut();
            let forwarding = client.map(|client| std::mem::take(&mut client.forwarding)).unwrap_or_default();
            let addresses = match worker.client.as_mut().and_then(|client| client.addresses.take()) {
                Some(addresses) => addresses,
                None => self.addresses(py, worker)?,
            };
            let head = worker.head_of(&request);
            let environ = self.environs.make(py, &head, &addresses, &forwarding)?;
            let chunked = head.body() == BodyLength::Chunked;
            if let Some(client) = &mut worker.client {
                requests::put_id(&client.request_id, &environ)?;
                client.addresses = Some(addresses);
            }
            PyResult::Ok((environ, chunked))
        })??;
        let input = self.inputs.make(py, request.body, |first| {
            inner.unread(first);
            READ_BODY.bind(py, exchange.as_any())
        })?;
        let decoded = input.length.filter(|_| chunked && self.collects_bodies);
        self.environs.complete(&environ, input.object.as_ref(), exchange, decoded)?;
        // What the application sets in a context variable ends with its request.
        let context = ffi::copy_context(self.context.bind(py))?;
        if self.logs_times {
            with_record(inner, |record, _| record.is_called());
        }
        self.post.begin();
        let answered = ffi::in_context(&context, || self.call(inner, &environ, lent.start_response.bind(py)));
        inner.timed_out.set(self.post.end(py));
        let answered = answered?;
        if let Err(error) = answered {
            self.fail(py, inner, Some(&environ), "the application failed", &error);
        }
        if self.logs_variables {
            with_record(inner, |record, needs| requests::read_variables(record, needs, &environ));
        }
        input.finish()
    }

    fn addresses(&self, py: Python<'_>, worker: &Worker) -> PyResult<Addresses> {
        let Some(client) = &worker.client else { return Err(PyRuntimeError::new_err("there is no client")) };
        let listener = worker.engine.address_of(client.listener);
        let only = worker.engine.only_address().is_some();
        Addresses::new(py, &client.connection, listener, only)
    }

    fn call(
        &self,
        inner: &Inner,
        environ: &Bound<'_, PyDict>,
        start_response: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let application = self.application.bind(environ.py());
        let result = ffi::vectorcall(application, [environ.as_any(), start_response], None);
        forked::end_stray_child(self.made_in);
        let result = result?;
        let sent = self.send_result(inner, environ, &result);
        // «must call that method upon completion of the current request, whether the request was completed normally,
        // or terminated early»
        let closed = if is_plain(&result) { Ok(()) } else { close(&result) };
        match (sent, closed) {
            (Err(sent), Err(closed)) => {
                let py = result.py();
                log::exception(py, Some(describe(inner, environ)), "close() failed, too", &closed);
                Err(sent)
            }
            (sent, closed) => sent.and(closed),
        }
    }

    // ---- the result ----

    fn send_result(
        &self,
        inner: &Inner,
        environ: &Bound<'_, PyDict>,
        result: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        if let Ok(list) = result.cast_exact::<PyList>() {
            send_all(inner, || list.iter())?;
        } else if let Ok(tuple) = result.cast_exact::<PyTuple>() {
            send_all(inner, || tuple.iter())?;
        } else if !(result.get_type().is(&self.file_wrapper) && self.send_file(inner, result)?)
            && send_each(inner, result)? == Delivery::Gone
        {
            log::about(LogLevel::Debug, describe(inner, environ), "the client has gone");
            return Ok(());
        }
        if let BodyEnd::Short { missing } = inner.finish()? {
            log::about(LogLevel::Error, describe(inner, environ), &log::short_body(missing));
            with_record(inner, |record, _| record.conclude(Outcome::Failed, 500, log::SHORT_BODY));
        }
        // What comes after this, such as close(), may take its time; a list has nothing of the kind.
        if !is_plain(result) {
            inner.deliver(result.py(), true)?;
        }
        Ok(())
    }

    /// A `wsgi.file_wrapper` around a real file goes out without passing through this process; false if it is none.
    fn send_file(&self, inner: &Inner, wrapper: &Bound<'_, PyAny>) -> PyResult<bool> {
        let file = wrapper.getattr(intern!(wrapper.py(), "filelike"))?;
        let Some((descriptor, offset)) = self.open_file.bind(wrapper.py()).call1((file,))?.extract()? else {
            return Ok(false);
        };
        if inner.response.get() == Response::NotStarted {
            return Err(PyRuntimeError::new_err("start_response() was not called before the body"));
        }
        let promised = inner.with_worker(|worker| worker.head.content_length())?;
        let part = FilePart::of_descriptor(descriptor, Some(offset), promised)?;
        inner.respond(Some(part.count), |connection| connection.respond_file(part))?;
        Ok(true)
    }

    // ---- failure ----

    /// The application has failed, or the server before it: 500 if nothing is on the wire, else the end.
    fn fail(
        &self,
        py: Python<'_>,
        inner: &Inner,
        environ: Option<&Bound<'_, PyDict>>,
        what: &str,
        error: &PyErr,
    ) {
        forked::end_stray_child(self.made_in);
        let about = || environ.map(|environ| describe(inner, environ));
        let timed_out = inner.timed_out.get();
        if timed_out && error.is_instance_of::<RequestTimeout>(py) {
            log::exception(py, about(), "ended, for it took longer than it may", error);
        } else if inner.gone.get() && error.is_instance_of::<ClientDisconnected>(py) {
            log::debug("the application has stopped: its client has gone");
        } else if error.is_instance_of::<PyException>(py) {
            log::exception(py, about(), what, error);
        } else {
            // SystemExit and KeyboardInterrupt end the request that raises them, not the server.
            let name = error.get_type(py).name().map_or_else(|_| "?".to_owned(), |name| name.to_string());
            log::exception(py, about(), &format!("{what} ({name})"), error);
        }
        let response = inner.response.replace(Response::Complete);
        // Failure: the request is over, and with it all there was to tell.
        let _ = inner.with_worker(|worker| {
            let date = worker.date.text();
            let Some(client) = &mut worker.client else { return };
            let stamp = worker.engine.options.stamp(&date, &client.request_id);
            if let Some(record) = client.record.as_mut().filter(|_| !inner.gone.get()) {
                let (outcome, status, reason) =
                    if timed_out { requests::TIMED_OUT } else { (Outcome::Failed, 500, "") };
                record.conclude(outcome, status, reason);
            }
            match response {
                Response::NotStarted | Response::Started if timed_out => {
                    client.connection.respond_timeout(&stamp);
                }
                Response::NotStarted | Response::Started => {
                    worker.engine.may_be_last(&mut client.connection);
                    client.connection.respond_failure(&stamp);
                }
                Response::Streaming => client.connection.abort(),
                Response::Complete => {}
            }
        });
    }
}

/// All of a body that is there at once: its length is known.
fn send_all<'py, I: Iterator<Item = Bound<'py, PyAny>>>(
    inner: &Inner,
    items: impl Fn() -> I,
) -> PyResult<()> {
    let mut total = 0;
    for item in items() {
        let Ok(bytes) = item.cast::<PyBytes>() else { return Err(no_bytes(&item)) };
        total += bytes.as_bytes().len() as u64;
    }
    if inner.response.get() == Response::NotStarted {
        return Err(PyRuntimeError::new_err("the application returned without calling start_response()"));
    }
    if inner.gone.get() {
        return Ok(());
    }
    for item in items() {
        if let Ok(bytes) = item.cast::<PyBytes>()
            && !bytes.as_bytes().is_empty()
        {
            inner.queue(bytes, Some(total))?;
        }
    }
    Ok(())
}

/// Piece by piece, each on its way before the next is asked for (PEP 3333, «Buffering and Streaming»).
fn send_each(inner: &Inner, result: &Bound<'_, PyAny>) -> PyResult<Delivery> {
    let py = result.py();
    let iterator = result.try_iter().map_err(|error| {
        // An `__iter__` that fails has its own story to tell.
        if result.hasattr(intern!(py, "__iter__")).unwrap_or(false) {
            return error;
        }
        PyTypeError::new_err(format!(
            "the application returned {}, not an iterable of bytes",
            type_of(result)
        ))
    })?;
    // «If the iterable returned by the application provides a working __len__() method …»: of one piece the length is
    // known. (Looked for first: asking one that has none costs an exception.)
    let has_length =
        result.get_type().getattr_opt(intern!(py, "__len__")).is_ok_and(|method| method.is_some());
    let one = has_length && result.len().is_ok_and(|length| length == 1);
    for item in iterator {
        let item = item?;
        let Ok(bytes) = item.cast::<PyBytes>() else { return Err(at_its_line(result, no_bytes(&item))) };
        let complete = one.then_some(bytes.as_bytes().len() as u64);
        if inner.response.get() == Response::NotStarted {
            let error = PyRuntimeError::new_err("start_response() was not called before the body");
            return Err(at_its_line(result, error));
        }
        if inner.send(py, bytes, complete)? == Delivery::Gone {
            return Ok(Delivery::Gone);
        }
    }
    if inner.response.get() == Response::NotStarted {
        return Err(PyRuntimeError::new_err("the application ended without calling start_response()"));
    }
    Ok(Delivery::Fine)
}

/// Raises the error where the application yielded what is wrong, if that is possible, so that the traceback shows it.
fn at_its_line(result: &Bound<'_, PyAny>, error: PyErr) -> PyErr {
    if !ffi::is_generator(result) {
        return error;
    }
    let py = result.py();
    let thrown = result.call_method1(intern!(py, "throw"), (error.value(py),));
    match thrown {
        Err(raised) if raised.is_instance_of::<PyException>(py) => raised,
        _ => error,
    }
}

fn no_bytes(item: &Bound<'_, PyAny>) -> PyErr {
    PyTypeError::new_err(format!("the body must consist of bytes, not {}", type_of(item)))
}

fn close(result: &Bound<'_, PyAny>) -> PyResult<()> {
    match result.getattr_opt(intern!(result.py(), "close"))? {
        Some(close) => close.call0().map(drop),
        None => Ok(()),
    }
}

/// Whether nothing of the application's runs any more once it has returned this.
fn is_plain(result: &Bound<'_, PyAny>) -> bool {
    result.is_exact_instance_of::<PyList>() || result.is_exact_instance_of::<PyTuple>()
}

/// For messages: which request it is.
fn describe(inner: &Inner, environ: &Bound<'_, PyDict>) -> About {
    let id = inner.with_worker(|worker| worker.client.as_ref().map(|client| client.request_id.clone()));
    let id = id.ok().flatten().unwrap_or_default();
    requests::about(&id, Some(environ), ["REQUEST_METHOD", "RAW_URI"])
}

/// Runs `act` on the record of the request, if there is one.
fn with_record(inner: &Inner, act: impl FnOnce(&mut Record, &Needs)) {
    // Failure: the request is over, and its line written.
    let _ = inner.with_worker(|worker| {
        let record = worker.client.as_mut().and_then(|client| client.record.as_mut());
        if let (Some(record), Some(log)) = (record, &worker.engine.options.access_log) {
            act(record, log.needs());
        }
    });
}
