//! Which thread has a connection: one atomic word for each.
//!
//! ```text
//!            claim                      claim, with news
//!   at rest ───────▶ owned by a thread ◀────────────────┐
//!      ▲                 │         │                    │
//!      └─────────────────┘         └──▶ owned, with news ┘
//!            release                      (release refuses, and hands the news over)
//! ```
//!
//! Whoever learns something about a connection *claims* it. If it is at rest, it is taken out of its place and is the
//! caller's alone, a plain value. If another thread has it, the news is left in the word, and that thread finds it
//! when it wants to put the connection back. So edge-triggered readiness is never lost, needs no re-arming system call,
//! and nobody waits for anybody.
//!
//! The word also holds the generation of the place's tenant, for the same reason as in [`crate::table`].

use std::cell::UnsafeCell;
use std::ops::BitOr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::reactor::Readiness;
use crate::table::Token;

/// Places made at a time: a page of them is some kilobytes.
const PAGE: usize = 256;

/// Pages at most: a million connections, which is the usual upper bound on descriptors (`fs.nr_open`).
const PAGES: usize = 4096;

/// The place has a tenant.
const LIVE: u64 = 1 << 8;
/// A thread has taken the tenant out.
const OWNED: u64 = 1 << 9;
/// The tenant is at rest, but its client is owed something.
const OWED: u64 = 1 << 10;
/// Where the generation begins.
const GENERATION: u32 = 32;

/// What there is to know about a connection that somebody else has at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News(u64);

impl News {
    #[cfg(test)]
    pub(crate) const NONE: Self = Self(0);
    /// A timer entry has come up.
    pub const TIMER: Self = Self(1 << 4);
    /// The server ends.
    pub const DRAIN: Self = Self(1 << 5);
    /// There is more to do than one turn did.
    pub const AGAIN: Self = Self(1 << 6);
    const READABLE: u64 = 1;
    const WRITABLE: u64 = 1 << 1;
    const PEER_CLOSED: u64 = 1 << 2;
    const HUNG_UP: u64 = 1 << 3;
    const ALL: u64 = 0xff;

    /// Whether `other` is among it.
    #[must_use]
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What the reactor has said.
    #[must_use]
    pub fn readiness(self) -> Readiness {
        Readiness {
            readable: self.0 & Self::READABLE != 0,
            writable: self.0 & Self::WRITABLE != 0,
            peer_closed: self.0 & Self::PEER_CLOSED != 0,
            hung_up: self.0 & Self::HUNG_UP != 0,
        }
    }

    pub(super) fn from_bits(bits: u8) -> Self {
        Self(u64::from(bits))
    }

    #[allow(clippy::cast_possible_truncation)] // all news is in the low eight bits
    pub(super) fn bits(self) -> u8 {
        self.0 as u8
    }
}

impl From<Readiness> for News {
    fn from(readiness: Readiness) -> Self {
        let bit = |set: bool, bit: u64| if set { bit } else { 0 };
        Self(
            bit(readiness.readable, Self::READABLE)
                | bit(readiness.writable, Self::WRITABLE)
                | bit(readiness.peer_closed, Self::PEER_CLOSED)
                | bit(readiness.hung_up, Self::HUNG_UP),
        )
    }
}

impl BitOr for News {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What came of a claim.
#[derive(Debug)]
pub enum Claim<T> {
    /// It is the caller's, until it is released or closed.
    Owned(Box<T>),
    /// Another thread has it, and will find the news.
    Elsewhere,
    /// It is over: the token names nobody any more.
    Gone,
}

/// Places that were made together.
type Page<T> = Box<[Place<T>]>;

struct Place<T> {
    word: AtomicU64,
    tenant: UnsafeCell<Option<Box<T>>>,
}

// SAFETY: `tenant` is touched only by the thread that owns the place: the one that moved `word` from «at rest» to OWNED
// (acquiring what the last owner released), or that opened it, until it moves it back. Values travel between threads,
// hence `T: Send`; no two threads ever share one.
unsafe impl<T: Send> Sync for Place<T> {}

impl<T> Place<T> {
    fn new() -> Self {
        Self { word: AtomicU64::new(0), tenant: UnsafeCell::new(None) }
    }

