//! What the charm `recorder` wrote down: see `charms/testing/recorder/dispatch`.

use std::collections::BTreeMap;

use crate::arena::{Arena, SOON};
use crate::common::until;

/// What ran: the path below the charm's folder, the relation's id and the remote unit, empty where there is none.
pub type Subject = (String, String, String);

/// One line of `trace.log`.
#[derive(Clone, Debug)]
pub struct Line {
    pub pid: i32,
    pub path: String,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    Begin {
        relation: String,
        remote_unit: String,
    },
    /// The databag of `member` in `relation`, as JSON.
    Saw {
        relation: String,
        member: String,
        data: String,
    },
    Held,
    End {
        status: i32,
    },
}

/// The unit's trace, as far as it is written.
pub fn lines(arena: &Arena, unit: &str) -> Vec<Line> {
    let trace = arena.charm_dir_if_made(unit).map(|folder| folder.join("trace.log"));
    let text = trace.and_then(|trace| std::fs::read_to_string(trace).ok()).unwrap_or_default();
    text.lines().map(parse).collect()
}

fn parse(line: &str) -> Line {
    let fields: Vec<&str> = line.split('\t').collect();
    let variable = |name: &str| {
        let found = fields.iter().find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or_default().to_owned()
    };
    let what = match fields[..] {
        ["begin", ..] => {
            What::Begin { relation: variable("JUJU_RELATION_ID"), remote_unit: variable("JUJU_REMOTE_UNIT") }
        }
        ["saw", _, _, relation, member, data] => {
            What::Saw { relation: relation.to_owned(), member: member.to_owned(), data: data.to_owned() }
        }
        ["held", ..] => What::Held,
        ["end", _, _, status] => What::End { status: status.parse().expect("a status") },
        _ => panic!("no line of a trace: {line:?}"),
    };
    Line { pid: fields[1].parse().expect("a process number"), path: fields[2].to_owned(), what }
}

/// Waits until a process other than `before` is held in the dispatch of `path`, and returns its number.
#[track_caller]
pub fn held(arena: &Arena, unit: &str, path: &str, before: &[i32]) -> i32 {
    until(&format!("{unit} is held in {path}"), SOON, || {
        let held = lines(arena, unit)
            .into_iter()
            .find(|line| matches!(line.what, What::Held) && line.path == path && !before.contains(&line.pid));
        Some(held?.pid)
    })
}

/// Lets the process that is held go on.
pub fn release(arena: &Arena, unit: &str) {
    std::fs::write(arena.charm_dir(unit).join("go"), "").expect("the unit's folder is there");
}

/// No process writes anything after another one has begun: a unit runs one at a time, and one whose daemon died is ended
/// before the next begins (I5).
#[track_caller]
pub fn assert_one_at_a_time(unit: &str, lines: &[Line]) {
    let mut running = None;
    for line in lines {
        match line.what {
            What::Begin { .. } => running = Some(line.pid),
            _ => assert_eq!(running, Some(line.pid), "{unit}: {line:?} after another one has begun"),
        }
    }
}

/// How many times each subject began and how many times it ended well, by the charm's own word.
pub fn counts(lines: &[Line]) -> BTreeMap<Subject, (u32, u32)> {
    let mut counts: BTreeMap<Subject, (u32, u32)> = BTreeMap::new();
    let mut running = Subject::default();
    for line in lines {
        match &line.what {
            What::Begin { relation, remote_unit } => {
                running = (line.path.clone(), relation.clone(), remote_unit.clone());
                counts.entry(running.clone()).or_default().0 += 1;
            }
            What::End { status: 0 } => counts.entry(running.clone()).or_default().1 += 1,
            _ => {}
        }
    }
    counts
}

/// What was last seen of each member of each relation.
pub fn last_seen(lines: &[Line]) -> BTreeMap<(String, String), String> {
    let saw = lines.iter().filter_map(|line| match &line.what {
        What::Saw { relation, member, data } => Some(((relation.clone(), member.clone()), data.clone())),
        _ => None,
    });
    saw.collect()
}
