//! What is known of one request: enough to say which one it is when its worker is stuck or dead.
//!
//! Each has an *entry*, written by its worker and read by others without either waiting. An entry has a *stamp* that says
//! whether it is free, being written, or live, and changes with every use: who reads copies the words and looks whether
//! the stamp is still the same (a seqlock). All words are atomic, so that a torn copy is wrong, but harmless; it is thrown
//! away.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// Requests of one worker that can be told. More are counted only.
pub const ENTRIES: usize = 256;

/// Words of text in an entry: the rest of 256 bytes.
const TEXT_WORDS: usize = 25;

/// What of a method is kept; the longest that is registered has 17 (UPDATEREDIRECTREF).
const LONGEST_METHOD: usize = 20;

/// What of an id is kept: ours has 32.
const LONGEST_ID: usize = 64;

/// In the word of the status: the request's line in the access log has been written.
const TOLD: u32 = 1 << 16;

/// Times that a reader tries again when the entry is written meanwhile. Such a request is so young that it hardly matters.
const TRIES: usize = 8;

const FREE: u64 = 0;
const WRITING: u64 = 1;
const LIVE: u64 = 2;
const STATE: u64 = 3;
/// What one use adds to the stamp.
const USE: u64 = 4;

/// Names the entry of a request that runs, in the worker that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryId(pub(super) u8);

impl EntryId {
    /// As a number, below [`ENTRIES`].
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// What is to be known of a request that begins. What is too long is cut off.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a> {
    /// The method, as sent.
    pub method: &'a [u8],
    /// The target, as sent.
    pub target: &'a [u8],
    /// Who has sent it; `None`: somebody on a unix socket.
    pub peer: Option<SocketAddr>,
    /// Its id; empty if it has none.
    pub id: &'a [u8],
    /// When it began, in microseconds.
    pub began: u64,
    /// A number by which the worker finds what belongs to it: its own affair.
    pub key: u64,
}

/// A request that runs, as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Its entry.
    pub entry: EntryId,
    /// Together with the entry it names this request, and never another one of the same worker.
    pub stamp: u64,
    /// The method, or what of it was kept.
    pub method: Vec<u8>,
    /// The target, or what of it was kept.
    pub target: Vec<u8>,
    /// The target was longer.
    pub cut: bool,
    /// Who has sent it; `None`: somebody on a unix socket.
    pub peer: Option<SocketAddr>,
    /// Its id, or what of it was kept; empty if it has none.
    pub id: Vec<u8>,
    /// When it began, in microseconds.
    pub began: u64,
    /// The status, if the response has begun.
    pub status: Option<u16>,
    /// Its line in the access log has been written: the application still runs, the client has its response.
    pub told: bool,
    /// See [`Summary::key`].
    pub key: u64,
}

/// 256 bytes.
#[derive(Debug)]
#[repr(C, align(128))]
struct Entry {
    stamp: AtomicU64,
    began: AtomicU64,
    status: AtomicU32,
    spare: AtomicU32,
    key: AtomicU64,
    shape: AtomicU64,
    peer: [AtomicU64; 2],
    text: [AtomicU64; TEXT_WORDS],
}

/// The lengths and the kind of address, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    method: u8,
    id: u8,
    target: u8,
    cut: bool,
    /// 0: none, 4 or 6.
    family: u8,
    port: u16,
}

impl Shape {
    fn pack(self) -> u64 {
        let [low, high] = self.port.to_le_bytes();
        u64::from_le_bytes([self.method, self.id, self.target, u8::from(self.cut), self.family, low, high, 0])
    }

    fn unpack(word: u64) -> Self {
        let [method, id, target, cut, family, low, high, _] = word.to_le_bytes();
        Self { method, id, target, cut: cut != 0, family, port: u16::from_le_bytes([low, high]) }
    }
}

/// The entries of one worker. Readers look at none beyond the highest that was used, for what nobody has touched takes
/// no memory.
#[derive(Debug)]
#[repr(C, align(128))]
pub struct Table {
    used: AtomicU32,
    entries: [Entry; ENTRIES],
}

impl Table {
    /// Forgets all of them.
    pub fn clear(&self) {
        for entry in self.touched() {
            let stamp = entry.stamp.load(Ordering::Relaxed);
            entry.stamp.store((stamp & !STATE) + USE + FREE, Ordering::Release);
        }
        self.used.store(0, Ordering::Release);
    }

    /// Writes an entry that belongs to the caller.
    pub fn write(&self, id: EntryId, summary: &Summary<'_>) {
        let Some(entry) = self.entries.get(id.index()) else { return };
        let count = u32::from(id.0) + 1;
        if self.used.load(Ordering::Relaxed) < count {
            self.used.fetch_max(count, Ordering::Release);
        }
        entry.write(summary);
    }

    /// The response to it has begun.
    pub fn note_status(&self, id: EntryId, status: u16) {
        if let Some(entry) = self.entries.get(id.index()) {
            entry.status.store(u32::from(status), Ordering::Relaxed);
        }
    }

    /// Its line in the access log has been written.
    pub fn note_told(&self, id: EntryId) {
        if let Some(entry) = self.entries.get(id.index()) {
            // Only the worker writes it, and one thread of it at a time.
            entry.status.store(entry.status.load(Ordering::Relaxed) | TOLD, Ordering::Relaxed);
        }
    }

