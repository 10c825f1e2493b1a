//! `is-leader`, `leader-get`, `leader-set`, `state-get`, `state-set`, `state-delete`.

use periapt_context::testing::Stage;
use periapt_context::{Immediate, Need, describe};
use periapt_model::command::Tell;
use periapt_model::effects::Changes;

use super::{check, check_each};

#[test]
fn leadership_is_asked_anew_until_it_is_lost() {
    let mut stage = Stage::config_changed();
    check(&mut stage, &[("is-leader", 0, "True\n", ""), ("is-leader --format=json", 0, "true\n", "")]);
    assert_eq!(stage.needs, [Need::Leadership, Need::Leadership]);
    stage.leader = false;
    check(&mut stage, &[("is-leader --format=yaml", 0, "false\n", "")]);
    stage.leader = true;
    check(
        &mut stage,
        &[
            ("is-leader", 0, "False\n", ""),
            (
                "leader-set a=b",
                1,
                "",
                "ERROR cannot write leadership settings: cannot write settings: not the leader\n",
            ),
        ],
    );
    assert_eq!(stage.needs.len(), 3, "once lost, nobody is asked again");
    check_each(&[("is-leader x", 2, "", "ERROR unrecognized args: [\"x\"]\n")]);
}

#[test]
fn leader_settings_count_at_once_and_are_seen_by_their_writer() {
    let mut stage = Stage::config_changed();
    check(
        &mut stage,
        &[
            ("leader-get", 0, "secret: x\nsize: \"3\"\n", ""),
            ("leader-get size", 0, "3\n", ""),
            ("leader-get --format=json size", 0, "\"3\"\n", ""),
            ("leader-set size=4 secret= new=n", 0, "", ""),
            ("leader-get - --format=json", 0, "{\"new\":\"n\",\"size\":\"4\"}\n", ""),
            ("leader-get nope --format=json", 0, "null\n", ""),
            ("leader-set size", 2, "", "ERROR expected \"key=value\", got \"size\"\n"),
            ("leader-get a=b", 2, "", "ERROR invalid key \"a=b\"\n"),
        ],
    );
    let changes = Changes::from([
        ("new".to_owned(), Some("n".to_owned())),
        ("secret".to_owned(), None),
        ("size".to_owned(), Some("4".to_owned())),
    ]);
    assert_eq!(stage.immediate, [Immediate::Tell(Tell::LeaderSettings(changes))]);
    assert!(stage.effects.is_empty());
}

#[test]
fn state_is_buffered_and_seen_by_its_writer() {
    let mut stage = Stage::config_changed();
    stage.stdin = b"{\"pickle\": \"gASV\\u0000\"}".to_vec();
    check(
        &mut stage,
        &[
            ("state-get", 0, "color: blue\n", ""),
            ("state-get color --format=json", 0, "\"blue\"\n", ""),
            ("state-set color=red empty= x.y=1", 0, "", ""),
            ("state-set --file - k=v", 0, "", ""),
            (
                "state-get --format=json",
                0,
                "{\"color\":\"red\",\"empty\":\"\",\"k\":\"v\",\"pickle\":\"gASV\\u0000\",\"x.y\":\"1\"}\n",
                "",
            ),
            ("state-delete color", 0, "", ""),
            ("state-delete never-was", 0, "", ""),
            ("state-get color", 0, "", ""),
            ("state-get color --format=json", 0, "\"\"\n", ""),
            ("state-get color --strict", 1, "", "ERROR \"color\" not found\n"),
            ("state-delete", 2, "", "ERROR no key specified\n"),
            ("state-set a", 2, "", "ERROR expected \"key=value\", got \"a\"\n"),
        ],
    );
    assert_eq!(describe(&stage.view, &stage.effects), ["state-set color= empty k never-was= pickle x.y"]);
}

#[test]
fn state_has_limits() {
    let mut stage = Stage::config_changed();
    let key = |n: usize| format!("state-set {}=v", "k".repeat(n));
    let value = |name: &str, n: usize| format!("state-set {name}={}", "v".repeat(n));
    check(
        &mut stage,
        &[
            (&key(256), 0, "", ""),
            (&key(257), 1, "", "ERROR max allowed key length (256) exceeded\n"),
            (&value("a", 65536), 0, "", ""),
            (&value("a", 65537), 1, "", "ERROR max allowed value length (65536) exceeded\n"),
        ],
    );
    for n in 0..30 {
        assert_eq!(stage.line(&value(&format!("b{n}"), 65536)).0, 0);
    }
    let refused = stage.line(&value("c", 65536));
    assert_eq!(refused, (1, String::new(), "ERROR max allowed size (2097152) exceeded\n".to_owned()));
    assert_eq!(stage.line(&value("b0", 1)).0, 0, "a smaller value in a big one's place fits");
}
