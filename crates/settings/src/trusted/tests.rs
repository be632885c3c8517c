#![allow(clippy::unwrap_used)]

use super::*;

fn trusted(text: &str) -> Result<Trusted, String> {
    let elements: Vec<String> = text.split(',').map(check).collect::<Result<_, _>>()?;
    Trusted::new(&elements)
}

fn contains(text: &str, address: &str) -> bool {
    trusted(text).unwrap().contains(address.parse().unwrap())
}

#[test]
fn addresses_and_networks_are_told_from_their_neighbours() {
    for (text, inside, outside) in [
        ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
        ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
        ("10.1.2.128/25", "10.1.2.129", "10.1.2.127"),
        ("192.168.1.4/31", "192.168.1.5", "192.168.1.6"),
        ("::1", "::1", "::2"),
        ("FD00::/8", "fdff::1", "fe00::1"),
        ("2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"),
        ("0.0.0.0/0", "8.8.8.8", "::1"),
        ("::/0", "::1", "8.8.8.8"),
        ("10.0.0.1,10.0.0.2,::1", "10.0.0.2", "10.0.0.3"),
    ] {
        assert!(contains(text, inside), "{text} {inside}");
        assert!(!contains(text, outside), "{text} {outside}");
    }
}

#[test]
fn mapped_addresses_are_the_ipv4_addresses_that_they_stand_for() {
    assert!(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
    assert!(contains("::ffff:10.0.0.1", "10.0.0.1"));
    assert!(contains("::ffff:10.0.0.0/104", "10.1.2.3"));
    assert!(!contains("::ffff:10.0.0.0/104", "11.1.2.3"));
    assert!(!contains("::/0", "::ffff:10.1.2.3"), "an IPv4 peer, whatever socket it came by");
}

#[test]
fn everybody_and_nobody() {
    let everybody = trusted("*").unwrap();
    assert!(everybody.unix() && everybody.contains("2001:db8::1".parse().unwrap()));
    let nobody = Trusted::new(&[]).unwrap();
    assert!(!nobody.unix() && !nobody.contains("127.0.0.1".parse().unwrap()));
    assert!(trusted("UNIX").unwrap().unix() && !contains("unix", "127.0.0.1"));
    assert!(!trusted("127.0.0.1").unwrap().unix());
}

#[test]
fn every_mistake_is_refused_with_what_to_write() {
    for (text, reason) in [
        ("10.0.0.1/8", "write 10.0.0.0/8"),
        ("2001:db8::1/32", "write 2001:db8::/32"),
        ("10.0.0.1/0", "write 0.0.0.0/0"),
        ("10.0.0.0/33", "a number from 0 to 32"),
        ("::/129", "a number from 0 to 128"),
        ("10.0.0.0/", "a number from 0 to 32"),
        ("10.0.0.0/+8", "a number from 0 to 32"),
        ("10.0.0", "neither an address nor a network"),
        ("unxi", "did you mean 'unix'"),
        ("localhost", "127.0.0.0/8,::1"),
        ("[::1]", "neither an address"),
        ("127.0.0.1:80", "neither an address"),
        ("proxy.example", "neither an address"),
        ("off", "write none"),
        ("none", "stands alone"),
        ("*.example", "neither an address"),
    ] {
        let error = trusted(text).unwrap_err();
        assert!(error.contains(reason), "{text:?}: {error:?} does not say {reason:?}");
    }
}

#[test]
fn fields_are_chosen_by_name() {
    assert_eq!(check_header("X-Forwarded-For").as_deref(), Ok("x-forwarded-for"));
    assert_eq!(check_header("All").as_deref(), Ok("all"));
    assert!(check_header("x-forwarded-prot").unwrap_err().contains("did you mean 'x-forwarded-proto'"));
}

#[test]
fn a_network_holds_what_shares_its_first_bits() {
    let numbers = [0, 1, 0x0A00_0001, 0x7FFF_FFFF, 0x8000_0000, 0xC0A8_01FE, u32::MAX];
    for (base, other) in numbers.iter().flat_map(|base| numbers.map(|other| (*base, other))) {
        for bits in 0..=32u8 {
            let first = first_address(Ipv4Addr::from_bits(base).into(), bits);
            let same = u64::from(base) >> (32 - bits) == u64::from(other) >> (32 - bits);
            let other = Ipv4Addr::from_bits(other).to_string();
            assert_eq!(contains(&format!("{first}/{bits}"), &other), same, "{first}/{bits} {other}");
        }
    }
}
