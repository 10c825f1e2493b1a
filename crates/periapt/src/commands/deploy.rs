//! `deploy`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use periapt_build::Prepared;
use periapt_controller::api::requests;
use periapt_model::apply::apply;
use periapt_model::channel::Channel;
use periapt_model::charm::{Base, CharmMeta};
use periapt_model::command::{self, Command, Refusal};
use periapt_model::entity::{Charm, ModelInfo};
use periapt_model::model::Model;
use periapt_model::names::{AppName, CharmId, ResourceName};
use periapt_model::time::Timestamp;

use super::build::{self, Report};
use super::bundle;
use super::source::{FromStore, Named, named};
use super::spaces;
use crate::args::base::{self, BaseArgs};
use crate::args::config::{Section, all};
use crate::args::{ConfigArg, ModelArgs, ResourceArg, StorageArg, positive, storage};
use crate::charm_store::CharmStore;
use crate::daemon::FIRST_MODEL;
use crate::error::{CliError, Result};
use crate::output::say;
use crate::session::Session;

/// Deploy a charm from its folder, from a .charm file, or by its name from the local store; or a bundle of charms
///
/// A Python charm gets a virtual environment with the packages that its own files name; that takes a while the first
/// time, and nothing after that. A charm in Rust is built with cargo, from a folder without optimising over all crates at once
/// (lto), which pack does. The charm runs as it is: nothing has to be packed.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  periapt deploy ./my-charm
  periapt deploy ./my-charm.charm db -n 3 --config size=4 --resource schema=./schema.sql
  periapt deploy postgresql --channel 14/edge
  periapt deploy ./bundle.yaml --overlay ./mine.yaml --dry-run")]
pub struct Deploy {
    /// The folder of a charm (./my-charm), a .charm file, the name of a published charm, or a bundle.yaml
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
    /// A file that changes parts of the bundle
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    overlay: Vec<PathBuf>,
    /// Say what a bundle would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Which machines of the model those of a bundle are: `existing` for those of the same numbers, and pairs such as 0=3
    #[arg(long, value_name = "existing|N=M,...")]
    map_machines: Option<bundle::MapMachines>,
    /// Put the first units on these machines of the model
    #[arg(long, value_name = "MACHINE", value_delimiter = ',')]
    to: Vec<String>,
    /// How its units come by a storage of the charm: NAME=[POOL,][COUNT,][SIZE]
    #[arg(long, value_name = "NAME=DIRECTIVE")]
    storage: Vec<StorageArg>,
    /// Detached storages that its one unit starts with
    #[arg(long, value_name = "STORAGE", value_delimiter = ',')]
    attach_storage: Vec<String>,
    /// Kept and shown; without effect on this machine
    #[arg(long, value_name = "KEY=VALUE")]
    constraints: Vec<String>,
    /// The store's channel to take the charm from and to follow [default: latest/stable]
    #[arg(long)]
    channel: Option<Channel>,
    /// This revision of the store; refresh goes on with the channel
    #[arg(long, value_name = "N")]
    revision: Option<u32>,
    /// The network space of its endpoints: there is one, alpha
    #[arg(long, value_name = "[SPACE] [ENDPOINT=SPACE]…")]
    bind: Option<String>,
    #[command(flatten)]
    base: BaseArgs,
    #[command(flatten)]
    model: ModelArgs,
    // Last, because its heading goes on to whatever follows.
    #[command(flatten)]
    elsewhere: Elsewhere,
}

/// Flags of Juju that mean nothing on one machine. They are taken, and `notes` says so.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = crate::notes::HEADING)]
struct Elsewhere {
    /// Devices for the application
    #[arg(long)]
    device: Vec<String>,
}

