//! A home in which things are killed.

use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use crate::common::{Bench, Said, until};
use crate::processes;

/// What should take moments may take this long on a busy machine.
pub const SOON: Duration = Duration::from_secs(60);

/// A home whose processes end with the test, however it ends.
pub struct Arena {
    bench: Bench,
    // Dropped after the home and its daemon.
    sweep: Sweep,
}

impl std::ops::Deref for Arena {
    type Target = Bench;

    fn deref(&self) -> &Bench {
        &self.bench
    }
}

/// Kills what a failed test leaves behind.
struct Sweep(PathBuf);

impl Drop for Sweep {
    fn drop(&mut self) {
        for process in processes::of_home(&self.0) {
            process.kill();
        }
    }
}

impl Arena {
    pub fn new() -> Self {
        let bench = Bench::new();
        let sweep = Sweep(bench.home());
        Self { bench, sweep }
    }

    /// Starts the daemon so that it dies at the `passing`th passing of a fault point, and returns its number. That may
    /// be so soon that the command which starts it finds it dead.
    pub fn arm(&self, point: &str, passing: u32) -> i32 {
        let fault = format!("{point}:{passing}");
        let said: Output = self
            .command()
            .args(["daemon", "start"])
            .env("PERIAPT_FAULT", &fault)
            .output()
            .expect("the program starts");
        let said = Said::of(said);
        assert_no_panic(&["daemon", "start"], &said);
        self.daemon_pid().expect("the daemon has written its number")
    }

    /// Runs a command again when the daemon dies under it. It may have been done all the same: then the second try is
    /// told so.
    #[track_caller]
    pub fn insist(&self, arguments: &[&str]) {
        let first = self.run(arguments);
        assert_no_panic(arguments, &first);
        if first.code == 0 {
            return;
        }
        let again = self.run(arguments);
        let is_done = ["already exists", "not found"].iter().any(|words| again.stderr.contains(words));
        assert!(again.code == 0 || is_done, "{arguments:?}: {first:?}, then {again:?}\n{}", self.evidence());
    }

    /// Waits until nothing is left to do, though the daemon may die meanwhile.
    #[track_caller]
    pub fn settle_through_deaths(&self) {
        until("the model settles", SOON, || {
            let said = self.run(&["wait", "--timeout", "60s"]);
            assert_no_panic(&["wait"], &said);
            assert!(!said.stderr.contains("timed out"), "{said:?}\n{}", self.evidence());
            (said.code == 0).then_some(())
        });
    }

    /// The units of the model, by name.
    pub fn units(&self) -> Vec<String> {
        let status = self.json(&["status"]);
        let applications = status["applications"].as_object().cloned().unwrap_or_default();
        applications
            .values()
            .filter_map(|app| app["units"].as_object())
            .flat_map(|units| units.keys().cloned())
            .collect()
    }

    /// What a script prints that runs in a hook context of the unit.
    #[track_caller]
    pub fn exec(&self, unit: &str, script: &str) -> String {
        let text = self.ok(&["exec", "--unit", unit, "--format", "json", "--", script]);
        let result: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let stdout = result[unit]["results"]["stdout"].as_str();
        stdout.unwrap_or_else(|| panic!("{script}: {text}")).to_owned()
    }

    /// The units that have a folder, by name.
    pub fn unit_folders(&self) -> Vec<String> {
        let models = std::fs::read_dir(self.home().join("models")).into_iter().flatten().flatten();
        let agents = models.filter_map(|model| std::fs::read_dir(model.path().join("agents")).ok());
        let names = agents.flatten().flatten().filter_map(|entry| {
            let tag = entry.file_name();
            let (application, number) = tag.to_str()?.strip_prefix("unit-")?.rsplit_once('-')?;
            Some(format!("{application}/{number}"))
        });
        names.collect()
    }

    /// The folder in which the unit's charm runs; none before the daemon has made the model's own.
    pub fn charm_dir_if_made(&self, unit: &str) -> Option<PathBuf> {
        let model = std::fs::read_dir(self.home().join("models")).ok()?.flatten().next()?.path();
        Some(model.join("agents").join(format!("unit-{}", unit.replace('/', "-"))).join("charm"))
    }

    /// The same, of a unit that is known to be there.
    #[track_caller]
    pub fn charm_dir(&self, unit: &str) -> PathBuf {
        self.charm_dir_if_made(unit).unwrap_or_else(|| panic!("{unit} has no folder"))
    }

    /// Stops the daemon and sees that nothing of the home runs on.
    pub fn close(self) {
        self.ok(&["daemon", "stop"]);
        let left = processes::of_home(&self.sweep.0);
        assert!(left.is_empty(), "processes are left behind: {left:?}");
    }
}

/// A command whose daemon is killed says so; it does not fall over.
#[track_caller]
pub fn assert_no_panic(arguments: &[&str], said: &Said) {
    assert!(said.code <= 2 && said.code >= 0, "{arguments:?}: {said:?}");
    assert!(!said.stderr.contains("panicked"), "{arguments:?}: {said:?}");
    assert!(said.code == 0 || said.stderr.contains("ERROR"), "{arguments:?} fails without a word: {said:?}");
}
