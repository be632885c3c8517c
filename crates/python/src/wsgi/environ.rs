//! What the application is told of a request: `environ` (PEP 3333; the names are those of CGI, RFC 3875 §4.1).
//!
//! As with the ASGI scope: a copy of a template, with everything in it that a header block has said before.

use std::net::SocketAddr;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule, PyString};
use yett_net::{Address, Connection, Peer};
use yett_proto::gateway::forwarded::Origin;
use yett_proto::request::{RequestHead, Version};
use yett_proto::target::percent_decode;
use yett_settings::{Settings, UnderscoreHeaders};

use super::client::Addresses;
use super::errors::ErrorStream;
use super::exchange::Exchange;
use crate::block_cache::{BlockCache, Found};
use crate::common_names::CommonNames;
use crate::ffi::from_latin1;
use crate::proxies::Forwarding;
use crate::requests;

/// Methods whose names are made once.
const METHODS: &[&str] = &["POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"];

/// Makes `environ`s. One for each thread.
pub struct Environs {
    template: Py<PyDict>,
    keys: Keys,
    methods: Vec<(&'static [u8], Py<PyString>)>,
    http10: Py<PyString>,
    root_path: String,
    keep_underscores: bool,
    names: CommonNames<PyString>,
    blocks: BlockCache<PyDict>,
}

struct Keys {
    request_method: Py<PyString>,
    path_info: Py<PyString>,
    query_string: Py<PyString>,
    raw_uri: Py<PyString>,
    request_uri: Py<PyString>,
    server_protocol: Py<PyString>,
    server_name: Py<PyString>,
    server_port: Py<PyString>,
    remote_addr: Py<PyString>,
    remote_port: Py<PyString>,
    content_length: Py<PyString>,
    input: Py<PyString>,
    early_hints: Py<PyString>,
    script_name: Py<PyString>,
    url_scheme: Py<PyString>,
    host: Py<PyString>,
}

impl Environs {
    /// `support` is the module `yett.streams`; `listener` the address where all connections come in, if there is only
    /// one.
    pub fn new(
        support: &Bound<'_, PyModule>,
        settings: &Settings,
        listener: Option<&Address>,
    ) -> PyResult<Self> {
        let py = support.py();
        let text = |text: &str| PyString::intern(py, text).unbind();
        let template = PyDict::new(py);
        // In the order in which people look for them; what differs from request to request is filled in then.
        template.set_item(text("REQUEST_METHOD"), text("GET"))?;
        for key in ["SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "RAW_URI", "REQUEST_URI"] {
            template.set_item(text(key), "")?;
        }
        template.set_item(text("SCRIPT_NAME"), from_latin1(py, settings.root_path.as_bytes())?)?;
        template.set_item(text("SERVER_PROTOCOL"), text("HTTP/1.1"))?;
        template.set_item(text("SERVER_SOFTWARE"), concat!("yett/", env!("CARGO_PKG_VERSION")))?;
        let (name, port) = server(None, listener);
        template.set_item(text("SERVER_NAME"), name)?;
        template.set_item(text("SERVER_PORT"), port)?;
        for key in ["REMOTE_ADDR", "REMOTE_PORT"] {
            template.set_item(text(key), "")?;
        }
        template.set_item(text("wsgi.version"), (1, 0))?;
        template.set_item(text("wsgi.url_scheme"), text("http"))?;
        template.set_item(text("wsgi.input"), support.getattr("EMPTY_INPUT")?)?;
        template.set_item(text("wsgi.input_terminated"), true)?;
        template.set_item(text("wsgi.errors"), Bound::new(py, ErrorStream)?)?;
        template.set_item(text("wsgi.multithread"), settings.threads > 1)?;
        template.set_item(text("wsgi.multiprocess"), false)?;
        template.set_item(text("wsgi.run_once"), false)?;
        template.set_item(text("wsgi.file_wrapper"), support.getattr("FileWrapper")?)?;
        template.set_item(text("wsgi.early_hints"), py.None())?;
        requests::reserve_id(&template, settings)?;
        Ok(Self {
            template: template.unbind(),
            keys: Keys {
                request_method: text("REQUEST_METHOD"),
                path_info: text("PATH_INFO"),
                query_string: text("QUERY_STRING"),
                raw_uri: text("RAW_URI"),
                request_uri: text("REQUEST_URI"),
                server_protocol: text("SERVER_PROTOCOL"),
                server_name: text("SERVER_NAME"),
                server_port: text("SERVER_PORT"),
                remote_addr: text("REMOTE_ADDR"),
                remote_port: text("REMOTE_PORT"),
                content_length: text("CONTENT_LENGTH"),
                input: text("wsgi.input"),
                early_hints: text("wsgi.early_hints"),
                script_name: text("SCRIPT_NAME"),
                url_scheme: text("wsgi.url_scheme"),
                host: text("HTTP_HOST"),
            },
            methods: METHODS.iter().map(|method| (method.as_bytes(), text(method))).collect(),
            http10: text("HTTP/1.0"),
            root_path: settings.root_path.clone(),
            keep_underscores: settings.underscore_headers == UnderscoreHeaders::Allow,
            names: CommonNames::new(|name| PyString::intern(py, &variable(name.as_bytes())).unbind()),
            blocks: BlockCache::default(),
        })
    }

