//! The access log: one line for each request.

use std::cell::RefCell;
use std::sync::Arc;

use yett_settings::{AccessFormat, Atom, LogLevel, Piece};

use crate::clock::{self, Second, Wall};
use crate::escape;
use crate::log::Log;
use crate::needs::Needs;
use crate::record::{Client, Interface, Outcome, Record};

/// A form of lines, ready to be used.
#[derive(Clone, Debug)]
pub struct Form {
    format: AccessFormat,
    needs: Needs,
    coloured: bool,
    process: u32,
}

/// When a line is made.
struct Now<'a> {
    second: &'a Second,
    /// Of the wall clock, within the second.
    micros: u32,
    /// Of the monotonic clock.
    monotonic: u64,
}

/// An access log. Any thread may write, and none waits for a write.
#[derive(Debug)]
pub struct AccessLog {
    form: Form,
    log: Arc<Log>,
}

/// What pages ask for that `yett dev` has added to: of no interest to whoever develops them.
const OWN_PATHS: &[u8] = b"/__yett__/";

thread_local! {
    /// Where this thread makes its lines, and the time as it was last written.
    static SCRATCH: RefCell<(Vec<u8>, Second, Wall)> = RefCell::default();
}

impl AccessLog {
    /// Lines of `format` to `log`.
    #[must_use]
    pub fn new(format: AccessFormat, log: Arc<Log>) -> Self {
        let coloured = log.is_coloured();
        Self { form: Form::new(format, coloured), log }
    }

    /// What of a request is to be gathered.
    #[must_use]
    pub fn needs(&self) -> &Needs {
        &self.form.needs
    }

    /// Adds the line of a request that is over.
    pub fn write(&self, record: &Record) {
        if self.form.format == AccessFormat::Dev && record.path().starts_with(OWN_PATHS) {
            return;
        }
        SCRATCH.with_borrow_mut(|(line, second, wall)| {
            line.clear();
            let monotonic = clock::micros();
            let (seconds, micros) = wall.at(monotonic);
            second.set(seconds);
            self.form.render(line, record, &Now { second, micros, monotonic });
            line.push(b'\n');
            self.log.push(LogLevel::Info, line);
            // A line of 64 KiB should not be remembered by each thread.
            line.shrink_to(16 * 1024);
        });
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.log.close();
    }
}

impl Form {
    /// `coloured`: on a terminal; concerns `dev` only.
    #[must_use]
    pub fn new(format: AccessFormat, coloured: bool) -> Self {
        Self { needs: Needs::of(&format), format, coloured, process: std::process::id() }
    }

    /// What of a request is to be gathered.
    #[must_use]
    pub fn needs(&self) -> &Needs {
        &self.needs
    }

    /// The line of a request at this moment, without its end: for tests.
    #[must_use]
    pub fn line(&self, record: &Record) -> Vec<u8> {
        let (seconds, micros) = clock::wall();
        let mut second = Second::default();
        second.set(seconds);
        let mut line = Vec::new();
        self.render(&mut line, record, &Now { second: &second, micros, monotonic: clock::micros() });
        line
    }

    fn render(&self, out: &mut Vec<u8>, record: &Record, now: &Now<'_>) {
        match &self.format {
            AccessFormat::Json => self.json(out, record, now),
            AccessFormat::Dev => self.dev(out, record, now),
            AccessFormat::Pieces(pieces) => self.pieces(out, pieces, record, now),
        }
    }

    // ---- pieces ----

