//! The history of statuses: which entity said what, and when (reference 7.3).
//!
//! Like the log it is no part of the model: nothing is decided from it, and a change of status costs no transaction more.
//! One line of the file is a [`StatusEntry`] as JSON.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use periapt_model::model::{Model, Record, Write};
use periapt_model::status::{Life, Status};
use periapt_model::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// So many entries of each entity and kind are kept at least.
pub const KEPT: usize = 100;

/// The file is thinned out when it has grown by this many entries since it last was, or has doubled.
const GROWTH: usize = 4096;

/// Whose status it is: Juju's kinds of histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StatusKind {
    /// What a charm says of its workload.
    Workload,
    /// What a unit's agent does.
    JujuUnit,
    /// What a leader says of its application.
    Application,
    /// A machine's own.
    Machine,
    /// A machine's agent.
    JujuMachine,
    /// The model's.
    Model,
}

impl StatusKind {
    /// Juju's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Workload => "workload",
            Self::JujuUnit => "juju-unit",
            Self::Application => "application",
            Self::Machine => "machine",
            Self::JujuMachine => "juju-machine",
            Self::Model => "model",
        }
    }

    /// The kinds that `show-status-log --type` means; None: there is no such word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<&'static [Self]> {
        Some(match word {
            "unit" => &[Self::Workload, Self::JujuUnit],
            "workload" => &[Self::Workload],
            "juju-unit" => &[Self::JujuUnit],
            "application" => &[Self::Application],
            "machine" => &[Self::Machine],
            "juju-machine" => &[Self::JujuMachine],
            "model" => &[Self::Model],
            // What Juju knows and nothing here has.
            "saas" | "container" | "juju-container" | "filesystem" | "volume" => &[],
            _ => return None,
        })
    }
}

/// One status that was set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusEntry {
    /// The unit, application, machine or model.
    pub entity: String,
    /// Of what.
    #[serde(rename = "type")]
    pub kind: StatusKind,
    /// The word.
    pub status: String,
    /// The text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Details.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, Value>,
    /// When.
    pub since: Timestamp,
}

impl StatusEntry {
    fn of<S: std::fmt::Display>(entity: impl ToString, kind: StatusKind, status: &Status<S>) -> Self {
        Self {
            entity: entity.to_string(),
            kind,
            status: status.status.to_string(),
            message: status.message.clone(),
            data: status.data.clone(),
            since: status.since,
        }
    }

    fn plain(entity: impl ToString, kind: StatusKind, status: &str, since: Timestamp) -> Self {
        let (data, message) = (BTreeMap::new(), String::new());
        Self { entity: entity.to_string(), kind, status: status.to_owned(), message, data, since }
    }
}

/// The statuses that these writes set anew.
pub(crate) fn changes(before: &Model, writes: &[Write], now: Timestamp) -> Vec<StatusEntry> {
    let mut found = Vec::new();
    let records = writes.iter().filter_map(|write| match write {
        Write::Put(record) => Some(record),
        _ => None,
    });
    for record in records {
        match record {
            Record::Unit(unit) => {
                let old = before.units.get(&unit.name);
                if old.is_none_or(|old| !old.workload.says_the_same(&unit.workload)) {
                    found.push(StatusEntry::of(&unit.name, StatusKind::Workload, &unit.workload));
                }
                if old.is_none_or(|old| !old.agent.says_the_same(&unit.agent)) {
                    found.push(StatusEntry::of(&unit.name, StatusKind::JujuUnit, &unit.agent));
                }
            }
            Record::Application(app) => {
                let old = before.applications.get(&app.name).and_then(|old| old.status.as_ref());
                if let Some(status) =
                    app.status.as_ref().filter(|new| old.is_none_or(|old| !old.says_the_same(new)))
                {
                    found.push(StatusEntry::of(&app.name, StatusKind::Application, status));
                }
            }
            Record::Machine(machine) if !before.machines.contains_key(&machine.id) => {
                for (kind, word) in [(StatusKind::Machine, "running"), (StatusKind::JujuMachine, "started")] {
                    found.push(StatusEntry::plain(machine.id, kind, word, machine.since));
                }
            }
            Record::Info(info) if before.info.life == Life::Alive && info.life != Life::Alive => {
                found.push(StatusEntry::plain(&info.name, StatusKind::Model, "destroying", now));
            }
            _ => {}
        }
    }
    found
}

/// The file of a model's history, as its writer has it.
pub(crate) struct StatusFile {
    path: PathBuf,
    /// The file and how many entries it has; None until something is written.
    open: Option<(File, usize)>,
    /// How many there were when it was last thinned out.
    thin: usize,
}

