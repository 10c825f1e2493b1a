//! Bad input: an error that names the thing and the remedy, the right exit code, and a model that is as it was.

mod common;

use std::path::Path;
use std::process::Child;

use common::{Bench, Said, shell_charm, until};
use serde_json::Value;

/// The exit code of a command that could not do what it was asked.
const FAILED: i32 = 1;
/// The exit code of a command that was called wrongly.
const USAGE: i32 = 2;

/// A charm with one of everything that a command can get wrong.
fn target(bench: &Bench) -> String {
    let path = shell_charm(
        bench.path(),
        "target",
        "provides:\n  db: {interface: sql}\npeers:\n  mates: {interface: mates}\nresources:\n  \
         blob: {type: file, filename: blob}\n",
        &[("install", "status-set active installed")],
    );
    let write = |name: &str, text: &str| std::fs::write(Path::new(&path).join(name), text).expect("a file");
    write("config.yaml", "options:\n  size: {type: int, default: 1}\n  note: {type: string, default: ''}\n");
    write(
        "actions.yaml",
        "act: {params: {key: {type: string}}, required: [key], additionalProperties: false}\n",
    );
    path
}

/// All that a command could have changed.
fn model(bench: &Bench) -> Value {
    let mut status = bench.json(&["status", "--utc"]);
    // The time of asking.
    status.as_object_mut().expect("an object").remove("controller");
    serde_json::json!({
        "status": status,
        "config": bench.json(&["config", "target"]),
        "application": bench.json(&["show-application", "target"]),
        "settings": bench.json(&["model-config"]),
        "models": bench.json(&["models"]),
    })
}

