//! A timer of the machine that dispatches the charm again: for Juju, which has no wakes of its own.

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use periapt_model::names::UnitName;
use periapt_model::time::Timestamp;

/// One dispatch in the future.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// Whose.
    pub unit: UnitName,
    /// Where its charm lies.
    pub charm_dir: PathBuf,
    /// From now.
    pub delay: Duration,
    /// The same as a moment.
    pub at: Timestamp,
}

impl Timer {
    /// What the names of the unit's timers begin with. No application's name ends with a dash and digits, so the timers of
    /// `web/1` and `web/11` are told apart.
    fn prefix(&self) -> String {
        format!("periapt-wake-{}-{}-", self.unit.app(), self.unit.number())
    }

    /// The shell command that `juju-exec` gives to the unit's agent.
    fn script(&self) -> String {
        let dispatch = self.charm_dir.join("dispatch").display().to_string();
        let plain = dispatch.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
        let dispatch = if plain { dispatch } else { format!("'{}'", dispatch.replace('\'', r"'\''")) };
        format!("JUJU_DISPATCH_PATH=hooks/periapt-wake {dispatch}")
    }

    /// Sets it with `systemd-run`, in place of the unit's older ones. `path` is where the programs are looked for, if not where
    /// they always are.
    ///
    /// The name differs from timer to timer: when this dispatch is itself the work of a timer, its service is still there under
    /// the name.
    pub(super) fn set(&self, path: Option<&OsStr>) -> io::Result<()> {
        let program = |name: &str| {
            let mut command = Command::new(name);
            // A command in a hook's context would be taken for a hook command of it.
            command.env_remove("JUJU_CONTEXT_ID").stdin(Stdio::null()).stdout(Stdio::null());
            if let Some(path) = path {
                command.env("PATH", path);
            }
            command
        };
        let older = format!("{}*.timer", self.prefix());
        // There may be none.
        let _ = program("systemctl").args(["stop", &older]).stderr(Stdio::null()).status();
        let output = program("systemd-run")
            .args(["--quiet", "--collect", "--unit"])
            .arg(format!("{}{}", self.prefix(), self.at.0))
            // The usual accuracy is a minute.
            .arg("--timer-property=AccuracySec=100ms")
            .arg(format!("--on-active={}ms", self.delay.as_millis()))
            .args(["/usr/bin/juju-exec", "-u"])
            .arg(self.unit.to_string())
            .arg(self.script())
            .stderr(Stdio::piped())
            .output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(io::Error::other(format!("systemd-run: {}", said.trim())))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    fn timer() -> Timer {
        Timer {
            unit: "web/0".parse().unwrap(),
            charm_dir: "/var/lib/juju/agents/unit-web-0/charm".into(),
            delay: Duration::from_millis(10_500),
            at: Timestamp(1_000),
        }
    }

    fn program(folder: &Path, name: &str, script: &str) {
        let path = folder.join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn systemd_is_told_and_the_older_timer_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        for name in ["systemctl", "systemd-run"] {
            let script = format!(
                "printf '%s' {name} >> {log}; for a; do printf ' [%s]' \"$a\" >> {log}; done; \
                 echo \" ${{JUJU_CONTEXT_ID-unset}}\" >> {log}",
                log = log.display()
            );
            program(folder.path(), name, &script);
        }
        timer().set(Some(folder.path().as_os_str())).unwrap();
        let expected = "systemctl [stop] [periapt-wake-web-0-*.timer] unset\n\
            systemd-run [--quiet] [--collect] [--unit] [periapt-wake-web-0-1000] \
            [--timer-property=AccuracySec=100ms] [--on-active=10500ms] [/usr/bin/juju-exec] [-u] [web/0] \
            [JUJU_DISPATCH_PATH=hooks/periapt-wake /var/lib/juju/agents/unit-web-0/charm/dispatch] unset\n";
        assert_eq!(fs::read_to_string(&log).unwrap(), expected);
    }

    #[test]
    fn what_systemd_says_against_it_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = Some(folder.path().as_os_str());
        assert_eq!(timer().set(path).unwrap_err().kind(), io::ErrorKind::NotFound);
        program(folder.path(), "systemd-run", "echo 'Access denied' >&2; exit 1");
        assert_eq!(timer().set(path).unwrap_err().to_string(), "systemd-run: Access denied");
    }

    #[test]
    fn odd_folders_are_quoted() {
        let odd = Timer { charm_dir: "/srv/it's here".into(), ..timer() };
        assert_eq!(odd.script(), r"JUJU_DISPATCH_PATH=hooks/periapt-wake '/srv/it'\''s here/dispatch'");
    }
}
