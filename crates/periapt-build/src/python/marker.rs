//! Environment markers (PEP 508): the conditions under which a locked package is wanted.

use std::collections::{BTreeMap, BTreeSet};

use super::version::{Range, Version};

/// What markers are evaluated against: the variables of PEP 508 as the chosen interpreter reports them, and the extras
/// that were asked for.
#[derive(Debug, Clone, Default)]
pub struct MarkerEnv {
    /// `python_version`, `sys_platform`, …
    pub variables: BTreeMap<String, String>,
    /// Extras of the package whose dependencies are looked at.
    pub extras: BTreeSet<String>,
}

impl MarkerEnv {
    /// Evaluates a marker. One that cannot be read counts as true: a package too many does less harm than one too few.
    #[must_use]
    pub fn holds(&self, marker: &str) -> bool {
        let Some(tokens) = tokenize(marker) else { return true };
        if tokens.is_empty() {
            return true;
        }
        let mut parser = Parser { tokens: &tokens, position: 0, env: self, depth: 0 };
        match parser.any_of() {
            Some(value) if parser.position == tokens.len() => value,
            _ => true,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    Text(String),
    Word(String),
    Operator(String),
}

fn tokenize(marker: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = marker.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '(' => {
                tokens.push(Token::Open);
                1
            }
            ')' => {
                tokens.push(Token::Close);
                1
            }
            '\'' | '"' => {
                let end = rest[1..].find(first)?;
                tokens.push(Token::Text(rest[1..=end].to_owned()));
                end + 2
            }
            _ => {
                let symbol = |c: char| "<>=!~".contains(c);
                let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
                let (end, operator) = if symbol(first) {
                    (rest.find(|c| !symbol(c)).unwrap_or(rest.len()), true)
                } else {
                    (rest.find(|c| !word(c)).unwrap_or(rest.len()), false)
                };
                if end == 0 {
                    return None;
                }
                let text = rest[..end].to_owned();
                tokens.push(if operator { Token::Operator(text) } else { Token::Word(text) });
                end
            }
        };
        rest = rest[length..].trim_start();
    }
    Some(tokens)
}

/// Deeper nesting than this is no marker that a tool wrote.
const DEEPEST: usize = 64;

struct Parser<'a> {
    tokens: &'a [Token],
    position: usize,
    env: &'a MarkerEnv,
    depth: usize,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<&Token> {
        let token = self.tokens.get(self.position)?;
        self.position += 1;
        Some(token)
    }

    fn word_is(&self, word: &str) -> bool {
        matches!(self.tokens.get(self.position), Some(Token::Word(text)) if text == word)
    }

    fn any_of(&mut self) -> Option<bool> {
        let mut value = self.all_of()?;
        while self.word_is("or") {
            self.position += 1;
            let other = self.all_of()?;
            value = value || other;
        }
        Some(value)
    }

    fn all_of(&mut self) -> Option<bool> {
        let mut value = self.one()?;
        while self.word_is("and") {
            self.position += 1;
            let other = self.one()?;
            value = value && other;
        }
        Some(value)
    }

    fn one(&mut self) -> Option<bool> {
        if self.tokens.get(self.position) == Some(&Token::Open) {
            self.depth += 1;
            if self.depth > DEEPEST {
                return None;
            }
            self.position += 1;
            let value = self.any_of()?;
            self.depth -= 1;
            return (self.next() == Some(&Token::Close)).then_some(value);
        }
        let left = self.next()?.clone();
        let operator = match self.next()?.clone() {
            Token::Operator(text) => text,
            Token::Word(word) if word == "in" => word,
            Token::Word(word) if word == "not" && self.word_is("in") => {
                self.position += 1;
                "not in".to_owned()
            }
            _ => return None,
        };
        let right = self.next()?.clone();
        self.compare(&left, &operator, &right)
    }

    fn compare(&self, left: &Token, operator: &str, right: &Token) -> Option<bool> {
        if let (Token::Word(word), Token::Text(text)) | (Token::Text(text), Token::Word(word)) = (left, right)
            && (word == "extra" || word == "extras")
        {
            let present = self.env.extras.contains(text);
            return Some(if operator.starts_with('!') || operator == "not in" { !present } else { present });
        }
        let value = |token: &Token| match token {
            Token::Text(text) => Some(text.clone()),
            Token::Word(word) => self.env.variables.get(word).cloned(),
            _ => None,
        };
        let (left, right) = (value(left)?, value(right)?);
        match operator {
            "in" => return Some(right.contains(&left)),
            "not in" => return Some(!right.contains(&left)),
            _ => {}
        }
        if let (Some(version), Some(range)) =
            (Version::parse(&left), Range::parse(&format!("{operator}{right}")))
        {
            return Some(range.allows(&version));
        }
        Some(match operator {
            "==" | "===" => left == right,
            "!=" => left != right,
            "<" => left < right,
            "<=" => left <= right,
            ">" => left > right,
            ">=" => left >= right,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env() -> MarkerEnv {
        let variables = [
            ("python_version", "3.11"),
            ("python_full_version", "3.11.7"),
            ("sys_platform", "linux"),
            ("platform_machine", "x86_64"),
            ("platform_python_implementation", "CPython"),
        ];
        MarkerEnv {
            variables: variables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            extras: BTreeSet::from(["tracing".to_owned()]),
        }
    }

    #[test]
    fn markers_that_hold() {
        for marker in [
            "python_full_version < '3.12'",
            "python_full_version == '3.11.*'",
            "python_version >= \"3.8\" and sys_platform != 'win32'",
            "sys_platform == 'win32' or (platform_machine == 'x86_64' and python_version > '3.9')",
            "extra == 'tracing'",
            "sys_platform in 'linux darwin'",
            "'lin' in sys_platform",
            "platform_machine not in 'arm64'",
            "",
            "((((unreadable",
        ] {
            assert!(env().holds(marker), "{marker}");
        }
    }

    #[test]
    fn markers_that_do_not_hold() {
        for marker in [
            "python_full_version < '3.10'",
            "python_version == '3.8.*'",
            "sys_platform == 'win32' and python_version >= '3'",
            "extra == 'dev'",
            "platform_python_implementation != 'CPython'",
            "sys_platform not in 'linux'",
        ] {
            assert!(!env().holds(marker), "{marker}");
        }
    }

    #[test]
    fn deep_nesting_is_not_followed() {
        assert!(env().holds(&"(".repeat(100_000)));
    }
}
