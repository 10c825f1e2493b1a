//! The cache of virtual environments.
//!
//! An environment lies in `<cache>/venvs/<key>/`, where the key stands for everything that decides its contents. Its
//! programs hold the path that they were installed to, so it is built in place, under a lock, and counts only once the
//! marker file is there, which is written last. Building another one for the same key is never needed.
//!
//! Besides the usual layout, every package is linked at the top of the environment: charms that were packed by
//! Charmcraft's `charm` plugin look there (`PYTHONPATH=lib:venv`).

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{FlockOperation, flock};

use super::interpreter::Interpreter;
use super::plan::{Install, Plan};
use crate::command::{self, Outcome, is_executable};
use crate::{BuildError, Progress};

/// Written last into an environment: one without it is unfinished.
const MARKER: &str = ".periapt-complete";

/// An environment that is ready.
#[derive(Debug, Clone)]
pub struct Venv {
    /// Its directory.
    pub path: PathBuf,
    /// Its key in the cache.
    pub key: String,
    /// The interpreter that it was made with.
    pub interpreter: Interpreter,
}

/// Gives the environment of a plan, from the cache or newly built, with the best of the `ranked` interpreters; if the
/// packages cannot be installed for that one, with the second best.
///
/// # Errors
/// [`BuildError::Packages`] with the last lines of the tool that failed.
pub fn ensure(
    charm: &str,
    plan: &Plan,
    ranked: &[Interpreter],
    cache: &Path,
    uv: Option<&Path>,
    progress: &dyn Progress,
) -> Result<Venv, BuildError> {
    // The tools run in the charm's folder: a relative path would mean another place there.
    let root = std::path::absolute(cache.join("venvs")).map_err(BuildError::io("read", cache))?;
    fs::create_dir_all(&root).map_err(BuildError::io("create", &root))?;
    let candidates = &ranked[..ranked.len().min(2)];
    for interpreter in candidates {
        let venv = describe(plan, interpreter, &root);
        if is_complete(&venv.path) {
            progress.step(&format!("Python {}, packages from the cache", interpreter.version));
            return Ok(venv);
        }
    }
    let mut first_failure = None;
    for (index, interpreter) in candidates.iter().enumerate() {
        let venv = describe(plan, interpreter, &root);
        match build(charm, plan, &venv, uv, progress) {
            Ok(()) => return Ok(venv),
            Err(BuildError::Packages { charm, command, status, tail, remedy }) => {
                let another = candidates.get(index + 1).filter(|_| !is_network_failure(&tail));
                if let Some(next) = another {
                    progress.step(&format!(
                        "the packages cannot be installed for Python {}: trying Python {}",
                        interpreter.version, next.version
                    ));
                }
                let failure = BuildError::Packages { charm, command, status, tail, remedy };
                let first = first_failure.take().unwrap_or(failure);
                if another.is_none() {
                    return Err(first);
                }
                first_failure = Some(first);
            }
            Err(other) => return Err(other),
        }
    }
    Err(first_failure.unwrap_or_else(|| BuildError::invalid(&plan.folder, "no interpreter to build with")))
}

fn describe(plan: &Plan, interpreter: &Interpreter, root: &Path) -> Venv {
    let key = plan.key(interpreter);
    Venv { path: root.join(&key), key, interpreter: interpreter.clone() }
}

/// Finished, and its interpreter still there: a Python that was upgraded or removed leaves a dangling link.
fn is_complete(venv: &Path) -> bool {
    venv.join(MARKER).is_file() && is_executable(&venv.join("bin/python"))
}

fn build(
    charm: &str,
    plan: &Plan,
    venv: &Venv,
    uv: Option<&Path>,
    progress: &dyn Progress,
) -> Result<(), BuildError> {
    let lock_path = venv.path.with_extension("lock");
    let lock = File::create(&lock_path).map_err(BuildError::io("create", &lock_path))?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        progress.step("waiting for another build of the same packages");
        flock(&lock, FlockOperation::LockExclusive)
            .map_err(|error| BuildError::io("lock", &lock_path)(error.into()))?;
    }
    if is_complete(&venv.path) {
        return Ok(());
    }
    if venv.path.exists() {
        fs::remove_dir_all(&venv.path).map_err(BuildError::io("remove", &venv.path))?;
    }
    let result = fill(charm, plan, venv, uv, progress);
    if result.is_err() {
        // Best effort: what stays behind does not count, for it has no marker.
        let _ = fs::remove_dir_all(&venv.path);
    }
    result
}

