//! `why`: what something waits for, in sentences.

use periapt_controller::views::why::{ApplicationWait, ApplicationWhy, Lacking, UnitWhy};
use periapt_lifecycle::{NextMoment, Wait};
use periapt_model::local::Deferred;
use periapt_model::names::UnitName;
use periapt_model::remote::Resolve;
use periapt_model::wake::WakeWhen;

use super::style::{BAD, DIM, GOOD, NAME, WAITS, of_status, paint};
use super::table::one_line;
use super::tail::{because, count, what};
use super::time::Clock;

/// A unit.
pub fn unit(why: &UnitWhy, clock: &Clock) -> String {
    let mut out = heading(why);
    out.push_str(&said(why, clock));
    let waits = why.waits.as_ref();
    let lines: Vec<String> =
        waits.iter().flat_map(|w| &w.waits).flat_map(|wait| sentence(why, wait, clock)).collect();
    push_points(&mut out, &lines);
    if let Some(holder) = &why.machine_held_by {
        push_points(
            &mut out,
            &[format!("a hook or task of {holder} runs on its machine, where they take turns")],
        );
    }
    let elsewhere: Vec<String> = why.not_taken_up.iter().map(application_wait).collect();
    push_points(&mut out, &elsewhere);
    push_points(&mut out, &lacking(&why.lacking, why.unit.app().as_str()));
    if waits.is_none() {
        push_points(&mut out, &["no agent has taken the unit yet".to_owned()]);
    }
    out.push_str(&next(waits.and_then(|w| w.next.as_ref()), clock));
    out
}

/// An application: what it waits for as a whole, then each unit that is not settled.
pub fn application(why: &ApplicationWhy, clock: &Clock) -> String {
    let name = paint(NAME, &why.application);
    let state = if why.settled { paint(GOOD, "is settled") } else { paint(WAITS, "is not settled") };
    let mut out = format!("{name} {state}\n");
    let lines: Vec<String> = why.waits.iter().map(application_wait).collect();
    push_points(&mut out, &lines);
    push_points(&mut out, &lacking(&why.lacking, why.application.as_str()));
    let (settled, busy): (Vec<&UnitWhy>, Vec<&UnitWhy>) =
        why.units.iter().partition(|unit| unit.settled && !wants_somebody(unit));
    for why in busy {
        // The relations that the charm lacks, or another model, have been named for all units at once.
        let why = UnitWhy { lacking: Vec::new(), not_taken_up: Vec::new(), ..why.clone() };
        out.push('\n');
        out.push_str(&unit(&why, clock));
    }
    if !settled.is_empty() {
        let names: Vec<String> = settled.iter().map(|unit| unit.unit.to_string()).collect();
        out.push_str(&format!("\n{}\n", paint(DIM, format!("settled: {}", names.join(", ")))));
    }
    out
}

/// Nothing of its own will help a unit that is blocked, and no event of its own a dead letter.
fn wants_somebody(why: &UnitWhy) -> bool {
    let waits = why.waits.iter().flat_map(|waits| &waits.waits);
    why.workload.status == "blocked" || waits.into_iter().any(|wait| matches!(wait, Wait::DeadLetter { .. }))
}

fn heading(why: &UnitWhy) -> String {
    let name = paint(NAME, &why.unit);
    let leader = if why.leader { " (leader)" } else { "" };
    let state = match (why.settled, why.idle) {
        (true, _) if !why.not_taken_up.is_empty() => {
            paint(WAITS, "has nothing to do, and waits for another model")
        }
        (true, _) => paint(GOOD, "is settled: nothing is queued, running, failed or deferred"),
        (false, true) => paint(WAITS, "is idle, and has deferred events"),
        (false, false) => paint(WAITS, "is not settled"),
    };
    format!("{name}{leader} {state}\n")
}

/// What the charm and the agent say of themselves.
fn said(why: &UnitWhy, clock: &Clock) -> String {
    let one = |who: &str, said: &periapt_controller::views::why::Said| {
        let message = because(&said.message);
        let word = paint(of_status(&said.status), &said.status);
        format!("  {who} {word}{message}, since {}\n", clock.moment(said.since))
    };
    format!("{}{}", one("workload", &why.workload), one("agent   ", &why.agent))
}

fn push_points(out: &mut String, lines: &[String]) {
    for line in lines {
        let mut rows = line.lines();
        out.push_str(&format!("  • {}\n", rows.next().unwrap_or_default()));
        rows.for_each(|row| out.push_str(&format!("    {row}\n")));
    }
}

fn about(about: &Option<UnitName>) -> String {
    about.as_ref().map(|unit| format!(" for {unit}")).unwrap_or_default()
}

