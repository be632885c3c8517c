//! How the application's task is started: a real `asyncio.Task`, one per request (design, section 4, rules 1 to 3).

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

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
    class: Py<PyType>,
    /// `loop` and `eager_start`; a copy gets the request's `context`.
    keywords: Py<PyDict>,
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
            let keywords = PyDict::new(py);
            keywords.set_item(intern!(py, "loop"), event_loop)?;
            keywords.set_item(intern!(py, "eager_start"), true)?;
            Some(Eager {
                class: py.import("asyncio")?.getattr("Task")?.cast_into::<PyType>()?.unbind(),
                keywords: keywords.unbind(),
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
    ///
    /// # Errors
    /// The coroutine is none, or its eagerly run first step raised `SystemExit` or `KeyboardInterrupt`.
    pub fn start<'py>(
        &self,
        py: Python<'py>,
        coroutine: &Bound<'py, PyAny>,
        context: &Bound<'py, PyAny>,
        eagerly: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let event_loop = self.event_loop.bind(py);
        match &self.eager {
            Some(eager) if eagerly => {
                let keywords = eager.keywords.bind(py).copy()?;
                keywords.set_item(intern!(py, "context"), context)?;
                let positional = PyTuple::new(py, [coroutine])?;
                ffi::construct(eager.class.bind(py), &positional, &keywords).map_err(|(error, task)| {
                    if let Some(task) = task {
                        // Asked for its exception, it does not complain at its end that nobody did. If there is none,
                        // the task never began, and its answer, an error again, says nothing new.
                        let _ = task.call_method0(intern!(py, "exception"));
                    }
                    error
                })
            }
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
