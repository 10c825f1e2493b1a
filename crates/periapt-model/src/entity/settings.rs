//! A model and its settings (`model-config`; reference 7.2).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::size::parse_size;
use crate::log::parse_levels;
use crate::names::ModelName;
use crate::status::Life;
use crate::time::{Timestamp, parse_duration};

/// A setting's value, by its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SettingValue {
    /// true or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Anything else.
    Text(String),
}

/// What a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingKind {
    /// Any text.
    Text,
    /// `true` or `false`.
    Bool,
    /// A duration above zero, such as `5m`.
    Duration,
    /// A duration, or `off`.
    DurationOrOff,
    /// A whole number of at least one.
    Count,
    /// An amount of bytes, in MiB where no unit is named.
    Size,
    /// Log levels by module.
    Levels,
}

/// One key of `model-config`.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name.
    pub key: &'static str,
    /// What it takes.
    pub kind: SettingKind,
    /// What it is when nobody set it.
    pub default: &'static str,
    /// What it does, for help texts.
    pub about: &'static str,
    /// Juju has it, and here it does nothing: it is checked, kept and shown.
    pub inert: bool,
}

const fn setting(
    key: &'static str,
    kind: SettingKind,
    default: &'static str,
    about: &'static str,
) -> Setting {
    Setting { key, kind, default, about, inert: false }
}

/// A setting of Juju 3.6 that does nothing on one machine.
const fn inert(key: &'static str, kind: SettingKind, default: &'static str) -> Setting {
    Setting { key, kind, default, about: "kept and shown", inert: true }
}

/// Every setting there is, sorted by key.
pub const SETTINGS: &[Setting] = &[
    inert("agent-metadata-url", SettingKind::Text, ""),
    inert("agent-stream", SettingKind::Text, "released"),
    inert("apt-ftp-proxy", SettingKind::Text, ""),
    inert("apt-http-proxy", SettingKind::Text, ""),
    inert("apt-https-proxy", SettingKind::Text, ""),
    inert("apt-mirror", SettingKind::Text, ""),
    inert("apt-no-proxy", SettingKind::Text, ""),
    inert("authorized-keys", SettingKind::Text, ""),
    setting(
        "automatically-retry-hooks",
        SettingKind::Bool,
        "true",
        "retry failed hooks after 5 s, doubling to 5 min",
    ),
    inert("backup-dir", SettingKind::Text, ""),
    inert("charmhub-url", SettingKind::Text, ""),
    inert("cloudinit-userdata", SettingKind::Text, ""),
    inert("container-image-metadata-defaults-disabled", SettingKind::Bool, "false"),
    inert("container-image-metadata-url", SettingKind::Text, ""),
    inert("container-image-stream", SettingKind::Text, "released"),
    inert("container-inherit-properties", SettingKind::Text, ""),
    inert("container-networking-method", SettingKind::Text, ""),
    inert("default-base", SettingKind::Text, ""),
    inert("default-series", SettingKind::Text, ""),
    inert("default-space", SettingKind::Text, ""),
    setting(
        "deferred-wake",
        SettingKind::DurationOrOff,
        "1s",
        "first delay before deferred events are run again, doubling to the update-status interval; off: wait for the next event",
    ),
    inert("development", SettingKind::Bool, "false"),
    inert("disable-network-management", SettingKind::Bool, "false"),
    inert("disable-telemetry", SettingKind::Bool, "false"),
    setting(
        "egress-subnets",
        SettingKind::Text,
        "",
        "the networks that units tell others their traffic comes from",
    ),
    inert("enable-os-refresh-update", SettingKind::Bool, "true"),
    inert("enable-os-upgrade", SettingKind::Bool, "true"),
    inert("fan-config", SettingKind::Text, ""),
    inert("firewall-mode", SettingKind::Text, "instance"),
    setting("ftp-proxy", SettingKind::Text, "", "the ftp_proxy of every hook"),
    setting("http-proxy", SettingKind::Text, "", "the http_proxy of every hook"),
    setting("https-proxy", SettingKind::Text, "", "the https_proxy of every hook"),
    inert("ignore-machine-addresses", SettingKind::Bool, "false"),
    inert("image-metadata-defaults-disabled", SettingKind::Bool, "false"),
    inert("image-metadata-url", SettingKind::Text, ""),
    inert("image-stream", SettingKind::Text, "released"),
    setting("journal-keep", SettingKind::Count, "100000", "how many records the journal keeps"),
    setting("juju-ftp-proxy", SettingKind::Text, "", "JUJU_CHARM_FTP_PROXY of every hook"),
    setting("juju-http-proxy", SettingKind::Text, "", "JUJU_CHARM_HTTP_PROXY of every hook"),
    setting("juju-https-proxy", SettingKind::Text, "", "JUJU_CHARM_HTTPS_PROXY of every hook"),
    setting(
        "juju-no-proxy",
        SettingKind::Text,
        "127.0.0.1,localhost,::1",
        "JUJU_CHARM_NO_PROXY of every hook",
    ),
    setting(
        "logging-config",
        SettingKind::Levels,
        "<root>=INFO;unit=DEBUG",
        "which log lines are kept: module=LEVEL;…",
    ),
    inert("logging-output", SettingKind::Text, ""),
    inert("lxd-snap-channel", SettingKind::Text, ""),
    setting("max-action-results-age", SettingKind::Duration, "336h", "how long finished operations are kept"),
    setting(
        "max-action-results-size",
        SettingKind::Size,
        "5G",
        "how much room the results of finished operations take; beyond it the oldest are forgotten",
    ),
    inert("max-status-history-age", SettingKind::Duration, "336h"),
    inert("max-status-history-size", SettingKind::Text, "5G"),
    setting(
        "mode",
        SettingKind::Text,
        "requires-prompts",
        "with requires-prompts among its words, the removal of applications, units and machines asks first",
    ),
    inert("net-bond-reconfigure-delay", SettingKind::Count, "17"),
    setting("no-proxy", SettingKind::Text, "127.0.0.1,localhost,::1", "the no_proxy of every hook"),
    inert("num-container-provision-workers", SettingKind::Count, "4"),
    inert("num-provision-workers", SettingKind::Count, "16"),
    inert("provisioner-harvest-mode", SettingKind::Text, "destroyed"),
    inert("proxy-ssh", SettingKind::Bool, "false"),
    inert("resource-tags", SettingKind::Text, ""),
    inert("saas-ingress-allow", SettingKind::Text, "0.0.0.0/0,::/0"),
    inert("secret-backend", SettingKind::Text, "auto"),
    inert("snap-http-proxy", SettingKind::Text, ""),
    inert("snap-https-proxy", SettingKind::Text, ""),
    inert("snap-store-assertions", SettingKind::Text, ""),
    inert("snap-store-proxy", SettingKind::Text, ""),
    inert("snap-store-proxy-url", SettingKind::Text, ""),
    inert("ssh-allow", SettingKind::Text, "0.0.0.0/0,::/0"),
    inert("ssl-hostname-verification", SettingKind::Bool, "true"),
    inert("storage-default-block-source", SettingKind::Text, ""),
    setting(
        "storage-default-filesystem-source",
        SettingKind::Text,
        "",
        "the pool of storages whose directive names none: rootfs, lxd, …; empty: lxd",
    ),
    inert("test-mode", SettingKind::Bool, "false"),
    inert("transmit-vendor-metrics", SettingKind::Bool, "true"),
    setting(
        "update-status-hook-interval",
        SettingKind::Duration,
        "5m",
        "the time between two update-status hooks of a unit, give or take a fifth",
    ),
];

