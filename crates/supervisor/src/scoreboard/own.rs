//! A worker's own slot, and how it writes its requests into it.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Scoreboard;
use super::balance::{Candidate, Watching, leave_to};
use super::entry::{EntryId, Summary};
use super::slot::{Slot, Why};

/// The slot of the process that has this. For all its threads; to be made after the fork, and once in a process.
#[derive(Debug)]
pub struct OwnSlot {
    board: Arc<Scoreboard>,
    index: usize,
    /// Which entries are taken, a bit for each. Only this process needs to know it, and the lowest is taken first, so that
    /// as few pages are in use as requests run at once.
    taken: [AtomicU64; 4],
    bell: Option<OwnedFd>,
}

impl OwnSlot {
    /// `bell`: where a byte is written when the supervisor is to look, and nobody waits if it is full: then others have
    /// rung. `None` if there is no such slot.
    #[must_use]
    pub fn new(board: Arc<Scoreboard>, index: usize, bell: Option<OwnedFd>) -> Option<Self> {
        board.slot(index)?;
        board.note_used(index);
        Some(Self { board, index, taken: Default::default(), bell })
    }

    /// What all processes share.
    #[must_use]
    pub fn board(&self) -> &Arc<Scoreboard> {
        &self.board
    }

    /// Which of the slots it is.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// The slot.
    #[must_use]
    pub fn slot(&self) -> &Slot {
        // It was there when this was made, and a board does not change.
        &self.board.slots()[self.index]
    }

    /// Has the supervisor look at the scoreboard now.
    pub fn ring(&self) {
        if let Some(bell) = &self.bell {
            // Failure: the bell has been rung already and was not heard yet, or nobody is there to hear it.
            let _ = rustix::io::write(bell, &[1]);
        }
    }

    /// Asks for a replacement, and rings the bell if that is news.
    pub fn ask_replacement(&self, why: Why) {
        if self.slot().ask_replacement(why) {
            self.ring();
        }
    }

    /// A request begins, and counts until [`OwnSlot::end`], which must be given what this returns: its entry, or `None`
    /// if it has none because there are too many.
    pub fn begin(&self, summary: &Summary<'_>) -> Option<EntryId> {
        let slot = self.slot();
        slot.share().note_present();
        if slot.count_request() {
            self.ask_replacement(Why::MaxRequests);
        }
        let entry = self.claim()?;
        slot.entries.write(entry, summary);
        Some(entry)
    }

    /// The response has begun.
    pub fn started(&self, entry: Option<EntryId>, status: u16) {
        if let Some(entry) = entry {
            self.slot().entries.note_status(entry, status);
        }
    }

    /// Its line in the access log has been written, although it may go on.
    pub fn told(&self, entry: Option<EntryId>) {
        if let Some(entry) = entry {
            self.slot().entries.note_told(entry);
        }
    }

    /// The request is over.
    pub fn end(&self, entry: Option<EntryId>) {
        let slot = self.slot();
        if let Some(entry) = entry {
            slot.entries.erase(entry);
            let (word, bit) = (entry.index() / 64, entry.index() % 64);
            self.taken[word].fetch_and(!(1 << bit), Ordering::Release);
        }
        slot.uncount_request();
    }

    /// A connection was accepted. `now`: in microseconds.
    pub fn accepted(&self, now: u64) {
        self.slot().count_accepted();
        self.slot().share().note_taken(now);
    }

    // ---- sharing connections ----

    /// A connection waits: to whom it should be left, or `None` if it is ours.
    #[must_use]
    pub fn leave_to(&self, now: u64) -> Option<usize> {
        self.slot().share().note_present();
        leave_to(self.candidate(self.index, now), self.others(now))
    }

    /// The worker of a slot has not come for a connection that we had left to it. It is called: as soon as it comes it
    /// counts again. (The others who have less to do may be next: all of them at once would be too harsh where a machine is
    /// so busy that everybody is late.)
    pub fn did_not_come(&self, index: usize, now: u64) {
        if let Some(slot) = self.board.slot(index) {
            slot.share().note_absent(now);
            self.board.call(index);
        }
    }

    /// Whether there is anybody who serves and watches, but did not come lately when a connection was left to him.
    #[must_use]
    pub fn is_anybody_late(&self, now: u64) -> bool {
        self.others_watching().any(|(_, slot)| slot.share().is_late(now))
    }

    /// Has another look for connections. `awake`: those that watch know of them already.
    pub fn call(&self, index: usize, awake: bool) {
        let watching = self.board.slot(index).map(|slot| slot.share().watching());
        if !awake || watching == Some(Watching::Later) {
            self.board.call(index);
        }
    }

    /// To whom else it might be left, when it was left to `first`.
    #[must_use]
    pub fn second_to(&self, first: usize, now: u64) -> Option<usize> {
        let rest = self.others(now).filter(|other| other.index != first);
        Some(rest.min_by_key(Candidate::rank)?.index)
    }

    /// All others who watch look for connections ([`Scoreboard::call_watching`]).
    pub fn call_others(&self) {
        self.board.call_watching(Some(self.index));
    }

    fn others(&self, now: u64) -> impl Iterator<Item = Candidate> {
        self.others_watching()
            .filter(|(_, slot)| !slot.share().is_absent())
            .map(move |(index, _)| self.candidate(index, now))
    }

    /// The others who serve, and watch for connections.
    fn others_watching(&self) -> impl Iterator<Item = (usize, &Slot)> {
        self.board.watching().filter(|(index, slot)| *index != self.index && slot.serves())
    }

    fn candidate(&self, index: usize, now: u64) -> Candidate {
        let slot = &self.board.slots()[index];
        let load = slot.in_flight().saturating_add(slot.share().fresh(now));
        Candidate { index, load, took: slot.share().took() }
    }

    /// An entry that nobody has.
    fn claim(&self) -> Option<EntryId> {
        for (word, first) in self.taken.iter().zip((0..=u8::MAX).step_by(64)) {
            let mut taken = word.load(Ordering::Relaxed);
            while taken != u64::MAX {
                let bit = taken.trailing_ones();
                let before = word.fetch_or(1 << bit, Ordering::Acquire);
                if before & (1 << bit) == 0 {
                    return Some(EntryId(first + bit as u8));
                }
                taken = before;
            }
        }
        None
    }
}
