//! The C API where pyo3 has no safe way, or none that is fast enough. The only file of this crate with `unsafe`.

use std::cell::UnsafeCell;
use std::ffi::{CStr, c_int, c_uint, c_void};
use std::ptr;

use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

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

    const fn new(name: &'static CStr, function: ffi::PyCFunction, flags: c_int, doc: &'static CStr) -> Self {
        Self(UnsafeCell::new(ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunction: function },
            ml_flags: flags,
            ml_doc: doc.as_ptr(),
        }))
    }

    /// The function object, bound to `this`: about 20 ns, against 60 for a bound method through a class of our own.
    pub fn bind<'py>(&'static self, py: Python<'py>, this: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: the definition is static; `this` is a live object whose reference the new function takes itself.
        unsafe {
            let function = ffi::PyCMethod_New(self.0.get(), this.as_ptr(), ptr::null_mut(), ptr::null_mut());
            Bound::from_owned_ptr_or_err(py, function)
        }
    }
}

/// Runs `body` for a C function whose `this` is an instance of `T`, and turns its result into what C expects.
///
/// # Safety
/// Called by CPython: the GIL is held, `this` is a live `T`, `argument` a live object or NULL.
pub unsafe fn call_builtin<T: pyo3::PyClass>(
    this: *mut ffi::PyObject,
    argument: *mut ffi::PyObject,
    body: impl for<'py> FnOnce(&Bound<'py, T>, Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>>,
) -> *mut ffi::PyObject {
    // SAFETY: by this function's contract.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: by this function's contract; the borrow ends before it returns.
    let this = unsafe { Bound::from_borrowed_ptr(py, this).cast_into_unchecked::<T>() };
    // SAFETY: as above.
    let argument = unsafe { Bound::from_borrowed_ptr_or_opt(py, argument) };
    match body(&this, argument.as_ref()) {
        Ok(result) => result.into_ptr(),
        Err(error) => {
            error.restore(py);
            ptr::null_mut()
        }
    }
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
    let py = context.py();
    // SAFETY: a live object; a wrong type, or a context that is entered already, is an exception.
    if unsafe { ffi::PyContext_Enter(context.as_ptr()) } != 0 {
        return Err(PyErr::fetch(py));
    }
    let result = callable.call1((argument,));
    // SAFETY: entered above, on this thread, and everything entered since has been left.
    if unsafe { ffi::PyContext_Exit(context.as_ptr()) } != 0 {
        let left = PyErr::fetch(py);
        return result.and(Err(left));
    }
    result
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

// ---- an awaitable that is finished already ----

/// `Ready`: what `send()` returns when nothing has to be waited for, and `receive()` when a message is at hand. It is
/// its own iterator, never yields, and implements `am_send` (Python 3.11's interpreter asks for it first).
#[repr(C)]
struct ReadyObject {
    base: ffi::PyObject,
    /// What `await` gives: taken by the first one. NULL means `None`.
    value: *mut ffi::PyObject,
}

/// The type of finished awaitables, and the shared one that gives `None`.
pub struct Ready {
    class: Py<PyAny>,
    none: Py<PyAny>,
}

impl Ready {
    pub fn new(py: Python<'_>) -> PyResult<Self> {
        let class = ready_type(py)?;
        let none = new_ready(class.bind(py), ptr::null_mut())?.unbind();
        Ok(Self { class, none })
    }

    /// The shared one: `await` gives `None`, any number of times.
    pub fn none<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.none.bind(py).clone()
    }

    /// A new one: `await` gives `value`, once.
    pub fn value<'py>(&self, value: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let class = self.class.bind(value.py()).clone();
        new_ready(&class, value.into_ptr())
    }
}

/// Takes over the reference `value` (or NULL).
fn new_ready<'py>(class: &Bound<'py, PyAny>, value: *mut ffi::PyObject) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: `class` is the type made by `ready_type`, so that the object has a `value` field; the type's generic
    // allocator zeroes it.
    unsafe {
        let object = ffi::PyType_GenericAlloc(class.as_ptr().cast(), 0);
        if object.is_null() {
            ffi::Py_XDECREF(value);
            return Err(PyErr::fetch(class.py()));
        }
        (*object.cast::<ReadyObject>()).value = value;
        Ok(Bound::from_owned_ptr(class.py(), object))
    }
}

/// The value, taken; `None` if there is none (any more).
///
/// # Safety
/// `this` is a live `ReadyObject`; the GIL is held.
unsafe fn take(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: by contract.
    unsafe {
        let slot = &mut (*this.cast::<ReadyObject>()).value;
        let value = std::mem::replace(slot, ptr::null_mut());
        if value.is_null() { ffi::Py_NewRef(ffi::Py_None()) } else { value }
    }
}

unsafe extern "C" fn ready_itself(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by CPython with a live object.
    unsafe { ffi::Py_NewRef(this) }
}

unsafe extern "C" fn ready_next(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by CPython with a live `ReadyObject`. Returning NULL without an exception means
    // StopIteration(None), the cheapest way to end.
    unsafe {
        if !(*this.cast::<ReadyObject>()).value.is_null() {
            let value = take(this);
            ffi::PyErr_SetObject(ffi::PyExc_StopIteration, value);
            ffi::Py_DECREF(value);
        }
        ptr::null_mut()
    }
}

