//! `juju-log`, `juju-reboot`, `resource-get`, `credential-get`, `add-metric` and the payloads.

use std::sync::Arc;

use periapt_context::testing::{Stage, action, db_hook};
use periapt_context::{Immediate, Need, describe};
use periapt_model::command::Tell;
use periapt_model::effects::Reboot;
use periapt_model::entity::{Application, PayloadChange, PayloadKey, PayloadStatus};
use periapt_model::hook::RelationEvent;
use periapt_model::log::Level;
use periapt_model::model::{Record, Write};
use periapt_model::names::{AppName, ResourceName};
use serde_json::json;

use super::{check, check_each};

fn log(level: Level, message: &str) -> Immediate {
    Immediate::Log { level, message: message.to_owned() }
}

#[test]
fn every_level_that_frameworks_use_is_taken() {
    let mut stage = Stage::config_changed();
    check(
        &mut stage,
        &[
            ("juju-log --log-level TRACE -- {\"type\":\"security\"}", 0, "", ""),
            ("juju-log --log-level CRITICAL -- c", 0, "", ""),
            ("juju-log -l WARNING a b", 0, "", ""),
            ("juju-log -l warn w", 0, "", ""),
            ("juju-log --debug d", 0, "", ""),
            ("juju-log i", 0, "", ""),
            ("juju-log --log-level=ERROR -- -x", 0, "", ""),
            ("juju-log -l LOUD u", 0, "", ""),
            ("juju-log", 2, "", "ERROR no message specified\n"),
            ("juju-log -x", 2, "", "ERROR option provided but not defined: -x\n"),
        ],
    );
    assert_eq!(
        stage.immediate,
        [
            log(Level::Trace, "{\"type\":\"security\"}"),
            log(Level::Critical, "c"),
            log(Level::Warning, "a b"),
            log(Level::Warning, "w"),
            log(Level::Debug, "d"),
            log(Level::Info, "i"),
            log(Level::Error, "-x"),
            log(Level::Warning, "Specified log level of \"LOUD\" is not valid"),
            log(Level::Info, "u"),
        ]
    );
}

#[test]
fn lines_of_a_relation_hook_name_the_relation() {
    let mut stage = Stage::new(db_hook(RelationEvent::Changed, Some("db/2")));
    check(&mut stage, &[("juju-log hello", 0, "", "")]);
    assert_eq!(stage.immediate, [log(Level::Info, "db:2: hello")]);
}

#[test]
fn a_restart_waits_for_the_end_of_the_hook_or_does_not() {
    let mut stage = Stage::config_changed();
    check(&mut stage, &[("juju-reboot", 0, "", "")]);
    assert_eq!((stage.effects.reboot, stage.immediate.len()), (Some(Reboot::AfterHook), 0));
    check(&mut stage, &[("juju-reboot --now", 0, "", "")]);
    assert_eq!(stage.effects.reboot, Some(Reboot::Now));
    assert_eq!(stage.immediate, [Immediate::RebootNow]);
    assert_eq!(describe(&stage.view, &stage.effects), ["juju-reboot --now"]);
    check_each(&[("juju-reboot x", 2, "", "ERROR unrecognized args: [\"x\"]\n")]);
    let refusal = "ERROR juju-reboot is not supported when running an action.\n";
    check(&mut Stage::new(action(json!({}))), &[("juju-reboot", 1, "", refusal)]);
}

#[test]
fn a_resource_is_fetched_and_its_path_printed_bare() {
    let mut stage = Stage::config_changed();
    check(&mut stage, &[("resource-get site", 0, "/unit/resources/site/file", "")]);
    assert_eq!(stage.needs, [Need::Resource(ResourceName::new("site").unwrap())]);
    let refused = "ERROR could not download resource: ";
    for (line, why) in [
        (
            "resource-get logo",
            "resource web/logo not found: attach one with `periapt attach-resource web logo=FILE`",
        ),
        ("resource-get nope", "the charm has no resource \"nope\": resource not found"),
        (
            "resource-get image",
            "resource \"image\" is an OCI image, which is not supported by this version of periapt yet",
        ),
    ] {
        assert_eq!(Stage::config_changed().line(line), (1, String::new(), format!("{refused}{why}\n")));
    }
    check_each(&[("resource-get", 2, "", "ERROR missing required resource name\n")]);
}