    /// To be called by the owner only.
    fn put(&self, tenant: Option<Box<T>>) -> Option<Box<T>> {
        // SAFETY: the caller owns the place (see above), so that nobody else looks at it now.
        unsafe { std::mem::replace(&mut *self.tenant.get(), tenant) }
    }
}

#[derive(Debug, Default)]
struct Vacancies {
    free: Vec<u32>,
    /// Places that have had a tenant at some time.
    used: u32,
    generation: u32,
}

/// Connections by token, for many threads.
pub struct Shared<T> {
    pages: Box<[OnceLock<Page<T>>]>,
    /// Taken to open and to close only.
    vacancies: Mutex<Vacancies>,
    live: AtomicUsize,
}

impl<T> std::fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("live", &self.len()).finish_non_exhaustive()
    }
}

impl<T: Send> Default for Shared<T> {
    fn default() -> Self {
        Self {
            pages: std::iter::repeat_with(OnceLock::new).take(PAGES).collect(),
            vacancies: Mutex::default(),
            live: AtomicUsize::new(0),
        }
    }
}

impl<T> Shared<T> {
    /// A place for a newcomer, owned by the caller, who puts it in with [`Shared::release`] or gives up with
    /// [`Shared::close`]. `None` when there are a million already.
    pub fn open(&self) -> Option<Token> {
        let (index, generation) = {
            let mut vacancies = self.vacancies();
            let index = match vacancies.free.pop() {
                Some(index) => index,
                None if (vacancies.used as usize) < PAGE * PAGES => {
                    vacancies.used += 1;
                    vacancies.used - 1
                }
                None => return None,
            };
            (index, vacancies.next_generation())
        };
        let token = Token::new(generation, index);
        let page = self.pages.get(index as usize / PAGE)?;
        let places = page.get_or_init(|| std::iter::repeat_with(Place::new).take(PAGE).collect());
        let place = places.get(index as usize % PAGE)?;
        place.word.store(tenancy(token) | LIVE | OWNED, Ordering::Release);
        self.live.fetch_add(1, Ordering::Relaxed);
        Some(token)
    }

