//! Workers that have reached a limit, or are stuck.

use yett_supervisor::state::{Config, Event, Exit, Order, Signal, Why, WorkerId};

use crate::kit::{KILLED, Story, four, one};

fn wants(story: &mut Story, worker: u64, why: Why) {
    story.tell(Event::WantsReplacement { worker: WorkerId(worker), why });
}

#[test]
fn the_replacement_is_ready_before_the_old_one_goes() {
    let mut story = Story::serving(one());
    wants(&mut story, 1, Why::MaxRequests);
    wants(&mut story, 1, Why::MaxRss);
    assert_eq!(
        story.log(),
        ["worker 1 (pid 1001) has answered as many requests as --max-requests allows; it will be replaced"]
    );
    assert_eq!(story.forks(), [2]);
    assert_eq!(story.born[&2], (0, 1));
    story.pass(10_000);
    assert_eq!(story.orders(), []);
    story.ready(2);
    assert_eq!(story.orders(), [(1, Order::Retire)]);
    story.exits(1, Exit::Code(0));
    assert_eq!(story.forks(), []);
}

#[test]
fn never_two_at_once_with_more_than_two_workers() {
    let mut story = Story::serving(four());
    for worker in [3, 1, 2, 4] {
        wants(&mut story, worker, Why::MaxRequests);
        story.pass(1);
    }
    assert_eq!(story.forks(), [5]);
    assert_eq!(story.born[&5].0, 2, "in the order of their wishes");
    story.ready(5);
    assert_eq!(story.forks(), [], "the first still drains");
    story.exits(3, Exit::Code(0));
    assert_eq!(story.forks(), [6]);
    assert_eq!(story.born[&6].0, 0);
    story.ready(6);
    story.pass(29_999);
    assert_eq!(story.forks(), []);
    story.pass(1);
    assert_eq!(story.forks(), [7], "streams that keep an old one for minutes do not hold up the others");
}

#[test]
fn two_workers_may_be_replaced_together() {
    let mut story = Story::serving(Config { workers: 2, ..one() });
    wants(&mut story, 1, Why::MaxRss);
    wants(&mut story, 2, Why::MaxRss);
    assert_eq!(story.forks(), [3, 4]);
}

#[test]
fn a_replacement_that_fails_is_tried_again_and_the_old_one_serves_meanwhile() {
    let mut story = Story::serving(four());
    wants(&mut story, 1, Why::MaxRequests);
    wants(&mut story, 2, Why::MaxRequests);
    story.exits(5, Exit::Code(4));
    assert_eq!(story.forks(), [5, 6], "another has its turn");
    assert_eq!(story.born[&6].0, 1);
    story.ready(6);
    story.exits(2, Exit::Code(0));
    story.pass(100);
    assert_eq!(story.forks(), [7]);
    assert_eq!(story.told.keys().copied().collect::<Vec<_>>(), [2]);
    story.ready(7);
    assert_eq!(story.orders(), [(1, Order::Retire)]);
}

#[test]
fn if_the_old_one_dies_first_the_replacement_takes_its_seat() {
    let mut story = Story::serving(four());
    wants(&mut story, 1, Why::MaxRequests);
    story.pass(20_000);
    story.exits(1, KILLED);
    assert_eq!(story.forks(), [5]);
    story.ready(5);
    assert_eq!(story.orders(), []);
}

#[test]
fn stuck_workers_wait_for_nobody_and_are_killed_after_the_graceful_timeout() {
    let mut story = Story::serving(four());
    wants(&mut story, 1, Why::MaxRequests);
    wants(&mut story, 2, Why::StuckLoop);
    wants(&mut story, 3, Why::StuckGil);
    assert_eq!(story.forks(), [5, 6, 7]);
    story.ready(6);
    assert_eq!(story.orders(), [(2, Order::Retire)]);
    story.pass(29_999);
    assert_eq!(story.orders(), []);
    story.pass(1);
    assert_eq!(story.orders(), [(2, Order::Kill)]);
}

#[test]
fn one_that_gets_stuck_while_it_goes_is_not_given_the_time_for_streams() {
    let mut story = Story::serving(four());
    story.signal(Signal::Ttou);
    story.pass(1000);
    wants(&mut story, 4, Why::StuckRequest);
    assert_eq!(story.lines_with("it will be replaced"), 0);
    story.asked.clear();
    story.pass(30_000);
    assert_eq!(story.orders(), [(4, Order::Kill)]);
}

#[test]
fn a_limit_that_was_reached_before_does_not_hide_that_one_is_stuck() {
    let mut story = Story::serving(four());
    wants(&mut story, 1, Why::MaxRequests);
    wants(&mut story, 2, Why::MaxRequests);
    wants(&mut story, 2, Why::StuckLoop);
    assert_eq!(story.forks(), [5, 6]);
}

#[test]
fn lifetimes_end_by_themselves_each_a_little_later() {
    let lifetime = 3_600_000;
    let config = Config {
        worker_lifetime: Some(lifetime),
        worker_lifetime_jitter: 600_000,
        startup_timeout: 1_000_000,
        seed: 42,
        ..Config { workers: 2, ..one() }
    };
    let mut story = Story::serving(config);
    story.pass(lifetime - 1);
    assert_eq!(story.forks(), []);
    story.pass(600_001);
    assert_eq!(story.lines_with("has served as long as --worker-lifetime allows"), 2);
    assert_eq!(story.forks(), [3, 4]);

    let ends = |seed| {
        let mut story = Story::serving(Config {
            worker_lifetime: Some(lifetime),
            worker_lifetime_jitter: 600_000,
            seed,
            ..one()
        });
        let began = story.now;
        while story.forks().is_empty() {
            let next = story.machine.next_timeout().unwrap();
            story.pass(next - story.now);
        }
        story.now - began
    };
    let all: std::collections::BTreeSet<u64> = (0..10).map(ends).collect();
    assert!(all.len() > 5, "{all:?}");
    assert!(all.iter().all(|end| (lifetime..=lifetime + 600_000).contains(end)), "{all:?}");
}

#[test]
fn who_is_not_ready_has_no_wishes() {
    let mut story = Story::begin(one());
    wants(&mut story, 1, Why::MaxRss);
    assert_eq!(story.forks(), [1]);
}

#[test]
fn without_patience_one_that_is_stuck_is_killed_all_the_same() {
    let mut story = Story::serving(Config { graceful_timeout: 0, ..one() });
    wants(&mut story, 1, Why::StuckLoop);
    story.ready(2);
    assert_eq!(story.orders(), [(1, Order::Retire)]);
    story.pass(1);
    assert_eq!(story.orders(), [(1, Order::Kill)]);
}
