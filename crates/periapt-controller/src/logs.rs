//! The log of one model: lines appended to a file, read back, followed.
//!
//! Logs are not in the store: nothing is decided from them, and a line costs no transaction. One line of the file is
//! `MILLISECONDS LEVEL ENTITY MODULE MESSAGE`, the message with `\n` and `\\` escaped.

mod query;
mod read;

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use periapt_model::log::{Level, LogLine};
use tokio::sync::{broadcast, mpsc, oneshot};

pub use query::{EntityPattern, LogQuery, matches_wildcard};
pub use read::LogReader;

use query::Levels;

use crate::publish::lock;
use crate::status_log::{self, StatusEntry, StatusFile};

/// A file is put aside at this size.
const FILE_LIMIT: u64 = 64 << 20;
/// So many older files are kept: with the newest, more than a million lines of usual length.
const OLDER_FILES: u32 = 3;
/// So many bytes of lines may wait for the disk. Charms may write faster than it does; what comes on top is dropped and
/// counted.
const MOST_WAITING: usize = 32 << 20;
/// What a waiting line takes besides its message, about.
const LINE_COST: usize = 200;

enum Job {
    Line(Arc<LogLine>),
    Statuses(Vec<StatusEntry>),
    Flush(oneshot::Sender<()>),
    Remove,
}

/// What was handed to the writer and is not in the file yet.
#[derive(Default)]
struct Waiting {
    bytes: AtomicUsize,
    /// Lines that were dropped since the last one that was not.
    dropped: AtomicUsize,
}

impl Waiting {
    fn cost(line: &LogLine) -> usize {
        line.message.len() + LINE_COST
    }

    /// Whether there is room for another line.
    fn admit(&self, line: &LogLine) -> bool {
        let cost = Self::cost(line);
        let room = self.bytes.fetch_add(cost, Ordering::Relaxed) < MOST_WAITING;
        if !room {
            self.bytes.fetch_sub(cost, Ordering::Relaxed);
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        room
    }

    /// A line was written. If some were dropped since, a line that says so.
    fn written(&self, line: &LogLine) -> Option<LogLine> {
        self.bytes.fetch_sub(Self::cost(line), Ordering::Relaxed);
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        (dropped > 0).then(|| LogLine {
            level: Level::Warning,
            module: "juju.log".to_owned(),
            message: format!("{dropped} log lines came faster than the disk takes them, and were dropped"),
            ..line.clone()
        })
    }
}

pub(crate) struct LogBook {
    path: PathBuf,
    waiting: Arc<Waiting>,
    jobs: mpsc::UnboundedSender<Job>,
    follow: broadcast::Sender<Arc<LogLine>>,
    levels: Mutex<Levels>,
}

impl LogBook {
    pub(crate) fn open(folder: &Path, uuid: &str, config: &str) -> Self {
        let path = folder.join(format!("{uuid}.log"));
        let (jobs, queue) = mpsc::unbounded_channel();
        let waiting = Arc::new(Waiting::default());
        let (writer_path, writer_waiting) = (path.clone(), waiting.clone());
        tokio::task::spawn_blocking(move || write_lines(&writer_path, queue, &writer_waiting));
        let levels = Mutex::new(Levels::read(config));
        Self { path, waiting, jobs, follow: broadcast::Sender::new(4096), levels }
    }

    pub(crate) fn configure(&self, config: &str) {
        *lock(&self.levels) = Levels::read(config);
    }

    pub(crate) fn write(&self, line: LogLine) {
        if !lock(&self.levels).keep(&line) {
            return;
        }
        let line = Arc::new(line);
        // Nobody follows, or the writer is gone because everything is: a log line may be lost then.
        drop(self.follow.send(line.clone()));
        if self.waiting.admit(&line) {
            drop(self.jobs.send(Job::Line(line)));
        }
    }

    pub(crate) fn follow(&self) -> broadcast::Receiver<Arc<LogLine>> {
        self.follow.subscribe()
    }

    /// Adds to the history of statuses.
    pub(crate) fn add_statuses(&self, entries: Vec<StatusEntry>) {
        // As with lines.
        drop(self.jobs.send(Job::Statuses(entries)));
    }

    /// The wanted part of the history of statuses, oldest first.
    pub(crate) async fn statuses(
        &self,
        wanted: impl Fn(&StatusEntry) -> bool + Send + 'static,
    ) -> Vec<StatusEntry> {
        self.flush().await;
        let path = statuses(&self.path);
        // One that panicked has read nothing.
        tokio::task::spawn_blocking(move || status_log::read(&path, wanted)).await.unwrap_or_default()
    }

    async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.jobs.send(Job::Flush(done)).is_ok() {
            // A writer that is gone has nothing left to flush.
            flushed.await.ok();
        }
    }

    pub(crate) async fn read(&self) -> LogReader {
        self.flush().await;
        LogReader::open(&files(&self.path))
    }

    /// Removes the files. What is written afterwards, such as the last words of agents, goes nowhere.
    pub(crate) fn remove(&self) {
        drop(self.jobs.send(Job::Remove));
    }
}

/// The newest is the first of the older ones.
fn older(path: &Path, age: u32) -> PathBuf {
    path.with_extension(format!("log.{age}"))
}

