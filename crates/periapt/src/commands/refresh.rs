//! `refresh`

use std::path::{Path, PathBuf};

use clap::Args;
use periapt_controller::api::requests;
use periapt_controller::client::ModelClient;
use periapt_controller::views::application::ShowApplication;
use periapt_controller::views::why::ApplicationWhy;
use periapt_lifecycle::Wait;
use periapt_model::channel::Channel;
use periapt_model::charm_url::{CharmUrl, Origin};
use periapt_model::names::{AppName, ResourceName, UnitName};

use super::build;
use super::deploy::report;
use super::source::{FromStore, Named, named};
use super::spaces;
use crate::args::config::{Section, all};
use crate::args::{ConfigArg, ModelArgs, ResourceArg, StorageArg, complete, storage};
use crate::charm_store::CharmStore;
use crate::error::{CliError, Result};
use crate::output::say;
use crate::render::style::{WAITS, paint};
use crate::session::Session;

/// Give an application another version of its charm
///
/// A charm of the local store goes to the newest revision of its channel; any other needs --path. Its units run
/// upgrade-charm, each when it comes to rest. To an older revision, or to the old files, it is the same.
#[derive(Args, Debug)]
#[command(
    visible_alias = "upgrade-charm",
    after_help = "Examples:
  periapt refresh db                        the newest of the channel that it follows
  periapt refresh db --channel 14/edge
  periapt refresh db --revision 3           back to an older one
  periapt refresh db --path ./my-charm
  periapt refresh db --switch ch:other-db   from a local charm, or another charm's name, to the store's"
)]
pub struct Refresh {
    /// The application
    #[arg(add = complete::apps())]
    application: AppName,
    /// The folder of the charm, or a .charm file
    #[arg(long, value_hint = clap::ValueHint::AnyPath)]
    path: Option<PathBuf>,
    /// Another charm: the name of one in the store, or a path
    #[arg(long, value_name = "CHARM")]
    switch: Option<String>,
    /// The store's channel to follow from now on
    #[arg(long)]
    channel: Option<Channel>,
    /// This revision of the store
    #[arg(long, value_name = "N")]
    revision: Option<u32>,
    /// A file for a resource of the charm
    #[arg(long, value_name = "NAME=FILE")]
    resource: Vec<ResourceArg>,
    /// An option (key=value, key=@file), or a YAML file of options under the application's name
    #[arg(long, value_name = "KEY=VALUE|FILE")]
    config: Vec<ConfigArg>,
    /// How units come by a storage of the charm from now on: NAME=[POOL,][COUNT,][SIZE]
    #[arg(long, value_name = "NAME=DIRECTIVE")]
    storage: Vec<StorageArg>,
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
    /// Without effect: everything runs on this machine's operating system
    #[arg(long, hide = true)]
    force_series: bool,
    /// Without effect: everything runs on this machine's operating system
    #[arg(long)]
    base: Option<String>,
    /// The network space of its endpoints: there is one, alpha
    #[arg(long, value_name = "[SPACE] [ENDPOINT=SPACE]…")]
    bind: Option<String>,
    #[command(flatten)]
    model: ModelArgs,
}

impl Refresh {
    /// Finds and builds the charm, then refreshes the application.
    pub async fn run(self, session: &Session) -> Result {
        self.exclusive()?;
        let store = CharmStore::of(&session.home);
        let model = session.model(&self.model)?;
        let app = model.application(&self.application).await?;
        spaces::check_bound(
            self.bind.as_deref().unwrap_or_default().split_whitespace(),
            &self.application,
            &app,
        )?;
        let url: Option<CharmUrl> = app.charm_url.parse().ok();
        if let Some(path) = &self.path {
            return match path.exists() {
                true => self.local(session, &model, &app, path, true).await,
                false => Err(no_path(&path.display().to_string())),
            };
        }
        if let Some(switch) = &self.switch {
            return match named(&store, switch)? {
                Named::Path(path) => self.local(session, &model, &app, &path, false).await,
                Named::Store(name) => self.published(session, &store, &model, &app, url, &name).await,
            };
        }
        match url {
            Some(CharmUrl { origin: Origin::Store, ref name, .. }) => {
                let name = name.clone();
                self.published(session, &store, &model, &app, url, &name).await
            }
            _ => self.adjust(session, &model).await,
        }
    }

