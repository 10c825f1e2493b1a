//! The oracle of hook commands: tables of command lines with what Juju 3.6 prints for them and exits with, run through the
//! built programs in the contexts of real units.
//!
//! The tables lie in `tables/`, in a form that is read and written by hand (see `transcript.rs`). A row that fails is a
//! fault of ours, not of the table.

#[path = "../common/mod.rs"]
mod common;

mod stage;
mod transcript;

use stage::Stage;
use transcript::Table;

/// The contexts that the tables may name, in the order in which the story below comes to them.
const CONTEXTS: [&str; 14] = [
    "storage-attached",
    "install",
    "relation-created",
    "relation-joined",
    "application-changed",
    "relation-changed",
    "hook",
    "follower",
    "trusted",
    "action",
    "exec",
    "exec-follower",
    "secret-changed",
    "relation-broken",
];

/// How many rows there are at least: a table that is not found must not pass.
const LEAST: usize = 250;

#[test]
fn hook_commands_answer_as_the_tables_say() {
    let tables = Table::all();
    for table in &tables {
        assert!(
            CONTEXTS.contains(&table.context.as_str()),
            "{}: no context {:?}",
            table.place,
            table.context
        );
    }
    let rows: usize = tables.iter().map(|table| table.cases.len()).sum();
    assert!(rows >= LEAST, "only {rows} rows");

    let mut stage = Stage::new(&tables);
    let (first, second) = ("target/0", "target/1");
    stage.expect("storage-attached", first, "one-storage-attached");
    stage.expect("install", first, "install");
    stage.deploy_target();
    stage.collect();

    stage.deploy_others();
    stage.expect("relation-created", first, "db-relation-created");
    stage.expect("relation-joined", first, "db-relation-joined");
    stage.bench.ok(&["integrate", "target:db", "server:db"]);
    stage.collect();

    stage.expect("application-changed", first, "db-relation-changed");
    stage.on_server("relation-set -r db:2 --app version=1 'odd=a<b>&c'");
    stage.collect();

    stage.expect("relation-changed", first, "db-relation-changed");
    stage.on_server(
        "token=$(secret-add --label tls --description theirs token=hunter2 cert=abc)\n\
         hidden=$(secret-add hidden=x)\n\
         secret-grant -r db:2 \"$token\"\n\
         relation-set -r db:2 name=first empty= \"lines=$(printf 'x\\ny')\" token=\"$token\" hidden=\"$hidden\"",
    );
    stage.collect();

    stage.expect("hook", first, "config-changed");
    stage.expect("follower", second, "config-changed");
    stage.bench.ok(&["config", "target", "size=7", "note=a: b"]);
    stage.collect();

    stage.expect("trusted", first, "config-changed");
    stage.bench.ok(&["trust", "target"]);
    stage.collect();

    stage.act();
    stage.exec("exec", first);
    stage.exec("exec-follower", second);

    stage.expect("secret-changed", first, "secret-changed");
    stage.on_server("secret-set --label tls $(secret-info-get --label tls | head -1 | tr -d :) token=second");
    stage.collect();

    stage.expect("relation-broken", first, "db-relation-broken");
    stage.bench.ok(&["remove-relation", "target", "server"]);
    stage.collect();

    stage.report();
}

#[test]
fn every_hook_command_has_rows() {
    let tables = Table::all();
    let words: std::collections::BTreeSet<&str> = tables
        .iter()
        .flat_map(|table| &table.cases)
        .flat_map(|case| case.command.split(|c: char| !(c.is_alphanumeric() || c == '-')))
        .collect();
    let missing: Vec<&str> =
        periapt_context::known_commands().into_iter().filter(|name| !words.contains(name)).collect();
    assert!(missing.is_empty(), "no rows for {missing:?}");
}
