use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

const ALL: Sources =
    Sources { forwarded: true, x_for: true, x_proto: true, x_host: true, x_port: true, x_prefix: true };

/// 127.0.0.0/8, 10.0.0.0/8 and ::1 are ours.
fn ours(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => matches!(address.octets()[0], 10 | 127),
        IpAddr::V6(address) => address.is_loopback(),
    }
}

fn told(fields: &[(&str, &str)]) -> Result<Origin, Doubt> {
    origin(fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())), ALL, ours)
}

fn client_of(fields: &[(&str, &str)]) -> String {
    let Ok(origin) = told(fields) else { return "doubt".into() };
    match origin.client {
        None => "-".into(),
        Some(Client { address, port: None }) => address.to_string(),
        Some(Client { address, port: Some(port) }) => format!("{address} {port}"),
    }
}

#[test]
fn the_client_is_the_first_from_the_right_that_is_not_ours() {
    for (value, expected) in [
        ("203.0.113.7", "203.0.113.7"),
        ("1.1.1.1, 203.0.113.7", "203.0.113.7"),
        ("1.1.1.1, 203.0.113.7, 10.0.0.1", "203.0.113.7"),
        ("1.1.1.1,203.0.113.7 ,\t10.0.0.1,127.0.0.1", "203.0.113.7"),
        // All ours: the leftmost.
        ("10.0.0.9, 10.0.0.1", "10.0.0.9"),
        ("10.0.0.9", "10.0.0.9"),
        // Not an address: the walk ends before it.
        ("rubbish", "-"),
        ("unknown", "-"),
        ("1.1.1.1, rubbish, 10.0.0.1", "10.0.0.1"),
        ("rubbish, 203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, rubbish", "-"),
        ("\"203.0.113.7\"", "-"),
        ("203.0.113.7;", "-"),
        // Empty elements are none.
        ("", "-"),
        (", ,", "-"),
        ("203.0.113.7, ,", "203.0.113.7"),
        // Ports and brackets.
        ("203.0.113.7:4711", "203.0.113.7 4711"),
        ("1.1.1.1, 10.0.0.1:80", "1.1.1.1"),
        ("[2001:db8::1]:4711", "2001:db8::1 4711"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:DB8::1, ::1", "2001:db8::1"),
        ("203.0.113.7:", "-"),
        ("203.0.113.7:0", "203.0.113.7"),
        ("203.0.113.7:65536", "-"),
        ("203.0.113.7:+1", "-"),
        ("[2001:db8::1", "-"),
        ("[203.0.113.7]", "-"),
        ("[2001:db8::1]4711", "-"),
        ("fe80::1%eth0", "-"),
        // Mapped addresses are IPv4, for the trust too.
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("1.1.1.1, ::ffff:10.0.0.1", "1.1.1.1"),
        // No octal, no short forms.
        ("010.0.0.1", "-"),
        ("10.1", "-"),
    ] {
        assert_eq!(client_of(&[("X-Forwarded-For", value)]), expected, "{value:?}");
    }
}

#[test]
fn lines_of_one_field_are_one_list() {
    let lines = [("X-Forwarded-For", "1.1.1.1"), ("a", "b"), ("x-forwarded-for", "203.0.113.7, 10.0.0.1")];
    assert_eq!(client_of(&lines), "203.0.113.7");
    assert_eq!(client_of(&[("X-Forwarded-For", "203.0.113.7"), ("X-FORWARDED-FOR", "")]), "203.0.113.7");
    assert_eq!(client_of(&[("Forwarded", "for=203.0.113.7"), ("forwarded", "for=10.0.0.1")]), "203.0.113.7");
    let hosts = [("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Host", "good.example")];
    assert_eq!(told(&hosts).unwrap().host.as_deref(), Some("good.example"));
}

#[test]
fn of_the_other_lists_the_rightmost_counts() {
    let fields = [
        ("X-Forwarded-For", "9.9.9.9, 203.0.113.7, 10.0.0.1"),
        ("X-Forwarded-Proto", "https, http, HTTPS"),
        ("X-Forwarded-Host", "evil.example, good.example:8443"),
        ("X-Forwarded-Port", "1, 8444"),
        ("X-Forwarded-Prefix", "/evil, /api/"),
    ];
    let origin = told(&fields).unwrap();
    assert_eq!(origin.scheme, Some(Scheme::Https));
    assert_eq!(origin.host.as_deref(), Some("good.example:8443"));
    assert_eq!((origin.port, origin.prefix.as_deref()), (Some(8444), Some("/api")));
    for (name, value) in [
        ("X-Forwarded-Proto", "https, ftp"),
        ("X-Forwarded-Proto", "wss"),
        ("X-Forwarded-Host", "good.example, a b"),
        ("X-Forwarded-Host", "user@good.example"),
        ("X-Forwarded-Host", "good.example/path"),
        ("X-Forwarded-Host", "good.example:99999"),
        ("X-Forwarded-Host", "g\u{f6}d.example"),
        ("X-Forwarded-Port", "0"),
        ("X-Forwarded-Port", "65536"),
        ("X-Forwarded-Port", "80x"),
        ("X-Forwarded-Prefix", "api"),
        ("X-Forwarded-Prefix", "/"),
        ("X-Forwarded-Prefix", "//evil.example"),
        ("X-Forwarded-Prefix", "/\\evil.example"),
        ("X-Forwarded-Prefix", "/a/../b"),
        ("X-Forwarded-Prefix", "/a/."),
        ("X-Forwarded-Prefix", "/a?b"),
        ("X-Forwarded-Prefix", "/a#b"),
        ("X-Forwarded-Prefix", "/%2e%2e"),
        ("X-Forwarded-Prefix", "/a b"),
        ("X-Forwarded-Prefix", "/\u{e9}"),
    ] {
        assert_eq!(told(&[(name, value)]), Ok(Origin::default()), "{name}: {value}");
    }
}

#[test]
fn scheme_and_host_are_those_of_the_element_that_names_the_client() {
    let value = "for=9.9.9.9;proto=http;host=evil.example, \
                 for=203.0.113.7;proto=https;host=\"good.example:8443\", \
                 for=10.0.0.1;proto=http;host=inner.example";
    let origin = told(&[("Forwarded", value)]).unwrap();
    assert_eq!(origin.client.map(|client| client.address.to_string()).as_deref(), Some("203.0.113.7"));
    assert_eq!((origin.scheme, origin.host.as_deref()), (Some(Scheme::Https), Some("good.example:8443")));
    // The proxy that hides its clients has still faced them.
    let hidden = told(&[("Forwarded", "for=_x;proto=https, for=10.0.0.1;proto=http")]).unwrap();
    assert_eq!(hidden.client.map(|client| client.address.to_string()).as_deref(), Some("10.0.0.1"));
    assert_eq!(hidden.scheme, Some(Scheme::Https));
    // It has not said so: what a proxy nearer to us says is about another connection.
    let silent =
        told(&[("Forwarded", "for=203.0.113.7, for=10.0.0.1;proto=https;host=inner.example")]).unwrap();
    assert_eq!((silent.scheme, silent.host), (None, None));
    let invalid = told(&[("Forwarded", "for=203.0.113.7;proto=ftp;host=\"a b\"")]).unwrap();
    assert_eq!((invalid.scheme, invalid.host), (None, None));
}

#[test]
fn a_malformed_forwarded_field_is_believed_nowhere() {
    for value in ["for=203.0.113.7;proto", "for=\"x, for=203.0.113.7", "for=203.0.113.7, for=localhost"] {
        assert_eq!(told(&[("Forwarded", value)]), Err(Doubt::Malformed), "{value}");
        // Nor may it decide that the other family is the one to believe.
        assert_eq!(told(&[("Forwarded", value), ("X-Forwarded-For", "9.9.9.9")]), Err(Doubt::Malformed));
    }
    assert_eq!(told(&[("Forwarded", "for=203.0.113.7"), ("Forwarded", "\"")]), Err(Doubt::Malformed));
}

#[test]
fn of_both_families_only_what_both_say_is_believed() {
    let contradiction = [("Forwarded", "for=9.9.9.9"), ("X-Forwarded-For", "203.0.113.7")];
    assert_eq!(told(&contradiction), Err(Doubt::Contradiction));
    // A client that knows its own address cannot smuggle in the rest.
    let smuggled = [
        ("Forwarded", "for=\"203.0.113.7:1\";host=evil.example;proto=https"),
        ("X-Forwarded-For", "203.0.113.7"),
    ];
    let client = Some(Client { address: Ipv4Addr::new(203, 0, 113, 7).into(), port: None });
    assert_eq!(told(&smuggled), Ok(Origin { client, ..Origin::default() }));
    let lone = [("Forwarded", "for=203.0.113.7"), ("X-Forwarded-Host", "evil.example")];
    assert_eq!(told(&lone), Err(Doubt::Contradiction));
    let same = [
        ("Forwarded", "for=\"203.0.113.7:1\";host=good.example;proto=https"),
        ("X-Forwarded-For", "203.0.113.7:1"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "Good.example"),
        ("X-Forwarded-Port", "8443"),
        ("X-Forwarded-Prefix", "/evil"),
    ];
    let origin = told(&same).unwrap();
    assert_eq!(origin.client.map(|client| client.port), Some(Some(1)));
    assert_eq!((origin.scheme, origin.host.as_deref()), (Some(Scheme::Https), Some("good.example")));
    assert_eq!((origin.port, origin.prefix), (None, None));
}

#[test]
fn only_chosen_fields_are_read() {
    let fields = [
        ("Forwarded", "for=9.9.9.9"),
        ("X-Forwarded-For", "203.0.113.7"),
        ("X-Forwarded-Host", "evil.example"),
        ("X_Forwarded_Proto", "https"),
        ("X-Real-IP", "8.8.8.8"),
    ];
    let only = Sources { x_for: true, x_proto: true, ..Sources::default() };
    let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let origin = origin(fields, only, ours).unwrap();
    assert_eq!(origin.client.map(|client| client.address.to_string()).as_deref(), Some("203.0.113.7"));
    assert_eq!(Origin { client: None, ..origin }, Origin::default());
}

#[test]
fn names_that_proxies_write() {
    for name in [
        "Forwarded",
        "X-Forwarded-For",
        "x_forwarded_for",
        "X-Forwarded",
        "X-Forwarded-Ssl",
        "X-FORWARDED-SCHEME",
        "X-Real-IP",
        "X_Real_IP",
    ] {
        assert!(is_forwarding(name.as_bytes()), "{name}");
    }
    for name in [
        "Forwarded-For",
        "X-Forward",
        "X-Real-IPs",
        "X-Request-ID",
        "X-Requested-With",
        "Host",
        "",
        "forwarde",
    ] {
        assert!(!is_forwarding(name.as_bytes()), "{name}");
    }
}

#[test]
fn host_and_port_are_brought_together() {
    let authority = |host: Option<&str>, port, scheme, sent: Option<&str>| {
        let origin = Origin { host: host.map(str::to_owned), port, scheme, ..Origin::default() };
        let found = origin.authority(sent.map(str::as_bytes))?;
        Some((found.host, found.name, found.port))
    };
    let https = Some(Scheme::Https);
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(authority(None, None, https, Some("a")), None);
    for (host, port, scheme, sent, expected) in [
        (Some("b"), None, None, Some("a:1"), ("b", "b", 80)),
        (Some("b"), None, https, Some("a:1"), ("b", "b", 443)),
        (Some("b:81"), None, https, None, ("b:81", "b", 81)),
        (Some("b:"), None, None, None, ("b:", "b", 80)),
        (Some("[::1]"), None, None, None, ("[::1]", "[::1]", 80)),
        (Some("[::1]:8"), Some(9), None, None, ("[::1]:9", "[::1]", 9)),
        (Some("b:81"), Some(443), https, None, ("b", "b", 443)),
        (Some("b:81"), Some(443), None, None, ("b:443", "b", 443)),
        (None, Some(8443), https, Some("a"), ("a:8443", "", 8443)),
        (None, Some(443), https, Some("a:8000"), ("a", "", 443)),
    ] {
        let name = text(expected.1).filter(|name| !name.is_empty());
        let expected = Some((text(expected.0), name, expected.2));
        assert_eq!(authority(host, port, scheme, sent), expected, "{host:?} {port:?} {scheme:?} {sent:?}");
    }
    assert_eq!(authority(None, Some(81), None, Some("")), Some((None, None, 81)));
    assert_eq!(authority(None, Some(81), None, None), Some((None, None, 81)));
}

/// Addresses, half of them ours, and what is none.
fn element() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<[u8; 3]>().prop_map(|[a, b, c]| format!("10.{a}.{b}.{c}")),
        any::<[u8; 3]>().prop_map(|[a, b, c]| format!("203.{a}.{b}.{c}")),
        any::<u16>().prop_map(|low| format!("2001:db8::{low:x}")),
        Just("unknown".to_owned()),
    ]
}

