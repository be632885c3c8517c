//! Does anybody wait while every thread is in the application?
//!
//! The reactor alone cannot tell: its own alarm, the end of an idle client, room in a socket and the call of another
//! process are events too, and none of them is anybody who waits. An edge can be looked at only by taking it out. So
//! what waits stays where threads find it, in its order; what does not is put into the queue, for whoever comes next.

use std::io;
use std::sync::atomic::Ordering;

use super::{Crew, News};
use crate::acceptor::FIRST_LISTENER;
use crate::reactor::Events;

/// Polls in one look at most: what a thousand clients have left behind. The rest is seen at the next look.
const POLLS: usize = 16;

impl Crew {
    /// Whether a client waits for a thread: one that is connected has sent something, or had its turn cut short, or one
    /// waits at one of so many `listeners` that are watched. From a thread that is none of the crew's, now and then,
    /// when all of the crew are elsewhere.
    ///
    /// # Errors
    /// As [`Crew::next`] and [`Crew::again`].
    pub fn anybody_waits(&self, listeners: usize) -> io::Result<bool> {
        let mut events = Events::default();
        let is_listener =
            |token: u64| token.checked_sub(FIRST_LISTENER).is_some_and(|index| index < listeners as u64);
        for polls in 0..=POLLS {
            let mut at_listener = false;
            while let Some((token, news)) = self.batch.take_unless(is_waiting) {
                if is_listener(token) {
                    // It is reported anew by each poll while somebody waits there. What an earlier one has brought may be
                    // over, for other processes accept as well.
                    at_listener = polls > 0;
                } else {
                    self.set_aside(token, news)?;
                }
            }
            if at_listener || !self.batch.is_empty() {
                return Ok(true);
            }
            // A thread that polls itself is not elsewhere.
            if polls == POLLS || !self.poll_alone(&mut events, Some(0))? || self.batch.is_empty() {
                break;
            }
        }
        Ok(self.lock_again().iter().any(|(token, news)| is_waiting(*token, *news)))
    }

    /// As [`Crew::again`], but with one entry for each token, however often there is news while nobody comes for it.
    fn set_aside(&self, token: u64, news: News) -> io::Result<()> {
        {
            let mut again = self.lock_again();
            match again.iter_mut().find(|(of, _)| *of == token) {
                Some((_, known)) => *known = *known | news,
                None => again.push_back((token, news)),
            }
            self.has_again.store(true, Ordering::SeqCst);
        }
        self.wake_poll()
    }
}

/// Whether it is a client that waits. One that has sent its last cannot be told from one that has merely left.
fn is_waiting(token: u64, news: News) -> bool {
    let readiness = news.readiness();
    let has_sent = readiness.readable && !readiness.peer_closed && !readiness.hung_up;
    token < FIRST_LISTENER && (has_sent || news.has(News::AGAIN))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::super::{Member, Task};
    use super::*;
    use crate::clock;
    use crate::reactor::ALARM;
    use crate::table::Token;

    /// A crew without threads, and a stream of each token, known to be writable already.
    fn crew(tokens: u64) -> (Crew, Vec<(UnixStream, UnixStream)>) {
        let crew = Crew::new().unwrap();
        let pairs: Vec<_> = (0..tokens).map(|_| UnixStream::pair().unwrap()).collect();
        for (token, (ours, _)) in (0..).zip(&pairs) {
            crew.reactor().add_stream(ours, token).unwrap();
        }
        (crew, pairs)
    }

    /// What a thread would be given now, without waiting.
    fn tasks(crew: &Crew) -> Vec<u64> {
        let mut member = Member::default();
        let waiting = || crew.events_wait().then(|| crew.next(&mut member, || {}).unwrap());
        let tasks = std::iter::from_fn(waiting);
        tasks.filter_map(|task| if let Task::Event(token, _) = task { Some(token) } else { None }).collect()
    }

    #[test]
    fn neither_room_nor_an_end_nor_the_alarm_is_somebody_who_waits() {
        let (crew, pairs) = crew(2);
        assert!(!crew.anybody_waits(1).unwrap(), "they are new, and writable");
        pairs[1].1.shutdown(std::net::Shutdown::Write).unwrap();
        crew.reactor().set_alarm(Some(clock::now())).unwrap();
        while !crew.lock_again().iter().any(|(token, _)| *token == ALARM) {
            assert!(!crew.anybody_waits(1).unwrap());
        }
        crew.again(Token::from_u64(0), News::TIMER).unwrap();
        assert!(!crew.anybody_waits(1).unwrap());
        assert_eq!(crew.lock_again().iter().filter(|(token, _)| *token == 1).count(), 1, "told once");
        let mut tasks = tasks(&crew);
        tasks.sort_unstable();
        tasks.dedup();
        assert_eq!(tasks, [0, 1, ALARM], "a thread learns of all that");
    }

    #[test]
    fn who_has_sent_something_waits_until_a_thread_comes_and_in_turn() {
        let (crew, mut pairs) = crew(3);
        assert!(!crew.anybody_waits(1).unwrap());
        tasks(&crew);
        for token in [2, 0, 1] {
            pairs[token].1.write_all(b"x").unwrap();
            assert!(crew.anybody_waits(1).unwrap());
        }
        assert!(crew.anybody_waits(1).unwrap());
        assert_eq!(tasks(&crew), [2, 0, 1]);
        assert!(!crew.anybody_waits(1).unwrap());
    }

    #[test]
    fn whose_turn_was_cut_short_waits() {
        let (crew, _pairs) = crew(0);
        crew.again(Token::from_u64(7), News::AGAIN).unwrap();
        assert!(crew.anybody_waits(1).unwrap());
        assert_eq!(tasks(&crew), [7]);
        assert!(!crew.anybody_waits(1).unwrap());
    }

    #[test]
    fn at_a_listener_waits_who_is_still_there() {
        let (crew, _pairs) = crew(0);
        let path = std::env::temp_dir().join(format!("yett-waiting-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        crew.reactor().add_listener(&listener, FIRST_LISTENER).unwrap();
        let _client = UnixStream::connect(&path).unwrap();
        assert!(crew.anybody_waits(1).unwrap());
        assert!(crew.anybody_waits(1).unwrap(), "for as long as it waits");
        // A thread has been told of it and is elsewhere; another process takes it.
        crew.poll(&mut Events::default(), Some(0)).unwrap();
        assert!(!crew.batch.is_empty());
        listener.accept().unwrap();
        assert!(!crew.anybody_waits(1).unwrap());
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_call_of_another_process_is_nobody() {
        let (crew, _pairs) = crew(0);
        let (called, mut others) = UnixStream::pair().unwrap();
        crew.reactor().add_stream(&called, FIRST_LISTENER + 1).unwrap();
        others.write_all(b"x").unwrap();
        assert!(!crew.anybody_waits(1).unwrap());
        assert_eq!(tasks(&crew), [FIRST_LISTENER + 1]);
    }
}