impl Deploy {
    /// Builds the charm, then deploys it.
    pub async fn run(self, session: &Session) -> Result {
        // Slips in these need not wait for pip.
        storage::directives(&self.storage)?;
        storage::ids(&self.attach_storage)?;
        let base = self.base.chosen()?;
        let base = base.as_ref();
        if self.charm.starts_with("local:") {
            return self.again(session, base).await;
        }
        let store = CharmStore::of(&session.home);
        match named(&store, &self.charm)? {
            Named::Path(path) if let Some(file) = bundle::bundle_file(&path) => {
                self.bundle(session, &file).await
            }
            // Before what is said of flags: what was meant was perhaps a file.
            Named::Store(name) if self.is_for_bundle() && store.get(&name)?.is_none() => {
                let hint = store.need(&name).err().and_then(|error| error.hint).unwrap_or_default();
                let message = format!(
                    "there is no file or folder {0:?} here, and no charm {0:?} in the local store",
                    self.charm
                );
                Err(CliError::new(message)
                    .hint(format!("a bundle is given by its path, such as ./bundle.yaml. {hint}")))
            }
            _ if self.dry_run || !self.overlay.is_empty() => {
                Err(CliError::usage("--dry-run and --overlay are for bundles, and this is a charm"))
            }
            _ if self.map_machines.is_some() => {
                Err(CliError::usage("--map-machines is for bundles, and this is a charm"))
            }
            Named::Path(path) => self.local(session, &path, base).await,
            Named::Store(name) => self.published(session, &store, &name, base).await,
        }
    }

    fn is_for_bundle(&self) -> bool {
        self.dry_run || !self.overlay.is_empty() || self.map_machines.is_some()
    }

    async fn bundle(&self, session: &Session, file: &Path) -> Result {
        let given = [
            ("an application name", self.application.is_some()),
            ("--config", !self.config.is_empty()),
            ("--resource", !self.resource.is_empty()),
            ("--revision", self.revision.is_some()),
            ("--channel", self.channel.is_some()),
            ("--constraints", !self.constraints.is_empty()),
            ("--to", !self.to.is_empty()),
            ("--storage", !self.storage.is_empty()),
            ("--attach-storage", !self.attach_storage.is_empty()),
        ];
        if let Some((what, _)) = given.iter().find(|(_, given)| *given) {
            return Err(CliError::usage(format!("{what} cannot be given with a bundle"))
                .hint("say it in the bundle, or in a file for --overlay"));
        }
        let model = session.model(&self.model)?;
        let machines = self.map_machines.clone().unwrap_or_default();
        let asked = bundle::Asked {
            file,
            overlays: &self.overlay,
            dry_run: self.dry_run,
            trust: self.trust,
            machines: &machines,
        };
        bundle::deploy(session, &model, asked).await
    }

    /// A charm that an application of the model has, by its url: `local:db-0`.
    async fn again(&self, session: &Session, base: Option<&Base>) -> Result {
        if self.is_for_bundle() || self.revision.is_some() {
            return Err(CliError::usage(
                "--dry-run, --overlay, --map-machines and --revision are not for a charm of the model",
            ));
        }
        let model = session.model(&self.model)?;
        let shape = model.shape().await?;
        let mut apps = shape.applications.values().flatten();
        let known = apps.find(|app| app.charm_url == self.charm).ok_or_else(|| {
            CliError::new(format!("charm {:?} not found in the model", self.charm))
                .hint("give the folder of a charm, or a .charm file such as ./my-charm.charm")
        })?;
        let mut meta =
            periapt_build::load_meta(&session.home.charms().join(&known.charm_id)).map_err(build::explain)?;
        base::put_first(&mut meta, base, self.force)?;
        let (config, resources) = (self.config(&meta)?, build::upload(session, &meta, &self.resource)?);
        let (name, revision) = build::split_url(&self.charm);
        let (name, revision) = (name.to_owned(), revision.parse().unwrap_or(0));
        let id = CharmId(known.charm_id.clone());
        let charm = Charm { id, url: self.charm.clone(), revision, version: None, meta };
        let channel = self.channel.as_ref().map(Channel::to_string);
        let deployed = model.deploy(&self.request(charm, config, resources, channel)?).await?;
        say(format!("Located local charm {name:?}, revision {revision}"));
        say(format!(
            "Deploying {:?} from local charm {name:?}, revision {revision}",
            deployed.application.as_str()
        ));
        Ok(())
    }

