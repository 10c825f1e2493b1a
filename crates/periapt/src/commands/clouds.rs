//! `clouds`, `regions`, `show-cloud`, `add-cloud`, `update-cloud` and `remove-cloud`.

use std::path::PathBuf;

use clap::Args;
use periapt_controller::views::CLOUD;
use serde_json::{Map, Value, json};

use crate::args::controller::{self, ControllerArgs};
use crate::args::params::params_file;
use crate::error::{CliError, Result};
use crate::output::{self, OutputFile, Structured, Tabular, say};
use crate::register::{self, Clouds as ByName, Place};
use crate::render::table::Table;
use crate::session::Session;

/// `--client` and `--controller`: which of the two lists is meant.
#[derive(Args, Debug)]
pub struct Where {
    /// The client's own list
    #[arg(long)]
    client: bool,
    #[command(flatten)]
    controller: ControllerArgs,
}

impl Where {
    /// The lists that are named; without a name both, as in Juju.
    ///
    /// # Errors
    /// Another controller is named.
    pub fn places(&self) -> Result<Vec<Place>> {
        self.controller.check()?;
        Ok(match (self.client, self.controller.is_named()) {
            (true, false) => vec![Place::Client],
            (false, true) => vec![Place::Controller],
            _ => vec![Place::Client, Place::Controller],
        })
    }
}

/// List the clouds: this machine, and what add-cloud made
#[derive(Args, Debug)]
#[command(visible_alias = "list-clouds")]
pub struct Clouds {
    /// All of them, which is what is shown
    #[arg(long)]
    all: bool,
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: Tabular,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    at: Where,
}

/// List the regions of a cloud
#[derive(Args, Debug)]
#[command(visible_alias = "list-regions")]
pub struct Regions {
    /// The cloud
    cloud: String,
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: Tabular,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    at: Where,
}

/// Show a cloud
#[derive(Args, Debug)]
pub struct ShowCloud {
    /// The cloud
    cloud: String,
    /// With its config, which is shown in any case
    #[arg(long)]
    include_config: bool,
    /// How to show
    #[arg(long, value_enum, default_value = "yaml")]
    format: Structured,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    at: Where,
}

/// Keep the definition of a cloud. No model runs there
#[derive(Args, Debug)]
pub struct AddCloud {
    /// Its name
    cloud: String,
    /// The file that defines it
    #[arg(value_name = "FILE")]
    definition: Option<PathBuf>,
    /// The same
    #[arg(short, long, value_name = "FILE", conflicts_with = "definition")]
    file: Option<PathBuf>,
    /// In place of one of that name
    #[arg(long)]
    force: bool,
    /// Without effect: no model runs in another cloud
    #[arg(long)]
    credential: Option<String>,
    /// As --controller
    #[arg(long, value_name = "CONTROLLER")]
    target_controller: Option<String>,
    #[command(flatten)]
    at: Where,
}

/// Replace the definition of a cloud
#[derive(Args, Debug)]
pub struct UpdateCloud {
    /// Its name
    cloud: String,
    /// The file that defines it
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    at: Where,
}

/// Forget the definition of a cloud
#[derive(Args, Debug)]
pub struct RemoveCloud {
    /// Its name
    cloud: String,
    #[command(flatten)]
    at: Where,
}

/// The cloud that every home has.
fn built_in() -> Value {
    json!({
        "defined": "built-in",
        "type": "lxd",
        "description": "this machine",
        "auth-types": ["certificate"],
        "regions": {CLOUD: {}},
    })
}

/// All clouds of the given lists.
fn known(session: &Session, at: &Where) -> Result<ByName> {
    let register = register::clouds(&session.home)?;
    let mut all = ByName::from([(CLOUD.to_owned(), built_in())]);
    for place in at.places()? {
        for (name, definition) in register.at(place) {
            let mut shown = definition.clone();
            if let Some(map) = shown.as_object_mut() {
                map.insert("defined".to_owned(), "local".into());
            }
            all.insert(name.clone(), shown);
        }
    }
    Ok(all)
}

fn not_found(cloud: &str) -> CliError {
    CliError::new(format!("cloud {cloud} not found")).hint("periapt clouds lists them")
}

/// The names of a cloud's regions. A region may have no endpoint, and then the file has nothing below its name.
fn regions(cloud: &Value) -> Vec<&str> {
    cloud["regions"].as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect()
}

/// One cloud's definition from a file of them, checked as far as it is looked at.
fn definition(cloud: &str, path: &std::path::Path) -> Result<Value> {
    let mut file = params_file(path)?;
    let shown = path.display();
    let found = match file.remove("clouds") {
        Some(Value::Object(mut clouds)) => clouds.remove(cloud),
        Some(_) => return Err(CliError::new(format!("{shown}: clouds must hold clouds by their names"))),
        None => file.remove(cloud),
    };
    let found = found.ok_or_else(|| CliError::new(format!("cloud {cloud:?} not found in file {shown}")))?;
    let wrong = |what: &str| CliError::new(format!("{shown}: cloud {cloud:?} {what}"));
    if !found["type"].is_string() {
        return Err(wrong("must have a type, such as openstack"));
    }
    if !found.get("regions").is_none_or(|regions| regions.is_object() || regions.is_null()) {
        return Err(wrong("must have its regions by their names"));
    }
    if !found.get("auth-types").is_none_or(Value::is_array) {
        return Err(wrong("must have a list of auth-types"));
    }
    Ok(found)
}

fn change(session: &Session, cloud: &str, definition: &Value, places: &[Place]) -> Result {
    let mut register = register::clouds(&session.home)?;
    for place in places {
        register.at_mut(*place).insert(cloud.to_owned(), definition.clone());
    }
    register::keep_clouds(&session.home, &register)
}

