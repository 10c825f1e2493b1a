//! Values of options: from command lines, from YAML, from JSON.

use periapt_model::charm::{ConfigOption, ConfigValue, OptionType};
use periapt_model::yaml;
use proptest::prelude::*;
use serde_json::json;

fn option(kind: OptionType) -> ConfigOption {
    ConfigOption { kind, description: String::new(), default: None }
}

#[test]
fn command_lines_are_read_as_go_reads_them() {
    let cli = |kind, text: &str| option(kind).parse_cli(text).ok();
    for (text, value) in
        [("1", true), ("t", true), ("True", true), ("0", false), ("F", false), ("FALSE", false)]
    {
        assert_eq!(cli(OptionType::Boolean, text), Some(ConfigValue::Bool(value)), "{text}");
    }
    for text in ["yes", "no", "on", "", "tRUE", " true"] {
        assert_eq!(cli(OptionType::Boolean, text), None, "{text:?}");
    }
    for (text, value) in [("0", 0), ("+5", 5), ("-7", -7), ("007", 7), ("9223372036854775807", i64::MAX)] {
        assert_eq!(cli(OptionType::Int, text), Some(ConfigValue::Int(value)), "{text}");
    }
    for text in ["", "1.0", "0x10", "1_000", "9223372036854775808", " 1", "five"] {
        assert_eq!(cli(OptionType::Int, text), None, "{text:?}");
    }
    for (text, value) in [("1", 1.0), (".5", 0.5), ("-2.5e3", -2500.0)] {
        assert_eq!(cli(OptionType::Float, text), Some(ConfigValue::Float(value)), "{text}");
    }
    for text in ["", "1e999", "NaN", "half"] {
        assert_eq!(cli(OptionType::Float, text), None, "{text:?}");
    }
    assert_eq!(cli(OptionType::String, ""), Some(ConfigValue::String(String::new())));
    assert_eq!(
        cli(OptionType::Secret, "secret:cq6bq7j7p1k0"),
        Some(ConfigValue::String("secret:cq6bq7j7p1k0".into()))
    );
    assert_eq!(cli(OptionType::Secret, "hunter2"), None);
}

#[test]
fn errors_say_what_was_expected() {
    let error = option(OptionType::Int).parse_cli("five").unwrap_err();
    assert_eq!(error.to_string(), "expected int, got \"five\"");
}

#[test]
fn the_declared_type_decides_what_yaml_means() {
    let read = |kind, text: &str| option(kind).from_yaml(&yaml::parse(text).unwrap());
    assert_eq!(read(OptionType::Boolean, "no"), Ok(Some(ConfigValue::Bool(false))));
    assert_eq!(read(OptionType::Boolean, "On"), Ok(Some(ConfigValue::Bool(true))));
    assert!(read(OptionType::Boolean, "'no'").is_err());
    assert_eq!(read(OptionType::Boolean, "'true'"), Ok(Some(ConfigValue::Bool(true))));
    assert_eq!(read(OptionType::String, "no"), Ok(Some(ConfigValue::String("no".into()))));
    assert!(read(OptionType::String, "true").is_err());
    assert!(read(OptionType::String, "5").is_err());
    assert_eq!(read(OptionType::Int, "0755"), Ok(Some(ConfigValue::Int(0o755))));
    assert_eq!(read(OptionType::Int, "1_000"), Ok(Some(ConfigValue::Int(1000))));
    assert_eq!(read(OptionType::Float, "3"), Ok(Some(ConfigValue::Float(3.0))));
    assert!(read(OptionType::Float, ".inf").is_err());
    assert_eq!(read(OptionType::Int, ""), Ok(None));
    assert!(read(OptionType::Int, "[1]").is_err());
}

#[test]
fn json_is_read_by_the_same_rules() {
    assert_eq!(option(OptionType::Int).from_json(&json!(5)), Ok(Some(ConfigValue::Int(5))));
    assert_eq!(option(OptionType::Int).from_json(&json!("5")), Ok(Some(ConfigValue::Int(5))));
    assert!(option(OptionType::Int).from_json(&json!(5.5)).is_err());
    assert!(option(OptionType::String).from_json(&json!(5)).is_err());
    assert_eq!(option(OptionType::String).from_json(&json!(null)), Ok(None));
}

proptest! {
    #[test]
    fn what_is_shown_can_be_typed_again(value in prop_oneof![
        any::<bool>().prop_map(ConfigValue::Bool),
        any::<i64>().prop_map(ConfigValue::Int),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(ConfigValue::Float),
        any::<String>().prop_map(ConfigValue::String),
    ]) {
        let kind = match value {
            ConfigValue::Bool(_) => OptionType::Boolean,
            ConfigValue::Int(_) => OptionType::Int,
            ConfigValue::Float(_) => OptionType::Float,
            ConfigValue::String(_) => OptionType::String,
        };
        prop_assert_eq!(option(kind).parse_cli(&value.to_string()), Ok(value.clone()));
        prop_assert_eq!(option(kind).from_json(&value.to_json()), Ok(Some(value.clone())));
        let text = yaml::to_string(&value.to_json());
        prop_assert_eq!(option(kind).from_yaml(&yaml::parse(&text).unwrap()), Ok(Some(value)));
    }
}