    /// Nothing stands in the entry any more.
    pub fn erase(&self, id: EntryId) {
        if let Some(entry) = self.entries.get(id.index()) {
            let stamp = entry.stamp.load(Ordering::Relaxed);
            entry.stamp.store((stamp & !STATE) + FREE, Ordering::Release);
        }
    }

    /// What stands in all of them.
    pub fn read(&self) -> Vec<Running> {
        self.touched()
            .iter()
            .zip(0..=u8::MAX)
            .filter_map(|(entry, index)| entry.read(EntryId(index)))
            .collect()
    }

    fn touched(&self) -> &[Entry] {
        let used = self.used.load(Ordering::Acquire) as usize;
        self.entries.get(..used).unwrap_or(&self.entries)
    }
}

impl Entry {
    fn write(&self, summary: &Summary<'_>) {
        let stamp = (self.stamp.load(Ordering::Relaxed) & !STATE) + USE;
        self.stamp.store(stamp + WRITING, Ordering::Relaxed);
        // Who reads a word of what follows reads this stamp, or a later one, afterwards.
        fence(Ordering::Release);
        let method = &summary.method[..summary.method.len().min(LONGEST_METHOD)];
        let id = &summary.id[..summary.id.len().min(LONGEST_ID)];
        let room = TEXT_WORDS - method.len().div_ceil(8) - id.len().div_ceil(8);
        let target = &summary.target[..summary.target.len().min(room * 8)];
        let (family, port, peer) = words_of(summary.peer);
        let shape = Shape {
            method: method.len() as u8,
            id: id.len() as u8,
            target: target.len() as u8,
            cut: target.len() < summary.target.len(),
            family,
            port,
        };
        self.began.store(summary.began, Ordering::Relaxed);
        self.status.store(0, Ordering::Relaxed);
        self.key.store(summary.key, Ordering::Relaxed);
        self.shape.store(shape.pack(), Ordering::Relaxed);
        self.peer[0].store(peer[0], Ordering::Relaxed);
        self.peer[1].store(peer[1], Ordering::Relaxed);
        let mut words = self.text.iter();
        put(&mut words, method);
        put(&mut words, id);
        put(&mut words, target);
        self.stamp.store(stamp + LIVE, Ordering::Release);
    }

    /// A copy of what stands in it, or nothing if it is free, or written again and again meanwhile.
    fn read(&self, entry: EntryId) -> Option<Running> {
        (0..TRIES).find_map(|_| {
            let stamp = self.stamp.load(Ordering::Acquire);
            let running = (stamp & STATE == LIVE).then(|| self.copy(entry, stamp));
            fence(Ordering::Acquire);
            (self.stamp.load(Ordering::Relaxed) == stamp && stamp & STATE != WRITING).then_some(running)
        })?
    }

    fn copy(&self, entry: EntryId, stamp: u64) -> Running {
        let shape = Shape::unpack(self.shape.load(Ordering::Relaxed));
        let peer = [self.peer[0].load(Ordering::Relaxed), self.peer[1].load(Ordering::Relaxed)];
        let mut words = self.text.iter();
        let mut take = |length: u8| -> Vec<u8> {
            let length = usize::from(length);
            let words = words.by_ref().take(length.div_ceil(8));
            words.flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes()).take(length).collect()
        };
        let (method, id, target) = (take(shape.method), take(shape.id), take(shape.target));
        let word = self.status.load(Ordering::Relaxed);
        let status = u16::try_from(word & !TOLD).unwrap_or(0);
        Running {
            entry,
            stamp,
            method,
            target,
            cut: shape.cut,
            peer: peer_of(shape.family, shape.port, peer),
            id,
            began: self.began.load(Ordering::Relaxed),
            status: Some(status).filter(|status| *status != 0),
            told: word & TOLD != 0,
            key: self.key.load(Ordering::Relaxed),
        }
    }
}

/// Stores a piece of text in whole words.
fn put(words: &mut std::slice::Iter<'_, AtomicU64>, bytes: &[u8]) {
    let (whole, rest) = bytes.as_chunks::<8>();
    for (chunk, word) in whole.iter().zip(words.by_ref()) {
        word.store(u64::from_le_bytes(*chunk), Ordering::Relaxed);
    }
    if !rest.is_empty()
        && let Some(word) = words.next()
    {
        let last = rest.iter().rev().fold(0, |last, byte| last << 8 | u64::from(*byte));
        word.store(last, Ordering::Relaxed);
    }
}

fn words_of(peer: Option<SocketAddr>) -> (u8, u16, [u64; 2]) {
    let Some(peer) = peer else { return (0, 0, [0; 2]) };
    match peer.ip() {
        IpAddr::V4(ip) => (4, peer.port(), [u64::from(ip.to_bits()), 0]),
        IpAddr::V6(ip) => {
            let bits = ip.to_bits();
            (6, peer.port(), [(bits >> 64) as u64, bits as u64])
        }
    }
}

fn peer_of(family: u8, port: u16, words: [u64; 2]) -> Option<SocketAddr> {
    let ip = match family {
        4 => IpAddr::V4(Ipv4Addr::from_bits(words[0] as u32)),
        6 => IpAddr::V6(Ipv6Addr::from_bits(u128::from(words[0]) << 64 | u128::from(words[1]))),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}
