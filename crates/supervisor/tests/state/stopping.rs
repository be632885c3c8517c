//! How it ends, and for whom it makes way.

use yett_supervisor::state::{Action, Config, Event, Exit, Order, Signal};

use crate::kit::{KILLED, Story, four};

const CLOSE: Action = Action::CloseListeners { remove: true };

#[test]
fn sigterm_drains_all_workers_and_ends_when_the_last_is_gone() {
    let mut story = Story::serving(four());
    story.signal(Signal::Term);
    for worker in 1..=4 {
        assert_eq!(story.told[&worker], Order::Drain);
    }
    assert_eq!(story.deeds(), [Action::Stopping, CLOSE]);
    for worker in 1..=3 {
        story.exits(worker, Exit::Code(0));
    }
    story.pass(1000);
    assert_eq!(story.forks(), [], "nobody is replaced");
    story.exits(4, Exit::Code(0));
    assert_eq!(story.deeds(), [Action::Exit(0)]);
}

#[test]
fn the_listeners_stay_open_for_the_drain_delay() {
    let mut story = Story::serving(Config { drain_delay: 10_000, ..four() });
    story.signal(Signal::Term);
    assert_eq!(story.deeds(), [Action::Stopping]);
    story.pass(9_999);
    assert_eq!(story.deeds(), []);
    story.pass(1);
    assert_eq!(story.deeds(), [CLOSE]);
}

#[test]
fn who_does_not_drain_in_time_is_killed() {
    let mut story = Story::serving(Config { drain_delay: 10_000, graceful_timeout: 20_000, ..four() });
    story.signal(Signal::Term);
    story.exits(1, Exit::Code(0));
    story.pass(34_999);
    assert_eq!(story.orders().len(), 4, "Drain, and nothing else");
    story.pass(1);
    assert_eq!(story.lines_with("has not stopped in time"), 3);
    assert_eq!(story.orders(), [(2, Order::Kill), (3, Order::Kill), (4, Order::Kill)]);
    for worker in 2..=4 {
        assert_eq!(story.deeds(), []);
        story.exits(worker, KILLED);
    }
    assert_eq!(story.deeds(), [Action::Exit(0)]);
}

#[test]
fn sigint_and_sigquit_are_fast() {
    for signal in [Signal::Int, Signal::Quit] {
        let mut story = Story::serving(Config { drain_delay: 10_000, ..four() });
        story.signal(signal);
        assert_eq!(story.told.values().copied().collect::<Vec<_>>(), [Order::Quick; 4]);
        assert_eq!(story.deeds(), [Action::Stopping, CLOSE], "no delay");
        story.pass(2000);
        assert_eq!(story.told.values().copied().collect::<Vec<_>>(), [Order::Kill; 4]);
        for worker in 1..=4 {
            story.exits(worker, KILLED);
        }
        assert_eq!(story.deeds(), [Action::Exit(0)]);
    }
}

#[test]
fn a_second_signal_kills_all_and_gives_the_exit_code() {
    for (first, second, code) in [
        (Signal::Term, Signal::Term, 143),
        (Signal::Term, Signal::Int, 130),
        (Signal::Int, Signal::Quit, 131),
    ] {
        let mut story = Story::serving(Config { drain_delay: 10_000, ..four() });
        story.signal(first);
        story.asked.clear();
        story.signal(second);
        assert_eq!(story.told.values().copied().collect::<Vec<_>>(), [Order::Kill; 4]);
        story.signal(Signal::Hup);
        story.signal(Signal::Ttin);
        story.signal(Signal::Usr2);
        for worker in 1..=4 {
            story.exits(worker, KILLED);
        }
        assert_eq!(story.deeds().last(), Some(&Action::Exit(code)));
    }
}

