//! Where `unsafe` may stand, and that each one says why it is sound.

use crate::broken;
use crate::finding::Finding;
use crate::source::lines_with_word;

/// Crates that may have unsafe leaf files, with how the files (or folders) are called. All other crates
/// forbid unsafe code.
const LEAVES: &[(&str, &[&str])] =
    &[("python", &["ffi"]), ("net", &["ffi", "socket", "ownership"]), ("supervisor", &["ffi"])];

/// How far above its `unsafe` the reason may begin: a statement that is broken over a few lines has its
/// comment above the first.
const REACH: usize = 8;

const FORBID: &str = "#![forbid(unsafe_code)]";

/// Checks one Rust file: `text` as written, `code` without comments and literals.
pub fn check(path: &str, text: &str, code: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some((name, file)) = crate_and_file(path) else {
        return findings;
    };
    let leaves = LEAVES.iter().find(|(known, _)| *known == name).map(|(_, leaves)| *leaves);
    if leaves.is_none() && matches!(file, "lib.rs" | "main.rs") && !code.contains(FORBID) {
        findings.push(broken(path, 1, format!("{FORBID} is missing: crate {name} needs no unsafe code")));
    }
    let allowed = leaves.is_some_and(|leaves| is_leaf(file, leaves));
    let lines: Vec<&str> = text.lines().collect();
    let code_lines: Vec<&str> = code.lines().collect();
    for line in lines_with_word(code, "unsafe") {
        if !allowed {
            let places =
                leaves.map_or("no file of this crate".into(), |leaves| leaves.join("*.rs, ") + "*.rs only");
            findings.push(broken(path, line, format!("unsafe code belongs in {places}")));
        } else if needs_reason(code_lines[line - 1]) && !has_reason(&lines, &code_lines, line - 1) {
            findings.push(broken(path, line, "a comment `// SAFETY: …` above it must say why this is sound"));
        }
    }
    findings
}

/// `crates/net/src/socket.rs` → `net`, `socket.rs`.
fn crate_and_file(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("crates/")?.split_once("/src/")
}

/// Whether the file, or a folder it is in, is called like a leaf.
fn is_leaf(file: &str, leaves: &[&str]) -> bool {
    let (folders, name) = file.rsplit_once('/').unwrap_or(("", file));
    leaves.iter().any(|leaf| name.starts_with(leaf) || folders.split('/').any(|folder| folder == *leaf))
}

/// Blocks and implementations promise something. A function, a function pointer or an `extern` block hands
/// the promise on to its callers.
fn needs_reason(code: &str) -> bool {
    code.split("unsafe").skip(1).any(|rest| {
        let rest = rest.trim_start();
        rest.is_empty() || rest.starts_with('{') || rest.starts_with("impl")
    })
}

/// A SAFETY comment on the line itself, directly below, or above within the same statement.
fn has_reason(lines: &[&str], code: &[&str], index: usize) -> bool {
    let says = |index: usize| lines.get(index).is_some_and(|line| line.contains("// SAFETY:"));
    if says(index) || (says(index + 1) && code.get(index + 1).is_some_and(|code| code.trim().is_empty())) {
        return true;
    }
    for above in (index.saturating_sub(REACH)..index).rev() {
        if says(above) {
            return true;
        }
        if code[above].trim_end().ends_with([';', '}']) {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::code_only;

    fn messages(path: &str, text: &str) -> Vec<String> {
        check(path, text, &code_only(text)).into_iter().map(|finding| finding.message).collect()
    }

    const REASONED: &str = "// SAFETY: it is so.\nlet a = unsafe { b() };";

    #[test]
    fn unsafe_stands_in_leaf_files_only() {
        for path in [
            "crates/python/src/ffi.rs",
            "crates/python/src/ffi_task.rs",
            "crates/python/src/ffi/task.rs",
            "crates/python/src/asgi/ffi.rs",
            "crates/net/src/socket_options.rs",
            "crates/net/src/ffi.rs",
        ] {
            assert_eq!(messages(path, REASONED), [""; 0], "{path}");
        }
        for path in [
            "crates/python/src/worker.rs",
            "crates/python/src/socket.rs",
            "crates/net/src/reactor.rs",
            "crates/net/src/off_ffi.rs",
            "crates/proto/src/ffi.rs",
        ] {
            assert!(messages(path, REASONED)[0].starts_with("unsafe code belongs in"), "{path}");
        }
    }

    #[test]
    fn every_unsafe_block_says_why() {
        let path = "crates/net/src/socket.rs";
        for text in [
            "unsafe { b() }",
            "// SAFETY: for the first.\nunsafe { a() };\nunsafe { b() };",
            "unsafe impl Send for A {}",
            "let a = unsafe\n{ b() };",
            "let s = \"SAFETY:\";\nunsafe { b() }",
        ] {
            assert_eq!(messages(path, text).len(), 1, "{text}");
        }
        for text in [
            REASONED,
            "// SAFETY: it is so,\n// and so.\nlet a =\n    c(unsafe { b() });",
            "unsafe {\n    // SAFETY: it is so.\n    b()\n}",
            "unsafe extern \"C\" fn a(b: unsafe extern \"C\" fn()) {}",
            "unsafe fn a() {}",
            "// SAFETY: no shared state.\nunsafe impl Send for A {}",
        ] {
            assert_eq!(messages(path, text), [""; 0], "{text}");
        }
    }

    #[test]
    fn crates_without_leaves_forbid_unsafe_code() {
        assert_eq!(messages("crates/proto/src/lib.rs", "#![forbid(unsafe_code)]"), [""; 0]);
        assert_eq!(messages("crates/proto/src/lib.rs", "// #![forbid(unsafe_code)]").len(), 1);
        assert_eq!(messages("crates/xtask/src/main.rs", "fn main() {}").len(), 1);
        assert_eq!(messages("crates/net/src/lib.rs", "mod socket;"), [""; 0]);
        assert_eq!(messages("crates/proto/src/h1/mod.rs", "mod head;"), [""; 0]);
    }
}