/// A setting that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSetting {
    /// There is none of this name.
    #[error("unknown model setting {key:?}{}", nearest.map(|n| format!(": did you mean {n:?}?")).unwrap_or_default())]
    Unknown {
        /// As given.
        key: String,
        /// The closest name there is.
        nearest: Option<&'static str>,
    },
    /// The value is not of its kind.
    #[error("invalid value {value:?} for model setting {key:?}: expected {expected}")]
    Value {
        /// The setting.
        key: String,
        /// As given.
        value: String,
        /// In words.
        expected: &'static str,
    },
}

/// What was set; defaults are not in here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Settings(BTreeMap<String, SettingValue>);

fn find(key: &str) -> Result<&'static Setting, InvalidSetting> {
    let found = SETTINGS.binary_search_by(|setting| setting.key.cmp(key)).ok();
    found.and_then(|at| SETTINGS.get(at)).ok_or_else(|| InvalidSetting::Unknown {
        key: key.to_owned(),
        nearest: nearest(key, SETTINGS.iter().map(|s| s.key)),
    })
}

/// The name that was probably meant: at most a third of it mistyped.
pub fn nearest<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let least = names.map(|name| (distance(typed, name), name)).min()?;
    (least.0 <= (typed.chars().count() / 3).max(1)).then_some(least.1)
}

/// Levenshtein's distance, two neighbours that changed places counting as one slip.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (mut older, mut row): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=b.len()).collect());
    for (i, ca) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, cb) in b.iter().enumerate() {
            let mut least = (row[j] + usize::from(ca != cb)).min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && (*ca, a[i - 1]) == (b[j - 1], *cb) {
                least = least.min(older[j - 1] + 1);
            }
            next.push(least);
        }
        older = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

/// What `model-config` tells and does not take.
const FIXED: [&str; 5] = ["agent-version", "authorized-keys", "name", "type", "uuid"];

