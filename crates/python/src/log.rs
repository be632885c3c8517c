//! The logs as this crate writes them: messages with their level, exceptions with their traceback.

use std::cell::Cell;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use yett_logs::target::Receiver;
use yett_logs::{About, AccessLog, Exception, Log, Message, Target, errors, writer};
use yett_net::Peer;
use yett_net::acceptor::Notice;
use yett_proto::error::RequestError;
use yett_settings::{AccessFormat, LogFormat, LogLevel, LogTarget};

use crate::settings::Settings;

pub use yett_logs::errors::{enabled, set_level};

/// The logger that gets our messages where the settings say `logging`.
const LOGGER: &str = "yett.error";

/// How long the end of a process waits for what takes its last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

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

/// Writes `text` (of one or more lines) at `level`.
pub fn write(level: LogLevel, text: &str) {
    if enabled(level) {
        errors::tell(&Message::new(level, text));
    }
}

/// Writes what has happened with a request.
pub fn about(level: LogLevel, about: About, text: &str) {
    errors::tell(&Message { level, text: text.to_owned(), about: Some(about), exception: None });
}

/// The files that the logs of these settings are written to.
#[pyfunction]
pub fn log_files(settings: &Settings) -> Vec<PathBuf> {
    let values = &settings.values;
    let file = |target: &LogTarget| match target {
        LogTarget::Path(path) => Some(path.clone()),
        _ => None,
    };
    [&values.error_log, &values.access_log].into_iter().filter_map(file).collect()
}

/// Writes that an exception has been raised, with its traceback.
pub fn exception(py: Python<'_>, about: Option<About>, text: &str, error: &PyErr) {
    let exception = describe(py, error);
    let message =
        Message { level: LogLevel::Error, text: text.to_owned(), about, exception: Some(exception) };
    errors::tell(&message);
}

/// Logs that a request was refused.
pub fn refusal(peer: Option<Peer>, error: RequestError) {
    if enabled(LogLevel::Debug) {
        let peer = match peer {
            Some(Peer::Inet(address)) => address.to_string(),
            Some(Peer::Unix) => "a unix socket".to_owned(),
            None => "a client that has gone".to_owned(),
        };
        debug(&format!("refused a request from {peer}: {} {error}", error.status()));
    }
}

/// Logs what the acceptor has to say.
pub fn notices(notices: &[Notice]) {
    for notice in notices {
        error(&notice.to_string());
    }
}

/// Logs that a response had to be cut off.
pub fn short_file() {
    error("a file ended before its promised length, or could not be read: the response was cut off");
}

/// Logs that a temporary file for a response could not be written.
pub fn cannot_spool(error: &io::Error) {
    warning(&format!("a response cannot be kept in a temporary file: {error} (TMPDIR chooses where)"));
}

/// The application has sent too much.
pub const EXCESS: &str = "the application sent more body than its response may have (Content-Length, or a status \
                          without content): the excess was cut off";

/// Why the response of an application was cut off that sent too little.
pub const SHORT_BODY: &str = "The body was shorter than its Content-Length.";

/// The application has sent so many bytes too few.
pub fn short_body(missing: u64) -> String {
    format!(
        "the application ended the body {missing} bytes short of its Content-Length: the connection was closed"
    )
}

fn describe(py: Python<'_>, error: &PyErr) -> Exception {
    let class = error.get_type(py);
    let name = class.name().map_or_else(|_| "?".to_owned(), |name| name.to_string_lossy().into_owned());
    let module = class.module().map(|module| module.to_string_lossy().into_owned());
    let kind = match module {
        Ok(module) if module != "builtins" => format!("{module}.{name}"),
        _ => name,
    };
    // An exception whose own text fails to be made is still named.
    let text = error.value(py).str().map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
    Exception { kind, text, traceback: traceback(py, error) }
}

/// The traceback of an exception, as Python prints it.
fn traceback(py: Python<'_>, error: &PyErr) -> String {
    let formatted = py
        .import("traceback")
        // Before Python 3.12 an error has its traceback beside its value; this puts it in.
        .and_then(|module| module.call_method1("format_exception", (error.clone_ref(py).into_value(py),)))
        .and_then(|lines| PyString::new(py, "").call_method1("join", (lines,)))
        .and_then(|text| Ok(text.cast::<PyString>()?.to_string_lossy().into_owned()));
    formatted.unwrap_or_else(|_| error.get_type(py).to_string())
}

// ---- where they go ----

