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
    let asked = format!("{WILL}\nContinue [y/N]? \nERROR {what}: aborted\n");
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

/// A charm folder that names these bases in its manifest.
fn with_bases(juju: &Juju, name: &str, bases: &str) -> String {
    let path = shell_charm(juju.bench.path(), name, "", &[("install", "true")]);
    std::fs::write(format!("{path}/manifest.yaml"), format!("bases: [{bases}]\n")).expect("a file");
    path
}

#[test]
fn a_charm_is_deployed_for_the_base_that_is_asked_for() {
    let juju = Juju::new();
    let base =
        |version: &str| format!("{{name: ubuntu, channel: '{version}/stable', architectures: [amd64]}}");
    let many = with_bases(&juju, "many", &["16.04", "20.04", "22.04"].map(base).join(", "));
    let one = with_bases(&juju, "one", &base("24.04"));
    juju.ok(&["deploy", &many, "plain"]);
    juju.ok(&["deploy", &many, "asked", "--base", "ubuntu@20.04"]);
    let said = juju.ok(&["deploy", &many, "old", "--series", "xenial"]);
    assert!(said.stderr.contains("WARNING series flag is deprecated, use --base instead\n"), "{said:?}");
    juju.ok(&["deploy", &one]);
    let apps = juju.json(&["status"])["applications"].clone();
    let shown =
        ["plain", "asked", "old", "one"].map(|app| apps[app]["base"]["channel"].as_str().unwrap_or(""));
    assert_eq!(shown, ["22.04", "20.04", "16.04", "24.04"]);
    assert_eq!(juju.json(&["show-application", "asked"])["asked"]["base"], "ubuntu@20.04");
    // A charm that the model has is deployed again as it is, with its number.
    let url = juju.json(&["show-application", "asked"])["asked"]["charm-url"].as_str().map(str::to_owned);
    let url = url.expect("a url");
    juju.ok(&["deploy", &url, "another", "--base", "ubuntu@20.04"]);
    let another = &juju.json(&["status"])["applications"]["another"];
    assert_eq!(
        (another["charm"].as_str(), &another["base"]["channel"]),
        (Some(url.as_str()), &json!("20.04"))
    );
    assert!(juju.refused(&["deploy", "local:many-99", "none"]).1.contains("\"local:many-99\" not found"));
    let refused = |arguments: &[&str], code: i32, words: &str| {
        let (got, said) = juju.refused(arguments);
        assert!(got == code && said.contains(words), "{arguments:?}: {got} {said}");
    };
    refused(
        &["deploy", &one, "x", "--base", "ubuntu@24.04", "--series", "noble"],
        2,
        "cannot be specified together",
    );
    refused(
        &["deploy", &one, "x", "--base", "ubuntu@20.04"],
        1,
        "base \"ubuntu@20.04\" not supported by charm, the charm supported bases are: ubuntu@24.04",
    );
    let said = juju.run(&["add-machine", "--series", "jammy", "--base", "ubuntu@22.04"]);
    assert!(said.code == 2 && said.stderr.contains("cannot be specified together"), "{said:?}");
    // Not of what was refused.
    assert_eq!(juju.json(&["status"])["applications"].as_object().map(|apps| apps.len()), Some(5));
    juju.ok(&["deploy", &one, "forced", "--base", "ubuntu@20.04", "--force"]);
    let bundle = juju.ok(&["export-bundle", "--include-series"]).stdout;
    assert!(bundle.contains("series: xenial") && bundle.contains("series: noble"), "{bundle}");
    assert!(!juju.ok(&["export-bundle"]).stdout.contains("series"));
}

#[test]
fn what_juju_shows_is_shown_in_its_form() {
    let juju = Juju::new();
    let said = juju.ok(&["status"]);
    assert_eq!(said.stderr, "\nModel \"admin/default\" is empty.\n");
    let options = "options:\n  token: {type: string, default: '', description: A token}\n";
    let path = shell_charm(juju.bench.path(), "source", "", &[("install", "true")]);
    std::fs::write(format!("{path}/config.yaml"), options).expect("a file");
    juju.ok(&["deploy", &path]);
    juju.bench.settle();
    assert_eq!(
        juju.ok(&["config", "source"]).stdout,
        "application: source\napplication-config:\n  trust:\n    default: false\n    description: Does this \
         application have access to trusted credentials\n    source: default\n    type: bool\n    value: \
         false\ncharm: source\nsettings:\n  token:\n    default: \"\"\n    description: A token\n    source: \
         default\n    type: string\n    value: \"\"\n"
    );
    // A constraint of nothing takes the model's away.
    juju.ok(&["set-constraints", "source", "mem=", "cores=2"]);
    assert_eq!(juju.ok(&["constraints", "source"]).stdout, "cores=2 mem=\n");
    juju.ok(&["set-model-constraints", "mem="]);
    // Its own output is read again, in YAML, and names no change but what was there.
    juju.ok(&["model-config", "cloudinit-userdata=packages: [x]"]);
    let shown = juju.ok(&["model-config"]).stdout;
    assert!(shown.contains("<value set, see juju model-config cloudinit-userdata>"), "{shown}");
    let yaml = juju.ok(&["model-config", "--format", "yaml"]).stdout;
    assert!(yaml.contains("mode:\n  value: requires-prompts\n  source: default\n"), "{yaml}");
    let file = juju.bench.path().join("settings.yaml").display().to_string();
    std::fs::write(&file, &yaml).expect("a file");
    let (_, said) = juju.refused(&["model-config", "--file", &file]);
    assert!(said.contains("agent-version"), "{said}");
    juju.ok(&["model-config", "--file", &file, "--ignore-read-only-fields"]);
    assert_eq!(juju.ok(&["model-config", "cloudinit-userdata"]).stdout, "packages: [x]\n");

    let machines = juju.json(&["show-machine"]);
    assert_eq!(machines["machines"].as_object().map(|machines| machines.len()), Some(1));
    assert!(juju.ok(&["resources", "source/0"]).stderr.contains("No resources to display."));
    assert_eq!(juju.refused(&["resources", "source/9"]).0, 1);
    for text in ["config-get", "state-set"] {
        assert!(juju.ok(&["help-tool"]).stdout.contains(text));
        assert!(juju.ok(&["help-hook-commands", text]).stdout.starts_with(&format!("Usage: {text}")));
    }
    assert!(!juju.ok(&["help-action-commands"]).stdout.contains("config-get"));
    assert_eq!(juju.refused(&["help-tool", "config-gte"]).0, 1);
    let listed = juju.ok(&["models", "--exact-time", "--uuid"]).stdout;
    assert!(listed.contains("Last connection") && listed.contains("+0000 UTC"), "{listed}");
    assert_eq!(juju.refused(&["models", "--user", "bob"]).1, "ERROR user \"bob\" not found");
}

