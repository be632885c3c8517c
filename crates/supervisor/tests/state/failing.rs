//! Workers that die.

use yett_supervisor::state::{Action, Config, Event, Exit, Order, Signal, WorkerId};

use crate::kit::{KILLED, Story, four, one};

#[test]
fn who_dies_after_ten_seconds_is_replaced_at_once() {
    let mut story = Story::serving(four());
    story.pass(10_000);
    story.exits(3, KILLED);
    assert_eq!(story.lines_with("worker 3 (pid 1003) was killed by signal 9 (SIGKILL)"), 1);
    assert_eq!(story.forks(), [5]);
    assert_eq!(story.born[&5], (2, 1), "in the same seat");
}

#[test]
fn who_dies_young_waits_longer_each_time() {
    let mut story = Story::serving(one());
    let mut pauses = Vec::new();
    for worker in 1..=11 {
        story.exits(worker, Exit::Code(1));
        let died = story.now;
        while story.machine.next_timeout().is_some() && !story.born.contains_key(&(worker + 1)) {
            let next = story.machine.next_timeout().unwrap();
            story.pass(next - story.now);
        }
        pauses.push(story.now - died);
    }
    assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
}

#[test]
fn the_pauses_of_one_seat_do_not_hold_up_another() {
    let mut story = Story::serving(four());
    story.exits(1, KILLED);
    story.pass(100);
    story.exits(5, KILLED);
    story.pass(50);
    story.exits(2, KILLED);
    story.pass(100);
    assert_eq!(story.born[&6].0, 1, "the second seat's first pause is shorter than the first one's second");
}

#[test]
fn half_a_minute_of_health_is_forgiven() {
    let mut story = Story::serving(one());
    for worker in 1..=3 {
        story.exits(worker, KILLED);
        story.pass(30_000);
    }
    story.ready(4);
    story.pass(30_000);
    story.exits(4, KILLED);
    assert!(story.born.contains_key(&5), "at once");
    story.exits(5, KILLED);
    story.pass(100);
    assert!(story.born.contains_key(&6), "and after the first pause");
}

#[test]
fn deaths_are_told_in_words() {
    let mut story = Story::serving(four());
    story.tell(Event::Exited { pid: 1001, how: KILLED, oom: true });
    story.exits(2, Exit::Signal { number: 11, core: true });
    story.exits(3, Exit::Code(1));
    assert_eq!(
        story.log(),
        [
            "worker 1 (pid 1001) ran out of memory: it was killed by the kernel's OOM killer (raise the memory limit \
             or lower --workers)",
            "worker 2 (pid 1002) was killed by signal 11 (SIGSEGV); core dumped",
            "worker 3 (pid 1003) ended by itself with exit code 1"
        ]
    );
}

#[test]
fn a_crash_loop_is_named_once_counted_and_declared_over() {
    let mut story = Story::serving(one());
    let mut worker = 1;
    let mut last = story.now;
    // Ready for two seconds each time, for ten minutes.
    let end = story.now + 600_000;
    while story.now < end {
        story.pass(2000);
        story.exits(worker, Exit::Code(1));
        last = story.now;
        worker += 1;
        story.pass(30_000);
        story.ready(worker);
    }
    assert_eq!(story.lines_with("are in a crash loop"), 1);
    assert!(story.lines_with("ended by itself") <= 5 + 11, "{:#?}", story.log());
    let counted = story.lines_with("more deaths since the last message");
    assert!((6..=9).contains(&counted), "{counted}");
    assert!(story.log().len() < 40, "{:#?}", story.log());
    story.asked.clear();
    story.pass(59_999 - (story.now - last));
    assert_eq!(story.lines_with("over"), 0);
    story.pass(60_001);
    assert_eq!(story.lines_with("the crash loop is over"), 1);
    story.asked.clear();
    story.pass(600_000);
    assert_eq!(story.asked, []);
    story.exits(worker, KILLED);
    assert_eq!(story.lines_with("was killed by signal 9"), 1, "told again");
}

#[test]
fn a_frozen_worker_is_killed_and_replaced_at_once() {
    let mut story = Story::serving(four());
    story.pass(20_000);
    story.tell(Event::Frozen { worker: WorkerId(2) });
    assert_eq!(story.lines_with("worker 2 (pid 1002) is frozen"), 1);
    assert_eq!(story.told[&2], Order::Kill);
    assert_eq!(story.forks(), [5]);
    story.tell(Event::Frozen { worker: WorkerId(2) });
    assert_eq!(story.asked, [], "once");
    story.exits(2, KILLED);
    assert_eq!(story.forks(), []);
}

#[test]
fn more_and_fewer_workers_by_signal() {
    let mut story = Story::serving(four());
    story.signal(Signal::Ttin);
    assert_eq!(story.lines_with("5 workers"), 1);
    assert_eq!(story.asked.iter().filter(|action| **action == Action::WorkerCount(5)).count(), 1);
    assert_eq!(story.forks(), [5]);
    story.ready(5);
    story.signal(Signal::Ttou);
    story.signal(Signal::Ttou);
    assert_eq!(story.orders(), [(5, Order::Retire), (4, Order::Retire)], "the highest seats first");
    story.exits(5, Exit::Code(0));
    story.exits(4, Exit::Code(0));
    assert_eq!(story.forks(), [], "nobody replaces them");
    for _ in 0..5 {
        story.signal(Signal::Ttou);
    }
    assert_eq!(story.orders(), [(3, Order::Retire), (2, Order::Retire)], "one stays");
    story.signal(Signal::Ttin);
    assert_eq!(story.forks(), [6], "the seat is taken again though its last worker still drains");
    story.signal(Signal::Ttou);
    assert_eq!(story.orders(), [(6, Order::Quick)], "one that starts has nothing to finish");

    let mut story = Story::serving(Config { most_workers: 2, ..one() });
    for _ in 0..3 {
        story.signal(Signal::Ttin);
    }
    assert_eq!(story.asked.iter().filter(|action| matches!(action, Action::WorkerCount(_))).count(), 1);
    assert_eq!(story.forks(), [2]);
}

#[test]
fn one_that_serves_does_not_go_while_the_others_do_not() {
    let mut story = Story::serving(Config { workers: 2, ..one() });
    story.exits(1, KILLED);
    story.signal(Signal::Ttou);
    assert_eq!(story.orders(), []);
    story.pass(100);
    story.ready(3);
    assert_eq!(story.orders(), [(2, Order::Retire)]);
}

#[test]
fn logs_are_reopened_and_the_size_of_a_terminal_means_nothing() {
    let mut story = Story::serving(four());
    story.signal(Signal::Winch);
    assert_eq!(story.deeds(), []);
    story.signal(Signal::Usr1);
    assert_eq!(story.deeds(), [Action::ReopenLogs]);
}
