//! Putting a charm tree together, from a source folder or an archive, in a directory of its own.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use periapt_model::charm::Parsed;

use crate::copies::Copies;
use crate::parts::{Parts, PythonPlugin};
use crate::python::interpreter::{self, Interpreter};
use crate::python::plan::Plan;
use crate::python::venv::{self, Venv};
use crate::tree::{VENV, make_link, remove_any, write_file};
use crate::{
    BuildError, BuildOptions, Progress, archive, command, dispatch, links, metadata, packed_python, regular,
    rust, source,
};

/// The default Python entry point of a charm.
const ENTRYPOINT: &str = "src/charm.py";

/// A tree that was put together.
pub struct Assembled {
    /// The charm's metadata, with the bases that its files name.
    pub parsed: Parsed,
    /// Problems that do not stop it.
    pub warnings: Vec<String>,
    /// Its virtual environment, if it is one from the cache.
    pub venv: Option<Venv>,
    /// Its interpreter.
    pub interpreter: Option<Interpreter>,
    /// What stands for the virtual environment in the tree's id.
    pub venv_identity: String,
    /// The version that the charm says it has: a Git description, or its `version` file.
    pub version: Option<String>,
    /// The processor that its programs are for, in Rust's word.
    pub arch: String,
    /// Whether its packages are to lie flat in `venv/` when it is packed.
    pub flat: bool,
    /// Whether pip is packed with them, as charmcraft's `charm` plugin does.
    pub with_pip: bool,
}

/// Puts the tree of a source folder or an archive together in the empty directory `tree`.
pub fn assemble(
    source: &Path,
    tree: &Path,
    options: &BuildOptions,
    progress: &dyn Progress,
) -> Result<Assembled, BuildError> {
    let meta = fs::metadata(source).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => BuildError::not_a_charm(source, "does not exist"),
        _ => BuildError::io("read", source)(error),
    })?;
    if meta.is_file() {
        progress.step(&format!("unpacking {}", source.display()));
        archive::unpack(source, tree, archive::Limits::default())?;
        if !tree.join("metadata.yaml").is_file() {
            return Err(BuildError::archive(source, "it has no metadata.yaml: it is not a packed charm"));
        }
        return packed(source, tree, options, progress);
    }
    if !meta.is_dir() {
        return Err(BuildError::not_a_charm(source, "is neither a folder nor a file"));
    }
    if is_unpacked_charm(source) {
        metadata::read_packed(source)?;
        let warnings = source::copy_folder(source, tree, &[])?;
        copy_venv(source, tree)?;
        let mut assembled = packed(source, tree, options, progress)?;
        assembled.warnings.extend(warnings);
        return Ok(assembled);
    }
    from_source(source, tree, options, progress)
}

/// The folder of a charm that was packed once: it brings its packages, and nothing says how they were made.
fn is_unpacked_charm(folder: &Path) -> bool {
    folder.join("manifest.yaml").is_file()
        && fs::symlink_metadata(folder.join(VENV)).is_ok_and(|venv| venv.is_dir())
        && ["charmcraft.yaml", "requirements.txt", "pyproject.toml"]
            .iter()
            .all(|file| !folder.join(file).exists())
}

fn copy_venv(folder: &Path, tree: &Path) -> Result<(), BuildError> {
    let from = folder.join(VENV);
    // What the charm's own rules let in of it is brought anew, and never through a link.
    crate::tree::remove_any(&tree.join(VENV))?;
    let mut copies = Copies::default();
    for entry in walkdir::WalkDir::new(&from) {
        let entry = entry.map_err(|error| crate::tree::walk_error(&from, error))?;
        let to = tree.join(VENV).join(entry.path().strip_prefix(&from).unwrap_or(entry.path()));
        if entry.file_type().is_dir() {
            copies.dir(to);
        } else if entry.file_type().is_file() {
            copies.file(entry.path(), to)?;
        }
    }
    copies.make(tree)
}

