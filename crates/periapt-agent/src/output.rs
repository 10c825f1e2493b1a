//! What a process prints: to the log line by line, the last lines kept for the record of a failure, and all of it kept
//! for the results of an action. Errors that a charm logs with `juju-log` belong to the last lines: that is where `ops`
//! puts the traceback of an exception, and it prints nothing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use periapt_model::log::Level;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{ChildStderr, ChildStdout};
use tokio::task::JoinHandle;

use crate::report::Report;

/// How many lines are kept for the record of a failure.
const TAIL_LINES: usize = 10;
/// A kept line is cut after so many characters.
const TAIL_LINE_CHARS: usize = 500;
/// A line is broken after so many bytes, so that output without line ends needs no more memory than this.
const LINE_BYTES: usize = 64 * 1024;
/// Of each stream of an action so many bytes are kept; Juju has no limit here but that of its database.
const KEPT_BYTES: usize = 1 << 20;
/// How long the pipes may stay open after the process has ended (Juju 3.6: `charmrunner.HookLogger.Stop`).
const PIPES_OPEN: Duration = Duration::from_millis(100);

/// The two streams of a process that runs.
#[derive(Debug)]
pub(crate) struct Capture {
    kept: Arc<Mutex<Kept>>,
    tail: Tail,
    pump: JoinHandle<()>,
}

/// The last lines that somebody who looks for the cause of a failure wants to see, oldest first. Copies are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    /// Adds a text, line by line; blank lines are not worth their place.
    pub(crate) fn add(&self, text: &str) {
        let mut lines = lock(&self.0);
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            if lines.len() == TAIL_LINES {
                lines.pop_front();
            }
            lines.push_back(line.chars().take(TAIL_LINE_CHARS).collect());
        }
    }

    /// Takes all lines out.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.0)).into()
    }
}

/// What was kept of them.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// The last lines of both, and of what the charm logged as an error, oldest first.
    pub(crate) tail: Vec<String>,
    /// All of standard output, if it was asked for.
    pub(crate) stdout: Option<Stream>,
    /// All of standard error, if it was asked for.
    pub(crate) stderr: Option<Stream>,
}

/// A stream that is kept whole, up to a limit.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    bytes: Vec<u8>,
    dropped: usize,
}

impl Stream {
    fn add(&mut self, bytes: &[u8]) {
        let room = KEPT_BYTES.saturating_sub(self.bytes.len()).min(bytes.len());
        let (kept, dropped) = bytes.split_at(room);
        self.bytes.extend_from_slice(kept);
        self.dropped += dropped.len();
    }

    /// Its text, with a note of what is missing.
    pub(crate) fn into_text(self) -> String {
        let mut text = String::from_utf8_lossy(&self.bytes).into_owned();
        if self.dropped > 0 {
            text.push_str(&format!("\n[{} more bytes of output were dropped]", self.dropped));
        }
        text
    }
}

impl Capture {
    /// Starts to read. `module` is the logger's name; the last lines go to `tail`; `whole` keeps everything.
    /// What is `private` is kept and written nowhere: whoever calls `exec` is shown what it prints, which may be a
    /// secret, and nobody else is (Juju 3.6 logs the output of hooks and actions, not that of `juju-exec`).
    pub(crate) fn start(
        stdout: Option<ChildStdout>,
        stderr: Option<ChildStderr>,
        report: Report,
        module: String,
        tail: Tail,
        whole: bool,
        private: bool,
    ) -> Self {
        let stream = || whole.then(Stream::default);
        let kept = Arc::new(Mutex::new(Kept { tail: Vec::new(), stdout: stream(), stderr: stream() }));
        let shared = Arc::clone(&kept);
        let lines = tail.clone();
        // A task of its own, which outlives the hook if a daemon holds the pipes: that daemon is neither blocked by a
        // full pipe nor killed by a closed one.
        let pump = tokio::spawn(async move {
            let line = |level| {
                let (report, module, lines) = (&report, &module, &lines);
                move |text: String| {
                    if private {
                        return;
                    }
                    lines.add(&text);
                    report.log(level, module, text);
                }
            };
            tokio::join!(
                pump(stdout, &shared, |kept| kept.stdout.as_mut(), line(Level::Debug)),
                pump(stderr, &shared, |kept| kept.stderr.as_mut(), line(Level::Warning)),
            );
        });
        Self { kept, tail, pump }
    }

