//! The client of a real Pebble.

mod exec;
mod http;
mod multipart;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::combine::Plan;
use crate::duration::Span;
use crate::error::{Error, PathErrorKind, Result};
use crate::info::{
    Change, ChangeId, ChangeState, CheckInfo, FileInfo, Identity, Notice, NoticeId, ServiceInfo, SystemInfo,
    Warning, WarningState,
};
use crate::layer::CheckLevel;
use crate::pebble::{FileOptions, IfPresent, NoticeQuery, Pebble, ServiceAction};
use crate::process::{ExecRequest, Process};
use http::{Activity, Envelope, Query, Transport, segment};
use multipart::{Event, Reader, Upload};

/// From one look at a change to the next, where Pebble cannot wait for it (before 1.0).
const POLL: Duration = Duration::from_millis(100);

/// Speaks to the Pebble behind a unix socket: HTTP/1.1, one connection for each request, nothing before the first.
/// Copies share what they have.
///
/// It blocks and must not be called from asynchronous code, where every call is an [`Error::Local`].
#[derive(Clone)]
pub struct Client {
    transport: Arc<Transport>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("socket", &self.transport.socket).finish_non_exhaustive()
    }
}

/// What is said of each path of a request.
#[derive(Deserialize)]
struct PathResult {
    #[serde(default)]
    error: Option<http::Refusal>,
}

impl Client {
    /// How long Pebble may stay silent, if not said otherwise.
    pub const TIMEOUT: Duration = Duration::from_secs(5);

    /// A client for a socket, such as `/charm/containers/NAME/pebble.socket`, which need not be there yet.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self::with_timeout(socket, Self::TIMEOUT)
    }

    /// A client that waits this long for Pebble to say something. Large files and long waits for changes may take
    /// longer, as long as something moves.
    pub fn with_timeout(socket: impl Into<PathBuf>, timeout: Duration) -> Self {
        Self { transport: Arc::new(Transport::new(socket.into(), timeout)) }
    }

    /// Where it speaks to.
    pub fn socket(&self) -> &Path {
        &self.transport.socket
    }

    fn timeout(&self) -> Duration {
        self.transport.timeout
    }

    fn get_patiently(&self, path: &str, patience: Duration) -> Result<Envelope> {
        self.transport.block_on(self.transport.json(Method::GET, path, None, patience))
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.get_patiently(path, Duration::ZERO)?.result()
    }

    fn post(&self, path: &str, body: Value) -> Result<Envelope> {
        self.transport.block_on(self.transport.json(Method::POST, path, Some(body), Duration::ZERO))
    }

    /// A request for one path, whose answer says how that went.
    fn post_path(&self, body: Value) -> Result<()> {
        path_result(self.post("/v1/files", body)?)
    }

    fn poll_change(&self, id: &ChangeId, deadline: Option<Instant>) -> Result<Change> {
        loop {
            let change = self.change(id)?;
            if change.ready {
                return Ok(change);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(Error::Timeout(format!("change {id} is not over")));
            }
            std::thread::sleep(POLL);
        }
    }

    fn checks_action(&self, action: &str, checks: &[&str]) -> Result<Vec<String>> {
        #[derive(Deserialize)]
        struct Changed {
            // Null from some Pebbles when there are none.
            changed: Option<Vec<String>>,
        }
        let answer: Changed =
            self.post("/v1/checks", json!({"action": action, "checks": checks}))?.result()?;
        Ok(answer.changed.unwrap_or_default())
    }
}

/// The error of the only path that was asked for.
fn path_result(answer: Envelope) -> Result<()> {
    let results: Vec<PathResult> = answer.result()?;
    let [result] = <[PathResult; 1]>::try_from(results)
        .map_err(|_| Error::Protocol("expected an answer for one path".to_owned()))?;
    match result.error {
        None => Ok(()),
        Some(error) => Err(path_error(error.kind.as_deref(), error.message)),
    }
}

fn path_error(kind: Option<&str>, message: String) -> Error {
    Error::path(kind.map_or(PathErrorKind::Generic, PathErrorKind::from), message)
}

