//! `relation-ids`, `relation-list`, `relation-get`, `relation-set`, `relation-model-get`.

use std::sync::Arc;

use periapt_context::testing::{Stage, db_hook, unit};
use periapt_context::{ContextKind, Need, RelationContext, describe};
use periapt_model::entity::{OfferSource, Relation, RemoteApp, RemoteKind};
use periapt_model::hook::RelationEvent::{Broken, Changed, Created, Departed, Joined};
use periapt_model::model::{Key, Record};
use periapt_model::names::{RelationId, UnitName};
use periapt_model::status::Life;

use super::{check, check_each};

const NOT_FOUND: &str = "ERROR invalid value \"77\" for option -r: relation not found\n";
const DENIED: &str = "ERROR permission denied\n";

#[test]
fn relation_ids_are_sorted_as_text() {
    check_each(&[
        ("relation-ids db", 0, "db:10\ndb:2\n", ""),
        ("relation-ids db --format=json", 0, "[\"db:10\",\"db:2\"]\n", ""),
        ("relation-ids --format yaml db", 0, "- db:10\n- db:2\n", ""),
        ("relation-ids cluster", 0, "cluster:0\n", ""),
        ("relation-ids nope --format=json", 0, "[]\n", ""),
        ("relation-ids nope", 0, "", ""),
        ("relation-ids", 2, "", "ERROR no endpoint name specified\n"),
        ("relation-ids a b", 2, "", "ERROR unrecognized args: [\"b\"]\n"),
    ]);
    check(&mut Stage::new(db_hook(Changed, Some("db/2"))), &[("relation-ids", 0, "db:10\ndb:2\n", "")]);
}

#[test]
fn a_relation_that_is_being_broken_is_hidden_but_readable() {
    let mut stage = Stage::new(db_hook(Broken, None));
    check(
        &mut stage,
        &[
            ("relation-ids db", 0, "db:10\n", ""),
            ("relation-list", 0, "", ""),
            ("relation-list --format=json", 0, "[]\n", ""),
            ("relation-list --app --format=json", 0, "\"db\"\n", ""),
            ("relation-get -r db:2 name db/2", 0, "db/2\n", ""),
        ],
    );
}

#[test]
fn a_dying_relation_is_hidden_when_nobody_is_left() {
    let mut stage = Stage::config_changed();
    let relation = stage.view.model.relations[&RelationId(2)].clone();
    Arc::make_mut(&mut stage.view.model)
        .put(Record::Relation(Arc::new(Relation { life: Life::Dying, ..Relation::clone(&relation) })));
    check(&mut stage, &[("relation-ids db", 0, "db:10\ndb:2\n", "")]);
    stage.view.local.relations.get_mut(&RelationId(2)).unwrap().members.clear();
    check(&mut stage, &[("relation-ids db", 0, "db:10\n", "")]);
}

#[test]
fn members_are_those_the_charm_was_told_of() {
    let list = |context: ContextKind| {
        let mut stage = Stage::new(context);
        stage.view.local.relations.get_mut(&RelationId(2)).unwrap().members.remove(&unit("db/2"));
        stage.line("relation-list -r 2").1
    };
    assert_eq!(list(db_hook(Joined, Some("db/2"))), "db/10\ndb/2\n", "the one that joins is in");
    assert_eq!(list(db_hook(Departed, Some("db/10"))), "", "the one that departs is out");
    assert_eq!(list(db_hook(Changed, None)), "db/10\n");
    assert_eq!(list(db_hook(Created, None)), "");
    check_each(&[
        ("relation-list -r cluster:0", 0, "web/1\nweb/3\n", ""),
        ("relation-list -r cluster:0 --app", 0, "web\n", ""),
        ("relation-list --format=json --app -r db:2", 0, "\"db\"\n", ""),
        ("relation-list", 2, "", "ERROR no relation id specified\n"),
        ("relation-list -r 2 x", 2, "", "ERROR unrecognized args: [\"x\"]\n"),
    ]);
}

#[test]
fn relations_are_named_by_number_with_or_without_endpoint() {
    check_each(&[
        ("relation-list -r2 --app", 0, "db\n", ""),
        ("relation-list --relation=db:2 --app", 0, "db\n", ""),
        ("relation-list -r 77", 2, "", NOT_FOUND),
        ("relation-get -r 77 - db/2", 2, "", NOT_FOUND),
        ("relation-set -r 77 a=b", 2, "", NOT_FOUND),
        ("network-get -r 77 db", 2, "", NOT_FOUND),
        ("relation-model-get -r 77", 2, "", NOT_FOUND),
        ("relation-list -r -1", 2, "", "ERROR invalid value \"-1\" for option -r: relation not found\n"),
        (
            "relation-list -r cluster:2",
            2,
            "",
            "ERROR invalid value \"cluster:2\" for option -r: relation not found\n",
        ),
        ("relation-list -r db:x", 2, "", "ERROR invalid value \"db:x\" for option -r: invalid relation id\n"),
        (
            "relation-list -r 99999999999",
            2,
            "",
            "ERROR invalid value \"99999999999\" for option -r: relation not found\n",
        ),
    ]);
}

