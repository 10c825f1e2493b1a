//! Storages as operators, charms and whoever looks at the disk see them: what is in one outlives its unit when told so.

mod common;

use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{Bench, shell_charm, until};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

/// A charm with a storage that a unit may have several of, and one that it always has. It notes what it is told of them.
fn charm(bench: &Bench) -> String {
    let note = format!(
        "echo \"$JUJU_UNIT_NAME ${{JUJU_HOOK_NAME#*-storage-}} $JUJU_STORAGE_ID \
         $(cat $JUJU_STORAGE_LOCATION/file 2>/dev/null || echo empty)\" >>{}/told",
        bench.path().display()
    );
    let metadata = "storage:\n  cache: {type: filesystem}\n  data: {type: filesystem, minimum-size: 1G, multiple: {range: 0-3}}\n  \
                    raw: {type: block, multiple: {range: 0-}}\n";
    let hooks = ["data-storage-attached", "data-storage-detaching"].map(|hook| (hook, note.as_str()));
    shell_charm(bench.path(), "keep", metadata, &hooks)
}

/// What the charm was told. A hook that a kill interrupted has told it twice.
fn told(bench: &Bench) -> Vec<String> {
    let text = std::fs::read_to_string(bench.path().join("told")).unwrap_or_default();
    let mut told: Vec<String> = text.lines().map(str::to_owned).collect();
    told.dedup();
    told
}

/// The one model's folder.
fn model(bench: &Bench) -> PathBuf {
    let mut folders = std::fs::read_dir(bench.home().join("models")).expect("models");
    folders.next().expect("one model").expect("readable").path()
}

