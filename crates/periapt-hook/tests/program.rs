//! The hook program as a charm meets it: a process under a command's name, against an agent that is a thread here.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;

use periapt_hook::client::with_short_path;
use periapt_hook::frame::{self, MAX_BODY, Request, Response};
use support::{Agent, done, serve, spawn};

mod support;

/// The program under a command's name, with an environment of nothing but the agent's address.
fn command(name: &str, socket: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hook"));
    command
        .arg0(name)
        .env_clear()
        .env("JUJU_CONTEXT_ID", "app/0-install-1")
        .env("JUJU_AGENT_SOCKET_ADDRESS", socket)
        .stdin(Stdio::null());
    command
}

#[track_caller]
fn assert_output(output: &Output, code: i32, stdout: &str, stderr: &str) {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(text(&output.stderr), stderr);
    assert_eq!(text(&output.stdout), stdout);
    assert_eq!(output.status.code(), Some(code));
}

#[test]
fn a_link_sends_all_of_its_call_and_gives_back_all_of_the_answer() {
    let (sender, requests) = mpsc::channel();
    let agent = Agent::start(move |request| {
        sender.send(request).expect("the test listens");
        done(42, "value\n", "ERROR no\n")
    });
    let folder = tempfile::tempdir().expect("temporary folder");
    let folder_path = folder.path().canonicalize().expect("folder");
    let link = folder_path.join("relation-get");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_hook"), &link).expect("link");
    let odd = OsString::from_vec(b"caf\xe9 \xff\n".to_vec());

    let output = Command::new(&link)
        .args(["--format=json", "-r", "db:3", ""])
        .arg(&odd)
        .env("JUJU_CONTEXT_ID", "app/0-x-7")
        .env("JUJU_AGENT_SOCKET_ADDRESS", &agent.socket)
        .env("JUJU_AGENT_SOCKET_NETWORK", "unix")
        .current_dir(&folder_path)
        .output()
        .expect("run");

    assert_output(&output, 42, "value\n", "ERROR no\n");
    let expected = Request {
        context_id: b"app/0-x-7".to_vec(),
        dir: folder_path,
        command: b"relation-get".to_vec(),
        args: ["--format=json", "-r", "db:3", ""]
            .map(|arg| arg.as_bytes().to_vec())
            .into_iter()
            .chain([odd.into_vec()])
            .collect(),
        stdin: None,
    };
    assert_eq!(requests.try_iter().collect::<Vec<_>>(), [expected]);
}

#[test]
fn under_its_own_name_it_takes_the_command_as_an_argument() {
    let agent = Agent::start(|request| done(0, request.command, ""));
    let output = command("periapt-hook", &agent.socket).arg("config-get").output().expect("run");
    assert_output(&output, 0, "config-get", "");
}

#[test]
fn under_its_own_name_alone_it_says_how_it_is_used() {
    let output = command("periapt-hook", "/nowhere").output().expect("run");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(output.stderr.starts_with(b"Usage: periapt-hook COMMAND"));

    let output = command("periapt-hook", "/nowhere").arg("--help").output().expect("run");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.starts_with(b"Usage: periapt-hook COMMAND"));
}

#[test]
fn outside_a_hook_it_names_the_missing_variable() {
    for name in ["JUJU_CONTEXT_ID", "JUJU_AGENT_SOCKET_ADDRESS"] {
        let error = format!("ERROR {name} not set\n");
        let output = command("config-get", "/nowhere").env_remove(name).output();
        assert_output(&output.expect("run"), 1, "", &error);
        let output = command("config-get", "/nowhere").env(name, "").output();
        assert_output(&output.expect("run"), 1, "", &error);
    }
}

#[test]
fn only_unix_sockets_are_served() {
    let output = command("config-get", "127.0.0.1:30000").env("JUJU_AGENT_SOCKET_NETWORK", "tcp").output();
    let error = "ERROR JUJU_AGENT_SOCKET_NETWORK is \"tcp\", but only \"unix\" is served\n";
    assert_output(&output.expect("run"), 1, "", error);

    let agent = Agent::start(|_| done(0, "yes", ""));
    let output = command("config-get", &agent.socket).env("JUJU_AGENT_SOCKET_NETWORK", "").output();
    assert_output(&output.expect("run"), 0, "yes", "");
}

#[test]
fn when_the_agent_has_gone_it_says_so() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let socket = folder.path().join("agent.socket");
    let error = |reason: &str| {
        format!(
            "ERROR cannot connect to the unit agent at {}: {reason}; a hook command works only while its hook runs\n",
            socket.display()
        )
    };
    let output = command("config-get", &socket).output().expect("run");
    assert_output(&output, 1, "", &error("No such file or directory (os error 2)"));

    drop(UnixListener::bind(&socket).expect("bind"));
    let output = command("config-get", &socket).output().expect("run");
    assert_output(&output, 1, "", &error("Connection refused (os error 111)"));
}

#[test]
fn when_the_agent_goes_in_the_middle_of_a_call_it_says_so() {
    let error = "ERROR the unit agent closed the connection without an answer; \
                 a hook command works only while its hook runs\n";
    for answered in [&b""[..], b"PH\x01", b"PH\x01\x03\0\0\x01\0half"] {
        let agent = Agent::start_raw(move |mut stream| {
            frame::read_frame(&mut stream).expect("a request");
            stream.write_all(answered).expect("send");
        });
        let output = command("config-get", &agent.socket).output().expect("run");
        assert_output(&output, 1, "", error);
    }
    // Gone before it has read the request.
    let agent = Agent::start_raw(drop);
    let output = command("config-get", &agent.socket).output().expect("run");
    assert_output(&output, 1, "", error);
}

