//! What a `charmcraft.yaml` says about building: the charm's bases, and its parts as far as they bring files.
//!
//! Charmcraft builds a charm from *parts*. The plugins `charm`, `uv`, `poetry` and `python` install the charm's code
//! and its packages, `rust` builds a program, `dump` copies files, `nil` does nothing. A part can also run a shell script, which we do not: what
//! would be missing from the charm is said in a warning.

use periapt_model::charm::{Parsed, Part};

/// The plugin that installs a charm's Python packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PythonPlugin {
    /// `requirements.txt`, packages by name, `PYDEPS` of the charm libraries; packages lie flat in `venv/`.
    Charm,
    /// `uv.lock`.
    Uv,
    /// `poetry.lock`.
    Poetry,
    /// Requirements, constraints and packages by name.
    Python,
}

/// What the Python parts say, together.
#[derive(Debug, Clone, Default)]
pub struct PythonParts {
    /// The plugin, if any part has one of them.
    pub plugin: Option<PythonPlugin>,
    /// `charm-entrypoint`, relative to the charm.
    pub entrypoint: Option<String>,
    /// Requirement files, relative to the charm.
    pub requirements: Vec<String>,
    /// Constraint files, relative to the charm.
    pub constraints: Vec<String>,
    /// Packages by name.
    pub packages: Vec<String>,
    /// Extras of the charm's own project.
    pub extras: Vec<String>,
    /// Dependency groups besides the main one.
    pub groups: Vec<String>,
    /// Debian packages that the part needs to compile what it installs: told to a user whose build fails.
    pub build_packages: Vec<String>,
}

/// A part that builds a program in Rust.
#[derive(Debug, Clone, Default)]
pub struct RustPart {
    /// The folder of its source, relative to the charm.
    pub source: Option<String>,
    /// `rust-path`: the package's folder in the source.
    pub path: Option<String>,
    /// `rust-features`.
    pub features: Vec<String>,
    /// `rust-no-default-features`.
    pub no_default_features: bool,
    /// Renames: charmcraft installs the program as `bin/NAME`.
    pub organize: Vec<(String, String)>,
}

/// A part that copies files.
#[derive(Debug, Clone)]
pub struct Dump {
    /// The part's name.
    pub part: String,
    /// Where from: relative to the charm, or absolute.
    pub source: String,
    /// Renames: from a pattern to a path.
    pub organize: Vec<(String, String)>,
    /// Filters; each list includes patterns, or excludes them with a leading `-`.
    pub filters: Vec<Vec<String>>,
}

/// What a `charmcraft.yaml` says about building.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    /// `("ubuntu", "22.04")`, …, each once.
    pub bases: Vec<(String, String)>,
    /// The Python parts.
    pub python: PythonParts,
    /// Whether a part names a plugin for Python; without parts that is only taken for granted.
    pub python_is_named: bool,
    /// The part of a program in Rust.
    pub rust: Option<RustPart>,
    /// The copying parts.
    pub dumps: Vec<Dump>,
    /// What is not honoured.
    pub warnings: Vec<String>,
}

impl Parts {
    /// Takes from a charm's files what decides how it is built. `has_charmcraft` says whether there is a `charmcraft.yaml`:
    /// one without parts means a single part of the plugin `charm`.
    #[must_use]
    pub fn of(parsed: &Parsed, has_charmcraft: bool) -> Self {
        let mut parts = Self::default();
        for base in &parsed.meta.bases {
            let channel = base.channel.split('/').next().unwrap_or(&base.channel).to_owned();
            let base = (base.name.clone(), channel);
            if !parts.bases.contains(&base) {
                parts.bases.push(base);
            }
        }
        for part in &parsed.parts {
            parts.read_part(part);
        }
        if has_charmcraft && parsed.parts.is_empty() {
            parts.python.plugin = Some(PythonPlugin::Charm);
        }
        parts
    }

    fn read_part(&mut self, part: &Part) {
        let name = part.name.as_str();
        match part.plugin.as_str() {
            "charm" => self.read_python(PythonPlugin::Charm, part),
            "uv" => self.read_python(PythonPlugin::Uv, part),
            "poetry" => self.read_python(PythonPlugin::Poetry, part),
            "python" => self.read_python(PythonPlugin::Python, part),
            "dump" => match part.source.as_deref() {
                Some(source) if source.contains("://") || source.contains('$') => {
                    self.warn(name, &format!("`source: {source}` is not fetched: what it brings is missing"));
                }
                source => self.dumps.push(Dump {
                    part: name.to_owned(),
                    source: source.unwrap_or(".").to_owned(),
                    organize: organize(part),
                    filters: ["stage", "prime"].iter().map(|key| texts(part, key)).filter(|list| !list.is_empty()).collect(),
                }),
            },
            "rust" => self.read_rust(part),
            "nil" => {}
            "reactive" => self.warn(name, "charms.reactive charms are not built from source yet: pack it with charmcraft and give the .charm file"),
            other => self.warn(name, &format!("the plugin `{other}` is not run: what it builds is missing")),
        }
        for key in ["override-pull", "override-build", "override-stage", "override-prime"] {
            if let Some(step) = part.text(key).and_then(unusual_step) {
                self.warn(name, &format!("its `{key}` is not run (`{step}` …): what it makes is missing"));
            }
        }
        let snaps: Vec<&str> = part
            .texts("build-snaps")
            .into_iter()
            .map(|snap| snap.split('/').next().unwrap_or(snap))
            .filter(|snap| !matches!(*snap, "astral-uv" | "rustup" | "charm" | "poetry"))
            .collect();
        if !snaps.is_empty() {
            self.warn(name, &format!("its build snaps ({}) are not installed", snaps.join(", ")));
        }
        for key in ["stage-packages", "stage-snaps"] {
            let packages = part.texts(key);
            if !packages.is_empty() {
                self.warn(
                    name,
                    &format!(
                        "its {key} ({}) are not unpacked into the charm: install them on this machine if the charm needs them",
                        packages.join(", ")
                    ),
                );
            }
        }
    }

