//! The program under the name `juju`, as a script calls it.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use super::{Bench, Said};

/// A home of its own, and the program's other name.
pub struct Juju {
    pub bench: Bench,
}

impl Juju {
    pub fn new() -> Self {
        let bench = Bench::new();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_periapt"), bench.path().join("juju")).expect("a link");
        Self { bench }
    }

    fn command(&self) -> std::process::Command {
        self.bench.command_of(&self.bench.path().join("juju").display().to_string())
    }

    pub fn run(&self, arguments: &[&str]) -> Said {
        Said::of(self.command().args(arguments).output().expect("it runs"))
    }

    /// The same with something to read on standard input.
    pub fn told(&self, input: &str, arguments: &[&str]) -> Said {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it runs");
        // One that asks nothing may have ended by then.
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).ok();
        Said::of(child.wait_with_output().expect("it ends"))
    }

    #[track_caller]
    pub fn ok(&self, arguments: &[&str]) -> Said {
        let said = self.run(arguments);
        assert_eq!(said.code, 0, "juju {arguments:?}: {said:?}");
        said
    }

    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let said = self.ok(&[arguments, &["--format", "json"]].concat());
        serde_json::from_str(&said.stdout).unwrap_or_else(|e| panic!("{arguments:?}: {e}: {said:?}"))
    }

    /// The exit code and the first line of the error.
    #[track_caller]
    pub fn refused(&self, arguments: &[&str]) -> (i32, String) {
        let said = self.run(arguments);
        assert!(said.code != 0 && said.stdout.is_empty(), "juju {arguments:?}: {said:?}");
        (said.code, said.stderr.lines().next().unwrap_or_default().to_owned())
    }

    pub fn write(&self, name: &str, value: &Value) -> String {
        let path = self.bench.path().join(name);
        std::fs::write(&path, value.to_string()).expect("a file");
        path.display().to_string()
    }
}
