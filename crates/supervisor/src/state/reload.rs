//! A reload: the settings are read again, with preload a new zygote imports the new code, a first worker (the canary) tries it,
//! and when that is ready the others follow. Until then the old code keeps serving, and if it fails, goes on.
//!
//! Without preload every fork imports the code that is there at that moment. So a worker that has to be replaced while
//! the canary starts is a canary, too: the first one that is ready lets the new code in, the first one that fails
//! ends the reload. After that, replacements belong to the old generation again, but import the new code all the same.

use yett_settings::LogLevel;

use super::machine::Machine;
use super::{Action, Config, Order, WorkerId, words};

const NO_RELOAD: &str = "no reload: a new supervisor is starting";

/// How far a reload has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The settings are read.
    Settings,
    /// A new zygote imports the code.
    Zygote,
    /// The first worker starts.
    Canary,
    /// The new code has proven itself; the other workers follow.
    Rest,
}

/// A reload that is under way.
#[derive(Debug)]
pub(super) struct Reload {
    stage: Stage,
    /// The generation that it tries; the one that serves while the settings are read.
    target: u32,
    /// What was read.
    settings: Option<Config>,
}

impl Machine {
    /// A reload has been asked for. One at a time; those that are asked for meanwhile become one that follows.
    pub(super) fn ask_for_reload(&mut self, read_settings: bool) {
        if self.stop.is_some() {
            return;
        }
        if self.successor {
            self.log(LogLevel::Warning, NO_RELOAD);
            return;
        }
        self.reload_again = Some(read_settings || self.reload_again == Some(true));
    }

    /// The generation that is tried and has not proven itself.
    pub(super) fn trial(&self) -> Option<u32> {
        let reload = self.reload.as_ref()?;
        matches!(reload.stage, Stage::Zygote | Stage::Canary).then_some(reload.target)
    }

    /// New code is being tried.
    pub(super) fn is_trying(&self) -> bool {
        self.trial().is_some()
    }

    /// What a worker belongs to that is forked now.
    pub(super) fn generation_of_forks(&self) -> u32 {
        match &self.reload {
            Some(reload) if reload.stage == Stage::Canary && !self.config.preload => reload.target,
            _ => self.generation,
        }
    }

    /// The settings for what is starting: those that a reload has read, if there are such.
    pub(super) fn config_of_start(&self) -> &Config {
        self.reload.as_ref().and_then(|reload| reload.settings.as_ref()).unwrap_or(&self.config)
    }

    pub(super) fn configured(&mut self, mut config: Config) {
        if let Some(reload) = self.reload.as_mut().filter(|reload| reload.stage == Stage::Settings) {
            // Half of the processes cannot be zygotes' children and half not.
            config.preload = self.config.preload;
            config.seed = self.config.seed;
            reload.settings = Some(config);
            self.try_new_code();
        }
    }

    pub(super) fn configuration_failed(&mut self, text: &str) {
        if self.reload.as_ref().is_some_and(|reload| reload.stage == Stage::Settings) {
            self.log(
                LogLevel::Error,
                format!("reload abandoned: the settings are wrong, and everything goes on as it was: {text}"),
            );
            self.end_reload(false);
        }
    }

    /// The next step of a reload, if it can be made.
    pub(super) fn step_reload(&mut self) {
        if self.reload.as_ref().is_some_and(|reload| reload.stage == Stage::Rest) {
            if self.has_taken_over() {
                let text = format!("reload is through: {} with the new code", words::workers(self.wanted));
                self.log(LogLevel::Info, text);
                self.end_reload(true);
            } else if self.reload_again.is_some() && self.is_held_up() {
                // With preload, the code that fails would otherwise be in the way of the one that repairs it.
                self.log(
                    LogLevel::Warning,
                    "reload is held up by workers that do not start; the next one begins",
                );
                self.end_reload(false);
            }
        }
        // The first start decides whether there is code that can serve at all.
        if self.reload.is_none()
            && self.ever_ready
            && let Some(read_settings) = self.reload_again.take()
        {
            self.begin_reload(read_settings);
        }
        let stage = self.reload.as_ref().map(|reload| (reload.stage, reload.target));
        match stage {
            Some((Stage::Zygote, target)) if self.has_zygote(target) => {
                self.set_stage(Stage::Canary);
                self.fork_canary(target);
            }
            Some((Stage::Canary, target)) => self.fork_canary(target),
            Some((Stage::Zygote, _)) => {}
            // Also without a reload: one that was held up may have left old workers, and the next one may have failed.
            _ => self.fork_rest(),
        }
    }