/// Finishes the tree of a packed charm, which has everything but an interpreter.
fn packed(
    source: &Path,
    tree: &Path,
    options: &BuildOptions,
    progress: &dyn Progress,
) -> Result<Assembled, BuildError> {
    let parsed = metadata::read_packed(tree).map_err(|error| within_archive(error, source, tree))?;
    let parts = Parts::of(&parsed, false);
    let mut warnings = warnings_of(&parsed, tree);
    warnings.extend(parts.warnings.iter().cloned());
    metadata::make_hooks_executable(tree, &parsed.meta)?;
    warnings.extend(metadata::idle_hooks(tree, &parsed.meta));
    dispatch::ensure(tree, ENTRYPOINT, false, &mut warnings)
        .map_err(|error| within_archive(error, source, tree))?;
    let mut interpreter = None;
    let mut venv_identity = "none".to_owned();
    if tree.join(VENV).is_dir() || tree.join(ENTRYPOINT).is_file() {
        // The packages are the charm's own: they count as content, and so does the interpreter that joins them.
        let content =
            if tree.join(VENV).is_dir() { crate::tree::id(&tree.join(VENV), "")? } else { String::new() };
        dispatch::free_shebangs(tree, ENTRYPOINT)?;
        let (found, warning) = packed_python::join_interpreter(
            tree,
            &parts.bases,
            &interpreter::discover(&options.cache),
            progress,
        )?;
        venv_identity = format!("{content} {}", found.identity());
        warnings.extend(warning);
        interpreter = Some(found);
    }
    let version = read_version(tree)?;
    let arch = std::env::consts::ARCH.to_owned();
    Ok(Assembled {
        parsed,
        warnings,
        venv: None,
        interpreter,
        venv_identity,
        version,
        arch,
        flat: false,
        with_pip: false,
    })
}

/// Problems of an archive are told of the archive, not of the directory that it was unpacked into.
fn within_archive(error: BuildError, source: &Path, tree: &Path) -> BuildError {
    let inside = |text: String| {
        text.replace(&format!("{}/", tree.display()), "").replace(&tree.display().to_string(), "the archive")
    };
    match error {
        BuildError::Metadata { mut diagnostics } => {
            for diagnostic in &mut diagnostics {
                diagnostic.file =
                    format!("{}/{}", source.display(), inside(std::mem::take(&mut diagnostic.file)));
            }
            BuildError::Metadata { diagnostics }
        }
        BuildError::Invalid { problem, .. } => BuildError::invalid(source, problem),
        other => other,
    }
}

fn warnings_of(parsed: &Parsed, tree: &Path) -> Vec<String> {
    let mut warnings: Vec<String> = parsed.warnings.iter().map(ToString::to_string).collect();
    for warning in &mut warnings {
        *warning = warning.replace(&format!("{}/", tree.display()), "");
    }
    warnings
}

