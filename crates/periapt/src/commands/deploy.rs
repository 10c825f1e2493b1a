//! `deploy`

use std::path::PathBuf;

use clap::Args;
use periapt_controller::api::requests;
use periapt_model::charm::CharmMeta;
use periapt_model::names::AppName;

use super::build::{self, Report};
use crate::args::config::{Section, all};
use crate::args::{ConfigArg, ModelArgs, ResourceArg, positive};
use crate::error::{CliError, Result};
use crate::output::say;
use crate::session::Session;

/// Deploy a charm from its folder or from a .charm file
///
/// A Python charm gets a virtual environment with the packages that its own files name; that takes a while the first
/// time, and nothing after that. A charm in Rust is built with cargo. The charm runs as it is: nothing has to be packed.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  periapt deploy ./my-charm
  periapt deploy ./my-charm.charm db -n 3 --config size=4 --resource schema=./schema.sql")]
pub struct Deploy {
    /// The folder of a charm, or a .charm file
    #[arg(value_hint = clap::ValueHint::AnyPath)]
    charm: String,
    /// The application's name [default: the charm's]
    application: Option<AppName>,
    /// How many units
    #[arg(short = 'n', long, value_name = "N", default_value = "1", value_parser = positive)]
    num_units: u32,
    /// An option (key=value, key=@file), or a YAML file of options under the application's name
    #[arg(long, value_name = "KEY=VALUE|FILE")]
    config: Vec<ConfigArg>,
    /// Give the application access to the credentials of the cloud
    #[arg(long)]
    trust: bool,
    /// A file for a resource of the charm
    #[arg(long, value_name = "NAME=FILE")]
    resource: Vec<ResourceArg>,
    /// Deploy although what the charm assumes is not there
    #[arg(long)]
    force: bool,
    /// Kept and shown; without effect on this machine
    #[arg(long, value_name = "KEY=VALUE")]
    constraints: Vec<String>,
    /// Kept and shown; a local charm has no channels
    #[arg(long)]
    channel: Option<String>,
    #[command(flatten)]
    model: ModelArgs,
    // Last, because its heading goes on to whatever follows.
    #[command(flatten)]
    elsewhere: Elsewhere,
}

/// Flags of Juju that mean nothing on one machine without a store. They are taken, and a note says so.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Accepted for Juju's sake, without effect")]
pub struct Elsewhere {
    /// The operating system: everything runs on this machine's
    #[arg(long)]
    base: Option<String>,
    /// The revision in a store
    #[arg(long)]
    revision: Option<u32>,
    /// Where to place units
    #[arg(long)]
    to: Vec<String>,
    /// Network spaces of endpoints
    #[arg(long)]
    bind: Option<String>,
    /// Storage for the application
    #[arg(long)]
    storage: Vec<String>,
    /// Existing storage for the application
    #[arg(long)]
    attach_storage: Vec<String>,
    /// Devices for the application
    #[arg(long)]
    device: Vec<String>,
}

impl Elsewhere {
    /// One note for all that was given.
    pub fn note(&self) {
        let given = [
            ("--base", self.base.is_some()),
            ("--revision", self.revision.is_some()),
            ("--to", !self.to.is_empty()),
            ("--bind", self.bind.is_some()),
            ("--storage", !self.storage.is_empty()),
            ("--attach-storage", !self.attach_storage.is_empty()),
            ("--device", !self.device.is_empty()),
        ];
        no_effect(given);
    }
}

/// Says which of the given flags do nothing here.
pub fn no_effect(flags: impl IntoIterator<Item = (&'static str, bool)>) {
    let given: Vec<&str> = flags.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag).collect();
    if !given.is_empty() {
        let verb = if given.len() == 1 { "has" } else { "have" };
        say(format!("note: {} {verb} no effect here: everything runs on this machine", given.join(", ")));
    }
}

/// The charm that a name means: it must be a path.
///
/// # Errors
/// There is nothing at that path. A bare name would be that of a charm in a store.
pub fn locate(charm: &str) -> Result<PathBuf> {
    let path = PathBuf::from(charm);
    if path.exists() {
        return Ok(path);
    }
    let is_name = AppName::new(charm.trim_start_matches("ch:")).is_ok();
    Err(match is_name {
        true => CliError::new(format!(
            "no charm {charm:?}: charms from a store cannot be deployed yet, and there is no such folder"
        ))
        .hint("give the folder of a charm or a .charm file, such as ./my-charm"),
        false => CliError::new(format!("no charm at {charm}: there is no such file or folder"))
            .hint("give the folder of a charm or a .charm file, such as ./my-charm"),
    })
}

impl Deploy {
    /// Builds the charm, then deploys it.
    pub async fn run(self, session: &Session) -> Result {
        self.elsewhere.note();
        let source = locate(&self.charm)?;
        let read = |meta: &CharmMeta| {
            let name = self.application.as_ref().map_or(meta.name.as_str(), AppName::as_str);
            let config = all(&self.config, Section::Application(name))?;
            Ok::<_, CliError>((config, build::upload(session, meta, &self.resource)?))
        };
        // A folder tells what it holds before it is built: mistakes in the flags need not wait for pip.
        let early = match build::meta_of_folder(&source) {
            Some(meta) => Some(read(&meta)?),
            None => None,
        };
        let prepared = build::prepare(&source, &build::options(session))?;
        let (config, resources) = match early {
            Some(read) => read,
            None => read(&prepared.meta)?,
        };
        let missing = build::missing(&prepared.meta);
        let request = requests::Deploy {
            name: self.application.clone(),
            charm: build::charm(&prepared),
            units: self.num_units,
            config,
            trust: self.trust,
            resources,
            constraints: self.constraints.join(" "),
            channel: self.channel.clone(),
            force: self.force,
        };
        let deployed = session.model(&self.model)?.deploy(&request).await?;
        let (charm, revision) = build::split_url(&deployed.charm);
        say(format!("Located local charm {charm:?}, revision {revision}"));
        say(format!(
            "Deploying {:?} from local charm {charm:?}, revision {revision}",
            deployed.application.as_str()
        ));
        Report { warnings: &prepared.warnings, missing: missing.as_deref() }.print();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_path_says_what_to_give() {
        let store = locate("postgresql").unwrap_err();
        assert!(store.message.contains("store"), "{store:?}");
        assert!(store.hint.unwrap().contains("./"));
        let path = locate("./nowhere/here").unwrap_err();
        assert_eq!(path.message, "no charm at ./nowhere/here: there is no such file or folder");
        assert!(locate(".").is_ok());
    }
}
