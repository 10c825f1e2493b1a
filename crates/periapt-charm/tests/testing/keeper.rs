//! Secrets, storages, ports and versions in a scenario.

use periapt_charm::prelude::*;
use periapt_charm::testing::{RelationState, Scenario, SecretOwner, SecretReader, SecretState, State, bag};

static META: Metadata = Metadata {
    name: "keeper",
    json: r#"{"name": "keeper", "summary": "", "description": "", "format": "v2",
        "endpoints": {"clients": {"role": "provider", "interface": "keys"}},
        "storages": {"data": {"type": "filesystem", "count_min": 1, "count_max": null}},
        "resources": {"key": {"type": "file", "filename": "key.pem"}}}"#,
    files: &[],
};

const CLIENTS: Endpoint<Untyped> = Endpoint::new("clients", Role::Provider, "keys");
const DATA: periapt_charm::Storage = periapt_charm::Storage::new("data");

#[derive(Default)]
struct Keeper;

impl Charm for Keeper {
    const META: &'static Metadata = &META;

    fn observe(on: &mut Observe<Self>) {
        on.when(CLIENTS.created(), Self::created);
        on.secret_changed(Self::changed);
        on.secret_rotate(Self::rotate);
        on.when(DATA.attached(), Self::attached);
        on.start(Self::start);
        on.stop(Self::stop);
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

impl Keeper {
    fn created(&mut self, event: RelationCreated, cx: &mut Context) -> Flow {
        let uri = text(cx.command("secret-add", &["--label", "key", "password=hunter2"], None)?);
        let id = event.relation.to_string();
        cx.command("secret-grant", &[&uri, "-r", &id], None)?;
        cx.command("relation-set", &["-r", &id, "--app", &format!("key={uri}")], None)?;
        done()
    }

    fn changed(&mut self, event: SecretChanged, cx: &mut Context) -> Flow {
        let read = cx.command("secret-get", &[&event.secret.id, "password", "--refresh"], None)?;
        cx.set_status(Status::Active(text(read)))?;
        done()
    }

    fn rotate(&mut self, event: SecretRotate, cx: &mut Context) -> Finish {
        cx.command("secret-set", &[&event.secret.id, "password=better"], None)?;
        cx.command("secret-remove", &[&event.secret.id, "--revision", "1"], None)?;
        done()
    }

    fn attached(&mut self, event: StorageAttached, cx: &mut Context) -> Flow {
        let place = cx.command("storage-get", &["-s", &event.storage.to_string(), "location"], None)?;
        cx.command("storage-add", &["data=2"], None)?;
        cx.set_status(Status::Active(text(place)))?;
        done()
    }

    fn start(&mut self, cx: &mut Context) -> Flow {
        cx.command("open-port", &["8080"], None)?;
        cx.command("application-version-set", &["1.2"], None)?;
        cx.command("application-version-set", &["1.3"], None)?;
        cx.command("state-set", &["color=blue"], None)?;
        let key = text(cx.command("resource-get", &["key"], None)?);
        cx.set_status(Status::Maintenance(key))?;
        cx.set_status(Status::Active(String::new()))?;
        done()
    }

    fn stop(&mut self, cx: &mut Context) -> Finish {
        cx.command("juju-reboot", &["--now"], None)?;
        panic!("a hook does not outlive a reboot")
    }
}

fn owner(app: &str) -> SecretOwner {
    SecretOwner::Application(AppName::new(app).expect("the test's names are valid"))
}

#[test]
fn a_secret_that_is_made_is_in_the_state_with_its_grant() {
    let scenario = Scenario::<Keeper>::new();
    let relation = RelationState::new(CLIENTS, 4).with_remote_app("web");
    let state = State::new().with_leader(true).with_relation(relation);
    let out = scenario.run(CLIENTS.created(), &state).unwrap();
    let secret = out.state.secret("key").unwrap();
    assert_eq!(secret.content().unwrap(), &bag([("password", "hunter2")]));
    assert_eq!(secret.owner, owner("keeper"));
    assert!(secret.grants.contains_key(&SecretReader::Application(AppName::new("web").unwrap())));
    assert_eq!(out.state.relation(4).unwrap().local_app["key"], secret.uri());
    // It goes in again.
    let again = scenario.run(update_status(), &out.state).unwrap();
    assert_eq!(again.state.secrets, out.state.secrets);
    assert!(!format!("{secret:?}").contains("hunter2"));
}

#[test]
fn a_reader_moves_on_to_the_newest_revision() {
    let scenario = Scenario::<Keeper>::new();
    let us = AppName::new("keeper").unwrap();
    let secret = SecretState::new("theirs", owner("vault"), [("password", "old")])
        .with_revision([("password", "new")])
        .with_user_grant(us)
        .with_tracked(1);
    let out = scenario.run(secret_changed(), &State::new().with_secret(secret.clone())).unwrap();
    assert_eq!(out.state.unit_status, Some(Status::Active("new".into())));
    assert_eq!(out.state.secrets[0].tracked, Some(2));
    // Without a grant nobody reads it.
    let mut alone = secret;
    alone.grants.clear();
    let failed = scenario.run(secret_changed(), &State::new().with_secret(alone)).unwrap_err();
    assert!(failed.to_string().contains("permission denied"), "{failed}");
}

#[test]
fn an_owner_rotates_and_removes() {
    let scenario = Scenario::<Keeper>::new();
    let secret = SecretState::new("ours", owner("keeper"), [("password", "old")]);
    let state = State::new().with_leader(true).with_secret(secret.clone());
    let out = scenario.run(secret_rotate(), &state).unwrap();
    assert_eq!(out.state.secrets[0].revisions.keys().copied().collect::<Vec<_>>(), [2]);
    assert_eq!(out.state.secrets[0].content().unwrap()["password"], "better");
    assert_eq!(out.removed_secret_revisions, [(secret.uri(), Some(1))]);
    let follower = scenario.run(secret_rotate(), &state.with_leader(false)).unwrap_err();
    assert!(follower.to_string().contains("not the leader"), "{follower}");
}

#[test]
fn storages_have_folders_and_more_can_be_asked_for() {
    let state = State::new().with_storage("data/3", "/srv/data");
    let out = Scenario::<Keeper>::new().run(DATA.attached(), &state).unwrap();
    assert_eq!(out.state.unit_status, Some(Status::Active("/srv/data".into())));
    assert_eq!(out.requested_storages["data"], 2);
    assert_eq!(out.state.storages, state.storages, "they come later");
}

#[test]
fn ports_versions_resources_and_histories() {
    let state = State::new().with_resource("key", "/keys/key.pem");
    let out = Scenario::<Keeper>::new().run(start(), &state).unwrap();
    assert!(out.state.opened_ports[""].contains(&"8080/tcp".parse().unwrap()));
    assert_eq!(out.state.workload_version.as_deref(), Some("1.3"));
    assert_eq!(out.workload_version_history, ["1.2", "1.3"]);
    assert_eq!(out.state.juju_state["color"], "blue");
    let history = [Status::Maintenance("/keys/key.pem".into()), Status::Active(String::new())];
    assert_eq!(out.status_history, history);
    let again = Scenario::<Keeper>::new().run(update_status(), &out.state).unwrap();
    assert_eq!(again.state.opened_ports, out.state.opened_ports);
    assert_eq!(again.state.workload_version, out.state.workload_version);
    // Without its file a resource cannot be got.
    let failed = Scenario::<Keeper>::new().run(start(), &State::new()).unwrap_err();
    assert!(failed.to_string().contains("resource-get"), "{failed}");
}

#[test]
fn a_reboot_ends_the_hook_at_once() {
    let failed = Scenario::<Keeper>::new().run(stop(), &State::new()).unwrap_err();
    let failed = failed.hook_failed().unwrap();
    assert!(!failed.panicked && failed.message.contains("juju-reboot --now"), "{failed}");
}
