//! The error log: one line per event to stderr, with time, process and level.
//!
//! A line is written with one `write` call, so that lines of several processes do not mix. A log that cannot be
//! written (a full disk, a closed pipe) loses lines, never requests.

use std::io::Write;
use std::sync::atomic::{AtomicU8, Ordering};

use pyo3::prelude::*;
use pyo3::types::PyString;
use yett_settings::LogLevel;

use crate::civil;

static LEVEL: AtomicU8 = AtomicU8::new(2);

fn rank(level: LogLevel) -> u8 {
    match level {
        LogLevel::Error => 0,
        LogLevel::Warning => 1,
        LogLevel::Info => 2,
        LogLevel::Debug => 3,
    }
}

/// Sets the least important level that is written.
pub fn set_level(level: LogLevel) {
    LEVEL.store(rank(level), Ordering::Relaxed);
}

/// Whether messages of this level are written: to spare making them.
pub fn enabled(level: LogLevel) -> bool {
    rank(level) <= LEVEL.load(Ordering::Relaxed)
}

/// Something failed that somebody should look at.
pub fn error(text: &str) {
    write(LogLevel::Error, text);
}

/// Something is not as it should be, and the server has coped.
pub fn warning(text: &str) {
    write(LogLevel::Warning, text);
}

/// For whoever looks for the cause of something.
pub fn debug(text: &str) {
    write(LogLevel::Debug, text);
}

/// The traceback of an exception, as Python prints it.
pub fn traceback(py: Python<'_>, error: &PyErr) -> String {
    let formatted = py
        .import("traceback")
        // Before Python 3.12 an error has its traceback beside its value; this puts it in.
        .and_then(|module| module.call_method1("format_exception", (error.clone_ref(py).into_value(py),)))
        .and_then(|lines| PyString::new(py, "").call_method1("join", (lines,)))
        .and_then(|text| text.extract::<String>());
    // An exception whose own text fails to be made is still named.
    formatted.unwrap_or_else(|_| error.get_type(py).to_string())
}

/// Writes `text` (of one or more lines) at `level`.
pub fn write(level: LogLevel, text: &str) {
    if !enabled(level) {
        return;
    }
    let name = match level {
        LogLevel::Error => "ERROR",
        LogLevel::Warning => "WARNING",
        LogLevel::Info => "INFO",
        LogLevel::Debug => "DEBUG",
    };
    let line = format!("{} [{}] {name}: {text}\n", civil::now_iso(), std::process::id());
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}
