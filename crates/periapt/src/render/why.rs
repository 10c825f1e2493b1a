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
mod tests;