    /// Takes the connection out if it is at rest; otherwise leaves `news` for its owner.
    pub fn claim(&self, token: Token, news: News) -> Claim<T> {
        let Some(place) = self.place(token) else { return Claim::Gone };
        let mut word = place.word.load(Ordering::Acquire);
        loop {
            if word & !(OWNED | OWED | News::ALL) != tenancy(token) | LIVE {
                return Claim::Gone;
            }
            let next = if word & OWNED == 0 { tenancy(token) | LIVE | OWNED } else { word | news.0 };
            match place.word.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) if word & OWNED != 0 => return Claim::Elsewhere,
                // Owned places are empty only between `open` and the first release, which nobody else can claim.
                Ok(_) => return place.put(None).map_or(Claim::Gone, Claim::Owned),
                Err(seen) => word = seen,
            }
        }
    }

    /// Puts the connection back, by its owner. If there is news meanwhile, it stays the caller's, who gets both back.
    /// `owed`: its client waits for something, so that the server must not end yet.
    ///
    /// # Errors
    /// The news: not an error but a further turn.
    pub fn release(&self, token: Token, connection: Box<T>, owed: bool) -> Result<(), (Box<T>, News)> {
        let Some(place) = self.place(token) else { return Ok(()) };
        place.put(Some(connection));
        let owned = tenancy(token) | LIVE | OWNED;
        let rest = tenancy(token) | LIVE | if owed { OWED } else { 0 };
        if place.word.compare_exchange(owned, rest, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            return Ok(());
        }
        let news = News(place.word.swap(owned, Ordering::AcqRel) & News::ALL);
        match place.put(None) {
            Some(connection) => Err((connection, news)),
            None => Ok(()),
        }
    }

    /// Ends it, by its owner, who has (or drops) the connection.
    pub fn close(&self, token: Token) {
        let Some(place) = self.place(token) else { return };
        // From now on claims find nobody; whatever news they bring is of no use.
        place.word.store(0, Ordering::Release);
        self.vacancies().free.push(token.index());
        self.live.fetch_sub(1, Ordering::Relaxed);
    }

    /// Has a connection count as busy until its owner has heard of `news`: one at rest until it is claimed the next
    /// time, and one that has an owner, who may be about to put it back, by leaving him the news.
    pub fn mark_owed(&self, token: Token, news: News) {
        let Some(place) = self.place(token) else { return };
        let mut word = place.word.load(Ordering::Acquire);
        while word & !(OWNED | OWED | News::ALL) == tenancy(token) | LIVE {
            let next = if word & OWNED == 0 { word | OWED } else { word | news.0 };
            match place.word.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return,
                Err(seen) => word = seen,
            }
        }
    }

    /// How many there are, owned or at rest.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the token still names somebody.
    #[must_use]
    pub fn is_live(&self, token: Token) -> bool {
        self.place(token).is_some_and(|place| {
            place.word.load(Ordering::Acquire) & !(OWNED | OWED | News::ALL) == tenancy(token) | LIVE
        })
    }

    /// Whether any connection has an owner, or rests with its client still owed something.
    #[must_use]
    pub fn any_busy(&self) -> bool {
        self.words().any(|(_, word)| word & (OWNED | OWED) != 0)
    }

    /// The tokens of all, as of now.
    #[must_use]
    pub fn tokens(&self) -> Vec<Token> {
        #[allow(clippy::cast_possible_truncation)] // the high half, and an index below a million
        self.words().map(|(index, word)| Token::new((word >> GENERATION) as u32, index as u32)).collect()
    }

    fn words(&self) -> impl Iterator<Item = (usize, u64)> {
        let places = self.pages.iter().filter_map(OnceLock::get).flatten();
        places
            .map(|place| place.word.load(Ordering::Acquire))
            .enumerate()
            .filter(|(_, word)| word & LIVE != 0)
    }

    fn place(&self, token: Token) -> Option<&Place<T>> {
        let index = token.index() as usize;
        self.pages.get(index / PAGE)?.get()?.get(index % PAGE)
    }

    fn vacancies(&self) -> MutexGuard<'_, Vacancies> {
        // Nothing in here panics half-way.
        self.vacancies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vacancies {
    fn next_generation(&mut self) -> u32 {
        self.generation = Token::generation_after(self.generation);
        self.generation
    }
}

