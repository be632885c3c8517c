//! What the application is told of a request: the `http` scope of the ASGI specification.
//!
//! Building it is the largest part of a small request's cost that is ours, so: the scope starts as a copy of a
//! template; names and constants are objects made once; a header block that comes again byte for byte (every
//! keep-alive client repeats its own) brings back the same immutable tuples, in a fresh list.

use std::net::SocketAddr;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use yett_net::{Address, Peer};
use yett_proto::gateway::forwarded::Authority;
use yett_proto::request::{RequestHead, Version};
use yett_proto::target::percent_decode;
use yett_settings::Settings;

use crate::block_cache::{BlockCache, Found};
use crate::common_names::CommonNames;
use crate::proxies::{Forwarding, Mount};
use crate::requests;

/// Version of the HTTP part of the specification that is implemented here: 2.5 has the pathsend, early hint and
/// trailers extensions and the `OSError` from `send()` after a disconnect.
const SPEC_VERSION: &str = "2.5";

const METHODS: &[&str] = &["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"];

/// Makes scopes.
pub struct Scopes {
    template: Py<PyDict>,
    extensions: Py<PyDict>,
    extensions_with_trailers: Py<PyDict>,
    /// Shared by all requests as the specification says: a shallow copy each.
    state: Option<Py<PyDict>>,
    root_path: String,
    keys: Keys,
    methods: Vec<(&'static [u8], Py<PyString>)>,
    http10: Py<PyString>,
    https: Py<PyString>,
    host: Py<PyBytes>,
    empty: Py<PyBytes>,
    names: CommonNames<PyBytes>,
    blocks: BlockCache<PyTuple>,
}

struct Keys {
    http_version: Py<PyString>,
    method: Py<PyString>,
    path: Py<PyString>,
    raw_path: Py<PyString>,
    query_string: Py<PyString>,
    headers: Py<PyString>,
    client: Py<PyString>,
    server: Py<PyString>,
    state: Py<PyString>,
    extensions: Py<PyString>,
    scheme: Py<PyString>,
    root_path: Py<PyString>,
}

/// The two addresses of a connection as the scope has them, made at its first request.
pub struct Addresses {
    pub peer: Peer,
    /// Whose word the requests are.
    pub speaker: Option<Peer>,
    pub client: Py<PyAny>,
    pub server: Py<PyAny>,
}

impl Addresses {
    pub fn new(
        py: Python<'_>,
        peer: Peer,
        speaker: Option<Peer>,
        local: Option<&Address>,
        actual: Option<SocketAddr>,
    ) -> PyResult<Self> {
        let pair = |address: SocketAddr| -> PyResult<Py<PyAny>> {
            Ok((address.ip().to_string(), address.port()).into_pyobject(py)?.into_any().unbind())
        };
        let client = match peer {
            Peer::Inet(address) => pair(address)?,
            Peer::Unix => py.None(),
        };
        let server = match (local, actual) {
            (_, Some(address)) => pair(address)?,
            (Some(Address::Inet(address)), None) => pair(*address)?,
            // «or [path, None] for a unix socket»
            (Some(Address::Unix(path)), None) => {
                (path.to_string_lossy().as_ref(), py.None()).into_pyobject(py)?.into_any().unbind()
            }
            (None, None) => py.None(),
        };
        Ok(Self { peer, speaker, client, server })
    }
}

impl Scopes {
    pub fn new(py: Python<'_>, settings: &Settings, state: Option<Py<PyDict>>) -> PyResult<Self> {
        let root_path = &settings.root_path;
        let asgi = PyDict::new(py);
        asgi.set_item("version", "3.0")?;
        asgi.set_item("spec_version", SPEC_VERSION)?;
        let template = PyDict::new(py);
        template.set_item("type", "http")?;
        template.set_item("asgi", asgi)?;
        template.set_item("http_version", "1.1")?;
        template.set_item("server", py.None())?;
        template.set_item("client", py.None())?;
        template.set_item("scheme", "http")?;
        template.set_item("root_path", root_path)?;
        // Their places: a value that takes one costs less than a key that is added.
        for key in ["method", "path", "raw_path", "query_string", "headers", "extensions"] {
            template.set_item(key, py.None())?;
        }
        if state.is_some() {
            template.set_item("state", py.None())?;
        }
        requests::reserve_id(&template, settings)?;
        let extensions = PyDict::new(py);
        for name in ["http.response.pathsend", "http.response.zerocopysend", "http.response.early_hint"] {
            extensions.set_item(name, PyDict::new(py))?;
        }
        let extensions_with_trailers = extensions.copy()?;
        extensions_with_trailers.set_item("http.response.trailers", PyDict::new(py))?;
        let text = |text: &str| PyString::intern(py, text).unbind();
        Ok(Self {
            template: template.unbind(),
            extensions: extensions.unbind(),
            extensions_with_trailers: extensions_with_trailers.unbind(),
            state,
            root_path: root_path.clone(),
            keys: Keys {
                http_version: text("http_version"),
                method: text("method"),
                path: text("path"),
                raw_path: text("raw_path"),
                query_string: text("query_string"),
                headers: text("headers"),
                client: text("client"),
                server: text("server"),
                state: text("state"),
                extensions: text("extensions"),
                scheme: text("scheme"),
                root_path: text("root_path"),
            },
            methods: METHODS.iter().map(|method| (method.as_bytes(), text(method))).collect(),
            http10: text("1.0"),
            https: text("https"),
            host: PyBytes::new(py, b"host").unbind(),
            empty: PyBytes::new(py, b"").unbind(),
            names: CommonNames::new(|name| PyBytes::new(py, name.as_bytes()).unbind()),
            blocks: BlockCache::default(),
        })
    }