/// Whether `key` may be set although nothing here knows it (Juju 3.6: `verifyKnownKeys` only warns). What is close to a known
/// one is not.
fn may_be_unknown(key: &str, nearest: Option<&str>) -> bool {
    let shape = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    nearest.is_none() && !FIXED.contains(&key) && (1..=100).contains(&key.len()) && key.bytes().all(shape)
}

fn read(setting: &Setting, value: &str) -> Result<SettingValue, InvalidSetting> {
    let refuse =
        |expected| InvalidSetting::Value { key: setting.key.to_owned(), value: value.to_owned(), expected };
    match setting.kind {
        SettingKind::Text => Ok(SettingValue::Text(value.to_owned())),
        SettingKind::Bool => match value {
            "true" | "True" | "1" => Ok(SettingValue::Bool(true)),
            "false" | "False" | "0" => Ok(SettingValue::Bool(false)),
            _ => Err(refuse("true or false")),
        },
        SettingKind::Duration => match parse_duration(value) {
            Some(d) if d > Duration::ZERO => Ok(SettingValue::Text(value.to_owned())),
            _ => Err(refuse("a duration above zero, such as 30s, 5m or 1h")),
        },
        SettingKind::DurationOrOff if value == "off" => Ok(SettingValue::Text(value.to_owned())),
        SettingKind::DurationOrOff => match parse_duration(value) {
            Some(d) if d > Duration::ZERO => Ok(SettingValue::Text(value.to_owned())),
            _ => Err(refuse("a duration above zero, such as 1s, or off")),
        },
        SettingKind::Count => match value.parse::<i64>() {
            Ok(n) if n >= 1 => Ok(SettingValue::Int(n)),
            _ => Err(refuse("a whole number of at least 1")),
        },
        SettingKind::Levels if parse_levels(value).is_ok() => Ok(SettingValue::Text(value.to_owned())),
        SettingKind::Levels => Err(refuse(
            "levels by module, such as <root>=INFO;unit=DEBUG, of TRACE, DEBUG, INFO, WARNING, ERROR and CRITICAL",
        )),
        SettingKind::Size => match parse_size(value) {
            Some(_) => Ok(SettingValue::Text(value.to_owned())),
            None => Err(refuse("a size such as 500M or 5G; without a unit it is MiB")),
        },
    }
}

impl Settings {
    /// Sets `key` after checking it. One that nothing here knows is kept as text, as in Juju.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), InvalidSetting> {
        let value = match find(key) {
            Ok(setting) => read(setting, value)?,
            Err(InvalidSetting::Unknown { nearest, .. }) if may_be_unknown(key, nearest) => {
                SettingValue::Text(value.to_owned())
            }
            Err(error) => return Err(error),
        };
        self.0.insert(key.to_owned(), value);
        Ok(())
    }

    /// Takes `key` back to its default.
    pub fn reset(&mut self, key: &str) -> Result<(), InvalidSetting> {
        if self.0.remove(key).is_none() {
            match find(key) {
                Err(InvalidSetting::Unknown { nearest, .. }) if may_be_unknown(key, nearest) => {}
                known => drop(known?),
            }
        }
        Ok(())
    }

    /// What was set that nothing here knows.
    pub fn unknown(&self) -> impl Iterator<Item = (&str, &SettingValue)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value)).filter(|(key, _)| find(key).is_err())
    }

    /// The value in force, and whether somebody set it.
    pub fn get(&self, key: &str) -> Option<(SettingValue, bool)> {
        let setting = find(key).ok()?;
        match self.0.get(key) {
            Some(value) => Some((value.clone(), true)),
            None => read(setting, setting.default).ok().map(|v| (v, false)),
        }
    }

    /// The text in force; empty for an unknown key.
    pub fn text(&self, key: &str) -> String {
        match self.get(key) {
            Some((SettingValue::Text(text), _)) => text,
            Some((SettingValue::Bool(b), _)) => b.to_string(),
            Some((SettingValue::Int(n), _)) => n.to_string(),
            None => String::new(),
        }
    }

    fn duration(&self, key: &str) -> Option<Duration> {
        match self.0.get(key) {
            Some(SettingValue::Text(text)) => parse_duration(text),
            Some(_) => None,
            None => parse_duration(find(key).ok()?.default),
        }
    }

    /// `update-status-hook-interval`.
    pub fn update_status_interval(&self) -> Duration {
        self.duration("update-status-hook-interval").unwrap_or(Duration::from_secs(300))
    }

    /// `automatically-retry-hooks`.
    pub fn retry_hooks(&self) -> bool {
        self.0.get("automatically-retry-hooks") != Some(&SettingValue::Bool(false))
    }

    /// `deferred-wake`; None when off.
    pub fn deferred_wake(&self) -> Option<Duration> {
        self.duration("deferred-wake")
    }

    /// `max-action-results-age`.
    pub fn action_results_age(&self) -> Duration {
        self.duration("max-action-results-age").unwrap_or(Duration::from_secs(336 * 3600))
    }

    /// `max-action-results-size`, in bytes.
    pub fn action_results_size(&self) -> u64 {
        parse_size(&self.text("max-action-results-size")).unwrap_or(5 << 30)
    }

    /// `journal-keep`.
    pub fn journal_keep(&self) -> u64 {
        self.text("journal-keep").parse().unwrap_or(100_000)
    }
}