    /// The `environ` of one request, but for what [`Environs::complete`] puts in.
    pub fn make<'py>(
        &self,
        py: Python<'py>,
        head: &RequestHead<'_>,
        addresses: &Addresses,
        forwarding: &Forwarding,
    ) -> PyResult<Bound<'py, PyDict>> {
        let keys = &self.keys;
        let environ = self.with_headers(py, head, forwarding)?;
        if head.method() != b"GET" {
            environ.set_item(&keys.request_method, self.method(py, head.method())?)?;
        }
        if !head.query().is_empty() {
            environ.set_item(&keys.query_string, from_latin1(py, head.query())?)?;
        }
        // Under both names: Gunicorn's, and that of Apache, uWSGI and nginx.
        let uri = from_latin1(py, head.target())?;
        let path = percent_decode(head.path());
        let mount = forwarding.mount(&self.root_path);
        let path = mount.below(&path);
        // Mostly they are the same.
        let path = if path == head.target() { uri.clone() } else { from_latin1(py, path)? };
        environ.set_item(&keys.path_info, path)?;
        environ.set_item(&keys.raw_uri, &uri)?;
        environ.set_item(&keys.request_uri, uri)?;
        if head.version() == Version::Http10 {
            environ.set_item(&keys.server_protocol, &self.http10)?;
        }
        if let Some((name, port)) = &addresses.server {
            environ.set_item(&keys.server_name, name)?;
            environ.set_item(&keys.server_port, port)?;
        }
        // The template has both, empty.
        if !forwarding.hides_client() {
            environ.set_item(&keys.remote_addr, &addresses.remote_address)?;
        }
        match &addresses.remote_port {
            Some(port) if !forwarding.hides_client() => environ.set_item(&keys.remote_port, port)?,
            _ => environ.del_item(&keys.remote_port)?,
        }
        if let Some(origin) = forwarding.origin() {
            if origin.prefix.is_some() {
                environ.set_item(&keys.script_name, from_latin1(py, mount.whole.as_bytes())?)?;
            }
            self.show_origin(&environ, head, origin, addresses)?;
        }
        Ok(environ)
    }

    /// What a trusted proxy has said, in the places where a server without one has its own: as werkzeug's ProxyFix does.
    fn show_origin(
        &self,
        environ: &Bound<'_, PyDict>,
        head: &RequestHead<'_>,
        origin: &Origin,
        addresses: &Addresses,
    ) -> PyResult<()> {
        let keys = &self.keys;
        if let Some(client) = origin.client {
            environ.set_item(&keys.remote_addr, client.address.to_string())?;
            match client.port {
                Some(port) => environ.set_item(&keys.remote_port, port.to_string())?,
                None if environ.contains(&keys.remote_port)? => environ.del_item(&keys.remote_port)?,
                None => {}
            }
        }
        if let Some(scheme) = origin.scheme {
            environ.set_item(&keys.url_scheme, scheme.as_str())?;
            if addresses.portless {
                environ.set_item(&keys.server_port, scheme.default_port().to_string())?;
            }
        }
        if let Some(authority) = origin.authority(head.authority()) {
            if let Some(host) = authority.host {
                environ.set_item(&keys.host, host)?;
            }
            if let Some(name) = authority.name {
                environ.set_item(&keys.server_name, name)?;
            }
            environ.set_item(&keys.server_port, authority.port.to_string())?;
        }
        Ok(())
    }

    /// Puts in what belongs to the exchange. `input`: `None` for a request without a body. `decoded`: the length of a body that came without one and was collected;
    /// it is given as if the client had sent it, and the transfer coding that was undone is not mentioned any more
    /// (RFC 3875 §4.1.2; several frameworks read no body without CONTENT_LENGTH).
    pub fn complete(
        &self,
        environ: &Bound<'_, PyDict>,
        input: Option<&Bound<'_, PyAny>>,
        early_hints: &Bound<'_, Exchange>,
        decoded: Option<u64>,
    ) -> PyResult<()> {
        if let Some(input) = input {
            environ.set_item(&self.keys.input, input)?;
        }
        environ.set_item(&self.keys.early_hints, early_hints)?;
        if let Some(length) = decoded {
            environ.set_item(&self.keys.content_length, length.to_string())?;
            environ.del_item("HTTP_TRANSFER_ENCODING")?;
        }
        Ok(())
    }

    fn method<'py>(&self, py: Python<'py>, method: &[u8]) -> PyResult<Bound<'py, PyString>> {
        match self.methods.iter().find(|(name, _)| *name == method) {
            Some((_, text)) => Ok(text.bind(py).clone()),
            None => from_latin1(py, method),
        }
    }

    /// The template with the request's header fields.
    fn with_headers<'py>(
        &self,
        py: Python<'py>,
        head: &RequestHead<'_>,
        forwarding: &Forwarding,
    ) -> PyResult<Bound<'py, PyDict>> {
        // Otherwise not all of the block is shown, or the value of Host is not the one in it.
        let whole = !head.rewrites_host() && !matches!(forwarding, Forwarding::Stripped);
        let block = whole.then(|| self.blocks.look_up(py, head.field_block()));
        if let Some(Found::Known(environ)) = block {
            return environ.copy();
        }
        let environ = self.template.bind(py).copy()?;
        for (name, value) in head.fields().filter(|(name, _)| !forwarding.hides(name)) {
            let Some(key) = self.key(py, name) else { continue };
            let value = from_latin1(py, value)?;
            let value = match environ.get_item(&key)? {
                None => value,
                Some(earlier) => match joined_by(name) {
                    Some(separator) => earlier.add(separator)?.add(value)?.cast_into::<PyString>()?,
                    None => continue,
                },
            };
            environ.set_item(key, value)?;
        }
        if let Some(Found::New(place)) = block {
            self.blocks.remember(place, head.field_block(), || environ.copy())?;
        }
        Ok(environ)
    }

    /// Under which name a field stands; `None` for those that are left out.
    fn key<'py>(&self, py: Python<'py>, name: &[u8]) -> Option<Bound<'py, PyString>> {
        if let Some(key) = self.names.get(name) {
            return Some(key.bind(py).clone());
        }
        if name.contains(&b'_') && !self.keep_underscores {
            // `X_User` and `X-User` are both HTTP_X_USER: one that a proxy sets could be forged.
            return None;
        }
        let key = variable(name);
        match key.as_str() {
            // `Content_Length` is no Content-Length, even where underscores are kept.
            "CONTENT_TYPE" | "CONTENT_LENGTH" => None,
            // It is where many clients look for their proxy (CVE-2016-5385, «httpoxy»).
            "HTTP_PROXY" => None,
            _ => Some(PyString::new(py, &key)),
        }
    }
}

