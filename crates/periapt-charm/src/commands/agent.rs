//! One connection to a Periapt agent for all hook commands of a dispatch.

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use periapt_hook::client::{Address, Connection};
use periapt_hook::frame::{Request, Response};
use periapt_model::time::Timestamp;

use super::{Commands, Output, some_chance, wall_clock};

/// Speaks to the agent without starting a process.
#[derive(Debug)]
pub(crate) struct AgentSocket {
    connection: Connection,
    context_id: Vec<u8>,
    dir: PathBuf,
}

impl AgentSocket {
    /// Connects to the agent that listens at `address`.
    pub(crate) fn open(address: &OsStr, context_id: &OsStr) -> io::Result<Self> {
        let connection = Connection::open(&Address::parse(address))?;
        let context_id = context_id.as_encoded_bytes().to_vec();
        Ok(Self { connection, context_id, dir: std::env::current_dir()? })
    }
}

impl Commands for AgentSocket {
    fn run(&mut self, command: &str, args: &[String], stdin: Option<&[u8]>) -> io::Result<Output> {
        let mut request = Request {
            context_id: self.context_id.clone(),
            dir: self.dir.clone(),
            command: command.as_bytes().to_vec(),
            args: args.iter().map(|arg| arg.as_bytes().to_vec()).collect(),
            stdin: stdin.map(<[u8]>::to_vec),
        };
        loop {
            match self.connection.call(&request)? {
                Response::Done { code, stdout, stderr } => {
                    return Ok(Output { code: code.into(), stdout, stderr });
                }
                Response::NeedStdin if request.stdin.is_some() => {
                    return Err(io::Error::other("the agent asks for standard input again"));
                }
                Response::NeedStdin => request.stdin = Some(Vec::new()),
            }
        }
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
        true
    }

    #[cfg(feature = "pebble")]
    fn pebble(&mut self, container: &str) -> Result<Box<dyn periapt_pebble::Pebble>, crate::Error> {
        Ok(super::pebble_of(container))
    }
}
