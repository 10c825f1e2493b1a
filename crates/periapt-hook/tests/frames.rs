//! The encoding: there and back for every message, and an error but never a panic for everything else.

use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use periapt_hook::client::{Address, Connection, call};
use periapt_hook::frame::{
    FrameError, HEADER_LEN, Kind, MAX_ARGS, MAX_BODY, Request, Response, decode_header, decode_request,
    decode_response, encode_request, encode_response, read_frame,
};
use periapt_hook::fuzz_frames;
use proptest::collection::vec;
use proptest::prelude::*;
use support::{Agent, done};

mod support;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..40)
}

fn requests() -> impl Strategy<Value = Request> {
    (bytes(), bytes(), bytes(), vec(bytes(), 0..6), proptest::option::of(bytes())).prop_map(
        |(context_id, dir, command, args, stdin)| Request {
            context_id,
            dir: PathBuf::from(std::ffi::OsString::from_vec(dir)),
            command,
            args,
            stdin,
        },
    )
}

fn responses() -> impl Strategy<Value = Response> {
    prop_oneof![
        1 => Just(Response::NeedStdin),
        9 => (any::<u8>(), bytes(), bytes())
            .prop_map(|(code, stdout, stderr)| Response::Done { code, stdout, stderr }),
    ]
}

fn header(kind: u8, length: u32) -> Vec<u8> {
    [b"PH\x01", &[kind][..], &length.to_be_bytes()].concat()
}

fn small_request() -> Request {
    Request {
        context_id: b"id".to_vec(),
        dir: "/charm".into(),
        command: b"config-get".to_vec(),
        args: vec![b"--all".to_vec()],
        stdin: None,
    }
}

