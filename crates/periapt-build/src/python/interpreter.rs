//! Which Pythons this machine has, and which of them suits a charm best.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::marker::MarkerEnv;
use super::version::{Range, Version};
use crate::BuildError;

/// A Python interpreter that was asked what it is.
#[derive(Debug, Clone)]
pub struct Interpreter {
    /// The program itself: never a shim and never a virtual environment's link.
    pub executable: PathBuf,
    /// E.g. 3.12.1.
    pub version: Version,
    /// What its environment markers are.
    pub markers: MarkerEnv,
    /// Whether `python -m venv` can work: Debian's Python comes without `ensurepip` unless `python3-venv` is installed.
    pub makes_venvs: bool,
}

impl Interpreter {
    /// `3.12`: what binary packages depend on.
    #[must_use]
    pub fn minor(&self) -> String {
        let numbers = self.version.numbers();
        format!("{}.{}", numbers.first().unwrap_or(&0), numbers.get(1).unwrap_or(&0))
    }

    /// A text that differs where an environment made by one interpreter must not be used with another.
    #[must_use]
    pub fn identity(&self) -> String {
        let machine = self.markers.variables.get("platform_machine").map_or("", String::as_str);
        format!("{} {} {machine}", self.executable.display(), self.version)
    }
}

/// Pythons older than this run no charm that is alive, and lack what we ask of them.
const OLDEST: [u64; 2] = [3, 6];

/// Prints one `name=value` line for each marker variable, and two of our own.
const PROBE: &str = r"
import os, platform, sys
out = {
    'executable': os.path.realpath(getattr(sys, '_base_executable', None) or sys.executable),
    'venv': '1',
    'implementation_name': sys.implementation.name,
    'implementation_version': '.'.join(map(str, sys.implementation.version[:3])),
    'os_name': os.name,
    'platform_machine': platform.machine(),
    'platform_python_implementation': platform.python_implementation(),
    'platform_release': platform.release(),
    'platform_system': platform.system(),
    'platform_version': platform.version(),
    'python_full_version': platform.python_version(),
    'python_version': '.'.join(platform.python_version_tuple()[:2]),
    'sys_platform': sys.platform,
}
try:
    import ensurepip, venv
except ImportError:
    out['venv'] = ''
for name in sorted(out):
    print(name + '=' + out[name].replace('\n', ' '))
";

