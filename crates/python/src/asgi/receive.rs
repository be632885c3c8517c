//! `receive()`: the request body as it comes, and the news that the client has gone.

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::awaitable::Pending;
use super::exchange::{Exchange, Inner, Response};
use crate::ffi;

ffi::builtin!(
    /// The function given to the application.
    pub RECEIVE,
    c"receive",
    c"receive()\n--\n\nAwaits the next message of this request.",
    |this: Exchange| next_message(this.py(), this.get().inner()?)
);

fn next_message<'py>(py: Python<'py>, exchange: &Inner) -> PyResult<Bound<'py, PyAny>> {
    if let Some(message) = message_at_hand(py, exchange)? {
        return exchange.driver.ready.value(message);
    }
    let pending = Bound::new(py, Pending::new(&exchange.driver.event_loop, py))?;
    {
        let mut receivers = exchange
            .receivers
            .try_borrow_mut()
            .map_err(|_| PyRuntimeError::new_err("receive() was called from within itself"))?;
        receivers.retain(|waiting| waiting.get().is_waiting());
        receivers.push(pending.clone().unbind());
    }
    if !exchange.body_ended.get() {
        exchange.driver.want_body(py, exchange)?;
    }
    Ok(pending.into_any())
}

/// The next message, if there is one: body bytes or the end of the body, once; after that, the disconnect.
pub fn message_at_hand<'py>(py: Python<'py>, exchange: &Inner) -> PyResult<Option<Bound<'py, PyAny>>> {
    let gone = exchange.connection.get().is_none() || exchange.response.get() == Response::Complete;
    if !gone && !exchange.body_ended.get() {
        if let Some((body, ended)) = exchange.driver.take_body(exchange) {
            exchange.body_ended.set(ended);
            return Ok(Some(request(py, &body, !ended)?.into_any()));
        }
        return Ok(None);
    }
    if gone || exchange.half_closed.get() {
        exchange.told_disconnect.set(true);
        let message = PyDict::new(py);
        message.set_item(intern!(py, "type"), intern!(py, "http.disconnect"))?;
        return Ok(Some(message.into_any()));
    }
    Ok(None)
}

fn request<'py>(py: Python<'py>, body: &[u8], more: bool) -> PyResult<Bound<'py, PyDict>> {
    let message = PyDict::new(py);
    message.set_item(intern!(py, "type"), intern!(py, "http.request"))?;
    message.set_item(intern!(py, "body"), PyBytes::new(py, body))?;
    message.set_item(intern!(py, "more_body"), more)?;
    Ok(message)
}
