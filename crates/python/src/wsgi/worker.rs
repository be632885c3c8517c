//! What one thread does between two calls of the application: it finds a connection with news, reads, parses, collects
//! bodies, and writes, without the interpreter's lock.
//!
//! While a request runs, the worker is lent to its exchange (`exchange`), through which the application writes.

use std::sync::Arc;

use yett_logs::{Interface, Outcome, RequestId};
use yett_net::acceptor::FIRST_LISTENER;
use yett_net::buffer::Flush;
use yett_net::clock::{self, DateCache};
use yett_net::connection::{OUTPUT_HIGH_WATER, OUTPUT_LOW_WATER};
use yett_net::crew::{Claim, Member, News, Task};
use yett_net::reactor::ALARM;
use yett_net::{Inbox, Step, Token};
use yett_proto::error::RequestError;
use yett_proto::request::RequestHead;
use yett_proto::response::ResponseHead;

use super::client::{Body, Client, Collecting, Request};
use super::engine::SharedEngine;
use super::posts::Post;
use crate::slot::Counted;
use crate::{log, requests};

/// One thread's things.
pub struct Worker {
    pub engine: SharedEngine,
    /// Where others see what the thread is at.
    pub post: Arc<Post>,
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
    /// How the worker process's slot knows the request that is with the application.
    pub counted: Counted,
}

impl Worker {
    pub fn new(engine: SharedEngine, post: Arc<Post>) -> Self {
        Self {
            engine,
            post,
            member: Member::default(),
            client: None,
            inbox: Inbox::default(),
            date: DateCache::default(),
            head: ResponseHead::default(),
            spare_head: ResponseHead::default(),
            spool_failed: false,
            counted: Counted::Not,
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
        if let Some(mut client) = self.client.take() {
            self.log_end(&mut client);
            self.client = Some(client);
        }
        self.uncount();
        if let Some(request) = self.go_on() {
            return Some(request);
        }
        let engine = SharedEngine::clone(&self.engine);
        loop {
            match engine.crew.next(&mut self.member, || {}) {
                Ok(Task::Event(ALARM, _)) => engine.on_alarm(),
                Ok(Task::Event(token @ FIRST_LISTENER.., _)) => engine.accept(token),
                Ok(Task::Event(token, news)) => {
                    if let Claim::Owned(client) = engine.clients.claim(Token::from_u64(token), news)
                        && let Some(request) = self.take_turn(client, news)
                    {
                        return Some(request);
                    }
                }
                Ok(Task::Stop) => return None,
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
        loop {
            match self.advance(&mut client) {
                Turn::Request(request) => {
                    // A pipelined request may take long: the last response goes out first.
                    if client.connection.output_pending() > 0 {
                        client.connection.flush();
                    }
                    // Without a body that came later, it has been ready since it began.
                    if request.head.is_some()
                        && self.wants_times()
                        && let Some(record) = &mut client.record
                    {
                        record.is_ready();
                    }
                    self.count(&client, &request);
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

    /// The request is the application's.
    fn count(&mut self, client: &Client, request: &Request) {
        let options = &self.engine.options;
        if options.slot.is_some() {
            let peer = client.forwarding.client(client.connection.peer());
            let (head, record) = (self.head_of(request), client.record.as_deref());
            self.counted = options.count(&head, peer, &client.request_id, record, self.post.ident());
        }
    }

    fn uncount(&mut self) {
        self.engine.options.uncount(std::mem::take(&mut self.counted));
    }

    fn advance(&mut self, client: &mut Client) -> Turn {
        let date = self.date.text();
        loop {
            let stamp = self.engine.options.stamp(&date, &RequestId::None);
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
        let (head, peer) = (self.inbox.head(), client.connection.peer());
        let speaker = client.connection.speaker();
        client.forwarding = options.proxies.judge(speaker, &head);
        client.request_id = options.identify(&head, speaker);
        client.record =
            options.record(&head, client.forwarding.client(peer), Interface::Wsgi, &client.request_id);
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
        let id = &client.request_id;
        client.connection.respond_failure(&self.engine.options.stamp(&date, id));
        if let Some(record) = &mut client.record {
            record.conclude(Outcome::Failed, 500, "The body could not be kept in a temporary file.");
        }
        self.log_access(client);
    }

    fn refused(&self, client: &mut Client, error: RequestError) {
        client.collecting = None;
        log::refusal(Some(client.connection.peer()), error);
        if let Some(record) = &mut client.record {
            requests::note_refusal(record, error);
            self.log_access(client);
        } else if let Some(log) = &self.engine.options.access_log {
            requests::write_refusal(log, &client.connection, error);
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
            if let Step::Refused(error) =
                client.connection.on_some_timer(now, &self.engine.options.stamp(&date, &RequestId::None))
            {
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
            log::short_file();
        }
        if connection.is_done() {
            self.log_undelivered(&mut client);
            self.log_access(&mut client);
            self.engine.close(client);
            return None;
        }
        let drained = connection.output_pending() <= OUTPUT_LOW_WATER;
        if drained {
            self.log_undelivered(&mut client);
        }
        let connection = &client.connection;
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

    // ---- the access log ----

    /// Whether the access log tells how long a request has waited.
    fn wants_times(&self) -> bool {
        self.engine.options.access_log.as_ref().is_some_and(|log| log.needs().times)
    }

    /// The application is done with a request. Its line is written when the client has taken the response, or nearly.
    fn log_end(&self, client: &mut Client) {
        let connection = &client.connection;
        if connection.output_pending() < OUTPUT_HIGH_WATER || connection.is_done() {
            return self.log_access(client);
        }
        self.log_undelivered(client);
        if let Some(mut record) = client.record.take() {
            requests::measure(&mut record, &client.connection);
            client.undelivered = Some(record);
        }
    }

    /// The client has taken the response of a request before, or never will.
    fn log_undelivered(&self, client: &mut Client) {
        if let Some(log) = &self.engine.options.access_log
            && let Some(mut record) = client.undelivered.take()
        {
            requests::write_delivered(log, &mut record, &client.connection);
        }
    }

    /// Writes the line of a request that is over.
    fn log_access(&self, client: &mut Client) {
        if let Some(log) = &self.engine.options.access_log
            && let Some(mut record) = client.record.take()
        {
            requests::write(log, &mut record, &client.connection);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Also one that was lost on the way.
        self.uncount();
    }
}

/// What a turn came to.
enum Turn {
    /// There is a request for the application.
    Request(Request),
    /// Nothing more can be done now, or (`again`) should be.
    Over { again: bool },
}