/// One thing that a unit waits for. Several lines are one point.
fn sentence(why: &UnitWhy, wait: &Wait, clock: &Clock) -> Option<String> {
    let unit = &why.unit;
    Some(match wait {
        Wait::HookRuns { hook, about: subject, since, attempt } => {
            let attempt = if *attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
            format!("{hook}{} is running, since {}{attempt}", about(subject), clock.relative(*since))
        }
        Wait::HookInterrupted { hook, about: subject, at, attempt, retry_at } => {
            let attempt = if *attempt > 1 { format!(", in attempt {attempt}") } else { String::new() };
            let again = retry_at.map_or_else(|| "at once".to_owned(), |at| clock.relative(at));
            let when = clock.relative(*at);
            format!("{hook}{} was interrupted {when}{attempt}\nit runs again {again}", about(subject))
        }
        Wait::HookFailed { hook, about: subject, at, attempts, reason, output, retry_at, resolved } => {
            let often = match attempts {
                0 | 1 => String::new(),
                n => format!(" {n} times in a row, the last time"),
            };
            let failed = paint(BAD, "failed");
            let mut text = format!(
                "{hook}{} {failed}{often} {}{}",
                about(subject),
                clock.relative(*at),
                because(reason)
            );
            text.push_str(&match (resolved, retry_at) {
                (Some(Resolve::Retry), _) => "\nit runs again now: an operator resolved it".to_owned(),
                (Some(Resolve::NoRetry), _) => "\nit is skipped now: an operator resolved it".to_owned(),
                (None, Some(at)) => format!("\nit runs again {}; periapt resolved {unit} runs it now", clock.relative(*at)),
                (None, None) => format!(
                    "\nit is not retried (automatically-retry-hooks is off): periapt resolved {unit} runs it again"
                ),
            });
            if !output.is_empty() {
                text.push_str("\nits last output:");
                output.iter().for_each(|line| {
                    text.push_str(&format!("\n{} {}", paint(BAD, "│"), one_line(line)));
                });
            }
            text
        }
        Wait::Deferred { event, next_wake } => {
            let Deferred { notice, first, tries, reason, lane, wake, .. } = event;
            let latest = next_wake.map(|at| format!("{} at the latest", clock.relative(at)));
            let wake = match (wake.as_ref().map(|alarm| (&alarm.when, alarm.due)), latest) {
                (Some((WakeWhen::On(event), None)), latest) => {
                    let latest = latest.map(|latest| format!(", {latest}")).unwrap_or_default();
                    format!("runs again after the next {}{latest}", one_line(event))
                }
                (Some((_, Some(at))), _) => format!("wakes {}, as the charm asked", clock.relative(at)),
                (_, Some(latest)) => format!("runs again {latest}"),
                (_, None) => "runs again with the next event".to_owned(),
            };
            let lane = if lane.is_empty() { String::new() } else { format!(" in lane {}", one_line(lane)) };
            format!(
                "{} is {}{lane}, {}, first {}{}{}it {wake}",
                what(notice),
                paint(WAITS, "deferred"),
                count(*tries, "time"),
                clock.relative(*first),
                because(reason),
                if reason.is_empty() { "; " } else { "\n" },
            )
        }
        Wait::Wake { wake } => {
            let name = wake.name.as_ref().map(|name| format!(" ({})", one_line(name))).unwrap_or_default();
            let when = match (&wake.alarm.when, wake.alarm.due) {
                (WakeWhen::On(event), None) => format!("after the next {}", one_line(event)),
                (WakeWhen::On(event), Some(_)) => format!("at once, after {}", one_line(event)),
                (_, due) => clock.relative(due.unwrap_or(wake.alarm.asked)),
            };
            format!("the charm asked to be woken {when}{name}{}", because(&wake.reason))
        }
        Wait::DeadLetter { event: Deferred { notice, first, reason, .. } } => format!(
            "{} is a {}, first deferred {}: its charm no longer knows the event or the handler; in Rust, a handler with \
             `.was({:?})` takes it over{}",
            what(notice),
            paint(BAD, "dead letter"),
            clock.relative(*first),
            one_line(&notice.method),
            if reason.is_empty() { String::new() } else { format!(" ({})", one_line(reason)) },
        ),
        Wait::Deploying { url, failed: Some(failure) } => {
            let retry = failure.retry_at.map(|at| format!("; it is tried again {}", clock.relative(at)));
            format!("{url} cannot be put in place{}{}", because(&failure.reason), retry.unwrap_or_default())
        }
        Wait::UpgradeWaits { url } if why.agent.status == "error" => format!(
            "the upgrade to {url} waits for the end of the error: periapt refresh {} --force-units puts the files in place \
             at once, and periapt resolved {unit} runs the hook with them",
            unit.app()
        ),
        Wait::NobodyJoined { relation, endpoint, remote_app } => {
            format!("relation {endpoint}:{relation}: no unit of {remote_app} has joined")
        }
        other => one_line(&other.to_string()),
    })
}

