//! New code comes in.

use yett_supervisor::state::{Action, Config, Event, Exit, Order, Signal, Why, WorkerId};

use crate::kit::{KILLED, Story, four, one};

#[test]
fn first_a_canary_then_the_others_and_an_old_one_goes_for_each_that_is_ready() {
    let mut story = Story::serving(four());
    story.signal(Signal::Hup);
    assert_eq!(story.deeds(), [Action::Reloading, Action::ReadSettings]);
    story.tell(Event::Configured(four()));
    assert_eq!(story.forks(), [5], "the canary alone");
    assert_eq!(story.born[&5], (0, 2));
    story.pass(59_999);
    assert_eq!(story.asked, []);
    story.ready(5);
    assert_eq!(story.told.get(&1), Some(&Order::Retire));
    assert_eq!(story.forks(), [6, 7], "two at a time");
    story.exits(1, Exit::Code(0));
    assert_eq!(story.forks(), []);
    story.ready(7);
    assert_eq!(story.told.get(&3), Some(&Order::Retire));
    assert_eq!(story.told.get(&2), None, "its replacement is not ready");
    assert_eq!(story.forks(), [8]);
    story.ready(6);
    assert_eq!(story.deeds(), []);
    story.ready(8);
    assert_eq!(story.told.values().copied().collect::<Vec<_>>(), [Order::Retire; 4]);
    assert_eq!(story.lines_with("reload is through"), 1);
    assert_eq!(story.deeds(), [Action::Reloaded { success: true }]);
    assert_eq!(story.forks(), []);
}

#[test]
fn old_workers_have_time_for_their_streams_and_are_killed_after_it() {
    let config = Config { graceful_timeout: 10_000, stream_drain_timeout: 100_000, ..one() };
    let mut story = Story::serving(config.clone());
    story.hup(&config);
    story.ready(2);
    assert_eq!(story.orders(), [(1, Order::Retire)]);
    story.pass(114_999);
    assert_eq!(story.orders(), []);
    story.pass(1);
    assert_eq!(story.orders(), [(1, Order::Kill)]);
}

#[test]
fn if_the_canary_dies_the_old_code_keeps_serving() {
    let mut story = Story::serving(four());
    story.hup(&Config { workers: 8, ..four() });
    story.exits(5, Exit::Code(4));
    assert_eq!(story.lines_with("reload abandoned: worker 5 (pid 1005) ended by itself with exit code 4"), 1);
    assert_eq!(story.lines_with("the old code keeps serving"), 1);
    assert_eq!(story.deeds(), [Action::Reloading, Action::ReadSettings, Action::Reloaded { success: false }]);
    story.pass(100_000);
    assert_eq!(story.asked, [], "no second try, no new number of workers, nobody is sent away");
    story.hup(&four());
    assert_eq!(story.forks(), [6]);
    assert_eq!(story.born[&6], (0, 3), "a number is not used twice");
    story.ready(6);
    assert_eq!(story.orders().first(), Some(&(1, Order::Retire)));
}

#[test]
fn broken_code_that_is_reloaded_often_is_not_a_crash_loop() {
    let mut story = Story::serving(four());
    for worker in 5..15 {
        story.tell(Event::Reload);
        story.exits(worker, Exit::Code(4));
    }
    assert_eq!(story.lines_with("crash loop"), 0);
    assert_eq!(story.lines_with("reload abandoned"), 10);
    story.tell(Event::Reload);
    story.ready(15);
    story.asked.clear();
    for worker in 16..=18 {
        story.ready(worker);
    }
    assert_eq!(story.deeds(), [Action::Reloaded { success: true }], "and repaired code waits for nothing");
}

#[test]
fn if_the_canary_takes_too_long_the_old_code_keeps_serving() {
    let mut story = Story::serving(four());
    story.hup(&Config { startup_timeout: 5000, ..four() });
    story.pass(4999);
    assert_eq!(story.orders(), []);
    story.pass(1);
    assert_eq!(story.lines_with("reload abandoned: worker 5 (pid 1005) was not ready within 5 s"), 1);
    assert_eq!(story.orders(), [(5, Order::Kill)]);
    story.exits(5, KILLED);
    story.pass(1000);
    assert_eq!(story.asked.len(), 2, "Removed and a line for debugging: {:?}", story.asked);
}

