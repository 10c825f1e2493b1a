//! What a unit waits for, and the next moment at which something will happen (I4).

use std::fmt;

use periapt_model::hook::Hook;
use periapt_model::local::{Deferred, Failure, HookStep, Local, Op};
use periapt_model::names::{AppName, EndpointName, RelationId, TaskId, UnitName};
use periapt_model::remote::{Remote, Resolve};
use periapt_model::status::Life;
use periapt_model::time::{Moment, Timestamp};
use periapt_model::wake::{Wake, WakeWhen};
use serde::{Deserialize, Serialize};

use crate::next::{retry_at, tries, waits_to_enter};
use crate::step::{RestReason, Step};
use crate::timers;

/// One thing that a unit waits for, or is busy with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Wait {
    /// A hook runs.
    HookRuns {
        /// Its name.
        hook: String,
        /// The remote unit it is about.
        about: Option<UnitName>,
        /// Since when.
        since: Timestamp,
        /// 1 for its first try.
        attempt: u32,
    },
    /// A hook's process was ended from outside, which is no failure: the hook runs again.
    HookInterrupted {
        /// Its name.
        hook: String,
        /// The remote unit it is about.
        about: Option<UnitName>,
        /// When the process ended.
        at: Timestamp,
        /// Which try it was.
        attempt: u32,
        /// When the hook runs again; None: at once.
        retry_at: Option<Timestamp>,
    },
    /// A task runs.
    TaskRuns {
        /// Which.
        task: TaskId,
        /// The action's name, if it is still known.
        name: String,
    },
    /// A hook has failed.
    HookFailed {
        /// Its name.
        hook: String,
        /// The remote unit it is about.
        about: Option<UnitName>,
        /// When it failed last.
        at: Timestamp,
        /// How many times it has failed in a row.
        attempts: u32,
        /// Why, in words.
        reason: String,
        /// The last lines of its output, oldest first.
        output: Vec<String>,
        /// When it runs again by itself; None: never, it waits for `resolved`.
        retry_at: Option<Timestamp>,
        /// What an operator said, if the agent has not got to it yet.
        resolved: Option<Resolve>,
    },
    /// Charm files are being put in place.
    Deploying {
        /// Which.
        url: String,
        /// The last time it failed, and when it is tried again.
        failed: Option<Failure>,
    },
    /// An event is deferred.
    Deferred {
        /// Which, by whom, since when, how often.
        event: Deferred,
        /// When it is run again if nothing else happens; None: with the next event.
        next_wake: Option<Timestamp>,
    },
    /// The charm asked to be woken.
    Wake {
        /// When, and why.
        wake: Wake,
    },
    /// An event that the charm keeps and no longer knows: it is never run.
    DeadLetter {
        /// Which, and why.
        event: Deferred,
    },
    /// A task waits for its turn.
    TaskWaits {
        /// Which.
        task: TaskId,
        /// The action's name.
        name: String,
    },
    /// Something is due now: the agent will do it as soon as it looks.
    Due {
        /// What, in words.
        what: String,
    },
    /// Nobody leads the application yet.
    NoLeader,
    /// The unit holds the leadership but has not accepted it, so `leader-elected` is still to come.
    LeadershipNotAccepted,
    /// The application has another charm now, which waits until the unit is out of its error or its setup.
    UpgradeWaits {
        /// The charm that waits.
        url: String,
    },
    /// A relation in which no unit of the other side has joined yet.
    NobodyJoined {
        /// Which.
        relation: RelationId,
        /// Our endpoint.
        endpoint: EndpointName,
        /// Who should come.
        remote_app: AppName,
    },
    /// A relation that the unit has not entered yet.
    NotEntered {
        /// Which.
        relation: RelationId,
        /// Our endpoint.
        endpoint: EndpointName,
        /// The charm files in place do not know the endpoint: it waits for the upgrade.
        needs_upgrade: bool,
    },
    /// A relation is suspended.
    Suspended {
        /// Which.
        relation: RelationId,
        /// Our endpoint.
        endpoint: EndpointName,
    },
    /// The unit's subordinates must be gone before it goes on.
    Subordinates {
        /// Those that are left.
        left: Vec<UnitName>,
    },
    /// The unit is going away.
    Dying,
    /// The daemon is going down: nothing new starts.
    Stopping,
}

/// The next moment at which something happens by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextMoment {
    /// When.
    pub at: Timestamp,
    /// What, in words.
    pub what: String,
}

/// What a unit waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waits {
    /// Whose.
    pub unit: UnitName,
    /// Nothing is due, nothing has failed, nothing is deferred.
    pub settled: bool,
    /// What it waits for, the most important first. A settled unit may still have entries that only tell, such as a
    /// relation in which nobody has joined.
    pub waits: Vec<Wait>,
    /// The next moment at which something happens by itself. A unit with deferred events or a hook that is to be retried
    /// always has one.
    pub next: Option<NextMoment>,
    /// When the next `update-status` is due, if nothing else comes first.
    pub update_status: Option<Timestamp>,
}

