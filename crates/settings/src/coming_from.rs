//! `docs/coming-from.md`, made from the registry and from `elsewhere`, below a head written by hand.

use std::fmt::Write;

use crate::elsewhere::Peer;
use crate::layers::APP;
use crate::registry::SETTINGS;

/// Written by hand: what the tables cannot say.
const HEAD: &str = include_str!("coming_from.md");

/// The whole page.
pub fn coming_from() -> String {
    let mut page = String::from(HEAD);
    for &peer in Peer::ALL {
        push(&mut page, format_args!("\n## {} option by option\n", peer.title()));
        matched(&mut page, peer);
        unmatched(&mut page, peer);
    }
    page
}

fn matched(page: &mut String, peer: Peer) {
    push(page, format_args!("\n| {} | Yett |\n|---|---|\n", peer.title()));
    for setting in SETTINGS {
        let options = setting.equivalents.of(peer);
        if !options.is_empty() {
            correspond(page, options, setting.name);
        }
    }
    for (options, name) in peer.matched() {
        correspond(page, options, name);
    }
}

fn correspond(page: &mut String, options: &[&str], name: &str) {
    let ours =
        if name == APP { format!("`{APP}` in yett.toml") } else { format!("[`{name}`](settings.md#{name})") };
    push(page, format_args!("| {} | {ours} |\n", quoted(options)));
}

fn unmatched(page: &mut String, peer: Peer) {
    push(page, format_args!("\n| without an equivalent | |\n|---|---|\n"));
    for group in peer.unmatched() {
        push(page, format_args!("| {} | {} |\n", quoted(group.options), group.reason));
    }
}

/// `` `a`, `b` ``
pub(crate) fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn push(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = page.write_fmt(text);
}
