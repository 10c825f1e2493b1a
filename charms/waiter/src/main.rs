//! The waiter: a charm that shows every kind of deferral.
//!
//! A handler that cannot do its work yet returns `defer("why")`, and gets the same event again: with the unit's next event,
//! or when what it waits for has come. `periapt why waiter/0` shows each reason and the next try, `periapt tail` each deferral
//! as it happens. On Juju the same program defers as a charm of the framework `ops` does.
//!
//! The methods below are in the order of `observe`, one for each kind.

mod book;

use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

use periapt_charm::prelude::*;
use serde::{Deserialize, Serialize};

use book::{Book, Served};

charm!("charmcraft.yaml", guests: Restaurant);

interface! {
    /// What a restaurant tells its guests.
    pub Restaurant { local_unit: Place }
}

/// What each unit tells each guest.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// The number of their table.
    pub table: u32,
    /// What there is to eat.
    pub menu: String,
}

databag!(Place);

/// An event of the charm's own: somebody has ordered a dish.
#[derive(Clone, Serialize, Deserialize)]
struct Ordered {
    number: u32,
    dish: String,
    seconds: f64,
}

impl CustomEvent for Ordered {}

#[derive(Default)]
struct Waiter;

impl Charm for Waiter {
    const META: &'static Metadata = &META;

    fn observe(on: &mut Observe<Self>) {
        on.install(Self::open);
        on.start(Self::heat_oven);
        on.when(GUESTS.joined(), Self::seat);
        on.custom(Self::serve).lane("oven");
        on.any((start(), config_changed(), update_status(), GUESTS.departed())).reconcile(Self::lay_tables);
        on.config_changed(Self::fetch_wine).give_up_with(4, Self::serve_water);
        on.upgrade_charm(Self::learn).give_up_after(mins(10));
        on.stop(Self::close);
        on.action(Self::order);
        on.action(Self::show_book);
        on.collect_unit_status(Self::status);
    }
}

impl Waiter {
    /// **At a time.** The agent wakes the unit then, and not before.
    fn open(&mut self, cx: &mut Context) -> Flow {
        let config: Config = cx.config()?;
        // The first time is the same at every try, so the deadline does not move.
        let installed = cx.attempt().first.unwrap_or_else(|| cx.now());
        let opening = installed + seconds(config.opens_after)?;
        if cx.now() < opening {
            return defer("the doors are closed").wake_at(opening);
        }
        cx.update_state(|book: &mut Book| book.open = true)?;
        done()
    }

    /// **After a while.** There is nobody who could tell when the oven is hot: look again in a second.
    fn heat_oven(&mut self, cx: &mut Context) -> Flow {
        let config: Config = cx.config()?;
        let attempt = cx.attempt();
        let lit = attempt.first.unwrap_or_else(|| cx.now());
        if cx.now() < lit + seconds(config.warm_up)? {
            tracing::debug!("the oven at look {}", attempt.number);
            return defer("the oven is not hot yet").wake_after(secs(1));
        }
        cx.update_state(|book: &mut Book| book.oven_is_hot = true)?;
        done()
    }

    /// **On an event.** Without a menu it is of no use to try before an option changes. If the guests leave meanwhile, their
    /// relation is gone, and the deferred event is dropped: `tail` says so.
    fn seat(&mut self, event: RelationJoined, cx: &mut Context) -> Flow {
        let config: Config = cx.config()?;
        if config.menu.is_empty() {
            return defer("there is no menu: set the option `menu`").wake_on(config_changed());
        }
        let table = cx.update_state(|book: &mut Book| book.table_of(&event.relation.to_string()))?;
        cx.relation_of(GUESTS, &event.relation)?.set_unit(&Place { table, menu: config.menu })?;
        done()
    }

