//! Decides what goes into a charm's virtual environment, from the files that the charm has.

use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::interpreter::{Interpreter, Wanted, python_of_base};
use super::lock::{Pinned, Selection};
use super::pydeps;
use super::requirements::{self, Contents};
use super::version::Range;
use super::{poetry_lock, uv_lock};
use crate::parts::{Parts, PythonPlugin};
use crate::{BuildError, regular};

/// Where the list of packages comes from.
#[derive(Debug)]
enum Source {
    /// `uv.lock`.
    Uv { lock: PathBuf, text: String },
    /// `poetry.lock`.
    Poetry { lock: PathBuf, text: String },
    /// Requirements files, as absolute paths.
    Requirements { files: Vec<PathBuf>, constraints: Vec<PathBuf>, contents: Contents },
    /// The dependencies of `pyproject.toml`, not locked.
    Project { requirements: Vec<String> },
    /// Nothing but the extra packages.
    Nothing,
}

/// What goes into a charm's virtual environment.
#[derive(Debug)]
pub struct Plan {
    /// The charm's folder.
    pub folder: PathBuf,
    /// What the charm asks of its interpreter.
    pub wanted: Wanted,
    /// Packages besides those of the source: by name in `charmcraft.yaml`, or in the `PYDEPS` of charm libraries.
    pub extra: Vec<String>,
    /// Debian packages that may be needed to compile some of it.
    pub build_packages: Vec<String>,
    source: Source,
    selection: Selection,
    pyproject: Table,
}

/// One way to fill a virtual environment.
#[derive(Debug)]
pub enum Install {
    /// `uv sync` in the charm's folder; other arguments as given.
    UvSync(Vec<String>),
    /// A requirements file to write and install, complete or not.
    Listed {
        /// Its text.
        text: String,
        /// Whether it names every package that is wanted, so that nothing is to be resolved.
        complete: bool,
    },
    /// Requirements files of the charm, constraint files, and packages by name.
    Files(Vec<PathBuf>, Vec<PathBuf>, Vec<String>),
}

/// Raised whenever the same files would give a different environment than before.
const PLAN_VERSION: &str = "periapt venv 1";

impl Plan {
    /// Looks at a charm's folder. `None` if the charm has no Python packages to install and no Python entry point.
    ///
    /// # Errors
    /// Files that cannot be read or make no sense.
    pub fn read(folder: &Path, parts: &Parts, has_entrypoint: bool) -> Result<Option<Self>, BuildError> {
        let pyproject_path = folder.join("pyproject.toml");
        let pyproject = match read_optional(&pyproject_path)? {
            Some(text) => uv_lock::parse(&pyproject_path, &text)?,
            None => Table::new(),
        };
        let source = choose_source(folder, parts, &pyproject)?;
        let is_charm_plugin = matches!(parts.python.plugin, None | Some(PythonPlugin::Charm));
        let named = match &source {
            Source::Requirements { contents, .. } => contents.names.clone(),
            Source::Uv { lock, text } | Source::Poetry { lock, text } => {
                let table = uv_lock::parse(lock, text)?;
                uv_lock::tables(&table, "package")
                    .filter_map(|p| uv_lock::string(p, "name"))
                    .map(pydeps::normalize)
                    .collect()
            }
            Source::Project { requirements } => {
                requirements.iter().filter_map(|line| pydeps::package_name(line)).collect()
            }
            Source::Nothing => Default::default(),
        };
        let mut extra = parts.python.packages.clone();
        // Charmcraft's rule: what the charm itself names goes before what its libraries would have.
        extra.extend(pydeps::collect(folder).into_iter().filter(|requirement| {
            pydeps::package_name(requirement).is_none_or(|name| !named.contains(&name))
        }));
        if matches!(source, Source::Nothing) && extra.is_empty() && !has_entrypoint {
            return Ok(None);
        }
        // The `charm` plugin packs what `python -m venv` makes: pip, with which some charms install packages of their own, and
        // of old setuptools too, whose pkg_resources old libraries import.
        let has_packages = !matches!(source, Source::Nothing) || !extra.is_empty();
        let is_listed = matches!(source, Source::Requirements { .. } | Source::Nothing);
        for (name, requirement) in [("setuptools", "setuptools<81"), ("pip", "pip")] {
            if is_charm_plugin && is_listed && has_packages && !named.contains(name) {
                extra.push(requirement.to_owned());
            }
        }
        let (requires, required_by) = required_python(folder, &source, &pyproject)?;
        let bases = parts
            .bases
            .iter()
            .filter_map(|(name, channel)| Some((format!("{name}@{channel}"), python_of_base(name, channel)?)))
            .collect();
        let selection =
            Selection { extras: parts.python.extras.clone(), groups: parts.python.groups.clone() };
        Ok(Some(Self {
            folder: folder.to_owned(),
            wanted: Wanted { bases, requires, required_by },
            extra,
            build_packages: parts.python.build_packages.clone(),
            source,
            selection,
            pyproject,
        }))
    }