fn fill(
    charm: &str,
    plan: &Plan,
    venv: &Venv,
    uv: Option<&Path>,
    progress: &dyn Progress,
) -> Result<(), BuildError> {
    let python = &venv.interpreter;
    let builder = Builder { charm, plan, venv, uv, progress };
    progress.step(&format!(
        "making a virtual environment with Python {} ({})",
        python.version,
        python.executable.display()
    ));
    builder.create()?;
    if !plan.is_empty() {
        let tool = if uv.is_some() { "uv" } else { "pip" };
        progress.step(&format!("installing the packages of {} with {tool}", plan.origin()));
        for step in plan.steps(python, uv.is_some())? {
            builder.install(&step)?;
        }
    }
    link_flat(&venv.path)?;
    let marker = venv.path.join(MARKER);
    let text = format!("made for {charm} with Python {} from {}\n", python.version, plan.origin());
    fs::write(&marker, text).map_err(BuildError::io("write", &marker))?;
    File::open(&marker).and_then(|file| file.sync_all()).map_err(BuildError::io("write", &marker))
}

struct Builder<'a> {
    charm: &'a str,
    plan: &'a Plan,
    venv: &'a Venv,
    uv: Option<&'a Path>,
    progress: &'a dyn Progress,
}

impl Builder<'_> {
    fn create(&self) -> Result<(), BuildError> {
        let interpreter = &self.venv.interpreter;
        if let Some(uv) = self.uv {
            let mut command = self.tool(uv);
            command.args(["venv", "--quiet", "--python"]).arg(&interpreter.executable).arg(&self.venv.path);
            return self.run(&mut command, "uv venv");
        }
        let mut command = self.tool(&interpreter.executable);
        command.args(["-m", "venv"]);
        if self.plan.is_empty() {
            command.arg("--without-pip");
        } else if !interpreter.makes_venvs {
            return Err(BuildError::NoInterpreter {
                needed: format!("{} with its `venv` and `ensurepip` modules", interpreter.minor()),
                found: format!("{} has not got them", interpreter.executable.display()),
                remedy: format!(
                    "install them (on Debian and Ubuntu: `apt install python{}-venv`), or install uv",
                    interpreter.minor()
                ),
            });
        }
        command.arg(&self.venv.path);
        self.run(&mut command, "python -m venv")
    }

    fn install(&self, step: &Install) -> Result<(), BuildError> {
        let python = self.venv.path.join("bin/python");
        if let (Install::UvSync(arguments), Some(uv)) = (step, self.uv) {
            let mut command = self.tool(uv);
            command
                .args(["sync", "--frozen", "--no-dev", "--no-editable", "--no-install-project", "--python"])
                .arg(&python)
                .args(arguments)
                .env("UV_PROJECT_ENVIRONMENT", &self.venv.path);
            return self.run(&mut command, "uv sync --frozen --no-dev --no-install-project");
        }
        let mut command = match self.uv {
            Some(uv) => {
                let mut command = self.tool(uv);
                command.args(["pip", "install", "--python"]).arg(&python);
                command
            }
            None => {
                let mut command = self.tool(&python);
                command.args([
                    "-m",
                    "pip",
                    "install",
                    "--no-input",
                    "--disable-pip-version-check",
                    "--progress-bar=off",
                ]);
                command
            }
        };
        let shown = match self.uv {
            Some(_) => "uv pip install",
            None => "pip install",
        };
        match step {
            Install::UvSync(_) => Ok(()),
            Install::Listed { text, complete } => {
                if text.is_empty() {
                    return Ok(());
                }
                let list = self.venv.path.join("requirements.txt");
                fs::write(&list, text).map_err(BuildError::io("write", &list))?;
                if *complete {
                    command.arg("--no-deps");
                }
                command.arg("-r").arg(&list);
                self.run(&mut command, &format!("{shown} ({})", self.plan.origin()))
            }
            Install::Files(files, constraints, packages) => {
                let mut shown = shown.to_owned();
                for (flag, files) in [("-r", files), ("-c", constraints)] {
                    for file in files {
                        command.arg(flag).arg(file);
                        shown.push_str(&format!(
                            " {flag} {}",
                            file.strip_prefix(&self.plan.folder).unwrap_or(file).display()
                        ));
                    }
                }
                // A name that begins with a dash is no package.
                command.arg("--").args(packages);
                for package in packages {
                    shown.push_str(&format!(" {package}"));
                }
                self.run(&mut command, &shown)
            }
        }
    }

    /// A command that the user's own Python settings do not lead astray.
    fn tool(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.plan.folder);
        for name in [
            "PYTHONPATH",
            "PYTHONHOME",
            "VIRTUAL_ENV",
            "CONDA_PREFIX",
            "PIP_TARGET",
            "PIP_PREFIX",
            "PIP_USER",
            "PIP_REQUIRE_VIRTUALENV",
            "UV_PROJECT_ENVIRONMENT",
            "UV_PYTHON",
        ] {
            command.env_remove(name);
        }
        command
            .env("UV_PYTHON_DOWNLOADS", "never")
            .env("UV_NO_PROGRESS", "1")
            .env("UV_COMPILE_BYTECODE", "1")
            .env("PYTHONUNBUFFERED", "1");
        // uv does not read pip's settings; a machine that has only those must still reach its package index.
        for (pip, uv) in [
            ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"),
            ("PIP_EXTRA_INDEX_URL", "UV_INDEX"),
            ("PIP_FIND_LINKS", "UV_FIND_LINKS"),
            ("PIP_CERT", "SSL_CERT_FILE"),
        ] {
            if let (Some(value), None) = (std::env::var_os(pip), std::env::var_os(uv)) {
                command.env(uv, value);
            }
        }
        command
    }

    fn run(&self, command: &mut Command, shown: &str) -> Result<(), BuildError> {
        let program = PathBuf::from(command.get_program());
        let Outcome { status, tail } =
            command::run(command, self.progress).map_err(BuildError::io("run", &program))?;
        if status.success() {
            return Ok(());
        }
        let tail = tail.iter().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n");
        Err(BuildError::Packages {
            charm: self.charm.to_owned(),
            command: shown.to_owned(),
            status: format!("{status}, with Python {}", self.venv.interpreter.version),
            remedy: self.remedy(&tail),
            tail,
        })
    }

    fn remedy(&self, tail: &str) -> String {
        if is_network_failure(tail) {
            return "the package index, or a repository that a package comes from, could not be reached: check the network (HTTPS_PROXY, PIP_INDEX_URL), then deploy again".to_owned();
        }
        let packages = &self.plan.build_packages;
        if !packages.is_empty()
            && ["gcc", "error: command", "Failed building wheel", "Failed to build", "pkg-config"]
                .iter()
                .any(|sign| tail.contains(sign))
        {
            return format!(
                "the charm says that its packages need these to be compiled: apt install {}",
                packages.join(" ")
            );
        }
        format!(
            "see the lines above; correct {}, or install the Python that it was written for, then deploy again",
            self.plan.origin()
        )
    }
}

