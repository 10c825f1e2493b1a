//! `export-bundle`

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;
use periapt_controller::client::ModelClient;
use periapt_controller::views::OWNER;
use periapt_controller::views::application::ExposedTo;
use periapt_controller::views::status::FullStatus;
use periapt_model::charm_url::{CharmUrl, Origin};
use periapt_model::names::{AppName, EndpointName, OfferName};
use periapt_model::offer_url::OfferUrl;
use serde::Serialize;
use serde_json::Value;

use super::bundle;
use crate::args::ModelArgs;
use crate::args::base::series_of;
use crate::bundle::EVERYBODY;
use crate::error::{CliError, Result, writing};
use crate::output::{print, say, yaml};
use crate::session::{Session, zone};

/// Write the model's applications, machines, relations and offers as a bundle
#[derive(Args, Debug)]
pub struct ExportBundle {
    /// The file to write [default: standard output]
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    filename: Option<PathBuf>,
    /// Write options that have their defaults, too
    #[arg(long)]
    include_charm_defaults: bool,
    /// Write the series of Ubuntu that each application is for, for old readers of bundles
    #[arg(long)]
    include_series: bool,
    #[command(flatten)]
    model: ModelArgs,
}

#[derive(Serialize)]
struct Exported {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    saas: BTreeMap<AppName, Saas>,
    applications: BTreeMap<AppName, App>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    machines: BTreeMap<Number, Machine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    relations: Vec<[String; 2]>,
}