fn tenancy(token: Token) -> u64 {
    u64::from(token.generation()) << GENERATION
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn with_one<T: Send>(value: T) -> (Shared<T>, Token) {
        let shared = Shared::default();
        let token = shared.open().unwrap();
        assert!(shared.release(token, Box::new(value), false).is_ok());
        (shared, token)
    }

    fn owned<T>(claim: Claim<T>) -> Box<T> {
        match claim {
            Claim::Owned(value) => value,
            Claim::Elsewhere | Claim::Gone => panic!("not at rest"),
        }
    }

    #[test]
    fn one_owner_at_a_time_and_no_news_is_lost() {
        let (shared, token) = with_one("it");
        let it = owned(shared.claim(token, News::NONE));
        assert!(matches!(shared.claim(token, News::TIMER), Claim::Elsewhere));
        let readable = Readiness { readable: true, ..Readiness::default() };
        assert!(matches!(shared.claim(token, readable.into()), Claim::Elsewhere));
        let (it, news) = shared.release(token, it, false).unwrap_err();
        assert!(news.has(News::TIMER) && !news.has(News::DRAIN));
        assert_eq!(news.readiness(), readable);
        assert!(shared.release(token, it, false).is_ok(), "told once");
        assert!(matches!(shared.claim(token, News::NONE), Claim::Owned(_)));
    }

    #[test]
    fn a_newcomer_cannot_be_claimed_before_it_is_put_in() {
        let shared = Shared::default();
        let token = shared.open().unwrap();
        assert!(matches!(shared.claim(token, News::TIMER), Claim::Elsewhere));
        let (it, news) = shared.release(token, Box::new(1), false).unwrap_err();
        assert!(news.has(News::TIMER));
        assert!(shared.release(token, it, false).is_ok());
    }

    #[test]
    fn a_token_does_not_name_the_successor_in_its_place() {
        let (shared, first) = with_one("first");
        drop(owned(shared.claim(first, News::NONE)));
        shared.close(first);
        assert!(matches!(shared.claim(first, News::NONE), Claim::Gone));
        let second = shared.open().unwrap();
        assert_eq!(first.index(), second.index());
        assert!(shared.release(second, Box::new("second"), false).is_ok());
        assert!(matches!(shared.claim(first, News::NONE), Claim::Gone));
        assert_eq!(*owned(shared.claim(second, News::NONE)), "second");
        assert!(!shared.is_live(first) && shared.is_live(second));
        assert_eq!((shared.len(), shared.tokens()), (1, vec![second]));
    }

    #[test]
    fn what_is_owned_or_owed_is_busy() {
        let (shared, token) = with_one(());
        assert!(!shared.any_busy());
        let it = owned(shared.claim(token, News::NONE));
        assert!(shared.any_busy());
        assert!(shared.release(token, it, true).is_ok());
        assert!(shared.any_busy());
        let it = owned(shared.claim(token, News::NONE));
        assert!(shared.release(token, it, false).is_ok());
        assert!(!shared.any_busy());
        shared.mark_owed(token, News::DRAIN);
        assert!(shared.any_busy());
        let it = owned(shared.claim(token, News::NONE));
        shared.mark_owed(token, News::DRAIN);
        let (it, news) = shared.release(token, it, false).unwrap_err();
        assert!(news.has(News::DRAIN), "the owner was about to put it back and hears of it first");
        assert!(shared.release(token, it, false).is_ok());
        assert!(!shared.any_busy());
        drop(owned(shared.claim(token, News::NONE)));
        shared.close(token);
        shared.mark_owed(token, News::DRAIN);
        assert!(!shared.any_busy());
    }

    #[test]
    fn more_than_a_page_of_them() {
        let shared = Shared::default();
        let tokens: Vec<Token> = (0..3 * PAGE)
            .map(|n| {
                let token = shared.open().unwrap();
                assert!(shared.release(token, Box::new(n), false).is_ok());
                token
            })
            .collect();
        assert_eq!(shared.tokens(), tokens);
        assert_eq!(*owned(shared.claim(tokens[2 * PAGE + 1], News::NONE)), 2 * PAGE + 1);
    }

    /// Every bit of news is one more to a count that only an owner changes: in the end none is missing, and the plain
    /// value (no atomic) shows that owners never met.
    #[test]
    fn threads_in_competition_lose_nothing_and_never_share() {
        const ROUNDS: usize = if cfg!(miri) { 200 } else { 20_000 };
        let (shared, token) = with_one((0usize, 0usize));
        let shared = Arc::new(shared);
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    let mut left_behind = 0;
                    for _ in 0..ROUNDS {
                        let mut it = match shared.claim(token, News::TIMER) {
                            Claim::Owned(it) => it,
                            Claim::Elsewhere => {
                                left_behind += 1;
                                continue;
                            }
                            Claim::Gone => panic!("nobody has closed it"),
                        };
                        it.0 += 1;
                        while let Err((back, news)) = shared.release(token, it, false) {
                            assert!(news.has(News::TIMER));
                            it = back;
                            it.1 += 1;
                        }
                    }
                    left_behind
                })
            })
            .collect();
        let left_behind: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        let (turns, told) = *owned(shared.claim(token, News::NONE));
        assert_eq!(turns + left_behind, 4 * ROUNDS);
        // Several pieces of news may be told at once, but never none.
        assert!(told <= left_behind && (left_behind == 0 || told > 0), "{told} of {left_behind}");
    }
}
