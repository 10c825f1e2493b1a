//! The verbs that answer for one controller on one machine, as a script written for `juju` calls them.

mod common;

use common::juju::Juju;
use common::{Said, shell_charm};
use serde_json::{Value, json};

#[test]
fn one_controller_one_user_one_cloud() {
    let juju = Juju::new();
    let controllers = juju.json(&["controllers"]);
    assert_eq!(controllers["current-controller"], "periapt");
    let ours = &controllers["controllers"]["periapt"];
    assert_eq!(
        (&ours["current-model"], &ours["user"], &ours["access"], &ours["cloud"], &ours["model-count"]),
        (&json!("admin/default"), &json!("admin"), &json!("superuser"), &json!("localhost"), &json!(1))
    );
    let shown = juju.json(&["show-controller"]);
    assert_eq!(shown["periapt"]["details"]["controller-uuid"], ours["uuid"]);
    assert_eq!(shown["periapt"]["account"], json!({"user": "admin", "access": "superuser"}));
    assert_eq!(shown["periapt"]["models"]["default"]["unit-count"], 0);
    assert_eq!(juju.json(&["whoami"]), json!({"controller": "periapt", "model": "default", "user": "admin"}));
    assert_eq!(
        juju.ok(&["whoami"]).stdout,
        "Controller:  periapt\nModel:       default\nUser:        admin\n"
    );
    assert_eq!(juju.json(&["users"])[0]["user-name"], "admin");
    assert_eq!(juju.json(&["users", "default"])["admin"]["access"], "admin");
    assert_eq!(juju.json(&["show-user"])["display-name"], "admin");
    assert_eq!(juju.json(&["clouds"])["localhost"]["type"], "lxd");
    assert_eq!(juju.ok(&["regions", "localhost"]).stdout, "localhost\n");
    assert_eq!(juju.json(&["spaces"])["spaces"][0]["name"], "alpha");
    assert_eq!(juju.json(&["show-space", "alpha"])["machine-count"], 0);
    assert_eq!(juju.json(&["subnets"])["subnets"]["127.0.0.0/8"]["space"], "alpha");
    assert_eq!(juju.json(&["storage-pools", "--name", "rootfs"]), json!({"rootfs": {"provider": "rootfs"}}));
    assert_eq!(juju.json(&["secret-backends"])["internal"]["status"], "active");
    assert_eq!(juju.json(&["model-defaults", "deferred-wake"]), json!({"deferred-wake": {"default": "1s"}}));
    assert_eq!(juju.json(&["controller-config", "controller-name"]), "periapt");
    for table in ["controllers", "users", "clouds", "spaces", "model-defaults", "storage-pools", "machines"] {
        juju.ok(&[table]);
    }
}

#[test]
fn a_script_makes_a_controller_and_takes_it_away() {
    let juju = Juju::new();
    let made = juju.ok(&["bootstrap", "localhost", "overlord", "--config", "x=500", "--add-model", "work"]);
    assert!(made.stderr.contains("note: --config has no effect here"), "{made:?}");
    assert_eq!(juju.ok(&["switch"]).stdout, "overlord:admin/work\n");
    assert_eq!(juju.json(&["status", "-m", "overlord:work"])["model"]["name"], "work");
    juju.ok(&["add-model", "-c", "overlord", "more"]);
    juju.ok(&["switch", "overlord:admin/work"]);
    let listed = &juju.json(&["controllers"])["controllers"];
    assert_eq!(listed["overlord"]["uuid"], listed["periapt"]["uuid"]);
    assert_eq!(juju.json(&["show-controller", "overlord"])["overlord"]["details"]["cloud"], "localhost");
    for (line, message) in [
        ("bootstrap localhost overlord", "ERROR controller \"overlord\" already exists"),
        ("bootstrap localhost second", "ERROR cannot make controller \"second\": the daemon of this home"),
        ("consume overlord:admin/work.none", "ERROR application offer \"none\" not found"),
        ("consume other:admin/work.none", "ERROR controller other not found"),
        ("destroy-controller second --no-prompt", "ERROR controller second not found"),
        (
            "destroy-controller overlord --no-prompt",
            "ERROR cannot destroy controller \"overlord\": it has models",
        ),
    ] {
        let (code, said) = juju.refused(&line.split(' ').collect::<Vec<_>>());
        assert!(code == 1 && said.starts_with(message), "{line}: {said}");
    }
    juju.ok(&["destroy-controller", "overlord", "--destroy-all-models", "--destroy-storage", "--no-prompt"]);
    let models = juju.json(&["models"]);
    assert_eq!(models["models"].as_array().map(Vec::len), Some(1), "{models}");
    assert_eq!(juju.refused(&["show-controller", "overlord"]).1, "ERROR controller overlord not found");
    // It is as new.
    juju.ok(&["bootstrap", "lxd"]);
    // Nobody answers, which is a no.
    let said = juju.run(&["kill-controller", "lxd-localhost"]);
    assert!(said.code == 1 && said.stderr.contains("ERROR controller destruction: aborted"), "{said:?}");
    // A secret is something, too.
    juju.ok(&["add-secret", "keep", "value=v"]);
    let (_, said) = juju.refused(&["destroy-controller", "-y", "lxd-localhost"]);
    assert!(said.starts_with("ERROR cannot destroy controller \"lxd-localhost\": it has models"), "{said}");
    juju.ok(&["kill-controller", "-y", "lxd-localhost"]);
    assert_eq!(juju.ok(&["switch"]).stdout, "periapt:admin/default\n");
}

