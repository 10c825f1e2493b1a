//! A home of its own for each test, and the built programs, used as a user does.
#![allow(dead_code)]

pub mod juju;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A home with its daemon. The daemon ends with the test.
pub struct Bench {
    folder: TempDir,
    variables: Vec<(&'static str, OsString)>,
}

/// What a command printed.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository is there")
}

pub fn charm(name: &str) -> String {
    repository().join("charms").join(name).display().to_string()
}

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("periapt-").tempdir().expect("a temporary folder");
        let home = folder.path().join("home");
        std::fs::create_dir(&home).expect("the home is new");
        // Virtual environments are made once for all tests: their cache is safe to share.
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
        std::fs::create_dir_all(&cache).expect("the cache");
        std::os::unix::fs::symlink(&cache, home.join("cache")).expect("the cache's link");
        Self { folder, variables: Vec::new() }
    }

    /// The same with more variables in the environment.
    pub fn with(variables: impl IntoIterator<Item = (&'static str, OsString)>) -> Self {
        let mut bench = Self::new();
        bench.variables = variables.into_iter().collect();
        bench
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// The program with a clean environment, ready to be given arguments.
    pub fn command(&self) -> Command {
        self.command_of(env!("CARGO_BIN_EXE_periapt"))
    }

    /// Another program in the same environment.
    pub fn command_of(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let inherited = std::env::vars_os().filter(|(name, _)| {
            // What pip and python need to find packages here.
            let name = name.to_string_lossy();
            [
                "PATH",
                "LANG",
                "PIP_",
                "UV_",
                // And what cargo needs to build charms.
                "CARGO_HOME",
                "CARGO_TARGET_DIR",
                "RUSTUP_",
                "PYENV",
                "SSL_",
                "REQUESTS_",
                "HTTP",
                "http",
                "no_proxy",
                "NO_PROXY",
            ]
            .iter()
            .any(|known| name.starts_with(known))
        });
        command
            .env_clear()
            .envs(inherited)
            .env("HOME", std::env::var_os("HOME").unwrap_or_default())
            .env("PERIAPT_HOME", self.home())
            .env("COLUMNS", "120")
            // Tests that run as root change nothing of the machine, unless they ask for it.
            .env("PERIAPT_NAMESPACES", "off")
            .current_dir(self.path())
            .stdin(Stdio::null())
            .envs(self.variables.iter().cloned());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Said {
        Said::of(self.command().args(arguments).output().expect("the program starts"))
    }

    /// Runs a command that must succeed.
    #[track_caller]
    pub fn ok(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.code, 0, "periapt {arguments:?}: {said:?}\n{}", self.evidence());
        said.stdout
    }

    /// Runs a command that must be refused.
    #[track_caller]
    pub fn refused(&self, arguments: &[&str]) -> Said {
        let said = self.run(arguments);
        assert!(said.code > 0, "periapt {arguments:?} was not refused: {said:?}");
        assert!(said.stderr.contains("ERROR") || said.stderr.contains("error:"), "no error text: {said:?}");
        said
    }

    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let text = self.ok(&[arguments, &["--format", "json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{arguments:?}: {e}: {text}"))
    }

    /// Waits until nothing is left to do.
    #[track_caller]
    pub fn settle(&self) {
        self.ok(&["wait", "--timeout", "120s"]);
    }

    /// The dispatches of the journal as `event outcome` lines, oldest first.
    pub fn trace(&self, unit: &str) -> Vec<String> {
        self.records(unit)
            .iter()
            .filter_map(|record| {
                let dispatch = record.pointer("/entry/dispatch")?;
                Some(event_name(dispatch))
            })
            .collect()
    }

    /// The journal's records of a unit.
    pub fn records(&self, unit: &str) -> Vec<Value> {
        let text = self.ok(&["tail", unit, "--no-follow", "--last", "10000", "--format", "json"]);
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
            .collect()
    }

    /// Kills the daemon as a power cut does.
    pub fn kill_daemon(&self) {
        if let Some(pid) = self.daemon_pid() {
            kill(pid, rustix::process::Signal::KILL);
            // The lock is free when it is gone.
            let lock = std::fs::File::open(self.home().join("daemon.lock")).expect("the lock");
            rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockShared).expect("the lock is free");
        }
    }

    pub fn daemon_pid(&self) -> Option<i32> {
        std::fs::read_to_string(self.home().join("daemon.lock")).ok()?.trim().parse().ok()
    }

    /// What helps to understand a failure.
    pub fn evidence(&self) -> String {
        let tail = |path: PathBuf| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(60)..].join("\n")
        };
        let logs = std::fs::read_dir(self.home().join("logs")).into_iter().flatten().flatten();
        let logs: Vec<String> = logs.map(|entry| tail(entry.path())).collect();
        format!("daemon.log:\n{}\nmodel log:\n{}", tail(self.home().join("daemon.log")), logs.join("\n"))
    }
}

