//! Command lines on machines themselves: `exec --machine` and `exec --all`.

mod common;

use std::path::PathBuf;
use std::time::Duration;

use common::{Bench, shell_charm, until};
use serde_json::{Value, json};

/// How long a test waits for what it has no way to be told of.
const SOON: Duration = Duration::from_secs(30);

fn two_machines() -> Bench {
    let bench = Bench::new();
    bench.ok(&["add-machine", "-n", "2"]);
    bench
}

fn machine_folder(bench: &Bench, machine: u32) -> PathBuf {
    let mut models = std::fs::read_dir(bench.home().join("models")).expect("the models").flatten();
    models.next().expect("a model").path().join("machines").join(machine.to_string())
}

#[test]
fn a_command_line_runs_in_the_folder_of_its_machine_without_a_hook() {
    let bench = two_machines();
    let script = "pwd; echo err >&2; env | grep -c '^JUJU_\\(CONTEXT\\|UNIT\\|CHARM\\|DISPATCH\\)'; exit 3";
    let said = bench.run(&["exec", "--machine", "1", "--format", "json", "--", script]);
    assert_eq!(said.code, 1, "{said:?}");
    let results: Value = serde_json::from_str(&said.stdout).expect("JSON");
    let task = &results["1"];
    let folder = machine_folder(&bench, 1).display().to_string();
    assert_eq!(
        task["results"],
        json!({"return-code": 3, "stdout": format!("{folder}\n0\n"), "stderr": "err\n"})
    );
    assert_eq!((&task["machine"], &task["status"]), (&json!("1"), &json!("completed")));
    assert!(task.get("unit").is_none(), "{task}");

    // Words that would come apart are quoted; --all is all machines.
    let all = bench.json(&["exec", "--all", "echo", "a  b"]);
    assert_eq!(all.as_object().map(|all| all.keys().map(String::as_str).collect()), Some(vec!["0", "1"]));
    assert_eq!(all["0"]["results"]["stdout"], "a  b\n");
    let said = bench.run(&["exec", "--machine", "0,1,0", "--format", "json", "true"]);
    let tasks: Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!(
        tasks.as_object().map(serde_json::Map::len),
        Some(2),
        "one that is named twice runs once: {tasks}"
    );
    // What the command prints is all that is shown: scripts take it for its output.
    assert_eq!((said.stderr.as_str(), said.code), ("", 0));
    assert_eq!(bench.run(&["exec", "--machine", "0", "true"]).stdout, "");
    assert_eq!(bench.ok(&["exec", "--machine", "0", "A=1", "printenv", "A"]), "1\n");

    let operations = bench.json(&["operations", "--machines", "1"]);
    let hosts: Vec<&Value> = operations
        .as_object()
        .expect("operations")
        .values()
        .flat_map(|operation| operation["tasks"].as_object().expect("tasks").values())
        .map(|task| &task["host"])
        .collect();
    assert!(operations.as_object().is_some_and(|all| all.len() == 3), "{operations}");
    assert_eq!(hosts.iter().filter(|host| **host == "1").count(), 3);
    assert_eq!(bench.json(&["operations", "--machines", "7"]), json!({}));
    assert_eq!(bench.json(&["operations", "--units", "a/0"]), json!({}));
}

#[test]
fn a_machine_that_is_not_there_is_refused_and_to_juju_a_success_without_results() {
    let bench = two_machines();
    let said = bench.refused(&["exec", "--machine", "9", "--format", "json", "--", "ls"]);
    assert_eq!((said.code, said.stdout.as_str()), (1, ""), "{said:?}");
    assert!(said.stderr.contains("machine 9 not found"), "{said:?}");
    assert_eq!(bench.json(&["operations"]), json!({}), "nothing was started");

    let link = bench.path().join("juju");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_periapt"), &link).expect("a link");
    let mut juju = bench.command_of(&link.display().to_string());
    let said = common::Said::of(
        juju.args(["exec", "--machine", "9", "--format", "json", "--", "ls"]).output().expect("it starts"),
    );
    assert_eq!((said.code, said.stdout.as_str()), (0, ""), "{said:?}");
    assert!(said.stderr.contains("machine 9 not found (not found)"), "{said:?}");

    bench.refused(&["run", "0", "act"]);
}

