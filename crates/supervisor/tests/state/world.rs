//! A world that does what it likes with the machine's actions, and looks at each of them: forks succeed or fail, processes become
//! ready late or never, die at any time, ignore orders. What has to hold whatever happens is asserted in here.

use std::collections::BTreeMap;

use yett_supervisor::state::{Action, Config, Event, Exit, Machine, Millis, Order, Signal, Why, WorkerId};

/// Something that happens. Numbers choose among what there is at that moment.
#[derive(Clone, Debug)]
pub enum Step {
    Forked(usize),
    ForkFailed(usize),
    /// The end of a child is told before its birth.
    ForkedDead(usize),
    Ready(usize),
    Dies(usize, Exit),
    /// Whoever was told to go does so.
    Obeys(usize),
    Wants(usize, Why),
    Frozen(usize),
    Signal(Signal),
    Reload,
    Configured(u32),
    ConfigurationFailed,
    SuccessorReady,
    SuccessorEnded,
    PredecessorEnded,
    Pass(Millis),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Child {
    Worker(WorkerId),
    Zygote(u32),
}

#[derive(Clone, Debug)]
struct Process {
    child: Child,
    generation: u32,
    seat: u32,
    ready: bool,
    wish: Option<Why>,
    order: Option<Order>,
}

impl Process {
    fn serves(&self) -> bool {
        matches!(self.child, Child::Worker(_)) && self.ready && self.order.is_none()
    }
}

pub struct World {
    pub machine: Machine,
    now: Millis,
    config: Config,
    /// Forks that wait for an answer.
    asked: Vec<Process>,
    alive: BTreeMap<u32, Process>,
    last_pid: u32,
    last_worker: u64,
    reading: bool,
    successor: bool,
    /// How many workers served after the last event.
    served: usize,
    started: bool,
    reloading: bool,
    /// Each reload is announced; but one may be under way that began before the start.
    announces: bool,
    stopping: bool,
    closed: bool,
    pub over: Option<i32>,
}

impl World {
    /// `succeeds`: another supervisor serves, and goes on if this one fails.
    pub fn new(config: Config, succeeds: bool) -> Self {
        let mut world = Self {
            machine: Machine::new(config.clone(), 1000),
            now: 1000,
            config,
            asked: Vec::new(),
            alive: BTreeMap::new(),
            last_pid: 0,
            last_worker: 0,
            reading: false,
            successor: false,
            served: 0,
            started: false,
            reloading: false,
            announces: false,
            stopping: false,
            closed: false,
            over: None,
        };
        if succeeds {
            world.tell(Event::Predecessor { serves: true });
        }
        world.tell(Event::Start);
        world
    }

    pub fn step(&mut self, step: &Step) {
        match *step {
            Step::Forked(choice) => self.answer(choice, true),
            Step::ForkFailed(choice) => self.answer(choice, false),
            Step::ForkedDead(choice) => self.answer_dead(choice),
            Step::Ready(choice) => self.becomes_ready(choice),
            Step::Dies(choice, how) => {
                if let Some(pid) = self.choose(choice, |_| true) {
                    self.dies(pid, how);
                }
            }
            Step::Obeys(choice) => {
                if let Some(pid) = self.choose(choice, |process| process.order.is_some()) {
                    self.dies(pid, Exit::Code(0));
                }
            }
            Step::Wants(choice, why) => {
                if let Some(pid) = self.choose(choice, Process::serves) {
                    let process = self.alive.get_mut(&pid).unwrap();
                    // Whoever is stuck remains so.
                    if !process.wish.is_some_and(Why::is_stuck) {
                        process.wish = Some(why);
                    }
                    let Child::Worker(worker) = process.child else { unreachable!() };
                    self.tell(Event::WantsReplacement { worker, why });
                }
            }
            Step::Frozen(choice) => {
                let is_worker = |process: &Process| matches!(process.child, Child::Worker(_));
                if let Some(pid) = self.choose(choice, is_worker) {
                    let Child::Worker(worker) = self.alive[&pid].child else { unreachable!() };
                    self.tell(Event::Frozen { worker });
                }
            }
            Step::Signal(signal) => self.tell(Event::Signal(signal)),
            Step::Reload => self.tell(Event::Reload),
            Step::Configured(workers) => {
                if std::mem::take(&mut self.reading) {
                    self.tell(Event::Configured(Config { workers, ..self.config.clone() }));
                }
            }
            Step::ConfigurationFailed => {
                if std::mem::take(&mut self.reading) {
                    self.tell(Event::ConfigurationFailed("wrong".into()));
                }
            }
            Step::SuccessorReady => {
                if std::mem::take(&mut self.successor) {
                    self.tell(Event::SuccessorReady);
                }
            }
            Step::SuccessorEnded => {
                if std::mem::take(&mut self.successor) {
                    self.tell(Event::SuccessorEnded("ended".into()));
                }
            }
            Step::PredecessorEnded => self.tell(Event::Predecessor { serves: false }),
            Step::Pass(span) => self.pass(span),
        }
    }