pub fn kill(pid: i32, signal: rustix::process::Signal) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
        // It may have ended by itself.
        rustix::process::kill_process(pid, signal).ok();
    }
}

/// Looks again and again until `probe` finds something, for at most `limit`: the one place in which a test waits for what
/// tells nobody that it has come, such as a file that a charm writes.
#[track_caller]
pub fn until<T>(what: &str, limit: std::time::Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = std::time::Instant::now() + limit;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(std::time::Instant::now() < deadline, "waited {limit:?} in vain: {what}");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

fn event_name(dispatch: &Value) -> String {
    let event = &dispatch["event"];
    let hook = |hook: &Value| match hook {
        Value::String(name) => name.clone(),
        Value::Object(map) => map.get("relation").map_or_else(String::new, |r| {
            let text = |key: &str| r[key].as_str().unwrap_or_default().to_owned();
            let subject = match text("remote_unit").as_str() {
                "" => String::new(),
                unit => format!(" {unit}"),
            };
            format!("{}-relation-{}{subject}", text("endpoint"), text("event"))
        }),
        _ => String::new(),
    };
    let name = match event {
        Value::Object(map) if map.contains_key("hook") => hook(&event["hook"]),
        Value::Object(map) if map.contains_key("action") => {
            format!("action {}", event["action"]["name"].as_str().unwrap_or_default())
        }
        Value::Object(map) if map.contains_key("exec") => "exec".to_owned(),
        _ => "replay".to_owned(),
    };
    match &dispatch["outcome"] {
        Value::String(word) if word == "done" || word == "missing" => name,
        Value::String(word) => format!("{name}: {word}"),
        Value::Object(map) => format!("{name}: {}", map.keys().next().cloned().unwrap_or_default()),
        _ => name,
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Every agent holds its own trace against the lifecycle: what it complains of fails the test (I1).
        let logs = std::fs::read_dir(self.home().join("logs")).into_iter().flatten().flatten();
        let violated =
            logs.flat_map(|entry| std::fs::read_to_string(entry.path())).any(|t| t.contains("violation"));
        if violated && !std::thread::panicking() {
            let evidence = self.evidence();
            self.run(&["daemon", "stop"]);
            panic!("an agent reports a lifecycle violation:\n{evidence}");
        }
        // Charms may have left services behind: taking the applications down lets their hooks stop them.
        if self.daemon_pid().is_some() && !std::thread::panicking() {
            self.run(&["destroy-model", "default", "--no-prompt", "--force", "--destroy-storage"]);
        }
        self.run(&["daemon", "stop"]);
    }
}

/// Writes a charm of shell hooks.
pub fn shell_charm(folder: &Path, name: &str, metadata: &str, hooks: &[(&str, &str)]) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let charm = folder.join(name);
    std::fs::create_dir_all(charm.join("hooks")).expect("the charm's folder");
    let write = |path: PathBuf, text: &str| std::fs::write(path, text).expect("the charm's file");
    write(
        charm.join("metadata.yaml"),
        &format!("name: {name}\nsummary: a test\ndescription: a test\n{metadata}"),
    );
    for (hook, script) in hooks {
        let path = charm.join("hooks").join(hook);
        write(path.clone(), &format!("#!/bin/bash\nset -eu\n{script}\n"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    }
    charm.display().to_string()
}
