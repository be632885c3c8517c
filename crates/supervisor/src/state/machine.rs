//! What the machine remembers, and the way of an event.

use std::collections::BTreeMap;

use yett_settings::LogLevel;

use super::crashes::Crashes;
use super::reload::Reload;
use super::stopping::Stop;
use super::words;
use super::worker::{BackOff, Seat, Worker};
use super::zygotes::Zygote;
use super::{Action, Config, Event, Exit, Millis, Signal, WorkerId};

/// The end of a child whose birth has not been told yet: its pid, how it ended, and whether for want of memory.
pub(super) type EarlyExit = (u32, Exit, bool);

/// The supervisor's state. Whoever has it calls [`Self::handle`] for each event, carries out the actions, and comes with
/// [`Event::Timer`] at [`Self::next_timeout`] if nothing else happens before.
#[derive(Debug)]
pub struct Machine {
    pub(super) config: Config,
    pub(super) now: Millis,
    pub(super) actions: Vec<Action>,
    /// All that may be processes, in the order of their forks.
    pub(super) workers: BTreeMap<WorkerId, Worker>,
    /// Also those that are no longer wanted: there may be workers in them.
    pub(super) seats: Vec<Seat>,
    /// How many workers there are to be.
    pub(super) wanted: u32,
    last_worker: u64,
    /// The generation that serves: of the last reload whose first worker became ready.
    pub(super) generation: u32,
    /// The last one that was tried.
    pub(super) last_generation: u32,
    pub(super) zygotes: Vec<Zygote>,
    /// For the zygote of the generation that serves.
    pub(super) zygote_back_off: BackOff,
    pub(super) reload: Option<Reload>,
    /// Another reload is to follow, after reading the settings (true) or not.
    pub(super) reload_again: Option<bool>,
    pub(super) stop: Option<Stop>,
    /// A new supervisor is starting.
    pub(super) successor: bool,
    pub(super) crashes: Crashes,
    /// Exits of processes that may be answers to forks which are still under way.
    pub(super) early_exits: Vec<EarlyExit>,
    /// The exit code of the first worker that ended with one that says something.
    pub(super) first_code: Option<i32>,
    begun: bool,
    /// Another supervisor serves, and goes on if this one fails: as long as not all have been ready.
    pub(super) on_trial: bool,
    /// A worker has been ready.
    pub(super) ever_ready: bool,
    /// All have been ready at the same time.
    pub(super) started: bool,
    /// [`Action::Exit`] was asked for.
    pub(super) over: bool,
    random: u64,
}

impl Machine {
    /// The generation that serves: of the last reload whose first worker became ready.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// A supervisor without workers, which waits for [`Event::Start`].
    #[must_use]
    pub fn new(config: Config, now: Millis) -> Self {
        let random = config.seed;
        let mut machine = Self {
            config,
            now,
            actions: Vec::new(),
            workers: BTreeMap::new(),
            seats: Vec::new(),
            wanted: 1,
            last_worker: 0,
            generation: 1,
            last_generation: 1,
            zygotes: Vec::new(),
            zygote_back_off: BackOff::default(),
            reload: None,
            reload_again: None,
            stop: None,
            successor: false,
            crashes: Crashes::default(),
            early_exits: Vec::new(),
            first_code: None,
            begun: false,
            on_trial: false,
            ever_ready: false,
            started: false,
            over: false,
            random,
        };
        machine.want(machine.config.workers);
        machine
    }

    /// What is to be done because of an event, in this order. Nothing after [`Action::Exit`]. A time that lies before an
    /// earlier one is taken for that.
    pub fn handle(&mut self, now: Millis, event: Event) -> Vec<Action> {
        if self.over {
            return Vec::new();
        }
        self.now = self.now.max(now);
        self.remember(event);
        self.settle();
        std::mem::take(&mut self.actions)
    }

