//! The objects that are lent to the application for a request: an exchange, `start_response` and `write`.
//!
//! Making them is a tenth of what a small request costs us, and nearly every application gives them back: when the
//! request is over, nobody but us holds them. Then they serve the next one. If somebody does hold them (a closure, a
//! traceback), they are his, and say from then on that the request is over.

use std::cell::RefCell;

use pyo3::prelude::*;

use super::exchange::{Exchange, START_RESPONSE, WRITE};
use super::worker::Worker;
use crate::ffi::reference_count;

/// A set of them.
pub struct Lent {
    pub exchange: Py<Exchange>,
    pub start_response: Py<PyAny>,
}

/// The set that was given back. One for each thread.
#[derive(Default)]
pub struct Shelf(RefCell<Option<Lent>>);

impl Shelf {
    /// A set for a request of `worker`'s.
    ///
    /// # Errors
    /// There is no memory for it; then the worker is lost.
    pub fn lend(&self, py: Python<'_>, worker: Box<Worker>) -> PyResult<Lent> {
        let lent = match self.0.take() {
            Some(lent) => lent,
            None => Lent::new(py)?,
        };
        lent.exchange.get().inner()?.begin(worker);
        Ok(lent)
    }

    /// Takes a set back, if the application has let go of it.
    pub fn take_back(&self, py: Python<'_>, lent: Lent) -> PyResult<()> {
        let inner = lent.exchange.get().inner()?;
        let write = inner.write.take();
        // The exchange is held by us and by each of the two functions bound to it.
        let free = reference_count(lent.exchange.bind(py)) == 3
            && reference_count(lent.start_response.bind(py)) == 1
            && write.as_ref().is_some_and(|write| reference_count(write.bind(py)) == 1);
        if free {
            inner.write.replace(write);
            self.0.replace(Some(lent));
        }
        Ok(())
    }

    /// The thread ends.
    pub fn clear(&self) {
        // The exchange holds `write`, which holds the exchange.
        if let Some(lent) = self.0.take()
            && let Ok(inner) = lent.exchange.get().inner()
        {
            drop(inner.write.take());
        }
    }
}

impl Lent {
    fn new(py: Python<'_>) -> PyResult<Self> {
        let exchange = Bound::new(py, Exchange::default())?;
        let start_response = START_RESPONSE.bind(py, exchange.as_any())?.unbind();
        exchange.get().inner()?.write.replace(Some(WRITE.bind(py, exchange.as_any())?.unbind()));
        Ok(Self { exchange: exchange.unbind(), start_response })
    }
}
