//! The C API where pyo3 has no safe way, or none that is fast enough. The only folder of this crate with `unsafe`.
//!
//! `ready` holds the awaitable that is finished already, `fastcall` functions with several parameters, `text` native
//! strings, `disposition` what is done at signals, `threads` what one thread does to another.

mod disposition;
mod fastcall;
mod ready;
mod text;
mod threads;

use std::cell::UnsafeCell;
use std::ffi::{CStr, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple, PyType};

pub use disposition::{Disposition, exit_at_second};
pub(crate) use fastcall::builtin_fast;
pub use fastcall::call_fast;
pub use ready::{Ready, throw};
pub use text::{from_latin1, latin1};
pub use threads::{raise_in_thread, raise_signal, spare_signals, thread_ident};

// ---- values that live on one thread ----

/// A value that may be touched only on the thread that made it, inside an object that Python may hand to any thread.
/// Elsewhere [`ThreadBound::get`] answers `None`, and the caller raises an exception.
pub struct ThreadBound<T> {
    value: T,
    owner: usize,
}

thread_local!(static MARK: u8 = const { 0 });

/// A number that no two living threads share: the address of a thread-local. Cheaper than `std::thread::current`.
fn this_thread() -> usize {
    MARK.with(|mark| ptr::from_ref(mark) as usize)
}

// SAFETY: `get` gives the value out on its own thread only. Dropping can happen on another thread (Python drops the
// last reference wherever it is held), but only while that thread holds the GIL, as every other access does: the
// module declares `gil_used = true`, so that there is always a GIL, and the two never overlap.
unsafe impl<T> Send for ThreadBound<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for ThreadBound<T> {}

impl<T> ThreadBound<T> {
    pub fn new(value: T) -> Self {
        Self { value, owner: this_thread() }
    }

    /// The value, on its own thread.
    pub fn get(&self) -> Option<&T> {
        (self.owner == this_thread()).then_some(&self.value)
    }

    /// The value, or the exception for whoever came from another thread.
    pub fn get_or_raise(&self) -> PyResult<&T> {
        self.get().ok_or_else(|| {
            PyRuntimeError::new_err(
                "called from another thread than the event loop's: use loop.call_soon_threadsafe() or \
                 asyncio.run_coroutine_threadsafe()",
            )
        })
    }
}

// ---- built-in functions bound to one of our objects ----

/// A function of the C API: `METH_NOARGS` or `METH_O`, bound to `this`.
pub struct Builtin(UnsafeCell<ffi::PyMethodDef>);

// SAFETY: CPython reads the definition and never writes to it.
unsafe impl Sync for Builtin {}

impl Builtin {
    /// A function without parameters. `function` gets (this, NULL).
    pub const fn no_args(name: &'static CStr, function: ffi::PyCFunction, doc: &'static CStr) -> Self {
        Self::new(name, function, ffi::METH_NOARGS, doc)
    }

    /// A function with one positional parameter. `function` gets (this, argument).
    pub const fn one_arg(name: &'static CStr, function: ffi::PyCFunction, doc: &'static CStr) -> Self {
        Self::new(name, function, ffi::METH_O, doc)
    }

    /// A function with several parameters, positional or by name. `function` gets (this, arguments, how many, names).
    pub const fn fast(
        name: &'static CStr,
        function: ffi::PyCFunctionFastWithKeywords,
        doc: &'static CStr,
    ) -> Self {
        let function = ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: function };
        Self::with_pointer(name, function, ffi::METH_FASTCALL | ffi::METH_KEYWORDS, doc)
    }

    const fn new(name: &'static CStr, function: ffi::PyCFunction, flags: c_int, doc: &'static CStr) -> Self {
        Self::with_pointer(name, ffi::PyMethodDefPointer { PyCFunction: function }, flags, doc)
    }

    const fn with_pointer(
        name: &'static CStr,
        function: ffi::PyMethodDefPointer,
        flags: c_int,
        doc: &'static CStr,
    ) -> Self {
        Self(UnsafeCell::new(ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: function,
            ml_flags: flags,
            ml_doc: doc.as_ptr(),
        }))
    }

    /// The function object, bound to `this`: about 20 ns, against 60 for a bound method through a class of our own.
    pub fn bind<'py>(
        &'static self,
        py: Python<'py>,
        this: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: the definition is static; `this` is a live object whose reference the new function takes itself.
        unsafe {
            let function = ffi::PyCMethod_New(self.0.get(), this.as_ptr(), ptr::null_mut(), ptr::null_mut());
            Bound::from_owned_ptr_or_err(py, function)
        }
    }
}

