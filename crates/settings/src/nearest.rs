//! "Did you mean …?": the known name that is nearest to a mistyped one.

/// The candidate with the fewest slips (letters added, left out, exchanged or swapped), if it is near enough:
/// at most one slip in three letters, so that a wholly different word gets no misleading advice.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    let allowed = (length / 3).max(1);
    candidates
        .into_iter()
        // At least as many slips as one is longer than the other: a whole file as a word is not compared.
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= allowed)
        .map(|candidate| (slips(word, candidate), candidate))
        .filter(|&(distance, _)| distance <= allowed)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// ` (did you mean 'x'?)`, or nothing.
pub(crate) fn did_you_mean(name: Option<&str>) -> String {
    name.map(|name| format!(" (did you mean '{name}'?)")).unwrap_or_default()
}

/// Optimal string alignment distance. Three rows of the table are enough: a swap looks two rows back.
fn slips(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before_last = vec![0; right.len() + 1];
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (i, &a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &b) in right.iter().enumerate() {
            let exchanged = last[j] + usize::from(a != b);
            let mut best = exchanged.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a == right[j - 1] && left[i - 1] == b {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        for (left, right, expected) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("", "abc", 3),
            ("bnid", "bind", 1),
            ("lop", "loop", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(slips(left, right), expected, "{left} {right}");
            assert_eq!(slips(right, left), expected, "{right} {left}");
        }
    }

    #[test]
    fn the_nearest_name_is_found_and_a_strange_word_has_none() {
        let names = ["bind", "backlog", "head_timeout", "body_timeout"];
        assert_eq!(nearest("bnid", names), Some("bind"));
        assert_eq!(nearest("head_timout", names), Some("head_timeout"));
        assert_eq!(nearest("workers", names), None);
        assert_eq!(nearest("", names), None);
    }
}
