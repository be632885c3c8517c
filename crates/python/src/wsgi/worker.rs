//! What one thread does between two calls of the application: it finds a connection with news, reads, parses, collects
//! bodies, and writes, without the interpreter's lock.
//!
//! While a request runs, the worker is lent to its exchange (`exchange`), through which the application writes.

use yett_net::acceptor::FIRST_LISTENER;
use yett_net::buffer::Flush;
use yett_net::clock::{self, DateCache};
use yett_net::connection::{OUTPUT_HIGH_WATER, OUTPUT_LOW_WATER};
use yett_net::crew::{Claim, Member, News, Task};
use yett_net::reactor::ALARM;
use yett_net::{Inbox, Stamp, Step, Token};
use yett_proto::error::RequestError;
use yett_proto::request::RequestHead;
use yett_proto::response::ResponseHead;
use yett_settings::LogLevel;

use super::client::{Body, Client, Collecting, Request};
use super::engine::SharedEngine;
use crate::{access_log, log};

/// One thread's things.
pub struct Worker {
    pub engine: SharedEngine,
    pub member: Member,
    /// Whose turn it is.
    pub client: Option<Box<Client>>,
    pub inbox: Inbox,
    pub date: DateCache,
    /// The head of the response being made.
    pub head: ResponseHead,
    /// Where the next one is made.
    pub spare_head: ResponseHead,
    /// A temporary file for the response could not be written: told once for each.
    pub spool_failed: bool,
}

impl Worker {
    pub fn new(engine: SharedEngine) -> Self {
        Self {
            engine,
            member: Member::default(),
            client: None,
            inbox: Inbox::default(),
            date: DateCache::default(),
            head: ResponseHead::default(),
            spare_head: ResponseHead::default(),
            spool_failed: false,
        }
    }

    /// The head of a request that [`Worker::next_request`] has brought.
    pub fn head_of<'a>(&'a self, request: &'a Request) -> RequestHead<'a> {
        match &request.head {
            Some(stored) => stored.view(),
            None => self.inbox.head(),
        }
    }

    /// Finishes the turn of the connection whose request has been answered, and then works until there is a request for
    /// the application, which is that of `self.client`. `None`: the server ends.
    pub fn next_request(&mut self) -> Option<Request> {
        if let Some(request) = self.go_on() {
            return Some(request);
        }
        let engine = SharedEngine::clone(&self.engine);
        let flush_log = || {
            if let Some(log) = &engine.options.access_log {
                log.flush();
            }
        };
        loop {
            match engine.crew.next(&mut self.member, flush_log) {
                Ok(Task::Event(ALARM, _)) => engine.on_alarm(),
                Ok(Task::Event(token @ FIRST_LISTENER.., _)) => engine.accept(token),
                Ok(Task::Event(token, news)) => {
                    if let Claim::Owned(client) = engine.clients.claim(Token::from_u64(token), news)
                        && let Some(request) = self.take_turn(client, news)
                    {
                        return Some(request);
                    }
                }
                Ok(Task::Stop) => {
                    flush_log();
                    return None;
                }
                Err(error) => {
                    log::error(&format!("the reactor has failed, this thread ends: {error}"));
                    return None;
                }
            }
        }
    }

    // ---- a turn ----

    fn take_turn(&mut self, mut client: Box<Client>, news: News) -> Option<Request> {
        self.engine.forget_waiting(&mut client);
        self.heed(&mut client, news);
        client.connection.begin_turn(&mut self.inbox);
        self.client = Some(client);
        self.go_on()
    }

    /// Goes on with the turn of `self.client`, and with further ones if there is more news of it.
    fn go_on(&mut self) -> Option<Request> {
        let mut client = self.client.take()?;
        if !client.connection.awaits_response() {
            self.log_access(&mut client, access_log::CLIENT_GONE);
        }
        loop {
            match self.advance(&mut client) {
                Turn::Request(request) => {
                    // A pipelined request may take long: the last response goes out first.
                    if client.connection.output_pending() > 0 {
                        client.connection.flush();
                    }
                    self.client = Some(client);
                    return Some(request);
                }
                Turn::Over { again } => {
                    client.connection.end_turn(&mut self.inbox);
                    let (back, news) = self.settle(client, again)?;
                    client = back;
                    self.engine.forget_waiting(&mut client);
                    self.heed(&mut client, news);
                    client.connection.begin_turn(&mut self.inbox);
                }
            }
        }
    }

    fn advance(&mut self, client: &mut Client) -> Turn {
        let date = self.date.text();
        loop {
            let stamp = self.stamp(&date);
            let request = match client.connection.advance(&mut self.inbox, &stamp) {
                Step::Request => self.begin_request(client),
                Step::Body => self.collect(client),
                // It still gets its answer, and an application that runs does not ask.
                Step::HalfClosed => None,
                Step::Refused(error) => {
                    self.refused(client, error);
                    None
                }
                Step::Wait | Step::Close => return Turn::Over { again: false },
                Step::Yield => return Turn::Over { again: true },
            };
            if let Some(request) = request {
                return Turn::Request(request);
            }
        }
    }

