//! The files of the repository that rules look at.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that are made, not written; hidden ones are left out too.
const SKIPPED: &[&str] = &["target", "node_modules", "__pycache__", "corpus", "artifacts"];

/// The file name endings that some rule is about.
const ENDINGS: &[&str] = &[".rs", ".py", ".toml"];

/// A file with its text.
pub struct File {
    /// Path from the root, with `/`.
    pub path: String,
    /// Content.
    pub text: String,
}

/// All files that some rule is about.
pub struct Tree {
    /// In alphabetical order of their paths.
    pub files: Vec<File>,
}

impl Tree {
    /// Reads the tree below `root`. The error names the file.
    pub fn read(root: &Path) -> Result<Self, String> {
        let mut files = Vec::new();
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
            for entry in entries {
                let entry = entry.map_err(|error| format!("{}: {error}", folder.display()))?;
                let kind =
                    entry.file_type().map_err(|error| format!("{}: {error}", entry.path().display()))?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.starts_with('.') || SKIPPED.contains(&name.as_str()) {
                    continue;
                }
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() && ENDINGS.iter().any(|ending| name.ends_with(ending)) {
                    files.push(read(root, &entry.path())?);
                }
            }
        }
        files.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(Self { files })
    }
}

fn read(root: &Path, path: &Path) -> Result<File, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let relative = path.strip_prefix(root).unwrap_or(path);
    Ok(File { path: relative.to_string_lossy().replace('\\', "/"), text })
}

/// The root of the repository: two folders above this crate when cargo runs it, else the current folder.
pub fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    here.and_then(|path| Some(path.parent()?.parent()?.to_path_buf())).unwrap_or_else(|| PathBuf::from("."))
}
