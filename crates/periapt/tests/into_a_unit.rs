//! Ways into a unit: `exec`, `juju-exec`, `ssh`, `scp`, and what a unit has said: `debug-log`, `show-status-log`.

mod common;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Bench, Said, shell_charm, until};
use serde_json::Value;

/// A charm whose dispatches and actions tell what they were.
fn teller(bench: &Bench, name: &str, metadata: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let charm = PathBuf::from(shell_charm(bench.path(), name, metadata, &[]));
    let write = |file: &str, text: &str| {
        let path = charm.join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder");
        std::fs::write(&path, text).expect("the file");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    };
    write(
        "dispatch",
        "#!/bin/bash\necho \"$JUJU_DISPATCH_PATH\" >> told\n\
         case $JUJU_DISPATCH_PATH in\n  hooks/start) status-set active ready;;\n\
         hooks/install) juju-log 'a first word';;\n  actions/*) action-set said=hello;;\n esac\n",
    );
    write("actions.yaml", "speak: {description: says something}\n");
    charm.display().to_string()
}

fn deployed(charms: &[(&str, &str)]) -> Bench {
    let bench = Bench::new();
    for (name, metadata) in charms {
        bench.ok(&["deploy", &teller(&bench, name, metadata)]);
    }
    bench.settle();
    bench
}

/// The folder of the only model.
fn model_folder(bench: &Bench) -> PathBuf {
    let mut models = std::fs::read_dir(bench.home().join("models")).expect("the models").flatten();
    models.next().expect("a model").path()
}

fn charm_folder(bench: &Bench, unit: &str) -> PathBuf {
    model_folder(bench).join("agents").join(format!("unit-{}", unit.replace('/', "-"))).join("charm")
}

/// `juju-exec` as it lies on a unit, in an environment that has neither a home nor a `PATH` of ours.
fn juju_exec(bench: &Bench, arguments: &[&str]) -> Said {
    let mut command = Command::new(model_folder(bench).join("tools/juju-exec"));
    command.env_clear().env("PATH", "/usr/bin:/bin").current_dir("/").stdin(Stdio::null()).args(arguments);
    Said::of(command.output().expect("juju-exec starts"))
}

#[test]
fn a_command_line_that_takes_too_long_never_ends_well() {
    let bench = deployed(&[("a", "")]);
    for limit in ["0.001s", "1ms", "20ms", "100ms", "300ms"] {
        let said = bench.run(&["exec", "--format", "json", "--wait", limit, "sleep 60", "--unit", "a/0"]);
        assert_eq!(said.code, 1, "{limit}: {said:?}");
        assert!(said.stderr.contains("timed out waiting for results from: unit a/0"), "{limit}: {said:?}");
    }
    // None of them stays behind.
    bench.settle();
    let said = bench.run(&["exec", "--format", "json", "echo hello", "--unit", "a/0", "--wait", "60s"]);
    assert_eq!(said.code, 0, "{said:?}");
    let results: Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!(results["a/0"]["results"]["stdout"], "hello\n");
}

