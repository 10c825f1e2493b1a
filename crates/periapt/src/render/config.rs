//! `config` and `model-config`: the tables.

use periapt_controller::views::application::{OptionView, ShowConfig};
use periapt_controller::views::model::ModelConfig;
use periapt_model::entity::{SETTINGS, SettingValue};
use serde_json::Value;

use super::style::{NAME, STRONG};
use super::table::{Cell, Table};

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Every option with its value, where that comes from, and its type.
pub fn table(config: &ShowConfig) -> String {
    let mut table = Table::new(&["Key", "Value", "Source", "Type"]);
    let mut row = |key: &String, option: &OptionView| {
        let style = if option.source == "user" { STRONG } else { anstyle::Style::new() };
        table.row([
            key.as_str().into(),
            Cell::styled(option.value.as_ref().map(text).unwrap_or_default(), style),
            option.source.as_str().into(),
            option.kind.as_str().into(),
        ]);
    };
    config.application_config.iter().chain(&config.settings).for_each(|(key, option)| row(key, option));
    table.render()
}

/// A setting's value as it is typed.
pub fn setting_text(value: &SettingValue) -> String {
    match value {
        SettingValue::Bool(value) => value.to_string(),
        SettingValue::Int(value) => value.to_string(),
        SettingValue::Text(value) => value.clone(),
    }
}

/// Every setting with its value and where that comes from (Juju's columns).
pub fn settings_table(config: &ModelConfig) -> String {
    let mut table = Table::new(&["Attribute", "From", "Value"]);
    for (key, setting) in config {
        let value = match setting_text(&setting.value) {
            // It may be very long (Juju 3.6: `model-config`).
            text if key == "cloudinit-userdata" && !text.is_empty() => {
                "<value set, see juju model-config cloudinit-userdata>".to_owned()
            }
            text => text,
        };
        table.row([key.as_str().into(), setting.source.as_str().into(), value.into()]);
    }
    table.render()
}

/// What there is to set, for the help text.
pub fn settings_help() -> String {
    let mut out = String::from("Settings:\n");
    for setting in SETTINGS.iter().filter(|setting| !setting.inert) {
        let default = if setting.default.is_empty() { "empty" } else { setting.default };
        out.push_str(&format!("  {NAME}{}{NAME:#} [{default}]\n      {}\n", setting.key, setting.about));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_settings_are_tables() {
        let config: ShowConfig = serde_json::from_value(serde_json::json!({
            "application": "db", "charm": "db",
            "application-config": {
                "trust": {"default": false, "description": "", "source": "default", "type": "bool", "value": false}
            },
            "settings": {
                "key": {"description": "", "source": "unset", "type": "string"},
                "size": {"default": 1, "description": "", "source": "user", "type": "int", "value": 3}
            }
        }))
        .unwrap();
        let plain = anstream::adapter::strip_str(&table(&config)).to_string();
        insta::assert_snapshot!(plain, @r"
        Key    Value  Source   Type
        trust  false  default  bool
        key           unset    string
        size   3      user     int
        ");
        let settings: ModelConfig = serde_json::from_value(serde_json::json!({
            "deferred-wake": {"Value": "1s", "Source": "default"},
            "journal-keep": {"Value": 5, "Source": "model"}
        }))
        .unwrap();
        insta::assert_snapshot!(settings_table(&settings), @r"
        Attribute      From     Value
        deferred-wake  default  1s
        journal-keep   model    5
        ");
    }
}