/// Defines a [`Builtin`] bound to objects of class `$class`: without a parameter, or with one.
///
/// `builtin!(pub RECEIVE, c"receive", c"doc", |this: Exchange| …)` or `|this: Exchange, argument| …`, where `this` is a
/// `&Bound<Exchange>` and the result a `PyResult<Bound<PyAny>>`.
macro_rules! builtin {
    ($(#[$attribute:meta])* $visibility:vis $name:ident, $text:literal, $doc:literal, |$this:ident: $class:ty| $body:expr) => {
        $(#[$attribute])*
        $visibility static $name: $crate::ffi::Builtin = {
            unsafe extern "C" fn function(
                this: *mut pyo3::ffi::PyObject,
                none: *mut pyo3::ffi::PyObject,
            ) -> *mut pyo3::ffi::PyObject {
                // SAFETY: CPython calls it with the object that it was bound to, which `Builtin::bind` takes.
                unsafe { $crate::ffi::call_builtin::<$class>(this, none, |$this, _| $body) }
            }
            $crate::ffi::Builtin::no_args($text, function, $doc)
        };
    };
    ($(#[$attribute:meta])* $visibility:vis $name:ident, $text:literal, $doc:literal, |$this:ident: $class:ty, $argument:ident| $body:expr) => {
        $(#[$attribute])*
        $visibility static $name: $crate::ffi::Builtin = {
            unsafe extern "C" fn function(
                this: *mut pyo3::ffi::PyObject,
                argument: *mut pyo3::ffi::PyObject,
            ) -> *mut pyo3::ffi::PyObject {
                // SAFETY: as above; METH_O always passes one argument.
                unsafe {
                    $crate::ffi::call_builtin::<$class>(this, argument, |$this, argument| match argument {
                        Some($argument) => $body,
                        None => Ok($this.py().None().into_bound($this.py())),
                    })
                }
            }
            $crate::ffi::Builtin::one_arg($text, function, $doc)
        };
    };
}
pub(crate) use builtin;

/// Runs `body` for a C function whose `this` is an instance of `T`, and turns its result into what C expects.
///
/// # Safety
/// Called by CPython: the GIL is held, `this` is a live `T`, `argument` a live object or NULL.
pub unsafe fn call_builtin<T: pyo3::PyClass>(
    this: *mut ffi::PyObject,
    argument: *mut ffi::PyObject,
    body: impl for<'py> FnOnce(&Bound<'py, T>, Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>>,
) -> *mut ffi::PyObject {
    // Costs next to nothing inside a tick, and tells pyo3 that references may be dropped here and now; otherwise it keeps
    // them until it is entered the next time, and with them whatever an ended task's exception holds.
    let attached = Python::try_attach(|py| {
        // SAFETY: by this function's contract; the borrow ends before it returns.
        let this = unsafe { Bound::from_borrowed_ptr(py, this).cast_into_unchecked::<T>() };
        // SAFETY: as above.
        let argument = unsafe { Bound::from_borrowed_ptr_or_opt(py, argument) };
        // A panic must not cross into C, which would end the process with everybody's requests.
        let outcome = catch_unwind(AssertUnwindSafe(|| body(&this, argument.as_ref())))
            .unwrap_or_else(|_| Err(PyRuntimeError::new_err("a bug in Yett: see the message on stderr")));
        match outcome {
            Ok(result) => result.into_ptr(),
            Err(error) => {
                error.restore(py);
                ptr::null_mut()
            }
        }
    });
    attached.unwrap_or_else(|| {
        // SAFETY: CPython has called us, so that an exception can be set; the text is static.
        unsafe {
            ffi::PyErr_SetString(ffi::PyExc_RuntimeError, c"the interpreter is shutting down".as_ptr());
        }
        ptr::null_mut()
    })
}

/// Calls `callable(*arguments, **{names[i]: the last arguments})` by vectorcall.
pub fn vectorcall<'py, const N: usize>(
    callable: &Bound<'py, PyAny>,
    arguments: [&Bound<'py, PyAny>; N],
    names: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = callable.py();
    let keywords = names.map_or(0, |names| names.len().unwrap_or(0));
    let positional = N - keywords.min(N);
    let pointers = arguments.map(Bound::as_ptr);
    // SAFETY: all pointers are live for the call; `names` is a tuple of as many strings as there are keywords.
    unsafe {
        let result = ffi::PyObject_Vectorcall(
            callable.as_ptr(),
            pointers.as_ptr(),
            positional,
            names.map_or(ptr::null_mut(), Bound::as_ptr),
        );
        Bound::from_owned_ptr_or_err(py, result)
    }
}

/// Makes an object as calling its class does, in two steps: `None` comes with an error of the first, the object with
/// one of the second, `__init__`. (Calling the class would have thrown it away before anybody could ask it.)
pub fn construct<'py>(
    class: &Bound<'py, PyType>,
    positional: &Bound<'py, PyTuple>,
    keywords: &Bound<'py, PyDict>,
) -> Result<Bound<'py, PyAny>, (PyErr, Option<Bound<'py, PyAny>>)> {
    let py = class.py();
    // SAFETY: `init` gets an instance of its own class only; a ready class is a live type object whose slots do not change under the GIL; `tp_new` gives an owned
    // reference or sets an exception, `tp_init` gives 0 or sets one; the arguments live for both calls.
    unsafe {
        let slots = &*class.as_type_ptr();
        let (Some(new), Some(init)) = (slots.tp_new, slots.tp_init) else {
            return Err((PyRuntimeError::new_err("the class cannot be called"), None));
        };
        let object = new(class.as_type_ptr(), positional.as_ptr(), keywords.as_ptr());
        let object = Bound::from_owned_ptr_or_err(py, object).map_err(|error| (error, None))?;
        if ffi::PyObject_TypeCheck(object.as_ptr(), class.as_type_ptr()) == 0 {
            // As `type.__call__`: what `__new__` made is of another class, and its `__init__` is not ours to call.
            return Ok(object);
        }
        if init(object.as_ptr(), positional.as_ptr(), keywords.as_ptr()) == 0 {
            Ok(object)
        } else {
            Err((PyErr::fetch(py), Some(object)))
        }
    }
}

/// How many references to the object there are.
pub fn reference_count<T>(object: &Bound<'_, T>) -> isize {
    // SAFETY: a live object; reads its count.
    unsafe { ffi::Py_REFCNT(object.as_ptr()) }
}

/// Whether the object is a generator: it runs code of the application step by step, and one can throw into it.
pub fn is_generator(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: a live object; looks at its type only.
    unsafe { ffi::PyGen_Check(object.as_ptr()) != 0 }
}

// ---- contexts (PEP 567) ----

/// A shallow copy of `context`: constant time.
pub fn copy_context<'py>(context: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: a live object; a wrong type is an exception.
    unsafe { Bound::from_owned_ptr_or_err(context.py(), ffi::PyContext_Copy(context.as_ptr())) }
}

/// Calls `callable(argument)` inside `context`.
pub fn call_in_context<'py>(
    context: &Bound<'py, PyAny>,
    callable: &Bound<'py, PyAny>,
    argument: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    in_context(context, || callable.call1((argument,)))?
}

