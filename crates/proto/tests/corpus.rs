//! The corpus of raw requests (`tests/corpus` at the root, format in its README) through a connection: whole, cut in
//! two at every byte, and byte by byte. The outcome must be what the corpus says, and the same each time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::Path;
use std::sync::Arc;

use support::{Fields, Outcome, drive};
use yett_proto::limits::Limits;

/// A request that must come out: its request line and end, and what else is said about it.
#[derive(Debug, Default)]
struct Expected {
    line: Vec<u8>,
    fields: Option<Fields>,
    body: Vec<u8>,
    trailers: Fields,
    parts: Vec<(String, Vec<u8>)>,
}

#[derive(Debug, Default)]
struct Entry {
    name: String,
    raw: Vec<u8>,
    requests: Vec<Expected>,
    refuse: Option<u16>,
}

fn unescape(value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = value.iter().copied();
    while let Some(byte) = rest.next() {
        let code = if byte == b'\\' { rest.next().expect("an escape ends the line") } else { 0 };
        bytes.push(match code {
            0 => byte,
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b's' => b' ',
            b'\\' => b'\\',
            b'x' => {
                let digits = [rest.next().expect("a digit"), rest.next().expect("a digit")];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => panic!("no such escape: {other}"),
        });
    }
    bytes
}

/// `value` before and after the first `delimiter`, and without one space after it.
fn split_at_first(value: &[u8], delimiter: u8) -> (Vec<u8>, Vec<u8>) {
    let at = value.iter().position(|&b| b == delimiter).expect("a delimiter");
    let rest = &value[at + 1..];
    (value[..at].to_vec(), rest.strip_prefix(b" ").unwrap_or(rest).to_vec())
}

impl Entry {
    fn apply(&mut self, directive: &str, value: &[u8]) {
        match directive {
            "line" => self.raw.extend([value, b"\r\n"].concat()),
            "send" => self.raw.extend(value),
            "repeat" => {
                let (count, part) = split_at_first(value, b' ');
                self.raw.extend(part.repeat(String::from_utf8(count).unwrap().parse().unwrap()));
            }
            "refuse" => self.refuse = Some(std::str::from_utf8(value).unwrap().parse().unwrap()),
            "request" => self.requests.push(Expected { line: value.to_vec(), ..Expected::default() }),
            _ => {
                let name = &self.name;
                let request = self.requests.last_mut().unwrap_or_else(|| panic!("{name}: no request yet"));
                match directive {
                    "field" => request.fields.get_or_insert_default().push(split_at_first(value, b':')),
                    "fields" => request.fields = Some(Vec::new()),
                    "body" => request.body.extend(value),
                    "trailer" => request.trailers.push(split_at_first(value, b':')),
                    _ => request.parts.push((directive.to_owned(), value.to_vec())),
                }
            }
        }
    }

    fn check(&self, outcome: &Outcome, how: &str) {
        let name = &self.name;
        let refused = outcome.refused.map(|error| error.status());
        assert_eq!(refused, self.refuse, "{name}, {how}: {:?}", outcome.refused);
        assert_eq!(outcome.requests.len(), self.requests.len(), "{name}, {how}: {outcome:?}");
        for (whole, expected) in outcome.requests.iter().zip(&self.requests) {
            let end: &[u8] = if whole.keep_alive { b"keep-alive" } else { b"close" };
            let line = [&whole.method, &whole.target, whole.version.as_bytes(), end].join(&b' ');
            assert_eq!(
                line.escape_ascii().to_string(),
                expected.line.escape_ascii().to_string(),
                "{name}, {how}"
            );
            let usual = vec![(b"Host".to_vec(), b"example.com".to_vec())];
            assert_eq!(&whole.fields, expected.fields.as_ref().unwrap_or(&usual), "{name}, {how}");
            assert_eq!(whole.body, expected.body, "{name}, {how}");
            assert_eq!(whole.trailers, expected.trailers, "{name}, {how}");
            for (part, value) in &expected.parts {
                let found = match part.as_str() {
                    "path" => &whole.path[..],
                    "query" => &whole.query,
                    "authority" => whole.authority.as_deref().unwrap_or(b"none"),
                    "upgrade" => whole.upgrade.as_deref().unwrap_or_default(),
                    "expect" if whole.expects_continue => b"continue",
                    "te" if whole.accepts_trailers => b"trailers",
                    "expect" | "te" => b"",
                    other => panic!("{name}: no such directive: {other}"),
                };
                assert_eq!(found, value, "{name}, {how}: {part}");
            }
        }
    }
}

fn entries() -> Vec<Entry> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus");
    let mut entries = Vec::new();
    for file in std::fs::read_dir(folder).expect("the corpus is there") {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let text = std::fs::read(&path).unwrap();
        for line in text.split(|&b| b == b'\n').filter(|line| !line.is_empty() && line[0] != b'#') {
            let (directive, value) = split_at_first(line, b':');
            let (directive, value) = (String::from_utf8(directive).unwrap(), unescape(&value));
            if directive == "name" {
                let name = String::from_utf8(value).unwrap();
                entries.push(Entry { name, ..Entry::default() });
            } else {
                entries.last_mut().expect("a name first").apply(&directive, &value);
            }
        }
    }
    entries
}

#[test]
fn the_corpus_is_whole() {
    let entries = entries();
    assert!(entries.len() >= 280, "{}", entries.len());
    let mut names: Vec<_> = entries.iter().map(|entry| &entry.name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), entries.len(), "two entries of one name");
    let refused = entries.iter().filter(|entry| entry.refuse.is_some()).count();
    assert!(refused >= 150 && entries.len() - refused >= 75, "{refused} of {}", entries.len());
}

#[test]
fn in_one_piece() {
    let limits = Arc::new(Limits::default());
    for entry in entries() {
        entry.check(&drive(&entry.raw, [], &limits), "in one piece");
    }
}

#[test]
fn cut_in_two_at_every_byte() {
    let limits = Arc::new(Limits::default());
    for entry in entries() {
        let whole = drive(&entry.raw, [], &limits);
        let length = entry.raw.len();
        // The entries about limits are long runs of one byte: their ends, and steps between, are enough.
        let matters =
            |cut: usize| length < 2000 || cut < 200 || length - cut < 200 || cut.is_multiple_of(499);
        for cut in (0..=length).filter(|&cut| matters(cut)) {
            let outcome = drive(&entry.raw, [cut], &limits);
            assert_eq!(outcome, whole, "{}, cut at {cut}", entry.name);
        }
    }
}

#[test]
fn byte_by_byte() {
    let limits = Arc::new(Limits::default());
    for entry in entries() {
        let outcome = drive(&entry.raw, 1..entry.raw.len().max(1), &limits);
        entry.check(&outcome, "byte by byte");
        assert_eq!(outcome, drive(&entry.raw, [], &limits), "{}", entry.name);
    }
}