#[test]
fn while_everything_starts_there_is_nothing_to_drain() {
    let mut story = Story::begin(four());
    story.exits(4, KILLED);
    story.signal(Signal::Term);
    assert_eq!(story.orders(), [(1, Order::Quick), (2, Order::Quick), (3, Order::Quick)]);
    story.pass(1000);
    assert_eq!(story.forks(), [], "the pause of the fourth seat is forgotten");
    for worker in 1..=3 {
        story.exits(worker, Exit::Signal { number: 2, core: false });
    }
    assert_eq!(story.deeds(), [Action::Exit(0)]);
}

#[test]
fn replacements_that_are_not_ready_stop_fast_while_the_others_drain() {
    let mut story = Story::serving(four());
    story.pass(20_000);
    story.exits(1, KILLED);
    story.signal(Signal::Term);
    assert_eq!(story.told[&5], Order::Quick);
    assert_eq!(story.told[&2], Order::Drain);
}

#[test]
fn a_fork_that_is_under_way_is_waited_for_and_stopped() {
    let mut machine = yett_supervisor::state::Machine::new(Config::default(), 0);
    machine.handle(0, Event::Start);
    machine.handle(1, Event::Signal(Signal::Term));
    assert_eq!(machine.next_timeout(), Some(2001), "the patience with the fork");
    let worker = yett_supervisor::state::WorkerId(1);
    let actions = machine.handle(2, Event::Forked { worker, pid: 7 });
    assert!(actions.contains(&Action::Order { worker, order: Order::Quick }));
    assert_eq!(machine.next_timeout(), Some(2002));
    let actions = machine.handle(3, Event::Exited { pid: 7, how: Exit::Code(0), oom: false });
    assert_eq!(actions.last(), Some(&Action::Exit(0)));
}

#[test]
fn one_that_was_being_replaced_drains_with_the_others() {
    let mut story = Story::serving(four());
    story.signal(Signal::Ttou);
    assert_eq!(story.told[&4], Order::Retire);
    story.signal(Signal::Term);
    assert_eq!(story.told[&4], Order::Drain);
    story.pass(35_000);
    assert_eq!(story.told[&4], Order::Kill);
}

#[test]
fn the_old_supervisor_makes_way_when_the_new_one_serves() {
    let mut story = Story::serving(Config { drain_delay: 10_000, ..four() });
    story.signal(Signal::Usr2);
    assert_eq!(story.deeds(), [Action::SpawnSuccessor]);
    story.signal(Signal::Usr2);
    assert_eq!(story.deeds(), [], "one at a time");
    story.signal(Signal::Hup);
    assert_eq!(story.lines_with("no reload: a new supervisor is starting"), 1);
    assert_eq!(story.deeds(), []);
    story.tell(Event::SuccessorReady);
    assert_eq!(story.lines_with("the new supervisor serves"), 1);
    assert_eq!(story.told.values().copied().collect::<Vec<_>>(), [Order::Retire; 4]);
    assert_eq!(
        story.deeds(),
        [Action::Stopping, Action::CloseListeners { remove: false }],
        "the new one accepts; its sockets stay"
    );
    story.signal(Signal::Term);
    assert!(!story.told.values().any(|order| *order == Order::Kill), "that is not a second signal");
    for worker in 1..=4 {
        story.exits(worker, Exit::Code(0));
    }
    assert_eq!(story.deeds(), [Action::Exit(0)]);
}

#[test]
fn the_old_supervisor_stays_if_the_new_one_fails() {
    let mut story = Story::serving(four());
    story.signal(Signal::Usr2);
    story.tell(Event::SuccessorEnded("ended by itself with exit code 4".into()));
    assert_eq!(story.lines_with("did not start: ended by itself with exit code 4; this one goes on"), 1);
    assert_eq!(story.orders(), []);
    story.signal(Signal::Hup);
    assert_eq!(story.deeds(), [Action::Reloading, Action::ReadSettings], "and can do everything again");
}

#[test]
fn stopping_while_a_new_supervisor_starts_leaves_it_the_sockets() {
    let mut story = Story::serving(four());
    story.signal(Signal::Usr2);
    story.asked.clear();
    story.signal(Signal::Term);
    assert_eq!(story.deeds(), [Action::Stopping, Action::CloseListeners { remove: false }]);
}
