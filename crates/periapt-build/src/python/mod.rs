//! Python charms: which interpreter, which packages, and the virtual environment made of both.

pub(crate) mod interpreter;
pub(crate) mod lock;
pub(crate) mod marker;
pub(crate) mod plan;
pub(crate) mod poetry_lock;
pub(crate) mod pydeps;
pub(crate) mod requirements;
pub(crate) mod uv_lock;
pub(crate) mod venv;
pub(crate) mod version;