/// Starts a program and asks what it is. `None` if it cannot answer.
fn probe(candidate: &Path) -> Option<String> {
    let output = Command::new(candidate)
        .args(["-I", "-c", PROBE])
        .env_remove("PYTHONHOME")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

/// Reads an answer to [`PROBE`]; `None` if the program is of no use to charms.
fn describe(answer: &str) -> Option<Interpreter> {
    let mut variables: BTreeMap<String, String> = answer
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let executable = PathBuf::from(variables.remove("executable")?);
    let makes_venvs = variables.remove("venv")? == "1";
    let version = Version::parse(variables.get("python_full_version")?)?;
    let implementation = variables.get("implementation_name")?;
    (version >= Version::release(&OLDEST) && implementation == "cpython").then(|| Interpreter {
        executable,
        version,
        markers: MarkerEnv { variables, extras: BTreeSet::new() },
        makes_venvs,
    })
}

/// Every usable Python on this machine: those on `PATH`, in `/usr/bin` and `/usr/local/bin`, pyenv's and uv's. In the order found, each once.
#[must_use]
pub fn discover(cache: &Path) -> Vec<Interpreter> {
    let mut programs = Vec::new();
    let home = env::var_os("HOME").map(PathBuf::from);
    let pyenv = env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| home.as_ref().map(|home| home.join(".pyenv")));
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).filter(|dir| {
        // A shim asks pyenv which version is wanted here; the versions themselves are searched below.
        !dir.ends_with("shims")
    });
    for dir in on_path.chain(["/usr/bin".into(), "/usr/local/bin".into()]) {
        programs_in(&dir, &mut programs);
    }
    if let Some(root) = pyenv {
        for version in subdirectories(&root.join("versions")) {
            programs_in(&version.join("bin"), &mut programs);
        }
    }
    let uv = env::var_os("UV_PYTHON_INSTALL_DIR").map(PathBuf::from).or_else(|| {
        let data = env::var_os("XDG_DATA_HOME")
            .map(PathBuf::from)
            .or_else(|| home.map(|home| home.join(".local/share")));
        data.map(|data| data.join("uv/python"))
    });
    if let Some(root) = uv {
        for version in subdirectories(&root) {
            programs_in(&version.join("bin"), &mut programs);
        }
    }
    let mut seen = BTreeSet::new();
    programs.retain(|program| fs::canonicalize(program).is_ok_and(|real| seen.insert(real)));
    let known = Answers::read(cache);
    // Each probe starts a process; together they take as long as the slowest.
    let answers: Vec<Option<(String, String)>> = std::thread::scope(|scope| {
        let probes: Vec<_> = programs
            .iter()
            .map(|program| {
                let stamp = stamp(program);
                let answer = stamp.as_ref().and_then(|stamp| known.0.get(stamp)).cloned();
                scope.spawn(move || Some((stamp?, answer.or_else(|| probe(program))?)))
            })
            .collect();
        probes.into_iter().map(|probe| probe.join().ok().flatten()).collect()
    });
    let answers: Vec<(String, String)> = answers.into_iter().flatten().collect();
    let mut found: Vec<Interpreter> = answers.iter().filter_map(|(_, answer)| describe(answer)).collect();
    // What a Python lacks may be installed any time without the program changing: ask that one again.
    let keep =
        answers.into_iter().filter(|(_, answer)| describe(answer).is_none_or(|python| python.makes_venvs));
    Answers(keep.collect()).write(cache, &known);
    let mut seen = BTreeSet::new();
    found.retain(|interpreter| seen.insert(interpreter.executable.clone()));
    found
}

/// What programs answered to [`PROBE`] before, by their [`stamp`]. Asking a dozen Pythons takes the better part of a second.
#[derive(Debug, PartialEq, Eq)]
struct Answers(BTreeMap<String, String>);

/// Starts a block of the file of answers, and cannot start a line of an answer.
const BLOCK: &str = "@";

impl Answers {
    fn file(cache: &Path) -> PathBuf {
        cache.join("interpreters")
    }

    fn read(cache: &Path) -> Self {
        let text = fs::read_to_string(Self::file(cache)).unwrap_or_default();
        let mut answers: BTreeMap<String, String> = BTreeMap::new();
        let mut current = None;
        for line in text.lines() {
            if let Some(stamp) = line.strip_prefix(BLOCK) {
                current = Some(stamp.to_owned());
            } else if let Some(stamp) = &current {
                let answer = answers.entry(stamp.clone()).or_default();
                answer.push_str(line);
                answer.push('\n');
            }
        }
        Self(answers)
    }

    /// Best effort: without the file the next build only asks again.
    fn write(&self, cache: &Path, before: &Self) {
        if self == before || fs::create_dir_all(cache).is_err() {
            return;
        }
        let text: String = self.0.iter().map(|(stamp, answer)| format!("{BLOCK}{stamp}\n{answer}")).collect();
        if let Ok(file) = tempfile::NamedTempFile::new_in(cache)
            && fs::write(file.path(), text).is_ok()
        {
            drop(file.persist(Self::file(cache)));
        }
    }
}

/// Stands for a program as it is now: its real path, and when it was changed last.
fn stamp(program: &Path) -> Option<String> {
    let real = fs::canonicalize(program).ok()?;
    let meta = fs::metadata(&real).ok()?;
    let path = real.to_str().filter(|path| !path.contains('\n'))?;
    Some(format!("{path} {} {}.{}", meta.len(), meta.mtime(), meta.mtime_nsec()))
}

