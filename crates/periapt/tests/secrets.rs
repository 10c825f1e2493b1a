//! Secrets of the operator and of charms, as both see them, and as whoever reads the disk does.

mod common;

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use common::{Bench, Said, shell_charm};
use serde_json::{Value, json};

/// Values that nobody but who is told may see, and the same as the model keeps them.
const FIRST: [&str; 2] = ["first-Kohlrabi-4711", "Zmlyc3QtS29obHJhYmktNDcxMQ=="];
const SECOND: [&str; 2] = ["second-Kohlrabi-4711", "c2Vjb25kLUtvaGxyYWJpLTQ3MTE="];
const THEIRS: [&str; 2] = ["theirs-Kohlrabi-4711", "dGhlaXJzLUtvaGxyYWJpLTQ3MTE="];

/// Deploys an application that notes which secrets changed, and reads on.
fn deploy(bench: &Bench, name: &str) {
    let changed = "echo \"$JUJU_SECRET_ID\" >>changed; secret-get \"$JUJU_SECRET_ID\" --refresh >/dev/null";
    let path = shell_charm(bench.path(), name, "", &[("install", "true"), ("secret-changed", changed)]);
    bench.ok(&["deploy", &path]);
    bench.settle();
}

/// What a script says in a hook context of a unit.
fn exec(bench: &Bench, unit: &str, script: &str) -> Said {
    bench.run(&["exec", "--unit", unit, "--", script])
}

#[track_caller]
fn exec_ok(bench: &Bench, unit: &str, script: &str) -> String {
    let said = exec(bench, unit, script);
    assert_eq!(said.code, 0, "{script}: {said:?}\n{}", bench.evidence());
    said.stdout
}

#[track_caller]
fn exec_refused(bench: &Bench, unit: &str, script: &str, wanted: &str) {
    let said = exec(bench, unit, script);
    assert!(said.code != 0 && format!("{said:?}").contains(wanted), "{script}: {said:?}");
}

/// Beyond Juju, where nothing runs: an option of type `secret` means something else when its secret is granted or revoked.
#[test]
fn a_charm_is_told_when_its_options_secret_is_granted() {
    let bench = Bench::new();
    let read =
        "if secret-get \"$(config-get key)\" >/dev/null; then status-set active; else status-set blocked; fi";
    let path = shell_charm(bench.path(), "reader", "", &[("config-changed", read)]);
    std::fs::write(Path::new(&path).join("config.yaml"), "options: {key: {type: secret}}\n")
        .expect("written");
    bench.ok(&["deploy", &path]);
    bench.settle();
    let uri = bench.ok(&["add-secret", "mine", "key=value"]);
    let said = bench.refused(&["config", "reader", "key=mine"]);
    assert!(said.stderr.contains("secret"), "{said:?}");
    bench.ok(&["config", "reader", &format!("key={}", uri.trim())]);
    let status = || {
        bench.json(&["status"])["applications"]["reader"]["units"]["reader/0"]["workload-status"]["current"]
            .clone()
    };
    bench.settle();
    assert_eq!(status(), "blocked");
    for (verb, then) in [("grant-secret", "active"), ("revoke-secret", "blocked")] {
        bench.ok(&[verb, "mine", "reader"]);
        bench.settle();
        assert_eq!(status(), then, "{verb}");
    }
    let hooks = bench.trace("reader/0");
    assert_eq!(hooks.iter().filter(|hook| *hook == "config-changed").count(), 4, "{hooks:?}");
}

/// The one secret that `show-secret` shows.
#[track_caller]
fn show(bench: &Bench, arguments: &[&str]) -> Value {
    let shown = bench.json(&[&["show-secret"], arguments].concat());
    let only = shown.as_object().and_then(|map| map.values().next()).cloned();
    only.expect("one secret")
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files(&path, found),
            Ok(kind) if kind.is_file() => found.push(path),
            _ => {}
        }
    }
}

