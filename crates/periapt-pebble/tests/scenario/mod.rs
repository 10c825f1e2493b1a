//! What is asked of every Pebble, and what it says.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::{Read, Write};
use std::time::Duration;

use periapt_pebble::{
    Access, BasicIdentity, ChangeState, CheckLevel, Error, ExecRequest, FileOptions, Identity, IfPresent,
    LocalIdentity, NoticeQuery, NoticeType, Pebble, ServiceAction, Stdin,
};

/// What is said of an error: what a charm may decide by. The words are for people, and not all of Pebble's are copied.
fn told(error: &Error) -> String {
    match error {
        Error::Connection(_) => "connection".to_owned(),
        Error::Api { code, kind, .. } => format!("api {code} {kind:?}"),
        Error::Path { kind, .. } => format!("path {kind}"),
        Error::Change { change, .. } => format!("change {} {}", change.kind, change.status),
        Error::Exec { command, exit_code, stdout, stderr } => {
            let text =
                |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|b| String::from_utf8_lossy(b).into_owned());
            format!("exec {command:?} {exit_code} {:?} {:?}", text(stdout), text(stderr))
        }
        Error::Timeout(_) => "timeout".to_owned(),
        other => format!("{other:?}"),
    }
}

#[derive(Default)]
struct Transcript(Vec<String>);

impl Transcript {
    fn note<T: Debug>(&mut self, what: &str, result: Result<T, Error>) {
        self.0.push(match result {
            Ok(value) => format!("{what}: {value:?}"),
            Err(error) => format!("{what}: {}", told(&error)),
        });
    }

    /// How the services are.
    fn services(&mut self, what: &str, pebble: &dyn Pebble) {
        let list = pebble.services(&[]);
        let list = list.map(|all| {
            all.iter().map(|s| format!("{} {} {}", s.name, s.startup, s.current)).collect::<Vec<_>>()
        });
        self.note(what, list);
    }

    fn checks(&mut self, what: &str, pebble: &dyn Pebble) {
        let list = pebble.checks(None, &[]);
        let of = |c: &periapt_pebble::CheckInfo| {
            format!(
                "{} {:?} {} {} {} {}",
                c.name,
                c.level,
                c.startup,
                c.status,
                c.threshold,
                c.change_id.is_some()
            )
        };
        self.note(what, list.map(|all| all.iter().map(of).collect::<Vec<_>>()));
    }

    /// What the last change of services did.
    fn last_change(&mut self, what: &str, pebble: &dyn Pebble) {
        let change = pebble.changes(&ChangeState::All, None).map(|all| {
            let last = all
                .into_iter()
                .filter(|c| c.kind != "perform-check")
                .max_by_key(|c| c.id.0.parse::<u64>().ok());
            last.map(|c| {
                let mut tasks: Vec<_> =
                    c.tasks.iter().map(|t| format!("{} {}", t.summary, t.status)).collect();
                tasks.sort();
                (c.kind, c.summary, c.status, c.ready, tasks)
            })
        });
        self.note(what, change);
    }
}

const BASE: &str = "
services:
  web:
    override: replace
    command: sleep 600
    startup: enabled
    requires: [db]
    after: [db]
    environment: {PORT: 8080}
  db: {override: replace, command: sleep 600}
  idle: {override: replace, command: sleep 600}
  broken: {override: replace, command: /nowhere/program}
checks:
  up: {override: replace, level: alive, period: 1h, exec: {command: 'true'}}
  late: {override: replace, startup: disabled, period: 1h, threshold: 5, tcp: {port: 1}}
";

