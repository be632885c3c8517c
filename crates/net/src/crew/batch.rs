//! What the last poll brought, for whichever thread has time.
//!
//! One system call brings up to [`EVENTS_PER_POLL`] events. The thread that made it works through them, but if its
//! first request takes long, another thread must be able to take the rest. So they stand in a ring that is filled by
//! the one that polls, and only when it is empty, and from which any thread takes the next by moving one cursor.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use super::ownership::News;
use crate::reactor::{EVENTS_PER_POLL, Events};

/// Cursor: how often it was filled (32 bits, so that a slow reader of an earlier filling notices), how many there are,
/// and which is the next (16 bits each).
const FILLED: u32 = 32;
const COUNT: u32 = 16;
const HALF: u64 = 0xffff;

/// Events, taken in order, each by one thread.
#[derive(Debug)]
pub(super) struct Batch {
    cursor: AtomicU64,
    tokens: [AtomicU64; EVENTS_PER_POLL],
    news: [AtomicU8; EVENTS_PER_POLL],
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            cursor: AtomicU64::new(0),
            tokens: std::array::from_fn(|_| AtomicU64::new(0)),
            news: std::array::from_fn(|_| AtomicU8::new(0)),
        }
    }
}

impl Batch {
    /// The next event, if any is left: its token and what it says.
    pub fn take(&self) -> Option<(u64, News)> {
        self.take_unless(|_, _| false)
    }

    /// The next event, if any is left, and `stays` does not say of it that it is to stay there.
    pub fn take_unless(&self, stays: impl Fn(u64, News) -> bool) -> Option<(u64, News)> {
        let mut cursor = self.cursor.load(Ordering::Acquire);
        loop {
            let next = usize::try_from(cursor & HALF).ok()?;
            if next as u64 >= (cursor >> COUNT) & HALF {
                return None;
            }
            let token = self.tokens.get(next)?.load(Ordering::Relaxed);
            let news = News::from_bits(self.news.get(next)?.load(Ordering::Relaxed));
            // What is read here may be of two fillings at once. Then `stays` may be wrong, which a later look mends.
            if stays(token, news) {
                return None;
            }
            match self.cursor.compare_exchange_weak(cursor, cursor + 1, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some((token, news)),
                // Taken by another, or filled anew: what was read may be of either filling, and is not used.
                Err(seen) => cursor = seen,
            }
        }
    }

    /// Whether all have been taken.
    pub fn is_empty(&self) -> bool {
        let cursor = self.cursor.load(Ordering::Acquire);
        cursor & HALF >= (cursor >> COUNT) & HALF
    }

    /// Puts in what a poll brought. Only for the one thread that polls, when [`Batch::take`] has told it that nothing
    /// is left.
    pub fn fill(&self, events: &Events) {
        let mut count = 0;
        for (index, (token_place, news_place)) in self.tokens.iter().zip(&self.news).enumerate() {
            let Some((token, readiness)) = events.get(index) else { break };
            token_place.store(token, Ordering::Relaxed);
            news_place.store(News::from(readiness).bits(), Ordering::Relaxed);
            count += 1;
        }
        let filled = (self.cursor.load(Ordering::Relaxed) >> FILLED).wrapping_add(1);
        // Release: who sees the new cursor sees what was put in before.
        self.cursor.store(filled << FILLED | count << COUNT, Ordering::Release);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::reactor::Reactor;

    #[test]
    fn every_event_is_taken_once_by_one_of_many_threads() {
        const STREAMS: usize = 40;
        const FILLINGS: usize = 200;
        let reactor = Reactor::new().unwrap();
        let pairs: Vec<_> = (0..STREAMS).map(|_| UnixStream::pair().unwrap()).collect();
        let batch = Batch::default();
        let taken: Vec<AtomicUsize> = (0..STREAMS).map(|_| AtomicUsize::new(0)).collect();
        let all = AtomicUsize::new(0);
        let mut events = Events::default();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while all.load(Ordering::Relaxed) < STREAMS * FILLINGS {
                        match batch.take() {
                            Some((token, news)) => {
                                assert!(news.readiness().writable);
                                taken[usize::try_from(token).unwrap()].fetch_add(1, Ordering::Relaxed);
                                all.fetch_add(1, Ordering::Relaxed);
                            }
                            None => std::thread::yield_now(),
                        }
                    }
                });
            }
            for filling in 1..=FILLINGS {
                for (index, (ours, _)) in pairs.iter().enumerate() {
                    // Registered anew, it is reported anew.
                    reactor.add_stream(ours, index as u64).unwrap();
                }
                reactor.poll(&mut events, Some(1000)).unwrap();
                assert_eq!(events.len(), STREAMS);
                batch.fill(&events);
                while all.load(Ordering::Relaxed) < STREAMS * filling {
                    std::thread::yield_now();
                }
                for (ours, _) in &pairs {
                    reactor.remove(ours).unwrap();
                }
            }
        });
        assert!(taken.iter().all(|count| count.load(Ordering::Relaxed) == FILLINGS), "{taken:?}");
    }

    #[test]
    fn an_empty_filling_has_nothing() {
        let batch = Batch::default();
        assert!(batch.take().is_none());
        batch.fill(&Events::default());
        assert!(batch.take().is_none());
    }
}
