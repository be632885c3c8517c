//! The queue over pairs of real sockets.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

use rustix::fs::SeekFrom;

use super::*;

fn pair() -> (Socket, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    (Socket::new(ours.into()), theirs)
}

fn temporary(content: &[u8]) -> File {
    let path = std::env::temp_dir().join(format!("yett-buffer-{}-{:p}", std::process::id(), content));
    let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    file.write_all(content).unwrap();
    std::fs::remove_file(path).unwrap();
    file
}

/// Flushes and reads in turns until all is out; what came.
fn drain(queue: &mut OutQueue, socket: &Socket, peer: &mut UnixStream) -> Vec<u8> {
    let mut came = Vec::new();
    let mut block = vec![0; 64 * 1024];
    loop {
        let flush = queue.flush(socket);
        match flush {
            Flush::Empty => break,
            Flush::Blocked | Flush::Yield => {
                let n = peer.read(&mut block).unwrap();
                came.extend_from_slice(&block[..n]);
            }
            Flush::Gone | Flush::ShortFile => return came,
        }
    }
    peer.set_nonblocking(true).unwrap();
    while let Ok(n @ 1..) = peer.read(&mut block) {
        came.extend_from_slice(&block[..n]);
    }
    came
}

#[test]
fn pieces_of_every_kind_go_out_in_order_through_a_small_socket_buffer() {
    let (socket, mut peer) = pair();
    rustix::net::sockopt::set_socket_send_buffer_size(&socket, 4096).unwrap();
    let large: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
    let content: Vec<u8> = (0..300_000u32).map(|n| (n % 241) as u8).collect();
    let mut queue = OutQueue::default();
    let mut expected = Vec::new();
    for round in 0..3 {
        queue.push_slice(b"head");
        queue.push_shared(Box::new(large.clone()), large.len());
        queue.push_slice(b"between");
        let file = temporary(&content);
        queue.push_file(FilePart { file: file.into(), offset: 1000 * round, count: 250_000 });
        queue.push_slice(b"end");
        expected.extend_from_slice(b"head");
        expected.extend_from_slice(&large);
        expected.extend_from_slice(b"between");
        let offset = usize::try_from(1000 * round).unwrap();
        expected.extend_from_slice(&content[offset..offset + 250_000]);
        expected.extend_from_slice(b"end");
    }
    assert_eq!(queue.pending(), expected.len() as u64);
    assert!(drain(&mut queue, &socket, &mut peer) == expected, "bytes are lost, doubled or out of order");
    assert!(queue.is_empty());
    assert_eq!(queue.flush(&socket), Flush::Empty);
}

#[test]
fn bytes_queued_behind_a_partly_written_run_keep_their_place() {
    let (socket, mut peer) = pair();
    rustix::net::sockopt::set_socket_send_buffer_size(&socket, 4096).unwrap();
    let mut queue = OutQueue::default();
    let first = vec![b'a'; 100_000];
    queue.push_slice(&first);
    assert_eq!(queue.flush(&socket), Flush::Blocked);
    // The run is sealed in the middle of being written.
    queue.push_shared(Box::new(vec![b'b'; 50_000]), 50_000);
    queue.push_slice(b"c");
    let came = drain(&mut queue, &socket, &mut peer);
    let expected = [first, vec![b'b'; 50_000], b"c".to_vec()].concat();
    assert!(came == expected);
}

#[test]
fn only_the_promised_part_of_a_shared_piece_is_sent() {
    let (socket, mut peer) = pair();
    let mut queue = OutQueue::default();
    queue.push_shared(Box::new(b"0123456789".to_vec()), 4);
    queue.push_shared(Box::new(b"never".to_vec()), 0);
    assert_eq!(drain(&mut queue, &socket, &mut peer), b"0123");
}

#[test]
fn a_file_that_shrinks_is_noticed() {
    let (socket, mut peer) = pair();
    let file = temporary(b"short");
    let mut queue = OutQueue::default();
    queue.push_file(FilePart { file: file.into(), offset: 0, count: 10 });
    assert_eq!(queue.flush(&socket), Flush::ShortFile);
    let mut came = [0; 5];
    peer.read_exact(&mut came).unwrap();
    assert_eq!(&came, b"short");
}

#[test]
fn a_fifo_is_refused_and_does_not_block() {
    let path = std::env::temp_dir().join(format!("yett-fifo-{}", std::process::id()));
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    assert_eq!(FilePart::open(&path).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_peer_that_has_gone_is_noticed() {
    let (socket, peer) = pair();
    drop(peer);
    let mut queue = OutQueue::default();
    queue.push_slice(b"too late");
    assert_eq!(queue.flush(&socket), Flush::Gone);
}

#[test]
fn a_part_of_an_open_file_begins_at_its_position_which_moves_on() {
    use std::os::fd::AsRawFd;
    let mut file = temporary(b"0123456789");
    rustix::fs::seek(&file, SeekFrom::Start(3)).unwrap();
    let part = FilePart::of_descriptor(file.as_raw_fd(), None, Some(4)).unwrap();
    assert_eq!((part.offset, part.count), (3, 4));
    let mut rest = Vec::new();
    file.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"789");
    let whole = FilePart::of_descriptor(file.as_raw_fd(), Some(0), None).unwrap();
    assert_eq!((whole.offset, whole.count), (0, 10));
    let beyond = FilePart::of_descriptor(file.as_raw_fd(), Some(99), Some(5)).unwrap();
    assert_eq!(beyond.count, 0);
    assert!(FilePart::of_descriptor(-1, None, None).is_err());
}
