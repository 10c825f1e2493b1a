//! Every verb of the command line.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::sync::Mutex;

use crate::arguments::{Kind, daemon_faults, fault, kinds, run, shown, snapshot, words, work};
use crate::common::{Bench, repository, shell_charm};

/// The other names that the program goes by.
const PROGRAMS: [&str; 2] = ["juju-exec", "juju-run"];

/// What may be there before a hostile word, so that the word is read as a later argument.
const BEFORE: [&[&str]; 2] = [&["target"], &["target/0"]];

/// The kinds that stand behind them; the others are refused before anybody asks where they stand.
const BEHIND: [&str; 6] = ["empty", "long", "not text", "path", "number", "negative number"];

/// What is no mistake: the verb, the words before, and the kinds of hostile words that make sense to it.
const SENSE: &[(&str, &[&str], &[&str])] = &[
    // It adds one.
    ("add-machine", &[], &["nothing", "two dashes"]),
    // A name of a model, and one of a charm.
    ("add-model", &[], &["number"]),
    ("add-model", &["target"], &[]),
    ("new", &["target"], &[]),
    // They follow the log until they are stopped.
    ("debug-log", &[], &["nothing", "two dashes"]),
    ("tail", &[], &["nothing", "two dashes"]),
    ("tail", &["target"], &["two dashes"]),
    // A command of the operator's own, which runs.
    ("ssh", &["target/0"], &[]),
    // For those who work on Periapt: it takes a while.
    ("simulate", &[], &["nothing", "two dashes"]),
    // They do what they say.
    ("exec", &[], &[]),
];

fn makes_sense(verb: &str, before: &[&str], kind: &Kind) -> bool {
    SENSE.iter().any(|(name, words, kinds)| {
        *name == verb && *words == before && (kinds.is_empty() || kinds.contains(&kind.name))
    })
}

/// The verbs there are, and those of Juju that are refused.
fn verbs(bench: &Bench) -> (BTreeSet<String>, BTreeSet<String>) {
    let listed = bench.ok(&["help", "commands"]);
    let own =
        listed.lines().filter(|line| !line.contains("Alias for '")).filter_map(|line| line.split(' ').next());
    let page = std::fs::read_to_string(repository().join("docs/juju-verbs.md")).expect("the page of verbs");
    let jujus = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let own: BTreeSet<String> = own.map(str::to_owned).collect();
    let refused: BTreeSet<String> = jujus.map(str::to_owned).filter(|name| !own.contains(name)).collect();
    assert!(own.len() > 100 && own.contains("deploy"), "{own:?}");
    assert!(refused.contains("migrate"), "{refused:?}");
    (own, refused)
}

fn lines(bench: &Bench) -> Vec<(OsString, Vec<OsString>)> {
    let mut out = Vec::new();
    let (own, refused) = verbs(bench);
    // In the place of a verb.
    for Kind { words, .. } in kinds() {
        let mut words = words.into_iter();
        let verb = words.next().unwrap_or_default();
        out.push((verb, words.collect()));
    }
    for verb in refused {
        // What follows it is not read.
        let kinds = kinds().into_iter().filter(|kind| ["nothing", "megabytes"].contains(&kind.name));
        out.extend(kinds.map(|kind| (verb.clone().into(), kind.words)));
    }
    for verb in own {
        let mut add = |before: &[&str], kind: &Kind| {
            if !makes_sense(&verb, before, kind) {
                let words = before.iter().map(OsString::from).chain(kind.words.iter().cloned());
                out.push((verb.clone().into(), words.collect()));
            }
        };
        kinds().iter().for_each(|kind| add(&[], kind));
        for before in BEFORE {
            words().iter().filter(|kind| BEHIND.contains(&kind.name)).for_each(|kind| add(before, kind));
        }
    }
    out
}

/// Options whose values are files to write: an operator may have them written anywhere.
const WRITES: [&str; 4] = ["--output", "--dir", "--filepath", "--filename"];

/// Verbs whose words name what is to be made: with options that have no effect here they make it.
const NAMES_SOMETHING_NEW: [&str; 2] = ["add-model", "new"];

