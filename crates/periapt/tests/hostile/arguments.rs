//! What is thrown at every command, and what any answer to it must be.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::Bench;

/// Bytes of an argument; Linux lets one have 128 KiB.
const LONG: usize = 120 * 1024;

/// Bytes that an error may have.
const MOST_OF_AN_ERROR: usize = 20_000;

/// How long a command may think about it.
const LIMIT: Duration = Duration::from_secs(30);

/// One kind of a hostile command line: its name, and the words behind the command.
#[derive(Clone, Debug)]
pub struct Kind {
    pub name: &'static str,
    pub words: Vec<OsString>,
}

fn kind(name: &'static str, words: impl IntoIterator<Item = impl Into<OsString>>) -> Kind {
    Kind { name, words: words.into_iter().map(Into::into).collect() }
}

/// Single words that no command can make sense of, or that lead somewhere else.
pub fn words() -> Vec<Kind> {
    vec![
        kind("empty", [""]),
        kind("long", ["x".repeat(LONG)]),
        kind("not text", [OsString::from_vec(b"caf\xe9\xff".to_vec())]),
        kind("control characters", ["a\u{1b}[2J\u{7}\r\n\u{202e}b"]),
        kind("path", ["../../etc/passwd"]),
        kind("dash", ["-"]),
        kind("number", ["9".repeat(40)]),
        kind("negative number", ["-1"]),
        kind("assignment", ["=x"]),
        kind("quotes", ["'\"`$(touch ran)`"]),
    ]
}

/// All kinds of command lines.
pub fn kinds() -> Vec<Kind> {
    let mut all = words();
    all.extend([
        kind("nothing", Vec::<OsString>::new()),
        kind("two dashes", ["--"]),
        kind("unknown flag", ["--no-such-flag"]),
        kind("long flag", [format!("--{}", "x".repeat(LONG))]),
        kind("too many", std::iter::repeat_n("x", 5000)),
        kind("megabytes", std::iter::repeat_n("y".repeat(LONG), 9)),
    ]);
    all
}

/// A command line as messages show it.
pub fn shown(words: &[OsString]) -> String {
    let word = |word: &OsString| {
        let text = format!("{word:?}");
        if text.len() > 60 { format!("{}…", text.chars().take(40).collect::<String>()) } else { text }
    };
    let text: Vec<String> = words.iter().take(6).map(word).collect();
    text.join(" ")
}

/// Runs a command to its end; None where it has none in time.
pub fn run(command: &mut Command) -> Option<Output> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let readers = (drain(child.stdout.take()), drain(child.stderr.take()));
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("its end") {
            break status;
        }
        if begun.elapsed() > LIMIT {
            // It may end at this very moment.
            child.kill().ok();
            child.wait().expect("its end");
            return None;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let text = |reader: std::thread::JoinHandle<Vec<u8>>| reader.join().expect("its output");
    Some(Output { status, stdout: text(readers.0), stderr: text(readers.1) })
}

fn drain(pipe: Option<impl std::io::Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes).expect("its output");
        }
        bytes
    })
}

/// What is wrong with an answer, whatever was asked.
pub fn fault(code: Option<i32>, stdout: &[u8], stderr: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(stderr);
    let start: String = text.chars().take(120).collect();
    let fault = |what: &str| Some(format!("{what}: code {code:?}, {start:?}"));
    let both = [stdout, stderr];
    if both.iter().any(|bytes| bytes.windows(8).any(|part| part == b"panicked")) {
        return fault("it panicked");
    }
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return fault("its error steers the terminal");
    }
    if stderr.len() > MOST_OF_AN_ERROR {
        return fault(&format!("its error has {} bytes", stderr.len()));
    }
    match code {
        Some(0) => None,
        Some(1 | 2) if text.lines().any(|line| line.starts_with("ERROR ") && line.len() > 8) => None,
        // In the words of those whose places they take.
        Some(1) if text.starts_with("scp: ") || text.starts_with("Nothing matched specified filter") => None,
        // Called with nothing at all, some print how they are called.
        Some(2) if text.contains("Usage: ") => None,
        Some(1 | 2) => fault("it says no ERROR"),
        _ => fault("its exit code"),
    }
}

/// All that a command could have changed of the model and the home.
pub fn snapshot(bench: &Bench) -> Value {
    let mut status = bench.json(&["status", "--utc"]);
    // The time of asking.
    status.as_object_mut().expect("an object").remove("controller");
    let asked = |arguments: &[&str]| bench.json(arguments);
    serde_json::json!({
        "status": status,
        "bundle": bench.run(&["export-bundle"]).stdout,
        "config": asked(&["config", "target"]),
        "application": asked(&["show-application", "target"]),
        "unit": asked(&["show-unit", "target/0"]),
        "settings": asked(&["model-config"]),
        "constraints": asked(&["model-constraints"]),
        "machines": asked(&["machines"]),
        "models": asked(&["models"]),
        "operations": asked(&["operations"]),
        "secrets": asked(&["secrets"]),
        "resources": asked(&["resources", "target"]),
        "clouds": asked(&["clouds"]),
        "credentials": asked(&["credentials"]),
        "keys": bench.ok(&["ssh-keys"]),
        "store": asked(&["find"]),
        "files": files(&bench.path().join("work")),
        "passwd": std::fs::read_to_string(bench.path().join("etc/passwd")).expect("the file"),
    })
}

/// The names of what lies below a folder.
fn files(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder").flatten() {
        names.push(entry.path().display().to_string());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            names.extend(files(&entry.path()));
        }
    }
    names.sort();
    names
}

/// Where commands run: a path of two steps up leads to a file that they must not touch.
pub fn work(bench: &Bench) -> std::path::PathBuf {
    let work = bench.path().join("work/here");
    std::fs::create_dir_all(&work).expect("a folder");
    std::fs::create_dir_all(bench.path().join("etc")).expect("a folder");
    std::fs::write(bench.path().join("etc/passwd"), "untouched").expect("a file");
    work
}

/// What the daemon's log says of a fault of its own.
pub fn daemon_faults(bench: &Bench) -> Vec<String> {
    let text = std::fs::read_to_string(bench.home().join("daemon.log")).unwrap_or_default();
    text.lines().filter(|line| line.contains("panicked")).map(str::to_owned).collect()
}

/// The long words as variables of a shell: written out, bash would read them for minutes.
pub fn long_words() -> String {
    format!("x=$(head -c {LONG} /dev/zero | tr '\\0' x)\ny=$(printf %s \"$x\" | tr x y)\n")
}

/// Words as a shell reads them behind [`long_words`].
pub fn quoted(words: &[OsString]) -> Vec<u8> {
    let mut line = Vec::new();
    for word in words {
        let bytes = OsStr::as_encoded_bytes(word);
        let (start, last) = (bytes.len().saturating_sub(LONG), bytes.last().copied().unwrap_or_default());
        if bytes.len() >= LONG && bytes[start..].iter().all(|byte| *byte == last) {
            line.extend_from_slice(b" \"");
            line.extend_from_slice(&bytes[..start]);
            line.extend_from_slice(&[b'$', last, b'"']);
            continue;
        }
        line.extend_from_slice(b" '");
        for byte in OsStr::as_encoded_bytes(word) {
            match byte {
                b'\'' => line.extend_from_slice(b"'\\''"),
                byte => line.push(*byte),
            }
        }
        line.push(b'\'');
    }
    line
}