/// Listing says in the HTTP status what the other calls say of each path; a charm need not know the difference.
fn as_path_error(error: Error) -> Error {
    match error {
        Error::Api { kind: Some(kind), message, .. }
            if matches!(kind.as_str(), "not-found" | "permission-denied" | "generic-file-error") =>
        {
            path_error(Some(&kind), message)
        }
        error => error,
    }
}

fn owner(options: &FileOptions, to: &mut serde_json::Map<String, Value>) {
    if let Some(mode) = options.permissions {
        to.insert("permissions".to_owned(), json!(format!("{mode:03o}")));
    }
    if let Some(id) = options.user_id {
        to.insert("user-id".to_owned(), json!(id));
    }
    if let Some(name) = &options.user {
        to.insert("user".to_owned(), json!(name));
    }
    if let Some(id) = options.group_id {
        to.insert("group-id".to_owned(), json!(id));
    }
    if let Some(name) = &options.group {
        to.insert("group".to_owned(), json!(name));
    }
}

/// Writes what `files` parts hold to `sink`, and gives the answer that comes last.
struct Download<'a> {
    sink: &'a mut dyn Write,
    length: u64,
    part: String,
    answer: Vec<u8>,
}

impl Download<'_> {
    fn take(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Part(name) => self.part = name,
            Event::Data(data) if self.part == "files" => {
                let failed = |e| Error::Local(format!("cannot write what is pulled: {e}"));
                self.sink.write_all(&data).map_err(failed)?;
                self.length += data.len() as u64;
            }
            Event::Data(data) if self.part == "response" => self.answer.extend(data),
            Event::Data(_) | Event::End => {}
        }
        Ok(())
    }
}

impl Pebble for Client {
    fn system_info(&self) -> Result<SystemInfo> {
        self.get("/v1/system-info")
    }

    fn services(&self, names: &[&str]) -> Result<Vec<ServiceInfo>> {
        let mut query = Query::default();
        if !names.is_empty() {
            query.add("names", &names.join(","));
        }
        self.get(&query.path("/v1/services"))
    }

    fn request(&self, action: &ServiceAction, services: &[&str]) -> Result<ChangeId> {
        let answer = self.post("/v1/services", json!({"action": action, "services": services}))?;
        answer.change.map(ChangeId).ok_or_else(|| Error::Protocol("an action has no change".to_owned()))
    }

    fn plan(&self) -> Result<Plan> {
        let text: String = self.get("/v1/plan?format=yaml")?;
        Plan::from_yaml(&text).map_err(|e| Error::Protocol(e.to_string()))
    }

    fn add_layer_yaml(&self, label: &str, yaml: &str, present: IfPresent) -> Result<()> {
        let combine = present == IfPresent::Combine;
        let body =
            json!({"action": "add", "combine": combine, "label": label, "format": "yaml", "layer": yaml});
        self.post("/v1/layers", body).map(|_| ())
    }

    fn send_signal(&self, signal: &str, services: &[&str]) -> Result<()> {
        self.post("/v1/signals", json!({"signal": signal, "services": services})).map(|_| ())
    }

    fn changes(&self, state: &ChangeState, service: Option<&str>) -> Result<Vec<Change>> {
        let mut query = Query::default();
        query.add("select", state.as_str());
        if let Some(service) = service {
            query.add("for", service);
        }
        self.get::<Option<Vec<Change>>>(&query.path("/v1/changes")).map(Option::unwrap_or_default)
    }

    fn change(&self, id: &ChangeId) -> Result<Change> {
        self.get(&format!("/v1/changes/{}", segment(id.as_str())))
    }

    fn abort_change(&self, id: &ChangeId) -> Result<Change> {
        self.post(&format!("/v1/changes/{}", segment(id.as_str())), json!({"action": "abort"}))?.result()
    }