#[test]
fn an_agent_of_another_version_is_named_as_such() {
    let agent = Agent::start_raw(|mut stream| {
        stream.write_all(b"PH\x09\x03\0\0\0\0").expect("send");
        // The program may take the answer and go before its request is read.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let output = command("config-get", &agent.socket).output().expect("run");
    let error = "ERROR cannot call the unit agent: \
                 the other end speaks version 9 of the hook protocol, this one version 1\n";
    assert_output(&output, 1, "", error);
}

#[test]
fn stdin_is_sent_only_when_asked_for() {
    let agent = Agent::start(|request| match (request.args.len(), request.stdin) {
        (0, stdin) => done(0, "", format!("{}", stdin.is_some())),
        (_, None) => Response::NeedStdin,
        (_, Some(stdin)) => done(0, stdin, ""),
    });
    // An open stdin that nobody writes to must not be waited for.
    let mut child = command("relation-get", &agent.socket)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("run");
    let open = child.stdin.take();
    assert_output(&child.wait_with_output().expect("wait"), 0, "", "false");
    drop(open);

    // Large and not text, there and back.
    let input: Vec<u8> = (0..10_000_000_u32).map(|n| (n % 251) as u8).collect();
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("input");
    std::fs::write(&file, &input).expect("write");
    let output = command("relation-set", &agent.socket)
        .args(["--file", "-"])
        .stdin(File::open(&file).expect("open"))
        .output()
        .expect("run");
    assert!(output.stdout == input, "{} bytes", output.stdout.len());
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn stdin_over_the_limit_is_refused_by_name() {
    let agent = Agent::start(|_| Response::NeedStdin);
    let run = |length: usize| {
        let file = tempfile::tempfile().expect("temporary file");
        file.set_len(length as u64).expect("sparse file");
        let output = command("state-set", &agent.socket).stdin(file).output();
        output.expect("run")
    };
    let error = "ERROR standard input is over the limit of 67108864 bytes\n";
    assert_output(&run(MAX_BODY + 1), 1, "", error);
    // Within the limit by itself, but not together with the rest of the request.
    let output = run(MAX_BODY);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stderr.ends_with(b"is over the limit of 67108864 bytes\n"));
    // An agent that never has enough does not keep the program for ever.
    let error = "ERROR the unit agent asked for standard input twice\n";
    assert_output(&run(3), 1, "", error);
}

#[test]
fn a_reader_that_goes_away_ends_it_as_sigpipe_would() {
    let (gone, reader_gone) = mpsc::channel();
    let reader_gone = std::sync::Arc::new(std::sync::Mutex::new(reader_gone));
    let agent = Agent::start(move |_| {
        let gate = reader_gone.lock().expect("gate");
        gate.recv().expect("the reader has gone");
        done(0, vec![b'x'; 1_000_000], "")
    });
    let mut child = command("relation-get", &agent.socket)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("run");
    drop(child.stdout.take());
    gone.send(()).expect("the agent waits");
    assert_output(&child.wait_with_output().expect("wait"), 141, "", "");
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let agent = Agent::start(|_| done(0, "value\n", ""));
    let full = File::options().write(true).open("/dev/full").expect("open");
    let output = command("config-get", &agent.socket).stdout(full).output();
    let error = "ERROR cannot write standard output: No space left on device (os error 28)\n";
    assert_output(&output.expect("run"), 1, "", error);
}

#[test]
fn an_abstract_socket_is_reached_by_its_at_sign() {
    let name = format!("periapt-hook-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("address");
    let listener = UnixListener::bind_addr(&address).expect("bind");
    spawn(listener, |stream| serve(stream, &|_| done(0, "there", "")));
    let output = command("config-get", format!("@{name}")).output();
    assert_output(&output.expect("run"), 0, "there", "");
}

#[test]
fn a_socket_deep_in_the_file_system_is_reached() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let deep = folder.path().join("d".repeat(120)).join("e".repeat(120));
    std::fs::create_dir_all(&deep).expect("folders");
    let socket = deep.join("agent.socket");
    let listener = with_short_path(&socket, |path| UnixListener::bind(path)).expect("bind");
    spawn(listener, |stream| serve(stream, &|_| done(0, "there", "")));
    let output = command("config-get", &socket).output().expect("run");
    assert_output(&output, 0, "there", "");
}

#[test]
fn a_vanished_working_directory_is_an_error() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let gone = folder.path().join("gone");
    std::fs::create_dir(&gone).expect("folder");
    let output = Command::new("/bin/sh")
        .args(["-c", "rmdir \"$PWD\" && exec \"$0\" config-get"])
        .arg(env!("CARGO_BIN_EXE_hook"))
        .current_dir(&gone)
        .env("JUJU_CONTEXT_ID", "x")
        .env("JUJU_AGENT_SOCKET_ADDRESS", "/nowhere")
        .output()
        .expect("run");
    let error = "ERROR cannot find the current directory: No such file or directory (os error 2)\n";
    assert_output(&output, 1, "", error);
}

/// Where the build found a static C library, the program must have no dynamic loader: that is most of its speed.
#[test]
fn it_is_linked_as_the_build_script_found_possible() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_hook")).expect("read");
    // The loader's path stands in the file just as the kernel reads it.
    let loader = program.windows(b"/ld-linux".len()).take(4096).any(|bytes| bytes == b"/ld-linux");
    assert_eq!(loader, option_env!("PERIAPT_HOOK_STATIC").is_none());
}
