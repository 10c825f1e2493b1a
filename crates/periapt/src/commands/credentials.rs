//! `credentials`, `show-credential`, `add-credential`, `update-credential` and `remove-credential`. They are kept as
//! they were given; nothing uses them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value, json};

use super::clouds::Where;
use crate::args::controller;
use crate::args::params::params_file;
use crate::error::{CliError, Result};
use crate::output::{OutputFile, Structured, Tabular, say};
use crate::register::{self, Credentials as ByCloud, Place};
use crate::render::table::Table;
use crate::session::Session;

/// List the credentials that were added
#[derive(Args, Debug)]
#[command(visible_alias = "list-credentials")]
pub struct Credentials {
    /// Only those of this cloud
    cloud: Option<String>,
    /// Show passwords and keys too
    #[arg(long)]
    show_secrets: bool,
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: Tabular,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    at: Where,
}

/// Show credentials
#[derive(Args, Debug)]
#[command(visible_alias = "show-credentials")]
pub struct ShowCredential {
    /// The cloud
    cloud: Option<String>,
    /// The credential
    name: Option<String>,
    /// Show passwords and keys too
    #[arg(long)]
    show_secrets: bool,
    /// How to show
    #[arg(long, value_enum, default_value = "yaml")]
    format: Structured,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    at: Where,
}

/// Keep a cloud's credentials from a file
#[derive(Args, Debug)]
pub struct AddCredential {
    /// The cloud
    cloud: String,
    /// The file that holds them
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Without effect: no model runs in another region
    #[arg(long)]
    region: Option<String>,
    #[command(flatten)]
    at: Where,
}

/// Replace a cloud's credentials from a file
#[derive(Args, Debug)]
#[command(visible_alias = "update-credentials")]
pub struct UpdateCredential {
    /// The cloud
    cloud: String,
    /// The credential; all in the file without it
    name: Option<String>,
    /// The file that holds them
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Without effect: no model runs in another region
    #[arg(long)]
    region: Option<String>,
    /// Although models use it, which none does
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    at: Where,
}

/// Forget a credential
#[derive(Args, Debug)]
pub struct RemoveCredential {
    /// The cloud
    cloud: String,
    /// The credential
    name: String,
    /// Although models use it, which none does
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    at: Where,
}

/// Attributes that are no secrets, of all kinds of credentials that Juju 3.6 knows. What is not named here is one.
const OPEN: &[&str] = &[
    "access-key",
    "algorithm",
    "application-id",
    "application-name",
    "application-object-id",
    "auth-type",
    "client-cert",
    "client-email",
    "client-id",
    "credential-api-version",
    "domain-name",
    "fingerprint",
    "instance-profile-name",
    "instance-role",
    "maas-name",
    "managed-identity-path",
    "managed-subscription-id",
    "project-domain-name",
    "project-id",
    "region",
    "sdc-key-id",
    "sdc-user",
    "server-cert",
    "service-account",
    "subscription-id",
    "tenancy",
    "tenant-id",
    "tenant-name",
    "user",
    "user-domain-name",
    "username",
    "version",
    "vmfolder",
];

/// The credentials of a cloud from a file of them, with its defaults left out.
fn from_file(cloud: &str, path: &Path) -> Result<BTreeMap<String, Map<String, Value>>> {
    let shown = path.display();
    // What stands in a file of credentials is not repeated.
    let unreadable = || CliError::new(format!("{shown}: expected credentials: with clouds below, as YAML"));
    let mut file = params_file(path).map_err(|error| if path.is_file() { unreadable() } else { error })?;
    let found = match file.remove("credentials") {
        Some(Value::Object(mut clouds)) => clouds.remove(cloud),
        _ => return Err(CliError::new(format!("{shown}: expected credentials: with clouds below"))),
    };
    let Some(Value::Object(found)) = found else {
        return Err(CliError::new(format!("{shown}: no credentials for cloud {cloud:?}")));
    };
    let mut credentials = BTreeMap::new();
    for (name, value) in found {
        match value {
            Value::String(_) if matches!(name.as_str(), "default-credential" | "default-region") => {}
            Value::Object(attributes) if attributes.get("auth-type").is_some_and(Value::is_string) => {
                credentials.insert(name, attributes);
            }
            _ => {
                return Err(CliError::new(format!(
                    "{shown}: credential {name:?} of cloud {cloud:?} must have an auth-type"
                )));
            }
        }
    }
    match credentials.is_empty() {
        true => Err(CliError::new(format!("{shown}: no credentials for cloud {cloud:?}"))),
        false => Ok(credentials),
    }
}