    async fn local(&self, session: &Session, source: &Path, base: Option<&Base>) -> Result {
        if self.revision.is_some() {
            let message =
                "cannot specify --revision: a charm from a path has the revision that the model gives it";
            return Err(CliError::new(message)
                .hint("--revision is for charms of the store: deploy NAME --revision N"));
        }
        let read = |meta: &CharmMeta| {
            let config = self.config(meta)?;
            self.try_out(meta, &config)?;
            Ok::<_, CliError>((config, build::upload(session, meta, &self.resource)?))
        };
        // A folder tells what it holds before it is built: mistakes in the flags need not wait for pip.
        let early = match build::meta_of_folder(source) {
            Some(mut meta) => {
                base::put_first(&mut meta, base, self.force)?;
                Some(read(&meta)?)
            }
            None => None,
        };
        let prepared = build::prepare(source, &build::quick(session))?;
        let (config, resources) = match early {
            Some(read) => read,
            None => read(&prepared.meta)?,
        };
        let channel = self.channel.as_ref().map(Channel::to_string);
        let mut charm = build::charm(&prepared);
        base::put_first(&mut charm.meta, base, self.force)?;
        let request = self.request(charm, config, resources, channel)?;
        let deployed = session.model(&self.model)?.deploy(&request).await?;
        let (charm, revision) = build::split_url(&deployed.charm);
        say(format!("Located local charm {charm:?}, revision {revision}"));
        say(format!(
            "Deploying {:?} from local charm {charm:?}, revision {revision}",
            deployed.application.as_str()
        ));
        report(&prepared);
        Ok(())
    }

    async fn published(
        &self,
        session: &Session,
        store: &CharmStore,
        name: &AppName,
        base: Option<&Base>,
    ) -> Result {
        if self.revision.is_some() && self.channel.is_none() {
            let message =
                "specifying a revision requires a channel for future upgrades. Please use --channel";
            return Err(CliError::new(message));
        }
        let channel = self.channel.clone().unwrap_or_default();
        let found = FromStore::choose(store, name, &channel, self.revision)?;
        let config = self.config(&found.meta)?;
        self.try_out(&found.meta, &config)?;
        let resources = found.resources(session, &self.resource, |_| false)?;
        let prepared = found.prepare(session)?;
        let mut charm = found.charm(&prepared);
        base::put_first(&mut charm.meta, base, self.force)?;
        let request = self.request(charm, config, resources, Some(channel.to_string()))?;
        let deployed = session.model(&self.model)?.deploy(&request).await?;
        let base = request.charm.meta.bases.first().map(|base| format!(" on {}@{}", base.name, base.channel));
        say(format!(
            "Deployed {:?} from charm-hub charm {:?}, revision {} in channel {channel}{}",
            deployed.application.as_str(),
            name.as_str(),
            found.url.revision,
            base.unwrap_or_default()
        ));
        report(&prepared);
        Ok(())
    }

    fn config(&self, meta: &CharmMeta) -> Result<BTreeMap<String, String>> {
        let name = self.application.as_ref().map_or(meta.name.as_str(), AppName::as_str);
        spaces::check_bindings(self.bind.as_deref(), name, meta)?;
        all(&self.config, Section::Application(name))
    }

    /// Refuses what no model would take, before anything is built or copied: it is deployed into a model that is empty and
    /// forgotten. What the model at hand refuses on top of that shows when it is asked.
    fn try_out(&self, meta: &CharmMeta, config: &BTreeMap<String, String>) -> Result {
        let charm = Charm {
            id: CharmId("trial".to_owned()),
            url: String::new(),
            revision: 0,
            version: None,
            meta: meta.clone(),
        };
        let deploy = command::Deploy {
            name: self.application.clone(),
            charm,
            units: 0,
            config: config.clone(),
            trust: self.trust,
            resources: BTreeMap::new(),
            constraints: self.constraints.join(" "),
            channel: None,
            // Whether this machine has what it assumes is the daemon's to say.
            force: true,
        };
        let info = ModelInfo::new(String::new(), FIRST_MODEL.parse()?, Timestamp(0));
        match apply(&Model::new(info), Command::Deploy(Box::new(deploy)), Timestamp(0)) {
            Ok(_) => Ok(()),
            Err(Refusal { message, hint, .. }) => Err(CliError { hint, ..CliError::new(message) }),
        }
    }

    fn request(
        &self,
        charm: Charm,
        config: BTreeMap<String, String>,
        resources: BTreeMap<ResourceName, requests::Upload>,
        channel: Option<String>,
    ) -> Result<requests::Deploy> {
        Ok(requests::Deploy {
            name: self.application.clone(),
            charm,
            units: self.num_units,
            config,
            trust: self.trust,
            resources,
            constraints: self.constraints.join(" "),
            placement: self.to.clone(),
            channel,
            force: self.force,
            storage: storage::directives(&self.storage)?,
            attach_storage: storage::ids(&self.attach_storage)?,
        })
    }
}

/// What the user should know of the charm.
pub fn report(prepared: &Prepared) {
    let missing = build::missing(&prepared.meta);
    Report { warnings: &prepared.warnings, missing: missing.as_deref() }.print();
}