#[test]
fn a_relation_removed_by_force_is_not_found() {
    let mut stage = Stage::new(db_hook(Changed, Some("db/2")));
    Arc::make_mut(&mut stage.view.model).delete(&Key::Relation(RelationId(2)));
    check(
        &mut stage,
        &[
            ("relation-ids db", 0, "db:10\n", ""),
            ("relation-get", 1, "", "ERROR relation not found\n"),
            (
                "relation-get -r db:2 - db/2",
                2,
                "",
                "ERROR invalid value \"db:2\" for option -r: relation not found\n",
            ),
        ],
    );
}

#[test]
fn relation_get_reads_the_unit_the_hook_is_about() {
    let mut stage = Stage::new(db_hook(Changed, Some("db/2")));
    let whole = "{\"ingress-address\":\"127.77.0.3\",\"name\":\"db/2\",\"private-address\":\"127.77.0.3\"}\n";
    check(
        &mut stage,
        &[
            ("relation-get name", 0, "db/2\n", ""),
            ("relation-get --format=json", 0, whole, ""),
            ("relation-get --format=json -", 0, whole, ""),
            ("relation-get", 0, "ingress-address: 127.77.0.3\nname: db/2\nprivate-address: 127.77.0.3\n", ""),
            ("relation-get name db/10", 0, "db/10\n", ""),
            ("relation-get nope", 0, "", ""),
            ("relation-get nope --format=json", 0, "null\n", ""),
            ("relation-get --app --format=json", 0, "{\"from\":\"db\"}\n", ""),
            ("relation-get --app from db/2", 0, "db\n", ""),
            ("relation-get -r 10 name spare/0", 0, "spare/0\n", ""),
        ],
    );
    let mut app_changed = Stage::new(db_hook(Changed, None));
    check(&mut app_changed, &[("relation-get from", 0, "db\n", "")]);
}

#[test]
fn relation_get_refuses_what_juju_refuses() {
    check_each(&[
        ("relation-get", 2, "", "ERROR no relation id specified\n"),
        ("relation-get -r 2", 2, "", "ERROR no unit or application specified\n"),
        ("relation-get -r 2 - db", 2, "", "ERROR expected unit name, got application name \"db\"\n"),
        ("relation-get -r 2 - Db/0", 2, "", "ERROR invalid unit name \"Db/0\"\n"),
        ("relation-get -r 2 --app - D_", 2, "", "ERROR invalid application name \"D_\"\n"),
        ("relation-get -r 2 - db/2 x", 2, "", "ERROR unrecognized args: [\"x\"]\n"),
        ("relation-get -r 2 - db/7", 1, "", DENIED),
        ("relation-get -r 2 - spare/0", 1, "", DENIED),
        ("relation-get -r 2 --app - spare", 1, "", DENIED),
    ]);
}

#[test]
fn own_application_data_is_the_leaders_except_among_peers() {
    let mut stage = Stage::config_changed();
    check(&mut stage, &[("relation-get -r 2 --app from web", 0, "us\n", "")]);
    assert_eq!(stage.needs, [Need::Leadership]);
    let mut follower = Stage::config_changed();
    follower.leader = false;
    check(
        &mut follower,
        &[
            ("relation-get -r cluster:0 --app from web", 0, "web\n", ""),
            ("relation-get -r 2 --app from db", 0, "db\n", ""),
            ("relation-get -r cluster:0 name web/1", 0, "web/1\n", ""),
        ],
    );
    assert_eq!(follower.needs, [], "nobody asks who leads where it does not matter");
    check(
        &mut follower,
        &[
            ("relation-get -r 2 --app from web", 1, "", DENIED),
            ("relation-set -r cluster:0 --app a=b", 1, "", "ERROR cannot write relation settings\n"),
            ("relation-set -r 2 a=b", 0, "", ""),
        ],
    );
    assert!(follower.effects.relations[&RelationId(2)].app.is_empty());
}

#[test]
fn a_unit_reads_its_own_writes_and_nobody_elses_change() {
    let mut stage = Stage::new(db_hook(Joined, Some("db/2")));
    check(
        &mut stage,
        &[
            ("relation-set host=h1 port=1 name= ingress-address=1.2.3.4", 0, "", ""),
            ("relation-set port=2", 0, "", ""),
            (
                "relation-get --format=json - web/0",
                0,
                "{\"host\":\"h1\",\"ingress-address\":\"1.2.3.4\",\"port\":\"2\",\"private-address\":\"127.77.0.1\"}\n",
                "",
            ),
            ("relation-get --format=json -r 10 name web/0", 0, "\"web/0\"\n", ""),
            ("relation-set --app --relation db:2 from= k=v", 0, "", ""),
            ("relation-get --app --format=json - web", 0, "{\"k\":\"v\"}\n", ""),
            ("relation-get name", 0, "db/2\n", ""),
        ],
    );
    let changes = &stage.effects.relations[&RelationId(2)];
    assert_eq!(changes.unit["name"], None);
    assert_eq!(changes.unit["port"].as_deref(), Some("2"));
    assert_eq!(
        describe(&stage.view, &stage.effects),
        ["relation-set db:2 host ingress-address name= port", "relation-set --app db:2 from= k"]
    );
}

