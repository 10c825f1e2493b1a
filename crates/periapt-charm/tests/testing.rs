//! Charms under test: what a scenario does with states and events.

#[path = "testing/api.rs"]
mod api;
#[path = "testing/consistency.rs"]
mod consistency;
#[path = "testing/containers.rs"]
mod containers;
#[path = "testing/keeper.rs"]
mod keeper;
#[path = "testing/model.rs"]
mod model;
#[path = "testing/options.rs"]
mod options;
#[path = "testing/scenario.rs"]
mod scenario;
#[path = "testing/subordinates.rs"]
mod subordinates;
