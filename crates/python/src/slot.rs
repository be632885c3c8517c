//! What other processes see of this one: the scoreboard, as Python and the gateways have it.

use std::os::fd::{OwnedFd, RawFd};
use std::sync::Arc;

use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use yett_logs::{AccessLog, Client, Record, RequestId};
use yett_supervisor::scoreboard::{self, EntryId, OwnSlot, State};

use crate::log;
use crate::settings::Settings;

/// How a request counts.
#[derive(Clone, Copy, Default)]
pub enum Counted {
    /// Not, or not any more.
    #[default]
    Not,
    /// It does, and has an entry, unless there are too many.
    As(Option<EntryId>),
}

/// The block of memory that supervisor and workers share. To be made before the first fork.
#[pyclass(frozen, module = "yett._core")]
pub struct Scoreboard {
    board: Arc<scoreboard::Scoreboard>,
}

#[pymethods]
impl Scoreboard {
    /// With room for so many processes.
    #[new]
    fn new(slots: usize) -> PyResult<Self> {
        Ok(Self { board: Arc::new(scoreboard::Scoreboard::new(slots)?.can_call(slots)) })
    }

    /// The slot of the process that calls this: once in each, after the fork. `bell`: a descriptor, which is duplicated;
    /// a byte is written to it when the supervisor is to look.
    #[pyo3(signature = (index, bell = None))]
    fn slot(&self, index: usize, bell: Option<RawFd>) -> PyResult<Slot> {
        let bell = bell.map(yett_net::ffi::duplicate).transpose()?;
        Slot::new(Arc::clone(&self.board), index, bell)
    }

    fn __len__(&self) -> usize {
        self.board.slots().len()
    }
}

/// A process's own slot.
#[pyclass(frozen, module = "yett._core")]
pub struct Slot {
    own: Arc<OwnSlot>,
}

impl Slot {
    /// # Errors
    /// `IndexError` if there is no such slot.
    pub fn new(board: Arc<scoreboard::Scoreboard>, index: usize, bell: Option<OwnedFd>) -> PyResult<Self> {
        let own = OwnSlot::new(board, index, bell);
        let own = own.ok_or_else(|| PyIndexError::new_err("the scoreboard has no such slot"))?;
        Ok(Self { own: Arc::new(own) })
    }

    /// For a gateway.
    pub fn own(&self) -> Arc<OwnSlot> {
        Arc::clone(&self.own)
    }
}

#[pymethods]
impl Slot {
    /// Makes it a new worker's.
    fn take(&self, seat: u32, generation: u32) {
        self.own.slot().take(seat, generation);
    }

    /// Its worker serves.
    fn ready(&self) {
        self.own.slot().holder().set_pid(std::process::id());
        self.own.slot().set_state(State::Ready);
    }

    /// Has the worker ask for a replacement after so many requests; 0: never.
    fn limit_requests(&self, limit: u64) {
        self.own.slot().limit_requests(limit);
    }

    /// How far the worker is, in words: of `State`, in Rust.
    #[getter]
    fn state(&self) -> String {
        format!("{:?}", self.own.slot().state())
    }

    /// Requests in the application.
    #[getter]
    fn in_flight(&self) -> u32 {
        self.own.slot().in_flight()
    }

    /// Requests that have begun.
    #[getter]
    fn requests(&self) -> u64 {
        self.own.slot().requests()
    }

    /// Connections that it has accepted.
    #[getter]
    fn accepted(&self) -> u64 {
        self.own.slot().accepted()
    }

    /// Method and target of the requests that run, the first begun first.
    #[getter]
    fn running(&self) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let running = self.own.slot().running();
        running.iter().map(|request| (text(&request.method), text(&request.target))).collect()
    }
}

/// Writes the access-log lines of the requests that the worker of `slot` was answering when it died, if there is an access
/// log; how many they are. To be called when it was reaped, before its slot is freed.
///
/// # Errors
/// `OSError` if the access log cannot be opened.
#[pyfunction]
#[pyo3(name = "lost_requests")]
pub fn lost_requests(board: &Scoreboard, slot: usize, settings: &Settings) -> PyResult<usize> {
    let access_log = log::open_access_log(&settings.values)?;
    let Some(slot) = board.board.slot(slot) else {
        return Err(PyIndexError::new_err("the scoreboard has no such slot"));
    };
    Ok(write_lost(slot, access_log.as_ref()))
}

/// See [`lost_requests`], which opens the log.
pub fn write_lost(slot: &scoreboard::Slot, access_log: Option<&AccessLog>) -> usize {
    let running = slot.running();
    let lost = running.iter().filter(|request| !request.told);
    let mut count = 0;
    for request in lost {
        count += 1;
        let client = request.peer.map_or(Client::Unix, |peer| Client::Ip(peer.ip()));
        let mut record =
            Record::of_lost(client, &request.method, &request.target, request.began, request.status);
        record.request_id = RequestId::take(&request.id).unwrap_or_default();
        if let Some(log) = access_log {
            log.write(&record);
        }
    }
    count
}