/// No file below the home has one of the values in it.
#[track_caller]
fn nothing_lies_about(bench: &Bench) {
    let mut all = Vec::new();
    files(&bench.home(), &mut all);
    assert!(all.iter().any(|path| path.ends_with("periapt.db")), "{all:?}");
    for path in all {
        let bytes = std::fs::read(&path).unwrap_or_default();
        for value in [FIRST, SECOND, THEIRS].concat() {
            let found = bytes.windows(value.len()).any(|part| part == value.as_bytes());
            assert!(!found, "{value} is in {}", path.display());
        }
    }
}

#[track_caller]
fn says_nothing(text: &str) {
    for value in [FIRST, SECOND, THEIRS].concat() {
        assert!(!text.contains(value), "{value} in {text}");
    }
}

#[test]
fn a_secret_goes_from_its_operator_to_a_charm_and_lies_nowhere_in_the_clear() {
    let bench = Bench::new();
    deploy(&bench, "keeper");
    let pair = |value: [&str; 2]| format!("token={}", value[0]);

    // Added, and shown without what is in it.
    let uri = bench.ok(&["add-secret", "mine", &pair(FIRST), "--info", "what for"]);
    let uri = uri.strip_suffix('\n').expect("one line").to_owned();
    let id = uri.strip_prefix("secret:").expect("a URI").to_owned();
    let shown = show(&bench, &["mine"]);
    let keys: Vec<&str> = shown.as_object().expect("a map").keys().map(String::as_str).collect();
    assert_eq!(keys, ["revision", "owner", "description", "name", "created", "updated"]);
    assert_eq!((&shown["owner"], &shown["name"]), (&json!("<model>"), &json!("mine")));
    assert_eq!(shown["created"], shown["updated"]);
    assert_eq!(show(&bench, &[&uri, "--reveal"])["content"], json!({"Data": {"token": FIRST[0]}}));
    let yaml = bench.ok(&["show-secret", &id, "--reveal"]);
    assert!(yaml.contains(&format!("  content:\n    token: {}\n", FIRST[0])), "{yaml}");

    // Granted, and read.
    exec_refused(&bench, "keeper/0", &format!("secret-get {uri}"), "permission denied");
    bench.ok(&["grant-secret", "mine", "keeper"]);
    let access = show(&bench, &["mine"])["access"][0].clone();
    assert_eq!((&access["target"], &access["role"]), (&json!("application-keeper"), &json!("view")));
    assert_eq!(exec_ok(&bench, "keeper/0", &format!("secret-get {uri} token")).trim(), FIRST[0]);

    // Another value wakes the charm.
    bench.ok(&["update-secret", "mine", &pair(SECOND)]);
    bench.settle();
    let trace = bench.ok(&["tail", "keeper/0", "--no-follow", "--last", "100"]);
    assert!(trace.contains("secret-changed"), "{trace}");
    assert_eq!(exec_ok(&bench, "keeper/0", &format!("cat changed; secret-get {uri} token")).trim(), {
        format!("{uri}\n{}", SECOND[0])
    });
    let revisions = show(&bench, &["mine", "--revisions"]);
    assert_eq!(revisions["revisions"].as_array().map(Vec::len), Some(2));
    assert_eq!(show(&bench, &["mine", "--reveal", "-r", "1"])["content"]["Data"]["token"], FIRST[0]);

    // A charm's own secret shows too.
    let theirs = exec_ok(&bench, "keeper/0", &format!("secret-add --label theirs {}", pair(THEIRS)));
    let theirs = theirs.trim();
    let listed = bench.json(&["secrets", "--owner", "application-keeper"]);
    let listed = &listed[theirs.trim_start_matches("secret:")];
    assert_eq!((&listed["label"], &listed["rotation"]), (&json!("theirs"), &json!("never")), "{listed}");
    assert_eq!(show(&bench, &[theirs, "--reveal"])["content"]["Data"]["token"], THEIRS[0]);

    // Whoever did not ask sees nothing.
    for arguments in [
        &["secrets"][..],
        &["secrets", "--format", "json", "--revisions"],
        &["show-secret", "mine"],
        &["show-secret", "mine", "--revisions", "--format", "json"],
        &["show-secret", theirs, "--revision", "1"],
        &["show-unit", "keeper/0"],
        &["status", "--format", "json"],
        &["why", "keeper/0"],
        &["tail", "--no-follow", "--last", "1000"],
        &["tail", "--no-follow", "--last", "1000", "--format", "json"],
        &["debug-log", "--replay", "--no-tail"],
    ] {
        says_nothing(&bench.ok(arguments));
    }
    nothing_lies_about(&bench);
    bench.kill_daemon();
    nothing_lies_about(&bench);
    assert_eq!(show(&bench, &["mine", "--reveal"])["content"]["Data"]["token"], SECOND[0]);
    bench.ok(&["daemon", "stop"]);
    nothing_lies_about(&bench);

    // Taken back, and removed.
    bench.ok(&["revoke-secret", "mine", "keeper"]);
    exec_refused(&bench, "keeper/0", &format!("secret-get {uri}"), "permission denied");
    bench.ok(&["remove-secret", "mine", "--revision", "1"]);
    bench.refused(&["show-secret", "mine", "--reveal", "--revision", "1"]);
    bench.ok(&["remove-secret", &uri]);
    exec_refused(&bench, "keeper/0", &format!("secret-get {uri}"), "not found");
    let said = bench.refused(&["show-secret", "mine"]);
    assert!(said.stderr.contains("ERROR secret \"mine\" not found"), "{said:?}");
    assert_eq!(bench.json(&["secrets", "--owner", "unit-keeper-0"]), json!({}));
    nothing_lies_about(&bench);
}