    fn wait_change(&self, id: &ChangeId, limit: Option<Duration>) -> Result<Change> {
        // In bits that are over before the time-out of a request is.
        let whole = self.timeout().saturating_sub(Duration::from_secs(1)).max(self.timeout() / 2);
        // A limit beyond what a clock can say is none.
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(Error::Timeout(format!("change {id} is not over")));
            }
            let bit = left.map_or(whole, |left| left.min(whole));
            // In milliseconds: the daemon reads three digits well in every version, and zero means for ever.
            let millis = bit.as_millis().max(1);
            let path = format!("/v1/changes/{}/wait?timeout={millis}ms", segment(id.as_str()));
            match self.get_patiently(&path, Duration::ZERO).and_then(Envelope::result) {
                Err(error) if error.code() == Some(504) => {}
                // An old Pebble, or no such change: then that is what the poll finds.
                Err(error) if error.code() == Some(404) => return self.poll_change(id, deadline),
                result => return result,
            }
        }
    }

    fn push(&self, path: &str, source: Box<dyn Read + Send>, options: &FileOptions) -> Result<()> {
        if path.contains(['\r', '\n']) {
            return Err(Error::path(
                PathErrorKind::Generic,
                format!("cannot push {path:?}: there is a line end in it"),
            ));
        }
        let mut file = serde_json::Map::new();
        file.insert("path".to_owned(), json!(path));
        file.insert("make-dirs".to_owned(), json!(options.make_parents));
        owner(options, &mut file);
        let request = json!({"action": "write", "files": [file]}).to_string();
        let boundary = multipart::boundary();
        let activity = Activity::default();
        let body = Upload::new(&boundary, &request, path, source, activity.clone());
        let request = Request::builder().method(Method::POST).uri("/v1/files").header(HOST, "localhost");
        let request = request.header(ACCEPT, "application/json");
        let request = request.header(CONTENT_TYPE, format!("multipart/form-data; boundary=\"{boundary}\""));
        let request = http::build(request, body)?;
        let moving = activity.clone();
        let read = async move |response| http::read_json(response, &moving).await;
        let answer =
            self.transport.block_on(self.transport.exchange(request, activity, Duration::ZERO, read))?;
        path_result(answer)
    }

    fn pull_to(&self, path: &str, sink: &mut dyn Write) -> Result<u64> {
        let mut query = Query::default();
        query.add("action", "read");
        query.add("path", path);
        let request = Request::builder().method(Method::GET).uri(query.path("/v1/files"));
        let request = request.header(HOST, "localhost").header(ACCEPT, "multipart/form-data");
        let request = http::build(request, Empty::<Bytes>::new())?;
        let activity = Activity::default();
        let moving = activity.clone();
        let mut download = Download { sink, length: 0, part: String::new(), answer: Vec::new() };
        let read = async |mut response: hyper::Response<hyper::body::Incoming>| {
            if !response.status().is_success() {
                return http::read_json(response, &moving).await.map(|_| ());
            }
            let header =
                response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
            let boundary = multipart::parameter(header, "boundary");
            let boundary = boundary.filter(|_| http::media_type(&response) == "multipart/form-data");
            let boundary = boundary
                .ok_or_else(|| Error::Protocol(format!("expected multipart/form-data, got {header:?}")))?;
            let mut reader = Reader::new(&boundary);
            let body = response.body_mut();
            while let Some(frame) = body.frame().await {
                moving.moved();
                if let Some(data) = frame.map_err(http::broken)?.data_ref() {
                    reader.feed(data)?.into_iter().try_for_each(|event| download.take(event))?;
                }
            }
            if reader.is_finished() {
                Ok(())
            } else {
                Err(Error::Protocol("a multipart answer has no end".to_owned()))
            }
        };
        self.transport.block_on(self.transport.exchange(request, activity, Duration::ZERO, read))?;
        let answer: Envelope = serde_json::from_slice(&download.answer)
            .map_err(|e| Error::Protocol(format!("after a file: {e}")))?;
        path_result(answer)?;
        Ok(download.length)
    }

    fn list_files(&self, path: &str, pattern: Option<&str>, itself: bool) -> Result<Vec<FileInfo>> {
        let mut query = Query::default();
        query.add("action", "list");
        query.add("path", path);
        if let Some(pattern) = pattern {
            query.add("pattern", pattern);
        }
        if itself {
            query.add("itself", "true");
        }
        let files: Result<Option<_>> = self.get(&query.path("/v1/files"));
        files.map(Option::unwrap_or_default).map_err(as_path_error)
    }

    fn make_dir(&self, path: &str, options: &FileOptions) -> Result<()> {
        let mut dir = serde_json::Map::new();
        dir.insert("path".to_owned(), json!(path));
        dir.insert("make-parents".to_owned(), json!(options.make_parents));
        owner(options, &mut dir);
        self.post_path(json!({"action": "make-dirs", "dirs": [dir]}))
    }

    fn remove_path(&self, path: &str, recursive: bool) -> Result<()> {
        self.post_path(json!({"action": "remove", "paths": [{"path": path, "recursive": recursive}]}))
    }

    fn exec(&self, request: ExecRequest) -> Result<Process> {
        self.start_command(request)
    }

    fn checks(&self, level: Option<&CheckLevel>, names: &[&str]) -> Result<Vec<CheckInfo>> {
        let mut query = Query::default();
        if let Some(level) = level {
            query.add("level", level.as_str());
        }
        for name in names {
            query.add("names", name);
        }
        self.get::<Option<Vec<CheckInfo>>>(&query.path("/v1/checks")).map(Option::unwrap_or_default)
    }

    fn start_checks(&self, checks: &[&str]) -> Result<Vec<String>> {
        self.checks_action("start", checks)
    }

    fn stop_checks(&self, checks: &[&str]) -> Result<Vec<String>> {
        self.checks_action("stop", checks)
    }

    fn notify(
        &self,
        key: &str,
        data: &BTreeMap<String, String>,
        repeat_after: Option<Duration>,
    ) -> Result<NoticeId> {
        #[derive(Deserialize)]
        struct Recorded {
            id: NoticeId,
        }
        let mut body = json!({"action": "add", "type": "custom", "key": key});
        if !data.is_empty() {
            body["data"] = json!(data);
        }
        if let Some(after) = repeat_after {
            body["repeat-after"] = json!(Span(after));
        }
        Ok(self.post("/v1/notices", body)?.result::<Recorded>()?.id)
    }

    fn notice(&self, id: &NoticeId) -> Result<Notice> {
        self.get(&format!("/v1/notices/{}", segment(id.as_str())))
    }

    fn notices(&self, wanted: &NoticeQuery) -> Result<Vec<Notice>> {
        let mut query = Query::default();
        if wanted.all_users {
            query.add("users", "all");
        }
        if let Some(id) = wanted.user_id {
            query.add("user-id", &id.to_string());
        }
        for kind in &wanted.types {
            query.add("types", kind.as_str());
        }
        for key in &wanted.keys {
            query.add("keys", key);
        }
        if let Some(after) = wanted.after {
            query.add("after", &after.to_string());
        }
        if let Some(wait) = wanted.wait {
            query.add("timeout", &Span(wait).to_string());
        }
        let answer = self.get_patiently(&query.path("/v1/notices"), wanted.wait.unwrap_or_default())?;
        answer.result::<Option<_>>().map(Option::unwrap_or_default)
    }

    fn identities(&self) -> Result<BTreeMap<String, Identity>> {
        self.get::<Option<_>>("/v1/identities").map(Option::unwrap_or_default)
    }

    fn replace_identities(&self, identities: &BTreeMap<String, Option<Identity>>) -> Result<()> {
        self.post("/v1/identities", json!({"action": "replace", "identities": identities})).map(|_| ())
    }

    fn remove_identities(&self, names: &[&str]) -> Result<()> {
        let identities: BTreeMap<&str, ()> = names.iter().map(|name| (*name, ())).collect();
        self.post("/v1/identities", json!({"action": "remove", "identities": identities})).map(|_| ())
    }

    fn warnings(&self, state: &WarningState) -> Result<Vec<Warning>> {
        let mut query = Query::default();
        query.add("select", state.as_str());
        self.get::<Option<_>>(&query.path("/v1/warnings")).map(Option::unwrap_or_default)
    }

    fn ack_warnings(&self, until: Timestamp) -> Result<u64> {
        self.post("/v1/warnings", json!({"action": "okay", "timestamp": until.to_string()}))?.result()
    }
}