#[test]
fn wrong_settings_change_nothing() {
    let mut story = Story::serving(four());
    story.signal(Signal::Hup);
    story.tell(Event::ConfigurationFailed("yett.toml: unknown setting `wokers`".into()));
    assert_eq!(story.lines_with("unknown setting `wokers`"), 1);
    assert_eq!(story.deeds(), [Action::Reloading, Action::ReadSettings, Action::Reloaded { success: false }]);
    story.pass(1000);
    assert_eq!(story.forks(), []);
}

#[test]
fn after_the_canary_failures_are_tried_again_and_the_old_ones_stay_meanwhile() {
    let mut story = Story::serving(four());
    story.hup(&four());
    story.ready(5);
    story.exits(6, Exit::Code(4));
    story.exits(7, Exit::Code(4));
    assert_eq!(story.lines_with("abandoned"), 0);
    assert_eq!(story.told.keys().copied().collect::<Vec<_>>(), [1], "2, 3 and 4 serve");
    assert_eq!(story.born.len(), 8, "the fourth seat goes on");
    story.pass(100);
    assert_eq!(story.born.len(), 9, "and one of the others, as two may start");
    for worker in 8..=10 {
        story.ready(worker);
    }
    assert_eq!(story.told.len(), 4);
    assert_eq!(story.lines_with("reload is through"), 1);
}

