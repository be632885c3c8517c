//! How the application's task is started: a real `asyncio.Task`, one per request (design, section 4, rules 1 to 3).

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::ffi;

/// How requests become tasks on one event loop.
pub struct Tasks {
    event_loop: Py<PyAny>,
    /// `asyncio.Task`, if the first step may run inside the tick: Python 3.12 or later, switched on, and no task
    /// factory set when the server started.
    eager: Option<Eager>,
    /// Copied for each request: the context in which lifespan start-up has left its variables.
    context: Py<PyAny>,
    current_task: Py<PyAny>,
}

struct Eager {
    class: Py<PyAny>,
    keywords: Py<PyTuple>,
    yes: Py<PyAny>,
    task_factory: Py<PyAny>,
}

impl Tasks {
    pub fn new(
        py: Python<'_>,
        event_loop: &Bound<'_, PyAny>,
        context: Py<PyAny>,
        eager: bool,
    ) -> PyResult<Self> {
        let task_factory = event_loop.getattr(intern!(py, "get_task_factory"))?;
        let eager = if eager && py.version_info() >= (3, 12) {
            Some(Eager {
                class: py.import("asyncio")?.getattr("Task")?.unbind(),
                keywords: PyTuple::new(py, ["loop", "eager_start", "context"])?.unbind(),
                yes: true.into_pyobject(py)?.to_owned().into_any().unbind(),
                task_factory: task_factory.unbind(),
            })
        } else {
            None
        };
        Ok(Self {
            event_loop: event_loop.clone().unbind(),
            eager,
            context,
            current_task: py.import("asyncio")?.getattr("current_task")?.unbind(),
        })
    }

    /// Whether tasks may be started eagerly now: an application may set a task factory at any time, and then wants it
    /// to be used. Asked once a tick.
    pub fn eager_now(&self, py: Python<'_>) -> PyResult<bool> {
        match &self.eager {
            Some(eager) => Ok(eager.task_factory.call0(py)?.is_none(py)),
            None => Ok(false),
        }
    }

    /// The task that runs `coroutine`. Eagerly started, it may be finished already.
    pub fn start<'py>(
        &self,
        py: Python<'py>,
        coroutine: &Bound<'py, PyAny>,
        context: &Bound<'py, PyAny>,
        eagerly: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let event_loop = self.event_loop.bind(py);
        match &self.eager {
            Some(eager) if eagerly => ffi::vectorcall(
                eager.class.bind(py),
                [coroutine, event_loop, eager.yes.bind(py), context],
                Some(eager.keywords.bind(py).as_any()),
            ),
            _ => {
                let keywords = PyDict::new(py);
                keywords.set_item(intern!(py, "context"), context)?;
                event_loop.call_method(intern!(py, "create_task"), (coroutine,), Some(&keywords))
            }
        }
    }

    /// Whether no task is running on this thread's loop.
    pub fn none_is_running(&self, py: Python<'_>) -> bool {
        self.current_task.bind(py).call1((&self.event_loop,)).is_ok_and(|task| task.is_none())
    }

    /// A fresh context for one request.
    pub fn context<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        ffi::copy_context(self.context.bind(py))
    }
}
