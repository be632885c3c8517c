//! Where connections come from: TCP, unix sockets, inherited descriptors.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType, sockopt};

use crate::ffi;
use crate::reactor::is_readable;
use crate::socket::{Socket, is_exhaustion};

/// Clients in a row that gave up while they waited and are passed over in one call.
const PASSED_OVER: usize = 64;

/// Where a listener listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An IP address and port.
    Inet(SocketAddr),
    /// A path in the file system (empty for an unnamed or abstract inherited socket).
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => write!(f, "http://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// An IP address and port. An IPv4 address that arrived on an IPv6 socket is given as IPv4.
    Inet(SocketAddr),
    /// A process on this machine, without an address.
    Unix,
}

/// A listening socket, non-blocking, close-on-exec.
#[derive(Debug)]
pub struct Listener {
    fd: OwnedFd,
    address: Address,
    /// The socket file (device and inode), if we made it or have inherited it from the one who did.
    file: Option<(u64, u64)>,
    /// We remove that when we stop, if it is still the same one.
    owns_file: bool,
    /// Connections begin with a header of the PROXY protocol.
    proxied: bool,
}

/// What [`Listener::accept`] brought.
#[derive(Debug)]
pub enum Accepted {
    /// A connection.
    Connection(NewConnection),
    /// The queue is empty.
    Empty,
    /// No descriptor is left: pause, and try again when some have been closed.
    Exhausted(io::Error),
}

/// A connection that was just accepted.
#[derive(Debug)]
pub struct NewConnection {
    pub(crate) socket: Socket,
    /// Who it is.
    pub peer: Peer,
    /// It has to begin with a header of the PROXY protocol, which tells who it really is. Only to be believed from
    /// peers that are trusted: the others are not admitted.
    pub proxied: bool,
}

