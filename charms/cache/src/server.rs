//! The service: a key-value store in memory that speaks lines of text over TCP. It knows nothing of charms.
//!
//! | request | answer |
//! | --- | --- |
//! | `PING` | `OK pong` |
//! | `SET key value` | `OK ` |
//! | `GET key` | `OK value`, or `NONE` |
//! | `FLUSH` | `OK` and how many keys there were |

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use crate::service::{Running, Settings};

/// The service's version, which `juju status` shows.
pub const VERSION: &str = "1.0";

/// The longest line that is read.
const LONGEST: u64 = 1 << 16;

/// The values, and the order in which their keys came.
#[derive(Debug)]
struct Store {
    values: HashMap<String, String>,
    order: VecDeque<String>,
    max_keys: usize,
}

impl Store {
    fn new(max_keys: usize) -> Self {
        Self { values: HashMap::new(), order: VecDeque::new(), max_keys }
    }

    fn answer(&mut self, line: &str) -> String {
        let mut words = line.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some("PING"), None, None) => "OK pong".to_owned(),
            (Some("SET"), Some(key), Some(value)) if !key.is_empty() => {
                if self.values.insert(key.to_owned(), value.to_owned()).is_none() {
                    self.order.push_back(key.to_owned());
                }
                while self.order.len() > self.max_keys {
                    if let Some(oldest) = self.order.pop_front() {
                        self.values.remove(&oldest);
                    }
                }
                "OK ".to_owned()
            }
            (Some("GET"), Some(key), None) => match self.values.get(key) {
                Some(value) => format!("OK {value}"),
                None => "NONE".to_owned(),
            },
            (Some("FLUSH"), None, None) => {
                self.order.clear();
                let count = self.values.len();
                self.values.clear();
                format!("OK {count}")
            }
            _ => "ERROR expected PING, SET key value, GET key or FLUSH".to_owned(),
        }
    }
}

/// `serve FILE SETTINGS`: listens, writes into the file where, and serves until it is killed.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(2).collect();
    let [file, settings] = arguments.as_slice() else {
        eprintln!("usage: serve FILE SETTINGS");
        return ExitCode::from(2);
    };
    match serve(Path::new(file), settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(file: &Path, settings: &str) -> io::Result<()> {
    let settings: Settings = serde_json::from_str(settings)?;
    // Signals for the hook's processes, and for its terminal, pass a session of its own by.
    rustix::process::setsid()?;
    let listener = TcpListener::bind(("0.0.0.0", settings.port))?;
    let running = Running {
        pid: i32::try_from(std::process::id()).map_err(io::Error::other)?,
        port: listener.local_addr()?.port(),
        settings: settings.clone(),
    };
    let _alive = announce(file, &running)?;
    let store = Arc::new(Mutex::new(Store::new(settings.max_keys)));
    for stream in listener.incoming() {
        let (stream, store) = (stream?, Arc::clone(&store));
        std::thread::spawn(move || {
            // A client that goes away ends its own thread and no more.
            let _ = converse(&stream, &store);
        });
    }
    Ok(())
}

/// Writes the file under another name, locked, and puts it in its place: whoever sees it sees it whole and locked.
fn announce(file: &Path, running: &Running) -> io::Result<File> {
    let fresh = file.with_extension("new");
    let mut writer = File::create(&fresh)?;
    writer.lock()?;
    serde_json::to_writer(&mut writer, running)?;
    writer.flush()?;
    std::fs::rename(fresh, file)?;
    Ok(writer)
}

fn converse(stream: &TcpStream, store: &Mutex<Store>) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.by_ref().take(LONGEST).read_line(&mut line)? == 0 {
            return Ok(());
        }
        let answer = store.lock().unwrap_or_else(PoisonError::into_inner).answer(line.trim_end_matches('\n'));
        writeln!(&*stream, "{answer}")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_and_the_oldest_go() {
        let mut store = Store::new(2);
        for (line, answer) in [
            ("PING", "OK pong"),
            ("GET a", "NONE"),
            ("SET a one two", "OK "),
            ("GET a", "OK one two"),
            ("SET b ", "OK "),
            ("GET b", "OK "),
            ("SET a three", "OK "),
            ("SET c 3", "OK "),
            ("GET a", "NONE"),
            ("GET c", "OK 3"),
            ("FLUSH", "OK 2"),
            ("GET c", "NONE"),
        ] {
            assert_eq!(store.answer(line), answer, "{line}");
        }
        for odd in ["", "SET", "SET a", "GET", "GET a b", "nonsense"] {
            assert!(store.answer(odd).starts_with("ERROR "), "{odd}");
        }
    }
}
