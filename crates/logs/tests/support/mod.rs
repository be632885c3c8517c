//! What the tests of the writer share.

use std::fs::File;
use std::path::PathBuf;

use tempfile::TempDir;

/// A named pipe in a folder of its own, and both ends of it, so that opening waits for nobody.
pub fn named_pipe(name: &str) -> (TempDir, PathBuf, File) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let pipe = File::options().read(true).write(true).open(&path).unwrap();
    (folder, path, pipe)
}
