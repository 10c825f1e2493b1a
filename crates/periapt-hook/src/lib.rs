//! The protocol between a charm's process and its unit's agent, and the small program behind every hook command.
//!
//! While a hook runs, the agent listens on a Unix socket and puts a folder on the hook's `PATH` in which every hook
//! command (`config-get`, `relation-set`, `juju-log`, …) is a link to one program. That program sends its name,
//! arguments and working directory to the agent, prints what comes back and exits with the code it is told
//! (Juju 3.6: `jujuc`).
//!
//! This crate owns
//! - [`frame`]: the messages and their encoding, as functions over bytes, for both ends;
//! - [`client`]: the calling end, for the program and for charms that speak to the agent without it;
//! - [`program`]: the program itself;
//! - [`vars`]: the environment variables that name the agent to a charm.
//!
//! It must not know what any hook command does: arguments pass through as bytes, unread. The listening end belongs to
//! the agent. It depends on the standard library alone, because the program's start-up time is paid by every hook
//! command of every charm.

pub mod client;
pub mod frame;
mod fuzz;
pub mod program;

#[doc(hidden)]
pub use fuzz::fuzz_frames;

/// The environment variables through which a hook's process finds its agent (Juju's names).
pub mod vars {
    /// Which hook's context a command belongs to. The agent refuses any but the running hook's.
    pub const CONTEXT_ID: &str = "JUJU_CONTEXT_ID";
    /// The agent's socket: a path, or `@` and a name for a socket in Linux's abstract name space.
    pub const SOCKET_ADDRESS: &str = "JUJU_AGENT_SOCKET_ADDRESS";
    /// The kind of that socket. Only [`UNIX`] is served; empty or unset means the same.
    pub const SOCKET_NETWORK: &str = "JUJU_AGENT_SOCKET_NETWORK";
    /// The one value of [`SOCKET_NETWORK`] that is served.
    pub const UNIX: &str = "unix";
}
