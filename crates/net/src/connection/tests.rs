//! One connection over a pair of real sockets, with the clock in the test's hand.

mod proxied;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use yett_proto::error::RequestError;
use yett_proto::h1::Stamp;
use yett_proto::limits::Limits;
use yett_proto::response::ResponseHead;

use super::{BODY_HIGH_WATER, Connection, Inbox, OUTPUT_HIGH_WATER, Step, Timeouts};
use crate::buffer::Flush;
use crate::clock::Millis;
use crate::listener::{NewConnection, Peer};
use crate::reactor::{Reactor, Readiness};
use crate::socket::Socket;
use crate::table::Token;
use crate::timer::Deadlines;

const STAMP: Stamp<'static> =
    Stamp { date: b"Sat, 21 Nov 2026 00:00:00 GMT", server: false, request_id: b"" };
const READABLE: Readiness = Readiness { readable: true, writable: false, peer_closed: false, hung_up: false };
const FIN: Readiness = Readiness { readable: true, writable: false, peer_closed: true, hung_up: false };

struct Harness {
    connection: Connection,
    client: UnixStream,
    inbox: Inbox,
    deadlines: Deadlines,
    token: Token,
    now: Millis,
    timeouts: Timeouts,
    _reactor: Reactor,
}

impl Harness {
    fn new() -> Self {
        Self::of(false)
    }

    /// `proxied`: the PROXY protocol is expected.
    fn of(proxied: bool) -> Self {
        let (ours, client) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let reactor = Reactor::new().unwrap();
        let token = Token::from_u64(1);
        let new = NewConnection { socket: Socket::new(ours.into()), peer: Peer::Unix, proxied };
        let connection = Connection::new(new, &Arc::new(Limits::default()), &reactor, token, 0).unwrap();
        let mut harness = Self {
            connection,
            client,
            inbox: Inbox::default(),
            deadlines: Deadlines::default(),
            token,
            now: 0,
            timeouts: Timeouts::default(),
            _reactor: reactor,
        };
        harness.settle();
        harness
    }

    /// The client sends, and the reactor says so.
    fn arrives(&mut self, bytes: &[u8]) -> Vec<Step> {
        self.client.write_all(bytes).unwrap();
        self.connection.on_ready(READABLE);
        self.turn(|_, _| {})
    }

    /// A turn in which `on_request` acts as the application.
    fn turn(&mut self, mut on_request: impl FnMut(&mut Connection, &Inbox)) -> Vec<Step> {
        let mut steps = Vec::new();
        self.connection.begin_turn(&mut self.inbox);
        loop {
            let step = self.connection.advance(&mut self.inbox, &STAMP);
            steps.push(step);
            match step {
                Step::Request => on_request(&mut self.connection, &self.inbox),
                Step::Wait | Step::Yield | Step::Close => break,
                _ => {}
            }
        }
        self.connection.end_turn(&mut self.inbox);
        self.connection.flush();
        self.settle();
        steps
    }

    fn settle(&mut self) {
        self.connection.settle(self.token, self.now, &self.timeouts, &mut self.deadlines);
    }

    fn answer(&mut self, body: &[u8]) {
        respond(&mut self.connection, body);
        self.connection.flush();
        self.settle();
    }

    /// Lets time pass; what the timers that come up meanwhile say of the connection.
    fn pass(&mut self, ms: Millis) -> Option<Step> {
        let until = self.now + ms;
        let mut told = None;
        while let Some((at, token)) = self.deadlines.pop_due(until) {
            assert_eq!(token, self.token);
            self.now = at.max(self.now);
            if self.connection.looks_late(at, self.now) {
                self.turn(|_, _| {});
            }
            match self.connection.on_timer(at, self.now, &STAMP) {
                Step::Wait => {}
                step => told = Some(step),
            }
            self.connection.flush();
            if self.connection.is_done() {
                // A driver drops it, and its entries mean nothing any more.
                break;
            }
            self.settle();
        }
        self.now = until;
        told
    }

    fn client_reads(&mut self, n: usize) -> String {
        let mut bytes = vec![0; n];
        let n = self.client.read(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..n]).into_owned()
    }
}

fn respond(connection: &mut Connection, body: &[u8]) {
    let mut head = ResponseHead::new();
    head.reset(200).unwrap();
    connection.respond_head(&head, Some(body.len() as u64), &STAMP);
    connection.respond_bytes(body);
    connection.respond_end(None);
}

