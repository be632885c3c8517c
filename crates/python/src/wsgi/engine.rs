//! What all threads share: the crew and its reactor, the connections, their deadlines, the listeners.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use yett_logs::RequestId;
use yett_net::acceptor::{Acceptor, RESUME_ACCEPTING};
use yett_net::connection::{OUTPUT_HIGH_WATER, OUTPUT_LOW_WATER};
use yett_net::crew::{Claim, Crew, News, Shared};
use yett_net::listener::NewConnection;
use yett_net::timer::Deadlines;
use yett_net::{Address, Connection, Token, clock};

use super::client::Client;
use super::forked;
use super::posts::Posts;
use crate::options::Options;
use crate::proxies::Forwarding;
use crate::sharing::Woken;
use crate::{log, requests};

/// Timer entries of connections that have gone are forgotten when there are so many more than connections.
const SPARE_ENTRIES: usize = 4096;

/// Bytes of finished responses that may wait in memory, of all clients together: mostly a client is only a moment behind,
/// and writing what it will take to a file would cost more than keeping it. Room for a thousand at the mark above which
/// a single response counts.
const RESPONSES_IN_MEMORY: u64 = 64 * 1024 * 1024;

/// The shared half of the gateway.
pub struct Engine {
    pub crew: Crew,
    pub clients: Shared<Client>,
    pub options: Options,
    pub posts: Posts,
    /// The process in which it was made.
    pub made_in: usize,
    /// Where the listeners listen.
    addresses: Vec<Address>,
    /// Bytes of responses that wait in memory for clients.
    waiting_in_memory: AtomicU64,
    /// Taken when a connection gets an earlier deadline than it had, which in a busy one happens every 75 s.
    deadlines: Mutex<Deadlines>,
    /// Taken to accept.
    acceptor: Mutex<Acceptor>,
    /// Accepting pauses for want of descriptors.
    accepting_paused: AtomicBool,
    draining: AtomicBool,
    /// Responses say that their connection ends.
    closing: AtomicBool,
    /// Told, while draining, whenever a connection comes to rest or ends.
    rested: (Mutex<()>, Condvar),
}

impl Engine {
    /// # Errors
    /// The reactor cannot be made (a system limit).
    /// `threads`: as many will take part.
    pub fn new(
        listeners: Vec<yett_net::Listener>,
        options: Options,
        posts: Posts,
        threads: usize,
    ) -> std::io::Result<Self> {
        // Looks into the environment, which the application's threads may change later.
        let _ = yett_net::spool::directory();
        let addresses = listeners.iter().map(|listener| listener.address().clone()).collect();
        let mut acceptor = Acceptor::new(listeners);
        if let Some(sharing) = options.sharing(Woken::One { threads }) {
            acceptor.share(sharing);
        }
        Ok(Self {
            crew: Crew::new()?,
            clients: Shared::default(),
            options,
            posts,
            made_in: forked::generation(),
            addresses,
            waiting_in_memory: AtomicU64::new(0),
            deadlines: Mutex::default(),
            acceptor: Mutex::new(acceptor),
            accepting_paused: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            rested: (Mutex::default(), Condvar::new()),
        })
    }

    // ---- connections ----

    /// Takes what waits at the listener of `token`, within bounds; the rest is reported again.
    pub fn accept(&self, token: u64) {
        let mut acceptor = self.acceptor();
        let notices = acceptor.accept(
            token,
            self.crew.reactor(),
            || self.deadlines(),
            |new, index| self.admit(new, index),
        );
        self.accepting_paused.store(acceptor.is_paused(), Ordering::Release);
        log::notices(&notices);
    }

    fn admit(&self, new: NewConnection, listener: usize) {
        if !self.options.proxies.admits(&new) {
            return;
        }
        self.options.count_accepted();
        let Some(token) = self.clients.open() else {
            return log::error("a new connection: there are too many already");
        };
        let now = clock::now();
        match Connection::new(new, &self.options.limits, self.crew.reactor(), token, now) {
            Ok(mut connection) => {
                if let Some(at) = connection.await_next(now, &self.options.timeouts) {
                    self.arm(token, at);
                }
                let client = Client {
                    token,
                    connection,
                    listener,
                    addresses: None,
                    forwarding: Forwarding::default(),
                    collecting: None,
                    record: None,
                    undelivered: None,
                    request_id: RequestId::None,
                    waiting: 0,
                };
                self.put_in(Box::new(client));
            }
            Err(error) => {
                self.clients.close(token);
                log::error(&format!("a new connection: {error}"));
            }
        }
    }

