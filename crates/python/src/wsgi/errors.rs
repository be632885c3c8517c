//! `wsgi.errors`: what an application writes goes into the error log, line by line.

use std::cell::RefCell;

use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::log;

thread_local! {
    /// The line that is not finished yet: each thread has its own, so that lines of two requests do not mix.
    static UNFINISHED: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A line that never ends is cut here, so that it does not fill the memory.
const LONGEST_LINE: usize = 16 * 1024;

/// The one error stream, for all threads.
#[pyclass(frozen, module = "yett._core")]
pub struct ErrorStream;

#[pymethods]
impl ErrorStream {
    /// Writes text; what ends with a newline is logged at once.
    #[pyo3(signature = (text, /))]
    fn write(&self, text: &Bound<'_, PyString>) -> PyResult<usize> {
        if let Ok(text) = text.to_str() {
            write(text);
        } else {
            // Lone surrogates, as in names of files, are shown as Python's stderr shows them.
            let encoded = text.call_method1("encode", ("utf-8", "backslashreplace"))?;
            write(&String::from_utf8_lossy(encoded.extract()?));
        }
        text.len()
    }

    fn writelines(&self, lines: &Bound<'_, PyAny>) -> PyResult<()> {
        for line in lines.try_iter()? {
            self.write(line?.cast::<PyString>()?)?;
        }
        Ok(())
    }

    fn flush(&self) {
        finish_line();
    }
}

fn write(text: &str) {
    let lines = UNFINISHED.with_borrow_mut(|unfinished| {
        unfinished.push_str(text);
        let end = match unfinished.rfind('\n') {
            Some(newline) => newline + 1,
            None if unfinished.len() > LONGEST_LINE => unfinished.len(),
            None => 0,
        };
        let rest = unfinished.split_off(end);
        std::mem::replace(unfinished, rest)
    });
    lines.lines().for_each(log::from_application);
}

/// Logs what has no newline at its end: the request is over, or somebody has asked.
pub fn finish_line() {
    let line = UNFINISHED.with_borrow_mut(std::mem::take);
    if !line.is_empty() {
        log::from_application(&line);
    }
}