impl StatusFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, open: None, thin: 0 }
    }

    /// Adds entries.
    pub(crate) fn append(&mut self, entries: &[StatusEntry]) -> std::io::Result<()> {
        let (file, count) = match &mut self.open {
            Some(open) => open,
            None => {
                let count = read(&self.path, |_| true).len();
                let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
                // What a crash tore stays a line by itself, or it would take the next one with it.
                if ends_torn(&self.path)? {
                    file.write_all(b"\n")?;
                }
                self.open.insert((file, count))
            }
        };
        file.write_all(&lines(entries)?)?;
        *count += entries.len();
        let full = *count > GROWTH.max(self.thin.saturating_mul(2));
        if full { self.thin_out() } else { Ok(()) }
    }

    /// Leaves the last entries of each entity and kind.
    fn thin_out(&mut self) -> std::io::Result<()> {
        let all = read(&self.path, |_| true);
        let mut left: HashMap<(&str, StatusKind), usize> = HashMap::new();
        let mut kept: VecDeque<&StatusEntry> = VecDeque::new();
        for entry in all.iter().rev() {
            let seen = left.entry((&entry.entity, entry.kind)).or_default();
            *seen += 1;
            if *seen <= KEPT {
                kept.push_front(entry);
            }
        }
        let kept: Vec<StatusEntry> = kept.into_iter().cloned().collect();
        let aside = self.path.with_extension("status.new");
        std::fs::write(&aside, lines(&kept)?)?;
        std::fs::rename(&aside, &self.path)?;
        self.open = None;
        self.thin = kept.len();
        Ok(())
    }

    /// Removes the file.
    pub(crate) fn remove(&mut self) -> std::io::Result<()> {
        self.open = None;
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn lines(entries: &[StatusEntry]) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut bytes, entry)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

fn ends_torn(path: &Path) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// The entries that are wanted, oldest first. What cannot be read, such as a torn end after a crash, is passed over.
pub(crate) fn read(path: &Path, wanted: impl Fn(&StatusEntry) -> bool) -> Vec<StatusEntry> {
    let Ok(file) = File::open(path) else { return Vec::new() };
    let lines = BufReader::new(file).split(b'\n').map_while(Result::ok);
    lines.filter_map(|line| serde_json::from_slice(&line).ok()).filter(wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(entity: &str, kind: StatusKind, since: i64) -> StatusEntry {
        StatusEntry {
            message: "é\n".to_owned(),
            ..StatusEntry::plain(entity, kind, "active", Timestamp(since))
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_a_torn_end_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.status");
        let entries = [entry("a/0", StatusKind::Workload, 1), entry("a/1", StatusKind::JujuUnit, 2)];
        StatusFile::new(path.clone()).append(&entries).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"entity\":\"a/0\",\"ty").unwrap();
        assert_eq!(read(&path, |_| true), entries);
        assert_eq!(read(&path, |e| e.entity == "a/1"), entries[1..]);
        // Who writes on after the crash loses nothing to it.
        let later = entry("a/0", StatusKind::Workload, 3);
        StatusFile::new(path.clone()).append(std::slice::from_ref(&later)).unwrap();
        assert_eq!(read(&path, |_| true), [&entries[..], &[later]].concat());
    }

    #[test]
    fn the_last_hundred_of_each_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.status");
        let mut file = StatusFile::new(path.clone());
        file.append(&[entry("quiet/0", StatusKind::Workload, 0)]).unwrap();
        for n in 0..i64::try_from(GROWTH).unwrap() {
            file.append(&[entry("busy/0", StatusKind::JujuUnit, n)]).unwrap();
        }
        let all = read(&path, |_| true);
        assert_eq!(all.len(), KEPT + 1);
        assert_eq!(all[0].entity, "quiet/0");
        assert_eq!(all[KEPT].since.0, i64::try_from(GROWTH).unwrap() - 1);
        file.append(&[entry("quiet/0", StatusKind::Workload, 9)]).unwrap();
        assert_eq!(read(&path, |_| true).len(), KEPT + 2);
        file.remove().unwrap();
        file.remove().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn words_of_types_are_jujus() {
        assert_eq!(StatusKind::of_word("unit").unwrap().len(), 2);
        assert_eq!(StatusKind::of_word("saas"), Some(&[][..]));
        assert_eq!(StatusKind::of_word("units"), None);
        for kind in [StatusKind::Workload, StatusKind::JujuUnit, StatusKind::JujuMachine, StatusKind::Model] {
            assert_eq!(StatusKind::of_word(kind.as_str()), Some(&[kind][..]));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
