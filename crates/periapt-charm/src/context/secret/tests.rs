//! What is run for secrets (reference 4.5).

use super::super::testing_support::FakeAgent;
use super::*;
use crate::Kind;
use crate::databag::Untyped;
use crate::handle::{Endpoint, Role};

const DB: Endpoint<Untyped> = Endpoint::new("db", Role::Provider, "sql");
const ID: &str = "secret:d0erdgfmp25c762i8np0";
const INFO: &str = "secret-info-get --format=json secret:d0erdgfmp25c762i8np0";

fn content() -> SecretContent {
    SecretContent::new([("username", "admin"), ("password", "hunter2\n")]).unwrap()
}

/// Says that the secret is the unit's.
fn owns(agent: FakeAgent, owner: &str) -> FakeAgent {
    let said = format!(
        r#"{{"d0erdgfmp25c762i8np0": {{"label": "pw", "revision": 3, "owner": "{owner}", "rotation": "daily",
            "expiry": "2026-02-01T00:00:00Z", "description": ""}}}}"#
    );
    agent.says(INFO, &said)
}

#[test]
fn a_secret_is_made_with_its_values_in_private_files() {
    let agent = FakeAgent::new().leads(true).says(
        "secret-add --label pw --description the password --expire 2026-01-02T04:04:05Z --rotate weekly --owner application \
         password#file=[hunter2\n] username#file=[admin]",
        &format!("{ID}\n"),
    );
    let cx = agent.context();
    let options = SecretOptions::default()
        .label("pw")
        .description("the password")
        .expire(std::time::Duration::from_secs(3600))
        .rotate(RotatePolicy::Weekly);
    let secret = cx.add_secret(Owner::App, content(), options).unwrap();
    assert_eq!(secret.id(), Some(&SecretUri(ID.into())));
    assert_eq!(agent.calls().len(), 2, "is-leader and secret-add");
    // What was written is known, and whose it is.
    assert_eq!(secret.content().unwrap().get("username"), Some("admin"));
    assert_eq!(cx.secret_by_label("pw").content().unwrap().get("username"), Some("admin"));
    cx.secret(ID).remove_revision(1).unwrap();
    assert_eq!(agent.calls(), [format!("secret-remove {ID} --revision 1")]);
}

#[test]
fn on_periapt_values_go_by_standard_input() {
    let agent = FakeAgent::new().periapt().says("secret-add --owner unit --file -", ID);
    let cx = agent.context();
    cx.add_secret(Owner::Unit, content(), SecretOptions::default()).unwrap();
    let stdin = r#"{"password":"hunter2\n","username":"admin"}"#;
    assert_eq!(agent.calls(), [format!("secret-add --owner unit --file - < {stdin}")]);
}

#[test]
fn only_the_leader_makes_secrets_of_the_application() {
    let agent = FakeAgent::new().leads(false);
    let error = agent.context().add_secret(Owner::App, content(), SecretOptions::default()).unwrap_err();
    assert!(
        error.to_string().starts_with("web/0 does not lead web: only the leader makes secrets"),
        "{error}"
    );
    assert_eq!(agent.calls(), ["is-leader --format=json"]);
}

