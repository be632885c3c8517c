//! The head parser: kinds of errors (the corpus knows statuses only), limits, and early refusal.

use super::*;
use crate::error::RequestError::{self, *};
use crate::h1::head::{quick_field, split_field};
use proptest::prelude::*;

fn refused(input: &[u8], limits: &Limits) -> Option<RequestError> {
    let mut connection = Connection::new(Arc::new(limits.clone()));
    connection.handle_input(input, &mut HeadSpans::new()).err()
}

/// Each input is refused for its own reason, and as soon as this much of it has come.
#[test]
fn reasons() {
    let cases: [(&[u8], RequestError); 32] = [
        (b"\x16", BadMethod),
        (b"\n", BareLf),
        (b"\rG", BareCr),
        (b" ", BadMethod),
        (b"GET(", BadMethod),
        (b"GET\r", BadRequestLine),
        (b"GET\n", BareLf),
        (&[b'A'; 33], MethodTooLong),
        (b"GET / HTTP/1.1\n", BareLf),
        (b"GET /\r\n", BadRequestLine),
        (b"GET /\x80 HTTP/1.1\r\n", BadTarget),
        (b"GET /a\rb HTTP/1.1\r\n", BareCr),
        (b"GET  HTTP/1.1\r\n", BadTarget),
        (b"GET / HTTP/1.1 \r\n", BadVersion),
        (b"GET / HTTP/3.0\r\n", UnsupportedVersion),
        (b"CONNECT a:1 HTTP/1.1\r\n", ConnectUnsupported),
        (b"GET http://u@a/ HTTP/1.1\r\n", BadAuthority),
        (b"GET / HTTP/1.1\r\n a: b\r\n", ObsFold),
        (b"GET / HTTP/1.1\r\na : b\r\n", SpaceBeforeColon),
        (b"GET / HTTP/1.1\r\na b: c\r\n", BadFieldName),
        (b"GET / HTTP/1.1\r\na b\r\n", MissingColon),
        (b"GET / HTTP/1.1\r\na\r\n", MissingColon),
        (b"GET / HTTP/1.1\r\na\rb: c\r\n", BareCr),
        (b"GET / HTTP/1.1\r\n: c\r\n", BadFieldName),
        (b"GET / HTTP/1.1\r\na: b\n", BareLf),
        (b"GET / HTTP/1.1\r\na: b\0\r\n", BadFieldValue),
        (b"GET / HTTP/1.1\r\na: b\rc\r\n", BareCr),
        (b"GET / HTTP/1.1\r\n\r\n", MissingHost),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", RepeatedHost),
        (b"GET / HTTP/1.1\r\nHost: a/\r\n\r\n", BadHost),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: x\r\n\r\n", LengthAndCoding),
        (b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", CodingOnHttp10),
    ];
    for (input, error) in cases {
        let shown = input.escape_ascii();
        assert_eq!(refused(input, &Limits::default()), Some(error), "{shown}");
        assert_eq!(refused(&input[..input.len() - 1], &Limits::default()), None, "{shown}: too early");
    }
}

#[test]
fn faults_of_lines_come_before_what_fields_mean() {
    let input = b"POST / HTTP/1.1\r\nExpect: x\r\nTransfer-Encoding: gzip\r\na: \0\r\n\r\n";
    assert_eq!(refused(input, &Limits::default()), Some(BadFieldValue));
}

#[test]
fn every_limit_at_its_edge() {
    let head = b"GET /abcd HTTP/1.1\r\nHost: a\r\nb: cdef\r\n\r\n";
    let generous = Limits::default();
    let with = |change: fn(&mut Limits, usize), value: usize| {
        let mut limits = generous.clone();
        change(&mut limits, value);
        refused(head, &limits)
    };
    assert_eq!(with(|l, v| l.request_line = v, 18), None);
    assert_eq!(with(|l, v| l.request_line = v, 17), Some(RequestLineTooLong));
    assert_eq!(with(|l, v| l.field = v, 7), None);
    assert_eq!(with(|l, v| l.field = v, 6), Some(FieldTooLarge));
    assert_eq!(with(|l, v| l.fields = v, 2), None);
    assert_eq!(with(|l, v| l.fields = v, 1), Some(TooManyFields));
    assert_eq!(with(|l, v| l.head = v, head.len()), None);
    assert_eq!(with(|l, v| l.head = v, head.len() - 1), Some(HeadTooLarge));
    assert_eq!(with(|l, v| l.fields = v, 0), Some(TooManyFields));
}

/// Whatever the limits, the answer does not depend on how the bytes come.
#[test]
fn limits_hold_byte_by_byte() {
    let head = b"GET /abcd HTTP/1.1\r\nHost: a\r\nb: cdef\r\n\r\n";
    for (request_line, field) in [(30, 30), (17, 30), (18, 6), (18, 7)] {
        for total in 1..head.len() + 2 {
            let limits = Arc::new(Limits { request_line, field, head: total, ..Limits::default() });
            let whole = refused(head, &limits);
            let mut connection = Connection::new(Arc::clone(&limits));
            let mut spans = HeadSpans::new();
            let bytewise =
                (1..=head.len()).find_map(|end| connection.handle_input(&head[..end], &mut spans).err());
            assert_eq!(bytewise, whole, "{limits:?}");
        }
    }
}

#[test]
fn body_length_against_its_limit() {
    let limits = Limits { body: 5, ..Limits::default() };
    let head = |length| format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    assert_eq!(refused(head(5).as_bytes(), &limits), None);
    assert_eq!(refused(head(6).as_bytes(), &limits), Some(BodyTooLarge));
}

proptest! {
    /// The quick way agrees with the thorough one wherever it has an opinion, and has one for ordinary lines.
    #[test]
    fn the_quick_way_is_right(line in proptest::collection::vec(
        prop_oneof![8 => b'a'..=b'f', 1 => Just(b':'), 1 => Just(b' '), 1 => any::<u8>()], 0..40,
    )) {
        let with_end = [&line[..], b"\r\n"].concat();
        let line_end = with_end.windows(2).position(|pair| pair == b"\r\n").unwrap();
        if let Some(quick) = quick_field(&with_end) {
            prop_assert_eq!(quick.value.end, line_end);
            let thorough = split_field(&with_end[..line_end]).unwrap();
            prop_assert_eq!(quick.name_end, thorough.name_end);
            prop_assert_eq!(quick.value, thorough.value);
        }
    }

    #[test]
    fn the_quick_way_knows_ordinary_lines(name in "[A-Za-z0-9-]{1,40}", value in "[!-~]([ -~]{0,60}[!-~])?") {
        let line = format!("{name}: {value}\r\nnext: line\r\n\r\n");
        let quick = quick_field(line.as_bytes()).unwrap();
        prop_assert_eq!(&line[..quick.name_end], name);
        prop_assert_eq!(&line[quick.value], value);
    }
}
