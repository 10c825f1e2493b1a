//! `juju-log`, `juju-reboot`, `resource-get`.

use periapt_context::testing::{Stage, action, db_hook};
use periapt_context::{Immediate, Need, describe};
use periapt_model::effects::Reboot;
use periapt_model::hook::RelationEvent;
use periapt_model::log::Level;
use periapt_model::names::ResourceName;
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