/// What is for one deployment only, and lies over the bundle.
#[derive(Serialize)]
struct Overlay {
    applications: BTreeMap<AppName, Offering>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Offering {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    exposed_endpoints: BTreeMap<String, ExposedTo>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    offers: BTreeMap<OfferName, Offer>,
}

#[derive(Serialize)]
struct Offer {
    endpoints: BTreeSet<EndpointName>,
    acl: BTreeMap<&'static str, &'static str>,
}

#[derive(Serialize)]
struct Saas {
    url: String,
}

/// A machine's number: a key, which is text, in the order of numbers.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Number(u32);

impl Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[derive(Serialize)]
struct Machine {
    #[serde(skip_serializing_if = "String::is_empty")]
    constraints: String,
}

#[derive(Serialize)]
struct App {
    charm: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    series: Option<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    resources: BTreeMap<String, u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_units: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    to: Vec<String>,
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
        let mut status = model.status(&[], &zone(true)).await?.status;
        let mut going = without_going(&mut status);
        let mut applications = BTreeMap::new();
        let mut local = Vec::new();
        let mut over: BTreeMap<AppName, Offering> = BTreeMap::new();
        for name in status.applications.keys() {
            let (app, exposed_endpoints) = self.application(&model, &status, name).await?;
            if !exposed_endpoints.is_empty() {
                over.entry(name.clone()).or_default().exposed_endpoints = exposed_endpoints;
            }
            if app.charm.starts_with("local:") {
                local.push(name.as_str());
            }
            applications.insert(name.clone(), app);
        }
        if applications.is_empty() {
            return Err(CliError::new("nothing to export as there are no applications"));
        }
        let saas = saas(&status);
        let rows = model.relations().await?;
        let relations = rows.into_iter().filter(|row| row.provider != row.requirer);
        // Broken is one that is being removed.
        let (broken, relations): (Vec<_>, Vec<_>) = relations.partition(|row| row.status == "broken");
        going.extend(broken.into_iter().map(|row| format!("relation {} {}", row.requirer, row.provider)));
        let relations = relations.into_iter();
        let here = |end: &str| {
            let app = end.split_once(':').map(|(app, _)| app);
            app.is_some_and(|app| applications.contains_key(app) || saas.contains_key(app))
        };
        let (relations, elsewhere): (Vec<_>, Vec<_>) =
            relations.partition(|row| here(&row.provider) && here(&row.requirer));
        if !elsewhere.is_empty() {
            say(
                "note: relations over this model's offers are left out: they belong to the models that consume them",
            );
        }
        let relations = relations.into_iter().map(|row| [row.requirer, row.provider]).collect();
        let machines = machines(&status, &applications);
        let mut text = yaml(&Exported { saas, applications, machines, relations })?;
        let offers = bundle::offers(&model).await?;
        for (name, (app, endpoints)) in
            offers.into_iter().filter(|(_, (app, _))| status.applications.contains_key(app))
        {
            let offer = Offer { endpoints, acl: [(OWNER, "admin")].into() };
            over.entry(app).or_default().offers.insert(name, offer);
        }
        if !over.is_empty() {
            let overlay = yaml(&Overlay { applications: over })?;
            text = format!("{}\n--- # overlay.yaml\n{overlay}", text.trim_end());
        }
        if !going.is_empty() {
            say(format!("note: left out what is being removed: {}", going.join(", ")));
        }
        if !local.is_empty() {
            say(format!(
                "note: {} came from a path, which nobody remembers: write it over `local:` before you deploy the bundle elsewhere",
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

    /// One application, and which of its endpoints are exposed otherwise than all to everybody: with both in one document
    /// a reader who does not know of endpoints would expose all (Juju 3.6: `mapExposedEndpoints`).
    async fn application(
        &self,
        model: &ModelClient,
        status: &FullStatus,
        name: &AppName,
    ) -> Result<(App, BTreeMap<String, ExposedTo>)> {
        let app = model.application(name).await?;
        let config = model.config(name).await?;
        let url: Option<CharmUrl> = app.charm_url.parse().ok();
        let store = url.filter(|url| url.origin == Origin::Store);
        let options = config.settings.into_iter().filter_map(|(key, option)| {
            let wanted = self.include_charm_defaults || option.source == "user";
            Some((key, option.value.filter(|_| wanted)?))
        });
        let resources = app.resources.iter().filter_map(|(name, file)| Some((name.to_string(), file.store?)));
        let constraints = app.constraints.iter().map(|(key, value)| match value {
            Value::String(text) => format!("{key}={text}"),
            Value::Array(items) => {
                let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                format!("{key}={}", items.join(","))
            }
            other => format!("{key}={other}"),
        });
        let units = status.applications.get(name).filter(|_| app.principal).map(|shown| &shown.units);
        let to = units.into_iter().flatten().map(|(_, unit)| unit.machine.clone());
        let plainly = |(endpoint, to): (&String, &ExposedTo)| {
            endpoint.is_empty() && to.expose_to_spaces.is_empty() && to.expose_to_cidrs == EVERYBODY
        };
        let mut exposed = app.exposed_endpoints.clone();
        if exposed.len() == 1 && exposed.iter().all(plainly) {
            exposed.clear();
        }
        let exported = App {
            charm: if store.is_some() { app.charm.clone() } else { app.charm_url.clone() },
            channel: Some(app.channel.clone()).filter(|channel| !channel.is_empty()),
            revision: store.map(|url| url.revision),
            series: status
                .applications
                .get(name)
                .filter(|_| self.include_series)
                .and_then(|shown| shown.base.as_ref())
                .and_then(|base| series_of(&base.name, &base.channel)),
            resources: resources.collect(),
            num_units: units.map(BTreeMap::len),
            to: to.collect(),
            options: options.collect(),
            constraints: constraints.collect::<Vec<_>>().join(" "),
            storage: app.storage.clone(),
            expose: app.exposed && exposed.is_empty(),
            trust: app.trust,
        };
        Ok((exported, exposed))
    }
}

/// Takes out what is being removed: a bundle says what is wanted. Answers what that was.
fn without_going(status: &mut FullStatus) -> Vec<String> {
    let mut going = Vec::new();
    status.applications.retain(|name, app| {
        if !app.life.is_empty() {
            going.push(format!("application {name}"));
        }
        app.life.is_empty()
    });
    status.application_endpoints.retain(|name, app| {
        if !app.life.is_empty() {
            going.push(format!("saas {name}"));
        }
        app.life.is_empty()
    });
    for app in status.applications.values_mut() {
        app.units.retain(|name, unit| {
            if !unit.juju_status.life.is_empty() {
                going.push(format!("unit {name}"));
            }
            unit.juju_status.life.is_empty()
        });
    }
    going
}

/// The machines that units are on. Those without units belong to no application, and a bundle is of applications.
fn machines(status: &FullStatus, applications: &BTreeMap<AppName, App>) -> BTreeMap<Number, Machine> {
    let used: BTreeSet<&str> = applications.values().flat_map(|app| &app.to).map(String::as_str).collect();
    let used = status.machines.iter().filter(|(id, _)| used.contains(id.to_string().as_str()));
    used.map(|(id, shown)| (Number(id.0), Machine { constraints: shown.constraints.clone() })).collect()
}

/// What the model consumes.
fn saas(status: &FullStatus) -> BTreeMap<AppName, Saas> {
    let url = |text: &str| {
        let url: Option<OfferUrl> = text.parse().ok();
        url.map_or_else(|| text.to_owned(), |url| OfferUrl { controller: None, ..url }.to_string())
    };
    let consumed = status.application_endpoints.iter();
    consumed.map(|(name, app)| (name.clone(), Saas { url: url(&app.url) })).collect()
}
