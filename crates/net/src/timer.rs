//! When has somebody waited too long.
//!
//! A keep-alive connection moves its deadline with every request. Moving a timer each time would cost more than the
//! request's parsing, so none is moved: a connection has at most one *entry* here that is not later than its
//! deadline, and the deadline itself is a plain field of the connection. When the entry comes up and the deadline has
//! meanwhile moved on, the entry is put back for then. A busy connection touches this structure once per idle
//! timeout (75 s), not once per request.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::clock::Millis;
use crate::table::Token;

/// «Never», as a deadline.
pub const NEVER: Millis = Millis::MAX;

/// The entries of all connections of one driver, earliest first.
#[derive(Debug, Default)]
pub struct Deadlines {
    heap: BinaryHeap<Reverse<(Millis, Token)>>,
    alarm: Option<Millis>,
}

impl Deadlines {
    /// Puts in an entry: `token` comes up at `at`. Connections ask for one only if they have none that is as early
    /// ([`crate::Connection::await_next`]).
    pub fn push(&mut self, token: Token, at: Millis) {
        self.heap.push(Reverse((at, token)));
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Forgets the entries for which `keep` is false: those of connections that have gone. They would go by themselves
    /// when they come up, but short connections in quick succession leave many behind until then.
    pub fn retain(&mut self, mut keep: impl FnMut(Millis, Token) -> bool) {
        self.heap.retain(|Reverse((at, token))| keep(*at, *token));
    }

    /// Takes the next entry that is due at `now`: when it was set for, and whose it is. The caller compares the first
    /// with the connection's `armed` note: an entry that was overtaken by an earlier one says nothing any more.
    pub fn pop_due(&mut self, now: Millis) -> Option<(Millis, Token)> {
        match self.heap.peek() {
            Some(Reverse((at, _))) if *at <= now => self.heap.pop().map(|Reverse(entry)| entry),
            _ => None,
        }
    }

    /// If the reactor's alarm must be set anew: for when. `went_off`: the alarm has just fired.
    pub fn next_alarm(&mut self, went_off: bool) -> Option<Millis> {
        if went_off {
            self.alarm = None;
        }
        let earliest = self.heap.peek().map(|Reverse((at, _))| *at)?;
        if self.alarm.is_none_or(|set| earliest < set) {
            self.alarm = Some(earliest);
            return self.alarm;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(n: u64) -> Token {
        Token::from_u64(n)
    }

    #[test]
    fn entries_come_up_in_order_and_not_before_they_are_due() {
        let mut deadlines = Deadlines::default();
        for (n, at) in [(1, 300), (2, 100), (3, 200)] {
            deadlines.push(token(n), at);
        }
        assert_eq!(deadlines.pop_due(99), None);
        assert_eq!(deadlines.pop_due(250), Some((100, token(2))));
        assert_eq!(deadlines.pop_due(250), Some((200, token(3))));
        assert_eq!(deadlines.pop_due(250), None);
    }

    #[test]
    fn entries_of_the_gone_can_be_forgotten() {
        let mut deadlines = Deadlines::default();
        for n in 1..=4 {
            deadlines.push(token(n), 100 * n);
        }
        deadlines.retain(|_, token| token.as_u64() % 2 == 0);
        assert_eq!(deadlines.len(), 2);
        assert_eq!(deadlines.pop_due(1000), Some((200, token(2))));
        assert_eq!(deadlines.pop_due(1000), Some((400, token(4))));
        assert!(deadlines.is_empty());
    }

    #[test]
    fn the_alarm_is_set_anew_only_for_an_earlier_time_or_after_it_went_off() {
        let mut deadlines = Deadlines::default();
        assert_eq!(deadlines.next_alarm(false), None);
        deadlines.push(token(1), 500);
        assert_eq!(deadlines.next_alarm(false), Some(500));
        deadlines.push(token(2), 900);
        assert_eq!(deadlines.next_alarm(false), None);
        deadlines.push(token(3), 100);
        assert_eq!(deadlines.next_alarm(false), Some(100));
        assert_eq!(deadlines.pop_due(100), Some((100, token(3))));
        assert_eq!(deadlines.next_alarm(true), Some(500));
    }
}
