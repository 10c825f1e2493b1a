//! Typed reading of YAML nodes: each function reports what is wrong at the node and gives what can be used.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::diagnostic::Report;
use crate::names::InvalidName;
use crate::yaml::{Entry, Map, Node, Resolved, Span, Table, legacy_bool};

/// One file that is being read, and where its mistakes go.
pub(super) struct Reader<'a> {
    pub(super) file: &'a str,
    pub(super) report: &'a mut Report,
}

impl Reader<'_> {
    pub(super) fn error(&mut self, span: Span, message: impl Into<String>, help: &str) {
        self.report.error(self.file, span, message, (!help.is_empty()).then_some(help));
    }

    pub(super) fn warning(&mut self, span: Span, message: impl Into<String>, help: &str) {
        self.report.warning(self.file, span, message, (!help.is_empty()).then_some(help));
    }

    fn mismatch(&mut self, node: &Node, what: &str, wanted: &str, help: &str) {
        self.error(node.span, format!("{what} must be {wanted}, not {}", node.describe()), help);
    }

    /// A mapping; nothing at all counts as an empty one, and gives `None` without a report.
    pub(super) fn map<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n Map> {
        if node.is_null() {
            return None;
        }
        let map = node.as_map();
        if map.is_none() {
            self.mismatch(node, what, "a mapping", "");
        }
        map
    }

    /// A list; nothing at all counts as an empty one.
    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        if node.is_null() {
            return &[];
        }
        match node.as_seq() {
            Some(items) => items,
            None => {
                self.mismatch(node, what, "a list", "write one `- ` item a line");
                &[]
            }
        }
    }

    /// Text. What Juju would read as a number or a boolean is refused as it is there.
    pub(super) fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        match node.as_scalar() {
            Some(scalar) if scalar.resolve(Table::Goyaml) == Resolved::Text => {
                Some(scalar.text.as_ref().to_owned())
            }
            Some(_) if !node.is_null() => {
                self.mismatch(node, what, "text", "put it in quotes");
                None
            }
            _ => {
                self.mismatch(node, what, "text", "");
                None
            }
        }
    }

    /// Text that nothing depends on: any scalar as written.
    pub(super) fn any_text(&mut self, node: &Node, what: &str) -> Option<String> {
        match node.as_scalar() {
            Some(scalar) if !node.is_null() => Some(scalar.text.as_ref().to_owned()),
            Some(_) => None,
            None => {
                self.mismatch(node, what, "text", "");
                None
            }
        }
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, node: &Node, what: &str) -> Vec<String> {
        let each = format!("each item of {what}");
        self.list(node, what).iter().filter_map(|item| self.any_text(item, &each)).collect()
    }

    /// A boolean, in any of the spellings that Juju takes into a boolean field.
    pub(super) fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        let value = node.as_scalar().filter(|s| s.plain).and_then(|s| legacy_bool(&s.text));
        if value.is_none() {
            self.mismatch(node, what, "true or false", "");
        }
        value
    }

    /// A whole number.
    pub(super) fn int(&mut self, node: &Node, what: &str) -> Option<i64> {
        match node.as_scalar().map(|s| s.resolve(Table::Goyaml)) {
            Some(Resolved::Int(n)) => Some(n),
            _ => {
                self.mismatch(node, what, "a whole number", "");
                None
            }
        }
    }

    /// A whole number that is not negative.
    pub(super) fn count(&mut self, node: &Node, what: &str) -> Option<u32> {
        let n = self.int(node, what)?;
        let count = u32::try_from(n).ok();
        if count.is_none() {
            self.mismatch(node, what, "a whole number from 0 to 4294967295", "");
        }
        count
    }

    /// The name in a key.
    pub(super) fn name<T: std::str::FromStr<Err = InvalidName>>(&mut self, entry: &Entry) -> Option<T> {
        match entry.key.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                let message = format!("{:?} is not a valid {} name", error.text, error.kind);
                self.error(entry.key_span, message, error.rule);
                None
            }
        }
    }

    /// One of a fixed set of words.
    pub(super) fn choice<T: Copy>(&mut self, node: &Node, what: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = node.as_scalar().filter(|_| !node.is_null()).map(|s| s.text.as_ref());
        if let Some((_, value)) = text.and_then(|t| choices.iter().find(|(word, _)| *word == t)) {
            return Some(*value);
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let help = text
            .and_then(|t| nearest(t, &words))
            .map(|near| format!("did you mean `{near}`?"))
            .unwrap_or_default();
        self.mismatch(node, what, &one_of(&words), &help);
        None
    }

    /// Warns of a key that is not known but looks like one that is. Other unknown keys are ignored, as Juju does.
    pub(super) fn near_misses(&mut self, map: &Map, known: &[&str], what: &str) {
        for entry in map.iter() {
            if known.contains(&entry.key.as_ref()) {
                continue;
            }
            if let Some(near) = nearest(&entry.key, known).filter(|near| map.get(near).is_none()) {
                let message = format!("unknown key {:?} in {what} is ignored", entry.key);
                self.warning(entry.key_span, message, &format!("did you mean `{near}`?"));
            }
        }
    }

    /// A mapping of names to things: each name is checked, each value read by `read`.
    pub(super) fn named<K, V>(
        &mut self,
        node: &Node,
        what: &str,
        mut read: impl FnMut(&mut Self, &K, &Entry) -> Option<V>,
    ) -> BTreeMap<K, V>
    where
        K: Ord + Display + std::str::FromStr<Err = InvalidName>,
    {
        let mut all = BTreeMap::new();
        let Some(map) = self.map(node, what) else {
            return all;
        };
        for entry in map.iter() {
            let Some(name) = self.name::<K>(entry) else {
                continue;
            };
            if let Some(value) = read(self, &name, entry) {
                all.insert(name, value);
            }
        }
        all
    }
}

/// `a`, `b` or `c`
pub(super) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|w| format!("`{w}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "nothing".to_owned(),
    }
}

/// The word that `text` was most likely meant to be: at most two edits away, and fewer than half of its letters.
pub(super) fn nearest<'w>(text: &str, words: &[&'w str]) -> Option<&'w str> {
    if text.len() > 40 {
        return None;
    }
    let normal = text.to_lowercase().replace('_', "-");
    words
        .iter()
        .map(|word| (edits(&normal, word), *word))
        .filter(|(distance, word)| *distance <= 2 && distance * 2 < word.len())
        .min()
        .map(|(_, word)| word)
}

/// Levenshtein's distance, with a swap of neighbours as one edit.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}
