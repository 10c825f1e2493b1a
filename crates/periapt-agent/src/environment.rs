//! The environment of a charm's process, made from nothing (Juju 3.6: `U/runner/context/env.go`).
//!
//! Variables that belong to one kind of event are never set for another: `ops` passes what it finds on to the event, and
//! fails if the event does not take it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use periapt_context::RelationContext;
use periapt_hook::vars;
use periapt_model::apply::JUJU_VERSION;
use periapt_model::hook::{RelationHook, SecretEvent, SecretHook};
use periapt_model::journal::Event;
use periapt_model::model::Model;
use periapt_model::names::UnitName;

use crate::folder::UnitFolder;

/// What the environment is made of.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    /// The model as the process will see it.
    pub(crate) model: &'a Model,
    pub(crate) unit: &'a UnitName,
    pub(crate) event: &'a Event,
    /// The relation of a command line's context.
    pub(crate) relation: Option<&'a RelationContext>,
    /// The identity of this dispatch.
    pub(crate) context_id: &'a str,
    pub(crate) folder: &'a UnitFolder,
    /// The folder of the hook commands.
    pub(crate) tools: &'a Path,
    /// The rest of `PATH`.
    pub(crate) system_path: &'a OsStr,
    /// `JUJU_API_ADDRESSES`.
    pub(crate) api_addresses: &'a str,
}

/// The whole environment, each name once.
pub(crate) fn build(around: &Surroundings<'_>) -> Vec<(String, OsString)> {
    let info = &around.model.info;
    let machine = around.model.units.get(around.unit).map(|u| u.machine.to_string()).unwrap_or_default();
    let charm_dir = around.folder.charm();
    let mut env = Environment::default();
    env.set("JUJU_UNIT_NAME", around.unit.to_string());
    env.set("JUJU_MODEL_NAME", info.name.as_str());
    env.set("JUJU_MODEL_UUID", info.uuid.as_str());
    env.set("JUJU_CHARM_DIR", &charm_dir);
    env.set("CHARM_DIR", &charm_dir);
    env.set(vars::CONTEXT_ID, around.context_id);
    env.set(vars::SOCKET_ADDRESS, around.folder.socket());
    env.set(vars::SOCKET_NETWORK, vars::UNIX);
    env.set("JUJU_VERSION", JUJU_VERSION);
    // Libraries see by it that there are `periapt-wake`, `periapt-deferred` and `periapt-log`.
    env.set("PERIAPT_VERSION", env!("CARGO_PKG_VERSION"));
    env.set("JUJU_API_ADDRESSES", around.api_addresses);
    env.set("CLOUD_API_VERSION", "");
    env.set("JUJU_AVAILABILITY_ZONE", "");
    env.set("JUJU_MACHINE_ID", machine);
    // Present but empty says that the unit is no subordinate.
    let principal = around.model.principal_of(around.unit).map(UnitName::to_string);
    env.set("JUJU_PRINCIPAL_UNIT", principal.unwrap_or_default());
    env.set("JUJU_METER_STATUS", "AMBER");
    env.set("JUJU_METER_INFO", "not set");
    env.set("JUJU_SLA", "unsupported");
    proxies(&mut env, around.model);
    env.set("PATH", path(around));
    env.set("LANG", "C.UTF-8");
    env.set("DEBIAN_FRONTEND", "noninteractive");
    env.set("APT_LISTCHANGES_FRONTEND", "none");
    env.set("TERM", "tmux-256color");
    event(&mut env, around);
    env.0
}

#[derive(Default)]
struct Environment(Vec<(String, OsString)>);

impl Environment {
    fn set(&mut self, name: &str, value: impl AsRef<OsStr>) {
        self.0.push((name.to_owned(), value.as_ref().to_owned()));
    }
}

