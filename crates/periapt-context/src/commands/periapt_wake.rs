//! `periapt-wake`: of Periapt's own making; Juju has no such command.

use std::time::Duration;

use periapt_model::charm::CharmMeta;
use periapt_model::entity::nearest;
use periapt_model::local::{HookStep, Op};
use periapt_model::time::{Timestamp, format_duration, parse_duration};
use periapt_model::wake::{
    LONGEST_DELAY, MOST_WAKES, Wake, WakeChange, WakeWhen, change_wakes, is_same_event,
};
use serde_json::{Map, Value};

use super::periapt_deferred::short;
use crate::context::Context;
use crate::outcome::{Change, Outcome, Stop};
use crate::spec::{Flag, Formats, Spec};

/// Characters in a wake's name at most.
const LONGEST_NAME: usize = 100;

pub(crate) const SPEC: Spec = Spec {
    name: "periapt-wake",
    synopsis: "",
    purpose: "Ask to be dispatched later, although nothing else happens.",
    doc: "The unit is woken by a dispatch of hooks/periapt-wake: a framework that keeps deferred events runs them\n\
          then, and sees no other event. A hook of that name in hooks/ is run, too.\n\
          \n\
          One of --after, --at, --on, --cancel and --list is needed. --after takes 10s, 5m, 1h30m or 250ms, at most\n\
          720h, and counts from the end of this hook. --at takes a time such as 2026-01-02T03:04:05Z. --on takes a\n\
          hook of this charm, such as db-relation-changed: the unit is woken as soon as the next one has ended well.\n\
          \n\
          The wake is kept when this hook ends well. It survives restarts, and is served by any hook or action that\n\
          begins when it is due. One with a name replaces the one of the same name; a unit has at most 100. They\n\
          end with the unit.",
    flags: &[
        Flag::text("after", "Wake the unit so long after the end of this hook"),
        Flag::text("at", "Wake the unit at this time, in RFC 3339"),
        Flag::text("on", "Wake the unit after the next hook of this name"),
        Flag::text("reason", "Why, for people: `periapt why` shows it"),
        Flag::text("name", "A name of our own, to replace or cancel the wake"),
        Flag::text("cancel", "Do not wake the unit for the wake of this name; it need not be there"),
        Flag::bool("list", "Print the wakes that wait"),
    ],
    output: Some(Formats::Structured),
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    cx.args.no_more_than(0)?;
    let asked =
        ["after", "at", "on", "cancel"].into_iter().filter_map(|flag| Some((flag, cx.args.text(flag)?)));
    let listed = cx.args.is_on("list").then_some(("list", ""));
    let wanted: Vec<(&str, &str)> = asked.chain(listed).collect();
    let [(what, value)] = wanted.as_slice() else {
        let what = if wanted.is_empty() { "one" } else { "only one" };
        return Err(Stop::usage(format!("{what} of --after, --at, --on, --cancel and --list must be given")));
    };
    let when = match *what {
        "list" => return Ok(Outcome::json(list(cx))),
        "cancel" => {
            let name = name(value)?.to_owned();
            return Ok(Outcome::change(Change::Wake(WakeChange::Cancel(name))));
        }
        "after" => after(value)?,
        "at" => WakeWhen::At(Timestamp::parse_rfc3339(value).ok_or_else(|| {
            Stop::usage(format!("invalid time {value:?} for --at: expected such as 2026-01-02T03:04:05Z"))
        })?),
        _ => WakeWhen::On(event(cx, value)?),
    };
    let name = cx.args.text("name").map(name).transpose()?.map(str::to_owned);
    let reason = short(cx.args.text("reason").unwrap_or_default());
    let change = WakeChange::Ask { name, when, reason };
    let mut wakes = waiting(cx);
    change_wakes(&mut wakes, std::slice::from_ref(&change), Timestamp::default());
    if wakes.len() > MOST_WAKES {
        return Err(Stop::failed(format!(
            "{} asks to be woken {MOST_WAKES} times already: --list shows them, a wake with a --name replaces the one \
             of its name",
            cx.view.unit
        )));
    }
    Ok(Outcome::change(Change::Wake(change)))
}

fn name(text: &str) -> Result<&str, Stop> {
    match text.chars().count() {
        1..=LONGEST_NAME if !text.chars().any(char::is_control) => Ok(text),
        _ => Err(Stop::usage(format!(
            "invalid name {text:?}: 1 to {LONGEST_NAME} characters, none of them a control character"
        ))),
    }
}

