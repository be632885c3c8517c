#![allow(clippy::unwrap_used, clippy::panic)]

mod sharing;

use std::cell::RefCell;
use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::process::Command;

use super::*;
use crate::reactor::{ALARM, Events};
use crate::timer::NEVER;

/// An acceptor with what a driver has around it.
struct Bench {
    acceptor: Acceptor,
    reactor: Reactor,
    deadlines: RefCell<Deadlines>,
    admitted: Vec<(NewConnection, usize)>,
}

impl Bench {
    /// With so many listeners on free ports, none of them watched.
    fn new(listeners: usize) -> Self {
        let listeners = (0..listeners).map(|_| Listener::tcp("127.0.0.1", 0, 128).unwrap().remove(0));
        Self {
            acceptor: Acceptor::new(listeners.collect()),
            reactor: Reactor::new().unwrap(),
            deadlines: RefCell::default(),
            admitted: Vec::new(),
        }
    }

    fn started(listeners: usize) -> Self {
        let mut bench = Self::new(listeners);
        assert_eq!(texts(&bench.start()), [""; 0]);
        bench
    }

    fn start(&mut self) -> Vec<Notice> {
        self.acceptor.start(&self.reactor, || self.deadlines.borrow_mut())
    }

    fn inet(&self, index: usize) -> SocketAddr {
        match self.acceptor.address(index) {
            Some(Address::Inet(address)) => *address,
            other => panic!("{other:?}"),
        }
    }

    /// So many clients of listener `index`. They are in its queue when this returns.
    fn clients(&self, index: usize, count: usize) -> Vec<TcpStream> {
        (0..count).map(|_| TcpStream::connect(self.inet(index)).unwrap()).collect()
    }

    fn accept(&mut self, index: u64) -> Vec<Notice> {
        let Self { acceptor, reactor, deadlines, admitted } = self;
        acceptor.accept(
            FIRST_LISTENER.wrapping_add(index),
            reactor,
            || deadlines.borrow_mut(),
            |new, index| {
                deadlines.borrow_mut().push(Token::from_u64(0), NEVER); // as drivers do
                admitted.push((new, index));
            },
        )
    }

    fn drain(&mut self) -> Vec<Notice> {
        let Self { acceptor, reactor, deadlines, admitted } = self;
        acceptor.drain(
            reactor,
            || deadlines.borrow_mut(),
            |new, index| {
                deadlines.borrow_mut().push(Token::from_u64(0), NEVER); // as drivers do
                admitted.push((new, index));
            },
        )
    }

    fn resume(&mut self) -> Vec<Notice> {
        self.acceptor.resume(&self.reactor, || self.deadlines.borrow_mut())
    }

    /// The listeners that the reactor reports now. The alarm, which is none, goes off when it likes.
    fn reported(&self) -> Vec<u64> {
        let mut events = Events::default();
        self.reactor.poll(&mut events, Some(0)).unwrap();
        let tokens = (0..events.len()).filter_map(|index| events.get(index));
        let mut listeners: Vec<u64> = tokens
            .filter(|(token, _)| *token != ALARM)
            .filter_map(|(token, _)| token.checked_sub(FIRST_LISTENER))
            .collect();
        listeners.sort_unstable();
        listeners
    }

    /// Takes out the entries of the deadlines that come up within a pause from now.
    fn resumptions(&self) -> usize {
        let mut deadlines = self.deadlines.borrow_mut();
        let end = clock::now() + PAUSE_MS;
        let mut count = 0;
        while let Some((_, token)) = deadlines.pop_due(end) {
            assert_eq!(token.as_u64(), RESUME_ACCEPTING);
            count += 1;
        }
        count
    }

    /// Has accepting from listener `index` fail from now on: accept(2) answers EINVAL.
    #[cfg(target_os = "linux")]
    fn break_listener(&self, index: usize) {
        let listener = &self.acceptor.listeners[index].listener;
        rustix::net::shutdown(listener, rustix::net::Shutdown::Read).unwrap();
    }
}

fn texts(notices: &[Notice]) -> Vec<String> {
    notices.iter().map(ToString::to_string).collect()
}

#[test]
fn a_driver_of_many_threads_may_share_it() {
    fn sendable<T: Send>() {}
    sendable::<Acceptor>();
    sendable::<Notice>();
}

#[test]
fn a_call_accepts_a_bounded_number_and_the_rest_is_reported_again() {
    let mut bench = Bench::started(1);
    let _clients = bench.clients(0, ACCEPTS_PER_CALL + 3);
    assert!(bench.accept(0).is_empty());
    assert_eq!(bench.admitted.len(), ACCEPTS_PER_CALL);
    assert_eq!(bench.reported(), [0]);
    assert!(bench.accept(0).is_empty());
    assert_eq!(bench.admitted.len(), ACCEPTS_PER_CALL + 3);
    assert_eq!(bench.reported(), [0; 0]);
}

