//! The yardstick for the head parser: takes typical requests through a connection, again and again.
//!
//!     cargo run --release --example parse_head -- browser 1000000
//!
//! prints nanoseconds per request; run under `valgrind --tool=callgrind` with two different numbers of rounds, the
//! difference of the instruction counts divided by that of the rounds is instructions per request. `hello` is the head
//! that load generators send, `browser` one with twelve fields, `exchange` is `hello` with its response.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::panic, clippy::expect_used)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use yett_proto::h1::{Connection, Event, Stamp};
use yett_proto::limits::Limits;
use yett_proto::request::HeadSpans;
use yett_proto::response::ResponseHead;

const HELLO: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n";

const BROWSER: &[u8] = b"GET /articles/2026/a-title-of-some-length?utm_source=news&page=2 HTTP/1.1\r\n\
    Host: www.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-GB,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Referer: https://www.example.com/articles/\r\n\
    Connection: keep-alive\r\n\
    Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=1\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    Sec-Fetch-Dest: document\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Priority: u=0, i\r\n\r\n";

/// Takes one request in and answers it, so that the connection is ready for the next.
struct Bench {
    connection: Connection,
    spans: HeadSpans,
    response: ResponseHead,
    out: Vec<u8>,
}

impl Bench {
    fn parse(&mut self, input: &[u8]) {
        let progress = self.connection.handle_input(black_box(input), &mut self.spans).expect("a valid head");
        assert_eq!(progress.event, Event::Request);
    }

    fn respond(&mut self) {
        let stamp = Stamp { date: b"Sun, 06 Nov 1994 08:49:37 GMT", server: true, request_id: b"" };
        self.out.clear();
        self.response.reset(200).expect("a final status");
        self.response.push(b"content-type", b"text/plain").expect("a valid field");
        self.connection.send_head(&self.response, Some(13), &stamp, &mut self.out);
        let frame = self.connection.send_data(13);
        self.out.extend_from_slice(&b"Hello, world!"[..frame.take as usize]);
        self.connection.send_end(None, &mut self.out);
        black_box(&self.out);
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let kind = arguments.next().unwrap_or_else(|| "browser".to_owned());
    let rounds: u32 = arguments.next().and_then(|number| number.parse().ok()).unwrap_or(1_000_000);
    let input = match kind.as_str() {
        "hello" | "exchange" => HELLO,
        "browser" => BROWSER,
        other => panic!("no such head: {other} (hello, browser, exchange)"),
    };
    let limits = Arc::new(Limits::default());
    let mut bench = Bench {
        connection: Connection::new(Arc::clone(&limits)),
        spans: HeadSpans::new(),
        response: ResponseHead::new(),
        out: Vec::with_capacity(1024),
    };
    let start = Instant::now();
    for _ in 0..rounds {
        bench.parse(input);
        if kind == "exchange" {
            bench.respond();
            bench.connection.finish_exchange();
        } else {
            bench.connection = Connection::new(Arc::clone(&limits));
        }
    }
    let each = start.elapsed().as_nanos() as f64 / f64::from(rounds.max(1));
    println!("{kind}: {} bytes, {rounds} rounds, {each:.0} ns each", input.len());
}
