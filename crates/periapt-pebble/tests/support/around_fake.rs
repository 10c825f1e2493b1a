//! Pebble's API around a fake Pebble, so that the client can be asked the same as the fake itself.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use periapt_pebble::fake::FakePebble;
use periapt_pebble::{
    ChangeId, ChangeState, CheckLevel, Error, ExecRequest, FileOptions, Identity, IfPresent, NoticeId,
    NoticeQuery, NoticeType, Pebble, Process, ServiceAction, Span, Stdin, WarningState,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Message, Prefixed, Reply, Request, Server, WebSocket, accepted, error, sync};

/// The processes between their request and their websockets, by task.
#[derive(Default)]
struct Running {
    processes: Mutex<HashMap<String, Process>>,
    ended: Condvar,
}

pub fn server(fake: &FakePebble) -> Server {
    let (pebble, running) = (fake.clone(), Arc::new(Running::default()));
    let streams = Arc::clone(&running);
    Server::with_sockets(
        move |request| answer(&pebble, &running, request),
        move |path, socket| stream(&streams, path, socket),
    )
}

fn ok(value: impl Serialize) -> Result<Reply, Error> {
    Ok(sync(&serde_json::to_string(&value).expect("JSON")))
}

fn answer(pebble: &FakePebble, running: &Running, request: &Request) -> Reply {
    route(pebble, running, request).unwrap_or_else(|e| match e {
        Error::Api { code, status, message, kind } => {
            error(code, &status, &json!({"message": message, "kind": kind}).to_string())
        }
        Error::Timeout(message) => error(504, "Gateway Timeout", &json!({"message": message}).to_string()),
        Error::Path { kind, message } => {
            let code = if e_is_not_found(kind.as_str()) { 404 } else { 400 };
            error(code, "Refused", &json!({"message": message, "kind": kind}).to_string())
        }
        other => error(500, "Internal Server Error", &json!({"message": other.to_string()}).to_string()),
    })
}

fn e_is_not_found(kind: &str) -> bool {
    kind == "not-found"
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
}

fn refs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn names(request: &Request) -> Vec<String> {
    request.query("names").iter().flat_map(|names| names.split(',')).map(str::to_owned).collect()
}

fn duration(value: &Value) -> Option<Duration> {
    value.as_str().and_then(|text| text.parse::<Span>().ok()).map(|span| span.0)
}

