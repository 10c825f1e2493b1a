//! `publish`

use std::path::Path;

use clap::Args;
use periapt_model::channel::Channel;
use periapt_model::names::AppName;
use periapt_model::published::{Archive, Published, Revision, StoredFile};
use periapt_model::time::Timestamp;
use serde::Serialize;

use super::build::{self, Report, Talk};
use super::download::charm_name;
use crate::args::ResourceArg;
use crate::charm_store::{CharmStore, not_offered};
use crate::error::{CliError, Result};
use crate::output::{OutputFile, Tabular, say};
use crate::session::Session;

/// Publish a charm in the local store, so that it can be deployed by its name
///
/// A folder is packed first. Each new content gets the next revision of the charm; the same content keeps the one it has.
/// A revision that was published before is released to other channels by its name and number.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  periapt publish ./my-charm.charm --channel latest/beta
  periapt publish ./my-charm --resource schema=./schema.sql
  periapt publish my-charm --revision 3 --channel stable")]
pub struct Publish {
    /// The folder of a charm, a .charm file, or with --revision the name of a charm in the store
    #[arg(value_hint = clap::ValueHint::AnyPath)]
    charm: String,
    /// Where to release it; may be given more than once
    #[arg(long, value_name = "CHANNEL", default_value = "latest/stable", value_delimiter = ',')]
    channel: Vec<Channel>,
    /// A file for a resource of the charm; those that are not given stay as the channel has them
    #[arg(long, value_name = "NAME=FILE")]
    resource: Vec<ResourceArg>,
    /// Release this revision of a charm in the store
    #[arg(long, value_name = "N")]
    revision: Option<u32>,
    /// Give new content this number, greater than the newest, for those who deploy it by a number of Charmhub's
    #[arg(long, value_name = "N", conflicts_with = "revision")]
    as_revision: Option<u32>,
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: Tabular,
    #[command(flatten)]
    output: OutputFile,
}

/// What was published.
#[derive(Debug, Serialize)]
struct Done {
    name: AppName,
    revision: u32,
    /// Whether its content was not there before.
    new: bool,
    channels: Vec<Channel>,
}

impl Publish {
    /// Publishes it. Needs no daemon.
    pub fn run(self, session: &Session) -> Result {
        let store = CharmStore::of(&session.home);
        let path = Path::new(&self.charm);
        let done = match self.revision {
            // What is published is a path, also where the store knows a charm of that name already.
            None if path.exists() => self.publish(session, &store, path)?,
            None => {
                let message = format!("no charm at {}: there is no such file or folder", self.charm);
                return Err(CliError::new(message)
                    .hint("give a folder or a .charm file, or --revision to release what the store has"));
            }
            Some(revision) => {
                let name = charm_name(&self.charm).map_err(|error| {
                    CliError::usage(format!("--revision releases a charm of the store, and {error}"))
                        .hint("periapt publish NAME --revision N --channel CHANNEL")
                })?;
                self.release(session, &store, name, revision)?
            }
        };
        let channels: Vec<String> = done.channels.iter().map(ToString::to_string).collect();
        let channels = channels.join(", ");
        let Done { name, revision, new, .. } = &done;
        let verb = if *new { "Published" } else { "Released" };
        say(format!("{verb} charm {:?}, revision {revision}, to {channels}", name.as_str()));
        if self.format == Tabular::Table && self.output.output.is_none() {
            return Ok(());
        }
        self.output.write(&self.format.render(&done, || format!("{name} {revision} {channels}\n"))?)
    }

    fn publish(&self, session: &Session, store: &CharmStore, path: &Path) -> Result<Done> {
        let options = build::options(session);
        let work = store.workspace()?;
        let mut warnings = Vec::new();
        let archive = if path.is_dir() {
            let talk = Talk::new();
            let packed = periapt_build::pack(path, work.path(), &options, &talk);
            drop(talk);
            let (archive, said) = packed.map_err(build::explain)?;
            warnings = said;
            archive
        } else {
            path.to_owned()
        };
        // What cannot be deployed is not published: hostile and broken archives end here.
        let prepared = build::prepare(&archive, &options)?;
        warnings
            .extend(prepared.warnings.iter().filter(|w| !warnings.contains(w)).cloned().collect::<Vec<_>>());
        let name = AppName::new(&prepared.meta.name).map_err(|error| CliError::new(error.to_string()))?;
        let resources = build::upload(session, &prepared.meta, &self.resource)?;
        let file = store.keep(&archive, &prepared.meta)?;
        Report { warnings: &warnings, missing: None }.print();
        let meta = &prepared.meta;
        let archive = Archive {
            file,
            summary: meta.summary.clone(),
            version: prepared.version.clone(),
            bases: meta.bases.clone(),
            subordinate: meta.subordinate,
        };
        let now = now();
        let given =
            resources.into_iter().map(|(n, u)| (n, StoredFile { hash: u.hash, size: u.size })).collect();
        let (revision, new) = store.change(&name, |charm| {
            let (revision, new) = match self.as_revision {
                Some(wanted) => numbered(charm, archive, wanted, now)?,
                None => charm.upload(archive, now).map_err(|error| {
                    CliError::new(error.to_string())
                        .hint("publish it under another name (`name` of its metadata)")
                })?,
            };
            charm
                .release(revision, &self.channel, &given, |name| meta.resources.contains_key(name), now)
                .map_err(not_offered)?;
            Ok((revision, new))
        })?;
        Ok(Done { name, revision, new, channels: self.channel.clone() })
    }

    fn release(&self, session: &Session, store: &CharmStore, name: AppName, revision: u32) -> Result<Done> {
        let charm = store.need(&name)?;
        let meta = store.meta(&charm.revision(revision).map_err(not_offered)?.archive.file)?;
        let resources = build::upload(session, &meta, &self.resource)?;
        let given =
            resources.into_iter().map(|(n, u)| (n, StoredFile { hash: u.hash, size: u.size })).collect();
        store.change(&name, |charm| {
            charm
                .release(revision, &self.channel, &given, |name| meta.resources.contains_key(name), now())
                .map_err(not_offered)
        })?;
        Ok(Done { name, revision, new: false, channels: self.channel.clone() })
    }
}

/// As [`Published::upload`], with the number that is wanted. Numbers grow, and no content has two.
fn numbered(charm: &mut Published, archive: Archive, wanted: u32, now: Timestamp) -> Result<(u32, bool)> {
    let name = charm.name.as_str().to_owned();
    if let Some(same) = charm.revisions.iter().find(|r| r.archive.file.hash == archive.file.hash) {
        if same.revision == wanted {
            return Ok((wanted, false));
        }
        let number = same.revision;
        return Err(CliError::new(format!("this content of charm {name:?} is revision {number} already"))
            .hint(format!("periapt publish {name} --revision {number} releases it")));
    }
    let newest = charm.newest();
    if wanted <= newest {
        return Err(CliError::new(format!(
            "charm {name:?} cannot get revision {wanted}: its newest is {newest}"
        ))
        .hint("a number is given once, and each is greater than the last"));
    }
    charm.revisions.push(Revision { revision: wanted, created: now, archive });
    Ok((wanted, true))
}

fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}
