//! Running cargo.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use serde_json::Value;

use super::linkage::{Linkage, RELEASE};
use crate::command::find;
use crate::parts::RustPart;
use crate::{BuildError, BuildOptions, Progress};

/// The program cargo, and the rustc that it uses.
#[derive(Debug)]
pub struct Cargo {
    program: PathBuf,
    rustc: PathBuf,
}

/// What a charm's crate says of itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Package {
    /// Its `Cargo.toml`.
    pub manifest: PathBuf,
    /// Its name.
    pub name: String,
    /// The program that is the charm.
    pub program: String,
    /// `[package.metadata.periapt] target`
    pub target: Option<String>,
    /// `[package.metadata.periapt] static`
    pub is_static: Option<bool>,
    /// Whether there is a lock file, so that nothing is to be resolved anew.
    pub locked: bool,
    /// Whether its workspace has other packages.
    pub has_siblings: bool,
}

/// So many lines of the compiler's are kept for the error. Its first message counts, others often follow from it.
const SHOWN: usize = 60;

/// So many warnings are told.
const MOST_WARNINGS: usize = 20;

/// What makes a build quick that is only to be tried out. The rest of the author's profile stays.
const QUICK: [(&str, &str); 2] =
    [("CARGO_PROFILE_RELEASE_LTO", "off"), ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")];

/// What `charm!` names its warnings about the charm's YAML. They are told without the compiler, too.
const OF_YAML: &str = "CHECK_THE_CHARMS_YAML";

impl Cargo {
    /// The cargo on `PATH`.
    ///
    /// # Errors
    /// There is none.
    pub fn find(charm: &str) -> Result<Self, BuildError> {
        let program = find("cargo").ok_or_else(|| BuildError::NoCargo { charm: charm.to_owned() })?;
        let rustc = env::var_os("RUSTC").map(PathBuf::from);
        Ok(Self { program, rustc: rustc.unwrap_or_else(|| "rustc".into()) })
    }

    /// What the crate at `manifest` says of itself.
    ///
    /// # Errors
    /// A `Cargo.toml` that cargo cannot read, or a crate without one program to take.
    pub fn package(&self, manifest: &Path) -> Result<Package, BuildError> {
        let output = Command::new(&self.program)
            .args(["metadata", "--no-deps", "--format-version=1", "--manifest-path"])
            .arg(manifest)
            .current_dir(manifest.parent().unwrap_or(Path::new(".")))
            .env("CARGO_TERM_COLOR", "never")
            .stdin(Stdio::null())
            .output()
            .map_err(BuildError::io("run", &self.program))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(BuildError::invalid(
                manifest,
                format!("cargo cannot read it\n{}", said.trim().trim_start_matches("error: ")),
            ));
        }
        let metadata = serde_json::from_slice(&output.stdout)
            .map_err(|error| BuildError::invalid(manifest, format!("cargo told no JSON of it: {error}")))?;
        Package::of(&metadata, manifest)
    }

    /// The target of this machine.
    pub fn host(&self, folder: &Path) -> String {
        let asked = self.ask_rustc(folder, &["-vV"]);
        let line = asked.lines().find_map(|line| line.strip_prefix("host: "));
        line.map_or_else(|| format!("{}-unknown-linux-gnu", env::consts::ARCH), |host| host.trim().to_owned())
    }

    /// Whether the standard library is installed for a target.
    pub fn has_target(&self, target: &str, folder: &Path) -> bool {
        let place = self.ask_rustc(folder, &["--print=target-libdir", "--target", target]);
        !place.trim().is_empty() && Path::new(place.trim()).is_dir()
    }

    /// Asked in the charm's folder, where a `rust-toolchain.toml` may choose another one.
    fn ask_rustc(&self, folder: &Path, arguments: &[&str]) -> String {
        let output =
            Command::new(&self.rustc).args(arguments).current_dir(folder).stdin(Stdio::null()).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    }

    /// Builds the charm's program, and gives the path of the file and the compiler's warnings, old ones too: cargo repeats them
    /// where it has nothing to compile.
    ///
    /// # Errors
    /// What the compiler says.
    pub fn build(
        &self,
        charm: &str,
        package: &Package,
        part: &RustPart,
        linkage: &Linkage,
        options: &BuildOptions,
        progress: &dyn Progress,
    ) -> Result<(PathBuf, Vec<String>), BuildError> {
        let profile = options.cargo_profile.as_str();
        let folder = package.manifest.parent().unwrap_or(Path::new("."));
        let mut command = Command::new(&self.program);
        command
            .args(["build", "--message-format=json-render-diagnostics", "--bin", &package.program])
            .arg(format!("--profile={profile}"))
            .args(package.locked.then_some("--locked"))
            .args(linkage.arguments())
            .args(part.no_default_features.then_some("--no-default-features"));
        if !part.features.is_empty() {
            command.arg("--features").arg(part.features.join(","));
        }
        // For trying out, what the author has built of the whole workspace is used again: a package built alone may need its
        // dependencies with other features, and so built anew.
        let is_plain = part.features.is_empty() && !part.no_default_features;
        if profile != RELEASE && package.has_siblings && is_plain {
            command.arg("--workspace");
        }
        command.arg("--manifest-path").arg(&package.manifest).current_dir(folder);
        command.env("CARGO_TERM_COLOR", "never");
        if options.quick && profile == RELEASE {
            // What the user says himself counts.
            command.envs(QUICK.into_iter().filter(|(name, _)| env::var_os(name).is_none()));
        }
        if let Some(flags) = linkage.rustflags(env::var("RUSTFLAGS").ok()) {
            command.env("RUSTFLAGS", flags);
        }
        let ran = run(&mut command, progress).map_err(BuildError::io("run", &self.program))?;
        if !ran.succeeded {
            return Err(BuildError::Compile {
                charm: charm.to_owned(),
                said: first_error(&ran.said),
                remedy: remedy(&ran.said, folder, linkage),
            });
        }
        let program = program_of(&ran.messages, package).ok_or_else(|| {
            BuildError::invalid(
                &package.manifest,
                format!("cargo has built it, and names no program {:?}", package.program),
            )
        })?;
        Ok((program, warnings(&ran.said, folder)))
    }
}