#[test]
fn a_request_in_pieces_is_one_request() {
    let mut harness = Harness::new();
    assert_eq!(harness.arrives(b"GET /a HTTP/1.1\r\nHo"), [Step::Wait]);
    assert_eq!(harness.arrives(b"st: x\r\n\r\n"), [Step::Request, Step::Wait]);
    harness.answer(b"hello");
    let text = harness.client_reads(4096);
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\nhello"), "{text}");
}

#[test]
fn pipelined_requests_are_answered_in_order_in_one_turn() {
    let mut harness = Harness::new();
    harness
        .client
        .write_all(b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    harness.connection.on_ready(READABLE);
    let steps = harness.turn(|connection, inbox| {
        let path = inbox.head().path().to_vec();
        respond(connection, &path);
    });
    assert_eq!(steps, [Step::Request, Step::Request, Step::Wait]);
    let text = harness.client_reads(4096);
    assert!(text.find("/1") < text.find("/2") && text.contains("/2"), "{text}");
}

#[test]
fn the_second_of_two_pipelined_requests_waits_for_the_first_response() {
    let mut harness = Harness::new();
    let both = b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_eq!(harness.arrives(both), [Step::Request, Step::Wait]);
    harness.answer(b"");
    assert!(harness.connection.has_news());
    assert_eq!(harness.turn(|_, _| {}), [Step::Request, Step::Wait]);
}

#[test]
fn a_body_that_nobody_takes_stops_the_reading() {
    let mut harness = Harness::new();
    harness.client.set_nonblocking(true).unwrap();
    harness.client.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n").unwrap();
    let mut written = 0;
    let mut steps = Vec::new();
    // As long as either side makes progress.
    while let Ok(n) = harness.client.write(&[b'x'; 32 * 1024]) {
        written += n;
        harness.connection.on_ready(READABLE);
        steps.extend(harness.turn(|_, _| {}));
    }
    assert!(steps.contains(&Step::Request));
    let (body, ended) = harness.connection.take_body();
    assert!(!ended);
    assert!((BODY_HIGH_WATER..2 * BODY_HIGH_WATER).contains(&body.len()), "{} bytes are held", body.len());
    assert!(written < 10_000_000);
    // Taking it lets more in.
    harness.turn(|_, _| {});
    assert!(harness.connection.body_at_hand());
}

#[test]
fn a_client_that_pipelines_and_does_not_read_is_not_served_further() {
    let mut harness = Harness::new();
    let body = vec![b'x'; usize::try_from(2 * OUTPUT_HIGH_WATER).unwrap()];
    harness.client.write_all(&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(10)).unwrap();
    harness.connection.on_ready(READABLE);
    let mut served = 0;
    harness.turn(|connection, _| {
        served += 1;
        respond(connection, &body);
    });
    assert_eq!(served, 1, "the output is above its mark after one");
}

#[test]
fn a_half_closed_client_is_told_of_once_and_gets_its_answer() {
    let mut harness = Harness::new();
    harness.arrives(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    harness.client.shutdown(std::net::Shutdown::Write).unwrap();
    harness.connection.on_ready(FIN);
    assert_eq!(harness.turn(|_, _| {}), [Step::HalfClosed, Step::Wait]);
    assert_eq!(harness.turn(|_, _| {}), [Step::Wait]);
    harness.answer(b"still here");
    assert!(harness.client_reads(4096).ends_with("still here"));
    assert_eq!(harness.turn(|_, _| {}).last(), Some(&Step::Wait));
    assert!(harness.connection.is_done(), "after the answer there is nothing to wait for");
}

#[test]
fn a_malformed_body_is_refused_before_the_application_is_asked() {
    let mut harness = Harness::new();
    let steps = harness.arrives(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    assert!(matches!(steps[..], [Step::Refused(_), Step::Wait]), "{steps:?}");
    assert!(harness.client_reads(4096).starts_with("HTTP/1.1 400 "));
}

#[test]
fn a_head_has_its_time_from_its_first_byte_however_it_trickles_in() {
    let mut harness = Harness::new();
    assert_eq!(harness.pass(60_000), None, "an idle connection has 75 s");
    for byte in b"GET / HTT" {
        assert_eq!(harness.arrives(&[*byte]), [Step::Wait]);
        if harness.now < 69_000 {
            assert_eq!(harness.pass(1_000), None);
        }
    }
    assert_eq!(harness.pass(900), None);
    assert_eq!(harness.pass(200), Some(Step::Refused(RequestError::HeadTimeout)));
    assert!(harness.client_reads(4096).starts_with("HTTP/1.1 408 "));
}

#[test]
fn what_has_arrived_in_time_counts_although_nobody_told_of_it() {
    let mut harness = Harness::new();
    harness.arrives(b"GET / HTTP/1.1\r\n");
    harness.client.write_all(b"Host: x\r\n\r\n").unwrap();
    assert_eq!(harness.pass(10_100), None);
    assert!(harness.connection.awaits_response());
    harness.answer(b"");
    // Unless it is not enough.
    harness.arrives(b"GET / HTTP/1.1\r\n");
    harness.client.write_all(b"Host: x\r\n").unwrap();
    assert_eq!(harness.pass(10_100), Some(Step::Refused(RequestError::HeadTimeout)));
}

#[test]
fn each_of_many_heads_that_come_at_once_has_its_own_time() {
    let mut harness = Harness::new();
    let requests = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(40);
    harness.client.write_all(&requests).unwrap();
    harness.connection.on_ready(READABLE);
    for now in [0, 6_000] {
        harness.now = now;
        let steps = harness.turn(|connection, _| respond(connection, b""));
        assert_eq!(steps.last(), Some(&Step::Yield), "some are left for the next turn");
    }
    // More than a head has since the first was left, and less since the last.
    harness.now = 12_000;
    while let Some((at, _)) = harness.deadlines.pop_due(harness.now) {
        assert_eq!(harness.connection.on_timer(at, harness.now, &STAMP), Step::Wait);
        harness.settle();
    }
    assert_eq!(harness.turn(|connection, _| respond(connection, b"")).last(), Some(&Step::Wait));
}

#[test]
fn an_idle_connection_is_closed_without_a_word_and_each_request_gives_it_new_time() {
    let mut harness = Harness::new();
    for _ in 0..3 {
        assert_eq!(harness.pass(74_000), None);
        harness.arrives(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        harness.answer(b"");
        assert!(!harness.client_reads(4096).is_empty());
    }
    assert!(harness.deadlines.len() <= 2, "no timer for each request");
    harness.pass(74_000);
    assert!(!harness.connection.is_done());
    harness.pass(1_100);
    assert_eq!(harness.client_reads(10), "", "FIN and nothing else");
}

#[test]
fn an_application_may_take_its_time_and_a_body_it_waits_for_may_not() {
    let mut harness = Harness::new();
    harness.arrives(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345");
    harness.connection.take_body();
    assert_eq!(harness.pass(500_000), None, "the application is at work");
    harness.connection.want_body();
    harness.settle();
    assert_eq!(harness.pass(29_000), None);
    harness.arrives(b"6");
    assert_eq!(harness.pass(29_000), None, "a byte gives new time");
    assert_eq!(harness.pass(1_100), Some(Step::Refused(RequestError::BodyTimeout)));
}

#[test]
fn a_client_that_takes_nothing_is_cut_and_one_that_takes_little_is_not() {
    let mut harness = Harness::new();
    harness.arrives(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    respond(&mut harness.connection, &vec![b'x'; 8 * 1024 * 1024]);
    assert_eq!(harness.connection.flush(), Flush::Blocked);
    harness.settle();
    assert_eq!(harness.pass(29_000), None);
    let mut some = vec![0; 512 * 1024];
    harness.client.read_exact(&mut some[..64 * 1024]).unwrap();
    harness.connection.on_ready(Readiness { writable: true, ..Readiness::default() });
    harness.turn(|_, _| {});
    assert_eq!(harness.pass(29_000), None);
    assert_eq!(harness.pass(1_100), Some(Step::Close));
}

#[test]
fn draining_closes_what_is_idle_and_lets_the_rest_finish() {
    let mut idle = Harness::new();
    idle.connection.drain();
    assert!(idle.connection.is_busy(), "nobody knows yet whether a request has arrived");
    idle.turn(|_, _| {});
    assert_eq!(idle.client_reads(10), "");
    assert!(!idle.connection.is_busy());
    let mut busy = Harness::new();
    busy.arrives(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    busy.connection.drain();
    assert!(busy.connection.is_busy());
    busy.answer(b"last");
    let text = busy.client_reads(4096);
    assert!(text.contains("connection: close\r\n") && text.ends_with("last"), "{text}");
    assert_eq!(busy.client_reads(10), "");
}

#[test]
fn closing_soon_leaves_what_is_idle_and_ends_after_the_next_answer() {
    let mut harness = Harness::new();
    harness.connection.close_soon();
    harness.turn(|_, _| {});
    harness.arrives(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    harness.answer(b"last");
    let text = harness.client_reads(4096);
    assert!(text.contains("connection: close\r\n") && text.ends_with("last"), "{text}");
    assert_eq!(harness.client_reads(10), "");
}

#[test]
fn draining_answers_a_request_that_has_arrived_and_was_not_read_yet() {
    let mut harness = Harness::new();
    harness.client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    harness.connection.drain();
    let steps = harness.turn(|connection, _| respond(connection, b"in time"));
    assert!(steps.contains(&Step::Request), "{steps:?}");
    assert!(harness.client_reads(4096).ends_with("in time"));
    assert_eq!(harness.client_reads(10), "");
}

#[test]
fn the_end_of_a_body_is_known_with_its_last_byte_also_at_the_high_water_mark() {
    for extra in [0, 1, 1000] {
        let mut harness = Harness::new();
        let length = BODY_HIGH_WATER + extra;
        let head = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
        assert_eq!(harness.arrives(head.as_bytes()), [Step::Request, Step::Wait]);
        let body = vec![b'x'; length];
        harness.arrives(&body[..1000]);
        harness.arrives(&body[1000..]);
        let (body, ended) = harness.connection.take_body();
        assert_eq!((body.len(), ended), (length, true));
        harness.answer(b"");
        // And the connection is ready for the next request.
        assert_eq!(harness.arrives(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), [Step::Request, Step::Wait]);
    }
}

#[test]
fn bytes_of_the_next_head_do_not_pass_for_reading_the_response() {
    let mut harness = Harness::new();
    harness.arrives(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    respond(&mut harness.connection, &vec![b'x'; 8 * 1024 * 1024]);
    harness.connection.flush();
    harness.settle();
    let mut told = None;
    for byte in b"GET / HTTP/1.1\r\nHost: xxxxxxxxxx" {
        told = told.or(harness.pass(1_000));
        if told.is_none() {
            harness.arrives(&[*byte]);
        }
    }
    assert_eq!(told, Some(Step::Close), "the write timeout of 30 s");
}

#[test]
fn a_lingering_connection_reads_on_and_ends_with_the_client_or_in_time() {
    let mut harness = Harness::new();
    harness.arrives(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n");
    assert!(harness.client_reads(4096).starts_with("HTTP/1.1 413 "));
    assert_eq!(harness.arrives(&[b'x'; 100_000]), [Step::Wait], "read and thrown away");
    let mut other = Harness::new();
    other.arrives(b"nonsense\r\n\r\n");
    drop(std::mem::replace(&mut other.client, UnixStream::pair().unwrap().0));
    other.connection.on_ready(FIN);
    assert_eq!(other.turn(|_, _| {}), [Step::Close]);
    assert_eq!(harness.pass(5_100), Some(Step::Close));
}

#[test]
fn timer_entries_do_not_multiply_for_a_driver_that_does_not_know_which_has_come_up() {
    let mut harness = Harness::new();
    let mut most = 0;
    for _ in 0..500 {
        harness.arrives(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n1");
        // The body is waited for: an earlier deadline than that of an idle connection.
        harness.connection.want_body();
        harness.settle();
        harness.arrives(b"2");
        let _ = harness.connection.take_body();
        harness.answer(b"");
        harness.client_reads(1024);
        harness.now += 1000;
        while harness.deadlines.pop_due(harness.now).is_some() {
            harness.settle();
            assert_eq!(harness.connection.on_some_timer(harness.now, &STAMP), Step::Wait);
            harness.settle();
        }
        most = most.max(harness.deadlines.len());
    }
    // Some of each kind of waiting, overtaken and not yet due.
    assert!(most <= 5, "{most}");
}

#[test]
fn the_bytes_of_each_request_and_response_are_counted() {
    let mut harness = Harness::new();
    let request = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    for _ in 0..2 {
        harness.arrives(request);
        harness.answer(b"hello");
        let tally = harness.connection.tally();
        assert_eq!(tally.bytes_in, request.len() as u64);
        let mut response = [0; 1024];
        assert_eq!(tally.bytes_out, harness.client.read(&mut response).unwrap() as u64);
        assert_eq!(tally.own_body, 0);
    }
    harness.arrives(b"BAD\r\n\r\n");
    let tally = harness.connection.tally();
    let mut response = String::new();
    harness.client.read_to_string(&mut response).unwrap();
    assert_eq!((tally.bytes_in, tally.bytes_out), (7, response.len() as u64));
    assert_eq!(tally.own_body as usize, response.len() - response.find("\r\n\r\n").unwrap() - 4);
}