/// Explains a unit. `local` may have a step in progress.
pub fn why(local: &Local, remote: &Remote, moment: &Moment) -> Waits {
    let step = crate::next(local, remote, moment);
    let update_status = (local.started && remote.life == Life::Alive)
        .then(|| timers::update_status_due(local, remote, moment));
    let mut waits = Vec::new();
    if moment.stopping {
        waits.push(Wait::Stopping);
    }
    occupied(local, remote, &mut waits);
    if waits.is_empty()
        && let Some(what) = due(&step)
    {
        waits.push(Wait::Due { what });
    }
    if step == Step::ReportIdle {
        waits.push(Wait::Due { what: "it reports that it is idle".to_owned() });
    }
    if remote.life != Life::Alive {
        waits.push(Wait::Dying);
    }
    let left = match &step {
        Step::Rest { why: RestReason::Subordinates { left }, .. } => left.clone(),
        _ => waits_to_enter(local, remote),
    };
    if !left.is_empty() {
        waits.push(Wait::Subordinates { left });
    }
    deferred(local, remote, update_status, &mut waits);
    leadership(local, remote, &mut waits);
    let waiting = remote.tasks.iter().filter(|task| local.task != Some(task.id));
    waits.extend(waiting.map(|task| Wait::TaskWaits { task: task.id, name: task.name.clone() }));
    let has_files = local.charm.as_ref().is_some_and(|charm| *charm != remote.charm);
    if has_files && remote.life == Life::Alive && !matches!(local.op, Op::Deploy { .. }) {
        waits.push(match deploy_failure(local, remote) {
            Some(failure) => Wait::Deploying { url: remote.charm.url.clone(), failed: Some(failure) },
            None => Wait::UpgradeWaits { url: remote.charm.url.clone() },
        });
    }
    relations(local, remote, &mut waits);
    Waits {
        unit: remote.unit.clone(),
        settled: is_settled(local, remote, moment),
        waits,
        next: next_moment(local, remote, moment, &step, update_status),
        update_status,
    }
}

/// What is deferred, the wakes that the charm asked for, and what it keeps and does not know.
fn deferred(local: &Local, remote: &Remote, update_status: Option<Timestamp>, waits: &mut Vec<Wait>) {
    let backoff = timers::backoff_due(&local.deferred, remote);
    waits.extend(local.deferred.events.iter().map(|event| {
        let own = event.wake.as_ref().map_or(backoff, |alarm| alarm.due);
        Wait::Deferred { event: event.clone(), next_wake: own.or(update_status) }
    }));
    waits.extend(local.wakes.iter().map(|wake| Wait::Wake { wake: wake.clone() }));
    waits.extend(local.deferred.dead.iter().map(|event| Wait::DeadLetter { event: event.clone() }));
}

fn deploy_failure(local: &Local, remote: &Remote) -> Option<Failure> {
    let failed = local.deploy_failed.as_ref().filter(|failed| failed.charm == remote.charm);
    failed.map(|failed| failed.failure.clone())
}

/// What the hook slot and the task slot hold.
fn occupied(local: &Local, remote: &Remote, waits: &mut Vec<Wait>) {
    if let Some(task) = local.task {
        let known = remote.tasks.iter().find(|known| known.id == task);
        waits.push(Wait::TaskRuns { task, name: known.map_or_else(String::new, |known| known.name.clone()) });
    }
    let about = |hook: &Hook| hook.relation().and_then(|relation| relation.remote_unit.clone());
    match &local.op {
        Op::Continue => {}
        Op::Deploy { .. } => {
            waits.push(Wait::Deploying {
                url: remote.charm.url.clone(),
                failed: deploy_failure(local, remote),
            });
        }
        Op::Hook { hook, step: HookStep::Queued, .. } => {
            if local.task.is_none() {
                waits.push(Wait::Due { what: format!("{hook} runs next") });
            }
        }
        Op::Hook { hook, step: HookStep::Pending { since, interrupted, after, ended }, .. } => {
            let (hook, about) = (hook.name(), about(hook));
            let times = interrupted.saturating_add(1);
            let attempt = after.as_ref().map_or(0, tries).saturating_add(times);
            waits.push(match ended {
                None => Wait::HookRuns { hook, about, since: *since, attempt },
                Some(at) => {
                    let retry_at = timers::interrupted_until(&remote.unit, *since, times);
                    Wait::HookInterrupted { hook, about, at: *at, attempt, retry_at }
                }
            });
        }
        Op::Hook { hook, step: HookStep::Failed(failure), .. } => waits.push(Wait::HookFailed {
            hook: hook.name(),
            about: about(hook),
            at: failure.at,
            attempts: failure.attempts,
            reason: failure.reason.clone(),
            output: failure.output.clone(),
            retry_at: retry_at(remote, failure),
            resolved: remote.resolved,
        }),
    }
}

