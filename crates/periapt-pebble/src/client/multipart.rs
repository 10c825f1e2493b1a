//! Multipart bodies, as the files API has them: written from a source and read into a sink, a bit at a time.
//!
//! Written here, for the crates that read multipart are made for servers that take uploads, and none that both reads
//! and writes is small. Pebble uses little of the format: no nesting, no encodings, CRLF everywhere.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Read;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use memchr::memmem::Finder;

use super::http::Activity;
use crate::error::{Error, Result};

/// How much is read from a source at once.
const CHUNK: usize = 64 * 1024;
/// More headers than this for one part are no multipart.
const MAX_HEADERS: usize = 16 * 1024;

/// A boundary that no content has: 128 random bits, in the 32 characters that Pebble asks for.
pub(super) fn boundary() -> String {
    let word = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", word(), word())
}

/// A body of a `request` part, a `files` part from a source, and the end.
pub(super) struct Upload {
    before: Option<Bytes>,
    source: Option<Box<dyn Read + Send>>,
    after: Option<Bytes>,
    activity: Activity,
}

impl Upload {
    /// `filename` must be free of line ends, which would end the header that it stands in.
    pub(super) fn new(
        boundary: &str,
        request: &str,
        filename: &str,
        source: Box<dyn Read + Send>,
        activity: Activity,
    ) -> Self {
        let filename = filename.replace('\\', "\\\\").replace('"', "\\\"");
        let before = format!(
            "--{boundary}\r\nContent-Type: application/json\r\n\
             Content-Disposition: form-data; name=\"request\"\r\n\r\n{request}\r\n\
             --{boundary}\r\nContent-Type: application/octet-stream\r\n\
             Content-Disposition: form-data; name=\"files\"; filename=\"{filename}\"\r\n\r\n"
        );
        let after = format!("\r\n--{boundary}--\r\n");
        Self { before: Some(before.into()), source: Some(source), after: Some(after.into()), activity }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        self.activity.moved();
        if let Some(before) = self.before.take() {
            return Poll::Ready(Some(Ok(Frame::data(before))));
        }
        if let Some(source) = &mut self.source {
            let mut chunk = vec![0; CHUNK];
            // Blocks, which is fine: the thread has nothing else to do.
            match source.read(&mut chunk) {
                Ok(0) => self.source = None,
                Ok(length) => {
                    chunk.truncate(length);
                    return Poll::Ready(Some(Ok(Frame::data(chunk.into()))));
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {
                    return Poll::Ready(Some(Ok(Frame::data(Bytes::new()))));
                }
                Err(e) => {
                    return Poll::Ready(Some(Err(Error::Local(format!(
                        "cannot read what is to be pushed: {e}"
                    )))));
                }
            }
        }
        Poll::Ready(self.after.take().map(|after| Ok(Frame::data(after))))
    }
}

/// What a body holds, in order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A part begins: its `name`.
    Part(String),
    /// Some of its content.
    Data(Vec<u8>),
    /// It is over.
    End,
}

#[derive(PartialEq, Eq)]
enum State {
    /// Before the first delimiter.
    Preamble,
    Headers,
    Content,
    /// Behind a delimiter: `--` for the last, or a line end.
    Delimiter,
    Finished,
}

/// Reads a multipart body that comes in pieces of any size.
pub(super) struct Reader {
    finder: Finder<'static>,
    buffer: Vec<u8>,
    state: State,
    events: VecDeque<Event>,
}

impl Reader {
    pub(super) fn new(boundary: &str) -> Self {
        // The body begins with a delimiter that has no line end before it: with one put there all are alike.
        let finder = Finder::new(format!("\r\n--{boundary}").as_bytes()).into_owned();
        Self { finder, buffer: b"\r\n".to_vec(), state: State::Preamble, events: VecDeque::new() }
    }

    /// Whether the last delimiter has come.
    pub(super) fn is_finished(&self) -> bool {
        self.state == State::Finished
    }

    pub(super) fn feed(&mut self, data: &[u8]) -> Result<VecDeque<Event>> {
        self.buffer.extend_from_slice(data);
        while self.step()? {}
        Ok(std::mem::take(&mut self.events))
    }

    /// Takes the next thing from the buffer, if all of it is there.
    fn step(&mut self) -> Result<bool> {
        let delimiter = self.finder.needle().len();
        match self.state {
            State::Finished => {
                self.buffer.clear();
                Ok(false)
            }
            State::Preamble | State::Content => {
                let found = self.finder.find(&self.buffer);
                // What may be the begin of a delimiter has to wait.
                let end = found.unwrap_or((self.buffer.len() + 1).saturating_sub(delimiter));
                let content: Vec<u8> = self.buffer.drain(..end).collect();
                if self.state == State::Content {
                    if !content.is_empty() {
                        self.events.push_back(Event::Data(content));
                    }
                    if found.is_some() {
                        self.events.push_back(Event::End);
                    }
                }
                if found.is_some() {
                    self.buffer.drain(..delimiter);
                    self.state = State::Delimiter;
                }
                Ok(found.is_some())
            }
            State::Delimiter if self.buffer.len() < 2 => Ok(false),
            State::Delimiter => {
                self.state = match self.buffer.get(..2) {
                    Some(b"--") => State::Finished,
                    Some(b"\r\n") => State::Headers,
                    _ => return Err(Error::Protocol("a multipart delimiter is broken".to_owned())),
                };
                // The line end stays when headers follow: a part without headers then ends them like any other.
                if self.state == State::Finished {
                    self.buffer.drain(..2);
                }
                Ok(true)
            }
            State::Headers => match memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                Some(end) => {
                    let headers: Vec<u8> = self.buffer.drain(..end + 4).collect();
                    self.events.push_back(Event::Part(part_name(&String::from_utf8_lossy(&headers))?));
                    // The line end before a delimiter may be the one that ended the headers of an empty part.
                    self.state = State::Content;
                    if self.buffer.starts_with(&self.finder.needle()[2..]) {
                        self.buffer.splice(..0, *b"\r\n");
                    }
                    Ok(true)
                }
                None if self.buffer.len() > MAX_HEADERS => {
                    Err(Error::Protocol("the headers of a multipart part have no end".to_owned()))
                }
                None => Ok(false),
            },
        }
    }
}

