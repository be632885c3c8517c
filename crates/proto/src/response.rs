//! A response head as the application gave it, checked. Framing, Date, Server and Connection are the protocol's.

use crate::error::ResponseError;
use crate::headers::{FieldBlock, is_field_value, list_elements, parse_decimal, trim_ows};

/// A final response head. Reusable: [`reset`](Self::reset) keeps the memory.
#[derive(Default, Clone, Debug)]
pub struct ResponseHead {
    status: u16,
    /// The application's own words behind the status code; empty for the registered ones.
    reason: Vec<u8>,
    fields: FieldBlock,
    content_length: Option<u64>,
    pub(crate) trailers: bool,
    /// The application asked for the end of the connection.
    pub(crate) close: bool,
    /// The application said `Connection: upgrade` (426 needs it).
    connection_upgrade: bool,
    has_upgrade: bool,
    pub(crate) has_date: bool,
    pub(crate) has_server: bool,
    pub(crate) has_request_id: bool,
}

impl ResponseHead {
    /// An empty head; allocates nothing. Call [`reset`](Self::reset) before use.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a new head with `status`.
    ///
    /// Error: [`ResponseError::BadStatus`] outside of 200..=599. Interim responses (1xx) do not end a request, and
    /// classes above 5 do not exist (RFC 9110 §15).
    pub fn reset(&mut self, status: u16) -> Result<(), ResponseError> {
        if !(200..=599).contains(&status) {
            return Err(ResponseError::BadStatus(u32::from(status)));
        }
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = ResponseHead { status, fields, ..Self::default() };
        Ok(())
    }

    /// Gives the reason phrase, where it is not the registered one: for gateways whose applications choose it
    /// (PEP 3333). It means nothing to the protocol (RFC 9112 §4).
    ///
    /// Error: [`ResponseError::BadReason`] if it holds a control character.
    pub fn set_reason(&mut self, reason: &[u8]) -> Result<(), ResponseError> {
        if !is_field_value(reason) {
            return Err(ResponseError::BadReason);
        }
        self.reason.clear();
        if reason != reason_phrase(self.status).as_bytes() {
            self.reason.extend_from_slice(reason);
        }
        Ok(())
    }

    /// Adds a field. White space around the value is left out.
    ///
    /// Content-Length is kept aside, as it decides the framing. Transfer-Encoding, Keep-Alive and Proxy-Connection are
    /// dropped, and of Connection only `close` and, for a response with an Upgrade field, `upgrade` are kept: they are
    /// about the connection, which is not the application's.
    ///
    /// Errors name the field; the head is to be thrown away then.
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), ResponseError> {
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"date") => self.has_date = true,
            6 if name.eq_ignore_ascii_case(b"server") => self.has_server = true,
            7 if name.eq_ignore_ascii_case(b"upgrade") => self.has_upgrade = true,
            10 if name.eq_ignore_ascii_case(b"connection") => {
                self.note_connection(value);
                return check_unsent(name, value);
            }
            12 if name.eq_ignore_ascii_case(b"x-request-id") => self.has_request_id = true,
            10 if name.eq_ignore_ascii_case(b"keep-alive") => return check_unsent(name, value),
            14 if name.eq_ignore_ascii_case(b"content-length") => return self.note_content_length(value),
            16 if name.eq_ignore_ascii_case(b"proxy-connection") => return check_unsent(name, value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => return check_unsent(name, value),
            _ => {}
        }
        self.fields.push(name, value)
    }

    fn note_connection(&mut self, value: &[u8]) {
        for option in list_elements(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.connection_upgrade |= option.eq_ignore_ascii_case(b"upgrade");
        }
    }

    fn note_content_length(&mut self, value: &[u8]) -> Result<(), ResponseError> {
        let Some(length) = parse_decimal(trim_ows(value)) else {
            return Err(ResponseError::BadContentLength { value: value.to_vec() });
        };
        if self.content_length.is_some_and(|other| other != length) {
            return Err(ResponseError::ConflictingContentLength);
        }
        self.content_length = Some(length);
        Ok(())
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The reason phrase: the application's, else the registered one.
    pub fn reason(&self) -> &[u8] {
        if self.reason.is_empty() { reason_phrase(self.status).as_bytes() } else { &self.reason }
    }

    /// The Content-Length that the application gave.
    pub fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// Says that trailers follow the content. They need chunked coding, which is then preferred to any Content-Length,
    /// if the client speaks 1.1 and accepts trailers; otherwise they are not sent.
    pub fn set_trailers(&mut self, trailers: bool) {
        self.trailers = trailers;
    }

    /// The fields in wire form, without those that are the protocol's.
    pub fn fields(&self) -> &FieldBlock {
        &self.fields
    }

    /// True if the response is to say `Connection: upgrade`.
    pub(crate) fn offers_upgrade(&self) -> bool {
        self.connection_upgrade && self.has_upgrade
    }
}