    /// Whether there is nothing to install.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self.source, Source::Nothing) && self.extra.is_empty()
    }

    /// What the packages are read from, for a progress line.
    #[must_use]
    pub fn origin(&self) -> String {
        let name = |path: &PathBuf| path.strip_prefix(&self.folder).unwrap_or(path).display().to_string();
        match &self.source {
            Source::Uv { lock, .. } | Source::Poetry { lock, .. } => name(lock),
            Source::Requirements { files, .. } => files.iter().map(name).collect::<Vec<_>>().join(", "),
            Source::Project { .. } => "pyproject.toml".to_owned(),
            Source::Nothing => "the charm's libraries".to_owned(),
        }
    }

    /// The key under which an environment made by this plan with this interpreter is kept: equal keys, equal packages.
    #[must_use]
    pub fn key(&self, interpreter: &Interpreter) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut add = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        add(PLAN_VERSION);
        add(&interpreter.identity());
        match &self.source {
            Source::Uv { text, .. } => {
                add("uv");
                add(text);
                // Path dependencies are looked up in it.
                add(&self.pyproject.to_string());
                add(&local_sources(&self.folder, text));
            }
            Source::Poetry { text, .. } => {
                add("poetry");
                add(text);
                add(&self.pyproject.to_string());
                add(&local_sources(&self.folder, text));
            }
            Source::Requirements { contents, constraints, files } => {
                add(&format!("requirements {} {}", files.len(), constraints.len()));
                for (_, text) in &contents.files {
                    add(text);
                    add(&local_sources(&self.folder, text));
                }
            }
            Source::Project { requirements } => {
                add("project");
                requirements.iter().for_each(|line| add(line));
            }
            Source::Nothing => add("nothing"),
        }
        for list in [&self.extra, &self.selection.extras, &self.selection.groups] {
            add(&list.len().to_string());
            list.iter().for_each(|item| add(item));
        }
        hasher.finalize().to_hex()[..32].to_owned()
    }

    /// The steps that fill the environment, in order.
    ///
    /// # Errors
    /// A lock file that contradicts itself.
    pub fn steps(&self, interpreter: &Interpreter, has_uv: bool) -> Result<Vec<Install>, BuildError> {
        let mut steps = Vec::new();
        match &self.source {
            Source::Uv { .. } if has_uv => {
                let mut arguments = Vec::new();
                for extra in &self.selection.extras {
                    arguments.extend(["--extra".to_owned(), extra.clone()]);
                }
                for group in &self.selection.groups {
                    arguments.extend(["--group".to_owned(), group.clone()]);
                }
                steps.push(Install::UvSync(arguments));
            }
            Source::Uv { lock, text } => {
                let packages = uv_lock::packages(lock, text, &self.selection, &interpreter.markers)?;
                steps.push(self.listed(&packages));
            }
            Source::Poetry { lock, text } => {
                let packages = poetry_lock::packages(
                    lock,
                    text,
                    &self.pyproject,
                    &self.selection,
                    &interpreter.markers,
                )?;
                steps.push(self.listed(&packages));
            }
            Source::Requirements { files, constraints, .. } => {
                steps.push(Install::Files(files.clone(), constraints.clone(), self.extra.clone()));
                return Ok(steps);
            }
            Source::Project { requirements } => {
                let all: Vec<&str> = requirements.iter().chain(&self.extra).map(String::as_str).collect();
                steps.push(Install::Listed { text: all.join("\n"), complete: false });
                return Ok(steps);
            }
            Source::Nothing => {}
        }
        if !self.extra.is_empty() {
            steps.push(Install::Files(Vec::new(), Vec::new(), self.extra.clone()));
        }
        Ok(steps)
    }

    fn listed(&self, packages: &[Pinned]) -> Install {
        // pip checks hashes for all packages of a file or for none.
        let with_hashes = packages.iter().all(|package| !package.hashes.is_empty());
        let lines: Vec<String> =
            packages.iter().map(|package| package.requirement(&self.folder, with_hashes)).collect();
        Install::Listed { text: lines.join("\n"), complete: true }
    }
}

