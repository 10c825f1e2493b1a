//! Hooks: which file runs, with what around it, and what becomes of how it ends.

use std::collections::BTreeMap;
use std::fs;

use periapt_model::command::Command;
use periapt_model::journal::Outcome;
use periapt_model::log::Level;
use periapt_model::remote::Resolve;
use periapt_model::status::WorkloadStatus;

use crate::support::{Home, alive, end, has_line, relation_of, unit};

const OPERATION: &str = "juju.worker.uniter.operation";
const UNITER: &str = "juju.worker.uniter";

#[tokio::test]
async fn a_charm_of_hook_files_goes_through_its_setup_and_its_removal() {
    let home = Home::new();
    let note = "#!/bin/bash\necho \"$JUJU_HOOK_NAME $(basename \"$0\") $PWD\" >> ran\n";
    let note_stop = "#!/bin/bash\necho stop >> ../../../stopped\n";
    let charm = home.charm(
        "c1",
        "name: app\nsummary: s\ndescription: d\n",
        &[
            ("hooks/install", note),
            ("hooks/config-changed", note),
            ("hooks/start", note),
            ("hooks/stop", note_stop),
        ],
    );
    home.deploy(charm);
    let agents = home.start();
    home.idle("app/0").await;

    let dir = home.charm_dir("app/0").display().to_string();
    let expected: Vec<String> =
        ["install", "config-changed", "start"].map(|hook| format!("{hook} {hook} {dir}")).to_vec();
    assert_eq!(home.lines("app/0", "ran"), expected);
    assert_eq!(
        home.trace("app/0"),
        ["install done", "leader-elected missing", "config-changed done", "start done"]
    );
    assert_eq!(home.lines("app/0", ".juju-charm"), ["local:app-0"]);
    let logs = home.control.logs();
    let ran = "ran \"install\" hook (via explicit, bespoke hook script)";
    assert!(has_line(&logs, Level::Info, OPERATION, ran));
    assert!(has_line(&logs, Level::Info, OPERATION, "skipped \"leader-elected\" hook (missing)"));
    assert!(has_line(&logs, Level::Info, UNITER, "unit \"app/0\" started"));
    assert!(has_line(&logs, Level::Info, UNITER, "hooks are retried true"));
    assert!(has_line(&logs, Level::Debug, UNITER, "[AGENT-STATUS] executing: running install hook"));
    // Nobody listens between hooks, and nothing is left of the last one.
    assert!(!home.unit_dir("app/0").join("agent.socket").exists());
    assert!(!home.unit_dir("app/0").join("run/process").exists());

    home.control.command(Command::RemoveUnits { units: vec![unit("app/0")], force: false }).unwrap();
    home.gone("app/0").await;
    assert!(home.path().join("model/stopped").exists());
    assert_eq!(home.trace("app/0")[4..], ["stop done", "remove missing"]);
    home.finish(agents).await;
}

#[tokio::test]
async fn a_failed_hook_waits_and_runs_again_when_it_is_resolved() {
    let home = Home::new();
    home.deploy_script(
        "app",
        "case $JUJU_HOOK_NAME in install)
            [ -e ../mended ] && exit 0
            echo out; echo \"it is broken\" >&2; status-set active kept; state-set lost=1; exit 3;;
        esac",
    );
    let agents = home.start();
    let failure = home.failed("app/0").await;
    assert_eq!((failure.reason.as_str(), failure.attempts), ("exit status 3", 1));
    let mut output = failure.output;
    output.sort();
    assert_eq!(output, ["it is broken", "out"]);
    let model = home.control.model();
    assert!(!model.charm_states.contains_key(&unit("app/0")), "what is buffered is lost");
    assert_eq!(
        model.units[&unit("app/0")].workload.status,
        WorkloadStatus::Active,
        "what counts at once is kept"
    );
    let line = "awaiting error resolution for \"install\" hook";
    home.control.until(line, |c| has_line(&c.logs(), Level::Info, UNITER, line).then_some(())).await;
    let logs = home.control.logs();
    let failed = "hook \"install\" (via hook dispatching script: dispatch) failed: exit status 3";
    assert!(has_line(&logs, Level::Error, OPERATION, failed));
    assert!(has_line(&logs, Level::Debug, "unit.app/0.install", "out"));
    assert!(has_line(&logs, Level::Warning, "unit.app/0.install", "it is broken"));

    fs::write(home.unit_dir("app/0").join("mended"), "").unwrap();
    let resolve = Command::Resolve { units: vec![unit("app/0")], all: false, how: Resolve::Retry };
    home.control.command(resolve).unwrap();
    home.idle("app/0").await;
    assert_eq!(home.trace("app/0")[..2], ["install failed", "install done"]);
    assert_eq!(home.control.dispatches(&unit("app/0"))[1].attempt, 2);
    home.finish(agents).await;
}

