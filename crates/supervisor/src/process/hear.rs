//! What can happen, and how it is heard of.

use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec};

use super::signals::Arrived;
use super::zygote::{FromZygote, Zygote};
use super::{LOOK_EVERY, Supervisor, Task, children, now};
use crate::cgroup;
use crate::scoreboard;
use crate::state::{Event, Exit, Why, WorkerId};
use crate::stuck::GRACE;
use crate::systemd::Watchdog;

impl Supervisor {
    pub(super) fn wait(&mut self) -> io::Result<()> {
        let watchdog = self.watchdog.as_ref().map(Watchdog::next);
        let timeouts = [self.machine.next_timeout(), watchdog, Some(self.next_look)];
        let until = timeouts.into_iter().flatten().min().unwrap_or(self.next_look);
        let left = until.saturating_sub(now());
        #[allow(clippy::cast_possible_wrap)] // seconds of a few weeks, nanoseconds of one
        let timeout = Timespec { tv_sec: (left / 1000) as i64, tv_nsec: ((left % 1000) * 1_000_000) as i64 };
        let fixed = [self.signals.fd(), self.bell.0.as_fd()];
        let zygotes = self.zygotes.values().map(Zygote::fd);
        let all: Vec<BorrowedFd<'_>> =
            fixed.into_iter().chain(zygotes).chain(self.watched.iter().map(AsFd::as_fd)).collect();
        let mut polled: Vec<PollFd<'_>> =
            all.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
        match rustix::event::poll(&mut polled, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready: Vec<bool> = polled.iter().map(|one| !one.revents().is_empty()).collect();
        let readable: Vec<RawFd> = self
            .watched
            .iter()
            .zip(ready.iter().skip(fixed.len() + self.zygotes.len()))
            .filter_map(|(fd, ready)| ready.then_some(fd.as_raw_fd()))
            .collect();
        // A worker rings before it dies, and a zygote answers: what they said is heard first.
        let generations: Vec<u32> = self.zygotes.keys().copied().collect();
        for generation in generations {
            self.hear_zygote(generation);
        }
        let mut sink = [0; 256];
        while matches!(self.bell.0.read(&mut sink), Ok(1..)) {}
        self.look_at_scoreboard();
        for arrived in self.signals.take() {
            match arrived {
                Arrived::Child => self.reap(),
                Arrived::Sent(signal) => self.event(Event::Signal(signal)),
            }
        }
        self.tasks.extend(readable.into_iter().map(Task::Readable));
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.keep_awake(now());
        }
        let time = now();
        if time >= self.next_look {
            let late = time - self.next_look > LOOK_EVERY;
            self.next_look = time + LOOK_EVERY;
            self.look_closely(late || self.was_late);
            self.was_late = late;
        }
        if self.machine.next_timeout().is_some_and(|at| at <= now()) {
            self.event(Event::Timer);
        }
        Ok(())
    }

    fn reap(&mut self) {
        while let Some((pid, how)) = children::reap() {
            let pid = pid.unsigned_abs();
            // What it said last.
            self.look_at_scoreboard();
            let zygote = self.zygotes.iter().find(|(_, zygote)| zygote.pid == pid);
            let zygote = zygote.map(|(generation, _)| *generation);
            if let Some(generation) = zygote {
                self.hear_zygote(generation);
            } else if self.workers.of_pid(pid).is_none() {
                self.tasks.push_back(Task::OtherEnded { pid, how });
                // It may yet be a worker, whose zygote has not come to telling of it: the machine remembers that.
            }
            let zygote = zygote.and_then(|generation| self.zygotes.remove(&generation));
            let oom = matches!(how, Exit::Signal { .. }) && self.was_short_of_memory();
            self.event(Event::Exited { pid, how, oom });
            // After the machine knows that nobody else can be asked.
            for worker in zygote.into_iter().flat_map(|zygote| zygote.unanswered) {
                self.not_announced(worker, "the zygote has ended");
            }
        }
    }

    /// Whether the kernel has killed somebody for want of memory since this was last asked.
    fn was_short_of_memory(&mut self) -> bool {
        let before = self.oom_kills;
        self.oom_kills = cgroup::oom_kills(Path::new("/"));
        self.oom_kills > before
    }

    fn hear_zygote(&mut self, generation: u32) {
        while let Some(heard) = self.zygotes.get_mut(&generation).and_then(Zygote::hear) {
            match heard {
                FromZygote::Ready => self.event(Event::ZygoteReady { generation }),
                FromZygote::Forked { worker, pid } => self.forked(worker, pid),
                FromZygote::Failed { worker } => {
                    self.not_announced(worker, "the zygote could not fork; its own message says why");
                }
            }
        }
    }

    /// Nobody will say which process a worker is. It may be one all the same, and have come; what comes later finds that
    /// its place is another's, and ends.
    fn not_announced(&mut self, worker: WorkerId, why: &str) {
        let slot = self.workers.get(worker).and_then(|known| self.scoreboard.slot(known.slot));
        match slot.map(|slot| slot.holder().revoke(worker.0)) {
            Some(Err(pid)) => self.forked(worker, pid),
            Some(Ok(())) | None => self.event(Event::ForkFailed { worker, error: why.into() }),
        }
    }

    /// Passes on what workers have written into it.
    fn look_at_scoreboard(&mut self) {
        let mut events = Vec::new();
        for (id, worker) in self.workers.iter_mut() {
            let Some(slot) = self.scoreboard.slot(worker.slot) else { continue };
            let state = slot.state();
            // One that drains, or has ended, need not ever have served.
            if slot.was_ready() && !worker.ready_told && worker.pid.is_some() {
                worker.ready_told = true;
                if self.scoreboard.has_started() {
                    self.scoreboard.forget_failure();
                }
                events.push(Event::Ready { worker: *id });
            }
            if let scoreboard::State::WantsReplacement(why) = state
                && worker.ready_told
                && worker.wish_told != Some(why)
            {
                worker.wish_told = Some(why);
                events.push(Event::WantsReplacement { worker: *id, why });
            }
        }
        for event in events {
            self.event(event);
        }
    }

    /// Looks for what workers do not say themselves.
    /// `spare`: those that stand still have one more round to come round again.
    fn look_closely(&mut self, spare: bool) {
        let now = now();
        let mut events = Vec::new();
        for (id, worker) in self.workers.iter_mut() {
            let (Some(slot), Some(pid)) = (self.scoreboard.slot(worker.slot), worker.pid) else { continue };
            let beat = slot.beat();
            if !spare
                && self.limits.beat > 0
                && beat > 0
                && now.saturating_sub(beat) > self.limits.beat + GRACE
            {
                events.push(Event::Frozen { worker: *id });
            } else if self.limits.resident > 0
                && worker.ready_told
                && children::resident(pid).is_some_and(|bytes| bytes > self.limits.resident)
            {
                events.push(Event::WantsReplacement { worker: *id, why: Why::MaxRss });
            }
        }
        for event in events {
            self.event(event);
        }
    }
}