impl Clouds {
    /// Lists them. Needs no daemon.
    pub fn run(self, session: &Session) -> Result {
        let clouds = known(session, &self.at)?;
        let table = || {
            let mut table =
                Table::new(&["Cloud", "Regions", "Default", "Type", "Source", "Description"]).right(1);
            for (name, cloud) in &clouds {
                let text = |key: &str| cloud[key].as_str().unwrap_or_default();
                let regions = regions(cloud);
                table.row([
                    name.as_str().into(),
                    regions.len().to_string().into(),
                    regions.first().copied().unwrap_or_default().into(),
                    text("type").into(),
                    text("defined").into(),
                    text("description").into(),
                ]);
            }
            table.render()
        };
        self.output.write(&self.format.render(&clouds, table)?)
    }
}

impl Regions {
    /// Lists them. Needs no daemon.
    pub fn run(self, session: &Session) -> Result {
        let clouds = known(session, &self.at)?;
        let cloud = clouds.get(&self.cloud).ok_or_else(|| not_found(&self.cloud))?;
        let lines = || regions(cloud).iter().map(|region| format!("{region}\n")).collect();
        let value = cloud.get("regions").cloned().unwrap_or_else(|| json!({}));
        self.output.write(&self.format.render(&value, lines)?)
    }
}

impl ShowCloud {
    /// Shows it. Needs no daemon.
    pub fn run(self, session: &Session) -> Result {
        let mut clouds = known(session, &self.at)?;
        let mut cloud = clouds.remove(&self.cloud).ok_or_else(|| not_found(&self.cloud))?;
        if let Some(map) = cloud.as_object_mut() {
            map.insert("name".to_owned(), self.cloud.as_str().into());
        }
        self.output.write(&match self.format {
            Structured::Json => output::json(&cloud)?,
            _ => output::yaml(&cloud)?,
        })
    }
}

impl AddCloud {
    /// Keeps it. Needs no daemon.
    pub fn run(self, session: &Session) -> Result {
        if let Some(controller) = &self.target_controller {
            crate::args::controller::check(controller)?;
        }
        let places = match (&self.target_controller, self.at.client) {
            (Some(_), false) => vec![Place::Controller],
            _ => self.at.places()?,
        };
        let Some(path) = self.file.or(self.definition) else {
            return Err(CliError::usage("the cloud must be defined in a file: nothing is asked here")
                .hint(format!("periapt add-cloud {} --file FILE", self.cloud)));
        };
        let definition = definition(&self.cloud, &path)?;
        let _held = register::hold(&session.home)?;
        let register = register::clouds(&session.home)?;
        let taken = self.cloud == CLOUD || places.iter().any(|p| register.at(*p).contains_key(&self.cloud));
        if self.cloud == CLOUD || (taken && !self.force) {
            return Err(CliError::new(format!("cloud {:?} already exists", self.cloud))
                .hint("update-cloud replaces the definition of one that was added"));
        }
        change(session, &self.cloud, &definition, &places)?;
        for place in places {
            say(match place {
                Place::Client => format!("Cloud {:?} successfully added to your local client.", self.cloud),
                Place::Controller => {
                    format!("Cloud {:?} added to controller {:?}.", self.cloud, controller::name())
                }
            });
        }
        say("note: no model runs in another cloud: its definition is kept and shown");
        Ok(())
    }
}

impl UpdateCloud {
    /// Replaces it. Needs no daemon.
    pub fn run(self, session: &Session) -> Result {
        let Some(path) = self.file else {
            return Err(CliError::usage(
                "the cloud must be defined in a file: there are no public clouds here",
            )
            .hint(format!("periapt update-cloud {} --file FILE", self.cloud)));
        };
        let definition = definition(&self.cloud, &path)?;
        let _held = register::hold(&session.home)?;
        let register = register::clouds(&session.home)?;
        let there: Vec<Place> =
            self.at.places()?.into_iter().filter(|p| register.at(*p).contains_key(&self.cloud)).collect();
        if there.is_empty() {
            return Err(not_found(&self.cloud));
        }
        change(session, &self.cloud, &definition, &there)?;
        for place in there {
            say(match place {
                Place::Client => format!("Cloud {:?} updated on this client.", self.cloud),
                Place::Controller => {
                    format!("Cloud {:?} updated on controller {:?}.", self.cloud, controller::name())
                }
            });
        }
        Ok(())
    }
}

impl RemoveCloud {
    /// Forgets it. One that is not there is no failure, as in Juju. Needs no daemon.
    pub fn run(self, session: &Session) -> Result {
        if self.cloud == CLOUD {
            return Err(CliError::new(format!("cloud {CLOUD:?} cannot be removed: it is this machine")));
        }
        let _held = register::hold(&session.home)?;
        let mut register = register::clouds(&session.home)?;
        let places = self.at.places()?;
        let removed: Vec<Place> = places
            .iter()
            .copied()
            .filter(|place| register.at_mut(*place).remove(&self.cloud).is_some())
            .collect();
        register::keep_clouds(&session.home, &register)?;
        for place in places {
            let cloud = &self.cloud;
            say(match (place, removed.contains(&place)) {
                (Place::Client, true) => format!("Removed details of cloud {cloud:?} from this client"),
                (Place::Client, false) => format!("No cloud called {cloud:?} exists on this client"),
                (Place::Controller, true) => {
                    format!("Removed details of cloud {cloud:?} from controller {:?}", controller::name())
                }
                (Place::Controller, false) => {
                    format!("No cloud called {cloud:?} exists on controller {:?}", controller::name())
                }
            });
        }
        Ok(())
    }
}
