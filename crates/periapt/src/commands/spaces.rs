//! `spaces`, `show-space`, `subnets`, `reload-spaces` and `bind`: the one network space of a host.

use clap::Args;
use periapt_controller::views::SPACE;
use periapt_controller::views::application::ShowApplication;
use periapt_model::charm::{CharmMeta, JUJU_INFO};
use periapt_model::names::AppName;
use serde_json::{Map, Value, json};

use crate::args::{ModelArgs, complete};
use crate::error::{CliError, Result};
use crate::output::{OutputFile, Structured, Tabular, say};
use crate::render::table::Table;
use crate::session::{Session, zone};

/// The network that the units of every model have their addresses in.
const NETWORK: &str = "127.0.0.0/8";

/// List the network spaces: there is one
#[derive(Args, Debug)]
#[command(visible_alias = "list-spaces")]
pub struct Spaces {
    /// Only names and subnets
    #[arg(long)]
    short: bool,
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: Tabular,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

/// Show a network space: who is in it
#[derive(Args, Debug)]
pub struct ShowSpace {
    /// Its name
    name: String,
    /// How to show
    #[arg(long, value_enum, default_value = "yaml")]
    format: Structured,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

/// List the subnets: there is one
#[derive(Args, Debug)]
#[command(visible_alias = "list-subnets")]
pub struct Subnets {
    /// Only those of this space
    #[arg(long)]
    space: Option<String>,
    /// Only those of this zone; there are no zones
    #[arg(long, hide = true)]
    zone: Option<String>,
    /// How to show
    #[arg(long, value_enum, default_value = "yaml")]
    format: Structured,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

/// Look for network spaces again: there is nothing to find
#[derive(Args, Debug)]
pub struct ReloadSpaces {
    #[command(flatten)]
    model: ModelArgs,
}

/// Bind endpoints of an application to a network space: there is one
#[derive(Args, Debug)]
pub struct Bind {
    /// The application
    #[arg(add = complete::apps())]
    application: AppName,
    /// The space of all endpoints, or ENDPOINT=SPACE
    #[arg(value_name = "SPACE|ENDPOINT=SPACE")]
    bindings: Vec<String>,
    /// Although units have no address there, which they have
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    model: ModelArgs,
}

fn check(space: &str) -> Result {
    match space {
        SPACE => Ok(()),
        other => Err(CliError::new(format!("space {other:?} not found"))
            .hint(format!("the only space of this machine is {SPACE}"))),
    }
}

/// Checks what `--bind` asks for of a charm's endpoints: whatever may be asked for is so already.
///
/// # Errors
/// A space or an endpoint is not there.
pub fn check_bindings(bind: Option<&str>, app: &str, meta: &CharmMeta) -> Result {
    for binding in bind.unwrap_or_default().split_whitespace() {
        let (endpoint, space) = binding.split_once('=').unwrap_or(("", binding));
        check(space)?;
        let known = endpoint.is_empty()
            || endpoint == JUJU_INFO
            || meta.endpoints.contains_key(endpoint)
            || meta.extra_bindings.iter().any(|binding| binding == endpoint);
        if !known {
            return Err(no_endpoint(app, endpoint));
        }
    }
    Ok(())
}

/// The same of an application that is there.
///
/// # Errors
/// As [`check_bindings`].
pub fn check_bound<'a>(
    bindings: impl Iterator<Item = &'a str>,
    name: &AppName,
    app: &ShowApplication,
) -> Result {
    for binding in bindings {
        let (endpoint, space) = binding.split_once('=').unwrap_or(("", binding));
        check(space)?;
        if !app.endpoint_bindings.contains_key(endpoint) {
            return Err(no_endpoint(name.as_str(), endpoint)
                .hint(format!("periapt show-application {name} lists them")));
        }
    }
    Ok(())
}

fn no_endpoint(app: &str, endpoint: &str) -> CliError {
    CliError::new(format!("application {app:?} has no endpoint {endpoint:?}"))
}

fn subnet() -> Value {
    json!({"type": "ipv4", "status": "in-use", "zones": []})
}

impl Spaces {
    /// Lists it. A model that is not there is refused.
    pub async fn run(self, session: &Session) -> Result {
        session.model(&self.model)?.show(&zone(false)).await?;
        let value = match self.short {
            true => json!({"spaces": [SPACE]}),
            false => json!({"spaces": [{"id": "0", "name": SPACE, "subnets": {NETWORK: subnet()}}]}),
        };
        let table = || {
            let mut table = Table::new(&["Name", "Space ID", "Subnets"]);
            table.row([SPACE.into(), "0".into(), NETWORK.into()]);
            table.render()
        };
        self.output.write(&self.format.render(&value, table)?)
    }
}

impl ShowSpace {
    /// Shows it.
    pub async fn run(self, session: &Session) -> Result {
        check(&self.name)?;
        let status = session.model(&self.model)?.status(&[], &zone(false)).await?.status;
        let mut subnet = Map::from_iter([("cidr".to_owned(), Value::from(NETWORK))]);
        subnet.extend(self::subnet().as_object().cloned().unwrap_or_default());
        let applications: Vec<&str> = status.applications.keys().map(AppName::as_str).collect();
        let value = json!({
            "space": {"id": "0", "name": SPACE, "subnets": [subnet]},
            "applications": applications,
            "machine-count": status.machines.len(),
        });
        self.output.write(&self.format.render(&value)?)
    }
}

impl Subnets {
    /// Lists it. A model that is not there is refused.
    pub async fn run(self, session: &Session) -> Result {
        session.model(&self.model)?.show(&zone(false)).await?;
        self.space.as_deref().map_or(Ok(()), check)?;
        let mut shown = subnet();
        shown["space"] = SPACE.into();
        self.output.write(&self.format.render(&json!({"subnets": {NETWORK: shown}}))?)
    }
}

impl ReloadSpaces {
    /// Says so. A model that is not there is refused.
    pub async fn run(self, session: &Session) -> Result {
        session.model(&self.model)?.show(&zone(false)).await?;
        say(format!("note: the only space of this machine is {SPACE}"));
        Ok(())
    }
}

impl Bind {
    /// Checks what is asked for: whatever may be asked for is so already.
    pub async fn run(self, session: &Session) -> Result {
        let app = session.model(&self.model)?.application(&self.application).await?;
        if self.bindings.is_empty() {
            return Err(CliError::usage("no bindings specified")
                .hint(format!("periapt bind {} {SPACE}, or ENDPOINT={SPACE}", self.application)));
        }
        check_bound(self.bindings.iter().map(String::as_str), &self.application, &app)?;
        say(format!("note: every endpoint of {} is in space {SPACE} already", self.application));
        Ok(())
    }
}