proptest! {
    #[test]
    fn a_request_survives_the_way(request in requests()) {
        let frame = encode_request(&request).expect("small");
        prop_assert_eq!(decode_request(&frame), Ok(request));
        prop_assert_eq!(decode_response(&frame), Err(FrameError::UnexpectedKind(Kind::Request)));
    }

    #[test]
    fn a_response_survives_the_way(response in responses()) {
        let frame = encode_response(&response).expect("small");
        prop_assert_eq!(decode_response(&frame), Ok(response));
        prop_assert!(matches!(decode_request(&frame), Err(FrameError::UnexpectedKind(_))));
    }

    #[test]
    fn frames_in_a_row_are_read_one_by_one(requests in vec(requests(), 0..4)) {
        let stream: Vec<u8> = requests.iter().flat_map(|r| encode_request(r).expect("small")).collect();
        let mut reader = stream.as_slice();
        let mut read = Vec::new();
        while let Some(frame) = read_frame(&mut reader).expect("whole frames") {
            read.push(decode_request(&frame).expect("a request"));
        }
        prop_assert_eq!(read, requests);
    }

    #[test]
    fn a_frame_cut_short_is_an_error_at_every_length(request in requests()) {
        let frame = encode_request(&request).expect("small");
        for length in 0..frame.len() {
            prop_assert_eq!(decode_request(&frame[..length]), Err(FrameError::Truncated));
            let read = read_frame(&mut &frame[..length]);
            if length == 0 {
                prop_assert!(matches!(read, Ok(None)));
            } else {
                prop_assert_eq!(read.map_err(|e| e.kind()), Err(io::ErrorKind::UnexpectedEof));
            }
        }
    }

    #[test]
    fn a_body_cut_short_inside_a_right_frame_is_an_error(request in requests(), cut in 1_usize..200) {
        let frame = encode_request(&request).expect("small");
        let body = &frame[HEADER_LEN..];
        let body = &body[..body.len().saturating_sub(cut)];
        let frame = [header(1, body.len() as u32).as_slice(), body].concat();
        prop_assert_eq!(decode_request(&frame), Err(FrameError::Truncated));
    }

    #[test]
    fn arbitrary_bytes_never_panic(data in vec(any::<u8>(), 0..200)) {
        fuzz_frames(&data);
    }

    #[test]
    fn a_changed_frame_never_panics(request in requests(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut frame = encode_request(&request).expect("small");
        let at = at.index(frame.len());
        frame[at] = byte;
        fuzz_frames(&frame);
    }
}

#[test]
fn each_fault_of_a_header_has_its_error() {
    let decode = |bytes: &[u8]| decode_header(bytes.try_into().expect("a header")).map(|_| ());
    assert_eq!(decode(b"GET / HT"), Err(FrameError::NotAFrame));
    assert_eq!(decode(b"PH\x02\x01\0\0\0\0"), Err(FrameError::Version(2)));
    assert_eq!(decode(&header(0, 0)), Err(FrameError::UnknownKind(0)));
    assert_eq!(decode(&header(4, 0)), Err(FrameError::UnknownKind(4)));
    assert_eq!(decode(&header(1, MAX_BODY as u32)), Ok(()));
    let over = MAX_BODY + 1;
    assert_eq!(decode(&header(1, over as u32)), Err(FrameError::TooLarge(over)));
    let header = decode_header(b"PH\x01\x03\0\0\x01\x02").expect("a header");
    assert_eq!((header.kind(), header.body_len()), (Kind::Done, 258));
}

#[test]
fn each_fault_of_a_body_has_its_error() {
    let frame = |kind, body: &[u8]| [header(kind, body.len() as u32).as_slice(), body].concat();
    let strings = [0; 12];
    let with = |tail: &[u8]| frame(1, &[&strings, tail].concat());
    assert_eq!(decode_request(&with(b"\0\0\0\0\x02")), Err(FrameError::StdinFlag(2)));
    assert_eq!(decode_request(&with(b"\0\0\0\0\0!")), Err(FrameError::TrailingBytes(1)));
    assert_eq!(decode_request(&with(b"\0\0\0\x09\0")), Err(FrameError::Truncated));
    assert_eq!(decode_request(&with(b"\x7f\xff\xff\xff\0")), Err(FrameError::TooManyArgs(0x7fff_ffff)));
    assert_eq!(decode_response(&frame(2, b"?")), Err(FrameError::TrailingBytes(1)));
    assert_eq!(decode_response(&frame(3, b"")), Err(FrameError::Truncated));
    let mut two = frame(2, b"");
    two.extend_from_slice(&frame(2, b""));
    assert_eq!(decode_response(&two), Err(FrameError::TrailingBytes(HEADER_LEN)));
}

#[test]
fn what_is_too_large_is_refused_before_it_is_sent() {
    let fits = MAX_BODY - 1 - 8;
    let frame = encode_response(&done(0, vec![0; fits], "")).expect("at the limit");
    assert_eq!(frame.len(), HEADER_LEN + MAX_BODY);
    assert_eq!(encode_response(&done(0, vec![0; fits], "!")), Err(FrameError::TooLarge(MAX_BODY + 1)));
    let mut request = small_request();
    request.stdin = Some(vec![0; MAX_BODY]);
    assert!(matches!(encode_request(&request), Err(FrameError::TooLarge(_))));
    request.stdin = None;
    request.args = vec![Vec::new(); MAX_ARGS + 1];
    assert_eq!(encode_request(&request), Err(FrameError::TooManyArgs(MAX_ARGS + 1)));
}

#[test]
fn an_announced_body_is_not_allocated_before_it_arrives() {
    /// Gives a header that announces the largest body, and then notices how large a buffer the reader offers for it.
    struct Announces(Vec<u8>, usize);
    impl io::Read for Announces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                self.1 = self.1.max(buffer.len());
            }
            let count = self.0.len().min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            Ok(count)
        }
    }
    let mut peer = Announces(header(1, MAX_BODY as u32), 0);
    let read = read_frame(&mut peer).map_err(|e| e.kind());
    assert_eq!(read, Err(io::ErrorKind::UnexpectedEof));
    assert!((1..=1 << 20).contains(&peer.1), "{}", peer.1);
}

#[test]
fn one_connection_carries_many_calls() {
    let agent = Agent::start(|request| done(0, request.args.concat(), ""));
    let mut connection = Connection::open(&Address::Path(agent.socket.clone())).expect("connect");
    for n in 0..100 {
        let mut request = small_request();
        request.args = vec![n.to_string().into_bytes()];
        let response = connection.call(&request).expect("call");
        assert_eq!(response, done(0, n.to_string(), ""));
    }
    drop(connection);
    let response = call(&agent.socket, &small_request()).expect("call");
    assert_eq!(response, done(0, "--all", ""));
}

#[test]
fn an_answer_that_comes_before_the_request_is_read_is_still_heard() {
    use std::io::Write;
    let refusal = Response::refusal("too much");
    let agent = Agent::start_raw(move |mut stream| {
        let answer = encode_response(&Response::refusal("too much")).expect("small");
        stream.write_all(&answer).expect("send");
    });
    let mut request = small_request();
    request.stdin = Some(vec![0; 8 << 20]);
    assert_eq!(call(&agent.socket, &request).expect("call"), refusal);
    assert_eq!(refusal, done(1, "", "ERROR too much\n"));
}
