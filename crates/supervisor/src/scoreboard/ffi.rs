//! The memory that all processes share.

use std::io;
use std::ptr::{self, NonNull};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use super::Header;
use super::slot::Slot;

/// A header and some slots in pages that children share instead of copying.
#[derive(Debug)]
pub struct Shared {
    start: NonNull<u8>,
    length: usize,
    slots: usize,
}

// SAFETY: it is only ever read as `&Header` and `&[Slot]`, which consist of atomics.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// # Errors
    /// `ENOMEM`; `EINVAL` if the length is more than can be counted.
    pub fn new(slots: usize) -> io::Result<Self> {
        let length =
            size_of::<Slot>().checked_mul(slots).and_then(|all| all.checked_add(size_of::<Header>()));
        let length = length.filter(|length| isize::try_from(*length).is_ok());
        let length = length.ok_or(rustix::io::Errno::INVAL)?;
        // SAFETY: the system chooses a place where nothing is.
        let start = unsafe {
            mmap_anonymous(ptr::null_mut(), length, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED)
        }?;
        let start = NonNull::new(start.cast()).ok_or(rustix::io::Errno::NOMEM)?;
        Ok(Self { start, length, slots })
    }

    pub fn header(&self) -> &Header {
        // SAFETY: the block begins on a page, as the header wants to, and is at least as long. It was zero at first, which
        // is a value of every atomic, and is only ever written through them.
        unsafe { self.start.cast::<Header>().as_ref() }
    }

    pub fn slots(&self) -> &[Slot] {
        // SAFETY: behind the header, whose size is a number of pages, there is room for so many slots, whose size and
        // alignment are pages, too; as to their values, see `header`.
        unsafe {
            let first = self.start.add(size_of::<Header>()).cast::<Slot>();
            std::slice::from_raw_parts(first.as_ptr(), self.slots)
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: it is our own, and what was borrowed from it has ended. Failure: it stays, which does no harm.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.length) };
    }
}