fn is_network_failure(tail: &str) -> bool {
    const SIGNS: [&str; 10] = [
        "Could not resolve host",
        "unable to access",
        "Temporary failure in name resolution",
        "Name or service not known",
        "Network is unreachable",
        "Connection refused",
        "NewConnectionError",
        "ConnectTimeoutError",
        "dns error",
        "error sending request",
    ];
    SIGNS.iter().any(|sign| tail.contains(sign))
}

/// The `site-packages` directory of a virtual environment.
#[must_use]
pub fn site_packages(venv: &Path) -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = fs::read_dir(venv.join("lib"))
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python3"))
                && !path.is_symlink()
        })
        .map(|path| path.join("site-packages"))
        .filter(|path| path.is_dir())
        .collect();
    versions.sort();
    versions.pop()
}

/// Links every package at the top of the environment.
fn link_flat(venv: &Path) -> Result<(), BuildError> {
    let Some(packages) = site_packages(venv) else { return Ok(()) };
    let relative = packages.strip_prefix(venv).unwrap_or(&packages);
    for entry in fs::read_dir(&packages).map_err(BuildError::io("read", &packages))? {
        let name = entry.map_err(BuildError::io("read", &packages))?.file_name();
        let text = name.to_string_lossy();
        let link = venv.join(&name);
        // A `.pth` file or a leading underscore hook would act twice; what has a place in the environment keeps it.
        if text.ends_with(".pth")
            || text == "__pycache__"
            || text.starts_with("_virtualenv")
            || link.symlink_metadata().is_ok()
        {
            continue;
        }
        symlink(relative.join(&name), &link).map_err(BuildError::io("link", &link))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_without_its_marker_or_interpreter_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let venv = dir.path().join("v");
        fs::create_dir_all(venv.join("bin")).unwrap();
        symlink("/bin/sh", venv.join("bin/python")).unwrap();
        assert!(!is_complete(&venv));
        fs::write(venv.join(MARKER), "").unwrap();
        assert!(is_complete(&venv));
        fs::remove_file(venv.join("bin/python")).unwrap();
        symlink("/gone/python", venv.join("bin/python")).unwrap();
        assert!(!is_complete(&venv));
    }

    #[test]
    fn packages_are_linked_at_the_top() {
        let dir = tempfile::tempdir().unwrap();
        let packages = dir.path().join("lib/python3.12/site-packages");
        fs::create_dir_all(packages.join("ops")).unwrap();
        fs::create_dir_all(packages.join("lib")).unwrap();
        fs::write(packages.join("ops/__init__.py"), "x").unwrap();
        fs::write(packages.join("hook.pth"), "import x").unwrap();
        link_flat(dir.path()).unwrap();
        assert!(dir.path().join("ops/__init__.py").is_file());
        assert!(!dir.path().join("hook.pth").exists());
        assert!(!dir.path().join("lib").is_symlink());
    }
}
