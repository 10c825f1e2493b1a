//! `action-get`, `action-set`, `action-fail`, `action-log`.

use periapt_context::testing::{Stage, action};
use periapt_context::{Immediate, describe};
use periapt_model::command::Tell;
use periapt_model::names::TaskId;
use serde_json::{Value, json};

use super::{check, check_each};

#[test]
fn parameters_are_read_by_dotted_path() {
    let params =
        json!({"size": 3, "deep": {"z": 1.0, "a": {"b": "c"}}, "list": ["x", 2], "flag": true, "none": null});
    let mut stage = Stage::new(action(params));
    check(
        &mut stage,
        &[
            (
                "action-get --format=json",
                0,
                "{\"deep\":{\"a\":{\"b\":\"c\"},\"z\":1},\"flag\":true,\"list\":[\"x\",2],\"none\":null,\"size\":3}\n",
                "",
            ),
            ("action-get size", 0, "3\n", ""),
            ("action-get deep.a.b", 0, "c\n", ""),
            ("action-get deep.a", 0, "b: c\n", ""),
            ("action-get flag", 0, "True\n", ""),
            ("action-get list", 0, "- x\n- 2\n", ""),
            ("action-get none", 0, "", ""),
            ("action-get size.x --format=json", 0, "null\n", ""),
            ("action-get nope", 0, "", ""),
            ("action-get a b", 2, "", "ERROR unrecognized args: [\"b\"]\n"),
        ],
    );
    check(
        &mut Stage::new(action(json!({}))),
        &[("action-get --format=json", 0, "{}\n", ""), ("action-get", 0, "{}\n", "")],
    );
}

#[test]
fn results_nest_by_dots() {
    let mut stage = Stage::new(action(json!({})));
    check(
        &mut stage,
        &[
            ("action-set outfile.size=10G foo.bar=2", 0, "", ""),
            ("action-set foo.baz.val=3", 0, "", ""),
            ("action-set foo.bar.zab=4 foo.baz=1 eq=a=b empty=", 0, "", ""),
            ("action-set", 0, "", ""),
            ("action-set a", 2, "", "ERROR argument \"a\" must be of the form key...=value\n"),
            ("action-set stdout=x", 2, "", "ERROR cannot set reserved action key \"stdout\"\n"),
            ("action-set ok=1 a.stderr=x", 2, "", "ERROR cannot set reserved action key \"stderr\"\n"),
        ],
    );
    for key in ["A", "a_b", "-a", "a-", "a..b", ".a", ""] {
        let (code, _, stderr) = stage.line(&format!("action-set -- {key}=1"));
        assert_eq!(code, 2, "{key}");
        assert!(stderr.contains("must start and end with lowercase alphanumeric"), "{stderr}");
    }
    assert_eq!(
        Value::Object(stage.effects.action.results.clone()),
        json!({"outfile": {"size": "10G"}, "foo": {"bar": {"zab": "4"}, "baz": "1"}, "eq": "a=b", "empty": ""})
    );
    assert_eq!(
        describe(&stage.view, &stage.effects),
        ["action-set outfile.size foo.bar.zab foo.baz eq empty"]
    );
}

#[test]
fn failing_keeps_the_results() {
    let mut stage = Stage::new(action(json!({})));
    check(&mut stage, &[("action-set a=1", 0, "", ""), ("action-fail", 0, "", "")]);
    assert_eq!(
        stage.effects.action.failed.as_deref(),
        Some("action failed without reason given, check action for errors")
    );
    check(
        &mut stage,
        &[("action-fail -- ", 0, "", ""), ("action-fail a b", 2, "", "ERROR unrecognized args: [\"b\"]\n")],
    );
    assert_eq!(stage.effects.action.failed.as_deref(), Some(""));
    assert_eq!(describe(&stage.view, &stage.effects), ["action-set a", "action-fail"]);
}

#[test]
fn progress_is_told_at_once() {
    let mut stage = Stage::new(action(json!({})));
    check(
        &mut stage,
        &[("action-log -- -half way", 0, "", ""), ("action-log", 2, "", "ERROR no message specified\n")],
    );
    let line = "-half way".to_owned();
    assert_eq!(stage.immediate, [Immediate::Tell(Tell::TaskLog { task: TaskId(7), line })]);
}

#[test]
fn outside_an_action_there_is_none() {
    let none = "ERROR not running an action\n";
    check_each(&[
        ("action-get", 1, "", none),
        ("action-set a=1", 1, "", none),
        ("action-fail", 1, "", none),
        ("action-log x", 1, "", none),
    ]);
}
