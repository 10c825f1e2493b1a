//! `info` and `find`: what the local store has.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use periapt_controller::views::OWNER;
use periapt_model::channel::{Channel, Risk};
use periapt_model::charm::{Base, CharmMeta, Role};
use periapt_model::names::AppName;
use periapt_model::published::{Published, Release, Revision};
use periapt_model::time::Timestamp;
use serde::Serialize;

use super::download::charm_name;
use crate::args::base::Filter;
use crate::charm_store::{CharmStore, not_offered};
use crate::error::Result;
use crate::output::{OutputFile, Structured, Tabular, say};
use crate::render::table::Table;
use crate::session::Session;

/// Show a charm of the local store: its channels, revisions, endpoints and options
#[derive(Args, Debug)]
pub struct Info {
    /// The charm
    #[arg(value_name = "CHARM", value_parser = charm_name)]
    charm: AppName,
    /// Show endpoints and options as in this channel [default: the newest revision]
    #[arg(long)]
    channel: Option<Channel>,
    /// Show the options too
    #[arg(long)]
    config: bool,
    /// Only what is for this operating system
    #[arg(long, value_name = "NAME@VERSION")]
    base: Option<String>,
    /// The same, by its series. Deprecated: use --base
    #[arg(long, hide = true)]
    series: Option<String>,
    /// Only what is for this architecture
    #[arg(long)]
    arch: Option<String>,
    /// Without effect: nothing is drawn with other than plain letters
    #[arg(long, hide = true, value_parser = ["auto", "never", "always"])]
    unicode: Option<String>,
    /// How to show
    #[arg(long, value_enum, default_value = "yaml", alias = "tabular")]
    format: Structured,
    #[command(flatten)]
    output: OutputFile,
}

/// Find charms in the local store
#[derive(Args, Debug)]
pub struct Find {
    /// Part of a name or summary [default: all charms]
    query: Option<String>,
    /// Without effect: charms of the local store have no categories
    #[arg(long, hide = true)]
    category: Option<String>,
    /// Only those that this channel offers
    #[arg(long)]
    channel: Option<Channel>,
    /// Only those of this type; there are no bundles in the local store
    #[arg(long = "type", value_name = "charm|bundle", value_parser = ["charm", "bundle"])]
    kind: Option<String>,
    /// Only those of this publisher; there is one
    #[arg(long)]
    publisher: Option<String>,
    /// What to show in which order: n name, b bundle, v version, p publisher, s summary, a architecture, o system, S supported bases
    #[arg(long, value_name = "LETTERS", value_parser = columns)]
    columns: Option<String>,
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: Tabular,
    #[command(flatten)]
    output: OutputFile,
}

/// One charm in a list, in the shape of Juju's `find --format json`.
#[derive(Debug, Serialize)]
struct Listed {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    name: AppName,
    publisher: &'static str,
    summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    revision: u32,
    architectures: BTreeSet<String>,
    supports: BTreeSet<String>,
    channels: Vec<Channel>,
}

/// One charm, in the shape of Juju's `info --format json`.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    name: AppName,
    description: String,
    publisher: &'static str,
    summary: String,
    supports: BTreeSet<String>,
    charm: Inside,
    /// By track and risk, as Juju shows them; a branch stands beside its risk.
    channels: BTreeMap<String, BTreeMap<String, Vec<Open>>>,
    revisions: Vec<Kept>,
}

#[derive(Debug, Serialize)]
struct Inside {
    subordinate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<BTreeMap<String, serde_json::Value>>,
    relations: BTreeMap<&'static str, BTreeMap<String, String>>,
    resources: BTreeMap<String, String>,
}

