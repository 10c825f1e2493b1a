//! What Pebble tells: services, checks, changes, notices, files, identities.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use crate::duration::Span;
use crate::layer::{CheckLevel, Startup};
use crate::text::{id, open_enum};

id! {
    /// A change: a unit of Pebble's work.
    ChangeId
}
id! {
    /// A task: a step of a change.
    TaskId
}
id! {
    /// A notice.
    NoticeId
}

/// What `system_info` tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SystemInfo {
    /// Pebble's version, such as `v1.26.0`.
    pub version: String,
    /// Differs after each start of the container. Not given by Pebbles before 1.0.
    #[serde(default)]
    pub boot_id: String,
}

open_enum! {
    /// How a service is.
    ServiceStatus {
        Active = "active",
        Inactive = "inactive",
        /// It ended and will be started again.
        Backoff = "backoff",
        Error = "error",
    }
}

/// How a service is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ServiceInfo {
    /// Its name.
    pub name: String,
    /// Whether it starts by itself.
    pub startup: Startup,
    /// How it is now.
    pub current: ServiceStatus,
    /// Since when it is so. Nothing if it was never started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_since: Option<Timestamp>,
}

impl ServiceInfo {
    /// Whether its process is there. A service that waits for its restart has none.
    pub fn is_running(&self) -> bool {
        self.current == ServiceStatus::Active
    }
}

open_enum! {
    /// How a check is.
    CheckStatus {
        /// Fewer failures in a row than the threshold.
        Up = "up",
        Down = "down",
        /// It does not run.
        Inactive = "inactive",
    }
}

/// How a check is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CheckInfo {
    /// Its name.
    pub name: String,
    /// What it counts for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<CheckLevel>,
    /// Whether it starts by itself. Enabled where an old Pebble does not tell.
    pub startup: Startup,
    /// How it is.
    pub status: CheckStatus,
    /// How often it passed since it was started or last recovered. Pebble tells since 1.23.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub successes: Option<u64>,
    /// How often in a row it failed.
    pub failures: u64,
    /// How many failures in a row mean that it is down.
    pub threshold: u64,
    /// The change that runs it, or that waits for it to recover. Nothing if it does not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_id: Option<ChangeId>,
    /// The change before that one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev_change_id: Option<ChangeId>,
}

impl<'de> Deserialize<'de> for CheckInfo {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        struct Sent {
            name: String,
            #[serde(default)]
            level: Option<CheckLevel>,
            startup: Option<Startup>,
            status: CheckStatus,
            successes: Option<u64>,
            #[serde(default)]
            failures: u64,
            #[serde(default)]
            threshold: u64,
            change_id: Option<ChangeId>,
            prev_change_id: Option<ChangeId>,
        }
        let sent = Sent::deserialize(from)?;
        let change_id = sent.change_id.filter(|id| !id.0.is_empty());
        // A Pebble that knows `startup` can stop checks, and a check without a change is a stopped one, whatever its
        // status says.
        let stopped = sent.startup.is_some() && change_id.is_none();
        Ok(Self {
            name: sent.name,
            level: sent.level.filter(|level| !level.as_str().is_empty()),
            startup: sent.startup.unwrap_or(Startup::Enabled),
            status: if stopped { CheckStatus::Inactive } else { sent.status },
            successes: sent.successes,
            failures: sent.failures,
            threshold: sent.threshold,
            change_id,
            prev_change_id: sent.prev_change_id,
        })
    }
}

impl CheckInfo {
    /// Whether it has run at least once since it was started. Nothing where Pebble is too old to tell.
    pub fn has_run(&self) -> Option<bool> {
        self.successes.map(|successes| successes > 0 || self.failures > 0)
    }
}

open_enum! {
    /// Which changes to list.
    ChangeState { All = "all", InProgress = "in-progress", Ready = "ready" }
}

open_enum! {
    /// How far a change or a task is. A change has the most urgent status among its tasks.
    ChangeStatus {
        Hold = "Hold", Do = "Do", Doing = "Doing", Done = "Done", Abort = "Abort", Undo = "Undo", Undoing = "Undoing",
        Undone = "Undone", Error = "Error", Wait = "Wait",
    }
}

/// A unit of Pebble's work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Change {
    /// Its id.
    pub id: ChangeId,
    /// `start`, `stop`, `restart`, `replan`, `autostart`, `exec`, `perform-check`, `recover-check`.
    pub kind: String,
    /// For people.
    pub summary: String,
    /// How far it is.
    pub status: ChangeStatus,
    /// Its steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task>,
    /// Whether it is over, well or not.
    pub ready: bool,
    /// What went wrong, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub err: Option<String>,
    /// When it began.
    pub spawn_time: Timestamp,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_time: Option<Timestamp>,
    /// More, by kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<BTreeMap<String, serde_json::Value>>,
}

/// A step of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// `start`, `stop`, or its change's kind.
    pub kind: String,
    /// For people.
    pub summary: String,
    /// How far it is.
    pub status: ChangeStatus,
    /// The last lines it logged, at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
    /// How far it is, in parts.
    pub progress: TaskProgress,
    /// When it began.
    pub spawn_time: Timestamp,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_time: Option<Timestamp>,
    /// More, by kind; `exit-code` for `exec`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<BTreeMap<String, serde_json::Value>>,
}

impl Task {
    /// The exit code of a command that was executed.
    pub fn exit_code(&self) -> Option<i32> {
        self.data.as_ref()?.get("exit-code")?.as_i64().and_then(|code| i32::try_from(code).ok())
    }
}

/// How far a task is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaskProgress {
    /// For people.
    pub label: String,
    /// How many parts are done.
    pub done: u64,
    /// Of how many.
    pub total: u64,
}