fn choose_source(folder: &Path, parts: &Parts, pyproject: &Table) -> Result<Source, BuildError> {
    let python = &parts.python;
    let locked = |name: &str| -> Result<Option<(PathBuf, String)>, BuildError> {
        let lock = folder.join(name);
        Ok(read_optional(&lock)?.map(|text| (lock, text)))
    };
    let uv = || Ok::<_, BuildError>(locked("uv.lock")?.map(|(lock, text)| Source::Uv { lock, text }));
    let poetry =
        || Ok::<_, BuildError>(locked("poetry.lock")?.map(|(lock, text)| Source::Poetry { lock, text }));
    let listed = || {
        let mut files: Vec<PathBuf> = python.requirements.iter().map(|file| folder.join(file)).collect();
        if files.is_empty() {
            files.push(folder.join("requirements.txt"));
        }
        if !files.iter().all(|file| file.is_file()) {
            return Ok(None);
        }
        let constraints: Vec<PathBuf> = python.constraints.iter().map(|file| folder.join(file)).collect();
        let mut contents = Contents::default();
        for file in files.iter().chain(&constraints) {
            requirements::read(file, &mut contents)?;
        }
        Ok::<_, BuildError>(Some(Source::Requirements { files, constraints, contents }))
    };
    let mut order: Vec<&dyn Fn() -> Result<Option<Source>, BuildError>> = match python.plugin {
        Some(PythonPlugin::Poetry) => vec![&poetry],
        Some(PythonPlugin::Charm | PythonPlugin::Python) => vec![&listed],
        Some(PythonPlugin::Uv) | None => vec![&uv],
    };
    // A charm whose `requirements.txt` is exported from a lock file at build time has only the lock file.
    order.extend([&uv as &dyn Fn() -> _, &poetry, &listed]);
    for candidate in order {
        if let Some(source) = candidate()? {
            return Ok(source);
        }
    }
    if let Some(missing) = python.requirements.iter().find(|file| !folder.join(file).is_file()) {
        return Err(BuildError::invalid(
            &folder.join(missing),
            "charmcraft.yaml names this requirements file, and it does not exist (is it made by a build script? make it by hand)",
        ));
    }
    let requirements = project_requirements(pyproject);
    Ok(if requirements.is_empty() { Source::Nothing } else { Source::Project { requirements } })
}