#[test]
fn content_is_read_once_refreshed_and_peeked() {
    let get = format!("secret-get --format=json {ID}");
    let agent = FakeAgent::new()
        .says(&get, r#"{"pw": "1"}"#)
        .says(&format!("{get} --refresh"), r#"{"pw": "2"}"#)
        .says(&format!("{get} --peek"), r#"{"pw": "3"}"#);
    let cx = agent.context();
    let pw = |content: &SecretContent| content.require("pw").unwrap().to_owned();
    let secret = cx.secret(ID);
    assert_eq!(pw(&secret.content().unwrap()), "1");
    assert_eq!(pw(&cx.secret("secret://other/d0erdgfmp25c762i8np0").content().unwrap()), "1");
    assert_eq!(pw(&secret.peek().unwrap()), "3");
    assert_eq!(pw(&secret.content().unwrap()), "1");
    assert_eq!(pw(&secret.refresh().unwrap()), "2");
    assert_eq!(pw(&secret.content().unwrap()), "2");
    assert_eq!(agent.calls(), [get.clone(), format!("{get} --peek"), format!("{get} --refresh")]);
}

#[derive(serde::Deserialize, serde::Serialize)]
struct Config {
    key: Option<SecretUri>,
}

impl crate::CharmConfig for Config {}

#[test]
fn an_option_that_holds_no_secret_blocks_and_does_not_tell_what_it_holds() {
    let config = |value: &str| {
        let agent = FakeAgent::new().says("config-get --format=json", &format!(r#"{{"key": "{value}"}}"#));
        agent.context().config::<Config>().map(|config| config.key)
    };
    let error = config("hunter2").unwrap_err();
    assert_eq!(error.kind(), Kind::NeedsHuman);
    let said = error.to_string();
    assert!(said.starts_with("option `key` takes the URI of a secret: juju add-secret"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    assert_eq!(config("").unwrap(), None);
    assert_eq!(config(ID).unwrap(), Some(SecretUri(ID.into())));
}

#[test]
fn only_what_the_operator_can_mend_needs_one() {
    let get = format!("secret-get --format=json {ID}");
    let kind = |config: &str, said: &str| {
        let agent = FakeAgent::new().says("config-get --format=json", config).fails(&get, said);
        let error = agent.context().secret(ID).content().unwrap_err();
        (error.kind(), error.is_retried())
    };
    let named = r#"{"key": "secret://5d1c6c8c-0000-4000-8000-000000000001/d0erdgfmp25c762i8np0"}"#;
    assert_eq!(kind(named, "ERROR permission denied"), (Kind::NeedsHuman, true));
    assert_eq!(kind(named, "ERROR secret \"d0erdgfmp25c762i8np0\" not found"), (Kind::NeedsHuman, true));
    assert_eq!(kind(named, "ERROR state changing too quickly"), (Kind::Bug, false));
    // One that came over a relation.
    assert_eq!(kind("{}", "ERROR permission denied"), (Kind::Bug, false));
    assert_eq!(kind("{}", "ERROR secret \"d0erdgfmp25c762i8np0\" not found"), (Kind::Temporary, false));
}

#[test]
fn a_label_is_given_and_found() {
    let agent = FakeAgent::new()
        .says(&format!("secret-get --format=json {ID} --label db"), r#"{"pw": "1"}"#)
        .says("secret-get --format=json --label mine", r#"{"pw": "1"}"#);
    let cx = agent.context();
    cx.secret(ID).labelled("db").content().unwrap();
    cx.secret_by_label("mine").content().unwrap();
    cx.secret_by_label("mine").content().unwrap();
    assert_eq!(agent.calls().len(), 2);
}

#[test]
fn no_error_tells_a_value() {
    let get = format!("secret-get --format=json {ID}");
    let agent = FakeAgent::new().says(&get, r#"{"pin": 4711}"#);
    let error = agent.context().secret(ID).content().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("4711"), "{error}");
    let agent = FakeAgent::new().says(&get, r#"{"pin": "4711""#);
    let error = agent.context().secret(ID).content().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("4711"), "{error}");
}

#[test]
fn what_is_known_of_a_secret_includes_what_was_just_said() {
    let agent = owns(FakeAgent::new(), "unit");
    let cx = agent.context();
    let secret = cx.secret(ID);
    let info = secret.info().unwrap();
    assert_eq!((info.revision, info.owner, info.rotation), (3, Some(Owner::Unit), RotatePolicy::Daily));
    assert_eq!((info.label.as_deref(), info.description.clone()), (Some("pw"), None));
    assert_eq!(info.expiry.map(|at| at.to_rfc3339()), Some("2026-02-01T00:00:00Z".to_owned()));
    secret.set_info(SecretOptions::default().description("ours").rotate(RotatePolicy::Never)).unwrap();
    let info = secret.info().unwrap();
    assert_eq!((info.description.as_deref(), info.rotation), (Some("ours"), RotatePolicy::Never));
    assert_eq!(
        agent.calls(),
        [
            INFO.to_owned(),
            format!("secret-set --description ours --rotate never --owner application {ID}"),
            INFO.to_owned()
        ]
    );
    assert!(secret.set_info(SecretOptions::default()).is_err());
}

#[test]
fn changes_of_one_hook_are_put_together_for_old_versions_of_juju() {
    let sent = |version: &str| {
        let agent = owns(FakeAgent::new().with("JUJU_VERSION", version), "unit");
        let cx = agent.context();
        let secret = cx.secret(ID);
        secret.set_content(SecretContent::new([("key", "v")]).unwrap()).unwrap();
        secret.set_info(SecretOptions::default().label("new")).unwrap();
        agent.calls()
    };
    let first = format!("secret-set --owner application {ID} key#file=[v]");
    let calls = sent("3.5.4");
    assert_eq!(
        calls[1..],
        [first.clone(), format!("secret-set --label new --owner application {ID} key#file=[v]")]
    );
    let calls = sent("3.6.0");
    assert_eq!(calls[1..], [first, format!("secret-set --label new --owner application {ID}")]);
}

#[test]
fn who_may_not_change_a_secret_is_told_before() {
    let follower = owns(FakeAgent::new().leads(false), "application");
    let error = follower.context().secret(ID).set_content(content()).unwrap_err();
    assert!(error.to_string().contains("only the leader changes the application's secrets"), "{error}");
    let stranger = FakeAgent::new().leads(true).fails(INFO, "ERROR permission denied");
    let error = stranger.context().secret(ID).set_content(content()).unwrap_err();
    assert!(error.to_string().starts_with("web/0 does not manage secret:"), "{error}");
    assert_eq!(error.kind(), Kind::Bug);
    for agent in [follower, stranger] {
        assert!(agent.calls().iter().all(|call| !call.starts_with("secret-set")));
    }
}

#[test]
fn grants_go_by_the_relations_number() {
    let agent = owns(FakeAgent::new().says("relation-ids --format=json db", r#"["db:7"]"#), "unit");
    let cx = agent.context();
    let relation = cx.relation(DB).unwrap().unwrap();
    let unit: UnitName = "pg/1".parse().unwrap();
    let secret = cx.secret(ID);
    secret.grant(&relation).unwrap();
    secret.grant_unit(&relation, &unit).unwrap();
    secret.revoke(&relation).unwrap();
    secret.revoke_unit(&relation, &unit).unwrap();
    assert_eq!(
        agent.calls()[2..],
        [
            format!("secret-grant --relation 7 {ID}"),
            format!("secret-grant --relation 7 --unit pg/1 {ID}"),
            format!("secret-revoke --relation 7 {ID}"),
            format!("secret-revoke --relation 7 --unit pg/1 {ID}"),
        ]
    );
}

#[test]
fn what_is_gone_need_not_be_removed() {
    let agent = owns(FakeAgent::new(), "unit");
    let cx = agent.context();
    let secret = cx.secret(ID);
    secret.remove_revision(2).unwrap();
    secret.remove_revision(2).unwrap();
    secret.remove_all_revisions().unwrap();
    secret.remove_revision(3).unwrap();
    assert_eq!(
        agent.calls()[1..],
        [format!("secret-remove {ID} --revision 2"), format!("secret-remove {ID}")]
    );
    let gone = FakeAgent::new().leads(true).fails(INFO, "ERROR secret \"d0erdgfmp25c762i8np0\" not found");
    gone.context().secret(ID).remove_all_revisions().unwrap();
    assert_eq!(gone.calls(), [INFO, "is-leader --format=json"]);
}

#[test]
fn ids_are_brought_to_one_form() {
    let form = |text: &str, model: &str| SecretUri::canonical(text, model).0;
    assert_eq!(form("secret:abc", "m"), "secret:abc");
    assert_eq!(form("secret://m/abc", "m"), "secret://m/abc");
    assert_eq!(form(" abc\n", "m"), "secret://m/abc");
    assert_eq!(form("abc", ""), "secret:abc");
    for uri in ["secret:abc", "secret://m/abc", "abc"] {
        assert_eq!(SecretUri(uri.into()).unique_id(), "abc");
    }
    let agent = FakeAgent::new().says("secret-ids --format=json", r#"["abc", "secret:def"]"#);
    let ids: Vec<String> = agent.context().secret_ids().unwrap().into_iter().map(|id| id.0).collect();
    assert_eq!(ids, ["secret://5d1c6c8c-0000-4000-8000-000000000001/abc", "secret:def"]);
}

#[test]
fn a_secret_that_is_to_be_made_once_is_looked_for() {
    let ask = "secret-info-get --format=json --label pw";
    let agent = FakeAgent::new()
        .leads(true)
        .fails(ask, "ERROR secret \"pw\" not found")
        .says("secret-add --label pw --owner application password#file=[1]", ID);
    let cx = agent.context();
    assert!(cx.find_secret("pw").unwrap().is_none());
    let options = SecretOptions::default().label("pw");
    cx.add_secret(Owner::App, SecretContent::new([("password", "1")]).unwrap(), options).unwrap();
    assert!(cx.find_secret("pw").unwrap().is_some(), "it is known before the hook has ended");

    let said =
        r#"{"d0erdgfmp25c762i8np0": {"label": "pw", "revision": 3, "owner": "unit", "rotation": "never"}}"#;
    let agent = FakeAgent::new().says(ask, said);
    let cx = agent.context();
    let found = cx.find_secret("pw").unwrap().unwrap();
    assert_eq!(found.id().map(SecretUri::unique_id), Some("d0erdgfmp25c762i8np0"));
    let agent = FakeAgent::new().fails(ask, "ERROR permission denied");
    assert!(agent.context().find_secret("pw").is_err(), "a refusal is no absence");
}