fn services(t: &mut Transcript, pebble: &dyn Pebble) {
    t.note("info", pebble.system_info().map(|info| (info.version.starts_with('v'), info.boot_id.is_empty())));
    t.note("empty plan", pebble.plan());
    t.note("nothing to autostart", pebble.autostart());
    t.note("add", pebble.add_layer_yaml("base", BASE, IfPresent::Refuse));
    t.note("add again", pebble.add_layer_yaml("base", BASE, IfPresent::Refuse));
    for (what, yaml) in [
        ("no override", "services: {x: {command: y}}"),
        ("unknown key", "services: {x: {override: replace, command: y, comand: z}}"),
        ("unknown section", "servces: {}"),
        ("no command", "services: {x: {override: replace}}"),
        ("bad period", "checks: {x: {override: replace, period: 10, tcp: {port: 1}}}"),
        ("two kinds", "checks: {x: {override: replace, tcp: {port: 1}, exec: {command: x}}}"),
        (
            "loop",
            "services: {x: {override: replace, command: y, before: [x1], after: [x1]}, x1: {override: replace, command: y}}",
        ),
        ("bad target", "log-targets: {x: {override: replace, type: pigeon, location: y}}"),
        ("not yaml", "services: {"),
    ] {
        t.note(what, pebble.add_layer_yaml("bad", yaml, IfPresent::Combine));
    }
    t.note("own label", pebble.add_layer_yaml("pebble-x", "{}", IfPresent::Combine));
    t.note("plan", pebble.plan());
    t.services("before", pebble);
    t.note("start nothing", pebble.start(&[]).map(|_| ()));
    t.note("start unknown", pebble.start(&["ghost"]).map(|_| ()));
    t.note(
        "replan with names",
        pebble.act(&ServiceAction::Replan, &["web"], Duration::from_secs(9)).map(|_| ()),
    );
    t.note("unknown action", pebble.request(&ServiceAction::from("juggle"), &["web"]));
    t.note("replan", pebble.replan().map(|_| ()));
    t.last_change("replanned", pebble);
    t.services("after replan", pebble);
    t.note("start", pebble.start(&["idle"]).map(|_| ()));
    t.note("start broken", pebble.start(&["broken"]).map(|_| ()));
    t.last_change("broken", pebble);
    t.note("replan unchanged", pebble.replan().map(|_| ()));
    t.last_change("replanned unchanged", pebble);
    let more = "services: {idle: {override: merge, environment: {K: v}}, db: {override: merge, summary: The database}}";
    t.note("combine", pebble.add_layer_yaml("base", more, IfPresent::Combine));
    t.note(
        "new layer",
        pebble.add_layer_yaml(
            "over",
            "services: {web: {override: merge, environment: {B: 2}}}",
            IfPresent::Refuse,
        ),
    );
    t.note("combined plan", pebble.plan());
    t.note("stop", pebble.stop(&["idle"]).map(|_| ()));
    t.services("stopped", pebble);
    t.note("replan changed", pebble.replan().map(|_| ()));
    t.last_change("replanned changed", pebble);
    t.services("after all", pebble);
    t.note("signal", pebble.send_signal("SIGWINCH", &["web"]));
    t.note("signal unknown", pebble.send_signal("SIGNOT", &["web"]));
    t.note("signal nobody", pebble.send_signal("SIGHUP", &[]));
    t.note("stop db", pebble.stop(&["db"]).map(|_| ()));
    t.last_change("stopped db", pebble);
    t.note("signal stopped", pebble.send_signal("SIGHUP", &["web"]));
    t.note("restart", pebble.restart(&["web"]).map(|_| ()));
    t.last_change("restarted", pebble);
    t.note("names", pebble.services(&["db", "ghost"]).map(|all| all.len()));
    t.note(
        "of a service",
        pebble.changes(&ChangeState::Ready, Some("idle")).map(|mut all| {
            all.sort_by_key(|c| c.id.0.parse::<u64>().ok());
            all.into_iter().map(|c| c.kind).collect::<Vec<_>>()
        }),
    );
    t.note("bad state", pebble.changes(&ChangeState::from("some"), None));
    t.note("no change", pebble.change(&"9999".into()));
    t.note("no wait", pebble.wait_change(&"9999".into(), Some(Duration::from_secs(1))));
    t.note(
        "late abort",
        pebble.abort_change(&"2".into()).map(|_| ()).map_err(|e| match e.code() {
            Some(400) => Error::Local("refused".into()),
            _ => e,
        }),
    );
}

