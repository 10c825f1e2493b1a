//! The form of the tables, and what it means that an output is as a table says.
//!
//! ```text
//! @ hook                               the context that the rows below it run in
//! $ relation-ids nope                  a command line for bash
//! > --format json                      its next line
//! | []                                 a line of standard output
//! / text                               the last line of standard output, where no line break follows it
//! ! ERROR no endpoint name specified   a line of standard error
//! ? 2                                  the exit code, where it is not 0
//! ```
//!
//! A row's variables are there for the rows below it. In an output `<word>`, `<time>`, `<secret>`, `<uuid>`, `<address>` and
//! `<any>` stand for what differs from run to run, and `<NAME>` for the value of the shell's variable of that name. Lines
//! that begin with `#`, and empty ones, are for people.

use std::collections::BTreeMap;
use std::path::Path;

/// One command line, and what is to come of it.
#[derive(Debug, Default)]
pub struct Case {
    pub line: usize,
    pub command: String,
    pub stdout: String,
    pub stderr: String,
    pub code: i32,
}

/// Rows of one context.
#[derive(Debug)]
pub struct Table {
    /// The file, for messages.
    pub place: String,
    pub context: String,
    pub cases: Vec<Case>,
}

impl Table {
    /// All that lie in `tables/`, by the name of their files.
    pub fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/tables");
        let entries = std::fs::read_dir(folder).expect("the tables");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("a table").path()).collect();
        paths.sort();
        paths.iter().filter(|path| path.extension().is_some_and(|end| end == "txt")).flat_map(read).collect()
    }
}

fn read(path: &std::path::PathBuf) -> Vec<Table> {
    let place = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let text = std::fs::read_to_string(path).expect("a table is text");
    let mut tables: Vec<Table> = Vec::new();
    for (number, line) in text.lines().enumerate().map(|(number, line)| (number + 1, line)) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (mark, rest) = line.split_at(1);
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        if mark == "@" {
            tables.push(Table { place: place.clone(), context: rest.to_owned(), cases: Vec::new() });
            continue;
        }
        let table = tables.last_mut().unwrap_or_else(|| panic!("{place}:{number}: no context yet"));
        if mark == "$" {
            table.cases.push(Case { line: number, command: format!("{rest}\n"), ..Case::default() });
            continue;
        }
        let case = table.cases.last_mut().unwrap_or_else(|| panic!("{place}:{number}: no command yet"));
        match mark {
            ">" => case.command += &format!("{rest}\n"),
            "|" => case.stdout += &format!("{rest}\n"),
            "/" => case.stdout += rest,
            "!" => case.stderr += &format!("{rest}\n"),
            "?" => case.code = rest.parse().unwrap_or_else(|_| panic!("{place}:{number}: no code")),
            _ => panic!("{place}:{number}: {line:?} begins with no mark"),
        }
    }
    tables
}

/// The shell's variables that an expectation names.
pub fn variables(case: &Case) -> Vec<String> {
    let text = format!("{}{}", case.stdout, case.stderr);
    let inside = text.split('<').skip(1).filter_map(|part| part.split_once('>')).map(|(name, _)| name);
    inside.filter(|name| is_variable(name)).map(str::to_owned).collect()
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

/// Whether `got` is what `wanted` describes.
pub fn matches(wanted: &str, got: &str, variables: &BTreeMap<String, String>) -> bool {
    let Some((before, name, after)) = next_mark(wanted) else { return wanted == got };
    let Some(rest) = got.strip_prefix(before) else { return false };
    if let Some(value) = variables.get(name) {
        return rest.strip_prefix(value.as_str()).is_some_and(|rest| matches(after, rest, variables));
    }
    let fits = |taken: &str| match name {
        "word" => !taken.is_empty() && !taken.contains(char::is_whitespace),
        "time" => taken.len() >= 20 && taken.starts_with("20") && !taken.contains('\n'),
        "secret" => taken.len() == 20 && taken.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()),
        "uuid" => taken.len() == 36 && taken.chars().all(|c| c.is_ascii_hexdigit() || c == '-'),
        "address" => taken.parse::<std::net::IpAddr>().is_ok(),
        _ => !taken.contains('\n'),
    };
    let ends = rest.char_indices().map(|(place, _)| place).chain([rest.len()]);
    ends.filter(|end| fits(&rest[..*end])).any(|end| matches(after, &rest[end..], variables))
}

/// The text in front of the first mark, its name, and what follows it.
fn next_mark(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(start) = text[from..].find('<').map(|place| from + place) {
        if let Some(end) = text[start..].find('>').map(|place| start + place) {
            let name = &text[start + 1..end];
            if ["word", "time", "secret", "uuid", "address", "any"].contains(&name) || is_variable(name) {
                return Some((&text[..start], name, &text[end + 1..]));
            }
        }
        from = start + 1;
    }
    None
}
