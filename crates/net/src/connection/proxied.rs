//! A connection that a proxy has opened: who is behind it (PROXY protocol).

use yett_proto::error::RequestError;
use yett_proto::gateway::proxy_protocol::{self, Parsed, Source};

use super::Connection;
use crate::listener::Peer;

impl Connection {
    /// Reads the header that the connection begins with from `input`, all that has come. `Some`: it was there, and takes
    /// so many bytes; from now on the connection is the client's.
    pub(super) fn take_proxy_header(&mut self, input: &[u8]) -> Result<Option<usize>, RequestError> {
        let Parsed::Complete { length, source } = proxy_protocol::parse(input)? else { return Ok(None) };
        self.header_due = false;
        // The first request's time runs from its own first byte.
        self.head_began = None;
        match source {
            Source::Proxy => {}
            Source::Unknown => self.peer_unnamed = true,
            Source::Inet { client, server } => {
                self.peer = Peer::Inet(client);
                self.told_local = Some(server);
            }
            // On a machine that is the proxy's, and need not be ours.
            Source::Unix => (self.peer, self.peer_unnamed) = (Peer::Unix, true),
        }
        Ok(Some(length))
    }
}
