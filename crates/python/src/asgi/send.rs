//! `send()`: the response, message by message.

use std::path::Path;

use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::prelude::*;
use yett_logs::Outcome;
use yett_net::buffer::{FilePart, KEEP_BY_REFERENCE};
use yett_net::{Connection, Sent};
use yett_proto::h1::BodyEnd;
use yett_settings::LogLevel;

use super::awaitable::disconnected;
use super::driver::Driver;
use super::exchange::{Exchange, Inner, Response};
use super::message::{Kind, Message};
use crate::ffi::{self, SharedBytes};
use crate::{log, requests};

ffi::builtin!(
    /// The function given to the application.
    pub SEND,
    c"send",
    c"send(message, /)\n--\n\nSends a message of the response; await the result.",
    |this: Exchange, message| handle(this.py(), this.get().inner()?, message)
);

/// What a message has left to do for the driver.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    /// Nothing was queued.
    Nothing,
    /// A piece was queued, more will come: write it now.
    Piece,
    /// The response is complete.
    Complete,
}

fn handle<'py>(
    py: Python<'py>,
    exchange: &Inner,
    message: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let message = Message::read(message)?;
    if exchange.is_disconnected() {
        return Err(disconnected());
    }
    let after = match (message.kind, exchange.response.get()) {
        (Kind::Start, Response::NotStarted) => start(exchange, &message)?,
        (Kind::EarlyHint, Response::NotStarted) => early_hint(exchange, &message)?,
        (Kind::Body, Response::Started | Response::Streaming) => body(py, exchange, &message)?,
        (Kind::PathSend, Response::Started) => path_send(py, exchange, &message)?,
        (Kind::ZeroCopySend, Response::Started | Response::Streaming) => {
            zero_copy_send(py, exchange, &message)?
        }
        (Kind::Trailers, Response::Trailers) => trailers(exchange, &message)?,
        (kind, state) => return Err(out_of_order(kind, state, exchange.promised_trailers.get())),
    };
    match after {
        After::Nothing => {}
        After::Piece => {
            if let Some(pending) = exchange.driver.after_piece(py, exchange)? {
                return Ok(pending);
            }
        }
        After::Complete => exchange.driver.after_response(py, exchange)?,
    }
    Ok(exchange.driver.ready.none(py))
}

fn out_of_order(kind: Kind, state: Response, promised_trailers: bool) -> PyErr {
    let name = kind.name();
    PyRuntimeError::new_err(match (kind, state) {
        (_, Response::Complete) => format!("{name}: the response is complete already"),
        (Kind::Start, _) => format!("{name}: the response has started already"),
        (_, Response::NotStarted) => {
            format!("{name}: the response has not started (send http.response.start first)")
        }
        (Kind::EarlyHint, _) => format!("{name}: early hints must come before http.response.start"),
        (Kind::Trailers, _) if !promised_trailers => {
            format!("{name}: http.response.start did not say \"trailers\": True")
        }
        (Kind::Trailers, _) => format!("{name}: the body is not complete"),
        (_, Response::Trailers) => {
            format!("{name}: the body is complete already, http.response.trailers is due")
        }
        _ => format!("{name}: the body has begun already"),
    })
}

fn start(exchange: &Inner, message: &Message<'_>) -> PyResult<After> {
    let mut head = exchange.driver.spare_head();
    let trailers = message.read_start(&mut head)?;
    head.set_trailers(trailers);
    exchange.promised_trailers.set(trailers);
    exchange.head.replace(Some(head));
    exchange.response.set(Response::Started);
    Ok(After::Nothing)
}

fn early_hint(exchange: &Inner, message: &Message<'_>) -> PyResult<After> {
    let fields = message.read_links()?;
    let sent =
        exchange.driver.with_connection(exchange, |connection| connection.respond_interim(103, &fields));
    Ok(if sent == Some(true) { After::Piece } else { After::Nothing })
}