fn from_source(
    folder: &Path,
    tree: &Path,
    options: &BuildOptions,
    progress: &dyn Progress,
) -> Result<Assembled, BuildError> {
    // Tools are run in the charm's folder, so relative paths must not lead from there.
    let folder = &std::path::absolute(folder).map_err(BuildError::io("read", folder))?;
    let (parsed, files) = metadata::read(folder)?;
    let has_charmcraft = files.charmcraft.is_some();
    let parts = Parts::of(&parsed, has_charmcraft);
    let name = parsed.meta.name.to_string();
    let mut warnings: Vec<String> = parsed.warnings.iter().map(ToString::to_string).collect();
    warnings.extend(parts.warnings.iter().cloned());
    let missing = metadata::missing_libraries(folder, &parsed);
    if !missing.is_empty() {
        warnings.push(format!(
            "charmcraft.yaml names libraries that are not in lib/ ({}): run `charmcraft fetch-libs` in the charm's folder",
            missing.join(", ")
        ));
    }
    if !has_charmcraft && (folder.join("layer.yaml").is_file() || folder.join("reactive").is_dir()) {
        warnings.push("this is the source of a charms.reactive charm, whose layers are not built yet: pack it with charmcraft and give the .charm file".to_owned());
    }

    let program = rust::Crate::of(folder, &parts);
    let left_out = match &program {
        Some(program) if program.only => &rust::SOURCES[..],
        Some(_) => &["/target"],
        None => &[],
    };
    progress.step(&format!("copying {name}"));
    warnings.extend(source::copy_folder(folder, tree, left_out)?);
    for part in &parts.dumps {
        warnings.extend(source::dump(folder, tree, part, progress)?);
    }
    metadata::write(tree, &files, &parsed.meta.bases)?;
    metadata::make_hooks_executable(tree, &parsed.meta)?;
    warnings.extend(metadata::idle_hooks(tree, &parsed.meta));
    let version = write_version(folder, tree)?;

    let mut arch = std::env::consts::ARCH.to_owned();
    let is_rust = program.as_ref().is_some_and(|program| program.only);
    if let Some(program) = program {
        let built = program.build(&name, folder, tree, options, progress)?;
        warnings.extend(built.warnings);
        arch = built.arch;
        // The program may have taken the place of a link that others led by.
        links::remove_escaping(tree, &mut warnings)?;
    }
    let entrypoint = parts.python.entrypoint.clone().unwrap_or_else(|| ENTRYPOINT.to_owned());
    let is_python = parts.python.plugin.is_some() && !is_rust;
    let has_entrypoint = tree.join(&entrypoint).is_file();
    let entry =
        dispatch::ensure(tree, &entrypoint, is_python, &mut warnings).map_err(|error| match error {
            BuildError::Invalid { problem, .. } => BuildError::invalid(folder, problem),
            other => other,
        })?;
    let mut assembled = Assembled {
        parsed,
        warnings,
        venv: None,
        interpreter: None,
        venv_identity: "none".to_owned(),
        version,
        arch,
        flat: entry == dispatch::Entry::OwnDispatch && expects_flat(tree, parts.python.plugin),
        with_pip: matches!(parts.python.plugin, None | Some(PythonPlugin::Charm)),
    };
    if is_rust {
        return Ok(assembled);
    }
    let Some(plan) = Plan::read(folder, &parts, has_entrypoint)? else { return Ok(assembled) };
    let ranked = interpreter::rank(&interpreter::discover(&options.cache), &plan.wanted)?;
    let venv = venv::ensure(&name, &plan, &ranked, &options.cache, options.uv.as_deref(), progress)?;
    let link = tree.join(VENV);
    remove_any(&link)?;
    make_link(&std::path::absolute(&venv.path).map_err(BuildError::io("read", &venv.path))?, &link)?;
    assembled.venv_identity = venv.key.clone();
    assembled.interpreter = Some(venv.interpreter.clone());
    assembled.venv = Some(venv);
    Ok(assembled)
}

/// Whether a charm's own `dispatch` looks for its packages in `venv/` itself, where charmcraft's `charm` plugin puts them.
fn expects_flat(tree: &Path, plugin: Option<PythonPlugin>) -> bool {
    let text = fs::read_to_string(tree.join("dispatch")).unwrap_or_default();
    matches!(plugin, None | Some(PythonPlugin::Charm)) || !text.contains("venv/")
}

/// The first line of the `version` file, if there is one that says something.
fn read_version(tree: &Path) -> Result<Option<String>, BuildError> {
    let path = tree.join("version");
    match regular::text(&path) {
        Ok(text) => {
            Ok(text.lines().next().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => {
            Err(BuildError::io("read", &path)(error))
        }
        // A file of another sort says nothing of a version.
        Err(_) => Ok(None),
    }
}

/// Writes the `version` file that Juju shows as the charm's version: what Git says, else the one the folder has.
fn write_version(folder: &Path, tree: &Path) -> Result<Option<String>, BuildError> {
    let described = command::find("git").and_then(|git| {
        let output = Command::new(git)
            .args(["-C"])
            .arg(folder)
            .args(["describe", "--dirty", "--always"])
            .env("GIT_OPTIONAL_LOCKS", "0")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    });
    let version = match described.filter(|text| !text.is_empty()) {
        Some(version) => Some(version),
        None => read_version(folder)?,
    };
    if let Some(version) = &version {
        let path = tree.join("version");
        write_file(&path, &format!("{version}\n"), false)?;
    }
    Ok(version)
}

/// Makes the programs of a tree that is to run here find the charm's Python.
pub fn make_runnable(tree: &Path, assembled: &Assembled) -> Result<(), BuildError> {
    if assembled.interpreter.is_some() { dispatch::free_shebangs(tree, ENTRYPOINT) } else { Ok(()) }
}