/// The parameter of a header such as `form-data; name="a"`, without its quotes.
pub(super) fn parameter(header: &str, name: &str) -> Option<String> {
    let mut rest = header.split_once(';')?.1;
    loop {
        let (key, value) = rest.split_once('=')?;
        let value = value.trim_start();
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => {
                let mut text = String::new();
                let mut escaped = false;
                let mut end = quoted.len();
                for (at, c) in quoted.char_indices() {
                    match c {
                        _ if escaped => {
                            text.push(c);
                            escaped = false;
                        }
                        '\\' => escaped = true,
                        '"' => {
                            end = at + 1;
                            break;
                        }
                        _ => text.push(c),
                    }
                }
                (text, quoted.get(end..).unwrap_or_default())
            }
            None => {
                let end = value.find(';').unwrap_or(value.len());
                (value[..end].trim().to_owned(), &value[end..])
            }
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = after.trim_start().strip_prefix(';')?;
    }
}

fn part_name(headers: &str) -> Result<String> {
    let mut lines = headers.split("\r\n").filter_map(|line| line.split_once(':'));
    let value = lines
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"))
        .map(|(_, v)| v.trim());
    let name =
        value.filter(|value| value.starts_with("form-data")).and_then(|value| parameter(value, "name"));
    name.ok_or_else(|| Error::Protocol("a multipart part has no name".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BODY: &[u8] = b"--BB\r\nContent-Disposition: form-data; name=\"files\"; filename=\"/a;b\"\r\n\
        Content-Type: application/octet-stream\r\n\r\none\r\n--B\r\n--BBless\r\r\n--BB\r\n\
        content-disposition: form-data; filename=\"\\\"; name=x\"; name=\"empty\"\r\n\r\n\r\n--BB--\r\nrest";

    type Parts = Vec<(String, Vec<u8>)>;

    /// The parts of a body that comes in pieces of `size`.
    fn read(body: &[u8], size: usize) -> Result<(Parts, bool)> {
        let mut reader = Reader::new("BB");
        let mut parts: Parts = Vec::new();
        for piece in body.chunks(size) {
            for event in reader.feed(piece)? {
                match event {
                    Event::Part(name) => parts.push((name, Vec::new())),
                    Event::Data(data) => parts.last_mut().expect("a part").1.extend(data),
                    Event::End => {}
                }
            }
        }
        Ok((parts, reader.is_finished()))
    }

    #[test]
    fn a_delimiter_in_the_content_that_is_none_makes_an_error_and_not_a_file() {
        // "--BBless" begins like a delimiter and goes on like none: real boundaries are random.
        assert!(read(BODY, 7).is_err());
    }

    #[test]
    fn parts_come_whole_whatever_the_pieces() {
        let text = String::from_utf8_lossy(BODY).replace("--BBless", "--BA");
        for size in 1..text.len() {
            let (parts, finished) = read(text.as_bytes(), size).unwrap_or_else(|e| panic!("{e}"));
            assert!(finished);
            let expected =
                [("files".to_owned(), b"one\r\n--B\r\n--BA\r".to_vec()), ("empty".to_owned(), Vec::new())];
            assert_eq!(parts, expected, "{size}");
        }
    }

    #[test]
    fn a_body_that_is_cut_off_is_not_finished() {
        for length in 0..BODY.len() {
            let cut = &BODY[..length.min(120)];
            assert!(!read(cut, 9).is_ok_and(|(_, finished)| finished));
        }
    }

    #[test]
    fn headers_without_a_name_or_an_end_are_refused() {
        assert!(read(b"--BB\r\nContent-Type: x\r\n\r\na\r\n--BB--\r\n", 99).is_err());
        let endless = [b"--BB\r\nX: ".to_vec(), vec![b'x'; MAX_HEADERS]].concat();
        assert!(read(&endless, 999).is_err());
    }

    proptest! {
        #[test]
        fn what_was_written_is_what_is_read(content: Vec<u8>, name in "[a-z\"\\\\é;=]{1,9}", size in 1usize..50) {
            let boundary = boundary();
            let source = Box::new(std::io::Cursor::new(content.clone()));
            let mut upload = Upload::new(&boundary, "{}", &name, source, Activity::default());
            let mut context = Context::from_waker(std::task::Waker::noop());
            let mut body = Vec::new();
            while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut upload).poll_frame(&mut context) {
                body.extend_from_slice(frame.data_ref().expect("data"));
            }
            let mut reader = Reader::new(&boundary);
            let mut events = Vec::new();
            for piece in body.chunks(size) {
                events.extend(reader.feed(piece)?);
            }
            prop_assert!(reader.is_finished());
            let begin = events.iter().position(|e| *e == Event::Part("files".into())).expect("the part");
            let data: Vec<u8> = events[begin..].iter().filter_map(|e| match e {
                Event::Data(data) => Some(data.clone()),
                _ => None,
            }).flatten().collect();
            prop_assert_eq!(data, content);
        }

        #[test]
        fn nonsense_does_not_panic(body: Vec<u8>, size in 1usize..50) {
            let _ = read(&body, size);
            let _ = read(&[b"--BB\r\n".to_vec(), body].concat(), size);
        }
    }
}
