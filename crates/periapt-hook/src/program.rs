//! The program behind every hook command.
//!
//! It is started under the command's name and knows nothing about it. The first call to the agent goes without standard
//! input; only if the command wants it is it read, to its end, and sent with a second call (Juju 3.6: `jujuc`).

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::ExitCode;

use crate::client::{Address, Connection};
use crate::frame::{MAX_BODY, Request, Response};
use crate::vars;

/// The program's name when it is not started as a hook command.
const OWN_NAME: &str = "periapt-hook";

const USAGE: &str = "\
Usage: periapt-hook COMMAND [ARGUMENT…]
   or: COMMAND [ARGUMENT…], where COMMAND is a link to periapt-hook

Runs a hook command, such as config-get, by asking the agent of the unit whose hook is running. The agent puts a link for
each hook command on the hook's PATH; there is seldom a reason to call this program by its own name.
";

/// The exit code of a process that a shell saw killed by SIGPIPE. Juju's commands end so when nobody reads their output.
const BROKEN_PIPE: u8 = 128 + 13;

/// Runs the program: takes the command from the process's arguments and the agent from its environment.
#[must_use]
pub fn main() -> ExitCode {
    let outcome = match Invocation::from_args(env::args_os()) {
        Invocation::Command { command, args } => run(command, args),
        Invocation::Help => print(USAGE.as_bytes(), 0),
        Invocation::Misuse => {
            print_error(USAGE.as_bytes());
            Ok(2)
        }
    };
    ExitCode::from(outcome.unwrap_or_else(|failure| {
        print_error(format!("ERROR {failure}\n").as_bytes());
        1
    }))
}

/// How the program was started.
#[derive(Debug, PartialEq, Eq)]
enum Invocation {
    Command { command: OsString, args: Vec<OsString> },
    Help,
    Misuse,
}

impl Invocation {
    fn from_args(mut argv: impl Iterator<Item = OsString>) -> Self {
        let name = argv.next().unwrap_or_default();
        let name = Path::new(&name).file_name().unwrap_or(OsStr::new(OWN_NAME));
        if name != OWN_NAME {
            return Self::Command { command: name.to_owned(), args: argv.collect() };
        }
        match argv.next() {
            Some(first) if first == "--help" || first == "-h" => Self::Help,
            Some(command) if !command.is_empty() && !is_option(&command) => {
                Self::Command { command, args: argv.collect() }
            }
            _ => Self::Misuse,
        }
    }
}

fn is_option(argument: &OsStr) -> bool {
    argument.as_encoded_bytes().starts_with(b"-")
}

/// Why a command could not be run; what the agent itself refuses comes as an answer instead.
#[derive(Debug)]
enum Failure {
    NotSet(&'static str),
    Network(OsString),
    CurrentDir(io::Error),
    Connect(Address, io::Error),
    Call(io::Error),
    Stdin(io::Error),
    StdinTooLarge,
    StdinAskedAgain,
    Output(io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WHILE: &str = "a hook command works only while its hook runs";
        match self {
            Self::NotSet(name) => write!(f, "{name} not set"),
            Self::Network(network) => {
                write!(f, "{} is {network:?}, but only {:?} is served", vars::SOCKET_NETWORK, vars::UNIX)
            }
            Self::CurrentDir(error) => write!(f, "cannot find the current directory: {error}"),
            Self::Connect(address, error) => {
                write!(f, "cannot connect to the unit agent at {address}: {error}")?;
                match error.kind() {
                    ErrorKind::NotFound | ErrorKind::ConnectionRefused => write!(f, "; {WHILE}"),
                    _ => Ok(()),
                }
            }
            Self::Call(error) => match error.kind() {
                ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
                    write!(f, "the unit agent closed the connection without an answer; {WHILE}")
                }
                _ => write!(f, "cannot call the unit agent: {error}"),
            },
            Self::Stdin(error) => write!(f, "cannot read standard input: {error}"),
            Self::StdinTooLarge => {
                write!(f, "standard input is over the limit of {MAX_BODY} bytes")
            }
            Self::StdinAskedAgain => f.write_str("the unit agent asked for standard input twice"),
            Self::Output(error) => write!(f, "cannot write standard output: {error}"),
        }
    }
}

