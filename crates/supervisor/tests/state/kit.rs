//! A world for stories: forks succeed at once, time passes when the story says so, and what the machine asked for is kept until
//! the story looks at it.

use std::collections::BTreeMap;

use yett_settings::LogLevel;
use yett_supervisor::state::{Action, Config, Event, Exit, Machine, Millis, Order, Signal, WorkerId};

/// Killed by SIGKILL.
pub const KILLED: Exit = Exit::Signal { number: 9, core: false };

pub struct Story {
    pub machine: Machine,
    pub now: Millis,
    /// What was asked for since the story last looked.
    pub asked: Vec<Action>,
    /// Forks fail as long as this is set.
    pub no_forks: bool,
    /// All workers, with their seats and generations, in the order of their forks, also those that have ended.
    pub born: BTreeMap<u64, (u32, u32)>,
    /// What each one was told last.
    pub told: BTreeMap<u64, Order>,
    zygotes: u32,
}

/// Four workers, two at a time in a reload.
pub fn four() -> Config {
    Config { workers: 4, surge: 2, ..Config::default() }
}

pub fn one() -> Config {
    Config::default()
}

/// The pid of a worker.
pub fn pid(worker: u64) -> u32 {
    1000 + u32::try_from(worker).unwrap()
}

impl Story {
    /// The supervisor has begun, and its first forks are done. It is one o'clock.
    pub fn begin(config: Config) -> Self {
        Self::begin_after(config, &[])
    }

    /// The same, in the place of another supervisor, which serves.
    pub fn begin_succeeding(config: Config) -> Self {
        Self::begin_after(config, &[Event::Predecessor { serves: true }])
    }

    fn begin_after(config: Config, events: &[Event]) -> Self {
        let now = 3_600_000;
        let machine = Machine::new(config, now);
        let (born, told) = (BTreeMap::new(), BTreeMap::new());
        let mut story = Self { machine, now, asked: Vec::new(), no_forks: false, born, told, zygotes: 0 };
        for event in events.iter().cloned().chain([Event::Start]) {
            story.tell(event);
        }
        story
    }

    /// The same, and all first workers are ready.
    pub fn serving(config: Config) -> Self {
        let workers = u64::from(config.workers);
        let mut story = Self::begin(config);
        for worker in 1..=workers {
            story.ready(worker);
        }
        assert!(story.asked.contains(&Action::Started));
        story.asked.clear();
        story
    }

    pub fn tell(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for action in self.machine.handle(self.now, event) {
                events.extend(self.answer(&action));
                self.asked.push(action);
            }
        }
    }

    /// What the world has to say at once.
    fn answer(&mut self, action: &Action) -> Option<Event> {
        match *action {
            Action::Fork { worker, .. } if self.no_forks => {
                Some(Event::ForkFailed { worker, error: "Resource temporarily unavailable".into() })
            }
            Action::Fork { worker, seat, generation } => {
                self.born.insert(worker.0, (seat, generation));
                Some(Event::Forked { worker, pid: pid(worker.0) })
            }
            Action::StartZygote { generation } => {
                self.zygotes += 1;
                Some(Event::ZygoteForked { generation, pid: 500 + self.zygotes })
            }
            Action::Order { worker, order } => {
                self.told.insert(worker.0, order);
                None
            }
            _ => None,
        }
    }

    pub fn signal(&mut self, signal: Signal) {
        self.tell(Event::Signal(signal));
    }

    pub fn ready(&mut self, worker: u64) {
        self.tell(Event::Ready { worker: WorkerId(worker) });
    }

    pub fn exits(&mut self, worker: u64, how: Exit) {
        self.tell(Event::Exited { pid: pid(worker), how, oom: false });
    }

    /// The zygote that was started as the `number`th one, from 1.
    pub fn zygote_exits(&mut self, number: u32, how: Exit) {
        self.tell(Event::Exited { pid: 500 + number, how, oom: false });
    }

    /// SIGHUP, and the settings are as they were.
    pub fn hup(&mut self, config: &Config) {
        self.signal(Signal::Hup);
        self.tell(Event::Configured(config.clone()));
    }

    /// Time passes; the machine is called when it wants to be.
    pub fn pass(&mut self, span: Millis) {
        let end = self.now + span;
        while let Some(at) = self.machine.next_timeout().filter(|at| *at <= end) {
            assert!(at > self.now, "a time that has passed");
            self.now = at;
            self.tell(Event::Timer);
        }
        self.now = end;
    }

    /// The workers that were forked since the story last looked, and looks away.
    pub fn forks(&mut self) -> Vec<u64> {
        let forks = self.look(|action| match action {
            Action::Fork { worker, .. } => Some(worker.0),
            _ => None,
        });
        self.asked.clear();
        forks
    }

    /// The orders that were given since the story last looked, and looks away.
    pub fn orders(&mut self) -> Vec<(u64, Order)> {
        let orders = self.look(|action| match action {
            Action::Order { worker, order } => Some((worker.0, *order)),
            _ => None,
        });
        self.asked.clear();
        orders
    }

    /// What was asked for but forks, orders, log lines and what is said of single workers; and looks away.
    pub fn deeds(&mut self) -> Vec<Action> {
        let deeds = self.look(|action| match action {
            Action::Fork { .. } | Action::Order { .. } | Action::Log(..) | Action::Removed { .. } => None,
            _ => Some(action.clone()),
        });
        self.asked.clear();
        deeds
    }

    /// The log since the story last looked, without what is for debugging.
    pub fn log(&self) -> Vec<&str> {
        let text = |action| match action {
            &Action::Log(level, ref text) if level != LogLevel::Debug => Some(text.as_str()),
            _ => None,
        };
        self.asked.iter().filter_map(text).collect()
    }

    /// How many lines of the log have these words.
    pub fn lines_with(&self, words: &str) -> usize {
        self.log().iter().filter(|line| line.contains(words)).count()
    }

    fn look<T>(&self, of_interest: impl Fn(&Action) -> Option<T>) -> Vec<T> {
        self.asked.iter().filter_map(of_interest).collect()
    }
}
