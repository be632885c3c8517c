//! The settings registry as Python sees it.

use std::ffi::OsString;

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyAttributeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict};
use yett_settings::{Command, FileValues, Outcome, SETTINGS, Setting, SettingError, Sources, Value};

use crate::log;

/// Every setting with its value; read-only for Python.
#[pyclass(frozen, module = "yett._core")]
pub struct Settings {
    pub values: yett_settings::Settings,
}

#[pymethods]
impl Settings {
    /// The defaults, with the given ones set: the names and values of the command line, checked in the same way. An
    /// error has a line for each mistake.
    #[new]
    #[pyo3(signature = (**settings))]
    fn new(settings: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut values = yett_settings::Settings::default();
        let mut errors = Vec::new();
        for (name, value) in settings.into_iter().flat_map(|settings| settings.iter()) {
            let name: String = name.extract()?;
            if !value.is_none() {
                errors.extend(values.set(&name, convert(&name, &value)?).err());
            }
        }
        if !errors.is_empty() {
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            let unknown = errors.iter().any(|error| matches!(error, SettingError::Unknown { .. }));
            let text = lines.join("\n");
            return Err(if unknown { PyTypeError::new_err(text) } else { PyValueError::new_err(text) });
        }
        log::set_level(values.log_level);
        Ok(Self { values })
    }

    /// What a reload makes of these: `new`, but for settings that take a restart. And the names of those that differ.
    fn reloaded(&self, new: &Self) -> PyResult<(Self, Vec<&'static str>)> {
        let mut values = new.values.clone();
        let mut kept = Vec::new();
        for setting in SETTINGS.iter().filter(|setting| !setting.reloadable) {
            let (Some(ours), theirs) = (self.values.get(setting.name), values.get(setting.name)) else {
                continue;
            };
            if theirs.as_ref() != Some(&ours) {
                kept.push(setting.name);
                values.set(setting.name, ours).map_err(|error| PyValueError::new_err(error.to_string()))?;
            }
        }
        log::set_level(values.log_level);
        Ok((Self { values }, kept))
    }

    /// The value of a setting by its name: durations in seconds, sizes in bytes, lists as lists, everything else
    /// as a user writes it.
    fn __getattr__(&self, py: Python<'_>, name: &str) -> PyResult<Py<PyAny>> {
        match self.values.get(name) {
            Some(value) => to_python(py, value),
            None => Err(PyAttributeError::new_err(format!("there is no setting called {name}"))),
        }
    }
}

/// Every column of every row, in the order of help; the value of `sample` as Python has it.
#[pyfunction]
pub fn registry(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyDict>>> {
    SETTINGS.iter().map(|setting| row(py, setting)).collect()
}

fn row<'py>(py: Python<'py>, setting: &Setting) -> PyResult<Bound<'py, PyDict>> {
    let row = PyDict::new(py);
    row.set_item("name", setting.name)?;
    row.set_item("flag", format!("--{}", setting.flag()))?;
    row.set_item("short", setting.short.map(|letter| format!("-{letter}")))?;
    row.set_item("variable", setting.variable())?;
    row.set_item("value", setting.describe())?;
    row.set_item("is_switch", setting.is_switch())?;
    row.set_item("is_list", setting.is_list())?;
    row.set_item("words", setting.words())?;
    row.set_item("unit", setting.unit())?;
    row.set_item("default", setting.default)?;
    row.set_item("reason", setting.reason)?;
    row.set_item("section", setting.section.title())?;
    row.set_item("placeholder", setting.placeholder)?;
    row.set_item("help", setting.help)?;
    row.set_item("details", setting.details)?;
    row.set_item("since", setting.since)?;
    row.set_item("reloadable", setting.reloadable)?;
    row.set_item("gunicorn", setting.equivalents.gunicorn)?;
    row.set_item("uvicorn", setting.equivalents.uvicorn)?;
    row.set_item("granian", setting.equivalents.granian)?;
    let (text, value) = setting.sample;
    row.set_item("sample", (text, to_python(py, value())?))?;
    Ok(row)
}

fn to_python(py: Python<'_>, value: Value) -> PyResult<Py<PyAny>> {
    match value {
        Value::Bool(value) => value.into_py_any(py),
        Value::Int(value) => value.into_py_any(py),
        Value::Float(value) => value.into_py_any(py),
        Value::Text(value) => value.into_py_any(py),
        Value::List(value) => value.into_py_any(py),
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
    /// `run`, `dev`, `check`, `demo`, or `print`.
    command: &'static str,
    /// The application's target, for `run`, `dev` and `check`.
    target: Option<String>,
    /// For all but `print`.
    settings: Option<Py<Settings>>,
    /// For `print`: what, where to, and the exit code.
    text: String,
    to_stderr: bool,
    code: i32,
}

/// The Python file that the command line (without the program's name) or the environment names as configuration.
#[pyfunction]
pub fn config_file(arguments: Vec<OsString>) -> Option<String> {
    yett_settings::config_file(arguments, &|name| std::env::var_os(name))
}

/// A path, and a name, a value and a line for each setting that was read from there.
type GivenValues<'py> = (String, Vec<(String, Bound<'py, PyAny>, usize)>);

/// Reads the command line (without the program's name), the environment, and the files of settings. `values` is what
/// the file says that `config_file` has named.
///
/// # Errors
/// `TypeError` if one of the values is of a type that no setting has.
#[pyfunction]
#[pyo3(signature = (arguments, values = None))]
pub fn parse_command_line(
    py: Python<'_>,
    arguments: Vec<OsString>,
    values: Option<GivenValues<'_>>,
) -> PyResult<Invocation> {
    let values = values.map(|(path, values)| {
        let converted = values
            .into_iter()
            .map(|(name, value, line)| convert(&name, &value).map(|value| (name, value, line)))
            .collect::<PyResult<_>>()?;
        PyResult::Ok(FileValues { path, values: converted })
    });
    let outcome = yett_settings::parse(arguments, Sources::of_process(values.transpose()?));
    if let Outcome::Run(invocation) = &outcome {
        log::set_level(invocation.settings.log_level);
    }
    // Also to who asks for the settings, or is told what is wrong with them: a variable may be what is.
    for line in yett_settings::environment_warnings(std::env::vars_os().map(|(name, _)| name)) {
        log::warning(&line);
    }
    Ok(match outcome {
        Outcome::Print { text, code, to_stderr } => {
            Invocation { command: "print", target: None, settings: None, text, to_stderr, code }
        }
        Outcome::Run(invocation) => {
            let (command, target) = match invocation.command {
                Command::Run { target } => ("run", Some(target)),
                Command::Dev { target } => ("dev", Some(target)),
                Command::Check { target } => ("check", Some(target)),
                Command::Demo => ("demo", None),
            };
            let settings = Some(Py::new(py, Settings { values: invocation.settings })?);
            Invocation { command, target, settings, text: String::new(), to_stderr: false, code: 0 }
        }
    })
}
