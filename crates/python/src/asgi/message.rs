//! Messages of the application, read and checked. What is wrong is said at once, at the line that called `send()`,
//! with the name of the message and of the key.

use std::fmt::Display;

use pyo3::exceptions::{PyKeyError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyDict, PyList, PyMemoryView, PyString, PyTuple};
use yett_proto::error::ResponseError;
use yett_proto::headers::FieldBlock;
use yett_proto::response::ResponseHead;

/// The kinds of message an application may send over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Start,
    Body,
    Trailers,
    PathSend,
    ZeroCopySend,
    EarlyHint,
}

/// A message, its type known.
pub struct Message<'py> {
    pub kind: Kind,
    dict: Bound<'py, PyDict>,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "http.response.start",
            Self::Body => "http.response.body",
            Self::Trailers => "http.response.trailers",
            Self::PathSend => "http.response.pathsend",
            Self::ZeroCopySend => "http.response.zerocopysend",
            Self::EarlyHint => "http.response.early_hint",
        }
    }

    const ALL: [Self; 6] =
        [Self::Start, Self::Body, Self::Trailers, Self::PathSend, Self::ZeroCopySend, Self::EarlyHint];
}

impl<'py> Message<'py> {
    /// # Errors
    /// `TypeError`, `KeyError` or `ValueError` for the application.
    pub fn read(message: &Bound<'py, PyAny>) -> PyResult<Self> {
        let Ok(dict) = message.cast::<PyDict>() else {
            return Err(PyTypeError::new_err(format!(
                "send() takes a message of type dict, not {}",
                type_of(message)
            )));
        };
        let py = message.py();
        let Some(name) = dict.get_item(intern!(py, "type"))? else {
            return Err(PyKeyError::new_err("the message has no 'type'"));
        };
        // Literals of an application's code are interned, as ours are: mostly it is the same object.
        let kind = if name.is(intern!(py, "http.response.start")) {
            Kind::Start
        } else if name.is(intern!(py, "http.response.body")) {
            Kind::Body
        } else {
            let Ok(text) = name.cast::<PyString>() else {
                return Err(PyTypeError::new_err(format!(
                    "the message's 'type' must be str, not {}",
                    type_of(&name)
                )));
            };
            let text = text.to_string_lossy();
            let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.name() == text) else {
                return Err(PyValueError::new_err(format!(
                    "unknown message type {text:?} for a scope of type 'http'"
                )));
            };
            kind
        };
        Ok(Self { kind, dict: dict.clone() })
    }

    /// `status` and `headers` of `http.response.start`, into `head`; whether trailers are promised.
    pub fn read_start(&self, head: &mut ResponseHead) -> PyResult<bool> {
        let py = self.dict.py();
        let status = self.required(intern!(py, "status"))?;
        let status: u16 = match status.extract() {
            Ok(number) if !status.is_instance_of::<PyBool>() => number,
            _ => return Err(self.wrong_type("status", "int", &status)),
        };
        head.reset(status).map_err(|error| self.refused(&error))?;
        if let Some(headers) = self.dict.get_item(intern!(py, "headers"))? {
            self.each_field(&headers, |name, value| {
                head.push(name, value).map_err(|error| self.refused(&error))
            })?;
        }
        self.flag(intern!(py, "trailers"), false)
    }

    /// `headers` of `http.response.trailers`, behind those in `fields`.
    pub fn read_fields(&self, fields: &mut FieldBlock) -> PyResult<()> {
        if let Some(headers) = self.dict.get_item(intern!(self.dict.py(), "headers"))? {
            self.each_field(&headers, |name, value| {
                fields.push(name, value).map_err(|error| self.refused(&error))
            })?;
        }
        Ok(())
    }

    /// `links` of `http.response.early_hint`, as fields of a 103 response.
    pub fn read_links(&self) -> PyResult<FieldBlock> {
        let mut fields = FieldBlock::new();
        let links = self.required(intern!(self.dict.py(), "links"))?;
        for link in links.try_iter().map_err(|_| self.wrong_type("links", "an iterable of bytes", &links))? {
            let link = link?;
            let Ok(link) = link.cast::<PyBytes>() else {
                return Err(self.wrong_type("links", "an iterable of bytes, one of which is", &link));
            };
            fields.push(b"link", link.as_bytes()).map_err(|error| self.refused(&error))?;
        }
        Ok(fields)
    }

    /// `body`, empty if missing.
    pub fn body(&self) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let Some(body) = self.dict.get_item(intern!(self.dict.py(), "body"))? else { return Ok(None) };
        match body.cast_into::<PyBytes>() {
            Ok(bytes) if bytes.is_exact_instance_of::<PyBytes>() => Ok(Some(bytes)),
            // Of a subclass: its end could run code while the network lets go of it.
            Ok(bytes) => Ok(Some(PyBytes::new(bytes.py(), bytes.as_bytes()))),
            Err(error) => {
                let body = error.into_inner();
                if body.is_instance_of::<PyByteArray>() || body.is_instance_of::<PyMemoryView>() {
                    // May change or go away under us: copied.
                    let copy = self.dict.py().get_type::<PyBytes>().call1((body,))?;
                    return Ok(Some(copy.cast_into::<PyBytes>()?));
                }
                Err(self.wrong_type("body", "bytes", &body))
            }
        }
    }

    /// `more_body` (or `more_trailers`), false if missing.
    pub fn more(&self) -> PyResult<bool> {
        let py = self.dict.py();
        let key =
            if self.kind == Kind::Trailers { intern!(py, "more_trailers") } else { intern!(py, "more_body") };
        self.flag(key, false)
    }

    /// `path` of `http.response.pathsend`.
    pub fn path(&self) -> PyResult<std::path::PathBuf> {
        let path = self.required(intern!(self.dict.py(), "path"))?;
        // The specification wants it absolute; Starlette passes on what it was given, and its other ways of sending a
        // file take a relative path, from the working directory.
        path.extract().map_err(|_| self.wrong_type("path", "str", &path))
    }

    /// `file` (descriptor), `offset` and `count` of `http.response.zerocopysend`.
    pub fn file(&self) -> PyResult<(i32, Option<u64>, Option<u64>)> {
        let py = self.dict.py();
        let file = self.required(intern!(py, "file"))?;
        let descriptor = match file.extract::<i32>() {
            Ok(descriptor) => descriptor,
            Err(_) => file
                .call_method0(intern!(py, "fileno"))
                .and_then(|number| number.extract())
                .map_err(|_| self.wrong_type("file", "an open file with fileno()", &file))?,
        };
        Ok((descriptor, self.size(intern!(py, "offset"))?, self.size(intern!(py, "count"))?))
    }

    fn size(&self, key: &Bound<'py, PyString>) -> PyResult<Option<u64>> {
        match self.dict.get_item(key)? {
            None => Ok(None),
            Some(value) if value.is_none() => Ok(None),
            Some(value) => value
                .extract()
                .map(Some)
                .map_err(|_| self.wrong_type(key, "an int that is not negative", &value)),
        }
    }

    fn flag(&self, key: &Bound<'py, PyString>, default: bool) -> PyResult<bool> {
        match self.dict.get_item(key)? {
            None => Ok(default),
            Some(value) => value.is_truthy(),
        }
    }

    fn required(&self, key: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        self.dict
            .get_item(key)?
            .ok_or_else(|| PyKeyError::new_err(format!("{}: the message has no '{key}'", self.kind.name())))
    }

    fn each_field(
        &self,
        headers: &Bound<'py, PyAny>,
        mut push: impl FnMut(&[u8], &[u8]) -> PyResult<()>,
    ) -> PyResult<()> {
        const EXPECTED: &str = "an iterable of [name, value] pairs of bytes";
        if let Ok(list) = headers.cast_exact::<PyList>() {
            for field in list.iter() {
                self.field(&field, &mut push)?;
            }
            return Ok(());
        }
        if headers.is_instance_of::<PyDict>() {
            return Err(self.wrong_type("headers", EXPECTED, headers));
        }
        for field in headers.try_iter().map_err(|_| self.wrong_type("headers", EXPECTED, headers))? {
            self.field(&field?, &mut push)?;
        }
        Ok(())
    }

    fn field(
        &self,
        field: &Bound<'py, PyAny>,
        push: &mut impl FnMut(&[u8], &[u8]) -> PyResult<()>,
    ) -> PyResult<()> {
        let (name, value) = if let Ok(pair) = field.cast_exact::<PyTuple>()
            && pair.len() == 2
        {
            (pair.get_item(0)?, pair.get_item(1)?)
        } else if let Ok(pair) = field.cast_exact::<PyList>()
            && pair.len() == 2
        {
            (pair.get_item(0)?, pair.get_item(1)?)
        } else {
            let pair: Vec<Bound<'py, PyAny>> =
                field.try_iter().and_then(Iterator::collect).unwrap_or_default();
            let Ok([name, value]) = <[Bound<'py, PyAny>; 2]>::try_from(pair) else {
                return Err(self.wrong_type(
                    "headers",
                    "an iterable of [name, value] pairs, one of which is",
                    field,
                ));
            };
            (name, value)
        };
        match (name.cast::<PyBytes>(), value.cast::<PyBytes>()) {
            (Ok(name), Ok(value)) => push(name.as_bytes(), value.as_bytes()),
            (Err(_), _) => Err(PyTypeError::new_err(format!(
                "{}: a header name must be bytes, not {} ({})",
                self.kind.name(),
                type_of(&name),
                representation(&name),
            ))),
            (Ok(_), Err(_)) => Err(PyTypeError::new_err(format!(
                "{}: the value of header {} must be bytes, not {}",
                self.kind.name(),
                representation(&name),
                type_of(&value),
            ))),
        }
    }

    fn refused(&self, error: &ResponseError) -> PyErr {
        PyValueError::new_err(format!("{}: {error}", self.kind.name()))
    }

    fn wrong_type(&self, key: impl Display, expected: &str, value: &Bound<'py, PyAny>) -> PyErr {
        let given = type_of(value);
        let text = if expected.ends_with(" is") {
            format!("{}: '{key}' must be {expected} {given}", self.kind.name())
        } else {
            format!("{}: '{key}' must be {expected}, not {given}", self.kind.name())
        };
        PyTypeError::new_err(text)
    }
}

fn type_of(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "?".to_owned(), |name| name.to_string())
}

fn representation(value: &Bound<'_, PyAny>) -> String {
    value.repr().map_or_else(|_| "?".to_owned(), |text| text.to_string_lossy().chars().take(80).collect())
}