/// `python3`, and every `python3.N`, of one directory.
fn programs_in(dir: &Path, programs: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| {
            name.strip_prefix("python3").is_some_and(|rest| {
                rest.is_empty()
                    || rest
                        .strip_prefix('.')
                        .is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()))
            })
        })
        .collect();
    names.sort();
    for name in names {
        let program = dir.join(name);
        if fs::metadata(&program).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0) {
            programs.push(program);
        }
    }
}

fn subdirectories(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut dirs: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|p| p.is_dir()).collect();
    dirs.sort();
    dirs
}

/// What a charm asks of its interpreter.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The Pythons of the charm's bases, e.g. `[3, 10]` for Ubuntu 22.04. Empty if no base is known.
    pub bases: Vec<(String, [u64; 2])>,
    /// What the charm's packaging files demand.
    pub requires: Range,
    /// Where `requires` was read, e.g. `uv.lock`.
    pub required_by: Option<String>,
}

/// The Python of a base such as `ubuntu@22.04`.
#[must_use]
pub fn python_of_base(name: &str, channel: &str) -> Option<[u64; 2]> {
    let track = channel.split('/').next().unwrap_or(channel);
    Some(match (name, track) {
        ("ubuntu", "18.04") => [3, 6],
        ("ubuntu", "20.04") => [3, 8],
        ("ubuntu", "22.04") => [3, 10],
        ("ubuntu", "23.04" | "23.10") => [3, 11],
        ("ubuntu", "24.04" | "24.10") => [3, 12],
        ("ubuntu", "25.04" | "25.10") => [3, 13],
        ("ubuntu", "26.04") => [3, 14],
        ("debian", "12") => [3, 11],
        ("debian", "13") => [3, 13],
        _ => return None,
    })
}

/// Orders the interpreters that satisfy the charm, best first: the Python of one of the charm's bases, else the closest
/// newer one, else the closest older one; where the charm names no base, the order in which they were found.
///
/// # Errors
/// [`BuildError::NoInterpreter`] if none satisfies what the packaging files demand.
pub fn rank(found: &[Interpreter], wanted: &Wanted) -> Result<Vec<Interpreter>, BuildError> {
    let mut suitable: Vec<Interpreter> = found
        .iter()
        .filter(|interpreter| {
            wanted.requires.allows(&interpreter.version)
                // Without a demand, Pythons that current packages have left behind are no good guess.
                && (wanted.required_by.is_some() || !wanted.bases.is_empty() || interpreter.version >= Version::release(&[3, 8]))
        })
        .cloned()
        .collect();
    if suitable.is_empty() {
        return Err(none_suits(found, wanted));
    }
    suitable.sort_by_key(|interpreter| {
        let minor = interpreter.version.numbers().get(1).copied().unwrap_or(0);
        let distance = wanted
            .bases
            .iter()
            .map(|(_, [_, base])| if minor >= *base { minor - base } else { 1000 + base - minor })
            .min()
            .unwrap_or(0);
        // Of several bases that fit equally well the newest is the one the charm's authors test most.
        let newest_first = if wanted.bases.is_empty() { 0 } else { u64::MAX - minor };
        // One that cannot make virtual environments can still be used by way of uv, but only as the second choice.
        (distance, newest_first, !interpreter.makes_venvs)
    });
    Ok(suitable)
}

