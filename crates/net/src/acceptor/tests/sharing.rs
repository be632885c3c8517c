//! Connections that are left to another process.

use std::io::Write;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::acceptor::{Sharing, Told, Watching};

/// The others, as a test wants them.
#[derive(Debug)]
struct Others {
    /// They have less to do.
    freer: AtomicBool,
    /// They have not come lately.
    late: AtomicBool,
    asked: AtomicUsize,
    absent: AtomicUsize,
    all_called: AtomicUsize,
    /// How this process was told, each time.
    told: Mutex<Vec<Told>>,
    watching: Mutex<Watching>,
    called: UnixStream,
    call: UnixStream,
}

impl Others {
    fn new(freer: bool) -> Arc<Self> {
        let (called, call) = UnixStream::pair().unwrap();
        Arc::new(Self {
            freer: AtomicBool::new(freer),
            late: AtomicBool::new(false),
            asked: AtomicUsize::new(0),
            absent: AtomicUsize::new(0),
            all_called: AtomicUsize::new(0),
            told: Mutex::default(),
            watching: Mutex::new(Watching::No),
            called,
            call,
        })
    }

    fn watching(&self) -> Watching {
        *self.watching.lock().unwrap()
    }

    fn set_freer(&self, freer: bool) {
        self.freer.store(freer, Ordering::Relaxed);
    }
}

impl Sharing for Others {
    fn is_ours(&self, told: Told, waits: &dyn Fn() -> bool) -> bool {
        self.told.lock().unwrap().push(told);
        self.asked.fetch_add(1, Ordering::Relaxed);
        !(self.freer.load(Ordering::Relaxed) && waits())
    }

    fn did_not_come(&self) {
        self.absent.fetch_add(1, Ordering::Relaxed);
    }

    fn others_are_late(&self) -> bool {
        self.late.load(Ordering::Relaxed)
    }

    fn call_others(&self) {
        self.all_called.fetch_add(1, Ordering::Relaxed);
    }

    fn watches(&self, watching: Watching) {
        *self.watching.lock().unwrap() = watching;
    }

    fn called(&self) -> Option<BorrowedFd<'_>> {
        Some(self.called.as_fd())
    }
}

fn shared(others: &Arc<Others>) -> Bench {
    let mut bench = Bench::new(1);
    bench.acceptor.share(Arc::<Others>::clone(others));
    assert_eq!(texts(&bench.start()), [""; 0]);
    // That the call can be written to is no call, but is told once.
    bench.reported();
    bench
}

/// Until the patience of whoever leaves a connection to others is over.
fn be_patient(bench: &mut Bench) {
    let until = bench.acceptor.deferral.until.unwrap();
    while clock::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut due = Vec::new();
    while let Some((_, token)) = bench.deadlines.borrow_mut().pop_due(until) {
        due.push(token.as_u64());
    }
    assert_eq!(due, [PATIENCE_OVER]);
    assert!(Acceptor::is_alarm(Token::from_u64(PATIENCE_OVER)));
    assert!(bench.accept(PATIENCE_OVER.wrapping_sub(FIRST_LISTENER)).is_empty());
}

#[test]
fn who_has_least_to_do_takes_connections_as_if_alone() {
    let others = Others::new(false);
    let mut bench = shared(&others);
    let _clients = bench.clients(0, 3);
    assert_eq!(others.watching(), Watching::Yes);
    assert!(bench.accept(0).is_empty());
    assert_eq!(bench.admitted.len(), 3);
    assert_eq!(others.asked.load(Ordering::Relaxed), 4, "each, and once more");
}

#[test]
fn a_burst_is_not_taken_all_at_once() {
    let others = Others::new(false);
    let mut bench = shared(&others);
    let _clients = bench.clients(0, SHARED_ACCEPTS_PER_CALL + 2);
    assert!(bench.accept(0).is_empty());
    assert_eq!(bench.admitted.len(), SHARED_ACCEPTS_PER_CALL);
    assert_eq!((bench.reported(), others.watching()), (vec![0], Watching::Yes));
    assert!(bench.accept(0).is_empty());
    assert_eq!(bench.admitted.len(), SHARED_ACCEPTS_PER_CALL + 2);
}