fn next(next: Option<&NextMoment>, clock: &Clock) -> String {
    match next {
        Some(NextMoment { at, what }) => format!("  next: {what} {}\n", clock.relative(*at)),
        None => "  next: nothing happens by itself\n".to_owned(),
    }
}

/// So many endpoints are named one by one; there are charms that require hundreds, and live without them.
const LACKING_NAMED: usize = 5;

/// The relations that a charm requires and has none of: first those that can be had.
fn lacking(lacking: &[Lacking], app: &str) -> Vec<String> {
    let one = |Lacking { endpoint, interface, offered_by }: &Lacking| {
        let offers = match offered_by.as_slice() {
            [] => "no application of this model provides it".to_owned(),
            [other] => format!("periapt integrate {app}:{endpoint} {other}"),
            several => {
                let names: Vec<&str> = several.iter().map(|name| name.as_str()).collect();
                format!("{} provide it", names.join(", "))
            }
        };
        format!("its charm requires a relation {endpoint} (interface {interface}) and has none: {offers}")
    };
    let (offered, alone): (Vec<&Lacking>, Vec<&Lacking>) =
        lacking.iter().partition(|lacking| !lacking.offered_by.is_empty());
    let mut lines: Vec<String> = offered.iter().take(LACKING_NAMED).map(|lacking| one(lacking)).collect();
    if let Some(rest) = offered.get(LACKING_NAMED..).filter(|rest| !rest.is_empty()) {
        let rest = some(rest);
        lines.push(format!("applications of this model also provide what its charm requires as {rest}"));
    }
    match alone.as_slice() {
        [] => {}
        [single] => lines.push(one(single)),
        several => lines.push(format!(
            "its charm requires relations that no application of this model provides: {}",
            some(several)
        )),
    }
    lines
}

