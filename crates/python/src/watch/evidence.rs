//! What stands in the log when something is stuck: one message that says what, which requests run, and where every
//! thread is.

use std::fmt::Write as _;
use std::time::Duration;

use pyo3::prelude::*;
use yett_logs::clock;
use yett_supervisor::scoreboard::Running;
use yett_supervisor::stuck::Millis;

use super::Place;
use super::prober::Prober;
use super::stacks::Stacks;

/// So many requests are named; who has more learns how many more.
pub const SHOWN: usize = 20;

/// How long the interpreter's lock is waited for until faulthandler is asked instead. Longer than a busy process needs to
/// hand it over, many times; short enough that the evidence is that of the moment.
const LOCK: Duration = Duration::from_secs(2);

/// Bytes of a target that are shown: as many as the scoreboard keeps of a long one, more or less.
const TARGET_SHOWN: usize = 256;

/// What is stuck.
#[derive(Clone, Copy, Debug)]
pub enum Stuck<'a> {
    /// The event loop, or the pool, in the words of [`super::Subject::standstill`].
    Beat(&'a str),
    /// The interpreter's lock.
    Gil,
    /// So many requests.
    Requests(usize),
}

/// The first line: what is stuck, in which worker, since when. `for_ms`: for how long.
pub fn head(stuck: Stuck<'_>, for_ms: Millis, place: Option<&Place>) -> String {
    let mut text = match stuck {
        Stuck::Beat(standstill) => format!("stuck: {standstill} for {}", seconds(for_ms)),
        Stuck::Gil => format!("stuck: nobody has got the interpreter's lock (GIL) for {}", seconds(for_ms)),
        Stuck::Requests(1) => "stuck: a request takes longer than it may".to_owned(),
        Stuck::Requests(count) => format!("stuck: {count} requests take longer than they may"),
    };
    // Failure to write into a String: there is none.
    let process = if place.is_some_and(|place| place.supervised) { "worker" } else { "server" };
    let _ = write!(text, " ({process} with pid {}", std::process::id());
    if !matches!(stuck, Stuck::Requests(_)) {
        let mut second = clock::Second::default();
        second.set(clock::wall().0.saturating_sub(for_ms / 1000));
        let _ = write!(text, ", since {}Z", second.iso());
    }
    text.push(')');
    text
}

/// The requests that run, the oldest first.
pub fn requests(place: Option<&Place>) -> String {
    let Some(place) = place else { return String::new() };
    let running = place.slot.slot().running();
    let now = clock::micros();
    let mut text = match running.len() {
        0 => return "\nNo request is running.".to_owned(),
        1 => "\nOne request is running:".to_owned(),
        count => format!("\n{count} requests are running:"),
    };
    for request in running.iter().take(SHOWN) {
        let _ = write!(text, "\n  {}", describe(request, now));
    }
    if running.len() > SHOWN {
        let _ = write!(text, "\n  and {} more", running.len() - SHOWN);
    }
    text
}

/// `GET /path, running for 31.2 s, from 127.0.0.1:4000, request_id=…`
fn describe(request: &Running, now: u64) -> String {
    let age = now.saturating_sub(request.began) / 1000;
    let peer = request.peer.map_or_else(|| "a unix socket".to_owned(), |peer| peer.to_string());
    let mut text = format!(
        "{} {}{}, running for {}, from {peer}",
        shown(&request.method),
        shown(&request.target),
        if request.cut { "…" } else { "" },
        seconds(age),
    );
    if let Some(status) = request.status {
        let _ = write!(text, ", answering with {status}");
    }
    if !request.id.is_empty() {
        let _ = write!(text, ", request_id={}", shown(&request.id));
    }
    text
}

/// What a client has sent, so that it can forge nothing.
fn shown(bytes: &[u8]) -> String {
    bytes.iter().take(TARGET_SHOWN).flat_map(|byte| byte.escape_ascii()).map(char::from).collect()
}

/// Where all threads are: asked of Python if that is possible, otherwise of faulthandler.
pub fn stacks(prober: &Prober, stacks: Option<&Stacks>) -> String {
    let asked = prober.have(LOCK, |py| {
        let text = py.import("yett.watch").and_then(|module| module.call_method0("thread_stacks"));
        text.and_then(|text| text.extract::<String>())
    });
    let text = match (asked, stacks) {
        (Some(Ok(text)), _) => text,
        (Some(Err(error)), _) => format!("The stacks cannot be shown: {error}"),
        (None, Some(stacks)) => match stacks.take() {
            Ok(text) => readable(&text, prober, stacks.machinery()),
            Err(error) => format!("The stacks cannot be shown: {error}"),
        },
        (None, None) => "The stacks cannot be shown: somebody holds the interpreter's lock".to_owned(),
    };
    format!("\n{}", text.trim_end())
}

/// What faulthandler has written, for people: `Thread 0x00007f… (most recent call first):` and its frames get the names of
/// threads, and lose what is not the application's. Threads without Python code, such as the one that waits for the lock
/// to ask, are left out.
fn readable(text: &str, prober: &Prober, machinery: &[String]) -> String {
    let (mut readable, mut idle) = (String::with_capacity(text.len()), Vec::new());
    // Two empty lines are between threads in some versions of Python, one in others.
    for thread in text.split("\n\n").filter(|thread| !thread.contains("\n  <no Python frame>")) {
        let (head, frames) = thread.trim().split_once('\n').unwrap_or((thread.trim(), ""));
        let mut frames: Vec<&str> = frames.lines().collect();
        // The outermost are the last.
        while frames.last().is_some_and(|frame| is_machinery(frame, machinery)) {
            frames.pop();
        }
        let ident = head.split_once("0x").and_then(|(_, rest)| rest.split(' ').next());
        let ident = ident.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let name = ident.and_then(|ident| prober.name_of(ident));
        match name {
            Some(name) if frames.is_empty() => idle.push(name),
            Some(name) => {
                let _ = writeln!(readable, "Thread {name} (most recent call first):\n{}", frames.join("\n"));
            }
            None => {
                let _ = writeln!(readable, "{head}\n{}", frames.join("\n"));
            }
        }
    }
    if !idle.is_empty() {
        let _ = writeln!(readable, "Without code of the application's: {}", idle.join(", "));
    }
    readable
}

/// `  File "/…/threading.py", line 992 in run`
fn is_machinery(frame: &str, machinery: &[String]) -> bool {
    let file = frame.split('"').nth(1).unwrap_or_default();
    machinery.iter().any(|known| {
        // A folder stands for the files directly in it.
        file.strip_prefix(known.as_str())
            .is_some_and(|rest| rest.is_empty() || (known.ends_with('/') && !rest.contains('/')))
    })
}

/// `31.2 s`.
pub fn seconds(millis: Millis) -> String {
    format!("{}.{} s", millis / 1000, millis % 1000 / 100)
}
