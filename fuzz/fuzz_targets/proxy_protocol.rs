//! However a PROXY protocol header comes: it is found once it is whole, the same for what follows it, and what is refused
//! stays refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use yett_proto::gateway::proxy_protocol::{Parsed, parse};

fuzz_target!(|data: &[u8]| {
    let whole = parse(data);
    if let Ok(Parsed::Complete { length, .. }) = whole {
        assert!(length <= data.len());
        assert_eq!(parse(&data[..length]), whole);
    }
    for cut in 0..data.len() {
        match (parse(&data[..cut]), whole) {
            (Ok(Parsed::Incomplete), _) => {}
            (Ok(Parsed::Complete { length, .. }), _) => {
                assert!(length <= cut && parse(&data[..cut]) == whole)
            }
            // Which of its mistakes is seen first may depend on how much is there.
            (Err(_), whole) => assert!(whole.is_err()),
        }
    }
});
