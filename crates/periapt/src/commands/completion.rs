//! `completion` and `man`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};

use crate::error::{CliError, Result, writing};
use crate::output::{print, say};

/// Print a script that completes command lines, with the names of the running model
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  bash: echo 'source <(periapt completion bash)' >> ~/.bashrc
  zsh:  echo 'source <(periapt completion zsh)' >> ~/.zshrc
  fish: periapt completion fish > ~/.config/fish/completions/periapt.fish")]
pub struct Completion {
    /// The shell
    shell: Shell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

/// The variable that makes the program complete instead of run.
pub const VARIABLE: &str = "PERIAPT_COMPLETE";

impl Completion {
    /// Prints it. Needs no daemon.
    pub fn run(self, program: &str) -> Result {
        let shell: &dyn EnvCompleter = match self.shell {
            Shell::Bash => &Bash,
            Shell::Zsh => &Zsh,
            Shell::Fish => &Fish,
        };
        let mut script = Vec::new();
        shell
            .write_registration(VARIABLE, program, program, program, &mut script)
            .map_err(|error| CliError::output(&error))?;
        print(&String::from_utf8_lossy(&script))
    }
}

/// Write the man pages
#[derive(Args, Debug)]
pub struct Man {
    /// Into this folder
    #[arg(long, value_name = "FOLDER")]
    dir: PathBuf,
}

impl Man {
    /// Writes one page for each command. Needs no daemon.
    pub fn run(self, command: clap::Command) -> Result {
        std::fs::create_dir_all(&self.dir).map_err(writing(&self.dir))?;
        clap_mangen::generate_to(command, &self.dir).map_err(writing(&self.dir))?;
        say(format!("man pages written to {}", self.dir.display()));
        Ok(())
    }
}
