//! What a request is called in both logs and by the application.

use std::cell::Cell;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock;

/// Characters of a made id.
const MADE: usize = 32;

/// The longest id that is taken from elsewhere.
const LONGEST: usize = 128;

/// What the ids of this process begin with; 0: not chosen yet.
static OF_PROCESS: AtomicU64 = AtomicU64::new(0);

/// What the next one ends with.
static NEXT: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// The number of the process, and its digits: half of each id is the same.
    static BEGINNING: Cell<(u64, [u8; MADE / 2])> = const { Cell::new((0, [0; MADE / 2])) };
}

/// The id of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RequestId {
    /// Ids are switched off, or the request was refused before it had one.
    #[default]
    None,
    /// Ours, in hexadecimal digits: random ones for each process, then a number. Unique, not secret.
    Made([u8; MADE]),
    /// What a trusted proxy has said.
    Taken(Box<str>),
}

impl RequestId {
    /// A new one. Costs an atomic addition.
    #[must_use]
    pub fn make() -> Self {
        let mut text = [0; MADE];
        let (first, second) = text.split_at_mut(MADE / 2);
        first.copy_from_slice(&BEGINNING.with(|beginning| {
            let process = of_process();
            // The thread may have been copied into another process.
            if beginning.get().0 != process {
                beginning.set((process, hex(process)));
            }
            beginning.get().1
        }));
        second.copy_from_slice(&hex(NEXT.fetch_add(1, Ordering::Relaxed)));
        Self::Made(text)
    }

    /// The id that a trusted proxy gives in X-Request-ID, if it is one that can stand in a log and a header as it is:
    /// 1 to 128 letters, digits and `._:+/=@-`.
    #[must_use]
    pub fn take(value: &[u8]) -> Option<Self> {
        let fits = |b: &u8| b.is_ascii_alphanumeric() || b"._:+/=@-".contains(b);
        if !(1..=LONGEST).contains(&value.len()) || !value.iter().all(fits) {
            return None;
        }
        std::str::from_utf8(value).ok().map(|text| Self::Taken(text.into()))
    }

    /// Whether there is one.
    #[must_use]
    pub fn is_some(&self) -> bool {
        *self != Self::None
    }

    /// The text: visible ASCII without quotes; empty if there is none.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(self.bytes()).unwrap_or_default()
    }

    /// The bytes of [`RequestId::text`].
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::None => b"",
            Self::Taken(text) => text.as_bytes(),
            Self::Made(text) => text,
        }
    }
}

/// Sixteen hexadecimal digits.
fn hex(number: u64) -> [u8; MADE / 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [0; MADE / 2];
    for (place, byte) in digits.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        place[0] = DIGITS[usize::from(byte >> 4)];
        place[1] = DIGITS[usize::from(byte & 15)];
    }
    digits
}

/// The number of this process.
fn of_process() -> u64 {
    match OF_PROCESS.load(Ordering::Relaxed) {
        0 => {
            let chosen = random();
            // Two threads at once: one of them wins, both say the same afterwards.
            match OF_PROCESS.compare_exchange(0, chosen, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => chosen,
                Err(other) => other,
            }
        }
        chosen => chosen,
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

/// A forked child begins anew.
pub(crate) fn forget_process() {
    OF_PROCESS.store(0, Ordering::Relaxed);
}

/// Never 0.
fn random() -> u64 {
    // The standard library asks the system for randomness once in a thread; a forked child would go on with the same.
    let mut hasher = RandomState::new().build_hasher();
    let (seconds, micros) = clock::wall();
    hasher.write_u64(seconds);
    hasher.write_u32(micros);
    hasher.write_u32(std::process::id());
    hasher.finish() | 1
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn made_ids_differ_and_have_32_digits() {
        let (one, two) = (RequestId::make().to_string(), RequestId::make().to_string());
        assert_ne!(one, two);
        assert_eq!(one.len(), 32);
        assert!(one.bytes().all(|b| b.is_ascii_hexdigit()));
        assert_eq!(one[..16], two[..16]);
        assert_eq!(hex(0x0123_4567_89AB_CDEF), *b"0123456789abcdef");
        assert_eq!(hex(0x12), *b"0000000000000012");
    }

    #[test]
    fn only_harmless_ids_are_taken() {
        assert_eq!(RequestId::take(b"abc-1:2/x=@+._").unwrap().to_string(), "abc-1:2/x=@+._");
        assert!(RequestId::take(&[b'a'; 128]).is_some());
        for bad in [&b""[..], b"a b", b"a\"", b"a\\", b"\xff", b"a,b", &[b'a'; 129]] {
            assert_eq!(RequestId::take(bad), None, "{bad:?}");
        }
    }
}
