//! What the operator has decided, as the gateways need it.

use std::sync::Arc;

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use yett_net::Timeouts;
use yett_proto::limits::Limits;
use yett_settings::Settings;

use crate::access_log;
use crate::proxies::Proxies;

/// The settings that both gateways share, and those of WSGI.
pub struct Options {
    pub limits: Arc<Limits>,
    pub timeouts: Timeouts,
    pub server_header: bool,
    pub access_log: Option<access_log::Writer>,
    /// What is believed of proxies in front.
    pub proxies: Proxies,
    /// Request bodies are collected before the application is called.
    pub request_buffering: bool,
    /// Bytes of a response that may wait for its client in a temporary file.
    pub response_spool: u64,
}

impl Options {
    /// # Errors
    /// `OSError` if the access log cannot be opened.
    pub fn new(settings: &Settings) -> PyResult<Self> {
        let target = &settings.access_log;
        let access_log = access_log::Writer::open(target)
            .map_err(|error| PyOSError::new_err(format!("cannot open the access log {target}: {error}")))?;
        Ok(Self {
            limits: Arc::new(Limits {
                request_line: settings.limit_request_line,
                field: settings.limit_field,
                head: settings.limit_head,
                fields: settings.limit_fields,
                body: settings.limit_body,
                chunk_line: settings.limit_chunk_line,
                trailers: settings.limit_trailers,
            }),
            timeouts: Timeouts {
                head: settings.head_timeout,
                keep_alive: settings.keep_alive_timeout,
                body: settings.body_timeout,
                write: settings.write_timeout,
            },
            server_header: settings.server_header,
            access_log,
            proxies: Proxies::new(settings)?,
            request_buffering: settings.request_buffering,
            response_spool: settings.response_spool,
        })
    }
}