fn run(command: OsString, args: Vec<OsString>) -> Result<u8, Failure> {
    let context_id = required(vars::CONTEXT_ID)?;
    let address = required(vars::SOCKET_ADDRESS)?;
    if let Some(network) = env::var_os(vars::SOCKET_NETWORK)
        && !network.is_empty()
        && network != vars::UNIX
    {
        return Err(Failure::Network(network));
    }
    let mut request = Request {
        context_id: context_id.into_vec(),
        dir: env::current_dir().map_err(Failure::CurrentDir)?,
        command: command.into_vec(),
        args: args.into_iter().map(OsString::into_vec).collect(),
        stdin: None,
    };

    let address = Address::parse(&address);
    let mut agent = Connection::open(&address).map_err(|error| Failure::Connect(address, error))?;
    let mut response = agent.call(&request).map_err(Failure::Call)?;
    if response == Response::NeedStdin {
        request.stdin = Some(read_stdin()?);
        response = agent.call(&request).map_err(Failure::Call)?;
    }
    match response {
        Response::NeedStdin => Err(Failure::StdinAskedAgain),
        Response::Done { code, stdout, stderr } => {
            // In Juju's order, for callers that send both to one place.
            let printed = print(&stdout, code);
            print_error(&stderr);
            printed
        }
    }
}

/// A variable of the environment; like Juju's commands, this program takes an empty one as not set.
fn required(name: &'static str) -> Result<OsString, Failure> {
    env::var_os(name).filter(|value| !value.is_empty()).ok_or(Failure::NotSet(name))
}

fn read_stdin() -> Result<Vec<u8>, Failure> {
    let mut stdin = Vec::new();
    let limit = MAX_BODY as u64 + 1;
    let read = io::stdin().lock().take(limit).read_to_end(&mut stdin);
    read.map_err(Failure::Stdin)?;
    if stdin.len() > MAX_BODY {
        return Err(Failure::StdinTooLarge);
    }
    Ok(stdin)
}

/// Prints the command's output, and says with which code to exit.
fn print(bytes: &[u8], code: u8) -> Result<u8, Failure> {
    if bytes.is_empty() {
        return Ok(code);
    }
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(code),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(BROKEN_PIPE),
        Err(error) => Err(Failure::Output(error)),
    }
}

/// Prints to standard error. There is nowhere left to report a failure of that.
fn print_error(bytes: &[u8]) {
    if !bytes.is_empty() {
        let _ = io::stderr().lock().write_all(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation(argv: &[&str]) -> Invocation {
        Invocation::from_args(argv.iter().map(OsString::from))
    }

    fn command(name: &str, args: &[&str]) -> Invocation {
        Invocation::Command { command: name.into(), args: args.iter().map(OsString::from).collect() }
    }

    #[test]
    fn a_link_names_the_command_and_its_arguments_stay_unread() {
        assert_eq!(invocation(&["config-get"]), command("config-get", &[]));
        assert_eq!(
            invocation(&["/var/lib/tools/relation-set", "--help", "-", ""]),
            command("relation-set", &["--help", "-", ""])
        );
    }

    #[test]
    fn under_its_own_name_the_first_argument_is_the_command() {
        assert_eq!(invocation(&["./periapt-hook", "juju-log", "--help"]), command("juju-log", &["--help"]));
    }

    #[test]
    fn without_a_command_it_is_misused() {
        for argv in
            [&[][..], &["periapt-hook"], &["periapt-hook", ""], &["periapt-hook", "--verbose"], &[".."]]
        {
            assert_eq!(invocation(argv), Invocation::Misuse, "{argv:?}");
        }
        assert_eq!(invocation(&["periapt-hook", "-h"]), Invocation::Help);
    }
}
