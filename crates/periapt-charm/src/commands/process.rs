//! A process for each hook command, as on Juju.

use std::io::{self, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use periapt_model::time::Timestamp;

use super::{Commands, Output, Timer, some_chance, wall_clock};

/// Starts the programs on `PATH`.
#[derive(Debug)]
pub(crate) struct Processes {
    /// Whether the agent is Periapt's.
    pub(crate) periapt: bool,
    /// The last line of the log, if it is still being written.
    logging: Option<Child>,
}

impl Processes {
    pub(crate) fn new(periapt: bool) -> Self {
        Self { periapt, logging: None }
    }
}

/// A line that nobody waited for would be lost: the agent ends the hook's processes with the hook.
impl Drop for Processes {
    fn drop(&mut self) {
        self.finish_log();
    }
}

impl Commands for Processes {
    fn run(&mut self, command: &str, args: &[String], stdin: Option<&[u8]>) -> io::Result<Output> {
        let mut process = Command::new(command);
        process.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        process.stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child = process.spawn()?;
        let input = child.stdin.take();
        let output = std::thread::scope(|scope| {
            if let (Some(mut pipe), Some(bytes)) = (input, stdin) {
                // A command that does not read all of it closes the pipe; what it says of that is in its output.
                scope.spawn(move || pipe.write_all(bytes));
            }
            child.wait_with_output()
        })?;
        let code = output.status.code().unwrap_or(-1);
        Ok(Output { code, stdout: output.stdout, stderr: output.stderr })
    }

    fn log(&mut self, level: &str, message: String) {
        self.finish_log();
        let mut process = Command::new("juju-log");
        process.args(["--log-level", level, "--"]).arg(message);
        process.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.logging = process.spawn().ok();
    }

    fn finish_log(&mut self) {
        if let Some(mut child) = self.logging.take() {
            let _ = child.wait();
        }
    }

    fn logs_aside(&self) -> bool {
        true
    }

    fn now(&self) -> Timestamp {
        wall_clock()
    }

    fn sleep(&mut self, pause: Duration) {
        std::thread::sleep(pause);
    }

    fn chance(&mut self) -> f64 {
        some_chance()
    }

    fn is_periapt(&self) -> bool {
        self.periapt
    }

    #[cfg(feature = "pebble")]
    fn pebble(&mut self, container: &str) -> Result<Box<dyn periapt_pebble::Pebble>, crate::Error> {
        Ok(super::pebble_of(container))
    }

    fn set_timer(&mut self, timer: &Timer) -> io::Result<()> {
        timer.set(None)
    }
}
