use proptest::prelude::*;

use super::*;

fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = (block.len() as u16).to_be_bytes();
    [SIGNATURE.as_slice(), &[command, family], &length, block].concat()
}

fn source_of(header: &[u8]) -> Result<Source, RequestError> {
    match parse(header)? {
        Parsed::Complete { length, source } => {
            assert_eq!(length, header.len());
            Ok(source)
        }
        Parsed::Incomplete => panic!("incomplete: {header:?}"),
    }
}

fn inet_of(client: &str, server: &str) -> Result<Source, RequestError> {
    Ok(Source::Inet { client: client.parse().unwrap(), server: server.parse().unwrap() })
}

#[test]
fn version_1_gives_both_addresses() {
    for (line, client, server) in [
        ("TCP4 192.0.2.1 198.51.100.2 56324 443", "192.0.2.1:56324", "198.51.100.2:443"),
        ("TCP4 0.0.0.0 255.255.255.255 0 65535", "0.0.0.0:0", "255.255.255.255:65535"),
        ("TCP6 2001:db8::1 ::1 1 2", "[2001:db8::1]:1", "[::1]:2"),
        ("TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1 2", "192.0.2.1:1", "192.0.2.2:2"),
    ] {
        assert_eq!(source_of(format!("PROXY {line}\r\n").as_bytes()), inet_of(client, server), "{line}");
    }
    // The longest one that the specification shows.
    let full = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let unknown = format!("PROXY UNKNOWN {full} {full} 65535 65535\r\n");
    assert_eq!(unknown.len(), LONGEST_V1);
    assert_eq!(source_of(unknown.as_bytes()), Ok(Source::Unknown));
    assert_eq!(source_of(b"PROXY UNKNOWN\r\n"), Ok(Source::Unknown));
    assert_eq!(source_of(b"PROXY UNKNOWN \xff what ever\r\n"), Err(RequestError::BadProxyHeader));
}

#[test]
fn version_1_is_read_strictly() {
    for line in [
        "TCP4 192.0.2.1 198.51.100.2 56324",
        "TCP4 192.0.2.1 198.51.100.2 56324 443 ",
        "TCP4  192.0.2.1 1.1.1.1 1 2",
        "TCP4 192.0.2.1 198.51.100.2 056324 443",
        "TCP4 192.0.2.1 198.51.100.2 65536 443",
        "TCP4 ::1 ::1 1 2",
        "TCP6 192.0.2.1 192.0.2.1 1 2",
        "TCP4 192.0.2.01 192.0.2.1 1 2",
        "TCP4 192.0.2.1 192.0.2.1 +1 2",
        "UDP4 1 2 3 4",
        "TCP4 192.0.2.1 192.0.2.1 1 ",
        "tcp4 192.0.2.1 192.0.2.1 1 2",
        "UNKNOWNS",
        "",
        "TCP6 fe80::1%lo ::1 1 2",
        "TCP4 192.0.2.1 192.0.2.1 1 2 3",
        "TCP4 192.0.2.1 192.0.2.1 1 2\n",
    ] {
        assert_eq!(
            parse(format!("PROXY {line}\r\n").as_bytes()),
            Err(RequestError::BadProxyHeader),
            "{line:?}"
        );
    }
    let long = format!("PROXY UNKNOWN {}", "x".repeat(LONGEST_V1));
    assert_eq!(parse(long.as_bytes()), Err(RequestError::ProxyHeaderTooLong));
    assert_eq!(parse(&long.as_bytes()[..LONGEST_V1 - 1]), Ok(Parsed::Incomplete));
    let too_long_by_one = format!("PROXY UNKNOWN {}\r\n", "x".repeat(LONGEST_V1 - 15));
    assert_eq!(too_long_by_one.len(), LONGEST_V1 + 1);
    assert_eq!(parse(too_long_by_one.as_bytes()), Err(RequestError::ProxyHeaderTooLong));
}

