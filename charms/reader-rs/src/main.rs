//! The reader: a charm whose ledger is somewhere else, kept by a charm in another language.
//!
//! What both sides write into the relation's databags is the type [`Address`] here and a few keys of a dictionary there.

mod ledger;

use std::process::ExitCode;

use periapt_charm::prelude::*;
use serde::{Deserialize, Serialize};

use ledger::Address;

charm!("charmcraft.yaml", ledger: Ledger);

interface! {
    /// The interface `ledger`: the leader of the providing application writes where its primary is.
    pub Ledger { remote_app: Address, local_unit: Introduction }
}

/// What our units tell the ledger.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Introduction {
    /// The unit.
    pub name: String,
}

databag!(Address, Introduction);

/// What the reader remembers: a charm lives for one dispatch, and most dispatches do not ask the ledger.
#[derive(Default, Serialize, Deserialize)]
struct Followed {
    /// The value that is followed, as it was when it was last read.
    value: Option<String>,
}

impl StoredState for Followed {
    const KEY: &'static str = "followed";
}

#[derive(Default)]
struct Reader;

impl Charm for Reader {
    const META: &'static Metadata = &META;

    fn observe(on: &mut Observe<Self>) {
        on.when(LEDGER.created(), Self::introduce);
        on.any((start(), config_changed(), update_status(), LEDGER.changed())).reconcile(Self::follow);
        on.action(Self::read);
        on.collect_unit_status(Self::status);
    }
}

impl Reader {
    fn introduce(&mut self, event: RelationCreated, cx: &mut Context) -> Flow {
        let name = cx.unit().to_string();
        cx.relation_of(LEDGER, &event.relation)?.set_unit(&Introduction { name })?;
        done()
    }

    /// Reads the value that the option names.
    fn follow(&mut self, cx: &mut Context) -> Flow {
        let config: Config = cx.config()?;
        let Some(address) = address(cx)? else { return done() };
        if config.key.is_empty() {
            cx.set_state(&Followed::default())?;
            return done();
        }
        // A server that is just being restarted is back within a second. If it is not, the event is deferred.
        let value = cx.patiently(Patience::brief(), || address.get(&config.key))?;
        let is_there = value.is_some();
        cx.set_state(&Followed { value })?;
        if !is_there {
            // Nobody tells us when somebody writes the value.
            return defer(format!("the ledger has no {}", config.key)).wake_after(secs(2));
        }
        done()
    }

    fn read(&mut self, params: Read, cx: &mut Context) -> ActionResult {
        let Some(address) = address(cx)? else {
            return Err(Error::needs_human("there is no ledger: integrate this application with one"));
        };
        match address.get(&params.key)? {
            Some(value) => Ok(Results::new().with("value", value)),
            None => Err(Error::needs_human(format!("the ledger has no {}", params.key))),
        }
    }

    fn status(&mut self, status: &mut Statuses, cx: &mut Context) -> Finish {
        match (cx.relation(LEDGER)?, address(cx)?) {
            (None, _) => status.blocked("integrate me with a ledger"),
            (Some(_), None) => status.waiting("the ledger has not told its address yet"),
            (Some(_), Some(address)) => {
                let (config, followed): (Config, Followed) = (cx.config()?, cx.state()?);
                status.active(match followed.value {
                    Some(value) => format!("{} is {value}", config.key),
                    None => format!("reads from {} port {}", address.host, address.port),
                });
            }
        }
        done()
    }
}

/// Where the ledger is, if we are related to one and it has told.
fn address(cx: &Context) -> Result<Option<Address>, Error> {
    match cx.relation(LEDGER)? {
        // A databag that does not fit was written by somebody else: our hook need not fail for it.
        Some(relation) => Ok(relation.remote_app().needs_human()?.filter(Address::is_complete)),
        None => Ok(None),
    }
}

fn main() -> ExitCode {
    periapt_charm::main::<Reader>()
}

#[cfg(test)]
mod tests;
