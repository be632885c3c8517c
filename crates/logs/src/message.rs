//! The error log: a message, and how it is written.

use yett_settings::LogLevel;

use crate::clock::{self, Second};
use crate::escape;
use crate::request_id::RequestId;

/// A request that a message is about.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Its method.
    pub method: String,
    /// Its path, as the application sees it.
    pub path: String,
    /// Its id.
    pub request_id: RequestId,
    /// Its Traceparent field; empty if it has none.
    pub traceparent: String,
}

/// An exception that a message is about.
#[derive(Clone, Debug, Default)]
pub struct Exception {
    /// The name of its class, with the module.
    pub kind: String,
    /// What it says.
    pub text: String,
    /// As Python prints it, over several lines.
    pub traceback: String,
}

/// One event.
#[derive(Clone, Debug)]
pub struct Message {
    /// How bad it is.
    pub level: LogLevel,
    /// What happened: one line of ours, or what the application has written.
    pub text: String,
    /// The request it is about.
    pub about: Option<About>,
    /// The exception that was raised.
    pub exception: Option<Exception>,
}

/// A path is shown up to so many characters.
const PATH_SHOWN: usize = 512;

/// The least important level has the highest rank.
#[must_use]
pub fn rank(level: LogLevel) -> u8 {
    match level {
        LogLevel::Error => 0,
        LogLevel::Warning => 1,
        LogLevel::Info => 2,
        LogLevel::Debug => 3,
    }
}

fn name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "ERROR",
        LogLevel::Warning => "WARNING",
        LogLevel::Info => "INFO",
        LogLevel::Debug => "DEBUG",
    }
}

impl About {
    /// `GET /path`, with nothing in it that could forge a line: control characters and what is not ASCII are escaped.
    #[must_use]
    pub fn describe(&self) -> String {
        let shown =
            |text: &str| -> String { text.chars().flat_map(char::escape_default).take(PATH_SHOWN).collect() };
        format!("{} {}", shown(&self.method), shown(&self.path))
    }
}

impl Message {
    /// A message that is about no request.
    #[must_use]
    pub fn new(level: LogLevel, text: impl Into<String>) -> Self {
        Self { level, text: text.into(), about: None, exception: None }
    }

    /// The text, with the request before it and the traceback behind it: what people read, and Python's `logging` gets.
    #[must_use]
    pub fn in_words(&self) -> String {
        let mut words = String::new();
        if let Some(about) = &self.about {
            words.push_str(&about.describe());
            words.push_str(": ");
        }
        // The id belongs to the first line, where `grep` finds both.
        let (first, rest) = match self.text.split_once('\n') {
            Some((first, rest)) => (first, Some(rest)),
            None => (self.text.as_str(), None),
        };
        words.push_str(first);
        if let Some(about) = self.about.as_ref().filter(|about| about.request_id.is_some()) {
            words.push_str(" request_id=");
            words.push_str(about.request_id.text());
        }
        let traceback = self.exception.as_ref().map(|exception| exception.traceback.trim_end());
        for more in rest.into_iter().chain(traceback) {
            words.push('\n');
            words.push_str(more);
        }
        words
    }

    /// `2026-11-21T08:30:00Z [pid] LEVEL: text`, as many lines as it takes, each with its end.
    pub fn to_text(&self, out: &mut Vec<u8>, coloured: bool) {
        let mut second = Second::default();
        second.set(clock::wall().0);
        let colour = match self.level {
            LogLevel::Error => "\x1b[31m",
            LogLevel::Warning => "\x1b[33m",
            LogLevel::Info => "\x1b[32m",
            LogLevel::Debug => "\x1b[2m",
        };
        let (colour, end) = if coloured { (colour, "\x1b[0m") } else { ("", "") };
        let front = format!("{}Z [{}] {colour}{}{end}: ", second.iso(), std::process::id(), name(self.level));
        out.extend_from_slice(front.as_bytes());
        escape::lines(out, &self.in_words());
        out.push(b'\n');
    }

    /// The message for syslog, which has time, process and level itself.
    pub fn to_syslog(&self, out: &mut Vec<u8>) {
        escape::lines(out, &self.in_words());
        out.push(b'\n');
    }

    /// One object on one line.
    pub fn to_json(&self, out: &mut Vec<u8>) {
        let (seconds, micros) = clock::wall();
        let mut second = Second::default();
        second.set(seconds);
        out.extend_from_slice(b"{\"time\":\"");
        out.extend_from_slice(second.iso().as_bytes());
        out.push(b'.');
        escape::six_digits(out, u64::from(micros));
        out.extend_from_slice(b"Z\",\"level\":\"");
        out.extend_from_slice(self.level.as_str().as_bytes());
        out.extend_from_slice(b"\",\"pid\":");
        escape::decimal(out, u64::from(std::process::id()));
        let mut field = |name: &str, value: &str| {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            escape::json(out, value.as_bytes());
        };
        field("message", &self.text);
        if let Some(about) = &self.about {
            field("method", &about.method);
            field("path", &about.path);
            if about.request_id.is_some() {
                field("request_id", about.request_id.text());
            }
            if !about.traceparent.is_empty() {
                field("traceparent", &about.traceparent);
            }
        }
        if let Some(exception) = &self.exception {
            field("exception", &exception.kind);
            field("exception_text", &exception.text);
            field("traceback", exception.traceback.trim_end());
        }
        out.extend_from_slice(b"}\n");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn message(text: &str) -> Message {
        Message {
            level: LogLevel::Error,
            text: text.into(),
            about: Some(About {
                method: "GET".into(),
                path: "/a\nb\u{1b}".into(),
                request_id: RequestId::take(b"id-1").unwrap(),
                traceparent: String::new(),
            }),
            exception: Some(Exception {
                kind: "ValueError".into(),
                text: "no".into(),
                traceback: "Traceback\n  x\nValueError: no\n".into(),
            }),
        }
    }

    #[test]
    fn text_has_the_id_on_its_first_line_and_the_traceback_behind_it() {
        let mut out = Vec::new();
        message("exception in the application").to_text(&mut out, false);
        let text = String::from_utf8(out).unwrap();
        let (front, words) = text.split_once(" ERROR: ").unwrap();
        assert!(front.ends_with(&format!("Z [{}]", std::process::id())), "{front}");
        assert_eq!(
            words,
            "GET /a\\nb\\u{1b}: exception in the application request_id=id-1\nTraceback\n  x\nValueError: no\n"
        );
    }

    #[test]
    fn colours_are_for_terminals() {
        let mut out = Vec::new();
        Message::new(LogLevel::Warning, "x").to_text(&mut out, true);
        assert!(String::from_utf8(out).unwrap().contains("\x1b[33mWARNING\x1b[0m: x"));
    }

    proptest! {
        #[test]
        fn json_is_one_line_that_reads_back(text: String) {
            let mut out = Vec::new();
            message(&text).to_json(&mut out);
            prop_assert_eq!(out.iter().filter(|b| **b == b'\n').count(), 1);
            let back: serde_json::Value = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(back["message"].as_str(), Some(text.as_str()));
            prop_assert_eq!(back["traceback"].as_str(), Some("Traceback\n  x\nValueError: no"));
            prop_assert_eq!(back["path"].as_str(), Some("/a\nb\u{1b}"));
        }

        #[test]
        fn text_holds_no_control_characters_but_line_ends_and_tabs(text: String) {
            let mut out = Vec::new();
            message(&text).to_text(&mut out, false);
            prop_assert!(out.iter().all(|b| (*b >= 0x20 && *b != 0x7F) || *b == b'\n' || *b == b'\t'));
        }
    }
}
