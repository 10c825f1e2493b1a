//! A ledger, as its clients see it: what its databag says, and its HTTP protocol.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use periapt_charm::prelude::*;
use serde::{Deserialize, Serialize};

/// Short on purpose: while a hook waits, its unit does nothing else.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The longest value that is read.
const LONGEST: u64 = 1 << 20;

/// What the ledger's leader writes into its application's databag.
///
/// The token comes before the address, as soon as there is a relation, so each may be missing. The charm in Python writes
/// texts without quotes; which of them is a number is said here: a namespace such as `12` is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Address {
    /// A host name or an IP address.
    pub host: String,
    /// A TCP port.
    pub port: u16,
    /// Where our keys are.
    pub namespace: String,
    /// What we show with each request.
    pub token: String,
}

impl Address {
    /// Whether there is somewhere to connect to.
    pub fn is_complete(&self) -> bool {
        !self.host.is_empty() && self.port > 0 && !self.namespace.is_empty()
    }

    /// Reads a value. None: the ledger has no such key.
    ///
    /// # Errors
    /// Temporary: the ledger does not answer. Needs a human: it refuses, or its address cannot be one.
    pub fn get(&self, key: &str) -> Result<Option<String>, Error> {
        let (status, body) = self.request(&format!("/v1/{}/{key}", self.namespace))?;
        match status {
            200 => Ok(Some(body)),
            404 => Ok(None),
            // It is there, and not well.
            500.. => Err(Error::temporary(format!("the ledger says {status}: {}", body.trim()))),
            _ => Err(Error::needs_human(format!("the ledger says {status}: {}", body.trim()))),
        }
    }

    fn request(&self, path: &str) -> Result<(u16, String), Error> {
        // What comes from a databag was written by another application: nothing of it may end a line.
        if [&self.host, &self.namespace, &self.token].iter().any(|text| text.contains(char::is_whitespace)) {
            return Err(Error::needs_human("the ledger has told an address that cannot be right"));
        }
        let what = format!("the ledger at {} port {} does not answer", self.host, self.port);
        exchange(&self.host, self.port, path, &self.token).context(what)
    }
}

fn exchange(host: &str, port: u16, path: &str, token: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect((host, port))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    )?;
    let odd = || std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "it is no HTTP that it speaks");
    let mut reader = BufReader::new(stream.take(LONGEST));
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(odd)?;
    let mut length = None;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(odd());
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse::<u64>().ok();
        }
    }
    let mut body = Vec::new();
    reader.take(length.unwrap_or(LONGEST)).read_to_end(&mut body)?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