fn checks(t: &mut Transcript, pebble: &dyn Pebble) {
    t.checks("checks", pebble);
    t.note("level", pebble.checks(Some(&CheckLevel::Alive), &[]).map(|all| all.len()));
    t.note("names", pebble.checks(None, &["late", "ghost"]).map(|all| all.len()));
    t.note("start", pebble.start_checks(&["up", "late"]));
    t.note("start again", pebble.start_checks(&["late"]));
    t.note("stop", pebble.stop_checks(&["up"]));
    t.checks("stopped", pebble);
    t.note("unknown", pebble.stop_checks(&["ghost"]));
    t.note("none", pebble.stop_checks(&[]));
    t.note("replan", pebble.replan().map(|_| ()));
    t.checks("replanned", pebble);
    t.note("stop both", pebble.stop_checks(&["up", "late"]));
    let more = "checks: {late: {override: merge, threshold: 4}}";
    t.note("add", pebble.add_layer_yaml("checks", more, IfPresent::Combine));
    t.checks("with another layer", pebble);
}

fn files(t: &mut Transcript, pebble: &dyn Pebble, root: &str) {
    let at = |path: &str| format!("{root}/{path}");
    let mode = |permissions| FileOptions { permissions: Some(permissions), ..FileOptions::default() };
    let odd = b"\r\n--boundary\r\n\r\n--\xff\x00\r\n".repeat(9000);
    t.note("write", pebble.write(&at("a"), &odd, &FileOptions::default()));
    t.note("read", pebble.pull(&at("a")).map(|content| content == odd));
    t.note("over", pebble.write(&at("a"), b"new", &mode(0o600)));
    t.note("text", pebble.pull_text(&at("a")));
    t.note("empty", pebble.write(&at("empty \"\\é&?"), b"", &mode(0o777)));
    t.note("read empty", pebble.pull(&at("empty \"\\é&?")));
    t.note("no parent", pebble.write(&at("x/y"), b"", &FileOptions::default()));
    t.note("file as parent", pebble.write(&at("a/y"), b"", &FileOptions::with_parents()));
    t.note("parents", pebble.write(&at("x/y/z"), b"z", &FileOptions::with_parents()));
    t.note("relative", pebble.write("a", b"", &FileOptions::default()));
    t.note("bad mode", pebble.write(&at("b"), b"", &mode(0o1000)));
    t.note("read nothing", pebble.pull(&at("nothing")));
    t.note("read folder", pebble.pull(&at("x")));
    t.note("read relative", pebble.pull("a"));
    t.note("make", pebble.make_dir(&at("d"), &mode(0o700)));
    t.note("make again", pebble.make_dir(&at("d"), &FileOptions::default()));
    t.note("make with parents", pebble.make_dir(&at("d"), &FileOptions::with_parents()));
    t.note("make deep", pebble.make_dir(&at("p/q/r"), &FileOptions::default()));
    let deep = FileOptions { permissions: Some(0o711), make_parents: true, ..FileOptions::default() };
    t.note("make deep with parents", pebble.make_dir(&at("p/q/r"), &deep));
    t.note("make in file", pebble.make_dir(&at("a/b"), &FileOptions::default()));
    t.note("make relative", pebble.make_dir("b", &FileOptions::default()));
    let list = |path: &str, pattern: Option<&str>, itself| {
        let files = pebble.list_files(path, pattern, itself);
        let line = |f: &periapt_pebble::FileInfo| {
            format!("{} {} {} {:?} {:o}", f.path.replace(root, ""), f.name, f.kind, f.size, f.permissions)
        };
        files.map(|files| files.iter().map(line).collect::<Vec<_>>())
    };
    t.note("list", list(root, None, false));
    t.note("list p", list(&at("p"), None, false));
    t.note("list a file", list(&at("a"), None, false));
    t.note("list itself", list(&at("x/"), None, true).map(|list| list.len()));
    t.note("list root", pebble.list_files("/", None, true).map(|list| list[0].name.clone()));
    t.note("list by pattern", list(root, Some("[d-p]*"), false));
    t.note("list by bad pattern", list(root, Some("[d"), false));
    t.note("list nothing", list(&at("nothing"), None, false));
    t.note("list relative", list("a", None, false).map_err(|_| Error::Local("refused".into())));
    t.note("exists", pebble.exists(&at("a")));
    t.note("exists not", pebble.exists(&at("nothing")));
    t.note("folder", pebble.is_dir(&at("d")));
    t.note("no folder", pebble.is_dir(&at("a")));
    t.note("remove", pebble.remove_path(&at("a"), false));
    t.note("remove again", pebble.remove_path(&at("a"), false));
    t.note("remove all of nothing", pebble.remove_path(&at("a"), true));
    t.note("remove full", pebble.remove_path(&at("x"), false));
    t.note("remove all", pebble.remove_path(&at("x"), true));
    t.note("remove empty", pebble.remove_path(&at("d"), false));
    t.note("remove relative", pebble.remove_path("a", false));
    t.note("left", list(root, None, false));
}

