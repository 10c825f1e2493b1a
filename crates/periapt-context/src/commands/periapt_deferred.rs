//! `periapt-deferred`: of Periapt's own making; Juju has no such command.

use std::time::Duration;

use periapt_model::deferral::{DeferralReport, ReportedDeferral};
use periapt_model::journal::Dropped;
use periapt_model::local::Notice;
use periapt_model::time::Timestamp;
use periapt_model::wake::{LONGEST_DELAY, WakeWhen};
use serde_json::{Map, Value};

use crate::context::Context;
use crate::outcome::{Change, Outcome, Stop};
use crate::spec::{Flag, Spec};

/// The version of the form.
const VERSION: u64 = 1;
/// Characters of a reason that are kept.
const LONGEST_REASON: usize = 500;

pub(crate) const SPEC: Spec = Spec {
    name: "periapt-deferred",
    synopsis: "",
    purpose: "Tell the agent what this charm's framework has deferred.",
    doc: "For frameworks, which call it at the end of each dispatch. The file holds a JSON object:\n\
          \n\
          {\"version\": 1,\n\
          \x20\"queue\": [{\"sequence\": 12, \"event\": \"db-relation-changed\", \"observer\": \"Api\", \"handler\": \"reconcile\",\n\
          \x20  \"reason\": \"the API does not answer yet\", \"attempts\": 3, \"first\": \"2026-01-02T03:04:05Z\",\n\
          \x20  \"lane\": \"db\", \"wake\": {\"after_ms\": 10000}}],\n\
          \x20\"dropped\": [{\"sequence\": 3, \"event\": \"...\", \"handler\": \"...\", \"reason\": \"relation db:3 is gone\"}],\n\
          \x20\"dead\": [],\n\
          \x20\"emitted\": [\"database_ready\"]}\n\
          \n\
          queue is all that is deferred now, in the order in which it is run; dropped is what left it in this dispatch\n\
          without being done; dead is what the charm keeps and no longer knows how to run; emitted are the custom events of\n\
          this dispatch. wake is one of at (RFC 3339), after_ms and on (a hook); without it the agent decides. Of an item\n\
          only sequence, event and handler are needed.\n\
          \n\
          The last call of a dispatch counts, when the dispatch ends well. An agent that was told once does not look\n\
          into the charm's own files any more.",
    flags: &[Flag::text("file", "The file with the JSON object; - is standard input")],
    output: None,
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let value = json_file(cx)?;
    let report = read(&value).map_err(|error| Stop::failed(format!("invalid report: {error}")))?;
    Ok(Outcome::change(Change::Deferrals(Box::new(report))))
}

/// The JSON value in the file that the command line names.
pub(super) fn json_file(cx: &Context<'_>) -> Result<Value, Stop> {
    cx.args.no_more_than(0)?;
    let path = cx.args.text("file").filter(|path| !path.is_empty());
    let path = path.ok_or_else(|| Stop::usage("no file given: --file - reads standard input"))?;
    // What a charm says in a text must not cost it its hook.
    let text = String::from_utf8_lossy(cx.file(path)?);
    serde_json::from_str(&text).map_err(|error| Stop::failed(format!("invalid JSON: {error}")))
}

/// A reason, cut where it is too long to be read.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST_REASON) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn read(value: &Value) -> Result<DeferralReport, String> {
    let map = value.as_object().ok_or_else(|| format!("expected an object, got {}", kind(value)))?;
    match map.get("version") {
        None => return Err("version is missing".to_owned()),
        Some(version) if version.as_u64() == Some(VERSION) => {}
        Some(version) => {
            return Err(format!("unknown version {version}: this agent knows version {VERSION}"));
        }
    }
    Ok(DeferralReport {
        queue: items(map, "queue", Item::deferral)?,
        dropped: items(map, "dropped", Item::dropped)?,
        dead: items(map, "dead", Item::deferral)?,
        emitted: list(map, "emitted")?
            .iter()
            .enumerate()
            .map(|(place, name)| match name {
                Value::String(name) => Ok(short(name)),
                other => Err(format!("emitted[{place}] must be a text, not {}", kind(other))),
            })
            .collect::<Result<_, _>>()?,
    })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn list<'a>(map: &'a Map<String, Value>, name: &str) -> Result<&'a [Value], String> {
    match map.get(name) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(other) => Err(format!("{name} must be a list, not {}", kind(other))),
    }
}

