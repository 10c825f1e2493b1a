//! The log of one model: lines appended to a file, read back, followed.
//!
//! Logs are not in the store: nothing is decided from them, and a line costs no transaction. One line of the file is
//! `MILLISECONDS LEVEL ENTITY MODULE MESSAGE`, the message with `\n` and `\\` escaped.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use periapt_model::log::{Level, LogLine};
use periapt_model::time::Timestamp;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::publish::lock;

/// A file is put aside at this size; one older file is kept.
const FILE_LIMIT: u64 = 64 << 20;
/// So many bytes of lines may wait for the disk. Charms may write faster than it does; what comes on top is dropped and
/// counted.
const MOST_WAITING: usize = 32 << 20;
/// What a waiting line takes besides its message, about.
const LINE_COST: usize = 200;

enum Job {
    Line(Arc<LogLine>),
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

    pub(crate) async fn read(&self) -> LogReader {
        let (done, flushed) = oneshot::channel();
        if self.jobs.send(Job::Flush(done)).is_ok() {
            // A writer that is gone has nothing left to flush.
            flushed.await.ok();
        }
        LogReader::open(&[older(&self.path), self.path.clone()])
    }

    /// Removes the files. What is written afterwards, such as the last words of agents, goes nowhere.
    pub(crate) fn remove(&self) {
        drop(self.jobs.send(Job::Remove));
    }
}

fn older(path: &Path) -> PathBuf {
    path.with_extension("log.1")
}

