//! The state machine of a connection: what goes out. Framing of responses (RFC 9112 §6), and the fields that are the
//! connection's own: Content-Length, Transfer-Encoding, Connection, Date, Server.

use super::chunked::{FramePrefix, is_forbidden_trailer};
use super::connection::{Connection, DISCARD_LIMIT};
use crate::error::RequestError;
use crate::headers::{FieldBlock, push_decimal};
use crate::request::Version;
use crate::response::{ResponseHead, reason_phrase};

/// What is being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    /// No final head yet.
    Idle,
    /// A response that has no content; what the application gives is left out. It may give some for HEAD, whose fields
    /// are those of GET.
    NoContent {
        expected: bool,
    },
    /// Content of which so many bytes are still to come.
    Length(u64),
    Chunked,
    /// Content that ends with the connection.
    UntilClose,
    Complete,
}

/// What the driver adds to every response.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// The time now, as [`imf_fixdate`](crate::date::imf_fixdate) shows it.
    pub date: &'a [u8; 29],
    /// Add `server: yett`.
    pub server: bool,
    /// Add `x-request-id` with this value, if there is one: visible ASCII.
    pub request_id: &'a [u8],
}

/// How to send a piece of the body: `prefix`, then the first `take` bytes of the piece, then `suffix`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frame {
    /// Goes before the bytes.
    pub prefix: FramePrefix,
    /// So many bytes of the piece are sent.
    pub take: u64,
    /// Goes after the bytes.
    pub suffix: &'static [u8],
    /// The application gave more than the response may have, by its Content-Length or its status; the rest is cut off.
    pub overflow: bool,
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// As it should.
    Complete,
    /// The application gave less than its Content-Length. The connection is closed, so that the client notices.
    Short {
        /// Bytes that never came.
        missing: u64,
    },
}

impl Connection {
    /// A final head has been written.
    pub fn response_started(&self) -> bool {
        self.sending != Sending::Idle
    }

    /// The whole response has been written.
    pub fn response_complete(&self) -> bool {
        self.sending == Sending::Complete
    }

    /// A body is being sent whose end only the end of the connection tells: cutting it must look different from ending it.
    pub fn delimited_by_close(&self) -> bool {
        self.sending == Sending::UntilClose
    }

    /// True if a final response may begin.
    fn may_respond(&self) -> bool {
        self.in_exchange && !self.failed && self.sending == Sending::Idle
    }

    /// Writes `100 Continue`, if the client waits for it: it asked for it, has got none, has sent no byte of the body, and
    /// no final head was sent (RFC 9110 §10.1.1). True if something was written.
    pub fn send_continue(&mut self, out: &mut Vec<u8>) -> bool {
        if !self.awaits_continue || !self.may_respond() {
            return false;
        }
        self.awaits_continue = false;
        out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        true
    }

    /// Writes another interim response, 102 to 199, such as 103 (RFC 8297). Fields that frame content or concern the
    /// connection are left out. False if nothing was written: HTTP/1.0 has none (RFC 9110 §15.2), and none may follow
    /// the final head.
    pub fn send_interim(&mut self, status: u16, fields: &FieldBlock, out: &mut Vec<u8>) -> bool {
        if !self.may_respond() || self.version == Version::Http10 || !(102..=199).contains(&status) {
            return false;
        }
        push_status_line(out, status, reason_phrase(status).as_bytes());
        push_fields(out, fields, is_connection_field);
        out.extend_from_slice(b"\r\n");
        true
    }