#[test]
fn version_2_gives_both_addresses_and_passes_over_additions() {
    let v4 = [192, 0, 2, 1, 198, 51, 100, 2, 0xDC, 0x04, 0x01, 0xBB];
    let expected = inet_of("192.0.2.1:56324", "198.51.100.2:443");
    assert_eq!(source_of(&v2(0x21, 0x11, &v4)), expected);
    let additions = [v4.as_slice(), &[0x03, 0, 4, 1, 2, 3, 4], &[0xff; 9]].concat();
    assert_eq!(source_of(&v2(0x21, 0x11, &additions)), expected);
    let mut v6 = [0; 36];
    v6[..16].copy_from_slice(&"2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
    v6[16..32].copy_from_slice(&"::ffff:10.0.0.1".parse::<Ipv6Addr>().unwrap().octets());
    v6[33] = 5;
    v6[34] = 1;
    assert_eq!(source_of(&v2(0x21, 0x21, &v6)), inet_of("[2001:db8::1]:5", "10.0.0.1:256"));
    assert_eq!(source_of(&v2(0x21, 0x31, &[0; 216])), Ok(Source::Unix));
}

#[test]
fn a_proxy_that_speaks_for_itself_is_the_peer() {
    for header in [v2(0x20, 0, b""), v2(0x20, 0x11, &[1; 12]), v2(0x20, 0xff, b"x")] {
        assert_eq!(source_of(&header), Ok(Source::Proxy), "{header:?}");
    }
    assert_eq!(source_of(&v2(0x21, 0, &[9; 30])), Ok(Source::Unknown), "not the proxy");
}

#[test]
fn version_2_is_refused_as_soon_as_it_is_wrong() {
    for (command, family, block) in [
        (0x11, 0x11, &[0; 12][..]),
        (0x22, 0x11, &[0; 12]),
        (0x21, 0x12, &[0; 12]),
        (0x21, 0x10, &[0; 12]),
        (0x21, 0x41, &[0; 12]),
        (0x21, 0x11, &[0; 11]),
        (0x21, 0x21, &[0; 35]),
        (0x21, 0x31, &[0; 215]),
    ] {
        let header = v2(command, family, block);
        assert_eq!(parse(&header), Err(RequestError::BadProxyHeader), "{command:#x} {family:#x}");
        assert_eq!(parse(&header[..FIXED_V2]), Err(RequestError::BadProxyHeader), "before its addresses");
    }
    let most = v2(0x21, 0x11, &[0; LONGEST_V2]);
    assert!(matches!(parse(&most), Ok(Parsed::Complete { length, .. }) if length == FIXED_V2 + LONGEST_V2));
    let more = v2(0x20, 0, &[0; LONGEST_V2 + 1]);
    assert_eq!(parse(&more[..FIXED_V2]), Err(RequestError::ProxyHeaderTooLong));
}

#[test]
fn what_is_no_header_is_told_at_its_first_wrong_byte() {
    for (input, known) in
        [("GET / HTTP/1.1\r\n", 1), ("PROXX", 5), ("PROXY\r\n", 6), ("\r\nGET", 3), ("proxy ", 1)]
    {
        for length in 0..input.len() {
            let parsed = parse(&input.as_bytes()[..length]);
            let expected =
                if length < known { Ok(Parsed::Incomplete) } else { Err(RequestError::MissingProxyHeader) };
            assert_eq!(parsed, expected, "{:?}", &input[..length]);
        }
    }
}

fn header() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (any::<[u8; 4]>(), any::<[u8; 4]>(), any::<u16>(), any::<u16>()).prop_map(|(a, b, p, q)| {
            format!("PROXY TCP4 {} {} {p} {q}\r\n", Ipv4Addr::from(a), Ipv4Addr::from(b)).into_bytes()
        }),
        Just(b"PROXY UNKNOWN\r\n".to_vec()),
        prop::collection::vec(any::<u8>(), 36..90).prop_map(|block| v2(0x21, 0x21, &block)),
        prop::collection::vec(any::<u8>(), 0..90).prop_map(|block| v2(0x20, 0, &block)),
    ]
}

proptest! {
    /// However it is cut, and whatever follows it: it is found once it is whole, and takes exactly its bytes.
    #[test]
    fn a_header_ends_where_it_ends(header in header(), after in prop::collection::vec(any::<u8>(), 0..40)) {
        let whole = [header.as_slice(), &after].concat();
        for length in 0..header.len() {
            prop_assert_eq!(parse(&whole[..length]), Ok(Parsed::Incomplete));
        }
        let parsed = parse(&header).unwrap();
        let Parsed::Complete { length, .. } = parsed else { panic!("incomplete") };
        prop_assert_eq!(length, header.len());
        prop_assert_eq!(parse(&whole), Ok(parsed));
    }

    /// What is refused stays refused, and no input is a panic.
    #[test]
    fn more_bytes_do_not_mend_it(
        start in prop_oneof![Just(&b"PROXY "[..]), Just(&SIGNATURE[..]), Just(&b""[..])],
        rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let input = [start, &rest].concat();
        let mut refused = None;
        for length in 0..=input.len() {
            match (refused, parse(&input[..length])) {
                (Some(_), Ok(_)) => prop_assert!(false, "mended at {length}"),
                (None, Err(error)) => refused = Some(error),
                _ => {}
            }
        }
    }
}