#[test]
fn commands_refuse_bad_input_and_leave_the_model_as_it_was() {
    let bench = Bench::new();
    let path = target(&bench);
    let other = shell_charm(bench.path(), "other", "", &[("install", "")]);
    let write = |name: &str, bytes: &[u8]| {
        let path = bench.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path.display().to_string()
    };
    let long = write("long", &vec![b'x'; 6 << 20]);
    let binary = write("binary", b"ab\xff");
    let twice = write("twice.yaml", b"target:\n  size: 1\n  size: 2\n");
    let list = write("list.yaml", b"- a\n");
    let deep = write("deep.yaml", format!("a: {}{}", "[".repeat(9000), "]".repeat(9000)).as_bytes());
    let pipe = bench.path().join("pipe").display().to_string();
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).expect("a pipe");
    let (at_long, at_binary) = (format!("note=@{long}"), format!("note=@{binary}"));
    let blob_pipe = format!("blob={pipe}");
    bench.ok(&["deploy", &path]);
    bench.settle();
    let before = model(&bench);
    let cases: &[(&[&str], i32, &str)] = &[
        (&["config", "target", "size=x"], FAILED, "expected int, got \"x\""),
        (&["config", "target", "size=2", "nosuch=1"], FAILED, "unknown option \"nosuch\""),
        (&["config", "target", "note=@/dev/zero"], FAILED, "larger than 5M"),
        (&["config", "target", &at_long], FAILED, "larger than 5M"),
        (&["config", "target", &at_binary], FAILED, "byte 3 is not UTF-8"),
        (&["config", "target", "--file", &twice], FAILED, "twice.yaml:3:3: the key \"size\" is given twice"),
        (&["config", "target", "--file", &deep], FAILED, "deep.yaml:1:"),
        (&["config", "target", "--reset", "size,nosuch"], FAILED, "unknown option \"nosuch\""),
        (&["config", "target", "=1"], USAGE, "expected key=value"),
        (&["config", "../target"], USAGE, "<APPLICATION>: \"../target\" is not a valid application name"),
        (&["deploy", &path], FAILED, "application already exists"),
        (&["deploy", &path, "second", "--resource", "nosuch=/etc/passwd"], FAILED, "unrecognized resource"),
        (&["deploy", &path, "second", "--resource", "blob=/dev/zero"], FAILED, "a resource is a file"),
        (&["deploy", &path, "second", "--resource", &blob_pipe], FAILED, "a resource is a file"),
        (&["deploy", &path, "second", "--config", "size=x"], FAILED, "expected int"),
        (&["deploy", &path, "second", "-n", "100000"], FAILED, "cannot add 100000 units"),
        (&["deploy", &path, "second", "-m", "nosuch"], FAILED, "model \"nosuch\" not found"),
        (&["deploy", "/dev/null"], FAILED, "neither a folder nor a file"),
        (&["refresh", "target", "--path", &other], FAILED, "cannot refresh \"target\" to \"other\""),
        (&["integrate", "target", "target"], FAILED, "with itself"),
        (&["integrate", "target", "nosuch"], FAILED, "application \"nosuch\" not found"),
        (&["remove-relation", "0"], FAILED, "peer relation"),
        (&["remove-unit", "target/9"], FAILED, "unit \"target/9\" not found"),
        (&["remove-unit", "target/0", "target/9"], FAILED, "unit \"target/9\" not found"),
        (&["remove-unit", "target"], USAGE, "a unit is written APPLICATION/NUMBER"),
        (&["remove-application", "target", "nosuch"], FAILED, "application \"nosuch\" not found"),
        (&["run", "target/0", "act"], FAILED, "\"key\" is a required property"),
        (&["run", "target/0", "act", "--params", &list], FAILED, "list.yaml:1:1: expected parameters"),
        (&["run", "target/0", "../act"], USAGE, "invalid unit or action name"),
        (&["resolved", "target/0"], FAILED, "is not in an error state"),
        (&["replay", "target/0", "99999"], FAILED, "99999"),
        (&["model-config", "deferred-wake=soon"], FAILED, "deferred-wake"),
        (&["model-config", "deferred-wak=1s"], FAILED, "deferred-wake"),
        (&["model-config", "agent-version=3.6.0"], FAILED, "agent-version"),
        (&["destroy-model", "nosuch", "--no-prompt"], FAILED, "model \"nosuch\" not found"),
        (&["switch", "a/b"], USAGE, "user \"a\" not found"),
        (&["status", ""], USAGE, "selects nothing"),
        (&["show-task", "x"], USAGE, "periapt show-task --help"),
    ];
    let mut wrong = Vec::new();
    for (arguments, code, words) in cases {
        let said = bench.refused(arguments);
        // Errors are no data.
        if said.code != *code || !said.stderr.contains(words) || !said.stdout.is_empty() {
            wrong.push(format!("{arguments:?}: {code}, {words:?}: {said:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(model(&bench), before);
}

#[test]
fn every_mistake_in_a_charms_files_is_shown_at_its_place() {
    let bench = Bench::new();
    let path = shell_charm(
        bench.path(),
        "wrong",
        "provides:\n  db: {}\nstorage:\n  data: {type: bogus}\n",
        &[("install", "")],
    );
    let config = Path::new(&path).join("config.yaml");
    std::fs::write(config, "options:\n  a: {type: int, default: x}\n").expect("a file");
    let said = bench.refused(&["deploy", &path]);
    for place in ["metadata.yaml:5:7: ", "metadata.yaml:7:16: ", "config.yaml:2:27: "] {
        assert!(said.stderr.contains(place), "nothing at {place}: {said:?}");
    }
    assert!(bench.json(&["status"])["applications"].as_object().expect("a map").is_empty());
}

#[test]
fn what_a_charm_says_cannot_steer_the_terminal() {
    let bench = Bench::new();
    bench.ok(&["deploy", &target(&bench)]);
    bench.settle();
    let script = r#"status-set active "$(printf 'a\033[2Jb\rc\td\ne')"; application-version-set "$(printf '\033[31m1')""#;
    bench.ok(&["exec", "--unit", "target/0", "--", script]);
    let shown = bench.ok(&["status", "--no-color"]);
    assert!(shown.lines().any(|line| line.ends_with("ab c d e")), "{shown}");
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
    let coloured = bench.ok(&["status", "--color"]);
    assert!(!coloured.contains("[2J") && !coloured.contains('\r'), "{coloured:?}");
    // Programs get it as it is.
    let message =
        bench.json(&["status"])["applications"]["target"]["units"]["target/0"]["workload-status"]["message"]
            .clone();
    assert_eq!(message, "a\u{1b}[2Jb\rc\td\ne");
}

fn finish(children: Vec<Child>) -> Vec<Said> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let said = |child: Child| {
        let output = child.wait_with_output().expect("the command ends");
        let code = output.status.code().unwrap_or(-1);
        Said { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    };
    children.into_iter().map(said).collect()
}

fn start(bench: &Bench, arguments: &[&str]) -> Child {
    use std::process::Stdio;
    let mut command = bench.command();
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
}

#[test]
fn of_many_first_commands_each_gets_its_answer() {
    let bench = Bench::new();
    for _ in 0..3 {
        let said = finish((0..8).map(|_| start(&bench, &["models"])).collect());
        assert!(said.iter().all(|said| said.code == 0), "{said:?}");
        bench.ok(&["daemon", "stop"]);
    }
}

#[test]
fn a_daemon_that_lost_its_socket_is_named_and_can_be_stopped() {
    let bench = Bench::new();
    bench.ok(&["models"]);
    std::fs::remove_file(bench.home().join("periapt.sock")).expect("the socket");
    // As if it had begun long ago: one that has just begun is waited for.
    let lock = std::fs::File::options().write(true).open(bench.home().join("daemon.lock")).expect("the lock");
    let hour = std::time::Duration::from_secs(3600);
    lock.set_modified(std::time::SystemTime::now() - hour).expect("its time");
    let pid = bench.daemon_pid().expect("its process").to_string();
    for said in [bench.refused(&["models"]).stderr, bench.run(&["daemon", "status"]).stdout] {
        assert!(said.contains(&pid) && said.contains("periapt.sock"), "{said}");
        assert!(said.contains("`periapt daemon stop`"), "no remedy: {said}");
    }
    bench.ok(&["daemon", "stop"]);
    bench.ok(&["models"]);
}

#[test]
fn whoever_follows_a_daemon_that_is_killed_is_told_so() {
    let bench = Bench::new();
    bench.ok(&["deploy", &target(&bench)]);
    bench.settle();
    let marker = bench.path().join("runs");
    let script = format!("touch {}; sleep 60", marker.display());
    let waiting = start(&bench, &["exec", "--unit", "target/0", "--", &script]);
    let tail = start(&bench, &["tail", "--follow"]);
    until("the command runs", std::time::Duration::from_secs(30), || marker.exists().then_some(()));
    bench.kill_daemon();
    for said in finish(vec![waiting, tail]) {
        assert_eq!(said.code, FAILED, "{said:?}");
        assert!(said.stderr.contains("daemon"), "{said:?}");
    }
    // What it was doing is not done twice, and not forgotten either.
    bench.settle();
    assert_eq!(bench.json(&["show-task", "2"])["status"], "failed");
}

#[test]
fn a_current_model_that_cannot_be_read_is_not_taken_for_another() {
    let bench = Bench::new();
    bench.ok(&["models"]);
    for content in [&b"\xff\xfe"[..], b"No Model"] {
        std::fs::write(bench.home().join("current-model"), content).expect("a file");
        let said = bench.refused(&["status"]);
        assert!(said.stderr.contains("current-model") && said.stderr.contains("periapt switch"), "{said:?}");
        bench.ok(&["switch", "default"]);
        bench.ok(&["status"]);
    }
}