    /// Juju's rules on what cannot be said together.
    fn exclusive(&self) -> Result {
        let given = [
            ("--path", self.path.is_some()),
            ("--switch", self.switch.is_some()),
            ("--revision", self.revision.is_some()),
        ];
        let given: Vec<&str> = given.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag).collect();
        match given.as_slice() {
            [one, other, ..] => Err(CliError::usage(format!("{one} and {other} are mutually exclusive"))),
            _ => Ok(()),
        }
    }

    fn with(&self) -> Result<requests::Refresh> {
        Ok(requests::Refresh {
            charm: None,
            force_units: self.force_units || self.force,
            config: all(&self.config, Section::Application(self.application.as_str()))?,
            resources: Default::default(),
            channel: self.channel.as_ref().map(Channel::to_string),
            trust: self.trust.then_some(true),
            storage: storage::directives(&self.storage)?,
        })
    }

    /// From a path; `same` charm, as its name says.
    async fn local(
        &self,
        session: &Session,
        model: &ModelClient,
        app: &ShowApplication,
        path: &Path,
        same: bool,
    ) -> Result {
        let request = self.with()?;
        let prepared = build::prepare(path, &build::quick(session))?;
        let (old, new) = (&app.charm, prepared.meta.name.as_str());
        if same && old != new {
            return Err(CliError::new(format!("cannot refresh {old:?} to {new:?}")).hint(format!(
                "{} goes on with the charm it has; deploy the other one beside it, or --switch to it",
                self.application
            )));
        }
        let resources = build::upload(session, &prepared.meta, &self.resource)?;
        // Files follow no channel, unless the operator says which they stand for.
        let channel = request.channel.unwrap_or_default();
        let request = requests::Refresh {
            charm: Some(build::charm(&prepared)),
            resources,
            channel: Some(channel),
            ..request
        };
        let refreshed = model.refresh(&self.application, &request).await?;
        let (charm, revision) = build::split_url(&refreshed.charm);
        say(format!("Added local charm {charm:?}, revision {revision}, to the model"));
        report(&prepared);
        self.tell_of_errors(model).await;
        Ok(())
    }

    /// From the store.
    async fn published(
        &self,
        session: &Session,
        store: &CharmStore,
        model: &ModelClient,
        app: &ShowApplication,
        url: Option<CharmUrl>,
        name: &AppName,
    ) -> Result {
        let channel = match &self.channel {
            Some(channel) => channel.clone(),
            // What is there from before channels had a shape follows the usual one.
            None => app.channel.parse().unwrap_or_default(),
        };
        let found = FromStore::choose(store, name, &channel, self.revision)?;
        // A file that an operator gave stays, as in Juju, until he gives another.
        let kept = |name: &ResourceName| app.resources.get(name).is_some_and(|file| file.store.is_none());
        let mut resources = found.resources(session, &self.resource, kept)?;
        let request = requests::Refresh { channel: Some(channel.to_string()), ..self.with()? };
        if url.as_ref() == Some(&found.url) {
            resources.retain(|name, file| {
                app.resources.get(name).is_none_or(|old| old.hash != file.hash || old.store != file.store)
            });
            say(format!("charm {:?}: already up-to-date", name.as_str()));
            let moved = app.channel != channel.to_string();
            if moved {
                say(format!("all future refreshes will now use channel {:?}", channel.to_string()));
            }
            if moved || !resources.is_empty() || says_more(&request) {
                model.refresh(&self.application, &requests::Refresh { resources, ..request }).await?;
            }
            return Ok(());
        }
        let prepared = found.prepare(session)?;
        let charm = Some(found.charm(&prepared));
        model.refresh(&self.application, &requests::Refresh { charm, resources, ..request }).await?;
        let revision = found.url.revision;
        say(format!(
            "Added charm-hub charm {:?}, revision {revision} in channel {channel}, to the model",
            name.as_str()
        ));
        report(&prepared);
        self.tell_of_errors(model).await;
        Ok(())
    }

    /// Units in error keep their files until that is over (Juju 3.6: the resolver of a failed hook comes before the upgrade's).
    async fn tell_of_errors(&self, model: &ModelClient) {
        if self.force_units || self.force {
            return;
        }
        // The refresh is done: that this cannot be told is no failure of it.
        let Ok(why) = model.why_application(&self.application).await else { return };
        let from = match (&self.path, &self.switch) {
            (Some(path), _) => format!(" --path {}", path.display()),
            (None, Some(switch)) => format!(" --switch {switch}"),
            (None, None) => String::new(),
        };
        for line in errors(&why, &from) {
            say(format!("{} {line}", paint(WAITS, "WARNING")));
        }
    }

    /// A local charm as it is, with other files, config or trust.
    async fn adjust(&self, session: &Session, model: &ModelClient) -> Result {
        let request = self.with()?;
        let given = !self.resource.is_empty() || says_more(&request);
        if !given || self.channel.is_some() || self.revision.is_some() {
            let app = &self.application;
            return Err(CliError::new("upgrading local charm requires either --path or --switch").hint(
                format!(
                    "periapt refresh {app} --path ./the-charm, or --switch ch:NAME for a charm of the store"
                ),
            ));
        }
        let declared = model.resources(&self.application).await?.resources;
        let mut resources = std::collections::BTreeMap::new();
        for arg in &self.resource {
            if !declared.iter().any(|resource| resource.name == arg.name) {
                let known: Vec<&str> = declared.iter().map(|resource| resource.name.as_str()).collect();
                return Err(CliError::new(format!("unrecognized resource {:?}", arg.name.as_str()))
                    .hint(format!("the charm has: {}", known.join(", "))));
            }
            resources.insert(arg.name.clone(), build::put(&session.home.resources(), &arg.path)?);
        }
        model.refresh(&self.application, &requests::Refresh { resources, ..request }).await?;
        Ok(())
    }
}

/// What is said of each unit whose hook has failed. `from` is where the charm comes from, as flags.
fn errors(why: &ApplicationWhy, from: &str) -> Vec<String> {
    let app = &why.application;
    let failed = why.units.iter().filter_map(|unit| {
        let mut waits = unit.waits.iter().flat_map(|waits| &waits.waits);
        let hook = waits.find_map(|wait| match wait {
            Wait::HookFailed { hook, resolved: None, .. } => Some(hook),
            _ => None,
        })?;
        Some((&unit.unit, hook))
    });
    let line = |(unit, hook): (&UnitName, &String)| {
        format!(
            "{unit} is in error (hook failed: {hook:?}): it gets the new charm when that is over. periapt refresh {app}{from} \
             --force-units puts the files in place at once, and periapt resolved {unit} runs the hook again"
        )
    };
    failed.map(line).collect()
}

/// Whether it changes anything beside the charm and its files.
fn says_more(request: &requests::Refresh) -> bool {
    !request.config.is_empty() || request.trust.is_some() || !request.storage.is_empty()
}

fn no_path(path: &str) -> CliError {
    CliError::new(format!("no charm at {path}: there is no such file or folder"))
        .hint("give the folder of a charm or a .charm file, such as ./my-charm; --switch takes a charm of the store")
}
