//! A driver for tests: takes bytes in pieces through a connection, answers every whole request, and tells what came out.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use yett_proto::error::RequestError;
use yett_proto::h1::{Connection, Event, Next, Stamp};
use yett_proto::limits::Limits;
use yett_proto::request::HeadSpans;
use yett_proto::response::ResponseHead;

pub const STAMP: Stamp<'static> =
    Stamp { date: b"Sun, 06 Nov 1994 08:49:37 GMT", server: true, request_id: b"" };

pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// A request that came out whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    pub method: Vec<u8>,
    pub target: Vec<u8>,
    pub path: Vec<u8>,
    pub query: Vec<u8>,
    pub version: String,
    pub authority: Option<Vec<u8>>,
    pub upgrade: Option<Vec<u8>>,
    pub expects_continue: bool,
    pub accepts_trailers: bool,
    pub fields: Fields,
    pub body: Vec<u8>,
    pub trailers: Fields,
    /// The connection lived on after the response.
    pub keep_alive: bool,
}

/// All that came of some bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub requests: Vec<Whole>,
    pub refused: Option<RequestError>,
}

pub fn owned<'a>(fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Fields {
    fields.map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

/// Feeds `raw` cut at `cuts` (ascending), ends the input, and collects what comes out. Panics where the connection does
/// not keep its promises.
pub fn drive(raw: &[u8], cuts: impl IntoIterator<Item = usize>, limits: &Arc<Limits>) -> Outcome {
    let mut driver = Driver {
        connection: Connection::new(Arc::clone(limits)),
        spans: HeadSpans::new(),
        current: None,
        outcome: Outcome::default(),
        closed: false,
    };
    let mut consumed = 0;
    for end in cuts.into_iter().chain([raw.len()]) {
        match driver.present(&raw[consumed..end]) {
            Ok(count) => consumed += count,
            Err(error) => return driver.refuse(error),
        }
    }
    if let Err(error) = driver.connection.handle_eof() {
        return driver.refuse(error);
    }
    assert!(driver.current.is_none(), "the end of the input went by in a body without an error");
    driver.outcome
}

struct Driver {
    connection: Connection,
    spans: HeadSpans,
    current: Option<Whole>,
    outcome: Outcome,
    closed: bool,
}

impl Driver {
    /// Presents `input` until nothing more can be made of it. How many bytes were consumed.
    fn present(&mut self, input: &[u8]) -> Result<usize, RequestError> {
        let mut consumed = 0;
        loop {
            let rest = &input[consumed..];
            let progress = self.connection.handle_input(rest, &mut self.spans)?;
            assert!(progress.consumed <= rest.len(), "consumed more than there was");
            consumed += progress.consumed;
            match progress.event {
                Event::NeedInput => return Ok(consumed),
                Event::Request => {
                    self.start(rest);
                    if self.connection.request_complete() {
                        // A second request must wait, whatever comes.
                        self.expect_blocked(&input[consumed..]);
                        self.respond();
                    }
                }
                Event::Data(data) => {
                    assert!(!data.is_empty(), "an empty piece");
                    self.current.as_mut().expect("data belongs to a request").body.extend_from_slice(data);
                }
                Event::End => {
                    assert!(self.connection.request_complete());
                    self.expect_blocked(&input[consumed..]);
                    self.respond();
                }
                Event::Blocked => panic!("blocked although the exchange was finished"),
                Event::Closed => {
                    assert!(self.closed, "closed for no reason");
                    assert_eq!(consumed, input.len(), "what comes after the end is consumed");
                    return Ok(consumed);
                }
            }
        }
    }

    fn expect_blocked(&mut self, rest: &[u8]) {
        let progress = self.connection.handle_input(rest, &mut self.spans).expect("waiting is no error");
        match progress.event {
            Event::NeedInput => assert!(rest.is_empty()),
            Event::Blocked => assert!(!rest.is_empty() && progress.consumed == 0),
            Event::Closed => assert!(!rest.is_empty()),
            other => panic!("{other:?} while an exchange is open"),
        }
    }

    fn start(&mut self, input: &[u8]) {
        assert!(self.connection.in_exchange() && !self.connection.in_head());
        assert!(self.current.is_none(), "a request inside another");
        let head = self.spans.view(input);
        let block = head.field_block();
        assert_eq!(block.iter().filter(|&&b| b == b'\n').count(), head.fields().len());
        assert!(block.is_empty() || block.ends_with(b"\r\n"));
        self.current = Some(Whole {
            method: head.method().to_vec(),
            target: head.target().to_vec(),
            path: head.path().to_vec(),
            query: head.query().to_vec(),
            version: head.version().as_str().to_owned(),
            authority: head.authority().map(<[u8]>::to_vec),
            upgrade: head.upgrade().map(<[u8]>::to_vec),
            expects_continue: head.expects_continue(),
            accepts_trailers: head.accepts_trailers(),
            fields: owned(head.fields()),
            ..Whole::default()
        });
    }

    /// Answers the current request, which is whole, with 200.
    fn respond(&mut self) {
        let mut whole = self.current.take().expect("a request to answer");
        if let Some(trailers) = self.connection.take_trailers() {
            whole.trailers = owned(trailers.iter());
        }
        let mut response = ResponseHead::new();
        response.reset(200).unwrap();
        let mut out = Vec::new();
        self.connection.send_head(&response, Some(0), &STAMP, &mut out);
        self.connection.send_end(None, &mut out);
        assert!(self.connection.response_complete() && !self.connection.in_exchange());
        let says_close = String::from_utf8_lossy(&out).contains("connection: close\r\n");
        whole.keep_alive = self.connection.finish_exchange() == Next::KeepAlive;
        assert_eq!(whole.keep_alive, !says_close, "the response says what happens");
        self.closed |= !whole.keep_alive;
        self.outcome.requests.push(whole);
    }

    fn refuse(mut self, error: RequestError) -> Outcome {
        let mut out = Vec::new();
        self.connection.send_error(error, &STAMP, &mut out);
        let text = String::from_utf8(out).expect("an error response is text");
        assert!(text.starts_with(&format!("HTTP/1.1 {} ", error.status())), "{text}");
        assert!(text.contains("\r\nconnection: close\r\n"), "{text}");
        assert!(self.connection.should_close());
        let after = self.connection.handle_input(b"GET / HTTP/1.0\r\n\r\n", &mut self.spans);
        assert_eq!(after.expect("no second error").event, Event::Closed);
        self.outcome.refused = Some(error);
        self.outcome
    }
}