#[test]
fn others_who_are_late_are_left_time_to_come() {
    let others = Others::new(false);
    let mut bench = shared(&others);
    others.late.store(true, Ordering::Relaxed);
    let _clients = bench.clients(0, SHARED_ACCEPTS_PER_CALL + 2);
    assert!(bench.accept(0).is_empty());
    assert_eq!(bench.admitted.len(), SHARED_ACCEPTS_PER_CALL);
    assert_eq!((bench.reported(), others.watching()), (vec![], Watching::Later));
    // They have not come; nothing was left to one of them, and none is blamed for more.
    be_patient(&mut bench);
    assert_eq!(bench.admitted.len(), SHARED_ACCEPTS_PER_CALL + 1);
    assert_eq!((others.watching(), others.absent.load(Ordering::Relaxed)), (Watching::Yes, 0));
    assert_eq!(bench.reported(), [0]);
    assert!(bench.accept(0).is_empty());
    assert_eq!(bench.admitted.len(), SHARED_ACCEPTS_PER_CALL + 2);
    assert_eq!(others.watching(), Watching::Yes, "nobody waits, so nobody is to come");
}

#[test]
fn nobody_looks_away_when_nobody_waits() {
    let others = Others::new(false);
    let mut bench = shared(&others);
    others.late.store(true, Ordering::Relaxed);
    let _clients = bench.clients(0, SHARED_ACCEPTS_PER_CALL);
    assert!(bench.accept(0).is_empty());
    assert_eq!((bench.admitted.len(), others.watching()), (SHARED_ACCEPTS_PER_CALL, Watching::Yes));
}

#[test]
fn no_listener_waits_for_another_while_others_have_their_turn() {
    let others = Others::new(false);
    let mut bench = Bench::new(2);
    bench.acceptor.share(Arc::<Others>::clone(&others));
    assert_eq!(texts(&bench.start()), [""; 0]);
    others.late.store(true, Ordering::Relaxed);
    let _clients = [bench.clients(0, 3 * SHARED_ACCEPTS_PER_CALL), bench.clients(1, 1)];
    assert!(bench.accept(0).is_empty());
    be_patient(&mut bench);
    let of_the_second = bench.admitted.iter().filter(|(_, listener)| *listener == 1);
    assert_eq!(of_the_second.count(), 1);
}

#[test]
fn what_is_left_to_another_is_not_told_again_and_taken_by_nobody_but_him() {
    let others = Others::new(true);
    let mut bench = shared(&others);
    let _clients = bench.clients(0, 2);
    assert_eq!(bench.reported(), [0]);
    assert!(bench.accept(0).is_empty());
    assert!(bench.admitted.is_empty());
    assert_eq!(others.watching(), Watching::Later);
    assert_eq!(bench.reported(), [0; 0]);
    // He takes them; when patience is over there is nothing left, and he is there.
    let listener = &bench.acceptor.listeners[0].listener;
    while let Accepted::Connection(_) = listener.accept().unwrap() {}
    be_patient(&mut bench);
    assert!(bench.admitted.is_empty());
    assert_eq!((others.watching(), others.absent.load(Ordering::Relaxed)), (Watching::Yes, 0));
    let _late = bench.clients(0, 1);
    assert_eq!(bench.reported(), [0]);
}

#[test]
fn when_patience_is_over_one_is_taken_all_the_same() {
    let others = Others::new(true);
    let mut bench = shared(&others);
    let _clients = bench.clients(0, 2);
    assert!(bench.accept(0).is_empty());
    be_patient(&mut bench);
    assert_eq!(bench.admitted.len(), 1);
    assert_eq!(others.absent.load(Ordering::Relaxed), 1);
    // The next is up for decision again.
    assert_eq!(bench.reported(), [0]);
    others.set_freer(false);
    assert!(bench.accept(0).is_empty());
    assert_eq!(bench.admitted.len(), 2);
}

#[test]
fn a_call_ends_the_patience_and_is_heard_each_time() {
    let others = Others::new(true);
    let mut bench = shared(&others);
    let _clients = bench.clients(0, 1);
    for round in 0..2 {
        others.set_freer(true);
        assert!(bench.accept(0).is_empty());
        assert_eq!((others.watching(), bench.admitted.len()), (Watching::Later, round));
        others.set_freer(false);
        (&others.call).write_all(b"x").unwrap();
        let reported = bench.reported();
        assert_eq!(reported, [CALLED - FIRST_LISTENER]);
        assert!(bench.accept(reported[0]).is_empty());
        assert_eq!((others.watching(), bench.admitted.len()), (Watching::Yes, round + 1));
        let _more = bench.clients(0, 1);
    }
    // An entry for a patience that has ended says nothing.
    assert_eq!(bench.deadlines.borrow().len(), 2 + 1, "two connections, and one patience");
}

