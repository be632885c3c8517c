//! What comes in after the head: bodies, pipelining, the end of input, discarding.

use super::*;
use crate::error::RequestError;
use crate::h1::connection::DISCARD_LIMIT;
use crate::h1::{Next, Progress};

fn event<'b>(connection: &mut Connection, input: &'b [u8]) -> Progress<'b> {
    connection.handle_input(input, &mut HeadSpans::new()).unwrap()
}

fn finish(connection: &mut Connection) -> Next {
    respond(connection, &response(200, &[]), Some(0), &[], None);
    connection.finish_exchange()
}

#[test]
fn a_connection_is_small() {
    assert!(size_of::<Connection>() < 160, "{}", size_of::<Connection>());
}

#[test]
fn states_of_an_exchange() {
    let mut connection = Connection::new(Arc::new(Limits::default()));
    assert!(!connection.in_head() && !connection.in_exchange());
    event(&mut connection, b"POS");
    assert!(connection.in_head() && !connection.in_exchange());
    take(&mut connection, &request("POST / HTTP/1.1", "Content-Length: 2\r\n"));
    assert!(!connection.in_head() && connection.in_exchange() && !connection.request_complete());
    assert_eq!(event(&mut connection, b"ab"), Progress { consumed: 2, event: Event::Data(b"ab") });
    assert_eq!(event(&mut connection, b""), Progress { consumed: 0, event: Event::End });
    assert!(connection.request_complete() && connection.in_exchange() && !connection.response_started());
    connection.send_head(&response(200, &[]), Some(0), &STAMP, &mut Vec::new());
    assert!(connection.response_started() && !connection.response_complete() && connection.in_exchange());
    connection.send_end(None, &mut Vec::new());
    assert!(connection.response_complete() && !connection.in_exchange());
    assert_eq!(connection.finish_exchange(), Next::KeepAlive);
    assert!(!connection.response_started() && !connection.in_exchange() && !connection.in_head());
}

#[test]
fn a_request_without_body_has_no_end_event() {
    let mut connection = taken(&request("GET / HTTP/1.1", ""));
    assert!(connection.request_complete());
    assert_eq!(event(&mut connection, b"").event, Event::NeedInput);
}

#[test]
fn the_next_request_waits_for_its_turn() {
    let mut connection = taken(&request("GET /1 HTTP/1.1", ""));
    let next = request("GET /2 HTTP/1.1", "");
    for _ in 0..2 {
        assert_eq!(event(&mut connection, next.as_bytes()), Progress { consumed: 0, event: Event::Blocked });
    }
    assert_eq!(finish(&mut connection), Next::KeepAlive);
    take(&mut connection, &next);
}

#[test]
fn input_after_the_last_request_is_swallowed() {
    let mut connection = taken(&request("GET / HTTP/1.1", "Connection: close\r\n"));
    assert_eq!(event(&mut connection, b"more"), Progress { consumed: 4, event: Event::Closed });
    assert_eq!(finish(&mut connection), Next::Close);
    assert_eq!(event(&mut connection, b"GET"), Progress { consumed: 3, event: Event::Closed });
}

#[test]
fn an_empty_line_is_consumed_and_does_not_start_a_head() {
    let mut connection = Connection::new(Arc::new(Limits::default()));
    assert_eq!(event(&mut connection, b"\r"), Progress { consumed: 0, event: Event::NeedInput });
    assert_eq!(event(&mut connection, b"\r\n"), Progress { consumed: 2, event: Event::NeedInput });
    assert!(!connection.in_head());
    assert_eq!(connection.handle_eof(), Ok(()));
}

#[test]
fn an_empty_line_and_a_part_of_a_head() {
    let mut connection = Connection::new(Arc::new(Limits::default()));
    assert_eq!(event(&mut connection, b"\r\nGET /"), Progress { consumed: 2, event: Event::NeedInput });
    assert!(connection.in_head());
    take(&mut connection, &request("GET / HTTP/1.1", ""));
}