    fn read_rust(&mut self, part: &Part) {
        if self.rust.is_some() {
            return self
                .warn(&part.name, "there is another part of the plugin `rust`: only the first is built");
        }
        let source = part.source.clone().filter(|source| {
            let remote = source.contains("://");
            if remote {
                self.warn(
                    &part.name,
                    &format!("`source: {source}` is not fetched: the charm's own folder is built"),
                );
            }
            !remote
        });
        let paths = texts(part, "rust-path");
        if paths.len() > 1 {
            self.warn(&part.name, "`rust-path` names several packages: only the first is built");
        }
        self.rust = Some(RustPart {
            source,
            path: paths.into_iter().next(),
            features: texts(part, "rust-features"),
            no_default_features: part.flag("rust-no-default-features"),
            organize: organize(part),
        });
    }

    fn read_python(&mut self, plugin: PythonPlugin, part: &Part) {
        let prefix = part.plugin.as_str();
        let list = |key: &str| texts(part, &format!("{prefix}-{key}"));
        let python = &mut self.python;
        python.plugin.get_or_insert(plugin);
        self.python_is_named = true;
        if let Some(entrypoint) = part.text("charm-entrypoint") {
            python.entrypoint = Some(entrypoint.trim_start_matches("./").to_owned());
        }
        python.requirements.extend(list("requirements"));
        python.constraints.extend(list("constraints"));
        python.packages.extend(list("binary-python-packages"));
        python.packages.extend(list(if plugin == PythonPlugin::Charm {
            "python-packages"
        } else {
            "packages"
        }));
        python.extras.extend(list("extras"));
        python.groups.extend(list("groups"));
        python.groups.extend(list("with"));
        // `['--only', 'main,charm-libs']` or `['--with=a,b']`
        let mut arguments = list("export-extra-args").into_iter();
        while let Some(argument) = arguments.next() {
            let (flag, mut value) = match argument.split_once('=') {
                Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
                None => (argument, None),
            };
            if matches!(flag.as_str(), "--only" | "--with" | "--extras" | "-E") {
                value = value.or_else(|| arguments.next());
            }
            let values = value.iter().flat_map(|value| value.split(',')).map(|value| value.trim().to_owned());
            match flag.as_str() {
                "--only" | "--with" => python.groups.extend(values.filter(|group| group != "main")),
                "--extras" | "-E" => python.extras.extend(values),
                _ => {}
            }
        }
        python.build_packages.extend(texts(part, "build-packages"));
    }

    fn warn(&mut self, part: &str, problem: &str) {
        self.warnings.push(format!("charmcraft.yaml, part `{part}`: {problem}"));
    }
}

fn organize(part: &Part) -> Vec<(String, String)> {
    part.pairs("organize").into_iter().map(|(from, to)| (from.to_owned(), to.to_owned())).collect()
}

fn texts(part: &Part, key: &str) -> Vec<String> {
    part.texts(key).into_iter().map(str::to_owned).collect()
}

/// The first line of a build script that does more than what we do ourselves: copying, locked packages, a version file, and
/// bringing the tools for that.
fn unusual_step(script: &str) -> Option<String> {
    const USUAL: [&str; 19] = [
        "craftctl default",
        "charmcraftctl default",
        "snapcraftctl build",
        "rustup ",
        "apt-get ",
        "apt ",
        "snap install ",
        "git describe",
        "set -",
        "export ",
        "python3 -m pip install",
        "pip install",
        "\"$HOME/.local/bin/uv\"",
        "ln -sf \"$HOME/.local/bin/",
        "cp requirements.txt ",
        "if ",
        "then",
        "else",
        "fi",
    ];
    let usual = |line: &str| {
        let command = without_assignments(line);
        USUAL.iter().any(|usual| command.starts_with(usual)) || line.contains("/uv-installer.sh")
    };
    script
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#') && !usual(line))
        .map(str::to_owned)
}

/// A command without the variables that are set for it alone: `A=1 B=2 pip install x` is `pip install x`.
fn without_assignments(line: &str) -> &str {
    let mut rest = line;
    while let Some((word, after)) = rest.split_once(' ')
        && word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())
        })
    {
        rest = after.trim_start();
    }
    rest
}