    /// Called when the process has ended: waits a moment for what is still in the pipes, and returns what was kept.
    /// What comes later is logged and forgotten.
    pub(crate) async fn finish(mut self) -> Kept {
        let _ = tokio::time::timeout(PIPES_OPEN, &mut self.pump).await;
        Kept { tail: self.tail.take(), ..std::mem::take(&mut *lock(&self.kept)) }
    }
}

fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn pump(
    stream: Option<impl AsyncRead + Unpin>,
    kept: &Mutex<Kept>,
    whole: impl Fn(&mut Kept) -> Option<&mut Stream>,
    log: impl Fn(String),
) {
    let Some(stream) = stream else { return };
    let mut reader = BufReader::with_capacity(4096, stream);
    let mut line = Vec::new();
    while let Some(ended) = read_line(&mut reader, &mut line).await {
        let text = String::from_utf8_lossy(&line).into_owned();
        {
            let mut kept = lock(kept);
            if let Some(stream) = whole(&mut kept) {
                stream.add(&line);
                if ended {
                    stream.add(b"\n");
                }
            }
        }
        log(text);
        line.clear();
    }
}

/// Reads a line without its end into `line`, or a part of one that is too long. None at the end of the stream; false
/// if no line end followed.
async fn read_line(reader: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> Option<bool> {
    loop {
        let chunk = reader.fill_buf().await.unwrap_or_default();
        if chunk.is_empty() {
            return (!line.is_empty()).then_some(false);
        }
        let room = LINE_BYTES - line.len();
        let end = chunk.iter().take(room).position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(chunk.len().min(room));
        line.extend(chunk.iter().take(taken));
        reader.consume(taken + usize::from(end.is_some()));
        if end.is_some() {
            return Some(true);
        }
        if line.len() == LINE_BYTES {
            return Some(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(input: &[u8]) -> Vec<(String, bool)> {
        let mut reader = BufReader::with_capacity(7, input);
        let (mut line, mut out) = (Vec::new(), Vec::new());
        while let Some(ended) = read_line(&mut reader, &mut line).await {
            out.push((String::from_utf8_lossy(&line).into_owned(), ended));
            line.clear();
        }
        out
    }

    #[tokio::test]
    async fn lines_end_where_they_end() {
        let expected = [("a longer line", true), ("", true), ("last", false)].map(|(t, e)| (t.to_owned(), e));
        assert_eq!(lines(b"a longer line\n\nlast").await, expected);
        assert!(lines(b"").await.is_empty());
    }

    #[tokio::test]
    async fn a_line_without_end_is_broken() {
        let long = vec![b'x'; LINE_BYTES + 3];
        let lengths: Vec<usize> = lines(&long).await.iter().map(|(text, _)| text.len()).collect();
        assert_eq!(lengths, [LINE_BYTES, 3]);
    }

    #[test]
    fn the_tail_keeps_the_last_lines_that_say_something() {
        let tail = Tail::default();
        tail.add("Traceback:\n  first\n\n  second");
        (1..TAIL_LINES).for_each(|n| tail.add(&format!("line {n}")));
        let lines = tail.take();
        assert_eq!((lines.len(), lines[0].as_str()), (TAIL_LINES, "  second"));
        assert_eq!(lines.last().map(String::as_str), Some("line 9"));
        assert!(tail.take().is_empty());
    }

    #[test]
    fn a_kept_stream_says_what_it_lost() {
        let mut stream = Stream::default();
        stream.add(&vec![b'a'; KEPT_BYTES]);
        stream.add(b"bcd");
        assert!(stream.into_text().ends_with("a\n[3 more bytes of output were dropped]"));
    }
}