/// What joins the values of a field that comes more than once (RFC 9110 §5.3); `None` for those that have one value:
/// the first counts.
fn joined_by(name: &[u8]) -> Option<&'static str> {
    match name.len() {
        // Their values hold commas (RFC 6265 §5.4).
        6 if name.eq_ignore_ascii_case(b"cookie") => Some("; "),
        12 if name.eq_ignore_ascii_case(b"content-type") => None,
        // Equal ones, or the parser would have refused them.
        14 if name.eq_ignore_ascii_case(b"content-length") => None,
        _ => Some(","),
    }
}

/// The variable of a field (RFC 3875 §4.1.18, §4.1.2, §4.1.3). A field name is ASCII (RFC 9110 §5.1).
fn variable(name: &[u8]) -> String {
    let upper = name.iter().map(|b| if *b == b'-' { '_' } else { b.to_ascii_uppercase() as char });
    let mut variable = String::with_capacity(name.len() + 5);
    variable.push_str("HTTP_");
    variable.extend(upper);
    match variable.strip_prefix("HTTP_") {
        Some(own @ ("CONTENT_TYPE" | "CONTENT_LENGTH")) => own.to_owned(),
        _ => variable,
    }
}

impl Addresses {
    /// `listener`: where the connection came in. `only`: so do all.
    pub fn new(
        py: Python<'_>,
        connection: &Connection,
        listener: Option<&Address>,
        only: bool,
    ) -> PyResult<Self> {
        let text = |text: &str| PyString::new(py, text).unbind();
        let (remote_address, remote_port) = match connection.peer() {
            Peer::Inet(address) => (text(&address.ip().to_string()), Some(text(&address.port().to_string()))),
            Peer::Unix => (text(""), None),
        };
        let wildcard = listener.is_some_and(Address::is_wildcard);
        let told = connection.told_local_address();
        let actual = told.or_else(|| if wildcard { connection.local_address() } else { None });
        let server = (!only || actual.is_some()).then(|| {
            let (name, port) = server(actual, listener);
            (text(&name), text(&port))
        });
        let portless = told.is_none() && matches!(listener, Some(Address::Unix(_)));
        Ok(Self { remote_address, remote_port, server, portless })
    }
}

/// SERVER_NAME and SERVER_PORT, neither of which may be empty (PEP 3333). `actual`: the address on our side, of a
/// connection to a listener on all addresses.
fn server(actual: Option<SocketAddr>, listener: Option<&Address>) -> (String, String) {
    let (name, address) = match (actual, listener) {
        (Some(address), _) | (None, Some(&Address::Inet(address))) => (None, Some(address)),
        (None, Some(Address::Unix(path))) => (Some(path.to_string_lossy().into_owned()), None),
        (None, None) => (None, None),
    };
    let name = match (name, address) {
        (Some(name), _) => name,
        // With brackets, as in a URL (RFC 3875 §4.1.14).
        (None, Some(SocketAddr::V6(address))) => format!("[{}]", address.ip()),
        (None, Some(SocketAddr::V4(address))) => address.ip().to_string(),
        (None, None) => "localhost".to_owned(),
    };
    // A unix socket has no port; Gunicorn, too, gives that of the scheme.
    (name, address.map_or(80, |address| address.port()).to_string())
}
