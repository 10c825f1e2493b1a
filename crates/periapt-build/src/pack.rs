//! Writing a `.charm` archive.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use periapt_model::charm::Base;
use walkdir::WalkDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::assemble::{Assembled, assemble};
use crate::prepare::workspace;
use crate::python::interpreter::python_of_base;
use crate::python::venv::site_packages;
use crate::tree::{self, Kind, VENV, resolve_inside};
use crate::{BuildError, BuildOptions, Progress};

/// Packs a charm's source folder into `OUTPUT_DIR/NAME_BASE-ARCH.charm`, which runs here and on Juju machines of that base.
/// The same source gives the same bytes. Gives the path, and the warnings.
///
/// # Errors
/// See [`BuildError`]. An archive that was there is replaced only by a complete one.
pub fn pack(
    source: &Path,
    output_dir: &Path,
    options: &BuildOptions,
    progress: &dyn Progress,
) -> Result<(PathBuf, Vec<String>), BuildError> {
    if source.is_file() {
        return Err(BuildError::not_a_charm(source, "is a file, so there is nothing to pack"));
    }
    tree::create_dir(&options.cache)?;
    let work = workspace(&options.cache)?;
    let mut assembled = assemble(source, work.path(), options, progress)?;
    let base = choose_base(&assembled);
    if assembled.parsed.meta.bases.is_empty() {
        assembled.warnings.push("the charm names no base, so Juju will want one on deploy (`--base`): add `base` and `platforms` to charmcraft.yaml".to_owned());
    }
    if let (Some(base), Some(interpreter)) = (&base, &assembled.interpreter)
        && let Some([major, minor]) = python_of_base(&base.name, track(base))
        && interpreter.minor() != format!("{major}.{minor}")
    {
        assembled.warnings.push(format!(
            "{}@{} has Python {major}.{minor}, and the packages were installed with {}: those that are compiled will fail there",
            base.name, base.channel, interpreter.minor()
        ));
    }
    tree::create_dir(output_dir)?;
    let name = &assembled.parsed.meta.name;
    let file_name = match &base {
        Some(base) => format!("{name}_{}-{}-{}.charm", base.name, track(base), architecture(&assembled.arch)),
        None => format!("{name}_{}.charm", architecture(&assembled.arch)),
    };
    let target = output_dir.join(file_name);
    progress.step(&format!("writing {}", target.display()));
    let output = tempfile::NamedTempFile::new_in(output_dir).map_err(BuildError::io("write", output_dir))?;
    let mut writer = Writer { zip: ZipWriter::new(BufWriter::new(output.as_file())), target: &target };
    write_all(&mut writer, work.path(), &assembled)?;
    writer.finish()?;
    tree::set_mode(output.path(), false)?;
    output.persist(&target).map_err(|error| BuildError::io("write", &target)(error.error))?;
    Ok((target, assembled.warnings))
}

fn write_all(writer: &mut Writer<'_>, root: &Path, assembled: &Assembled) -> Result<(), BuildError> {
    for entry in tree::list(root)? {
        let from = root.join(&entry.path);
        match entry.kind {
            Kind::Dir => writer.dir(&entry.path)?,
            Kind::File { executable } => writer.file(&entry.path, &from, executable)?,
            Kind::Link(target) => writer.link(&entry.path, &target)?,
        }
    }
    let venv = root.join(VENV);
    let Some(cached) = &assembled.venv else {
        // A charm that was packed before: its packages as they are.
        return if venv.is_dir() {
            writer.copy_dir(&venv, Path::new(VENV), &["bin", "pyvenv.cfg"])
        } else {
            Ok(())
        };
    };
    let Some(packages) = site_packages(&cached.path) else { return Ok(()) };
    let to = if assembled.flat {
        PathBuf::from(VENV)
    } else {
        Path::new(VENV).join(packages.strip_prefix(&cached.path).unwrap_or(&packages))
    };
    writer.copy_dir(&packages, &to, &["pip"])
}