fn exec(t: &mut Transcript, pebble: &dyn Pebble) {
    let shell = |script: &str| ExecRequest::new(["sh", "-c", script]);
    let shown = |output: periapt_pebble::Output| {
        (output.text(), output.stderr.map(|e| String::from_utf8_lossy(&e).into_owned()))
    };
    t.note("output", pebble.exec(shell("echo out; echo err >&2")).and_then(|p| p.wait_output()).map(shown));
    let mut request = shell("echo out; echo err >&2");
    request.combine_stderr = true;
    t.note("combined", pebble.exec(request).and_then(|p| p.wait_output()).map(shown));
    t.note("exit code", pebble.exec(shell("echo bad >&2; exit 3")).and_then(|p| p.wait_output()).map(shown));
    t.note("exit code alone", pebble.exec(shell("echo bad >&2; exit 3")).and_then(|p| p.wait()));
    t.note(
        "input",
        pebble.exec(ExecRequest::new(["cat"]).stdin("one\ntwo")).and_then(|p| p.wait_output()).map(shown),
    );
    t.note("no input", pebble.exec(ExecRequest::new(["cat"])).and_then(|p| p.wait_output()).map(shown));
    let large = vec![b'x'; 1_000_000];
    let request = ExecRequest::new(["cat"]).stdin(large.clone());
    t.note("much", pebble.exec(request).and_then(|p| p.wait_output()).map(|o| o.stdout == large));
    let mut request = ExecRequest::new(["cat"]);
    request.stdin = Stdin::Piped;
    t.note(
        "piped",
        pebble.exec(request).and_then(|mut p| {
            let mut stdin = p.stdin.take().expect("stdin");
            stdin.write_all(b"a line\n").expect("written");
            drop(stdin);
            let mut text = String::new();
            p.stdout.take().expect("stdout").read_to_string(&mut text).expect("text");
            p.wait().map(|()| text)
        }),
    );
    let mut request = shell("echo $K");
    request.environment = BTreeMap::from([("K".to_owned(), "v".to_owned())]);
    t.note("environment", pebble.exec(request).and_then(|p| p.wait_output()).map(shown));
    let mut request = shell("echo context");
    request.service_context = Some("ghost".to_owned());
    t.note("no context", pebble.exec(request).map(|_| ()));
    t.note("no command", pebble.exec(ExecRequest::default()).map(|_| ()));
    // Not in a shell: its child would hold the output open after Pebble has killed the shell.
    let request = ExecRequest::new(["sleep", "600"]).timeout(Duration::from_millis(100));
    t.note(
        "time-out",
        pebble.exec(request).and_then(|p| p.wait()).map_err(|e| {
            assert!(e.to_string().contains("timed out"), "{e}");
            e
        }),
    );
    t.last_change("timed out", pebble);
}

