//! What runs inside a charm's process: this program again, started by `periapt exec`.

use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use periapt_hook::client;
use periapt_hook::frame::{Request, Response};

use crate::measure;

/// The first argument that makes this program a worker.
pub const FLAG: &str = "--worker";

/// Runs the worker that the arguments name.
pub fn run(arguments: &[String]) {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["spawn", out, times, command, arguments @ ..] => {
            spawn(Path::new(out), times.parse().expect("a number"), command, arguments);
        }
        ["commands", how, folder, times] => {
            commands(how, Path::new(folder), times.parse().expect("a number"))
        }
        other => panic!("no worker: {other:?}"),
    }
}

/// Starts a hook command and `/bin/true` in turns, and writes how long each took in nanoseconds.
fn spawn(out: &Path, times: usize, command: &str, arguments: &[&str]) {
    let path = std::env::var_os("PATH").expect("a hook has a PATH");
    let tool = std::env::split_paths(&path).map(|folder| folder.join(command)).find(|file| file.exists());
    let mut hook_command = Command::new(tool.expect("the hook command is on the PATH"));
    hook_command.args(arguments);
    let mut empty = Command::new("/bin/true");
    let lines: Vec<String> = (0..times)
        .map(|_| {
            let (empty, hook_command) = (measure::run(&mut empty), measure::run(&mut hook_command));
            format!("{} {}\n", empty.as_nanos(), hook_command.as_nanos())
        })
        .collect();
    std::fs::write(out, lines.concat()).expect("the results");
}

/// What [`spawn`] wrote: how long `/bin/true` took, and how long the hook command.
pub fn times(out: &Path) -> (Vec<Duration>, Vec<Duration>) {
    let text = std::fs::read_to_string(out).expect("the worker's results");
    let nanos = |text: &str| Duration::from_nanos(text.parse().expect("a number"));
    text.lines().filter_map(|line| line.split_once(' ')).map(|(a, b)| (nanos(a), nanos(b))).unzip()
}

/// Waits until all workers are there, then sets the unit's status again and again, each time to another message; writes
/// when it began and ended. `how` is `calls` (what a hook command says to the agent, without its process), `processes`
/// (the hook command itself) or `floor` (`/bin/true` in its place).
fn commands(how: &str, folder: &Path, times: usize) {
    let name = std::env::var("JUJU_UNIT_NAME").expect("a hook has a unit").replace('/', "-");
    let go = std::fs::File::open(folder.join("go")).expect("the file that holds the workers");
    std::fs::write(folder.join(format!("{name}.ready")), "").expect("a file");
    rustix::fs::flock(go.as_fd(), rustix::fs::FlockOperation::LockShared).expect("the lock");
    let start = Instant::now();
    for turn in 0..times {
        let message = format!("turn {turn}");
        match how {
            "calls" => call(&message),
            "processes" => drop(measure::run(Command::new("status-set").args(["active", &message]))),
            _ => drop(measure::run(Command::new("/bin/true").args(["active", &message]))),
        }
    }
    let took: Duration = start.elapsed();
    std::fs::write(folder.join(format!("{name}.took")), took.as_nanos().to_string()).expect("the results");
}

/// As the hook program does: a connection of its own for each command.
fn call(message: &str) {
    let address = std::env::var_os("JUJU_AGENT_SOCKET_ADDRESS").expect("a hook has a socket");
    let request = Request {
        context_id: std::env::var("JUJU_CONTEXT_ID").expect("a hook has a context").into_bytes(),
        dir: "/".into(),
        command: b"status-set".to_vec(),
        args: vec![b"active".to_vec(), message.as_bytes().to_vec()],
        stdin: None,
    };
    let answer = client::call(&address, &request).expect("the agent answers");
    assert!(matches!(answer, Response::Done { code: 0, .. }), "{answer:?}");
}

/// The command line that makes a hook run a worker.
pub fn command_line(arguments: &[&str]) -> Vec<String> {
    let this = std::env::current_exe().expect("this program has a path");
    let this = this.to_str().expect("its path is text").to_owned();
    [this, FLAG.to_owned()].into_iter().chain(arguments.iter().map(|word| (*word).to_owned())).collect()
}
