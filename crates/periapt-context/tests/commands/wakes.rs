//! Periapt's own commands: `periapt-wake`, `periapt-deferred`, `periapt-log`.

use periapt_context::testing::{Stage, THEN, action, db_hook};
use periapt_context::{Immediate, describe};
use periapt_model::hook::{Hook, RelationEvent};
use periapt_model::local::{HookStep, Op, SeenInputs};
use periapt_model::log::Level;
use periapt_model::wake::{Alarm, Wake, WakeChange, WakeWhen};
use serde_json::json;

use super::{check, check_each};

#[test]
fn wishes_are_checked() {
    check_each(&[
        ("periapt-wake --after 10s", 0, "", ""),
        ("periapt-wake --after=1h30m --reason x --name y", 0, "", ""),
        ("periapt-wake --at 2026-01-02T03:04:05Z", 0, "", ""),
        ("periapt-wake --on db-relation-changed", 0, "", ""),
        ("periapt-wake --on db_relation_changed", 0, "", ""),
        ("periapt-wake --cancel y", 0, "", ""),
        ("periapt-wake", 2, "", "ERROR one of --after, --at, --on, --cancel and --list must be given\n"),
        (
            "periapt-wake --after 1s --on start",
            2,
            "",
            "ERROR only one of --after, --at, --on, --cancel and --list must be given\n",
        ),
        ("periapt-wake 10s --after 1s", 2, "", "ERROR unrecognized args: [\"10s\"]\n"),
        (
            "periapt-wake --after 10",
            2,
            "",
            "ERROR invalid duration \"10\" for --after: expected such as 10s, 5m, 1h30m or 250ms\n",
        ),
        ("periapt-wake --after 721h", 2, "", "ERROR --after 721h is too long: at most 720h (30 days)\n"),
        (
            "periapt-wake --at tomorrow",
            2,
            "",
            "ERROR invalid time \"tomorrow\" for --at: expected such as 2026-01-02T03:04:05Z\n",
        ),
        (
            "periapt-wake --on db-relation-chnaged",
            1,
            "",
            "ERROR this charm has no hook \"db-relation-chnaged\": did you mean \"db-relation-changed\"?\n",
        ),
        ("periapt-wake --on stop", 1, "", "ERROR no wake can come after stop: it does not happen again\n"),
        (
            "periapt-wake --after 1s --name=",
            2,
            "",
            "ERROR invalid name \"\": 1 to 100 characters, none of them a control character\n",
        ),
    ]);
    let (code, _, stderr) = Stage::config_changed().line("periapt-wake --on periapt-wake");
    assert_eq!(code, 1);
    assert!(stderr.contains("it has cluster-relation-broken, cluster-relation-changed"), "{stderr}");
}

#[test]
fn wishes_wait_for_the_end_of_the_hook_and_are_described() {
    let mut stage = Stage::config_changed();
    check(
        &mut stage,
        &[
            ("periapt-wake --after 250ms --reason secret --name a", 0, "", ""),
            ("periapt-wake --on db_relation_changed", 0, "", ""),
            ("periapt-wake --at 2026-01-02T04:04:05.5+01:00", 0, "", ""),
            ("periapt-wake --cancel b", 0, "", ""),
            (
                "periapt-wake --list --format json",
                0,
                "[{\"name\":\"a\",\"after\":\"250ms\",\"reason\":\"secret\"},{\"on\":\"db-relation-changed\"},{\"at\":\"2026-01-02T03:04:05.5Z\"}]\n",
                "",
            ),
            ("periapt-wake --cancel a", 0, "", ""),
            (
                "periapt-wake --list",
                0,
                "- \"on\": db-relation-changed\n- at: \"2026-01-02T03:04:05.5Z\"\n",
                "",
            ),
        ],
    );
    assert!(stage.effects.is_empty() && stage.immediate.is_empty(), "nothing of it is for the model");
    assert_eq!(
        describe(&stage.view, &stage.effects),
        [
            "periapt-wake --after 250ms --name a",
            "periapt-wake --on db-relation-changed",
            "periapt-wake --at 2026-01-02T03:04:05.5Z",
            "periapt-wake --cancel b",
            "periapt-wake --cancel a",
        ]
    );
}

fn kept(number: u64) -> Wake {
    let alarm = Alarm::set(WakeWhen::AfterMs(1_000 * (number + 1)), THEN);
    Wake { name: None, reason: String::new(), alarm }
}