    /// Everything that can go well does: until nothing is left to do.
    pub fn calm_down(&mut self) {
        for _ in 0..2000 {
            let (forks, starting) = (self.asked.len(), self.choose(0, |process| !process.ready));
            if self.over.is_some() {
                return;
            } else if forks > 0 {
                self.answer(0, true);
            } else if self.choose(0, |process| process.order.is_some()).is_some() {
                self.step(&Step::Obeys(0));
            } else if starting.is_some() {
                self.becomes_ready(0);
            } else if self.reading {
                self.step(&Step::Configured(3));
            } else if self.successor {
                self.step(&Step::SuccessorEnded);
            } else if let Some(at) = self.machine.next_timeout() {
                // Lifetimes go on ending.
                if self.config.worker_lifetime.is_some() && self.unrest().is_none() {
                    return;
                }
                self.pass(at - self.now);
            } else {
                return;
            }
        }
        panic!("no calm: {:?}", self.machine);
    }

    /// What is not as it has to be when nothing is left to do.
    pub fn unrest(&self) -> Option<&'static str> {
        if self.over.is_some() {
            return None;
        }
        let workers = || self.alive.values().filter(|process| matches!(process.child, Child::Worker(_)));
        let mut seats: Vec<u32> = workers().map(|process| process.seat).collect();
        seats.sort_unstable();
        let generations: Vec<u32> = workers().map(|process| process.generation).collect();
        let zygotes = self.alive.len() - seats.len();
        let flaws = [
            (seats != (0..self.machine.wanted()).collect::<Vec<_>>(), "not one worker in each seat"),
            (!workers().all(Process::serves), "one does not serve"),
            (generations.windows(2).any(|two| two[0] != two[1]), "several generations"),
            (zygotes != usize::from(self.config.preload), "not the zygotes that are needed"),
            (!self.asked.is_empty(), "a fork"),
            (!self.started, "never started"),
            (self.reloading, "a reload"),
            (self.stopping, "the end"),
        ];
        flaws.iter().find(|(is_so, _)| *is_so).map(|(_, what)| *what)
    }

    /// SIGTERM; nobody obeys anything but SIGKILL.
    pub fn end(&mut self) {
        self.tell(Event::Signal(Signal::Term));
        let begin = self.now;
        for _ in 0..1000 {
            if self.over.is_some() {
                let patience = 3 * (self.config.graceful_timeout + self.config.drain_delay + 10_000);
                assert!(self.now - begin <= patience, "it has taken {} ms", self.now - begin);
                return;
            }
            if !self.asked.is_empty() {
                self.answer(0, true);
            } else if self.choose(0, |process| process.order == Some(Order::Kill)).is_some() {
                let pid = self.choose(0, |process| process.order == Some(Order::Kill)).unwrap();
                self.dies(pid, Exit::Signal { number: 9, core: false });
            } else {
                let at = self.machine.next_timeout().expect("somebody is alive, and nothing is waited for");
                self.pass(at - self.now);
            }
        }
        panic!("no end: {:?}", self.machine);
    }

    fn pass(&mut self, span: Millis) {
        let end = self.now + span;
        let mut timers = 0;
        while let Some(at) = self.machine.next_timeout().filter(|at| *at <= end) {
            self.now = at;
            self.tell(Event::Timer);
            timers += 1;
            assert!(timers < 1000 + span / 1000, "no progress");
        }
        self.now = end;
    }

