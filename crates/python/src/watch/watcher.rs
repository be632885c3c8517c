//! The thread `yett-watch`: looks once a second, and sees to what is due. It never takes the interpreter's lock.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use yett_net::clock;
use yett_supervisor::scoreboard::{State, Why};
use yett_supervisor::stuck::{Due, LOOK_EVERY, Looks, Millis, Suspect};

use super::evidence::{self, Stuck, seconds};
use super::prober::Prober;
use super::stacks::Stacks;
use super::{Limits, Place, Subject};
use crate::log;

/// Ends the thread.
#[derive(Default)]
pub struct Stop {
    asked: Mutex<bool>,
    told: Condvar,
}

impl Stop {
    pub fn now(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.told.notify_all();
    }

    /// Waits for the time of the next look. True: there is none.
    fn wait(&self) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.told.wait_timeout_while(asked, Duration::from_millis(LOOK_EVERY), |asked| !*asked);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// What the thread knows.
pub struct Watcher {
    subject: Arc<dyn Subject>,
    limits: Limits,
    place: Option<Place>,
    prober: Arc<Prober>,
    stacks: Option<Arc<Stacks>>,
    stop: Arc<Stop>,
    looks: Looks,
    beat: Suspect,
    gil: Suspect,
    /// Since when somebody who is late has had the interpreter's lock within reach.
    lock_free_since: Millis,
    told_alone: bool,
}

impl Watcher {
    pub fn new(
        subject: Arc<dyn Subject>,
        limits: Limits,
        place: Option<Place>,
        prober: Arc<Prober>,
        stacks: Option<Arc<Stacks>>,
        stop: Arc<Stop>,
    ) -> Self {
        Self {
            subject,
            limits,
            place,
            prober,
            stacks,
            stop,
            looks: Looks::default(),
            beat: Suspect::default(),
            gil: Suspect::default(),
            lock_free_since: 0,
            told_alone: false,
        }
    }

    /// The body of the thread.
    pub fn run(mut self) {
        loop {
            self.look(clock::now());
            self.looks.end(clock::now());
            if self.stop.wait() {
                return;
            }
        }
    }

    fn look(&mut self, now: Millis) {
        let awake_since = self.looks.begin(now);
        if let Some(place) = &self.place {
            place.slot.slot().note_beat(now);
        }
        if self.limits.are_off() {
            return;
        }
        let lock_since = self.prober.waits_since();
        self.prober.ask(now);
        if let Some(limit) = self.limits.gil
            && let Some(due) = self.gil.look(now, lock_since, limit, awake_since)
        {
            self.gil_is(due);
        }
        if lock_since.is_some() {
            self.lock_free_since = now;
        }
        self.look_at_beat(now, awake_since, lock_since.is_some());
        // Whose time was up while the lock was held gets it first; and that it is held has been told.
        let is_awake = awake_since < now && !(lock_since.is_some() && self.limits.gil.is_some());
        let overdue = Arc::clone(&self.subject).look_at_requests(now, is_awake);
        if overdue.stuck > 0 {
            self.tell(Stuck::Requests(overdue.stuck), 0);
        }
        if let Some(end) = overdue.end {
            self.prober.give(end);
        }
        if overdue.hopeless {
            self.give_up(Why::StuckRequest, "a request that took too long could not be ended");
        }
    }

    fn look_at_beat(&mut self, now: Millis, awake_since: Millis, lock_is_held: bool) {
        let late_since = self.subject.late_since(now);
        if let Some(place) = &self.place {
            place.slot.slot().note_loop_beat(late_since.unwrap_or(now));
        }
        let patience = self.subject.patience(&self.limits, now);
        if patience.is_none() && !self.beat.is_stuck() {
            return;
        }
        // It was stuck for the sake of a request that is over. What has no limit any more goes on one day all the same, and
        // that is to be told; nobody is to be blamed until then.
        let (patience, awake_since) = patience.map_or((Millis::MAX, now), |patience| (patience, awake_since));
        // Without the lock nothing beats, and that is told as what it is.
        let blames_lock = self.limits.gil.is_some_and(|limit| limit <= patience);
        if lock_is_held && blames_lock {
            return;
        }
        let since = if blames_lock { awake_since.max(self.lock_free_since) } else { awake_since };
        if let Some(due) = self.beat.look(now, late_since, patience, since) {
            self.beat_is(due);
        }
    }

    fn gil_is(&mut self, due: Due) {
        match due {
            Due::Stuck { for_ms } => {
                self.stand_still(true);
                self.tell(Stuck::Gil, for_ms);
            }
            Due::Hopeless { .. } => {
                self.give_up(Why::StuckGil, "nobody gets the interpreter's lock");
            }
            Due::GoesOn { after_ms } => {
                self.stand_still(false);
                log::warning(&format!(
                    "goes on again: the interpreter's lock could not be had for {}",
                    seconds(after_ms)
                ));
            }
        }
    }

    fn beat_is(&mut self, due: Due) {
        let standstill = self.subject.standstill();
        match due {
            Due::Stuck { for_ms } => {
                self.stand_still(true);
                self.tell(Stuck::Beat(standstill), for_ms);
                if let Some(relief) = Arc::clone(&self.subject).relief() {
                    self.prober.give(relief);
                }
            }
            Due::Hopeless { .. } => self.give_up(Why::StuckLoop, standstill),
            Due::GoesOn { after_ms } => {
                self.stand_still(false);
                log::warning(&format!("goes on again: {standstill} for {}", seconds(after_ms)));
            }
        }
    }

    /// The evidence, as one message.
    fn tell(&self, stuck: Stuck<'_>, for_ms: Millis) {
        let place = self.place.as_ref();
        let mut text = evidence::head(stuck, for_ms, place);
        text.push_str(&evidence::requests(place));
        text.push_str(&evidence::stacks(&self.prober, self.stacks.as_deref()));
        log::error(&text);
    }

    /// Tells the other workers that this one takes no connections for now, or does again.
    fn stand_still(&self, stands: bool) {
        if let Some(place) = &self.place {
            let (from, to) = if stands { (State::Ready, State::Stuck) } else { (State::Stuck, State::Ready) };
            place.slot.slot().change_state(from, to);
        }
    }

    fn give_up(&mut self, why: Why, what: &str) {
        if self.place.as_ref().is_some_and(|place| place.supervised) {
            self.subject.leave();
        }
        give_up(self.place.as_ref(), &mut self.told_alone, why, what);
    }
}

/// Nothing has helped: another worker is to take the place of this one.
pub fn give_up(place: Option<&Place>, told_alone: &mut bool, why: Why, what: &str) {
    match place.filter(|place| place.supervised) {
        Some(place) => {
            place.slot.ask_replacement(why);
            log::error(&format!("stuck, and nothing has helped: {what}. This worker is to be replaced"));
        }
        None if !std::mem::replace(told_alone, true) => {
            log::error(&format!(
                "stuck, and nothing has helped: {what}. There is no supervisor that would replace this process"
            ));
        }
        None => {}
    }
}
