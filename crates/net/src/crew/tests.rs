//! A crew at work: real threads, real sockets.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use super::*;
use crate::reactor::ALARM;

/// Longer than anything here takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A crew whose threads report each event and then do as `inside` says.
struct Running {
    crew: Arc<Crew>,
    threads: Vec<JoinHandle<()>>,
    events: Receiver<(u64, News)>,
}

impl Running {
    fn start(threads: usize, inside: impl Fn(u64, News) + Send + Sync + 'static) -> Self {
        let crew = Arc::new(Crew::new().unwrap());
        let inside = Arc::new(inside);
        let (sender, events) = mpsc::channel();
        let threads = (0..threads)
            .map(|_| {
                let (crew, inside, sender) = (Arc::clone(&crew), Arc::clone(&inside), Sender::clone(&sender));
                std::thread::spawn(move || {
                    let mut member = Member::default();
                    while let Task::Event(token, news) = crew.next(&mut member, || {}).unwrap() {
                        if token != ALARM {
                            sender.send((token, news)).unwrap();
                            inside(token, news);
                        }
                    }
                })
            })
            .collect();
        Self { crew, threads, events }
    }

    fn stream(&self, token: u64) -> UnixStream {
        let (ours, theirs) = UnixStream::pair().unwrap();
        self.crew.reactor().add_stream(&ours, token).unwrap();
        // Kept open: its end would be news.
        std::mem::forget(ours);
        theirs
    }

    fn next(&self) -> (u64, News) {
        self.events.recv_timeout(PATIENCE).unwrap()
    }

    /// Waits until `token` has become readable.
    fn wait_for(&self, token: u64) {
        loop {
            let (of, news) = self.next();
            if of == token && news.readiness().readable {
                return;
            }
        }
    }

    fn stop(self) {
        self.crew.stop().unwrap();
        for thread in self.threads {
            thread.join().unwrap();
        }
    }
}