#[test]
fn a_connection_is_admitted_with_the_number_of_its_listener() {
    let mut bench = Bench::started(2);
    let client = bench.clients(1, 1).remove(0);
    assert_eq!(bench.reported(), [1]);
    assert!(bench.accept(0).is_empty());
    assert!(bench.admitted.is_empty());
    assert!(bench.accept(1).is_empty());
    let (new, index) = &bench.admitted[0];
    assert_eq!(*index, 1);
    assert_eq!(new.peer, crate::Peer::Inet(client.local_addr().unwrap()));
}

#[test]
fn tokens_that_name_no_listener_are_passed_over() {
    let mut bench = Bench::started(1);
    let _clients = bench.clients(0, 1);
    let Bench { acceptor, reactor, deadlines, .. } = &mut bench;
    for token in [0, RESUME_ACCEPTING, FIRST_LISTENER + 1, ALARM] {
        let notices = acceptor.accept(
            token,
            reactor,
            || deadlines.borrow_mut(),
            |_, index| panic!("token {token} has admitted one of listener {index}"),
        );
        assert!(notices.is_empty());
    }
}

#[test]
fn only_what_is_watched_is_reported_and_accepted() {
    let mut bench = Bench::new(2);
    let _clients = [bench.clients(0, 1), bench.clients(1, 1)];
    assert_eq!(bench.reported(), [0; 0]);
    assert!(bench.accept(0).is_empty());
    assert!(bench.admitted.is_empty());
    // What is watched already is not watched twice, which the reactor would refuse.
    for _ in 0..2 {
        assert_eq!(texts(&bench.start()), [""; 0]);
        assert_eq!(bench.reported(), [0, 1]);
    }
    for _ in 0..2 {
        assert_eq!(texts(&bench.acceptor.watch(false, &bench.reactor)), [""; 0]);
        assert_eq!(bench.reported(), [0; 0]);
    }
    assert!(bench.accept(0).is_empty());
    assert!(bench.admitted.is_empty());
}

#[test]
fn what_the_reactor_refuses_is_told_and_tried_again() {
    let mut bench = Bench::new(2);
    let address = bench.inet(1);
    bench.reactor.add_listener(&bench.acceptor.listeners[1].listener, FIRST_LISTENER + 1).unwrap();
    let told = texts(&bench.start());
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with(&format!("cannot watch http://{address}: ")), "{told:?}");
    let _clients = bench.clients(0, 1);
    assert_eq!(bench.reported(), [0], "the others are watched");
    assert!(bench.acceptor.is_paused());
    assert_eq!(bench.resumptions(), 1);
    bench.reactor.remove(&bench.acceptor.listeners[1].listener).unwrap();
    assert_eq!(texts(&bench.resume()), [""; 0]);
    let _more = bench.clients(1, 1);
    assert_eq!(bench.reported(), [0, 1]);
}

#[test]
fn draining_takes_what_waits_and_then_no_more() {
    let mut bench = Bench::started(2);
    let _early = [bench.clients(0, 2), bench.clients(1, 1)];
    assert_eq!(texts(&bench.drain()), [""; 0]);
    let mut admitted: Vec<_> = bench.admitted.iter().map(|(_, index)| *index).collect();
    admitted.sort_unstable();
    assert_eq!(admitted, [0, 0, 1]);
    // The addresses are known for as long as there are connections.
    for index in 0..2 {
        let late = TcpStream::connect(bench.inet(index)).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::ConnectionRefused);
    }
    assert_eq!(bench.reported(), [0; 0]);
    assert!(bench.accept(0).is_empty());
    assert_eq!(texts(&bench.drain()), [""; 0]);
    assert_eq!(bench.admitted.len(), 3);
    // A connection that is closed while we drain must not open the door again.
    bench.acceptor.paused = true;
    assert!(!bench.acceptor.is_paused());
    assert!(bench.resume().is_empty());
    assert_eq!(bench.reported(), [0; 0]);
}

#[test]
fn draining_leaves_who_comes_later_to_others_who_have_the_listener() {
    let mut bench = Bench::started(1);
    let others = Listener::inherited(bench.acceptor.listeners[0].listener.as_fd().as_raw_fd()).unwrap();
    let _early = bench.clients(0, 1);
    assert_eq!(texts(&bench.drain()), [""; 0]);
    assert_eq!(bench.admitted.len(), 1);
    let _late = bench.clients(0, 1);
    assert_eq!(bench.reported(), [0; 0]);
    assert!(matches!(others.accept(), Ok(Accepted::Connection(_))));
}

