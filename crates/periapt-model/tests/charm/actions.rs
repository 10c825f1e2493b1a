//! Parameters of actions against their schema.

use periapt_model::charm::ActionSpec;
use serde_json::{Value, json};

use crate::{accepted, with_basics};

fn action(yaml: &str) -> ActionSpec {
    let text = with_basics(&format!("=== actions.yaml\nbackup:\n{yaml}"));
    accepted(&text).meta.actions.remove("backup").expect("it is there")
}

#[test]
fn the_schema_is_whole() {
    let spec = action(
        "  description: Saves it all\n  title: Save\n  parallel: yes\n  execution-group: disks\n  params:\n    target: {type: string}\n  required: [target]\n  additionalProperties: no\n",
    );
    assert!(spec.parallel);
    assert_eq!((spec.title.as_str(), spec.execution_group.as_str()), ("Save", "disks"));
    assert_eq!(
        spec.params_schema,
        json!({
            "type": "object", "title": "backup", "description": "Saves it all",
            "properties": {"target": {"type": "string"}}, "required": ["target"], "additionalProperties": false,
        })
    );
}

#[test]
fn an_action_may_say_nothing() {
    let spec = action("");
    assert_eq!(spec.description, "No description");
    assert_eq!(spec.validate(&json!({})), Ok(json!({})));
    assert_eq!(
        spec.validate(&json!({"any": [1]})),
        Ok(json!({"any": [1]})),
        "Juju 3 allows what is not named"
    );
}

#[test]
fn defaults_are_inserted_deeply_and_typed() {
    let spec = action(
        "  params:\n    mode: {type: string, default: full}\n    dry: {type: boolean, default: no}\n    limits:\n      type: object\n      properties:\n        size: {type: integer, default: 0x10}\n        name: {type: string}\n    other:\n      type: object\n      properties: {x: {type: string}}\n",
    );
    assert_eq!(spec.validate(&json!({})), Ok(json!({"mode": "full", "dry": false, "limits": {"size": 16}})));
    assert_eq!(
        spec.validate(&json!({"mode": "quick", "limits": {"name": "a"}})),
        Ok(json!({"mode": "quick", "limits": {"name": "a", "size": 16}, "dry": false}))
    );
}

#[test]
fn errors_name_the_path() {
    let spec = action(
        "  params:\n    count: {type: integer, minimum: 1}\n    where:\n      type: object\n      properties:\n        hosts: {type: array, items: {type: string}}\n  required: [count]\n",
    );
    let errors = |params: Value| spec.validate(&params).unwrap_err().join("\n");
    insta::assert_snapshot!(errors(json!({"count": "many", "where": {"hosts": ["a", 5]}})), @r#"
    count: "many" is not of type "integer"
    where.hosts.1: 5 is not of type "string"
    "#);
    insta::assert_snapshot!(errors(json!({})), @r#""count" is a required property"#);
    insta::assert_snapshot!(errors(json!({"count": 0})), @"count: 0 is less than the minimum of 1");
    insta::assert_snapshot!(errors(json!(["count"])), @r#"["count"] is not of type "object""#);
}

#[test]
fn unnamed_parameters_can_be_refused() {
    let spec = action("  params:\n    a: {type: string}\n  additionalProperties: false\n");
    insta::assert_snapshot!(spec.validate(&json!({"b": 1})).unwrap_err().join("\n"), @"Additional properties are not allowed ('b' was unexpected)");
}

#[test]
fn a_required_parameter_must_be_given_even_if_it_has_a_default() {
    let spec = action("  params:\n    a: {type: string, default: x}\n  required: [a]\n");
    assert!(spec.validate(&json!({})).is_err());
}

#[test]
fn draft_4_keywords_mean_what_they_meant() {
    let spec = action("  params:\n    n: {type: integer, minimum: 3, exclusiveMinimum: true}\n");
    assert!(spec.validate(&json!({"n": 3})).is_err());
    assert!(spec.validate(&json!({"n": 4})).is_ok());
}