impl Listener {
    /// Listens on TCP. `port` 0 lets the system choose; see [`Listener::address`]. `backlog`: connections that the kernel
    /// holds for us while we are busy; Linux caps it by `net.core.somaxconn`.
    ///
    /// # Errors
    /// The host cannot be resolved; the address is in use or not ours; the port needs a privilege.
    pub fn tcp(host: &str, port: u16, backlog: i32) -> io::Result<Vec<Self>> {
        let addresses = resolve(host, port)?;
        let Some(&first) = addresses.first() else {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("the host {host:?} has no address")));
        };
        let mut listeners = vec![Self::inet(first, backlog)?];
        // A name such as `localhost` may stand for several addresses (127.0.0.1 and ::1): all of them are served, on
        // the same port. An address that this machine does not have is no error as long as one of them works.
        let port = match listeners[0].address {
            Address::Inet(address) => address.port(),
            Address::Unix(_) => port,
        };
        for address in addresses.iter().skip(1) {
            match Self::inet(SocketAddr::new(address.ip(), port), backlog) {
                Ok(listener) => listeners.push(listener),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
                Err(_) => {}
            }
        }
        Ok(listeners)
    }

    fn inet(address: SocketAddr, backlog: i32) -> io::Result<Self> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let fd = stream_socket(family)?;
        // Lets a restarted server bind while connections of the last one are in TIME_WAIT.
        sockopt::set_socket_reuseaddr(&fd, true)?;
        if address.is_ipv6() && !address.ip().is_unspecified() {
            sockopt::set_ipv6_v6only(&fd, true)?;
        } else if address.is_ipv6() {
            // `[::]` serves IPv4 too, whatever the system's default: what Gunicorn's and nginx's users expect of it.
            sockopt::set_ipv6_v6only(&fd, false)?;
        }
        rustix::net::bind(&fd, &address)?;
        Self::listen(fd, None, backlog)
    }

    /// Listens on a unix socket at `path`, with the permission bits `mode` if given. A socket file that nobody
    /// listens on any more is replaced; anything else in the way is an error.
    ///
    /// # Errors
    /// Somebody listens there; a file that is no socket is in the way; the folder cannot be written.
    pub fn unix(path: &Path, mode: Option<u32>, backlog: i32) -> io::Result<Self> {
        let address = SocketAddrUnix::new(path)?;
        remove_stale(path, &address)?;
        let fd = stream_socket(AddressFamily::UNIX)?;
        rustix::net::bind(&fd, &address)?;
        if let Some(mode) = mode {
            // Between bind and chmod nobody can connect: the socket does not listen yet.
            rustix::fs::chmod(path, Mode::from_raw_mode(mode))?;
        }
        let stat = rustix::fs::lstat(path)?;
        Self::listen(fd, Some((stat.st_dev, stat.st_ino)), backlog)
    }

    /// Takes a listening socket that this process inherited under number `fd`.
    ///
    /// # Errors
    /// Nothing is open there, or it is not a listening stream socket.
    pub fn inherited(fd: RawFd) -> io::Result<Self> {
        let fd = ffi::duplicate(fd)?;
        let not_listening =
            || io::Error::new(io::ErrorKind::InvalidInput, "it is not a listening stream socket");
        if sockopt::socket_type(&fd).map_err(|_| not_listening())? != SocketType::STREAM
            || !sockopt::socket_acceptconn(&fd).map_err(|_| not_listening())?
        {
            return Err(not_listening());
        }
        rustix::io::ioctl_fionbio(&fd, true)?;
        Self::finish(fd, None)
    }

    fn listen(fd: OwnedFd, created: Option<(u64, u64)>, backlog: i32) -> io::Result<Self> {
        rustix::net::listen(&fd, backlog)?;
        Self::finish(fd, created)
    }

    fn finish(fd: OwnedFd, created: Option<(u64, u64)>) -> io::Result<Self> {
        let address = local_address(&fd)?;
        if matches!(address, Address::Inet(_)) {
            // Accepted sockets inherit it, which saves a system call for each. Responses are written whole, so that
            // Nagle's algorithm could only delay their last segment.
            sockopt::set_tcp_nodelay(&fd, true)?;
        }
        Ok(Self { fd, address, file: created, owns_file: created.is_some(), proxied: false })
    }

    /// From now on, every connection must begin with a header of the PROXY protocol.
    pub fn expect_proxy_protocol(&mut self) {
        self.proxied = true;
    }

    /// Where it listens, with the port that the system chose.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Whether there is anything in the queue.
    #[must_use]
    pub fn has_waiting(&self) -> bool {
        is_readable(self.as_fd())
    }

    /// Takes the next connection from the queue.
    ///
    /// # Errors
    /// Only what is wrong with the listener itself: a client that gave up while it waited is passed over.
    pub fn accept(&self) -> io::Result<Accepted> {
        // Bounded: a policy that forbids accepting (EPERM) would fail for ever.
        for _ in 0..PASSED_OVER {
            match rustix::net::acceptfrom_with(&self.fd, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok((fd, peer)) => {
                    let peer =
                        peer.and_then(|peer| SocketAddr::try_from(peer).ok()).map_or(Peer::Unix, |address| {
                            Peer::Inet(SocketAddr::new(address.ip().to_canonical(), address.port()))
                        });
                    let socket = Socket::new(fd);
                    return Ok(Accepted::Connection(NewConnection { socket, peer, proxied: self.proxied }));
                }
                Err(Errno::AGAIN) => return Ok(Accepted::Empty),
                Err(error) if is_of_one_connection(error) => {}
                Err(error) => {
                    let error = io::Error::from(error);
                    return if is_exhaustion(&error) { Ok(Accepted::Exhausted(error)) } else { Err(error) };
                }
            }
        }
        Ok(Accepted::Empty)
    }

    /// The socket file is somebody else's to remove.
    pub fn disown_file(&mut self) {
        self.owns_file = false;
    }

    /// The socket file is inherited from the one who made it, and may become ours ([`Self::own_file`]).
    pub fn inherit_file(&mut self) {
        if let Address::Unix(path) = &self.address
            && let Ok(stat) = rustix::fs::lstat(path)
            && FileType::from_raw_mode(stat.st_mode).is_socket()
        {
            self.file = Some((stat.st_dev, stat.st_ino));
        }
    }

    /// The socket file, if there is one, is ours to remove: we have taken over from the one who made it.
    pub fn own_file(&mut self) {
        self.owns_file = true;
    }

    /// Removes the socket file, if it is ours and still the same one.
    pub fn remove_file(&mut self) {
        let (Address::Unix(path), true) = (&self.address, self.owns_file) else { return };
        let Some(file) = self.file.take() else { return };
        if rustix::fs::lstat(path).is_ok_and(|stat| (stat.st_dev, stat.st_ino) == file) {
            // Failure leaves a stale file, which the next start removes.
            let _ = rustix::fs::unlink(path);
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Address {
    /// Whether it stands for every address of the machine, so that each connection has its own.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        matches!(self, Self::Inet(address) if match address.ip() {
            IpAddr::V4(ip) => ip.is_unspecified(),
            IpAddr::V6(ip) => ip.is_unspecified(),
        })
    }
}