#[test]
fn closing_frees_the_address_and_removes_the_socket_file() {
    let path = std::env::temp_dir().join(format!("yett-acceptor-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let mut acceptor = Acceptor::new(vec![Listener::unix(&path, None, 16).unwrap()]);
    let reactor = Reactor::new().unwrap();
    let mut deadlines = Deadlines::default();
    assert!(acceptor.start(&reactor, || &mut deadlines).is_empty());
    assert!(path.exists());
    assert!(acceptor.close(&reactor).is_empty());
    assert!(!path.exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_failed_listener_is_given_up_and_the_others_go_on() {
    let mut bench = Bench::started(2);
    let failed = bench.inet(0);
    bench.break_listener(0);
    assert_eq!(bench.reported(), [0], "the system tells that something is wrong with it");
    let notices = bench.accept(0);
    assert!(
        matches!(&notices[..], [Notice::ListenerFailed(Address::Inet(address), _)] if *address == failed),
        "{notices:?}"
    );
    assert!(notices[0].to_string().starts_with("a listener has failed and is given up: "));
    assert_eq!(bench.reported(), [0; 0], "it would be reported for ever");
    assert!(bench.accept(0).is_empty(), "told once");
    assert_eq!(bench.resumptions(), 0, "nothing pauses");
    let _client = bench.clients(1, 1);
    assert_eq!(bench.reported(), [1]);
    assert!(bench.accept(1).is_empty());
    assert_eq!(bench.admitted.len(), 1);
}

/// Runs the test of this module that is called `name` once more, in a process of its own that may have few descriptors
/// open: a limit on this process would hit the tests beside it. True in that process.
fn with_few_descriptors(name: &str) -> bool {
    const MARK: &str = "YETT_TEST_FEW_DESCRIPTORS";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let (_, module) = module_path!().split_once("::").unwrap();
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 48 && exec \"$0\" --exact \"$1\" --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .arg(format!("{module}::{name}"))
        .env(MARK, "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("1 passed"), "{told}\n{complaint}");
    false
}

/// Takes every descriptor that is left.
fn take_all() -> Vec<File> {
    (0..1000).map_while(|_| File::open("/dev/null").ok()).collect()
}

#[test]
fn without_descriptors_accepting_pauses_and_goes_on() {
    if !with_few_descriptors("without_descriptors_accepting_pauses_and_goes_on") {
        return;
    }
    let mut bench = Bench::started(2);
    let _clients = [bench.clients(0, 2), bench.clients(1, 1)];
    let mut taken = take_all();

    let told = texts(&bench.accept(0));
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("cannot accept connections: "), "{told:?}");
    assert!(told[0].contains("accepting pauses") && told[0].contains("ulimit -n"), "{told:?}");
    assert!(bench.admitted.is_empty());
    assert!(bench.acceptor.is_paused());
    assert_eq!(bench.reported(), [0; 0], "no listener keeps the reactor busy, the other one neither");
    assert!(bench.accept(1).is_empty());
    assert_eq!(bench.deadlines.borrow_mut().next_alarm(false), None, "the reactor's alarm is set already");
    assert_eq!(bench.resumptions(), 1);

    // The time is over, and nothing has changed: not told again.
    assert_eq!(texts(&bench.resume()), [""; 0]);
    assert!(!bench.acceptor.is_paused());
    assert_eq!(bench.reported(), [0, 1]);
    assert_eq!(texts(&bench.accept(1)), [""; 0]);
    assert_eq!(bench.reported(), [0; 0]);
    assert_eq!(bench.resumptions(), 1);

    // A descriptor has become free: one is let in, and the next waits.
    taken.pop();
    assert_eq!(texts(&bench.resume()), [""; 0]);
    assert_eq!(texts(&bench.accept(0)), [""; 0]);
    assert_eq!(bench.admitted.len(), 1);
    assert_eq!(bench.resumptions(), 1);

    // All have: everybody is let in, and the next time is told again.
    taken.clear();
    assert_eq!(texts(&bench.resume()), [""; 0]);
    assert_eq!(texts(&bench.accept(0)), [""; 0]);
    assert_eq!(texts(&bench.accept(1)), [""; 0]);
    assert_eq!(bench.admitted.len(), 3);
    assert_eq!(bench.resumptions(), 0);
    assert_eq!(texts(&bench.resume()), [""; 0], "there is no pause to end");
    let _late = bench.clients(0, 1);
    let _taken = take_all();
    assert_eq!(bench.accept(0).len(), 1);
}

#[test]
fn a_pause_that_cannot_be_ended_goes_on() {
    let mut bench = Bench::new(1);
    bench.acceptor.paused = true;
    bench.reactor.add_listener(&bench.acceptor.listeners[0].listener, FIRST_LISTENER).unwrap();
    assert!(matches!(bench.resume()[..], [Notice::CannotWatch(..)]));
    assert_eq!(bench.resumptions(), 1);
    bench.reactor.remove(&bench.acceptor.listeners[0].listener).unwrap();
    assert_eq!(texts(&bench.resume()), [""; 0]);
    let _client = bench.clients(0, 1);
    assert_eq!(bench.reported(), [0]);
    assert_eq!(bench.deadlines.borrow_mut().pop_due(NEVER), None);
}
