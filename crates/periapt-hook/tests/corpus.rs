//! The committed frames: the fuzzer's seeds, and the proof that version 1's bytes stay as they are.
//!
//! `PERIAPT_WRITE_CORPUS=1 cargo nextest run -p periapt-hook corpus` writes them anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use periapt_hook::frame::{
    Request, Response, decode_request, decode_response, encode_request, encode_response,
};
use periapt_hook::fuzz_frames;

fn request(args: &[&[u8]], stdin: Option<&[u8]>) -> Request {
    Request {
        context_id: b"mysql/0-config-changed-1234".to_vec(),
        dir: "/var/lib/charm".into(),
        command: b"relation-set".to_vec(),
        args: args.iter().map(|arg| arg.to_vec()).collect(),
        stdin: stdin.map(<[u8]>::to_vec),
    }
}

fn good_requests() -> Vec<(&'static str, Request)> {
    vec![
        ("request-plain", request(&[b"-r", b"db:1", b"a=b"], None)),
        ("request-no-arguments", request(&[], None)),
        ("request-not-utf8", request(&[b"\xff\xfe", b"", b"\n"], None)),
        ("request-stdin", request(&[b"--file", b"-"], Some(b"a: b\n"))),
        ("request-stdin-empty", request(&[b"--file", b"-"], Some(b""))),
    ]
}

fn good_responses() -> Vec<(&'static str, Response)> {
    let done = |code, stdout: &[u8], stderr: &[u8]| Response::Done {
        code,
        stdout: stdout.to_vec(),
        stderr: stderr.to_vec(),
    };
    vec![
        ("need-stdin", Response::NeedStdin),
        ("done-silent", done(0, b"", b"")),
        ("done-output", done(0, b"10.0.0.1\n", b"")),
        ("done-error", done(2, b"", b"ERROR no unit\n")),
    ]
}

fn bad_frames() -> Vec<(&'static str, Vec<u8>)> {
    let good = encode_request(&request(&[b"x"], Some(b"y"))).expect("small");
    let changed = |at: usize, byte: u8| {
        let mut frame = good.clone();
        frame[at] = byte;
        frame
    };
    vec![
        ("bad-empty", Vec::new()),
        ("bad-header-cut", good[..7].to_vec()),
        ("bad-body-cut", good[..good.len() - 1].to_vec()),
        ("bad-trailing", [good.as_slice(), b"!"].concat()),
        ("bad-magic", changed(0, b'G')),
        ("bad-version", changed(2, 0)),
        ("bad-kind", changed(3, 0xff)),
        ("bad-length-huge", changed(4, 0xff)),
        ("bad-string-length-huge", changed(8, 0xff)),
        ("bad-args-count", b"PH\x01\x01\0\0\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff\0\0\0\0".to_vec()),
    ]
}

#[test]
fn the_corpus_holds_the_bytes_of_version_1() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/frames");
    let mut frames = bad_frames();
    for (name, message) in good_requests() {
        frames.push((name, encode_request(&message).expect("small")));
    }
    for (name, message) in good_responses() {
        frames.push((name, encode_response(&message).expect("small")));
    }
    if std::env::var_os("PERIAPT_WRITE_CORPUS").is_some() {
        for (name, frame) in &frames {
            fs::write(folder.join(name), frame).expect("write");
        }
    }
    for (name, frame) in &frames {
        let stored = fs::read(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(&stored, frame, "{name}");
    }
}

#[test]
fn every_frame_of_the_corpus_reads_as_its_name_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/frames");
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(&folder).expect("corpus") {
        let path = entry.expect("entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let frame = fs::read(&path).expect("read");
        fuzz_frames(&frame);
        let kind = name.split('-').next().unwrap_or_default();
        let (request, response) = (decode_request(&frame), decode_response(&frame));
        match kind {
            "request" => assert!(request.is_ok(), "{name}: {request:?}"),
            "need" | "done" => assert!(response.is_ok(), "{name}: {response:?}"),
            "bad" => assert!(request.is_err() && response.is_err(), "{name}"),
            _ => panic!("{name}: a frame's name starts with what it is"),
        }
        seen.insert(kind.to_owned());
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
}