fn write_lines(path: &Path, mut queue: mpsc::UnboundedReceiver<Job>, waiting: &Waiting) {
    let mut file: Option<(BufWriter<File>, u64)> = None;
    while let Some(job) = queue.blocking_recv() {
        let result = match job {
            Job::Line(line) => {
                let appended = append(path, &mut file, &line, queue.is_empty());
                let dropped = waiting.written(&line);
                appended.and_then(|()| dropped.map_or(Ok(()), |line| append(path, &mut file, &line, true)))
            }
            Job::Flush(done) => {
                let flushed = file.as_mut().map_or(Ok(()), |(f, _)| f.flush());
                // Whoever asked may have gone away.
                done.send(()).ok();
                flushed
            }
            Job::Remove => {
                drop(file);
                let removed =
                    [path.to_owned(), older(path)].iter().try_for_each(|p| match std::fs::remove_file(p) {
                        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
                        _ => Ok(()),
                    });
                if let Err(error) = removed {
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
        std::fs::rename(path, older(path))?;
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

fn parse(text: &str) -> Option<LogLine> {
    let mut words = text.splitn(5, ' ');
    let at = Timestamp(words.next()?.parse().ok()?);
    let level: Level = words.next()?.parse().ok()?;
    let (entity, module, escaped) = (words.next()?, words.next()?, words.next()?);
    let mut message = String::with_capacity(escaped.len());
    let mut chars = escaped.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => message.push('\n'),
                Some(other) => message.push(other),
                None => message.push('\\'),
            },
            c => message.push(c),
        }
    }
    Some(LogLine { at, entity: entity.to_owned(), level, module: module.to_owned(), message })
}

/// The log from its beginning, one line after the other. Blocking: read it on a thread where that is allowed.
#[derive(Debug)]
pub struct LogReader {
    files: VecDeque<BufReader<File>>,
    buffer: Vec<u8>,
}

impl LogReader {
    /// Opens all of them now: one that is put aside meanwhile is read to its end all the same.
    fn open(paths: &[PathBuf]) -> Self {
        let files = paths.iter().filter_map(|path| File::open(path).ok().map(BufReader::new)).collect();
        Self { files, buffer: Vec::new() }
    }
}

impl Iterator for LogReader {
    type Item = LogLine;

    /// Lines that cannot be read (a torn end after a crash) are passed over.
    fn next(&mut self) -> Option<LogLine> {
        loop {
            let reader = self.files.front_mut()?;
            self.buffer.clear();
            match reader.read_until(b'\n', &mut self.buffer) {
                Ok(0) | Err(_) => drop(self.files.pop_front()),
                Ok(_) => {
                    let line = String::from_utf8_lossy(&self.buffer);
                    if let Some(line) = parse(line.trim_end_matches('\n')) {
                        return Some(line);
                    }
                }
            }
        }
    }
}

/// `logging-config`: `<root>=INFO;unit=DEBUG`. The longest module prefix decides.
#[derive(Debug)]
struct Levels {
    root: Level,
    modules: Vec<(String, Level)>,
}

impl Levels {
    fn read(config: &str) -> Self {
        let mut levels = Self { root: Level::Info, modules: Vec::new() };
        for (module, level) in config.split(';').filter_map(|part| part.trim().split_once('=')) {
            let Ok(level) = level.trim().parse() else { continue };
            match module.trim() {
                "<root>" | "" => levels.root = level,
                module => levels.modules.push((module.to_owned(), level)),
            }
        }
        levels.modules.sort_by_key(|(module, _)| std::cmp::Reverse(module.len()));
        levels
    }

    fn keep(&self, line: &LogLine) -> bool {
        let covers = |module: &str| {
            line.module.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let least = self.modules.iter().find(|(m, _)| covers(m)).map_or(self.root, |(_, level)| *level);
        line.level >= least
    }
}

/// Which entities: `app/0`, `unit-app-0`, `app*`, `unit-app-*`, or an application's name for all its units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityPattern(String);

impl EntityPattern {
    /// A pattern as `debug-log --include` takes it.
    pub fn new(text: &str) -> Self {
        let tag = match text.split_once('/') {
            Some((app, number)) => format!("unit-{app}-{number}"),
            None => text.to_owned(),
        };
        Self(tag)
    }

    /// Whether `entity` (a tag such as `unit-app-0`) is meant.
    pub fn matches(&self, entity: &str) -> bool {
        let pattern = self.0.as_str();
        let bare = entity.strip_prefix("unit-").unwrap_or(entity);
        match pattern.strip_suffix('*') {
            Some(prefix) => entity.starts_with(prefix) || bare.starts_with(prefix),
            None => {
                entity == pattern
                    || bare.rsplit_once('-').is_some_and(|(app, _)| entity != bare && app == pattern)
            }
        }
    }
}

/// Which log lines.
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    /// Only these entities; empty: all.
    pub include: Vec<EntityPattern>,
    /// Not these.
    pub exclude: Vec<EntityPattern>,
    /// Only these modules and what is below them; empty: all.
    pub include_module: Vec<String>,
    /// Not these.
    pub exclude_module: Vec<String>,
    /// At least this level.
    pub level: Option<Level>,
}

impl LogQuery {
    /// Whether a line is asked for.
    pub fn matches(&self, line: &LogLine) -> bool {
        let below = |module: &String| {
            line.module
                .strip_prefix(module.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        (self.include.is_empty() || self.include.iter().any(|p| p.matches(&line.entity)))
            && !self.exclude.iter().any(|p| p.matches(&line.entity))
            && (self.include_module.is_empty() || self.include_module.iter().any(below))
            && !self.exclude_module.iter().any(below)
            && self.level.is_none_or(|level| line.level >= level)
    }
}

#[cfg(test)]
mod tests {
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
        std::fs::rename(&book.path, older(&book.path)).unwrap();
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
    fn patterns_mean_units_tags_prefixes_and_applications() {
        for (pattern, yes) in [
            ("my-app/0", true),
            ("my-app/1", false),
            ("unit-my-app-0", true),
            ("my-app", true),
            ("my", false),
            ("my*", true),
            ("unit-my*", true),
            ("*", true),
        ] {
            assert_eq!(EntityPattern::new(pattern).matches("unit-my-app-0"), yes, "{pattern}");
        }
    }
}