    fn pieces(&self, out: &mut Vec<u8>, pieces: &[Piece], record: &Record, now: &Now<'_>) {
        let (mut request, mut response, mut variable) = (0, 0, 0);
        let next = |place: &mut usize| {
            *place += 1;
            *place - 1
        };
        for piece in pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Atom(atom) => self.atom(out, *atom, record, now),
                Piece::RequestHeader(_) => text_or_dash(out, record.request_header(next(&mut request))),
                Piece::ResponseHeader(_) => text_or_dash(out, record.response_header(next(&mut response))),
                Piece::Variable(_) => text_or_dash(out, record.variable(next(&mut variable))),
            }
        }
    }

    fn atom(&self, out: &mut Vec<u8>, atom: Atom, record: &Record, now: &Now<'_>) {
        let micros = record.duration(now.monotonic);
        match atom {
            Atom::Host => client(out, &record.client),
            Atom::Identity | Atom::TlsVersion => out.push(b'-'),
            Atom::User if record.user().is_empty() => out.push(b'-'),
            Atom::User => escape::word(out, record.user()),
            Atom::Time => {
                out.push(b'[');
                out.extend_from_slice(now.second.common().as_bytes());
                out.push(b']');
            }
            Atom::RequestLine if !record.is_understood() => out.push(b'-'),
            Atom::RequestLine => {
                escape::text(out, record.method());
                out.push(b' ');
                escape::text(out, record.target());
                out.push(b' ');
                out.extend_from_slice(record.protocol().as_bytes());
            }
            Atom::Method => text_or_dash(out, record.method()),
            Atom::Path => text_or_dash(out, record.path()),
            // A request without a query has an empty one, as Gunicorn shows it.
            Atom::Query => escape::text(out, record.query()),
            Atom::Protocol | Atom::Scheme if !record.is_understood() => out.push(b'-'),
            Atom::Protocol | Atom::Scheme => out.extend_from_slice(record.protocol().as_bytes()),
            Atom::Status => escape::decimal(out, u64::from(record.status)),
            Atom::BodyBytesOrDash if record.body_bytes == 0 => out.push(b'-'),
            Atom::BodyBytes | Atom::BodyBytesOrDash => escape::decimal(out, record.body_bytes),
            Atom::Referer => text_or_dash(out, record.referer()),
            Atom::UserAgent => text_or_dash(out, record.user_agent()),
            Atom::Seconds => escape::decimal(out, micros / 1_000_000),
            Atom::Millis => escape::decimal(out, micros / 1000),
            Atom::Micros => escape::decimal(out, micros),
            Atom::DecimalSeconds => escape::seconds(out, micros),
            Atom::Process => {
                out.push(b'<');
                escape::decimal(out, u64::from(self.process));
                out.push(b'>');
            }
            Atom::Worker => escape::decimal(out, u64::from(self.process)),
            Atom::QueueTime => seconds_or_dash(out, record.queue_time()),
            Atom::FirstByte => seconds_or_dash(out, record.time_to_first_byte()),
            Atom::BytesIn => escape::decimal(out, record.bytes_in),
            Atom::BytesOut => escape::decimal(out, record.bytes_out),
            Atom::RequestId => text_or_dash(out, record.request_id.bytes()),
            Atom::Outcome => out.extend_from_slice(outcome(record).as_str().as_bytes()),
            Atom::Reason => text_or_dash(out, record.reason.as_bytes()),
            Atom::Traceparent => text_or_dash(out, record.traceparent()),
            Atom::Interface => out.extend_from_slice(interface(record.interface).unwrap_or("-").as_bytes()),
        }
    }

    // ---- JSON ----

    fn json(&self, out: &mut Vec<u8>, record: &Record, now: &Now<'_>) {
        out.extend_from_slice(b"{\"time\":\"");
        out.extend_from_slice(now.second.iso().as_bytes());
        out.push(b'.');
        escape::six_digits(out, u64::from(now.micros));
        out.extend_from_slice(b"Z\",\"client\":\"");
        client(out, &record.client);
        out.push(b'"');
        if record.is_understood() {
            json_text(out, b",\"method\":", record.method());
            json_text(out, b",\"path\":", record.path());
            if !record.query().is_empty() {
                json_text(out, b",\"query\":", record.query());
            }
            out.extend_from_slice(b",\"protocol\":\"");
            out.extend_from_slice(record.protocol().as_bytes());
            out.push(b'"');
        }
        json_number(out, b",\"status\":", u64::from(record.status));
        out.extend_from_slice(b",\"outcome\":\"");
        out.extend_from_slice(outcome(record).as_str().as_bytes());
        out.extend_from_slice(b"\",\"duration\":");
        escape::seconds(out, record.duration(now.monotonic));
        if let Some(micros) = record.queue_time() {
            out.extend_from_slice(b",\"queue_time\":");
            escape::seconds(out, micros);
        }
        if let Some(micros) = record.time_to_first_byte() {
            out.extend_from_slice(b",\"first_byte\":");
            escape::seconds(out, micros);
        }
        json_number(out, b",\"bytes_in\":", record.bytes_in);
        json_number(out, b",\"bytes_out\":", record.bytes_out);
        json_number(out, b",\"body_bytes\":", record.body_bytes);
        for (name, value) in [
            (&b",\"reason\":"[..], record.reason.as_bytes()),
            (b",\"user\":", record.user()),
            (b",\"referer\":", record.referer()),
            (b",\"user_agent\":", record.user_agent()),
            (b",\"request_id\":", record.request_id.bytes()),
            (b",\"traceparent\":", record.traceparent()),
        ] {
            if !value.is_empty() {
                json_text(out, name, value);
            }
        }
        if let Some(interface) = interface(record.interface) {
            out.extend_from_slice(b",\"interface\":\"");
            out.extend_from_slice(interface.as_bytes());
            out.push(b'"');
        }
        json_number(out, b",\"worker\":", u64::from(self.process));
        out.push(b'}');
    }

    // ---- for people ----

    fn dev(&self, out: &mut Vec<u8>, record: &Record, now: &Now<'_>) {
        out.extend_from_slice(now.second.of_day().as_bytes());
        out.push(b' ');
        if record.is_understood() {
            escape::text(out, record.method());
            out.push(b' ');
            escape::text(out, record.path());
        } else {
            out.push(b'-');
        }
        out.push(b' ');
        let colour: &[u8] = match record.status {
            ..300 => b"\x1b[32m",
            300..400 => b"\x1b[36m",
            400..500 => b"\x1b[33m",
            500.. => b"\x1b[31m",
        };
        if self.coloured {
            out.extend_from_slice(colour);
        }
        escape::decimal(out, u64::from(record.status));
        if self.coloured {
            out.extend_from_slice(b"\x1b[0m");
        }
        out.push(b' ');
        short_time(out, record.duration(now.monotonic));
        out.push(b' ');
        short_size(out, record.body_bytes);
        if outcome(record) != Outcome::Answered {
            out.extend_from_slice(b" (");
            out.extend_from_slice(outcome(record).as_str().as_bytes());
            if !record.reason.is_empty() {
                out.extend_from_slice(b": ");
                out.extend_from_slice(record.reason.as_bytes());
            }
            out.push(b')');
        }
    }
}