/// Whether an error of accept(2) is that of one connection, which is already gone: also what the network has said of it.
fn is_of_one_connection(error: Errno) -> bool {
    #[cfg(target_os = "linux")]
    if error == Errno::NONET {
        return true;
    }
    matches!(
        error,
        Errno::CONNABORTED
            | Errno::INTR
            | Errno::PROTO
            | Errno::NOPROTOOPT
            | Errno::OPNOTSUPP
            | Errno::NETDOWN
            | Errno::NETUNREACH
            | Errno::HOSTDOWN
            | Errno::HOSTUNREACH
            | Errno::TIMEDOUT
            | Errno::PERM
    )
}

/// What a host and port stand for; an empty host for all IPv4 interfaces.
///
/// # Errors
/// The host cannot be resolved.
pub fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let mut addresses: Vec<SocketAddr> = if bare.is_empty() {
        vec![SocketAddr::from(([0, 0, 0, 0], port))]
    } else {
        (bare, port).to_socket_addrs()?.collect()
    };
    addresses.dedup();
    Ok(addresses)
}

fn stream_socket(family: AddressFamily) -> io::Result<OwnedFd> {
    Ok(rustix::net::socket_with(
        family,
        SocketType::STREAM,
        SocketFlags::NONBLOCK | SocketFlags::CLOEXEC,
        None,
    )?)
}

fn local_address(fd: &OwnedFd) -> io::Result<Address> {
    let name: SocketAddrAny = rustix::net::getsockname(fd)?;
    if let Ok(address) = SocketAddr::try_from(name.clone()) {
        return Ok(Address::Inet(address));
    }
    let path = SocketAddrUnix::try_from(name).ok().and_then(|unix| {
        use std::os::unix::ffi::OsStrExt;
        unix.path().map(|path| PathBuf::from(std::ffi::OsStr::from_bytes(path.to_bytes())))
    });
    Ok(Address::Unix(path.unwrap_or_default()))
}

