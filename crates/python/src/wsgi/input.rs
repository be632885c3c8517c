//! What `wsgi.input` is: objects of Python's own `io`, which know `read`, `readline`, `readlines` and iteration.

use std::os::fd::IntoRawFd;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyModule};

use super::client::Body;

/// Makes them.
pub struct Inputs {
    memory: Py<PyAny>,
    file: Py<PyAny>,
    streaming: Py<PyAny>,
}

/// A request's `wsgi.input`.
pub struct Input<'py> {
    /// `None`: there is no body, and the object that all such requests share will do.
    pub object: Option<Bound<'py, PyAny>>,
    /// Bytes of the whole body, if they are known.
    pub length: Option<u64>,
    /// It holds a descriptor: to be closed when the request is over.
    pub close: bool,
}

impl Inputs {
    /// `support` is the module `yett.streams`.
    pub fn new(support: &Bound<'_, PyModule>) -> PyResult<Self> {
        let py = support.py();
        Ok(Self {
            memory: py.import("io")?.getattr("BytesIO")?.unbind(),
            file: support.getattr("file_input")?.unbind(),
            streaming: support.getattr("streaming_input")?.unbind(),
        })
    }

    /// `read`: what a body that is still coming is read with.
    pub fn make<'py>(
        &self,
        py: Python<'py>,
        body: Body,
        read: impl FnOnce(Vec<u8>) -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Input<'py>> {
        Ok(match body {
            Body::Memory(bytes) if bytes.is_empty() => Input { object: None, length: Some(0), close: false },
            Body::Memory(bytes) => {
                let object = self.memory.bind(py).call1((PyBytes::new(py, &bytes),))?;
                Input { object: Some(object), length: Some(bytes.len() as u64), close: false }
            }
            Body::File { file, length } => {
                // Closed by the object, which owns it from here on.
                let object = self.file.bind(py).call1((file.into_raw_fd(),))?;
                Input { object: Some(object), length: Some(length), close: true }
            }
            Body::Streaming(first) => {
                let object = self.streaming.bind(py).call1((read(first)?,))?;
                Input { object: Some(object), length: None, close: false }
            }
        })
    }
}

impl Input<'_> {
    /// The request is over.
    pub fn finish(&self) -> PyResult<()> {
        match &self.object {
            Some(object) if self.close => object.call_method0(intern!(object.py(), "close")).map(drop),
            _ => Ok(()),
        }
    }
}