impl Package {
    fn of(metadata: &Value, manifest: &Path) -> Result<Self, BuildError> {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let ours = real(manifest);
        let packages = metadata["packages"].as_array().into_iter().flatten();
        let has_siblings = packages.clone().count() > 1;
        let mut same = packages.filter(|package| {
            package["manifest_path"].as_str().is_some_and(|path| real(Path::new(path)) == ours)
        });
        let Some(package) = same.next() else {
            return Err(BuildError::invalid(
                manifest,
                "it is that of a workspace and of no package: give the folder of the charm's own package",
            ));
        };
        let settings = &package["metadata"]["periapt"];
        let text = |key: &str| settings[key].as_str().map(str::to_owned);
        let name = package["name"].as_str().unwrap_or_default().to_owned();
        let has_lock = metadata["workspace_root"]
            .as_str()
            .is_some_and(|root| Path::new(root).join("Cargo.lock").is_file());
        let asked = text("binary");
        let default = package["default_run"].as_str().map(str::to_owned);
        let program = choose_program(&programs(package), asked, default)
            .map_err(|problem| BuildError::invalid(manifest, problem))?;
        let (target, is_static) = (text("target"), settings["static"].as_bool());
        Ok(Self {
            manifest: manifest.to_owned(),
            name,
            program,
            target,
            is_static,
            locked: has_lock,
            has_siblings,
        })
    }
}

fn programs(package: &Value) -> Vec<String> {
    let targets = package["targets"].as_array().into_iter().flatten();
    let is_program = |target: &&Value| {
        target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "bin"))
    };
    targets.filter(is_program).filter_map(|target| Some(target["name"].as_str()?.to_owned())).collect()
}

/// The one program of a package, or the one that it names.
fn choose_program(
    programs: &[String],
    asked: Option<String>,
    default: Option<String>,
) -> Result<String, String> {
    let names = || programs.join(", ");
    if let Some(asked) = asked {
        return match programs.contains(&asked) {
            true => Ok(asked),
            false => Err(format!(
                "[package.metadata.periapt] names the binary {asked:?}, and the package has {}",
                if programs.is_empty() { "none".to_owned() } else { names() }
            )),
        };
    }
    match (programs, default) {
        ([], _) => Err("the package has no program, and a charm is one: add src/main.rs".to_owned()),
        ([one], _) => Ok(one.clone()),
        (_, Some(default)) => Ok(default),
        (_, None) => Err(format!(
            "the package has several programs ({}): say which is the charm with\n[package.metadata.periapt]\nbinary = {:?}",
            names(),
            programs[0]
        )),
    }
}