/// The dependencies of a project that has no lock file, as requirement lines.
fn project_requirements(pyproject: &Table) -> Vec<String> {
    let project = pyproject.get("project").and_then(Value::as_table);
    let mut requirements =
        project.map(|project| uv_lock::strings(project, "dependencies")).unwrap_or_default();
    let poetry = pyproject
        .get("tool")
        .and_then(|tool| tool.get("poetry")?.get("dependencies"))
        .and_then(Value::as_table);
    for (name, value) in poetry.into_iter().flatten().filter(|(name, _)| *name != "python") {
        let constraint = match value {
            Value::String(text) => text.as_str(),
            Value::Table(table) => uv_lock::string(table, "version").unwrap_or("*"),
            _ => "*",
        };
        let extras = value.as_table().map(|table| uv_lock::strings(table, "extras")).unwrap_or_default();
        let extras = if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
        requirements.push(format!("{name}{extras}{}", poetry_to_pep_440(constraint)));
    }
    requirements
}

/// Poetry's `^1.2` as pip understands it: at least that, and below the next breaking version.
fn poetry_to_pep_440(constraint: &str) -> String {
    let Some(text) = constraint.strip_prefix(['^', '~']).filter(|text| !text.starts_with('=')) else {
        return match constraint {
            "*" => String::new(),
            pinned if pinned.starts_with(|c: char| c.is_ascii_digit()) => format!("=={pinned}"),
            other => other.replace("||", ","),
        };
    };
    let numbers: Vec<u64> = text.split('.').map_while(|part| part.parse().ok()).collect();
    let index = if constraint.starts_with('^') {
        numbers.iter().position(|&number| number != 0).unwrap_or(numbers.len().saturating_sub(1))
    } else {
        usize::from(numbers.len() > 1)
    };
    let Some(last) = numbers.get(index) else { return format!(">={text}") };
    let mut upper: Vec<String> = numbers[..index].iter().map(u64::to_string).collect();
    upper.push((last + 1).to_string());
    format!(">={text},<{}", upper.join("."))
}

/// The demand on the Python version, and the file that makes it.
fn required_python(
    folder: &Path,
    source: &Source,
    pyproject: &Table,
) -> Result<(Range, Option<String>), BuildError> {
    let mut found: Option<(String, &str)> = None;
    match source {
        Source::Uv { lock, text } => {
            let table = uv_lock::parse(lock, text)?;
            found = uv_lock::string(&table, "requires-python").map(|text| (text.to_owned(), "uv.lock"));
        }
        Source::Poetry { lock, text } => {
            let table = uv_lock::parse(lock, text)?;
            let metadata = table.get("metadata").and_then(Value::as_table);
            found = metadata
                .and_then(|metadata| uv_lock::string(metadata, "python-versions"))
                .map(|text| (text.to_owned(), "poetry.lock"));
        }
        _ => {}
    }
    let project = || {
        pyproject
            .get("project")
            .and_then(Value::as_table)
            .and_then(|project| uv_lock::string(project, "requires-python"))
    };
    let poetry = || pyproject.get("tool")?.get("poetry")?.get("dependencies")?.get("python")?.as_str();
    let found = found.or_else(|| project().or_else(poetry).map(|text| (text.to_owned(), "pyproject.toml")));
    match found {
        None => Ok((Range::any(), None)),
        Some((text, file)) => match Range::parse(&text) {
            Some(range) => Ok((range, Some(file.to_owned()))),
            None => Err(BuildError::invalid(
                &folder.join(file),
                format!("`{text}` is no range of Python versions"),
            )),
        },
    }
}

fn read_optional(path: &Path) -> Result<Option<String>, BuildError> {
    match regular::text(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(BuildError::io("read", path)(error)),
    }
}

