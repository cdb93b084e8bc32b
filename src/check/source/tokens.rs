//! Source as tokens: words, numbers and signs, without comments, lifetimes, and the contents of strings.

/// A word, a number or a sign.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::check) struct Token {
    pub text: String,
    pub line: u32,
}

impl Token {
    pub fn is(&self, text: &str) -> bool {
        self.text == text
    }

    /// The number that it writes.
    pub fn number(&self) -> Option<f64> {
        let digits = self.text.trim_end_matches("f64").trim_end_matches("f32").trim_end_matches('_');
        digits.starts_with(|c: char| c.is_ascii_digit()).then(|| digits.replace('_', "").parse().ok()).flatten()
    }

    /// Whether it is a name or a keyword.
    pub fn is_word(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// Signs of two characters that mean something else than their first one.
const PAIRS: &[&str] =
    &["=>", "==", "!=", "<=", ">=", "->", "::", "..", "&&", "||", "+=", "-=", "*=", "/=", "%=", "|=", "&=", "^="];

/// The tokens of a file. What is no Rust gives tokens, too.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let all: Vec<char> = text.chars().collect();
    let (mut found, mut at, mut line) = (Vec::new(), 0, 1);
    let starts = |at: usize, with: &str| with.chars().enumerate().all(|(i, c)| all.get(at + i) == Some(&c));
    let in_word = |at: usize| all.get(at).is_some_and(|c: &char| c.is_alphanumeric() || *c == '_');
    while at < all.len() {
        let (start, first) = (at, all[at]);
        let mut keep = true;
        if first.is_whitespace() {
            (at, keep) = (at + 1, false);
        } else if starts(at, "//") {
            at = (at..all.len()).find(|&i| all[i] == '\n').unwrap_or(all.len());
            keep = false;
        } else if starts(at, "/*") {
            let mut depth = 0;
            while at < all.len() {
                let (opens, closes) = (starts(at, "/*"), starts(at, "*/"));
                depth = if opens { depth + 1 } else { depth - i32::from(closes) };
                at += if opens || closes { 2 } else { 1 };
                if depth == 0 {
                    break;
                }
            }
            keep = false;
        } else if let Some(hashes) = raw_string(&all, at) {
            let end = format!("\"{}", "#".repeat(hashes));
            let open = (at..all.len()).find(|&i| all[i] == '"').unwrap_or(at);
            at = (open + 1..all.len()).find(|&i| starts(i, &end)).map_or(all.len(), |i| i + 1 + hashes);
        } else if first == '"' || starts(at, "b\"") {
            at = quoted(&all, at + 1 + usize::from(first == 'b'), '"');
        } else if first == '\'' {
            // A character, or else a lifetime.
            let character = all.get(at + 1) == Some(&'\\') || all.get(at + 2) == Some(&'\'');
            at = if character { quoted(&all, at + 1, '\'') } else { at + 1 };
            while !character && in_word(at) {
                at += 1;
            }
            keep = character;
        } else if in_word(at) {
            let number = first.is_ascii_digit();
            let fraction = |at: usize| number && all[at] == '.' && all.get(at + 1).is_some_and(char::is_ascii_digit);
            while in_word(at) || (at < all.len() && fraction(at)) {
                at += 1;
            }
            if number && at < all.len() && all[at] == '.' && !starts(at, "..") && !in_word(at + 1) {
                at += 1;
            }
        } else {
            at += if PAIRS.iter().any(|pair| starts(at, pair)) { 2 } else { 1 };
        }
        if keep {
            found.push(Token { text: all[start..at.min(all.len())].iter().collect(), line });
        }
        line += all[start..at.min(all.len())].iter().filter(|c| **c == '\n').count() as u32;
    }
    found
}

/// Past a closing quote.
fn quoted(all: &[char], mut at: usize, quote: char) -> usize {
    while at < all.len() && all[at] != quote {
        at += if all[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// If a raw string begins here: with how many signs.
fn raw_string(all: &[char], at: usize) -> Option<usize> {
    let after_r = at + usize::from(all[at] == 'b') + 1;
    if all.get(after_r - 1) != Some(&'r') {
        return None;
    }
    let hashes = all[after_r.min(all.len())..].iter().take_while(|c| **c == '#').count();
    (all.get(after_r + hashes) == Some(&'"')).then_some(hashes)
}

/// For each bracket its partner; `None` if they do not match.
pub(super) fn partners(tokens: &[Token]) -> Option<Vec<usize>> {
    let mut partner: Vec<usize> = (0..tokens.len()).collect();
    let mut open: Vec<(usize, &str)> = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "(" => open.push((i, ")")),
            "[" => open.push((i, "]")),
            "{" => open.push((i, "}")),
            ")" | "]" | "}" => {
                let (start, wanted) = open.pop()?;
                if token.text != wanted {
                    return None;
                }
                (partner[start], partner[i]) = (i, start);
            }
            _ => {}
        }
    }
    open.is_empty().then_some(partner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<String> {
        tokens(source).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn words_numbers_and_signs_are_apart() {
        let wanted = ["let", "g", ":", "Var", "<", ">", "=", "dz", "[", "0", "]", "*", "2.5", ";"];
        assert_eq!(texts("let g: Var<'t> = dz[0] * 2.5; // dz"), wanted);
        assert_eq!(texts("for k in 0..n { a += 1.; }").join(" "), "for k in 0 .. n { a += 1. ; }");
        assert_eq!(texts("x.max(1.0).y /* a /* b */ c */ => z").join(" "), "x . max ( 1.0 ) . y => z");
        assert_eq!(texts("('a', '\\'', \"}\\\"\", r#\"{\"#, b\"(\", 'b')").len(), 13);
        let lines: Vec<u32> = tokens("a\n\"b\nc\"\n d").iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 2, 4]);
    }

    #[test]
    fn odd_source_is_no_reason_to_stop() {
        for odd in
            ["\"", "'", "'\\", "r#\"", "/*", "/* /*", "b", "r", "1.", "{ ( }", "]", "äöü ☃", "b\"\\", "br##\"x\"#"]
        {
            let all = tokens(odd);
            let _ = partners(&all);
        }
        assert_eq!(partners(&tokens("{ ( } )")), None);
        assert_eq!(partners(&tokens("( [ ] )")), Some(vec![3, 2, 1, 0]));
    }
}