    fn answer(&mut self, choice: usize, success: bool) {
        if self.asked.is_empty() {
            return;
        }
        let process = self.asked.remove(choice % self.asked.len());
        self.last_pid += 1;
        let pid = self.last_pid;
        let generation = process.generation;
        let event = match (process.child, success) {
            (Child::Worker(worker), true) => Event::Forked { worker, pid },
            (Child::Worker(worker), false) => Event::ForkFailed { worker, error: "no".into() },
            (Child::Zygote(_), true) => Event::ZygoteForked { generation, pid },
            (Child::Zygote(_), false) => Event::ZygoteFailed { generation, error: "no".into() },
        };
        if success {
            self.alive.insert(pid, process);
        }
        self.tell(event);
    }

    fn answer_dead(&mut self, choice: usize) {
        if self.asked.is_empty() {
            return;
        }
        let process = self.asked.remove(choice % self.asked.len());
        self.last_pid += 1;
        let pid = self.last_pid;
        self.asked.push(process);
        self.tell(Event::Exited { pid, how: Exit::Code(1), oom: false });
        let process = self.asked.pop().unwrap();
        // It is not alive any more, but orders for it are in order.
        self.tell(match process.child {
            Child::Worker(worker) => Event::Forked { worker, pid },
            Child::Zygote(generation) => Event::ZygoteForked { generation, pid },
        });
        if let Child::Zygote(generation) = process.child {
            self.zygote_is_gone(generation);
        }
    }

    fn becomes_ready(&mut self, choice: usize) {
        let killed = |process: &Process| process.order == Some(Order::Kill);
        if let Some(pid) = self.choose(choice, |process| !process.ready && !killed(process)) {
            let process = self.alive.get_mut(&pid).unwrap();
            process.ready = true;
            let event = match process.child {
                Child::Worker(worker) => Event::Ready { worker },
                Child::Zygote(generation) => Event::ZygoteReady { generation },
            };
            self.tell(event);
        }
    }

    fn dies(&mut self, pid: u32, how: Exit) {
        let process = self.alive.remove(&pid).unwrap();
        self.tell(Event::Exited { pid, how, oom: false });
        if let Child::Zygote(generation) = process.child {
            self.zygote_is_gone(generation);
        }
    }

    /// Nobody will answer what it was asked but we.
    fn zygote_is_gone(&mut self, generation: u32) {
        while let Some(at) = self
            .asked
            .iter()
            .position(|process| matches!(process.child, Child::Worker(_)) && process.generation == generation)
        {
            self.answer(at, false);
        }
    }

    fn choose(&self, choice: usize, of: impl Fn(&Process) -> bool) -> Option<u32> {
        let pids: Vec<u32> =
            self.alive.iter().filter(|(_, process)| of(process)).map(|(pid, _)| *pid).collect();
        pids.get(choice.checked_rem(pids.len())?).copied()
    }

    fn serving(&self) -> usize {
        self.alive.values().filter(|process| process.serves()).count()
    }

    fn tell(&mut self, event: Event) {
        // Whoever is frozen or has died does not count; the event is why.
        let frozen = match event {
            Event::Frozen { worker } => self
                .alive
                .values()
                .filter(|process| process.child == Child::Worker(worker) && process.serves())
                .count(),
            _ => 0,
        };
        let before = self.served.min(self.serving()) - frozen;
        let actions = self.machine.handle(self.now, event);
        self.look_at(actions);
        assert!(self.machine.next_timeout().is_none_or(|at| at > self.now), "a time that has passed");
        if !self.stopping {
            let least = before.min(self.machine.wanted() as usize);
            assert!(
                self.serving() >= least,
                "{} serve instead of {least}: {:?}",
                self.serving(),
                self.machine
            );
        }
        self.served = self.serving();
        // Asked again, it has nothing more to say: what is due has been done.
        let more = self.machine.handle(self.now, Event::Timer);
        assert_eq!(more, []);
    }

