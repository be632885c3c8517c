//! Waiting for one client, for gateways whose application holds a thread anyway.

use std::io;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use super::{Connection, Phase};

/// What a client is waited for to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// To send something.
    Readable,
    /// To take something of what was sent.
    Writable,
}

impl Connection {
    /// Blocks the calling thread until the client has done what it is waited for, has gone, or `timeout` is over (then
    /// false). After true, [`Connection::advance`] and [`Connection::flush`] try, and find out which.
    ///
    /// A driver that serves other clients in the same thread, an event loop, never calls this. The caller holds nothing
    /// that others need, such as the interpreter's lock.
    ///
    /// A socket is writable only when a good part of the kernel's buffer is free; whether a client reads slowly or not
    /// at all is told by [`Connection::client_takes`], which after this speaks of the time spent here.
    ///
    /// # Errors
    /// The system has no memory for it (poll(2)).
    pub fn wait_for_client(&mut self, until: Wait, timeout: Duration) -> io::Result<bool> {
        if self.phase == Phase::Done {
            return Ok(true);
        }
        let awaited = match until {
            Wait::Readable => PollFlags::IN,
            Wait::Writable => {
                self.untaken = self.socket.untaken();
                PollFlags::OUT
            }
        };
        // A time that no clock reaches: without end.
        let end = Instant::now().checked_add(timeout);
        let happened = loop {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let timespec = left.and_then(|left| Timespec::try_from(left).ok());
            let mut watched = [PollFd::new(&self.socket, awaited)];
            match rustix::event::poll(&mut watched, timespec.as_ref()) {
                Ok(0) if left.is_some_and(|left| left.is_zero()) => return Ok(false),
                // Interrupted by a signal, or rounded: for the time that remains.
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => break watched[0].revents(),
                Err(error) => return Err(error.into()),
            }
        };
        // Gone (ERR, HUP, which come unasked): whichever is tried next finds it out.
        let gone = !happened.difference(PollFlags::IN | PollFlags::OUT).is_empty();
        self.readable |= gone || happened.contains(PollFlags::IN);
        self.writable |= gone || happened.contains(PollFlags::OUT);
        Ok(true)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;

    use yett_proto::h1::Stamp;
    use yett_proto::limits::Limits;
    use yett_proto::response::ResponseHead;

    use super::super::{Inbox, Step};
    use super::*;
    use crate::buffer::Flush;
    use crate::listener::{NewConnection, Peer};
    use crate::reactor::Reactor;
    use crate::socket::Socket;
    use crate::table::Token;

    const STAMP: Stamp<'static> =
        Stamp { date: b"Sat, 21 Nov 2026 00:00:00 GMT", server: false, request_id: b"" };
    /// Long enough for any machine; nothing waits so long when the code is right.
    const LONG: Duration = Duration::from_secs(60);

    fn connect() -> (Connection, UnixStream) {
        let (ours, client) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let new = NewConnection { socket: Socket::new(ours.into()), peer: Peer::Unix, proxied: false };
        let reactor = Reactor::new().unwrap();
        let limits = Arc::new(Limits::default());
        (Connection::new(new, &limits, &reactor, Token::from_u64(1), 0).unwrap(), client)
    }

    fn turn(connection: &mut Connection) -> Vec<Step> {
        let mut inbox = Inbox::default();
        connection.begin_turn(&mut inbox);
        let mut steps = Vec::new();
        while !matches!(steps.last(), Some(Step::Wait | Step::Yield | Step::Close)) {
            steps.push(connection.advance(&mut inbox, &STAMP));
        }
        connection.end_turn(&mut inbox);
        steps
    }

    /// A connection with more of a response than the kernel takes.
    fn behind() -> (Connection, UnixStream) {
        let (mut connection, mut client) = connect();
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert!(connection.wait_for_client(Wait::Readable, LONG).unwrap());
        assert_eq!(turn(&mut connection), [Step::Request, Step::Wait]);
        let mut head = ResponseHead::new();
        head.reset(200).unwrap();
        connection.respond_head(&head, None, &STAMP);
        connection.respond_bytes(&vec![b'x'; 8 * 1024 * 1024]);
        loop {
            match connection.flush() {
                Flush::Yield => {}
                flush => break assert_eq!(flush, Flush::Blocked),
            }
        }
        (connection, client)
    }

    #[test]
    fn a_client_that_sends_ends_the_waiting_and_is_read() {
        let (mut connection, mut client) = connect();
        assert_eq!(turn(&mut connection), [Step::Wait], "nobody has said that it is readable");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| connection.wait_for_client(Wait::Readable, LONG));
            client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            assert!(waiting.join().unwrap().unwrap());
        });
        assert_eq!(turn(&mut connection), [Step::Request, Step::Wait]);
    }

    #[test]
    fn a_client_that_does_nothing_is_not_waited_for_longer() {
        let (mut connection, _client) = connect();
        for timeout in [Duration::ZERO, Duration::from_millis(2)] {
            assert!(!connection.wait_for_client(Wait::Readable, timeout).unwrap());
        }
        assert!(!connection.readable);
        let (mut connection, _client) = behind();
        assert!(!connection.wait_for_client(Wait::Writable, Duration::from_millis(2)).unwrap());
        assert!(!connection.writable);
    }

    #[test]
    fn a_client_that_takes_something_ends_the_waiting_and_is_written_to() {
        let (mut connection, mut client) = behind();
        let before = connection.output_pending();
        client.set_nonblocking(true).unwrap();
        let mut block = vec![0; 64 * 1024];
        while client.read(&mut block).is_ok() {}
        assert!(connection.wait_for_client(Wait::Writable, LONG).unwrap());
        connection.flush();
        assert!(connection.output_pending() < before);
    }

    #[test]
    fn after_a_timeout_it_is_known_whether_the_client_has_taken_a_little() {
        let (mut connection, mut client) = behind();
        assert!(!connection.wait_for_client(Wait::Writable, Duration::ZERO).unwrap());
        let held = connection.socket.untaken();
        if held == 0 {
            // This system does not tell.
            return;
        }
        let mut block = vec![0; 1024];
        // The kernel counts in packets of its own size; some thousand bytes are less than makes a socket writable.
        while connection.socket.untaken() == held {
            client.read_exact(&mut block).unwrap();
        }
        assert!(connection.client_takes(), "less is left than when the waiting began");
        assert!(!connection.wait_for_client(Wait::Writable, Duration::ZERO).unwrap());
        assert!(!connection.client_takes(), "it has taken nothing since");
    }

    #[test]
    fn a_client_that_has_gone_ends_either_waiting() {
        let (mut connection, client) = behind();
        drop(client);
        assert!(connection.wait_for_client(Wait::Writable, LONG).unwrap());
        assert_eq!(connection.flush(), Flush::Gone);
        let (mut connection, client) = connect();
        drop(client);
        assert!(connection.wait_for_client(Wait::Readable, LONG).unwrap());
        turn(&mut connection);
        connection.flush();
        assert!(connection.is_done());
    }
    #[test]
    fn nobody_is_waited_for_on_a_connection_that_is_over() {
        let (mut connection, _client) = connect();
        connection.phase = Phase::Done;
        assert!(connection.wait_for_client(Wait::Readable, LONG).unwrap());
    }
}
