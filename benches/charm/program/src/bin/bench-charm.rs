//! The smallest charm there is: it sets its status at start, and at install emits events that are all
//! deferred for ever. `benches/charm/python` is the same with `ops`.

use periapt_charm::prelude::*;
use serde::{Deserialize, Serialize};

static META: Metadata = Metadata {
    name: "bench",
    json: r#"{"name": "bench", "summary": "", "description": "", "format": "v2"}"#,
    files: &[],
};

#[derive(Clone, Serialize, Deserialize)]
struct Waiting {
    number: u32,
}

impl CustomEvent for Waiting {}

#[derive(Default)]
struct Bench;

impl Charm for Bench {
    const META: &'static Metadata = &META;

    fn observe(on: &mut Observe<Self>) {
        on.start(Self::begin);
        on.install(Self::install);
        on.custom::<Waiting, _, _>(Self::waiting);
    }
}

impl Bench {
    fn begin(&mut self, cx: &mut Context) -> Flow {
        cx.set_status(Status::Active("up".to_owned()))?;
        done()
    }

    fn install(&mut self, cx: &mut Context) -> Flow {
        let count = std::env::var("BENCH_QUEUE").ok().and_then(|count| count.parse().ok()).unwrap_or(0);
        (0..count).try_for_each(|number| cx.emit(&Waiting { number }))?;
        done()
    }

    fn waiting(&mut self, _event: Waiting, _cx: &mut Context) -> Flow {
        defer("for ever")
    }
}

fn main() -> std::process::ExitCode {
    periapt_charm::main::<Bench>()
}
