//! `state-set`.

use crate::context::{Context, overlay};
use crate::outcome::{Change, Outcome, Stop};
use crate::settings;
use crate::spec::{FILE, Spec};

/// Bytes in a key at most (Juju: `core/quota`).
const MAX_KEY: usize = 256;
/// Bytes in a value at most.
const MAX_VALUE: usize = 64 * 1024;
/// Bytes in all keys and values at most (Juju's controller setting `max-charm-state-size`, at its default).
const MAX_TOTAL: usize = 2 * 1024 * 1024;

pub(crate) const SPEC: Spec = Spec {
    name: "state-set",
    synopsis: "<key>=<value> [<key>=<value> ...]",
    purpose: "Keep values with the controller.",
    doc: "They are kept when the hook has ended well. A key has at most 256 bytes, a value at most 65536.",
    flags: &[FILE],
    output: None,
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let settings = settings::with_file(cx)?;
    for (key, value) in &settings {
        if key.len() > MAX_KEY {
            return Err(Stop::failed(format!("max allowed key length ({MAX_KEY}) exceeded")));
        }
        if value.len() > MAX_VALUE {
            return Err(Stop::failed(format!("max allowed value length ({MAX_VALUE}) exceeded")));
        }
    }
    let base = cx.view.model.charm_states.get(&cx.view.unit).map(AsRef::as_ref);
    let mut state = overlay(base, Some(&cx.effects.state));
    state.extend(settings.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    if state.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > MAX_TOTAL {
        return Err(Stop::failed(format!("max allowed size ({MAX_TOTAL}) exceeded")));
    }
    if settings.is_empty() {
        return Ok(Outcome::default());
    }
    Ok(Outcome::change(Change::State(settings.into_iter().map(|(key, value)| (key, Some(value))).collect())))
}