#[test]
fn operations_are_shown_in_batches() {
    let juju = deployed();
    for _ in 0..3 {
        juju.ok(&["exec", "--unit", "one/0", "--", "true"]);
    }
    let all = juju.json(&["operations"]);
    let numbers: Vec<&String> = all.as_object().expect("operations").keys().collect();
    let second = juju.json(&["operations", "--offset", "1", "--limit", "1"]);
    assert_eq!(second.as_object().map(|all| all.keys().collect::<Vec<_>>()), Some(vec![numbers[1]]), "{all}");
    let shown = juju.ok(&["operations", "--offset", "1", "--limit", "1"]).stdout;
    let heading = "Displaying operation results 2 to 2.\nRun the command again with --offset=2 --limit=1 to see the next batch.\n";
    assert!(shown.starts_with(heading), "{shown}");
    assert_eq!(juju.json(&["operations", "--offset", "9"]), json!({}));
    assert_eq!(juju.json(&["operations", "--limit", "0"]), all);
}

#[test]
fn payloads_are_shown_as_they_were_told() {
    let juju = Juju::new();
    let charm = shell_charm(
        juju.bench.path(),
        "told",
        "payloads:\n  monitor: {type: docker}\n",
        &[("start", "payload-register docker monitor abc red big")],
    );
    assert_eq!(juju.ok(&["payloads"]).stderr, "No payloads to display.\n");
    juju.ok(&["deploy", &charm]);
    juju.bench.settle();
    let wanted = json!([{"unit": "told/0", "machine": "0", "id": "abc", "type": "docker", "payload-class": "monitor",
        "tags": ["red", "big"], "status": "started"}]);
    assert_eq!(juju.json(&["payloads", "monitor"]), wanted);
    assert_eq!(juju.ok(&["list-payloads", "nothing"]).stdout, "");
}

#[test]
fn the_controller_is_called_as_it_was_made() {
    let juju = Juju::new();
    juju.ok(&["bootstrap", "localhost", "foo"]);
    assert_eq!(juju.json(&["status"])["model"]["controller"], "foo");
    assert_eq!(juju.json(&["whoami"])["controller"], "foo");
    assert_eq!(juju.json(&["controllers"])["current-controller"], "foo");
    assert_eq!(juju.ok(&["switch"]).stdout, "foo:admin/default\n");
    assert!(juju.ok(&["models"]).stdout.starts_with("Controller: foo\n"));
    assert_eq!(juju.json(&["show-model"])["default"]["controller-name"], "foo");
    // It has a model of its own, in which this machine is.
    let machines = juju.json(&["show-machine", "-m", "foo:controller"]);
    assert_eq!(machines["machines"]["0"]["juju-status"]["current"], "started");
    assert_eq!(juju.json(&["status", "-m", "controller"])["model"]["name"], "controller");
    let models = juju.json(&["models"]);
    let own =
        models["models"].as_array().and_then(|all| all.iter().find(|model| model["is-controller"] == true));
    assert_eq!(own.map(|model| &model["short-name"]), Some(&json!("controller")), "{models}");
    juju.ok(&["switch", "controller"]);
    assert_eq!(juju.ok(&["switch"]).stdout, "foo:admin/controller\n");
    juju.ok(&["switch", ":default"]);
    assert_eq!(juju.ok(&["switch", "foo:"]).stderr, "foo:admin/default (no change)\n");
    assert_eq!(juju.refused(&["switch", "bar:"]).1, "ERROR controller bar not found");
    let (code, said) = juju.refused(&["destroy-model", "controller", "--no-prompt"]);
    assert_eq!(
        (code, said.as_str()),
        (1, "ERROR \"controller\" is a controller; use 'juju destroy-controller' to destroy it")
    );
    // Who destroys the current model has none.
    juju.ok(&["add-model", "work"]);
    juju.ok(&["destroy-model", "work", "--no-prompt"]);
    assert_eq!(juju.ok(&["switch"]).stdout, "foo\n");
    assert_eq!(juju.json(&["whoami"]), json!({"controller": "foo", "user": "admin"}));
    assert_eq!(juju.refused(&["status"]), (1, "ERROR No model in focus.".to_owned()));
    assert_eq!(juju.ok(&["switch", "default"]).stderr, "foo (controller) -> foo:admin/default\n");
    // Its own model is none that it hosts.
    juju.ok(&["destroy-controller", "foo", "--no-prompt"]);
    assert_eq!(juju.json(&["models"])["models"].as_array().map(Vec::len), Some(1));
    assert_eq!(juju.ok(&["switch"]).stdout, "periapt:admin/default\n");
}