    /// The newcomer's first rest. What has become known of it meanwhile is for whoever takes it next.
    fn put_in(&self, client: Box<Client>) {
        let (token, mut client) = (client.token, client);
        while let Err((back, news)) = self.clients.release(token, client, false) {
            // Not as a turn that was cut short: it may be no more than that there is room in its socket.
            self.again(token, news);
            client = back;
        }
    }

    /// Puts a connection back, unless there is news of it.
    pub fn rest(&self, mut client: Box<Client>) -> Option<(Box<Client>, News)> {
        self.bound_memory(&mut client);
        let owed = client.connection.is_busy();
        let refused = self.clients.release(client.token, client, owed).err();
        if refused.is_none() && self.is_draining() {
            self.tell_rested();
        }
        refused
    }

    /// Notes what the client has not taken; if it is too much for memory together with that of others, moves it into a
    /// temporary file.
    fn bound_memory(&self, client: &mut Client) {
        let in_memory = client.connection.output_in_memory();
        if in_memory < OUTPUT_HIGH_WATER {
            return;
        }
        client.waiting = in_memory;
        let all = self.waiting_in_memory.fetch_add(in_memory, Ordering::Relaxed) + in_memory;
        if all <= RESPONSES_IN_MEMORY {
            return;
        }
        if let Err(error) = client.connection.spool_output(OUTPUT_LOW_WATER, self.options.response_spool) {
            log::cannot_spool(&error);
        }
        self.forget_waiting(client);
        client.waiting = client.connection.output_in_memory();
        self.waiting_in_memory.fetch_add(client.waiting, Ordering::Relaxed);
        release_objects();
    }

    /// The connection is in a thread's hands again.
    pub fn forget_waiting(&self, client: &mut Client) {
        if client.waiting > 0 {
            self.waiting_in_memory.fetch_sub(std::mem::take(&mut client.waiting), Ordering::Relaxed);
        }
    }

    /// Drops a connection.
    pub fn close(&self, client: Box<Client>) {
        let token = client.token;
        let holds_objects = client.connection.output_in_memory() > 0;
        // Its descriptor is closed here, before anybody waits for a free one.
        drop(client);
        if holds_objects {
            release_objects();
        }
        self.clients.close(token);
        if self.accepting_paused.load(Ordering::Acquire) {
            self.resume_accepting();
        }
        if self.is_draining() || self.closing.load(Ordering::Acquire) {
            self.tell_rested();
        }
    }

    /// Has `token` come up once more.
    pub fn again(&self, token: Token, news: News) {
        if let Err(error) = self.crew.again(token, news) {
            log::error(&format!("cannot wake the thread that waits: {error}"));
        }
    }

    /// Whether a client waits for a thread; for when all of them are in the application.
    pub fn anybody_waits(&self) -> bool {
        self.crew.anybody_waits(self.addresses.len()).unwrap_or_else(|error| {
            log::error(&format!("cannot see whether anybody waits: {error}"));
            false
        })
    }

    // ---- time ----

    /// Has `token` come up at `at`.
    pub fn arm(&self, token: Token, at: clock::Millis) {
        let mut deadlines = self.deadlines();
        deadlines.push(token, at);
        if deadlines.len() > 2 * self.clients.len() + SPARE_ENTRIES {
            deadlines.retain(|_, token| Acceptor::is_alarm(token) || self.clients.is_live(token));
        }
        self.set_alarm(&mut deadlines, false);
    }

    /// The alarm has gone off: what is due is put into the queue.
    pub fn on_alarm(&self) {
        let now = clock::now();
        loop {
            // Not held while anything else is done.
            let due = self.deadlines().pop_due(now);
            match due {
                Some((_, token)) if token.as_u64() == RESUME_ACCEPTING => self.resume_accepting(),
                Some((_, token)) if Acceptor::is_alarm(token) => self.accept(token.as_u64()),
                Some((_, token)) => self.again(token, News::TIMER),
                None => break,
            }
        }
        self.set_alarm(&mut self.deadlines(), true);
    }

    fn set_alarm(&self, deadlines: &mut Deadlines, went_off: bool) {
        if let Some(at) = deadlines.next_alarm(went_off)
            && let Err(error) = self.crew.reactor().set_alarm(Some(at))
        {
            log::error(&format!("cannot set the alarm: {error}"));
        }
    }

    // ---- listening ----

    /// Watches all listeners.
    pub fn start(&self) {
        let mut acceptor = self.acceptor();
        log::notices(&acceptor.start(self.crew.reactor(), || self.deadlines()));
        self.accepting_paused.store(acceptor.is_paused(), Ordering::Release);
    }