#[test]
fn nobody_gets_at_a_secret_from_the_wrong_side() {
    let bench = Bench::new();
    deploy(&bench, "keeper");
    deploy(&bench, "stranger");
    bench.ok(&["add-unit", "keeper"]);
    bench.settle();
    let uri = bench.ok(&["add-secret", "mine", &format!("token={}", FIRST[0])]);
    let uri = uri.trim();
    bench.ok(&["grant-secret", "mine", "keeper"]);
    for (unit, script, wanted) in [
        // Who may read may not change, nor hand on.
        ("keeper/0", "secret-set URI token=x", "permission denied"),
        ("keeper/0", "secret-remove URI", "permission denied"),
        ("keeper/0", "secret-info-get URI", "not found"),
        ("keeper/0", "secret-get --label mine", "not found"),
        ("stranger/0", "secret-get URI", "permission denied"),
        ("stranger/0", "secret-get URI --peek", "permission denied"),
        ("stranger/0", "secret-get secret://b1b2b3b4-0000-4000-8000-000000000000/ID", "not found"),
    ] {
        let id = uri.trim_start_matches("secret:");
        exec_refused(&bench, unit, &script.replace("URI", uri).replace("ID", id), wanted);
    }
    assert_eq!(show(&bench, &["mine", "--reveal"])["content"]["Data"]["token"], FIRST[0]);

    // Of an application: its units read, its leader writes, others do neither. Of a unit: nobody else does.
    let leader = exec_ok(&bench, "keeper/0", "is-leader").trim().eq_ignore_ascii_case("true");
    let (leader, follower) = if leader { ("keeper/0", "keeper/1") } else { ("keeper/1", "keeper/0") };
    let of_app = exec_ok(&bench, leader, "secret-add token=of-the-app");
    let of_unit = exec_ok(&bench, leader, "secret-add --owner unit token=of-the-unit");
    assert!(exec_ok(&bench, follower, &format!("secret-get {of_app}")).contains("of-the-app"));
    exec_refused(&bench, follower, &format!("secret-set {} token=x", of_app.trim()), "not the leader");
    exec_refused(&bench, follower, &format!("secret-get {of_unit}"), "permission denied");
    exec_refused(&bench, "stranger/0", &format!("secret-get {of_app}"), "permission denied");
    for verb in [
        &["update-secret", of_app.trim(), "token=x"][..],
        &["remove-secret", of_app.trim()],
        &["grant-secret", of_unit.trim(), "stranger"],
    ] {
        let said = bench.refused(verb);
        assert!(said.code == 1 && said.stderr.contains("ERROR permission denied"), "{said:?}");
    }
    exec_refused(&bench, "stranger/0", &format!("secret-get {of_unit}"), "permission denied");
}

