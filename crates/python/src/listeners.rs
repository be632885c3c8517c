//! Opening the addresses that the settings name, with errors that a person can act on.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::Mutex;

use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::prelude::*;
use yett_net::Address;
use yett_settings::{Bind, Listen};

use crate::settings::Settings;

/// An open listening socket, until a server takes it over.
#[pyclass(frozen, module = "yett._core")]
pub struct Listener {
    inner: Mutex<Option<yett_net::Listener>>,
    address: Address,
    named: Named,
}

/// The number by which the settings name a descriptor (`fd://3`), also where it has another one by now.
type Named = Option<RawFd>;

/// Descriptors that listen already.
type Inherited = Vec<(yett_net::Listener, Named)>;

impl Listener {
    /// Another descriptor of the socket.
    pub fn duplicate(&self) -> PyResult<OwnedFd> {
        let inner = self.inner.lock().ok();
        let listener = inner.as_ref().and_then(|inner| inner.as_ref());
        let listener =
            listener.ok_or_else(|| PyRuntimeError::new_err("this listener is in use by a server"))?;
        Ok(listener.as_fd().try_clone_to_owned()?)
    }

    /// The socket itself, once.
    pub fn take(&self) -> PyResult<yett_net::Listener> {
        let taken = self.inner.lock().ok().and_then(|mut inner| inner.take());
        taken.ok_or_else(|| PyRuntimeError::new_err("this listener is in use by a server"))
    }
}

#[pymethods]
impl Listener {
    /// `http://127.0.0.1:8000` or `unix:/path`.
    #[getter]
    fn address(&self) -> String {
        self.address.to_string()
    }

    /// The descriptor; -1 once a server has taken it over, or it is closed.
    fn fileno(&self) -> RawFd {
        self.inner
            .lock()
            .map_or(-1, |inner| inner.as_ref().map_or(-1, |listener| listener.as_fd().as_raw_fd()))
    }

    /// N, if it is what the settings call `fd://N`.
    #[getter]
    fn named(&self) -> Named {
        self.named
    }

    /// Leaves the socket file to others when it is closed: another process has it, too.
    fn disown(&self) {
        if let Ok(mut inner) = self.inner.lock()
            && let Some(listener) = inner.as_mut()
        {
            listener.disown_file();
        }
    }

    /// Takes over the socket file from the one it was inherited from: it is removed when this is closed. What another one
    /// has made that is no server of ours (systemd) stays.
    fn own(&self) {
        if let Ok(mut inner) = self.inner.lock()
            && let Some(listener) = inner.as_mut()
        {
            listener.own_file();
        }
    }

    /// Stops listening, and removes the socket file if it is ours.
    fn close(&self) {
        if let Some(mut listener) = self.inner.lock().ok().and_then(|mut inner| inner.take()) {
            listener.remove_file();
        }
    }

    fn __repr__(&self) -> String {
        format!("<Listener {}>", self.address)
    }
}

/// Opens every address of the settings; if one fails, those before it are closed again. `inherited`: descriptors that
/// listen already, each with N if it is what `fd://N` stands for; they are used where they are what is asked for.
/// `passed`: descriptors that are served in the place of the default address, if the settings name no other.
///
/// # Errors
/// `OSError` whose text says which address, why not, and what to do.
#[pyfunction]
#[pyo3(signature = (settings, inherited = Vec::new(), passed = Vec::new()))]
#[allow(clippy::needless_pass_by_value)] // the signature that Python sees
pub fn open_listeners(
    settings: &Settings,
    inherited: Vec<(RawFd, Named)>,
    passed: Vec<RawFd>,
) -> PyResult<Vec<Listener>> {
    let values = &settings.values;
    let binds = if passed.is_empty() || names_addresses(values) {
        values.bind.clone()
    } else {
        let fd = |fd| Listen { address: Bind::Fd(fd), proxy_protocol: false };
        passed.into_iter().map(fd).collect()
    };
    let mut inherited = inherited
        .into_iter()
        .map(|(fd, named)| {
            let mut listener = yett_net::Listener::inherited(fd)?;
            if named.is_none() {
                // One of ours has made it. Who passes on descriptors keeps his files.
                listener.inherit_file();
            }
            Ok((listener, named))
        })
        .collect::<io::Result<Inherited>>()?;
    let mut opened: Inherited = Vec::new();
    for listen in &binds {
        match open(&listen.address, values, &mut inherited) {
            Ok(mut listeners) => {
                if listen.proxy_protocol {
                    listeners.iter_mut().for_each(yett_net::Listener::expect_proxy_protocol);
                }
                let named = if let Bind::Fd(fd) = listen.address { Some(fd) } else { None };
                opened.extend(listeners.into_iter().map(|listener| (listener, named)));
            }
            Err(error) => {
                opened.iter_mut().for_each(|(listener, _)| listener.remove_file());
                return Err(PyOSError::new_err((error.raw_os_error(), explain(&listen.address, &error))));
            }
        }
    }
    Ok(opened
        .into_iter()
        .map(|(listener, named)| {
            let address = listener.address().clone();
            Listener { inner: Mutex::new(Some(listener)), address, named }
        })
        .collect())
}

