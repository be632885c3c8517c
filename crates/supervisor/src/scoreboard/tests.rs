use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::entry::ENTRIES;
use super::*;

fn summary<'a>(method: &'a [u8], target: &'a [u8], key: u64) -> Summary<'a> {
    Summary { method, target, peer: None, id: b"", began: key, key }
}

fn board_and_slot(slots: usize) -> (Arc<Scoreboard>, OwnSlot) {
    let board = Arc::new(Scoreboard::new(slots).unwrap());
    let own = OwnSlot::new(Arc::clone(&board), 0, None).unwrap();
    (board, own)
}

#[test]
fn a_new_board_is_empty() {
    let board = Scoreboard::new(3).unwrap();
    assert_eq!(board.slots().len(), 3);
    assert!(board.slot(3).is_none());
    assert!(!board.is_draining());
    for slot in board.slots() {
        assert_eq!((slot.state(), slot.order(), slot.pid()), (State::Free, Order::None, None));
        assert_eq!((slot.in_flight(), slot.requests(), slot.accepted(), slot.running().len()), (0, 0, 0, 0));
        assert_eq!(std::ptr::from_ref(slot).addr() % 4096, 0);
    }
}

#[test]
fn a_board_that_cannot_be_is_an_error() {
    assert!(Scoreboard::new(usize::MAX).is_err());
    assert!(Scoreboard::new(usize::MAX / 70_000).is_err());
}

#[test]
fn states_and_orders_come_back_as_written() {
    let board = Scoreboard::new(1).unwrap();
    let slot = &board.slots()[0];
    let stuck = [Why::StuckLoop, Why::StuckGil, Why::StuckRequest];
    let whys = [Why::MaxRequests, Why::MaxRss, Why::Lifetime, Why::Asked].into_iter().chain(stuck);
    let plain = [State::Free, State::Starting, State::Ready, State::Stuck, State::Draining, State::Ended];
    for state in plain.into_iter().chain(whys.map(State::WantsReplacement)) {
        slot.set_state(state);
        assert_eq!(slot.state(), state);
    }
    for order in [Order::Drain, Order::Retire, Order::Quick, Order::None] {
        slot.give(order);
        assert_eq!(slot.order(), order);
    }
}

#[test]
fn taking_a_slot_forgets_who_had_it() {
    let (board, own) = board_and_slot(2);
    let slot = own.slot();
    slot.take(0, 1);
    assert_eq!(board.find_free(), Some(1));
    slot.holder().set_pid(77);
    slot.give(Order::Drain);
    slot.note_beat(5);
    slot.note_loop_beat(6);
    slot.limit_requests(1);
    own.begin(&summary(b"GET", b"/left", 1));
    own.accepted(1);
    slot.take(4, 2);
    assert_eq!((slot.state(), slot.seat(), slot.generation()), (State::Starting, 4, 2));
    assert_eq!((slot.order(), slot.pid(), slot.beat(), slot.loop_beat()), (Order::None, None, 0, 0));
    assert_eq!((slot.in_flight(), slot.requests(), slot.accepted()), (0, 0, 0));
    assert_eq!(slot.running(), []);
    slot.free();
    assert_eq!(board.find_free(), Some(0));
}

#[test]
fn requests_are_seen_while_they_run_the_first_begun_first() {
    let (_, own) = board_and_slot(1);
    let slot = own.slot();
    let peer: SocketAddr = "[2001:db8::7]:4711".parse().unwrap();
    let one = own.begin(&Summary {
        method: b"POST",
        target: b"/a?b=c",
        peer: Some(peer),
        id: b"an-id",
        began: 20,
        key: 9,
    });
    let two = own.begin(&Summary {
        peer: Some("10.1.2.3:80".parse().unwrap()),
        began: 10,
        ..summary(b"GET", b"/", 8)
    });
    own.started(two, 204);
    own.told(two);
    let running = slot.running();
    assert_eq!((running[0].told, running[1].told), (true, false));
    assert_eq!((slot.in_flight(), slot.requests(), running.len()), (2, 2, 2));
    assert_eq!((running[0].status, running[0].key, running[0].began), (Some(204), 8, 10));
    assert_eq!(running[0].peer, Some("10.1.2.3:80".parse().unwrap()));
    assert_eq!((&*running[1].method, &*running[1].target), (&b"POST"[..], &b"/a?b=c"[..]));
    assert_eq!((running[1].peer, &*running[1].id, running[1].status), (Some(peer), &b"an-id"[..], None));
    assert!(!running[1].cut);
    own.end(two);
    own.end(one);
    assert_eq!((slot.in_flight(), slot.requests(), slot.running()), (0, 2, vec![]));
    // The same place, and yet another request.
    let again = own.begin(&summary(b"GET", b"/", 7));
    assert_eq!(again, one);
    assert_ne!(slot.running()[0].stamp, running[1].stamp);
}

