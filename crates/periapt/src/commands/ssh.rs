//! `ssh`

use std::io::IsTerminal as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use clap::Args;

use super::place::{Place, Target};
use crate::args::{ModelArgs, boolean, complete};
use crate::error::{CliError, Result};
use crate::session::Session;

/// Open a shell, or run a command, where a unit or a machine has its files
///
/// Nothing listens, and no key is needed: the shell runs on this machine, in the unit's folder. What it reads and writes is
/// the caller's own, and its exit code is the command's.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  periapt ssh db/0
  periapt ssh db/leader 'tail -n 5 charm/src/charm.py'")]
pub struct Ssh {
    /// A unit (APP/NUMBER, or APP/leader) or a machine; then options of ssh, which have no effect, and a command
    #[arg(
        required = true, trailing_var_arg = true, value_name = "TARGET [OPTION…] [COMMAND…]",
        add = complete::units()
    )]
    words: Vec<String>,
    /// In this container: until workloads run in containers, each is the unit itself
    #[arg(long, value_name = "NAME")]
    container: Option<String>,
    /// Without effect: nothing listens here
    #[arg(long)]
    no_host_key_checks: bool,
    /// Without effect: nothing listens here
    #[arg(long)]
    proxy: bool,
    /// Without effect: there are no Kubernetes operators here
    #[arg(long, hide = true)]
    remote: bool,
    /// Without effect: the terminal, where there is one, is the caller's
    #[arg(
        long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = boolean
    )]
    pty: Option<bool>,
    #[command(flatten)]
    model: ModelArgs,
}

/// The options of OpenSSH's `ssh` that have a value.
const WITH_VALUE: &str = "BbcDEeFIiJLlmOoPpQRSWw";

/// The words behind the target without the options of ssh in front.
fn command(words: &[String]) -> &[String] {
    let mut rest = words;
    while let Some((first, behind)) = rest.split_first() {
        rest = match first.strip_prefix('-') {
            Some("-") => return behind,
            Some(letters) if !letters.is_empty() => {
                // The value of the first that has one is what follows it, here or in the next word.
                let valued = letters.find(|letter| WITH_VALUE.contains(letter));
                let elsewhere = valued.is_some_and(|at| at + 1 == letters.len());
                behind.get(usize::from(elsewhere)..).unwrap_or_default()
            }
            _ => return rest,
        };
    }
    rest
}

impl Ssh {
    /// Becomes the shell.
    pub async fn run(self, session: &Session) -> Result {
        let [target, rest @ ..] = self.words.as_slice() else {
            return Err(CliError::usage("no target name specified"));
        };
        let Some(target) = Target::parse(target) else {
            return Err(CliError::usage(format!("target {target:?} is neither a unit nor a machine"))
                .hint("name a unit as APP/NUMBER or APP/leader, or a machine by its number"));
        };
        let model = session.model(&self.model)?;
        let place = Place::find(session, &model, &target, self.container.as_deref()).await?;
        let mut shell = Command::new("/bin/bash");
        match command(rest) {
            [] if std::io::stdin().is_terminal() => {
                shell.arg("-i");
            }
            [] => {}
            // As sshd does: what the words look like is up to the shell.
            words => {
                shell.arg("-c").arg(words.join(" "));
            }
        }
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"JUJU_") {
                shell.env_remove(name);
            }
        }
        shell.envs(place.environment(&session.home)?).current_dir(&place.home);
        Err(CliError::new(format!("cannot run /bin/bash: {}", become_in(&place, shell))))
    }
}

/// Becomes a program in the machine's view of the file system, where it has one that this process may enter, else in the
/// host's. Returns only when the program cannot be run.
fn become_in(place: &Place, mut program: Command) -> std::io::Error {
    let refused = std::thread::scope(|scope| {
        // A namespace is a thread's own, and the thread that becomes the program takes it along.
        let thread =
            scope.spawn(|| periapt_agent::enter_machine(&place.model, place.machine).map(|_| program.exec()));
        thread.join().unwrap_or_else(|_| Err(std::io::Error::other("the thread that enters it panicked")))
    });
    match refused {
        Ok(error) => error,
        Err(error) => {
            eprintln!(
                "note: this is the host's /var/lib: the mount namespace of machine {} cannot be entered: {error}",
                place.machine
            );
            program.exec()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_ssh_are_passed_over_with_their_values() {
        for (line, expected) in [
            ("", ""),
            ("ls -l", "ls -l"),
            ("-i key ls", "ls"),
            ("-ikey ls", "ls"),
            ("-o StrictHostKeyChecking=no -A -t hostname", "hostname"),
            ("-tt -p 22 -- -l", "-l"),
            ("-vvi key echo -n x", "echo -n x"),
            ("-i", ""),
            ("- x", "- x"),
        ] {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            assert_eq!(command(&words).join(" "), expected, "{line}");
        }
    }
}