/// A model: a space of applications.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Its identity for ever.
    pub uuid: String,
    /// Its name.
    pub name: ModelName,
    /// Whether it is going away.
    pub life: Life,
    /// When it was made.
    pub created: Timestamp,
    /// What `model-config` set.
    #[serde(default)]
    pub settings: Settings,
    /// What `set-model-constraints` set, in [`Constraints`](crate::constraints::Constraints)' text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub constraints: String,
    /// The next relation's number.
    pub next_relation: u32,
    /// The next operation's or task's number.
    pub next_task: u64,
    /// The next machine's number.
    pub next_machine: u32,
    /// The next storage's number.
    #[serde(default)]
    pub next_storage: u32,
    /// The next secret of the operator's; their ids are made from it.
    #[serde(default)]
    pub next_secret: u64,
    /// Which of the host's loopback networks its machines have their addresses in; no two models have the same.
    #[serde(default)]
    pub network: u8,
    /// The next revision of a local charm, by charm name.
    #[serde(default)]
    pub next_revision: BTreeMap<String, u32>,
    /// Unit counters of removed applications: a new one of the same name goes on from there, so that a unit's name
    /// never means two units in one journal.
    #[serde(default)]
    pub unit_counters: BTreeMap<crate::names::AppName, u32>,
}

impl ModelInfo {
    /// A new, empty model.
    pub fn new(uuid: String, name: ModelName, created: Timestamp) -> Self {
        Self {
            uuid,
            name,
            life: Life::Alive,
            created,
            settings: Settings::default(),
            constraints: String::new(),
            next_relation: 0,
            next_task: 1,
            next_machine: 0,
            next_storage: 0,
            next_secret: 0,
            network: 0,
            next_revision: BTreeMap::new(),
            unit_counters: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_valid_and_the_table_is_sorted() {
        for setting in SETTINGS {
            assert!(read(setting, setting.default).is_ok(), "{}", setting.key);
        }
        assert!(SETTINGS.windows(2).all(|w| w[0].key < w[1].key));
    }

    #[test]
    fn slips_are_counted() {
        for (a, b, slips) in
            [("", "", 0), ("abc", "", 3), ("title", "titel", 1), ("kitten", "sitting", 3), ("ab", "ba", 1)]
        {
            assert_eq!((distance(a, b), distance(b, a)), (slips, slips), "{a} {b}");
        }
    }

    #[test]
    fn a_mistyped_key_names_the_nearest_and_an_unknown_one_is_kept() {
        let mut settings = Settings::default();
        let error = settings.set("update-status-hook-intervall", "5m").unwrap_err();
        assert!(error.to_string().contains("did you mean \"update-status-hook-interval\""), "{error}");
        assert!(settings.set("update-status-hook-interval", "soon").is_err());
        settings.set("deferred-wake", "off").unwrap();
        assert_eq!(settings.deferred_wake(), None);
        settings.set("arch", "amd64").unwrap();
        assert_eq!(settings.unknown().map(|(key, _)| key).collect::<Vec<_>>(), ["arch"]);
        settings.reset("arch").unwrap();
        settings.reset("arch").unwrap();
        assert_eq!(settings.unknown().count(), 0);
        for fixed in ["agent-version", "name", "", "a b", "a=b"] {
            assert!(settings.set(fixed, "x").is_err(), "{fixed}");
        }
        settings.reset("deferred-wake").unwrap();
        assert_eq!(settings.deferred_wake(), Some(Duration::from_secs(1)));
        assert_eq!(settings.action_results_size(), 5 << 30);
        settings.set("max-action-results-size", "1M").unwrap();
        assert_eq!(settings.action_results_size(), 1 << 20);
        assert!(settings.set("max-action-results-size", "much").is_err());
        for levels in ["<root>=INFO;unit=DEBUG", "debug", "<root>=WARN: unit.a = TRACE ;", ""] {
            settings.set("logging-config", levels).unwrap();
        }
        for wrong in ["<<<", "=INFO", "unit=LOUD", "unit"] {
            assert!(settings.set("logging-config", wrong).is_err(), "{wrong}");
        }
    }
}