#[test]
fn what_runs_on_a_machine_can_be_cancelled_and_has_its_time() {
    let bench = two_machines();
    let said = bench.run(&["exec", "--machine", "0", "--wait", "300ms", "--", "sleep 600"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stderr.contains("timed out waiting for results from: machine 0"), "{said:?}");

    bench.ok(&["exec", "--machine", "0", "--background", "--", "touch begun; sleep 600"]);
    let begun = machine_folder(&bench, 0).join("begun");
    until("the command runs", SOON, || begun.exists().then_some(()));
    // The first one was given 300 ms as well, and may still be ending.
    let running = until("it runs alone", SOON, || {
        let running = bench.json(&["operations", "--status", "running"]);
        (running.as_object()?.len() == 1).then_some(running)
    });
    let operation = running.as_object().and_then(|all| all.values().next()).expect("one runs");
    let task =
        operation["tasks"].as_object().and_then(|tasks| tasks.keys().next()).expect("its task").clone();
    bench.ok(&["cancel-task", &task]);
    let ended = bench.json(&["show-task", &task, "--wait", "30s"]);
    assert_eq!((&ended["status"], &ended["message"]), (&json!("aborted"), &json!("action cancelled")));
}

#[test]
fn commands_that_are_not_parallel_take_turns_on_their_machine() {
    let bench = two_machines();
    let script = "mkdir busy && sleep 0.2 && rmdir busy";
    for _ in 0..4 {
        bench.ok(&["exec", "--machine", "0", "--parallel=false", "--background", "--", script]);
    }
    let last = bench.json(&["exec", "--machine", "0", "--parallel=false", script]);
    assert_eq!(last["0"]["results"]["return-code"], 0, "{last}");
    let operations = bench.json(&["operations"]);
    let codes: Vec<&Value> = operations
        .as_object()
        .expect("operations")
        .values()
        .flat_map(|operation| operation["tasks"].as_object().expect("tasks").values())
        .map(|task| &task["results"]["return-code"])
        .collect();
    assert_eq!(codes, [&json!(0); 5]);
}

#[test]
fn a_command_that_a_daemons_death_cuts_short_has_failed_and_does_not_go_on() {
    let bench = two_machines();
    bench.ok(&["exec", "--machine", "0", "--background", "--", "echo $$ > shell; sleep 600; touch survived"]);
    let shell = machine_folder(&bench, 0).join("shell");
    let pid: i32 =
        until("the command runs", SOON, || std::fs::read_to_string(&shell).ok()?.trim().parse().ok());
    bench.kill_daemon();
    let operations = bench.json(&["operations"]);
    let tasks = operations.as_object().and_then(|all| all.values().next()).expect("the operation");
    let task = tasks["tasks"].as_object().and_then(|tasks| tasks.keys().next()).expect("its task").clone();
    let ended = bench.json(&["show-task", &task, "--wait", "30s"]);
    assert_eq!((&ended["status"], &ended["message"]), (&json!("failed"), &json!("action terminated")));
    until("its process is gone", SOON, || (!common_process(pid)).then_some(()));
}

/// Whether a process runs that is no zombie.
fn common_process(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z')))
}

#[test]
fn a_removed_machine_ends_what_runs_on_it() {
    let bench = two_machines();
    bench.ok(&["exec", "--machine", "0", "--background", "--", "setsid sleep 600 & echo $! > service; wait"]);
    let folder = machine_folder(&bench, 0);
    let service: i32 = until("the command runs", SOON, || {
        std::fs::read_to_string(folder.join("service")).ok()?.trim().parse().ok()
    });
    bench.ok(&["remove-machine", "0", "--no-prompt"]);
    until("its folder is gone", SOON, || (!folder.exists()).then_some(()));
    assert!(!common_process(service));
    let operations = bench.json(&["operations"]);
    let operation = operations.as_object().and_then(|all| all.values().next()).expect("the operation");
    assert_eq!(operation["status"], "aborted");
}

#[test]
fn a_destroyed_model_ends_what_its_machines_run() {
    let bench = two_machines();
    let script = "cd \"$HOME\"; setsid sleep 600 > /dev/null 2>&1 & echo $! > service";
    bench.ok(&["exec", "--machine", "0,1", "--", script]);
    let folders = [machine_folder(&bench, 0), machine_folder(&bench, 1)];
    let services = folders.each_ref().map(|folder| {
        let text = std::fs::read_to_string(folder.join("service")).expect("the service's number");
        text.trim().parse::<i32>().expect("a number")
    });
    assert!(services.into_iter().all(common_process));
    bench.ok(&["destroy-model", "default", "--no-prompt"]);
    let model = folders[0].ancestors().nth(2).expect("the model's folder");
    until("its folder is gone", SOON, || (!model.exists()).then_some(()));
    assert!(!services.into_iter().any(common_process));
}

#[test]
fn a_dry_run_refuses_what_the_real_one_refuses() {
    let bench = Bench::new();
    bench.ok(&["deploy", &shell_charm(bench.path(), "c", "", &[("start", "true")])]);
    bench.settle();
    let real = bench.refused(&["remove-machine", "0"]);
    let dry = bench.refused(&["remove-machine", "0", "--dry-run"]);
    assert_eq!((dry.code, &dry.stderr), (real.code, &real.stderr));
    let said = bench.run(&["remove-machine", "0", "--dry-run", "--force"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("will remove unit c/0"), "{said:?}");
    assert!(bench.json(&["machines"])["machines"].get("0").is_some(), "nothing was removed");
}