    fn look_at(&mut self, actions: Vec<Action>) {
        for action in actions {
            assert_eq!(self.over, None, "{action:?} after Exit");
            match action {
                Action::Fork { worker, seat, generation } => self.look_at_fork(worker, seat, generation),
                Action::StartZygote { generation } => {
                    assert!(self.config.preload && !self.stopping);
                    let child = Child::Zygote(generation);
                    assert!(
                        !self.asked.iter().chain(self.alive.values()).any(|process| process.child == child)
                    );
                    self.ask(Process { child, generation, seat: 0, ready: false, wish: None, order: None });
                    let forks = |generation| {
                        self.asked.iter().any(|process| {
                            matches!(process.child, Child::Worker(_)) && process.generation == generation
                        })
                    };
                    let needed = |process: &&Process| {
                        matches!(process.child, Child::Zygote(generation) if !forks(generation))
                            && process.order.is_none()
                    };
                    // One that is no process yet cannot be stopped either.
                    assert!(self.alive.values().filter(needed).count() <= 1);
                }
                Action::StopZygote { generation } => {
                    let asked = |process: &Process| {
                        matches!(process.child, Child::Worker(_)) && process.generation == generation
                    };
                    assert!(!self.asked.iter().any(asked), "it has yet to fork");
                    self.order(Child::Zygote(generation), Order::Retire);
                }
                Action::KillZygote { generation } => self.order(Child::Zygote(generation), Order::Kill),
                Action::Order { worker, order } => self.order(Child::Worker(worker), order),
                Action::Removed { worker } => {
                    let child = Child::Worker(worker);
                    assert!(!self.alive.values().any(|process| process.child == child), "it lives");
                }
                Action::ReadSettings => {
                    assert!(!self.reading);
                    self.reading = true;
                }
                Action::SpawnSuccessor => {
                    assert!(!self.successor);
                    self.successor = true;
                }
                Action::Started => {
                    assert!(!self.started && !self.stopping);
                    assert_eq!(self.serving(), self.machine.wanted() as usize);
                    self.started = true;
                }
                Action::Reloading => {
                    assert!(self.started && !self.reloading);
                    self.reloading = true;
                }
                Action::Reloaded { .. } => {
                    assert!(self.reloading || !self.announces);
                    self.reloading = false;
                    self.announces = self.started;
                }
                Action::Stopping => {
                    assert!(!self.stopping);
                    self.stopping = true;
                    // No answer is expected.
                    self.reading = false;
                }
                Action::CloseListeners { .. } => {
                    assert!(self.stopping && !self.closed);
                    self.closed = true;
                }
                Action::Exit(code) => {
                    assert!(self.closed);
                    assert!(self.alive.is_empty() && self.asked.is_empty(), "children are left");
                    self.over = Some(code);
                }
                Action::WorkerCount(workers) => assert_eq!(workers, self.machine.wanted()),
                Action::ReopenLogs | Action::Log(..) => {}
            }
        }
    }

    fn ask(&mut self, process: Process) {
        self.asked.push(process);
    }

    fn look_at_fork(&mut self, worker: WorkerId, seat: u32, generation: u32) {
        assert!(!self.stopping);
        assert!(worker.0 > self.last_worker, "a number is used twice");
        self.last_worker = worker.0;
        assert!(seat < self.machine.wanted());
        if self.config.preload {
            let able = |process: &Process| {
                process.child == Child::Zygote(generation) && process.ready && process.order.is_none()
            };
            assert!(self.alive.values().any(able), "nobody can fork it");
        }
        let staying = || {
            self.asked
                .iter()
                .chain(self.alive.values())
                .filter(|process| matches!(process.child, Child::Worker(_)) && process.order.is_none())
        };
        let in_seat: Vec<&Process> = staying().filter(|process| process.seat == seat).collect();
        assert!(in_seat.len() <= 1 || self.asked.iter().any(|process| process.seat == seat), "{in_seat:?}");
        let limit = |process: &Process| {
            process.generation == generation
                && process.wish.is_some_and(|why| !why.is_stuck())
                && process.serves()
        };
        if self.machine.wanted() > 2 && in_seat.iter().any(|process| limit(process)) {
            let starts = |seat| staying().any(|process| process.seat == seat && !process.ready);
            let others =
                staying().filter(|process| process.seat != seat && limit(process) && starts(process.seat));
            // The number of workers may have grown meanwhile.
            assert!(others.count() <= 1, "two are recycled at once");
        }
        let child = Child::Worker(worker);
        self.ask(Process { child, generation, seat, ready: false, wish: None, order: None });
    }

    fn order(&mut self, child: Child, order: Order) {
        // One that has died before its birth was told is not alive.
        if let Some(process) = self.alive.values_mut().find(|process| process.child == child) {
            let strength = |order| {
                [Order::Retire, Order::Drain, Order::Quick, Order::Kill].iter().position(|o| *o == order)
            };
            assert!(
                process.order.is_none_or(|before| strength(before) < strength(order)),
                "{child:?} {order:?}"
            );
            process.order = Some(order);
        } else {
            assert!(!self.asked.iter().any(|process| process.child == child), "{child:?} is no process yet");
        }
    }
}