    /// The scope of one request.
    pub fn make<'py>(
        &self,
        py: Python<'py>,
        head: &RequestHead<'_>,
        addresses: &Addresses,
        forwarding: &Forwarding,
    ) -> PyResult<Bound<'py, PyDict>> {
        let keys = &self.keys;
        let scope = self.template.bind(py).copy()?;
        if head.version() == Version::Http10 {
            scope.set_item(&keys.http_version, &self.http10)?;
        }
        scope.set_item(&keys.server, &addresses.server)?;
        scope.set_item(&keys.client, &addresses.client)?;
        scope.set_item(&keys.method, self.method(py, head.method()))?;
        let mount = forwarding.mount(&self.root_path);
        let (path, raw_path) = path(py, head.path(), &mount);
        scope.set_item(&keys.path, path)?;
        scope.set_item(&keys.raw_path, raw_path)?;
        scope.set_item(&keys.query_string, self.bytes(py, head.query()))?;
        let headers = self.headers(py, head, forwarding)?;
        if forwarding.hides_client() {
            scope.set_item(&keys.client, py.None())?;
        }
        if let Some(origin) = forwarding.origin() {
            if let Some(client) = origin.client {
                // uvicorn, too, gives 0 for a port that is not known.
                let client = (client.address.to_string(), client.port.unwrap_or(0));
                scope.set_item(&keys.client, client)?;
            }
            if forwarding.is_https() {
                scope.set_item(&keys.scheme, &self.https)?;
            }
            if origin.prefix.is_some() {
                scope.set_item(&keys.root_path, &*mount.whole)?;
            }
            if let Some(authority) = origin.authority(head.authority()) {
                scope.set_item(&keys.server, server(py, &authority, addresses)?)?;
                if let Some(host) = &authority.host {
                    self.replace_host(&headers, head, host)?;
                }
            }
        }
        scope.set_item(&keys.headers, headers)?;
        if let Some(state) = &self.state {
            scope.set_item(&keys.state, state.bind(py).copy()?)?;
        }
        // Trailers need chunked coding and a client that said it takes them (RFC 9110 §6.5.1).
        let trailers = head.accepts_trailers() && head.version() == Version::Http11;
        let extensions = if trailers { &self.extensions_with_trailers } else { &self.extensions };
        scope.set_item(&keys.extensions, extensions.bind(py).copy()?)?;
        Ok(scope)
    }

    fn method<'py>(&self, py: Python<'py>, method: &[u8]) -> Bound<'py, PyString> {
        match self.methods.iter().find(|(name, _)| *name == method) {
            Some((_, text)) => text.bind(py).clone(),
            // A token is ASCII (RFC 9110 §5.6.2).
            None => PyString::new(py, &String::from_utf8_lossy(method)),
        }
    }

    fn bytes<'py>(&self, py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyBytes> {
        if bytes.is_empty() { self.empty.bind(py).clone() } else { PyBytes::new(py, bytes) }
    }

    /// The `headers` list: names in lower case, order and repetition kept.
    fn headers<'py>(
        &self,
        py: Python<'py>,
        head: &RequestHead<'_>,
        forwarding: &Forwarding,
    ) -> PyResult<Bound<'py, PyList>> {
        // Otherwise not all of the block is shown, or the value of Host is not the one in it.
        let whole = !head.rewrites_host() && !matches!(forwarding, Forwarding::Stripped);
        let block = whole.then(|| self.blocks.look_up(py, head.field_block()));
        if let Some(Found::Known(fields)) = block {
            return Ok(fields.to_list());
        }
        let fields = PyTuple::new(
            py,
            head.fields()
                .filter(|(name, _)| !forwarding.hides(name))
                .map(|(name, value)| (self.name(py, name), self.bytes(py, value)).into_pyobject(py))
                .collect::<PyResult<Vec<_>>>()?,
        )?;
        if let Some(Found::New(place)) = block {
            self.blocks.remember(place, head.field_block(), || Ok(fields.clone()))?;
        }
        Ok(fields.to_list())
    }

    /// Sets the value of Host in the list of all fields, or adds one.
    fn replace_host(&self, headers: &Bound<'_, PyList>, head: &RequestHead<'_>, host: &str) -> PyResult<()> {
        let field = (&self.host, PyBytes::new(headers.py(), host.as_bytes()));
        match head.fields().position(|(name, _)| name.eq_ignore_ascii_case(b"host")) {
            Some(index) => headers.set_item(index, field),
            None => headers.insert(0, field),
        }
    }

    fn name<'py>(&self, py: Python<'py>, name: &[u8]) -> Bound<'py, PyBytes> {
        match self.names.get(name) {
            Some(name) => name.bind(py).clone(),
            None => PyBytes::new(py, &name.to_ascii_lowercase()),
        }
    }
}

