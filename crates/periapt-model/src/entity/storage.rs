//! Storages: the places for data that a unit has beside its charm's folder, and that may outlive it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::names::{StorageId, UnitName};
use crate::status::Life;
use crate::time::Timestamp;

/// The size of a storage that nobody gave one, in MiB (Juju 3.6: 1 GiB).
pub const DEFAULT_SIZE: u64 = 1024;

/// Where storages come from: the pools that Juju has on the cloud `localhost`. All are folders here; what differs is what
/// becomes of a storage when its unit is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoragePool {
    /// Part of the unit's machine: goes with the unit.
    #[default]
    Rootfs,
    /// In Juju in memory: goes with the unit.
    Tmpfs,
    /// In Juju a file that is mounted: goes with the unit.
    Loop,
    /// Of the model's own: outlives the unit.
    Lxd,
    /// As `Lxd`.
    LxdBtrfs,
    /// As `Lxd`.
    LxdZfs,
}

impl StoragePool {
    /// Each, by name.
    pub const ALL: [Self; 6] =
        [Self::Loop, Self::Lxd, Self::LxdBtrfs, Self::LxdZfs, Self::Rootfs, Self::Tmpfs];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rootfs => "rootfs",
            Self::Tmpfs => "tmpfs",
            Self::Loop => "loop",
            Self::Lxd => "lxd",
            Self::LxdBtrfs => "lxd-btrfs",
            Self::LxdZfs => "lxd-zfs",
        }
    }

    /// Juju's name of what provides it.
    pub const fn provider(self) -> &'static str {
        match self {
            Self::LxdBtrfs | Self::LxdZfs => "lxd",
            other => other.as_str(),
        }
    }

    /// What Juju says of it beside that.
    pub const fn attributes(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::LxdBtrfs => &[("driver", "btrfs"), ("lxd-pool", "juju-btrfs")],
            Self::LxdZfs => &[("driver", "zfs"), ("lxd-pool", "juju-zfs"), ("zfs.pool_name", "juju-lxd")],
            _ => &[],
        }
    }

    /// Whether its storages stay when their unit is removed.
    pub const fn outlives_units(self) -> bool {
        matches!(self, Self::Lxd | Self::LxdBtrfs | Self::LxdZfs)
    }
}

impl fmt::Display for StoragePool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Text that is no storage directive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDirective {
    /// A word that looks like the name of a pool, and is none.
    #[error("pool {0:?} not found")]
    Pool(String),
    /// A count of 0 or less, or one that is too large.
    #[error("cannot parse count: count must be a number greater than zero, got {0:?}")]
    Count(String),
    /// A size that is 0, negative or too large.
    #[error("cannot parse size: expected a number of M, G, T, P or E such as 10G, got {0:?}")]
    Size(String),
    /// A field that is none of these.
    #[error("unrecognized storage directive {0:?}: expected [POOL,][COUNT,][SIZE]")]
    Unknown(String),
    /// A second pool, count or size.
    #[error("storage directive has more than one {0}")]
    Twice(&'static str),
    /// Nothing was said.
    #[error("storage directive is empty: expected [POOL,][COUNT,][SIZE]")]
    Empty,
}

impl FromStr for StoragePool {
    type Err = InvalidDirective;
    fn from_str(text: &str) -> Result<Self, InvalidDirective> {
        let found = Self::ALL.into_iter().find(|pool| pool.as_str() == text);
        found.ok_or_else(|| InvalidDirective::Pool(text.to_owned()))
    }
}

/// How an application's units come by a storage: `[POOL,][COUNT,][SIZE]` (Juju 3.6: storage directives).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageDirective {
    /// From which pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<StoragePool>,
    /// How many each unit gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// How large each is said to be, in MiB. No folder is kept from growing beyond it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_mib: Option<u64>,
}

impl FromStr for StorageDirective {
    type Err = InvalidDirective;
    fn from_str(text: &str) -> Result<Self, InvalidDirective> {
        let mut directive = Self::default();
        for field in text.split(',').map(str::trim).filter(|field| !field.is_empty()) {
            let number = field.strip_prefix('-').unwrap_or(field);
            let first = number.bytes().next().unwrap_or_default();
            if first.is_ascii_alphabetic() {
                if directive.pool.replace(field.parse()?).is_some() {
                    return Err(InvalidDirective::Twice("pool"));
                }
            } else if !first.is_ascii_digit() {
                return Err(InvalidDirective::Unknown(field.to_owned()));
            } else if number.bytes().all(|byte| byte.is_ascii_digit()) {
                let count = field.parse().ok().filter(|count| *count > 0);
                let count = count.ok_or_else(|| InvalidDirective::Count(field.to_owned()))?;
                if directive.count.replace(count).is_some() {
                    return Err(InvalidDirective::Twice("count"));
                }
            } else {
                let size = size(field).ok_or_else(|| InvalidDirective::Size(field.to_owned()))?;
                if directive.size_mib.replace(size).is_some() {
                    return Err(InvalidDirective::Twice("size"));
                }
            }
        }
        if directive == Self::default() { Err(InvalidDirective::Empty) } else { Ok(directive) }
    }
}