/// Has messages go where `settings` say, and makes sure that both logs can be written, before anything is started.
/// `with_logging`: they may say `logging`; otherwise those messages go to standard error.
///
/// # Errors
/// `OSError` whose text says which file, and why not.
#[pyfunction]
#[pyo3(signature = (settings, with_logging = true))]
pub fn open_logs(settings: &Settings, with_logging: bool) -> PyResult<()> {
    let values = &settings.values;
    // Whoever takes the place of the error log takes its form.
    errors::set_json(values.log_format == LogFormat::Json);
    if let Some(target) = Target::of(&values.error_log, values, &python_logging()) {
        let target = match target {
            Target::Function(_) if !with_logging => Target::Stderr,
            target => target,
        };
        errors::open(target).map_err(|error| cannot_open("error log", &values.error_log, &error))?;
    }
    check_access_log(settings)
}

/// Makes sure that the access log can be written.
///
/// # Errors
/// `OSError` whose text says which file, and why not.
#[pyfunction]
pub fn check_access_log(settings: &Settings) -> PyResult<()> {
    let values = &settings.values;
    match Target::of(&values.access_log, values, &python_logging()) {
        Some(target) => {
            Log::check(&target).map_err(|error| cannot_open("access log", &values.access_log, &error))
        }
        None => Ok(()),
    }
}

/// The access log, if the settings want one.
///
/// # Errors
/// `OSError` whose text says which file, and why not.
pub fn open_access_log(settings: &yett_settings::Settings) -> PyResult<Option<AccessLog>> {
    let target = &settings.access_log;
    let failed = |error: &io::Error| cannot_open("access log", target, error);
    let Some(opened) = Target::of(target, settings, &python_logging()) else { return Ok(None) };
    // The settings have been checked.
    let format = AccessFormat::parse(&settings.access_log_format)
        .map_err(|reason| failed(&io::Error::new(io::ErrorKind::InvalidInput, reason)))?;
    let log = Log::open("access log", opened, false).map_err(|error| failed(&error))?;
    Ok(Some(AccessLog::new(format, log)))
}

fn cannot_open(name: &str, target: &LogTarget, error: &io::Error) -> PyErr {
    PyOSError::new_err((error.raw_os_error(), format!("cannot open the {name} {target}: {error}")))
}

thread_local! {
    /// This thread hands a message to `logging`, whose handlers may write to our error log: through `wsgi.errors`.
    static HANDING_OVER: Cell<bool> = const { Cell::new(false) };
}

/// Python's `logging`, called by the thread that writes. It may run handlers of the application, and wait for them.
fn python_logging() -> Arc<Receiver> {
    Arc::new(|level, text| {
        // Not while the interpreter ends.
        let logged = Python::try_attach(|py| -> PyResult<()> {
            let number = match level {
                LogLevel::Error => 40,
                LogLevel::Warning => 30,
                LogLevel::Info => 20,
                LogLevel::Debug => 10,
            };
            let logger = py.import("logging")?.call_method1("getLogger", (LOGGER,))?;
            HANDING_OVER.set(true);
            let logged = logger.call_method1("log", (number, "%s", text));
            HANDING_OVER.set(false);
            logged.map(drop)
        });
        matches!(logged, Some(Ok(())))
    })
}

/// Writes a line to the error log.
#[pyfunction]
pub fn write_log(level: &str, text: &str) {
    if let Some(level) = LogLevel::from_word(level) {
        write(level, text);
    }
}

/// Writes a line that the application has sent to `wsgi.errors`.
pub fn from_application(line: &str) {
    if HANDING_OVER.get() {
        // Handed over again, it would come back for ever.
        errors::straight_to_stderr(&Message::new(LogLevel::Error, line));
    } else {
        error(line);
    }
}

/// Waits, not for long, until all lines are written.
#[pyfunction]
pub fn flush_logs(py: Python<'_>) {
    // Without the interpreter's lock: `logging` may need it.
    py.detach(|| writer::flush(LAST_LINES));
}

/// Has every process that Python forks begin its own logs, and flushes them at the end of the interpreter.
///
/// # Errors
/// The interpreter refuses it.
pub fn watch_process(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let keywords = pyo3::types::PyDict::new(py);
    keywords.set_item("after_in_child", wrap_pyfunction!(note_fork, module)?)?;
    py.import("os")?.call_method("register_at_fork", (), Some(&keywords))?;
    py.import("atexit")?.call_method1("register", (wrap_pyfunction!(flush_logs, module)?,))?;
    Ok(())
}

/// Called in every child that is forked.
#[pyfunction]
fn note_fork() {
    writer::note_fork();
}
