//! When the line of a request is written, and what it says at last.

use pyo3::prelude::*;
use yett_logs::{Needs, Record};
use yett_net::connection::OUTPUT_HIGH_WATER;
use yett_net::{Connection, Token};

use super::driver::Driver;
use super::exchange::Inner;
use crate::options::Options;
use crate::requests;

impl Driver {
    /// Runs `act` on the record of a request, if there is one.
    pub fn with_record(&self, exchange: &Inner, act: impl FnOnce(&mut Record, &Needs)) {
        if let Some(log) = &self.options.access_log
            && let Some(record) = exchange.record.borrow_mut().as_mut()
        {
            act(record, log.needs());
        }
    }

    /// A request is over. Its line is written when the client has taken the response, or nearly.
    pub fn log_access(&self, py: Python<'_>, exchange: &Inner, token: Token) {
        let Some(mut record) = self.take_record(py, exchange) else { return };
        let mut slots = self.slots.borrow_mut();
        let (Some(log), Some(slot)) = (&self.options.access_log, slots.get_mut(token)) else { return };
        let connection = &slot.connection;
        if connection.output_pending() < OUTPUT_HIGH_WATER || connection.is_done() {
            return requests::write(log, &mut record, connection);
        }
        log_undelivered(&self.options, connection, &mut slot.undelivered);
        requests::measure(&mut record, connection);
        slot.undelivered = Some(record);
    }

    /// Writes the line of a request whose connection is gone.
    pub fn write_record(&self, py: Python<'_>, exchange: &Inner, connection: &Connection) {
        if let Some(log) = &self.options.access_log
            && let Some(mut record) = self.take_record(py, exchange)
        {
            requests::note_loss(&mut record, connection);
            requests::write(log, &mut record, connection);
        }
    }

    fn take_record(&self, py: Python<'_>, exchange: &Inner) -> Option<Box<Record>> {
        let log = self.options.access_log.as_ref()?;
        let mut record = exchange.record.take()?;
        self.options.count_told(exchange.counted.get());
        if !log.needs().variables().is_empty()
            && let Some(scope) = &*exchange.scope.borrow()
        {
            requests::read_variables(&mut record, log.needs(), scope.bind(py));
        }
        Some(record)
    }
}

/// The client has taken the response of a request before, or never will.
pub fn log_undelivered(options: &Options, connection: &Connection, record: &mut Option<Box<Record>>) {
    if let Some(log) = &options.access_log
        && let Some(mut record) = record.take()
    {
        requests::write_delivered(log, &mut record, connection);
    }
}