#[tokio::test]
async fn what_a_charm_logs_as_an_error_is_kept_with_the_failure() {
    let home = Home::new();
    home.deploy_script(
        "app",
        "case $JUJU_HOOK_NAME in install)
            juju-log -l INFO beginning
            juju-log -l ERROR $'Traceback:\\n  main\\nValueError: no'
            exit 1;;
        esac",
    );
    let agents = home.start();
    assert_eq!(home.failed("app/0").await.output, ["Traceback:", "  main", "ValueError: no"]);
    home.finish(agents).await;
}

#[tokio::test]
async fn a_hook_that_cannot_be_executed_fails_with_the_reason() {
    let home = Home::new();
    let metadata = "name: app\nsummary: s\ndescription: d\n";
    let charm = home.charm("c1", metadata, &[("hooks/install", "#!/no/such/interpreter\n")]);
    home.deploy(charm);
    let agents = home.start();
    let failure = home.failed("app/0").await;
    assert!(
        failure.reason.contains("interpreter that its first line names is not there"),
        "{}",
        failure.reason
    );
    home.finish(agents).await;
}

/// A process's environment as `cat /proc/$$/environ` wrote it into a file.
fn environment(home: &Home, unit: &str, file: &str) -> BTreeMap<String, String> {
    let bytes = fs::read(home.charm_dir(unit).join(file)).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let pairs = text.split_terminator('\0').map(|entry| entry.split_once('=').unwrap());
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

const EVERYWHERE: [&str; 28] = [
    "APT_LISTCHANGES_FRONTEND",
    "CHARM_DIR",
    "CLOUD_API_VERSION",
    "DEBIAN_FRONTEND",
    "JUJU_AGENT_SOCKET_ADDRESS",
    "JUJU_AGENT_SOCKET_NETWORK",
    "JUJU_API_ADDRESSES",
    "JUJU_AVAILABILITY_ZONE",
    "JUJU_CHARM_DIR",
    "JUJU_CHARM_FTP_PROXY",
    "JUJU_CHARM_HTTPS_PROXY",
    "JUJU_CHARM_HTTP_PROXY",
    "JUJU_CHARM_NO_PROXY",
    "JUJU_CONTEXT_ID",
    "JUJU_MACHINE_ID",
    "JUJU_METER_INFO",
    "JUJU_METER_STATUS",
    "JUJU_MODEL_NAME",
    "JUJU_MODEL_UUID",
    "JUJU_PRINCIPAL_UNIT",
    "JUJU_SLA",
    "JUJU_UNIT_NAME",
    "JUJU_VERSION",
    "LANG",
    "NO_PROXY",
    "PATH",
    "PERIAPT_VERSION",
    "TERM",
];

fn expect(found: &BTreeMap<String, String>, more: &[&str]) {
    let names: Vec<&str> = found.keys().map(String::as_str).filter(|name| *name != "no_proxy").collect();
    let mut expected: Vec<&str> = EVERYWHERE.iter().chain(more).copied().collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn the_environment_is_juju_s_and_our_version() {
    let home = Home::new();
    let save = "#!/bin/sh\ncat /proc/$$/environ > env-$(basename ${JUJU_DISPATCH_PATH:-exec})\n";
    let charm = home.charm(
        "c1",
        "name: app\nsummary: s\ndescription: d\nprovides:\n  web: {interface: http}\n",
        &[("dispatch", save), ("actions.yaml", "look: {description: d}\n")],
    );
    home.deploy(charm);
    let other = home.charm(
        "c2",
        "name: other\nsummary: s\ndescription: d\nrequires:\n  site: {interface: http}\n",
        &[("dispatch", "#!/bin/sh\n")],
    );
    home.deploy(other);
    let agents = home.start();
    home.idle("app/0").await;
    home.idle("other/0").await;

    let start = environment(&home, "app/0", "env-start");
    expect(&start, &["JUJU_HOOK_NAME", "JUJU_DISPATCH_PATH"]);
    let dir = home.charm_dir("app/0").display().to_string();
    let tools = home.path().join("model/tools").display().to_string();
    for (name, value) in [
        ("JUJU_UNIT_NAME", "app/0"),
        ("JUJU_MODEL_NAME", "testing"),
        ("JUJU_MODEL_UUID", "0a1b"),
        ("JUJU_HOOK_NAME", "start"),
        ("JUJU_DISPATCH_PATH", "hooks/start"),
        ("JUJU_VERSION", "3.6.11"),
        ("PERIAPT_VERSION", env!("CARGO_PKG_VERSION")),
        ("JUJU_CHARM_DIR", dir.as_str()),
        ("JUJU_PRINCIPAL_UNIT", ""),
        ("JUJU_MACHINE_ID", "0"),
        ("JUJU_AGENT_SOCKET_NETWORK", "unix"),
        ("no_proxy", "127.0.0.1,localhost,::1"),
        ("LANG", "C.UTF-8"),
    ] {
        assert_eq!(start[name], value, "{name}");
    }
    assert!(start["JUJU_CONTEXT_ID"].starts_with("app/0-start-"));
    assert_eq!(start["PATH"], format!("{tools}:{}", std::env::var("PATH").unwrap()));

    let (a, b) = (end("app", "web"), end("other", "site"));
    let id = relation_of(home.control.command(Command::Integrate { a, b }).unwrap());
    home.line("app/0", "env-web-relation-changed", "").await;
    let relation = [
        "JUJU_HOOK_NAME",
        "JUJU_DISPATCH_PATH",
        "JUJU_RELATION",
        "JUJU_RELATION_ID",
        "JUJU_REMOTE_APP",
        "JUJU_REMOTE_UNIT",
    ];
    let created = environment(&home, "app/0", "env-web-relation-created");
    expect(&created, &relation);
    assert_eq!((created["JUJU_REMOTE_UNIT"].as_str(), created["JUJU_REMOTE_APP"].as_str()), ("", "other"));
    let joined = environment(&home, "app/0", "env-web-relation-joined");
    expect(&joined, &relation);
    assert_eq!(joined["JUJU_REMOTE_UNIT"], "other/0");
    assert_eq!(
        (joined["JUJU_RELATION"].as_str(), joined["JUJU_RELATION_ID"].clone()),
        ("web", format!("web:{id}"))
    );

    let action = home.run("app/0", "look", serde_json::json!({}));
    home.task(action).await;
    let look = environment(&home, "app/0", "env-look");
    expect(
        &look,
        &["JUJU_HOOK_NAME", "JUJU_DISPATCH_PATH", "JUJU_ACTION_NAME", "JUJU_ACTION_UUID", "JUJU_ACTION_TAG"],
    );
    assert_eq!(look["JUJU_ACTION_TAG"], format!("action-{action}"));
    assert_eq!((look["JUJU_HOOK_NAME"].as_str(), look["JUJU_DISPATCH_PATH"].as_str()), ("", "actions/look"));

    let exec = home.exec("app/0", "cat /proc/$$/environ > env-exec", None);
    home.task(exec).await;
    expect(&environment(&home, "app/0", "env-exec"), &["JUJU_HOOK_NAME"]);
    home.finish(agents).await;
}

#[tokio::test]
async fn hook_commands_read_write_and_count_when_the_hook_ends_well() {
    let home = Home::new();
    let script = r#"#!/bin/bash
set -e
case $JUJU_HOOK_NAME in
install)
    echo "text: $(config-get text)" > seen
    echo "leader: $(is-leader)" >> seen
    status-set maintenance "at work"
    juju-log -l INFO "hello"
    juju-log "Emitting custom event <Custom via MyCharm/on/first[3]>."
    state-set --file - <<< '{"key": "value"}'
    printf 'other: word\n' > state.yaml
    state-set --file state.yaml
    state-get key >> seen
    config-get text -o out
    application-version-set 1.2.3
    JUJU_CONTEXT_ID=else config-get text 2>> seen || echo "code $?" >> seen
    no-such-command 2>/dev/null || echo "missing" >> seen;;
peers-relation-created)
    relation-set -r "$JUJU_RELATION_ID" host=me
    open-port 80;;
esac
"#;
    let charm = home.charm(
        "c1",
        "name: app\nsummary: s\ndescription: d\npeers:\n  peers: {interface: p}\n",
        &[("dispatch", script), ("config.yaml", "options:\n  text: {type: string, default: word}\n")],
    );
    home.deploy(charm);
    let agents = home.start();
    home.idle("app/0").await;

    let context = home.control.dispatches(&unit("app/0"));
    let seen = home.lines("app/0", "seen");
    assert_eq!(seen[..3], ["text: word", "leader: True", "value"]);
    assert!(seen[3].starts_with("ERROR expected context id \"app/0-install-"), "{seen:?}");
    assert!(seen[3].ends_with("got \"else\""), "{seen:?}");
    assert_eq!(seen[4..], ["code 1", "missing"]);
    assert_eq!(home.lines("app/0", "out"), ["word"]);

    let model = home.control.model();
    let state = &model.charm_states[&unit("app/0")];
    assert_eq!((state["key"].as_str(), state["other"].as_str()), ("value", "word"));
    assert_eq!(model.units[&unit("app/0")].workload.message, "at work");
    assert_eq!(model.applications.values().next().unwrap().workload_version.as_deref(), Some("1.2.3"));
    let relation = model.relations.values().next().unwrap();
    assert_eq!(model.member(relation.id, &unit("app/0")).unwrap().settings["host"], "me");
    assert_eq!(model.units[&unit("app/0")].ports.len(), 1);
    assert!(has_line(&home.control.logs(), Level::Info, "unit.app/0.juju-log", "hello"));

    let install = &context[0];
    assert_eq!(install.outcome, Outcome::Done);
    assert_eq!(install.custom_events, ["first"]);
    assert_eq!(install.hook_commands, 10);
    assert!(install.writes.iter().any(|line| line == "status-set maintenance"), "{:?}", install.writes);
    assert!(install.writes.iter().any(|line| line == "state-set key other"), "{:?}", install.writes);
    assert!(install.leader);
    home.finish(agents).await;
}

