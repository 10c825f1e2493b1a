//! Actions, exec and replays.

use periapt_model::command::Command;
use periapt_model::entity::TaskStatus;
use periapt_model::journal::Event;
use serde_json::json;

use crate::support::{Home, alive, unit};

const METADATA: &str = "name: app\nsummary: s\ndescription: d\n";
const ACTIONS: &str = "
work: {description: d, params: {size: {type: integer, default: 3}}}
fail: {description: d}
crash: {description: d}
hang: {description: d}
absent: {description: d}
";

fn deployed() -> Home {
    let home = Home::new();
    let work = "#!/bin/bash
action-log one; action-set size=$(action-get size) nested.key=v; state-set worked=yes; echo out; echo err >&2\n";
    let charm = home.charm(
        "c1",
        METADATA,
        &[
            ("actions.yaml", ACTIONS),
            ("actions/work", work),
            ("actions/fail", "#!/bin/bash\naction-set got=this; action-fail 'no luck'\n"),
            ("actions/crash", "#!/bin/bash\naction-set got=this; state-set crashed=yes; exit 7\n"),
            ("actions/hang", "#!/bin/bash\necho $$ > pid; sleep 600 & echo $! > child; wait\n"),
            ("hooks/config-changed", "#!/bin/bash\necho ran >> config-changed\n"),
        ],
    );
    home.deploy(charm);
    home
}

#[tokio::test]
async fn actions_say_how_they_ended_and_never_bring_a_unit_into_error() {
    let home = deployed();
    let agents = home.start();
    home.idle("app/0").await;

    let work = home.task(home.run("app/0", "work", json!({"size": 5}))).await;
    assert_eq!((work.status, work.message.as_str()), (TaskStatus::Completed, ""));
    let expected =
        json!({"size": "5", "nested": {"key": "v"}, "return-code": 0, "stdout": "out\n", "stderr": "err\n"});
    assert_eq!(serde_json::Value::Object(work.results), expected);
    assert_eq!(work.log.len(), 1);
    assert_eq!(home.control.model().charm_states[&unit("app/0")]["worked"], "yes");

    let fail = home.task(home.run("app/0", "fail", json!({}))).await;
    assert_eq!((fail.status, fail.message.as_str()), (TaskStatus::Failed, "no luck"));
    assert_eq!((&fail.results["got"], &fail.results["return-code"]), (&json!("this"), &json!(0)));

    let crash = home.task(home.run("app/0", "crash", json!({}))).await;
    assert_eq!((crash.status, crash.message.as_str()), (TaskStatus::Failed, "exit status 7"));
    assert_eq!((&crash.results["got"], &crash.results["return-code"]), (&json!("this"), &json!(7)));
    assert!(!home.control.model().charm_states[&unit("app/0")].contains_key("crashed"));

    let absent = home.task(home.run("app/0", "absent", json!({}))).await;
    assert_eq!(absent.status, TaskStatus::Failed);
    assert_eq!(absent.message, "action not implemented on unit \"app/0\"");
    home.idle("app/0").await;
    home.finish(agents).await;
}

#[tokio::test]
async fn a_cancelled_action_is_killed_with_its_children() {
    let home = deployed();
    let agents = home.start();
    home.idle("app/0").await;
    let task = home.run("app/0", "hang", json!({}));
    let child = home.line("app/0", "child", "").await;
    home.control.command(Command::CancelTask { task }).unwrap();
    let ended = home.task(task).await;
    assert_eq!(ended.status, TaskStatus::Aborted);
    assert!(!alive(&child));
    home.finish(agents).await;
}

#[tokio::test]
async fn exec_runs_a_script_in_a_hook_context_within_its_time() {
    let home = deployed();
    let agents = home.start();
    home.idle("app/0").await;
    let well = home.task(home.exec("app/0", "pwd; config-get; state-set by=exec", None)).await;
    assert_eq!(well.status, TaskStatus::Completed);
    assert!(
        well.results["stdout"].as_str().unwrap().contains(&home.charm_dir("app/0").display().to_string())
    );
    assert_eq!(home.control.model().charm_states[&unit("app/0")]["by"], "exec");

    let ill = home.task(home.exec("app/0", "state-set lost=1\nexit 4", None)).await;
    assert_eq!((ill.status, &ill.results["return-code"]), (TaskStatus::Completed, &json!(4)));
    assert!(!home.control.model().charm_states[&unit("app/0")].contains_key("lost"));

    let late = home.task(home.exec("app/0", "sleep 600", Some(100))).await;
    assert_eq!((late.status, late.message.as_str()), (TaskStatus::Failed, "timed out after 100ms"));
    assert!(late.timed_out);
    home.finish(agents).await;
}

#[tokio::test]
async fn a_replay_runs_the_hook_again_and_moves_nothing() {
    let home = deployed();
    let agents = home.start();
    home.idle("app/0").await;
    let hook = periapt_model::hook::Hook::ConfigChanged;
    let replay = Command::Replay { unit: unit("app/0"), record: 4, hook };
    let periapt_model::command::Answer::Operation { tasks, .. } = home.control.command(replay).unwrap()
    else {
        panic!("an operation");
    };
    let task = home.task(tasks[0].0).await;
    assert_eq!(task.status, TaskStatus::Completed);
    assert_eq!(home.lines("app/0", "config-changed"), ["ran", "ran"]);
    let dispatches = home.control.dispatches(&unit("app/0"));
    assert!(matches!(dispatches.last().unwrap().event, Event::Replay { record: 4, .. }));
    home.finish(agents).await;
}
