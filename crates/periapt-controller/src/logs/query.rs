//! Which lines are asked for, and which are kept at all.

use periapt_model::log::{Level, LogLine, parse_levels};

/// `logging-config`: `<root>=INFO;unit=DEBUG`. The longest module prefix decides.
#[derive(Debug)]
pub(super) struct Levels {
    root: Level,
    modules: Vec<(String, Level)>,
}

impl Levels {
    pub(super) fn read(config: &str) -> Self {
        let mut levels = Self { root: Level::Info, modules: Vec::new() };
        // What was set before it was checked may be wrong: it counts as nothing.
        for (module, level) in parse_levels(config).unwrap_or_default() {
            match module.as_str() {
                "" => levels.root = level,
                _ => levels.modules.push((module, level)),
            }
        }
        levels.modules.sort_by_key(|(module, _)| std::cmp::Reverse(module.len()));
        levels
    }

    pub(super) fn keep(&self, line: &LogLine) -> bool {
        let covers = |module: &str| {
            line.module.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let least = self.modules.iter().find(|(m, _)| covers(m)).map_or(self.root, |(_, level)| *level);
        line.level >= least
    }
}

/// Whether `pattern`, in which `*` stands for any text, is all of `text`. Takes time in proportion to both at most.
#[must_use]
pub fn matches_wildcard(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        // The first place is as good as any: what comes behind it has the more room.
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Which entities: `app/0`, `unit-app-0`, an application's name for all its units, `machine-0` or `0`; `*` stands for any
/// text anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityPattern(String);

impl EntityPattern {
    /// A pattern as `debug-log --include` takes it.
    pub fn new(text: &str) -> Self {
        let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let tag = match text.split_once('/') {
            Some((app, number)) => format!("unit-{app}-{number}"),
            None if is_number => format!("machine-{text}"),
            None => text.to_owned(),
        };
        Self(tag)
    }

    /// Whether `entity` (a tag such as `unit-app-0`) is meant.
    pub fn matches(&self, entity: &str) -> bool {
        let pattern = self.0.as_str();
        let unit = entity.strip_prefix("unit-");
        if matches_wildcard(pattern, entity) || unit.is_some_and(|bare| matches_wildcard(pattern, bare)) {
            return true;
        }
        unit.and_then(|bare| bare.rsplit_once('-')).is_some_and(|(app, _)| matches_wildcard(pattern, app))
    }
}

/// Which log lines.
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    /// Only these entities; empty: all.
    pub include: Vec<EntityPattern>,
    /// Not these.
    pub exclude: Vec<EntityPattern>,
    /// Only these modules and what is below them; empty: all.
    pub include_module: Vec<String>,
    /// Not these.
    pub exclude_module: Vec<String>,
    /// At least this level.
    pub level: Option<Level>,
}

impl LogQuery {
    /// Whether a line is asked for.
    pub fn matches(&self, line: &LogLine) -> bool {
        let below = |module: &String| {
            line.module
                .strip_prefix(module.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        (self.include.is_empty() || self.include.iter().any(|p| p.matches(&line.entity)))
            && !self.exclude.iter().any(|p| p.matches(&line.entity))
            && (self.include_module.is_empty() || self.include_module.iter().any(below))
            && !self.exclude_module.iter().any(below)
            && self.level.is_none_or(|level| line.level >= level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_units_tags_prefixes_and_applications() {
        for (pattern, yes) in [
            ("my-app/0", true),
            ("my-app/1", false),
            ("unit-my-app-0", true),
            ("my-app", true),
            ("my", false),
            ("my*", true),
            ("unit-my*", true),
            ("*", true),
            ("unit-*-0", true),
            ("unit-*-1", false),
            ("*-app", true),
            ("my-app/*", true),
            ("*/0", true),
            ("*/1", false),
            ("0", false),
            ("", false),
        ] {
            assert_eq!(EntityPattern::new(pattern).matches("unit-my-app-0"), yes, "{pattern}");
        }
        for (pattern, yes) in
            [("0", true), ("machine-0", true), ("machine-*", true), ("1", false), ("machine", false)]
        {
            assert_eq!(EntityPattern::new(pattern).matches("machine-0"), yes, "{pattern}");
        }
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, yes) in [
            ("", "", true),
            ("*", "", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("**", "x", true),
            ("*é*", "né", true),
        ] {
            assert_eq!(matches_wildcard(pattern, text), yes, "{pattern} {text}");
        }
        let slow = "*a".repeat(500);
        assert!(!matches_wildcard(&format!("{slow}b"), &"a".repeat(5000)));
    }
}
