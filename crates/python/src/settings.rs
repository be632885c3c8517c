//! The settings registry as Python sees it.

use std::ffi::OsString;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict};
use yett_settings::{Command, Outcome, SettingError, Value};

use crate::log;

/// Every setting with its value; read-only for Python.
#[pyclass(frozen, module = "yett._core")]
pub struct Settings {
    pub values: yett_settings::Settings,
}

#[pymethods]
impl Settings {
    /// The defaults, with the given ones set: the names and values of the command line, checked in the same way.
    #[new]
    #[pyo3(signature = (**settings))]
    fn new(settings: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut values = yett_settings::Settings::default();
        for (name, value) in settings.into_iter().flat_map(|settings| settings.iter()) {
            let name: String = name.extract()?;
            if value.is_none() {
                continue;
            }
            values.set(&name, convert(&name, &value)?).map_err(|error| match error {
                SettingError::Unknown { .. } => PyTypeError::new_err(error.to_string()),
                SettingError::Invalid { .. } => PyValueError::new_err(error.to_string()),
            })?;
        }
        log::set_level(values.log_level);
        Ok(Self { values })
    }

    /// `auto`, `asyncio` or `uvloop`.
    #[getter]
    fn loop_kind(&self) -> &'static str {
        self.values.loop_kind.as_str()
    }

    /// `auto`, `asgi` or `wsgi`.
    #[getter]
    fn interface(&self) -> &'static str {
        self.values.interface.as_str()
    }

    /// Most threads that run a WSGI application.
    #[getter]
    fn threads(&self) -> usize {
        self.values.threads
    }

    /// Whether a request body is collected before a WSGI application is called.
    #[getter]
    fn request_buffering(&self) -> bool {
        self.values.request_buffering
    }

    /// Which application of a Paste file is served.
    #[getter]
    fn paste_name(&self) -> &str {
        &self.values.paste_name
    }

    /// `auto`, `on` or `off`.
    #[getter]
    fn lifespan(&self) -> &'static str {
        self.values.lifespan.as_str()
    }

    /// Seconds that running requests get after a signal to stop.
    #[getter]
    fn graceful_timeout(&self) -> f64 {
        self.values.graceful_timeout.as_secs_f64()
    }

    /// Whether messages of a level (`error`, `warning`, `info`, `debug`) are written.
    #[getter]
    fn log_level(&self) -> &'static str {
        self.values.log_level.as_str()
    }
}

fn convert(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Value> {
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(Value::Bool(flag.is_true()));
    }
    if let Ok(number) = value.extract::<i64>() {
        return Ok(Value::Int(number));
    }
    if let Ok(number) = value.extract::<f64>() {
        return Ok(Value::Float(number));
    }
    if let Ok(text) = value.extract::<String>() {
        return Ok(Value::Text(text));
    }
    if let Ok(texts) = value.extract::<Vec<String>>() {
        return Ok(Value::List(texts));
    }
    if let Ok(path) = value.extract::<std::path::PathBuf>() {
        return Ok(Value::Text(path.to_string_lossy().into_owned()));
    }
    Err(PyTypeError::new_err(format!("{name}: a setting cannot be a {}", value.get_type().name()?)))
}

/// What a command line asks for.
#[pyclass(frozen, module = "yett._core", get_all)]
pub struct Invocation {
    /// `run`, `demo`, or `print`.
    command: &'static str,
    /// The application's target, for `run`.
    target: Option<String>,
    /// For `run` and `demo`.
    settings: Option<Py<Settings>>,
    /// For `print`: what, where to, and the exit code.
    text: String,
    to_stderr: bool,
    code: i32,
}

/// Reads the command line (without the program's name) and the environment.
#[pyfunction]
pub fn parse_command_line(py: Python<'_>, arguments: Vec<OsString>) -> PyResult<Invocation> {
    let outcome = yett_settings::parse(arguments, |name| std::env::var_os(name));
    Ok(match outcome {
        Outcome::Print { text, code, to_stderr } => {
            Invocation { command: "print", target: None, settings: None, text, to_stderr, code }
        }
        Outcome::Run(invocation) => {
            log::set_level(invocation.settings.log_level);
            for line in yett_settings::environment_warnings(std::env::vars_os().map(|(name, _)| name)) {
                log::warning(&line);
            }
            let (command, target) = match invocation.command {
                Command::Run { target } => ("run", Some(target)),
                Command::Demo => ("demo", None),
            };
            let settings = Some(Py::new(py, Settings { values: invocation.settings })?);
            Invocation { command, target, settings, text: String::new(), to_stderr: false, code: 0 }
        }
    })
}
