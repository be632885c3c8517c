//! Random sequences of events. What has to hold after each is asserted by the world.

use proptest::prelude::*;
use yett_supervisor::state::{Config, Exit, Signal, Why};

use crate::world::{Step, World};

fn config() -> impl Strategy<Value = Config> {
    let lifetime = prop_oneof![Just(None), Just(None), Just(Some(100_000))];
    (1..5u32, any::<bool>(), 0..4u32, lifetime, prop_oneof![Just(0), Just(5000)], any::<u64>()).prop_map(
        |(workers, preload, surge, worker_lifetime, drain_delay, seed)| Config {
            workers,
            most_workers: 6,
            preload,
            surge,
            worker_lifetime,
            worker_lifetime_jitter: 10_000,
            drain_delay,
            seed,
            ..Config::default()
        },
    )
}

fn exit() -> impl Strategy<Value = Exit> {
    prop_oneof![
        (0..6).prop_map(Exit::Code),
        prop_oneof![Just(9), Just(11), Just(15)].prop_map(|number| Exit::Signal { number, core: false }),
    ]
}

fn why() -> impl Strategy<Value = Why> {
    prop_oneof![
        3 => Just(Why::MaxRequests),
        1 => Just(Why::MaxRss),
        1 => Just(Why::StuckLoop),
        1 => Just(Why::StuckRequest),
    ]
}

fn pause() -> impl Strategy<Value = u64> {
    prop_oneof![1..50u64, 50..2000u64, 2000..40_000u64, 40_000..400_000u64]
}

/// What happens to a server that goes on: mostly forks that succeed and workers that become ready.
fn life() -> impl Strategy<Value = Step> {
    let any = || any::<usize>();
    prop_oneof![
        30 => any().prop_map(Step::Forked),
        2 => any().prop_map(Step::ForkFailed),
        1 => any().prop_map(Step::ForkedDead),
        30 => any().prop_map(Step::Ready),
        6 => (any(), exit()).prop_map(|(choice, how)| Step::Dies(choice, how)),
        20 => any().prop_map(Step::Obeys),
        8 => (any(), why()).prop_map(|(choice, why)| Step::Wants(choice, why)),
        1 => any().prop_map(Step::Frozen),
        4 => Just(Step::Signal(Signal::Hup)),
        2 => Just(Step::Reload),
        2 => prop_oneof![Just(Signal::Ttin), Just(Signal::Ttou), Just(Signal::Usr1), Just(Signal::Usr2), Just(Signal::Winch)].prop_map(Step::Signal),
        8 => (1..6u32).prop_map(Step::Configured),
        1 => Just(Step::ConfigurationFailed),
        2 => Just(Step::SuccessorEnded),
        1 => Just(Step::PredecessorEnded),
        16 => pause().prop_map(Step::Pass),
    ]
}

/// The same, and its end may begin at any moment.
fn life_and_death() -> impl Strategy<Value = Step> {
    prop_oneof![
        60 => life(),
        1 => prop_oneof![Just(Signal::Term), Just(Signal::Int), Just(Signal::Quit)].prop_map(Step::Signal),
        1 => Just(Step::SuccessorReady),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens before: when everything goes well from now on, each seat has one worker of one generation, there is
    /// one zygote or none, and nothing is left over.
    #[test]
    fn it_calms_down(config in config(), succeeds: bool, steps in proptest::collection::vec(life(), 0..150)) {
        let mut world = World::new(config, succeeds);
        for step in &steps {
            world.step(step);
        }
        world.calm_down();
        assert_eq!(world.unrest(), None, "{:?}", world.machine);
    }

    /// Whatever happens before: after SIGTERM it ends when SIGKILL is obeyed, in time, and leaves no child.
    #[test]
    fn it_ends(config in config(), succeeds: bool, steps in proptest::collection::vec(life_and_death(), 0..150)) {
        let mut world = World::new(config, succeeds);
        for step in &steps {
            world.step(step);
        }
        world.end();
    }
}
