//! What must not compile, and what the compiler says of it.
//!
//! Each file of `tests/compile_fail` is compiled against the library as the tests have it: nothing is built anew, so that
//! all of them take a second or two. In them `//~ text` stands behind a line that must be an error whose message, labels,
//! notes or suggestions contain `text`; ` … ` between texts wants all of them, `//~^` means the line above, and `warning:`
//! in front wants a warning. An error or warning that no such comment expects is a failure too.

mod compiler;

use std::fs;
use std::path::Path;

use compiler::{Compiler, Level, Message};

/// A `//~` comment.
#[derive(Debug)]
struct Expected {
    line: usize,
    level: Level,
    texts: Vec<String>,
}

fn expectations(source: &str) -> Vec<Expected> {
    let read = |(index, line): (usize, &str)| {
        let comment = line.split_once("//~")?.1;
        let text = comment.trim_start_matches('^');
        let above = comment.len() - text.len();
        let (level, text) = match text.trim().strip_prefix("warning:") {
            Some(text) => (Level::Warning, text),
            None => (Level::Error, text),
        };
        let texts = text.split(" … ").map(|text| text.trim().to_owned()).collect();
        Some(Expected { line: index + 1 - above, level, texts })
    };
    source.lines().enumerate().filter_map(read).collect()
}

/// What is wrong with the compiler's messages for one file.
fn compare(expected: Vec<Expected>, mut messages: Vec<Message>) -> Vec<String> {
    let mut problems = Vec::new();
    for Expected { line, level, texts } in expected {
        let fits = |m: &Message| {
            m.line == Some(line) && m.level == level && texts.iter().all(|text| m.all.contains(text.as_str()))
        };
        match messages.iter().position(fits) {
            Some(index) => drop(messages.remove(index)),
            None => problems.push(format!("line {line}: no {level:?} that says {texts:?}")),
        }
    }
    problems.extend(messages.into_iter().map(|m| format!("not expected: {}", m.rendered)));
    problems
}

#[test]
fn mistakes_do_not_compile() {
    let compiler = Compiler::find();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile_fail");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "rs"));
    files.sort();
    assert!(files.len() >= 6, "{files:?}");
    let check = |file: &Path| {
        let expected = expectations(&fs::read_to_string(file).unwrap());
        assert!(!expected.is_empty(), "{} expects nothing", file.display());
        let problems = compare(expected, compiler.check(file));
        (!problems.is_empty()).then(|| format!("{}:\n{}", file.display(), problems.join("\n")))
    };
    let check = &check;
    let problems: Vec<String> = std::thread::scope(|scope| {
        let runs: Vec<_> = files.iter().map(|file| scope.spawn(move || check(file))).collect();
        runs.into_iter().filter_map(|run| run.join().unwrap()).collect()
    });
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_message_that_is_missing_or_not_expected_is_a_failure() {
    let expected = || expectations("a\nb //~ one … two\n//~^ warning: three\n");
    let message =
        |line, level, all: &str| Message { line: Some(line), level, all: all.into(), rendered: all.into() };
    let (error, warning) = (message(2, Level::Error, "two and one"), message(2, Level::Warning, "three"));
    assert_eq!(compare(expected(), vec![error, warning]), [""; 0]);
    let problems =
        compare(expected(), vec![message(2, Level::Error, "one"), message(1, Level::Warning, "three")]);
    assert_eq!(problems.len(), 4, "{problems:?}");
}
