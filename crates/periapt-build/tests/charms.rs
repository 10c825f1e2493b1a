//! Charms of every kind, prepared with the real Python tools of this machine, and run.
//!
//! Two of these tests install packages from the package index.
#![allow(clippy::unwrap_used, reason = "tests may fail by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use periapt_build::{
    BuildError, BuildOptions, Prepared, Progress, Silent, create_unit, load_meta, pack, path_entry, prepare,
};

/// Remembers what was reported.
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

impl Recorder {
    fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a charm's folder; names that end in `!` become executable.
    fn charm(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let folder = self.path(name);
        for (file, text) in files {
            let path = folder.join(file.trim_end_matches('!'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            if file.ends_with('!') {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        folder
    }

    fn options(&self) -> BuildOptions {
        BuildOptions { uv: None, ..BuildOptions::new(&self.path("home")) }
    }

    fn prepare(&self, source: &Path) -> Result<Prepared, BuildError> {
        prepare(source, &self.options(), &Silent)
    }

    /// Runs a charm's `dispatch` in a unit's copy, as an agent does.
    fn dispatch(&self, prepared: &Prepared) -> String {
        let unit = self.path("unit");
        let _ = fs::remove_dir_all(&unit);
        create_unit(&prepared.tree, &unit).unwrap();
        let path = match path_entry(&unit) {
            Some(bin) => format!("{}:/usr/bin:/bin", bin.display()),
            None => "/usr/bin:/bin".to_owned(),
        };
        let mut command = Command::new(unit.join("dispatch"));
        command.current_dir(&unit).env_clear().env("PATH", path).env("JUJU_DISPATCH_PATH", "hooks/install");
        let output = command.output().unwrap();
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{text}");
        text
    }
}

const METADATA: (&str, &str) = ("metadata.yaml", "name: demo\nsummary: s\ndescription: d\n");

#[test]
fn a_shell_charm_needs_no_python() {
    let world = World::new();
    let dispatch = ("dispatch!", "#!/bin/sh\necho \"$JUJU_DISPATCH_PATH in $PWD\"\n");
    let charm = world.charm(
        "charm",
        &[METADATA, dispatch, ("hooks/install", "#!/bin/sh\n"), ("config.yaml", "options: {}\n")],
    );
    let prepared = world.prepare(&charm).unwrap();
    assert_eq!(prepared.meta.name.to_string(), "demo");
    assert_eq!(prepared.python, None);
    assert!(!prepared.tree.join("venv").exists());
    assert_eq!(prepared.tree, world.path("home/charms").join(&prepared.id));
    let mode = fs::metadata(prepared.tree.join("hooks/install")).unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0o111, "hooks are made executable as Juju does");
    assert_eq!(world.dispatch(&prepared), format!("hooks/install in {}\n", world.path("unit").display()));
    assert_eq!(world.prepare(&charm).unwrap().id, prepared.id);
    fs::write(charm.join("hooks/install"), "#!/bin/sh\ntrue\n").unwrap();
    assert_ne!(world.prepare(&charm).unwrap().id, prepared.id);
    let left: Vec<_> =
        fs::read_dir(world.path("home/charms")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn programs_that_no_event_runs_are_told_of() {
    let world = World::new();
    let hook = "#!/bin/sh\n";
    let charm = world.charm(
        "demo",
        &[
            ("metadata.yaml", "name: demo\nsummary: s\ndescription: d\nrequires: {db: {interface: pg}}\n"),
            ("hooks/start!", hook),
            ("hooks/instal!", hook),
            ("hooks/db-relation-chnaged!", hook),
            ("hooks/dbb-relation-joined!", hook),
            ("hooks/website-relation-joined!", hook),
            ("hooks/secret-changed!", hook),
            ("hooks/periapt-wake!", hook),
            // What hooks are made of.
            ("hooks/common!", hook),
            ("hooks/install.real!", hook),
        ],
    );
    let warnings = world.prepare(&charm).unwrap().warnings;
    let expected = [
        "hooks/db-relation-chnaged is never run: no event has that name (did you mean hooks/db-relation-changed?)",
        "hooks/dbb-relation-joined is never run: the charm has no endpoint \"dbb\" (did you mean hooks/db-relation-joined?)",
        "hooks/instal is never run: no event has that name (did you mean hooks/install?)",
        "hooks/website-relation-joined is never run: the charm has no endpoint \"website\"",
    ];
    assert_eq!(warnings, expected);
    let (path, packed) = pack(&charm, &world.path("out"), &world.options(), &Silent).unwrap();
    assert!(expected.iter().all(|warning| packed.iter().any(|w| w == warning)), "{packed:?}");
    assert_eq!(world.prepare(&path).unwrap().warnings, expected);
}

#[test]
fn one_file_metadata_is_split_and_a_python_charm_gets_a_dispatch() {
    let world = World::new();
    let charmcraft = "name: one\ntype: charm\nsummary: s\ndescription: d\nbase: ubuntu@22.04\nplatforms: {amd64: }\n\
                      config: {options: {size: {type: int, default: 3}}}\nactions: {go: {description: x}}\n\
                      parts: {charm: {plugin: uv, source: .}}\n";
    let code = "import os, sys, helper\nprint(os.environ['JUJU_DISPATCH_PATH'], helper.NAME, sys.prefix)\n";
    let files =
        [("charmcraft.yaml", charmcraft), ("src/charm.py", code), ("lib/helper.py", "NAME = 'lib'\n")];
    let prepared = world.prepare(&world.charm("charm", &files)).unwrap();
    for file in ["metadata.yaml", "config.yaml", "actions.yaml", "manifest.yaml"] {
        assert!(prepared.tree.join(file).is_file(), "{file}");
    }
    assert_eq!(
        world.dispatch(&prepared),
        format!("hooks/install lib {}\n", world.path("unit/venv").display())
    );
    assert!(prepared.warnings.is_empty(), "{:?}", prepared.warnings);
    assert_eq!(load_meta(&prepared.tree).unwrap().name, "one");

    // The archive holds charmcraft.yaml beside the files that were made of it: only those count.
    let (archive, _) = pack(&world.path("charm"), &world.path("out"), &world.options(), &Silent).unwrap();
    let unpacked = world.prepare(&archive).unwrap();
    assert!(unpacked.warnings.is_empty(), "{:?}", unpacked.warnings);
    assert_eq!(unpacked.meta.actions, prepared.meta.actions);
    assert!(world.dispatch(&unpacked).starts_with("hooks/install lib "));
}

#[test]
fn two_builds_at_once_make_one_environment() {
    let world = World::new();
    let charms: Vec<PathBuf> = (0..4)
        .map(|n| {
            world.charm(&n.to_string(), &[METADATA, ("src/charm.py", "import sys; print(sys.version)\n")])
        })
        .collect();
    let ids: Vec<String> = std::thread::scope(|scope| {
        let builds: Vec<_> =
            charms.iter().map(|charm| scope.spawn(|| world.prepare(charm).unwrap().id)).collect();
        builds.into_iter().map(|build| build.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let venvs = fs::read_dir(world.path("home/cache/venvs")).unwrap();
    let dirs = venvs.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count();
    assert_eq!(dirs, 1);
}

#[test]
fn a_failed_installation_is_told_with_its_output_and_leaves_nothing() {
    let world = World::new();
    let charm = world.charm(
        "charm",
        &[METADATA, ("src/charm.py", ""), ("requirements.txt", "./missing-1.0-py3-none-any.whl\n")],
    );
    let error = world.prepare(&charm).unwrap_err();
    assert!(matches!(error, BuildError::Packages { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("pip install -r requirements.txt") && text.contains("missing-1.0"), "{text}");
    let left: Vec<_> =
        fs::read_dir(world.path("home/cache/venvs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.iter().all(|path| path.extension().is_some_and(|e| e == "lock")), "{left:?}");
    assert_eq!(fs::read_dir(world.path("home/charms")).unwrap().count(), 0);
}

#[test]
fn bad_input_is_refused_with_what_to_do() {
    let world = World::new();
    let refusal = |source: &Path| world.prepare(source).unwrap_err().to_string();
    let empty = world.charm("empty", &[("README.md", "")]);
    assert!(refusal(&empty).contains(
        "has neither metadata.yaml nor charmcraft.yaml: give the folder of a charm, or a .charm file"
    ));
    let several = world.charm(
        "several",
        &[("one/metadata.yaml", ""), ("charms/two/charmcraft.yaml", ""), (".git/charmcraft.yaml", "")],
    );
    assert!(refusal(&several).contains("but there are charms below it (charms/two, one): give the folder"));
    assert!(refusal(&world.path("nowhere")).contains("does not exist"));
    fs::write(world.path("text.charm"), "hello").unwrap();
    assert!(refusal(&world.path("text.charm")).contains("is not a charm archive"));
    let broken =
        world.charm("broken", &[("metadata.yaml", "name: demo\nsummary: [\n"), ("dispatch!", "#!/bin/sh\n")]);
    let text = refusal(&broken);
    assert!(text.contains("broken/metadata.yaml:"), "{text}");
    let needs = [METADATA, ("src/charm.py", ""), ("uv.lock", "version = 1\nrequires-python = '>=3.99'\n")];
    let text = refusal(&world.charm("future", &needs));
    assert!(
        text.contains("needs Python >=3.99 (says uv.lock)") && text.contains("this machine has only"),
        "{text}"
    );
    assert!(refusal(&world.charm("idle", &[METADATA])).contains("nothing to run"));
}

/// A charm in the shape that charmcraft's `charm` plugin expects, with a `dispatch` of its own that many real charms have.
#[test]
fn an_ops_charm_with_requirements_runs_from_its_folder_and_from_its_archive() {
    let world = World::new();
    let code = "#!/usr/bin/python3\nimport ops, ops.pebble, os\nprint('ops', ops.__version__, os.path.realpath(ops.__file__))\n";
    let dispatch = "#!/bin/sh\nJUJU_DISPATCH_PATH=\"${JUJU_DISPATCH_PATH:-$0}\" PYTHONPATH=lib:venv exec ./src/charm.py\n";
    let files =
        [METADATA, ("requirements.txt", "ops>=2.15\n"), ("src/charm.py!", code), ("dispatch!", dispatch)];
    let charm = world.charm("charm", &files);
    let recorder = Recorder::default();
    let prepared = prepare(&charm, &world.options(), &recorder).unwrap();
    assert!(
        recorder.text().contains("installing the packages of requirements.txt with pip"),
        "{}",
        recorder.text()
    );
    let output = world.dispatch(&prepared);
    assert!(output.starts_with("ops "), "{output}");
    assert!(output.contains("home/cache/venvs/"), "{output}");

    // A second charm with the same packages shares them, and no tool is run.
    fs::write(charm.join("README.md"), "new").unwrap();
    let recorder = Recorder::default();
    let second = prepare(&charm, &world.options(), &recorder).unwrap();
    assert_ne!(second.id, prepared.id);
    assert!(recorder.text().contains("packages from the cache"), "{}", recorder.text());
    assert!(!recorder.text().lines().any(|line| !line.starts_with('>')), "{}", recorder.text());

    let (archive, warnings) = pack(&charm, &world.path("out"), &world.options(), &Silent).unwrap();
    assert!(warnings.iter().any(|warning| warning.contains("names no base")), "{warnings:?}");
    let first = fs::read(&archive).unwrap();
    let (again, _) = pack(&charm, &world.path("out"), &world.options(), &Silent).unwrap();
    assert!(first == fs::read(again).unwrap(), "packing is not repeatable");
    fs::remove_dir_all(world.path("home/cache")).unwrap();
    let unpacked = world.prepare(&archive).unwrap();
    let output = world.dispatch(&unpacked);
    assert!(output.contains("venv/ops/__init__.py") && !output.contains("cache"), "{output}");
    // Some charms install packages of their own with the pip that charmcraft's `charm` plugin packs.
    assert!(unpacked.tree.join("venv/pip/__main__.py").is_file());
}

/// The same lock file, installed by uv and by pip, gives the same packages.
#[test]
fn a_locked_charm_runs_with_uv_and_without() {
    let world = World::new();
    let pyproject = "[project]\nname = 'demo'\nversion = '0.1'\nrequires-python = '>=3.9'\ndependencies = ['iniconfig==2.0.0', 'tomli==2.0.1; python_version < \"3.11\"']\n\
                     [dependency-groups]\ndev = ['pluggy']\n";
    let code = "import importlib.metadata as m\nprint(sorted(d.metadata['Name'] for d in m.distributions() if d.metadata['Name'] not in ('pip', 'setuptools')))\n";
    let charmcraft = "name: demo\ntype: charm\nsummary: s\ndescription: d\nbase: ubuntu@24.04\nplatforms: {amd64: }\nparts: {charm: {plugin: uv, source: .}}\n";
    let charm = world.charm(
        "charm",
        &[("charmcraft.yaml", charmcraft), ("pyproject.toml", pyproject), ("src/charm.py", code)],
    );
    let tools = world.path("tools");
    let run = |command: &mut Command| assert!(command.status().unwrap().success(), "{command:?}");
    run(Command::new("python3").args(["-m", "venv"]).arg(&tools));
    run(Command::new(tools.join("bin/pip")).args(["install", "--quiet", "uv"]));
    let uv = tools.join("bin/uv");
    run(Command::new(&uv).args(["lock", "--quiet", "--no-python-downloads"]).current_dir(&charm));

    let with_pip = world.prepare(&charm).unwrap();
    let expected = world.dispatch(&with_pip);
    assert!(expected.contains("'iniconfig'") && !expected.contains("pluggy"), "{expected}");
    let options = BuildOptions { uv: Some(uv), ..BuildOptions::new(&world.path("other")) };
    let recorder = Recorder::default();
    let with_uv = prepare(&charm, &options, &recorder).unwrap();
    assert!(recorder.text().contains("with uv"), "{}", recorder.text());
    assert_eq!(world.dispatch(&with_uv), expected);
    assert_eq!(with_uv.id, with_pip.id);

    let (archive, _) = pack(&charm, &world.path("out"), &world.options(), &Silent).unwrap();
    assert!(
        archive.file_name().unwrap().to_str().unwrap() == "demo_amd64.charm"
            || cfg!(not(target_arch = "x86_64")),
        "{}",
        archive.display()
    );
    assert!(world.dispatch(&world.prepare(&archive).unwrap()).contains("'iniconfig'"));
}

const DEMO: &str = "name: demo\nsummary: s\ndescription: d\n";

fn pipe(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RWXU).unwrap();
}

/// What preparing and packing a folder say, each within a time that nothing which waits for a pipe's writer keeps.
fn both(world: &World, charm: &Path) -> [Result<(), String>; 2] {
    let (options, out) = (world.options(), world.path("out"));
    let (charm, (sender, receiver)) = (charm.to_owned(), std::sync::mpsc::channel());
    std::thread::spawn(move || {
        let prepared = prepare(&charm, &options, &Silent).map(drop).map_err(|error| error.to_string());
        let packed = pack(&charm, &out, &options, &Silent).map(drop).map_err(|error| error.to_string());
        sender.send([prepared, packed])
    });
    receiver.recv_timeout(std::time::Duration::from_secs(120)).expect("waits for a pipe")
}

#[test]
fn a_pipe_among_the_files_of_a_charm_is_refused_or_left_out() {
    for name in [
        "metadata.yaml",
        "charmcraft.yaml",
        "config.yaml",
        "actions.yaml",
        "manifest.yaml",
        "version",
        "pyproject.toml",
        "requirements.txt",
        "uv.lock",
        "poetry.lock",
        ".jujuignore",
        "dispatch",
        "lib/charms/a/v0/b.py",
    ] {
        let world = World::new();
        // Git finds nothing to say here, wherever the temporary folder lies.
        let mut files = vec![("hooks/install!", "#!/bin/sh\n"), (".git", "gitdir: nowhere\n")];
        if name != "metadata.yaml" {
            files.push(("metadata.yaml", DEMO));
        }
        if [".toml", ".txt", ".lock"].iter().any(|kind| name.ends_with(kind)) {
            files.push(("src/charm.py", "print()\n"));
        }
        if name.ends_with(".lock") {
            files.push(("pyproject.toml", "[project]\nname = 'demo'\n[tool.poetry]\n"));
        }
        let charm = world.charm("charm", &files);
        pipe(&charm.join(name));
        for said in both(&world, &charm) {
            // Those of which nothing need be read are left out with a warning.
            if let Err(error) = said {
                assert!(error.contains(&format!("{name}: it is a named pipe")), "{name}: {error}");
            } else {
                let others = ["dispatch", ".jujuignore", "lib/charms/a/v0/b.py", "requirements.txt"];
                assert!(others.contains(&name), "{name} was taken");
            }
        }
    }
}

#[test]
fn nothing_is_written_through_the_links_of_a_charm() {
    let world = World::new();
    let charmcraft = "type: charm\nname: demo\nsummary: s\ndescription: d\n\
                      parts: {f: {plugin: dump, source: src1, organize: {evil: p/secrets.key}}}\n";
    let charm = world.charm(
        "charm",
        &[
            ("charmcraft.yaml", charmcraft),
            ("src1/evil", "evil"),
            ("hooks/install!", "#!/bin/sh\n"),
            ("x/z", ""),
        ],
    );
    for (target, link) in [
        ("..", "x/y"),
        ("x/y/../..", "p"),
        ("x/y/../../WRITTEN", "metadata.yaml"),
        ("x/y/../../WRITTEN", "config.yaml"),
        ("gone", "manifest.yaml"),
    ] {
        std::os::unix::fs::symlink(target, charm.join(link)).unwrap();
    }
    let homes = [world.path("home"), world.path("home/charms"), world.path("home/cache")];
    for home in &homes {
        fs::create_dir_all(home).unwrap();
        fs::write(home.join("secrets.key"), "precious").unwrap();
    }
    let prepared = world.prepare(&charm).unwrap();
    let (archive, warnings) = pack(&charm, &world.path("out"), &world.options(), &Silent).unwrap();
    for warnings in [&prepared.warnings, &warnings] {
        assert!(warnings.iter().any(|w| w.starts_with("p is a link to x/y/../..")), "{warnings:?}");
    }
    assert!(
        prepared.tree.join("metadata.yaml").is_file() && !prepared.tree.join("metadata.yaml").is_symlink()
    );
    for home in &homes {
        assert_eq!(fs::read_to_string(home.join("secrets.key")).unwrap(), "precious");
        assert!(home.join("WRITTEN").symlink_metadata().is_err());
    }
    // What was packed is deployed as any other.
    assert_eq!(world.prepare(&archive).unwrap().meta.name.to_string(), "demo");

    // The folder of the environment, which the charm's own rules let in, is a link as any other.
    for files in [&[("manifest.yaml", "charmcraft-version: '3'\n")][..], &[]] {
        let own = [
            ("metadata.yaml", DEMO),
            (".jujuignore", "!/venv\n"),
            ("hooks/install!", "#!/bin/sh\n"),
            ("x/z", ""),
        ];
        let name = format!("w{}/a/charm", files.len());
        let charm = world.charm(&name, &[&own[..], files].concat());
        fs::write(charm.join("../../secrets.key"), "evil").unwrap();
        std::os::unix::fs::symlink("..", charm.join("x/y")).unwrap();
        std::os::unix::fs::symlink("x/y/../..", charm.join("venv")).unwrap();
        let prepared = world.prepare(&charm).unwrap();
        assert!(prepared.warnings.iter().any(|w| w.starts_with("venv is a link")), "{:?}", prepared.warnings);
        let (archive, _) = pack(&charm, &world.path("out"), &world.options(), &Silent).unwrap();
        for home in &homes {
            assert_eq!(fs::read_to_string(home.join("secrets.key")).unwrap(), "precious");
        }
        assert!(!world.prepare(&archive).unwrap().tree.join("venv/secrets.key").exists());
    }
}

#[test]
fn what_cannot_be_deployed_is_not_packed() {
    let world = World::new();
    let charm = world
        .charm("charm", &[("metadata.yaml", DEMO), ("hooks/install!", "#!/bin/sh\n"), ("files/a\\b", "")]);
    let error = pack(&charm, &world.path("out"), &world.options(), &Silent).unwrap_err().to_string();
    assert!(error.contains("files/a\\b: its name has a backslash"), "{error}");
    assert_eq!(fs::read_dir(world.path("out")).unwrap().count(), 0);
    fs::remove_file(charm.join("files/a\\b")).unwrap();
    let big = fs::File::create(charm.join("files/big")).unwrap();
    let room = rustix::fs::statvfs(&charm).unwrap();
    let size = room.f_bavail * room.f_frsize + (1 << 32);
    big.set_len(size).unwrap();
    for said in both(&world, &charm) {
        let error = said.unwrap_err();
        assert!(error.contains(&format!("files/big: it has {size} bytes")), "{error}");
    }
    for place in ["home/charms", "home/cache"] {
        let left = fs::read_dir(world.path(place)).unwrap().flatten();
        assert!(!left.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with(".making")));
    }
}
