//! Rust source without what is not code, so that a word in a comment or a string is not taken for the
//! keyword.

/// The same text with comments, strings and character literals blanked. Lines stay where they are.
pub fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => line_end(&chars, at),
            '/' if chars.get(at + 1) == Some(&'*') => block_comment_end(&chars, at),
            '"' => string_end(&chars, at),
            '\'' => char_end(&chars, at),
            'r' | 'b' | 'c' if !in_word(&chars, at) => prefixed_end(&chars, at),
            _ => at,
        };
        if end == at {
            code.push(chars[at]);
            at += 1;
        } else {
            code.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    code
}

/// Lines (from 1) on which `word` stands as a word of its own, one entry for each time.
pub fn lines_with_word<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.lines().enumerate().flat_map(move |(index, line)| {
        let words = line.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        words.filter(move |found| *found == word).map(move |_| index + 1)
    })
}

/// Whether the character before `at` belongs to the same identifier.
fn in_word(chars: &[char], at: usize) -> bool {
    at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_')
}

fn line_end(chars: &[char], at: usize) -> usize {
    chars[at..].iter().position(|&c| c == '\n').map_or(chars.len(), |length| at + length)
}

/// Block comments nest.
fn block_comment_end(chars: &[char], at: usize) -> usize {
    let (mut depth, mut at) = (0usize, at);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                at += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    chars.len()
}

/// `at` is the opening quote.
fn string_end(chars: &[char], at: usize) -> usize {
    let mut at = at + 1;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// A character literal, or `at` itself for a lifetime.
fn char_end(chars: &[char], at: usize) -> usize {
    match chars.get(at + 1) {
        Some('\\') => {
            let closing = chars.iter().skip(at + 3).position(|&c| c == '\'');
            closing.map_or(chars.len(), |length| at + 3 + length + 1)
        }
        Some(_) if chars.get(at + 2) == Some(&'\'') => at + 3,
        _ => at,
    }
}

/// `r"…"`, `r#"…"#`, `b"…"`, `br"…"`, `b'…'`, `c"…"`; `at` itself if it is only a name that begins like one.
fn prefixed_end(chars: &[char], at: usize) -> usize {
    let letters = chars[at..].iter().take(2).take_while(|c| matches!(c, 'r' | 'b' | 'c')).count();
    let raw = chars[at..at + letters].contains(&'r');
    let hashes = chars[at + letters..].iter().take_while(|&&c| raw && c == '#').count();
    let quote = at + letters + hashes;
    match chars.get(quote) {
        Some('"') if raw => {
            let body = quote + 1;
            let closes = |&end: &usize| {
                chars[end] == '"' && chars[end + 1..].iter().take_while(|&&c| c == '#').count() >= hashes
            };
            (body..chars.len()).find(closes).map_or(chars.len(), |end| end + 1 + hashes)
        }
        Some('"') => string_end(chars, quote),
        Some('\'') if !raw => char_end(chars, quote),
        _ => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<usize> {
        lines_with_word(&code_only(text), "unsafe").collect()
    }

    #[test]
    fn keywords_are_found_by_line() {
        assert_eq!(words("fn a() {\n    unsafe { b() }\n}\nunsafe impl C for D {}"), [2, 4]);
        assert_eq!(words("unsafe{unsafe{}}"), [1, 1]);
    }

    #[test]
    fn other_names_are_not_keywords() {
        assert_eq!(words("#![forbid(unsafe_code)]\nlet not_unsafe = 1; let unsafer = 2;"), [0usize; 0]);
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        for text in [
            "// unsafe",
            "/* a /* unsafe */ unsafe */",
            "let a = \"unsafe \\\" unsafe\";",
            "let a = r\"unsafe\\\";",
            "let a = r#\"unsafe \" unsafe\"#;",
            "let a = b\"unsafe\"; let b = br#\"unsafe\"#; let c = c\"unsafe\";",
            "/* unsafe",
            "\"unsafe",
        ] {
            assert_eq!(words(text), [0usize; 0], "{text}");
        }
    }

    #[test]
    fn what_follows_a_literal_is_code() {
        for text in [
            "let q = '\"'; unsafe {}",
            "let q = '\\''; unsafe {}",
            "let q = b'\"'; unsafe {}",
            "fn a<'a>(b: &'a str) { unsafe {} } // '",
            "let s = \"// \"; unsafe {}",
            "let r = attr; unsafe {}",
            "let s = \"\\\\\"; unsafe {}",
            "r#type(unsafe)",
        ] {
            assert_eq!(words(text), [1], "{text}");
        }
        assert_eq!(words("/* a\n */\nlet b = \"\n\";\nunsafe {}"), [5]);
    }
}
