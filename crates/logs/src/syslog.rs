//! Messages for syslog: one datagram a line.
//!
//! To the daemon of this machine in the form of RFC 3164 without a host, which is what the C library writes and what
//! every daemon expects on its socket; over the network in that of RFC 5424.

use std::io::Write as _;
use std::net::{ToSocketAddrs, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use rustix::io::Errno;
use rustix::net::SendFlags;
use yett_settings::{LogLevel, SyslogAddress};

use crate::civil;
use crate::clock;

/// Where this system has its own.
const LOCAL: &str = if cfg!(target_os = "macos") { "/var/run/syslog" } else { "/dev/log" };

/// A syslog server, connected to when there is something for it.
#[derive(Debug)]
pub(crate) struct Syslog {
    server: SyslogAddress,
    facility: u8,
    socket: Option<Socket>,
    datagram: Vec<u8>,
    host: String,
    /// How many lines of the current message have been sent.
    lines_sent: usize,
}

#[derive(Debug)]
enum Socket {
    Unix(UnixDatagram),
    Udp(UdpSocket),
}

impl Socket {
    fn connect(server: &SyslogAddress) -> std::io::Result<Self> {
        match server {
            SyslogAddress::Local => Self::unix(Path::new(LOCAL)),
            SyslogAddress::Unix(path) => Self::unix(path),
            SyslogAddress::Udp { host, port } => {
                let mut result = Err(std::io::ErrorKind::NotFound.into());
                for address in (host.as_str(), *port).to_socket_addrs()? {
                    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                    result = UdpSocket::bind(any).and_then(|socket| socket.connect(address).map(|()| socket));
                    if result.is_ok() {
                        break;
                    }
                }
                result.map(Self::Udp)
            }
        }
    }

    fn unix(path: &Path) -> std::io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        Ok(Self::Unix(socket))
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(socket) => socket.as_fd(),
            Self::Udp(socket) => socket.as_fd(),
        }
    }
}

impl Syslog {
    pub fn new(server: SyslogAddress, facility: u8) -> Self {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        // «-» where it is not known (RFC 5424 §6.2.4); the field ends with a space.
        let host =
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic()) { "-".into() } else { name };
        Self { server, facility, socket: None, datagram: Vec::new(), host, lines_sent: 0 }
    }

    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().map(Socket::fd)
    }

    /// Sends the lines of one message. `AGAIN`: wait for the descriptor, then the same once more.
    pub fn send(&mut self, level: LogLevel, message: &[u8]) -> Result<(), Errno> {
        let lines = message.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        for line in lines.skip(self.lines_sent) {
            self.make(level, line);
            match self.transmit() {
                Ok(()) => self.lines_sent += 1,
                Err(Errno::AGAIN) => return Err(Errno::AGAIN),
                Err(error) => {
                    self.lines_sent = 0;
                    return Err(error);
                }
            }
        }
        self.lines_sent = 0;
        Ok(())
    }

    fn make(&mut self, level: LogLevel, line: &[u8]) {
        // Numbers of RFC 5424 §6.2.1.
        let severity = match level {
            LogLevel::Error => 3,
            LogLevel::Warning => 4,
            LogLevel::Info => 6,
            LogLevel::Debug => 7,
        };
        let (seconds, micros) = clock::wall();
        let (priority, pid) = (u16::from(self.facility) * 8 + severity, std::process::id());
        self.datagram.clear();
        // Writing to memory does not fail.
        let _ = match self.server {
            SyslogAddress::Local | SyslogAddress::Unix(_) => {
                write!(self.datagram, "<{priority}>{} yett[{pid}]: ", civil::syslog(seconds))
            }
            SyslogAddress::Udp { .. } => {
                let (time, host) = (civil::iso(seconds), &self.host);
                write!(self.datagram, "<{priority}>1 {time}.{micros:06}Z {host} yett {pid} - - ")
            }
        };
        self.datagram.extend_from_slice(line);
    }

    fn transmit(&mut self) -> Result<(), Errno> {
        // A daemon that was restarted has another socket of the same name: the second attempt finds it.
        for attempt in [1, 2] {
            let socket = match &self.socket {
                Some(socket) => socket,
                None => {
                    let socket = Socket::connect(&self.server)
                        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::HOSTUNREACH))?;
                    self.socket.insert(socket)
                }
            };
            match rustix::net::send(socket.fd(), &self.datagram, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(_) => return Ok(()),
                Err(error @ (Errno::AGAIN | Errno::MSGSIZE)) => return Err(error),
                Err(error) if attempt == 2 => return Err(error),
                Err(_) => self.socket = None,
            }
        }
        Ok(())
    }
}