#[test]
fn reloads_that_are_asked_for_meanwhile_become_one() {
    let mut story = Story::serving(one());
    story.hup(&one());
    story.asked.clear();
    for _ in 0..20 {
        story.signal(Signal::Hup);
    }
    assert_eq!(story.deeds(), []);
    story.ready(2);
    assert_eq!(
        story.deeds(),
        [Action::Reloaded { success: true }, Action::Reloading, Action::ReadSettings],
        "the next one"
    );
    story.tell(Event::Configured(one()));
    story.ready(3);
    assert_eq!(story.deeds(), [Action::Reloaded { success: true }]);
    assert_eq!(story.told.keys().copied().collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_reload_that_is_held_up_makes_way_for_the_next() {
    let mut story = Story::serving(four());
    story.hup(&four());
    story.ready(5);
    story.signal(Signal::Hup);
    assert_eq!(story.lines_with("held up"), 0);
    story.exits(6, Exit::Code(4));
    assert_eq!(story.lines_with("held up"), 1);
    story.tell(Event::Configured(four()));
    assert_eq!(*story.born.values().last().unwrap(), (0, 3), "a canary of the third generation");
    story.ready(7);
    assert_eq!(story.told.get(&3), Some(&Order::Retire), "what had started in the meantime counts");
}

#[test]
fn new_code_without_new_settings() {
    let mut story = Story::serving(one());
    story.tell(Event::Reload);
    assert_eq!(story.deeds(), [Action::Reloading]);
    story.ready(2);
    assert_eq!(story.orders(), [(1, Order::Retire)]);
}

#[test]
fn the_number_of_workers_changes_with_the_settings() {
    let mut story = Story::serving(four());
    story.hup(&Config { workers: 6, ..four() });
    story.ready(5);
    assert_eq!(story.machine.wanted(), 6);
    for worker in 6..=10 {
        story.ready(worker);
    }
    assert_eq!(story.lines_with("reload is through: 6 workers"), 1);
    assert_eq!(story.told.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4]);

    let mut story = Story::serving(four());
    story.hup(&Config { workers: 1, ..four() });
    assert_eq!(story.told.len(), 0, "not before the canary is ready");
    story.ready(5);
    assert_eq!(story.told.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(story.lines_with("reload is through: 1 worker"), 1);

    let mut story = Story::serving(Config { most_workers: 4, ..four() });
    story.hup(&Config { workers: 9, most_workers: 4, ..four() });
    story.ready(5);
    assert_eq!(story.lines_with("there is room for 4 workers until a restart"), 1);
}

#[test]
fn whoever_dies_while_the_canary_starts_is_replaced_and_the_replacement_is_a_canary_too() {
    let mut story = Story::serving(four());
    story.pass(20_000);
    story.hup(&four());
    story.exits(3, KILLED);
    assert_eq!(story.born[&6], (2, 2), "whatever is forked now imports the new code");
    story.ready(6);
    assert_eq!(story.lines_with("the new code is ready in worker 6"), 1);
    story.exits(5, Exit::Code(4));
    assert_eq!(story.lines_with("abandoned"), 0);

    let mut story = Story::serving(four());
    story.pass(20_000);
    story.hup(&four());
    story.exits(3, KILLED);
    story.exits(6, Exit::Code(4));
    assert_eq!(story.lines_with("abandoned"), 1);
    assert_eq!(story.told[&5], Order::Quick);
    assert_eq!(story.born[&7], (2, 1), "the seat is not left empty");
}

#[test]
fn an_old_worker_that_dies_after_the_canary_is_replaced_by_a_new_one_at_once() {
    let mut story = Story::serving(four());
    story.pass(20_000);
    story.hup(&Config { surge: 1, ..four() });
    story.ready(5);
    assert_eq!(story.born.len(), 6);
    story.exits(4, KILLED);
    assert_eq!(story.born[&7], (3, 2));
}

#[test]
fn a_reload_waits_until_it_is_known_whether_anything_serves() {
    let mut story = Story::begin(four());
    story.signal(Signal::Hup);
    assert_eq!(story.deeds(), []);
    story.ready(1);
    assert_eq!(story.deeds(), [Action::ReadSettings], "systemd has not heard READY, so it is not told");
    story.tell(Event::Configured(four()));
    story.ready(2);
    story.ready(3);
    story.ready(4);
    assert_eq!(story.deeds(), [Action::Started]);
}

#[test]
fn the_canary_may_be_in_a_seat_that_is_given_up() {
    let mut story = Story::serving(four());
    story.exits(4, KILLED);
    story.hup(&four());
    assert_eq!(story.born[&5], (3, 2), "an empty seat is taken first");
    story.signal(Signal::Ttou);
    assert_eq!(story.told[&5], Order::Quick);
    assert_eq!(story.born[&6], (0, 2), "there is another");
    story.exits(5, Exit::Code(1));
    assert_eq!(story.lines_with("abandoned"), 0);
    story.ready(6);
    assert_eq!(story.told[&1], Order::Retire);
}

#[test]
fn limits_wait_while_new_code_is_tried_and_stuck_workers_do_not() {
    let mut story = Story::serving(four());
    story.hup(&four());
    story.tell(Event::WantsReplacement { worker: WorkerId(2), why: Why::MaxRequests });
    assert_eq!(story.born.len(), 5);
    story.tell(Event::WantsReplacement { worker: WorkerId(3), why: Why::StuckLoop });
    assert_eq!(story.born[&6], (2, 2));
    story.exits(5, Exit::Code(4));
    assert_eq!(story.told[&6], Order::Quick);
    assert_eq!(story.born[&7], (2, 1), "the stuck one first");
    assert_eq!(story.born[&8], (1, 1));
}

#[test]
fn new_code_that_proves_itself_in_a_seat_that_is_given_up_stays_until_another_serves() {
    let three = Config { workers: 3, ..four() };
    let mut story = Story::begin(three.clone());
    story.ready(3);
    story.hup(&Config { workers: 1, ..three });
    story.tell(Event::WantsReplacement { worker: WorkerId(3), why: Why::StuckLoop });
    assert_eq!((story.born[&4], story.born[&5]), ((0, 2), (2, 2)));
    story.ready(5);
    assert_eq!(story.told.get(&3), Some(&Order::Retire), "it was replaced");
    assert_eq!(story.told.get(&5), None, "nobody else serves");
    story.ready(4);
    assert_eq!(story.told.get(&5), Some(&Order::Retire));
}

#[test]
fn the_end_of_a_reload_is_told_even_if_its_beginning_was_not() {
    for success in [true, false] {
        let mut story = Story::begin(four());
        story.ready(1);
        story.hup(&four());
        assert_eq!(story.forks(), [1, 2, 3, 4, 5]);
        if success {
            // The others have old code, and nobody waits for them.
            for worker in 5..=8 {
                story.ready(worker);
            }
            assert_eq!(story.deeds(), [Action::Reloaded { success }, Action::Started]);
        } else {
            story.exits(5, Exit::Code(4));
            assert_eq!(story.deeds(), [Action::Reloaded { success }]);
        }
    }
}