#[tokio::test]
async fn a_daemon_that_holds_the_hook_s_output_neither_blocks_nor_dies() {
    let home = Home::new();
    home.deploy_script(
        "app",
        "case $JUJU_HOOK_NAME in
        install) (trap '' HUP; echo $BASHPID > daemon; for n in $(seq 6000); do echo still here; sleep 0.01; done) & ;;
        start) config-get > /dev/null;;
        esac",
    );
    let agents = home.start();
    home.idle("app/0").await;
    let pid = home.lines("app/0", "daemon")[0].clone();
    // It goes on writing into a pipe that is still read.
    let lines = |home: &Home| home.control.logs().iter().filter(|line| line.message == "still here").count();
    let before = lines(&home);
    home.control.until("it goes on", |_| (lines(&home) > before + 2).then_some(())).await;
    assert!(alive(&pid));
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    home.finish(agents).await;
}

#[tokio::test]
async fn long_paths_reach_the_socket_too() {
    let home = Home::new();
    home.deploy_script("app", "[ \"$JUJU_HOOK_NAME\" != start ] || config-get > seen");
    let mut options = home.options();
    options.model_dir = home.path().join("x".repeat(120));
    let long = options.model_dir.clone();
    let agents = periapt_agent::Agents::start(home.control.clone(), options).unwrap();
    home.idle("app/0").await;
    assert!(fs::read_to_string(long.join("agents/unit-app-0/charm/seen")).is_ok());
    home.finish(agents).await;
}