fn after(text: &str) -> Result<WakeWhen, Stop> {
    let delay = parse_duration(text).ok_or_else(|| {
        Stop::usage(format!(
            "invalid duration {text:?} for --after: expected such as 10s, 5m, 1h30m or 250ms"
        ))
    })?;
    if delay > LONGEST_DELAY {
        let most = format_duration(LONGEST_DELAY);
        return Err(Stop::usage(format!("--after {text} is too long: at most {most} (30 days)")));
    }
    Ok(WakeWhen::AfterMs(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)))
}

/// The hook that is meant. A framework's spelling (`db_relation_changed`) is taken as well.
fn event(cx: &Context<'_>, text: &str) -> Result<String, Stop> {
    let known = cx.view.charm().map(hooks).unwrap_or_default();
    if let Some(hook) = known.iter().find(|hook| is_same_event(hook, text)) {
        return Ok(hook.clone());
    }
    if matches!(text, "install" | "stop" | "remove") {
        return Err(Stop::failed(format!("no wake can come after {text}: it does not happen again")));
    }
    let written = text.replace('_', "-");
    let near = nearest(&written, known.iter().map(String::as_str));
    let hint =
        near.map_or_else(|| format!("it has {}", known.join(", ")), |near| format!("did you mean {near:?}?"));
    Err(Stop::failed(format!("this charm has no hook {text:?}: {hint}")))
}

/// The hooks that a charm can get more than once, sorted.
fn hooks(meta: &CharmMeta) -> Vec<String> {
    let fixed = [
        "config-changed",
        "leader-elected",
        "leader-settings-changed",
        "secret-changed",
        "secret-expired",
        "secret-remove",
        "secret-rotate",
        "start",
        "update-status",
        "upgrade-charm",
    ];
    let of_each = |name: &str, kind: &str, ends: &[&str]| {
        ends.iter().map(|end| format!("{name}-{kind}{end}")).collect::<Vec<_>>()
    };
    let relation = ["broken", "changed", "created", "departed", "joined"];
    let endpoints = meta.endpoints.keys().flat_map(|name| of_each(name.as_str(), "relation-", &relation));
    let storages =
        meta.storages.keys().flat_map(|name| of_each(name.as_str(), "storage-", &["attached", "detaching"]));
    let containers = meta.containers.keys().flat_map(|name| {
        of_each(name.as_str(), "pebble-", &["check-failed", "check-recovered", "custom-notice", "ready"])
    });
    let mut all: Vec<String> =
        fixed.into_iter().map(str::to_owned).chain(endpoints).chain(storages).chain(containers).collect();
    all.sort_unstable();
    all
}

/// The wakes that are still to come when this context has ended well.
fn waiting(cx: &Context<'_>) -> Vec<Wake> {
    let mut wakes = kept(cx);
    // When this context ends is not known here; in this list, times of its own wakes mean nothing.
    change_wakes(&mut wakes, &cx.effects.wakes, Timestamp::default());
    wakes
}

/// The wakes of the agent's memory without those that this hook serves.
fn kept(cx: &Context<'_>) -> Vec<Wake> {
    let local = &cx.view.local;
    let begun = match &local.op {
        Op::Hook { step: HookStep::Pending { since, .. }, .. } => Some(*since),
        _ => None,
    };
    let served = |wake: &Wake| begun.is_some_and(|begun| wake.alarm.is_due(begun));
    local.wakes.iter().filter(|wake| !served(wake)).cloned().collect()
}

fn list(cx: &Context<'_>) -> Value {
    let kept = kept(cx);
    let one = |wake: Wake| {
        let mut map = Map::new();
        let mut put = |key: &str, value: String| drop(map.insert(key.to_owned(), Value::from(value)));
        if let Some(name) = &wake.name {
            put("name", name.clone());
        }
        match &wake.alarm.when {
            WakeWhen::AfterMs(ms) => put("after", format_duration(Duration::from_millis(*ms))),
            WakeWhen::At(at) => put("at", at.to_rfc3339()),
            WakeWhen::On(event) => put("on", event.clone()),
        }
        if let Some(due) = wake.alarm.due.filter(|_| kept.contains(&wake)) {
            put("due", due.to_rfc3339());
        }
        if !wake.reason.is_empty() {
            put("reason", wake.reason.clone());
        }
        Value::Object(map)
    };
    waiting(cx).into_iter().map(one).collect()
}