fn body(py: Python<'_>, exchange: &Inner, message: &Message<'_>) -> PyResult<After> {
    let body = message.body()?;
    let more = message.more()?;
    let bytes = body.as_ref().map_or(&b""[..], |body| body.as_bytes());
    let complete = (!more).then_some(bytes.len() as u64);
    respond(py, exchange, complete, !more, |connection| match &body {
        Some(body) if bytes.len() >= KEEP_BY_REFERENCE => {
            connection.respond_shared(Box::new(SharedBytes::new(body)))
        }
        _ => connection.respond_bytes(bytes),
    })
}

fn path_send(py: Python<'_>, exchange: &Inner, message: &Message<'_>) -> PyResult<After> {
    let path = message.path()?;
    let part = FilePart::open(&path).map_err(|error| cannot_open(error, &path))?;
    let complete = Some(part.count);
    respond(py, exchange, complete, true, |connection| connection.respond_file(part))
}

/// As `open()` would raise it: the class by the number, with the path.
fn cannot_open(error: std::io::Error, path: &Path) -> PyErr {
    let Some(number) = error.raw_os_error() else { return error.into() };
    let text = error.to_string();
    let text = text.strip_suffix(&format!(" (os error {number})")).unwrap_or(&text).to_owned();
    PyOSError::new_err((number, text, path.to_string_lossy().into_owned()))
}

fn zero_copy_send(py: Python<'_>, exchange: &Inner, message: &Message<'_>) -> PyResult<After> {
    let (descriptor, offset, count) = message.file()?;
    let more = message.more()?;
    let part = FilePart::of_descriptor(descriptor, offset, count)?;
    let complete = (!more).then_some(part.count);
    respond(py, exchange, complete, !more, |connection| connection.respond_file(part))
}

fn trailers(exchange: &Inner, message: &Message<'_>) -> PyResult<After> {
    let mut collected = exchange.trailers.take().unwrap_or_default();
    message.read_fields(&mut collected)?;
    if message.more()? {
        exchange.trailers.replace(Some(collected));
        return Ok(After::Nothing);
    }
    exchange.response.set(Response::Complete);
    match exchange.driver.with_connection(exchange, |connection| connection.respond_end(Some(&collected))) {
        Some(_) => Ok(After::Complete),
        None => Err(disconnected()),
    }
}

/// Queues the head, if it is still to come, a piece of the body by `push`, and the end, if it is the last.
fn respond(
    py: Python<'_>,
    exchange: &Inner,
    complete: Option<u64>,
    last: bool,
    push: impl FnOnce(&mut Connection) -> Sent,
) -> PyResult<After> {
    let head = exchange.head.take();
    let driver: &Driver = &exchange.driver;
    let date = driver.date.text();
    let stamp = driver.options.stamp(&date, &exchange.request_id);
    let ends = last && !exchange.promised_trailers.get();
    let done = driver.with_connection(exchange, |connection| {
        if let Some(head) = &head {
            connection.respond_head(head, complete, &stamp);
        }
        (push(connection), if ends { connection.respond_end(None) } else { BodyEnd::Complete })
    });
    let Some((sent, end)) = done else { return Err(disconnected()) };
    driver.with_record(exchange, |record, needs| {
        record.body_bytes += sent.taken;
        if let Some(head) = &head {
            requests::note_head(record, needs, head);
        }
    });
    if sent.overflow {
        log::about(LogLevel::Warning, driver.describe(py, exchange), log::EXCESS);
    }
    if let BodyEnd::Short { missing } = end {
        log::about(LogLevel::Error, driver.describe(py, exchange), &log::short_body(missing));
        driver.with_record(exchange, |record, _| record.conclude(Outcome::Failed, 500, log::SHORT_BODY));
    }
    if let Some(head) = head {
        driver.options.count_started(exchange.counted.get(), head.status());
        driver.return_head(head);
    }
    exchange.response.set(match (last, ends) {
        (_, true) => Response::Complete,
        (true, false) => Response::Trailers,
        (false, false) => Response::Streaming,
    });
    Ok(if ends { After::Complete } else { After::Piece })
}