proptest! {
    /// Whatever a client sends, what our proxy has added decides.
    #[test]
    fn nothing_that_the_client_sent_changes_the_client(sent in "[ -~]{0,40}", hops in 0usize..3) {
        let added = format!("{sent}, 203.0.113.7{}", ", 10.0.0.1".repeat(hops));
        prop_assert_eq!(client_of(&[("X-Forwarded-For", &added)]), "203.0.113.7");
        let lines = [("X-Forwarded-For", sent.as_str()), ("X-Forwarded-For", "203.0.113.7")];
        prop_assert_eq!(client_of(&lines), "203.0.113.7");
    }

    /// Of a Forwarded field that a proxy adds to, it may at most be that nothing is believed.
    #[test]
    fn no_forwarded_field_makes_another_client(sent in "(for|host|proto|[\"=;,\\\\ ]|1\\.1\\.1\\.1){0,12}") {
        let client = client_of(&[("Forwarded", &format!("{sent}, for=203.0.113.7;proto=http;host=good.example"))]);
        prop_assert!(client == "203.0.113.7" || client == "doubt", "{}", client);
    }

    /// Both grammars, the same walk.
    #[test]
    fn both_families_lead_to_the_same_client(elements in prop::collection::vec(element(), 1..6)) {
        let customary = elements.join(", ");
        let quoted = |e: &String| if e.contains(':') { format!("for=\"[{e}]\"") } else { format!("for={e}") };
        let standard = elements.iter().map(quoted).collect::<Vec<_>>().join(",");
        let one = client_of(&[("X-Forwarded-For", &customary)]);
        prop_assert_eq!(&client_of(&[("Forwarded", &standard)]), &one);
        prop_assert_eq!(client_of(&[("Forwarded", &standard), ("X-Forwarded-For", &customary)]), one);
    }

    /// What is believed is valid, whatever comes.
    #[test]
    fn what_is_believed_is_valid(values in prop::collection::vec((0usize..6, "\\PC{0,30}"), 0..6)) {
        let names = ["Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port",
            "X-Forwarded-Prefix"];
        let fields: Vec<_> = values.iter().map(|(name, value)| (names[*name], value.as_str())).collect();
        let Ok(origin) = told(&fields) else { return Ok(()) };
        prop_assert!(origin.host.as_deref().is_none_or(|host| is_authority(host.as_bytes())));
        prop_assert!(origin.port != Some(0));
        if let Some(prefix) = &origin.prefix {
            prop_assert!(prefix.starts_with('/') && !prefix.starts_with("//") && !prefix.ends_with('/'));
        }
        if let Some(authority) = origin.authority(Some(b"sent:80")) {
            prop_assert!(authority.host.is_some_and(|host| is_authority(host.as_bytes())));
        }
    }
}
