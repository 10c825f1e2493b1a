//! Layers: what a charm tells Pebble to run, watch and forward.
//!
//! Text that is empty means "not given", as in Pebble, where a layer that merges cannot set a text back to nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::duration::Span;
use crate::text::open_enum;

open_enum! {
    /// What an entry does to the entries of the same name in earlier layers. Every entry must say.
    #[derive(Default)]
    Override {
        /// Adds to them: see [`combine`](crate::combine()).
        Merge = "merge",
        /// Takes their place.
        Replace = "replace",
        /// Says nothing, which Pebble refuses. What a value made with `Default` has.
        #[default]
        Unset = "",
    }
}

open_enum! {
    /// Whether a service starts with `autostart` and `replan`, or a check when it is added.
    Startup { Enabled = "enabled", Disabled = "disabled" }
}

open_enum! {
    /// What Pebble does when a service ends or a check of it fails.
    Action {
        Restart = "restart",
        /// Pebble itself ends; with an error if the service failed.
        Shutdown = "shutdown",
        /// Pebble ends as if all were well, though the service failed.
        SuccessShutdown = "success-shutdown",
        /// Pebble ends with an error, though the service did not fail.
        FailureShutdown = "failure-shutdown",
        Ignore = "ignore",
    }
}

open_enum! {
    /// What a check counts for. `ready` health also needs the `alive` checks.
    CheckLevel { Alive = "alive", Ready = "ready" }
}

open_enum! {
    /// The protocol of a log target.
    LogTargetType { Loki = "loki", OpenTelemetry = "opentelemetry", Syslog = "syslog" }
}

/// A layer: one step of configuration. Layers are combined in order into the [`Plan`](crate::Plan).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Layer {
    /// One line.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// As long as it takes.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Programs to run, by name.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub services: BTreeMap<String, Service>,
    /// Health checks, by name.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, Check>,
    /// Where output goes, by name. Needs Juju 3.4.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub log_targets: BTreeMap<String, LogTarget>,
    /// Identities that services may share, by name. Fixed once Pebble has started.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub workloads: BTreeMap<String, Workload>,
    /// How clients may pair. Not for charms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pairing: Option<Pairing>,
}

/// A program that Pebble runs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Service {
    /// One line.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// As long as it takes.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether it starts by itself. Disabled if not given.
    #[serde(deserialize_with = "word", skip_serializing_if = "Option::is_none")]
    pub startup: Option<Startup>,
    /// What this entry does to earlier ones.
    #[serde(rename = "override", deserialize_with = "or_default")]
    pub overrides: Override,
    /// The command, split as a shell would but with nothing expanded. A last `[ … ]` holds default arguments.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub command: String,
    /// Services that start before this one, if they are started together.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// Services that start after this one, if they are started together.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
    /// Services that are started with this one, and that take it along when they stop.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    /// The workload whose identity it has, instead of `user` and the like.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub workload: String,
    /// Variables added to Pebble's own environment. Values are taken as they are.
    #[serde(deserialize_with = "text_map", skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// The user it runs as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<u32>,
    /// The user it runs as; must agree with `user_id` if both are given.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// The group it runs as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<u32>,
    /// The group it runs as; must agree with `group_id` if both are given.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Where it runs. Must exist when it starts.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// What follows an exit with 0. `restart` if not given.
    #[serde(deserialize_with = "word", skip_serializing_if = "Option::is_none")]
    pub on_success: Option<Action>,
    /// What follows any other exit. `restart` if not given.
    #[serde(deserialize_with = "word", skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<Action>,
    /// What follows when a check goes down, by the check's name. Nothing for those not given.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub on_check_failure: BTreeMap<String, Action>,
    /// The first wait before a restart. 500 ms if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_delay: Option<Span>,
    /// By how much each wait is longer than the one before; at least 1. 2 if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_factor: Option<f64>,
    /// The longest wait, and how long it must run for the waits to start over. 30 s if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_limit: Option<Span>,
    /// How long it has between SIGTERM and SIGKILL. 5 s if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kill_delay: Option<Span>,
}

