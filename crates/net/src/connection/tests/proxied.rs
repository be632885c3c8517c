//! Connections that begin with a header of the PROXY protocol.

use super::*;

const HEADER: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

impl Harness {
    /// What the connection has answered when it is over; the client has to see it end.
    fn all_answered(mut self) -> Vec<u8> {
        drop(self.connection);
        let mut answer = Vec::new();
        // A reset, if something was left unread, also ends it.
        let _ = self.client.read_to_end(&mut answer);
        answer
    }
}

fn told() -> (Peer, Option<std::net::SocketAddr>) {
    (Peer::Inet("192.0.2.1:56324".parse().unwrap()), Some("198.51.100.2:443".parse().unwrap()))
}

#[test]
fn a_header_tells_who_it_is_however_it_is_cut() {
    for cut in 0..HEADER.len() + REQUEST.len() {
        let mut harness = Harness::of(true);
        let all = [HEADER, REQUEST].concat();
        let first = if cut == 0 { Vec::new() } else { harness.arrives(&all[..cut]) };
        assert!(!first.contains(&Step::Request));
        if cut < HEADER.len() {
            assert_eq!(harness.connection.peer(), Peer::Unix, "not told yet");
        }
        assert_eq!(harness.arrives(&all[cut..]), [Step::Request, Step::Wait], "cut at {cut}");
        assert_eq!((harness.connection.peer(), harness.connection.told_local_address()), told());
    }
}

#[test]
fn a_header_comes_once_for_all_requests() {
    let mut harness = Harness::of(true);
    assert_eq!(harness.arrives(&[HEADER, REQUEST, REQUEST].concat()), [Step::Request, Step::Wait]);
    harness.answer(b"one");
    assert_eq!(harness.turn(|_, _| {}), [Step::Request, Step::Wait]);
    assert_eq!((harness.connection.peer(), harness.connection.told_local_address()), told());
    harness.answer(b"two");
    // A second header is no request.
    assert!(matches!(harness.arrives(HEADER)[..], [Step::Refused(RequestError::BadVersion), ..]));
}

#[test]
fn a_proxy_that_speaks_for_itself_stays_the_peer() {
    let mut harness = Harness::of(true);
    assert_eq!(harness.arrives(&[b"PROXY UNKNOWN\r\n", REQUEST].concat()), [Step::Request, Step::Wait]);
    assert_eq!((harness.connection.peer(), harness.connection.told_local_address()), (Peer::Unix, None));
}

#[test]
fn what_begins_otherwise_is_closed_without_a_word() {
    let long = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat();
    for (sent, error) in [
        (REQUEST, RequestError::MissingProxyHeader),
        (b"PROXY TCP4 1\r\n", RequestError::BadProxyHeader),
        (&long, RequestError::ProxyHeaderTooLong),
    ] {
        let mut harness = Harness::of(true);
        assert_eq!(harness.arrives(sent), [Step::Refused(error), Step::Close]);
        assert!(harness.connection.is_done());
        assert_eq!(harness.all_answered(), b"");
    }
}

#[test]
fn one_that_ends_before_its_header_is_refused_only_if_it_has_begun() {
    let mut harness = Harness::of(true);
    harness.arrives(b"PROXY ");
    harness.client.shutdown(std::net::Shutdown::Write).unwrap();
    harness.connection.on_ready(FIN);
    assert_eq!(harness.turn(|_, _| {}), [Step::Refused(RequestError::BadProxyHeader), Step::Close]);
    // A look at whether the port is open.
    let mut harness = Harness::of(true);
    harness.client.shutdown(std::net::Shutdown::Write).unwrap();
    harness.connection.on_ready(FIN);
    assert!(!harness.turn(|_, _| {}).iter().any(|step| matches!(step, Step::Refused(_))));
}

#[test]
fn the_header_has_the_time_of_a_head_from_the_beginning() {
    let head = Timeouts::default().head.as_millis() as Millis;
    for sent in [b"".as_slice(), b"PROXY TCP4"] {
        let mut harness = Harness::of(true);
        harness.now = head - 1;
        if !sent.is_empty() {
            assert_eq!(harness.arrives(sent), [Step::Wait]);
        }
        let at = harness.deadlines.pop_due(head).unwrap().0;
        assert_eq!(at, head, "what arrives does not extend it");
        let step = harness.connection.on_timer(at, head, &STAMP);
        assert_eq!(step, Step::Refused(RequestError::HeadTimeout));
        assert!(harness.connection.is_done());
        assert_eq!(harness.all_answered(), b"");
    }
    // After it, a connection may be idle as any other.
    let mut harness = Harness::of(true);
    harness.now = head - 1;
    assert_eq!(harness.arrives(HEADER), [Step::Wait]);
    assert_eq!(harness.connection.on_timer(head, head, &STAMP), Step::Wait);
    assert!(!harness.connection.is_done());
}
