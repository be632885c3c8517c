//! A connection finds the same requests in its input however that is cut (the driver panics where a promise is broken).
//! The first bytes of the data are the lengths of the first pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use yett_proto::limits::Limits;

#[path = "../../crates/proto/tests/support/mod.rs"]
mod support;

fuzz_target!(|data: &[u8]| {
    let Some((lengths, raw)) = data.split_first_chunk::<8>() else { return };
    let limits = Limits { head: 2048, field: 512, body: 4096, ..Limits::default() }.into();
    let mut cut = 0;
    let cuts = lengths.map(|length| {
        cut = raw.len().min(cut + usize::from(length));
        cut
    });
    let whole = support::drive(raw, [], &limits);
    assert_eq!(support::drive(raw, cuts, &limits), whole);
    assert_eq!(support::drive(raw, 1..raw.len().max(1), &limits), whole);
});
