//! The storage commands.

use periapt_context::testing::{Stage, unit};
use periapt_context::{ContextKind, Need, describe};
use periapt_model::commit::commit;
use periapt_model::entity::StorageInstance;
use periapt_model::hook::{Hook, StorageEvent, StorageHook};
use periapt_model::local::Local;
use periapt_model::model::Record;
use periapt_model::names::StorageId;
use periapt_model::step_commit::Commit;
use periapt_model::time::Timestamp;

use super::check;

fn storage(id: &str) -> StorageId {
    id.parse().expect("it is well formed")
}

/// `web/0` has `data/0`, `logs/10` and `logs/9`, of which it was told, and `data/4`, of which it was not; `web/1` has
/// `data/1`.
fn with_storages(context: Hook) -> Stage {
    let mut stage = Stage::new(ContextKind::Hook(context));
    for (id, owner) in [
        ("data/0", "web/0"),
        ("logs/10", "web/0"),
        ("logs/9", "web/0"),
        ("data/4", "web/0"),
        ("data/1", "web/1"),
    ] {
        let instance = StorageInstance::new(storage(id), unit(owner));
        std::sync::Arc::make_mut(&mut stage.view.model).put(Record::Storage(instance.into()));
    }
    stage.view.local.storages.extend(["data/0", "logs/10", "logs/9"].map(storage));
    stage
}

#[test]
fn a_unit_sees_its_own_storages_that_it_was_told_of() {
    let mut stage = with_storages(Hook::ConfigChanged);
    let unknown = |id: &str| format!("ERROR invalid value {id:?} for option -s: storage not found\n");
    check(
        &mut stage,
        &[
            ("storage-list", 0, "data/0\nlogs/10\nlogs/9\n", ""),
            ("storage-list --format=json logs", 0, "[\"logs/10\",\"logs/9\"]\n", ""),
            ("storage-list nope", 0, "", ""),
            ("storage-list a b", 2, "", "ERROR unrecognized args: [\"b\"]\n"),
            ("storage-get -s data/0", 0, "kind: filesystem\nlocation: /unit/storage/data/0\n", ""),
            ("storage-get --format=json -s data/0 location", 0, "\"/unit/storage/data/0\"\n", ""),
            ("storage-get -s data/0 kind", 0, "filesystem\n", ""),
            ("storage-get -s data/0 size", 1, "", "ERROR invalid storage attribute \"size\"\n"),
            ("storage-get", 2, "", "ERROR no storage instance specified\n"),
            ("storage-get -s data/1", 2, "", &unknown("data/1")),
            ("storage-get -s data/4", 2, "", &unknown("data/4")),
            ("storage-get -s ../../etc", 2, "", &unknown("../../etc")),
        ],
    );
    assert_eq!(stage.needs, [Need::Storage(storage("data/0")), Need::Storage(storage("data/0"))]);
}

#[test]
fn a_storages_own_hook_is_about_it() {
    let hook = |event| Hook::Storage(StorageHook { event, storage: storage("data/4") });
    let mut stage = with_storages(hook(StorageEvent::Attached));
    check(
        &mut stage,
        &[
            ("storage-get location", 0, "/unit/storage/data/4\n", ""),
            ("storage-list data", 0, "data/0\ndata/4\n", ""),
        ],
    );
    // `ops` up to 3 finds the storage of its event in this line, and nowhere else.
    assert!(stage.line("storage-get --help").1.contains("\n-s  (= data/4)\n"));
    assert!(Stage::config_changed().line("storage-get --help").1.contains("\n-s  (= \"\")\n"));
    let mut stage = with_storages(hook(StorageEvent::Detaching));
    check(&mut stage, &[("storage-get location", 0, "/unit/storage/data/4\n", "")]);
}

#[test]
fn more_storage_comes_when_the_hook_has_ended_well() {
    let mut stage = Stage::config_changed();
    check(
        &mut stage,
        &[
            ("storage-add", 2, "", "ERROR storage add requires a storage directive\n"),
            ("storage-add data=0", 2, "", "ERROR invalid value \"data=0\": expected <storage>[=<count>]\n"),
            ("storage-add ../x", 2, "", "ERROR invalid value \"../x\": expected <storage>[=<count>]\n"),
            ("storage-add nope", 1, "", "ERROR charm storage \"nope\" not found\n"),
            ("storage-add data logs=2", 0, "", ""),
            ("storage-add data=1", 0, "", ""),
            ("storage-list", 0, "", ""),
        ],
    );
    assert_eq!(describe(&stage.view, &stage.effects), ["storage-add data=2", "storage-add logs=2"]);
    let mut model = periapt_model::model::Model::clone(&stage.view.model);
    let mut end = || {
        let (unit, effects) = (unit("web/0"), stage.effects.clone());
        let (local, acts, journal) = (Local::default(), Vec::new(), Vec::new());
        let writes = commit(&model, Commit { unit, epoch: 0, local, acts, effects, journal }, Timestamp(0));
        writes.map(|writes| writes.iter().for_each(|write| model.write(write)))
    };
    end().unwrap();
    let refused = end().unwrap_err().to_string();
    assert_eq!(
        refused,
        "cannot apply changes: cannot add 2 of storage \"data\" to web/0: it has 2 and may have 2"
    );
    let all: Vec<String> = model.storages_of(&unit("web/0")).map(StorageId::to_string).collect();
    assert_eq!(all, ["data/0", "data/1", "logs/2", "logs/3"]);
}
