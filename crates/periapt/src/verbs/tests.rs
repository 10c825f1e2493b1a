use std::fmt::Write as _;
use std::path::Path;

use super::*;
use crate::cli::command;

#[test]
fn the_table_is_sorted_and_names_nothing_twice() {
    assert!(VERBS.windows(2).all(|pair| pair[0].name < pair[1].name));
    let mut names: Vec<&str> = VERBS
        .iter()
        .flat_map(|verb| std::iter::once(verb.name).chain(verb.aliases.iter().copied()))
        .collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn what_the_table_says_is_there_is_there_under_each_of_its_names() {
    let mut known = command("juju");
    known.build();
    let mut wrong = Vec::new();
    for verb in VERBS {
        let refused = matches!(verb.state, State::No(_));
        for name in std::iter::once(&verb.name).chain(verb.aliases) {
            if known.find_subcommand(name).is_some() == refused {
                wrong.push(format!("{name}: the table says {:?}", verb.state));
            }
        }
    }
    assert!(wrong.is_empty(), "change crates/periapt/src/verbs/table.rs:\n{}", wrong.join("\n"));
}

#[test]
fn a_refusal_says_why_and_a_slip_names_the_nearest() {
    let known = command("juju");
    let grant = refusal("juju", "grant", &known);
    assert_eq!(
        grant.message,
        "juju grant is not possible here: there is one user, admin: whoever may read this home may use everything in it"
    );
    assert_eq!(grant.code, 1);
    let slip = refusal("juju", "stauts", &known);
    assert_eq!(slip.message, "juju: \"stauts\" is not a juju command. See \"juju --help\".");
    assert_eq!((slip.hint.as_deref(), slip.code), (Some("did you mean status?"), 2));
    let far = refusal("juju", "xyzzyplugh", &known);
    assert_eq!(far.hint.as_deref(), Some("juju --help lists what there is"));
}

/// The page `docs/juju-verbs.md`.
fn markdown() -> String {
    let count = |wanted: fn(&State) -> bool| VERBS.iter().filter(|verb| wanted(&verb.state)).count();
    let same = count(|state| matches!(state, State::Same));
    let partly = count(|state| matches!(state, State::Partly(_)));
    let no = count(|state| matches!(state, State::No(_)));
    let mut page = format!(
        "# Juju's verbs\n\n\
         Each verb of Juju 3.6, and how far Periapt's of the same name goes. This page is written by the program's own\n\
         table, `crates/periapt/src/verbs/table.rs`; a test compares them.\n\n\
         Of {} verbs {same} are the same, {partly} are there in part, and {no} are refused with a reason. Options that are\n\
         accepted but have no effect here say so on standard error.\n\n\
         | verb | also | state |\n| --- | --- | --- |\n",
        VERBS.len()
    );
    for Verb { name, aliases, state } in VERBS {
        let aliases: Vec<String> = aliases.iter().map(|alias| format!("`{alias}`")).collect();
        let state = match state {
            State::Same => "same".to_owned(),
            State::Partly(what) => format!("partly: {what}"),
            State::No(why) => format!("no: {why}"),
        };
        writeln!(page, "| `{name}` | {} | {state} |", aliases.join(" ")).unwrap();
    }
    page
}

/// `PERIAPT_WRITE_DOCS=1` makes this test write the page instead.
#[test]
fn the_page_is_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/juju-verbs.md");
    if std::env::var_os("PERIAPT_WRITE_DOCS").is_some() {
        std::fs::write(&path, markdown()).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(page == markdown(), "docs/juju-verbs.md is stale: run this test with PERIAPT_WRITE_DOCS=1");
}