/// What the agent would do now, in words.
fn due(step: &Step) -> Option<String> {
    Some(match step {
        Step::Rest { .. } | Step::ReportIdle => return None,
        Step::ClaimLeadership => "it asks for the leadership".to_owned(),
        Step::EnterScope(id) => format!("it enters relation {id}"),
        Step::ForgetRelation(id) => format!("it forgets relation {id}"),
        Step::ForgetStorage(id) => format!("it lets go of storage {id}"),
        Step::FailInterruptedTask(id) => format!("it gives up task {id}, which was interrupted"),
        Step::Deploy { charm, .. } => format!("it puts {} in place", charm.url),
        Step::Hook { hook, .. } => match hook.relation().and_then(|relation| relation.remote_unit.as_ref()) {
            Some(unit) => format!("{hook} runs next, for {unit}"),
            None => format!("{hook} runs next"),
        },
        Step::Task(id) => format!("task {id} runs next"),
        Step::CancelTask(id) => format!("it cancels task {id}"),
        Step::SkipHook { hook } => format!("it skips {hook}, as an operator said"),
        Step::DropHook { hook, reason } => format!("it drops {hook}: {reason}"),
        Step::AcceptLeadership => "it accepts the leadership".to_owned(),
        Step::ResignLeadership => "it gives up the leadership".to_owned(),
        Step::BeginTeardown => "its teardown begins".to_owned(),
        Step::Dead => "it is removed".to_owned(),
    })
}

fn leadership(local: &Local, remote: &Remote, waits: &mut Vec<Wait>) {
    if remote.life != Life::Alive {
        return;
    }
    if !remote.leadership_known {
        waits.push(Wait::NoLeader);
    } else if remote.leader && !local.leader {
        waits.push(Wait::LeadershipNotAccepted);
    }
}

fn relations(local: &Local, remote: &Remote, waits: &mut Vec<Wait>) {
    if remote.life != Life::Alive {
        return;
    }
    for (id, theirs) in &remote.relations {
        let endpoint = theirs.endpoint.clone();
        if theirs.suspended {
            waits.push(Wait::Suspended { relation: *id, endpoint });
            continue;
        }
        match local.relations.get(id) {
            None if theirs.life == Life::Alive => {
                waits.push(Wait::NotEntered { relation: *id, endpoint, needs_upgrade: !theirs.implemented })
            }
            Some(ours) if ours.members.is_empty() && !ours.peer && !ours.implicit => waits
                .push(Wait::NobodyJoined { relation: *id, endpoint, remote_app: theirs.remote_app.clone() }),
            _ => {}
        }
    }
}

fn next_moment(
    local: &Local,
    remote: &Remote,
    moment: &Moment,
    step: &Step,
    update_status: Option<Timestamp>,
) -> Option<NextMoment> {
    let Step::Rest { until, why } = step else {
        let what = due(step);
        return match what {
            Some(what) => Some(NextMoment { at: moment.now, what }),
            // Only the report of idleness is due: what comes after it is what is asked for.
            None => {
                let reported = Local { idle: true, ..local.clone() };
                let after = crate::next(&reported, remote, moment);
                after
                    .is_rest()
                    .then(|| next_moment(&reported, remote, moment, &after, update_status))
                    .flatten()
            }
        };
    };
    let at = (*until)?;
    let what = match why {
        RestReason::HookFailed { hook, .. } => format!("{hook} is tried again"),
        RestReason::HookInterrupted { hook } => format!("{hook} runs again"),
        RestReason::DeployFailed { .. } => "the charm is put in place again".to_owned(),
        RestReason::Deferred { .. } | RestReason::Settled if update_status != Some(at) => {
            match timers::asked_due(local) == Some(at) {
                true => "the unit is woken, as its charm asked".to_owned(),
                false => "the deferred events are run again".to_owned(),
            }
        }
        _ => "update-status runs".to_owned(),
    };
    Some(NextMoment { at, what })
}

/// Whether nothing is due, running, failed or deferred. A timer that only ticks (`update-status`) does not unsettle a unit,
/// nor does a wake that is still to come.
pub fn is_settled(local: &Local, remote: &Remote, moment: &Moment) -> bool {
    let wakes_now = timers::asked_is_due(local, moment.now);
    local.deferred.events.is_empty() && !wakes_now && is_idle(local, remote, moment)
}