#[test]
fn who_is_named_twice_acts_twice_and_executes_once() {
    let bench = deployed(&[("a", "")]);
    let said = bench.run(&["run", "a/0", "a/leader", "speak", "--format", "json"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stderr.contains("with 2 tasks"), "{said:?}");
    let tasks = bench.json(&["exec", "--unit", "a/0,a/leader", "hostname"]);
    let operations = bench.json(&["operations"]);
    assert_eq!(
        (tasks.as_object().map(serde_json::Map::len), operations.as_object().map(serde_json::Map::len)),
        (Some(1), Some(2))
    );
    let operation = operations.as_object().and_then(|all| all.values().next_back()).expect("the newest");
    assert_eq!(operation["tasks"].as_object().map(serde_json::Map::len), Some(1), "{operation}");
}

#[test]
fn a_unit_is_dispatched_by_hand() {
    let bench = deployed(&[("a", "")]);
    let told = charm_folder(&bench, "a/0").join("told");
    let last = || std::fs::read_to_string(&told).expect("what it told").lines().last().map(str::to_owned);
    for (arguments, expected) in [
        (&["-u", "a/0", "JUJU_DISPATCH_PATH=hooks/custom ./dispatch"][..], "hooks/custom"),
        (&["JUJU_DISPATCH_PATH=hooks/only", "./dispatch"][..], "hooks/only"),
        (&["unit-a-0", "JUJU_DISPATCH_PATH=hooks/tagged ./dispatch"][..], "hooks/tagged"),
    ] {
        let said = juju_exec(&bench, arguments);
        assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
        assert_eq!(last().as_deref(), Some(expected));
    }
    let said = juju_exec(&bench, &["-u", "a/0", "echo out; echo err >&2; echo $JUJU_UNIT_NAME; pwd; exit 7"]);
    let folder = charm_folder(&bench, "a/0").display().to_string();
    assert_eq!(said.code, 7, "{said:?}");
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), (&*format!("out\na/0\n{folder}\n"), "err\n"));
    // A hook's context: its commands answer, and what they set counts.
    let said = juju_exec(&bench, &["-u", "a/0", "status-set active 'by hand'; is-leader"]);
    assert_eq!((said.code, said.stdout.as_str()), (0, "True\n"), "{said:?}");
    let status = bench.json(&["status"]);
    let message = &status["applications"]["a"]["units"]["a/0"]["workload-status"]["message"];
    assert_eq!(message, "by hand");
    assert_eq!(bench.json(&["operations"]), serde_json::json!({}), "nobody asked for an operation");
    for (arguments, code, words) in [
        (&["-u", "b/0", "ls"][..], 1, "unit \"b/0\" not found on this machine"),
        (&["-u", "a/0"][..], 2, "missing commands"),
        (&["-u", "a", "ls"][..], 2, "\"a\" is not a valid unit name"),
        (&["-u", "a/0", "-r", "9", "ls"][..], 1, "unknown relation id: 9"),
        (&["-u", "a/0", "--remote-unit", "b/0", "ls"][..], 2, "remote unit not valid without relation"),
    ] {
        let said = juju_exec(&bench, arguments);
        assert_eq!(said.code, code, "{arguments:?}: {said:?}");
        assert!(said.stderr.contains(words), "{arguments:?}: {said:?}");
    }
    let said = juju_exec(&bench, &["--no-context", "echo ${JUJU_UNIT_NAME-none}; exit 3"]);
    assert_eq!((said.code, said.stdout.as_str()), (3, "none\n"), "{said:?}");
}

#[test]
fn a_hook_cannot_dispatch_itself_but_what_it_leaves_running_can() {
    let bench = deployed(&[("a", ""), ("b", "")]);
    let said = bench.run(&["exec", "--unit", "a/0", "--", "juju-exec -u a/0 ls"]);
    assert_eq!(said.code, 1, "{said:?}");
    let refused = "juju-exec cannot be called from within a hook, have context \\\"a/0-juju-exec";
    let text = bench.ok(&["show-operation", "1", "--format", "json"]);
    assert!(text.contains(refused), "{text}");
    assert!(text.contains("\"return-code\":2"), "{text}");
    // As rolling operations do it: a process of its own, without the context, told of no unit.
    let marker = bench.path().join("marker");
    let script = format!(
        "env -u JUJU_CONTEXT_ID setsid juju-run 'echo $JUJU_UNIT_NAME > {0}.new; mv {0}.new {0}' > /dev/null 2>&1 &",
        marker.display()
    );
    bench.ok(&["exec", "--unit", "b/0", "--", &script]);
    let text = until("the other context", Duration::from_secs(60), || std::fs::read_to_string(&marker).ok());
    assert_eq!(text, "b/0\n");
}

#[test]
fn a_context_may_be_about_a_relation() {
    let bench =
        deployed(&[("a", "requires: {db: {interface: x}}\n"), ("b", "provides: {web: {interface: x}}\n")]);
    bench.ok(&["integrate", "a", "b"]);
    bench.settle();
    let id = bench.json(&["show-unit", "a/0"])["a/0"]["relation-info"][0]["relation-id"].to_string();
    let script = "echo $JUJU_RELATION $JUJU_RELATION_ID $JUJU_REMOTE_APP $JUJU_REMOTE_UNIT; relation-list";
    let said = juju_exec(&bench, &["-u", "a/0", "-r", &id, script]);
    assert_eq!((said.code, said.stdout), (0, format!("db db:{id} b b/0\nb/0\n")), "{}", said.stderr);
    let said = juju_exec(&bench, &["-u", "a/0", "-r", &format!("db:{id}"), "--remote-unit", "b/7", "ls"]);
    assert!(said.stderr.contains("unknown remote unit b/7, use --force-remote-unit"), "{said:?}");
    bench.ok(&["add-unit", "b"]);
    bench.settle();
    let said = juju_exec(&bench, &["-u", "a/0", "-r", &id, "ls"]);
    assert!(said.stderr.contains("please disambiguate: b/0, b/1"), "{said:?}");
}

/// Runs a command with something on its standard input.
fn fed(bench: &Bench, arguments: &[&str], input: &str) -> Said {
    let mut command = bench.command();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    Said::of(child.wait_with_output().expect("it ends"))
}

