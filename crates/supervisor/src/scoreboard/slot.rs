//! What is known of one process.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use super::balance::Share;
use super::entry::{Running, Table};
use super::holder::Holder;

/// How far a worker is. What only the worker knows it writes itself; `Free`, `Starting` and `Ended` are the supervisor's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody has the slot.
    Free,
    /// It was forked, and imports the application or runs its start-up.
    Starting,
    /// It serves.
    Ready,
    /// It does not get on, and accepts no more; whether it recovers is to be seen.
    Stuck,
    /// It wishes that another takes its place; until then it serves, if it can.
    WantsReplacement(Why),
    /// It takes no more connections, and ends when its requests are answered.
    Draining,
    /// It has left its loop, and is about to exit.
    Ended,
}

/// Why a worker is to be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It has served as many requests as it may.
    MaxRequests,
    /// It uses more memory than it may.
    MaxRss,
    /// It has lived as long as it may.
    Lifetime,
    /// Its event loop, or its pool of threads, does not get on.
    StuckLoop,
    /// Nobody gets the interpreter's lock.
    StuckGil,
    /// A request that took too long could not be ended.
    StuckRequest,
    /// Somebody has sent it SIGTERM.
    Asked,
}

impl Why {
    const ALL: [Self; 7] = [
        Self::MaxRequests,
        Self::MaxRss,
        Self::Lifetime,
        Self::StuckLoop,
        Self::StuckGil,
        Self::StuckRequest,
        Self::Asked,
    ];

    /// Whether the worker cannot go on as it is, so that its replacement is urgent.
    #[must_use]
    pub fn is_stuck(self) -> bool {
        matches!(self, Self::StuckLoop | Self::StuckGil | Self::StuckRequest)
    }

    /// For messages: «it …».
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MaxRequests => "has answered as many requests as --max-requests allows",
            Self::MaxRss => "uses more memory than --max-rss allows",
            Self::Lifetime => "has served as long as --worker-lifetime allows",
            Self::StuckLoop => "is stuck: its event loop or its threads do not get on",
            Self::StuckGil => "is stuck: nobody gets the interpreter's lock",
            Self::Asked => "was asked to end (SIGTERM)",
            Self::StuckRequest => "is stuck: a request that took too long could not be ended",
        }
    }
}

impl State {
    const PLAIN: [Self; 6] =
        [Self::Free, Self::Starting, Self::Ready, Self::Stuck, Self::Draining, Self::Ended];
    /// From here on the number of a [`Why`] is added.
    const WANTS: u32 = 256;

    #[allow(clippy::cast_possible_truncation)] // a handful
    fn as_number(self) -> u32 {
        match self {
            Self::WantsReplacement(why) => Self::WANTS + why as u32,
            plain => Self::PLAIN.iter().position(|state| *state == plain).unwrap_or(0) as u32,
        }
    }

    /// A number that nobody has written counts as free.
    fn of_number(number: u32) -> Self {
        let why = number.checked_sub(Self::WANTS).and_then(|why| Why::ALL.get(why as usize));
        match why {
            Some(why) => Self::WantsReplacement(*why),
            None => Self::PLAIN.get(number as usize).copied().unwrap_or(Self::Free),
        }
    }
}

/// What the supervisor tells a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Go on.
    #[default]
    None,
    /// The server stops: answer what runs, take no more, end.
    Drain,
    /// Another has taken this one's place: as `Drain`, but streams may go on for longer.
    Retire,
    /// End at once.
    Quick,
}

impl Order {
    const ALL: [Self; 4] = [Self::None, Self::Drain, Self::Retire, Self::Quick];
}

/// What supervisor and worker write of each other once in a while.
#[derive(Debug, Default)]
#[repr(C, align(128))]
struct Rare {
    holder: Holder,
    seat: AtomicU32,
    generation: AtomicU32,
    state: AtomicU32,
    /// Its worker was ready at some time.
    was_ready: AtomicBool,
    order: AtomicU32,
    /// Requests after which it asks for a replacement; 0: none.
    limit: AtomicU64,
    beat: AtomicU64,
    loop_beat: AtomicU64,
}

/// What the worker writes with each request: on lines of its own, so that nobody else's reading makes it wait.
#[derive(Debug, Default)]
#[repr(C, align(128))]
struct Often {
    in_flight: AtomicU32,
    requests: AtomicU64,
    accepted: AtomicU64,
}

/// A place for one process. Its size is a number of pages, and what is not used is not there.
#[derive(Debug)]
#[repr(C, align(4096))]
pub struct Slot {
    rare: Rare,
    often: Often,
    share: Share,
    pub(super) entries: Table,
}

impl Slot {
    // ---- the supervisor's side ----

    /// Makes the slot a new worker's, before it is forked: whatever was in it is gone.
    pub fn take(&self, seat: u32, generation: u32) {
        self.clear();
        self.rare.seat.store(seat, Ordering::Relaxed);
        self.rare.generation.store(generation, Ordering::Relaxed);
        self.set_state(State::Starting);
    }

    /// Nobody has it any more: its process was reaped, and what it has left behind was looked at.
    pub fn free(&self) {
        self.clear();
        self.set_state(State::Free);
    }

