//! Any order of pushing, spooling, writing and reading, over real connections.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Weak;
use std::time::Duration;

use proptest::prelude::*;
use rustix::net::sockopt;

use super::super::{FilePart, Flush};
use super::*;
use crate::socket::Socket;

/// Both ends of a connection whose kernel buffers hold little.
struct Line {
    ours: Socket,
    client: File,
    came: Vec<u8>,
}

impl Line {
    fn new(ours: OwnedFd, client: OwnedFd) -> Self {
        sockopt::set_socket_send_buffer_size(&ours, 4096).unwrap();
        sockopt::set_socket_timeout(&client, sockopt::Timeout::Recv, Some(Duration::from_secs(30))).unwrap();
        rustix::io::ioctl_fionbio(&ours, true).unwrap();
        Self { ours: Socket::new(ours), client: client.into(), came: Vec::new() }
    }

    fn unix() -> Self {
        let (ours, client) = UnixStream::pair().unwrap();
        Self::new(ours.into(), client.into())
    }

    fn tcp() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        sockopt::set_socket_recv_buffer_size(&listener, 4096).unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        Self::new(ours.into(), listener.accept().unwrap().0.into())
    }

    /// Waits for at least one byte, and takes at most `n`.
    fn client_takes(&mut self, n: usize) {
        let mut block = vec![0; n];
        let n = self.client.read(&mut block).unwrap();
        assert!(n > 0, "the stream has ended");
        self.came.extend_from_slice(&block[..n]);
    }

    /// Flushes until the client must be waited for.
    fn fill(&self, queue: &mut OutQueue) -> Flush {
        loop {
            match queue.flush(&self.ours) {
                Flush::Yield => {}
                flush => return flush,
            }
        }
    }

    /// Everything the client gets when it takes all.
    fn drain(mut self, queue: &mut OutQueue) -> Vec<u8> {
        loop {
            match self.fill(queue) {
                Flush::Blocked => self.client_takes(64 * 1024),
                Flush::Empty => break,
                flush => panic!("{flush:?} after {} bytes", self.came.len()),
            }
        }
        self.ours.shutdown_write();
        self.client.read_to_end(&mut self.came).unwrap();
        self.came
    }
}

/// Different bytes wherever one looks.
fn pattern(seed: usize, length: usize) -> Vec<u8> {
    (0..length).map(|n| (n.wrapping_mul(31) ^ (n >> 8) ^ seed.wrapping_mul(97)) as u8).collect()
}

fn file_of(content: &[u8]) -> File {
    let mut file = temporary_file().unwrap();
    file.write_all(content).unwrap();
    file
}

fn spool_file(queue: &OutQueue) -> Weak<File> {
    queue.last_spooled().map(|part| Arc::downgrade(&part.file)).unwrap_or_default()
}

fn parts(queue: &OutQueue) -> usize {
    queue.queue.len()
}

#[test]
fn a_client_that_takes_nothing_costs_one_part_and_no_memory() {
    let line = Line::tcp();
    let mut queue = OutQueue::default();
    let mut expected = Vec::new();
    for round in 0..50 {
        let piece = pattern(round, 20_000);
        queue.push_slice(b"4e20\r\n");
        queue.push_shared(Box::new(piece.clone()), piece.len());
        queue.push_slice(b"\r\n");
        expected.extend_from_slice(&[b"4e20\r\n", &piece[..], b"\r\n"].concat());
        line.fill(&mut queue);
        assert!(queue.spool(0, u64::MAX).unwrap());
        assert!(parts(&queue) <= 1, "{} parts in round {round}", parts(&queue));
        assert_eq!(queue.in_memory(), 0);
    }
    let file = spool_file(&queue);
    assert!(file.upgrade().is_some_and(|file| file.metadata().unwrap().len() > 100_000));
    assert!(line.drain(&mut queue) == expected, "bytes are lost, doubled or out of order");
    assert!(file.upgrade().is_none(), "the file is still open");
}

#[test]
fn little_is_left_in_memory() {
    let mut queue = OutQueue::default();
    queue.push_slice(&[b'x'; 1000]);
    assert!(queue.spool(1000, u64::MAX).unwrap());
    assert_eq!((queue.in_memory(), parts(&queue)), (1000, 0));
    assert!(queue.spool(999, u64::MAX).unwrap());
    assert_eq!((queue.in_memory(), queue.pending()), (0, 1000));
}

