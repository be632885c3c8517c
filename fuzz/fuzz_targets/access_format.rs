//! Whatever format string is taken, and whatever a request holds, its line is one line; JSON reads back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use yett_logs::{Client, Form, Head, Interface, Record};
use yett_settings::AccessFormat;

fuzz_target!(|data: (&str, &[u8])| {
    let (text, bytes) = data;
    let formats = [AccessFormat::parse(text).ok(), Some(AccessFormat::Json), Some(AccessFormat::Dev)];
    for format in formats.into_iter().flatten() {
        let json = format == AccessFormat::Json;
        let form = Form::new(format, false);
        let fields = [(&b"user-agent"[..], bytes), (b"authorization", bytes), (b"x", bytes)];
        let head = Head {
            method: bytes,
            target: bytes,
            path: bytes,
            query: bytes,
            http10: true,
            fields: fields.into_iter(),
        };
        let line = form.line(&Record::begin(form.needs(), Client::Unix, Interface::Wsgi, head));
        if json {
            assert!(!line.contains(&b'\n'));
            let object: serde_json::Value = serde_json::from_slice(&line).expect("JSON");
            assert_eq!(object["status"], 499);
        } else {
            assert!(!line.iter().any(u8::is_ascii_control));
        }
    }
});
