//! One client: its connection, and what the gateway keeps with it.

use std::fs::File;

use pyo3::prelude::*;
use pyo3::types::PyString;
use yett_logs::{Record, RequestId};
use yett_net::spool::{Content, Spool};
use yett_net::{Connection, Token};
use yett_proto::request::StoredHead;

use crate::proxies::Forwarding;

/// Bytes of a request body that are collected in memory; the rest goes to a temporary file. Most forms and API calls
/// are smaller, uploads larger.
const BODY_IN_MEMORY: usize = 64 * 1024;

/// A connection, wherever it is: at rest among the others, or in the hands of a thread.
pub struct Client {
    pub token: Token,
    pub connection: Connection,
    pub listener: usize,
    /// Made at its first request.
    pub addresses: Option<Addresses>,
    /// What proxies have said of the request that is being collected or answered.
    pub forwarding: Forwarding,
    /// The request whose body has not arrived whole.
    pub collecting: Option<Box<Collecting>>,
    /// Bytes of its responses that it has not taken, as counted while it is at rest.
    pub waiting: u64,
    /// For the access log, from a request's head to the end of its response.
    pub record: Option<Box<Record>>,
    /// That of a request that is answered, while the client has yet to take much of the response.
    pub undelivered: Option<Box<Record>>,
    /// The current request's.
    pub request_id: RequestId,
}

/// What of `environ` is about the connection.
pub struct Addresses {
    pub remote_address: Py<PyString>,
    /// None on a unix socket.
    pub remote_port: Option<Py<PyString>>,
    /// SERVER_NAME and SERVER_PORT, unless they are the same for all connections.
    pub server: Option<(Py<PyString>, Py<PyString>)>,
    /// SERVER_PORT is that of the scheme: our side has none.
    pub portless: bool,
}

/// A request whose body is on its way. No thread waits for it.
pub struct Collecting {
    head: StoredHead,
    body: Spool,
}

/// A request that can be handed to the application.
pub struct Request {
    /// None: the head is in the worker's inbox.
    pub head: Option<StoredHead>,
    pub body: Body,
}

/// What the application reads from `wsgi.input`.
pub enum Body {
    /// All of it, mostly nothing.
    Memory(Vec<u8>),
    /// All of it, from the file's current position on.
    File { file: File, length: u64 },
    /// What has arrived so far; the rest is read while the application runs.
    Streaming(Vec<u8>),
}

impl Collecting {
    /// # Errors
    /// The temporary file cannot be written.
    pub fn begin(head: StoredHead, first: Vec<u8>) -> std::io::Result<Self> {
        let mut body = Spool::new(BODY_IN_MEMORY);
        body.push_vec(first)?;
        Ok(Self { head, body })
    }

    /// # Errors
    /// The temporary file cannot be written.
    pub fn add(&mut self, bytes: Vec<u8>) -> std::io::Result<()> {
        self.body.push_vec(bytes)
    }

    /// The whole request.
    ///
    /// # Errors
    /// The temporary file cannot be rewound.
    pub fn finish(self) -> std::io::Result<Request> {
        let body = match self.body.finish()? {
            Content::Memory(bytes) => Body::Memory(bytes),
            Content::File { file, length } => Body::File { file, length },
        };
        Ok(Request { head: Some(self.head), body })
    }
}
