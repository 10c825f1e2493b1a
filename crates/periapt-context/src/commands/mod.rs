//! The hook commands, one file each, and the table of them all.

mod action_fail;
mod action_get;
mod action_log;
mod action_set;
mod add_metric;
mod application_version_set;
mod config_get;
mod credential_get;
mod goal_state;
mod is_leader;
mod juju_log;
mod juju_reboot;
mod leader_get;
mod leader_set;
mod network_get;
mod not_yet;
mod opened_ports;
mod payload;
mod periapt_deferred;
mod periapt_log;
mod periapt_wake;
mod ports;
mod relation_get;
mod relation_ids;
mod relation_list;
mod relation_model_get;
mod relation_set;
mod resource_get;
mod secret_access;
mod secret_add;
mod secret_get;
mod secret_info_get;
mod secret_remove;
mod secret_set;
mod state_delete;
mod state_get;
mod state_set;
mod status_get;
mod status_set;
mod storage;
mod unit_get;

use crate::spec::Spec;

/// Every command, sorted by name. `function-get` and its like are absent on purpose: charmhelpers takes their absence
/// as the sign to use `action-get` (reference 5.2).
static COMMANDS: &[&Spec] = &[
    &action_fail::SPEC,
    &action_get::SPEC,
    &action_log::SPEC,
    &action_set::SPEC,
    &add_metric::SPEC,
    &application_version_set::SPEC,
    &ports::CLOSE,
    &config_get::SPEC,
    &credential_get::SPEC,
    &goal_state::SPEC,
    &is_leader::SPEC,
    &juju_log::SPEC,
    &juju_reboot::SPEC,
    &not_yet::K8S_RAW_GET,
    &not_yet::K8S_RAW_SET,
    &not_yet::K8S_SPEC_GET,
    &not_yet::K8S_SPEC_SET,
    &leader_get::SPEC,
    &leader_set::SPEC,
    &network_get::SPEC,
    &ports::OPEN,
    &opened_ports::SPEC,
    &payload::REGISTER,
    &payload::STATUS_SET,
    &payload::UNREGISTER,
    &periapt_deferred::SPEC,
    &periapt_log::SPEC,
    &periapt_wake::SPEC,
    &not_yet::POD_SPEC_GET,
    &not_yet::POD_SPEC_SET,
    &relation_get::SPEC,
    &relation_ids::SPEC,
    &relation_list::SPEC,
    &relation_model_get::SPEC,
    &relation_set::SPEC,
    &resource_get::SPEC,
    &secret_add::SPEC,
    &secret_get::SPEC,
    &secret_access::GRANT,
    &secret_info_get::IDS,
    &secret_info_get::SPEC,
    &secret_remove::SPEC,
    &secret_access::REVOKE,
    &secret_set::SPEC,
    &state_delete::SPEC,
    &state_get::SPEC,
    &state_set::SPEC,
    &status_get::SPEC,
    &status_set::SPEC,
    &storage::ADD,
    &storage::GET,
    &storage::LIST,
    &unit_get::SPEC,
];

/// The command of that name.
pub(crate) fn find(name: &str) -> Option<&'static Spec> {
    COMMANDS.binary_search_by(|spec| spec.name.cmp(name)).ok().map(|place| COMMANDS[place])
}

/// The names of all hook commands, sorted: what the agent puts on a hook's `PATH`.
#[must_use]
pub fn known_commands() -> Vec<&'static str> {
    COMMANDS.iter().map(|spec| spec.name).collect()
}

/// The help text of a hook command, as outside of a hook; None: there is no such command.
#[must_use]
pub fn command_help(name: &str) -> Option<String> {
    find(name).map(|spec| crate::help::text(spec, None))
}

/// What a hook command is for, in a line; None: there is no such command.
#[must_use]
pub fn command_purpose(name: &str) -> Option<&'static str> {
    find(name).map(|spec| spec.purpose)
}

/// Whether there is a hook command of that name.
#[must_use]
pub fn is_known_command(name: &str) -> bool {
    find(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_command_is_found() {
        assert!(COMMANDS.windows(2).all(|pair| pair[0].name < pair[1].name));
        for name in known_commands() {
            assert_eq!(find(name).map(|spec| spec.name), Some(name));
        }
        assert!(find("function-get").is_none());
        assert_eq!(known_commands().len(), 53);
    }
}
