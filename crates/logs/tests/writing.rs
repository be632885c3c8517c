//! The writer: lines of many threads stay whole and in order, and nobody waits without a limit for who takes none.

#![allow(clippy::unwrap_used, missing_docs)]

use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use yett_logs::{Log, Target, writer};
use yett_settings::LogLevel;

mod support;
use support::named_pipe;

const LONG: Duration = Duration::from_secs(30);

#[test]
fn lines_of_many_threads_are_whole_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let log = Log::open("test log", Target::File(path.clone()), false).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let log = &log;
            scope.spawn(move || {
                for number in 0..1000 {
                    let filler = "x".repeat(number % 200);
                    log.push(LogLevel::Info, format!("{thread} {number} {filler}.\n").as_bytes());
                }
            });
        }
    });
    writer::flush(LONG);
    log.close();
    let text = std::fs::read_to_string(path).unwrap();
    let mut next = [0usize; 4];
    for line in text.lines() {
        let mut words = line.split(' ');
        let thread: usize = words.next().unwrap().parse().unwrap();
        assert_eq!(words.next().unwrap().parse(), Ok(next[thread]));
        assert_eq!(words.next().unwrap().len(), next[thread] % 200 + 1);
        next[thread] += 1;
    }
    assert_eq!(next, [1000; 4]);
}

#[test]
fn a_function_gets_each_message_with_its_level() {
    let seen: Arc<Mutex<Vec<(LogLevel, String)>>> = Arc::default();
    let receiver = Arc::clone(&seen);
    let target = Target::Function(Arc::new(move |level, text| {
        receiver.lock().unwrap().push((level, text.to_owned()));
        true
    }));
    let log = Log::open("test log", target, true).unwrap();
    log.push(LogLevel::Error, b"first\nof two lines\n");
    log.push(LogLevel::Debug, b"second\n");
    writer::flush(LONG);
    log.close();
    let expected = [(LogLevel::Error, "first\nof two lines"), (LogLevel::Debug, "second")];
    assert_eq!(*seen.lock().unwrap(), expected.map(|(level, text)| (level, text.to_owned())));
}

#[test]
fn nobody_waits_for_a_pipe_that_nobody_reads_and_what_fits_comes_out_later() {
    let (_folder, path, mut pipe) = named_pipe("pipe");
    let log = Log::open("test log", Target::File(path), true).unwrap();
    let line = format!("{}\n", "x".repeat(9_999));
    for _ in 0..1000 {
        log.push(LogLevel::Info, line.as_bytes());
    }
    let began = Instant::now();
    writer::flush(Duration::from_millis(50));
    assert!(began.elapsed() < LONG);
    // The buffer and the pipe hold about 110 of them; each that comes is whole.
    let mut bytes = vec![0; 100 * line.len()];
    pipe.read_exact(&mut bytes).unwrap();
    assert!(bytes.chunks(line.len()).all(|chunk| chunk == line.as_bytes()));
    log.close();
}

#[test]
fn two_logs_of_one_process_do_not_write_into_each_others_lines() {
    let (_folder, path, mut pipe) = named_pipe("pipe");
    let other = Log::open("first log", Target::File(path.clone()), true).unwrap();
    let log = Log::open("test log", Target::File(path), true).unwrap();
    let line = format!("{}\n", "x".repeat(1_000_000));
    log.push(LogLevel::Info, line.as_bytes());
    let mut bytes = vec![0; line.len() + 6];
    pipe.read_exact(&mut bytes[..1]).unwrap();
    // In the middle of the line, and the pipe is full again before more is read.
    other.push(LogLevel::Info, b"other\n");
    writer::flush(Duration::from_millis(100));
    pipe.read_exact(&mut bytes[1..]).unwrap();
    assert!(bytes == format!("{line}other\n").as_bytes());
    other.close();
    log.close();
}