#[test]
fn what_is_refused_is_named_and_repeats_no_value() {
    let bench = Bench::new();
    let value = format!("token={}", FIRST[0]);
    bench.ok(&["add-secret", "mine", &value]);
    let file = bench.path().join("content.yaml");
    std::fs::write(&file, format!("token: [{}]\n", FIRST[0])).expect("a file");
    let file = file.display().to_string();
    let bare = FIRST[0];
    for (arguments, code, wanted) in [
        (&["add-secret"][..], 2, "missing secret name"),
        (&["add-secret", "new"], 2, "missing secret value or filename"),
        (&["add-secret", "new", bare], 2, "expected \"key=value\" as value 1"),
        (&["add-secret", "new", "--file", &file], 1, "expected a text for \"token\""),
        (&["add-secret", "new", "--file", "/nonexistent"], 1, "cannot read /nonexistent"),
        (&["add-secret", "new", "--file", "/dev/zero"], 1, "larger than 5M"),
        (&["add-secret", "mine", &value], 1, "secret with name \"mine\" already exists"),
        (&["add-secret", "new", &format!("X={bare}")], 2, "key \"X\" not valid"),
        (&["add-secret", "new", &value, &format!("--tokn={bare}")], 2, "--tokn"),
        (&["update-secret", "mine"], 1, "at least one attribute"),
        (&["update-secret", "nosuch", &value], 1, "secret \"nosuch\" not found"),
        (&["update-secret", "mine", "--auto-prune=perhaps"], 2, "--auto-prune"),
        (&["remove-secret", "mine", "--revision", "7"], 1, "revision 7 not found"),
        (&["remove-secret", "mine", "--revision", "-1"], 2, ""),
        (&["grant-secret", "mine"], 2, "missing secret URI or application name"),
        (&["grant-secret", "mine", "nosuch"], 1, "application \"nosuch\" not found"),
        (&["grant-secret", "mine", "../x"], 1, "not a valid application name"),
        (&["secrets", "--owner", "keeper"], 1, "invalid owner \"keeper\""),
        (&["show-secret"], 2, "secret ID is required"),
        (&["show-secret", ""], 2, "secret ID is required"),
        (&["show-secret", ".."], 1, "secret \"..\" not found"),
        (
            &["show-secret", "mine", "--reveal", "--revisions"],
            2,
            "either --revisions or --reveal but not both",
        ),
        (
            &["show-secret", "mine", "-r", "1", "--revisions"],
            2,
            "either --revisions or --revision but not both",
        ),
        (&["show-secret", "mine", "-r", "9"], 1, "revision 9 not found"),
    ] {
        let said = bench.refused(arguments);
        assert_eq!(said.code, code, "{arguments:?}: {said:?}");
        assert!(said.stderr.contains(wanted), "{arguments:?}: {said:?}");
        says_nothing(&format!("{said:?}"));
    }
    // A body that does not fit is not quoted.
    for body in
        [format!("{{\"name\":\"x\",\"content\":{bare:?}}}"), format!("{{\"name\":\"x\",\"{bare}\":1}}")]
    {
        let mut socket = UnixStream::connect(bench.home().join("periapt.sock")).expect("the daemon listens");
        let head = "POST /v1/models/default/secrets HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
        write!(socket, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).expect("sent");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("not repeated"), "{answer}");
        says_nothing(&answer);
    }
    says_nothing(&std::fs::read_to_string(bench.home().join("daemon.log")).unwrap_or_default());
}

#[test]
fn a_home_without_its_key_says_which_file_is_missing() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    bench.ok(&["add-secret", "mine", "token=x-y-z"]);
    bench.ok(&["daemon", "stop"]);
    let (key, away) = (bench.home().join("secrets.key"), bench.path().join("away"));
    let mode = std::fs::metadata(&key).expect("the key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::rename(&key, &away).expect("moved");
    let said = bench.refused(&["secrets"]);
    assert!(said.stderr.contains(&key.display().to_string()), "{said:?}");
    assert!(said.stderr.contains("put the file back"), "{said:?}");
    assert!(!key.exists(), "no new key is made");
    std::fs::rename(&away, &key).expect("moved back");
    assert_eq!(show(&bench, &["mine", "--reveal"])["content"]["Data"]["token"], "x-y-z");
}
