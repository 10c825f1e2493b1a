//! What the fake does beyond what a real Pebble can be asked for: what a test of a charm sets and looks at.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use periapt_pebble::fake::{Entry, EntryKind, ExecMock, FakePebble, FakeState};
use periapt_pebble::{
    ChangeState, ChangeStatus, CheckStatus, Error, ExecRequest, FileOptions, FileType, IfPresent,
    NoticeQuery, NoticeType, Pebble, ServiceAction, ServiceStatus, Span, Stdin, Timestamp, Warning,
    WarningState,
};

const LAYER: &str = "
services:
  web: {override: replace, command: x, startup: enabled, on-check-failure: {up: restart, dead: shutdown}}
checks:
  up: {override: replace, threshold: 2, tcp: {port: 1}}
  dead: {override: replace, threshold: 1, tcp: {port: 1}}
";

fn running() -> FakePebble {
    let pebble = FakePebble::default();
    pebble.add_layer_yaml("base", LAYER, IfPresent::Refuse).expect("added");
    pebble.replan().expect("replanned");
    pebble
}

fn status(pebble: &FakePebble, check: &str) -> CheckStatus {
    pebble.checks(None, &[check]).expect("checks")[0].status.clone()
}

#[test]
fn switched_off_every_call_is_a_temporary_error() {
    let pebble = running();
    pebble.with(|state| state.can_connect = false);
    assert!(!pebble.can_connect());
    let error = pebble.replan().expect_err("an error");
    assert!(matches!(error, Error::Connection(_)) && error.is_temporary());
    pebble.with(|state| state.can_connect = true);
    assert!(pebble.services(&["web"]).expect("services")[0].is_running());
}

#[test]
fn checks_go_down_at_their_threshold_and_recover() {
    let pebble = running();
    pebble.with(|state| state.check_fails("up", "refused")).expect("a check");
    assert_eq!(status(&pebble, "up"), CheckStatus::Up);
    let before = pebble.checks(None, &["up"]).expect("checks")[0].change_id.clone().expect("a change");
    pebble.with(|state| state.check_fails("up", "refused again")).expect("a check");
    assert_eq!(status(&pebble, "up"), CheckStatus::Down);
    let failed = pebble.change(&before).expect("a change");
    assert_eq!(failed.status, ChangeStatus::Error);
    assert!(failed.err.is_some_and(|err| err.contains("refused again")));
    assert_eq!(failed.tasks[0].log.len(), 2);
    let state = pebble.state();
    assert_eq!((state.services["web"].starts, &state.services["web"].status), (2, &ServiceStatus::Active));
    let down = pebble.checks(None, &["up"]).expect("checks")[0].clone();
    assert_eq!((down.failures, down.prev_change_id.as_ref()), (2, Some(&before)));
    let recover = pebble.change(&down.change_id.expect("a change")).expect("a change");
    assert_eq!(recover.kind, "recover-check");
    // What the agent makes hooks of.
    let query = NoticeQuery { types: vec![NoticeType::ChangeUpdate], ..NoticeQuery::default() };
    let notices = pebble.notices(&query).expect("notices");
    let notice = notices.iter().find(|notice| notice.key == before.0).expect("a notice");
    assert_eq!(
        (notice.last_data["kind"].as_str(), notice.last_data["check-name"].as_str()),
        ("perform-check", "up")
    );

    pebble.with(|state| state.check_passes("up")).expect("a check");
    let up = pebble.checks(None, &["up"]).expect("checks")[0].clone();
    assert_eq!((up.status, up.successes, up.failures), (CheckStatus::Up, Some(1), 0));
    assert_eq!(pebble.change(&recover.id).expect("a change").status, ChangeStatus::Done);
    assert!(pebble.with(|state| state.check_fails("ghost", "")).is_err());
}

#[test]
fn a_check_that_ends_pebble_ends_it() {
    let pebble = running();
    pebble.with(|state| state.check_fails("dead", "gone")).expect("a check");
    assert!(!pebble.can_connect());
}