    /// When [`Event::Timer`] is to come at the latest: always later than the last event. `None`: not at all.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Millis> {
        if self.over {
            return None;
        }
        // What is due has been done, or waits for something else than time.
        let wanted = if self.stop.is_none() { self.wanted as usize } else { 0 };
        let seats = self.seats.iter().take(wanted).map(|seat| seat.back_off.not_before());
        let zygote = self.config.preload.then(|| self.zygote_back_off.not_before());
        self.workers
            .values()
            .flat_map(Worker::deadlines)
            .chain(self.zygotes.iter().flat_map(Zygote::deadlines))
            .chain(seats)
            .chain(zygote)
            .chain(self.crashes.deadlines())
            .chain(self.stop.as_ref().and_then(Stop::deadline))
            .filter(|deadline| *deadline > self.now)
            .min()
    }

    /// How many workers there are to be at the moment.
    #[must_use]
    pub fn wanted(&self) -> u32 {
        self.wanted
    }

    fn remember(&mut self, event: Event) {
        match event {
            Event::Start => self.begun = true,
            Event::Predecessor { serves } => self.predecessor(serves),
            Event::Forked { worker, pid } => self.forked(worker, pid),
            Event::ForkFailed { worker, error } => self.fork_failed(worker, &error),
            Event::ZygoteForked { generation, pid } => self.zygote_forked(generation, pid),
            Event::ZygoteFailed { generation, error } => self.zygote_failed(generation, &error),
            Event::ZygoteReady { generation } => self.zygote_ready(generation),
            Event::Ready { worker } => self.ready(worker),
            Event::WantsReplacement { worker, why } => self.wants_replacement(worker, why),
            Event::Frozen { worker } => self.frozen(worker),
            Event::Exited { pid, how, oom } => self.exited(pid, how, oom),
            Event::Signal(signal) => self.signal(signal),
            Event::Reload => self.ask_for_reload(false),
            Event::Configured(config) => self.configured(config),
            Event::ConfigurationFailed(text) => self.configuration_failed(&text),
            Event::SuccessorReady => self.successor_ready(),
            Event::SuccessorEnded(text) => self.successor_ended(&text),
            Event::Timer => {}
        }
    }

    fn signal(&mut self, signal: Signal) {
        match signal {
            Signal::Term | Signal::Int | Signal::Quit => self.asked_to_stop(signal),
            Signal::Hup => self.ask_for_reload(true),
            Signal::Usr1 => self.actions.push(Action::ReopenLogs),
            Signal::Usr2 => self.ask_for_successor(),
            Signal::Ttin => self.one_more(),
            Signal::Ttou => self.one_fewer(),
            Signal::Winch => {}
        }
    }

    /// Compares what there is with what there is to be.
    fn settle(&mut self) {
        self.expire_workers();
        self.expire_zygotes();
        if self.begun && self.stop.is_none() {
            // Whom the next step of a reload has to do without, or makes superfluous itself, is sent away before.
            self.clear_seats();
            self.stop_zygotes();
            self.step_reload();
            self.fill_seats();
            self.step_recycling();
            self.revive_zygote();
            self.tell_start();
        }
        if self.stop.is_some() {
            self.stop_zygotes();
            self.step_stop();
        }
        self.report_crashes();
        if !self.workers.values().any(|worker| worker.pid.is_none())
            && !self.zygotes.iter().any(Zygote::is_forking)
        {
            self.early_exits.clear();
        }
    }

    /// Says once that all are ready.
    fn tell_start(&mut self) {
        if !self.started && self.all_ready() {
            self.started = true;
            self.on_trial = false;
            self.actions.push(Action::Started);
        }
    }

    pub(super) fn log(&mut self, level: LogLevel, text: impl Into<String>) {
        self.actions.push(Action::Log(level, text.into()));
    }

    /// The name of a worker that may have gone.
    pub(super) fn name(&self, id: WorkerId) -> String {
        self.workers.get(&id).map_or_else(|| format!("worker {}", id.0), words::name)
    }

    pub(super) fn next_worker(&mut self) -> WorkerId {
        self.last_worker += 1;
        WorkerId(self.last_worker)
    }

    /// A number from 0 to `most`. Workers are not to end together; more is not asked of it (SplitMix64).
    pub(super) fn random(&mut self, most: Millis) -> Millis {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        most.checked_add(1).map_or(mixed, |values| mixed % values)
    }
}
