//! What every hook command prints, how it exits and what it changes: tables of command lines on the model of
//! `periapt_context::testing`.

mod actions;
mod corpus;
mod grammar;
mod network_and_ports;
mod others;
mod relations;
mod secrets;
mod state_and_leadership;
mod status;
mod storage;
mod wakes;

use periapt_context::testing::Stage;

/// One command line and what it must give: exit code, standard output, standard error.
type Row<'a> = (&'a str, u8, &'a str, &'a str);

/// Runs each line in the same context.
#[track_caller]
fn check(stage: &mut Stage, rows: &[Row<'_>]) {
    for (line, code, stdout, stderr) in rows {
        let got = stage.line(line);
        assert_eq!((got.0, got.1.as_str(), got.2.as_str()), (*code, *stdout, *stderr), "{line}");
    }
}

/// Runs each line in a `config-changed` hook of its own.
#[track_caller]
fn check_each(rows: &[Row<'_>]) {
    for row in rows {
        check(&mut Stage::config_changed(), std::slice::from_ref(row));
    }
}