#[test]
fn a_shell_opens_where_the_unit_has_its_files() {
    let bench = deployed(&[("a", "")]);
    let home = charm_folder(&bench, "a/0").parent().expect("the unit's folder").display().to_string();
    let said = bench.run(&[
        "ssh",
        "a/0",
        "-i",
        "key",
        "-o",
        "A=b",
        "pwd;",
        "echo",
        "$HOME",
        "${JUJU_CONTEXT_ID-none}",
    ]);
    assert_eq!((said.code, said.stdout), (0, format!("{home}\n{home} none\n")), "{}", said.stderr);
    for target in ["a/leader", "ubuntu@a/0", "0"] {
        assert_eq!(bench.ok(&["ssh", target, "pwd"]), format!("{home}\n"), "{target}");
    }
    let said = fed(&bench, &["ssh", "--container", "charm", "a/0", "cat; echo no >&2; exit 9"], "a line\n");
    assert_eq!((said.code, said.stdout.as_str(), said.stderr.as_str()), (9, "a line\n", "no\n"));
    let said = fed(&bench, &["ssh", "a/0"], "echo $((6*7))\n");
    assert_eq!((said.code, said.stdout.as_str()), (0, "42\n"), "{said:?}");
    // The unit's own way in is there.
    let said = bench.run(&["ssh", "a/0", "juju-exec -u a/0 'echo $JUJU_UNIT_NAME'"]);
    assert_eq!((said.code, said.stdout.as_str()), (0, "a/0\n"), "{said:?}");
    for (arguments, words) in [
        (&["ssh", "a/9", "ls"][..], "unit \"a/9\" not found"),
        (&["ssh", "b/leader", "ls"][..], "application \"b\" not found"),
        (&["ssh", "9", "ls"][..], "machine 9 not found"),
        (&["ssh", "--container", "x", "a/0", "ls"][..], "container \"x\" must be one of charm"),
        (&["ssh", "example.com", "ls"][..], "neither a unit nor a machine"),
        (&["scp", "a/9:x", "."][..], "unit \"a/9\" not found"),
        (&["scp", "host:x", "."][..], "neither a unit nor a machine"),
        (&["scp", "x"][..], "at least two arguments required"),
    ] {
        let said = bench.refused(arguments);
        assert!(said.stderr.contains(words), "{arguments:?}: {said:?}");
    }
}

#[test]
fn files_go_to_a_unit_and_come_back() {
    let bench = deployed(&[("a", "")]);
    let write = |name: &str, text: &str| {
        let path = bench.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder");
        std::fs::write(path, text).expect("a file");
    };
    write("one.txt", "one");
    write("tree/deep/two.txt", "two");
    bench.ok(&["scp", "one.txt", "a/0:"]);
    assert_eq!(bench.ok(&["ssh", "a/0", "cat one.txt"]), "one");
    bench.ok(&["scp", "--", "-r", "-i", "key", "tree", "a/leader:~/copy"]);
    assert_eq!(bench.ok(&["ssh", "a/0", "cat copy/deep/two.txt"]), "two");
    bench.ok(&["scp", "-r", "a/0:copy", "0:one.txt", "."]);
    assert_eq!(std::fs::read_to_string(bench.path().join("copy/deep/two.txt")).expect("it is back"), "two");
    // The model's folder has Juju's layout.
    for path in ["agents/unit-a-0/charm/dispatch", "/var/lib/juju/agents/unit-a-0/charm/dispatch"] {
        bench.ok(&["scp", &format!("a/0:{path}"), "dispatch"]);
        assert!(
            std::fs::read_to_string(bench.path().join("dispatch"))
                .expect("a file")
                .contains("JUJU_DISPATCH_PATH")
        );
        std::fs::remove_file(bench.path().join("dispatch")).expect("it goes");
    }
    let said = bench.run(&["scp", "a/0:copy", "a/0:nosuch", "."]);
    let home = charm_folder(&bench, "a/0").parent().map(Path::to_owned).expect("the unit's folder");
    assert_eq!(said.code, 1, "{said:?}");
    let expected = format!(
        "scp: {}: not a regular file\nscp: {}: No such file or directory\n",
        home.join("copy").display(),
        home.join("nosuch").display()
    );
    assert_eq!(said.stderr, expected);
}

