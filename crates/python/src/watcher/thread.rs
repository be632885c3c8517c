//! The thread that waits for the system's events, and tells of them once they have come to rest.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RemoveKind};
use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::Changes;
use super::quiet::Quiet;
use super::tree::Tree;

/// What the thread is told.
pub enum News {
    /// By the system.
    Event(notify::Result<Event>),
    /// By whoever has started it.
    Stop,
}

/// What has come of the start.
pub struct Watched {
    /// Takes `News::Stop`.
    pub thread: Sender<News>,
    /// How many there are.
    pub folders: usize,
    /// Whether that is all.
    pub complete: bool,
}

/// Watches all folders of `tree`, and starts the thread. Errors are of the roots: another folder may have gone.
pub fn start(
    mut tree: Tree,
    times: (Duration, Duration),
    changes: Changes,
    bell: UnixStream,
) -> notify::Result<Watched> {
    let (sender, receiver) = channel();
    let events = sender.clone();
    // Failure: the thread has ended, and nobody is left to be told.
    let handler = move |event| drop(events.send(News::Event(event)));
    // Links are not followed: they may lead out of the tree, or round in it.
    let mut system = RecommendedWatcher::new(handler, Config::default().with_follow_symlinks(false))?;
    let mut folders = 0;
    for folder in tree.start().map_err(notify::Error::io)? {
        match system.watch(&folder, RecursiveMode::NonRecursive) {
            Ok(()) => folders += 1,
            Err(error) if matches!(error.kind, notify::ErrorKind::PathNotFound) => {}
            Err(error) => return Err(error),
        }
    }
    let complete = !tree.cut;
    let thread = Thread { tree, system, quiet: Quiet::new(times), changes, bell };
    Builder::new()
        .name("yett-files".into())
        .spawn(move || thread.run(&receiver))
        .map_err(notify::Error::io)?;
    Ok(Watched { thread: sender, folders, complete })
}

struct Thread {
    tree: Tree,
    system: RecommendedWatcher,
    quiet: Quiet,
    changes: Changes,
    bell: UnixStream,
}

impl Thread {
    fn run(mut self, news: &Receiver<News>) {
        loop {
            let next = match self.quiet.wait(Instant::now()) {
                Some(wait) => news.recv_timeout(wait),
                None => news.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match next {
                Ok(News::Event(Ok(event))) => self.take(&event),
                // Such as an overflow of the queue, which also comes as an event.
                Ok(News::Event(Err(_))) | Err(RecvTimeoutError::Timeout) => {}
                Ok(News::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.quiet.is_due(Instant::now()) {
                // Failure: the bell rings already, or nobody is left to hear it.
                let _ = self.bell.write(&[0]);
            }
        }
    }

    fn take(&mut self, event: &Event) {
        if event.need_rescan() {
            // Some events are lost, and nobody knows which.
            self.note(PathBuf::from("."));
        }
        for path in &event.paths {
            match event.kind {
                // The files in it have been told one by one.
                EventKind::Remove(RemoveKind::Folder) => drop(self.folder_gone(path)),
                // A name that is no more, or now is of something else: what is there says which.
                EventKind::Modify(ModifyKind::Name(_)) | EventKind::Create(CreateKind::Folder) => {
                    if path.is_dir() && !path.is_symlink() {
                        self.folder_came(path);
                    } else if self.folder_gone(path) {
                        self.note(path.clone());
                    } else {
                        self.file(path);
                    }
                }
                EventKind::Create(_)
                | EventKind::Remove(_)
                | EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Any)
                // What `touch` leaves, and the end of a long write.
                | EventKind::Access(AccessKind::Close(AccessMode::Write)) => self.file(path),
                _ => {}
            }
        }
    }

    fn file(&mut self, path: &Path) {
        if self.tree.counts(path) {
            self.note(path.to_owned());
        }
    }

    fn folder_came(&mut self, folder: &Path) {
        let (folders, files) = self.tree.appeared(folder);
        for folder in folders {
            // Failure: it has gone again.
            let _ = self.system.watch(&folder, RecursiveMode::NonRecursive);
            // What was made in it before it was watched, and after it was listed.
            let Ok(entries) = folder.read_dir() else { continue };
            for entry in entries.flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => self.folder_came(&entry.path()),
                    _ => self.file(&entry.path()),
                }
            }
        }
        for file in files {
            self.file(&file);
        }
    }

    /// Whether it was a folder that is watched.
    fn folder_gone(&mut self, folder: &Path) -> bool {
        let watched = self.tree.disappeared(folder);
        if watched {
            // Failure: the system has dropped it by itself. One that was moved would be watched under its old name.
            let _ = self.system.unwatch(folder);
        }
        watched
    }

    fn note(&mut self, path: PathBuf) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).insert(path);
        self.quiet.note(Instant::now());
    }
}