/// Removes the socket file at `path` if nobody listens there.
fn remove_stale(path: &Path, address: &SocketAddrUnix) -> io::Result<()> {
    let stat = match rustix::fs::lstat(path) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if !FileType::from_raw_mode(stat.st_mode).is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "a file that is not a socket is in the way",
        ));
    }
    let probe = stream_socket(AddressFamily::UNIX)?;
    match rustix::net::connect(&probe, address) {
        Err(Errno::CONNREFUSED) => Ok(rustix::fs::unlink(path)?),
        Err(Errno::NOENT) => Ok(()),
        // Accepted, or refused for another reason (queue full, no permission): somebody is there.
        Ok(()) | Err(_) => Err(Errno::ADDRINUSE.into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixListener;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("yett-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn port_zero_is_chosen_by_the_system_and_told() {
        let listeners = Listener::tcp("127.0.0.1", 0, 16).unwrap();
        let Address::Inet(address) = listeners[0].address() else { panic!("not TCP") };
        assert_ne!(address.port(), 0);
        let again = Listener::tcp("127.0.0.1", address.port(), 16).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn accepting_gives_the_peer_and_then_nothing() {
        let listener = Listener::tcp("127.0.0.1", 0, 16).unwrap().remove(0);
        let Address::Inet(address) = *listener.address() else { panic!("not TCP") };
        let client = std::net::TcpStream::connect(address).unwrap();
        let Accepted::Connection(new) = listener.accept().unwrap() else { panic!("nothing accepted") };
        assert_eq!(new.peer, Peer::Inet(client.local_addr().unwrap()));
        assert!(sockopt::tcp_nodelay(&new.socket).unwrap(), "inherited from the listener");
        assert!(matches!(listener.accept().unwrap(), Accepted::Empty));
    }

    #[test]
    fn errors_of_one_connection_are_not_those_of_the_listener() {
        // Those that accept(2) names to be treated as if nobody had been there.
        for error in [
            Errno::NETDOWN,
            Errno::PROTO,
            Errno::NOPROTOOPT,
            Errno::HOSTDOWN,
            #[cfg(target_os = "linux")]
            Errno::NONET,
            Errno::HOSTUNREACH,
            Errno::OPNOTSUPP,
            Errno::NETUNREACH,
        ] {
            assert!(is_of_one_connection(error), "{error}");
        }
        for error in [
            Errno::BADF,
            Errno::INVAL,
            Errno::NOTSOCK,
            Errno::MFILE,
            Errno::NFILE,
            Errno::NOBUFS,
            Errno::NOMEM,
        ] {
            assert!(!is_of_one_connection(error), "{error}");
        }
    }

    #[test]
    fn a_stale_socket_file_is_replaced_and_a_live_one_is_not() {
        let folder = folder("unix");
        let path = folder.join("s");
        drop(UnixListener::bind(&path).unwrap());
        let mut first = Listener::unix(&path, Some(0o600), 16).unwrap();
        assert_eq!(rustix::fs::stat(&path).unwrap().st_mode & 0o777, 0o600);
        assert_eq!(Listener::unix(&path, None, 16).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        first.remove_file();
        assert!(!path.exists());
    }

    #[test]
    fn a_file_in_the_way_is_left_alone() {
        let path = folder("file").join("s");
        std::fs::write(&path, "precious").unwrap();
        assert_eq!(Listener::unix(&path, None, 16).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn a_socket_file_of_a_successor_is_not_removed() {
        let path = folder("successor").join("s");
        let mut first = Listener::unix(&path, None, 16).unwrap();
        std::fs::remove_file(&path).unwrap();
        let _second = Listener::unix(&path, None, 16).unwrap();
        first.remove_file();
        assert!(path.exists());
    }

    #[test]
    fn an_inherited_socket_file_is_removed_by_whoever_owns_it() {
        let path = folder("inherited").join("s");
        let mut old = Listener::unix(&path, None, 16).unwrap();
        let mut new = Listener::inherited(old.fd.as_raw_fd()).unwrap();
        new.inherit_file();
        new.remove_file();
        assert!(path.exists(), "the old one's");
        new.own_file();
        old.disown_file();
        old.remove_file();
        assert!(path.exists(), "the new one's");
        new.remove_file();
        assert!(!path.exists());
    }

    #[test]
    fn an_inherited_descriptor_must_be_a_listening_socket() {
        let ours = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = Listener::inherited(ours.as_raw_fd()).unwrap();
        assert_eq!(taken.address(), &Address::Inet(ours.local_addr().unwrap()));
        let file = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(Listener::inherited(file.as_raw_fd()).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert!(Listener::inherited(-1).is_err());
    }
}
