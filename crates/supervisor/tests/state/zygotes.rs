//! With preload: workers are forked from a process that has imported the application.

use yett_supervisor::state::{Action, Config, Event, Exit, Machine, Order, Signal, WorkerId};

use crate::kit::{KILLED, Story, four, one};

fn preload() -> Config {
    Config { preload: true, ..four() }
}

fn imported(story: &mut Story, generation: u32) {
    story.tell(Event::ZygoteReady { generation });
}

/// Four workers serve, with one zygote.
fn serving() -> Story {
    let mut story = Story::begin(preload());
    imported(&mut story, 1);
    for worker in 1..=4 {
        story.ready(worker);
    }
    story.asked.clear();
    story
}

#[test]
fn first_the_zygote_then_the_workers() {
    let mut story = Story::begin(preload());
    assert_eq!(story.asked, [Action::StartZygote { generation: 1 }]);
    imported(&mut story, 1);
    assert_eq!(story.forks(), [1, 2, 3, 4]);
}

#[test]
fn an_application_that_cannot_be_imported_ends_the_server() {
    let mut story = Story::begin(preload());
    story.zygote_exits(1, Exit::Code(4));
    assert_eq!(story.deeds().last(), Some(&Action::Exit(4)));

    let mut story = Story::begin(preload());
    story.pass(60_000);
    assert_eq!(story.lines_with("zygote (pid 501) has not imported the application within 60 s"), 1);
    assert!(story.asked.contains(&Action::KillZygote { generation: 1 }));
    assert!(!story.asked.contains(&Action::Exit(6)), "not before it is reaped");
    story.zygote_exits(1, KILLED);
    assert_eq!(story.deeds().last(), Some(&Action::Exit(6)));

    let mut machine = Machine::new(preload(), 0);
    machine.handle(0, Event::Start);
    let actions = machine.handle(0, Event::ZygoteFailed { generation: 1, error: "no".into() });
    assert_eq!(actions.last(), Some(&Action::Exit(6)));
}

#[test]
fn workers_that_die_are_forked_from_the_zygote_again() {
    let mut story = serving();
    story.exits(2, KILLED);
    story.pass(100);
    assert_eq!(story.forks(), [5]);
    assert_eq!(story.born[&5], (1, 1));
}

#[test]
fn a_zygote_that_dies_is_started_again_and_the_workers_go_on() {
    let mut story = serving();
    story.pass(20_000);
    story.zygote_exits(1, KILLED);
    assert_eq!(story.lines_with("zygote (pid 501) was killed by signal 9 (SIGKILL)"), 1);
    story.exits(2, KILLED);
    assert_eq!(story.deeds(), [Action::StartZygote { generation: 1 }], "at once; and nobody else can fork");
    story.zygote_exits(2, Exit::Code(4));
    assert_eq!(story.deeds(), []);
    story.pass(100);
    assert_eq!(story.deeds(), [Action::StartZygote { generation: 1 }], "after a pause");
    imported(&mut story, 1);
    assert_eq!(story.forks(), [5]);
}

#[test]
fn a_reload_makes_a_new_zygote_and_the_old_one_goes_when_the_new_code_has_proven_itself() {
    let mut story = serving();
    story.hup(&preload());
    assert_eq!(
        story.deeds(),
        [Action::Reloading, Action::ReadSettings, Action::StartZygote { generation: 2 }]
    );
    imported(&mut story, 2);
    assert_eq!(story.born[&5], (0, 2));
    assert_eq!(story.deeds(), []);
    story.ready(5);
    assert_eq!(story.deeds(), [Action::StopZygote { generation: 1 }]);
    story.pass(3000);
    assert_eq!(story.deeds(), [], "it has children to wait for");
    for worker in 6..=8 {
        story.ready(worker);
    }
    assert_eq!(story.deeds(), [Action::Reloaded { success: true }]);
    for worker in 1..=4 {
        story.exits(worker, Exit::Code(0));
    }
    story.pass(1999);
    assert_eq!(story.deeds(), []);
    story.pass(1);
    assert_eq!(story.deeds(), [Action::KillZygote { generation: 1 }]);
    story.zygote_exits(1, KILLED);
    story.pass(10_000);
    assert_eq!(story.deeds(), []);
}

#[test]
fn if_the_new_zygote_fails_the_old_code_keeps_serving_and_can_still_be_forked() {
    for timeout in [false, true] {
        let mut story = serving();
        story.pass(20_000);
        story.hup(&preload());
        story.asked.clear();
        if timeout {
            story.pass(60_000);
            assert_eq!(
                story.deeds(),
                [Action::KillZygote { generation: 2 }, Action::Reloaded { success: false }]
            );
            story.zygote_exits(2, KILLED);
        } else {
            story.zygote_exits(2, Exit::Code(4));
            assert_eq!(
                story.lines_with("reload abandoned: zygote (pid 502) ended by itself with exit code 4"),
                1
            );
            assert_eq!(story.deeds(), [Action::Reloaded { success: false }]);
        }
        story.exits(3, KILLED);
        assert_eq!(story.forks(), [5]);
        assert_eq!(story.born[&5], (2, 1));
    }
}