#[test]
fn what_is_too_long_is_cut() {
    let (_, own) = board_and_slot(1);
    let long = [b'x'; 300];
    own.begin(&Summary { id: &long, ..summary(&long, &long, 1) });
    let running = &own.slot().running()[0];
    assert_eq!((running.method.len(), running.id.len(), running.target.len()), (20, 64, 112));
    assert!(running.cut);
}

#[test]
fn more_requests_than_entries_are_counted_all_the_same() {
    let (_, own) = board_and_slot(1);
    let mut entries: Vec<_> = (0..300).map(|key| own.begin(&summary(b"GET", b"/", key))).collect();
    assert_eq!(entries.iter().flatten().count(), ENTRIES);
    assert_eq!((own.slot().in_flight(), own.slot().running().len()), (300, ENTRIES));
    own.end(entries.swap_remove(17));
    assert_eq!(own.begin(&summary(b"GET", b"/", 1)).map(EntryId::index), Some(17));
}

#[test]
fn the_last_request_asks_for_a_replacement_once_and_rings() {
    let board = Arc::new(Scoreboard::new(1).unwrap());
    let (heard, bell) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::NONBLOCK).unwrap();
    let own = OwnSlot::new(Arc::clone(&board), 0, Some(bell)).unwrap();
    let slot = own.slot();
    slot.take(0, 1);
    slot.set_state(State::Ready);
    slot.limit_requests(3);
    let mut bytes = [0; 9];
    for number in 1..=5 {
        assert_eq!(slot.state() == State::Ready, number <= 3, "{number}");
        own.begin(&summary(b"GET", b"/", number));
    }
    assert_eq!(slot.state(), State::WantsReplacement(Why::MaxRequests));
    assert!(slot.serves());
    assert_eq!(rustix::io::read(&heard, &mut bytes).unwrap(), 1);
    // What is urgent is told also afterwards, but not to one that ends.
    own.ask_replacement(Why::StuckGil);
    own.ask_replacement(Why::StuckLoop);
    assert_eq!(slot.state(), State::WantsReplacement(Why::StuckGil));
    assert!(!slot.serves());
    assert_eq!(rustix::io::read(&heard, &mut bytes).unwrap(), 1);
    slot.set_state(State::Draining);
    own.ask_replacement(Why::StuckLoop);
    assert_eq!(slot.state(), State::Draining);
}

#[test]
fn who_has_never_been_ready_asks_for_nothing_and_does_not_count_as_ready() {
    let (_, own) = board_and_slot(1);
    let slot = own.slot();
    slot.take(0, 1);
    assert!(!slot.ask_replacement(Why::Asked));
    slot.set_state(State::Draining);
    assert_eq!((slot.state(), slot.was_ready()), (State::Draining, false));
    slot.set_state(State::Ready);
    slot.set_state(State::Draining);
    assert!(slot.was_ready());
    slot.take(0, 2);
    assert!(!slot.was_ready());
}

#[test]
fn a_failure_is_told_by_one() {
    let board = Scoreboard::new(1).unwrap();
    assert!(board.tells_failure());
    assert!(!board.tells_failure());
    board.forget_failure();
    assert!(board.tells_failure());
}