#[tokio::test]
async fn hooks_that_wait_for_another_unit_s_hook_do_not_keep_it_from_running() {
    let home = Home::new();
    // With one place only, the second unit's hook starts while the first one's still runs.
    let script = "[ $JUJU_HOOK_NAME = install ] || exit 0
        touch ../../$(basename $(dirname $PWD)).here
        until [ $(ls ../.. | grep -c here) = 2 ]; do sleep 0.02; done";
    home.deploy_script("app", script);
    home.control.command(Command::AddUnits { app: crate::support::app("app"), count: 1 }).unwrap();
    let mut options = home.options();
    options.most_processes = 1;
    let agents = periapt_agent::Agents::start(home.control.clone(), options).unwrap();
    home.idle("app/0").await;
    home.idle("app/1").await;
    home.finish(agents).await;
}

#[tokio::test]
async fn a_reboot_at_once_ends_the_hook_and_runs_it_again() {
    let home = Home::new();
    home.deploy_script(
        "app",
        "[ $JUJU_HOOK_NAME = install ] || exit 0
        [ -e ../once ] || { touch ../once; state-set lost=1; juju-reboot --now; echo never > after; }",
    );
    let agents = home.start();
    home.idle("app/0").await;
    assert_eq!(home.trace("app/0")[..2], ["install interrupted", "install done"]);
    assert!(!home.charm_dir("app/0").join("after").exists());
    assert!(!home.control.model().charm_states.contains_key(&unit("app/0")));
    home.finish(agents).await;
}