/// The base that the packages were made for: the one of the charm's bases that has the same Python, else the first.
fn choose_base(assembled: &Assembled) -> Option<Base> {
    let bases = &assembled.parsed.meta.bases;
    let minor = assembled.interpreter.as_ref().map(crate::python::interpreter::Interpreter::minor);
    let same = |base: &&Base| {
        python_of_base(&base.name, track(base)).map(|[major, minor]| format!("{major}.{minor}")) == minor
    };
    bases.iter().find(same).or_else(|| bases.first()).cloned()
}

fn track(base: &Base) -> &str {
    base.channel.split('/').next().unwrap_or(&base.channel)
}

/// The name that Juju has for an architecture.
fn architecture(arch: &str) -> &str {
    match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "powerpc64" | "powerpc64le" => "ppc64el",
        "riscv64gc" => "riscv64",
        other => other,
    }
}

struct Writer<'a> {
    zip: ZipWriter<BufWriter<&'a File>>,
    target: &'a Path,
}

impl Writer<'_> {
    /// Every entry has the same time, so that the same source gives the same bytes.
    fn options() -> SimpleFileOptions {
        SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
    }

    fn failed(&self, error: impl Into<io::Error>) -> BuildError {
        BuildError::io("write", self.target)(error.into())
    }

    fn name(&self, path: &Path) -> Result<String, BuildError> {
        let name = path
            .to_str()
            .ok_or_else(|| BuildError::invalid(path, "its name is not UTF-8, so it cannot be packed"))?;
        Ok(name.to_owned())
    }

    fn dir(&mut self, path: &Path) -> Result<(), BuildError> {
        let name = self.name(path)?;
        let done = self.zip.add_directory(name, Self::options().unix_permissions(0o755));
        done.map_err(|error| self.failed(error))
    }

    fn file(&mut self, path: &Path, from: &Path, executable: bool) -> Result<(), BuildError> {
        let name = self.name(path)?;
        let mut source = File::open(from).map_err(BuildError::io("read", from))?;
        let mode = if executable { 0o755 } else { 0o644 };
        let started = self.zip.start_file(name, Self::options().unix_permissions(mode));
        started.map_err(|error| self.failed(error))?;
        let copied = io::copy(&mut source, &mut self.zip);
        copied.map(drop).map_err(|error| self.failed(error))
    }

    fn link(&mut self, path: &Path, target: &Path) -> Result<(), BuildError> {
        let (name, target) = (self.name(path)?, self.name(target)?);
        let done = self.zip.add_symlink(name, target, Self::options());
        done.map_err(|error| self.failed(error))
    }

    /// Packs a directory of Python packages, without byte code and without the top-level names in `skip`.
    fn copy_dir(&mut self, from: &Path, to: &Path, skip: &[&str]) -> Result<(), BuildError> {
        let parents: Vec<&Path> = to.ancestors().filter(|dir| !dir.as_os_str().is_empty()).collect();
        for dir in parents.into_iter().rev() {
            self.dir(dir)?;
        }
        let walk = WalkDir::new(from).min_depth(1).sort_by_file_name().into_iter();
        let wanted = |entry: &walkdir::DirEntry| {
            let name = entry.file_name().to_string_lossy();
            let skipped = entry.depth() == 1
                && skip.iter().any(|skip| name == *skip || name.starts_with(&format!("{skip}-")));
            !(skipped || name == "__pycache__" || name.ends_with(".pyc"))
        };
        for entry in walk.filter_entry(wanted) {
            let entry = entry.map_err(|error| tree::walk_error(from, error))?;
            let inner = entry.path().strip_prefix(from).unwrap_or(entry.path());
            let path = to.join(inner);
            if entry.file_type().is_dir() {
                self.dir(&path)?;
            } else if entry.file_type().is_file() {
                self.file(&path, entry.path(), crate::command::is_executable(entry.path()))?;
            } else if let Ok(target) = fs::read_link(entry.path())
                && resolve_inside(inner, &target).is_some()
            {
                self.link(&path, &target)?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<(), BuildError> {
        let failed = BuildError::io("write", self.target);
        let done = self.zip.finish().map_err(io::Error::from);
        done.and_then(|buffer| buffer.into_inner().map_err(io::IntoInnerError::into_error))
            .map(drop)
            .map_err(failed)
    }
}
