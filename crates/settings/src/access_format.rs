//! How a line of the access log looks: a named format, or a format string with Gunicorn's atoms and some of our own.

use crate::nearest::{did_you_mean, nearest};

/// The common log format, and behind it the duration in seconds.
const COMMON: &str = r#"%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(B)s %(L)s"#;

/// The combined log format, as Apache and nginx write it.
const COMBINED: &str = r#"%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s""#;

/// The formats that have a name.
const NAMES: [&str; 4] = ["common", "combined", "json", "dev"];

/// The form of the access log's lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessFormat {
    /// One JSON object a line.
    Json,
    /// Short, for people who look on while they develop.
    Dev,
    /// These pieces, one after the other.
    Pieces(Vec<Piece>),
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// As it is.
    Text(String),
    /// Something known of the request.
    Atom(Atom),
    /// A field of the request, by its name in lower case.
    RequestHeader(String),
    /// A field of the response, by its name in lower case.
    ResponseHeader(String),
    /// A value of the `environ` or scope.
    Variable(String),
}

/// Declares [`Atom`] from one table: kind, letters, meaning.
macro_rules! atoms {
    ($($kind:ident = $letters:literal, $meaning:literal;)+) => {
        /// What can be said of a request and its response.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Atom { $(#[doc = $meaning] $kind,)+ }

        impl Atom {
            /// Every atom, with what stands between the parentheses and what it means.
            pub const ALL: &'static [(Atom, &'static str, &'static str)] =
                &[$((Atom::$kind, $letters, $meaning),)+];
        }
    };
}

atoms! {
    Host = "h", "address of the client, `-` on a unix socket";
    Identity = "l", "`-`";
    User = "u", "user of Basic authentication";
    Time = "t", "time at which the line was made, in brackets";
    RequestLine = "r", "method, target and protocol";
    Method = "m", "method";
    Path = "U", "path, percent-encoded as the client sent it, without the query";
    Query = "q", "query, without its `?`";
    Protocol = "H", "protocol, such as `HTTP/1.1`";
    Status = "s", "status of the response";
    BodyBytes = "B", "bytes of the response's body";
    BodyBytesOrDash = "b", "bytes of the response's body, `-` if there are none";
    Referer = "f", "the Referer field";
    UserAgent = "a", "the User-Agent field";
    Seconds = "T", "duration in whole seconds";
    Millis = "M", "duration in milliseconds";
    Micros = "D", "duration in microseconds";
    DecimalSeconds = "L", "duration in seconds, with six decimals";
    Process = "p", "number of the process, in angle brackets";
    QueueTime = "queue_time", "seconds from the complete request to the application's call (WSGI)";
    FirstByte = "first_byte", "seconds from the request to the head of its response";
    BytesIn = "bytes_in", "bytes of the request on the wire";
    BytesOut = "bytes_out", "bytes of the response on the wire";
    Worker = "worker", "number of the process";
    Scheme = "protocol", "protocol, such as `HTTP/1.1` (the same as `%(H)s`)";
    TlsVersion = "tls_version", "version of TLS, `-` without";
    RequestId = "request_id", "the request's id";
    Outcome = "outcome", "`answered`, `client-gone`, `timed-out`, `rejected`, `shed`, `failed` or `worker-died`";
    Reason = "reason", "why, where the outcome does not say it all";
    Traceparent = "traceparent", "the Traceparent field (W3C Trace Context)";
    Interface = "interface", "`asgi` or `wsgi`";
}

impl AccessFormat {
    /// Reads the name of a format, or a format string.
    ///
    /// # Errors
    /// One clause that says what is wrong, and what may have been meant.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "json" => Ok(Self::Json),
            "dev" => Ok(Self::Dev),
            "common" => pieces(COMMON).map(Self::Pieces),
            "combined" => pieces(COMBINED).map(Self::Pieces),
            _ if text.contains('%') => pieces(text).map(Self::Pieces),
            _ => {
                let advice = did_you_mean(nearest(text, NAMES));
                Err(format!(
                    "neither {} nor a format string, which would have a %(…)s in it{advice}",
                    NAMES.join(", ")
                ))
            }
        }
    }
}

/// Checks the value of the setting.
pub(crate) fn check(text: &str) -> Result<String, String> {
    AccessFormat::parse(text).map(|_| text.to_owned())
}