#[test]
fn what_cannot_be_says_why() {
    let juju = Juju::new();
    for (line, code, message) in [
        ("controllers-x", 2, "ERROR juju: \"controllers-x\" is not a juju command. See \"juju --help\"."),
        ("grant bob read default", 1, "ERROR juju grant is not possible here: there is one user, admin: "),
        ("migrate m other", 1, "ERROR juju migrate is not possible here: there is one controller"),
        ("enable-ha", 1, "ERROR juju enable-ha is not possible here: the controller is one daemon"),
        ("bootstrap localhost periapt", 1, "ERROR controller \"periapt\" already exists"),
        (
            "bootstrap mars other --no-switch",
            1,
            "ERROR cannot make controller \"other\": nothing runs in cloud \"mars\"",
        ),
        ("bootstrap localhost a:b", 2, "ERROR \"a:b\" is not a valid controller name"),
        ("whoami -c other", 1, "ERROR controller other not found"),
        ("models --controller other", 1, "ERROR controller other not found"),
        ("show-controller other", 1, "ERROR controller other not found"),
        ("show-user bob", 1, "ERROR user \"bob\" not found"),
        ("show-cloud mars", 1, "ERROR cloud mars not found"),
        ("show-space beta", 1, "ERROR space \"beta\" not found"),
        ("model-defaults test-mode=true", 1, "ERROR the default of \"test-mode\" cannot be changed here"),
        ("add-cloud x", 2, "ERROR the cloud must be defined in a file"),
        ("add-credential aws", 2, "ERROR credentials are read from a file"),
        ("add-machine lxd:0", 1, "ERROR cannot add \"lxd:0\": there are no containers"),
        ("add-machine 3", 1, "ERROR machine-id cannot be specified when adding machines"),
        ("remove-machine 0", 1, "ERROR machine 0 not found"),
        ("show-machine 0", 1, "ERROR machine 0 not found"),
        ("set-model-constraints memory=1G", 1, "ERROR unknown constraint \"memory\""),
        ("constraints nobody", 1, "ERROR application \"nobody\" not found"),
        ("add-ssh-key hello", 1, "ERROR cannot add key \"hello\": invalid ssh key"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let (was, said) = juju.refused(&words);
        assert!(was == code && said.starts_with(message), "{line}: {was} {said}");
    }
}

#[test]
fn clouds_and_credentials_are_kept() {
    let juju = Juju::new();
    let cloud = |endpoint: &str| json!({"clouds": {"mine": {"type": "openstack", "auth-types": ["userpass"], "regions": {"r": {"endpoint": endpoint}}}}});
    let (first, second) = (juju.write("1", &cloud("https://one")), juju.write("2", &cloud("https://two")));
    for place in [&["--client"][..], &["--controller", "periapt"]] {
        let with = |words: &[&str]| juju.ok(&[words, place].concat());
        with(&["add-cloud", "mine", "--file", &first]);
        assert!(with(&["show-cloud", "mine"]).stdout.contains("https://one"));
        assert_eq!(juju.run(&[&["add-cloud", "mine", "--file", &first], place].concat()).code, 1);
        with(&["update-cloud", "mine", "-f", &second]);
        assert!(with(&["show-cloud", "mine"]).stdout.contains("https://two"));
        assert_eq!(juju.json(&["regions", "mine"]), json!({"r": {"endpoint": "https://two"}}));
        with(&["remove-cloud", "mine"]);
        assert!(with(&["remove-cloud", "mine"]).stderr.contains("No cloud called \"mine\" exists"));
    }
    let file = juju.write(
        "3",
        &json!({"credentials": {"aws": {"cred1": {"auth-type": "access-key", "access-key": "open", "secret-key": "hidden-word"}}}}),
    );
    juju.ok(&["add-credential", "aws", "--client", "--file", &file]);
    let shown = juju.json(&["credentials"]);
    let one = &shown["client-credentials"]["aws"]["cloud-credentials"]["cred1"];
    assert_eq!(one, &json!({"auth-type": "access-key", "details": {"access-key": "open"}}));
    for verb in ["credentials", "show-credential"] {
        for format in ["json", "yaml"] {
            assert!(!juju.ok(&[verb, "--format", format]).stdout.contains("hidden-word"), "{verb} {format}");
        }
        assert!(juju.ok(&[verb, "--show-secrets", "--format", "json"]).stdout.contains("hidden-word"));
    }
    juju.ok(&["remove-credential", "aws", "cred1"]);
    assert_eq!(juju.json(&["credentials"]), json!({}));
}

#[test]
fn machines_and_constraints() {
    let juju = Juju::new();
    let charm = shell_charm(juju.bench.path(), "tiny", "", &[("start", "status-set active")]);
    assert_eq!(juju.json(&["model-constraints"]), json!({}));
    juju.ok(&["set-model-constraints", "mem=1G", "cores=4"]);
    assert_eq!(juju.json(&["model-constraints"]), json!({"mem": 1024, "cores": 4}));
    assert_eq!(juju.ok(&["get-model-constraints"]).stdout, "cores=4 mem=1024M\n");
    assert_eq!(juju.ok(&["add-machine"]).stderr, "created machine 0\n");
    let said = juju.ok(&["add-machine", "-n", "2", "--constraints", "arch=amd64", "--disks", "1"]).stderr;
    assert!(said.starts_with("note: --disks has no effect here: "), "{said}");
    assert!(said.ends_with("created machine 1\ncreated machine 2\n"), "{said}");

    juju.ok(&["deploy", &charm, "--to", "1", "-n", "2", "--constraints", "root-disk=1G"]);
    juju.ok(&["add-unit", "tiny", "--to", "1"]);
    juju.bench.settle();
    let status = juju.json(&["status"]);
    let units = &status["applications"]["tiny"]["units"];
    let machine = |unit: &str| units[unit]["machine"].as_str().map(str::to_owned);
    assert_eq!(
        (machine("tiny/0").as_deref(), machine("tiny/1").as_deref(), machine("tiny/2").as_deref()),
        (Some("1"), Some("3"), Some("1"))
    );
    assert_eq!(units["tiny/2"]["workload-status"]["current"], "active");
    assert_eq!(status["machines"]["3"]["constraints"], "cores=4 mem=1024M root-disk=1024M");
    assert_eq!(status["storage"], json!({}));
    assert_eq!(juju.json(&["show-application", "tiny"])["tiny"]["constraints"], json!({"root-disk": 1024}));
    juju.ok(&["set-constraints", "tiny", "cores=1"]);
    assert_eq!(juju.json(&["constraints", "tiny"]), json!({"cores": 1}));

    let machines = juju.json(&["machines"]);
    assert_eq!(machines["model"], "default");
    assert_eq!(machines["machines"].as_object().unwrap().len(), 4);
    assert_eq!(juju.json(&["show-machine", "2"])["machines"].as_object().unwrap().len(), 1);
    let (code, why) = juju.refused(&["remove-machine", "1"]);
    assert_eq!((code, why.as_str()), (1, "ERROR machine 1 has unit \"tiny/0\" assigned"));
    let dry = juju.ok(&["remove-machine", "2", "--dry-run"]).stdout;
    assert!(dry.contains("will remove machine 2"), "{dry}");
    juju.ok(&["remove-machine", "2", "--no-prompt"]);
    juju.ok(&["remove-unit", "tiny/1", "--no-prompt"]);
    juju.bench.settle();
    let left = juju.json(&["machines"]);
    let left: Vec<&String> = left["machines"].as_object().unwrap().keys().collect();
    assert_eq!(left, ["0", "1"], "that of tiny/1 went with it");

    juju.ok(&["bind", "tiny", "alpha"]);
    let (_, why) = juju.refused(&["bind", "tiny", "beta"]);
    assert_eq!(why, "ERROR space \"beta\" not found");
    juju.ok(&["scale-application", "tiny", "1"]);
    juju.bench.settle();
    assert_eq!(juju.json(&["status"])["applications"]["tiny"]["scale"], 1);
}

#[test]
fn keys_plugins_and_notes() {
    use std::os::unix::fs::PermissionsExt as _;
    let juju = Juju::new();
    let key = "ssh-rsa AAAAB3NzaC1yc2E me@here";
    juju.ok(&["add-ssh-key", key]);
    assert!(juju.ok(&["ssh-keys"]).stdout.contains("ssh-rsa (me@here)"));
    let (_, why) = juju.refused(&["add-ssh-key", key]);
    assert!(why.ends_with("duplicate ssh key"), "{why}");
    juju.ok(&["remove-ssh-key", key]);
    let gone = juju.ok(&["remove-ssh-key", "me@here"]);
    assert!(gone.stderr.starts_with("cannot remove key id \"me@here\""), "{gone:?}");

    let folder = juju.bench.path().join("plugins");
    std::fs::create_dir(&folder).unwrap();
    let plugin = folder.join("juju-greet");
    std::fs::write(&plugin, "#!/bin/sh\necho \"hello $*\"\nexit 7\n").unwrap();
    std::fs::set_permissions(&plugin, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::join_paths(
        std::iter::once(folder).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let program = juju.bench.path().join("juju").display().to_string();
    let mut command = juju.bench.command_of(&program);
    let said = Said::of(command.env("PATH", path.unwrap()).args(["greet", "--all", "x"]).output().unwrap());
    assert_eq!((said.code, said.stdout.as_str()), (7, "hello --all x\n"));

    let note = juju.ok(&["add-model", "second", "aws/eu", "--credential", "c", "--no-switch"]).stderr;
    assert_eq!(note.matches("no effect here").count(), 1, "{note}");
    let note = juju.ok(&["model-config", "-m", "second", "image-stream=daily", "deferred-wake=2s"]).stderr;
    assert_eq!(note, "note: image-stream has no effect here: kept and shown\n");
    let config = juju.json(&["model-config", "-m", "second"]);
    assert_eq!(config["image-stream"], json!({"Value": "daily", "Source": "model"}));
    assert_eq!(config["test-mode"], json!({"Value": false, "Source": "default"}));
    let (_, why) = juju.refused(&["model-config", "test-mod=true"]);
    assert!(why.contains("did you mean \"test-mode\""), "{why}");
    let quiet = juju.ok(&["--quiet", "add-model", "third", "aws/eu", "--no-switch"]).stderr;
    assert_eq!(quiet, "");
    assert_eq!(juju.json(&["show-model", "third"])["third"]["type"], "lxd");
    assert_eq!(
        juju.json(&["show-model", "third"])["third"]["secret-backends"],
        json!({"internal": {"num-secrets": 0, "status": "active"}})
    );
}

#[test]
fn a_packed_charm_is_named_as_charmcraft_names_it() {
    let juju = Juju::new();
    let folder = shell_charm(juju.bench.path(), "packed", "", &[("install", "true")]);
    let out = juju.bench.path().join("out");
    std::fs::create_dir(&out).expect("a folder");
    let out = out.display().to_string();
    let pack = ["pack", "--verbose", "--destructive-mode", "--platform", "amd64", "-p", &folder, "-o", &out];
    let said = juju.ok(&pack);
    let line = said.stderr.lines().find(|line| line.starts_with("Packed")).expect("a line");
    let name = line.split_whitespace().nth(1).expect("a name");
    assert!(std::path::Path::new(&out).join(name).is_file(), "{said:?}");
    assert_eq!(said.stdout, format!("{out}/{name}\n"));
    assert_eq!(juju.json(&pack), json!({"charms": [name]}));
}

#[test]
fn a_setting_that_nothing_knows_is_kept_with_a_warning() {
    let juju = Juju::new();
    let said = juju.ok(&["model-config", "arch=amd64"]);
    assert!(
        said.stderr.contains("WARNING key \"arch\" is not defined in the current model configuration"),
        "{said:?}"
    );
    assert_eq!(juju.json(&["model-config"])["arch"], json!({"Value": "amd64", "Source": "model"}));
    juju.ok(&["model-config", "--reset", "arch"]);
    assert_eq!(juju.json(&["model-config"])["arch"], Value::Null);
    let (code, said) = juju.refused(&["model-config", "test-mod=true"]);
    assert!(code == 1 && said.contains("did you mean \"test-mode\"?"), "{said}");
}

#[test]
fn of_applications_to_remove_those_go_that_can() {
    let juju = Juju::new();
    for name in ["one", "two"] {
        let charm = shell_charm(juju.bench.path(), name, "", &[("install", "true")]);
        juju.ok(&["deploy", &charm]);
    }
    let words = "ERROR removing application nope failed: application \"nope\" not found";
    let goes = |name: &str| {
        let app = juju.json(&["status"])["applications"][name].clone();
        app.is_null() || app["life"] == "dying"
    };
    // Juju asks first, and finds it by that.
    let (code, error) = juju.refused(&["remove-application", "one", "nope"]);
    assert_eq!((code, error.as_str()), (1, words));
    assert!(!goes("one") && !goes("two"));
    let said = juju.run(&["remove-application", "nope", "one", "--no-prompt"]);
    assert_eq!((said.code, said.stderr.lines().next()), (1, Some(words)), "{said:?}");
    assert_eq!(said.stdout, "will remove application one\n- will remove unit one/0\n");
    assert!(goes("one") && !goes("two"));
}