/// As [`is_settled`], but deferred events do not count.
pub fn is_idle(local: &Local, remote: &Remote, moment: &Moment) -> bool {
    match crate::next(local, remote, moment) {
        Step::Rest { why: RestReason::Settled | RestReason::Deferred { .. } | RestReason::Gone, .. } => true,
        Step::Hook { hook: Hook::UpdateStatus | Hook::DeferredWake, .. } => local.op == Op::Continue,
        _ => false,
    }
}

fn because(f: &mut fmt::Formatter<'_>, reason: &str) -> fmt::Result {
    if reason.is_empty() { Ok(()) } else { write!(f, ": {reason}") }
}

impl fmt::Display for Wait {
    /// One line without moments: those are for the outermost floor to format.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HookRuns { hook, about, attempt, .. } => {
                write!(f, "{hook} is running")?;
                about.iter().try_for_each(|unit| write!(f, " for {unit}"))?;
                if *attempt > 1 { write!(f, " (try {attempt})") } else { Ok(()) }
            }
            Self::HookInterrupted { hook, about, attempt, .. } => {
                write!(f, "{hook} was interrupted")?;
                about.iter().try_for_each(|unit| write!(f, " for {unit}"))?;
                if *attempt > 1 { write!(f, " (try {attempt})") } else { Ok(()) }
            }
            Self::TaskRuns { task, name } => write!(f, "task {task} ({name}) is running"),
            Self::HookFailed { hook, about, attempts, reason, output, retry_at, resolved, .. } => {
                write!(f, "{hook} failed")?;
                about.iter().try_for_each(|unit| write!(f, " for {unit}"))?;
                write!(
                    f,
                    ": {reason} ({attempts} {})",
                    if *attempts == 1 { "time" } else { "times in a row" }
                )?;
                if let Some(last) = output.iter().rev().find(|line| !line.trim().is_empty()) {
                    let shown = |c: char| if c.is_control() { ' ' } else { c };
                    write!(f, ", saying {:?}", last.chars().take(120).map(shown).collect::<String>())?;
                }
                match (resolved, retry_at) {
                    (Some(_), _) => write!(f, "; an operator has resolved it"),
                    (None, Some(_)) => Ok(()),
                    (None, None) => write!(f, "; it waits for `resolved`"),
                }
            }
            Self::Deploying { url, failed: None } => write!(f, "{url} is being put in place"),
            Self::Deploying { url, failed: Some(failure) } => {
                write!(f, "{url} cannot be put in place: {}", failure.reason)
            }
            Self::Deferred { event, .. } => {
                let Deferred { notice, tries, .. } = event;
                let times = if *tries == 1 { "once" } else { "again" };
                write!(f, "{} deferred {} {times} (tries: {tries})", notice.method, notice.event_name())?;
                because(f, &event.reason)
            }
            Self::Wake { wake } => {
                match &wake.alarm.when {
                    WakeWhen::On(event) => write!(f, "it is woken after {event}")?,
                    WakeWhen::AfterMs(_) | WakeWhen::At(_) => {
                        f.write_str("it is woken, as its charm asked")?
                    }
                }
                because(f, &wake.reason)
            }
            Self::DeadLetter { event: Deferred { notice, reason, .. } } => {
                write!(f, "{} by {} is a dead letter", notice.event_name(), notice.method)?;
                because(f, reason)
            }
            Self::TaskWaits { task, name } => write!(f, "task {task} ({name}) waits for its turn"),
            Self::Due { what } => f.write_str(what),
            Self::NoLeader => f.write_str("nobody leads the application"),
            Self::LeadershipNotAccepted => f.write_str("leader-elected is still to come"),
            Self::UpgradeWaits { url } => write!(f, "the upgrade to {url} waits"),
            Self::NobodyJoined { relation, endpoint, remote_app } => {
                write!(f, "no unit of {remote_app} has joined relation {endpoint}:{relation}")
            }
            Self::NotEntered { relation, endpoint, needs_upgrade: false } => {
                write!(f, "relation {endpoint}:{relation} is not entered yet")
            }
            Self::NotEntered { relation, endpoint, needs_upgrade: true } => {
                write!(f, "relation {endpoint}:{relation} waits for the charm's upgrade")
            }
            Self::Suspended { relation, endpoint } => {
                write!(f, "relation {endpoint}:{relation} is suspended")
            }
            Self::Subordinates { left } => {
                let left: Vec<String> = left.iter().map(ToString::to_string).collect();
                write!(f, "{} must be gone first, its subordinate", left.join(", "))?;
                if left.len() == 1 { Ok(()) } else { f.write_str("s") }
            }
            Self::Dying => f.write_str("it is going away"),
            Self::Stopping => f.write_str("the daemon is going down"),
        }
    }
}
