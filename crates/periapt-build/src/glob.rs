//! The simple patterns of Charmcraft's part filters: `*` and `?` within a name, `**` over directories.

use std::path::Path;

/// Whether a pattern matches a whole path.
#[must_use]
pub fn matches(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let path: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    parts(&pattern, &path)
}

fn parts(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => {
            parts(rest, path) || path.split_first().is_some_and(|(_, path)| parts(pattern, path))
        }
        (Some((first, rest)), Some((name, names))) => {
            name_matches(first.as_bytes(), name.as_bytes()) && parts(rest, names)
        }
        _ => false,
    }
}

/// Matches with one point of return, so that no pattern takes more than quadratic time.
fn name_matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == b'?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

/// Whether a list of patterns lets a path through: one of the plain patterns matches it or a directory above it (or there
/// is none), and none of the patterns with a leading `-` does.
#[must_use]
pub fn filter(patterns: &[String], path: &Path) -> bool {
    let hit = |pattern: &str| {
        path.ancestors()
            .filter(|part| !part.as_os_str().is_empty())
            .any(|part| matches(pattern, &part.to_string_lossy()))
    };
    let mut includes = patterns.iter().filter(|pattern| !pattern.starts_with('-')).peekable();
    let included = includes.peek().is_none() || includes.any(|pattern| hit(pattern));
    included && !patterns.iter().filter_map(|pattern| pattern.strip_prefix('-')).any(hit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert!(matches("*-linux-gnu/libpq.so*", "x86_64-linux-gnu/libpq.so.5"));
        assert!(!matches("*.py", "src/charm.py"));
        assert!(matches("**/*.py", "src/deep/charm.py"));
        assert!(matches("a?c", "abc") && !matches("a?c", "ac"));
        assert!(!matches(&"*a".repeat(50), &"b".repeat(5000)));
    }

    #[test]
    fn filters() {
        let list = |patterns: &[&str]| patterns.iter().map(|&p| p.to_owned()).collect::<Vec<_>>();
        assert!(filter(&list(&["templates/"]), Path::new("templates/deep/a.j2")));
        assert!(!filter(&list(&["templates"]), Path::new("src/a")));
        assert!(!filter(&list(&["*", "-src"]), Path::new("src/a")));
        assert!(filter(&list(&["-src"]), Path::new("lib/a")));
        assert!(filter(&[], Path::new("anything")));
    }
}