open_enum! {
    /// What a notice is about.
    NoticeType {
        /// Recorded by a client, such as `pebble notify` in the workload.
        Custom = "custom",
        /// A change began or has another status.
        ChangeUpdate = "change-update",
        Warning = "warning",
    }
}

/// Something that happened, told once or from time to time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Notice {
    /// Its id.
    pub id: NoticeId,
    /// Who may see it; everyone if nothing.
    pub user_id: Option<u32>,
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: NoticeType,
    /// With the type and the user, what makes it this notice. For `custom` like `example.com/backup-done`.
    pub key: String,
    /// The first time.
    pub first_occurred: Timestamp,
    /// The last time.
    pub last_occurred: Timestamp,
    /// The last time that it was told. Later than this is what `after` asks for, to the nanosecond.
    pub last_repeated: Timestamp,
    /// How often.
    pub occurrences: u64,
    /// What came with the last one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub last_data: BTreeMap<String, String>,
    /// How long it is not told again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat_after: Option<Span>,
    /// How long after the last occurrence it is forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_after: Option<Span>,
}

open_enum! {
    /// What a path leads to.
    FileType {
        File = "file", Directory = "directory", Symlink = "symlink", Socket = "socket", NamedPipe = "named-pipe",
        Device = "device", Unknown = "unknown",
    }
}

/// One entry of the container's file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FileInfo {
    /// The whole path.
    pub path: String,
    /// Its last part.
    pub name: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: FileType,
    /// In bytes, for regular files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The mode's last nine bits, such as `0o644`.
    #[serde(with = "octal")]
    pub permissions: u32,
    /// When it was changed, in whole seconds.
    pub last_modified: Timestamp,
    /// Its owner.
    #[serde(default)]
    pub user_id: Option<u32>,
    /// Its owner, if there is a name.
    #[serde(default)]
    pub user: Option<String>,
    /// Its group.
    #[serde(default)]
    pub group_id: Option<u32>,
    /// Its group, if there is a name.
    #[serde(default)]
    pub group: Option<String>,
}

/// Modes as octal text.
mod octal {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(mode: &u32, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{mode:03o}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
        let text = String::deserialize(from)?;
        u32::from_str_radix(&text, 8).map_err(|_| serde::de::Error::custom(format!("{text:?} is not octal")))
    }
}

open_enum! {
    /// What an identity may do.
    Access {
        Admin = "admin", Read = "read",
        /// Only `/v1/metrics`.
        Metrics = "metrics",
        Untrusted = "untrusted",
    }
}

/// Someone whom Pebble knows. Needs Juju 3.6.4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// What it may do.
    pub access: Access,
    /// A user of the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<LocalIdentity>,
    /// Name and password over HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic: Option<BasicIdentity>,
    /// A client's certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert: Option<CertIdentity>,
}

/// See [`Identity::local`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LocalIdentity {
    /// The user's number.
    pub user_id: u32,
}

/// See [`Identity::basic`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasicIdentity {
    /// The hash of the password (SHA-512-crypt, `$6$…`). Pebble answers `*****` in its place.
    pub password: String,
}

impl std::fmt::Debug for BasicIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BasicIdentity { password: … }")
    }
}

/// See [`Identity::cert`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertIdentity {
    /// One certificate in PEM. Pebble answers `*****` in its place.
    pub pem: String,
}

open_enum! {
    /// Which warnings to list.
    WarningState { All = "all", Pending = "pending" }
}

/// A warning. No Pebble since 1.4 serves these; old ones do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Warning {
    /// For people.
    pub message: String,
    /// The first time.
    pub first_added: Timestamp,
    /// The last time.
    pub last_added: Timestamp,
    /// The last time it was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_shown: Option<Timestamp>,
    /// How long after the last time it is forgotten.
    pub expire_after: Span,
    /// How long after it was shown it is shown again.
    pub repeat_after: Span,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_without_a_change_is_inactive_unless_pebble_is_old() {
        let read = |text: &str| serde_json::from_str::<CheckInfo>(text).unwrap_or_else(|e| panic!("{e}"));
        let stopped = read(r#"{"name":"up","startup":"enabled","status":"up","threshold":3}"#);
        assert_eq!((stopped.status.clone(), stopped.has_run()), (CheckStatus::Inactive, None));
        let old = read(r#"{"name":"up","status":"down","failures":4,"threshold":3}"#);
        assert_eq!((old.status.clone(), old.startup.clone()), (CheckStatus::Down, Startup::Enabled));
        let text = r#"{"name":"up","level":"","startup":"enabled","status":"up","successes":2,"threshold":3,"change-id":"7"}"#;
        let active = read(text);
        assert_eq!(
            (active.status.clone(), active.has_run(), active.level.clone()),
            (CheckStatus::Up, Some(true), None)
        );
        let again = serde_json::to_string(&active).unwrap_or_default();
        assert_eq!(read(&again), active);
    }

    #[test]
    fn nanoseconds_survive() {
        let text = "2026-01-02T03:04:05.123456789Z";
        let time: Timestamp = text.parse().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(time.to_string(), text);
        let local: Timestamp =
            "2026-01-02T05:04:05.123456789+02:00".parse().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(local, time);
    }

    #[test]
    fn passwords_are_not_shown() {
        let identity = BasicIdentity { password: "$6$secret".to_owned() };
        assert!(!format!("{identity:?}").contains("secret"));
    }

    #[test]
    fn words_that_are_not_known_are_kept() {
        let text = r#"{"name":"a","startup":"sometimes","current":"hibernating"}"#;
        let info: ServiceInfo = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(info.current, ServiceStatus::Other("hibernating".to_owned()));
        assert!(!info.is_running());
        assert_eq!(serde_json::to_string(&info).ok().as_deref(), Some(text));
    }
}