#[test]
fn a_unit_has_a_hundred_wakes_at_most_without_those_that_are_served_now() {
    let mut stage = Stage::config_changed();
    stage.view.local.wakes = (0..100).map(kept).collect();
    let (code, _, stderr) = stage.line("periapt-wake --on start");
    assert_eq!(code, 1);
    assert!(stderr.starts_with("ERROR web/0 asks to be woken 100 times already: "), "{stderr}");
    let since = THEN + std::time::Duration::from_secs(99);
    stage.view.local.op = Op::Hook {
        hook: Hook::ConfigChanged,
        step: HookStep::Pending { since, interrupted: 0, after: None, ended: None },
        seen: SeenInputs::default(),
    };
    check(
        &mut stage,
        &[
            ("periapt-wake --on start", 0, "", ""),
            (
                "periapt-wake --list --format=json",
                0,
                "[{\"after\":\"1m40s\",\"due\":\"2026-01-02T03:05:45Z\"},{\"on\":\"start\"}]\n",
                "",
            ),
        ],
    );
    assert_eq!(stage.effects.wakes.len(), 1);
    assert!(
        matches!(&stage.effects.wakes[0], WakeChange::Ask { when: WakeWhen::On(event), .. } if event == "start")
    );
}

fn report(stage: &mut Stage, report: serde_json::Value) -> (u8, String, String) {
    stage.stdin = report.to_string().into_bytes();
    stage.line("periapt-deferred --file -")
}

#[test]
fn the_last_report_of_a_dispatch_counts() {
    let mut stage = Stage::new(action(json!({})));
    let item = json!({"sequence": 1, "event": "start", "handler": "h", "reason": "why"});
    let first = json!({"version": 1, "queue": [item, item], "emitted": ["ready"]});
    assert_eq!(report(&mut stage, first), (0, String::new(), String::new()));
    assert_eq!(describe(&stage.view, &stage.effects), ["periapt-deferred 2 queued"]);
    let (code, _, stderr) = report(&mut stage, json!({"version": 1, "queue": [{"sequence": 1}]}));
    assert_eq!((code, stderr.as_str()), (1, "ERROR invalid report: queue[0].event is missing\n"));
    assert_eq!(stage.effects.deferrals.as_ref().unwrap().queue.len(), 2, "one that is wrong changes nothing");
    let second = json!({"version": 1, "dropped": [item], "dead": [item]});
    assert_eq!(report(&mut stage, second).0, 0);
    assert_eq!(describe(&stage.view, &stage.effects), ["periapt-deferred 1 dropped, 1 dead"]);
    assert_eq!(report(&mut stage, json!({"version": 1})).0, 0);
    assert_eq!(describe(&stage.view, &stage.effects), Vec::<String>::new());
    assert!(stage.effects.is_empty() && stage.effects.deferrals.is_some());
    stage.files.insert("r.json".to_owned(), br#"{"version": 1, "emitted": ["x"]}"#.to_vec());
    check(&mut stage, &[("periapt-deferred --file r.json", 0, "", "")]);
    assert_eq!(stage.effects.deferrals.as_ref().unwrap().emitted, ["x"]);
}

#[test]
fn a_file_must_be_given_and_be_json() {
    for command in ["periapt-deferred", "periapt-log"] {
        let mut stage = Stage::config_changed();
        let no_file = "ERROR no file given: --file - reads standard input\n".to_owned();
        assert_eq!(stage.line(command), (2, String::new(), no_file));
        stage.stdin = b"{".to_vec();
        let (code, _, stderr) = stage.line(&format!("{command} --file -"));
        assert_eq!(code, 1);
        assert!(stderr.starts_with("ERROR invalid JSON: EOF while parsing an object at line 1"), "{stderr}");
    }
}

#[test]
fn many_lines_are_written_in_order_as_juju_log_would() {
    let mut stage = Stage::new(db_hook(RelationEvent::Changed, Some("db/2")));
    let lines = json!([
        {"level": "TRACE", "message": "a"}, {"message": "two\nlines"}, {"level": "loud", "message": "c"},
        {"level": "CRITICAL", "message": "d", "other": 1}, {"level": null, "message": ""},
    ]);
    stage.stdin = lines.to_string().into_bytes();
    check(&mut stage, &[("periapt-log --file -", 0, "", "")]);
    let expected = [
        (Level::Trace, "db:2: a"),
        (Level::Info, "db:2: two\nlines"),
        (Level::Warning, "db:2: Specified log level of \"loud\" is not valid"),
        (Level::Info, "db:2: c"),
        (Level::Critical, "db:2: d"),
        (Level::Info, "db:2: "),
    ];
    let expected = expected.map(|(level, message)| Immediate::Log { level, message: message.to_owned() });
    assert_eq!(stage.immediate, expected);
    for (wrong, text) in [
        ("{}", "expected a list"),
        ("[{\"message\": \"a\"}, 1]", "[1] must be an object"),
        ("[{\"level\": \"INFO\"}]", "[0].message is missing"),
        ("[{\"message\": 1}]", "[0].message must be a text"),
        ("[{\"message\": \"a\", \"level\": 1}]", "[0].level must be a text"),
    ] {
        let mut stage = Stage::config_changed();
        stage.stdin = wrong.as_bytes().to_vec();
        let expected = format!("ERROR invalid list of lines: {text}\n");
        assert_eq!(stage.line("periapt-log --file -"), (1, String::new(), expected));
        assert_eq!(stage.immediate, []);
    }
}