#[cfg(test)]
mod tests {
    use periapt_model::charm::{CharmFiles, SourceText, parse};

    use super::*;

    fn read(charmcraft: &str) -> Parts {
        let text = format!("name: demo\nsummary: s\ndescription: d\ntype: charm\n{charmcraft}");
        let files = CharmFiles {
            charmcraft: Some(SourceText::new("charmcraft.yaml", text)),
            ..CharmFiles::default()
        };
        Parts::of(&parse(&files).unwrap(), true)
    }

    #[test]
    fn bases_in_every_spelling() {
        let pair = |name: &str, channel: &str| (name.to_owned(), channel.to_owned());
        assert_eq!(
            read("base: ubuntu@24.04\nplatforms: {amd64: , arm64: }\n").bases,
            [pair("ubuntu", "24.04")]
        );
        assert_eq!(
            read("platforms:\n  ubuntu@22.04:amd64:\n  ubuntu@24.04:amd64:\n  jammy: {build-on: [ubuntu@22.04:arm64], build-for: [ubuntu@22.04:arm64]}\n").bases,
            [pair("ubuntu", "22.04"), pair("ubuntu", "24.04")]
        );
        assert_eq!(read("bases: [{name: ubuntu, channel: 22.04}]\n").bases, [pair("ubuntu", "22.04")]);
        let long = "bases:\n- build-on: [{name: ubuntu, channel: '24.04'}]\n  run-on: [{name: ubuntu, channel: '20.04'}]\n";
        assert_eq!(read(long).bases, [pair("ubuntu", "20.04")]);
    }

    #[test]
    fn parts_that_bring_files_and_those_that_do_not() {
        let parts = read(
            r#"
parts:
  charm:
    source: .
    plugin: poetry
    poetry-export-extra-args: ['--only', 'main,charm-libs']
    build-packages: [libpq-dev]
    build-snaps: [astral-uv, go/1.22/stable]
    override-build: |
      # comment
      rustup default stable
      craftctl default
      cp made.txt "$CRAFT_PART_INSTALL"
  files: {plugin: dump, source: ., organize: {a: b}, prime: [templates, -x]}
  tool: {plugin: dump, source: "https://example.org/tool"}
  rust: {plugin: rust, source: prog, rust-path: [a, b], rust-features: [x], organize: {bin/a: dispatch}}
  go: {plugin: go, source: .}
  nothing: {plugin: nil}
"#,
        );
        assert_eq!(parts.python.plugin, Some(PythonPlugin::Poetry));
        assert_eq!(parts.python.groups, ["charm-libs"]);
        assert_eq!(parts.python.build_packages, ["libpq-dev"]);
        assert_eq!(parts.dumps.len(), 1);
        assert_eq!(parts.dumps[0].organize, [("a".to_owned(), "b".to_owned())]);
        let warnings = parts.warnings.join("\n");
        for text in ["`cp made.txt", "(go)", "https://example.org/tool", "`rust-path`", "the plugin `go`"] {
            assert!(warnings.contains(text), "{text} in {warnings}");
        }
        assert_eq!(parts.warnings.len(), 5, "{warnings}");
        let rust = parts.rust.unwrap();
        assert_eq!((rust.source.as_deref(), rust.path.as_deref()), (Some("prog"), Some("a")));
        assert_eq!((rust.features.len(), rust.organize.len()), (1, 1));
    }

    #[test]
    fn without_parts_it_is_the_charm_plugin() {
        assert_eq!(read("").python.plugin, Some(PythonPlugin::Charm));
        assert_eq!(read("parts: {charm: {plugin: dump, source: .}}\n").python.plugin, None);
    }

    #[test]
    fn harmless_build_scripts_are_not_warned_of() {
        assert!(read("parts: {charm: {plugin: uv, override-build: \"craftctl default\\ngit describe --always > $X/version\\n\"}}\n").warnings.is_empty());
    }

    #[test]
    fn a_script_that_brings_poetry_makes_nothing_that_is_missing() {
        let bring = "parts:
  poetry-deps:
    plugin: nil
    override-build: |
      # Newer versions refuse.
      PIP_BREAK_SYSTEM_PACKAGES=true python3 -m pip install --user --upgrade pip==25.3
      curl --proto '=https' -LsSf https://example.org/releases/uv-installer.sh | sh
      if ! \"$HOME/.local/bin/uv\" python find '>=3.9'
      then
        \"$HOME/.local/bin/uv\" python install 3.10
      fi
      ln -sf \"$HOME/.local/bin/poetry\" /usr/local/bin/poetry
  charm-poetry:
    plugin: poetry
    override-build: |
      craftctl default
      cp requirements.txt \"$CRAFT_PART_INSTALL/requirements.txt\"
";
        assert!(read(bring).warnings.is_empty());
        let makes = "parts: {a: {plugin: nil, override-build: \"if true; then\\nA=1 make all\\nfi\\n\"}}\n";
        assert!(read(makes).warnings[0].contains("(`A=1 make all` …)"), "{:?}", read(makes).warnings);
    }
}
