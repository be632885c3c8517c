//! What the fields of a request head say about its body and its connection: Host, Content-Length, Transfer-Encoding,
//! Expect, Connection, TE, Upgrade.

use crate::error::RequestError;
use crate::gateway::forwarded::is_forwarding;
use crate::headers::{is_token, list_elements, parse_decimal};
use crate::limits::Limits;
use crate::request::{BodyLength, HeadSpans, Version};
use crate::target::is_authority;

/// The content's length as Content-Length gave it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Length {
    #[default]
    Absent,
    Known(u64),
    Bad(RequestError),
}

/// The content's coding as Transfer-Encoding gave it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Coding {
    #[default]
    Absent,
    Chunked,
    Bad(RequestError),
}

/// Significant fields, collected while the lines are parsed and judged together after the last of them.
#[derive(Debug, Default)]
pub(super) struct Significant<'a> {
    /// Index and value of the first Host.
    host: Option<(usize, &'a [u8])>,
    host_repeated: bool,
    length: Length,
    coding: Coding,
    expects_continue: bool,
    expects_other: bool,
    close: bool,
    keep_alive: bool,
    connection_upgrade: bool,
    accepts_trailers: bool,
    /// There is a field of the kind that proxies write.
    forwarding: bool,
    /// Index of the first Upgrade.
    upgrade: Option<usize>,
}

impl<'a> Significant<'a> {
    /// Takes note of the field with this index, if it is one of the significant ones. The length of the name sorts
    /// out nearly all others.
    #[inline]
    pub(super) fn note(&mut self, name: &'a [u8], value: &'a [u8], index: usize) {
        match name.len() {
            2 if is_name(name, b"te") => self.note_te(value),
            4 if is_name(name, b"host") => {
                self.host_repeated |= self.host.is_some();
                self.host.get_or_insert((index, value));
            }
            6 if is_name(name, b"expect") => {
                let known = value.eq_ignore_ascii_case(b"100-continue");
                self.expects_continue |= known;
                self.expects_other |= !known;
            }
            7 if is_name(name, b"upgrade") => {
                self.upgrade.get_or_insert(index);
            }
            10 if is_name(name, b"connection") => self.note_connection(value),
            14 if is_name(name, b"content-length") => self.note_length(value),
            17 if is_name(name, b"transfer-encoding") => self.note_coding(value),
            9.. if matches!(name[0] | 0x20, b'x' | b'f') => self.forwarding |= is_forwarding(name),
            _ => {}
        }
    }

    /// `trailers` among the elements of TE (RFC 9110 §10.1.4).
    fn note_te(&mut self, value: &[u8]) {
        self.accepts_trailers |=
            list_elements(value).any(|element| element.eq_ignore_ascii_case(b"trailers"));
    }

    /// Connection options (RFC 9110 §7.6.1). Unknown ones are no concern of an origin server.
    fn note_connection(&mut self, value: &[u8]) {
        for option in list_elements(value) {
            match option.len() {
                5 => self.close |= option.eq_ignore_ascii_case(b"close"),
                7 => self.connection_upgrade |= option.eq_ignore_ascii_case(b"upgrade"),
                10 => self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive"),
                _ => {}
            }
        }
    }

    /// Equal repetitions are tolerated (RFC 9110 §8.6), a list in one field is not: no client sends it.
    fn note_length(&mut self, value: &[u8]) {
        self.length = match (self.length, parse_decimal(value)) {
            (Length::Bad(error), _) => Length::Bad(error),
            (_, None) => Length::Bad(RequestError::BadContentLength),
            (Length::Known(first), Some(length)) if first != length => {
                Length::Bad(RequestError::ConflictingContentLength)
            }
            (_, Some(length)) => Length::Known(length),
        };
    }

    fn note_coding(&mut self, value: &[u8]) {
        self.coding = match (self.coding, transfer_coding(value)) {
            (Coding::Bad(error), _) => Coding::Bad(error),
            // Repeated fields are one list, in which chunked may stand only once and last (RFC 9112 §6.1).
            (Coding::Chunked, _) => Coding::Bad(RequestError::BadTransferCoding),
            (_, coding) => coding,
        };
    }