fn needed(verb: &str, cloud: &str, file: Option<PathBuf>) -> Result<PathBuf> {
    file.ok_or_else(|| {
        CliError::usage("credentials are read from a file: nothing is asked here")
            .hint(format!("periapt {verb} {cloud} --file FILE"))
    })
}

/// As Juju shows one: its kind, and what is no secret of the rest.
fn shown(attributes: &Map<String, Value>, secrets: bool) -> Value {
    let open = |key: &str| secrets || OPEN.contains(&key);
    let details: Map<String, Value> = attributes
        .iter()
        .filter(|(key, _)| key.as_str() != "auth-type" && open(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let mut view = json!({"auth-type": attributes.get("auth-type")});
    if let (false, Some(view)) = (details.is_empty(), view.as_object_mut()) {
        view.insert("details".to_owned(), Value::Object(details));
    }
    view
}

/// Juju's document of one list.
fn list(credentials: &ByCloud, cloud: Option<&str>, secrets: bool) -> Value {
    let clouds = credentials.iter().filter(|(name, _)| cloud.is_none_or(|wanted| wanted == name.as_str()));
    clouds
        .map(|(name, credentials)| {
            let shown: Map<String, Value> = credentials
                .iter()
                .map(|(name, attributes)| (name.clone(), shown(attributes, secrets)))
                .collect();
            (name.clone(), json!({ "cloud-credentials": shown }))
        })
        .collect::<Map<_, _>>()
        .into()
}

fn key(place: Place) -> &'static str {
    match place {
        Place::Client => "client-credentials",
        Place::Controller => "controller-credentials",
    }
}

fn keep(
    session: &Session,
    cloud: &str,
    new: &BTreeMap<String, Map<String, Value>>,
    places: &[Place],
) -> Result {
    let mut register = register::credentials(&session.home)?;
    for place in places {
        let of_cloud = register.at_mut(*place).entry(cloud.to_owned()).or_default();
        for (name, attributes) in new {
            let word = if of_cloud.contains_key(name) { "updated" } else { "added" };
            of_cloud.insert(name.clone(), attributes.clone());
            say(match place {
                Place::Client => format!("Credential {name:?} {word} locally for cloud {cloud:?}."),
                Place::Controller => {
                    format!(
                        "Credential {name:?} {word} on controller {:?} for cloud {cloud:?}.",
                        controller::name()
                    )
                }
            });
        }
    }
    register::keep_credentials(&session.home, &register)
}

impl Credentials {
    /// Lists them. Needs no daemon.
    pub fn run(self, session: &Session) -> Result {
        let register = register::credentials(&session.home)?;
        let mut value = Map::new();
        let mut table = String::new();
        for place in self.at.places()? {
            let credentials = register.at(place);
            let of_place = list(credentials, self.cloud.as_deref(), self.show_secrets);
            if of_place.as_object().is_none_or(Map::is_empty) {
                continue;
            }
            value.insert(key(place).to_owned(), of_place);
            let mut rows = Table::new(&["Cloud", "Credentials"]);
            let wanted = |name: &str| self.cloud.as_deref().is_none_or(|cloud| cloud == name);
            for (cloud, named) in credentials.iter().filter(|(name, _)| wanted(name)) {
                let names: Vec<&str> = named.keys().map(String::as_str).collect();
                rows.row([cloud.as_str().into(), names.join(", ").into()]);
            }
            let heading = if place == Place::Client { "Client" } else { "Controller" };
            table.push_str(&format!("\n{heading} Credentials:\n{}", rows.render()));
        }
        if value.is_empty() {
            say("No credentials from this client or from a controller to display.");
        }
        self.output.write(&self.format.render(&value, || table)?)
    }
}

impl ShowCredential {
    /// Shows them. Needs no daemon.
    pub fn run(self, session: &Session) -> Result {
        let register = register::credentials(&session.home)?;
        let mut value = Map::new();
        for place in self.at.places()? {
            let mut of_place = Map::new();
            for (cloud, named) in register.at(place) {
                if self.cloud.as_ref().is_some_and(|wanted| wanted != cloud) {
                    continue;
                }
                let named = named.iter().filter(|(name, _)| self.name.as_ref().is_none_or(|n| n == *name));
                let named: Map<String, Value> = named
                    .map(|(name, attributes)| {
                        (name.clone(), json!({"content": shown(attributes, self.show_secrets), "models": {}}))
                    })
                    .collect();
                if !named.is_empty() {
                    of_place.insert(cloud.clone(), Value::Object(named));
                }
            }
            if !of_place.is_empty() {
                value.insert(key(place).to_owned(), Value::Object(of_place));
            }
        }
        match (&self.cloud, &self.name, value.is_empty()) {
            (Some(cloud), Some(name), true) => {
                Err(CliError::new(format!("credential {name:?} for cloud {cloud:?} not found"))
                    .hint("periapt credentials lists them"))
            }
            _ => self.output.write(&self.format.render(&value)?),
        }
    }
}

impl AddCredential {
    /// Keeps them. Needs no daemon.
    pub fn run(self, session: &Session) -> Result {
        let places = self.at.places()?;
        let new = from_file(&self.cloud, &needed("add-credential", &self.cloud, self.file)?)?;
        let _held = register::hold(&session.home)?;
        let register = register::credentials(&session.home)?;
        for place in &places {
            let there = register.at(*place).get(&self.cloud);
            if let Some(name) = new.keys().find(|name| there.is_some_and(|there| there.contains_key(*name))) {
                return Err(CliError::new(format!(
                    "credential {name:?} for cloud {:?} already exists",
                    self.cloud
                ))
                .hint(format!("periapt update-credential {} --file FILE replaces it", self.cloud)));
            }
        }
        keep(session, &self.cloud, &new, &places)?;
        say("note: no model runs in another cloud: credentials are kept and shown");
        Ok(())
    }
}

impl UpdateCredential {
    /// Replaces them. Needs no daemon.
    pub fn run(self, session: &Session) -> Result {
        let places = self.at.places()?;
        let mut new = from_file(&self.cloud, &needed("update-credential", &self.cloud, self.file)?)?;
        if let Some(wanted) = &self.name {
            new.retain(|name, _| name == wanted);
            if new.is_empty() {
                return Err(CliError::new(format!("credential {wanted:?} is not in the file")));
            }
        }
        let _held = register::hold(&session.home)?;
        keep(session, &self.cloud, &new, &places)
    }
}

impl RemoveCredential {
    /// Forgets it. One that is not there is no failure, as in Juju. Needs no daemon.
    pub fn run(self, session: &Session) -> Result {
        let (cloud, name) = (&self.cloud, &self.name);
        let _held = register::hold(&session.home)?;
        let mut register = register::credentials(&session.home)?;
        for place in self.at.places()? {
            let list = register.at_mut(place);
            let removed = list.get_mut(cloud).is_some_and(|named| named.remove(name).is_some());
            list.retain(|_, named| !named.is_empty());
            let place = match place {
                Place::Client => "this client".to_owned(),
                Place::Controller => format!("controller {:?}", controller::name()),
            };
            say(match removed {
                true => format!("Credential {name:?} for cloud {cloud:?} removed from {place}."),
                false => format!("No credential called {name:?} for cloud {cloud:?} exists on {place}"),
            });
        }
        register::keep_credentials(&session.home, &register)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_secret_is_hidden() {
        let attributes =
            json!({"auth-type": "access-key", "access-key": "open", "secret-key": "s3cret", "new-kind": "x"});
        let attributes = attributes.as_object().unwrap();
        assert_eq!(
            shown(attributes, false),
            json!({"auth-type": "access-key", "details": {"access-key": "open"}})
        );
        assert!(shown(attributes, true)["details"]["secret-key"] == "s3cret");
        assert!(OPEN.is_sorted());
    }

    #[test]
    fn a_file_says_what_is_wrong_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.yaml");
        for (text, why) in [
            ("clouds: {}", "expected credentials:"),
            ("credentials: {gce: {}}", "no credentials for cloud \"aws\""),
            ("credentials: {aws: {one: {key: x}}}", "must have an auth-type"),
            ("credentials: {aws: {default-region: x}}", "no credentials for cloud"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = from_file("aws", &path).unwrap_err();
            assert!(error.message.contains(why), "{text}: {error:?}");
        }
        std::fs::write(&path, "credentials: {aws: {default-credential: one, one: {auth-type: empty}}}")
            .unwrap();
        assert_eq!(from_file("aws", &path).unwrap().len(), 1);
    }
}