/// The first endpoints by name, and how many more there are.
fn some(endpoints: &[&Lacking]) -> String {
    let named = endpoints.iter().take(LACKING_NAMED).map(|l| format!("{} ({})", l.endpoint, l.interface));
    let mut text = named.collect::<Vec<_>>().join(", ");
    let more = endpoints.len().saturating_sub(LACKING_NAMED);
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

fn names(units: &[UnitName]) -> String {
    units.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn application_wait(wait: &ApplicationWait) -> String {
    match wait {
        ApplicationWait::UnitsRemain { units } => format!("it is going away and waits for {}", names(units)),
        ApplicationWait::RelationRemains { relation, key, held_by } => match held_by.as_slice() {
            [] => format!("it is going away and relation {relation} ({key}) is still there"),
            held_by => {
                format!("it is going away and relation {relation} ({key}) is held by {}", names(held_by))
            }
        },
        ApplicationWait::NoLeader => "none of its units leads yet".to_owned(),
        ApplicationWait::NoUnits => "it has no units: periapt add-unit gives it one".to_owned(),
        ApplicationWait::NoPrincipals => {
            "it has no units: they come with those of an application that it is integrated with".to_owned()
        }
        ApplicationWait::UpgradeRemains { url, units } => {
            format!("{} still to be upgraded to {url}", names(units))
        }
        ApplicationWait::RelationUnknown { relation, key } => format!(
            "the other model has not taken relation {relation} ({key}) up: an earlier one may still be ending there, or \
             daemon.log says why it cannot, such as for a limit"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use periapt_lifecycle::Waits;
    use periapt_model::local::Notice;
    use periapt_model::wake::{Alarm, Wake};

    use super::*;
    use crate::render::time::tests::{NOW, utc};

    fn waiting(waits: Vec<Wait>, next: Option<NextMoment>) -> UnitWhy {
        let unit: UnitName = "db/0".parse().unwrap();
        let mut why: UnitWhy = serde_json::from_value(serde_json::json!({
            "unit": "db/0", "life": "alive", "leader": true, "settled": false, "idle": false,
            "workload": {"status": "waiting", "message": "for a peer", "since": NOW.0 - 5000},
            "agent": {"status": "idle", "since": NOW.0},
        }))
        .unwrap();
        why.waits = Some(Waits { unit, settled: false, waits, next, update_status: None });
        why
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn deferred_and_failed_events_name_their_next_moment() {
        let notice = Notice {
            sequence: 1,
            event: "DbCharm/on/start[6]".to_owned(),
            observer: "DbCharm".to_owned(),
            method: "_on_start".to_owned(),
        };
        let event = Deferred { first: NOW - Duration::from_secs(9), tries: 3, ..Deferred::new(notice, NOW) };
        let wake = NOW + Duration::from_secs(4);
        let why = waiting(
            vec![
                Wait::HookFailed {
                    hook: "db-relation-changed".into(),
                    about: Some("web/1".parse().unwrap()),
                    at: NOW - Duration::from_secs(2),
                    attempts: 2,
                    reason: "exit status 1".into(),
                    output: vec!["Traceback".into(), "KeyError: 'host'".into()],
                    retry_at: Some(NOW + Duration::from_secs(8)),
                    resolved: None,
                },
                Wait::Deferred { event, next_wake: Some(wake) },
            ],
            Some(NextMoment { at: wake, what: "the deferred events are run again".into() }),
        );
        insta::assert_snapshot!(plain(&unit(&why, &utc())), @r"
        db/0 (leader) is not settled
          workload waiting: for a peer, since 12:03:12
          agent    idle, since 12:03:17
          • db-relation-changed for web/1 failed 2 times in a row, the last time 2 s ago (12:03:15): exit status 1
            it runs again in 8 s (12:03:25); periapt resolved db/0 runs it now
            its last output:
            │ Traceback
            │ KeyError: 'host'
          • start by DbCharm._on_start is deferred, 3 times, first 9 s ago (12:03:08); it runs again in 4 s (12:03:21) at the latest
          next: the deferred events are run again in 4 s (12:03:21)
        ");
    }

    #[test]
    fn who_holds_the_machine_is_named() {
        let mut why = waiting(vec![Wait::Due { what: "remove runs next".to_owned() }], None);
        why.machine_held_by = Some("logger/0".parse().unwrap());
        let said = plain(&unit(&why, &utc()));
        assert!(
            said.contains("• a hook or task of logger/0 runs on its machine, where they take turns\n"),
            "{said}"
        );
    }

    #[test]
    fn wakes_reasons_and_dead_letters_are_told_and_cannot_steer_the_terminal() {
        let notice = |event: &str| Notice {
            sequence: 1,
            event: event.to_owned(),
            observer: "Api".to_owned(),
            method: "reconcile".to_owned(),
        };
        let deferred = |event: &str, when: WakeWhen| Deferred {
            reason: "the API\x1b[2J does not\nanswer yet".into(),
            lane: "db".into(),
            wake: Some(Alarm::set(when, NOW)),
            ..Deferred::new(notice(event), NOW - Duration::from_secs(9))
        };
        let wake = |when, name: Option<&str>| Wait::Wake {
            wake: Wake {
                name: name.map(str::to_owned),
                reason: "certificate\r ends".into(),
                alarm: Alarm::set(when, NOW),
            },
        };
        let changed = || WakeWhen::On("db-relation-changed".into());
        let tick = NOW + Duration::from_secs(300);
        let why = waiting(
            vec![
                Wait::Deferred { event: deferred("start", WakeWhen::AfterMs(8_000)), next_wake: None },
                Wait::Deferred { event: deferred("config-changed", changed()), next_wake: Some(tick) },
                wake(WakeWhen::AfterMs(60_000), Some("renew")),
                wake(changed(), None),
                Wait::DeadLetter { event: Deferred { wake: None, ..deferred("old-event", changed()) } },
            ],
            None,
        );
        insta::assert_snapshot!(plain(&unit(&why, &utc())), @r#"
        db/0 (leader) is not settled
          workload waiting: for a peer, since 12:03:12
          agent    idle, since 12:03:17
          • start by Api.reconcile is deferred in lane db, 1 time, first 9 s ago (12:03:08): the API does not answer yet
            it wakes in 8 s (12:03:25), as the charm asked
          • config-changed by Api.reconcile is deferred in lane db, 1 time, first 9 s ago (12:03:08): the API does not answer yet
            it runs again after the next db-relation-changed, in 5 min (12:08:17) at the latest
          • the charm asked to be woken in 1 min (12:04:17) (renew): certificate  ends
          • the charm asked to be woken after the next db-relation-changed: certificate  ends
          • old-event by Api.reconcile is a dead letter, first deferred 9 s ago (12:03:08): its charm no longer knows the event or the handler; in Rust, a handler with `.was("reconcile")` takes it over (the API does not answer yet)
          next: nothing happens by itself
        "#);
    }

    #[test]
    fn an_application_tells_of_its_units_and_of_what_it_lacks() {
        let why = ApplicationWhy {
            application: "db".parse().unwrap(),
            life: periapt_model::status::Life::Alive,
            settled: false,
            waits: vec![ApplicationWait::NoLeader],
            lacking: vec![Lacking {
                endpoint: "cert".parse().unwrap(),
                interface: "tls".into(),
                offered_by: vec!["ca".parse().unwrap()],
            }],
            units: vec![waiting(vec![Wait::NoLeader], None)],
        };
        insta::assert_snapshot!(plain(&application(&why, &utc())), @r"
        db is not settled
          • none of its units leads yet
          • its charm requires a relation cert (interface tls) and has none: periapt integrate db:cert ca

        db/0 (leader) is not settled
          workload waiting: for a peer, since 12:03:12
          agent    idle, since 12:03:17
          • nobody leads the application
          next: nothing happens by itself
        ");
    }

    #[test]
    fn what_only_somebody_else_can_end_is_told_of_settled_units_too() {
        let unit = |status: &str, waits: Vec<Wait>| {
            let mut why = UnitWhy { settled: true, idle: true, ..waiting(waits, None) };
            status.clone_into(&mut why.workload.status);
            why
        };
        let dead = Wait::DeadLetter {
            event: Deferred::new(
                Notice {
                    sequence: 1,
                    event: "old".to_owned(),
                    observer: "Api".to_owned(),
                    method: "gone".to_owned(),
                },
                NOW,
            ),
        };
        let told = |units: Vec<UnitWhy>| {
            let why = ApplicationWhy {
                application: "db".parse().unwrap(),
                life: periapt_model::status::Life::Alive,
                settled: true,
                waits: Vec::new(),
                lacking: Vec::new(),
                units,
            };
            plain(&application(&why, &utc()))
        };
        assert!(told(vec![unit("blocked", vec![])]).contains("  workload blocked: for a peer"));
        assert!(told(vec![unit("active", vec![dead])]).contains("dead letter"));
        assert_eq!(told(vec![unit("active", vec![])]), "db is settled\n\nsettled: db/0\n");
    }

    #[test]
    fn an_upgrade_that_waits_for_an_error_says_how_it_comes_at_once() {
        let mut why = waiting(vec![Wait::UpgradeWaits { url: "local:db-1".to_owned() }], None);
        assert!(!plain(&unit(&why, &utc())).contains("force-units"));
        "error".clone_into(&mut why.agent.status);
        let said = plain(&unit(&why, &utc()));
        assert!(
            said.contains("periapt refresh db --force-units") && said.contains("periapt resolved db/0"),
            "{said}"
        );
    }

    #[test]
    fn a_unit_that_waits_for_another_model_does_not_say_that_it_is_settled() {
        let relation = "3".parse().unwrap();
        let unknown = ApplicationWait::RelationUnknown { relation, key: "db:remote far:sql".into() };
        let settled = UnitWhy { settled: true, idle: true, ..waiting(Vec::new(), None) };
        let clock = utc();
        assert!(plain(&unit(&settled, &clock)).contains("is settled"));
        let text = plain(&unit(&UnitWhy { not_taken_up: vec![unknown], ..settled }, &clock));
        assert!(text.contains("has nothing to do, and waits for another model"), "{text}");
        assert!(text.contains("• the other model has not taken relation 3 (db:remote far:sql) up"), "{text}");
    }

    #[test]
    fn many_relations_that_a_charm_lacks_stay_a_few_lines() {
        let lack = |n: usize, offered: &[&str]| Lacking {
            endpoint: format!("e{n}").parse().unwrap(),
            interface: "i".into(),
            offered_by: offered.iter().map(|app| app.parse().unwrap()).collect(),
        };
        let many: Vec<Lacking> = (0..20).map(|n| lack(n, if n % 2 == 0 { &["ca"] } else { &[] })).collect();
        let lines = lacking(&many, "db");
        assert_eq!(lines.len(), LACKING_NAMED + 2);
        assert!(
            lines[0].ends_with("e0 (interface i) and has none: periapt integrate db:e0 ca"),
            "{}",
            lines[0]
        );
        let offered = "applications of this model also provide what its charm requires as \
                       e10 (i), e12 (i), e14 (i), e16 (i), e18 (i)";
        assert_eq!(lines[5], offered);
        let alone = "its charm requires relations that no application of this model provides: \
                     e1 (i), e3 (i), e5 (i), e7 (i), e9 (i) and 5 more";
        assert_eq!(lines[6], alone);
    }
}
