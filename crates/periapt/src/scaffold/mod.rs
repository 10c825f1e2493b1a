//! The files of a new charm. Pure: names in, texts out.

mod name;

use std::path::Path;

use clap::ValueEnum;
use serde::Serialize;

pub use name::CharmName;

/// What a charm is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// With the library periapt-charm
    Rust,
    /// With the framework ops
    Python,
}

/// Where a charm runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// On machines
    Machine,
    /// Beside workload containers
    Kubernetes,
}

/// Which library a charm in Rust is built with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sdk {
    /// The one in this folder.
    Path(String),
    /// A published version.
    Version(String),
}

/// Where the library's source was when this program was built: beside it, for who builds Periapt from source.
const BESIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../periapt-charm");

impl Sdk {
    /// The library beside this program's own source, if that is there, else the version that goes with it.
    pub fn usual() -> Self {
        Self::at(Path::new(BESIDE)).unwrap_or_else(|| Self::Version(env!("CARGO_PKG_VERSION").to_owned()))
    }

    /// The library in a folder; none if it is not there.
    pub fn at(folder: &Path) -> Option<Self> {
        let folder = folder.canonicalize().ok()?;
        folder.join("Cargo.toml").is_file().then(|| Self::Path(folder.display().to_string()))
    }

    fn entry(&self) -> String {
        // A basic string of TOML has the escapes of JSON.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        match self {
            Self::Path(path) => format!("path = {}", quoted(path)),
            Self::Version(version) => format!("version = {}", quoted(version)),
        }
    }
}

/// One file of a new charm.
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    /// Relative to the charm's folder.
    pub path: &'static str,
    /// What is in it.
    pub text: String,
    /// Whether it may be run.
    pub executable: bool,
}

macro_rules! template {
    ($name:literal) => {
        include_str!(concat!("templates/", $name, ".in"))
    };
}

/// All files of a new charm.
pub fn files(name: &CharmName, language: Language, kind: Kind, sdk: &Sdk) -> Vec<File> {
    let containers = match kind {
        Kind::Machine => "",
        Kind::Kubernetes => template!("containers.yaml"),
    };
    let (parts, events) = match (language, kind) {
        (Language::Rust, Kind::Machine) => {
            (template!("rust/parts.yaml"), "(start(), config_changed(), GREETING.created())")
        }
        (Language::Rust, Kind::Kubernetes) => (
            template!("rust/parts.yaml"),
            "(WORKLOAD.pebble_ready(), start(), config_changed(), GREETING.created())",
        ),
        (Language::Python, Kind::Machine) => (
            template!("python/parts.yaml"),
            "(self.on.start, self.on.config_changed, self.on.greeting_relation_created)",
        ),
        (Language::Python, Kind::Kubernetes) => (
            template!("python/parts.yaml"),
            "(self.on.workload_pebble_ready, self.on.config_changed, self.on.greeting_relation_created)",
        ),
    };
    let fill = |template: &str| {
        template
            .replace("{{parts}}\n", parts)
            .replace("{{containers}}", containers)
            .replace("{{events}}", events)
            .replace("{{sdk}}", &sdk.entry())
            .replace("{{title}}", &name.title())
            .replace("{{type}}", &name.camel())
            .replace("{{name}}", name.as_str())
    };
    let file = |path, template: &str| File { path, text: fill(template), executable: false };
    match language {
        Language::Rust => vec![
            file(".gitignore", template!("rust/gitignore")),
            file("Cargo.toml", template!("rust/Cargo.toml")),
            file("README.md", template!("rust/README.md")),
            file("charmcraft.yaml", template!("charmcraft.yaml")),
            file("src/main.rs", template!("rust/main.rs")),
        ],
        Language::Python => vec![
            file(".gitignore", template!("python/gitignore")),
            file("README.md", template!("python/README.md")),
            file("charmcraft.yaml", template!("charmcraft.yaml")),
            file("requirements.txt", template!("python/requirements.txt")),
            File { executable: true, ..file("src/charm.py", template!("python/charm.py")) },
            file("tests/conftest.py", template!("python/conftest.py")),
            file("tests/requirements.txt", template!("python/test-requirements.txt")),
            file("tests/test_charm.py", template!("python/test_charm.py")),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use periapt_model::charm::{CharmFiles, SourceText, parse};

    fn all() -> Vec<(Language, Kind, Vec<File>)> {
        let name: CharmName = "my-api".parse().unwrap();
        let sdk = Sdk::Version("0.1.0".to_owned());
        let kinds = [Kind::Machine, Kind::Kubernetes];
        let both = [Language::Rust, Language::Python].map(|language| kinds.map(|kind| (language, kind)));
        let made = both.into_iter().flatten();
        made.map(|(language, kind)| (language, kind, files(&name, language, kind, &sdk))).collect()
    }

    #[test]
    fn nothing_is_left_to_be_filled_in() {
        for (language, kind, files) in all() {
            for file in files {
                assert!(!file.text.contains("{{"), "{language:?} {kind:?} {}", file.path);
                assert!(file.text.ends_with('\n') && !file.text.ends_with("\n\n"), "{}", file.path);
            }
        }
    }

    #[test]
    fn the_metadata_is_right_and_names_its_kind() {
        for (_, kind, files) in all() {
            let file = files.into_iter().find(|file| file.path == "charmcraft.yaml").unwrap();
            let source = SourceText::new("charmcraft.yaml", file.text);
            let parsed = parse(&CharmFiles { charmcraft: Some(source), ..CharmFiles::default() }).unwrap();
            assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
            assert_eq!(parsed.meta.name.as_str(), "my-api");
            assert_eq!(parsed.meta.containers.is_empty(), kind == Kind::Machine);
            assert_eq!(parsed.meta.actions.len() + parsed.meta.config.len() + parsed.meta.endpoints.len(), 3);
        }
    }

    #[test]
    fn the_library_is_the_one_that_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Sdk::at(folder.path()), None);
        std::fs::write(folder.path().join("Cargo.toml"), "").unwrap();
        let name = "x".parse().unwrap();
        let files = files(&name, Language::Rust, Kind::Machine, &Sdk::at(folder.path()).unwrap());
        let manifest = files.into_iter().find(|file| file.path == "Cargo.toml").unwrap().text;
        let path = folder.path().canonicalize().unwrap();
        assert!(
            manifest.contains(&format!("periapt-charm = {{ path = \"{}\" }}", path.display())),
            "{manifest}"
        );
    }
}
