//! Whatever head we take, httparse takes too and finds the same in it (`crates/proto/src/h1/LIFECYCLE.md`, last table).
#![no_main]

use libfuzzer_sys::fuzz_target;
use yett_proto::{h1, limits::Limits, request::HeadSpans};

fuzz_target!(|data: &[u8]| {
    let mut spans = HeadSpans::new();
    let Ok(progress) = h1::Connection::new(Limits::default().into()).handle_input(data, &mut spans) else {
        return;
    };
    if progress.event != h1::Event::Request {
        return;
    }
    let head = spans.view(data);
    let mut slots = [httparse::EMPTY_HEADER; 100];
    let mut oracle = httparse::Request::new(&mut slots);
    assert_eq!(oracle.parse(data), Ok(httparse::Status::Complete(progress.consumed)));
    assert_eq!(oracle.method.map(str::as_bytes), Some(head.method()));
    assert_eq!(oracle.path.map(str::as_bytes), Some(head.target()));
    assert_eq!(oracle.version.map(|minor| format!("1.{minor}")).as_deref(), Some(head.version().as_str()));
    assert_eq!(oracle.headers.len(), head.fields().len());
    for (theirs, (name, value)) in oracle.headers.iter().zip(head.fields()) {
        assert_eq!(theirs.name.as_bytes(), name);
        assert!(theirs.value == value || (head.rewrites_host() && head.authority() == Some(value)));
    }
});