fn text(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

fn storage(bench: &Bench, id: &str) -> Value {
    bench.json(&["storage"])["storage"][id].clone()
}

fn write(bench: &Bench, unit: &str, id: &str, content: &str) {
    let script = format!("echo {content} > $(storage-get -s {id} location)/file");
    bench.ok(&["exec", "--unit", unit, "--", &script]);
}

#[test]
fn data_outlives_its_unit_a_kill_and_a_second_unit() {
    let bench = Bench::new();
    bench.ok(&["deploy", &charm(&bench), "-n", "2", "--storage", "data=1,2G"]);
    bench.settle();
    let shown = bench.json(&["storage"]);
    let at = |unit: &str, id: &str| {
        let folder = model(&bench).join(format!("agents/unit-{unit}/storage/{id}"));
        json!({"machine": unit.rsplit('-').next(), "location": folder.to_str(), "life": "alive"})
    };
    let mut data = shown["storage"]["data/1"].clone();
    assert!(data["status"].as_object_mut().and_then(|status| status.remove("since")).is_some());
    assert_eq!(
        data,
        json!({"kind": "filesystem", "life": "alive", "status": {"current": "attached"}, "persistent": true,
            "attachments": {"units": {"keep/0": at("keep-0", "data/1")}}})
    );
    assert_eq!(shown["storage"]["cache/0"]["persistent"], false);
    let filesystem = &shown["filesystems"]["1"];
    assert_eq!((&filesystem["pool"], &filesystem["size"]), (&json!("lxd"), &json!(2048)), "{shown}");
    assert_eq!(shown["filesystems"]["0/0"]["pool"], "rootfs", "{shown}");
    assert_eq!(shown, bench.json(&["status"])["storage"]);

    write(&bench, "keep/0", "data/1", "precious");
    write(&bench, "keep/0", "cache/0", "worthless");
    let removed = bench.run(&["remove-unit", "keep/0", "--no-prompt"]);
    assert!(removed.stdout.contains("- will remove storage cache/0"), "{removed:?}");
    assert!(removed.stdout.contains("- will detach storage data/1"), "{removed:?}");
    bench.kill_daemon();
    bench.settle();
    bench.kill_daemon();
    let mut data = storage(&bench, "data/1");
    data["status"]["since"] = Value::Null;
    assert_eq!(
        data,
        json!({"kind": "filesystem", "life": "alive", "persistent": true,
            "status": {"current": "detached", "since": null}})
    );
    let kept = model(&bench).join("storage/data/1/file");
    assert_eq!(text(&kept).as_deref(), Some("precious\n"));
    until("the cache is gone", SOON, || (!model(&bench).join("storage/cache/0").exists()).then_some(()));
    assert_eq!(told(&bench)[2..], ["keep/0 detaching data/1 precious"]);

    bench.ok(&["attach-storage", "keep/1", "data/1"]);
    bench.settle();
    bench.ok(&["detach-storage", "data/1"]);
    bench.settle();
    assert_eq!(storage(&bench, "data/1")["status"]["current"], "detached");
    let link = model(&bench).join("agents/unit-keep-1/storage/data/1");
    until("the unit's link is gone", SOON, || link.symlink_metadata().is_err().then_some(()));
    bench.ok(&["add-unit", "keep", "--attach-storage", "data/1"]);
    bench.settle();
    let expected = [
        "keep/1 attached data/1 precious",
        "keep/1 detaching data/1 precious",
        "keep/2 attached data/1 precious",
    ];
    assert_eq!(told(&bench)[3..], expected);
    let after = bench.json(&["show-storage", "data/1"]);
    assert!(after["data/1"]["attachments"]["units"]["keep/2"].is_object(), "{after}");
    let all = bench.json(&["storage"]);
    let ids: Vec<&String> = all["storage"].as_object().expect("a map").keys().collect();
    assert_eq!(ids, ["cache/2", "cache/4", "data/1", "data/3"], "the new unit needs no other data");

    let refused = bench.refused(&["remove-storage", "data/1"]);
    assert!(refused.stderr.contains("storage data/1 is attached to keep/2"), "{refused:?}");
    bench.ok(&["remove-storage", "data/1", "--force"]);
    bench.settle();
    assert_eq!(told(&bench)[6..], ["keep/2 detaching data/1 precious"]);
    until("its data is gone", SOON, || (!kept.exists()).then_some(()));
}

#[test]
fn storage_is_added_destroyed_and_released_as_told() {
    let bench = Bench::new();
    bench.ok(&["deploy", &charm(&bench)]);
    bench.settle();
    let added = bench.run(&["add-storage", "keep/0", "data", "data=lxd,2,3G"]);
    assert!(added.code == 2 && added.stderr.contains("specified more than once"), "{added:?}");
    let added = bench.run(&["add-storage", "keep/0", "data=lxd,2,3G"]);
    assert!(added.stderr.contains("added storage data/1 to keep/0"), "{added:?}");
    bench.ok(&["add-storage", "keep/0", "data"]);
    bench.settle();
    assert_eq!(told(&bench).len(), 3, "{:?}", told(&bench));
    assert_eq!(storage(&bench, "data/3")["persistent"], false, "without a directive it goes with its unit");
    let table = bench.ok(&["storage"]);
    assert!(table.lines().any(|line| line.contains("data/2") && line.contains("3GiB")), "{table}");
    let table = bench.ok(&["storage", "--filesystem"]);
    assert!(table.contains("Mountpoint") && table.contains("unit-keep-0/storage/data/2"), "{table}");
    let table = bench.ok(&["status", "--storage"]);
    assert!(table.contains("Storage Unit"), "{table}");

    for id in ["data/1", "data/2", "data/3"] {
        write(&bench, "keep/0", id, id);
    }
    // One that its pool would take along stays, when its unit is told to let go of it.
    bench.ok(&["detach-storage", "data/3"]);
    bench.settle();
    bench.ok(&["remove-storage", "data/3", "--no-destroy"]);
    let uuid = model(&bench).file_name().and_then(|name| name.to_str()).expect("a uuid").to_owned();
    let aside = bench.home().join(format!("released-storage/default-{uuid}"));
    until("it is put aside", SOON, || text(&aside.join("data/3/file")));
    assert_eq!(storage(&bench, "data/3"), Value::Null);

    let refused = bench.refused(&["destroy-model", "default", "--no-prompt", "--force"]);
    assert!(refused.stderr.contains("persistent storage remaining: data/1, data/2"), "{refused:?}");
    assert!(refused.stderr.contains("--release-storage"), "{refused:?}");
    bench.ok(&["detach-storage", "data/1", "--force"]);
    bench.ok(&["remove-application", "keep", "--no-prompt", "--destroy-storage"]);
    bench.settle();
    let left = bench.json(&["storage"]);
    assert_eq!(
        left["storage"].as_object().map(|all| all.keys().collect::<Vec<_>>()),
        Some(vec![&"data/1".to_owned()])
    );
    bench.ok(&["destroy-model", "default", "--no-prompt", "--release-storage"]);
    assert_eq!(text(&aside.join("data/1/file")).as_deref(), Some("data/1\n"));
    assert!(!aside.join("data/2").exists(), "it was destroyed");
    until("the model's folder is gone", SOON, || {
        (!bench.home().join("models").join(&uuid).exists()).then_some(())
    });
}

#[test]
fn a_home_that_kept_storages_in_units_folders_is_taken_over() {
    let bench = Bench::new();
    bench.ok(&["deploy", &charm(&bench), "--storage", "data=lxd"]);
    bench.settle();
    write(&bench, "keep/0", "data/1", "old");
    bench.ok(&["daemon", "stop"]);
    let unit = model(&bench).join("agents/unit-keep-0/storage");
    let (link, data) = (unit.join("data/1"), model(&bench).join("storage/data/1"));
    std::fs::remove_file(&link).expect("the link");
    std::fs::rename(&data, &link).expect("as it was");
    std::fs::remove_dir_all(model(&bench).join("storage")).expect("it was not there");
    let read = bench.ok(&["exec", "--unit", "keep/0", "--", "cat $(storage-get -s data/1 location)/file"]);
    assert_eq!(read.trim(), "old");
    bench.ok(&["remove-unit", "keep/0", "--no-prompt"]);
    bench.settle();
    assert_eq!(text(&model(&bench).join("storage/data/1/file")).as_deref(), Some("old\n"));
}

#[test]
fn bundles_and_refreshes_say_how_units_come_by_storage() {
    let bench = Bench::new();
    let path = charm(&bench);
    let bundle = bench.path().join("bundle.yaml");
    let yaml =
        format!("applications:\n  keep: {{charm: {path}, num_units: 1, storage: {{data: 'lxd,2,1G'}}}}\n");
    std::fs::write(&bundle, yaml).expect("a file");
    bench.ok(&["deploy", &bundle.display().to_string()]);
    bench.settle();
    assert_eq!(told(&bench), ["keep/0 attached data/1 empty", "keep/0 attached data/2 empty"]);
    let exported = bench.ok(&["export-bundle"]);
    assert!(exported.contains("data: lxd,2,1024M"), "{exported}");
    bench.ok(&["refresh", "keep", "--path", &path, "--storage", "data=rootfs,1"]);
    bench.ok(&["add-unit", "keep"]);
    bench.settle();
    assert_eq!(told(&bench)[2..], ["keep/1 attached data/4 empty"]);
    assert_eq!(storage(&bench, "data/4")["persistent"], false);
    let removed = bench.run(&["remove-unit", "keep/0", "--no-prompt", "--destroy-storage"]);
    assert!(removed.stdout.contains("- will remove storage data/1"), "{removed:?}");
    bench.settle();
    assert_eq!(storage(&bench, "data/1"), Value::Null);
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let bench = Bench::new();
    let path = charm(&bench);
    bench.ok(&["deploy", &path, "--storage", "data=lxd,1"]);
    bench.ok(&["deploy", &path, "second"]);
    bench.ok(&["deploy", &shell_charm(bench.path(), "none", "", &[("install", "true")])]);
    bench.settle();
    let many = "9".repeat(4000);
    let before = bench.json(&["storage"]);
    let count = format!("data={many}");
    let id = format!("data/{many}");
    let table: &[(&[&str], i32, &str)] = &[
        (&["add-storage", "keep/9", "data"], 1, "unit \"keep/9\" not found"),
        (&["add-storage", "keep/0", "other"], 1, "has no store called \"other\""),
        (&["add-storage", "none/0", "data"], 1, "it declares no storage"),
        (&["add-storage", "keep/0", "raw"], 1, "of type block, which is not supported"),
        (&["add-storage", "keep/0", "cache"], 1, "it has 1 and may have 1"),
        (&["add-storage", "keep/0", "data=3"], 1, "it has 1 and may have 3"),
        (&["add-storage", "keep/0", "data=lxd,10M"], 1, "minimum storage size is 1024M, 10M specified"),
        (&["add-storage", "keep/0", "data=ebs"], 2, "pool \"ebs\" not found"),
        (&["add-storage", "keep/0", "data=0"], 2, "cannot parse count"),
        (&["add-storage", "keep/0", "data=-1G"], 2, "cannot parse size"),
        (&["add-storage", "keep/0", &count], 2, "invalid value 'data=9999"),
        (&["add-storage", "keep/0", "../../etc=1"], 2, "../../etc"),
        (&["add-storage", "keep/0"], 2, "<NAME[=DIRECTIVE]>"),
        (&["add-storage", "keep", "data"], 2, "keep"),
        (&["attach-storage", "second/0", "data/1"], 1, "already attached to keep/0"),
        (&["attach-storage", "second/0", "data/77"], 1, "storage data/77 not found"),
        (&["attach-storage", "second/0", "data/1", "data/1"], 2, "specified more than once"),
        (&["attach-storage", "second/0", "../x/1"], 2, "a storage is written NAME/NUMBER"),
        (&["attach-storage", "second/0", &id], 2, "a storage is written NAME/NUMBER"),
        (&["detach-storage", "data/77"], 1, "storage data/77 not found"),
        (&["detach-storage", "data/1", "data/77"], 1, "storage data/77 not found"),
        (&["detach-storage", "data"], 2, "a storage is written NAME/NUMBER"),
        (&["remove-storage", "data/1"], 1, "detach it first"),
        (&["show-storage", "data/77"], 1, "storage data/77 not found"),
        (&["storage", "data/77"], 1, "storage data/77 not found"),
        (&["storage", "--filesystem", "--volume"], 2, "cannot be used with"),
        (&["add-unit", "second", "-n", "2", "--attach-storage", "data/1"], 2, "cannot be used with -n"),
        (&["add-unit", "second", "--attach-storage", "data/1"], 1, "already attached to keep/0"),
        (&["add-unit", "none", "--attach-storage", "data/1"], 1, "has no store called \"data\""),
        (&["deploy", &path, "third", "--storage", "data"], 2, "expected NAME=[POOL,][COUNT,][SIZE]"),
        (&["deploy", &path, "third", "--storage", "data="], 2, "storage directive is empty"),
        (&["deploy", &path, "third", "--storage", "data=1G,2G"], 2, "more than one size"),
        (&["deploy", &path, "third", "--storage", "data=4"], 1, "at most 3 instances supported, 4 specified"),
        (&["deploy", &path, "third", "--storage", "raw=1"], 1, "of type block"),
        (&["deploy", &path, "third", "--storage", "data=1", "--storage", "data=2"], 2, "more than once"),
        (&["deploy", &path, "third", "-n", "2", "--attach-storage", "data/1"], 1, "exactly one"),
        (&["refresh", "keep", "--path", &path, "--storage", "other=1"], 1, "has no store called \"other\""),
        (&["import-filesystem", "lxd", "x", "data"], 1, "not possible here"),
        (&["create-storage-pool", "mine", "lxd"], 1, "not possible here"),
    ];
    for (arguments, code, wanted) in table {
        let said = bench.refused(arguments);
        assert!(said.code == *code && said.stderr.contains(wanted), "{arguments:.80?}: {said:?}");
        assert!(said.stderr.len() < 10_000, "{arguments:.80?} answers {} bytes", said.stderr.len());
    }
    assert_eq!(bench.json(&["storage"]), before);
    let block = "storage:\n  disk: {type: block}\n";
    let disk = shell_charm(bench.path(), "disk", block, &[("install", "true")]);
    let said = bench.refused(&["deploy", &disk]);
    assert!(said.stderr.contains("has storage \"disk\", which is of type block"), "{said:?}");
}
