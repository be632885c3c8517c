//! Tests of the connection, by subject. The corpus of whole requests is run by `tests/corpus.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod chunked;
mod head;
mod receiving;
mod responding;

use std::sync::Arc;

use super::{BodyEnd, Connection, Event, Stamp};
use crate::headers::FieldBlock;
use crate::limits::Limits;
use crate::request::HeadSpans;
use crate::response::ResponseHead;

const STAMP: Stamp<'static> = Stamp { date: b"Sun, 06 Nov 1994 08:49:37 GMT", server: true, request_id: b"" };
const DATE: &str = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\nserver: yett\r\n";

/// A connection that has taken `head`, which holds a whole head and nothing else.
fn taken(head: &str) -> Connection {
    let mut connection = Connection::new(Arc::new(Limits::default()));
    take(&mut connection, head);
    connection
}

fn take(connection: &mut Connection, head: &str) {
    let progress = connection.handle_input(head.as_bytes(), &mut HeadSpans::new()).unwrap();
    assert_eq!((progress.event, progress.consumed), (Event::Request, head.len()));
}

/// A head for `start`, such as `GET / HTTP/1.1`, with the field lines `fields`.
fn request(start: &str, fields: &str) -> String {
    format!("{start}\r\nHost: a\r\n{fields}\r\n")
}

/// Feeds all of `input`; the body bytes, and whether the end came.
fn feed(connection: &mut Connection, input: &[u8]) -> (Vec<u8>, bool) {
    let mut spans = HeadSpans::new();
    let (mut body, mut rest) = (Vec::new(), input);
    loop {
        let progress = connection.handle_input(rest, &mut spans).unwrap();
        rest = &rest[progress.consumed..];
        match progress.event {
            Event::Data(data) => body.extend_from_slice(data),
            Event::End => return (body, true),
            Event::NeedInput => return (body, false),
            other => panic!("{other:?}"),
        }
    }
}

fn response(status: u16, fields: &[(&str, &str)]) -> ResponseHead {
    let mut head = ResponseHead::new();
    head.reset(status).unwrap();
    for (name, value) in fields {
        head.push(name.as_bytes(), value.as_bytes()).unwrap();
    }
    head
}

/// Sends a whole response whose body comes in `pieces`; what goes over the wire, and how the body ended.
fn respond(
    connection: &mut Connection,
    head: &ResponseHead,
    complete: Option<u64>,
    pieces: &[&str],
    trailers: Option<&FieldBlock>,
) -> (String, BodyEnd) {
    let mut out = Vec::new();
    connection.send_head(head, complete, &STAMP, &mut out);
    for piece in pieces {
        let frame = connection.send_data(piece.len() as u64);
        out.extend_from_slice(frame.prefix.as_ref());
        out.extend_from_slice(&piece.as_bytes()[..frame.take as usize]);
        out.extend_from_slice(frame.suffix);
    }
    let end = connection.send_end(trailers, &mut out);
    (String::from_utf8(out).unwrap(), end)
}
