//! What the command line says of slips that people make with charms: at once, and what to do.

mod common;

use std::time::Duration;

use common::{Bench, shell_charm, until};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn slips_are_told_with_what_was_probably_meant() {
    let bench = Bench::new();
    let charm = shell_charm(
        bench.path(),
        "alphabet",
        "requires: {letters: {interface: text}}\n",
        &[("strat", "true"), ("config-changed", "test -z \"$(config-get size)\"")],
    );
    std::fs::write(format!("{charm}/config.yaml"), "options: {size: {type: string}}\n").expect("written");
    let said = bench.run(&["deploy", &charm]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.stderr.contains("WARNING hooks/strat is never run") && said.stderr.contains("hooks/start?"),
        "{said:?}"
    );
    bench.settle();
    for (arguments, expected) in [
        (&["config", "alphabet", "siez"][..], "did you mean \"size\"? periapt config alphabet lists them"),
        (&["config", "alphabet", "siez=3"], "did you mean \"size\"?"),
        (&["integrate", "alphabte", "other"], "did you mean \"alphabet\"?"),
        (&["integrate", "alphabet:leters", "alphabet"], "cannot integrate application"),
        (
            &["deploy", "alphabte", "--dry-run"],
            "there is no file or folder \"alphabte\" here, and no charm \"alphabte\"",
        ),
        (
            &["deploy", "alphabte", "--overlay", "x.yaml"],
            "a bundle is given by its path, such as ./bundle.yaml",
        ),
        (&["deploy", &charm, "--dry-run"], "are for bundles, and this is a charm"),
    ] {
        let said = bench.refused(arguments);
        assert!(said.stderr.contains(expected), "{arguments:?}: {said:?}");
    }
    let other =
        shell_charm(bench.path(), "other", "provides: {letters: {interface: text}}\n", &[("start", "true")]);
    bench.ok(&["deploy", &other]);
    let said = bench.refused(&["integrate", "alphabet:leters", "other"]);
    assert!(said.stderr.contains("did you mean \"letters\"? Its endpoints are: letters"), "{said:?}");
}

#[test]
fn who_refreshes_a_unit_in_error_is_told_what_comes_of_it() {
    let bench = Bench::new();
    let charm = shell_charm(bench.path(), "alphabet", "", &[("start", "exit 1")]);
    bench.ok(&["model-config", "automatically-retry-hooks=false"]);
    bench.ok(&["deploy", &charm, "-n", "2"]);
    until("both have failed", LONG, || {
        let why = bench.ok(&["why", "alphabet"]);
        (why.matches("start failed").count() == 2).then_some(())
    });
    let said = bench.run(&["refresh", "alphabet", "--path", &charm]);
    assert_eq!(said.code, 0, "{said:?}");
    for unit in ["alphabet/0", "alphabet/1"] {
        let error =
            format!("{unit} is in error (hook failed: \"start\"): it gets the new charm when that is over");
        let remedy = format!(
            "periapt refresh alphabet --path {charm} --force-units puts the files in place at once, and periapt resolved {unit}"
        );
        assert!(said.stderr.contains(&error) && said.stderr.contains(&remedy), "{said:?}");
    }
    let said = bench.run(&["refresh", "alphabet", "--path", &charm, "--force-units"]);
    assert!(said.code == 0 && !said.stderr.contains("is in error"), "{said:?}");
}

#[test]
fn who_asks_for_the_log_of_what_is_not_there_is_told() {
    let bench = Bench::new();
    let charm = shell_charm(bench.path(), "alphabet", "", &[("start", "true")]);
    bench.ok(&["deploy", &charm]);
    bench.settle();
    let log = |include: &str| bench.run(&["debug-log", "--no-tail", "--include", include]);
    let note = |what: &str| format!("note: there is no {what} in the model now\n");
    assert_eq!(log("alphabet/7").stderr, note("unit alphabet/7"));
    assert_eq!(log("unit-alphabet-7,alphabet/0").stderr, note("unit alphabet/7"));
    assert_eq!(log("alphabte").stderr, note("application alphabte"));
    for there in ["alphabet", "alphabet/0", "unit-alphabet-0", "alphabet/leader", "machine-0", "alpha*"] {
        assert_eq!(log(there).stderr, "", "{there}");
    }
}
