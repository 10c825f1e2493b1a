//! The charm that the tests run: it defers, reacts to a database, and writes to its peers and website.

use periapt_charm::prelude::*;
use serde::{Deserialize, Serialize};

charm!("tests/fixtures/api/charmcraft.yaml", db: Postgres);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Endpoints {
    pub host: String,
    pub port: u16,
}

databag!(Endpoints);
interface!(pub Postgres { remote_app: Endpoints });

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Remembered {
    pub reconciled: u32,
}

impl StoredState for Remembered {
    const KEY: &'static str = "remembered";
}

#[derive(Clone, Serialize, Deserialize)]
pub struct DatabaseReady {
    pub host: String,
}

impl CustomEvent for DatabaseReady {}

#[derive(Debug, Default)]
pub struct Api {
    pub seen: Vec<String>,
}

impl Charm for Api {
    const META: &'static Metadata = &META;

    fn observe(on: &mut Observe<Self>) {
        on.any((start(), config_changed(), DB.changed(), woken())).reconcile(Self::reconcile);
        on.when(DB.joined(), Self::joined);
        on.when(WEBSITE.joined(), Self::website);
        on.when(CLUSTER.changed(), Self::peers);
        on.custom(Self::database_ready);
        on.update_status(Self::update);
        on.collect_metrics(Self::metrics);
        on.action(Self::rotate_password);
        on.stop(Self::stop);
    }
}

impl Api {
    fn reconcile(&mut self, cx: &mut Context) -> Flow {
        self.seen.push("reconcile".to_owned());
        let config: Config = cx.config()?;
        if config.port == 0 {
            return Err(Error::needs_human("choose a port"))?;
        }
        let Some(db) = cx.relation(DB)? else {
            cx.set_status(Status::Blocked("integrate a database".into()))?;
            return done();
        };
        let Some(endpoints) = db.remote_app()? else {
            return defer("the database has not said where it is").wake_after(secs(10));
        };
        cx.update_state(|state: &mut Remembered| state.reconciled += 1)?;
        db.set_unit(&RawBag::from([("user".to_owned(), "api".to_owned())]))?;
        cx.set_status(Status::Active(format!("{}:{}", endpoints.host, endpoints.port)))?;
        cx.emit(&DatabaseReady { host: endpoints.host })?;
        done()
    }

    fn joined(&mut self, event: RelationJoined, cx: &mut Context) -> Flow {
        tracing::info!("{} joined", event.unit);
        match cx.relation_of(DB, &event.relation)?.remote_app()? {
            None => defer("one at a time").wake_on(DB.changed()),
            Some(_) => done(),
        }
    }

    fn website(&mut self, event: RelationJoined, cx: &mut Context) -> Flow {
        let website = cx.relation_of(WEBSITE, &event.relation)?;
        website.set_app(&RawBag::from([("url".to_owned(), "http://api".to_owned())]))?;
        done()
    }

    fn peers(&mut self, event: RelationChanged, cx: &mut Context) -> Flow {
        let Some(peer) = &event.unit else { return done() };
        let cluster = cx.relation_of(CLUSTER, &event.relation)?;
        if cluster.remote_unit(peer)?.is_some_and(|bag| bag.contains_key("dare")) {
            // Past the library's own check, to see what Juju says.
            cx.command("relation-set", &["-r", &cluster.name(), "--app", "by=anybody"], None)?;
        }
        done()
    }

    fn database_ready(&mut self, event: DatabaseReady, _cx: &mut Context) -> Flow {
        self.seen.push(format!("ready {}", event.host));
        done()
    }

    fn update(&mut self, cx: &mut Context) -> Flow {
        let broken: Result<(), Error> = Err(Error::temporary("no answer"));
        let tried = std::cell::Cell::new(0);
        let result = cx.patiently(Patience::brief(), || {
            tried.set(tried.get() + 1);
            broken.as_ref().map_err(|error| Error::temporary(error.to_string())).copied()
        });
        self.seen.push(format!("tried {}", tried.get()));
        result?;
        done()
    }

    fn metrics(&mut self, _cx: &mut Context) -> Flow {
        panic!("nobody counts here")
    }

    fn stop(&mut self, _cx: &mut Context) -> Finish {
        Err(Error::bug("cannot stop"))
    }

    fn rotate_password(&mut self, params: RotatePassword, cx: &mut Context) -> ActionResult {
        cx.action_log("rotating")?;
        if params.user == "root" {
            return Err(Error::needs_human("root has no password"));
        }
        Ok(Results::new().with("user", params.user).with("length", params.length))
    }
}
