//! How a build tells its caller what it does.

/// Where a build reports what it does. Building a virtual environment can take a minute; a user who sees nothing thinks
/// that it hangs.
pub trait Progress {
    /// A new step begins, e.g. `installing 12 Python packages with uv`.
    fn step(&self, text: &str);
    /// One line of detail within the step: what a tool that we run printed.
    fn line(&self, text: &str);
}

/// Reports nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _text: &str) {}
    fn line(&self, _text: &str) {}
}
