//! `refresh`

use std::path::PathBuf;

use clap::Args;
use periapt_controller::api::requests;
use periapt_model::names::AppName;

use super::build::{self, Report};
use super::deploy::{Elsewhere, locate, no_effect};
use crate::args::config::{Section, all};
use crate::args::{ConfigArg, ModelArgs, ResourceArg, complete};
use crate::error::{CliError, Result};
use crate::output::say;
use crate::session::Session;

/// Give an application another version of its charm
///
/// Its units run upgrade-charm, each when it comes to rest.
#[derive(Args, Debug)]
#[command(visible_alias = "upgrade-charm")]
pub struct Refresh {
    /// The application
    #[arg(add = complete::apps())]
    application: AppName,
    /// The folder of the charm, or a .charm file
    #[arg(long, value_hint = clap::ValueHint::AnyPath)]
    path: Option<PathBuf>,
    /// A file for a resource of the charm
    #[arg(long, value_name = "NAME=FILE")]
    resource: Vec<ResourceArg>,
    /// An option (key=value, key=@file), or a YAML file of options under the application's name
    #[arg(long, value_name = "KEY=VALUE|FILE")]
    config: Vec<ConfigArg>,
    /// Give the application access to the credentials of the cloud
    #[arg(long)]
    trust: bool,
    /// Refresh also units in error, without upgrade-charm
    #[arg(long)]
    force_units: bool,
    /// The same as --force-units
    #[arg(long)]
    force: bool,
    /// Without effect: everything runs on this machine's operating system
    #[arg(long)]
    force_base: bool,
    /// Without effect: a local charm has no channels
    #[arg(long)]
    channel: Option<String>,
    #[command(flatten)]
    model: ModelArgs,
    // Last, because its heading goes on to whatever follows.
    #[command(flatten)]
    elsewhere: Elsewhere,
}

impl Refresh {
    /// Builds the charm, then refreshes the application.
    pub async fn run(self, session: &Session) -> Result {
        self.elsewhere.note();
        no_effect([("--channel", self.channel.is_some()), ("--force-base", self.force_base)]);
        let app = &self.application;
        let config = all(&self.config, Section::Application(app.as_str()))?;
        let model = session.model(&self.model)?;
        let Some(path) = &self.path else {
            return self.refuse_without_path();
        };
        let source = locate(&path.display().to_string())?;
        let prepared = build::prepare(&source, &build::options(session))?;
        let deployed = model.application(app).await?.charm;
        if deployed != prepared.meta.name.as_str() {
            let message = format!("cannot refresh {deployed:?} to {:?}", prepared.meta.name.as_str());
            return Err(CliError::new(message)
                .hint(format!("{app} goes on with the charm it has; deploy the other one beside it")));
        }
        let resources = build::upload(session, &prepared.meta, &self.resource)?;
        let missing = build::missing(&prepared.meta);
        let request = requests::Refresh {
            charm: build::charm(&prepared),
            force_units: self.force_units || self.force,
            config,
            resources,
        };
        let refreshed = model.refresh(app, &request).await?;
        if self.trust {
            model.trust(app, true).await?;
        }
        let (charm, revision) = build::split_url(&refreshed.charm);
        say(format!("Added local charm {charm:?}, revision {revision}, to the model"));
        Report { warnings: &prepared.warnings, missing: missing.as_deref() }.print();
        Ok(())
    }

    fn refuse_without_path(&self) -> Result {
        let app = &self.application;
        let error = CliError::usage(format!(
            "which charm for {app:?}? Only a folder or a .charm file can be given yet"
        ));
        Err(match self.resource.is_empty() {
            true => error.hint(format!("periapt refresh {app} --path ./the-charm")),
            false => error.hint(format!("periapt attach-resource {app} NAME=FILE replaces a resource alone")),
        })
    }
}