    fn begin_request(&mut self, client: &mut Client) -> Option<Request> {
        self.spool_failed = false;
        let options = &self.engine.options;
        let peer = client.connection.peer();
        client.forwarding = options.proxies.judge(peer, &self.inbox.head());
        if options.access_log.is_some() {
            let record = access_log::Record::new(&self.inbox.head(), client.forwarding.client(peer));
            client.record = Some(Box::new(record));
        }
        let (bytes, ended) = client.connection.take_body();
        if ended {
            return Some(Request { head: None, body: Body::Memory(bytes) });
        }
        if !options.request_buffering {
            return Some(Request { head: None, body: Body::Streaming(bytes) });
        }
        match Collecting::begin(self.inbox.head().store(), bytes) {
            Ok(collecting) => {
                client.collecting = Some(Box::new(collecting));
                client.connection.want_body();
            }
            Err(error) => self.cannot_collect(client, &error),
        }
        None
    }

    /// More of a body has come.
    fn collect(&mut self, client: &mut Client) -> Option<Request> {
        let mut collecting = client.collecting.take()?;
        let (bytes, ended) = client.connection.take_body();
        let added = collecting.add(bytes);
        match added.and_then(|()| if ended { collecting.finish().map(Ok) } else { Ok(Err(collecting)) }) {
            Ok(Ok(request)) => return Some(request),
            Ok(Err(unfinished)) => {
                client.collecting = Some(unfinished);
                client.connection.want_body();
            }
            Err(error) => self.cannot_collect(client, &error),
        }
        None
    }

    fn cannot_collect(&self, client: &mut Client, error: &std::io::Error) {
        log::error(&format!(
            "a request body cannot be kept in a temporary file: {error} (TMPDIR chooses where)"
        ));
        let date = self.date.text();
        client.connection.respond_failure(&self.stamp(&date));
        self.log_access(client, 500);
    }

    fn refused(&self, client: &mut Client, error: RequestError) {
        client.collecting = None;
        let peer = client.connection.peer();
        if log::enabled(LogLevel::Debug) {
            log::debug(&format!("refused a request from {peer:?}: {} {error}", error.status()));
        }
        if client.record.is_some() {
            self.log_access(client, error.status());
        } else if let Some(log) = &self.engine.options.access_log {
            log.write(&access_log::Record::of_refusal(peer, error.status()));
        }
    }

    /// Takes note of what has become known.
    fn heed(&self, client: &mut Client, news: News) {
        client.connection.on_ready(news.readiness());
        if news.has(News::DRAIN) {
            client.connection.drain();
        }
        if news.has(News::TIMER) {
            let now = clock::now();
            self.arm(client, now);
            let date = self.date.text();
            if let Step::Refused(error) = client.connection.on_some_timer(now, &self.stamp(&date)) {
                self.refused(client, error);
            }
        }
    }

    /// Writes what is queued, drops the connection if it is over, sets its deadline, and puts it back; or not, if
    /// there is news of it.
    fn settle(&mut self, mut client: Box<Client>, again: bool) -> Option<(Box<Client>, News)> {
        let connection = &mut client.connection;
        let stalled = connection.output_pending() >= OUTPUT_HIGH_WATER;
        let flush = connection.flush();
        if flush == Flush::ShortFile {
            log::error(
                "a file ended before its promised length, or could not be read: the response was cut off",
            );
        }
        if connection.is_done() {
            if client.record.is_some() {
                self.log_access(&mut client, access_log::CLIENT_GONE);
            }
            self.engine.close(client);
            return None;
        }
        let drained = connection.output_pending() <= OUTPUT_LOW_WATER;
        let again = again
            || flush == Flush::Yield
            // A pipelining client that had stopped reading may go on now.
            || (stalled && drained)
            || (connection.is_lingering() && connection.has_news());
        self.arm(&mut client, clock::now());
        if again {
            // Behind the others. While it is owned, this is kept as news; so it is told once it rests.
            self.engine.again(client.token, News::AGAIN);
        }
        self.engine.rest(client)
    }

    fn arm(&self, client: &mut Client, now: clock::Millis) {
        if let Some(at) = client.connection.await_next(now, &self.engine.options.timeouts) {
            self.engine.arm(client.token, at);
        }
    }

    pub fn stamp<'a>(&self, date: &'a [u8; 29]) -> Stamp<'a> {
        Stamp { date, server: self.engine.options.server_header }
    }

    /// Writes the line of a request that is over, with `status` if it has got none yet.
    pub fn log_access(&self, client: &mut Client, status: u16) {
        if let Some(log) = &self.engine.options.access_log
            && let Some(mut record) = client.record.take()
        {
            if record.status == access_log::CLIENT_GONE {
                record.status = status;
            }
            log.write(&record);
        }
    }
}

/// What a turn came to.
enum Turn {
    /// There is a request for the application.
    Request(Request),
    /// Nothing more can be done now, or (`again`) should be.
    Over { again: bool },
}
