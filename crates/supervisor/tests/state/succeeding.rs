//! How it begins in the place of another supervisor, which goes on if this one fails: all workers have to be ready, as new code
//! has to prove itself in a reload.

use yett_supervisor::state::{Action, Config, Event, Exit, Order, Signal};

use crate::kit::{KILLED, Story, four};

fn preload() -> Config {
    Config { preload: true, ..four() }
}

#[test]
fn one_that_fails_to_start_ends_the_start_and_those_that_serve_finish() {
    let mut story = Story::begin_succeeding(four());
    story.ready(1);
    story.exits(2, Exit::Code(4));
    assert_eq!(story.lines_with("worker 2 (pid 1002) ended by itself with exit code 4"), 1);
    assert_eq!(story.orders(), [(1, Order::Retire), (3, Order::Quick), (4, Order::Quick)]);
    for worker in [3, 4, 1] {
        story.exits(worker, Exit::Code(0));
    }
    assert_eq!(story.deeds(), [Action::Exit(4)]);
}

#[test]
fn one_that_hangs_ends_the_start() {
    let mut story = Story::begin_succeeding(four());
    for worker in 1..=3 {
        story.ready(worker);
    }
    story.pass(59_999);
    assert_eq!(story.orders(), []);
    story.pass(1);
    assert_eq!(story.lines_with("was not ready within 60 s"), 1);
    assert_eq!(story.lines_with("not every worker became ready; stopping"), 1);
    assert_eq!(story.told[&4], Order::Kill);
    assert_eq!(story.deeds(), [Action::Stopping, Action::CloseListeners { remove: true }]);
    story.exits(4, KILLED);
    for worker in 1..=3 {
        story.exits(worker, Exit::Code(0));
    }
    assert_eq!(story.deeds(), [Action::Exit(6)]);
}

#[test]
fn nobody_waits_for_the_other_seats() {
    let mut story = Story::begin_succeeding(four());
    story.exits(3, KILLED);
    assert_eq!(story.lines_with("no worker became ready; stopping"), 1);
    assert_eq!(story.orders(), [(1, Order::Quick), (2, Order::Quick), (4, Order::Quick)]);
}

#[test]
fn a_zygote_that_dies_ends_the_start() {
    let mut story = Story::begin_succeeding(preload());
    story.tell(Event::ZygoteReady { generation: 1 });
    story.ready(1);
    story.zygote_exits(1, KILLED);
    assert_eq!(story.told[&1], Order::Retire);
    assert_eq!(story.told[&2], Order::Quick);
}

#[test]
fn one_that_has_been_ready_is_replaced() {
    let mut story = Story::begin_succeeding(four());
    story.ready(1);
    story.exits(1, KILLED);
    story.pass(100);
    assert_eq!(story.forks(), [1, 2, 3, 4, 5]);
    for worker in 2..=5 {
        story.ready(worker);
    }
    assert_eq!(story.deeds(), [Action::Started]);
}

#[test]
fn after_the_start_it_is_a_supervisor_like_any_other() {
    let mut story = Story::begin_succeeding(four());
    for worker in 1..=3 {
        story.ready(worker);
    }
    story.signal(Signal::Usr2);
    assert_eq!(story.lines_with("SIGUSR2: not before all workers are ready"), 1);
    story.ready(4);
    assert_eq!(story.deeds(), [Action::Started]);
    story.exits(1, KILLED);
    story.pass(100);
    story.exits(5, Exit::Code(4));
    story.pass(200);
    assert_eq!(story.forks(), [5, 6]);
    story.signal(Signal::Usr2);
    assert_eq!(story.deeds(), [Action::SpawnSuccessor]);
}

#[test]
fn without_the_other_one_it_does_what_it_can() {
    let mut story = Story::begin_succeeding(four());
    story.ready(1);
    story.tell(Event::Predecessor { serves: false });
    assert_eq!(story.lines_with("the old supervisor has ended"), 1);
    story.exits(2, Exit::Code(4));
    story.pass(100);
    assert_eq!(story.forks(), [1, 2, 3, 4, 5]);
    assert_eq!(story.told.len(), 0);
}