    fn set_stage(&mut self, stage: Stage) {
        if let Some(reload) = &mut self.reload {
            reload.stage = stage;
        }
    }

    fn begin_reload(&mut self, read_settings: bool) {
        if self.successor {
            self.log(LogLevel::Warning, NO_RELOAD);
            return;
        }
        self.log(LogLevel::Info, "reload begins");
        self.reload = Some(Reload { stage: Stage::Settings, target: self.generation, settings: None });
        // systemd is to hear READY first.
        if self.started {
            self.actions.push(Action::Reloading);
        }
        if read_settings {
            self.actions.push(Action::ReadSettings);
        } else {
            self.try_new_code();
        }
    }

    /// Begins with the zygote, or with the canary if there is none.
    fn try_new_code(&mut self) {
        self.last_generation += 1;
        let (target, preload) = (self.last_generation, self.config.preload);
        if let Some(reload) = &mut self.reload {
            reload.target = target;
            reload.stage = if preload { Stage::Zygote } else { Stage::Canary };
        }
        if preload {
            self.start_zygote(target);
        }
    }

    /// Forks the canary: into an empty seat if there is one, otherwise beside the worker of the first.
    fn fork_canary(&mut self, target: u32) {
        if self.workers.values().any(|worker| worker.generation == target && worker.stays()) {
            return;
        }
        let empty = (0..self.wanted).find(|seat| self.staying(*seat).is_empty());
        let single = || (0..self.wanted).find(|seat| self.staying(*seat).len() == 1);
        if let Some(seat) = empty.or_else(single) {
            self.fork(seat, target);
        }
    }

    /// Forks replacements of the others, so many at a time as there are processors.
    fn fork_rest(&mut self) {
        let target = self.generation;
        let surge = self.config.surge.max(1) as usize;
        let starts =
            |worker: &&super::worker::Worker| worker.generation == target && worker.ready_at.is_none();
        let starting = self.workers.values().filter(|worker| worker.stays()).filter(starts).count();
        let old: Vec<u32> = (0..self.wanted)
            .filter(|seat| self.may_fork(*seat))
            .filter(|seat| self.only_server(*seat).is_some_and(|worker| worker.generation < target))
            .take(surge.saturating_sub(starting))
            .collect();
        for seat in old {
            self.fork(seat, target);
        }
    }

    /// A worker is ready: if it has the code that is tried, that has proven itself.
    pub(super) fn proven_by(&mut self, id: WorkerId, generation: u32) {
        if self.trial() != Some(generation) {
            return;
        }
        self.generation = generation;
        self.set_stage(Stage::Rest);
        self.zygote_back_off = super::worker::BackOff::default();
        if let Some(config) = self.reload.as_mut().and_then(|reload| reload.settings.take()) {
            let workers = config.workers;
            self.config = config;
            self.want(workers);
            if self.wanted < workers {
                let text = format!("there is room for {} until a restart", words::workers(self.wanted));
                self.log(LogLevel::Warning, text);
            }
        }
        let others = if self.wanted > 1 { "; the others follow" } else { "" };
        let text = format!("the new code is ready in {}{others}", self.name(id));
        self.log(LogLevel::Info, text);
    }

    /// A worker, or a zygote, of this generation has failed before it was ready: if that is being tried, the reload is over.
    pub(super) fn disproven_by(&mut self, generation: u32, words: &str) {
        if self.trial() != Some(generation) {
            return;
        }
        self.log(LogLevel::Error, format!("reload abandoned: {words}; the old code keeps serving"));
        let tried: Vec<WorkerId> = self
            .workers
            .values()
            .filter(|worker| worker.generation == generation && worker.stays())
            .map(|worker| worker.id)
            .collect();
        for id in tried {
            self.dismiss(id, Order::Quick);
        }
        self.end_reload(false);
    }

    fn end_reload(&mut self, success: bool) {
        if self.reload.take().is_some() {
            self.actions.push(Action::Reloaded { success });
        }
    }

    /// Each seat has a worker of the new generation that serves.
    fn has_taken_over(&self) -> bool {
        (0..self.wanted).all(|seat| self.serves_new(seat))
    }

    fn serves_new(&self, seat: u32) -> bool {
        self.staying(seat).iter().any(|worker| worker.serves() && worker.generation == self.generation)
    }

    /// A seat lacks a worker of the new generation, and has failed to get one.
    fn is_held_up(&self) -> bool {
        let zygote_fails = self.zygote_back_off.is_failing();
        self.seats
            .iter()
            .zip(0..self.wanted)
            .any(|(seat, number)| (zygote_fails || seat.back_off.is_failing()) && !self.serves_new(number))
    }
}
