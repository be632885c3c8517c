//! What peers and applications got wrong. One place maps each kind of error to its status and its sentence.

use std::error::Error;
use std::fmt;

/// Declares [`RequestError`] from one table: kind, status, sentence.
macro_rules! request_errors {
    ($($(#[$doc:meta])* $kind:ident = $status:literal, $reason:literal;)+) => {
        /// Why a request was refused. The peer is the culprit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum RequestError {
            $($(#[$doc])* $kind,)+
        }

        impl RequestError {
            /// Every kind there is, for tests and documentation.
            pub const ALL: &'static [RequestError] = &[$(RequestError::$kind,)+];

            /// The status code that answers it (400 to 599).
            pub fn status(self) -> u16 {
                match self { $(RequestError::$kind => $status,)+ }
            }

            /// One plain sentence for the body of the answer and for the log. Holds nothing that the peer sent.
            pub fn reason(self) -> &'static str {
                match self { $(RequestError::$kind => $reason,)+ }
            }
        }
    };
}

request_errors! {
    /// A line ends with LF alone (RFC 9112 §2.2 lets a server accept it; strict parsing does not).
    BareLf = 400, "A line ends with a bare LF instead of CRLF.";
    /// CR that is not followed by LF (RFC 9112 §2.2).
    BareCr = 400, "A CR is not followed by LF.";
    /// The request line is not `method SP target SP version` (RFC 9112 §3).
    BadRequestLine = 400, "The request line is malformed.";
    /// The method is not a token (RFC 9110 §9.1), or what came is not HTTP at all.
    BadMethod = 400, "The method is not a token.";
    /// The request target has none of the allowed forms or a character it may not have (RFC 9112 §3.2).
    BadTarget = 400, "The request target is malformed.";
    /// The authority of an absolute-form target is malformed, empty or has userinfo (RFC 9110 §4.2.4).
    BadAuthority = 400, "The authority in the request target is malformed.";
    /// The version is not `HTTP/` DIGIT `.` DIGIT (RFC 9112 §2.3).
    BadVersion = 400, "The protocol version is malformed.";
    /// Line folding, or white space before the first field (RFC 9112 §5.2, §2.2).
    ObsFold = 400, "A header line starts with white space.";
    /// White space between field name and colon (RFC 9112 §5.1).
    SpaceBeforeColon = 400, "There is white space between a header name and its colon.";
    /// A field line without a colon.
    MissingColon = 400, "A header line has no colon.";
    /// A field name that is not a token (RFC 9110 §5.1).
    BadFieldName = 400, "A header name is not a token.";
    /// A control character in a field value (RFC 9110 §5.5).
    BadFieldValue = 400, "A header value has a control character.";
    /// No Host on HTTP/1.1 (RFC 9112 §3.2).
    MissingHost = 400, "The Host header is missing.";
    /// More than one Host (RFC 9112 §3.2).
    RepeatedHost = 400, "There is more than one Host header.";
    /// Host is not `host [":" port]` (RFC 9112 §3.2).
    BadHost = 400, "The Host header is malformed.";
    /// Content-Length is not 1*DIGIT, or too large to count (RFC 9112 §6.3).
    BadContentLength = 400, "The Content-Length header is not a valid number.";
    /// Content-Length fields that differ (RFC 9112 §6.3).
    ConflictingContentLength = 400, "There are Content-Length headers that differ.";
    /// Content-Length together with Transfer-Encoding (RFC 9112 §6.1).
    LengthAndCoding = 400, "Content-Length and Transfer-Encoding exclude each other.";
    /// Transfer-Encoding on HTTP/1.0 (RFC 9112 §6.1).
    CodingOnHttp10 = 400, "Transfer-Encoding is not part of HTTP/1.0.";
    /// Transfer-Encoding that is no list of codings, or has chunked anywhere but once at its end (RFC 9112 §6.1).
    BadTransferCoding = 400, "The Transfer-Encoding header is malformed.";
    /// A chunk-size line with a bad size (RFC 9112 §7.1).
    BadChunkSize = 400, "A chunk size is malformed.";
    /// A malformed chunk extension (RFC 9112 §7.1.1).
    BadChunkExtension = 400, "A chunk extension is malformed.";
    /// A chunk-size line over its limit, or a body that is mostly extensions.
    ChunkLineTooLong = 400, "A chunk-size line is too long.";
    /// A chunk's data is not followed by CRLF (RFC 9112 §7.1).
    BadChunkEnd = 400, "The data of a chunk is not followed by CRLF.";
    /// What came first on a connection that has to begin with a PROXY protocol header is none.
    MissingProxyHeader = 400, "The PROXY protocol header is missing.";
    /// A PROXY protocol header that does not follow its specification, or was cut off.
    BadProxyHeader = 400, "The PROXY protocol header is malformed.";
    /// A PROXY protocol header beyond what is allowed: 107 bytes in version 1, 4 KiB in version 2.
    ProxyHeaderTooLong = 400, "The PROXY protocol header is too long.";
    /// The peer ended the connection inside a head.
    EarlyEndOfHead = 400, "The request ended inside its head.";
    /// The peer ended the connection inside a body (RFC 9112 §8).
    EarlyEndOfBody = 400, "The request ended inside its body.";
    /// The head did not arrive in time.
    HeadTimeout = 408, "The request head did not arrive in time.";
    /// The body stopped arriving.
    BodyTimeout = 408, "The request body did not arrive in time.";
    /// Content above the limit.
    BodyTooLarge = 413, "The request body is too large.";
    /// Request line above the limit.
    RequestLineTooLong = 414, "The request line is too long.";
    /// An expectation other than 100-continue (RFC 9110 §10.1.1).
    UnknownExpectation = 417, "The only expectation supported is 100-continue.";
    /// One field line above the limit.
    FieldTooLarge = 431, "A header line is too long.";
    /// The head above the limit.
    HeadTooLarge = 431, "The request head is too large.";
    /// More field lines than the limit.
    TooManyFields = 431, "There are too many header lines.";
    /// The trailer section above the limit.
    TrailersTooLarge = 431, "The trailer section is too large.";
    /// CONNECT: this is not a proxy (RFC 9110 §9.3.6).
    ConnectUnsupported = 501, "CONNECT is not supported.";
    /// A method longer than any in use (RFC 9112 §3).
    MethodTooLong = 501, "The method is too long to be supported.";
    /// A transfer coding other than chunked (RFC 9112 §6.1).
    UnknownTransferCoding = 501, "The only transfer coding supported is chunked.";
    /// A well-formed version other than 1.0 and 1.1.
    UnsupportedVersion = 505, "The only versions supported are HTTP/1.0 and HTTP/1.1.";
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl Error for RequestError {}

/// What the application got wrong in a response head or a trailer. The application is the culprit; the
/// peer is answered with 500, or the connection is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseError {
    /// Not a final status code: 200 to 599 (RFC 9110 §15).
    BadStatus(u32),
    /// A reason phrase with a control character (RFC 9112 §4).
    BadReason,
    /// A field name that is not a token (RFC 9110 §5.1).
    BadName {
        /// The name as the application gave it.
        name: Vec<u8>,
    },
    /// A field value with a control character: CR, LF and NUL among them (RFC 9110 §5.5).
    BadValue {
        /// The field's name. The value stays out of it: it may be a secret.
        name: Vec<u8>,
    },
    /// A Content-Length that is not 1*DIGIT or is too large to count.
    BadContentLength {
        /// The value as the application gave it.
        value: Vec<u8>,
    },
    /// Two Content-Length fields that differ.
    ConflictingContentLength,
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResponseError::BadStatus(status) => {
                write!(f, "response status {status} is not a final status code (200 to 599)")
            }
            ResponseError::BadReason => f.write_str("the reason phrase has a control character"),
            ResponseError::BadName { name } => {
                write!(f, "response header name \"{}\" is not a token", Escaped(name))
            }
            ResponseError::BadValue { name } => {
                write!(f, "the value of response header \"{}\" has a control character", Escaped(name))
            }
            ResponseError::BadContentLength { value } => {
                write!(f, "response Content-Length \"{}\" is not a valid number", Escaped(value))
            }
            ResponseError::ConflictingContentLength => {
                f.write_str("the response has Content-Length headers that differ")
            }
        }
    }
}