    /// Writes the final head. `complete`: the length in bytes of the whole body if it is at hand, `None` if it streams.
    /// The body still goes through [`send_data`](Self::send_data) and [`send_end`](Self::send_end).
    ///
    /// Decides the framing and whether the connection lives on; see `LIFECYCLE.md`. Writes nothing if no response is
    /// due.
    pub fn send_head(
        &mut self,
        head: &ResponseHead,
        complete: Option<u64>,
        stamp: &Stamp<'_>,
        out: &mut Vec<u8>,
    ) {
        if !self.may_respond() {
            return;
        }
        let (sending, content_length) = self.decide_framing(head, complete);
        // A client that was never told to continue may or may not send its body: nobody can tell what comes next.
        let body_in_doubt = self.awaits_continue && !self.request_complete();
        // If the response is complete, nobody will read what is left.
        let too_much_left = complete.is_some() && self.body_left() > DISCARD_LIMIT;
        self.closing |= head.close || body_in_doubt || too_much_left || sending == Sending::UntilClose;
        self.sending = sending;

        /// Room for the status line and the fields that are ours.
        const OWN_FIELDS: usize = 192;
        out.reserve(head.fields().as_bytes().len() + OWN_FIELDS);
        push_status_line(out, head.status(), head.reason());
        out.extend_from_slice(head.fields().as_bytes());
        if let Some(length) = content_length {
            out.extend_from_slice(b"content-length: ");
            push_decimal(out, length);
            out.extend_from_slice(b"\r\n");
        } else if sending == Sending::Chunked {
            out.extend_from_slice(b"transfer-encoding: chunked\r\n");
        }
        push_stamp(out, stamp, head.has_date, head.has_server, head.has_request_id);
        let connection: &[u8] = match (self.closing, head.offers_upgrade()) {
            (true, false) => b"connection: close\r\n",
            (true, true) => b"connection: close, upgrade\r\n",
            (false, true) if self.version == Version::Http11 => b"connection: upgrade\r\n",
            (false, _) if self.version == Version::Http10 => b"connection: keep-alive\r\n",
            (false, _) => b"",
        };
        out.extend_from_slice(connection);
        out.extend_from_slice(b"\r\n");
    }

    /// What is sent after the head, and the Content-Length in it.
    fn decide_framing(&self, head: &ResponseHead, complete: Option<u64>) -> (Sending, Option<u64>) {
        let declared = head.content_length();
        match head.status() {
            // No content by definition. 204 may not have a Content-Length (RFC 9110 §8.6), that of 304 is the one that
            // 200 would have, and 205 says that nothing follows (§15.3.6).
            204 => return (Sending::NoContent { expected: self.method_is_head }, None),
            205 => return (Sending::NoContent { expected: self.method_is_head }, Some(0)),
            304 => return (Sending::NoContent { expected: self.method_is_head }, declared),
            _ => {}
        }
        if self.method_is_head {
            // No bytes at hand may mean that the application knows HEAD, not that GET would have none.
            let length = declared.or(complete.filter(|&length| length > 0));
            return (Sending::NoContent { expected: true }, length);
        }
        let may_chunk = self.version == Version::Http11;
        if may_chunk && head.trailers && self.accepts_trailers {
            return (Sending::Chunked, None);
        }
        match declared.or(complete) {
            Some(length) => (Sending::Length(length), Some(length)),
            None if may_chunk => (Sending::Chunked, None),
            None => (Sending::UntilClose, None),
        }
    }

    /// How to send the next `len` bytes of the body. Zero bytes are sent as nothing at all.
    pub fn send_data(&mut self, len: u64) -> Frame {
        if len == 0 || self.failed {
            return Frame::default();
        }
        match &mut self.sending {
            Sending::Chunked => {
                Frame { prefix: FramePrefix::chunk(len), take: len, suffix: b"\r\n", overflow: false }
            }
            Sending::Length(left) => {
                let take = len.min(*left);
                *left -= take;
                Frame { take, overflow: take < len, ..Frame::default() }
            }
            Sending::UntilClose => Frame { take: len, ..Frame::default() },
            Sending::NoContent { expected } => Frame { overflow: !*expected, ..Frame::default() },
            Sending::Idle | Sending::Complete => Frame::default(),
        }
    }

    /// The body is finished. Writes the last chunk and `trailers` if the body is chunked; trailers only if the client
    /// accepts them, and none that a trailer section may not have.
    pub fn send_end(&mut self, trailers: Option<&FieldBlock>, out: &mut Vec<u8>) -> BodyEnd {
        let sending = self.sending;
        if sending == Sending::Idle || self.failed {
            return BodyEnd::Complete;
        }
        self.sending = Sending::Complete;
        match sending {
            Sending::Chunked => {
                out.extend_from_slice(b"0\r\n");
                if let Some(trailers) = trailers.filter(|_| self.accepts_trailers) {
                    push_fields(out, trailers, is_forbidden_trailer);
                }
                out.extend_from_slice(b"\r\n");
                BodyEnd::Complete
            }
            Sending::Length(missing @ 1..) => {
                self.stop_receiving();
                BodyEnd::Short { missing }
            }
            _ => BodyEnd::Complete,
        }
    }