/// Runs `body` inside `context`.
///
/// # Errors
/// The context is entered already, here or on another thread.
pub fn in_context<R>(context: &Bound<'_, PyAny>, body: impl FnOnce() -> R) -> PyResult<R> {
    let py = context.py();
    // SAFETY: a live object; a wrong type, or a context that is entered already, is an exception.
    if unsafe { ffi::PyContext_Enter(context.as_ptr()) } != 0 {
        return Err(PyErr::fetch(py));
    }
    let result = body();
    // SAFETY: entered above, on this thread, and everything entered since has been left.
    if unsafe { ffi::PyContext_Exit(context.as_ptr()) } != 0 {
        return Err(PyErr::fetch(py));
    }
    Ok(result)
}

// ---- bytes that stay where they are ----

/// A `bytes` object as a slice for the network: written from where Python holds it.
pub struct SharedBytes {
    pointer: *const u8,
    length: usize,
    _owner: Py<PyBytes>,
}

// SAFETY: the slice is immutable and lives as long as `_owner`, which itself may be sent and dropped anywhere.
unsafe impl Send for SharedBytes {}

impl SharedBytes {
    pub fn new(bytes: &Bound<'_, PyBytes>) -> Self {
        let slice = bytes.as_bytes();
        Self { pointer: slice.as_ptr(), length: slice.len(), _owner: bytes.clone().unbind() }
    }
}

impl AsRef<[u8]> for SharedBytes {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the memory of a `bytes` object neither moves nor changes while a reference to it is held.
        unsafe { std::slice::from_raw_parts(self.pointer, self.length) }
    }
}
