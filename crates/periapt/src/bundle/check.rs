//! A bundle held against its charms, before anything is built or changed: it is deployed into a model that is empty and
//! forgotten.
//!
//! What the model at hand refuses on top of that shows when the bundle is deployed into it, which is one change.

use std::collections::BTreeMap;

use periapt_model::apply::apply;
use periapt_model::charm::CharmMeta;
use periapt_model::command::{Command, Deploy, EndpointRef, Refusal, StorageCommand};
use periapt_model::entity::{Charm, InvalidDirective, ModelInfo, ResourceFile};
use periapt_model::model::Model;
use periapt_model::names::{AppName, CharmId, ModelName};
use periapt_model::time::Timestamp;

use super::{App, Bundle, Part, app_of};
use crate::error::{CliError, Result};

/// Refuses what no model would take: options, storages and resources that a charm does not have, and relations that do
/// not fit. What is said of applications that are not in `metas` is not looked at.
pub fn check(bundle: &Bundle, metas: &BTreeMap<AppName, CharmMeta>) -> Result {
    let mut trial = Trial::new(bundle)?;
    for (name, app) in &bundle.applications {
        if let Some(meta) = metas.get(name) {
            trial.application(name, app, meta)?;
        }
    }
    for (a, b) in &bundle.relations {
        let end = |text: &str| -> Option<EndpointRef> {
            let endpoint = text.split_once(':').map(|(_, endpoint)| endpoint.parse()).transpose().ok()?;
            let app = app_of(text).parse().ok().filter(|app| metas.contains_key(app))?;
            Some(EndpointRef { app, endpoint })
        };
        if let (Some(a_end), Some(b_end)) = (end(a), end(b)) {
            let part = Part::Relation(a.clone(), b.clone());
            trial.run(&part, Command::Integrate { a: a_end, b: b_end })?;
        }
    }
    Ok(())
}

struct Trial<'a> {
    bundle: &'a Bundle,
    model: Model,
}

impl<'a> Trial<'a> {
    fn new(bundle: &'a Bundle) -> Result<Self> {
        let info = ModelInfo::new(String::new(), ModelName::new("trial")?, Timestamp(0));
        Ok(Self { bundle, model: Model::new(info) })
    }

    fn run(&mut self, part: &Part, command: Command) -> Result {
        match apply(&self.model, command, Timestamp(0)) {
            Ok((writes, _)) => {
                writes.iter().for_each(|write| self.model.write(write));
                Ok(())
            }
            Err(Refusal { message, hint, .. }) => {
                Err(CliError { hint, ..self.bundle.places.wrong(part, message) })
            }
        }
    }

    /// Each thing by itself, so that what is refused can be named.
    fn application(&mut self, name: &AppName, app: &App, meta: &CharmMeta) -> Result {
        let bundle = self.bundle;
        let places = &bundle.places;
        if meta.subordinate && app.units.is_some_and(|units| units > 0) {
            let part = Part::key(name, "num_units");
            let what = format!("application {:?} is subordinate but has non-zero num_units", name.as_str());
            return Err(places.wrong(&part, what).hint("its units come with those that it is related to"));
        }
        if meta.subordinate && !app.placements().is_empty() {
            let what = format!("application {:?} is subordinate but specifies unit placement", name.as_str());
            return Err(places.wrong(&Part::key(name, "to"), what));
        }
        let id = CharmId(name.to_string());
        let charm = Charm { id, url: String::new(), revision: 0, version: None, meta: meta.clone() };
        let deploy = Deploy {
            name: Some(name.clone()),
            charm,
            units: 0,
            config: BTreeMap::new(),
            trust: false,
            resources: BTreeMap::new(),
            constraints: String::new(),
            channel: None,
            // Whether this machine has what it assumes is the model's to say.
            force: true,
        };
        self.run(&Part::App(name.clone()), Command::Deploy(Box::new(deploy)))?;
        for (key, value) in app.set() {
            let set = [(key.to_owned(), value.to_owned())].into();
            let command = Command::SetConfig { app: name.clone(), set, reset: Vec::new() };
            self.run(&Part::key(name, format!("options.{key}")), command)?;
        }
        for (endpoint, to) in &app.exposed {
            let endpoints = endpoint.parse().into_iter().collect();
            let command = Command::Expose { app: name.clone(), endpoints, to: to.clone() };
            self.run(&Part::key(name, format!("exposed-endpoints.{endpoint}")), command)?;
        }
        for resource in app.resources.keys() {
            let file = ResourceFile { hash: String::new(), size: 0, revision: 1, store: None };
            let command = Command::AttachResource { app: name.clone(), resource: resource.clone(), file };
            self.run(&Part::key(name, format!("resources.{resource}")), command)?;
        }
        for (storage, directive) in &app.storage {
            let part = Part::key(name, format!("storage.{storage}"));
            let directive =
                directive.parse().map_err(|error: InvalidDirective| places.wrong(&part, error))?;
            let refresh = Box::new(refresh(name));
            let directives = [(storage.clone(), directive)].into();
            self.run(&part, Command::Storage(StorageCommand::Refresh { refresh, directives }))?;
        }
        Ok(())
    }
}

/// A refresh that brings nothing.
fn refresh(app: &AppName) -> Command {
    Command::Refresh {
        app: app.clone(),
        charm: None,
        force_units: false,
        config: BTreeMap::new(),
        resources: BTreeMap::new(),
        channel: None,
        trust: None,
    }
}
