//! What systemd is told (`sd_notify`), and the sockets that it passes on (`LISTEN_FDS`).
//!
//! Both are environment variables and nothing else, so no library is needed; other supervisors of services speak the
//! same (s6, the launchers of containers). Who calls this takes the variables out of the environment afterwards, so that
//! no child takes them for its own.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The variables that are read here, for taking them out of the environment.
pub const VARIABLES: &[&str] = &[
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "LISTEN_PIDFDID",
];

/// The first descriptor that is passed on: `SD_LISTEN_FDS_START`.
const FIRST_SOCKET: RawFd = 3;
/// More sockets than anybody passes: a slip in the variable should not have us look at a thousand million descriptors.
const MOST_SOCKETS: RawFd = 1024;
/// How long the service manager may take nothing from its socket. It is there to listen; who would hang up a server for
/// ever is worse off than who misses a message.
const PATIENCE: Duration = Duration::from_secs(1);

/// One variable of the environment.
pub type Variable<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The way to the service manager.
#[derive(Debug)]
pub struct Notifier {
    socket: UnixDatagram,
    address: SocketAddr,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// The one that `NOTIFY_SOCKET` names: a path, or an abstract name after `@`. None if nobody wants to be told.
    /// `pid` is the number of this process, for which `WATCHDOG_PID` has to be meant.
    ///
    /// # Errors
    /// The variable names no unix socket, or the system gives no socket.
    pub fn new(variable: Variable<'_>, pid: u32) -> io::Result<Option<Self>> {
        let Some(name) = variable("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else { return Ok(None) };
        let address = address(&name)?;
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Some(Self { socket, address, watchdog: watchdog(variable, pid) }))
    }

    /// How often systemd wants to hear of us, if it does: half of `WATCHDOG_USEC`, as its manual recommends.
    pub fn watchdog_interval(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Requests are answered: after a start, and after a reload. `status` is shown by `systemctl status`.
    ///
    /// # Errors
    /// Nobody listens there any more, or it takes nothing.
    pub fn ready(&self, status: &str) -> io::Result<()> {
        self.send(&format!("READY=1\n{}", status_line(status)))
    }

    /// A reload begins; [`Self::ready`] ends it.
    ///
    /// # Errors
    /// As [`Self::ready`].
    pub fn reloading(&self, status: &str) -> io::Result<()> {
        let now = clock_gettime(ClockId::Monotonic);
        let microseconds = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}\n{}", status_line(status)))
    }

    /// The end begins.
    ///
    /// # Errors
    /// As [`Self::ready`].
    pub fn stopping(&self, status: &str) -> io::Result<()> {
        self.send(&format!("STOPPING=1\n{}", status_line(status)))
    }

    /// A line for `systemctl status`.
    ///
    /// # Errors
    /// As [`Self::ready`].
    pub fn status(&self, status: &str) -> io::Result<()> {
        self.send(&status_line(status))
    }

    /// Another process is the main one from now on; the caller must belong to the service.
    ///
    /// # Errors
    /// As [`Self::ready`].
    pub fn main_pid(&self, pid: u32) -> io::Result<()> {
        self.send(&format!("MAINPID={pid}\n"))
    }

    /// A sign of life.
    ///
    /// # Errors
    /// As [`Self::ready`].
    pub fn watchdog(&self) -> io::Result<()> {
        self.send("WATCHDOG=1\n")
    }

    fn send(&self, message: &str) -> io::Result<()> {
        self.socket.send_to_addr(message.as_bytes(), &self.address).map(drop)
    }
}

/// Signs of life in time, from somebody who looks at the clock now and then.
#[derive(Clone, Debug)]
pub struct Watchdog {
    notifier: Arc<Notifier>,
    /// Milliseconds.
    interval: u64,
    next: u64,
}