    /// Ends a pause in accepting: a descriptor has become free, or it is time to see whether one has.
    fn resume_accepting(&self) {
        let mut acceptor = self.acceptor();
        log::notices(&acceptor.resume(self.crew.reactor(), || self.deadlines()));
        self.accepting_paused.store(acceptor.is_paused(), Ordering::Release);
    }

    /// The address of a listener.
    pub fn address_of(&self, listener: usize) -> Option<&Address> {
        self.addresses.get(listener)
    }

    /// The address where all connections come in, if there is only one.
    pub fn only_address(&self) -> Option<&Address> {
        if self.addresses.len() == 1 { self.addresses.first() } else { None }
    }

    // ---- the end ----

    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// From now on responses say that their connection ends, and it does; new ones are taken as before.
    pub fn close_soon(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// A response is about to begin on this connection, which may have to be its last.
    pub fn may_be_last(&self, connection: &mut Connection) {
        if self.is_draining() {
            connection.drain();
        } else if self.closing.load(Ordering::Acquire) {
            connection.close_soon();
        }
    }

    /// The listeners are closed, and idle connections; responses say that theirs will be. From a thread that is none of the
    /// crew's, without the interpreter's lock.
    pub fn drain(&self) {
        {
            let mut acceptor = self.acceptor();
            let admit = |new, index| self.admit(new, index);
            log::notices(&acceptor.drain(self.crew.reactor(), || self.deadlines(), admit));
            // With the acceptor held: who is admitted before is found below, and nobody is afterwards.
            self.draining.store(true, Ordering::Release);
        }
        for token in self.clients.tokens() {
            self.clients.mark_owed(token, News::DRAIN);
            self.again(token, News::DRAIN);
        }
    }

    /// The listeners are closed: other processes have them as well. Connections that are open may bring one more request.
    pub fn leave(&self) {
        let admit = |new, index| self.admit(new, index);
        log::notices(&self.acceptor().drain(self.crew.reactor(), || self.deadlines(), admit));
        self.close_soon();
    }

    /// The listeners are closed, and what waits there is for others.
    pub fn abandon(&self) {
        log::notices(&self.acceptor().abandon(self.crew.reactor()));
        self.close_soon();
    }

    /// True when, after [`Engine::drain`], nothing is left by `until` (`None`: whenever that is).
    pub fn wait_until_drained(&self, until: Option<Instant>) -> bool {
        self.wait_while(until, || self.clients.any_busy())
    }

    /// True when, after [`Engine::leave`], no connection is open by `until`.
    pub fn wait_until_empty(&self, until: Option<Instant>) -> bool {
        self.wait_while(until, || !self.clients.is_empty())
    }

    fn wait_while(&self, until: Option<Instant>, something_is_left: impl Fn() -> bool) -> bool {
        let mut guard = self.rested.0.lock().unwrap_or_else(PoisonError::into_inner);
        while something_is_left() {
            let left = until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return false;
            }
            guard = self.rested.1.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn tell_rested(&self) {
        // Held for a moment, so that nobody who has just looked misses it.
        drop(self.rested.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.rested.1.notify_all();
    }

    /// The threads end when they come from the application; the listeners are closed.
    pub fn stop(&self) {
        if let Err(error) = self.crew.stop() {
            log::error(&format!("cannot wake the thread that waits: {error}"));
        }
        log::notices(&self.acceptor().close(self.crew.reactor()));
    }

    /// Writes the lines of those who are left: bodies that have not arrived, responses that nobody has taken.
    pub fn log_unfinished(&self) {
        let Some(log) = &self.options.access_log else { return };
        for token in self.clients.tokens() {
            // Those that a thread still has are not ours.
            let Claim::Owned(mut client) = self.clients.claim(token, News::DRAIN) else { continue };
            for record in [client.undelivered.take(), client.record.take()].into_iter().flatten() {
                requests::write_unfinished(log, record, &client.connection);
            }
            drop(client);
            self.clients.close(token);
        }
    }

    fn deadlines(&self) -> MutexGuard<'_, Deadlines> {
        self.deadlines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn acceptor(&self) -> MutexGuard<'_, Acceptor> {
        self.acceptor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets go of Python objects that were dropped without the interpreter's lock: pyo3 keeps them until it is entered the
/// next time, which in an idle server may be never.
fn release_objects() {
    Python::attach(|_| {});
}

/// An engine in the hands of several threads.
pub type SharedEngine = Arc<Engine>;
