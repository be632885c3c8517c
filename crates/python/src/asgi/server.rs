//! What Python sees of the gateway: one object for each event loop.

use std::os::fd::AsRawFd;
use std::rc::Rc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::driver::{Driver, Parts};
use super::overdue::Beats;
use super::scope::Scopes;
use super::task::Tasks;
use crate::ffi::ThreadBound;
use crate::listeners::Listener;
use crate::options::Options;
use crate::settings::Settings;
use crate::slot::Slot;
use crate::watch::{Limits, Place, Watch};

/// Serves one ASGI application from inside one event loop. To be made and used on the loop's thread.
#[pyclass(frozen, module = "yett._core")]
pub struct Server {
    driver: ThreadBound<Rc<Driver>>,
}

#[pymethods]
impl Server {
    /// `application`: an ASGI 3 callable that returns a coroutine. `state`: the lifespan's, or None. `context`: copied
    /// for each request. `slot`: where the supervisor sees what goes on. The listeners are taken over.
    #[new]
    #[pyo3(signature = (application, event_loop, listeners, settings, state, context, slot = None))]
    #[allow(clippy::needless_pass_by_value, clippy::too_many_arguments)] // the signature that Python sees
    fn new(
        py: Python<'_>,
        application: Py<PyAny>,
        event_loop: Bound<'_, PyAny>,
        listeners: Vec<Bound<'_, Listener>>,
        settings: &Settings,
        state: Option<Py<PyDict>>,
        context: Py<PyAny>,
        slot: Option<&Slot>,
    ) -> PyResult<Self> {
        let settings = &settings.values;
        let limits = Limits::new(settings);
        let place = Place::find(limits, slot);
        let options = Options::new(settings, place.as_ref().map(Place::own))?;
        let listeners =
            listeners.iter().map(|listener| listener.get().take()).collect::<PyResult<Vec<_>>>()?;
        let driver = Driver::new(
            py,
            Parts {
                tasks: Tasks::new(py, &event_loop, context, settings.eager_tasks)?,
                event_loop: event_loop.unbind(),
                application,
                scopes: Scopes::new(py, settings, state)?,
                listeners,
                options,
                beats: Beats::new(limits, place),
            },
        )?;
        Ok(Self { driver: ThreadBound::new(Rc::new(driver)) })
    }

    /// Begins to serve: the loop watches the reactor.
    fn start(this: &Bound<'_, Self>) -> PyResult<()> {
        let py = this.py();
        let driver = this.get().driver.get_or_raise()?;
        let tick = this.getattr(intern!(py, "tick"))?;
        let tick_again = this.getattr(intern!(py, "tick_again"))?;
        driver.start_accepting();
        let fd = driver.reactor.fd().as_raw_fd();
        driver.event_loop.bind(py).call_method1(intern!(py, "add_reader"), (fd, &tick))?;
        driver.tick_callback.replace(Some(tick_again.unbind()));
        Ok(())
    }

    /// Does what there is to do. The loop calls it when the reactor has news.
    fn tick(&self, py: Python<'_>) -> PyResult<()> {
        self.driver.get_or_raise()?.tick(py)
    }

    /// Does what was left over. The loop calls it when the last tick has asked for it.
    fn tick_again(&self, py: Python<'_>) -> PyResult<()> {
        self.driver.get_or_raise()?.tick_again(py)
    }

    /// Watches the loop and the requests until the object that is returned ends, as a context manager.
    fn watch(&self, py: Python<'_>) -> PyResult<Watch> {
        self.driver.get_or_raise()?.watch(py)
    }

    /// Closes the listeners, and the connections that are idle; calls `callback` when all requests have been answered.
    fn drain(&self, py: Python<'_>, callback: Py<PyAny>) -> PyResult<()> {
        self.driver.get_or_raise()?.drain(py, callback)
    }

    /// From now on responses say `Connection: close`, and it is closed; accepting goes on.
    fn closing(&self) -> PyResult<()> {
        self.driver.get_or_raise()?.close_soon();
        Ok(())
    }

    /// Closes the listeners, which other processes have as well. Connections that are open may bring one more request.
    /// Calls `callback` when none is open any more.
    fn leave(&self, py: Python<'_>, callback: Py<PyAny>) -> PyResult<()> {
        self.driver.get_or_raise()?.leave(py, callback)
    }

    /// Cancels the tasks of the requests that are still running, and says how many. `streams`: also of those that have
    /// sent a part of their response and have more to send.
    #[pyo3(signature = (streams = true))]
    fn cancel_running(&self, py: Python<'_>, streams: bool) -> PyResult<usize> {
        self.driver.get_or_raise()?.cancel_running(py, streams)
    }

    /// Requests that have sent a part of their response and have more to send.
    #[getter]
    fn streaming(&self) -> PyResult<usize> {
        self.driver.get_or_raise()?.streaming()
    }

    /// Ends: every connection is dropped, the loop no longer watches, the listeners are closed.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let driver = self.driver.get_or_raise()?;
        let closed = driver.close_all(py);
        driver.stop_beating();
        driver.close_listeners();
        let fd = driver.reactor.fd().as_raw_fd();
        driver.event_loop.bind(py).call_method1(intern!(py, "remove_reader"), (fd,))?;
        driver.tick_callback.take();
        closed
    }

    /// Open connections, idle ones included.
    #[getter]
    fn connections(&self) -> PyResult<usize> {
        Ok(self.driver.get_or_raise()?.slots.borrow().len())
    }

    /// Requests whose task is running.
    #[getter]
    fn running(&self) -> PyResult<usize> {
        Ok(self.driver.get_or_raise()?.running.borrow().len())
    }
}