#[test]
fn without_a_limit_to_fill_no_file_is_made() {
    let mut queue = OutQueue::default();
    queue.push_slice(&[b'x'; 1000]);
    assert!(!queue.spool_to(0, 0, || panic!("no file may be made")).unwrap());
    assert_eq!(queue.in_memory(), 1000);
}

#[test]
fn the_file_is_filled_to_its_limit_and_not_further() {
    let line = Line::unix();
    let mut queue = OutQueue::default();
    let (first, second, third) = (pattern(1, 30_000), pattern(2, 30_000), pattern(3, 30_000));
    queue.push_shared(Box::new(first.clone()), first.len());
    queue.push_slice(&second);
    assert!(!queue.spool(4_999, 55_000).unwrap());
    assert_eq!(queue.in_memory(), 5_000);
    assert!(queue.spool(5_000, 55_000).unwrap(), "so many may stay");
    let file = spool_file(&queue).upgrade().unwrap();
    assert_eq!(file.metadata().unwrap().len(), 55_000);
    queue.push_slice(&third);
    assert!(!queue.spool(5_000, 55_000).unwrap());
    assert_eq!(file.metadata().unwrap().len(), 55_000);
    assert_eq!(queue.pending(), 90_000);
    assert!(line.drain(&mut queue) == [first, second, third].concat());
}

#[test]
fn the_limit_counts_what_has_gone_out_of_the_file_until_it_is_used_up() {
    let mut line = Line::unix();
    let mut queue = OutQueue::default();
    queue.push_slice(&pattern(1, 400_000));
    assert!(queue.spool(0, 400_000).unwrap());
    line.fill(&mut queue);
    line.client_takes(1000);
    let first = spool_file(&queue);
    queue.push_slice(&pattern(2, 400_000));
    assert!(!queue.spool(0, 400_000).unwrap(), "what has been sent must not be overwritten");
    assert_eq!(queue.in_memory(), 400_000);
    while spool_file(&queue).upgrade().is_some() {
        line.client_takes(1000);
        line.fill(&mut queue);
    }
    assert!(first.upgrade().is_none());
    assert!(queue.in_memory() > 0);
    assert!(queue.spool(0, 400_000).unwrap(), "a new file begins");
    assert!(line.drain(&mut queue) == [pattern(1, 400_000), pattern(2, 400_000)].concat());
}

#[test]
fn a_file_that_cannot_be_made_changes_nothing() {
    let line = Line::unix();
    let mut queue = OutQueue::default();
    let content = pattern(1, 50_000);
    queue.push_slice(&content);
    line.fill(&mut queue);
    let pending = queue.pending();
    assert!(queue.spool_to(0, u64::MAX, || Err(io::ErrorKind::StorageFull.into())).is_err());
    assert_eq!((queue.in_memory(), queue.pending()), (pending, pending));
    assert!(line.drain(&mut queue) == content);
}