fn notices(t: &mut Transcript, pebble: &dyn Pebble) {
    let data = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
    let none = BTreeMap::new();
    let first = pebble.notify("example.com/a", &data, None).expect("a notice");
    t.note("same id", pebble.notify("example.com/a", &none, None).map(|id| id == first));
    t.note("hourly", pebble.notify("example.com/hourly", &data, Some(Duration::from_hours(1))).map(|_| ()));
    t.note(
        "hourly again",
        pebble.notify("example.com/hourly", &none, Some(Duration::from_hours(1))).map(|_| ()),
    );
    t.note("bad key", pebble.notify("no-domain", &none, None));
    let big = BTreeMap::from([("k".to_owned(), "v".repeat(5000))]);
    t.note("much data", pebble.notify("example.com/a", &big, None));
    t.note(
        "by id",
        pebble.notice(&first).map(|n| (n.key, n.occurrences, n.last_data, n.repeat_after, n.expire_after)),
    );
    t.note("no id", pebble.notice(&"9999".into()));
    let custom = NoticeQuery { types: vec![NoticeType::Custom], ..NoticeQuery::default() };
    let list = |query: &NoticeQuery| {
        pebble
            .notices(query)
            .map(|all| all.into_iter().map(|n| (n.key, n.occurrences, n.repeat_after)).collect::<Vec<_>>())
    };
    t.note("list", list(&custom));
    t.note("all users", list(&NoticeQuery { all_users: true, ..custom.clone() }));
    t.note("by key", list(&NoticeQuery { keys: vec!["example.com/hourly".to_owned()], ..custom.clone() }));
    t.note("of no type", list(&NoticeQuery { types: vec!["gossip".into()], ..custom.clone() }));
    let last = pebble.notices(&custom).expect("notices").last().expect("a notice").last_repeated;
    t.note("after the last", list(&NoticeQuery { after: Some(last), ..custom.clone() }));
    t.note("once more", pebble.notify("example.com/hourly", &none, None).map(|_| ()));
    t.note("after that", list(&NoticeQuery { after: Some(last), ..custom }));
}

fn identities(t: &mut Transcript, pebble: &dyn Pebble) {
    let identity = |access, user_id| {
        Some(Identity { access, local: Some(LocalIdentity { user_id }), basic: None, cert: None })
    };
    let of =
        |list: [(&str, Option<Identity>); 1]| list.map(|(name, identity)| (name.to_owned(), identity)).into();
    t.note("none", pebble.identities());
    t.note("add", pebble.replace_identities(&of([("bob", identity(Access::Read, 1042))])));
    let basic = Some(BasicIdentity { password: "$6$salt$hash".to_owned() });
    let mary = Identity { access: Access::Metrics, local: None, basic, cert: None };
    t.note("add basic", pebble.replace_identities(&of([("mary", Some(mary))])));
    t.note("same user", pebble.replace_identities(&of([("eve", identity(Access::Admin, 1042))])));
    t.note("bad name", pebble.replace_identities(&of([("1", identity(Access::Admin, 7))])));
    t.note("bad access", pebble.replace_identities(&of([("eve", identity(Access::from("king"), 7))])));
    t.note(
        "no kind",
        pebble.replace_identities(&of([(
            "eve",
            Some(Identity { access: Access::Read, local: None, basic: None, cert: None }),
        )])),
    );
    let list = pebble.identities();
    t.note(
        "masked",
        list.as_ref().map(|l| l["mary"].basic.as_ref().map(|b| b.password.clone())).map_err(Clone::clone),
    );
    t.note("list", list);
    t.note("drop", pebble.replace_identities(&of([("bob", None)])));
    t.note("remove unknown", pebble.remove_identities(&["bob"]));
    t.note("remove", pebble.remove_identities(&["mary"]));
    t.note("none left", pebble.identities());
}

/// All of it: one line for each thing that was asked.
pub fn scenario(pebble: &dyn Pebble, root: &str) -> Vec<String> {
    let mut t = Transcript::default();
    services(&mut t, pebble);
    checks(&mut t, pebble);
    files(&mut t, pebble, root);
    exec(&mut t, pebble);
    notices(&mut t, pebble);
    identities(&mut t, pebble);
    t.0
}