impl Watchdog {
    /// None if no signs of life are wanted. `now` in milliseconds, here and below.
    pub fn of(notifier: Arc<Notifier>, now: u64) -> Option<Self> {
        let interval = u64::try_from(notifier.watchdog_interval()?.as_millis()).unwrap_or(u64::MAX);
        // Not more often than once a millisecond.
        Some(Self { notifier, interval: interval.max(1), next: now })
    }

    /// When the next one is due.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Gives it, if it is due. A manager that does not take it will say so itself.
    pub fn keep_awake(&mut self, now: u64) {
        if now >= self.next {
            let _ = self.notifier.watchdog();
            self.next = now.saturating_add(self.interval);
        }
    }
}

/// The number of the sockets that are passed to this process, in the order in which its unit lists them. Empty if none
/// are, or if they are meant for a process before us.
pub fn passed_sockets(variable: Variable<'_>, pid: u32) -> Vec<RawFd> {
    let number = |name| variable(name)?.to_str()?.parse::<u32>().ok();
    if number("LISTEN_PID") != Some(pid) {
        return Vec::new();
    }
    let count = number("LISTEN_FDS").and_then(|count| RawFd::try_from(count).ok()).unwrap_or_default();
    (FIRST_SOCKET..FIRST_SOCKET + count.min(MOST_SOCKETS)).collect()
}

fn status_line(status: &str) -> String {
    if status.is_empty() { String::new() } else { format!("STATUS={}\n", status.replace('\n', " ")) }
}

fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'/', ..] => SocketAddr::from_pathname(name),
        [b'@', name @ ..] => abstract_address(name),
        _ => {
            let name = name.to_string_lossy();
            Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("NOTIFY_SOCKET={name} is no unix socket"),
            ))
        }
    }
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &[u8]) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_: &[u8]) -> io::Result<SocketAddr> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no abstract sockets"))
}