#[tokio::test]
async fn a_resource_is_brought_to_the_unit_when_it_is_asked_for() {
    let home = Home::new();
    let metadata = "name: app\nsummary: s\ndescription: d\nresources:\n  data: {type: file, filename: data.txt}\n  more: {type: file, filename: more.txt}\n";
    let script = "#!/bin/bash
[ $JUJU_HOOK_NAME = install ] || exit 0
resource-get data > where; cat \"$(resource-get data)\" > content; echo changed > \"$(cat where)\"
resource-get more 2> refused || echo $? >> refused\n";
    let charm = home.charm("c1", metadata, &[("dispatch", script)]);
    fs::create_dir_all(home.path().join("resources")).unwrap();
    fs::write(home.path().join("resources/abc"), "the content\n").unwrap();
    let file = periapt_model::entity::ResourceFile { hash: "abc".into(), size: 12, revision: 1, store: None };
    home.deploy_with(charm, [("data".parse().unwrap(), file)].into());
    let agents = home.start();
    home.idle("app/0").await;
    let expected = home.unit_dir("app/0").join("resources/data/data.txt");
    assert_eq!(home.lines("app/0", "where"), [expected.display().to_string()]);
    assert_eq!(home.lines("app/0", "content"), ["the content"]);
    assert_eq!(fs::read_to_string(home.path().join("resources/abc")).unwrap(), "the content\n");
    let refused = home.lines("app/0", "refused");
    assert!(refused[0].starts_with("ERROR could not download resource: "), "{refused:?}");
    assert_eq!(refused[1], "1");
    home.finish(agents).await;
}