/// A digest of the local packages that a lock or requirements file points at (`directory = "../lib"`, `-e ./lib`):
/// they change without the file changing.
fn local_sources(folder: &Path, text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '{' | '}'));
    let mut hasher = blake3::Hasher::new();
    for word in words.filter(|word| {
        word.starts_with("./") || word.starts_with("../") || word.ends_with(".whl") && !word.contains("://")
    }) {
        let path = folder.join(word);
        for entry in walkdir::WalkDir::new(&path)
            .sort_by_file_name()
            .into_iter()
            .filter_entry(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
        {
            let Ok(entry) = entry else { continue };
            if entry.file_type().is_file()
                && entry.path().extension().is_some_and(|e| e == "py" || e == "toml" || e == "whl")
                && let Ok(bytes) = fs::read(entry.path())
            {
                hasher.update(entry.path().as_os_str().as_encoded_bytes());
                hasher.update(blake3::hash(&bytes).as_bytes());
            }
        }
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(files: &[(&str, &str)], has_entrypoint: bool) -> Option<Plan> {
        let dir = tempfile::tempdir().unwrap();
        let metadata = "name: demo\nsummary: s\ndescription: d\n";
        fs::write(dir.path().join("metadata.yaml"), metadata).unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let (parsed, files) = crate::metadata::read(dir.path()).unwrap();
        let parts = Parts::of(&parsed, files.charmcraft.is_some());
        Plan::read(dir.path(), &parts, has_entrypoint).unwrap()
    }

    #[test]
    fn a_shell_charm_needs_nothing() {
        assert!(plan(&[("hooks/install", "#!/bin/sh\n")], false).is_none());
        assert!(plan(&[], true).unwrap().is_empty());
    }

    #[test]
    fn requirements_and_what_the_libraries_want_besides() {
        let library = ("lib/charms/demo/v0/demo.py", "PYDEPS = ['ops>=2', 'cosl']\n");
        let plan = plan(&[("requirements.txt", "ops~=2.5\n"), library], true).unwrap();
        assert_eq!(plan.extra, ["cosl", "setuptools<81", "pip"]);
        assert_eq!(plan.origin(), "requirements.txt");
    }

    #[test]
    fn the_plugin_says_which_of_several_lists_counts() {
        let lock = ("poetry.lock", "[metadata]\npython-versions = '^3.10'\n");
        let files = [("uv.lock", "requires-python = '>=3.9'\n"), lock, ("requirements.txt", "")];
        let with = |plugin: &str| {
            let yaml = format!("parts: {{x: {{plugin: {plugin}}}}}\n");
            plan(&[&files[..], &[("charmcraft.yaml", &yaml)]].concat(), true).unwrap()
        };
        assert_eq!(with("uv").origin(), "uv.lock");
        assert_eq!(with("poetry").origin(), "poetry.lock");
        assert_eq!(with("poetry").wanted.required_by.as_deref(), Some("poetry.lock"));
        assert_eq!(with("charm").origin(), "requirements.txt");
        let exported = plan(
            &[
                ("charmcraft.yaml", "parts: {x: {plugin: charm, charm-requirements: [requirements.txt]}}\n"),
                lock,
            ],
            true,
        );
        assert_eq!(exported.unwrap().origin(), "poetry.lock");
    }

    #[test]
    fn the_key_depends_on_every_list() {
        let interpreter = super::super::interpreter::discover(tempfile::tempdir().unwrap().path()).remove(0);
        let key = |files: &[(&str, &str)]| plan(files, true).unwrap().key(&interpreter);
        let base = key(&[("requirements.txt", "ops\n")]);
        assert_eq!(base, key(&[("requirements.txt", "ops\n"), ("README.md", "x")]));
        assert_ne!(base, key(&[("requirements.txt", "ops==2\n")]));
        assert_ne!(base, key(&[("requirements.txt", "ops\n"), ("lib/charms/a/v1/b.py", "PYDEPS=['x']\n")]));
    }

    #[test]
    fn dependencies_without_a_lock() {
        let pyproject: Table = "[tool.poetry.dependencies]\npython='^3.8'\nops='^2.3'\na='*'\nb={version='~1.2',extras=['x']}\nc='^0.3.1'\n".parse().unwrap();
        assert_eq!(project_requirements(&pyproject), ["a", "b[x]>=1.2,<1.3", "c>=0.3.1,<0.4", "ops>=2.3,<3"]);
    }
}
