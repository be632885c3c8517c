//! Zygotes: with preload, processes that have imported the application and fork the workers. One for the generation that
//! serves, and one for the generation that a reload tries.

use yett_settings::LogLevel;

use super::children::QUICK;
use super::machine::Machine;
use super::{Action, Exit, Millis, words};

/// One zygote, from the moment it is asked for until it is reaped.
#[derive(Clone, Debug)]
pub(super) struct Zygote {
    pub generation: u32,
    pid: Option<u32>,
    /// When it has to be ready; `None` as soon as it is.
    startup_end: Option<Millis>,
    ready_at: Option<Millis>,
    /// It was told to stop, or killed: it forks nobody any more.
    stopping: bool,
    kill_at: Option<Millis>,
    killed: bool,
}

impl Zygote {
    /// It is not a process yet.
    pub fn is_forking(&self) -> bool {
        self.pid.is_none()
    }

    /// The next moment at which something about it has to be done.
    pub fn deadlines(&self) -> impl Iterator<Item = Millis> {
        let startup_end = self.startup_end.filter(|_| !self.stopping);
        [startup_end, self.kill_at.filter(|_| !self.killed)].into_iter().flatten()
    }

    fn name(&self) -> String {
        match self.pid {
            Some(pid) => format!("zygote (pid {pid})"),
            None => "zygote".to_owned(),
        }
    }
}

impl Machine {
    /// A zygote of this generation is ready to fork.
    pub(super) fn has_zygote(&self, generation: u32) -> bool {
        self.zygotes
            .iter()
            .any(|zygote| zygote.generation == generation && zygote.ready_at.is_some() && !zygote.stopping)
    }

    pub(super) fn start_zygote(&mut self, generation: u32) {
        self.zygotes.push(Zygote {
            generation,
            pid: None,
            startup_end: None,
            ready_at: None,
            stopping: false,
            kill_at: None,
            killed: false,
        });
        self.actions.push(Action::StartZygote { generation });
    }

    pub(super) fn zygote_forked(&mut self, generation: u32, pid: u32) {
        let end = self.now.saturating_add(self.config_of_start().startup_timeout);
        let zygote =
            self.zygotes.iter_mut().find(|zygote| zygote.generation == generation && zygote.pid.is_none());
        let Some(zygote) = zygote else {
            return;
        };
        zygote.pid = Some(pid);
        zygote.startup_end = Some(end);
        self.catch_up_exit(pid);
    }

    pub(super) fn zygote_failed(&mut self, generation: u32, error: &str) {
        let at =
            self.zygotes.iter().position(|zygote| zygote.generation == generation && zygote.pid.is_none());
        if let Some(at) = at {
            let zygote = self.zygotes.remove(at);
            if self.stop.is_none() {
                self.zygote_lost(&zygote, &format!("zygote could not be forked: {error}"), None);
            }
        }
    }

    pub(super) fn zygote_ready(&mut self, generation: u32) {
        let now = self.now;
        let zygote = self.zygotes.iter_mut().find(|zygote| {
            zygote.generation == generation && zygote.startup_end.is_some() && !zygote.stopping
        });
        let Some(zygote) = zygote else {
            return;
        };
        zygote.startup_end = None;
        zygote.ready_at = Some(now);
        let text = format!("{} has imported the application", zygote.name());
        if generation == self.generation {
            self.zygote_back_off.recovered(now);
        }
        self.log(LogLevel::Debug, text);
    }

    /// Whether the process was a zygote.
    pub(super) fn zygote_exited(&mut self, pid: u32, how: Exit, oom: bool) -> bool {
        let Some(at) = self.zygotes.iter().position(|zygote| zygote.pid == Some(pid)) else {
            return false;
        };
        let zygote = self.zygotes.remove(at);
        let text = format!("{} {}", zygote.name(), words::ended(how, oom));
        if zygote.stopping || self.stop.is_some() {
            self.log(LogLevel::Debug, text);
        } else {
            let code = if let Exit::Code(code) = how { Some(code) } else { None };
            self.zygote_lost(&zygote, &text, code);
        }
        true
    }