fn pieces(format: &str) -> Result<Vec<Piece>, String> {
    if format.contains(char::is_control) {
        return Err("a control character would break the lines".into());
    }
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = format;
    while let Some((before, behind)) = rest.split_once('%') {
        text.push_str(before);
        if let Some(behind) = behind.strip_prefix('%') {
            text.push('%');
            rest = behind;
            continue;
        }
        let Some(inner) = behind.strip_prefix('(') else {
            return Err("a % is followed by (, as in %(h)s; a plain one is written %%".into());
        };
        let Some((name, behind)) = inner.split_once(')') else {
            return Err(format!("the parenthesis of '%({inner}' is not closed"));
        };
        let Some(behind) = behind.strip_prefix('s') else {
            return Err(format!("'%({name})' is followed by an s: %({name})s"));
        };
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        pieces.push(piece(name)?);
        rest = behind;
    }
    text.push_str(rest);
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

/// What stands between the parentheses.
fn piece(name: &str) -> Result<Piece, String> {
    if let Some((atom, ..)) = Atom::ALL.iter().find(|(_, letters, _)| *letters == name) {
        return Ok(Piece::Atom(*atom));
    }
    if let Some(inner) = name.strip_prefix('{') {
        return match inner.rsplit_once('}') {
            Some(("", _)) => Err(format!("'%({name})s' names nothing")),
            Some((field, "i")) => Ok(Piece::RequestHeader(field.to_ascii_lowercase())),
            Some((field, "o")) => Ok(Piece::ResponseHeader(field.to_ascii_lowercase())),
            Some((variable, "e")) => Ok(Piece::Variable(variable.to_owned())),
            _ => Err(format!(
                "'%({name})s': after the braces comes i (request header), o (response header) or e (environ, scope)"
            )),
        };
    }
    // Letters are near to any other letter: advice makes sense for words only.
    let words = Atom::ALL.iter().map(|(_, letters, _)| *letters).filter(|letters| letters.len() > 1);
    let advice = if name.len() > 1 { did_you_mean(nearest(name, words)) } else { String::new() };
    Err(format!("unknown atom '%({name})s'{advice}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        AccessFormat::parse(text).unwrap_err()
    }

    #[test]
    fn a_format_string_becomes_pieces() {
        let parsed = AccessFormat::parse("100%% %(h)s|%({X-A}i)s%({ETag}o)s %({REMOTE_ADDR}e)s.").unwrap();
        let expected = [
            Piece::Text("100% ".into()),
            Piece::Atom(Atom::Host),
            Piece::Text("|".into()),
            Piece::RequestHeader("x-a".into()),
            Piece::ResponseHeader("etag".into()),
            Piece::Text(" ".into()),
            Piece::Variable("REMOTE_ADDR".into()),
            Piece::Text(".".into()),
        ];
        assert_eq!(parsed, AccessFormat::Pieces(expected.into()));
    }

    #[test]
    fn every_atom_and_every_name_is_known() {
        for (atom, letters, meaning) in Atom::ALL {
            let parsed = AccessFormat::parse(&format!("%({letters})s")).unwrap();
            assert_eq!(parsed, AccessFormat::Pieces(vec![Piece::Atom(*atom)]));
            assert!(!meaning.is_empty());
        }
        for name in NAMES {
            assert!(AccessFormat::parse(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(
            refused("combind"),
            "neither common, combined, json, dev nor a format string, which would have a %(…)s in it (did you mean \
             'combined'?)"
        );
        assert_eq!(refused("%(request_di)s"), "unknown atom '%(request_di)s' (did you mean 'request_id'?)");
        assert_eq!(refused("%(z)s"), "unknown atom '%(z)s'");
        assert_eq!(refused("%(h"), "the parenthesis of '%(h' is not closed");
        assert_eq!(refused("%(h)d"), "'%(h)' is followed by an s: %(h)s");
        assert_eq!(refused("%h"), "a % is followed by (, as in %(h)s; a plain one is written %%");
        assert!(refused("%({x}y)s").contains("i (request header)"));
        assert_eq!(refused("%({}i)s"), "'%({}i)s' names nothing");
        assert!(refused("%(h)s\n").contains("control character"));
        assert!(refused("").starts_with("neither common"));
    }
}