/// A file that takes `room` bytes and no more, as on a disk that gets full.
#[cfg(target_os = "linux")]
fn full_after(room: u64) -> File {
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
    let file = File::from(memfd_create("full", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap());
    file.set_len(room).unwrap();
    fcntl_add_seals(&file, SealFlags::GROW).unwrap();
    file
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_gets_full_half_way_loses_nothing() {
    // The kernel refuses whole pages: 4 KiB, or 64 KiB on some machines.
    const PAGES: u64 = 128 * 1024;
    let mut line = Line::unix();
    let mut queue = OutQueue::default();
    let mut expected = Vec::new();
    for seed in 0..10 {
        let piece = pattern(seed, 40_000);
        queue.push_shared(Box::new(piece.clone()), piece.len());
        queue.push_slice(b"suffix");
        expected.extend_from_slice(&piece);
        expected.extend_from_slice(b"suffix");
    }
    line.fill(&mut queue);
    line.client_takes(1000);
    let pending = queue.pending();
    assert!(queue.spool_to(0, u64::MAX, || Ok(full_after(PAGES))).is_err());
    let spooled = queue.last_spooled().map(|part| part.count).expect("what fits is in the file");
    assert!(spooled <= PAGES && spooled > 40_000, "{spooled} bytes, more than one piece and not all");
    assert_eq!(queue.in_memory(), pending - spooled);
    assert_eq!(queue.pending(), pending);
    // Once more, and what follows stays behind it.
    queue.push_slice(b"later");
    expected.extend_from_slice(b"later");
    assert!(queue.spool(0, u64::MAX).is_err());
    assert!(line.drain(&mut queue) == expected, "bytes are lost, doubled or out of order");
}

#[test]
fn a_connection_that_ends_closes_the_file() {
    let mut queue = OutQueue::default();
    queue.push_slice(&pattern(1, 50_000));
    queue.spool(0, u64::MAX).unwrap();
    let file = spool_file(&queue);
    assert_eq!(file.strong_count(), 1);
    queue.clear();
    assert_eq!(file.strong_count(), 0);
}

#[derive(Clone, Debug)]
enum Deed {
    Slice(usize),
    Shared { length: usize, take: usize },
    File { offset: usize, count: usize },
    Spool { memory: u64, limit: u64 },
    Flush,
    Read(usize),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => (0usize..6_000).prop_map(Deed::Slice),
        3 => (0usize..30_000, 0usize..40_000).prop_map(|(length, take)| Deed::Shared { length, take }),
        1 => (0usize..5_000, 0usize..5_000).prop_map(|(offset, count)| Deed::File { offset, count }),
        4 => (0u64..20_000, prop_oneof![3 => Just(u64::MAX), 2 => 0u64..60_000])
            .prop_map(|(memory, limit)| Deed::Spool { memory, limit }),
        4 => Just(Deed::Flush),
        4 => (1usize..20_000).prop_map(Deed::Read),
    ]
}

fn check(mut line: Line, deeds: Vec<Deed>) -> Result<(), TestCaseError> {
    let mut queue = OutQueue::default();
    let mut expected = Vec::new();
    let mut files: Vec<Weak<File>> = Vec::new();
    for (seed, deed) in deeds.into_iter().enumerate() {
        match deed {
            Deed::Slice(length) => {
                let bytes = pattern(seed, length);
                queue.push_slice(&bytes);
                expected.extend_from_slice(&bytes);
            }
            Deed::Shared { length, take } => {
                let bytes = pattern(seed, length);
                expected.extend_from_slice(&bytes[..take.min(length)]);
                queue.push_shared(Box::new(bytes), take);
            }
            Deed::File { offset, count } => {
                let bytes = pattern(seed, 10_000);
                let part =
                    FilePart { file: file_of(&bytes).into(), offset: offset as u64, count: count as u64 };
                queue.push_file(part);
                expected.extend_from_slice(&bytes[offset..offset + count]);
            }
            Deed::Spool { memory, limit } => {
                let (pending, before) = (queue.pending(), queue.in_memory());
                let size =
                    |file: &Weak<File>| file.upgrade().map_or(0, |file| file.metadata().unwrap().len());
                let old = size(&spool_file(&queue));
                let enough = queue.spool(memory, limit).unwrap();
                prop_assert_eq!(queue.pending(), pending);
                prop_assert_eq!(enough, queue.in_memory() <= memory);
                let file = spool_file(&queue);
                if before > memory {
                    prop_assert!(size(&file) <= limit.max(old), "the file is above its limit");
                    prop_assert!(enough || size(&file) >= limit, "there was room in the file");
                } else {
                    prop_assert_eq!(queue.in_memory(), before);
                }
                files.push(file);
            }
            Deed::Flush => {
                let flush = queue.flush(&line.ours);
                prop_assert!(matches!(flush, Flush::Empty | Flush::Blocked | Flush::Yield), "{:?}", flush);
                prop_assert_eq!(flush == Flush::Empty, queue.is_empty());
            }
            // Only what is on its way for certain.
            Deed::Read(n) if expected.len() as u64 > queue.pending() + line.came.len() as u64 => {
                line.client_takes(n);
            }
            Deed::Read(_) => {}
        }
        prop_assert!(queue.in_memory() <= queue.pending());
    }
    let came = line.drain(&mut queue);
    prop_assert!(came == expected, "bytes are lost, doubled or out of order");
    prop_assert!(queue.is_empty() && queue.in_memory() == 0);
    prop_assert!(files.iter().all(|file| file.strong_count() == 0), "a file is still open");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_order_of_deeds_gives_the_bytes_in_order_over_unix(
        deeds in proptest::collection::vec(deed(), 0..60),
    ) {
        check(Line::unix(), deeds)?;
    }

    #[test]
    fn any_order_of_deeds_gives_the_bytes_in_order_over_tcp(
        deeds in proptest::collection::vec(deed(), 0..60),
    ) {
        check(Line::tcp(), deeds)?;
    }
}