/// Whether the settings say where to listen. Who writes out the default has said nothing.
#[pyfunction]
#[pyo3(name = "names_addresses")]
pub fn py_names_addresses(settings: &Settings) -> bool {
    names_addresses(&settings.values)
}

fn names_addresses(values: &yett_settings::Settings) -> bool {
    values.bind != yett_settings::Settings::default().bind
}

fn open(
    bind: &Bind,
    values: &yett_settings::Settings,
    inherited: &mut Inherited,
) -> io::Result<Vec<yett_net::Listener>> {
    let backlog = i32::try_from(values.backlog).unwrap_or(i32::MAX);
    match bind {
        Bind::Tcp { host, port } => {
            let wanted = yett_net::listener::resolve(host, *port)?;
            let ours = |address: &Address| match address {
                Address::Inet(ours) => wanted
                    .iter()
                    .any(|one| one.ip() == ours.ip() && (one.port() == ours.port() || one.port() == 0)),
                Address::Unix(_) => false,
            };
            let kept = take(inherited, |listener, _| ours(listener.address()));
            if kept.is_empty() { yett_net::Listener::tcp(host, *port, backlog) } else { Ok(kept) }
        }
        Bind::Unix(path) => {
            let ours = |address: &Address| matches!(address, Address::Unix(ours) if ours == path);
            let kept = take(inherited, |listener, _| ours(listener.address()));
            if kept.is_empty() {
                yett_net::Listener::unix(path, values.unix_mode, backlog).map(|one| vec![one])
            } else {
                Ok(kept)
            }
        }
        Bind::Fd(fd) => {
            let kept = take(inherited, |_, named| named == Some(*fd));
            if kept.is_empty() { yett_net::Listener::inherited(*fd).map(|one| vec![one]) } else { Ok(kept) }
        }
    }
}

/// Takes those out of `inherited` that are `wanted`.
fn take(
    inherited: &mut Inherited,
    wanted: impl Fn(&yett_net::Listener, Named) -> bool,
) -> Vec<yett_net::Listener> {
    inherited
        .extract_if(.., |(listener, named)| wanted(listener, *named))
        .map(|(listener, _)| listener)
        .collect()
}

/// What went wrong, and on a second line what to do about it.
fn explain(bind: &Bind, error: &io::Error) -> String {
    let what = match error.kind() {
        io::ErrorKind::AddrInUse => "the address is in use".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
        _ => error.to_string(),
    };
    let hint = match (error.kind(), bind) {
        (io::ErrorKind::AddrInUse, Bind::Tcp { port, .. }) => {
            let user = holder(*port).map_or_else(String::new, |who| format!("it is held by {who}; "));
            format!(
                "{user}stop what listens there, or choose another port with --bind, such as --bind :{}",
                next(*port)
            )
        }
        (io::ErrorKind::AddrInUse, _) => {
            "another server listens there: stop it, or choose another path".to_owned()
        }
        (io::ErrorKind::PermissionDenied, Bind::Tcp { port, .. }) if *port < 1024 => format!(
            "ports below 1024 need a privilege (CAP_NET_BIND_SERVICE): choose a higher one, such as --bind :{}",
            8000 + u32::from(*port)
        ),
        (io::ErrorKind::PermissionDenied, _) => "the folder must be writable for this user".to_owned(),
        (io::ErrorKind::AlreadyExists, _) => "move it away, or choose another path".to_owned(),
        (_, Bind::Fd(fd)) => {
            format!("the parent process must open a listening socket and leave it open as number {fd}")
        }
        _ => return format!("cannot listen on {bind}: {what}"),
    };
    format!("cannot listen on {bind}: {what}\n{hint}")
}

fn next(port: u16) -> u16 {
    port.checked_add(1).unwrap_or(8000)
}

/// Which process listens on a TCP port, as far as this user may know.
#[cfg(target_os = "linux")]
fn holder(port: u16) -> Option<String> {
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| std::fs::read_to_string(table).unwrap_or_default());
    let inode = tables.iter().flat_map(|table| table.lines().skip(1)).find_map(|line| {
        // sl local_address rem_address st … inode: state 0A is LISTEN, the port is hexadecimal.
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (_, local_port) = fields.get(1)?.rsplit_once(':')?;
        let listens = *fields.get(3)? == "0A" && u16::from_str_radix(local_port, 16) == Ok(port);
        fields.get(9).filter(|_| listens).copied()
    })?;
    let link = format!("socket:[{inode}]");
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let Ok(descriptors) = std::fs::read_dir(process.path().join("fd")) else { continue };
        let holds = descriptors.flatten().any(|fd| {
            std::fs::read_link(fd.path()).is_ok_and(|target| target.to_str() == Some(link.as_str()))
        });
        if holds {
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("process {} ({})", process.file_name().to_string_lossy(), name.trim()));
        }
    }
    None
}

#[cfg(not(target_os = "linux"))]
fn holder(_port: u16) -> Option<String> {
    None
}