fn watchdog(variable: Variable<'_>, pid: u32) -> Option<Duration> {
    let number = |name| variable(name)?.to_str()?.parse::<u64>().ok();
    let is_meant = variable("WATCHDOG_PID").is_none() || number("WATCHDOG_PID") == Some(u64::from(pid));
    let microseconds = number("WATCHDOG_USEC").filter(|&microseconds| is_meant && microseconds > 0)?;
    Some(Duration::from_micros(microseconds / 2))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// An environment.
    fn of(variables: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        move |asked| variables.iter().find(|(name, _)| *name == asked).map(|(_, value)| value.into())
    }

    fn received(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 500];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    #[test]
    fn messages_arrive_at_a_path() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let variable = |name: &str| (name == "NOTIFY_SOCKET").then(|| path.clone().into_os_string());
        let notifier = Notifier::new(&variable, 1).unwrap().unwrap();
        notifier.ready("2 workers\non :80").unwrap();
        assert_eq!(received(&manager), "READY=1\nSTATUS=2 workers on :80\n");
        notifier.reloading("").unwrap();
        let reloading = received(&manager);
        let microseconds = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap().trim_end();
        assert!(microseconds.parse::<u64>().unwrap() > 0);
        notifier.stopping("").unwrap();
        assert_eq!(received(&manager), "STOPPING=1\n");
        notifier.status("draining").unwrap();
        assert_eq!(received(&manager), "STATUS=draining\n");
        notifier.main_pid(17).unwrap();
        assert_eq!(received(&manager), "MAINPID=17\n");
        notifier.watchdog().unwrap();
        assert_eq!(received(&manager), "WATCHDOG=1\n");
        drop(manager);
        assert_eq!(notifier.watchdog().unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn messages_arrive_at_an_abstract_name() {
        use std::os::linux::net::SocketAddrExt;
        let name = format!("yett-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        let variable = |asked: &str| (asked == "NOTIFY_SOCKET").then(|| format!("@{name}").into());
        Notifier::new(&variable, 1).unwrap().unwrap().ready("").unwrap();
        assert_eq!(received(&manager), "READY=1\n");
    }

    #[test]
    fn a_manager_that_takes_nothing_does_not_hold_us_for_ever() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("notify");
        let _manager = UnixDatagram::bind(&path).unwrap();
        let variable = |name: &str| (name == "NOTIFY_SOCKET").then(|| path.clone().into_os_string());
        let notifier = Notifier::new(&variable, 1).unwrap().unwrap();
        let error = (0..100_000).find_map(|_| notifier.watchdog().err()).unwrap();
        assert!(matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{error}");
    }

    #[test]
    fn nobody_is_told_where_nobody_asked() {
        assert!(Notifier::new(&of(&[]), 1).unwrap().is_none());
        assert!(Notifier::new(&of(&[("NOTIFY_SOCKET", "")]), 1).unwrap().is_none());
        let error = Notifier::new(&of(&[("NOTIFY_SOCKET", "vsock:2:1234")]), 1).unwrap_err();
        assert_eq!(error.to_string(), "NOTIFY_SOCKET=vsock:2:1234 is no unix socket");
    }

    #[test]
    fn the_watchdog_is_for_one_process() {
        assert_eq!(watchdog(&of(&[("WATCHDOG_USEC", "30000000")]), 7), Some(Duration::from_secs(15)));
        let meant = of(&[("WATCHDOG_USEC", "1000000"), ("WATCHDOG_PID", "7")]);
        assert_eq!(watchdog(&meant, 7), Some(Duration::from_millis(500)));
        assert_eq!(watchdog(&meant, 8), None);
        assert_eq!(watchdog(&of(&[("WATCHDOG_USEC", "0")]), 7), None);
        assert_eq!(watchdog(&of(&[("WATCHDOG_USEC", "soon")]), 7), None);
        assert_eq!(watchdog(&of(&[("WATCHDOG_USEC", "9"), ("WATCHDOG_PID", "us")]), 7), None);
    }

    #[test]
    fn signs_of_life_come_in_time() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_nonblocking(true).unwrap();
        let variable = |name: &str| match name {
            "NOTIFY_SOCKET" => Some(path.clone().into_os_string()),
            "WATCHDOG_USEC" => Some("10000000".into()),
            _ => None,
        };
        let notifier = Arc::new(Notifier::new(&variable, 1).unwrap().unwrap());
        let mut watchdog = Watchdog::of(notifier, 1000).unwrap();
        for (now, awake, next) in
            [(1000, true, 6000), (5999, false, 6000), (6000, true, 11_000), (50_000, true, 55_000)]
        {
            watchdog.keep_awake(now);
            assert_eq!(watchdog.next(), next);
            assert_eq!(manager.recv(&mut [0; 50]).is_ok(), awake, "{now}");
        }
        let silent = |name: &str| (name == "NOTIFY_SOCKET").then(|| path.clone().into_os_string());
        let notifier = Arc::new(Notifier::new(&silent, 1).unwrap().unwrap());
        assert!(Watchdog::of(notifier, 1000).is_none());
    }

    #[test]
    fn sockets_are_counted_from_three() {
        let passed = of(&[("LISTEN_PID", "7"), ("LISTEN_FDS", "2"), ("LISTEN_FDNAMES", "http:admin")]);
        assert_eq!(passed_sockets(&passed, 7), [3, 4]);
        assert!(passed_sockets(&passed, 8).is_empty());
        assert!(passed_sockets(&of(&[("LISTEN_FDS", "2")]), 7).is_empty());
        for count in ["", "-1", "two", "0"] {
            let variable = |name: &str| match name {
                "LISTEN_PID" => Some("7".into()),
                "LISTEN_FDS" => Some(count.into()),
                _ => None,
            };
            assert!(passed_sockets(&variable, 7).is_empty(), "{count}");
        }
        let many = of(&[("LISTEN_PID", "7"), ("LISTEN_FDS", "4000000000")]);
        assert!(passed_sockets(&many, 7).is_empty());
        assert_eq!(passed_sockets(&of(&[("LISTEN_PID", "7"), ("LISTEN_FDS", "9999999")]), 7).len(), 1024);
    }
}
