//! The cache: a charm that looks after a service.
//!
//! All handlers that matter are one: [`Cache::reconcile`] looks at how things are and brings them to how they should be. It
//! does not matter which event came first, or whether one came twice, or whether the last hook was killed half-way.

pub mod server;
pub mod service;

use std::process::ExitCode;

use periapt_charm::prelude::*;
use serde::{Deserialize, Serialize};

use service::{Service, Settings};

charm!("charmcraft.yaml", cache: CacheInterface);

interface! {
    /// The interface `cache`: each unit says where its service is.
    pub CacheInterface { local_unit: Address }
}

/// Where a unit's service is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Address {
    /// A host name or an IP address.
    pub host: String,
    /// A TCP port.
    pub port: u16,
}

databag!(Address);

/// What the charm must remember, and cannot see by looking.
#[derive(Default, Serialize, Deserialize)]
struct Memory {
    /// Between `start` and `stop`.
    wanted: bool,
}

impl StoredState for Memory {
    const KEY: &'static str = "cache";
}

/// The charm.
#[derive(Debug, Default)]
pub struct Cache;

impl Charm for Cache {
    const META: &'static Metadata = &META;

    fn observe(on: &mut Observe<Self>) {
        on.any((install(), upgrade_charm())).run(Self::install);
        on.start(Self::start);
        on.any((start(), config_changed(), update_status(), upgrade_charm(), CACHE.created()))
            .reconcile(Self::reconcile);
        on.stop(Self::stop);
        on.remove(Self::remove);
        on.action(Self::set);
        on.action(Self::get);
        on.action(Self::flush);
        on.collect_unit_status(Self::status);
    }
}

impl Cache {
    /// Installs the service: here a copy of our own program, elsewhere a package.
    fn install(&mut self, cx: &mut Context) -> Flow {
        self.service(cx).install()?;
        cx.set_workload_version(server::VERSION)?;
        done()
    }

    fn start(&mut self, cx: &mut Context) -> Flow {
        cx.set_state(&Memory { wanted: true })?;
        done()
    }

    fn reconcile(&mut self, cx: &mut Context) -> Flow {
        let memory: Memory = cx.state()?;
        if !memory.wanted {
            return done();
        }
        let settings = settings(cx)?;
        let service = self.service(cx);
        if service.running().is_none_or(|running| running.settings != settings) {
            service.stop()?;
            tracing::info!("starting the service");
            service.start(&settings).needs_human()?;
        }
        // It answers within milliseconds. Should it take longer than a second, the event waits and not the unit.
        let port = cx.patiently(Patience::brief(), || service.port())?;
        cx.set_ports([port])?;
        let host =
            cx.network(CACHE)?.ingress_address().map_or_else(|| "127.0.0.1".to_owned(), ToString::to_string);
        for relation in cx.relations(CACHE)? {
            // What is there already is not written again, so nobody is woken for it.
            relation.set_unit(&Address { host: host.clone(), port })?;
        }
        done()
    }

    /// The type of this handler has no deferral: there may be no other event.
    fn stop(&mut self, cx: &mut Context) -> Finish {
        cx.set_state(&Memory { wanted: false })?;
        self.service(cx).stop()?;
        let none: [u16; 0] = [];
        cx.set_ports(none)?;
        done()
    }

    fn remove(&mut self, cx: &mut Context) -> Finish {
        self.service(cx).remove()?;
        done()
    }

    fn set(&mut self, params: Set, cx: &mut Context) -> ActionResult {
        let Set { key, value } = params;
        self.ask(cx, &format!("SET {key} {value}"))?;
        no_results()
    }

    fn get(&mut self, params: Get, cx: &mut Context) -> ActionResult {
        match self.ask(cx, &format!("GET {}", params.key))? {
            Some(value) => Ok(Results::new().with("value", value)),
            None => Err(Error::needs_human(format!("there is no value {}", params.key))),
        }
    }

    fn flush(&mut self, _: Flush, cx: &mut Context) -> ActionResult {
        let count = self.ask(cx, "FLUSH")?.unwrap_or_default();
        Ok(Results::new().with("count", count))
    }

    fn status(&mut self, status: &mut Statuses, cx: &mut Context) -> Finish {
        let memory: Memory = cx.state()?;
        let running = self.service(cx).running();
        match (memory.wanted, running) {
            (false, _) => status.maintenance("not started"),
            (true, None) => status.waiting("the service does not run"),
            (true, Some(running)) => status.active(format!("{} keys at most", running.settings.max_keys)),
        }
        done()
    }

    fn service(&self, cx: &Context) -> Service {
        Service::new(&cx.environment().charm_dir)
    }

    /// Asks the service; an action's operator reads what went wrong.
    fn ask(&self, cx: &Context, line: &str) -> Result<Option<String>, Error> {
        let service = self.service(cx);
        let asked = service.port().and_then(|port| service::ask(port, line));
        asked.map_err(|error| Error::needs_human(format!("the service does not answer: {error}")))
    }
}

/// The options, checked further than a type can.
fn settings(cx: &Context) -> Result<Settings, Error> {
    let config: Config = cx.config()?;
    let wrong = |option: &str, value: i64| Error::needs_human(format!("{option} cannot be {value}"));
    Ok(Settings {
        port: u16::try_from(config.port).map_err(|_| wrong("port", config.port))?,
        max_keys: usize::try_from(config.max_keys)
            .ok()
            .filter(|count| *count > 0)
            .ok_or_else(|| wrong("max-keys", config.max_keys))?,
    })
}

/// What the program is: the charm, or, called as `serve`, its service.
#[must_use]
pub fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("serve") => server::main(),
        _ => periapt_charm::main::<Cache>(),
    }
}
