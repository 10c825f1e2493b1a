//! Secrets and storages: the environment of their hooks, and what their commands do in a real process.

use std::fs;

use periapt_model::command::Command;

use crate::support::{Home, app, unit};

const SCRIPT: &str = r#"#!/bin/bash
echo "$JUJU_HOOK_NAME ${JUJU_SECRET_LABEL-none} ${JUJU_SECRET_REVISION-none}" >> ran
case $JUJU_HOOK_NAME in
data-storage-attached)
    echo "$JUJU_STORAGE_ID $JUJU_STORAGE_KIND $JUJU_STORAGE_LOCATION" >> storage
    storage-get -s "$JUJU_STORAGE_ID" location >> storage
    echo kept > "$JUJU_STORAGE_LOCATION/file";;
start) secret-add --label ours password=first > id;;
config-changed) if [ -e id ]; then secret-get "$(cat id)" password >> read; secret-set "$(cat id)" password=second; fi;;
secret-changed) secret-get "$JUJU_SECRET_ID" --refresh password >> read;;
secret-remove) secret-remove "$JUJU_SECRET_ID" --revision "$JUJU_SECRET_REVISION";;
esac
"#;

#[tokio::test]
async fn a_charm_keeps_a_secret_and_has_a_place_for_its_data() {
    let home = Home::new();
    let metadata = "name: app\nsummary: s\ndescription: d\n\
                    storage: {data: {type: filesystem, location: ../../../../outside}}\n";
    home.deploy(home.charm("c1", metadata, &[("dispatch", SCRIPT)]));
    let agents = home.start();
    home.idle("app/0").await;
    home.control.command(Command::SetTrust { app: app("app"), trust: true }).unwrap();
    home.control
        .until("the old revision is removed", |control| {
            let model = control.model();
            let secret = model.secrets.values().next()?;
            (secret.latest() == 2 && secret.revisions.len() == 1).then_some(())
        })
        .await;
    home.idle("app/0").await;

    let setup = ["data-storage-attached", "install", "leader-elected", "config-changed", "start"];
    let mut expected: Vec<String> = setup.map(|hook| format!("{hook} none none")).to_vec();
    expected.extend(
        ["config-changed none none", "secret-changed ours none", "secret-remove ours 1"].map(str::to_owned),
    );
    assert_eq!(home.lines("app/0", "ran"), expected);
    assert_eq!(home.lines("app/0", "read"), ["first", "second"]);
    let folder = home.unit_dir("app/0").join("storage/data/0");
    let shown = folder.display().to_string();
    assert_eq!(home.lines("app/0", "storage"), [format!("data/0 filesystem {shown}"), shown]);
    assert_eq!(fs::read_to_string(folder.join("file")).unwrap(), "kept\n");
    for dispatch in home.control.dispatches(&unit("app/0")) {
        let shown = serde_json::to_string(&dispatch).unwrap();
        assert!(!shown.contains("first") && !shown.contains("second"), "{shown}");
    }
    assert!(home.control.logs().iter().all(|line| !line.message.contains("password=")));
    home.control.command(Command::RemoveUnits { units: vec![unit("app/0")], force: false }).unwrap();
    home.gone("app/0").await;
    assert_eq!(home.control.model().storages.len(), 0);
    assert_eq!(home.trace("app/0")[8..], ["data-storage-detaching done", "stop done", "remove done"]);
    home.finish(agents).await;
}