/// Checks a field that is not sent: the application should hear of its faults all the same.
fn check_unsent(name: &[u8], value: &[u8]) -> Result<(), ResponseError> {
    if is_field_value(value) { Ok(()) } else { Err(ResponseError::BadValue { name: name.to_vec() }) }
}

/// The reason phrase of a status code as registered with IANA; empty for others (the phrase may be, RFC 9112 §4).
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        104 => "Upload Resumption Supported",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        418 => "I'm a teapot",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        510 => "Not Extended",
        511 => "Network Authentication Required",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn head(fields: &[(&str, &str)]) -> Result<ResponseHead, ResponseError> {
        let mut head = ResponseHead::new();
        head.reset(200)?;
        for (name, value) in fields {
            head.push(name.as_bytes(), value.as_bytes())?;
        }
        Ok(head)
    }

    #[test]
    fn only_final_statuses() {
        let mut head = ResponseHead::new();
        for status in [0, 99, 100, 101, 103, 199, 600, 999, u16::MAX] {
            assert_eq!(head.reset(status), Err(ResponseError::BadStatus(u32::from(status))));
        }
        for status in [200, 299, 404, 599] {
            head.reset(status).unwrap();
            assert_eq!(head.status(), status);
        }
    }

    #[test]
    fn content_length_is_kept_aside_and_checked() {
        let checked = head(&[("Content-Length", " 12 "), ("content-length", "12")]).unwrap();
        assert_eq!(checked.content_length(), Some(12));
        assert!(checked.fields().is_empty());
        for bad in ["", "-1", "+1", "1,1", "0x1", "99999999999999999999", "1\r\nx: y"] {
            let expected = ResponseError::BadContentLength { value: bad.as_bytes().to_vec() };
            assert_eq!(head(&[("content-length", bad)]).unwrap_err(), expected);
        }
        let conflict = head(&[("content-length", "1"), ("content-length", "2")]).unwrap_err();
        assert_eq!(conflict, ResponseError::ConflictingContentLength);
    }

    #[test]
    fn fields_of_the_connection_are_dropped() {
        let dropped = head(&[
            ("Transfer-Encoding", "chunked"),
            ("Keep-Alive", "timeout=5"),
            ("Proxy-Connection", "keep-alive"),
            ("Connection", "keep-alive, x-hop"),
            ("x-kept", "1"),
        ]);
        let dropped = dropped.unwrap();
        assert_eq!(dropped.fields().as_bytes(), b"x-kept: 1\r\n");
        assert!(!dropped.close && !dropped.offers_upgrade());
    }

    #[test]
    fn connection_close_and_upgrade_are_understood() {
        assert!(head(&[("connection", "x, Close")]).unwrap().close);
        assert!(head(&[("connection", "upgrade"), ("upgrade", "h2c")]).unwrap().offers_upgrade());
        assert!(!head(&[("connection", "upgrade")]).unwrap().offers_upgrade());
        assert!(!head(&[("upgrade", "h2c")]).unwrap().offers_upgrade());
    }

    #[test]
    fn control_characters_are_refused_in_every_field_sent_or_not() {
        for name in
            ["x", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "date", "server"]
        {
            let error = head(&[(name, "a\r\nb: c")]).unwrap_err();
            assert_eq!(error, ResponseError::BadValue { name: name.as_bytes().to_vec() });
        }
        assert_eq!(head(&[("a b", "")]).unwrap_err(), ResponseError::BadName { name: b"a b".to_vec() });
    }

    #[test]
    fn reset_forgets_everything() {
        let mut used =
            head(&[("date", "x"), ("server", "x"), ("connection", "close"), ("content-length", "1")])
                .unwrap();
        assert!(used.has_date && used.has_server);
        used.set_trailers(true);
        used.reset(204).unwrap();
        assert_eq!((used.status(), used.content_length(), used.fields().len()), (204, None, 0));
        assert!(!used.has_date && !used.has_server && !used.close && !used.trailers);
    }

    #[test]
    fn an_own_reason_replaces_the_registered_one_until_reset() {
        let mut head = ResponseHead::new();
        head.reset(404).unwrap();
        assert_eq!(head.reason(), b"Not Found");
        head.set_reason(b"No such p\xe4ge").unwrap();
        assert_eq!(head.reason(), b"No such p\xe4ge");
        assert_eq!(head.set_reason(b"a\r\nx: y"), Err(ResponseError::BadReason));
        head.reset(299).unwrap();
        assert_eq!(head.reason(), b"");
    }

    #[test]
    fn reason_phrases() {
        assert_eq!((reason_phrase(200), reason_phrase(431)), ("OK", "Request Header Fields Too Large"));
        assert_eq!(reason_phrase(299), "");
    }
}
