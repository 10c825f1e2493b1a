//! Charms in Rust, built with the real cargo of this machine, and run. None of them has dependencies: nothing is fetched.
#![allow(clippy::unwrap_used, reason = "tests may fail by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use periapt_build::{BuildError, BuildOptions, Prepared, Progress, pack, prepare};

#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Progress for Recorder {
    fn step(&self, text: &str) {
        self.0.lock().unwrap().push(format!("> {text}"));
    }
    fn line(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}

struct World {
    dir: tempfile::TempDir,
    said: Recorder,
}

const METADATA: &str = "name: demo\nsummary: s\ndescription: d\n";
const MANIFEST: &str = "[workspace]\n[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
const PROGRAM: &str =
    "fn main() { println!(\"rust {}\", std::env::var(\"JUJU_DISPATCH_PATH\").unwrap()); }\n";

impl World {
    /// A charm's folder with these files beside a crate that prints the name of its event.
    fn new(files: &[(&str, &str)]) -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap(), said: Recorder::default() };
        for (name, text) in [("Cargo.toml", MANIFEST), ("src/main.rs", PROGRAM)] {
            world.write(name, text);
        }
        if files.iter().all(|(name, _)| *name != "charmcraft.yaml") {
            world.write("metadata.yaml", METADATA);
        }
        for (name, text) in files {
            world.write(name, text);
        }
        world
    }

    fn charm(&self) -> PathBuf {
        self.dir.path().join("charm")
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.charm().join(name.trim_end_matches('!'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        if name.ends_with('!') {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    fn options(&self, profile: &str) -> BuildOptions {
        let home = self.dir.path().join("home");
        BuildOptions { uv: None, cargo_profile: profile.to_owned(), ..BuildOptions::new(&home) }
    }

    fn prepare(&self) -> Result<Prepared, BuildError> {
        prepare(&self.charm(), &self.options("dev"), &self.said)
    }

    fn error(&self) -> String {
        self.prepare().unwrap_err().to_string()
    }

    fn said(&self) -> String {
        self.said.0.lock().unwrap().join("\n")
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn dispatch(program: &Path) -> String {
    let output = Command::new(program)
        .env_clear()
        .env("JUJU_DISPATCH_PATH", "hooks/install")
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_program_becomes_dispatch_and_its_source_stays_out() {
    let world = World::new(&[
        ("config.yaml", "options: {}\n"),
        ("templates/page.html", "<p>\n"),
        ("tests/unit.rs", "#[test] fn t() {}\n"),
        ("README.md", "read me\n"),
    ]);
    let prepared = world.prepare().unwrap();
    assert_eq!(prepared.python, None);
    assert_eq!(prepared.warnings, Vec::<String>::new());
    assert_eq!(names(&prepared.tree), ["README.md", "config.yaml", "dispatch", "metadata.yaml", "templates"]);
    assert_eq!(dispatch(&prepared.tree.join("dispatch")), "rust hooks/install\n");
    assert!(world.said().contains("> building demo with cargo"), "{}", world.said());
    assert!(world.said().contains("Compiling demo"), "cargo's own progress is told: {}", world.said());
    // The same source is the same charm, another source another.
    assert_eq!(world.prepare().unwrap().id, prepared.id);
    world.write("src/main.rs", "fn main() { println!(\"other\"); }\n");
    let other = world.prepare().unwrap();
    assert_ne!(other.id, prepared.id);
    assert_eq!(dispatch(&other.tree.join("dispatch")), "other\n");
}

/// With the profile that is quick and with the one that is not; and when there is nothing to compile.
#[test]
fn the_compilers_warnings_are_told_each_time() {
    let world = World::new(&[("src/main.rs", "fn main() { let unused = 1; }\n")]);
    let options = BuildOptions { quick: true, ..world.options("release") };
    for turn in 0..3 {
        let options = if turn == 2 { world.options("dev") } else { options.clone() };
        let warnings = prepare(&world.charm(), &options, &world.said).unwrap().warnings;
        let warning = warnings.iter().find(|warning| warning.starts_with("unused variable: `unused`"));
        let warning = warning.unwrap_or_else(|| panic!("{turn}: {warnings:?}"));
        assert!(warning.contains("src/main.rs:1:17") && !warning.contains("generated"), "{warning}");
        assert!(!world.said().contains("unused variable"), "it is told once: {}", world.said());
    }
}

#[test]
fn what_charmcraft_would_do_with_its_rust_plugin() {
    let charmcraft = |organize: &str| {
        format!(
            "type: charm\nname: demo\nsummary: s\ndescription: d\nbase: ubuntu@24.04\nplatforms: {{amd64: }}\n\
             parts:\n  charm: {{plugin: rust, source: prog, rust-features: [loud]{organize}}}\n  \
             files: {{plugin: dump, source: more, prime: [kept]}}\n"
        )
    };
    let manifest = format!("{MANIFEST}[features]\nloud = []\n");
    let program = "fn main() { assert!(cfg!(feature = \"loud\")); println!(\"loud\"); }\n";
    let world = World::new(&[
        ("charmcraft.yaml", &charmcraft("")),
        ("prog/Cargo.toml", &manifest),
        ("prog/src/main.rs", program),
        ("more/kept", "x"),
        ("dispatch!", "#!/bin/sh\nexec bin/demo\n"),
    ]);
    // Only the named folder is built, and a charm's own dispatch stays.
    world.write("Cargo.toml", "no manifest");
    let tree = world.prepare().unwrap().tree;
    assert_eq!(dispatch(&tree.join("bin/demo")), "loud\n");
    assert!(fs::read_to_string(tree.join("dispatch")).unwrap().contains("exec bin/demo"));
    assert!(tree.join("kept").is_file() && tree.join("manifest.yaml").is_file());
    fs::remove_file(world.charm().join("dispatch")).unwrap();
    world.write("charmcraft.yaml", &charmcraft(", organize: {bin/demo: dispatch}"));
    let tree = world.prepare().unwrap().tree;
    assert_eq!(dispatch(&tree.join("dispatch")), "loud\n");
    assert!(!tree.join("bin").exists());
}

#[test]
fn a_packed_charm_is_static_and_can_be_deployed() {
    let world = World::new(&[]);
    let output = world.dir.path().join("out");
    let (path, warnings) = pack(&world.charm(), &output, &world.options("release"), &world.said).unwrap();
    assert!(warnings.iter().all(|warning| warning.contains("names no base")), "{warnings:?}");
    let options = world.options("release");
    let prepared = prepare(&path, &options, &world.said).unwrap();
    let program = prepared.tree.join("dispatch");
    assert_eq!(dispatch(&program), "rust hooks/install\n");
    // A program that needs no loader names none.
    let bytes = fs::read(&program).unwrap();
    let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(!has(b"/lib64/ld-linux") && !has(b"/lib/ld-"), "it is static");
    let (again, _) = pack(&world.charm(), &world.dir.path().join("again"), &options, &world.said).unwrap();
    assert_eq!(fs::read(path).unwrap(), fs::read(again).unwrap(), "the same source gives the same bytes");
}

#[test]
fn mistakes_are_explained() {
    let world = World::new(&[("src/main.rs", "fn main() { let x: u8 = \"text\"; }\n")]);
    let error = world.error();
    for part in ["demo does not compile\nerror[E0308]", "src/main.rs:1:25", "cargo check"] {
        assert!(error.contains(part), "{part} in {error}");
    }
    assert!(!error.contains("Compiling"), "{error}");
    world.write("src/main.rs", PROGRAM);
    world.write("src/bin/other.rs", PROGRAM);
    assert!(world.error().contains("[package.metadata.periapt]\nbinary = \"demo\""), "{}", world.error());
    world.write("Cargo.toml", &format!("{MANIFEST}[package.metadata.periapt]\nbinary = \"other\"\n"));
    assert!(world.prepare().is_ok());
    world.write("Cargo.toml", "[package]\nname = 3\n");
    let error = world.error();
    assert!(error.contains("Cargo.toml: cargo cannot read it"), "{error}");
    // A dependency that the lock file does not know yet.
    world.write("more/Cargo.toml", "[package]\nname = \"more\"\nversion = \"0.1.0\"\n");
    world.write("more/src/lib.rs", "");
    world.write("Cargo.lock", "version = 4\n");
    let manifest =
        format!("{MANIFEST}default-run = \"demo\"\n[dependencies]\nmore = {{ path = \"more\" }}\n");
    world.write("Cargo.toml", &manifest);
    let error = world.error();
    assert!(error.contains("Cargo.lock does not fit Cargo.toml: run `cargo check`"), "{error}");
}

#[test]
fn a_python_charm_may_have_a_crate_beside() {
    let world = World::new(&[("dispatch!", "#!/bin/sh\necho python\n"), ("src/charm.py", "")]);
    let tree = world.prepare().unwrap().tree;
    assert_eq!(dispatch(&tree.join("dispatch")), "python\n");
    assert!(tree.join("src/charm.py").is_file() && !tree.join("bin").exists());
}

#[test]
fn a_charm_may_have_siblings_in_its_workspace() {
    let manifest = MANIFEST.replace("[workspace]", "[workspace]\nmembers = [\"more\"]");
    let more = "[package]\nname = \"more\"\nversion = \"0.1.0\"\n";
    let world = World::new(&[
        ("Cargo.toml", &manifest),
        ("more/Cargo.toml", more),
        ("more/src/main.rs", "fn main() {}\n"),
    ]);
    let tree = world.prepare().unwrap().tree;
    assert_eq!(dispatch(&tree.join("dispatch")), "rust hooks/install\n");
    assert!(!world.said().contains("Compiling more"), "{}", world.said());
}