    fn clear(&self) {
        let Rare { holder, seat, generation, state: _, was_ready, order, limit, beat, loop_beat } =
            &self.rare;
        let Often { in_flight, requests, accepted } = &self.often;
        for number in [seat, generation, order, in_flight] {
            number.store(0, Ordering::Relaxed);
        }
        holder.clear();
        for number in [limit, beat, loop_beat, requests, accepted] {
            number.store(0, Ordering::Relaxed);
        }
        was_ready.store(false, Ordering::Relaxed);
        self.share.clear();
        self.entries.clear();
    }

    /// Tells the worker what to do. It looks when the supervisor wakes it.
    pub fn give(&self, order: Order) {
        self.rare.order.store(order as u32, Ordering::Release);
    }

    /// Has the worker ask for a replacement after so many requests; 0: never.
    pub fn limit_requests(&self, limit: u64) {
        self.rare.limit.store(limit, Ordering::Relaxed);
    }

    // ---- both sides ----

    /// Whether nobody has it.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.state() == State::Free
    }

    /// How far its worker is.
    #[must_use]
    pub fn state(&self) -> State {
        State::of_number(self.rare.state.load(Ordering::Acquire))
    }

    /// See [`State`].
    pub fn set_state(&self, state: State) {
        if state == State::Ready {
            self.rare.was_ready.store(true, Ordering::Release);
        }
        self.rare.state.store(state.as_number(), Ordering::Release);
    }

    /// Whether its worker is, or was, ready to serve, whatever has become of it.
    #[must_use]
    pub fn was_ready(&self) -> bool {
        self.rare.was_ready.load(Ordering::Acquire)
    }

    /// Changes `from` into `to`; false if its worker is in another state (by then).
    pub fn change_state(&self, from: State, to: State) -> bool {
        let (from, to) = (from.as_number(), to.as_number());
        self.rare.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Whether the worker may be given connections: it is there, and nothing is wrong with it.
    #[must_use]
    pub fn serves(&self) -> bool {
        match self.state() {
            State::Ready => true,
            State::WantsReplacement(why) => !why.is_stuck(),
            State::Free | State::Starting | State::Stuck | State::Draining | State::Ended => false,
        }
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.rare.holder.pid()
    }

    /// Whose it is.
    #[must_use]
    pub fn holder(&self) -> &Holder {
        &self.rare.holder
    }

    /// The seat of its worker.
    #[must_use]
    pub fn seat(&self) -> u32 {
        self.rare.seat.load(Ordering::Relaxed)
    }

    /// The generation of its worker: which reload it came with.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.rare.generation.load(Ordering::Relaxed)
    }

    /// What the supervisor wants of the worker.
    #[must_use]
    pub fn order(&self) -> Order {
        let number = self.rare.order.load(Ordering::Acquire);
        Order::ALL.get(number as usize).copied().unwrap_or_default()
    }

    /// When the worker's watch thread last looked, in milliseconds; 0: never yet.
    #[must_use]
    pub fn beat(&self) -> u64 {
        self.rare.beat.load(Ordering::Relaxed)
    }

    /// When its event loop, or its pool, was last seen to get on, in milliseconds; 0: never yet.
    #[must_use]
    pub fn loop_beat(&self) -> u64 {
        self.rare.loop_beat.load(Ordering::Relaxed)
    }

    /// Requests in the application, and of what was asked to be counted with them.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.often.in_flight.load(Ordering::Relaxed)
    }

    /// Requests that have begun since the worker was made.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.often.requests.load(Ordering::Relaxed)
    }

    /// Connections that it has accepted.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.often.accepted.load(Ordering::Relaxed)
    }

    /// What is to be known for sharing connections.
    #[must_use]
    pub fn share(&self) -> &Share {
        &self.share
    }

    /// The requests that run in it, the first begun first; of a worker that has died, those that it has left.
    #[must_use]
    pub fn running(&self) -> Vec<Running> {
        let mut running = self.entries.read();
        running.sort_by_key(|request| request.began);
        running
    }

    // ---- the worker's side; see `OwnSlot` for its requests ----

    /// Its watch thread looks.
    pub fn note_beat(&self, now: u64) {
        self.rare.beat.store(now, Ordering::Relaxed);
    }

    /// Its event loop, or its pool, gets on.
    pub fn note_loop_beat(&self, now: u64) {
        self.rare.loop_beat.store(now, Ordering::Relaxed);
    }

    /// Asks for a replacement, unless that was asked for before, or the worker is about to end anyway. A stuck one asks
    /// also after another reason was given, for it is urgent. One that is starting cannot: it has no place to give up yet.
    /// Whether the state has changed: then the bell is to be rung.
    pub fn ask_replacement(&self, why: Why) -> bool {
        let wish = State::WantsReplacement(why).as_number();
        let asks = |number| match State::of_number(number) {
            State::Ready | State::Stuck => Some(wish),
            State::WantsReplacement(before) => (why.is_stuck() && !before.is_stuck()).then_some(wish),
            State::Free | State::Starting | State::Draining | State::Ended => None,
        };
        self.rare.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, asks).is_ok()
    }

    /// A request begins. True if it is the last that the worker may take, or one beyond.
    pub(super) fn count_request(&self) -> bool {
        self.often.in_flight.fetch_add(1, Ordering::Relaxed);
        let number = self.often.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let limit = self.rare.limit.load(Ordering::Relaxed);
        limit != 0 && number >= limit
    }

    pub(super) fn uncount_request(&self) {
        self.often.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn count_accepted(&self) {
        self.often.accepted.fetch_add(1, Ordering::Relaxed);
    }
}