/// What became of it; if nobody has said so, nobody was left to answer.
fn outcome(record: &Record) -> Outcome {
    record.outcome.unwrap_or(Outcome::ClientGone)
}

fn interface(interface: Option<Interface>) -> Option<&'static str> {
    interface.map(|interface| match interface {
        Interface::Asgi => "asgi",
        Interface::Wsgi => "wsgi",
    })
}

fn client(out: &mut Vec<u8>, client: &Client) {
    match client {
        Client::Unix => out.push(b'-'),
        Client::Ip(address) => escape::address(out, *address),
    }
}

fn text_or_dash(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.is_empty() { out.push(b'-') } else { escape::text(out, bytes) }
}

fn seconds_or_dash(out: &mut Vec<u8>, micros: Option<u64>) {
    match micros {
        Some(micros) => escape::seconds(out, micros),
        None => out.push(b'-'),
    }
}

fn json_text(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    escape::json(out, value);
}

fn json_number(out: &mut Vec<u8>, name: &[u8], number: u64) {
    out.extend_from_slice(name);
    escape::decimal(out, number);
}

/// `950us`, `1.2ms`, `340ms`, `3.4s`.
fn short_time(out: &mut Vec<u8>, micros: u64) {
    let (number, unit): (u64, &[u8]) = match micros {
        0..1000 => {
            escape::decimal(out, micros);
            out.extend_from_slice(b"us");
            return;
        }
        1000..1_000_000 => (micros / 100, b"ms"),
        _ => (micros / 100_000, b"s"),
    };
    tenths(out, number);
    out.extend_from_slice(unit);
}

/// `5B`, `1.2KiB`, `3.4MiB`.
fn short_size(out: &mut Vec<u8>, bytes: u64) {
    let (unit, name): (u64, &[u8]) = match bytes {
        0..1024 => {
            escape::decimal(out, bytes);
            out.push(b'B');
            return;
        }
        1024..1_048_576 => (1024, b"KiB"),
        1_048_576..1_073_741_824 => (1_048_576, b"MiB"),
        _ => (1_073_741_824, b"GiB"),
    };
    tenths(out, bytes / unit * 10 + bytes % unit * 10 / unit);
    out.extend_from_slice(name);
}

fn tenths(out: &mut Vec<u8>, number: u64) {
    escape::decimal(out, number / 10);
    if number < 1000 {
        out.push(b'.');
        escape::decimal(out, number % 10);
    }
}