unsafe extern "C" fn ready_am_send(
    this: *mut ffi::PyObject,
    _argument: *mut ffi::PyObject,
    result: *mut *mut ffi::PyObject,
) -> ffi::PySendResult {
    // SAFETY: called by CPython with a live `ReadyObject` and a place for the result.
    unsafe { *result = take(this) };
    ffi::PySendResult::PYGEN_RETURN
}

unsafe extern "C" fn ready_send(this: *mut ffi::PyObject, _argument: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by CPython with a live `ReadyObject`.
    let value = unsafe {
        let value = take(this);
        Bound::from_owned_ptr(Python::assume_attached(), value)
    };
    PyStopIteration::new_err((value.unbind(),)).restore(unsafe_py());
    ptr::null_mut()
}

/// The token of a thread on which CPython has called us.
fn unsafe_py<'py>() -> Python<'py> {
    // SAFETY: used only in functions that CPython calls, and it holds the GIL then.
    unsafe { Python::assume_attached() }
}

unsafe extern "C" fn ready_throw(_this: *mut ffi::PyObject, arguments: *mut ffi::PyObject) -> *mut ffi::PyObject {
    let py = unsafe_py();
    // SAFETY: METH_VARARGS: a live tuple.
    let arguments = unsafe { Bound::from_borrowed_ptr(py, arguments) };
    throw(&arguments).restore(py);
    ptr::null_mut()
}

/// The exception that `throw(value)` or `throw(type, value=None, traceback=None)` asks for.
pub fn throw(arguments: &Bound<'_, PyAny>) -> PyErr {
    let pick = || -> PyResult<PyErr> {
        let first = arguments.get_item(0)?;
        if arguments.len()? > 1 {
            let value = arguments.get_item(1)?;
            if value.is_instance_of::<pyo3::exceptions::PyBaseException>() {
                return Ok(PyErr::from_value(value));
            }
            if !value.is_none() {
                return Ok(PyErr::from_value(first.call1((value,))?));
            }
        }
        Ok(PyErr::from_value(first))
    };
    pick().unwrap_or_else(|error| error)
}

unsafe extern "C" fn ready_close(_this: *mut ffi::PyObject, _none: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: None is immortal or counted.
    unsafe { ffi::Py_NewRef(ffi::Py_None()) }
}

unsafe extern "C" fn ready_dealloc(this: *mut ffi::PyObject) {
    // SAFETY: called once by CPython, with the last reference gone; a heap type is released with its instance.
    unsafe {
        let class = ffi::Py_TYPE(this);
        ffi::Py_XDECREF((*this.cast::<ReadyObject>()).value);
        ffi::PyObject_Free(this.cast());
        ffi::Py_DECREF(class.cast());
    }
}

struct MethodTable(UnsafeCell<[ffi::PyMethodDef; 4]>);
// SAFETY: CPython reads the table and never writes to it.
unsafe impl Sync for MethodTable {}

static READY_METHODS: MethodTable = MethodTable(UnsafeCell::new([
    ffi::PyMethodDef {
        ml_name: c"send".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunction: ready_send },
        ml_flags: ffi::METH_O,
        ml_doc: ptr::null(),
    },
    ffi::PyMethodDef {
        ml_name: c"throw".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunction: ready_throw },
        ml_flags: ffi::METH_VARARGS,
        ml_doc: ptr::null(),
    },
    ffi::PyMethodDef {
        ml_name: c"close".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunction: ready_close },
        ml_flags: ffi::METH_NOARGS,
        ml_doc: ptr::null(),
    },
    ffi::PyMethodDef::zeroed(),
]));

fn ready_type(py: Python<'_>) -> PyResult<Py<PyAny>> {
    let slot = |slot, function: *mut c_void| ffi::PyType_Slot { slot, pfunc: function };
    let mut slots = [
        slot(ffi::Py_tp_dealloc, ready_dealloc as *mut c_void),
        slot(ffi::Py_tp_iter, ready_itself as *mut c_void),
        slot(ffi::Py_tp_iternext, ready_next as *mut c_void),
        slot(ffi::Py_am_await, ready_itself as *mut c_void),
        slot(ffi::Py_am_send, ready_am_send as *mut c_void),
        slot(ffi::Py_tp_methods, READY_METHODS.0.get().cast()),
        slot(0, ptr::null_mut()),
    ];
    let mut spec = ffi::PyType_Spec {
        name: c"yett._core.Ready".as_ptr(),
        basicsize: c_int::try_from(size_of::<ReadyObject>()).unwrap_or(c_int::MAX),
        itemsize: 0,
        flags: ffi::Py_TPFLAGS_DEFAULT as c_uint,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: the specification is complete and ends with a zero slot; CPython copies it, and the method table is
    // static.
    unsafe {
        let class = ffi::PyType_FromSpec(&raw mut spec);
        Ok(Bound::from_owned_ptr_or_err(py, class)?.unbind())
    }
}