impl Service {
    /// A service that takes the place of an earlier one of the same name.
    pub fn replace(command: impl Into<String>) -> Self {
        Self { overrides: Override::Replace, command: command.into(), ..Self::default() }
    }

    /// An entry that adds to an earlier one of the same name.
    pub fn merge() -> Self {
        Self { overrides: Override::Merge, ..Self::default() }
    }

    /// Whether `autostart` and `replan` start it. Any word but `enabled` means no.
    pub fn is_enabled(&self) -> bool {
        self.startup == Some(Startup::Enabled)
    }
}

/// A health check: exactly one of `http`, `tcp` and `exec`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Check {
    /// What this entry does to earlier ones.
    #[serde(rename = "override", deserialize_with = "or_default")]
    pub overrides: Override,
    /// What it counts for.
    #[serde(deserialize_with = "word", skip_serializing_if = "Option::is_none")]
    pub level: Option<CheckLevel>,
    /// Whether it runs from the moment it is added. Enabled if not given.
    #[serde(deserialize_with = "word", skip_serializing_if = "Option::is_none")]
    pub startup: Option<Startup>,
    /// From one run to the next. 10 s if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<Span>,
    /// How long one run may take. 3 s if not given, never more than the period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// How many failures in a row mean that it is down. 3 if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<u32>,
    /// Passes when a GET is answered with 2xx.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpCheck>,
    /// Passes when a connection can be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<TcpCheck>,
    /// Passes when a command exits with 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exec: Option<ExecCheck>,
}

/// See [`Check::http`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct HttpCheck {
    /// What is asked for.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// Headers sent along.
    #[serde(deserialize_with = "text_map", skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

/// See [`Check::tcp`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct TcpCheck {
    /// The port. Required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// `localhost` if not given.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub host: String,
}

/// See [`Check::exec`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ExecCheck {
    /// The command, split as a service's.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub command: String,
    /// The service whose environment, user and folder it takes.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub service_context: String,
    /// Variables over those of the context.
    #[serde(deserialize_with = "text_map", skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// The user it runs as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<u32>,
    /// The user it runs as.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// The group it runs as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<u32>,
    /// The group it runs as.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Where it runs.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
}

/// Where the output of services is sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct LogTarget {
    /// What this entry does to earlier ones.
    #[serde(rename = "override", deserialize_with = "or_default")]
    pub overrides: Override,
    /// The protocol. Required in the plan.
    #[serde(rename = "type", deserialize_with = "word", skip_serializing_if = "Option::is_none")]
    pub kind: Option<LogTargetType>,
    /// The URL. Required in the plan.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub location: String,
    /// Names, `-name` to leave one out, `all`, `-all`. The last that fits decides.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// Sent with each line; `$NAME` is taken from the service's environment.
    #[serde(deserialize_with = "text_map", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// An identity and environment that services may share.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Workload {
    /// What this entry does to earlier ones.
    #[serde(rename = "override", deserialize_with = "or_default")]
    pub overrides: Override,
    /// Variables under those of the service.
    #[serde(deserialize_with = "text_map", skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<u32>,
    /// The user.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// The group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<u32>,
    /// The group.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub group: String,
}

/// How clients may pair.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Pairing {
    /// `disabled`, `single` or `multiple`.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub mode: String,
}

/// Null means "not given", wherever it stands.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// An enum's word; null and empty text mean "not given".
fn word<'de, D: Deserializer<'de>, T: From<String>>(from: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.filter(|text| !text.is_empty()).map(T::from))
}

/// A map of texts in which a null value is an empty text.
fn text_map<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let map = Option::<BTreeMap<String, Option<String>>>::deserialize(from)?.unwrap_or_default();
    Ok(map.into_iter().map(|(key, value)| (key, value.unwrap_or_default())).collect())
}