/// `path` and `raw_path`. Both include the mount, as the specification has it (`root_path` is a prefix of `path`): it is
/// put in front unless the proxy has left it there.
fn path<'py>(py: Python<'py>, raw: &[u8], mount: &Mount<'_>) -> (Bound<'py, PyString>, Bound<'py, PyBytes>) {
    let decoded = percent_decode(raw);
    let text = String::from_utf8_lossy(&decoded);
    let missing = mount.missing(text.as_bytes());
    if missing.is_empty() || raw == b"*" {
        (PyString::new(py, &text), PyBytes::new(py, raw))
    } else {
        let raw_path = [missing.as_bytes(), raw].concat();
        (PyString::new(py, &format!("{missing}{text}")), PyBytes::new(py, &raw_path))
    }
}

/// The pair for `server` when a proxy has told what the request was for: without the brackets of an IPv6 address.
fn server<'py>(
    py: Python<'py>,
    authority: &Authority,
    addresses: &Addresses,
) -> PyResult<Bound<'py, PyTuple>> {
    let Some(name) = &authority.name else {
        // Only the port.
        let server = addresses.server.bind(py).cast::<PyTuple>();
        let name =
            server.map(|server| server.get_item(0)).unwrap_or_else(|_| Ok(py.None().into_bound(py)))?;
        return (name, authority.port).into_pyobject(py);
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    (bare, authority.port).into_pyobject(py)
}
