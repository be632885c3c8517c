//! How far a run of allowed bytes goes: the inner loops of the head parser.
//!
//! Field values are looked at sixteen bytes at a time, by a loop without exits which compilers turn into vector
//! instructions. Where a run ends is found in eight bytes as one 64-bit number, on which a few operations mark every byte
//! that is not allowed by its high bit. A subtraction may borrow from the next byte and mark it wrongly, but only above a
//! byte that is marked rightly: the lowest mark is always true, and it is the one that counts.

use crate::target::TARGET_BYTE;

const HIGH_BITS: u64 = repeat(0x80);

/// `byte` in all eight places.
const fn repeat(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Marks the bytes of `word` that are below `bound`, which is at most 0x80.
#[inline]
const fn below(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(repeat(bound)) & !word
}

/// Marks the bytes of `word` that are `byte`.
#[inline]
const fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ repeat(byte), 1)
}

/// The length of the run at the start of `bytes` in which neither `marks` marks a byte nor `ends` is true.
#[inline]
fn run_length(bytes: &[u8], marks: impl Fn(u64) -> u64, ends: impl Fn(u8) -> bool) -> usize {
    let (eights, rest) = bytes.as_chunks::<8>();
    for (index, eight) in eights.iter().enumerate() {
        let marks = marks(u64::from_le_bytes(*eight)) & HIGH_BITS;
        if marks != 0 {
            return index * 8 + marks.trailing_zeros() as usize / 8;
        }
    }
    eights.len() * 8 + rest.iter().position(|&b| ends(b)).unwrap_or(rest.len())
}

/// The length of the field-value text at the start of `bytes`: no control characters, not even HTAB.
// Forced inline, as the values of most fields are no longer than what a call would cost.
#[inline(always)]
pub(crate) fn text_length(bytes: &[u8]) -> usize {
    let is_control = |b: u8| (b < b' ') | (b == 0x7F);
    let mut sure = 0;
    for sixteen in bytes.as_chunks::<16>().0 {
        if sixteen.iter().fold(false, |found, &b| found | is_control(b)) {
            break;
        }
        sure += 16;
    }
    sure + run_length(&bytes[sure..], |word| below(word, b' ') | equal(word, 0x7F), is_control)
}

/// The length of the request target at the start of `bytes`, see [`TARGET_BYTE`].
#[inline]
pub(crate) fn target_length(bytes: &[u8]) -> usize {
    run_length(
        bytes,
        |word| below(word, 0x21) | word | equal(word, 0x7F) | equal(word, b'#'),
        |b| !TARGET_BYTE[b as usize],
    )
}

/// The length of the run at the start of `bytes` of bytes that are true in `table`: for sets that have too many gaps for
/// arithmetic, such as that of tokens.
#[inline]
pub(crate) fn table_length(bytes: &[u8], table: &[bool; 256]) -> usize {
    let (eights, rest) = bytes.as_chunks::<8>();
    for (index, eight) in eights.iter().enumerate() {
        for (place, &b) in eight.iter().enumerate() {
            if !table[b as usize] {
                return index * 8 + place;
            }
        }
    }
    eights.len() * 8 + rest.iter().position(|&b| !table[b as usize]).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::{TCHAR, is_tchar};

    /// Every byte at every place of a run, against the definition.
    #[test]
    fn runs_end_exactly_where_a_byte_is_not_allowed() {
        let is_text = |b: u8| b >= b' ' && b != 0x7F;
        for length in [1, 7, 8, 9, 15, 16, 17, 25, 34] {
            for place in 0..length {
                for byte in 0..=255u8 {
                    // The bytes around it are those that borrows would touch first.
                    for filler in [b'!', b'~', b'$', 0x80, 0xFF] {
                        let mut bytes = vec![filler; length];
                        bytes[place] = byte;
                        let expected = |allowed: &dyn Fn(u8) -> bool| {
                            bytes.iter().position(|&b| !allowed(b)).unwrap_or(bytes.len())
                        };
                        assert_eq!(text_length(&bytes), expected(&is_text), "{bytes:x?}");
                        assert_eq!(table_length(&bytes, &TCHAR), expected(&is_tchar), "{bytes:x?}");
                        let target = expected(&|b| TARGET_BYTE[b as usize]);
                        assert_eq!(target_length(&bytes), target, "{bytes:x?}");
                    }
                }
            }
        }
    }
}