#[test]
fn starts_can_fail_and_hang() {
    let pebble = running();
    pebble.stop(&["web"]).expect("stopped");
    pebble.with(|state| state.start_errors.insert("web".to_owned(), "no port".to_owned()));
    let error = pebble.start(&["web"]).expect_err("an error");
    assert!(matches!(&error, Error::Change { err, .. } if err.contains("no port")), "{error}");
    pebble.with(|state| {
        state.start_errors.clear();
        state.start_hangs.insert("web".to_owned());
    });
    let error = pebble.start(&["web"]).expect_err("an error");
    assert!(matches!(error, Error::Timeout(_)) && error.is_temporary());
    let open = pebble.changes(&ChangeState::InProgress, Some("web")).expect("changes");
    let aborted = pebble.abort_change(&open[0].id).expect("a change");
    assert_eq!((aborted.ready, aborted.status), (true, ChangeStatus::Done));
    assert!(pebble.abort_change(&open[0].id).is_err());
}

#[test]
fn commands_answer_by_their_longest_prefix_and_are_recorded() {
    let pebble = running();
    pebble.with(|state| {
        state.exec_mocks = vec![
            ExecMock::new(["db"]).stdout("any"),
            ExecMock::new(["db", "dump"]).stdout("a dump").exit_code(4),
            ExecMock::new(["db", "dump", "--all"]).stdout("all"),
        ];
    });
    let run =
        |words: &[&str]| pebble.exec(ExecRequest::new(words.iter().copied())).and_then(|p| p.wait_output());
    assert_eq!(run(&["db", "load"]).map(|o| o.text()), Ok("any".to_owned()));
    assert!(matches!(run(&["db", "dump"]), Err(Error::Exec { exit_code: 4, .. })));
    assert_eq!(run(&["db", "dump", "--all", "x"]).map(|o| o.text()), Ok("all".to_owned()));
    let error = run(&["other"]).expect_err("an error");
    assert!(error.to_string().contains("\"other\""), "{error}");
    pebble.on_exec(["db", "dump"], |_| ExecMock::answer("closure"));
    assert_eq!(run(&["db", "dump"]).map(|o| o.text()), Ok("closure".to_owned()));
    assert_eq!(run(&["db", "dump", "--all"]).map(|o| o.text()), Ok("all".to_owned()));

    let mut request = ExecRequest::new(["db", "load"]).env("K", "v");
    request.stdin = Stdin::Piped;
    request.service_context = Some("web".to_owned());
    request.user_id = Some(7);
    let mut process = pebble.exec(request).expect("a process");
    process.send_signal("SIGHUP").expect("sent");
    process.stdin.as_mut().expect("stdin").write_all(b"rows").expect("written");
    process.wait().expect("well");
    let state = pebble.state();
    let record = state.execs.last().expect("a record");
    assert_eq!(
        (record.stdin.as_slice(), record.signals.as_slice()),
        (&b"rows"[..], &["SIGHUP".to_owned()][..])
    );
    assert_eq!((record.user.as_deref(), record.service_context.as_deref()), (Some("7"), Some("web")));
    assert!(
        pebble.changes(&ChangeState::All, None).expect("changes").iter().any(|c| c.kind == "exec" && c.ready)
    );
}

#[test]
fn a_state_that_came_out_goes_in() {
    let pebble = running();
    pebble.write("/etc/web.conf", b"x", &FileOptions::with_parents()).expect("written");
    pebble.notify("example.com/a", &BTreeMap::new(), None).expect("a notice");
    let text = serde_json::to_string(&pebble.state()).expect("JSON");
    let again = FakePebble::from(serde_json::from_str::<FakeState>(&text).expect("a state"));
    assert_eq!(again.state(), pebble.state());
    assert_eq!(again.replan(), pebble.replan());
    assert_eq!(again.state(), pebble.state());
    let folder = &again.state().files["/etc"];
    assert_eq!((&folder.kind, folder.mode), (&EntryKind::Directory, 0o755));
}

