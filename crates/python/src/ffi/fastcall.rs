//! Built-in functions with several parameters (`METH_FASTCALL | METH_KEYWORDS`).

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::call_builtin;

/// What such a function was called with.
pub struct Arguments<'a, 'py> {
    py: Python<'py>,
    /// Positional ones, then those with a name. Live objects, borrowed for `'a`: only `call_fast` makes them.
    values: &'a [*mut ffi::PyObject],
    names: Option<Bound<'py, PyTuple>>,
}

impl<'py> Arguments<'_, 'py> {
    /// Sorts the arguments by `names`, of which the first `required` must be there.
    ///
    /// # Errors
    /// `TypeError`, as Python words it.
    pub fn by_name<const N: usize>(
        &self,
        function: &str,
        names: [&str; N],
        required: usize,
    ) -> PyResult<[Option<Bound<'py, PyAny>>; N]> {
        let positional = self.values.len() - self.names.as_ref().map_or(0, |names| names.len());
        if positional > N {
            return Err(PyTypeError::new_err(format!(
                "{function}() takes from {required} to {N} positional arguments but {positional} were given"
            )));
        }
        let mut sorted =
            std::array::from_fn(|index| if index < positional { self.value(index) } else { None });
        for (index, name) in self.names.iter().flatten().enumerate() {
            let name = name.cast_into::<PyString>()?;
            let name = name.to_string_lossy();
            let place = names.iter().position(|known| *known == name).and_then(|at| sorted.get_mut(at));
            let complaint = match place {
                Some(place @ None) => {
                    *place = self.value(positional + index);
                    continue;
                }
                Some(Some(_)) => "multiple values for argument",
                None => "an unexpected keyword argument",
            };
            return Err(PyTypeError::new_err(format!("{function}() got {complaint} '{name}'")));
        }
        if let Some((name, _)) = names.iter().zip(&sorted).take(required).find(|(_, value)| value.is_none()) {
            return Err(PyTypeError::new_err(format!("{function}() missing a required argument: '{name}'")));
        }
        Ok(sorted)
    }

    fn value(&self, index: usize) -> Option<Bound<'py, PyAny>> {
        let pointer = *self.values.get(index)?;
        // SAFETY: a live object (see `values`), of which a reference is taken.
        unsafe { Bound::from_borrowed_ptr_or_opt(self.py, pointer) }
    }
}

/// Defines a [`Builtin`](super::Builtin) bound to objects of class `$class`:
/// `builtin_fast!(pub NAME, c"name", c"doc", |this: Exchange, arguments| …)`, where `arguments` is an [`Arguments`].
macro_rules! builtin_fast {
    ($(#[$attribute:meta])* $visibility:vis $name:ident, $text:literal, $doc:literal, |$this:ident: $class:ty, $arguments:ident| $body:expr) => {
        $(#[$attribute])*
        $visibility static $name: $crate::ffi::Builtin = {
            unsafe extern "C" fn function(
                this: *mut pyo3::ffi::PyObject,
                arguments: *const *mut pyo3::ffi::PyObject,
                count: pyo3::ffi::Py_ssize_t,
                names: *mut pyo3::ffi::PyObject,
            ) -> *mut pyo3::ffi::PyObject {
                // SAFETY: CPython calls it with the object that it was bound to, which `Builtin::bind` takes, and with
                // arguments as METH_FASTCALL has them.
                unsafe {
                    $crate::ffi::call_fast::<$class>(this, arguments, count, names, |$this, $arguments| $body)
                }
            }
            $crate::ffi::Builtin::fast($text, function, $doc)
        };
    };
}
pub(crate) use builtin_fast;

/// As [`call_builtin`], with arguments as `METH_FASTCALL | METH_KEYWORDS` hands them over.
///
/// # Safety
/// Called by CPython: the GIL is held, `this` is a live `T`, `arguments` are `count` live objects, and behind them one for
/// each of `names`, which is a tuple of strings or NULL.
pub unsafe fn call_fast<T: pyo3::PyClass>(
    this: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
    body: impl for<'py> FnOnce(&Bound<'py, T>, &Arguments<'_, 'py>) -> PyResult<Bound<'py, PyAny>>,
) -> *mut ffi::PyObject {
    // SAFETY: by this function's contract.
    unsafe {
        call_builtin::<T>(this, std::ptr::null_mut(), |this, _| {
            let py = this.py();
            // SAFETY: a live tuple or NULL, by this function's contract.
            let names = Bound::from_borrowed_ptr_or_opt(py, names);
            let names = names.map(|names| names.cast_into::<PyTuple>()).transpose()?;
            let count = usize::try_from(count).unwrap_or(0) + names.as_ref().map_or(0, |names| names.len());
            // So many pointers, by this function's contract; if there are none they may be NULL, and are not read.
            let values = if count == 0 { &[] } else { std::slice::from_raw_parts(arguments, count) };
            body(this, &Arguments { py, values, names })
        })
    }
}