#[test]
fn spans_are_relative_to_the_input_also_after_an_empty_line() {
    let mut connection = Connection::new(Arc::new(Limits::default()));
    let mut spans = HeadSpans::new();
    let input = b"\r\nGET /a?b HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\nrest";
    let progress = connection.handle_input(input, &mut spans).unwrap();
    assert_eq!((progress.consumed, progress.event), (input.len() - 4, Event::Request));
    let head = spans.view(input);
    assert_eq!(
        (head.method(), head.target(), head.path(), head.query()),
        (&b"GET"[..], &b"/a?b"[..], &b"/a"[..], &b"b"[..])
    );
    assert_eq!(head.field_block(), b"Host: h\r\nX: y\r\n");
    assert_eq!(head.fields().collect::<Vec<_>>(), [(&b"Host"[..], &b"h"[..]), (b"X", b"y")]);
}

#[test]
fn nothing_of_the_last_head_is_left_in_reused_spans() {
    let mut connection = Connection::new(Arc::new(Limits::default()));
    let mut spans = HeadSpans::new();
    let rich = "OPTIONS http://b/c?d HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\nTE: trailers\r\n\
                Expect: 100-continue\r\nContent-Length: 1\r\n\r\n";
    connection.handle_input(rich.as_bytes(), &mut spans).unwrap();
    let head = spans.view(rich.as_bytes());
    assert!(
        head.rewrites_host()
            && head.expects_continue()
            && head.accepts_trailers()
            && head.upgrade().is_some()
    );
    assert_eq!(head.authority(), Some(&b"b"[..]));
    feed(&mut connection, b"x");
    finish(&mut connection);
    let plain = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    connection.handle_input(plain.as_bytes(), &mut spans).unwrap();
    let head = spans.view(plain.as_bytes());
    assert!(!head.rewrites_host() && !head.expects_continue() && !head.accepts_trailers());
    assert_eq!((head.upgrade(), head.authority(), head.query()), (None, None, &b""[..]));
    assert_eq!((head.body(), head.fields().len()), (crate::request::BodyLength::None, 1));
}

#[test]
fn the_end_of_input() {
    let mut idle = Connection::new(Arc::new(Limits::default()));
    assert_eq!(idle.handle_eof(), Ok(()));
    assert_eq!(event(&mut idle, b"GET").event, Event::Closed);

    let mut in_head = Connection::new(Arc::new(Limits::default()));
    event(&mut in_head, b"GET /");
    assert_eq!(in_head.handle_eof(), Err(RequestError::EarlyEndOfHead));
    assert!(in_head.should_close());

    let mut in_body = taken(&request("POST / HTTP/1.1", "Content-Length: 2\r\n"));
    event(&mut in_body, b"a");
    assert_eq!(in_body.handle_eof(), Err(RequestError::EarlyEndOfBody));

    let mut in_chunks = taken(&request("POST / HTTP/1.1", "Transfer-Encoding: chunked\r\n"));
    assert_eq!(in_chunks.handle_eof(), Err(RequestError::EarlyEndOfBody));
}

#[test]
fn a_half_closed_client_still_gets_its_response() {
    let mut connection = taken(&request("GET / HTTP/1.1", ""));
    assert_eq!(connection.handle_eof(), Ok(()));
    assert!(!connection.should_close());
    let (sent, _) = respond(&mut connection, &response(200, &[]), Some(2), &["ab"], None);
    assert!(sent.contains("\r\nconnection: close\r\n") && sent.ends_with("ab"), "{sent}");
    assert!(connection.should_close());
    assert_eq!(connection.finish_exchange(), Next::Close);
}

#[test]
fn a_body_of_which_the_end_event_is_due_is_not_cut_short_by_the_end_of_input() {
    let mut connection = taken(&request("POST / HTTP/1.1", "Content-Length: 2\r\n"));
    event(&mut connection, b"ab");
    assert_eq!(connection.handle_eof(), Ok(()));
    assert_eq!(event(&mut connection, b"").event, Event::End);
    assert_eq!(finish(&mut connection), Next::Close);
}

#[test]
fn what_is_left_of_a_body_is_discarded() {
    let mut connection = taken(&request("POST / HTTP/1.1", "Content-Length: 5\r\n"));
    assert_eq!(finish(&mut connection), Next::Discard);
    assert!(connection.in_exchange() && connection.response_complete());
    assert_eq!(feed(&mut connection, b"hello"), (b"hello".to_vec(), true));
    assert!(!connection.response_complete() && !connection.in_exchange());
    take(&mut connection, &request("GET / HTTP/1.1", ""));
}

