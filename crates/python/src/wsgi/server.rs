//! What Python sees of the gateway: one object for each server, and in it the loop of each thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use yett_net::clock;

use super::engine::{Engine, SharedEngine};
use super::posts::Posts;
use super::run::Gateway;
use super::worker::Worker;
use crate::listeners::Listener;
use crate::options::Options;
use crate::settings::Settings;
use crate::slot::Slot;
use crate::watch::{Limits, Place, Watch};

/// Serves one WSGI application from several threads, each of which calls `serve()`.
#[pyclass(frozen, module = "yett._core")]
pub struct WsgiServer {
    engine: SharedEngine,
    application: Py<PyAny>,
    context: Py<PyAny>,
    settings: Py<Settings>,
}

#[pymethods]
impl WsgiServer {
    /// `context`: copied for each request. `slot`: where the supervisor sees what goes on. The listeners are taken over.
    #[new]
    #[pyo3(signature = (application, listeners, settings, context, slot = None))]
    #[allow(clippy::needless_pass_by_value)] // the signature that Python sees
    fn new(
        application: Py<PyAny>,
        listeners: Vec<Bound<'_, Listener>>,
        settings: Py<Settings>,
        context: Py<PyAny>,
        slot: Option<&Slot>,
    ) -> PyResult<Self> {
        let limits = Limits::new(&settings.get().values);
        let place = Place::find(limits, slot);
        let options = Options::new(&settings.get().values, place.as_ref().map(Place::own))?;
        let listeners =
            listeners.iter().map(|listener| listener.get().take()).collect::<PyResult<Vec<_>>>()?;
        let engine = Arc::new(Engine::new(
            listeners,
            options,
            Posts::new(limits, place),
            settings.get().values.threads,
        )?);
        Ok(Self { engine, application, context, settings })
    }

    /// Begins to accept connections.
    fn start(&self) {
        self.engine.start();
    }

    /// Works until the server stops: the body of a thread.
    fn serve(&self, py: Python<'_>) -> PyResult<()> {
        let post = self.engine.posts.enlist(py);
        let gateway = Gateway::new(
            py,
            self.application.clone_ref(py),
            self.context.clone_ref(py),
            &self.settings.get().values,
            &self.engine,
            Arc::clone(&post),
        )?;
        let new_worker = || Box::new(Worker::new(SharedEngine::clone(&self.engine), Arc::clone(&post)));
        let mut worker = new_worker();
        loop {
            let (request, ready) = py.detach(|| {
                let request = worker.next_request();
                // Alone, nobody is in the way; then there is nothing to be measured.
                let ready = (!self.engine.crew.is_alone()).then(clock::now_micros);
                (request, ready)
            });
            let Some(request) = request else {
                gateway.shelf.clear();
                self.engine.posts.leave(&post);
                return Ok(());
            };
            let entered = ready.map(|ready| (ready, clock::now_micros()));
            worker = gateway.run(py, worker, request).unwrap_or_else(new_worker);
            if let Some((ready, entered)) = entered {
                let (wait, stay) =
                    (entered.saturating_sub(ready), clock::now_micros().saturating_sub(entered));
                worker.member.door.visited(wait, stay);
            }
        }
    }

    /// From now on responses say `Connection: close`, and it is closed; accepting goes on.
    fn closing(&self) {
        self.engine.close_soon();
    }

    /// Closes the listeners, which other processes have as well. Connections that are open may bring one more request.
    fn leave(&self, py: Python<'_>) {
        py.detach(|| self.engine.leave());
    }

    /// Watches the threads and the requests until the object that is returned ends, as a context manager.
    fn watch(&self, py: Python<'_>) -> PyResult<Watch> {
        let subject = SharedEngine::clone(&self.engine);
        let Posts { limits, place, .. } = &self.engine.posts;
        Watch::start(py, subject, *limits, place.clone())
    }

    /// Closes the listeners, and the connections that are idle.
    fn drain(&self, py: Python<'_>) {
        py.detach(|| self.engine.drain());
    }

    /// After `leave()`, waits until no connection is open, `seconds` at most. Whether that is so.
    fn wait_until_empty(&self, py: Python<'_>, seconds: f64) -> bool {
        py.detach(|| self.engine.wait_until_empty(end_of(seconds)))
    }

    /// After `drain()`, waits until all requests have been answered, `seconds` at most. Whether they have.
    fn wait_until_drained(&self, py: Python<'_>, seconds: f64) -> bool {
        py.detach(|| self.engine.wait_until_drained(end_of(seconds)))
    }

    /// Ends: threads return from `serve()` as soon as they are not in the application; the listeners are closed.
    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.engine.stop());
    }

    /// To be called when the threads have ended: what is not finished is told in the access log.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.engine.log_unfinished());
    }

    /// Open connections, idle ones included.
    #[getter]
    fn connections(&self) -> usize {
        self.engine.clients.len()
    }
}

fn end_of(seconds: f64) -> Option<Instant> {
    Instant::now().checked_add(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}
