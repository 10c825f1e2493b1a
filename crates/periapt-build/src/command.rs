//! Running the tools that a build needs.

use std::collections::VecDeque;
use std::env;
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use crate::Progress;

/// How many of a failed tool's last lines are kept for the error.
const TAIL: usize = 25;

/// How a tool ended.
pub struct Outcome {
    /// Its exit status.
    pub status: ExitStatus,
    /// The last lines that it printed, on either stream.
    pub tail: Vec<String>,
}

/// Runs a tool to its end, and hands every line that it prints to `progress`.
///
/// # Errors
/// If it cannot be started.
pub fn run(command: &mut Command, progress: &dyn Progress) -> io::Result<Outcome> {
    let (reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let child = command.spawn();
    // The command holds the pipe's writing end: while it is open, reading does not end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = child?;
    let mut tail = VecDeque::with_capacity(TAIL);
    let mut reader = BufReader::new(reader);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes)? > 0 {
        let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        progress.line(&line);
        if tail.len() == TAIL {
            tail.pop_front();
        }
        tail.push_back(line);
        bytes.clear();
    }
    Ok(Outcome { status: child.wait()?, tail: tail.into() })
}

/// The program of this name that `PATH` leads to.
#[must_use]
pub fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(name)).find(|program| is_executable(program))
}

/// Whether this is a file that may be executed by someone.
#[must_use]
pub fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
