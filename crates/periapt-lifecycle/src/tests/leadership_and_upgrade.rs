//! Leadership (reference 1.7), config (1.12), upgrades and reboots (1.13), tasks (1.10).

use periapt_model::charm::Role;
use periapt_model::entity::TaskStatus;
use periapt_model::journal::Outcome;
use periapt_model::local::{Fingerprint, SeenInputs};
use periapt_model::names::TaskId;
use periapt_model::remote::Resolve;
use periapt_model::status::Life;
use periapt_model::step_commit::Act;

use super::harness::{World, charm, failed};
use crate::{RestReason, Step};

#[test]
fn nobody_decides_before_somebody_leads() {
    let world = World::new("a/0");
    assert_eq!(world.decide(), Step::ClaimLeadership);
}

#[test]
fn leadership_comes_and_goes() {
    let mut world = World::settled("a/0");
    world.remote.leader = false;
    world.settle();
    // The charm was never told that it follows.
    assert_eq!(world.ran(), ["[resigned]", "leader-settings-changed"]);
    world.remote.leader_settings = 7;
    world.settle();
    assert_eq!(world.ran(), ["leader-settings-changed"]);
    world.remote.leader = true;
    world.settle();
    assert_eq!(world.ran(), ["leader-elected"]);
}

#[test]
fn leader_settings_are_told_once_and_after_each_change() {
    let mut world = World::follower("a/1");
    world.settle();
    assert_eq!(world.ran(), ["install", "leader-settings-changed", "config-changed", "start"]);
    // A new agent tells nothing again.
    world.moment.agent_started = world.moment.now;
    world.settle();
    assert!(world.ran().is_empty());
}

#[test]
fn a_leader_elected_that_lost_its_place_is_dropped() {
    let mut world = World::settled("a/0");
    world.remote.leader = false;
    world.settle();
    world.remote.leader = true;
    world.ends = vec![failed()];
    world.settle();
    world.ran();
    world.remote.leader = false;
    assert_eq!(world.settle(), RestReason::Settled);
    assert_eq!(world.ran(), ["[resigned]", "[dropped leader-elected]"]);
}

#[test]
fn leadership_is_given_up_in_error_too() {
    let mut world = World::settled("a/0");
    world.configure(1);
    world.ends = vec![failed()];
    world.settle();
    world.remote.leader = false;
    assert_eq!(world.decide(), Step::ResignLeadership);
}

#[test]
fn a_change_of_config_while_its_hook_runs_causes_another() {
    let mut world = World::settled("a/0");
    for (config, trust, addresses) in [(1, 0, 0), (1, 1, 0), (1, 1, 1)] {
        world.remote.inputs = SeenInputs {
            config: Fingerprint(config),
            trust: Fingerprint(trust),
            addresses: Fingerprint(addresses),
        };
        world.settle();
        assert_eq!(world.ran(), ["config-changed"]);
    }
    world.configure(2);
    let step = world.decide();
    let seen = world.remote.clone();
    let transition = crate::begin(&world.local, &seen, &step, &world.moment);
    world.commit(transition, false);
    world.configure(3);
    let end = world.run();
    world.end(&step, &seen, &end);
    assert_eq!(world.local.seen.unwrap().config, Fingerprint(2));
    world.settle();
    assert_eq!(world.ran(), ["config-changed", "config-changed"]);
    assert!(world.acts.contains(&Act::RefreshAddresses));
}

#[test]
fn an_upgrade_runs_upgrade_charm_and_config_changed() {
    let mut world = World::settled("a/0");
    world.remote.charm = charm(1);
    world.add_task(1);
    world.settle();
    // The task was there first; the pair is not torn apart.
    assert_eq!(world.ran(), ["task 1", "[upgraded]", "upgrade-charm", "config-changed"]);
    world.remote.charm.modified = 1;
    world.settle();
    assert_eq!(world.ran(), ["[upgraded]", "upgrade-charm", "config-changed"], "attach-resource");
}

#[test]
fn an_upgrade_waits_for_the_end_of_the_setup() {
    let mut world = World::new("a/0");
    while !world.local.installed {
        assert!(world.step());
    }
    world.remote.charm = charm(1);
    // Only the new charm knows this endpoint.
    world.relate(0, Role::Peer, "new", "a", &[]);
    world.related(0).implemented = false;
    while world.local.charm != Some(charm(1)) {
        assert!(world.step());
    }
    world.related(0).implemented = true;
    world.settle();
    let setup = ["install", "leader-elected", "config-changed", "start"];
    let upgrade = ["[upgraded]", "upgrade-charm", "config-changed", "new-relation-created"];
    assert_eq!(world.ran(), [setup, upgrade].concat());
}

#[test]
fn an_upgrade_waits_for_the_end_of_an_error_unless_forced() {
    let mut world = World::settled("a/0");
    world.configure(1);
    world.ends = vec![failed()];
    world.settle();
    world.ran();
    world.remote.charm = charm(1);
    assert!(world.decide().is_rest());
    world.remote.charm_forced = true;
    assert!(
        matches!(world.settle(), RestReason::HookFailed { attempts: 1, .. }),
        "the same hook is still to be retried"
    );
    assert_eq!(world.ran(), ["[upgraded]"]);
    world.remote.resolved = Some(Resolve::Retry);
    world.settle();
    assert_eq!(world.ran(), ["config-changed"]);
}

