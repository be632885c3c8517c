//! An awaitable that is finished already.

use std::cell::UnsafeCell;
use std::ffi::{c_int, c_uint, c_void};
use std::ptr;

use pyo3::exceptions::PyStopIteration;
use pyo3::ffi;
use pyo3::prelude::*;

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

unsafe extern "C" fn ready_send(
    this: *mut ffi::PyObject,
    _argument: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
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

unsafe extern "C" fn ready_throw(
    _this: *mut ffi::PyObject,
    arguments: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
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
