//! Two processes see each other's writes.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use yett_supervisor::scoreboard::{Order, OwnSlot, Scoreboard, State, Summary};

/// Waits until `there` is true: the other process needs a moment.
fn wait_until(what: &str, there: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !there() {
        assert!(begun.elapsed().as_secs() < 60, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn two_processes_see_each_others_writes() {
    let board = Arc::new(Scoreboard::new(2).unwrap());
    let slot = board.slot(1).unwrap();
    slot.take(1, 3);
    let own = OwnSlot::new(Arc::clone(&board), 1, None).unwrap();
    // SAFETY: the child does nothing but read and write atomics that are there already, until it ends with `_exit`.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        own.slot().set_state(State::Ready);
        while own.slot().order() != Order::Drain {
            std::hint::spin_loop();
        }
        let summary = Summary { method: b"GET", target: b"/lost", peer: None, id: b"7", began: 1, key: 2 };
        let entry = own.begin(&summary);
        own.started(entry, 200);
        // SAFETY: ends the process, and nothing else.
        unsafe { libc::_exit(0) };
    }
    wait_until("the child gets ready", || slot.state() == State::Ready);
    slot.give(Order::Drain);
    let mut status = -1;
    // SAFETY: writes the status where it is told to.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0);
    // What it has left is still there.
    let left = slot.running();
    assert_eq!(left.len(), 1);
    assert_eq!((&*left[0].target, &*left[0].id, left[0].status), (&b"/lost"[..], &b"7"[..], Some(200)));
    assert_eq!(slot.in_flight(), 1);
    slot.free();
    assert_eq!((slot.running().len(), slot.in_flight()), (0, 0));
}
