//! What scripts that were written for `juju` rely on: questions before something goes, options, forms of arguments and texts.

mod common;

use common::juju::Juju;
use common::{Said, shell_charm};
use serde_json::json;

/// A model in which `one` runs on machine 0 and `two` on machine 1, and machine 2 is empty.
fn deployed() -> Juju {
    let juju = Juju::new();
    for name in ["one", "two"] {
        let charm = shell_charm(juju.bench.path(), name, "", &[("install", "true")]);
        juju.ok(&["deploy", &charm]);
    }
    juju.ok(&["add-machine"]);
    juju.bench.settle();
    juju
}

const WILL: &str = "WARNING This command will perform the following actions:\n";

#[track_caller]
fn is_aborted(said: &Said, list: &str, what: &str) {
    assert_eq!((said.code, said.stdout.as_str()), (1, list), "{said:?}");
    let asked = format!("{WILL}\nContinue [y/N]? ERROR {what}: aborted\n");
    assert!(said.stderr.starts_with(&asked), "{said:?}");
}

#[test]
fn removal_shows_what_goes_and_asks() {
    let juju = deployed();
    let before = juju.json(&["status"])["applications"].clone();
    let app = "will remove application one\n- will remove unit one/0\n";
    let cases: [(&[&str], &str, &str); 3] = [
        (&["remove-application", "one"], app, "application removal"),
        (&["remove-unit", "two/0"], "will remove unit two/0\n", "unit removal"),
        (&["remove-machine", "2"], "will remove machine 2\n", "machine removal"),
    ];
    for (arguments, list, what) in cases {
        // No, nothing, and the end of input.
        for answer in ["n\n", "\n", "", "yes please\n"] {
            is_aborted(&juju.told(answer, arguments), list, what);
        }
        let dry = juju.ok(&[arguments, &["--dry-run"]].concat());
        assert_eq!((dry.stdout.as_str(), dry.stderr.as_str()), (list, WILL));
    }
    assert_eq!(juju.json(&["status"])["applications"], before, "nothing was changed");
    assert!(juju.json(&["machines"])["machines"].get("2").is_some());

    // A yes, in any case; the list is not shown a second time.
    let said = juju.told("Y\n", &["remove-application", "one"]);
    assert_eq!((said.code, said.stdout.as_str()), (0, app), "{said:?}");
    let said = juju.told("yes\n", &["remove-machine", "2"]);
    assert_eq!((said.code, said.stdout.as_str()), (0, "will remove machine 2\n"), "{said:?}");
    // A model whose mode does not say so does not ask, and none asks for --num-units.
    let said = juju.told("", &["remove-unit", "two", "--num-units", "1"]);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{said:?}");
    juju.bench.settle();
    let said = juju.ok(&["model-config", "mode=strict"]);
    assert_eq!(said.stderr, "", "it has an effect");
    let said = juju.run(&["remove-application", "two"]);
    assert_eq!((said.code, said.stdout.as_str()), (0, "will remove application two\n"), "{said:?}");
    juju.bench.settle();
    juju.ok(&["model-config", "mode=strict, requires-prompts"]);
    juju.ok(&["add-machine"]);
    is_aborted(&juju.run(&["remove-machine", "3"]), "will remove machine 3\n", "machine removal");
}

#[test]
fn a_dry_run_refuses_what_the_real_one_refuses() {
    let juju = deployed();
    for arguments in [
        &["remove-application", "one", "nope"][..],
        &["remove-unit", "one/0", "one/7"],
        &["remove-machine", "0"],
        &["remove-machine", "7"],
    ] {
        let dry = juju.refused(&[arguments, &["--dry-run"]].concat());
        assert_eq!(dry, juju.refused(arguments), "{arguments:?}");
        assert_eq!(dry.0, 1, "{dry:?}");
    }
    for (verb, target) in [("remove-application", "one"), ("remove-unit", "one/0"), ("remove-machine", "0")] {
        let (code, said) = juju.refused(&[verb, target, "--no-wait", "--no-prompt"]);
        assert_eq!((code, said.as_str()), (2, "ERROR --no-wait without --force not valid"));
    }
    assert_eq!(juju.json(&["status"])["applications"].as_object().map(|apps| apps.len()), Some(2));
    assert_eq!(juju.json(&["machines"])["machines"].as_object().map(|machines| machines.len()), Some(3));
}

#[test]
fn what_is_destroyed_is_named_first() {
    let juju = Juju::new();
    juju.ok(&["add-model", "work"]);
    for answer in ["", "y\n", "default\n"] {
        let said = juju.told(answer, &["destroy-model", "work"]);
        assert!(said.code == 1 && said.stderr.contains("ERROR model destruction: aborted\n"), "{said:?}");
        let said = juju.told(answer, &["kill-controller", "periapt"]);
        assert!(
            said.code == 1 && said.stderr.contains("ERROR controller destruction: aborted\n"),
            "{said:?}"
        );
    }
    let said = juju.told("n\n", &["remove-offer", "none", "--force"]);
    assert!(said.code == 1 && said.stderr.contains("ERROR offer removal: aborted\n"), "{said:?}");
    assert_eq!(juju.json(&["models"])["models"].as_array().map(Vec::len), Some(2));
    let said = juju.told("work\n", &["destroy-model", "work"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(juju.json(&["models"])["models"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        juju.json(&["model-config", "-m", "default"])["mode"],
        json!({"Value": "requires-prompts", "Source": "default"})
    );
}