#[test]
fn a_deploy_that_fails_is_tried_again_later() {
    let mut world = World::new("a/0");
    world.ends = vec![failed(), failed()];
    assert!(matches!(world.settle(), RestReason::DeployFailed { .. }));
    world.wait();
    assert!(matches!(world.settle(), RestReason::DeployFailed { .. }));
    // Another charm is tried at once.
    world.remote.charm = charm(1);
    assert_eq!(world.settle(), RestReason::Settled);
}

#[test]
fn a_forced_upgrade_that_fails_leaves_the_hook_to_be_resolved() {
    let mut world = World::settled("a/0");
    world.configure(1);
    world.ends = vec![failed(), failed()];
    world.settle();
    world.remote.charm = charm(1);
    world.remote.charm_forced = true;
    world.settle();
    world.remote.life = Life::Dying;
    world.remote.resolved = Some(Resolve::NoRetry);
    world.settle();
    assert_eq!(
        world.ran(),
        ["config-changed!", "[resigned]", "config-changed", "[dying]", "stop", "remove", "[dead]"]
    );
}

#[test]
fn a_reboot_runs_start_first() {
    let mut world = World::new("a/0");
    world.moment.boot = Some("one".into());
    world.settle();
    world.ran();
    world.configure(5);
    world.moment.boot = Some("two".into());
    world.checker = crate::checker::Checker::resume(&world.local);
    world.settle();
    assert_eq!(world.ran(), ["start", "config-changed"]);
}

#[test]
fn a_reboot_with_a_hook_in_progress_runs_that_first() {
    let mut world = World::new("a/0");
    world.moment.boot = Some("one".into());
    world.settle();
    world.configure(5);
    world.ends = vec![failed()];
    world.settle();
    world.ran();
    world.moment.boot = Some("two".into());
    world.checker = crate::checker::Checker::resume(&world.local);
    world.wait();
    world.settle();
    assert_eq!(world.ran(), ["config-changed", "start"]);
}

#[test]
fn tasks_run_in_order_between_hooks_and_in_error() {
    let mut world = World::settled("a/0");
    world.configure(1);
    world.ends = vec![failed()];
    world.settle();
    world.ran();
    let error = world.agent_status.clone();
    world.add_task(4);
    world.add_task(7);
    world.remote.tasks[1].cancelled = true;
    assert!(matches!(world.settle(), RestReason::HookFailed { .. }));
    assert_eq!(world.ran(), ["task 4"]);
    assert_eq!(world.agent_status, error, "the error shows again");
    let ended: Vec<_> = world
        .acts
        .iter()
        .filter_map(|act| match act {
            Act::TaskEnded { task, status, .. } => Some((*task, *status)),
            _ => None,
        })
        .collect();
    assert_eq!(ended, [(TaskId(4), TaskStatus::Completed), (TaskId(7), TaskStatus::Cancelled)]);
}

#[test]
fn no_task_runs_before_install_nor_between_config_changed_and_the_first_start() {
    let mut world = World::new("a/0");
    world.add_task(1);
    while !world.local.installed {
        assert!(world.step());
    }
    assert_eq!(world.ran(), ["install"]);
    while world.local.seen.is_none() {
        assert!(world.step());
    }
    world.add_task(2);
    world.settle();
    assert_eq!(world.ran(), ["leader-elected", "task 1", "config-changed", "start", "task 2"]);
}

#[test]
fn tasks_run_while_install_is_in_error() {
    let mut world = World::new("a/0");
    world.add_task(1);
    // The files are put in place, and install fails.
    world.ends = vec![Outcome::Done, failed()];
    assert!(matches!(world.settle(), RestReason::HookFailed { .. }));
    let error = world.agent_status.clone();
    world.add_task(2);
    assert!(matches!(world.settle(), RestReason::HookFailed { .. }));
    assert_eq!(world.ran(), ["install!", "task 1", "task 2"]);
    assert_eq!(world.agent_status, error, "the error shows again");
    world.remote.resolved = Some(Resolve::Retry);
    world.add_task(3);
    world.settle();
    // What is asked of a unit in error comes before its retry, as with any hook.
    assert_eq!(world.ran(), ["task 3", "install", "leader-elected", "config-changed", "start"]);
    assert_eq!(world.violations, []);
}

#[test]
fn tasks_still_run_while_a_unit_goes_away() {
    let mut world = World::settled("a/0");
    world.remote.life = Life::Dying;
    world.add_task(1);
    world.settle();
    assert_eq!(world.ran(), ["[resigned]", "[dying]", "task 1", "stop", "remove", "[dead]"]);
}

#[test]
fn an_interrupted_task_fails_and_is_not_run_again() {
    let mut world = World::settled("a/0");
    world.add_task(3);
    let step = world.decide();
    let transition = crate::begin(&world.local, &world.remote, &step, &world.moment);
    world.commit(transition, false);
    // The agent dies here; its successor finds this.
    assert_eq!(world.decide(), Step::FailInterruptedTask(TaskId(3)));
    assert_eq!(world.settle(), RestReason::Settled);
    assert_eq!(world.ran(), ["task 3!"]);
    assert!(world.acts.iter().any(|act| matches!(act, Act::TaskEnded { status: TaskStatus::Failed, .. })));
}
