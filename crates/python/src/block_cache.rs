//! What was made of a header block, for the next request that has the same.
//!
//! A keep-alive connection repeats its header block byte for byte, and so do all clients of a kind. Making Python
//! objects of it is the largest part of what a small request costs us, so the objects are kept.

use std::cell::RefCell;

use pyo3::prelude::*;

/// Header blocks remembered, and how large one may be: at most about a megabyte of memory for each thread.
const BLOCKS: usize = 64;
const BLOCK_BYTES: usize = 4096;

/// A place for one header block. It takes a block in when it sees it the second time in a row, so that blocks that
/// never return cost a hash and no more.
struct Block<T> {
    hash: u64,
    bytes: Box<[u8]>,
    made: Option<Py<T>>,
}

/// Objects by the bytes of the header block that they were made of. For one thread.
pub struct BlockCache<T> {
    blocks: RefCell<Vec<Block<T>>>,
}

/// What [`BlockCache::look_up`] found.
pub enum Found<'py, T> {
    /// This was made of such a block before.
    Known(Bound<'py, T>),
    /// It is not known: give what was made of it to [`BlockCache::remember`].
    New(Place),
}

/// Where a block belongs.
#[derive(Clone, Copy)]
pub struct Place(u64);

impl<T> Default for BlockCache<T> {
    fn default() -> Self {
        let empty = || Block { hash: 0, bytes: Box::default(), made: None };
        Self { blocks: RefCell::new(std::iter::repeat_with(empty).take(BLOCKS).collect()) }
    }
}

impl<T> BlockCache<T> {
    /// What was made of `block`, if it is known.
    pub fn look_up<'py>(&self, py: Python<'py>, block: &[u8]) -> Found<'py, T> {
        let hash = hash(block);
        match self.blocks.borrow().get(index(hash)) {
            Some(Block { hash: known, bytes, made: Some(made) }) if *known == hash && **bytes == *block => {
                Found::Known(made.bind(py).clone())
            }
            _ => Found::New(Place(hash)),
        }
    }

    /// Remembers what `make` gives for `block`, if it is worth it.
    pub fn remember<'py>(
        &self,
        Place(hash): Place,
        block: &[u8],
        make: impl FnOnce() -> PyResult<Bound<'py, T>>,
    ) -> PyResult<()> {
        if block.len() > BLOCK_BYTES {
            return Ok(());
        }
        let seen = self.blocks.borrow().get(index(hash)).is_some_and(|entry| entry.hash == hash);
        // Outside of borrows: making and freeing objects is Python's business.
        let (bytes, made) =
            if seen { (Box::from(block), Some(make()?.unbind())) } else { (Box::default(), None) };
        let new = Block { hash, bytes, made };
        let forgotten =
            self.blocks.borrow_mut().get_mut(index(hash)).map(|entry| std::mem::replace(entry, new));
        drop(forgotten);
        Ok(())
    }
}

#[allow(clippy::cast_possible_truncation)] // the remainder is small
fn index(hash: u64) -> usize {
    (hash % BLOCKS as u64) as usize
}

/// A quick hash: equal hashes are compared in full, so that a collision costs a comparison and nothing else.
fn hash(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = bytes.len() as u64;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = (hash.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(FACTOR);
    }
    for byte in rest {
        hash = (hash.rotate_left(5) ^ u64::from(*byte)).wrapping_mul(FACTOR);
    }
    // The high bits are the mixed ones; the place is taken from the low ones.
    hash ^ (hash >> 32)
}