impl fmt::Display for StorageDirective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = [
            self.pool.map(|pool| pool.to_string()),
            self.count.map(|count| count.to_string()),
            self.size_mib.map(|size| format!("{size}M")),
        ];
        f.write_str(&fields.into_iter().flatten().collect::<Vec<_>>().join(","))
    }
}

/// `10G`, `1.5TiB`: MiB, rounded up (Juju 3.6: `utils.ParseSize`). None where it is no size or too large to count.
fn size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.strip_suffix("iB").or_else(|| unit.strip_suffix('B')).unwrap_or(unit) {
        "M" => 1,
        "G" => 1 << 10,
        "T" => 1 << 20,
        "P" => 1 << 30,
        "E" => 1 << 40,
        _ => return None,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let (whole, thousandths): (u64, u64) =
        (whole.parse().ok()?, format!("{part:0<3}").get(..3)?.parse().ok()?);
    if part.is_empty() || part.bytes().any(|byte| !byte.is_ascii_digit()) {
        return None;
    }
    // In thousandths of a MiB, so that 1.5G is what it says.
    let mib = whole.checked_mul(1000)?.checked_add(thousandths)?.checked_mul(factor)?.div_ceil(1000);
    (mib > 0).then_some(mib)
}

/// What becomes of storages when what they belong to is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorageFate {
    /// Their data is deleted: `--destroy-storage`.
    Destroy,
    /// The model forgets them, and their data is put aside: `--release-storage`, `remove-storage --no-destroy`.
    Release,
}

/// One storage: a folder, whatever `location` the charm's metadata asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageInstance {
    /// Its name and number.
    pub id: StorageId,
    /// Which unit has it; None: it is detached.
    #[serde(default)]
    pub owner: Option<UnitName>,
    /// Alive; dying: it goes when its unit lets go of it; dead: released, until its data is put aside.
    #[serde(default)]
    pub life: Life,
    /// What becomes of it then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fate: Option<StorageFate>,
    /// Somebody asked the unit to let go of it.
    #[serde(default)]
    pub detaching: bool,
    /// Where it comes from.
    #[serde(default)]
    pub pool: StoragePool,
    /// How large it was asked to be, in MiB.
    #[serde(default = "default_size")]
    pub size_mib: u64,
    /// When it was last attached or detached; None: it is older than this record's field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

fn default_size() -> u64 {
    DEFAULT_SIZE
}

impl StorageInstance {
    /// A storage of `owner`'s, from the default pool.
    pub fn new(id: StorageId, owner: UnitName) -> Self {
        Self {
            id,
            owner: Some(owner),
            life: Life::Alive,
            fate: None,
            detaching: false,
            pool: StoragePool::default(),
            size_mib: DEFAULT_SIZE,
            since: None,
        }
    }

    /// Whether it stays when its unit is removed: its pool's storages do, and so does one that is being detached.
    pub fn outlives_unit(&self) -> bool {
        self.life == Life::Alive && (self.detaching || self.owner.is_none() || self.pool.outlives_units())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directive_is_read_in_any_order_and_written_in_one() {
        for (text, written) in [
            ("lxd", "lxd"),
            ("3", "3"),
            ("1.5G", "1536M"),
            ("10G,rootfs,2", "rootfs,2,10240M"),
            ("lxd-btrfs,1TiB", "lxd-btrfs,1048576M"),
            ("loop,1M,", "loop,1M"),
        ] {
            assert_eq!(text.parse::<StorageDirective>().unwrap().to_string(), written);
        }
    }

    #[test]
    fn what_is_no_directive_says_what_is_wrong_with_it() {
        for (text, why) in [
            ("", "storage directive is empty"),
            (",,", "storage directive is empty"),
            ("ebs,1G", "pool \"ebs\" not found"),
            ("0", "cannot parse count"),
            ("-1", "cannot parse count"),
            ("99999999999", "cannot parse count"),
            ("-1G", "cannot parse size"),
            ("1K", "cannot parse size"),
            ("1.G", "cannot parse size"),
            ("0M", "cannot parse size"),
            ("0.0001M", "cannot parse size"),
            ("1.é2G", "cannot parse size"),
            ("99999999999999999999E", "cannot parse size"),
            ("18446744073709551615E", "cannot parse size"),
            ("../x", "unrecognized storage directive"),
            ("lxd,rootfs", "more than one pool"),
            ("1,2", "more than one count"),
            ("1G,2G", "more than one size"),
        ] {
            let error = text.parse::<StorageDirective>().unwrap_err().to_string();
            assert!(error.contains(why), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_record_of_an_older_version_is_an_attached_storage_that_goes_with_its_unit() {
        let old = r#"{"id": "data/0", "owner": "app/0"}"#;
        let read: StorageInstance = serde_json::from_str(old).unwrap();
        assert_eq!(read, StorageInstance::new("data/0".parse().unwrap(), "app/0".parse().unwrap()));
        assert!(!read.outlives_unit());
    }
}
