//! Running hook commands.

use serde::de::DeserializeOwned;

use super::Context;
use crate::commands::{CommandError, Output};

impl Context {
    /// Runs a hook command and gives what it printed. For commands that the library has no method for.
    ///
    /// `juju-exec` is none of them: it waits until this hook has ended, so a hook that waits for it never ends. To be run again
    /// see [`Context::wake`].
    ///
    /// # Errors
    /// The command failed, or there is none of that name.
    pub fn command(
        &self,
        command: &str,
        args: &[&str],
        stdin: Option<&[u8]>,
    ) -> Result<Vec<u8>, CommandError> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        self.run(command, &args, stdin).map(|output| output.stdout)
    }

    pub(crate) fn run(
        &self,
        command: &str,
        args: &[String],
        stdin: Option<&[u8]>,
    ) -> Result<Output, CommandError> {
        let ran = self.commands.borrow_mut().run(command, args, stdin);
        match ran {
            Ok(output) if output.code == 0 => Ok(output),
            Ok(output) => Err(CommandError::of_output(command, args, &output)),
            Err(error) => Err(CommandError::of_io(command, args, &error)),
        }
    }

    /// Writes one line into the log.
    pub(crate) fn log_line(&self, level: &str, message: String) {
        self.commands.borrow_mut().log(level, message);
    }

    /// Waits until the log has all lines that were sent.
    pub(crate) fn finish_log(&self) {
        self.commands.borrow_mut().finish_log();
    }

    /// Sends the lines that wait, where that costs the handler that comes next no time.
    pub(crate) fn flush_log_aside(&self) {
        if self.commands.borrow().logs_aside() {
            self.flush_log();
        }
    }

    /// Runs a hook command that prints JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, command: &str, args: &[&str]) -> Result<T, CommandError> {
        let mut args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        args.insert(0, "--format=json".to_owned());
        let output = self.run(command, &args, None)?;
        serde_json::from_slice(&output.stdout)
            .map_err(|error| CommandError::unreadable(command, &args, error))
    }
}