/// All files that a log may have, newest first.
fn files(path: &Path) -> Vec<PathBuf> {
    std::iter::once(path.to_owned()).chain((1..=OLDER_FILES).map(|age| older(path, age))).collect()
}

/// The history of statuses beside it.
fn statuses(path: &Path) -> PathBuf {
    path.with_extension("status")
}

/// Makes room for a new file: each older one gets older, and the oldest goes away.
fn put_aside(path: &Path) -> std::io::Result<()> {
    let mut files = files(path);
    while let Some(from) = files.pop().filter(|_| !files.is_empty()) {
        let newer = &files[files.len() - 1];
        match std::fs::rename(newer, &from) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn write_lines(path: &Path, mut queue: mpsc::UnboundedReceiver<Job>, waiting: &Waiting) {
    let mut file: Option<(BufWriter<File>, u64)> = None;
    let mut history = StatusFile::new(statuses(path));
    while let Some(job) = queue.blocking_recv() {
        let result = match job {
            Job::Line(line) => {
                let appended = append(path, &mut file, &line, queue.is_empty());
                let dropped = waiting.written(&line);
                appended.and_then(|()| dropped.map_or(Ok(()), |line| append(path, &mut file, &line, true)))
            }
            Job::Statuses(entries) => history.append(&entries),
            Job::Flush(done) => {
                let flushed = file.as_mut().map_or(Ok(()), |(f, _)| f.flush());
                // Whoever asked may have gone away.
                done.send(()).ok();
                flushed
            }
            Job::Remove => {
                drop(file);
                let removed = files(path).iter().try_for_each(|path| match std::fs::remove_file(path) {
                    Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
                    _ => Ok(()),
                });
                if let Err(error) = removed.and(history.remove()) {
                    tracing::warn!("the log {} cannot be removed: {error}", path.display());
                }
                return;
            }
        };
        if let Err(error) = result {
            tracing::warn!("the log {} cannot be written: {error}", path.display());
            file = None;
        }
    }
}

fn append(
    path: &Path,
    file: &mut Option<(BufWriter<File>, u64)>,
    line: &LogLine,
    flush: bool,
) -> std::io::Result<()> {
    if file.as_ref().is_some_and(|(_, size)| *size > FILE_LIMIT) {
        *file = None;
        put_aside(path)?;
    }
    let (writer, size) = match file {
        Some(open) => open,
        None => {
            let opened = OpenOptions::new().create(true).append(true).open(path)?;
            let size = opened.metadata()?.len();
            file.insert((BufWriter::new(opened), size))
        }
    };
    let message = line.message.replace('\\', "\\\\").replace('\n', "\\n");
    let text = format!("{} {} {} {} {message}\n", line.at.0, line.level, line.entity, line.module);
    writer.write_all(text.as_bytes())?;
    *size += text.len() as u64;
    if flush { writer.flush() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use periapt_model::time::Timestamp;

    use super::*;

    fn line(module: &str, level: Level, message: &str) -> LogLine {
        LogLine {
            at: Timestamp(7),
            entity: "unit-my-app-0".to_owned(),
            level,
            module: module.to_owned(),
            message: message.to_owned(),
        }
    }

    #[tokio::test]
    async fn lines_read_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let book = LogBook::open(folder.path(), "m", "<root>=INFO;unit=DEBUG");
        let lines = [
            line("unit.my-app/0.juju-log", Level::Debug, "two\nlines \\n"),
            line("juju", Level::Info, ""),
            line("x", Level::Error, "é "),
        ];
        lines.iter().for_each(|l| book.write(l.clone()));
        book.write(line("juju.worker", Level::Debug, "dropped by the configuration"));
        assert_eq!(book.read().await.collect::<Vec<_>>(), lines);
    }

    #[tokio::test]
    async fn what_is_said_after_the_removal_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let book = LogBook::open(folder.path(), "m", "<root>=INFO");
        book.write(line("juju", Level::Info, "first"));
        book.remove();
        book.write(line("juju", Level::Info, "last words"));
        assert_eq!(book.read().await.count(), 0);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_reader_does_not_miss_a_file_that_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let book = LogBook::open(folder.path(), "m", "<root>=INFO");
        book.write(line("juju", Level::Info, "told"));
        let reader = book.read().await;
        put_aside(&book.path).unwrap();
        assert_eq!(reader.count(), 1);
    }

    #[test]
    fn lines_that_find_no_room_are_counted() {
        let waiting = Waiting::default();
        let long = line("juju", Level::Info, &"x".repeat(MOST_WAITING));
        assert!(waiting.admit(&long));
        assert!(!waiting.admit(&long) && !waiting.admit(&long));
        let said = waiting.written(&long).unwrap();
        assert!(said.message.starts_with("2 log lines"), "{}", said.message);
        assert_eq!(waiting.bytes.load(Ordering::Relaxed), 0);
        assert!(waiting.admit(&long));
        assert_eq!(waiting.written(&long), None);
    }

    #[test]
    fn files_that_are_put_aside_grow_older_until_the_last_goes_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.log");
        for age in 0..6 {
            std::fs::write(&path, age.to_string()).unwrap();
            put_aside(&path).unwrap();
        }
        let there: Vec<_> = files(&path).iter().map(|path| std::fs::read_to_string(path).ok()).collect();
        assert_eq!(there, [None, Some("5".to_owned()), Some("4".to_owned()), Some("3".to_owned())]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    }
}
