//! How a response is put on the wire, without the interpreter's lock, and who waits for a client that is behind.
//!
//! What the client does not take at once is kept: some of it in memory, the rest in a temporary file. Only when that
//! is full, the thread waits, as long as the client takes anything within the write timeout.

use std::time::Duration;

use yett_net::buffer::Flush;
use yett_net::connection::{OUTPUT_HIGH_WATER, OUTPUT_LOW_WATER, Wait};
use yett_net::{Connection, Step};
use yett_proto::error::RequestError;

use super::worker::Worker;
use crate::{log, requests};

/// What has become of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It is there; what it has not taken is kept for it.
    Fine,
    /// It has gone, or takes nothing any more.
    Gone,
}

/// What reading a body while the application runs came to.
#[derive(Debug)]
pub enum Read {
    /// A piece, not empty.
    Piece(Vec<u8>),
    /// Nothing follows.
    End,
    /// The client has gone.
    Gone,
    /// What it sent is malformed or late; it has been answered.
    Refused(RequestError),
}

impl Worker {
    /// Whether nothing is queued for a client that is there.
    pub fn is_delivered(&self) -> bool {
        let connection = self.client.as_ref().map(|client| &client.connection);
        connection.is_some_and(|connection| connection.output_pending() == 0 && !connection.is_done())
    }

    /// Writes what is queued, as far as the client takes it, and makes room for more. `last`: nothing follows, so that
    /// nobody needs room.
    pub fn deliver(&mut self, last: bool) -> Delivery {
        let Some(client) = &mut self.client else { return Delivery::Gone };
        let connection = &mut client.connection;
        let mut spool_limit = self.engine.options.response_spool;
        loop {
            match connection.flush() {
                Flush::Empty => break,
                // More than one turn's work: others may be waiting for this thread, but they have others to go to.
                Flush::Yield if last => break,
                Flush::Yield => continue,
                Flush::ShortFile => {
                    log::short_file();
                    break;
                }
                Flush::Gone => break,
                Flush::Blocked if last || has_room(connection) => break,
                // Meanwhile it may have taken some: while this thread has the connection, nobody tells it.
                Flush::Blocked => {
                    if connection.wait_for_client(Wait::Writable, Duration::ZERO).unwrap_or(false) {
                        continue;
                    }
                }
            }
            match connection.spool_output(OUTPUT_LOW_WATER, spool_limit) {
                Ok(true) => break,
                Ok(false) => {}
                Err(error) => {
                    if !std::mem::replace(&mut self.spool_failed, true) {
                        log::cannot_spool(&error);
                    }
                    // Not tried again for this piece.
                    spool_limit = 0;
                }
            }
            // A client that takes a byte now and then would keep the thread from being told.
            if self.post.is_called_back() {
                break;
            }
            let patience = self.engine.options.timeouts.write;
            match self.post.waiting(|| connection.wait_for_client(Wait::Writable, patience)) {
                Ok(true) => {}
                Ok(false) if connection.client_takes() => {}
                Ok(false) | Err(_) => {
                    connection.give_up();
                    break;
                }
            }
        }
        if connection.is_done() { Delivery::Gone } else { Delivery::Fine }
    }

    /// Reads a piece of the body, and waits for it if none has arrived.
    pub fn read_body(&mut self) -> Read {
        let date = self.date.text();
        let Some(client) = &mut self.client else { return Read::Gone };
        let stamp = self.engine.options.stamp(&date, &client.request_id);
        let connection = &mut client.connection;
        loop {
            let (bytes, ended) = connection.take_body();
            if !bytes.is_empty() {
                return Read::Piece(bytes);
            }
            // Behind the response, the next request would be read.
            if ended || !connection.awaits_response() {
                return Read::End;
            }
            connection.want_body();
            // An invitation to go on (100) may be in there.
            connection.flush();
            match connection.advance(&mut self.inbox, &stamp) {
                Step::Body | Step::HalfClosed => {}
                // Not while one is being answered.
                Step::Request => return Read::End,
                Step::Yield => self.inbox.renew_turn(),
                Step::Refused(error) => {
                    if let Some(record) = &mut client.record {
                        requests::note_refusal(record, error);
                    }
                    return Read::Refused(error);
                }
                Step::Close => return Read::Gone,
                Step::Wait => {
                    let patience = self.engine.options.timeouts.body;
                    match self.post.waiting(|| connection.wait_for_client(Wait::Readable, patience)) {
                        Ok(true) => {}
                        Ok(false) => {
                            let error = connection.time_out_body(&stamp);
                            if let Some(record) = &mut client.record {
                                requests::note_refusal(record, error);
                            }
                            return Read::Refused(error);
                        }
                        Err(_) => return Read::Gone,
                    }
                }
            }
        }
    }
}

fn has_room(connection: &Connection) -> bool {
    connection.output_in_memory() < OUTPUT_HIGH_WATER
}
