use serde_json::json;

use super::*;
use crate::charm::{CharmFiles, SourceText, parse};
use crate::command::{Command, ExecOptions};
use crate::entity::{Member, ModelInfo};
use crate::names::{AppName, RelationId};
use crate::step_commit::{Act, Commit};

const ACTIONS: &str =
    "together: {parallel: true}\nalone: {}\ngrouped: {parallel: true, execution-group: disk}\n";

/// A model with two applications of two units, related.
fn model() -> Model {
    let mut model = Model::new(ModelInfo::new("uuid".into(), "m".parse().unwrap(), Timestamp(0)));
    for (name, endpoints, actions) in [
        ("a", "requires: {db: {interface: x}}\n", ACTIONS),
        ("b", "provides: {web: {interface: x}}\n", "together: {}\nalone: {parallel: true}\n"),
    ] {
        let metadata = format!("name: {name}\nsummary: s\ndescription: d\n{endpoints}");
        let files = CharmFiles {
            metadata: Some(SourceText::new("metadata.yaml", metadata)),
            actions: Some(SourceText::new("actions.yaml", actions.to_owned())),
            ..CharmFiles::default()
        };
        let meta = parse(&files).unwrap().meta;
        let charm = json!({"id": format!("id-{name}"), "url": "", "revision": 0, "meta": meta});
        let deploy = json!({"deploy": {"name": name, "charm": charm, "units": 2}});
        done(&mut model, serde_json::from_value(deploy).unwrap());
    }
    let end = |app: &str| json!({"app": app, "endpoint": null});
    done(&mut model, serde_json::from_value(json!({"integrate": {"a": end("a"), "b": end("b")}})).unwrap());
    model
}

fn done(model: &mut Model, command: Command) -> Answer {
    tried(model, command, Timestamp(1_000)).unwrap()
}

fn tried(model: &mut Model, command: Command, now: Timestamp) -> Result<Answer, Refusal> {
    let (writes, answer) = crate::apply::apply(model, command, now)?;
    writes.iter().for_each(|write| model.write(write));
    Ok(answer)
}

fn unit(name: &str) -> UnitName {
    name.parse().unwrap()
}

fn tasks(model: &mut Model, command: Command) -> Vec<Task> {
    let Answer::Operation { tasks, .. } = done(model, command) else { panic!("an operation") };
    tasks.iter().map(|(id, _)| Task::clone(&model.tasks[id])).collect()
}

fn run(receivers: Vec<Receiver>, action: &str) -> Command {
    Command::Run { receivers, action: action.parse().unwrap(), params: serde_json::Map::new() }
}

fn exec(receivers: Vec<Receiver>, with: ExecOptions) -> Command {
    Command::Exec { receivers, command: "ls".to_owned(), timeout_ms: None, parallel: true, with }
}

#[test]
fn each_task_has_its_own_charms_word_on_parallel_and_groups() {
    let mut model = model();
    let both = || vec![Receiver::Unit(unit("a/0")), Receiver::Unit(unit("b/0"))];
    let of = |tasks: &[Task]| tasks.iter().map(|task| task.parallel).collect::<Vec<_>>();
    assert_eq!(of(&tasks(&mut model, run(both(), "together"))), [true, false]);
    assert_eq!(of(&tasks(&mut model, run(both(), "alone"))), [false, true]);
    let grouped = tasks(&mut model, run(vec![Receiver::Unit(unit("a/1"))], "grouped"));
    assert_eq!((grouped[0].parallel, grouped[0].group.as_str()), (true, "disk"));
}

#[test]
fn one_who_is_named_twice_acts_twice_and_executes_once() {
    let mut model = model();
    let twice = || vec![Receiver::Unit(unit("a/0")), Receiver::Unit(unit("a/0"))];
    assert_eq!(tasks(&mut model, run(twice(), "alone")).len(), 2);
    let all = [twice(), vec![Receiver::Application(AppName::new("a").unwrap())]].concat();
    let executed =
        tasks(&mut model, exec(all, ExecOptions { group: "disk".to_owned(), ..ExecOptions::default() }));
    let names: Vec<String> = executed.iter().map(|task| task.host.to_string()).collect();
    assert_eq!(names, ["a/0", "a/1"]);
    assert!(executed.iter().all(|task| task.parallel && task.group == "disk"));
}

