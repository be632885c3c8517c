//! What the operator has decided, as the gateways need it.

use std::sync::Arc;

use pyo3::prelude::*;
use yett_logs::{AccessLog, Interface, Record, RequestId};
use yett_net::acceptor::Sharing;
use yett_net::{Peer, Stamp, Timeouts, clock};
use yett_proto::limits::Limits;
use yett_proto::request::RequestHead;
use yett_settings::Settings;
use yett_supervisor::scoreboard::{OwnSlot, Summary};

use crate::proxies::Proxies;
use crate::sharing::{Balanced, Woken};
use crate::slot::Counted;
use crate::{log, requests};

/// The settings that both gateways share, and those of WSGI.
pub struct Options {
    pub limits: Arc<Limits>,
    pub timeouts: Timeouts,
    pub server_header: bool,
    pub access_log: Option<AccessLog>,
    /// Requests have an id.
    request_id: bool,
    /// And so have their responses.
    request_id_header: bool,
    /// What is believed of proxies in front.
    pub proxies: Proxies,
    /// Request bodies are collected before the application is called.
    pub request_buffering: bool,
    /// Bytes of a response that may wait for its client in a temporary file.
    pub response_spool: u64,
    /// Where the supervisor, and other workers, see what goes on here.
    pub slot: Option<Arc<OwnSlot>>,
    /// Connections are shared by what workers have to do.
    balance: bool,
}

impl Options {
    /// # Errors
    /// `OSError` if the access log cannot be opened.
    pub fn new(settings: &Settings, slot: Option<Arc<OwnSlot>>) -> PyResult<Self> {
        Ok(Self {
            limits: Arc::new(Limits {
                request_line: settings.limit_request_line,
                field: settings.limit_field,
                head: settings.limit_head,
                fields: settings.limit_fields,
                body: settings.limit_body,
                chunk_line: settings.limit_chunk_line,
                trailers: settings.limit_trailers,
            }),
            timeouts: Timeouts {
                head: settings.head_timeout,
                keep_alive: settings.keep_alive_timeout,
                body: settings.body_timeout,
                write: settings.write_timeout,
            },
            server_header: settings.server_header,
            access_log: log::open_access_log(settings)?,
            request_id: settings.request_id,
            request_id_header: settings.request_id && settings.request_id_header,
            proxies: Proxies::new(settings)?,
            request_buffering: settings.request_buffering,
            response_spool: settings.response_spool,
            slot,
            balance: settings.balance,
        })
    }

    /// The id of a request that begins, and is this speaker's word ([`yett_net::Connection::speaker`]).
    pub fn identify(&self, head: &RequestHead<'_>, speaker: Option<Peer>) -> RequestId {
        let trusted = || speaker.is_some_and(|peer| self.proxies.trusts(peer));
        if self.request_id { requests::identify(head, trusted) } else { RequestId::None }
    }

    /// The record of a request that begins, if there is an access log. `client`: who has sent it, as far as anybody knows.
    pub fn record(
        &self,
        head: &RequestHead<'_>,
        client: Peer,
        interface: Interface,
        id: &RequestId,
    ) -> Option<Box<Record>> {
        let log = self.access_log.as_ref()?;
        let mut record = requests::begin(log.needs(), head, client, interface);
        record.request_id = id.clone();
        Some(record)
    }

    /// A request begins; counts until [`Options::uncount`]. `key`: see [`Summary::key`].
    pub fn count(
        &self,
        head: &RequestHead<'_>,
        client: Peer,
        id: &RequestId,
        record: Option<&Record>,
        key: u64,
    ) -> Counted {
        let Some(slot) = &self.slot else { return Counted::Not };
        Counted::As(slot.begin(&Summary {
            method: head.method(),
            target: head.target(),
            peer: match client {
                Peer::Inet(address) => Some(address),
                Peer::Unix => None,
            },
            id: id.bytes(),
            began: record.map_or_else(clock::now_micros, Record::began),
            key,
        }))
    }

    /// The response to a request has begun.
    pub fn count_started(&self, counted: Counted, status: u16) {
        if let (Some(slot), Counted::As(entry)) = (&self.slot, counted) {
            slot.started(entry, status);
        }
    }

    /// The line of a request has been written, although its application may still run.
    pub fn count_told(&self, counted: Counted) {
        if let (Some(slot), Counted::As(entry)) = (&self.slot, counted) {
            slot.told(entry);
        }
    }

    /// A request is over.
    pub fn uncount(&self, counted: Counted) {
        if let (Some(slot), Counted::As(entry)) = (&self.slot, counted) {
            slot.end(entry);
        }
    }

    /// A connection was accepted.
    pub fn count_accepted(&self) {
        if let Some(slot) = &self.slot {
            slot.accepted(clock::now_micros());
        }
    }

    /// How connections are shared with other workers, if there may be any. `woken`: by the kernel, when one comes.
    pub fn sharing(&self, woken: Woken) -> Option<Arc<dyn Sharing>> {
        let slot = self.slot.as_ref()?;
        Some(Arc::new(Balanced::new(Arc::clone(slot), woken, self.balance)))
    }

    /// What is added to every response. `id`: of its request.
    pub fn stamp<'a>(&self, date: &'a [u8; 29], id: &'a RequestId) -> Stamp<'a> {
        let request_id = if self.request_id_header { id.bytes() } else { b"" };
        Stamp { date, server: self.server_header, request_id }
    }
}
