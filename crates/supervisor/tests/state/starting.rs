//! How it begins.

use yett_supervisor::state::{Action, Event, Exit, Order, Signal, WorkerId};

use crate::kit::{KILLED, Story, four, one, pid};

#[test]
fn all_seats_are_filled_at_once_and_the_start_is_told_once_when_all_are_ready() {
    let mut story = Story::begin(four());
    assert_eq!(story.forks(), [1, 2, 3, 4]);
    assert_eq!(story.born.values().copied().collect::<Vec<_>>(), [(0, 1), (1, 1), (2, 1), (3, 1)]);
    for worker in [3, 1, 4] {
        story.ready(worker);
    }
    assert_eq!(story.deeds(), []);
    story.ready(2);
    assert_eq!(story.deeds(), [Action::Started]);
    story.ready(2);
    story.exits(2, Exit::Code(1));
    story.pass(1000);
    assert_eq!(story.forks(), [5]);
    story.ready(5);
    assert_eq!(story.deeds(), [], "started once");
}

#[test]
fn nothing_happens_before_the_start() {
    let mut machine = yett_supervisor::state::Machine::new(four(), 0);
    assert_eq!(machine.handle(0, Event::Timer), []);
    assert_eq!(machine.next_timeout(), None);
}

#[test]
fn a_single_worker_that_dies_before_it_is_ready_ends_the_server_with_its_code() {
    for (how, code) in [
        (Exit::Code(3), 3),
        (Exit::Code(4), 4),
        (Exit::Code(0), 6),
        (Exit::Code(1), 6),
        (Exit::Code(77), 6),
        (KILLED, 6),
    ] {
        let mut story = Story::begin(one());
        story.exits(1, how);
        // Who ends with a code of its own has said why.
        assert_eq!(story.lines_with("no worker became ready"), usize::from(code == 6), "{how:?}");
        assert_eq!(
            story.deeds(),
            [Action::Stopping, Action::CloseListeners { remove: true }, Action::Exit(code)],
            "{how:?}"
        );
        assert_eq!(story.machine.handle(story.now, Event::Signal(Signal::Term)), [], "nothing after Exit");
        assert_eq!(story.machine.next_timeout(), None);
    }
}

#[test]
fn the_server_ends_when_the_first_worker_of_each_seat_has_died_with_the_first_code_and_no_child_is_left() {
    let mut story = Story::begin(four());
    story.exits(1, KILLED);
    story.exits(2, Exit::Code(4));
    story.pass(100);
    assert_eq!(story.forks(), [1, 2, 3, 4, 5, 6], "replaced after a pause while others may yet be ready");
    story.exits(3, Exit::Code(3));
    assert_eq!(story.orders(), []);
    story.exits(4, Exit::Code(3));
    assert_eq!(story.orders(), [(5, Order::Quick), (6, Order::Quick)]);
    story.exits(6, Exit::Signal { number: 15, core: false });
    assert_eq!(story.deeds(), []);
    story.exits(5, Exit::Code(0));
    assert_eq!(story.deeds(), [Action::Exit(4)]);
}

#[test]
fn one_that_was_ready_keeps_the_server_alive() {
    let mut story = Story::begin(four());
    story.ready(1);
    for worker in 2..=4 {
        story.exits(worker, Exit::Code(4));
    }
    story.exits(1, Exit::Code(4));
    assert_eq!(story.forks(), [1, 2, 3, 4], "with a pause");
    story.pass(100);
    assert_eq!(story.forks(), [5, 6, 7, 8]);
}

#[test]
fn a_worker_that_takes_too_long_is_killed_and_counts_as_dead() {
    let mut story = Story::begin(four());
    story.ready(1);
    story.pass(59_999);
    assert_eq!(story.orders(), []);
    story.pass(1);
    assert_eq!(story.lines_with("was not ready within 60 s"), 3);
    assert_eq!(story.orders(), [(2, Order::Kill), (3, Order::Kill), (4, Order::Kill)]);
    story.pass(100);
    assert_eq!(story.forks(), [5, 6, 7], "not waiting for the kernel");
    for worker in 2..=4 {
        story.exits(worker, KILLED);
    }
    assert_eq!(story.forks(), []);

    let mut story = Story::begin(one());
    story.pass(60_000);
    assert_eq!(story.deeds(), [Action::Stopping, Action::CloseListeners { remove: true }]);
    story.exits(1, KILLED);
    assert_eq!(story.deeds(), [Action::Exit(6)]);
}

#[test]
fn a_fork_that_fails_is_a_death() {
    let mut story = Story::serving(four());
    story.no_forks = true;
    story.exits(1, KILLED);
    story.pass(300);
    assert_eq!(story.lines_with("could not be forked: Resource temporarily unavailable"), 2);
    assert_eq!(story.asked.iter().filter(|action| matches!(action, Action::Removed { .. })).count(), 3);
    story.no_forks = false;
    story.forks();
    story.pass(400);
    assert_eq!(story.forks(), [7]);

    let mut machine = yett_supervisor::state::Machine::new(one(), 0);
    machine.handle(0, Event::Start);
    let actions = machine.handle(1, Event::ForkFailed { worker: WorkerId(1), error: "no".into() });
    assert_eq!(actions.last(), Some(&Action::Exit(6)));
}

#[test]
fn an_exit_that_is_told_before_the_birth_is_not_forgotten() {
    let mut machine = yett_supervisor::state::Machine::new(one(), 0);
    machine.handle(0, Event::Start);
    assert_eq!(machine.handle(1, Event::Exited { pid: pid(1), how: Exit::Code(4), oom: false }), []);
    let actions = machine.handle(2, Event::Forked { worker: WorkerId(1), pid: pid(1) });
    assert_eq!(actions.last(), Some(&Action::Exit(4)));
}

#[test]
fn an_exit_that_nobody_is_born_to_is_forgotten() {
    let mut story = Story::serving(four());
    story.tell(Event::Exited { pid: pid(5), how: KILLED, oom: false });
    story.signal(Signal::Ttin);
    assert_eq!(story.forks(), [5], "whose process has the same number by chance");
    story.ready(5);
    assert_eq!(story.lines_with("worker 5 (pid 1005) is ready"), 1);
}

#[test]
fn strangers_do_not_matter() {
    let mut story = Story::serving(four());
    story.tell(Event::Exited { pid: 1, how: KILLED, oom: false });
    story.tell(Event::Ready { worker: WorkerId(99) });
    story.tell(Event::Frozen { worker: WorkerId(99) });
    story.tell(Event::Forked { worker: WorkerId(1), pid: 7 });
    story.tell(Event::Configured(one()));
    story.tell(Event::ConfigurationFailed("?".into()));
    story.tell(Event::SuccessorReady);
    story.tell(Event::SuccessorEnded("?".into()));
    story.tell(Event::ZygoteReady { generation: 1 });
    assert_eq!(story.asked, []);
}
