//! Which folders are watched, and which files in them count.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The system gives a watch to each folder, and has a limit that all programs of a user share (8192 on older Linux).
const MOST_FOLDERS: usize = 8000;
const IGNORE_FILE: &str = ".gitignore";
/// What makes a folder a virtual environment (PEP 405), whatever its name.
const ENVIRONMENT_MARK: &str = "pyvenv.cfg";

/// Patterns as `.gitignore` has them, `!` included.
pub struct Patterns(Vec<String>);

impl Patterns {
    /// The error says which pattern cannot be understood, and why.
    pub fn new(lines: Vec<String>) -> Result<Self, String> {
        let patterns = Self(lines);
        patterns.below(Path::new("/"))?;
        Ok(patterns)
    }

    /// With `folder` as what a slash in them starts from.
    fn below(&self, folder: &Path) -> Result<Gitignore, String> {
        let mut builder = GitignoreBuilder::new(folder);
        builder.allow_unclosed_class(false);
        for line in &self.0 {
            builder.add_line(None, line).map_err(|error| format!("{line}: {error}"))?;
        }
        builder.build().map_err(|error| error.to_string())
    }
}

/// One folder that was asked for.
struct Root {
    folder: PathBuf,
    include: Gitignore,
    exclude: Gitignore,
    /// The repository that it is in, or itself: above this, no `.gitignore` is read.
    top: PathBuf,
    /// `.git/info/exclude`.
    private: Gitignore,
}

/// All that were asked for, with the `.gitignore` files met so far.
pub struct Tree {
    roots: Vec<Root>,
    ignores: HashMap<PathBuf, Gitignore>,
    global: Gitignore,
    watched: HashSet<PathBuf>,
    /// Whether there are more folders than are watched.
    pub cut: bool,
}

impl Tree {
    /// The patterns are valid: `Patterns` has seen to that.
    pub fn new(folders: Vec<PathBuf>, include: &Patterns, exclude: &Patterns) -> Self {
        let below = |patterns: &Patterns, folder: &Path| {
            patterns.below(folder).unwrap_or_else(|_| Gitignore::empty())
        };
        let roots = folders.into_iter().map(|folder| {
            let top = folder.ancestors().find(|above| above.join(".git").exists());
            let top = top.unwrap_or(&folder).to_owned();
            let mut private = GitignoreBuilder::new(&top);
            // Failure: there is no such file, as a rule.
            let _ = private.add(top.join(".git/info/exclude"));
            Root {
                include: below(include, &folder),
                exclude: below(exclude, &folder),
                private: private.build().unwrap_or_else(|_| Gitignore::empty()),
                folder,
                top,
            }
        });
        Self {
            roots: roots.collect(),
            ignores: HashMap::new(),
            global: Gitignore::global().0,
            watched: HashSet::new(),
            cut: false,
        }
    }

    /// Every folder to begin with. Fails if a root is none, or cannot be read.
    pub fn start(&mut self) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        let roots: Vec<PathBuf> = self.roots.iter().map(|root| root.folder.clone()).collect();
        for root in roots {
            root.read_dir()
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", root.display())))?;
            found.extend(self.descend(root).0);
        }
        Ok(found)
    }

    /// A folder that has appeared, unless it does not count: those to watch, and the files that came with them.
    pub fn appeared(&mut self, folder: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
        if self.is_ignored(folder, true) { (Vec::new(), Vec::new()) } else { self.descend(folder.to_owned()) }
    }

    /// A folder has gone: one of the same name is watched anew.
    pub fn disappeared(&mut self, folder: &Path) -> bool {
        self.watched.remove(folder)
    }

    /// Whether a change of this file is to be told.
    pub fn counts(&mut self, file: &Path) -> bool {
        if file.file_name().is_some_and(|name| name == IGNORE_FILE) {
            // It is read again when it is next needed.
            self.ignores.clear();
        }
        let Some(root) = self.root_of(file) else { return false };
        root.include.matched(file, false).is_ignore() && !self.is_ignored(file, false)
    }

    fn descend(&mut self, folder: PathBuf) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let (mut folders, mut files, mut pending) = (Vec::new(), Vec::new(), vec![folder]);
        while let Some(folder) = pending.pop() {
            if self.watched.len() >= MOST_FOLDERS {
                self.cut = true;
                break;
            }
            // What cannot be read now may have gone again, or is none of ours.
            let Ok(entries) = folder.read_dir() else { continue };
            if !self.watched.insert(folder.clone()) {
                continue;
            }
            for entry in entries.flatten() {
                let path = entry.path();
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() && !self.is_ignored(&path, true) => pending.push(path),
                    Ok(kind) if !kind.is_dir() => files.push(path),
                    _ => {}
                }
            }
            folders.push(folder);
        }
        (folders, files)
    }

    fn is_ignored(&mut self, path: &Path, is_folder: bool) -> bool {
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if is_folder && (hidden || path.join(ENVIRONMENT_MARK).is_file()) {
            return true;
        }
        let Some(root) = self.root_of(path) else { return true };
        if root.exclude.matched(path, is_folder).is_ignore() {
            return true;
        }
        let top = root.top.clone();
        // The nearest that has something to say decides.
        for folder in path.ancestors().skip(1) {
            let ignore = self.ignores.entry(folder.to_owned()).or_insert_with(|| ignore_file_in(folder));
            match ignore.matched(path, is_folder) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => {}
            }
            if folder == top {
                break;
            }
        }
        let private = self.root_of(path).map(|root| root.private.matched(path, is_folder));
        match private {
            Some(Match::Ignore(_)) => true,
            Some(Match::Whitelist(_)) => false,
            _ => self.global.matched(path, is_folder).is_ignore(),
        }
    }

    /// The innermost root that holds the path.
    fn root_of(&self, path: &Path) -> Option<&Root> {
        let holding = self.roots.iter().filter(|root| path.starts_with(&root.folder));
        holding.max_by_key(|root| root.folder.as_os_str().len())
    }
}

fn ignore_file_in(folder: &Path) -> Gitignore {
    let file = folder.join(IGNORE_FILE);
    // A line that is no pattern ignores nothing; the others do.
    if file.is_file() { Gitignore::new(file).0 } else { Gitignore::empty() }
}