    /// A zygote that was needed is no more.
    fn zygote_lost(&mut self, zygote: &Zygote, words: &str, code: Option<i32>) {
        let generation = zygote.generation;
        if generation != self.generation {
            self.log(LogLevel::Error, words);
            self.disproven_by(generation, words);
            return;
        }
        self.zygote_back_off.died(self.now, zygote.ready_at);
        self.tell_death(self.zygote_back_off.failures(), words);
        // Workers that it has forked may yet be ready.
        let is_hopeless = zygote.ready_at.is_none() && !self.ever_ready && self.workers.is_empty();
        if (is_hopeless || self.on_trial) && self.stop.is_none() {
            self.first_code = self.first_code.or(code.filter(|code| (2..=5).contains(code)));
            self.give_up();
        }
    }

    /// Kills zygotes that have used up our patience.
    pub(super) fn expire_zygotes(&mut self) {
        let now = self.now;
        let late: Vec<usize> = (0..self.zygotes.len())
            .filter(|at| self.zygotes[*at].deadlines().any(|deadline| deadline <= now))
            .collect();
        // What is told of a late one may stop the others, but removes none.
        for at in late {
            let Some(zygote) = self.zygotes.get_mut(at) else {
                continue;
            };
            let was_needed = !zygote.stopping;
            zygote.stopping = true;
            zygote.killed = true;
            let zygote = zygote.clone();
            self.actions.push(Action::KillZygote { generation: zygote.generation });
            if was_needed {
                let timeout = words::span(self.config_of_start().startup_timeout);
                let text = format!(
                    "{} has not imported the application within {timeout} (--startup-timeout); it is killed",
                    zygote.name()
                );
                self.zygote_lost(&zygote, &text, None);
            }
        }
    }

    /// Stops zygotes that nobody needs.
    pub(super) fn stop_zygotes(&mut self) {
        let needed = [self.stop.is_none().then_some(self.generation), self.trial()];
        for at in 0..self.zygotes.len() {
            let zygote = &self.zygotes[at];
            let generation = zygote.generation;
            if zygote.pid.is_none() || zygote.killed {
                continue;
            }
            let forks =
                self.workers.values().any(|worker| worker.generation == generation && worker.pid.is_none());
            if !zygote.stopping && !needed.contains(&Some(generation)) && !forks {
                self.zygotes[at].stopping = true;
                self.actions.push(Action::StopZygote { generation });
            }
            // It may have to reap its children. Two of one generation cannot both be stopping.
            let children = self.workers.values().any(|worker| worker.generation == generation);
            let zygote = &mut self.zygotes[at];
            if zygote.stopping && !children && zygote.kill_at.is_none() {
                zygote.kill_at = Some(self.now.saturating_add(QUICK));
            }
        }
    }

    /// Starts the zygote of the generation that serves, also again if it has died.
    pub(super) fn revive_zygote(&mut self) {
        let exists = self.zygotes.iter().any(|zygote| zygote.generation == self.generation);
        if self.config.preload && !exists && self.zygote_back_off.not_before() <= self.now {
            self.start_zygote(self.generation);
        }
    }

    /// Kills all of them, at once.
    pub(super) fn kill_zygotes(&mut self) {
        let generations: Vec<u32> = self.zygotes.iter().map(|zygote| zygote.generation).collect();
        for generation in generations {
            self.kill_zygote(generation);
        }
    }

    /// Kills the one of this generation, if it is a process. What was asked of it is answered when it is reaped.
    pub(super) fn kill_zygote(&mut self, generation: u32) {
        for zygote in self.zygotes.iter_mut().filter(|zygote| zygote.generation == generation) {
            if zygote.pid.is_some() && !zygote.killed {
                (zygote.stopping, zygote.killed) = (true, true);
                self.actions.push(Action::KillZygote { generation });
            }
        }
    }
}