    /// Judges the fields together and completes `spans`, whose request line and fields are filled in. True if the
    /// client lets the connection live on after this request (RFC 9112 §9.3).
    pub(super) fn decide(
        &self,
        version: Version,
        limits: &Limits,
        spans: &mut HeadSpans,
    ) -> Result<bool, RequestError> {
        self.decide_host(version, spans)?;
        spans.body = self.decide_body(version, limits)?;
        let is_11 = version == Version::Http11;
        // HTTP/1.0 has no expectations (RFC 9110 §10.1.1).
        if self.expects_other && is_11 {
            return Err(RequestError::UnknownExpectation);
        }
        spans.expects_continue = self.expects_continue && is_11 && spans.body != BodyLength::None;
        spans.accepts_trailers = self.accepts_trailers && is_11;
        spans.forwarding = self.forwarding;
        spans.upgrade = match self.upgrade {
            Some(index) if self.connection_upgrade && is_11 => {
                spans.fields.get(index).map(|field| field.value)
            }
            _ => None,
        };
        Ok(!self.close && (is_11 || self.keep_alive))
    }

    /// Exactly one valid Host on 1.1, at most one on 1.0 (RFC 9112 §3.2). The value may be empty: clients send it so
    /// when they know no authority. An absolute-form target's authority takes its place (§3.2.2).
    fn decide_host(&self, version: Version, spans: &mut HeadSpans) -> Result<(), RequestError> {
        if self.host_repeated {
            return Err(RequestError::RepeatedHost);
        }
        spans.rewrites_host = false;
        let Some((index, value)) = self.host else {
            return if version == Version::Http11 { Err(RequestError::MissingHost) } else { Ok(()) };
        };
        if !value.is_empty() && !is_authority(value) {
            return Err(RequestError::BadHost);
        }
        if let Some(field) = spans.fields.get_mut(index) {
            match spans.authority {
                Some(authority) => {
                    field.value = authority;
                    spans.rewrites_host = true;
                }
                None => spans.authority = Some(field.value),
            }
        }
        Ok(())
    }

    /// RFC 9112 §6.3, and stricter: Content-Length and Transfer-Encoding together are refused.
    fn decide_body(&self, version: Version, limits: &Limits) -> Result<BodyLength, RequestError> {
        if self.coding != Coding::Absent {
            if version == Version::Http10 {
                return Err(RequestError::CodingOnHttp10);
            }
            if self.length != Length::Absent {
                return Err(RequestError::LengthAndCoding);
            }
        }
        match (self.coding, self.length) {
            (Coding::Bad(error), _) | (_, Length::Bad(error)) => Err(error),
            (Coding::Chunked, _) => Ok(BodyLength::Chunked),
            (Coding::Absent, Length::Absent | Length::Known(0)) => Ok(BodyLength::None),
            (Coding::Absent, Length::Known(length)) if length > limits.body => {
                Err(RequestError::BodyTooLarge)
            }
            (Coding::Absent, Length::Known(length)) => Ok(BodyLength::Length(length)),
        }
    }
}

/// True if `name` is `known`, which is in lower case and of the same length. Most other names of that length differ in
/// their first letter, which is cheaper to see than a whole comparison.
#[inline]
fn is_name(name: &[u8], known: &[u8]) -> bool {
    name.first().map(|b| b | 0x20) == known.first().copied() && name.eq_ignore_ascii_case(known)
}

/// One Transfer-Encoding field. Only `chunked` alone is supported; another list of codings is either not implemented
/// or, where chunked stands at a wrong place or the list is none, malformed.
fn transfer_coding(value: &[u8]) -> Coding {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Coding::Chunked;
    }
    let elements = || value.split(|&b| b == b',').map(crate::headers::trim_ows);
    let chunked = elements().filter(|element| element.eq_ignore_ascii_case(b"chunked")).count();
    let chunked_is_last = elements().next_back().is_some_and(|last| last.eq_ignore_ascii_case(b"chunked"));
    if !elements().all(is_token) || chunked > 1 || (chunked == 1 && !chunked_is_last) {
        return Coding::Bad(RequestError::BadTransferCoding);
    }
    Coding::Bad(RequestError::UnknownTransferCoding)
}
