//! Lines of the access log: whatever a request holds, its line is one line, and nothing in it ends a field early.

#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use yett_logs::{CLIENT_GONE, Client, Form, Head, Interface, Outcome, Record, RequestId};
use yett_settings::AccessFormat;

const EVERYTHING: &str = r#"%(h)s|%(u)s|"%(r)s"|"%(m)s"|"%(U)s"|"%(q)s"|%(H)s|%(s)s|%(B)s|%(b)s|"%(f)s"|"%(a)s"|%(T)s|%(M)s|%(D)s|%(L)s|%(p)s|"%({X-Odd}i)s"|"%({X-Out}o)s"|"%({var}e)s"|%(queue_time)s|%(first_byte)s|%(bytes_in)s|%(bytes_out)s|%(worker)s|%(protocol)s|%(tls_version)s|%(request_id)s|%(outcome)s|%(reason)s|"%(traceparent)s"|%(interface)s"#;

fn form(format: &str) -> Form {
    Form::new(AccessFormat::parse(format).unwrap(), false)
}

/// A request whose every part that a client chooses is `bytes`.
fn hostile(form: &Form, bytes: &[u8]) -> Record {
    let fields: [(&[u8], &[u8]); 5] = [
        (b"Referer", bytes),
        (b"User-Agent", bytes),
        (b"traceparent", bytes),
        (b"X-Odd", bytes),
        (b"AUTHORIZATION", b"Basic IiA6Cg=="),
    ];
    let target = [b"/", bytes, b"?", bytes].concat();
    let head = Head {
        method: b"GET",
        target: &target,
        path: &target[..=bytes.len()],
        query: bytes,
        http10: false,
        fields: fields.into_iter(),
    };
    let ip = "2001:db8::1".parse().unwrap();
    let mut record = Record::begin(form.needs(), Client::Ip(ip), Interface::Asgi, head);
    record.request_id = RequestId::make();
    record.is_called();
    record.responds(form.needs(), 200, [(&b"x-out"[..], bytes)].into_iter());
    record.add_variable(&String::from_utf8_lossy(bytes));
    record.conclude(Outcome::Answered, CLIENT_GONE, "");
    record
}

fn one_object(form: &Form, bytes: &[u8]) -> serde_json::Value {
    let line = form.line(&hostile(form, bytes));
    assert!(!line.contains(&b'\n'));
    serde_json::from_slice(&line).unwrap()
}

#[test]
fn json_says_everything() {
    let object = one_object(&form("json"), b"a");
    assert_eq!(object["client"], "2001:db8::1");
    assert_eq!(object["method"], "GET");
    assert_eq!(object["path"], "/a");
    assert_eq!(object["query"], "a");
    assert_eq!(object["protocol"], "HTTP/1.1");
    assert_eq!(object["status"], 200);
    assert_eq!(object["outcome"], "answered");
    assert_eq!(object["user"], "\" ");
    assert_eq!(object["interface"], "asgi");
    assert_eq!(object["worker"], std::process::id());
    assert_eq!(object["request_id"].as_str().unwrap().len(), 32);
    for time in ["duration", "queue_time", "first_byte"] {
        assert!(object[time].as_f64().unwrap() < 10.0, "{time}");
    }
}

#[test]
fn a_refusal_has_no_request_line() {
    let mut record = Record::of_refusal(Client::Unix);
    record.conclude(Outcome::Rejected, 400, "A reason.");
    let object: serde_json::Value = serde_json::from_slice(&form("json").line(&record)).unwrap();
    assert_eq!(object["outcome"], "rejected");
    assert_eq!(object["reason"], "A reason.");
    assert!(object.get("method").is_none() && object.get("path").is_none());
    let common = String::from_utf8(form("common").line(&record)).unwrap();
    assert!(common.starts_with("- - - [") && common.contains("] \"-\" 400 0 0."), "{common}");
    let dev = String::from_utf8(form("dev").line(&record)).unwrap();
    assert!(dev.ends_with("0B (rejected: A reason.)"), "{dev}");
}

#[test]
fn a_long_header_is_shown_whole() {
    let long = vec![b'\xff'; 64 * 1024];
    let object = one_object(&form("json"), &long);
    assert_eq!(object["user_agent"].as_str().unwrap().chars().count(), 64 * 1024);
    let line = form("combined").line(&hostile(&form("combined"), &long));
    assert!(line.len() > 4 * 64 * 1024);
}

#[test]
fn named_formats() {
    let form = form("combined");
    let line = String::from_utf8(form.line(&hostile(&form, b"x\"y"))).unwrap();
    assert!(line.starts_with(r#"2001:db8::1 - \"\x20 ["#), "{line}");
    assert!(line.ends_with(r#"] "GET /x\"y?x\"y HTTP/1.1" 200 - "x\"y" "x\"y""#), "{line}");
    let coloured = Form::new(AccessFormat::Dev, true);
    let line = String::from_utf8(coloured.line(&hostile(&coloured, b"x"))).unwrap();
    assert!(line.contains(" GET /x \x1b[32m200\x1b[0m "), "{line:?}");
}

#[test]
fn a_field_may_be_shown_more_than_once() {
    let form = form("%({X-Odd}i)s %({x-odd}i)s %({x-out}o)s %({X-Out}o)s");
    assert_eq!(form.line(&hostile(&form, b"a")), b"a a a a");
}

/// The parts of a line between unescaped quotes.
fn quotes(line: &str) -> usize {
    line.replace("\\\\", "").replace("\\\"", "").matches('"').count()
}

proptest! {
    #[test]
    fn text_formats_hold_visible_ascii_and_only_their_own_quotes(bytes: Vec<u8>) {
        for (format, expected) in [("common", 2), ("combined", 6), (EVERYTHING, 20)] {
            let form = form(format);
            let line = form.line(&hostile(&form, &bytes));
            prop_assert!(line.iter().all(|b| (0x20..0x7F).contains(b)));
            prop_assert_eq!(quotes(std::str::from_utf8(&line).unwrap()), expected);
        }
        let dev = form("dev");
        prop_assert!(dev.line(&hostile(&dev, &bytes)).iter().all(|b| (0x20..0x7F).contains(b)));
    }

    #[test]
    fn json_reads_back_what_the_client_sent(bytes: Vec<u8>) {
        let object = one_object(&form("json"), &bytes);
        let expected = String::from_utf8_lossy(&bytes);
        let sent = object.get("user_agent").map_or("", |agent| agent.as_str().unwrap());
        prop_assert_eq!(sent, &*expected);
    }

    #[test]
    fn any_format_string_is_read_or_refused(text: String) {
        if let Ok(format) = AccessFormat::parse(&text) {
            let form = Form::new(format, false);
            let line = form.line(&hostile(&form, text.as_bytes()));
            prop_assert!(!line.contains(&b'\n'));
        }
    }
}
