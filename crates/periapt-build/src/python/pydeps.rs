//! The Python packages that charm libraries ask for.
//!
//! A library under `lib/charms/<charm>/v<N>/` may hold a top-level `PYDEPS = ["cosl", "pydantic<2"]`. Charmcraft's
//! `charm` plugin installs those packages together with the charm's own requirements.

use std::path::Path;

use walkdir::WalkDir;

use crate::regular;

/// What one folder's charm libraries ask for, in the order of their paths, each once.
#[must_use]
pub fn collect(charm: &Path) -> Vec<String> {
    let mut wanted: Vec<String> = Vec::new();
    for entry in WalkDir::new(charm.join("lib/charms")).follow_links(true).max_depth(3).sort_by_file_name() {
        let Ok(entry) = entry else { continue };
        let in_version_dir = entry.path().parent().and_then(Path::file_name).and_then(|name| name.to_str());
        let is_version =
            in_version_dir.and_then(|name| name.strip_prefix('v')).is_some_and(|n| n.parse::<u32>().is_ok());
        if !is_version || entry.path().extension().is_none_or(|extension| extension != "py") {
            continue;
        }
        let Ok(text) = regular::text(entry.path()) else { continue };
        for requirement in parse(&text) {
            if !wanted.contains(&requirement) {
                wanted.push(requirement);
            }
        }
    }
    wanted
}

/// The strings of the top-level `PYDEPS` list literal of a Python source text; none if there is no such literal.
#[must_use]
pub fn parse(source: &str) -> Vec<String> {
    let mut offset = 0;
    for line in source.split_inclusive('\n') {
        if let Some(rest) = line.strip_prefix("PYDEPS") {
            // `PYDEPS: list[str] = […]` as well as `PYDEPS = […]`.
            let rest = rest.trim_start();
            if rest.starts_with(['=', ':']) && !rest.starts_with("==") {
                let value = &source[offset + "PYDEPS".len()..];
                if let Some(strings) = value.find('=').and_then(|at| list_literal(&value[at + 1..])) {
                    return strings;
                }
            }
        }
        offset += line.len();
    }
    Vec::new()
}

/// The strings of a list or tuple literal of plain string literals, which may span lines and hold comments.
fn list_literal(text: &str) -> Option<Vec<String>> {
    let mut chars = text.chars().peekable();
    let mut strings = Vec::new();
    let mut open = false;
    // Adjacent literals are one string.
    let mut joined = false;
    while let Some(c) = chars.next() {
        match c {
            '[' | '(' if !open => open = true,
            ']' | ')' if open => return Some(strings),
            '#' => while chars.next_if(|&c| c != '\n').is_some() {},
            ',' => joined = false,
            '\'' | '"' if open => {
                let mut string = String::new();
                loop {
                    match chars.next()? {
                        end if end == c => break,
                        '\\' => string.push(chars.next()?),
                        '\n' => return None,
                        other => string.push(other),
                    }
                }
                match strings.last_mut() {
                    Some(last) if joined => *last = format!("{last}{string}"),
                    _ => strings.push(string),
                }
                joined = true;
            }
            c if c.is_whitespace() || c == '\\' => {}
            // An expression: not something to guess at.
            _ => return None,
        }
    }
    None
}

/// The name of the package that a requirement line asks for, in normal form (PEP 503); `None` for options and bare URLs.
#[must_use]
pub fn package_name(requirement: &str) -> Option<String> {
    let requirement = requirement.trim();
    let end = requirement
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')))
        .unwrap_or(requirement.len());
    let name = &requirement[..end];
    let rest = &requirement[end..];
    (name.starts_with(|c: char| c.is_ascii_alphanumeric()) && !rest.starts_with([':', '/', '+']))
        .then(|| normalize(name))
}

/// A package name in normal form (PEP 503): lower case, and every run of `-`, `_` and `.` a single `-`.
#[must_use]
pub fn normalize(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for c in name.chars() {
        if matches!(c, '-' | '_' | '.') {
            if !normal.ends_with('-') {
                normal.push('-');
            }
        } else {
            normal.push(c.to_ascii_lowercase());
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_literal() {
        assert_eq!(parse("PYDEPS = [\"cosl\", 'pydantic<2']\n"), ["cosl", "pydantic<2"]);
        let long = "import x\nLIBPATCH = 3\nPYDEPS: List[str] = [\n    \"pydantic\",  # a ] comment\n    \"a\"\n    \">=1\",\n]\nrest = []\n";
        assert_eq!(parse(long), ["pydantic", "a>=1"]);
        assert_eq!(parse("PYDEPS = ()\n"), Vec::<String>::new());
    }

    #[test]
    fn ignores_what_is_no_literal() {
        assert!(parse("x = 1\n").is_empty());
        assert!(parse("PYDEPS = other + ['a']\n").is_empty());
        assert!(parse("    PYDEPS = ['a']\n").is_empty());
        assert!(parse("PYDEPS = ['a'").is_empty());
        assert!(parse("PYDEPSILON = ['a']\n").is_empty());
    }

    #[test]
    fn names() {
        assert_eq!(package_name("Foo_Bar[x]>=1 ; python_version<'3'").unwrap(), "foo-bar");
        assert_eq!(package_name("ops @ git+https://example.org/ops").unwrap(), "ops");
        assert_eq!(package_name("git+https://example.org/x"), None);
        assert_eq!(package_name("-r other.txt"), None);
    }
}
