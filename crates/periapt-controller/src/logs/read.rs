//! Reading the log's files: from the beginning, or from the line that so many come after.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use periapt_model::log::{Level, LogLine};
use periapt_model::time::Timestamp;

use super::LogQuery;

/// How much is read at a time from the end.
const BLOCK: usize = 64 << 10;

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
    /// Opens all of them now: one that is put aside meanwhile is read to its end all the same. The newest comes first in
    /// `paths`: what is put aside between two of these is found again under its next name, and taken once.
    pub(super) fn open(paths: &[PathBuf]) -> Self {
        let mut files = VecDeque::new();
        let mut known = Vec::new();
        for file in paths.iter().filter_map(|path| File::open(path).ok()) {
            let identity = file.metadata().map(|found| (found.dev(), found.ino())).ok();
            if identity.is_some() && !known.contains(&identity) {
                known.push(identity);
                files.push_front(BufReader::new(file));
            }
        }
        Self { files, buffer: Vec::new() }
    }

    /// Goes on at the line from which there are `count` lines that `query` wants, or at the beginning if there are fewer.
    /// Reads the files from their end, and no more of them than it must; keeps none of the lines.
    ///
    /// # Errors
    /// Those of reading; where it goes on is then anywhere.
    pub fn seek_to_last(&mut self, count: usize, query: &LogQuery) -> io::Result<()> {
        let Some(newest) = self.files.len().checked_sub(1) else { return Ok(()) };
        let mut begin = (0, 0);
        let mut left = count;
        if count == 0 {
            begin = (newest, self.files[newest].get_ref().metadata()?.len());
        }
        for index in (0..=newest).rev().filter(|_| count > 0) {
            let found = backwards(self.files[index].get_mut(), |line| {
                left -= usize::from(query.matches(line));
                left == 0
            })?;
            if let Some(at) = found {
                begin = (index, at);
                break;
            }
        }
        let (first, at) = begin;
        self.files.drain(..first);
        for (index, file) in self.files.iter_mut().enumerate() {
            file.seek(SeekFrom::Start(if index == 0 { at } else { 0 }))?;
        }
        Ok(())
    }
}

/// Gives the lines of a file to `enough`, the last one first, until it says so; returns where that line begins. None: it
/// never did.
fn backwards(file: &mut File, mut enough: impl FnMut(&LogLine) -> bool) -> io::Result<Option<u64>> {
    let mut start = file.metadata()?.len();
    // What was read of lines whose beginning was not: it follows `start`.
    let mut rest: Vec<u8> = Vec::new();
    let mut whole = false;
    while start > 0 {
        let size = BLOCK.min(usize::try_from(start).unwrap_or(BLOCK));
        start -= size as u64;
        file.seek(SeekFrom::Start(start))?;
        let mut block = vec![0; size];
        file.read_exact(&mut block)?;
        let fresh = block.len();
        block.append(&mut rest);
        // Everything before `end` is still to be told; a line ends there.
        let mut end = block.len();
        // Only where something new was read can a line begin that was not known to.
        let mut search = fresh;
        while let Some(at) = block[..search].iter().rposition(|byte| *byte == b'\n') {
            search = at;
            // Behind the last end of a line there is at most a part of one, torn or still being written.
            if whole && told(&block[at + 1..end], &mut enough) {
                return Ok(Some(start + at as u64 + 1));
            }
            whole = true;
            end = at;
        }
        block.truncate(end);
        rest = block;
    }
    Ok((whole && told(&rest, &mut enough)).then_some(0))
}

fn told(line: &[u8], enough: &mut impl FnMut(&LogLine) -> bool) -> bool {
    !line.is_empty() && parse(&String::from_utf8_lossy(line)).is_some_and(|line| enough(&line))
}

impl Iterator for LogReader {
    type Item = LogLine;

    /// Lines that cannot be read are passed over, and so is the end of a file that is no whole line: a crash tore it, or it
    /// is still being written, and whoever follows the log gets it from there.
    fn next(&mut self) -> Option<LogLine> {
        loop {
            let reader = self.files.front_mut()?;
            self.buffer.clear();
            match reader.read_until(b'\n', &mut self.buffer) {
                Ok(0) | Err(_) => drop(self.files.pop_front()),
                Ok(_) if !self.buffer.ends_with(b"\n") => drop(self.files.pop_front()),
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

#[cfg(test)]
mod tests {
    use super::super::EntityPattern;
    use super::*;

    fn file(folder: &tempfile::TempDir, name: &str, lines: std::ops::Range<usize>, torn: &str) -> PathBuf {
        let path = folder.path().join(name);
        let text: String = lines
            .map(|n| format!("{n} INFO unit-app-{} juju {}\n", n % 3, "long ".repeat(n % 700)))
            .collect();
        std::fs::write(&path, text + torn).unwrap();
        path
    }

    fn times(reader: LogReader) -> Vec<i64> {
        reader.map(|line| line.at.0).collect()
    }

    #[test]
    fn the_last_lines_are_found_from_the_end_across_files() {
        let folder = tempfile::tempdir().unwrap();
        let paths = [file(&folder, "new", 2000..3000, "2999 INF"), file(&folder, "old", 0..2000, "")];
        let all = LogQuery::default();
        for count in [0, 1, 2, 999, 1000, 1001, 2500, 3000, 4000] {
            let mut reader = LogReader::open(&paths);
            reader.seek_to_last(count, &all).unwrap();
            let first = 3000 - i64::try_from(count).unwrap().min(3000);
            assert_eq!(times(reader), (first..3000).collect::<Vec<_>>(), "{count}");
        }
    }

    #[test]
    fn a_line_that_is_half_written_is_no_line_yet() {
        let folder = tempfile::tempdir().unwrap();
        let half = "3 INFO unit-app-0 juju the beginning of";
        for count in [1, 3, 9] {
            let paths = [file(&folder, "log", 0..3, half)];
            let mut reader = LogReader::open(&paths);
            reader.seek_to_last(count, &LogQuery::default()).unwrap();
            assert_eq!(times(reader), (3 - i64::try_from(count.min(3)).unwrap()..3).collect::<Vec<_>>());
        }
        let mut reader = LogReader::open(&[file(&folder, "log", 0..0, half)]);
        reader.seek_to_last(1, &LogQuery::default()).unwrap();
        assert_eq!(times(reader), [] as [i64; 0]);
    }

    #[test]
    fn only_what_is_wanted_counts() {
        let folder = tempfile::tempdir().unwrap();
        let paths = [file(&folder, "new", 10..20, ""), file(&folder, "old", 0..10, "")];
        let query = LogQuery { include: vec![EntityPattern::new("app/0")], ..LogQuery::default() };
        for (count, first) in [(1, 18), (2, 15), (4, 9), (7, 0), (9, 0)] {
            let mut reader = LogReader::open(&paths);
            reader.seek_to_last(count, &query).unwrap();
            assert_eq!(times(reader)[0], first, "{count}");
        }
    }

    #[test]
    fn a_file_that_was_put_aside_in_between_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let one = file(&folder, "one", 0..10, "");
        let same = folder.path().join("same");
        std::fs::hard_link(&one, &same).unwrap();
        assert_eq!(times(LogReader::open(&[one, same])), (0..10).collect::<Vec<_>>());
    }
}
