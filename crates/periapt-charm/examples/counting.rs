//! A charm whose memory can be checked from outside: each dispatch counts one up and emits an event that is deferred for
//! ever. So there are always as many deferred events as dispatches that ended well, and the n-th has been tried since. A change
//! of its config breaks it.
//!
//! `tests/process.rs` runs it and kills it.

use periapt_charm::prelude::*;
use serde::{Deserialize, Serialize};

static META: Metadata = Metadata {
    name: "counting",
    json: r#"{"name": "counting", "summary": "", "description": "", "format": "v2"}"#,
    files: &[],
};

#[derive(Default, Serialize, Deserialize)]
struct Count {
    dispatches: u32,
}

impl StoredState for Count {
    const KEY: &'static str = "count";
}

#[derive(Clone, Serialize, Deserialize)]
struct Counted(u32);

impl CustomEvent for Counted {}

#[derive(Default)]
struct Counting;

impl Charm for Counting {
    const META: &'static Metadata = &META;

    fn observe(on: &mut Observe<Self>) {
        on.update_status(Self::count);
        on.custom::<Counted, _, _>(Self::counted);
        on.config_changed(Self::break_down);
    }
}

impl Counting {
    fn count(&mut self, cx: &mut Context) -> Flow {
        let dispatches = cx.update_state(|count: &mut Count| {
            count.dispatches += 1;
            count.dispatches
        })?;
        cx.set_status(Status::Maintenance(format!("dispatch {dispatches}")))?;
        cx.emit(&Counted(dispatches))?;
        done()
    }

    fn break_down(&mut self, cx: &mut Context) -> Flow {
        cx.update_state(|count: &mut Count| count.dispatches += 1)?;
        tracing::info!("about to break down");
        panic!("nothing can be done")
    }

    fn counted(&mut self, _event: Counted, _cx: &mut Context) -> Flow {
        defer("for ever")
    }
}

fn main() -> std::process::ExitCode {
    periapt_charm::main::<Counting>()
}