fn items<'a, T>(
    map: &'a Map<String, Value>,
    name: &'static str,
    one: impl Fn(&Item<'a>) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let list = list(map, name)?.iter().enumerate();
    list.map(|(place, value)| {
        let fields = value.as_object();
        let fields =
            fields.ok_or_else(|| format!("{name}[{place}] must be an object, not {}", kind(value)))?;
        one(&Item { fields, list: name, place })
    })
    .collect()
}

/// One object of a list, with where it stands.
struct Item<'a> {
    fields: &'a Map<String, Value>,
    list: &'static str,
    place: usize,
}

impl<'a> Item<'a> {
    fn wrong(&self, field: &str, expected: &str, got: &Value) -> String {
        format!("{}[{}].{field} must be {expected}, not {}", self.list, self.place, kind(got))
    }

    fn get(&self, field: &str) -> Option<&'a Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    fn required<T>(&self, field: &str, value: Option<T>) -> Result<T, String> {
        value.ok_or_else(|| format!("{}[{}].{field} is missing", self.list, self.place))
    }

    fn text(&self, field: &str) -> Result<Option<&'a str>, String> {
        self.get(field).map(|v| v.as_str().ok_or_else(|| self.wrong(field, "a text", v))).transpose()
    }

    fn name(&self, field: &str) -> Result<String, String> {
        match self.required(field, self.text(field)?)? {
            "" => Err(format!("{}[{}].{field} is empty", self.list, self.place)),
            name => Ok(name.to_owned()),
        }
    }

    fn time(&self, field: &str) -> Result<Option<Timestamp>, String> {
        self.get(field).map(|value| self.timestamp(field, value)).transpose()
    }

    fn timestamp(&self, field: &str, value: &Value) -> Result<Timestamp, String> {
        let expected = "a time such as \"2026-01-02T03:04:05Z\"";
        match value {
            Value::String(text) => Timestamp::parse_rfc3339(text).ok_or_else(|| {
                format!("{}[{}].{field} must be {expected}, not {text:?}", self.list, self.place)
            }),
            other => Err(self.wrong(field, expected, other)),
        }
    }

    fn notice(&self) -> Result<Notice, String> {
        let sequence = self
            .get("sequence")
            .map(|value| value.as_i64().ok_or_else(|| self.wrong("sequence", "a whole number", value)));
        Ok(Notice {
            sequence: self.required("sequence", sequence.transpose()?)?,
            event: self.name("event")?,
            observer: self.text("observer")?.unwrap_or_default().to_owned(),
            method: self.name("handler")?,
        })
    }

    fn deferral(&self) -> Result<ReportedDeferral, String> {
        let attempts = self.get("attempts").map(|value| {
            value.as_u64().ok_or_else(|| self.wrong("attempts", "a whole number from 0 on", value))
        });
        Ok(ReportedDeferral {
            notice: self.notice()?,
            reason: short(self.text("reason")?.unwrap_or_default()),
            lane: short(self.text("lane")?.unwrap_or_default()),
            attempts: attempts.transpose()?.map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
            first: self.time("first")?,
            wake: self.get("wake").map(|value| self.wake(value)).transpose()?,
        })
    }

    fn dropped(&self) -> Result<Dropped, String> {
        let reason = self.text("reason")?.filter(|reason| !reason.is_empty()).unwrap_or("no reason given");
        Ok(Dropped { notice: self.notice()?, reason: short(reason) })
    }

    fn wake(&self, value: &Value) -> Result<WakeWhen, String> {
        let expected = "an object with one of at, after_ms and on";
        let map = value.as_object().ok_or_else(|| self.wrong("wake", expected, value))?;
        let given: Vec<(&str, &Value)> = ["at", "after_ms", "on"]
            .into_iter()
            .filter_map(|key| map.get(key).filter(|value| !value.is_null()).map(|value| (key, value)))
            .collect();
        match given.as_slice() {
            [("at", value)] => Ok(WakeWhen::At(self.timestamp("wake.at", value)?)),
            [("on", Value::String(event))] if !event.is_empty() => Ok(WakeWhen::On(event.clone())),
            [("on", value)] => Err(self.wrong("wake.on", "the name of a hook", value)),
            [(_, value)] => {
                let wrong = || self.wrong("wake.after_ms", "a whole number of milliseconds", value);
                let ms = value.as_u64().ok_or_else(wrong)?;
                if Duration::from_millis(ms) > LONGEST_DELAY {
                    return Err(format!(
                        "{}[{}].wake.after_ms is more than 30 days: {ms}",
                        self.list, self.place
                    ));
                }
                Ok(WakeWhen::AfterMs(ms))
            }
            _ => Err(format!("{}[{}].wake must be {expected}", self.list, self.place)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_is_read_with_all_its_fields() {
        let report = read(&json!({
            "version": 1, "other": true,
            "queue": [
                {"sequence": 12, "event": "db-relation-changed", "observer": "Api", "handler": "reconcile", "reason": "r",
                 "attempts": 3, "first": "1970-01-01T00:00:05Z", "lane": "db", "wake": {"after_ms": 10000}},
                {"sequence": 13, "event": "start", "handler": "h", "wake": {"at": "1970-01-01T01:00:07+01:00"}},
                {"sequence": 14, "event": "start", "handler": "h", "reason": null, "wake": {"on": "db_ready", "at": null}},
            ],
            "dropped": [{"sequence": 3, "event": "e", "handler": "h"}],
            "dead": [{"sequence": 1, "event": "e", "handler": "gone"}],
            "emitted": ["a", "b"],
        }));
        let report = report.unwrap();
        let first = &report.queue[0];
        assert_eq!(
            (first.attempts, first.first, first.lane.as_str()),
            (Some(3), Some(Timestamp(5_000)), "db")
        );
        let wakes: Vec<_> = report.queue.iter().map(|item| item.wake.clone().unwrap()).collect();
        let expected =
            [WakeWhen::AfterMs(10_000), WakeWhen::At(Timestamp(7_000)), WakeWhen::On("db_ready".into())];
        assert_eq!(wakes, expected);
        assert_eq!(report.dropped[0].reason, "no reason given");
        assert_eq!((report.dead.len(), report.emitted.len()), (1, 2));
        assert_eq!(read(&json!({"version": 1})).unwrap(), DeferralReport::default());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let item = |key: &str, value: Value| {
            let mut item = json!({"sequence": 1, "event": "e", "handler": "h"});
            item[key] = value;
            json!({"version": 1, "queue": [{"sequence": 1, "event": "e", "handler": "h"}, item]})
        };
        for (value, text) in [
            (json!([]), "expected an object, got a list"),
            (json!({}), "version is missing"),
            (json!({"version": 2}), "unknown version 2: this agent knows version 1"),
            (json!({"version": "1"}), "unknown version \"1\": this agent knows version 1"),
            (json!({"version": 1, "queue": {}}), "queue must be a list, not an object"),
            (json!({"version": 1, "dead": [1]}), "dead[0] must be an object, not a number"),
            (json!({"version": 1, "emitted": ["a", 1]}), "emitted[1] must be a text, not a number"),
            (item("sequence", Value::Null), "queue[1].sequence is missing"),
            (item("sequence", json!(1.5)), "queue[1].sequence must be a whole number, not a number"),
            (item("handler", json!("")), "queue[1].handler is empty"),
            (item("event", json!(1)), "queue[1].event must be a text, not a number"),
            (item("attempts", json!("3")), "queue[1].attempts must be a whole number from 0 on, not a text"),
            (
                item("first", json!("today")),
                "queue[1].first must be a time such as \"2026-01-02T03:04:05Z\", not \"today\"",
            ),
            (item("wake", json!({})), "queue[1].wake must be an object with one of at, after_ms and on"),
            (
                item("wake", json!({"on": "a", "after_ms": 1})),
                "queue[1].wake must be an object with one of at, after_ms and on",
            ),
            (item("wake", json!({"on": 1})), "queue[1].wake.on must be the name of a hook, not a number"),
            (
                item("wake", json!({"after_ms": -1})),
                "queue[1].wake.after_ms must be a whole number of milliseconds, not a number",
            ),
            (
                item("wake", json!({"after_ms": 2_592_000_001_u64})),
                "queue[1].wake.after_ms is more than 30 days: 2592000001",
            ),
        ] {
            assert_eq!(read(&value).unwrap_err(), text);
        }
    }

    #[test]
    fn a_reason_is_cut_between_characters() {
        let long = "é".repeat(LONGEST_REASON + 1);
        assert_eq!(short(&long).chars().count(), LONGEST_REASON + 1);
        assert!(short(&long).ends_with('…'));
        assert_eq!(short("x"), "x");
    }
}