#[test]
fn mounts_are_folders_of_this_machine() {
    let host = tempfile::tempdir().expect("a folder");
    std::fs::write(host.path().join("here"), "x").expect("written");
    let mut state = FakeState::default();
    state.mounts.insert("/data".to_owned(), host.path().to_owned());
    state.files.insert("/data-not".to_owned(), Entry::file("y"));
    let pebble = FakePebble::from(state);
    assert_eq!(pebble.pull_text("/data/here"), Ok("x".to_owned()));
    assert_eq!(pebble.pull_text("/data-not"), Ok("y".to_owned()));
    let options = FileOptions { permissions: Some(0o640), ..FileOptions::with_parents() };
    pebble.write("/data/deep/there", b"z", &options).expect("written");
    assert_eq!(std::fs::read(host.path().join("deep/there")).expect("read"), b"z");
    let list = pebble.list_files("/data/deep", None, false).expect("a list");
    assert_eq!(
        (list[0].path.as_str(), list[0].permissions, &list[0].kind),
        ("/data/deep/there", 0o640, &FileType::File)
    );
    let names = |path| {
        pebble.list_files(path, None, false).map(|l| l.into_iter().map(|f| f.name).collect::<Vec<_>>())
    };
    assert_eq!(names("/"), Ok(vec!["data".to_owned(), "data-not".to_owned()]));
    assert!(pebble.pull("/data/nothing").is_err_and(|e| e.is_not_found()));
    assert!(matches!(pebble.make_dir("/data/deep", &FileOptions::default()), Err(Error::Path { .. })));
    assert!(matches!(pebble.remove_path("/data/deep", false), Err(Error::Path { .. })));
    pebble.remove_path("/data/deep", true).expect("removed");
    assert!(!host.path().join("deep").exists());
    // What leads out of a mount leads to the container's files.
    assert!(pebble.pull("/data/../here").is_err_and(|e| e.is_not_found()));
}

#[test]
fn notices_are_told_again_when_their_time_has_come() {
    let pebble = FakePebble::default();
    let hour = Some(Duration::from_hours(1));
    let tell = || pebble.notify("example.com/a", &BTreeMap::new(), hour).expect("a notice");
    let id = tell();
    let told = |id| pebble.notice(id).expect("a notice").last_repeated;
    let first = told(&id);
    tell();
    assert_eq!(told(&id), first);
    pebble.with(|state| state.advance(Duration::from_hours(2)));
    tell();
    assert!(told(&id) > first);
    assert_eq!(pebble.notice(&id).expect("a notice").occurrences, 3);
    pebble.with(|state| state.advance(Duration::from_hours(8 * 24)));
    assert_ne!(tell(), id, "forgotten after seven days");
}

#[test]
fn warnings_are_pending_until_they_are_seen() {
    let pebble = FakePebble::default();
    let time: Timestamp = pebble.state().now;
    pebble.with(|state| {
        state.warnings.push(Warning {
            message: "low disk".to_owned(),
            first_added: time,
            last_added: time,
            last_shown: None,
            expire_after: Span::seconds(600),
            repeat_after: Span::seconds(60),
        });
    });
    assert_eq!(pebble.warnings(&WarningState::Pending).map(|l| l.len()), Ok(1));
    assert_eq!(pebble.ack_warnings(time), Ok(1));
    assert_eq!(pebble.warnings(&WarningState::Pending).map(|l| l.len()), Ok(0));
    assert_eq!(pebble.warnings(&WarningState::All).map(|l| l.len()), Ok(1));
    assert_eq!(pebble.ack_warnings(time), Ok(0));
}

#[test]
fn a_plan_set_by_hand_that_makes_no_sense_is_refused() {
    let pebble = running();
    pebble.with(|state| state.layers[0].layer.services.get_mut("web").expect("web").command.clear());
    assert_eq!(pebble.request(&ServiceAction::Replan, &[]).expect_err("an error").code(), Some(400));
}