#[test]
fn credentials_are_for_trusted_applications() {
    let refusal = "ERROR cannot access cloud credentials\n";
    check_each(&[
        ("credential-get", 1, "", refusal),
        ("credential-get --format=json", 1, "", refusal),
        ("credential-get x", 2, "", "ERROR unrecognized args: [\"x\"]\n"),
    ]);
    let mut stage = Stage::config_changed();
    let app = AppName::new("web").unwrap();
    let trusted = Arc::new(Application { trust: true, ..(*stage.view.model.applications[&app]).clone() });
    Arc::make_mut(&mut stage.view.model).write(&Write::Put(Record::Application(trusted)));
    let yaml = "type: manual\nname: localhost\nregion: localhost\nis-controller-cloud: true\ncredential:\n  auth-type: empty\n  \
                attrs: {}\n";
    let json = "{\"type\":\"manual\",\"name\":\"localhost\",\"region\":\"localhost\",\"is-controller-cloud\":true,\
                \"credential\":{\"auth-type\":\"empty\",\"attrs\":{}}}\n";
    check(&mut stage, &[("credential-get", 0, yaml, ""), ("credential-get --format=json", 0, json, "")]);
}

#[test]
fn metrics_are_never_collected() {
    let refusal = "ERROR cannot record metric: metrics not allowed in this context\n";
    check_each(&[
        ("add-metric a=1", 1, "", refusal),
        ("add-metric --labels x=y,z=w a=1 b=2", 1, "", refusal),
        ("add-metric", 2, "", "ERROR no metrics specified\n"),
        ("add-metric a", 2, "", "ERROR invalid metrics: expected \"key=value\", got \"a\"\n"),
        ("add-metric --labels x a=1", 2, "", "ERROR invalid labels: expected \"key=value\", got \"x\"\n"),
    ]);
}

#[test]
fn payloads_have_a_class_of_the_metadata_and_count_at_once() {
    let mut stage = Stage::config_changed();
    check(
        &mut stage,
        &[
            ("payload-register docker monitor m1 blue x", 0, "", ""),
            ("payload-status-set monitor m1 stopping", 0, "", ""),
            ("payload-unregister monitor m1", 0, "", ""),
            (
                "payload-register docker nosuch m1",
                1,
                "",
                "ERROR payload \"nosuch\" not found in metadata.yaml\n",
            ),
            (
                "payload-register kvm monitor m1",
                1,
                "",
                "ERROR incorrect type \"kvm\" for payload \"monitor\", expected \"docker\"\n",
            ),
            ("payload-register docker monitor", 2, "", "ERROR missing required arguments\n"),
            (
                "payload-status-set monitor m1 gone",
                2,
                "",
                "ERROR status \"gone\" not supported; expected one of [\"starting\", \"started\", \"stopping\", \"stopped\"]\n",
            ),
            ("payload-unregister monitor", 2, "", "ERROR missing required arguments\n"),
            ("payload-unregister monitor m1 x", 2, "", "ERROR unrecognized args: [\"x\"]\n"),
        ],
    );
    let tell = |change| {
        let key = PayloadKey { class: "monitor".to_owned(), id: "m1".to_owned() };
        Immediate::Tell(Tell::Payload { key, change })
    };
    let labels = vec!["blue".to_owned(), "x".to_owned()];
    assert_eq!(
        stage.immediate,
        [
            tell(PayloadChange::Register { kind: "docker".to_owned(), labels }),
            tell(PayloadChange::Status(PayloadStatus::Stopping)),
            tell(PayloadChange::Unregister),
        ]
    );
}