#[test]
fn what_a_unit_said_is_found_again() {
    let bench = deployed(&[("a", ""), ("b", "")]);
    let lines = |arguments: &[&str]| -> Vec<String> {
        let text = bench.ok(&[&["debug-log", "--no-tail"], arguments].concat());
        text.lines().map(str::to_owned).collect()
    };
    let all = lines(&["--limit", "0"]);
    assert!(all.len() > 10 && all.iter().any(|line| line.ends_with("a first word")), "{all:#?}");
    assert_eq!(lines(&["--replay"]), all);
    assert_eq!(lines(&["-n", "3"]), all[all.len() - 3..]);
    assert_eq!(lines(&["--limit", "1"]), all[all.len() - 1..]);
    let of_a = all.iter().filter(|line| line.starts_with("unit-a-0: ")).count();
    for pattern in ["unit-a-*", "a", "a/*", "unit-*a-0", "a/0"] {
        assert_eq!(lines(&["--limit", "0", "-i", pattern]).len(), of_a, "{pattern}");
    }
    assert_eq!(lines(&["--limit", "0", "-i", "unit-*-0"]), all);
    let last = all.iter().rfind(|line| line.starts_with("unit-a-0: ")).expect("a line of a");
    assert_eq!(lines(&["--limit", "1", "-i", "a/0"]), std::slice::from_ref(last));
    let said = bench.refused(&["debug-log", "-l", "LOUD"]);
    let words = "level value \"LOUD\" is not one of \"TRACE\", \"DEBUG\", \"INFO\", \"WARNING\", \"ERROR\"";
    assert!(said.code == 2 && said.stderr.contains(words), "{said:?}");
}

#[test]
fn statuses_have_a_history() {
    let bench = deployed(&[("a", "")]);
    let log = |arguments: &[&str]| -> Vec<Value> {
        let log = bench.json(&[&["show-status-log"], arguments].concat());
        log.as_array().expect("a list").clone()
    };
    let words = |entries: &[Value]| -> Vec<String> {
        let word = |entry: &Value| format!("{} {}", entry["status"], entry["message"]).replace('"', "");
        entries.iter().map(word).collect()
    };
    bench.ok(&[
        "exec",
        "--unit",
        "a/0",
        "--",
        "status-set blocked 'for a while'; status-set maintenance now",
    ]);
    let workload = log(&["a/0", "--type", "workload"]);
    assert!(words(&workload)[0].starts_with("waiting "), "{workload:?}");
    assert!(words(&workload).iter().any(|word| word == "active ready"), "{workload:?}");
    assert_eq!(words(&workload).last().map(String::as_str), Some("maintenance now"));
    let entry = &workload[workload.len() - 1];
    assert_eq!(entry["type"], "workload");
    assert!(entry["since"].as_str().is_some_and(|at| at.contains('T') && at.ends_with('Z')), "{entry}");
    let agent = log(&["a/0", "--type", "juju-unit", "-n", "100"]);
    assert!(words(&agent).iter().any(|word| word == "executing running start hook"), "{agent:?}");
    assert_eq!(log(&["a/0", "-n", "2"]).len(), 2);
    assert_eq!(log(&["0"])[0]["status"], "running");
    // It is there after a restart, and once.
    let before = log(&["a/0", "-n", "1000"]);
    bench.ok(&["daemon", "stop"]);
    let after = log(&["a/0", "-n", "1000"]);
    assert_eq!(after[..before.len()], before[..]);
    let table = bench.ok(&["show-status-log", "a/0"]);
    assert!(table.starts_with("Time") && table.contains("workload"), "{table}");
    for (arguments, code, said) in [
        (&["show-status-log"][..], 2, "entity name is missing."),
        (&["show-status-log", "a/9"][..], 1, "unit \"a/9\" not found"),
        (&["show-status-log", "a/0", "--type", "unita"][..], 2, "unexpected status type \"unita\""),
        (&["show-status-log", "a/0", "-n", "1", "--days", "1"][..], 2, "cannot be specified together"),
        (&["show-status-log", "a/0", "--from-date", "soon"][..], 2, "is not a day"),
        (&["show-status-log", "a"][..], 1, "no status history available"),
    ] {
        let refused = bench.refused(arguments);
        assert!(refused.code == code && refused.stderr.contains(said), "{arguments:?}: {refused:?}");
    }
}

#[test]
fn as_juju_it_speaks_of_juju() {
    let bench = Bench::new();
    let juju = bench.path().join("juju");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_periapt"), &juju).expect("the link");
    let juju = juju.display().to_string();
    let run =
        |arguments: &[&str]| Said::of(bench.command_of(&juju).args(arguments).output().expect("it starts"));
    let version = run(&["--version"]);
    assert_eq!(version.stdout, run(&["version"]).stdout);
    assert!(version.stdout.starts_with("3.6."), "{version:?}");
    let help = run(&["run", "--help"]).stdout;
    assert!(help.contains("juju run db/0 backup") && !help.contains("periapt run"), "{help}");
    let commands = run(&["help", "commands"]).stdout;
    assert!(commands.lines().any(|line| line.starts_with("show-status-log ")), "{commands}");
    let unknown = run(&["status", "--frmat", "json"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("option provided but not defined: --frmat"), "{unknown:?}");
    let status = run(&["status", "--format", "yaml", "--format=json", "--color=false", "-B"]);
    assert_eq!(status.code, 0, "{status:?}");
    serde_json::from_str::<Value>(&status.stdout).expect("the last format counts");
}
