//! Charms written in Rust: a folder with a `Cargo.toml`, whose one program becomes the charm's `dispatch`.
//!
//! Juju runs `dispatch` whatever it is made of (Juju 3.6: charm directory), so the program itself takes that place and no
//! shell stands in between. A charm that brings a `dispatch` of its own gets the program as `bin/NAME`, which is where
//! charmcraft's plugin `rust` puts it.

mod cargo;
mod linkage;

use std::path::Path;

use crate::parts::{Parts, RustPart};
use crate::tree::{copy_file, create_dir, remove_any, resolve_inside};
use crate::{BuildError, BuildOptions, Progress, links};

/// What of a Rust crate's folder no running charm needs, beside what no charm needs.
pub const SOURCES: [&str; 14] = [
    "/src",
    "/target",
    "/tests",
    "/benches",
    "/examples",
    "/build.rs",
    "/Cargo.toml",
    "/Cargo.lock",
    "/.cargo",
    "/.gitignore",
    "/rustfmt.toml",
    "/clippy.toml",
    "/rust-toolchain",
    "/rust-toolchain.toml",
];

/// A charm whose program cargo builds.
#[derive(Debug)]
pub struct Crate {
    part: RustPart,
    /// Whether it is nothing else: a Python charm may have a program in Rust besides.
    pub only: bool,
}

/// What a build of a program gave.
#[derive(Debug)]
pub struct Built {
    /// What the user should know.
    pub warnings: Vec<String>,
    /// The processor that the program is for, in Rust's word.
    pub arch: String,
}

impl Crate {
    /// The Rust program of a charm's folder, if it has one: a part of charmcraft's plugin `rust` says so, or a `Cargo.toml` in
    /// a folder that no part and no entry point makes a Python charm.
    pub fn of(folder: &Path, parts: &Parts) -> Option<Self> {
        let python = parts.python_is_named || folder.join("src/charm.py").is_file();
        match &parts.rust {
            Some(part) => Some(Self { part: part.clone(), only: !python }),
            None => (!python && folder.join("Cargo.toml").is_file())
                .then(|| Self { part: RustPart::default(), only: true }),
        }
    }

    /// Builds the program and puts it into the tree.
    ///
    /// # Errors
    /// No cargo, a crate with no program or several, or a program that does not compile.
    pub fn build(
        &self,
        name: &str,
        folder: &Path,
        tree: &Path,
        options: &BuildOptions,
        progress: &dyn Progress,
    ) -> Result<Built, BuildError> {
        let manifest = folder
            .join(self.part.source.as_deref().unwrap_or("."))
            .join(self.part.path.as_deref().unwrap_or("."))
            .join("Cargo.toml");
        if !manifest.is_file() {
            return Err(BuildError::invalid(
                &manifest,
                "there is no such file, and charmcraft.yaml has a part of the plugin `rust`: its `source` or `rust-path` is wrong",
            ));
        }
        let cargo = cargo::Cargo::find(name)?;
        let package = cargo.package(&manifest)?;
        let linkage =
            linkage::choose(&cargo, &package, manifest.parent().unwrap_or(folder), &options.cargo_profile);
        progress.step(&format!("building {name} with cargo ({})", linkage.words()));
        let (program, mut warnings) = cargo.build(name, &package, &self.part, &linkage, options, progress)?;
        warnings.extend(linkage.warnings());
        let place = self.place(folder, tree, &package.program)?;
        let Some(place) = links::place(tree, Path::new(&place)) else {
            return Err(BuildError::invalid(
                &folder.join("charmcraft.yaml"),
                format!("`organize` puts the program at {place}, outside the charm"),
            ));
        };
        if let Some(parent) = place.parent() {
            create_dir(parent)?;
        }
        remove_any(&place)?;
        copy_file(&program, &place, true)?;
        Ok(Built { warnings, arch: linkage.arch().to_owned() })
    }

    /// Where in the charm the program goes.
    fn place(&self, folder: &Path, tree: &Path, program: &str) -> Result<String, BuildError> {
        let usual = format!("bin/{program}");
        let organized = self.part.organize.iter().find(|(from, _)| *from == usual);
        if let Some((_, to)) = organized {
            let to = if to.ends_with('/') { format!("{to}{program}") } else { to.clone() };
            return match resolve_inside(Path::new("x"), Path::new(&to)) {
                Some(_) => Ok(to),
                None => Err(BuildError::invalid(
                    &folder.join("charmcraft.yaml"),
                    format!("`organize` puts {usual} at {to}, outside the charm"),
                )),
            };
        }
        let has_entry = tree.join("dispatch").is_file() || !self.only;
        Ok(if has_entry { usual } else { "dispatch".to_owned() })
    }
}