#[test]
fn nobody_reads_half_a_request() {
    let (_, own) = board_and_slot(1);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..2_u64 {
            let (own, stop) = (&own, &stop);
            scope.spawn(move || {
                let mut number = thread;
                while !stop.load(Ordering::Relaxed) {
                    number += 2;
                    let text = [b'a' + (number % 26) as u8; 100];
                    let length = 20 + (number % 80) as usize;
                    let entry =
                        own.begin(&Summary { id: &text[..20], ..summary(b"GET", &text[..length], number) });
                    own.end(entry);
                }
            });
        }
        for _ in 0..300 {
            for running in own.slot().running() {
                let letter = b'a' + (running.key % 26) as u8;
                assert_eq!(running.target.len() as u64, 20 + running.key % 80);
                assert_eq!(running.began, running.key);
                assert!(running.target.iter().chain(&running.id).all(|byte| *byte == letter));
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!((own.slot().in_flight(), own.slot().running()), (0, vec![]));
}

proptest! {
    /// Whatever begins and ends, in whatever order: what is read is what runs.
    #[test]
    fn what_is_read_is_what_runs(
        steps in proptest::collection::vec(
            (any::<proptest::sample::Index>(), any::<bool>(), "[A-Z]{1,12}", "/[ -~]{0,90}", "[a-f0-9]{0,40}", any::<bool>()),
            1..200,
        ),
    ) {
        let (_, own) = board_and_slot(1);
        let mut model: HashMap<u64, (EntryId, String, String, String, Option<u16>)> = HashMap::new();
        for (key, (which, begins, method, target, id, starts)) in (0..).zip(steps) {
            if begins || model.is_empty() {
                let entry = own
                    .begin(&Summary { id: id.as_bytes(), ..summary(method.as_bytes(), target.as_bytes(), key) })
                    .unwrap();
                own.started(starts.then_some(entry), 200);
                model.insert(key, (entry, method, target, id, starts.then_some(200)));
            } else {
                let mut keys: Vec<_> = model.keys().copied().collect();
                keys.sort_unstable();
                let (entry, ..) = model.remove(which.get(&keys)).unwrap();
                own.end(Some(entry));
            }
            let running = own.slot().running();
            prop_assert_eq!(running.len(), model.len());
            prop_assert_eq!(own.slot().in_flight() as usize, model.len());
            for one in running {
                let (entry, method, target, id, status) = &model[&one.key];
                prop_assert_eq!(one.entry, *entry);
                prop_assert_eq!(&*one.method, method.as_bytes());
                prop_assert_eq!(&*one.target, target.as_bytes());
                prop_assert_eq!(&*one.id, id.as_bytes());
                prop_assert_eq!(one.status, *status);
            }
        }
    }
}

#[test]
fn slots_that_nobody_has_had_are_not_looked_at() {
    let board = Arc::new(Scoreboard::new(1000).unwrap());
    assert_eq!(board.used().len(), 0);
    for (index, used) in [(0, 1), (3, 4), (1, 4), (999, 1000)] {
        OwnSlot::new(Arc::clone(&board), index, None).unwrap();
        assert_eq!(board.used().len(), used);
    }
    board.slots()[999].free();
    assert_eq!(board.used().len(), 1000, "somebody may have it next");
    assert!(OwnSlot::new(Arc::clone(&board), 1000, None).is_none());
    assert_eq!(board.used().len(), 1000);
}

#[test]
fn connections_are_left_to_who_is_free_and_comes() {
    let board = Arc::new(Scoreboard::new(4).unwrap());
    let own: Vec<_> = (0..4).map(|index| OwnSlot::new(Arc::clone(&board), index, None).unwrap()).collect();
    let now = 64_000_000;
    for (slot, seat) in board.slots().iter().zip(0..) {
        slot.take(seat, 1);
        slot.set_state(State::Ready);
        slot.share().set_watching(Watching::Yes);
    }
    for key in 0..3 {
        own[0].begin(&summary(b"GET", b"/", key));
        own[1].begin(&summary(b"GET", b"/", key));
    }
    // The one at 3 is not there to be asked.
    board.slots()[3].set_state(State::Draining);
    assert_eq!(own[0].leave_to(now), Some(2));
    assert_eq!(own[2].leave_to(now), None);
    // There is a second one who could come, although he has as much to do.
    assert_eq!(own[0].second_to(2, now), Some(1));
    assert_eq!(own[0].second_to(1, now), Some(2));
    // It takes some, and that counts.
    own[2].accepted(now);
    own[2].accepted(now);
    assert_eq!(own[0].leave_to(now), None);
    assert_eq!(own[0].leave_to(now + 200_000), Some(2));
    // It does not come, and does not count, until it is there again.
    own[0].did_not_come(2, now);
    assert!(board.slots()[2].share().is_absent());
    assert_eq!(own[0].leave_to(now + 200_000), None);
    assert!(own[0].is_anybody_late(now + 50_000));
    assert!(!own[0].is_anybody_late(now + 200_000), "it will not come any more");
    assert!(!own[2].is_anybody_late(now), "who is there itself");
    own[2].begin(&summary(b"GET", b"/", 9));
    assert!(!own[0].is_anybody_late(now + 50_000));
    assert_eq!(own[0].leave_to(now + 200_000), Some(2));
    for watching in [Watching::Later, Watching::No] {
        board.slots()[2].share().set_watching(watching);
        assert_eq!(own[0].leave_to(now + 200_000).is_some(), watching == Watching::Later);
    }
}

#[cfg(target_os = "linux")] // elsewhere nobody can be called
#[test]
fn those_who_watch_are_called() {
    let board = Arc::new(Scoreboard::new(5).unwrap().can_call(5));
    let own: Vec<_> = (0..4).map(|index| OwnSlot::new(Arc::clone(&board), index, None).unwrap()).collect();
    let watching = [Watching::Yes, Watching::No, Watching::Later];
    for (slot, watching) in board.slots().iter().zip(watching) {
        slot.share().set_watching(watching);
    }
    let called = || {
        let was_called = |index: &usize| {
            let call = board.called(*index).unwrap();
            rustix::io::read(call, &mut [0; 8]).is_ok()
        };
        (0..5).filter(was_called).collect::<Vec<_>>()
    };
    assert_eq!(called(), [0; 0]);
    board.call_watching(None);
    assert_eq!(called(), [0, 2]);
    own[0].call_others();
    assert_eq!(called(), [2]);
    own[1].call_others();
    assert_eq!(called(), [0, 2]);
}