/// What an open channel offers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Open {
    released_at: String,
    track: String,
    risk: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    revision: u32,
    size: u64,
    version: String,
    architectures: BTreeSet<String>,
    bases: Vec<Base>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    resources: BTreeMap<String, u32>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Kept {
    revision: u32,
    created_at: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

fn supports(bases: &[Base]) -> BTreeSet<String> {
    bases.iter().map(|base| format!("{}@{}", base.name, base.channel)).collect()
}

fn architectures(bases: &[Base]) -> BTreeSet<String> {
    bases.iter().flat_map(|base| base.architectures.iter().cloned()).collect()
}

fn moment(time: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(time.0)
        .map(|t| t.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
        .unwrap_or_default()
}

fn open(channel: &Channel, release: &Release, revision: &Revision) -> Open {
    let archive = &revision.archive;
    Open {
        released_at: moment(release.released),
        track: channel.track().to_owned(),
        risk: channel.risk().as_str(),
        branch: channel.branch().map(str::to_owned),
        revision: release.revision,
        size: archive.file.size,
        version: archive.version.clone().unwrap_or_else(|| release.revision.to_string()),
        architectures: architectures(&archive.bases),
        bases: archive.bases.clone(),
        resources: release.resources.iter().map(|(name, number)| (name.to_string(), *number)).collect(),
    }
}

fn inside(meta: &CharmMeta, config: bool) -> Result<Inside> {
    let mut relations: BTreeMap<&'static str, BTreeMap<String, String>> = BTreeMap::new();
    for (name, endpoint) in &meta.endpoints {
        let kind = match endpoint.role {
            Role::Provider => "provides",
            Role::Requirer => "requires",
            Role::Peer => "peers",
        };
        relations.entry(kind).or_default().insert(name.to_string(), endpoint.interface.clone());
    }
    let value = |(key, option)| Ok((String::clone(key), crate::output::to_value(option)?));
    Ok(Inside {
        subordinate: meta.subordinate,
        config: config.then(|| meta.config.iter().map(value).collect::<Result<_>>()).transpose()?,
        relations,
        resources: meta.resources.iter().map(|(n, r)| (n.to_string(), r.description.clone())).collect(),
    })
}

fn shown(
    charm: &Published,
    revision: &Revision,
    meta: &CharmMeta,
    filter: &Filter,
    config: bool,
) -> Result<Shown> {
    let mut channels: BTreeMap<String, BTreeMap<String, Vec<Open>>> = BTreeMap::new();
    for (channel, release) in &charm.channels {
        let Ok(revision) = charm.revision(release.revision) else { continue };
        if !filter.takes(&revision.archive.bases) {
            continue;
        }
        let risks = channels.entry(channel.track().to_owned()).or_default();
        risks.entry(channel.risk().as_str().to_owned()).or_default().push(open(channel, release, revision));
    }
    let kept = |revision: &Revision| Kept {
        revision: revision.revision,
        created_at: moment(revision.created),
        size: revision.archive.file.size,
        version: revision.archive.version.clone(),
    };
    Ok(Shown {
        kind: "charm",
        id: format!("ch:{}", charm.name),
        name: charm.name.clone(),
        description: meta.description.clone(),
        publisher: OWNER,
        summary: revision.archive.summary.clone(),
        supports: supports(&revision.archive.bases),
        charm: inside(meta, config)?,
        channels,
        revisions: charm.revisions.iter().map(kept).collect(),
    })
}

impl Info {
    /// Shows it. Needs no daemon.
    pub fn run(self, session: &Session) -> Result {
        let filter = Filter::new(self.base.as_deref(), self.series.as_deref(), self.arch.as_deref())?;
        let store = CharmStore::of(&session.home);
        let charm = store.need(&self.charm)?;
        let revision = match &self.channel {
            Some(channel) => charm.resolve(channel, None).map_err(not_offered)?.revision,
            None => charm.revision(charm.newest()).map_err(not_offered)?,
        };
        let meta = store.meta(&revision.archive.file)?;
        self.output.write(&self.format.render(&shown(&charm, revision, &meta, &filter, self.config)?)?)
    }
}

/// What a plain `deploy` would take; where that is closed, the newest revision.
fn offered(charm: &Published) -> Option<&Revision> {
    charm
        .resolve(&Channel::latest(Risk::Edge), None)
        .map(|offered| offered.revision)
        .ok()
        .or(charm.revisions.last())
}

impl Find {
    /// Lists them. Needs no daemon.
    pub fn run(self, session: &Session) -> Result {
        let query = self.query.unwrap_or_default().to_lowercase();
        let mut found = Vec::new();
        for charm in CharmStore::of(&session.home).all()? {
            let Some(revision) = offered(&charm) else { continue };
            let of_kind = self.kind.as_deref().is_none_or(|kind| kind == "charm");
            let of_publisher = self.publisher.as_deref().is_none_or(|name| name == OWNER);
            let in_channel = |channel: &Channel| charm.channels.contains_key(channel);
            if !of_kind || !of_publisher || !self.channel.as_ref().is_none_or(in_channel) {
                continue;
            }
            let archive = &revision.archive;
            let hit = charm.name.as_str().contains(&query) || archive.summary.to_lowercase().contains(&query);
            if hit {
                found.push(Listed {
                    kind: "charm",
                    id: format!("ch:{}", charm.name),
                    name: charm.name.clone(),
                    publisher: OWNER,
                    summary: archive.summary.clone(),
                    version: archive.version.clone(),
                    revision: revision.revision,
                    architectures: architectures(&archive.bases),
                    supports: supports(&archive.bases),
                    channels: charm.channels.keys().cloned().collect(),
                });
            }
        }
        if found.is_empty() {
            let filtered = self.kind.is_some() || self.publisher.is_some() || self.channel.is_some();
            say(match query.as_str() {
                "" if filtered => format!(
                    "No matching {}",
                    match self.kind.as_deref() {
                        Some(kind) => format!("{kind}s"),
                        None => "charms or bundles".to_owned(),
                    }
                ),
                "" => "The local store is empty: periapt publish ./my-charm puts a charm there".to_owned(),
                query => format!("No matching charms or bundles for {query:?} in the local store"),
            });
        }
        let text = self.format.render(&found, || match found.is_empty() {
            true => String::new(),
            false => table(&found, self.columns.as_deref()),
        })?;
        self.output.write(&text)
    }
}

/// The columns that `--columns` knows (Juju 3.6: `DefaultColumns`).
const COLUMNS: [(char, &str); 8] = [
    ('n', "Name"),
    ('b', "Bundle"),
    ('v', "Version"),
    ('p', "Publisher"),
    ('s', "Summary"),
    ('a', "Architecture"),
    ('o', "OS"),
    ('S', "Supports"),
];

/// Letters of columns.
fn columns(text: &str) -> std::result::Result<String, String> {
    if text.is_empty() {
        return Err("expected at least one column".to_owned());
    }
    match text.chars().find(|letter| COLUMNS.iter().all(|(known, _)| known != letter)) {
        Some(letter) => Err(format!("unexpected column type {letter:?}")),
        None => Ok(text.to_owned()),
    }
}

/// What stands in a column.
fn cell(charm: &Listed, letter: char) -> String {
    let join = |words: &mut dyn Iterator<Item = String>| words.collect::<Vec<_>>().join(",");
    match letter {
        'n' => charm.name.to_string(),
        'b' => "-".to_owned(),
        'v' => charm.version.clone().unwrap_or_else(|| charm.revision.to_string()),
        'p' => charm.publisher.to_owned(),
        's' => charm.summary.clone(),
        'a' => join(&mut charm.architectures.iter().cloned()),
        'o' => {
            let names: BTreeSet<&str> =
                charm.supports.iter().filter_map(|base| Some(base.split_once('@')?.0)).collect();
            join(&mut names.into_iter().map(str::to_owned))
        }
        _ => join(&mut charm.supports.iter().cloned()),
    }
}

fn table(found: &[Listed], columns: Option<&str>) -> String {
    if let Some(columns) = columns {
        let header: Vec<&str> = columns
            .chars()
            .filter_map(|c| COLUMNS.iter().find(|(known, _)| *known == c))
            .map(|(_, n)| *n)
            .collect();
        let mut table = Table::new(&header);
        for charm in found {
            table.row(columns.chars().map(|letter| cell(charm, letter).into()));
        }
        return table.render();
    }
    let mut table = Table::new(&["Name", "Revision", "Channels", "Supports", "Summary"]).right(1);
    let join = |words: Vec<String>| words.join(",");
    for charm in found {
        table.row([
            charm.name.as_str().into(),
            charm.revision.to_string().into(),
            join(charm.channels.iter().map(ToString::to_string).collect()).into(),
            join(charm.supports.iter().cloned().collect()).into(),
            charm.summary.as_str().into(),
        ]);
    }
    table.render()
}