/// Each option of each verb that takes a value, with values that it cannot make sense of.
fn options(bench: &Bench) -> Vec<(OsString, Vec<OsString>)> {
    let mut out = Vec::new();
    for verb in verbs(bench).0.into_iter().filter(|verb| !NAMES_SOMETHING_NEW.contains(&verb.as_str())) {
        let help = bench.ok(&[&verb, "--help"]);
        let takes_words = help
            .lines()
            .find_map(|line| line.strip_prefix("Usage: "))
            .is_some_and(|usage| usage.split("[OPTIONS]").nth(1).is_some_and(|rest| !rest.trim().is_empty()));
        let names = help.lines().filter_map(|line| {
            let line = line.trim_start();
            let line =
                line.split_once(", ").filter(|(short, _)| short.len() == 2).map_or(line, |(_, long)| long);
            let (name, rest) = line.split_once(' ')?;
            (name.starts_with("--") && rest.starts_with('<')).then_some(name)
        });
        for name in names.filter(|name| !WRITES.contains(name)) {
            for kind in words().into_iter().filter(|kind| ["long", "path", "number"].contains(&kind.name)) {
                let target = takes_words.then(|| "target".into());
                let words = target.into_iter().chain([name.into()]).chain(kind.words);
                out.push((verb.clone().into(), words.collect()));
            }
        }
    }
    assert!(out.len() > 500, "only {} options", out.len());
    out
}

/// A model with an application, and a folder to run in.
fn model(bench: &Bench) -> std::path::PathBuf {
    let work = work(bench);
    let charm = shell_charm(
        bench.path(),
        "target",
        "provides:\n  db: {interface: sql}\nresources:\n  blob: {type: file, filename: blob}\n",
        &[("install", "status-set active installed")],
    );
    std::fs::write(
        std::path::Path::new(&charm).join("config.yaml"),
        "options:\n  size: {type: int, default: 1}\n",
    )
    .expect("a file");
    bench.ok(&["deploy", &charm]);
    bench.settle();
    work
}

/// Runs all lines, four at a time. Each is refused, or harmless, and all of them together change nothing.
fn try_all(bench: &Bench, work: &std::path::Path, lines: Vec<(OsString, Vec<OsString>)>) {
    let (daemon, before) = (bench.daemon_pid(), snapshot(bench));
    let (lines, wrong) = (Mutex::new(lines), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let next = lines.lock().expect("no thread panics").pop();
                    let Some((verb, words)) = next else { break };
                    let mut command = bench.command();
                    command.current_dir(work).env("EDITOR", "false");
                    let program = PROGRAMS.iter().find(|name| **name == verb);
                    match program {
                        // Their words are a command line for a unit: that of one which is not there runs nowhere.
                        Some(name) => command.arg0(name).args(["-u", "nobody/9"]),
                        None => command.arg(&verb),
                    };
                    command.args(&words);
                    let found = match run(&mut command) {
                        Some(said) => fault(said.status.code(), &said.stdout, &said.stderr),
                        None => Some("it does not end".to_owned()),
                    };
                    if let Some(found) = found {
                        let fault = format!("{verb:?} {}: {found}", shown(&words));
                        wrong.lock().expect("no thread panics").push(fault);
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().expect("no thread panics");
    wrong.extend(daemon_faults(bench));
    wrong.sort();
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(bench.daemon_pid(), daemon, "the daemon is another");
    let after = snapshot(bench);
    for (part, value) in before.as_object().expect("an object") {
        assert_eq!(&after[part], value, "{part} changed");
    }
}

#[test]
fn every_verb_refuses_hostile_arguments_and_changes_nothing() {
    let bench = Bench::new();
    let work = model(&bench);
    let mut lines = lines(&bench);
    lines.extend(PROGRAMS.iter().flat_map(|name| kinds().into_iter().map(|kind| (name.into(), kind.words))));
    try_all(&bench, &work, lines);
}

#[test]
fn every_option_refuses_hostile_values_and_changes_nothing() {
    let bench = Bench::new();
    let work = model(&bench);
    let lines = options(&bench);
    try_all(&bench, &work, lines);
}
