//! Objects for the field names that clients and proxies send: made once, found by the name in any case.

use std::collections::HashMap;

use pyo3::prelude::*;

/// Longer than any of the names.
const LONGEST: usize = 64;

/// Field names that clients and proxies send. Others are made as they come.
const NAMES: &[&str] = &[
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "dnt",
    "expect",
    "forwarded",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "max-forwards",
    "origin",
    "pragma",
    "priority",
    "proxy-authorization",
    "purpose",
    "range",
    "referer",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-user",
    "sec-gpc",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "via",
    "x-api-key",
    "x-csrf-token",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
    "x-requested-with",
];

/// One object for each common name.
pub struct CommonNames<T> {
    by_name: HashMap<&'static [u8], Py<T>>,
}

impl<T> CommonNames<T> {
    /// `make` is given each name, in lower case.
    pub fn new(make: impl Fn(&'static str) -> Py<T>) -> Self {
        Self { by_name: NAMES.iter().map(|name| (name.as_bytes(), make(name))).collect() }
    }

    /// What was made for a name; `None` if it is not a common one.
    pub fn get(&self, name: &[u8]) -> Option<&Py<T>> {
        let mut buffer = [0u8; LONGEST];
        let lower = buffer.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        self.by_name.get(&*lower)
    }
}