#[test]
fn discarding_has_an_end() {
    let mut connection = taken(&request("POST / HTTP/1.1", "Transfer-Encoding: chunked\r\n"));
    assert_eq!(finish(&mut connection), Next::Discard);
    let chunk = [b"1000\r\n".as_slice(), &[b'x'; 4096], b"\r\n"].concat();
    let mut events = 0;
    loop {
        let mut rest = &chunk[..];
        let closed = loop {
            let progress = event(&mut connection, rest);
            rest = &rest[progress.consumed..];
            match progress.event {
                Event::Data(_) => events += 1,
                Event::NeedInput => break false,
                Event::Closed => break true,
                other => panic!("{other:?}"),
            }
        };
        if closed {
            break;
        }
        assert!(events < 100, "never closed");
    }
    assert_eq!(events, DISCARD_LIMIT / 4102, "as many chunks as fit the limit, headers counted");
    assert!(connection.should_close());
}

#[test]
fn what_is_known_to_be_too_long_is_not_even_begun() {
    let mut connection = taken(&request("POST / HTTP/1.1", "Content-Length: 262145\r\n"));
    let (sent, _) = respond(&mut connection, &response(200, &[]), Some(0), &[], None);
    assert!(sent.contains("\r\nconnection: close\r\n"), "{sent}");
    assert_eq!(connection.finish_exchange(), Next::Close);
    let mut connection = taken(&request("POST / HTTP/1.1", "Content-Length: 262144\r\n"));
    assert_eq!(finish(&mut connection), Next::Discard);
}

#[test]
fn the_end_of_input_while_discarding_is_no_error() {
    let mut connection = taken(&request("POST / HTTP/1.1", "Content-Length: 5\r\n"));
    assert_eq!(finish(&mut connection), Next::Discard);
    assert_eq!(connection.handle_eof(), Ok(()));
    assert_eq!(event(&mut connection, b"").event, Event::Closed);
    assert!(connection.should_close());
}

#[test]
fn draining_survives_to_the_next_request() {
    let mut connection = taken(&request("POST / HTTP/1.1", "Content-Length: 1\r\n"));
    assert_eq!(finish(&mut connection), Next::Discard);
    connection.set_draining();
    feed(&mut connection, b"x");
    take(&mut connection, &request("GET / HTTP/1.1", ""));
    assert_eq!(finish(&mut connection), Next::Close);
}

#[test]
fn trailers_are_given_once_and_only_when_they_are_all_there() {
    let mut connection = taken(&request("POST / HTTP/1.1", "Transfer-Encoding: chunked\r\n"));
    assert!(!feed(&mut connection, b"0\r\na: b\r\n").1);
    assert!(connection.take_trailers().is_none());
    assert!(feed(&mut connection, b"\r\n").1);
    assert_eq!(connection.take_trailers().unwrap().as_bytes(), b"a: b\r\n");
    assert!(connection.take_trailers().is_none());
}

#[test]
fn a_body_above_the_limit_is_refused_at_the_chunk_that_crosses_it() {
    let limits = Arc::new(Limits { body: 10, ..Limits::default() });
    let mut connection = Connection::new(limits);
    take(&mut connection, &request("POST / HTTP/1.1", "Transfer-Encoding: chunked\r\n"));
    assert_eq!(feed(&mut connection, b"a\r\n0123456789\r\n"), (b"0123456789".to_vec(), false));
    let error = connection.handle_input(b"1\r\n", &mut HeadSpans::new()).unwrap_err();
    assert_eq!(error, RequestError::BodyTooLarge);
}

#[test]
fn finishing_too_early_closes() {
    let mut connection = taken(&request("GET / HTTP/1.1", ""));
    assert_eq!(connection.finish_exchange(), Next::Close);
    assert_eq!(event(&mut connection, b"x").event, Event::Closed);
}

#[test]
fn lost_input_starts_the_head_again() {
    let mut connection = Connection::new(Arc::new(Limits::default()));
    event(&mut connection, b"GET / HTTP/1.1\r\nHost: a\r\n");
    event(&mut connection, b"GET");
    take(&mut connection, &request("GET / HTTP/1.1", ""));
}