#[test]
fn if_the_canary_fails_its_zygote_goes() {
    let mut story = serving();
    story.hup(&preload());
    imported(&mut story, 2);
    story.asked.clear();
    story.exits(5, Exit::Code(3));
    assert_eq!(story.deeds(), [Action::Reloaded { success: false }, Action::StopZygote { generation: 2 }]);
    story.pass(2000);
    assert_eq!(story.deeds(), [Action::KillZygote { generation: 2 }]);
}

#[test]
fn if_the_new_zygote_dies_while_the_canary_starts_the_reload_is_abandoned() {
    let mut story = serving();
    story.hup(&preload());
    imported(&mut story, 2);
    story.asked.clear();
    story.zygote_exits(2, KILLED);
    assert_eq!(story.told[&5], Order::Quick);
    assert_eq!(story.deeds(), [Action::Reloaded { success: false }]);
    story.ready(5);
    assert_eq!(story.orders(), []);
}

#[test]
fn an_old_worker_that_dies_while_the_new_code_is_tried_is_forked_from_the_old_zygote() {
    let mut story = serving();
    story.pass(20_000);
    story.hup(&preload());
    story.exits(4, KILLED);
    assert_eq!(story.born[&5], (3, 1));
    imported(&mut story, 2);
    story.exits(3, KILLED);
    assert_eq!(story.born[&6], (0, 2));
    assert_eq!(story.born[&7], (2, 1));
    story.ready(6);
    assert_eq!(story.told[&5], Order::Quick, "old code that does not serve yet is not waited for");
    story.exits(2, KILLED);
    let seats = |generation| story.born.values().filter(move |born| born.1 == generation).map(|born| born.0);
    assert_eq!(seats(1).collect::<Vec<_>>(), [0, 1, 2, 3, 3, 2]);
    assert_eq!(seats(2).collect::<std::collections::BTreeSet<_>>().len(), 4);
}

#[test]
fn at_the_end_zygotes_are_stopped_and_waited_for() {
    let mut story = serving();
    story.hup(&preload());
    story.asked.clear();
    story.signal(Signal::Term);
    assert_eq!(
        story.deeds(),
        [
            Action::Stopping,
            Action::StopZygote { generation: 1 },
            Action::StopZygote { generation: 2 },
            Action::CloseListeners { remove: true }
        ]
    );
    for worker in 1..=4 {
        story.exits(worker, Exit::Code(0));
    }
    story.zygote_exits(1, Exit::Code(0));
    assert_eq!(story.deeds(), []);
    story.pass(2000);
    assert_eq!(story.deeds(), [Action::KillZygote { generation: 2 }]);
    story.zygote_exits(2, KILLED);
    assert_eq!(story.deeds(), [Action::Exit(0)]);
}

#[test]
fn a_second_signal_kills_zygotes_too() {
    let mut story = serving();
    story.signal(Signal::Term);
    story.asked.clear();
    story.signal(Signal::Term);
    assert_eq!(story.deeds(), [Action::KillZygote { generation: 1 }]);
    for worker in 1..=4 {
        story.exits(worker, KILLED);
    }
    story.zygote_exits(1, KILLED);
    assert_eq!(story.deeds(), [Action::Exit(143)]);
}

#[test]
fn preload_is_not_changed_by_a_reload() {
    let mut story = Story::serving(four());
    story.hup(&preload());
    story.ready(5);
    assert_eq!(story.forks(), [5, 6, 7]);
    assert_eq!(story.deeds(), []);
}

/// A zygote that has imported the application and was asked for the first worker at time 0, which it does not fork.
fn hanging() -> Machine {
    let mut machine = Machine::new(Config { preload: true, ..one() }, 0);
    machine.handle(0, Event::Start);
    machine.handle(0, Event::ZygoteForked { generation: 1, pid: 501 });
    let actions = machine.handle(0, Event::ZygoteReady { generation: 1 });
    assert!(actions.iter().any(|action| matches!(action, Action::Fork { .. })));
    machine
}

/// It is killed at this time, and then everything ends with this code.
fn is_killed_at(machine: &mut Machine, at: u64, code: i32) {
    assert_eq!(machine.next_timeout(), Some(at));
    let actions = machine.handle(at, Event::Timer);
    assert!(actions.contains(&Action::KillZygote { generation: 1 }), "{actions:?}");
    machine.handle(at, Event::Exited { pid: 501, how: KILLED, oom: false });
    let unanswered = Event::ForkFailed { worker: WorkerId(1), error: "the zygote has ended".into() };
    assert_eq!(machine.handle(at, unanswered).last(), Some(&Action::Exit(code)));
}

#[test]
fn a_zygote_that_hangs_in_a_fork_is_killed() {
    is_killed_at(&mut hanging(), 60_000, 6);
}

#[test]
fn a_zygote_that_hangs_in_a_fork_does_not_hold_up_the_end() {
    for signal in [Signal::Term, Signal::Int] {
        let mut machine = hanging();
        machine.handle(10, Event::Signal(signal));
        is_killed_at(&mut machine, 2010, 0);
    }
}
