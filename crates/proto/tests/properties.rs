//! Properties that hold for any input; and agreement with httparse, an independent parser, where the two should agree.
//! Where they should not, `h1/LIFECYCLE.md` has a table; `differences_are_on_purpose` has its rows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::borrow::Cow;
use std::sync::Arc;

use proptest::prelude::*;
use support::drive;
use yett_proto::h1::{Connection, Event};
use yett_proto::headers::FieldBlock;
use yett_proto::limits::Limits;
use yett_proto::request::HeadSpans;
use yett_proto::target::percent_decode;

fn accepted_by_yett(head: &[u8]) -> bool {
    let mut connection = Connection::new(Arc::new(Limits::default()));
    matches!(connection.handle_input(head, &mut HeadSpans::new()), Ok(progress) if progress.event == Event::Request)
}

fn accepted_by_httparse(head: &[u8]) -> bool {
    let mut fields = [httparse::EMPTY_HEADER; 100];
    matches!(httparse::Request::new(&mut fields).parse(head), Ok(status) if status.is_complete())
}

/// Heads that we refuse and httparse takes, each for a reason of its own (the table in LIFECYCLE.md).
#[test]
fn differences_are_on_purpose() {
    for (why, head) in [
        ("bare LF", &b"GET / HTTP/1.1\nHost: a\n\n"[..]),
        ("bare LF after a field", b"GET / HTTP/1.1\r\nHost: a\n\r\n"),
        ("several empty lines before", b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("bare LF before", b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("obs-text in the target", b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("fragment", b"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("relative target", b"GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("CONNECT", b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("no Host", b"GET / HTTP/1.1\r\n\r\n"),
        ("two Hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        ("bad Host", b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        (
            "two kinds of framing",
            b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
        ),
        ("bad length", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n"),
        ("long method", b"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ] {
        assert!(accepted_by_httparse(head), "{why}: httparse has become stricter; the table is out of date");
        assert!(!accepted_by_yett(head), "{why}");
    }
}

fn token() -> impl Strategy<Value = String> {
    "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}"
}

/// A field that frames nothing: its name has a first letter that no significant field has.
fn plain_field() -> impl Strategy<Value = (String, Vec<u8>)> {
    let value = proptest::collection::vec(
        prop_oneof![6 => b'a'..=b'z', 1 => Just(b' '), 1 => Just(b'\t'), 1 => b'!'..=b'~', 1 => 0x80..=0xFFu8],
        0..50,
    );
    (token().prop_map(|name| format!("x{name}")), value)
}

proptest! {
    /// Generated valid heads: both parsers take them and find the same.
    #[test]
    fn valid_heads_are_what_httparse_finds(
        method in "[A-Z]{3,10}".prop_filter("refused", |method| method != "CONNECT"),
        target in "/[!-\"$-~]{0,60}",
        minor in 0u8..=1,
        fields in proptest::collection::vec(plain_field(), 0..20),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut head = format!("{method} {target} HTTP/1.{minor}\r\nHost: a.example\r\n").into_bytes();
        for (name, value) in &fields {
            head.extend_from_slice(&[name.as_bytes(), b":", value, b"\r\n"].concat());
        }
        head.extend_from_slice(b"\r\n");

        let mut slots = [httparse::EMPTY_HEADER; 100];
        let mut oracle = httparse::Request::new(&mut slots);
        prop_assert_eq!(oracle.parse(&head), Ok(httparse::Status::Complete(head.len())));

        let outcome = drive(&head, [cut.index(head.len())], &Arc::new(Limits::default()));
        prop_assert_eq!(outcome.refused, None);
        let ours = &outcome.requests[0];
        prop_assert_eq!(&ours.method, oracle.method.unwrap().as_bytes());
        prop_assert_eq!(&ours.target, oracle.path.unwrap().as_bytes());
        prop_assert_eq!(ours.version.clone(), format!("1.{}", oracle.version.unwrap()));
        let theirs: support::Fields =
            oracle.headers.iter().map(|field| (field.name.as_bytes().to_vec(), field.value.to_vec())).collect();
        prop_assert_eq!(&ours.fields, &theirs);
    }

    /// What we take, httparse takes: we are never the more lenient one.
    #[test]
    fn whatever_is_taken_httparse_takes(
        head in proptest::collection::vec(
            prop_oneof![
                Just(b"GET / HTTP/1.1".to_vec()), Just(b"\r\n".to_vec()), Just(b"\r\n".to_vec()), Just(b"\n".to_vec()),
                Just(b"Host: a".to_vec()), Just(b"a: b".to_vec()), Just(b" ".to_vec()), Just(b"\t".to_vec()),
                Just(b":".to_vec()), proptest::collection::vec(any::<u8>(), 0..3),
            ],
            0..12,
        )
    ) {
        let head = [b"GET / HTTP/1.1\r\nHost: a\r\n".as_slice(), &head.concat(), b"\r\n\r\n"].concat();
        if accepted_by_yett(&head) {
            prop_assert!(accepted_by_httparse(&head), "{}", head.escape_ascii());
        }
    }

    /// Any bytes, cut anywhere: no panic, and the outcome does not depend on the cuts.
    #[test]
    fn cuts_do_not_matter(
        parts in proptest::collection::vec(
            prop_oneof![
                Just(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
                Just(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec()),
                Just(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n".to_vec()),
                Just(b"5\r\nhello\r\n".to_vec()), Just(b"0\r\n\r\n".to_vec()), Just(b"\r\n".to_vec()),
                proptest::collection::vec(any::<u8>(), 0..8),
            ],
            0..8,
        ),
        mut cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let raw = parts.concat();
        let limits = Arc::new(Limits::default());
        let mut cuts: Vec<usize> = cuts.iter_mut().map(|cut| cut.index(raw.len() + 1)).collect();
        cuts.sort_unstable();
        prop_assert_eq!(drive(&raw, cuts, &limits), drive(&raw, [], &limits));
    }

    /// Encoding every byte and decoding gives the bytes back; decoding never grows and leaves unescaped text alone.
    #[test]
    fn percent_decoding(bytes in proptest::collection::vec(any::<u8>(), 0..100), raw in "[ -~]{0,100}") {
        let encoded: String = bytes.iter().map(|b| format!("%{b:02x}")).collect();
        prop_assert_eq!(&*percent_decode(encoded.as_bytes()), &bytes[..]);
        let encoded = encoded.to_uppercase();
        prop_assert_eq!(&*percent_decode(encoded.as_bytes()), &bytes[..]);
        let decoded = percent_decode(raw.as_bytes());
        prop_assert!(decoded.len() <= raw.len());
        prop_assert_eq!(matches!(decoded, Cow::Borrowed(_)), !raw.contains('%'));
    }

    /// Whatever an application pushes, a block has exactly the line ends of its own fields, and gives its fields back.
    #[test]
    fn field_blocks_are_never_split(
        pushed in proptest::collection::vec((
            prop_oneof![token().prop_map(String::into_bytes), proptest::collection::vec(any::<u8>(), 0..5)],
            proptest::collection::vec(prop_oneof![4 => b' '..=b'~', 1 => any::<u8>()], 0..30),
        ), 0..10)
    ) {
        let mut block = FieldBlock::new();
        let mut kept = Vec::new();
        for (name, value) in &pushed {
            if block.push(name, value).is_ok() {
                kept.push((name.clone(), value.trim_ascii().to_vec()));
            }
        }
        let wire = block.as_bytes();
        prop_assert_eq!(wire.iter().filter(|&&b| b == b'\n').count(), kept.len());
        prop_assert_eq!(wire.iter().filter(|&&b| b == b'\r').count(), kept.len());
        prop_assert!(!wire.contains(&0));
        prop_assert_eq!(support::owned(block.iter()), kept);
    }
}
