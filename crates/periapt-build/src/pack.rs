//! Writing a `.charm` archive.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use periapt_model::charm::Base;
use periapt_model::yaml;
use walkdir::WalkDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::assemble::{Assembled, assemble};
use crate::prepare::workspace;
use crate::python::interpreter::python_of_base;
use crate::python::venv::site_packages;
use crate::tree::{self, Kind, VENV, resolve_inside};
use crate::{BuildError, BuildOptions, Progress, regular};

/// Packs a charm's source folder into `OUTPUT_DIR/NAME_PLATFORM.charm`, which runs here and on Juju machines of its base.
/// The platform is the one of `charmcraft.yaml` that this is for, `amd64` or `ubuntu@24.04-amd64` (Charmcraft 3); without
/// platforms it is the base, `ubuntu-24.04-amd64`. The same source gives the same bytes. Gives the path, and the warnings.
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
    let arch = architecture(&assembled.arch);
    let platform = platforms(source).into_iter().find(|platform| platform.is_for(arch, base.as_ref()));
    let file_name = match (platform, &base) {
        (Some(platform), _) => format!("{name}_{}.charm", platform.file_name()),
        (None, Some(base)) => format!("{name}_{}-{}-{arch}.charm", base.name, track(base)),
        (None, None) => format!("{name}_{arch}.charm"),
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
        return if std::fs::symlink_metadata(&venv).is_ok_and(|meta| meta.is_dir()) {
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
    let left_out: &[&str] = if assembled.with_pip { &[] } else { &["pip"] };
    writer.copy_dir(&packages, &to, left_out)
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

/// One of the platforms of `charmcraft.yaml`.
struct Platform {
    /// As it is written: `amd64`, `ubuntu@24.04:amd64`, or any word with `build-for`.
    name: String,
    /// What it is built for, with the base in front where that is given: `ubuntu@24.04:amd64`.
    targets: Vec<String>,
}

impl Platform {
    fn is_for(&self, arch: &str, base: Option<&Base>) -> bool {
        self.targets.iter().any(|target| {
            let (system, target) =
                target.rsplit_once(':').map_or((None, target.as_str()), |(b, a)| (Some(b), a));
            let fits =
                |system: &str| base.is_some_and(|base| system == format!("{}@{}", base.name, track(base)));
            matches!(target, "all") || target == arch && system.is_none_or(fits)
        })
    }

    /// The name as part of a file's: what could lead elsewhere is left out of it.
    fn file_name(&self) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '@' | '.' | '-' | '_');
        self.name.chars().map(|c| if plain(c) { c } else { '-' }).collect()
    }
}

/// The platforms of a source folder's `charmcraft.yaml`, in its order. Its mistakes have been reported by who read it before.
fn platforms(source: &Path) -> Vec<Platform> {
    let text = regular::text(&source.join("charmcraft.yaml")).unwrap_or_default();
    let Ok(root) = yaml::parse(&text) else { return Vec::new() };
    let platforms = root.as_map().and_then(|root| root.get("platforms")?.as_map());
    let entries = platforms.into_iter().flat_map(yaml::Map::iter);
    let text = |node: &yaml::Node| node.as_scalar().map(|scalar| scalar.text.to_string());
    entries
        .map(|entry| {
            let given = entry.value.as_map().and_then(|platform| platform.get("build-for"));
            let targets = match given {
                Some(node) => match node.as_seq() {
                    Some(items) => items.iter().filter_map(text).collect(),
                    None => text(node).into_iter().collect(),
                },
                None => vec![entry.key.to_string()],
            };
            Platform { name: entry.key.to_string(), targets }
        })
        .collect()
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

    /// The name of an entry.
    fn entry(&self, path: &Path) -> Result<String, BuildError> {
        let name = self.name(path)?;
        if name.contains('\\') {
            let problem = "its name has a backslash, which some systems take for `/`, so no archive with it is unpacked: rename it, or name it in .jujuignore";
            return Err(BuildError::invalid(path, problem));
        }
        Ok(name)
    }

    fn dir(&mut self, path: &Path) -> Result<(), BuildError> {
        let name = self.entry(path)?;
        let done = self.zip.add_directory(name, Self::options().unix_permissions(0o755));
        done.map_err(|error| self.failed(error))
    }

    fn file(&mut self, path: &Path, from: &Path, executable: bool) -> Result<(), BuildError> {
        let name = self.entry(path)?;
        let mut source = File::open(from).map_err(BuildError::io("read", from))?;
        let mode = if executable { 0o755 } else { 0o644 };
        let started = self.zip.start_file(name, Self::options().unix_permissions(mode));
        started.map_err(|error| self.failed(error))?;
        let copied = io::copy(&mut source, &mut self.zip);
        copied.map(drop).map_err(|error| self.failed(error))
    }

    fn link(&mut self, path: &Path, target: &Path) -> Result<(), BuildError> {
        let (name, target) = (self.entry(path)?, self.name(target)?);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_name_the_file_as_charmcraft_does() {
        let folder = tempfile::tempdir().unwrap();
        let base = Base { name: "ubuntu".into(), channel: "24.04/stable".into(), architectures: Vec::new() };
        let name = |text: &str| {
            fs::write(folder.path().join("charmcraft.yaml"), format!("name: x\n{text}")).unwrap();
            let found = platforms(folder.path());
            found.iter().find(|p| p.is_for("amd64", Some(&base))).map(Platform::file_name)
        };
        for (text, expected) in [
            ("base: ubuntu@24.04\nplatforms: {arm64: , amd64: }\n", Some("amd64")),
            ("platforms:\n  ubuntu@22.04:amd64:\n  ubuntu@24.04:amd64:\n", Some("ubuntu@24.04-amd64")),
            ("platforms: {noble: {build-on: [amd64], build-for: [amd64]}}\n", Some("noble")),
            ("platforms: {noble: {build-on: amd64, build-for: 'ubuntu@24.04:amd64'}}\n", Some("noble")),
            ("platforms: {all: {build-on: [amd64], build-for: [all]}}\n", Some("all")),
            ("platforms: {../../evil: {build-for: [amd64]}}\n", Some("..-..-evil")),
            ("platforms: {arm64: }\n", None),
            ("bases: [{name: ubuntu, channel: '24.04'}]\n", None),
            ("platforms: [amd64]\n", None),
            ("platforms: {amd64: \n", None),
        ] {
            assert_eq!(name(text).as_deref(), expected, "{text}");
        }
    }
}