#[test]
fn with_a_call_what_waits_is_taken_although_the_reactor_does_not_tell() {
    let others = Others::new(false);
    let mut bench = shared(&others);
    let _clients = bench.clients(0, 2);
    assert!(bench.accept(CALLED - FIRST_LISTENER).is_empty());
    assert_eq!(bench.admitted.len(), 2);
    assert_eq!(*others.told.lock().unwrap(), [Told::ByCall; 3]);
    assert!(bench.accept(0).is_empty());
    assert_eq!(others.told.lock().unwrap().last(), Some(&Told::ByKernel));
}

#[test]
fn draining_takes_what_waits_also_if_it_was_left_to_another() {
    let others = Others::new(true);
    let mut bench = shared(&others);
    let _clients = bench.clients(0, 3);
    assert!(bench.accept(0).is_empty());
    assert!(bench.drain().is_empty());
    assert_eq!(bench.admitted.len(), 3);
    assert_eq!(others.watching(), Watching::No);
    assert!(bench.accept(PATIENCE_OVER.wrapping_sub(FIRST_LISTENER)).is_empty());
    assert!(bench.accept(CALLED - FIRST_LISTENER).is_empty());
    assert_eq!(others.watching(), Watching::No);
}

#[test]
fn who_cannot_watch_again_tries_later_and_counts_as_one_who_does_not_accept() {
    let others = Others::new(true);
    for called in [false, true] {
        let mut bench = shared(&others);
        let _clients = bench.clients(0, 1);
        assert!(bench.accept(0).is_empty());
        assert_eq!(others.watching(), Watching::Later);
        bench.reactor.add_listener(&bench.acceptor.listeners[0].listener, FIRST_LISTENER).unwrap();
        let until = bench.acceptor.deferral.until.unwrap();
        while clock::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        bench.deadlines.borrow_mut().pop_due(until);
        let token = if called { CALLED } else { PATIENCE_OVER };
        let notices = bench.accept(token.wrapping_sub(FIRST_LISTENER));
        assert!(matches!(notices[..], [Notice::CannotWatch(..)]), "{notices:?}");
        assert_eq!(others.watching(), Watching::No);
        assert!(bench.acceptor.is_paused());
        bench.reactor.remove(&bench.acceptor.listeners[0].listener).unwrap();
        assert_eq!(texts(&bench.resume()), [""; 0]);
        assert_eq!(others.watching(), Watching::Yes);
        let _late = bench.clients(0, 1);
        assert_eq!(bench.reported(), [0]);
    }
}

#[test]
fn who_has_no_descriptors_calls_the_others() {
    if !with_few_descriptors("sharing::who_has_no_descriptors_calls_the_others") {
        return;
    }
    let others = Others::new(false);
    let mut bench = shared(&others);
    let _client = bench.clients(0, 1);
    let _taken = take_all();
    assert_eq!(bench.accept(0).len(), 1);
    assert_eq!((others.watching(), others.all_called.load(Ordering::Relaxed)), (Watching::No, 1));
    // Each time: whoever was called before may have had none either.
    assert_eq!(texts(&bench.resume()), [""; 0]);
    assert!(bench.accept(0).is_empty());
    assert_eq!(others.all_called.load(Ordering::Relaxed), 2);
}

#[test]
fn who_gives_up_takes_nobody_and_calls_the_others() {
    let others = Others::new(false);
    let mut bench = shared(&others);
    let theirs = Listener::inherited(bench.acceptor.listeners[0].listener.as_fd().as_raw_fd()).unwrap();
    let _clients = bench.clients(0, 2);
    assert_eq!(texts(&bench.acceptor.abandon(&bench.reactor)), [""; 0]);
    assert_eq!((others.watching(), others.all_called.load(Ordering::Relaxed)), (Watching::No, 1));
    assert!(bench.drain().is_empty());
    assert!(bench.admitted.is_empty());
    for _ in 0..2 {
        assert!(matches!(theirs.accept(), Ok(Accepted::Connection(_))));
    }
}
