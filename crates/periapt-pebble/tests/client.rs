//! The client against answers recorded from Pebble 1.32, and against answers that no Pebble should give.

mod support;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use periapt_pebble::{
    ChangeId, ChangeStatus, Client, Error, ExecRequest, FileOptions, NoticeQuery, PathErrorKind, Pebble,
    ServiceAction, ServiceStatus, Stdin,
};
use support::{Message, Reply, Server, accepted, error, sync};

const FAILED: &str = r#"{"id":"3","kind":"start","summary":"Start service \"f\"","status":"Error","tasks":[{"id":"3","kind":"start","summary":"Start service \"f\"","status":"Error","log":["2026-11-22T05:59:27Z INFO Most recent service output:\n    no","2026-11-22T05:59:27Z ERROR service start attempt: exited quickly with code 3, will restart"],"progress":{"label":"","done":1,"total":1},"spawn-time":"2026-11-22T05:59:27.471472639Z","ready-time":"2026-11-22T05:59:27.497583208Z"}],"ready":true,"err":"cannot perform the following tasks:\n- Start service \"f\" (service start attempt: exited quickly with code 3, will restart)","spawn-time":"2026-11-22T05:59:27.471490549Z","ready-time":"2026-11-22T05:59:27.49759972Z"}"#;

#[test]
fn answers_are_read() {
    let server = Server::new(|request| match request.path() {
        "/v1/system-info" => {
            sync(r#"{"boot-id":"0aa954ff-d550-49fd-9087-df3ece055761","version":"v1.32.1"}"#)
        }
        "/v1/services" => sync(
            r#"[{"name":"f","startup":"disabled","current":"backoff","current-since":"2026-11-22T05:59:27.490883457Z"},{"name":"s","startup":"enabled","current":"active","current-since":"2026-11-22T05:59:26.450448008Z"}]"#,
        ),
        "/v1/checks" => sync(
            r#"[{"name":"c","startup":"enabled","status":"up","successes":0,"threshold":3,"change-id":"1"}]"#,
        ),
        "/v1/plan" => sync(
            r#""services:\n    f:\n        override: replace\n        command: sh -c \"echo no; exit 3\"\n    s:\n        startup: enabled\n        override: replace\n        command: sleep 100\nchecks:\n    c:\n        override: replace\n        threshold: 3\n        exec:\n            command: \"true\"\n""#,
        ),
        "/v1/notices" => sync(
            r#"[{"id":"4","user-id":0,"type":"custom","key":"example.com/a","first-occurred":"2026-11-22T05:59:27.641265925Z","last-occurred":"2026-11-22T05:59:27.641265925Z","last-repeated":"2026-11-22T05:59:27.641265925Z","occurrences":1,"expire-after":"168h0m0s"}]"#,
        ),
        path => panic!("{path}"),
    });
    let client = &server.client;
    assert_eq!(client.system_info().map(|i| i.version), Ok("v1.32.1".to_owned()));
    let services = client.services(&["f", "s"]).expect("services");
    assert_eq!(services[0].current, ServiceStatus::Backoff);
    assert!(!services[0].is_running() && services[1].is_running());
    assert_eq!(server.last_request().query("names"), ["f,s"]);
    let checks = client.checks(None, &["c", "d"]).expect("checks");
    assert_eq!(checks[0].has_run(), Some(false));
    assert_eq!(server.last_request().query("names"), ["c", "d"]);
    let plan = client.plan().expect("a plan");
    assert_eq!(plan.services["f"].command, "sh -c \"echo no; exit 3\"");
    let notices = client.notices(&NoticeQuery::default()).expect("notices");
    // To the nanosecond: a cursor that lost some would be told the same for ever.
    let query = NoticeQuery { after: Some(notices[0].last_repeated), ..NoticeQuery::default() };
    client.notices(&query).expect("notices");
    assert_eq!(server.last_request().query("after"), ["2026-11-22T05:59:27.641265925Z"]);
}

#[test]
fn a_change_that_fails_is_an_error_with_its_log() {
    let server = Server::new(|request| match request.path() {
        "/v1/services" => accepted("3", "null"),
        _ => sync(FAILED),
    });
    let error = server.client.start(&["f"]).expect_err("an error");
    let Error::Change { err, change } = &error else { panic!("{error}") };
    assert!(err.starts_with("cannot perform the following tasks:\n- Start service \"f\" ("), "{err}");
    assert_eq!(change.status, ChangeStatus::Error);
    assert!(error.to_string().contains("    no\n"), "{error}");
    assert!(!error.is_temporary());
    assert_eq!(server.last_request().target, "/v1/changes/3/wait?timeout=1000ms");
}

#[test]
fn waits_go_on_in_bits_until_the_limit() {
    let server =
        Server::new(|_| error(504, "Gateway Timeout", r#"{"message":"timed out waiting for change"}"#));
    let error = server
        .client
        .wait_change(&ChangeId::from("1"), Some(Duration::from_millis(50)))
        .expect_err("an error");
    assert!(matches!(error, Error::Timeout(_)), "{error}");
    assert!(error.is_temporary());
    assert!(server.requests.lock().expect("requests").len() > 1);
}

#[test]
fn a_pebble_that_cannot_wait_is_polled() {
    let server = Server::new(|request| match request.path() {
        "/v1/changes/3" => sync(FAILED),
        _ => error(404, "Not Found", r#"{"message":"invalid API endpoint requested"}"#),
    });
    assert_eq!(server.client.wait_change(&ChangeId::from("3"), None).map(|c| c.ready), Ok(true));
    let error = server.client.wait_change(&ChangeId::from("4"), None).expect_err("an error");
    assert_eq!(error.code(), Some(404));
}

#[test]
fn refusals_are_told_in_pebbles_words() {
    let server = Server::new(|request| match request.path() {
        "/v1/services" => {
            error(400, "Bad Request", r#"{"message":"no default services","kind":"no-default-services"}"#)
        }
        "/v1/files" => error(
            404,
            "Not Found",
            r#"{"message":"stat /nope: no such file or directory","kind":"not-found"}"#,
        ),
        _ => Reply::Raw(502, "text/html", b"<html>".to_vec()),
    });
    let error = server.client.autostart().expect_err("an error");
    assert_eq!(error.to_string(), "no default services");
    assert!(
        matches!(&error, Error::Api { code: 400, kind: Some(kind), .. } if kind == "no-default-services")
    );
    let error = server.client.list_files("/nope", None, false).expect_err("an error");
    assert_eq!(error.to_string(), "not-found - stat /nope: no such file or directory");
    assert_eq!(server.client.exists("/nope"), Ok(false));
    let error = server.client.plan().expect_err("an error");
    assert_eq!((error.code(), error.is_temporary()), (Some(502), true));
    assert!(!server.client.can_connect());
}

#[test]
fn answers_without_sense_are_protocol_errors() {
    for (media, body) in [
        ("text/plain", "{}"),
        ("application/json", "not json"),
        ("application/json", r#"{"type":"sync","result":{"version":1}}"#),
    ] {
        let server = Server::new(move |_| Reply::Raw(200, media, body.as_bytes().to_vec()));
        let error = server.client.system_info().expect_err("an error");
        assert!(matches!(error, Error::Protocol(_)), "{media} {body}: {error:?}");
    }
    let server = Server::new(|_| Reply::Bytes(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec()));
    assert!(matches!(server.client.system_info(), Err(Error::Protocol(_))));
}

#[test]
fn no_pebble_and_a_pebble_that_goes_away_are_connection_errors() {
    let client = Client::new("/nowhere/pebble.socket");
    let error = client.system_info().expect_err("an error");
    assert_eq!(error.to_string(), "no connection to Pebble: no socket at /nowhere/pebble.socket");
    assert!(error.is_temporary());
    for cut in [
        "",
        "HTTP/1.1 200 OK\r\nContent-",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
    ] {
        let server = Server::new(move |_| Reply::Bytes(cut.as_bytes().to_vec()));
        let error = server.client.system_info().expect_err("an error");
        assert!(matches!(error, Error::Connection(_)), "{cut:?}: {error:?}");
    }
}

#[test]
fn a_pebble_that_says_nothing_is_waited_for_no_longer_than_the_time_out() {
    let server = Server::new(|_| Reply::Silence);
    let client = server.client(Duration::from_millis(100));
    let begin = Instant::now();
    assert!(matches!(client.system_info(), Err(Error::Timeout(_))));
    assert!(begin.elapsed() < Duration::from_secs(2));
    // A query that waits adds its own.
    let begin = Instant::now();
    let query = NoticeQuery { wait: Some(Duration::from_millis(200)), ..NoticeQuery::default() };
    assert!(matches!(client.notices(&query), Err(Error::Timeout(_))));
    assert!(begin.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn asynchronous_code_is_told_not_to_block() {
    let client = Client::new("/nowhere");
    assert!(matches!(client.system_info(), Err(Error::Local(_))));
}

const PULLED: &str = "--7a40\r\nContent-Disposition: form-data; name=\"files\"; filename=\"/tmp/x.txt\"\r\nContent-Type: application/octet-stream\r\n\r\nhi\n\r\n--7a40\r\nContent-Disposition: form-data; name=\"response\"\r\nContent-Type: application/json\r\n\r\n{\"type\":\"sync\",\"status-code\":200,\"status\":\"OK\",\"result\":[{\"path\":\"/tmp/x.txt\"}]}\n\r\n--7a40--\r\n";

fn pulls(media: &'static str, body: impl Into<Vec<u8>>) -> Result<Vec<u8>, Error> {
    let body = body.into();
    let server = Server::new(move |_| Reply::Raw(200, media, body.clone()));
    let result = server.client.pull("/tmp/x.txt");
    assert_eq!(server.last_request().query("path"), ["/tmp/x.txt"]);
    assert!(server.last_request().headers.contains("accept: multipart/form-data"));
    result
}

#[test]
fn files_are_pulled() {
    const MEDIA: &str = "multipart/form-data; boundary=7a40";
    assert_eq!(pulls(MEDIA, PULLED), Ok(b"hi\n".to_vec()));
    let error = "--7a40\r\nContent-Disposition: form-data; name=\"response\"\r\n\r\n{\"type\":\"sync\",\"result\":[{\"path\":\"/tmp/x.txt\",\"error\":{\"message\":\"stat /nope: no such file or directory\",\"kind\":\"not-found\"}}]}\r\n--7a40--\r\n";
    let message = "stat /nope: no such file or directory".to_owned();
    assert_eq!(pulls(MEDIA, error), Err(Error::Path { kind: PathErrorKind::NotFound, message }));
}

#[test]
fn broken_multipart_is_a_protocol_error() {
    const MEDIA: &str = "multipart/form-data; boundary=7a40";
    let without_answer = PULLED.split_at(PULLED.find("\r\n--7a40\r\n").expect("a delimiter")).0.to_owned()
        + "\r\n--7a40--\r\n";
    for (media, body) in [
        ("multipart/form-data", PULLED.to_owned()),
        ("text/plain", PULLED.to_owned()),
        ("multipart/form-data; boundary=other", PULLED.to_owned()),
        (MEDIA, PULLED[..PULLED.len() - 8].to_owned()),
        (MEDIA, PULLED.replace("--7a40--", "--7a40!!")),
        (MEDIA, PULLED.replace("form-data; name", "attachment; name")),
        (MEDIA, without_answer),
        (MEDIA, String::new()),
    ] {
        let result = pulls(media, body.clone());
        assert!(matches!(result, Err(Error::Protocol(_))), "{media} {body:?}: {result:?}");
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("the disk is gone"))
    }
}

#[test]
fn what_fails_here_is_not_laid_on_pebble() {
    let server = Server::new(|_| Reply::Silence);
    let error = server.client.push("/x", Box::new(Broken), &FileOptions::default()).expect_err("an error");
    assert_eq!(error, Error::Local("cannot read what is to be pushed: the disk is gone".to_owned()));
    let error = server.client.write("/x\r\nX: y", b"", &FileOptions::default()).expect_err("an error");
    assert!(matches!(error, Error::Path { .. }), "{error:?}");
}

#[test]
fn an_upload_that_moves_may_take_longer_than_the_time_out() {
    struct Slow(u32);
    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            // Stands for a slow disk: the time it takes is what is tested.
            std::thread::sleep(Duration::from_millis(30));
            self.0 -= 1;
            buffer[..9].copy_from_slice(b"\r\n--data\r");
            Ok(if self.0 == 0 { 0 } else { 9 })
        }
    }
    let server = Server::new(|_| sync(r#"[{"path":"/x"}]"#));
    let client = server.client(Duration::from_millis(100));
    assert_eq!(client.push("/x", Box::new(Slow(10)), &FileOptions::default()), Ok(()));
    let body = server.last_request().body;
    assert_eq!(body.windows(9).filter(|window| *window == b"\r\n--data\r").count(), 9);
}

const END: &str = r#"{"command":"end"}"#;

fn exec_change(err: Option<&str>, code: i64) -> String {
    let err = err.map(|err| format!(r#""err":{err:?},"#)).unwrap_or_default();
    format!(
        r#"{{"id":"9","kind":"exec","summary":"Execute command \"x\"","status":"Done","tasks":[{{"id":"8","kind":"exec","summary":"Execute command \"x\"","status":"Done","progress":{{"label":"","done":1,"total":1}},"spawn-time":"2026-11-22T05:59:27Z","data":{{"exit-code":{code}}}}}],"ready":true,{err}"spawn-time":"2026-11-22T05:59:27Z"}}"#
    )
}

/// A server that runs one command: `stdio` and `stderr` are told when to end by what they do, the change is over at once.
fn exec_server(
    change: String,
    sockets: impl Fn(&str, support::WebSocket<support::Prefixed>) + Send + Sync + 'static,
) -> Server {
    let answer = move |request: &support::Request| match request.path() {
        "/v1/exec" => accepted("9", r#"{"task-id":"8","environment":{},"working-dir":"/"}"#),
        _ => sync(&change),
    };
    Server::with_sockets(answer, move |path, socket| {
        sockets(path.rsplit('/').next().unwrap_or_default(), socket)
    })
}

#[test]
fn a_command_gets_its_input_and_gives_its_output() {
    let server = exec_server(exec_change(None, 0), |name, mut socket| {
        let mut input = Vec::new();
        if name == "stdio" {
            while let Ok(message) = socket.read() {
                match message {
                    Message::Binary(data) => input.extend_from_slice(&data),
                    Message::Text(text) => {
                        assert_eq!(text.as_str(), END);
                        break;
                    }
                    _ => {}
                }
            }
            input.make_ascii_uppercase();
        } else if name == "stderr" {
            input = b"oops".to_vec();
        }
        for chunk in input.chunks(10_000) {
            socket.send(Message::binary(chunk.to_vec())).expect("sent");
        }
        let _ = socket.send(Message::binary(Vec::new()));
        let _ = socket.send(Message::text(END));
        while socket.read().is_ok() {}
    });
    let input = b"abc\n".repeat(100_000);
    let request =
        ExecRequest::new(["x"]).stdin(input.clone()).env("K", "v").timeout(Duration::from_millis(1500));
    let output = server.client.exec(request).expect("a process").wait_output().expect("output");
    assert_eq!(output.stdout, input.to_ascii_uppercase());
    assert_eq!(output.stderr, Some(b"oops".to_vec()));
    let requests = server.requests.lock().expect("requests");
    let body = requests[0].json();
    assert_eq!((&body["timeout"], &body["environment"]["K"]), (&"1.5s".into(), &"v".into()));
    assert_eq!((&body["split-stderr"], &body["user"]), (&true.into(), &serde_json::Value::Null));
}

#[test]
fn exit_codes_are_errors_with_the_output() {
    let sockets = |name: &str, mut socket: support::WebSocket<support::Prefixed>| {
        let _ = socket.send(Message::binary(name.as_bytes().to_vec()));
        let _ = socket.send(Message::text(END));
        while socket.read().is_ok() {}
    };
    let server = exec_server(exec_change(None, 3), sockets);
    let error = server
        .client
        .exec(ExecRequest::new(["x", "y"]))
        .expect("a process")
        .wait_output()
        .expect_err("an error");
    let Error::Exec { command, exit_code: 3, stdout, stderr } = &error else { panic!("{error}") };
    assert_eq!(command, &["x", "y"]);
    assert_eq!((stdout.as_deref(), stderr.as_deref()), (Some(&b"stdio"[..]), Some(&b"stderr"[..])));
    let error = server.client.exec(ExecRequest::new(["x"])).expect("a process").wait().expect_err("an error");
    assert!(matches!(error, Error::Exec { exit_code: 3, stdout: None, stderr: None, .. }), "{error}");

    let server = exec_server(exec_change(Some("timed out"), -1), sockets);
    let error = server.client.exec(ExecRequest::new(["x"])).expect("a process").wait().expect_err("an error");
    assert!(matches!(&error, Error::Change { err, .. } if err.contains("timed out")), "{error}");
}

#[test]
fn a_command_that_cannot_start_is_told_by_its_change() {
    let answer = |request: &support::Request| match request.path() {
        "/v1/exec" => accepted("9", r#"{"task-id":"8"}"#),
        _ => sync(&exec_change(Some("fork/exec: no"), -1)),
    };
    // Connections are taken and dropped.
    let server = Server::with_sockets(answer, |_, _| {});
    let refusing = Server::new(move |request| answer(request));
    for server in [server, refusing] {
        match server.client.exec(ExecRequest::new(["x"])).map(periapt_pebble::Process::wait) {
            Err(Error::Change { err, .. }) | Ok(Err(Error::Change { err, .. })) => {
                assert_eq!(err, "fork/exec: no")
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn input_and_output_stream_and_signals_arrive() {
    let (signals, signalled) = mpsc::channel();
    let signals = std::sync::Mutex::new(signals);
    let server = exec_server(exec_change(None, 0), move |name, mut socket| {
        while let Ok(message) = socket.read() {
            match (name, message) {
                ("control", Message::Text(text)) => {
                    signals.lock().expect("a sender").send(text.to_string()).expect("sent")
                }
                // Each line is answered before the next one comes.
                ("stdio", Message::Binary(data)) => socket.send(Message::binary(data)).expect("sent"),
                ("stdio", Message::Text(_)) => socket.send(Message::text(END)).expect("sent"),
                _ => {}
            }
        }
    });
    let mut request = ExecRequest::new(["cat"]);
    request.stdin = Stdin::Piped;
    request.combine_stderr = true;
    let mut process = server.client.exec(request).expect("a process");
    assert!(process.stderr.is_none());
    let (mut stdin, mut stdout) =
        (process.stdin.take().expect("stdin"), process.stdout.take().expect("stdout"));
    for line in ["one\n", "two\n"] {
        stdin.write_all(line.as_bytes()).expect("written");
        let mut read = [0; 4];
        stdout.read_exact(&mut read).expect("read");
        assert_eq!(read, line.as_bytes());
    }
    process.send_signal("SIGTERM").expect("sent");
    let message = signalled.recv_timeout(Duration::from_secs(9)).expect("a signal");
    assert_eq!(message, r#"{"command":"signal","signal":{"name":"SIGTERM"}}"#);
    drop(stdin);
    let mut rest = Vec::new();
    stdout.read_to_end(&mut rest).expect("the end");
    assert_eq!(process.wait(), Ok(()));
}

#[test]
fn a_command_whose_output_stays_open_is_given_up() {
    // The sockets stay silent, and the change is never over: as when a daemon that the command started holds its pipes.
    let answer = |request: &support::Request| match request.path() {
        "/v1/exec" => accepted("9", r#"{"task-id":"8"}"#),
        _ => error(504, "Gateway Timeout", r#"{"message":"timed out"}"#),
    };
    let (closed, ended) = mpsc::channel();
    let closed = std::sync::Mutex::new(closed);
    let server = Server::with_sockets(answer, move |_, mut socket| {
        while socket.read().is_ok() {}
        closed.lock().expect("a sender").send(()).expect("sent");
    });
    let request = ExecRequest::new(["x"]).timeout(Duration::from_millis(1));
    let error = server.client.exec(request).expect("a process").wait_output().expect_err("an error");
    assert!(matches!(error, Error::Timeout(_)), "{error}");
    for _ in 0..3 {
        ended.recv_timeout(Duration::from_secs(9)).expect("the connections are closed");
    }
}

#[test]
fn a_process_that_is_dropped_closes_its_connections() {
    let (closed, ended) = mpsc::channel();
    let closed = std::sync::Mutex::new(closed);
    let server = exec_server(exec_change(None, 0), move |_, mut socket| {
        while socket.read().is_ok() {}
        closed.lock().expect("a sender").send(()).expect("sent");
    });
    drop(server.client.exec(ExecRequest::new(["x"])).expect("a process"));
    for _ in 0..3 {
        ended.recv_timeout(Duration::from_secs(9)).expect("the connections are closed");
    }
}

#[test]
fn requests_are_what_pebble_takes() {
    let server = Server::new(|request| match request.path() {
        "/v1/layers" | "/v1/signals" => sync("true"),
        "/v1/checks" => sync(r#"{"changed":null}"#),
        "/v1/notices" => sync(r#"{"id":"4"}"#),
        "/v1/identities" => Reply::Json(200, r#"{"type":"sync","status-code":200,"status":"OK"}"#.to_owned()),
        _ => accepted("1", "null"),
    });
    let client = &server.client;
    let sent = |server: &Server| server.last_request().json().to_string();
    client.add_layer_yaml("a", "{}", periapt_pebble::IfPresent::Combine).expect("added");
    assert_eq!(sent(&server), r#"{"action":"add","combine":true,"label":"a","format":"yaml","layer":"{}"}"#);
    client.request(&ServiceAction::Replan, &[]).expect("a change");
    assert_eq!(sent(&server), r#"{"action":"replan","services":[]}"#);
    client.send_signal("SIGHUP", &["a"]).expect("sent");
    assert_eq!(sent(&server), r#"{"signal":"SIGHUP","services":["a"]}"#);
    assert_eq!(client.stop_checks(&["c"]), Ok(Vec::new()));
    assert_eq!(sent(&server), r#"{"action":"stop","checks":["c"]}"#);
    let data = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
    client.notify("example.com/a", &data, Some(Duration::from_secs(90))).expect("an id");
    let body =
        r#"{"action":"add","type":"custom","key":"example.com/a","data":{"k":"v"},"repeat-after":"1m30s"}"#;
    assert_eq!(sent(&server), body);
    client.remove_identities(&["bob"]).expect("removed");
    assert_eq!(sent(&server), r#"{"action":"remove","identities":{"bob":null}}"#);
}