struct Ran {
    succeeded: bool,
    /// Standard output: one JSON message a line.
    messages: Vec<String>,
    /// Standard error: progress and the compiler's words.
    said: Vec<String>,
}

/// Runs cargo; its progress is handed on as it comes.
fn run(command: &mut Command, progress: &dyn Progress) -> std::io::Result<Ran> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (sender, messages) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        thread::spawn(move || {
            for line in lines(stdout) {
                // Nobody listens any more if standard error could not be read.
                let _ = sender.send(line);
            }
        });
    } else {
        drop(sender);
    }
    let mut said = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        for line in lines(stderr) {
            // The compiler's words are told whole, at the end.
            if is_progress(&line) {
                progress.line(&line);
            }
            said.push(line);
        }
    }
    let messages = messages.into_iter().collect();
    Ok(Ran { succeeded: child.wait()?.success(), messages, said })
}

fn lines(stream: impl Read) -> impl Iterator<Item = String> {
    let mut reader = BufReader::new(stream);
    std::iter::from_fn(move || {
        let mut bytes = Vec::new();
        let count = reader.read_until(b'\n', &mut bytes).ok()?;
        (count > 0).then(|| String::from_utf8_lossy(&bytes).trim_end().to_owned())
    })
}

/// The file that cargo says it has built for the program.
fn program_of(messages: &[String], package: &Package) -> Option<PathBuf> {
    let manifest = package.manifest.canonicalize().unwrap_or_else(|_| package.manifest.clone());
    messages.iter().rev().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_it = message["reason"] == "compiler-artifact"
            && message["target"]["name"] == package.program.as_str()
            && Path::new(message["manifest_path"].as_str()?).canonicalize().ok()? == manifest
            && message["target"]["kind"].as_array()?.iter().any(|kind| kind == "bin");
        is_it.then(|| message["executable"].as_str().map(PathBuf::from)).flatten()
    })
}

/// Whether cargo says what it does.
fn is_progress(line: &str) -> bool {
    const WORDS: [&str; 14] = [
        "Adding",
        "Blocking",
        "Building",
        "Checking",
        "Compiling",
        "Downloaded",
        "Downloading",
        "Dirty",
        "Finished",
        "Fresh",
        "Locking",
        "Removing",
        "Running",
        "Updating",
    ];
    let word = line.trim_start().split(' ').next().unwrap_or_default();
    line.starts_with(' ') && WORDS.contains(&word)
}

/// The compiler's and cargo's warnings, each with all its lines and without the word.
fn warnings(said: &[String], folder: &Path) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut open = false;
    for line in said.iter().filter(|line| !is_progress(line)) {
        if let Some(text) = line.strip_prefix("warning: ") {
            // Not how many there are: that is seen.
            open = !(text.starts_with('`') && text.contains(" generated "));
            if open {
                all.push(text.to_owned());
            }
        } else if let Some(last) = all.last_mut().filter(|_| open) {
            last.push('\n');
            last.push_str(line);
        }
    }
    all.retain(|warning| !warning.contains(OF_YAML));
    for warning in &mut all {
        warning.truncate(warning.trim_end().len());
    }
    let more = all.len().saturating_sub(MOST_WARNINGS);
    if more > 0 {
        all.truncate(MOST_WARNINGS);
        all.push(format!(
            "the compiler has {more} more warnings: `cargo check` in {} shows them",
            folder.display()
        ));
    }
    all
}

/// The compiler's words from its first error on, without cargo's progress.
fn first_error(said: &[String]) -> String {
    let useful: Vec<&String> = said.iter().filter(|line| !is_progress(line)).collect();
    let first = useful.iter().position(|line| line.starts_with("error")).unwrap_or(0);
    let shown: Vec<&str> = useful.iter().skip(first).take(SHOWN).map(|line| line.as_str()).collect();
    let left = useful.len().saturating_sub(first + shown.len());
    let mut text = shown.join("\n");
    if left > 0 {
        text.push_str(&format!("\n… and {left} more lines"));
    }
    text
}