#[test]
fn while_one_thread_is_inside_for_long_others_take_the_events() {
    let (release, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let running = Running::start(3, move |token, news| {
        if token == 1 && news.readiness().readable {
            // Until the test lets it go, or is over.
            let _ = gate.lock().unwrap().recv();
        }
    });
    let mut stuck = running.stream(1);
    stuck.write_all(b"x").unwrap();
    running.wait_for(1);
    for token in 2..20 {
        let mut other = running.stream(token);
        other.write_all(b"x").unwrap();
        running.wait_for(token);
    }
    drop(release);
    running.stop();
}

#[test]
fn an_idle_crew_whose_watch_sleeps_still_relieves_a_thread_that_is_stuck() {
    let (release, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let running = Running::start(2, move |token, news| {
        if token == 1 && news.readiness().readable {
            let _ = gate.lock().unwrap().recv();
        }
    });
    let started = std::time::Instant::now();
    while !running.crew.watch_rests.load(Ordering::SeqCst) {
        assert!(started.elapsed() < PATIENCE, "the watch never rests");
        std::thread::yield_now();
    }
    let (mut stuck, mut other) = (running.stream(1), running.stream(2));
    stuck.write_all(b"x").unwrap();
    running.wait_for(1);
    other.write_all(b"x").unwrap();
    running.wait_for(2);
    drop(release);
    running.stop();
}

#[test]
fn the_watch_is_woken_by_whoever_stops_polling_also_if_that_was_only_a_look() {
    let crew = Arc::new(Crew::new().unwrap());
    // A thread takes part already; the other one becomes the watch.
    crew.active.store(1, Ordering::SeqCst);
    let (sender, tasks) = mpsc::channel();
    let other = {
        let crew = Arc::clone(&crew);
        std::thread::spawn(move || {
            let mut member = Member::default();
            while let Task::Event(token, _) = crew.next(&mut member, || {}).unwrap() {
                if token != ALARM {
                    sender.send(token).unwrap();
                }
            }
        })
    };
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let looks = {
        let crew = Arc::clone(&crew);
        // A look that takes so long that the watch goes to rest. Afterwards this thread is in the application for good.
        std::thread::spawn(move || crew.poll_alone(&mut Events::default(), Some(60_000)).unwrap())
    };
    let started = std::time::Instant::now();
    while !crew.watch_rests.load(Ordering::SeqCst) {
        assert!(started.elapsed() < PATIENCE, "the watch never rests");
        std::thread::yield_now();
    }
    crew.reactor().add_stream(&ours, 1).unwrap();
    theirs.write_all(b"x").unwrap();
    assert!(looks.join().unwrap());
    assert_eq!(tasks.recv_timeout(PATIENCE), Ok(1));
    crew.stop().unwrap();
    other.join().unwrap();
}

#[test]
fn events_that_nobody_has_taken_are_not_lost_by_the_next_poll() {
    // A thread finds nothing to take; another polls, fills the batch, and is gone; then the first one polls.
    let crew = Crew::new().unwrap();
    let mut events = Events::default();
    let (first, _first_peer) = UnixStream::pair().unwrap();
    let (second, _second_peer) = UnixStream::pair().unwrap();
    crew.reactor().add_stream(&first, 1).unwrap();
    crew.poll(&mut events, None).unwrap();
    crew.reactor().add_stream(&second, 2).unwrap();
    crew.poll(&mut events, None).unwrap();
    assert_eq!(crew.batch.take().map(|(token, _)| token), Some(1));
    assert!(crew.batch.take().is_none());
    crew.poll(&mut events, None).unwrap();
    assert_eq!(crew.batch.take().map(|(token, _)| token), Some(2));
}

#[test]
fn what_is_put_in_again_comes_up_with_its_news() {
    let running = Running::start(2, |_, _| {});
    let token = Token::new(7, 7);
    running.crew.again(token, News::DRAIN).unwrap();
    assert_eq!(running.next(), (token.as_u64(), News::DRAIN));
    running.stop();
}

#[test]
fn what_is_put_in_again_comes_up_also_if_a_deadline_sets_the_alarm_meanwhile() {
    let running = Running::start(1, |_, _| {});
    for number in 0..20 {
        let started = std::time::Instant::now();
        while !running.crew.polling.load(Ordering::SeqCst) {
            assert!(started.elapsed() < PATIENCE, "nobody waits for events");
            std::thread::yield_now();
        }
        let token = Token::new(7, number);
        running.crew.again(token, News::AGAIN).unwrap();
        running.crew.reactor().set_alarm(Some(clock::now() + 3_600_000)).unwrap();
        assert_eq!(running.next(), (token.as_u64(), News::AGAIN));
    }
    running.stop();
}

#[test]
fn stopping_ends_threads_that_poll_are_parked_or_never_had_work() {
    Running::start(8, |_, _| {}).stop();
    Running::start(1, |_, _| {}).stop();
}

#[test]
fn many_threads_take_every_event_and_each_once() {
    const STREAMS: u64 = 100;
    const ROUNDS: usize = 50;
    let inside = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&inside);
    let running = Running::start(8, move |token, _| {
        count.fetch_add(1, Ordering::Relaxed);
        if token % 10 == 0 {
            // Long enough for others to be let in.
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let mut streams: Vec<UnixStream> = (0..STREAMS).map(|token| running.stream(token)).collect();
    for _ in 0..ROUNDS {
        for stream in &mut streams {
            stream.write_all(b"x").unwrap();
        }
        for _ in 0..STREAMS {
            while !running.next().1.readiness().readable {}
        }
    }
    // Whoever reports an event counts it afterwards.
    running.stop();
    // Each stream was reported once more at most: as writable, when it was new.
    let reported = inside.load(Ordering::Relaxed) as u64;
    assert!((STREAMS * ROUNDS as u64..=STREAMS * (ROUNDS as u64 + 1)).contains(&reported), "{reported}");
}