    /// Writes a whole error response to a request that is refused, and ends the connection. Writes nothing if a response
    /// has started: then cutting the connection is the only answer left.
    pub fn send_error(&mut self, error: RequestError, stamp: &Stamp<'_>, out: &mut Vec<u8>) {
        let started = self.response_started();
        self.stop_receiving();
        self.failed = true;
        if !started {
            self.push_plain(error.status(), error.reason(), stamp, out);
        }
        self.in_exchange = false;
    }

    /// Writes a whole 500: the application failed before its response started. The connection lives on if the request
    /// was read whole.
    pub fn send_failure(&mut self, stamp: &Stamp<'_>, out: &mut Vec<u8>) {
        self.send_own(500, "The application failed.", stamp, out);
    }

    /// Writes a whole 504: the application's response has not started in the time that the operator gives it (RFC 9110
    /// §15.6.5, to which the application is what stands behind the gateway). Otherwise as [`Connection::send_failure`].
    pub fn send_timeout(&mut self, stamp: &Stamp<'_>, out: &mut Vec<u8>) {
        self.send_own(504, "The application did not answer in time.", stamp, out);
    }

    fn send_own(&mut self, status: u16, text: &str, stamp: &Stamp<'_>, out: &mut Vec<u8>) {
        if self.may_respond() {
            self.closing |= !self.request_complete();
            self.push_plain(status, text, stamp, out);
        }
    }

    /// A whole response with a line of text.
    fn push_plain(&mut self, status: u16, text: &str, stamp: &Stamp<'_>, out: &mut Vec<u8>) {
        self.sending = Sending::Complete;
        push_status_line(out, status, reason_phrase(status).as_bytes());
        out.extend_from_slice(b"content-type: text/plain; charset=utf-8\r\ncontent-length: ");
        push_decimal(out, text.len() as u64 + 1);
        out.extend_from_slice(b"\r\n");
        push_stamp(out, stamp, false, false, false);
        if self.closing {
            out.extend_from_slice(b"connection: close\r\n");
        } else if self.version == Version::Http10 {
            out.extend_from_slice(b"connection: keep-alive\r\n");
        }
        out.extend_from_slice(b"\r\n");
        if !(self.in_exchange && self.method_is_head) {
            out.extend_from_slice(text.as_bytes());
            out.push(b'\n');
        }
    }
}

/// Always HTTP/1.1: a server says the highest version it speaks (RFC 9110 §2.5).
fn push_status_line(out: &mut Vec<u8>, status: u16, reason: &[u8]) {
    if status == 200 && reason == b"OK" {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    push_decimal(out, u64::from(status));
    out.push(b' ');
    out.extend_from_slice(reason);
    out.extend_from_slice(b"\r\n");
}

fn push_stamp(out: &mut Vec<u8>, stamp: &Stamp<'_>, has_date: bool, has_server: bool, has_request_id: bool) {
    if !has_date {
        out.extend_from_slice(b"date: ");
        out.extend_from_slice(stamp.date);
        out.extend_from_slice(b"\r\n");
    }
    if stamp.server && !has_server {
        out.extend_from_slice(b"server: yett\r\n");
    }
    if !stamp.request_id.is_empty() && !has_request_id {
        out.extend_from_slice(b"x-request-id: ");
        out.extend_from_slice(stamp.request_id);
        out.extend_from_slice(b"\r\n");
    }
}

/// The fields of `fields` whose names are not `unwanted`.
fn push_fields(out: &mut Vec<u8>, fields: &FieldBlock, unwanted: fn(&[u8]) -> bool) {
    for (name, value) in fields.iter().filter(|(name, _)| !unwanted(name)) {
        out.extend_from_slice(name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
}

/// Fields that frame a message or concern its connection; an interim response has none (RFC 9110 §6.4.1, §8.6).
fn is_connection_field(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 6] = [
        b"connection",
        b"content-length",
        b"keep-alive",
        b"proxy-connection",
        b"transfer-encoding",
        b"upgrade",
    ];
    NAMES.iter().any(|other| name.eq_ignore_ascii_case(other))
}