#[test]
fn relation_set_takes_files_and_standard_input() {
    let mut stage = Stage::config_changed();
    stage.stdin = b"{\"a\": \"1\", \"b\": \"\", \"name\": \"\"}".to_vec();
    stage.files.insert("/tmp/f".to_owned(), b"c: 1.50\nd: yes\n".to_vec());
    stage.files.insert("/tmp/bad".to_owned(), b"c: [1]\n".to_vec());
    check(
        &mut stage,
        &[
            ("relation-set -r db:2 --file -", 0, "", ""),
            ("relation-set -r db:2 --file /tmp/f d=arg", 0, "", ""),
            ("relation-get --format=json -r 2 c web/0", 0, "\"1.50\"\n", ""),
            ("relation-get -r 2 d web/0", 0, "arg\n", ""),
            ("relation-get -r 2 a web/0", 0, "1\n", ""),
            ("relation-get -r 2 name web/0", 0, "", ""),
            ("relation-set -r 2 --file /no", 1, "", "ERROR open /no: no such file or directory\n"),
            ("relation-set -r 2 a", 2, "", "ERROR expected \"key=value\", got \"a\"\n"),
            ("relation-set -r 2 a=1 a=2", 2, "", "ERROR key \"a\" specified more than once\n"),
            ("relation-set a=1", 2, "", "ERROR no relation id specified\n"),
            (
                "relation-set -r 2 --format=json",
                0,
                "",
                "--format flag deprecated for command \"relation-set\"\n",
            ),
        ],
    );
    let (code, _, stderr) = stage.line("relation-set -r 2 --file /tmp/bad");
    assert_eq!(code, 1);
    assert!(stderr.contains("the value of \"c\" must be a string"), "{stderr}");
}

#[test]
fn data_of_a_unit_that_has_left_can_still_be_read() {
    let mut stage = Stage::new(db_hook(Departed, Some("db/10")));
    Arc::make_mut(&mut stage.view.model).delete(&Key::Unit(unit("db/10")));
    check(
        &mut stage,
        &[("relation-get name db/10", 0, "db/10\n", ""), ("relation-get name", 0, "db/10\n", "")],
    );
}

#[test]
fn exec_may_be_about_a_relation() {
    let relation = |unit: Option<UnitName>| {
        let remote_app = periapt_context::testing::app("db");
        ContextKind::Exec {
            relation: Some(RelationContext { id: RelationId(2), remote_app, remote_unit: unit }),
        }
    };
    check(&mut Stage::new(relation(Some(unit("db/2")))), &[("relation-get name", 0, "db/2\n", "")]);
    check(
        &mut Stage::new(relation(None)),
        &[("relation-get from", 0, "db\n", ""), ("relation-list --app", 0, "db\n", "")],
    );
}

#[test]
fn the_other_side_may_be_in_another_model() {
    let mut stage = Stage::config_changed();
    let created = periapt_model::time::Timestamp(0);
    let kind = RemoteKind::Saas(OfferSource {
        model: "uuid-of-other".to_owned(),
        model_name: "other".parse().unwrap(),
        offer: "server".parse().unwrap(),
    });
    let (name, endpoints) = (periapt_context::testing::app("db"), Default::default());
    let remote = RemoteApp { name, kind, endpoints, life: Life::Alive, created };
    let model = Arc::make_mut(&mut stage.view.model);
    model.put(Record::RemoteApp(Arc::new(remote)));
    model.delete(&Key::Application(periapt_context::testing::app("db")));
    for unit_of_db in ["db/2", "db/10"] {
        model.delete(&Key::Unit(unit(unit_of_db)));
    }
    let goals = stage.run("goal-state", &["--format=json"]).stdout;
    let goals: serde_json::Value = serde_json::from_slice(&goals).unwrap();
    let related = goals["relations"]["db"].as_object().unwrap();
    assert_eq!(related["admin/other.server"]["status"], "joined");
    assert!(!related.contains_key("db/10"), "no units of another model are listed: {goals}");
    check(
        &mut stage,
        &[
            ("relation-model-get -r 2", 0, "uuid: uuid-of-other\n", ""),
            ("relation-list -r 2", 0, "db/10\ndb/2\n", ""),
            ("relation-get -r 2 name db/2", 0, "db/2\n", ""),
        ],
    );
}

#[test]
fn both_sides_are_in_the_same_model() {
    check_each(&[
        (
            "relation-model-get -r 2 --format=json",
            0,
            "{\"uuid\":\"d0a1f6b2-0000-4000-8000-000000000001\"}\n",
            "",
        ),
        ("relation-model-get", 2, "", "ERROR no relation id specified\n"),
    ]);
}

#[test]
fn a_first_hook_knows_its_relation_though_the_agent_remembers_nothing() {
    let mut stage = Stage::new(db_hook(Created, None));
    stage.view.local.relations.clear();
    check(
        &mut stage,
        &[
            ("relation-ids db", 0, "db:2\n", ""),
            ("relation-set a=b", 0, "", ""),
            ("relation-list", 0, "", ""),
        ],
    );
}
