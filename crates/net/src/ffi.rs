//! The few calls whose safety the compiler cannot see.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

// SAFETY: what is a pointer in a system's event is a token that we have put there, a number: nobody follows it.
unsafe impl Send for crate::reactor::Events {}

/// A descriptor of our own, close-on-exec, for one that is known by number only: inherited (`fd://N`), or of a file
/// that the application has opened. The original stays open: other code of this process may hold it.
///
/// # Errors
/// `EBADF` if nothing is open under that number.
pub fn duplicate(fd: RawFd) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(rustix::io::Errno::BADF.into());
    }
    // SAFETY: the number is not negative, which is all the type asks besides being open; it is used for one `fcntl`,
    // which answers EBADF if it is not open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    Ok(rustix::io::fcntl_dupfd_cloexec(borrowed, 3)?)
}

/// How many bytes of a socket's send buffer the peer has not taken yet (tcp(7), unix(7): SIOCOUTQ, another name of
/// TIOCOUTQ).
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
))]
pub(crate) fn untaken(socket: BorrowedFd<'_>) -> Option<u32> {
    /// `asm-generic/ioctls.h`, which these architectures use.
    const TIOCOUTQ: rustix::ioctl::Opcode = 0x5411;
    // SAFETY: the request writes one `int` and does nothing else.
    let bytes =
        unsafe { rustix::ioctl::ioctl(socket, rustix::ioctl::Getter::<TIOCOUTQ, std::ffi::c_int>::new()) };
    bytes.ok().and_then(|bytes| u32::try_from(bytes).ok())
}

/// Other systems do not tell, or by another number.
#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
)))]
pub(crate) fn untaken(_socket: BorrowedFd<'_>) -> Option<u32> {
    None
}

/// `kevent`: hands in `changes` and fills `events` up to its capacity.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn kevent(
    queue: &OwnedFd,
    changes: &[rustix::event::kqueue::Event],
    events: &mut Vec<rustix::event::kqueue::Event>,
    timeout: Option<std::time::Duration>,
) -> io::Result<()> {
    let spare = rustix::buffer::spare_capacity(events);
    // SAFETY: the descriptors named in `changes` were borrowed from open sockets by the caller, and kqueue forgets a
    // descriptor when it is closed.
    unsafe { rustix::event::kqueue::kevent(queue, changes, spare, timeout) }?;
    Ok(())
}
