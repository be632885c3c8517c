//! Native strings (PEP 3333): text that stands for bytes, one code point below 256 for each.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;
use pyo3::types::string::PyStringData;

/// The bytes that `text` stands for, where Python holds them; `None` if it has characters outside of latin-1.
pub fn latin1<'a>(text: &'a Bound<'_, PyString>) -> Option<&'a [u8]> {
    // SAFETY: the slice is used while `text` is borrowed, and a string does not change.
    match unsafe { text.data() } {
        // One byte for each character: latin-1 is how Python itself keeps such text (PEP 393).
        Ok(PyStringData::Ucs1(bytes)) => Some(bytes),
        _ => None,
    }
}

/// Text that stands for `bytes`.
pub fn from_latin1<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyString>> {
    let length = ffi::Py_ssize_t::try_from(bytes.len())?;
    // SAFETY: pointer and length are those of a slice; the result is a new string, or an exception is set.
    unsafe {
        let text = ffi::PyUnicode_DecodeLatin1(bytes.as_ptr().cast(), length, std::ptr::null());
        Ok(Bound::from_owned_ptr_or_err(py, text)?.cast_into_unchecked())
    }
}