    /// **In a lane.** While an order waits, later ones queue behind it. Without the lane a quick dish would overtake a slow one.
    fn serve(&mut self, order: Ordered, cx: &mut Context) -> Flow {
        let book: Book = cx.state()?;
        if !book.oven_is_hot {
            // No wake is named: the next event tries again, and the agent sees to it that there is one soon.
            return defer(format!("{} needs a hot oven", order.dish));
        }
        let ready = cx.attempt().first.unwrap_or_else(|| cx.now()) + seconds(order.seconds)?;
        if cx.now() < ready {
            return defer(format!("{} is in the oven", order.dish)).wake_at(ready);
        }
        let Ordered { number, dish, .. } = order;
        cx.update_state(|book: &mut Book| book.served.push(Served { number, dish }))?;
        done()
    }

    /// **Reconciling.** It does not matter which event it runs for, so it is queued once, however many events defer it.
    fn lay_tables(&mut self, cx: &mut Context) -> Flow {
        let book: Book = cx.state()?;
        if !book.open {
            return defer("tables are laid when the doors are open");
        }
        let names: Vec<String> = cx.relations(GUESTS)?.iter().map(Relation::name).collect();
        cx.update_state(|book: &mut Book| book.keep_tables(&names))?;
        done()
    }

    /// **With patience, and not for ever.** The cellar is asked a few times within a second. If it does not answer, the event
    /// is deferred; after the fourth such try there is water.
    fn fetch_wine(&mut self, _: ConfigChanged, cx: &mut Context) -> Flow {
        let config: Config = cx.config()?;
        let port = u16::try_from(config.cellar_port)
            .map_err(|_| Error::needs_human(format!("cellar-port: {} is no port", config.cellar_port)))?;
        if port > 0 {
            cx.patiently(Patience::brief(), || {
                TcpStream::connect(("127.0.0.1", port)).context("the cellar does not answer")
            })?;
        }
        let drink = if port > 0 { "wine" } else { "" };
        cx.update_state(|book: &mut Book| book.drink = drink.to_owned())?;
        done()
    }

    /// What is done instead, when a handler has given up. It cannot defer: its type has no deferral.
    fn serve_water(&mut self, _: ConfigChanged, cx: &mut Context) -> Finish {
        cx.update_state(|book: &mut Book| book.drink = "water".to_owned())?;
        done()
    }

    /// **Until the hook fails.** A waiter who has not learnt the menu after ten minutes is in error, for an operator to see.
    fn learn(&mut self, cx: &mut Context) -> Flow {
        let config: Config = cx.config()?;
        if config.menu.is_empty() {
            return defer("a new waiter has to learn the menu").wake_on(config_changed());
        }
        done()
    }

    /// `stop` cannot be deferred. What is still deferred then is gone with the unit.
    fn close(&mut self, cx: &mut Context) -> Finish {
        cx.update_state(|book: &mut Book| book.open = false)?;
        done()
    }

    /// Actions cannot be deferred: the operator waits for the answer. But they can emit an event that can.
    fn order(&mut self, params: Order, cx: &mut Context) -> ActionResult {
        let Order { dish, minutes } = params;
        let number = cx.update_state(|book: &mut Book| book.next_number())?;
        cx.emit(&Ordered { number, dish, seconds: minutes * 60.0 })?;
        Ok(Results::new().with("number", number))
    }

    fn show_book(&mut self, _: ShowBook, cx: &mut Context) -> ActionResult {
        let book: Book = cx.state()?;
        let served: Vec<&str> = book.served.iter().map(|served| served.dish.as_str()).collect();
        Ok(Results::new().with("served", served.join(", ")).with("drink", book.drink.as_str()))
    }

    /// The reasons of deferred events come on top of this by themselves: whoever waits is `waiting`.
    fn status(&mut self, status: &mut Statuses, cx: &mut Context) -> Finish {
        let book: Book = cx.state()?;
        status.active(match book.served.len() {
            0 => "ready to serve".to_owned(),
            1 => "1 dish served".to_owned(),
            many => format!("{many} dishes served"),
        });
        done()
    }
}

/// A span from an option or a parameter. What cannot be one needs a human, whom the blocked status tells.
fn seconds(count: f64) -> Result<Duration, Error> {
    Duration::try_from_secs_f64(count)
        .map_err(|_| Error::needs_human(format!("{count} is no number of seconds")))
}

fn main() -> ExitCode {
    periapt_charm::main::<Waiter>()
}

#[cfg(test)]
mod tests;
