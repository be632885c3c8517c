//! Whatever a client sends, what a trusted proxy adds decides; and what is believed is always valid.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use libfuzzer_sys::fuzz_target;
use yett_proto::gateway::forwarded::{Doubt, Origin, Sources, is_forwarding, origin};
use yett_proto::headers::{is_field_value, is_token};
use yett_proto::{h1, limits::Limits, request::HeadSpans};

const CUSTOMARY: Sources =
    Sources { forwarded: false, x_for: true, x_proto: true, x_host: true, x_port: true, x_prefix: true };
const STANDARD: Sources =
    Sources { forwarded: true, x_for: false, x_proto: false, x_host: false, x_port: false, x_prefix: false };
const ALL: Sources = Sources { forwarded: true, ..CUSTOMARY };
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

type Field<'a> = (&'a [u8], &'a [u8]);

/// Everybody but the client: so that the walk goes as far as it can.
fn judge(fields: &[Field<'_>], sources: Sources) -> Result<Origin, Doubt> {
    let judged = origin(fields.iter().copied(), sources, |address| address != CLIENT);
    if let Ok(origin) = &judged {
        check(origin);
    }
    judged
}

fn check(origin: &Origin) {
    if let Some(authority) = origin.authority(Some(b"sent.example:81")) {
        let host = authority.host.unwrap_or_default();
        let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let mut spans = HeadSpans::new();
        let parsed = h1::Connection::new(Limits::default().into()).handle_input(head.as_bytes(), &mut spans);
        assert!(parsed.is_ok_and(|progress| progress.event == h1::Event::Request), "{host}");
    }
    assert!(origin.port != Some(0));
    if let Some(prefix) = &origin.prefix {
        assert!(prefix.starts_with('/') && !prefix.starts_with("//") && !prefix.ends_with('/'));
        assert!(prefix.bytes().all(|b| b.is_ascii_graphic()) && !prefix.split('/').any(|part| part == ".."));
    }
}

fuzz_target!(|data: &[u8]| {
    // As the parser hands them out.
    let mut fields: Vec<Field<'_>> = data
        .split(|&b| b == b'\n')
        .filter_map(|line| {
            let colon = line.iter().position(|&b| b == b':')?;
            Some((&line[..colon], &line[colon + 1..]))
        })
        .filter(|(name, value)| is_token(name) && is_field_value(value))
        .collect();
    if let Ok(all) = judge(&fields, ALL) {
        assert!(all == Origin::default() || fields.iter().any(|(name, _)| is_forwarding(name)));
    }
    fields.push((b"X-Forwarded-For", b"203.0.113.7"));
    let found = judge(&fields, CUSTOMARY).expect("only Forwarded can be malformed");
    assert_eq!(found.client.map(|client| client.address), Some(CLIENT));
    fields.push((b"Forwarded", b"for=203.0.113.7;host=good.example"));
    if let Ok(found) = judge(&fields, STANDARD) {
        assert_eq!(found.client.map(|client| client.address), Some(CLIENT));
        assert_eq!((found.host.as_deref(), found.scheme), (Some("good.example"), None));
    }
    // With both families, at most that client, and no host that only one of them names.
    if let Ok(found) = judge(&fields, ALL) {
        assert!(found.client.is_none_or(|client| client.address == CLIENT));
        assert!(found.host.is_none_or(|host| host == "good.example"));
    }
});
