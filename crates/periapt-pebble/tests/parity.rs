//! One scenario, asked of the fake, of the client with the fake behind a socket, and, where `PEBBLE_BIN` names one, of
//! the client with a real Pebble. What they say must be the same.

mod scenario;
mod support;

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use periapt_pebble::fake::{Entry, ExecMock, FakePebble, FakeState};
use periapt_pebble::{Client, Error, ExecRequest, FileOptions, IfPresent, Layer, Pebble, Stdin};
use scenario::scenario;

/// A fake whose programs do what the scenario's do.
fn fake(root: &str) -> FakePebble {
    let shell = |script: &str| ExecMock::new(["sh", "-c", script]);
    let mut state = FakeState::default();
    state.start_errors.insert("broken".to_owned(), "no such program".to_owned());
    state.files.insert(root.to_owned(), Entry::directory());
    state.exec_mocks = vec![
        shell("echo out; echo err >&2").stdout("out\n").stderr("err\n"),
        shell("echo bad >&2; exit 3").stderr("bad\n").exit_code(3),
        shell("echo context"),
        ExecMock { times_out: true, ..ExecMock::new(["sleep"]) },
    ];
    let fake = FakePebble::from(state);
    let input = |request: &ExecRequest| match &request.stdin {
        Stdin::Bytes(bytes) => bytes.clone(),
        _ => Vec::new(),
    };
    fake.on_exec(["cat"], move |request| ExecMock::answer(input(request)));
    fake.on_exec(["sh", "-c", "echo $K"], |request| {
        ExecMock::answer(format!("{}\n", request.environment["K"]))
    });
    fake
}

const ROOT: &str = "/scenario";

#[test]
fn the_client_says_what_the_fake_says() {
    let direct = fake(ROOT);
    let expected = scenario(&direct, ROOT);
    let behind = fake(ROOT);
    let server = support::around_fake::server(&behind);
    let said = scenario(&server.client, ROOT);
    for (said, expected) in said.iter().zip(&expected) {
        assert_eq!(said, expected);
    }
    assert_eq!(said.len(), expected.len());
}

#[test]
fn the_fake_says_the_same_every_time() {
    let (one, two) = (fake(ROOT), fake(ROOT));
    assert_eq!(scenario(&one, ROOT), scenario(&two, ROOT));
    assert_eq!(one.state(), two.state());
    let text = serde_json::to_string(&one.state()).expect("JSON");
    assert_eq!(serde_json::from_str::<FakeState>(&text).expect("a state"), one.state());
}

struct Real {
    child: Child,
    client: Client,
    folder: tempfile::TempDir,
}

impl Drop for Real {
    fn drop(&mut self) {
        // Killed, Pebble would leave its services behind.
        let services = self.client.services(&[]).unwrap_or_default();
        let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
        let _ = self.client.stop(&names);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A real Pebble, if there is one.
fn real() -> Option<Real> {
    let Some(program) = std::env::var_os("PEBBLE_BIN") else {
        println!("skipped: PEBBLE_BIN does not name a Pebble");
        return None;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let home: PathBuf = folder.path().join("pebble");
    let mut command = Command::new(program);
    command.args(["run", "--create-dirs"]).env("PEBBLE", &home).env_remove("PEBBLE_SOCKET");
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("Pebble starts");
    let real = Real { child, client: Client::new(home.join(".pebble.socket")), folder };
    let deadline = Instant::now() + Duration::from_secs(20);
    while !real.client.can_connect() {
        assert!(Instant::now() < deadline, "Pebble does not answer");
        std::thread::yield_now();
    }
    Some(real)
}

#[test]
fn a_real_pebble_says_what_the_fake_says() {
    let Some(real) = real() else { return };
    let root = real.folder.path().join("scenario");
    std::fs::create_dir(&root).expect("a folder");
    let root = root.to_str().expect("UTF-8");
    let said = scenario(&real.client, root);
    let expected = scenario(&fake(root), root);
    let other: Vec<String> = said
        .iter()
        .zip(&expected)
        .filter(|(a, b)| a != b)
        .map(|(a, b)| format!("real: {a}\nfake: {b}\n"))
        .collect();
    assert!(other.is_empty() && said.len() == expected.len(), "{}", other.join("\n"));
}

#[test]
fn a_real_pebble_streams_and_is_signalled() {
    let Some(real) = real() else { return };
    let mut request = ExecRequest::new(["cat"]);
    request.stdin = Stdin::Piped;
    let mut process = real.client.exec(request).expect("a process");
    let (mut stdin, mut stdout) =
        (process.stdin.take().expect("stdin"), process.stdout.take().expect("stdout"));
    for line in ["one\n", "two\n"] {
        stdin.write_all(line.as_bytes()).expect("written");
        let mut read = [0; 4];
        stdout.read_exact(&mut read).expect("read");
        assert_eq!(read, line.as_bytes());
    }
    process.send_signal("SIGTERM").expect("sent");
    let error = process.wait().expect_err("an error");
    assert!(matches!(error, Error::Exec { exit_code: 143, .. }), "{error}");

    // A command whose child holds its output open is given up a second after its time-out.
    let request =
        ExecRequest::new(["sh", "-c", "setsid sleep 4 & sleep 5"]).timeout(Duration::from_millis(200));
    let begin = Instant::now();
    let error = real.client.exec(request).expect("a process").wait_output().expect_err("an error");
    assert!(matches!(error, Error::Timeout(_)), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(4));

    let large = vec![7; 30_000_000];
    let path = real.folder.path().join("large");
    let path = path.to_str().expect("UTF-8");
    real.client.write(path, &large, &FileOptions::default()).expect("written");
    assert!(real.client.pull(path).expect("read") == large);
}

#[test]
fn a_layer_with_everything_is_taken_by_a_real_pebble_and_comes_back() {
    let Some(real) = real() else { return };
    let yaml = "
summary: s
services:
  a:
    override: merge
    summary: 'yes'
    description: \"line\\nline: # no\\n\"
    command: sleep '600' [ 1 ]
    environment: {A: '0755', B: '~', C: '', D: ' x', E: 'null', F: '1e3', G: \"'\\\"\", H: '- a', I: 'é'}
    user-id: 0
    working-dir: /
    on-success: ignore
    on-failure: shutdown
    on-check-failure: {up: restart}
    backoff-delay: 1.5s
    backoff-factor: 2.5
    backoff-limit: 90s
    kill-delay: 300ms
checks:
  up: {override: replace, level: ready, period: 1h, timeout: 2h, http: {url: 'http://localhost:1/', headers: {X: '1'}}}
log-targets:
  l: {override: replace, type: syslog, location: 'tcp://localhost:1', services: [all, -a], labels: {k: $A}}
";
    let layer = Layer::from_yaml(yaml).expect("a layer");
    real.client.add_layer("all", &layer, IfPresent::Refuse).expect("added");
    let plan = real.client.plan().expect("a plan");
    assert_eq!(plan, periapt_pebble::Plan::combine([&layer]).expect("a plan"));
}