fn none_suits(found: &[Interpreter], wanted: &Wanted) -> BuildError {
    let needed = match &wanted.required_by {
        Some(place) => format!("{} (says {place})", wanted.requires),
        None => "3".to_owned(),
    };
    let mut versions: Vec<&Version> = found.iter().map(|interpreter| &interpreter.version).collect();
    versions.sort();
    versions.dedup();
    let found = match versions.as_slice() {
        [] => "no Python was found on this machine (searched: PATH, /usr/bin, pyenv's and uv's versions)"
            .to_owned(),
        versions => {
            let list: Vec<String> = versions.iter().map(ToString::to_string).collect();
            format!("this machine has only {}", list.join(", "))
        }
    };
    let suggestion = (6..=20)
        .map(|minor| [3, minor])
        .filter(|version| wanted.requires.allows(&Version::release(version)))
        .min_by_key(|[_, minor]| {
            wanted
                .bases
                .iter()
                .map(|(_, [_, base])| base.abs_diff(*minor))
                .min()
                .unwrap_or_else(|| 12_u64.abs_diff(*minor))
        });
    let remedy = match suggestion {
        Some([major, minor]) => {
            let version = format!("{major}.{minor}");
            format!(
                "install one, e.g. `uv python install {version}`, `pyenv install {version}` or `apt install python{version} python{version}-venv`"
            )
        }
        None => "no release of Python 3 satisfies that: correct the charm".to_owned(),
    };
    BuildError::NoInterpreter { needed, found, remedy }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn python(version: &str) -> Interpreter {
        Interpreter {
            executable: format!("/opt/{version}/bin/python3").into(),
            version: Version::parse(version).unwrap(),
            markers: MarkerEnv::default(),
            makes_venvs: true,
        }
    }

    fn best(found: &[&str], bases: &[[u64; 2]], requires: &str) -> Option<String> {
        let found: Vec<Interpreter> = found.iter().map(|version| python(version)).collect();
        let wanted = Wanted {
            bases: bases.iter().map(|base| ("ubuntu".to_owned(), *base)).collect(),
            requires: Range::parse(requires).unwrap(),
            required_by: (!requires.is_empty()).then(|| "uv.lock".to_owned()),
        };
        rank(&found, &wanted).ok().map(|ranked| ranked[0].version.to_string())
    }

    #[test]
    fn prefers_the_base_then_the_closest_newer_then_the_closest_older() {
        let all = ["3.11.7", "3.8.18", "3.10.13", "3.12.1", "3.13.0"];
        assert_eq!(best(&all, &[[3, 10]], "").unwrap(), "3.10.13");
        assert_eq!(best(&["3.8.18", "3.13.0", "3.12.1"], &[[3, 10]], "").unwrap(), "3.12.1");
        assert_eq!(best(&["3.8.18", "3.9.1"], &[[3, 10]], "").unwrap(), "3.9.1");
        assert_eq!(best(&all, &[[3, 8], [3, 10]], "").unwrap(), "3.10.13");
        assert_eq!(best(&all, &[[3, 8]], ">=3.10").unwrap(), "3.10.13");
        assert_eq!(best(&all, &[], "").unwrap(), "3.11.7");
        assert_eq!(best(&["3.7.1", "3.9.1"], &[], "").unwrap(), "3.9.1");
    }

    #[test]
    fn refuses_with_what_was_needed_and_found_and_what_to_do() {
        let wanted = Wanted {
            bases: vec![("ubuntu@24.04".to_owned(), [3, 12])],
            requires: Range::parse(">=3.14").unwrap(),
            required_by: Some("uv.lock".to_owned()),
        };
        let error = rank(&[python("3.12.1"), python("3.8.2")], &wanted).unwrap_err().to_string();
        assert!(error.contains("needs Python >=3.14 (says uv.lock)"), "{error}");
        assert!(error.contains("has only 3.8.2, 3.12.1"), "{error}");
        assert!(error.contains("uv python install 3.14"), "{error}");
    }

    #[test]
    fn finds_at_least_one_real_interpreter_and_never_a_shim() {
        let cache = tempfile::tempdir().unwrap();
        let found = discover(cache.path());
        assert!(!found.is_empty());
        let again = discover(cache.path());
        assert_eq!(again.len(), found.len());
        let answers = Answers::read(cache.path());
        assert!(answers.0.values().all(|answer| answer.contains("python_version=")), "{answers:?}");
        for interpreter in again {
            assert!(interpreter.executable.is_absolute());
            assert!(!interpreter.executable.to_string_lossy().contains("/shims/"));
            assert!(interpreter.markers.variables.contains_key("sys_platform"));
        }
    }
}
