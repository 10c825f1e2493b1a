//! What a charm's YAML files say, as the [`charm!`](crate::charm) macro hands it over.

use periapt_model::charm::CharmMeta;

/// A charm's metadata, made at compile time by [`charm!`](crate::charm) as `META`.
#[derive(Clone, Copy, Debug)]
pub struct Metadata {
    /// The charm's name.
    pub name: &'static str,
    /// All that the files say, as the JSON of a [`CharmMeta`].
    pub json: &'static str,
    /// The files themselves: their names and texts.
    pub files: &'static [(&'static str, &'static str)],
}

impl Metadata {
    /// The metadata as data.
    ///
    /// # Panics
    /// Never for what the macro made, which has checked it.
    #[must_use]
    pub fn parse(&self) -> CharmMeta {
        serde_json::from_str(self.json).expect("the charm! macro writes what it has read itself")
    }
}