fn remedy(said: &[String], folder: &Path, linkage: &Linkage) -> String {
    let has = |words: &str| said.iter().any(|line| line.contains(words));
    let place = folder.display();
    if has("--locked was passed") {
        return format!(
            "Cargo.lock does not fit Cargo.toml: run `cargo check` in {place} to bring it up to date"
        );
    }
    if has("linking with") && matches!(linkage, Linkage::Glibc(_)) {
        return "a library that the charm uses may not link statically: set `static = false` under [package.metadata.periapt] in Cargo.toml".to_owned();
    }
    format!("`cargo check` in {place} shows the same, and more")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn package(targets: Value, more: Value) -> Result<Package, BuildError> {
        let mut package =
            json!({"name": "demo", "manifest_path": "/c/Cargo.toml", "targets": targets, "metadata": null});
        for (key, value) in more.as_object().unwrap() {
            package[key] = value.clone();
        }
        Package::of(&json!({"packages": [package], "workspace_root": "/c"}), Path::new("/c/Cargo.toml"))
    }

    fn bin(name: &str) -> Value {
        json!({"kind": ["bin"], "name": name})
    }

    #[test]
    fn the_program_is_the_only_one_or_the_one_that_is_named() {
        let lib = json!({"kind": ["lib"], "name": "demo"});
        assert_eq!(package(json!([lib, bin("one")]), json!({})).unwrap().program, "one");
        let two = json!([bin("one"), bin("two")]);
        let error = package(two.clone(), json!({})).unwrap_err().to_string();
        assert!(
            error.contains("several programs (one, two)") && error.contains("binary = \"one\""),
            "{error}"
        );
        assert_eq!(package(two.clone(), json!({"default_run": "two"})).unwrap().program, "two");
        let named = json!({"metadata": {"periapt": {"binary": "two", "static": false, "target": "t"}}});
        let named = package(two.clone(), named).unwrap();
        assert_eq!(
            (named.program.as_str(), named.is_static, named.target.as_deref()),
            ("two", Some(false), Some("t"))
        );
        let wrong = package(two, json!({"metadata": {"periapt": {"binary": "x"}}})).unwrap_err().to_string();
        assert!(wrong.contains("\"x\"") && wrong.contains("one, two"), "{wrong}");
        let none = package(json!([lib]), json!({})).unwrap_err().to_string();
        assert!(none.contains("src/main.rs"), "{none}");
    }

    #[test]
    fn warnings_are_told_whole_and_without_their_count() {
        let said = "warning: unused manifest key: package.nme\n   Compiling a v1\nwarning: unused variable: `x`\n \
                    --> src/main.rs:3:9\n  |\n3 |     let x = 1;\n  |         ^ help: `_x`\n  |\n\nwarning: use of deprecated \
                    constant `_::CHECK_THE_CHARMS_YAML`: charmcraft.yaml:1:1: odd\n --> src/main.rs:1:1\n\nwarning: `a` (bin \
                    \"a\") generated 2 warnings (run `cargo fix`)\n    Finished `release` profile";
        let said: Vec<String> = said.lines().map(str::to_owned).collect();
        let expected = [
            "unused manifest key: package.nme",
            "unused variable: `x`\n --> src/main.rs:3:9\n  |\n3 |     let x = 1;\n  |         ^ help: `_x`\n  |",
        ];
        assert_eq!(warnings(&said, Path::new("/c")), expected);
        assert_eq!(warnings(&said[1..2], Path::new("/c")), [""; 0]);
        let many: Vec<String> = (0..30).map(|n| format!("warning: number {n}")).collect();
        let told = warnings(&many, Path::new("/c"));
        assert_eq!(
            (told.len(), told[20].as_str()),
            (21, "the compiler has 10 more warnings: `cargo check` in /c shows them")
        );
    }

    #[test]
    fn the_compilers_words_begin_with_its_first_error() {
        let said: Vec<String> = [
            "   Compiling a v1",
            "warning: unused",
            "error[E0425]: no `x`",
            " --> src/main.rs:1",
            "   Compiling b v1",
            "",
            "error: could not compile",
        ]
        .map(str::to_owned)
        .to_vec();
        assert_eq!(
            first_error(&said),
            "error[E0425]: no `x`\n --> src/main.rs:1\n\nerror: could not compile"
        );
        let glibc = Linkage::Glibc("x".into());
        assert!(
            remedy(&["the lock file ... because --locked was passed".into()], Path::new("/c"), &glibc)
                .contains("/c")
        );
        assert!(
            remedy(&["error: linking with `cc` failed".into()], Path::new("/c"), &glibc)
                .contains("static = false")
        );
    }
}
