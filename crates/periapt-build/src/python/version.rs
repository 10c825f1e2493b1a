//! Versions and version ranges as Python packaging writes them (PEP 440), with Poetry's `^` and `~`.

use std::cmp::Ordering;
use std::fmt;

/// A PEP 440 version. Epochs and local labels (`1!`, `+ubuntu1`) are read and ignored: neither occurs in what we compare.
#[derive(Debug, Clone)]
pub struct Version {
    release: Vec<u64>,
    /// Rank of the phase and its number: dev −4, a −3, b −2, rc −1, final 0.
    phase: (i8, u64),
    post: Option<u64>,
    dev: Option<u64>,
}

impl Version {
    /// A final release.
    #[must_use]
    pub fn release(parts: &[u64]) -> Self {
        Self { release: parts.to_vec(), phase: (0, 0), post: None, dev: None }
    }

    /// Reads a version; `None` if it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let text = text.strip_prefix('v').unwrap_or(&text);
        let text = text.split_once('!').map_or(text, |(_, rest)| rest);
        let text = text.split_once('+').map_or(text, |(rest, _)| rest);
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (numbers, mut rest) = text.split_at(end);
        let release = numbers
            .trim_end_matches('.')
            .split('.')
            .map(|part| part.parse().ok())
            .collect::<Option<Vec<u64>>>()?;
        let mut version = Self { release, phase: (0, 0), post: None, dev: None };
        let mut final_release = true;
        while !rest.is_empty() {
            rest = rest.trim_start_matches(['.', '-', '_']);
            let word_end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
            let (word, after) = rest.split_at(word_end);
            let after = after.trim_start_matches(['.', '-', '_']);
            let number_end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            let (number, after) = after.split_at(number_end);
            let number = if number.is_empty() { 0 } else { number.parse().ok()? };
            match word {
                "a" | "alpha" => version.phase = (-3, number),
                "b" | "beta" => version.phase = (-2, number),
                "rc" | "c" | "pre" | "preview" => version.phase = (-1, number),
                "post" | "rev" | "r" => version.post = Some(number),
                "" if !rest.is_empty() && rest.starts_with(|c: char| c.is_ascii_digit()) => {
                    version.post = Some(number)
                }
                "dev" => version.dev = Some(number),
                _ => return None,
            }
            final_release = false;
            rest = after;
        }
        if !final_release && version.phase.0 == 0 && version.post.is_none() && version.dev.is_some() {
            version.phase = (-4, 0);
        }
        Some(version)
    }

    /// The numbers of the release, e.g. `[3, 12, 1]`.
    #[must_use]
    pub fn numbers(&self) -> &[u64] {
        &self.release
    }

    fn number(&self, index: usize) -> u64 {
        self.release.get(index).copied().unwrap_or(0)
    }

    fn has_prefix(&self, prefix: &[u64]) -> bool {
        prefix.iter().enumerate().all(|(index, &number)| self.number(index) == number)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let length = self.release.len().max(other.release.len());
        (0..length)
            .map(|index| self.number(index).cmp(&other.number(index)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
            .then(self.phase.cmp(&other.phase))
            .then(self.post.cmp(&other.post))
            .then(self.dev.unwrap_or(u64::MAX).cmp(&other.dev.unwrap_or(u64::MAX)))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.release.iter().map(u64::to_string).collect();
        f.write_str(&numbers.join("."))?;
        match self.phase.0 {
            -3 => write!(f, "a{}", self.phase.1)?,
            -2 => write!(f, "b{}", self.phase.1)?,
            -1 => write!(f, "rc{}", self.phase.1)?,
            _ => {}
        }
        if let Some(post) = self.post {
            write!(f, ".post{post}")?;
        }
        if let Some(dev) = self.dev {
            write!(f, ".dev{dev}")?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Clause {
    Less(Version),
    AtMost(Version),
    Greater(Version),
    AtLeast(Version),
    Equal(Version),
    Prefix(Vec<u64>),
    Not(Box<Clause>),
    /// `===`, or something that is not a version: compared as text.
    Text(String),
}

impl Clause {
    fn allows(&self, version: &Version) -> bool {
        match self {
            Self::Less(bound) => version < bound,
            Self::AtMost(bound) => version <= bound,
            Self::Greater(bound) => version > bound,
            Self::AtLeast(bound) => version >= bound,
            Self::Equal(bound) => version == bound,
            Self::Prefix(numbers) => version.has_prefix(numbers),
            Self::Not(clause) => !clause.allows(version),
            Self::Text(text) => version.to_string() == *text,
        }
    }
}

/// A set of versions: alternatives (`||`) of ranges (`,`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    alternatives: Vec<Vec<Clause>>,
    text: String,
}

impl Range {
    /// Every version.
    #[must_use]
    pub fn any() -> Self {
        Self { alternatives: vec![Vec::new()], text: "*".to_owned() }
    }

    /// Reads a PEP 440 specifier (`>=3.8,<4`) or a Poetry constraint (`^3.10`, `~3.10`, `3.10.*`, `*`, `>=3.8 || …`);
    /// `None` if it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('(').trim_end_matches(')').trim();
        let mut alternatives = Vec::new();
        for alternative in text.split('|').filter(|part| !part.trim().is_empty()) {
            let mut clauses = Vec::new();
            for clause in split_clauses(alternative) {
                parse_clause(&clause, &mut clauses)?;
            }
            alternatives.push(clauses);
        }
        if alternatives.is_empty() {
            alternatives.push(Vec::new());
        }
        Some(Self { alternatives, text: text.to_owned() })
    }

    /// Whether a version lies in the range.
    #[must_use]
    pub fn allows(&self, version: &Version) -> bool {
        self.alternatives.iter().any(|clauses| clauses.iter().all(|clause| clause.allows(version)))
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Commas separate clauses; Poetry also lets blanks do it (`>=3.8 <3.12`).
fn split_clauses(text: &str) -> Vec<String> {
    let mut clauses: Vec<String> = Vec::new();
    for word in text.split([',', ' ']).filter(|word| !word.is_empty()) {
        match clauses.last_mut() {
            // A blank between an operator and its version separates nothing.
            Some(last) if last.chars().all(|c| "<>=!~^".contains(c)) => last.push_str(word),
            _ => clauses.push(word.to_owned()),
        }
    }
    clauses
}

fn parse_clause(text: &str, clauses: &mut Vec<Clause>) -> Option<()> {
    if text == "*" {
        return Some(());
    }
    let end = text.find(|c: char| !"<>=!~^".contains(c)).unwrap_or(text.len());
    let (operator, version_text) = text.split_at(end);
    if operator == "===" {
        clauses.push(Clause::Text(version_text.to_owned()));
        return Some(());
    }
    if let Some(prefix) = version_text.strip_suffix(".*") {
        let prefix = Version::parse(prefix)?.release;
        match operator {
            "" | "=" | "==" => clauses.push(Clause::Prefix(prefix)),
            "!=" => clauses.push(Clause::Not(Box::new(Clause::Prefix(prefix)))),
            ">=" => clauses.push(Clause::AtLeast(Version::release(&prefix))),
            "<" => clauses.push(Clause::Less(Version::release(&prefix))),
            ">" => clauses.push(Clause::AtLeast(Version::release(&bump(&prefix, prefix.len() - 1)))),
            "<=" => clauses.push(Clause::Less(Version::release(&bump(&prefix, prefix.len() - 1)))),
            _ => return None,
        }
        return Some(());
    }
    let version = Version::parse(version_text)?;
    let numbers = version.release.clone();
    match operator {
        "<" => clauses.push(Clause::Less(version)),
        "<=" => clauses.push(Clause::AtMost(version)),
        ">" => clauses.push(Clause::Greater(version)),
        ">=" => clauses.push(Clause::AtLeast(version)),
        "" | "=" | "==" => clauses.push(Clause::Equal(version)),
        "!=" => clauses.push(Clause::Not(Box::new(Clause::Equal(version)))),
        "~=" => {
            let fixed = numbers.len().checked_sub(1).filter(|&count| count > 0)?;
            clauses.push(Clause::AtLeast(version));
            clauses.push(Clause::Prefix(numbers[..fixed].to_vec()));
        }
        // Poetry: up to the next change of the leftmost number that is not zero.
        "^" => {
            let index = numbers.iter().position(|&number| number != 0).unwrap_or(numbers.len() - 1);
            clauses.push(Clause::AtLeast(version));
            clauses.push(Clause::Less(Version::release(&bump(&numbers, index))));
        }
        // Poetry: up to the next minor version, or the next major one if only that was given.
        "~" => {
            let index = usize::from(numbers.len() > 1);
            clauses.push(Clause::AtLeast(version));
            clauses.push(Clause::Less(Version::release(&bump(&numbers, index))));
        }
        _ => return None,
    }
    Some(())
}

fn bump(numbers: &[u64], index: usize) -> Vec<u64> {
    let mut bumped = numbers[..=index].to_vec();
    if let Some(last) = bumped.last_mut() {
        *last += 1;
    }
    bumped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(range: &str, version: &str) -> bool {
        Range::parse(range).unwrap().allows(&Version::parse(version).unwrap())
    }

    #[test]
    fn versions_order_as_pep_440_says() {
        let order = ["1.0.dev1", "1.0a1", "1.0b2", "1.0rc1", "1.0", "1.0.post1", "1.0.1", "1.10"];
        for pair in order.windows(2) {
            assert!(Version::parse(pair[0]) < Version::parse(pair[1]), "{pair:?}");
        }
        assert_eq!(Version::parse("1.0"), Version::parse("1.0.0"));
        assert_eq!(Version::parse("nonsense"), None);
    }

    #[test]
    fn ranges_of_pep_440() {
        assert!(allows(">=3.8, <3.15", "3.14.2"));
        assert!(!allows(">=3.8,<3.15", "3.15.0"));
        assert!(allows("~=3.10", "3.12"));
        assert!(!allows("~=3.10.2", "3.11"));
        assert!(allows("==3.11.*", "3.11.7"));
        assert!(!allows("!=3.11.*", "3.11.7"));
        assert!(allows(">= 3.10", "3.10.0"));
        assert!(allows("", "2.7"));
        assert_eq!(Range::parse(">=banana"), None);
    }

    #[test]
    fn ranges_of_poetry() {
        assert!(allows("^3.10", "3.13.0"));
        assert!(!allows("^3.10", "4.0"));
        assert!(!allows("^0.3.1", "0.4"));
        assert!(allows("~3.10", "3.10.9"));
        assert!(!allows("~3.10", "3.11"));
        assert!(allows("3.10.*", "3.10.13"));
        assert!(allows("~2.7 || ^3.6", "3.9"));
        assert!(!allows(">=3.8 <3.12", "3.12"));
    }
}
