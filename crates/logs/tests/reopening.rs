//! A signal that comes at a bad moment is not forgotten.

#![allow(clippy::unwrap_used, missing_docs)]

use std::io::Read;
use std::time::{Duration, Instant};

use signal_hook::consts::SIGUSR1;
use yett_logs::{Log, Target, writer};
use yett_settings::LogLevel;

mod support;
use support::named_pipe;

const LONG: Duration = Duration::from_secs(30);

#[test]
fn a_log_in_the_middle_of_a_line_is_reopened_behind_it() {
    let (folder, path, mut pipe) = named_pipe("log");
    let log = Log::open("test log", Target::File(path.clone()), true).unwrap();
    let reopening = writer::reopen_on(SIGUSR1).unwrap();
    let line = format!("{}\n", "x".repeat(1_000_000));
    log.push(LogLevel::Info, line.as_bytes());
    let mut bytes = vec![0; line.len()];
    pipe.read_exact(&mut bytes[..1]).unwrap();
    std::fs::rename(&path, folder.path().join("moved")).unwrap();
    signal_hook::low_level::raise(SIGUSR1).unwrap();
    // It hears of the signal, and finds that it cannot.
    writer::flush(Duration::from_millis(100));
    pipe.read_exact(&mut bytes[1..]).unwrap();
    assert!(bytes == line.as_bytes());
    let began = Instant::now();
    while !path.exists() {
        assert!(began.elapsed() < LONG, "it is not opened anew");
        std::thread::yield_now();
    }
    log.push(LogLevel::Info, b"behind\n");
    writer::flush(LONG);
    log.close();
    drop(reopening);
    assert_eq!(std::fs::read_to_string(path).unwrap(), "behind\n");
}
