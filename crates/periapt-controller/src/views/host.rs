//! The machine that everything runs on, as `status` describes it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An operating system: `ubuntu` and `22.04`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BaseView {
    /// Its name.
    pub name: String,
    /// Its version.
    pub channel: String,
}

/// The machine that everything runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Its operating system.
    pub base: Option<BaseView>,
    /// In Juju's words: `arch=amd64 cores=2 mem=7966M`.
    pub hardware: String,
    /// How many processors it has.
    pub cores: usize,
    /// Its name on the network.
    pub hostname: String,
    /// Where the models have their folders; empty: not known.
    pub models: PathBuf,
}

impl Host {
    /// Reads what this machine says of itself. What cannot be read is left out.
    pub fn detect() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut hardware = format!("arch={} cores={cores}", debian_architecture(std::env::consts::ARCH));
        if let Some(mem) = total_mebibytes(&read("/proc/meminfo")) {
            hardware.push_str(&format!(" mem={mem}M"));
        }
        Self {
            base: base(&read("/etc/os-release")),
            hardware,
            cores,
            hostname: read("/proc/sys/kernel/hostname").trim().to_owned(),
            models: PathBuf::new(),
        }
    }
}

/// The name that Debian, and so Juju, has for an architecture.
pub(super) fn debian_architecture(arch: &str) -> &str {
    match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64el",
        other => other,
    }
}

fn base(os_release: &str) -> Option<BaseView> {
    let value = |key: &str| {
        os_release
            .lines()
            .find_map(|line| Some(line.strip_prefix(key)?.strip_prefix('=')?.trim_matches('"').to_owned()))
    };
    Some(BaseView { name: value("ID")?, channel: value("VERSION_ID").unwrap_or_default() })
}

fn total_mebibytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_read_from_its_own_files() {
        let base = base("PRETTY_NAME=\"Ubuntu\"\nVERSION_ID=\"24.04\"\nID=ubuntu\n").unwrap();
        assert_eq!((base.name.as_str(), base.channel.as_str()), ("ubuntu", "24.04"));
        assert_eq!(total_mebibytes("MemTotal:        8157184 kB\n"), Some(7966));
        assert_eq!(total_mebibytes(""), None);
    }
}
