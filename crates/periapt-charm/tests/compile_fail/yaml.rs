//! Mistakes in the YAML: each is one error, and what uses the rest compiles.
use periapt_charm::prelude::*;

interface!(Postgres {});
charm!("../fixtures/bad/charmcraft.yaml", db: Postgres);

mod nowhere {
    periapt_charm::charm!("/nowhere/charmcraft.yaml");
}

fn main() {
    let _ = (DB.changed(), WEB.pebble_ready(), &META, &nowhere::META);
    let _ = |config: Config, go: Go| (config.port, go.times);
}
