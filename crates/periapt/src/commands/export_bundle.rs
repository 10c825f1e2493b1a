//! `export-bundle`

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use periapt_model::charm_url::{CharmUrl, Origin};
use periapt_model::names::AppName;
use serde::Serialize;
use serde_json::Value;

use crate::args::ModelArgs;
use crate::error::{CliError, Result, writing};
use crate::output::{print, say, yaml};
use crate::session::{Session, zone};

/// Write the model's applications and relations as a bundle
#[derive(Args, Debug)]
pub struct ExportBundle {
    /// The file to write [default: standard output]
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    filename: Option<PathBuf>,
    /// Write options that have their defaults, too
    #[arg(long)]
    include_charm_defaults: bool,
    #[command(flatten)]
    model: ModelArgs,
}

#[derive(Serialize)]
struct Exported {
    applications: BTreeMap<AppName, App>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    relations: Vec<[String; 2]>,
}

#[derive(Serialize)]
struct App {
    charm: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u32>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    resources: BTreeMap<String, u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_units: Option<usize>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    options: BTreeMap<String, Value>,
    #[serde(skip_serializing_if = "String::is_empty")]
    constraints: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    storage: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    expose: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    trust: bool,
}

impl ExportBundle {
    /// Writes it.
    pub async fn run(self, session: &Session) -> Result {
        let model = session.model(&self.model)?;
        let status = model.status(&[], &zone(true)).await?.status;
        let mut applications = BTreeMap::new();
        let mut local = Vec::new();
        for (name, shown) in &status.applications {
            let app = model.application(name).await?;
            let config = model.config(name).await?;
            let url: Option<CharmUrl> = app.charm_url.parse().ok();
            let store = url.filter(|url| url.origin == Origin::Store);
            if store.is_none() {
                local.push(name.as_str());
            }
            let options = config.settings.into_iter().filter_map(|(key, option)| {
                let wanted = self.include_charm_defaults || option.source == "user";
                Some((key, option.value.filter(|_| wanted)?))
            });
            let resources =
                app.resources.iter().filter_map(|(name, file)| Some((name.to_string(), file.store?)));
            let constraints = app.constraints.iter().map(|(key, value)| match value {
                Value::String(text) => format!("{key}={text}"),
                Value::Array(items) => {
                    let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                    format!("{key}={}", items.join(","))
                }
                other => format!("{key}={other}"),
            });
            let exported = App {
                charm: if store.is_some() { app.charm.clone() } else { app.charm_url.clone() },
                channel: Some(app.channel.clone()).filter(|channel| !channel.is_empty()),
                revision: store.map(|url| url.revision),
                resources: resources.collect(),
                num_units: app.principal.then_some(shown.scale),
                options: options.collect(),
                constraints: constraints.collect::<Vec<_>>().join(" "),
                storage: app.storage.clone(),
                expose: app.exposed,
                trust: app.trust,
            };
            applications.insert(name.clone(), exported);
        }
        if applications.is_empty() {
            return Err(CliError::new("nothing to export as there are no applications"));
        }
        let rows = model.relations().await?;
        let relations = rows.into_iter().filter(|row| row.provider != row.requirer);
        let here = |end: &str| end.split_once(':').is_some_and(|(app, _)| applications.contains_key(app));
        let (relations, elsewhere): (Vec<_>, Vec<_>) =
            relations.partition(|row| here(&row.provider) && here(&row.requirer));
        if !elsewhere.is_empty() {
            say(
                "note: relations with other models are left out: integrate them after the bundle is deployed",
            );
        }
        let relations = relations.into_iter().map(|row| [row.requirer, row.provider]).collect();
        let text = yaml(&Exported { applications, relations })?;
        if !local.is_empty() {
            say(format!(
                "note: {} came from a path, which nobody remembers: write it over `local:` before you deploy the bundle",
                local.join(", ")
            ));
        }
        match &self.filename {
            Some(path) => {
                std::fs::write(path, text).map_err(writing(path))?;
                say(format!("Bundle successfully exported to {}", path.display()));
                Ok(())
            }
            None => print(&text),
        }
    }
}