fn route(pebble: &FakePebble, running: &Running, request: &Request) -> Result<Reply, Error> {
    let parts: Vec<&str> = request.path().trim_start_matches("/v1/").split('/').collect();
    let post = request.method == "POST";
    match parts.as_slice() {
        ["system-info"] => ok(pebble.system_info()?),
        ["services"] if post => {
            let body = request.json();
            let id = pebble
                .request(&ServiceAction::from(text(&body["action"])), &refs(&texts(&body["services"])))?;
            Ok(accepted(id.as_str(), "null"))
        }
        ["services"] => ok(pebble.services(&refs(&names(request)))?),
        ["plan"] => ok(pebble.plan()?.to_yaml().expect("YAML")),
        ["layers"] => {
            let body = request.json();
            let present = if body["combine"] == true { IfPresent::Combine } else { IfPresent::Refuse };
            pebble.add_layer_yaml(&text(&body["label"]), &text(&body["layer"]), present)?;
            ok(true)
        }
        ["signals"] => {
            let body = request.json();
            pebble.send_signal(&text(&body["signal"]), &refs(&texts(&body["services"])))?;
            ok(true)
        }
        ["changes"] => {
            let state = ChangeState::from(request.query("select").concat());
            ok(pebble.changes(&state, request.query("for").first().map(String::as_str))?)
        }
        ["changes", id] if post => ok(pebble.abort_change(&ChangeId::from(*id))?),
        ["changes", id] => ok(pebble.change(&ChangeId::from(*id))?),
        ["changes", id, "wait"] => {
            // A command's change ends when its streams have.
            let processes = running.processes.lock().expect("processes");
            let limit = Duration::from_secs(1);
            let busy = |_: &mut HashMap<_, _>| {
                pebble.change(&ChangeId::from(*id)).is_ok_and(|c| c.kind == "exec" && !c.ready)
            };
            drop(running.ended.wait_timeout_while(processes, limit, busy).expect("processes"));
            ok(pebble.wait_change(&ChangeId::from(*id), None)?)
        }
        ["files"] => files(pebble, request),
        ["exec"] => exec(pebble, running, &request.json()),
        ["checks"] if post => {
            let body = request.json();
            let checks = texts(&body["checks"]);
            let changed = match body["action"].as_str() {
                Some("start") => pebble.start_checks(&refs(&checks))?,
                _ => pebble.stop_checks(&refs(&checks))?,
            };
            ok(json!({"changed": changed}))
        }
        ["checks"] => {
            let level = request.query("level").first().map(|level| CheckLevel::from(level.as_str()));
            ok(pebble.checks(level.as_ref(), &refs(&names(request)))?)
        }
        ["notices"] if post => {
            let body = request.json();
            let data: BTreeMap<String, String> =
                serde_json::from_value(body["data"].clone()).unwrap_or_default();
            let id = pebble.notify(&text(&body["key"]), &data, duration(&body["repeat-after"]))?;
            ok(json!({"id": id}))
        }
        ["notices"] => ok(pebble.notices(&NoticeQuery {
            all_users: request.query("users") == ["all"],
            user_id: request.query("user-id").first().and_then(|id| id.parse().ok()),
            types: request.query("types").into_iter().map(NoticeType::from).collect(),
            keys: request.query("keys"),
            after: request.query("after").first().and_then(|after| after.parse().ok()),
            wait: None,
        })?),
        ["notices", id] => ok(pebble.notice(&NoticeId::from(*id))?),
        ["identities"] if post => {
            let body = request.json();
            let identities: BTreeMap<String, Option<Identity>> =
                serde_json::from_value(body["identities"].clone()).expect("identities");
            match body["action"].as_str() {
                Some("replace") => pebble.replace_identities(&identities)?,
                _ => pebble.remove_identities(&identities.keys().map(String::as_str).collect::<Vec<_>>())?,
            }
            Ok(Reply::Json(200, r#"{"type":"sync","status-code":200,"status":"OK"}"#.to_owned()))
        }
        ["identities"] => ok(pebble.identities()?),
        ["warnings"] if post => {
            ok(pebble.ack_warnings(text(&request.json()["timestamp"]).parse().expect("a time"))?)
        }
        ["warnings"] => ok(pebble.warnings(&WarningState::from(request.query("select").concat()))?),
        _ => Ok(error(404, "Not Found", r#"{"message":"invalid API endpoint requested"}"#)),
    }
}

fn options(value: &Value) -> FileOptions {
    FileOptions {
        permissions: value["permissions"].as_str().and_then(|mode| u32::from_str_radix(mode, 8).ok()),
        user_id: value["user-id"].as_u64().and_then(|id| u32::try_from(id).ok()),
        user: value["user"].as_str().map(str::to_owned),
        group_id: value["group-id"].as_u64().and_then(|id| u32::try_from(id).ok()),
        group: value["group"].as_str().map(str::to_owned),
        make_parents: value["make-dirs"] == true || value["make-parents"] == true,
    }
}

/// The answer for one path, whose errors are no errors of the request.
fn of_path(path: &str, result: Result<(), Error>) -> Result<Value, Error> {
    match result {
        Ok(()) => Ok(json!([{"path": path}])),
        Err(Error::Path { kind, message }) => {
            Ok(json!([{"path": path, "error": {"message": message, "kind": kind}}]))
        }
        Err(e) => Err(e),
    }
}

fn files(pebble: &FakePebble, request: &Request) -> Result<Reply, Error> {
    let path = request.query("path").concat();
    match request.query("action").first().map(String::as_str) {
        Some("list") => {
            let pattern = request.query("pattern");
            let itself = request.query("itself") == ["true"];
            return ok(pebble.list_files(&path, pattern.first().map(String::as_str), itself)?);
        }
        Some("read") => {
            let mut content = Vec::new();
            let result = of_path(&path, pebble.pull_to(&path, &mut content).map(|_| ()))?;
            let mut body = Vec::new();
            if result[0].get("error").is_none() {
                write!(body, "--BOUNDARY\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{path}\"\r\n\r\n")
                    .expect("memory");
                body.extend(content);
                body.extend(b"\r\n");
            }
            let answer = json!({"type": "sync", "status-code": 200, "result": result});
            write!(body, "--BOUNDARY\r\nContent-Disposition: form-data; name=\"response\"\r\n\r\n{answer}\r\n--BOUNDARY--\r\n")
                .expect("memory");
            return Ok(Reply::Raw(200, "multipart/form-data; boundary=BOUNDARY", body));
        }
        _ => {}
    }
    if request.headers.contains("content-type: multipart/form-data") {
        return ok(push(pebble, request)?);
    }
    let body = request.json();
    let (entry, result) = if body["action"] == "make-dirs" {
        let dir = &body["dirs"][0];
        (dir, pebble.make_dir(&text(&dir["path"]), &options(dir)))
    } else {
        let path = &body["paths"][0];
        (path, pebble.remove_path(&text(&path["path"]), path["recursive"] == true))
    };
    ok(of_path(&text(&entry["path"]), result)?)
}

fn push(pebble: &FakePebble, request: &Request) -> Result<Value, Error> {
    let find = |data: &[u8], part: &[u8]| {
        data.windows(part.len()).position(|window| window == part).expect("a part")
    };
    let body = &request.body;
    let end = find(body, b"\r\n");
    let delimiter = [b"\r\n", &body[..end]].concat();
    assert!(delimiter.len() >= 36, "Pebble wants 32 characters");
    let start = find(body, b"\r\n\r\n") + 4;
    let stop = start + find(&body[start..], &delimiter);
    let meta: Value = serde_json::from_slice(&body[start..stop]).expect("JSON");
    assert_eq!(meta["action"], "write");
    let rest = &body[stop + delimiter.len()..];
    let start = find(rest, b"\r\n\r\n") + 4;
    let head = String::from_utf8_lossy(&rest[..start]).into_owned();
    let stop = rest.len() - delimiter.len() - b"--\r\n".len();
    assert!(rest[stop..].starts_with(&delimiter) && rest.ends_with(b"--\r\n"));
    let (content, file) = (rest[start..stop].to_vec(), &meta["files"][0]);
    let path = text(&file["path"]);
    let quoted = path.replace('\\', "\\\\").replace('"', "\\\"");
    assert!(head.contains(&format!("form-data; name=\"files\"; filename=\"{quoted}\"")), "{head}");
    of_path(&path, pebble.push(&path, Box::new(std::io::Cursor::new(content)), &options(file)))
}

fn exec(pebble: &FakePebble, running: &Running, body: &Value) -> Result<Reply, Error> {
    let optional = |name: &str| body[name].as_str().map(str::to_owned);
    let process = pebble.exec(ExecRequest {
        command: texts(&body["command"]),
        service_context: optional("service-context"),
        environment: serde_json::from_value(body["environment"].clone()).unwrap_or_default(),
        working_dir: optional("working-dir"),
        timeout: duration(&body["timeout"]),
        user_id: body["user-id"].as_u64().and_then(|id| u32::try_from(id).ok()),
        user: optional("user"),
        group_id: None,
        group: optional("group"),
        stdin: Stdin::Piped,
        combine_stderr: body["split-stderr"] == false,
    })?;
    let change = pebble.changes(&ChangeState::All, None)?.pop().expect("a change");
    let task = change.tasks[0].id.to_string();
    running.processes.lock().expect("processes").insert(task.clone(), process);
    Ok(accepted(
        change.id.as_str(),
        &json!({"task-id": task, "environment": {}, "working-dir": "/"}).to_string(),
    ))
}

const END: &str = r#"{"command":"end"}"#;

fn send_all(socket: &mut WebSocket<Prefixed>, from: Option<Box<dyn Read + Send>>) {
    let mut content = Vec::new();
    if let Some(mut from) = from {
        from.read_to_end(&mut content).expect("memory");
    }
    for chunk in content.chunks(5) {
        let _ = socket.send(Message::binary(chunk.to_vec()));
    }
    let _ = socket.send(Message::text(END));
}

/// One websocket. The fake's output is there when its input has ended, so stdio reads first and then writes.
fn stream(running: &Running, path: &str, mut socket: WebSocket<Prefixed>) {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or_default().to_owned();
    let task = parts.nth(1).unwrap_or_default().to_owned();
    let with = |work: &mut dyn FnMut(&mut Process)| {
        if let Some(process) = running.processes.lock().expect("processes").get_mut(&task) {
            work(process);
        }
    };
    match name.as_str() {
        "stdio" => {
            let mut stdin = None;
            with(&mut |process| stdin = process.stdin.take());
            loop {
                match socket.read() {
                    Ok(Message::Binary(data)) => {
                        stdin.as_mut().map(|stdin| stdin.write_all(&data)).unwrap_or(Ok(())).expect("memory")
                    }
                    Ok(Message::Text(text)) if text.as_str() == END => break,
                    Ok(_) => {}
                    Err(_) => return,
                }
            }
            drop(stdin);
            let mut stdout = None;
            with(&mut |process| stdout = process.stdout.take());
            send_all(&mut socket, stdout);
            // The command ends when all of its streams have been sent.
            let mut processes = running.processes.lock().expect("processes");
            while processes.get(&task).is_some_and(|process| process.stderr.is_some()) {
                processes = running.ended.wait(processes).expect("processes");
            }
            if let Some(process) = processes.remove(&task) {
                let _ = process.wait();
            }
            running.ended.notify_all();
        }
        "stderr" => {
            let mut stderr = None;
            with(&mut |process| stderr = process.stderr.take());
            // Reading waits for nothing: the fake answers at the first read, so the input has to come first.
            let mut processes = running.processes.lock().expect("processes");
            while processes.get(&task).is_some_and(|process| process.stdout.is_some()) {
                processes =
                    running.ended.wait_timeout(processes, Duration::from_millis(5)).expect("processes").0;
            }
            drop(processes);
            send_all(&mut socket, stderr);
            running.ended.notify_all();
        }
        _ => loop {
            match socket.read() {
                Ok(Message::Text(text)) => {
                    let message: Value = serde_json::from_str(text.as_str()).expect("JSON");
                    let name = message["signal"]["name"].as_str().unwrap_or_default().to_owned();
                    with(&mut |process| process.send_signal(&name).expect("a signal"));
                }
                Ok(_) => {}
                Err(_) => return,
            }
        },
    }
}
