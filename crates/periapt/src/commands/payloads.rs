//! `payloads`

use clap::Args;
use periapt_controller::views::payloads::PayloadView;
use periapt_model::entity::PayloadStatus;

use crate::args::ModelArgs;
use crate::error::Result;
use crate::output::{OutputFile, Tabular, say};
use crate::render::table::Table;
use crate::session::Session;

/// Show what charms told of with payload-register
#[derive(Args, Debug)]
#[command(visible_alias = "list-payloads")]
pub struct Payloads {
    /// Only those with one of these as their unit, machine, class, type, id, status or one of their tags
    #[arg(value_name = "PATTERN")]
    patterns: Vec<String>,
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: Tabular,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

fn word(status: PayloadStatus) -> &'static str {
    PayloadStatus::ALL.iter().find(|(_, known)| *known == status).map_or("", |(word, _)| word)
}

fn is_meant(payload: &PayloadView, pattern: &str) -> bool {
    let unit = payload.unit.to_string();
    let status = word(payload.status);
    // Case does not count (Juju 3.6: `payload.Match`).
    [unit.as_str(), &payload.machine, &payload.id, &payload.kind, &payload.class, status]
        .into_iter()
        .chain(payload.labels.iter().map(String::as_str))
        .any(|text| text.eq_ignore_ascii_case(pattern))
}

impl Payloads {
    /// Lists them.
    pub async fn run(self, session: &Session) -> Result {
        let mut payloads = session.model(&self.model)?.payloads().await?;
        payloads.retain(|payload| {
            self.patterns.is_empty() || self.patterns.iter().any(|pattern| is_meant(payload, pattern))
        });
        // As in Juju there is nothing on standard output then, whatever the format.
        if payloads.is_empty() {
            say("No payloads to display.");
            return Ok(());
        }
        self.output.write(&self.format.render(&payloads, || table(&payloads))?)
    }
}

fn table(payloads: &[PayloadView]) -> String {
    let mut table = Table::new(&["Unit", "Machine", "Payload class", "Status", "Type", "Id", "Tags"]);
    for payload in payloads {
        table.row([
            payload.unit.to_string().into(),
            payload.machine.as_str().into(),
            payload.class.as_str().into(),
            word(payload.status).into(),
            payload.kind.as_str().into(),
            payload.id.as_str().into(),
            payload.labels.join(" ").into(),
        ]);
    }
    format!("[Unit Payloads]\n{}", table.render())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_compared_with_each_part() {
        let payload: PayloadView = serde_json::from_value(serde_json::json!({
            "unit": "db/0", "machine": "1", "id": "ABC", "type": "docker", "payload-class": "monitor",
            "tags": ["red", "big"], "status": "started"
        }))
        .unwrap();
        for pattern in ["db/0", "1", "abc", "docker", "Monitor", "big", "started"] {
            assert!(is_meant(&payload, pattern), "{pattern}");
        }
        for pattern in ["db", "stopped", "0", ""] {
            assert!(!is_meant(&payload, pattern), "{pattern}");
        }
        let plain = anstream::adapter::strip_str(&table(&[payload])).to_string();
        insta::assert_snapshot!(plain, @r"
        [Unit Payloads]
        Unit  Machine  Payload class  Status   Type    Id   Tags
        db/0  1        monitor        started  docker  ABC  red big
        ");
    }
}
