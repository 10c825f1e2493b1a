//! Turning charms into something that can run.
//!
//! **Owns** the way from a charm's source folder or a `.charm` archive to a *charm tree*: an immutable directory with
//! `metadata.yaml`, `dispatch`, the charm's code and its Python packages ([`prepare`]); the copy of it that a unit runs from
//! ([`create_unit`], [`upgrade_unit`]); and the way back to an archive ([`pack`]).
//!
//! **Must not know** applications, units' state, hooks or the store. It is synchronous, and runs other programs (Python,
//! pip, uv, git, cargo) only while it prepares.
//!
//! Python charms get a virtual environment with the packages that their files name:
//!
//! | the charm has | packages |
//! | --- | --- |
//! | `uv.lock` | as locked; by `uv sync` if uv is on `PATH`, else the lock file is read here and pip installs |
//! | `poetry.lock` | as locked; the lock file is read here (Poetry is not run) |
//! | `requirements.txt`, or files that a part names | resolved by uv or pip, together with the `PYDEPS` of `lib/charms` |
//! | only `pyproject.toml` | its dependencies, resolved |
//!
//! If a `charmcraft.yaml` names a plugin, that decides which of several lists counts.
//!
//! A folder with a `Cargo.toml` is a charm in Rust: cargo builds it, statically where it can, and the program becomes the
//! charm's `dispatch`. What the program is made of stays out of the charm.

mod archive;
mod assemble;
mod command;
mod copies;
mod dispatch;
mod error;
mod glob;
mod links;
mod metadata;
mod pack;
mod packed_python;
mod parts;
mod prepare;
mod progress;
mod python;
mod regular;
mod rust;
mod source;
mod tree;
mod unit;

pub use error::BuildError;
pub use pack::pack;
pub use prepare::{BuildOptions, Prepared, load_meta, path_entry, prepare};
pub use progress::{Progress, Silent};
pub use unit::{create_unit, upgrade_unit};