#[test]
fn a_context_has_the_only_remote_unit_or_the_one_that_is_named() {
    let mut model = model();
    let id = RelationId(0);
    let there = |model: &mut Model, name: &str| {
        let member = Member { in_scope: true, ..Member::default() };
        model.put(Record::Member(id, unit(name), Arc::new(member)));
    };
    let asked = |remote: Option<&str>, force: bool| {
        let relation = AskedRelation { id, remote_unit: remote.map(unit), remote_app: None, force };
        exec(
            vec![Receiver::Unit(unit("a/0"))],
            ExecOptions { relation: Some(relation), local: true, ..ExecOptions::default() },
        )
    };
    let remote = |model: &mut Model, command: Command| match tried(model, command, Timestamp(1_000)) {
        Ok(Answer::Operation { tasks, .. }) => match &model.tasks[&tasks[0].0].kind {
            TaskKind::Exec { relation: Some(relation), local: true, .. } => {
                assert_eq!((relation.endpoint.as_str(), relation.remote_app.as_str()), ("db", "b"));
                Ok(relation.remote_unit.as_ref().map(ToString::to_string))
            }
            other => panic!("{other:?}"),
        },
        Ok(other) => panic!("{other:?}"),
        Err(refusal) => Err(refusal.message),
    };
    let none = "no remote unit found for relation id: 0, override to execute commands";
    assert_eq!(remote(&mut model, asked(None, false)), Err(none.to_owned()));
    assert_eq!(remote(&mut model, asked(None, true)), Ok(None));
    there(&mut model, "a/0");
    there(&mut model, "b/0");
    assert_eq!(remote(&mut model, asked(None, false)), Ok(Some("b/0".to_owned())));
    there(&mut model, "b/1");
    let several = "unable to determine remote-unit, please disambiguate: b/0, b/1";
    assert_eq!(remote(&mut model, asked(None, false)), Err(several.to_owned()));
    assert_eq!(remote(&mut model, asked(Some("b/1"), false)), Ok(Some("b/1".to_owned())));
    let unknown = "unknown remote unit b/7, use --force-remote-unit to override";
    assert_eq!(remote(&mut model, asked(Some("b/7"), false)), Err(unknown.to_owned()));
    assert_eq!(remote(&mut model, asked(Some("b/7"), true)), Ok(Some("b/7".to_owned())));
}

#[test]
fn what_was_asked_for_on_a_unit_is_soon_forgotten() {
    let mut model = model();
    let local =
        || exec(vec![Receiver::Unit(unit("a/0"))], ExecOptions { local: true, ..ExecOptions::default() });
    done(&mut model, Command::TakeUnit { unit: unit("a/0") });
    let id = tasks(&mut model, local())[0].id;
    let listed = tasks(&mut model, exec(vec![Receiver::Unit(unit("a/0"))], ExecOptions::default()))[0].id;
    for task in [id, listed] {
        let act = Act::TaskEnded {
            task,
            status: TaskStatus::Failed,
            timed_out: task == id,
            message: "late".to_owned(),
            results: serde_json::Map::new(),
        };
        let agent = &model.agents[&unit("a/0")];
        let commit = Commit {
            unit: unit("a/0"),
            epoch: agent.epoch,
            local: agent.local.clone(),
            acts: vec![act],
            effects: Default::default(),
            journal: Vec::new(),
        };
        let writes = crate::commit::commit(&model, commit, Timestamp(2_000)).unwrap();
        writes.iter().for_each(|write| model.write(write));
    }
    assert!(model.tasks[&id].timed_out && !model.tasks[&listed].timed_out);
    let minute = Timestamp(2_000) + LOCAL_KEPT;
    tried(&mut model, local(), minute).unwrap();
    assert!(model.tasks.contains_key(&id), "whoever asked may not have read it yet");
    tried(&mut model, local(), minute + LOCAL_KEPT).unwrap();
    assert!(!model.tasks.contains_key(&id) && model.tasks.contains_key(&listed));
}