impl Error for ResponseError {}

/// Bytes from elsewhere, made safe for one line of a log: printable ASCII stays, the rest is escaped, and
/// what is longer than a log line wants is cut.
struct Escaped<'a>(&'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Enough to recognise a header by; a log line is not the place for more.
        const SHOWN: usize = 100;
        let shown = &self.0[..self.0.len().min(SHOWN)];
        write!(f, "{}", shown.escape_ascii())?;
        if self.0.len() > SHOWN { f.write_str("…") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_error_has_an_error_status_and_a_sentence() {
        for error in RequestError::ALL {
            assert!((400..=599).contains(&error.status()), "{error:?}");
            assert!(error.reason().ends_with('.') && error.reason().len() > 10, "{error:?}");
            assert_eq!(error.to_string(), error.reason());
        }
    }

    #[test]
    fn limits_have_their_statuses() {
        let statuses = [
            (RequestError::RequestLineTooLong, 414),
            (RequestError::FieldTooLarge, 431),
            (RequestError::HeadTooLarge, 431),
            (RequestError::TooManyFields, 431),
            (RequestError::TrailersTooLarge, 431),
            (RequestError::BodyTooLarge, 413),
            (RequestError::HeadTimeout, 408),
            (RequestError::BodyTimeout, 408),
        ];
        for (error, status) in statuses {
            assert_eq!(error.status(), status, "{error:?}");
        }
    }

    #[test]
    fn response_errors_name_the_header_and_never_carry_control_characters() {
        let error = ResponseError::BadName { name: b"x\r\nset-cookie".to_vec() };
        assert_eq!(error.to_string(), r#"response header name "x\r\nset-cookie" is not a token"#);
        let error = ResponseError::BadContentLength { value: b"\x00\x1b[31m\xff".to_vec() };
        assert!(error.to_string().is_ascii() && !error.to_string().contains(char::is_control), "{error}");
        assert!(ResponseError::BadValue { name: b"x-token".to_vec() }.to_string().contains("x-token"));
        assert!(ResponseError::BadStatus(99).to_string().contains("99"));
        assert!(ResponseError::ConflictingContentLength.to_string().contains("Content-Length"));
    }

    #[test]
    fn a_very_long_name_is_cut() {
        let shown = ResponseError::BadName { name: vec![b' '; 5000] }.to_string();
        assert!(shown.len() < 200 && shown.contains('…'), "{shown}");
    }
}