fn proxies(env: &mut Environment, model: &Model) {
    let settings = &model.info.settings;
    for (key, charm_variable, variable) in [
        ("http-proxy", "JUJU_CHARM_HTTP_PROXY", "http_proxy"),
        ("https-proxy", "JUJU_CHARM_HTTPS_PROXY", "https_proxy"),
        ("ftp-proxy", "JUJU_CHARM_FTP_PROXY", "ftp_proxy"),
        ("no-proxy", "JUJU_CHARM_NO_PROXY", "no_proxy"),
    ] {
        env.set(charm_variable, settings.text(&format!("juju-{key}")));
        let value = settings.text(key);
        if !value.is_empty() {
            env.set(variable, &value);
            env.set(&variable.to_ascii_uppercase(), &value);
        }
    }
}

/// The hook commands first, so that no program of the system hides one; then the charm's own interpreter, where it has
/// one; then the system.
fn path(around: &Surroundings<'_>) -> OsString {
    let mut path = around.tools.as_os_str().to_owned();
    let python = periapt_build::path_entry(&around.folder.charm()).map(PathBuf::into_os_string);
    for entry in python.into_iter().chain(Some(around.system_path.to_owned()).filter(|path| !path.is_empty()))
    {
        path.push(":");
        path.push(entry);
    }
    path
}

fn event(env: &mut Environment, around: &Surroundings<'_>) {
    match around.event {
        Event::Hook(hook) | Event::Replay { hook, .. } => {
            env.set("JUJU_HOOK_NAME", hook.name());
            env.set("JUJU_DISPATCH_PATH", format!("hooks/{}", hook.name()));
            if let Some(hook) = hook.relation() {
                relation(env, hook);
            }
            if let Some(hook) = hook.secret() {
                secret(env, hook);
            }
            if let Some(hook) = hook.storage() {
                env.set("JUJU_STORAGE_ID", hook.storage.to_string());
                env.set("JUJU_STORAGE_KIND", "filesystem");
                env.set("JUJU_STORAGE_LOCATION", around.folder.storage(&hook.storage));
            }
        }
        Event::Action { task, name } => {
            env.set("JUJU_HOOK_NAME", "");
            env.set("JUJU_DISPATCH_PATH", format!("actions/{name}"));
            env.set("JUJU_ACTION_NAME", name.as_str());
            env.set("JUJU_ACTION_UUID", task.to_string());
            env.set("JUJU_ACTION_TAG", format!("action-{task}"));
        }
        Event::Exec { .. } => {
            env.set("JUJU_HOOK_NAME", "");
            if let Some(relation) = around.relation {
                exec_relation(env, around, relation);
            }
        }
    }
}

/// What `juju-exec --relation` asked for.
fn exec_relation(env: &mut Environment, around: &Surroundings<'_>, asked: &RelationContext) {
    let relation = around.model.relations.get(&asked.id);
    let Some(ours) = relation.and_then(|relation| relation.end_of(around.unit.app())) else { return };
    env.set("JUJU_RELATION", ours.endpoint.as_str());
    env.set("JUJU_RELATION_ID", format!("{}:{}", ours.endpoint, asked.id));
    env.set("JUJU_REMOTE_APP", asked.remote_app.as_str());
    env.set("JUJU_REMOTE_UNIT", asked.remote_unit.as_ref().map(ToString::to_string).unwrap_or_default());
}

fn secret(env: &mut Environment, hook: &SecretHook) {
    env.set("JUJU_SECRET_ID", format!("secret:{}", hook.secret));
    env.set("JUJU_SECRET_LABEL", hook.label.as_deref().unwrap_or_default());
    // The others are told of the newest one, whatever it is by then.
    if matches!(hook.event, SecretEvent::Expired | SecretEvent::Remove) {
        env.set("JUJU_SECRET_REVISION", hook.revision.to_string());
    }
}

fn relation(env: &mut Environment, hook: &RelationHook) {
    env.set("JUJU_RELATION", hook.endpoint.as_str());
    env.set("JUJU_RELATION_ID", format!("{}:{}", hook.endpoint, hook.relation));
    env.set("JUJU_REMOTE_APP", hook.remote_app.as_str());
    env.set("JUJU_REMOTE_UNIT", hook.remote_unit.as_ref().map(ToString::to_string).unwrap_or_default());
    if let Some(departing) = &hook.departing {
        env.set("JUJU_DEPARTING_UNIT", departing.to_string());
    }
}
