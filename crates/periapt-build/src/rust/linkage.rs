//! For which target a charm's program is built, and how it is linked.
//!
//! A charm runs on machines with other systems than this one, so its program should bring its C library along: with musl
//! where that target and a C compiler for it are installed, else with glibc's archives. Otherwise the program needs the C
//! library of the machine that it runs on, which must not be older than this one's.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use super::cargo::{Cargo, Package};
use crate::command::find;

/// How a program is built.
#[derive(Debug, PartialEq, Eq)]
pub enum Linkage {
    /// For a target that somebody has chosen, as that target links by default.
    Chosen(String),
    /// Static, for a musl target.
    Musl(String),
    /// Static, for this machine's own target.
    Glibc(String),
    /// For this machine's own target, with the system's C library. `wanted` says that static was tried.
    Dynamic {
        /// The target.
        target: String,
        /// Whether the user would have wanted another.
        wanted: bool,
    },
}

/// The profile of a charm that is to be run elsewhere too. Others are for trying out.
pub const RELEASE: &str = "release";

/// Chooses.
pub fn choose(cargo: &Cargo, package: &Package, folder: &Path, profile: &str) -> Linkage {
    let host = cargo.host(folder);
    let asked = package.target.clone().or_else(|| env::var("CARGO_BUILD_TARGET").ok());
    if let Some(target) = asked.filter(|target| !target.is_empty()) {
        return Linkage::Chosen(target);
    }
    if profile != RELEASE || package.is_static == Some(false) {
        return Linkage::Dynamic { target: host, wanted: false };
    }
    let musl = host.replace("-gnu", "-musl");
    if musl.ends_with("-musl") && cargo.has_target(&musl, folder) && has_musl_compiler(&musl) {
        return Linkage::Musl(musl);
    }
    if host.ends_with("-linux-gnu") && has_static_libc() {
        return Linkage::Glibc(host);
    }
    Linkage::Dynamic { target: host, wanted: true }
}

/// Crates with C in them, such as SQLite's, need a C compiler for musl (the crate `cc` looks for these).
fn has_musl_compiler(target: &str) -> bool {
    let named = [format!("CC_{target}"), format!("CC_{}", target.replace('-', "_"))];
    if named.iter().any(|name| env::var_os(name).is_some()) || cfg!(target_env = "musl") {
        return true;
    }
    let arch = target.split('-').next().unwrap_or_default();
    find("musl-gcc").is_some() || find(&format!("{arch}-linux-musl-gcc")).is_some()
}

/// Whether the C compiler has glibc's archive: it then prints its path, and else the bare name.
fn has_static_libc() -> bool {
    let asked = Command::new("cc").arg("-print-file-name=libc.a").stdin(Stdio::null()).output();
    asked.is_ok_and(|output| {
        Path::new(String::from_utf8_lossy(&output.stdout).trim()).components().count() > 1
    })
}

impl Linkage {
    fn target(&self) -> &str {
        match self {
            Self::Chosen(target) | Self::Musl(target) | Self::Glibc(target) => target,
            Self::Dynamic { target, .. } => target,
        }
    }

    /// What the user sees of it.
    pub fn words(&self) -> String {
        match self {
            Self::Chosen(target) => format!("for {target}"),
            Self::Musl(target) | Self::Glibc(target) => format!("static, for {target}"),
            Self::Dynamic { target, .. } => format!("for {target}"),
        }
    }

    /// Arguments of `cargo build`.
    pub fn arguments(&self) -> Vec<String> {
        match self {
            Self::Chosen(target) | Self::Musl(target) => vec![format!("--target={target}")],
            // With a target named, build scripts and macros are compiled without these flags, which they do not bear.
            Self::Glibc(target) => {
                let flags = format!("target.{target}.rustflags=[\"-C\",\"target-feature=+crt-static\"]");
                vec![format!("--target={target}"), "--config".to_owned(), flags]
            }
            // Without a target, what the author's own `cargo build` and `cargo test` have compiled is used again.
            Self::Dynamic { .. } => Vec::new(),
        }
    }

    /// `RUSTFLAGS` overrides what the arguments say, so it has to say the same.
    pub fn rustflags(&self, set: Option<String>) -> Option<String> {
        let set = set.filter(|flags| !flags.trim().is_empty())?;
        matches!(self, Self::Glibc(_)).then(|| format!("{set} -C target-feature=+crt-static"))
    }

    /// The processor.
    pub fn arch(&self) -> &str {
        self.target().split('-').next().unwrap_or_default()
    }

    /// What the user should know.
    pub fn warnings(&self) -> Vec<String> {
        match self {
            Self::Dynamic { target, wanted: true } => vec![format!(
                "the charm's program is linked with this machine's C library, so it runs only where that is as new: to make it static, install a C compiler for musl (musl-tools) and run `rustup target add {}`",
                target.replace("-gnu", "-musl")
            )],
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_are_set_already_are_kept() {
        let glibc = Linkage::Glibc("x86_64-unknown-linux-gnu".into());
        assert_eq!(glibc.rustflags(None), None);
        assert_eq!(glibc.rustflags(Some(" ".into())), None);
        let both = glibc.rustflags(Some("-C debuginfo=0".into()));
        assert_eq!(both.as_deref(), Some("-C debuginfo=0 -C target-feature=+crt-static"));
        let musl = Linkage::Musl("aarch64-unknown-linux-musl".into());
        assert_eq!((musl.rustflags(Some("-x".into())), musl.arch()), (None, "aarch64"));
        assert_eq!(musl.arguments(), ["--target=aarch64-unknown-linux-musl"]);
    }

    #[test]
    fn only_who_wanted_a_static_program_is_warned() {
        let dynamic = |wanted| Linkage::Dynamic { target: "x86_64-unknown-linux-gnu".into(), wanted };
        assert!(dynamic(false).warnings().is_empty());
        let [warning] = &dynamic(true).warnings()[..] else { panic!("one warning") };
        assert!(warning.contains("rustup target add x86_64-unknown-linux-musl"), "{warning}");
    }
}
