//! The extension module `yett._core`: the only crate that knows Python.
//!
//! | question | file |
//! |---|---|
//! | How is an ASGI application served? | `asgi` |
//! | How is a WSGI application served? | `wsgi` |
//! | What are the settings, and what does the command line say? | `settings` (the registry is the crate `yett-settings`), `options` (for gateways), `elsewhere` (other servers' options) |
//! | How are addresses opened, and what if that fails? | `listeners` |
//! | What is believed of proxies in front? | `proxies` (what their words mean: `yett_proto::gateway`) |
//! | How does the process learn that it is to stop? | `signals` |
//! | How are workers looked after? | `supervisor` (the crate `yett-supervisor` decides), `seat` (the worker's side) |
//! | What do other processes see of this one? | `slot` (the scoreboard is the crate `yett-supervisor`) |
//! | What is systemd told? | `systemd` |
//! | How does `yett dev` learn that files have changed? | `watcher` |
//! | Which connections are left to other workers? | `sharing` (whose each is: `yett-supervisor`) |
//! | What if something does not go on? | `watch` |
//! | Where do messages go? | `log` (the crate `yett-logs` writes them), `requests` (what is known of each) |
//! | What is kept of header blocks that come again, and of their names? | `block_cache`, `common_names` |
//! | What of the C API is used by hand? | `ffi` |

mod asgi;
mod block_cache;
mod common_names;
mod elsewhere;
mod ffi;
mod listeners;
mod log;
mod options;
mod orphan;
mod proxies;
mod requests;
mod seat;
mod settings;
mod sharing;
mod signals;
mod slot;
mod supervisor;
mod systemd;
mod watch;
mod watcher;
mod wsgi;

use pyo3::exceptions::{PyBaseException, PyConnectionError};
use pyo3::prelude::*;

pyo3::create_exception!(
    yett,
    ClientDisconnected,
    PyConnectionError,
    "Raised by send() of ASGI, and by write() and wsgi.input of WSGI, when the client has gone: an OSError."
);

pyo3::create_exception!(
    yett,
    RequestTimeout,
    PyBaseException,
    "Raised in a thread whose WSGI request has taken longer than it may (request_timeout, request_total_timeout, or \
     beat_timeout when all threads are stuck): no Exception, so that no handler for errors holds it up, as none does \
     for asyncio.CancelledError."
);

// Whoever runs a build without the GIL gets it back: `ThreadBound` relies on it.
#[pymodule(gil_used = true)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("RequestTimeout", module.py().get_type::<RequestTimeout>())?;
    module.add("ClientDisconnected", module.py().get_type::<ClientDisconnected>())?;
    module.add_class::<asgi::Server>()?;
    module.add_class::<asgi::Pending>()?;
    module.add_class::<watch::Watch>()?;
    module.add_class::<wsgi::ErrorStream>()?;
    module.add_class::<wsgi::WsgiServer>()?;
    module.add_class::<listeners::Listener>()?;
    module.add_class::<settings::Settings>()?;
    module.add_function(wrap_pyfunction!(settings::registry, module)?)?;
    module.add_function(wrap_pyfunction!(elsewhere::elsewhere, module)?)?;
    module.add_function(wrap_pyfunction!(settings::config_file, module)?)?;
    module.add_class::<settings::Invocation>()?;
    module.add_class::<signals::StopSignals>()?;
    module.add_class::<seat::Seat>()?;
    module.add_class::<supervisor::Supervisor>()?;
    module.add_function(wrap_pyfunction!(supervisor::usable_cpus, module)?)?;
    module.add_function(wrap_pyfunction!(seat::name_process, module)?)?;
    module.add_function(wrap_pyfunction!(seat::end_with_parent, module)?)?;
    module.add_function(wrap_pyfunction!(seat::make_room_for_descriptors, module)?)?;
    module.add_function(wrap_pyfunction!(signals::leave_signals, module)?)?;
    module.add_class::<slot::Scoreboard>()?;
    module.add_class::<slot::Slot>()?;
    module.add_function(wrap_pyfunction!(slot::lost_requests, module)?)?;
    module.add_class::<watcher::Watcher>()?;
    module.add_function(wrap_pyfunction!(listeners::open_listeners, module)?)?;
    module.add_function(wrap_pyfunction!(listeners::py_names_addresses, module)?)?;
    module.add_function(wrap_pyfunction!(settings::parse_command_line, module)?)?;
    module.add_class::<systemd::Notifier>()?;
    module.add_function(wrap_pyfunction!(systemd::systemd_variables, module)?)?;
    module.add_function(wrap_pyfunction!(systemd::passed_sockets, module)?)?;
    module.add_function(wrap_pyfunction!(log::flush_logs, module)?)?;
    module.add_function(wrap_pyfunction!(log::log_files, module)?)?;
    module.add_function(wrap_pyfunction!(log::open_logs, module)?)?;
    module.add_function(wrap_pyfunction!(log::check_access_log, module)?)?;
    module.add_function(wrap_pyfunction!(log::write_log, module)?)?;
    log::watch_process(module)?;
    Ok(())
}
