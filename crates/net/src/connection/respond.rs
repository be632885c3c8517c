//! The way out: a response is queued piece by piece, and written as far as the client takes it.

use std::io;

use yett_proto::h1::{BodyEnd, Frame, Next, Stamp};
use yett_proto::headers::FieldBlock;
use yett_proto::response::ResponseHead;

use super::receive::own_body;
use super::{Connection, Phase};
use crate::buffer::{FilePart, Flush, OutQueue, Shared};

/// What became of a piece of a response's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// How many of its bytes go to the client.
    pub taken: u64,
    /// It exceeded what the response may have (its Content-Length): the excess was cut off.
    pub overflow: bool,
}

impl Connection {
    /// Queues an interim response (103); false if this client cannot take one.
    pub fn respond_interim(&mut self, status: u16, fields: &FieldBlock) -> bool {
        let h1 = &mut self.h1;
        self.output.append(|out| h1.send_interim(status, fields, out))
    }

    /// Queues the final head. `complete`: the length of the body, if all of it is at hand.
    pub fn respond_head(&mut self, head: &ResponseHead, complete: Option<u64>, stamp: &Stamp<'_>) {
        let h1 = &mut self.h1;
        self.output.append(|out| h1.send_head(head, complete, stamp, out));
    }

    /// Queues body bytes, by copying them.
    pub fn respond_bytes(&mut self, bytes: &[u8]) -> Sent {
        let frame = self.h1.send_data(bytes.len() as u64);
        let take = usize::try_from(frame.take).unwrap_or(usize::MAX).min(bytes.len());
        self.output.append(|out| {
            out.extend_from_slice(frame.prefix.as_ref());
            out.extend_from_slice(bytes.get(..take).unwrap_or_default());
            out.extend_from_slice(frame.suffix);
        });
        Sent { taken: frame.take, overflow: frame.overflow }
    }

    /// Queues body bytes that somebody else owns, without copying them.
    pub fn respond_shared(&mut self, shared: Shared) -> Sent {
        let frame = self.h1.send_data((*shared).as_ref().len() as u64);
        self.framed(&frame, |output| {
            output.push_shared(shared, usize::try_from(frame.take).unwrap_or(usize::MAX));
        })
    }

    /// Queues a part of a file as body.
    pub fn respond_file(&mut self, mut part: FilePart) -> Sent {
        let frame = self.h1.send_data(part.count);
        part.count = part.count.min(frame.take);
        self.framed(&frame, |output| output.push_file(part))
    }

    fn framed(&mut self, frame: &Frame, push: impl FnOnce(&mut OutQueue)) -> Sent {
        self.output.push_slice(frame.prefix.as_ref());
        push(&mut self.output);
        self.output.push_slice(frame.suffix);
        Sent { taken: frame.take, overflow: frame.overflow }
    }

    /// The response is finished.
    pub fn respond_end(&mut self, trailers: Option<&FieldBlock>) -> BodyEnd {
        let h1 = &mut self.h1;
        let end = self.output.append(|out| h1.send_end(trailers, out));
        match end {
            BodyEnd::Complete => self.finish_exchange(),
            BodyEnd::Short { .. } => self.abort(),
        }
        end
    }

    /// The application failed before its response began: 500.
    pub fn respond_failure(&mut self, stamp: &Stamp<'_>) {
        let h1 = &mut self.h1;
        self.own_body = self.output.append(|out| own_body(out, |out| h1.send_failure(stamp, out)));
        self.finish_exchange();
    }

    /// The application's response has not begun in time: 504.
    pub fn respond_timeout(&mut self, stamp: &Stamp<'_>) {
        let h1 = &mut self.h1;
        self.own_body = self.output.append(|out| own_body(out, |out| h1.send_timeout(stamp, out)));
        self.finish_exchange();
    }

    fn finish_exchange(&mut self) {
        self.forget_body();
        self.took = true;
        self.cut_off = !self.h1.request_complete();
        match self.h1.finish_exchange() {
            Next::KeepAlive | Next::Discard => {}
            Next::Close => self.begin_close(),
        }
    }

    /// Gives up a response that has begun: the client must notice that it is not whole.
    pub fn abort(&mut self) {
        self.forget_body();
        if self.h1.delimited_by_close() {
            // To this client the end of the connection means the end of the body: only a reset tells the difference.
            self.socket.reset_on_close();
            self.phase = Phase::Done;
        } else {
            self.begin_close();
        }
    }

    /// From now on responses say that the connection will be closed, and an idle connection is closed by its next turn,
    /// which the driver gives it soon: a request that has arrived, but was not read yet, is answered first.
    pub fn drain(&mut self) {
        self.draining = true;
        self.h1.set_draining();
        // One read tells whether there is anything.
        self.readable = true;
    }

    /// From now on responses say that the connection will be closed, and after the next one it is; if it is idle, it stays
    /// until then. The response under way, if it has not begun, is the next.
    pub fn close_soon(&mut self) {
        self.h1.set_draining();
    }

    pub(super) fn begin_close(&mut self) {
        if matches!(self.phase, Phase::Open) {
            self.phase = Phase::Closing;
        }
    }

    /// Bytes of responses that the client has not taken.
    #[must_use]
    pub fn output_pending(&self) -> u64 {
        self.output.pending()
    }

    /// Bytes of responses that the client has not taken and that are held in memory, not in files.
    #[must_use]
    pub fn output_in_memory(&self) -> u64 {
        self.output.in_memory()
    }

    /// If more than `memory` bytes of responses are held in memory for a client that is behind, moves them into a
    /// temporary file without a name, which never becomes larger than `limit` bytes, and is gone when all that is in
    /// it has been sent. Whether at most `memory` bytes are held in memory afterwards; if not, the client must be
    /// waited for.
    ///
    /// # Errors
    /// The file cannot be made or written (no space, no descriptors). The response is as good as before: what is not
    /// in the file remains in memory.
    pub fn spool_output(&mut self, memory: u64, limit: u64) -> io::Result<bool> {
        self.output.spool(memory, limit)
    }

    /// Writes what is queued, as far as the client takes it, and closes what is to be closed.
    pub fn flush(&mut self) -> Flush {
        if self.phase == Phase::Done {
            return Flush::Gone;
        }
        let before = self.output.pending();
        let flush = if before == 0 {
            Flush::Empty
        } else if self.writable {
            self.output.flush(&self.socket)
        } else {
            Flush::Blocked
        };
        self.took |= self.output.pending() != before;
        match flush {
            Flush::Empty if self.phase == Phase::Closing => {
                self.phase = if self.ended {
                    Phase::Done
                } else {
                    self.socket.shutdown_write();
                    self.input = Vec::new();
                    Phase::Lingering
                };
            }
            Flush::Empty | Flush::Yield => {}
            Flush::Blocked => self.writable = false,
            Flush::Gone => self.phase = Phase::Done,
            Flush::ShortFile => {
                self.file_ended = true;
                self.socket.reset_on_close();
                self.phase = Phase::Done;
            }
        }
        flush
    }
}
