//! What the logs know of a request: where its line in the access log comes from, and its id.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString};
use yett_logs::{About, AccessLog, CLIENT_GONE, Client, Head, Interface, Needs, Outcome, Record, RequestId};
use yett_net::{Connection, Peer};
use yett_proto::error::RequestError;
use yett_proto::request::{RequestHead, Version};
use yett_settings::Settings;

use crate::ffi;

/// The key of the id in `environ` and scope.
const REQUEST_ID: &str = "yett.request_id";

/// Why a request was not finished.
pub const SERVER_STOPS: &str = "The server stops.";

/// What becomes of a request that the server ends because it takes too long.
pub const TIMED_OUT: (Outcome, u16, &str) =
    (Outcome::TimedOut, 504, "The application did not answer in time.");

/// Who is at the other end, for a record.
pub fn client(peer: Peer) -> Client {
    match peer {
        Peer::Inet(address) => Client::Ip(address.ip()),
        Peer::Unix => Client::Unix,
    }
}

/// The record of a request that begins.
pub fn begin(needs: &Needs, head: &RequestHead<'_>, peer: Peer, interface: Interface) -> Box<Record> {
    let head = Head {
        method: head.method(),
        target: head.target(),
        path: head.path(),
        query: head.query(),
        http10: head.version() == Version::Http10,
        fields: head.fields(),
    };
    Box::new(Record::begin(needs, client(peer), interface, head))
}

/// Writes the line of a request that was refused before it was understood.
pub fn write_refusal(log: &AccessLog, connection: &Connection, error: RequestError) {
    let mut record = Record::of_refusal(client(connection.peer()));
    note_refusal(&mut record, error);
    write(log, &mut record, connection);
}

/// Writes the line of a request that is over, with what became of it, if that was not noted before.
pub fn write(log: &AccessLog, record: &mut Record, connection: &Connection) {
    measure(record, connection);
    if !is_lost(connection) && connection.awaits_response() {
        record.conclude(Outcome::Failed, CLIENT_GONE, "");
    }
    write_delivered(log, record, connection);
}

/// Writes the line of a request that was answered before, now that the client has taken the response or is gone.
pub fn write_delivered(log: &AccessLog, record: &mut Record, connection: &Connection) {
    if is_lost(connection) {
        note_loss(record, connection);
    }
    record.conclude(Outcome::Answered, CLIENT_GONE, "");
    log.write(record);
}

/// Writes the line of a request that is not finished when the server ends.
pub fn write_unfinished(log: &AccessLog, mut record: Box<Record>, connection: &Connection) {
    if !is_lost(connection) {
        record.conclude(Outcome::Failed, CLIENT_GONE, SERVER_STOPS);
    }
    write_delivered(log, &mut record, connection);
}

/// Notes why the client has not got all.
pub fn note_loss(record: &mut Record, connection: &Connection) {
    let (outcome, reason) = if connection.was_cut_short() {
        (Outcome::Failed, "A file ended before its promised length.")
    } else if connection.timed_out_writing() {
        (Outcome::TimedOut, "The client did not take the response in time.")
    } else {
        (Outcome::ClientGone, "")
    };
    record.conclude(outcome, CLIENT_GONE, reason);
}

/// Takes note of how large the current request and its response are.
pub fn measure(record: &mut Record, connection: &Connection) {
    let tally = connection.tally();
    record.bytes_in = tally.bytes_in;
    record.bytes_out = tally.bytes_out;
    record.body_bytes += tally.own_body;
}

/// Whether the client has gone before it had all.
fn is_lost(connection: &Connection) -> bool {
    connection.is_done() && (connection.awaits_response() || connection.output_pending() > 0)
}

/// Notes why the request was refused: what the client was told, if nothing had been sent.
pub fn note_refusal(record: &mut Record, error: RequestError) {
    let outcome = match error {
        RequestError::HeadTimeout | RequestError::BodyTimeout => Outcome::TimedOut,
        RequestError::EarlyEndOfHead | RequestError::EarlyEndOfBody => Outcome::ClientGone,
        _ => Outcome::Rejected,
    };
    record.conclude(outcome, error.status(), error.reason());
}

/// The head of the response is made.
pub fn note_head(record: &mut Record, needs: &Needs, head: &yett_proto::response::ResponseHead) {
    let length = head.content_length().map(|length| length.to_string());
    let length = length.as_ref().map(|length| (&b"content-length"[..], length.as_bytes()));
    record.responds(needs, head.status(), head.fields().iter().chain(length));
}

/// Reads the values of `environ` or scope that the format asks for: text, numbers, booleans and None only, so that no
/// code of the application runs.
pub fn read_variables(record: &mut Record, needs: &Needs, values: &Bound<'_, PyDict>) {
    for name in needs.variables() {
        let value = values.get_item(name).ok().flatten();
        let simple = value.filter(|value| {
            value.is_exact_instance_of::<PyString>()
                || value.is_exact_instance_of::<PyInt>()
                || value.is_exact_instance_of::<PyFloat>()
                || value.is_exact_instance_of::<PyBool>()
                || value.is_none()
        });
        let text = simple.and_then(|value| value.str().ok());
        record.add_variable(&text.map_or_else(String::new, |text| text.to_string_lossy().into_owned()));
    }
}

/// The id of a request: the one that a trusted proxy has given, or a new one.
pub fn identify(head: &RequestHead<'_>, trusted: impl FnOnce() -> bool) -> RequestId {
    // The length first: it tells nearly all of them apart.
    let given =
        head.fields().find(|(name, _)| name.len() == 12 && name.eq_ignore_ascii_case(b"x-request-id"));
    given.filter(|_| trusted()).and_then(|(_, value)| RequestId::take(value)).unwrap_or_else(RequestId::make)
}

/// Makes room for the id in what every request's `environ` or scope is a copy of: a value that takes a place costs less
/// than a key that is added.
pub fn reserve_id(template: &Bound<'_, PyDict>, settings: &Settings) -> PyResult<()> {
    if settings.request_id { template.set_item(intern!(template.py(), REQUEST_ID), "") } else { Ok(()) }
}

/// Tells the application the id.
pub fn put_id(id: &RequestId, values: &Bound<'_, PyDict>) -> PyResult<()> {
    if id.is_some() {
        let py = values.py();
        let text = ffi::from_latin1(py, id.bytes())?;
        values.set_item(intern!(py, REQUEST_ID), text)?;
    }
    Ok(())
}

/// What messages about a request say of it. `keys`: method and path in `values`, the request's `environ` or scope, which
/// the application may have changed.
pub fn about(id: &RequestId, values: Option<&Bound<'_, PyDict>>, keys: [&str; 2]) -> About {
    let text = |key: &str| -> String {
        let value = values.and_then(|values| values.get_item(key).ok().flatten());
        value.map_or_else(|| "?".to_owned(), |value| value.to_string())
    };
    About {
        method: text(keys[0]),
        path: text(keys[1]),
        request_id: id.clone(),
        traceparent: values.and_then(|values| traceparent(values).ok()).unwrap_or_default(),
    }
}

fn traceparent(values: &Bound<'_, PyDict>) -> PyResult<String> {
    if let Some(value) = values.get_item("HTTP_TRACEPARENT")? {
        return value.extract();
    }
    if let Some(headers) = values.get_item("headers")? {
        for header in headers.try_iter()? {
            let (name, value) = header?.extract::<(Vec<u8>, Vec<u8>)>()?;
            if name == b"traceparent" {
                return Ok(String::from_utf8_lossy(&value).into_owned());
            }
        }
    }
    Ok(String::new())
}
