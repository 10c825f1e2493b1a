//! The workload containers of a Kubernetes charm, each with its Pebble. With the feature `pebble`.

mod tree;

use std::fmt;
use std::io::Read;
use std::rc::Rc;
use std::time::Duration;

use periapt_pebble::{
    CheckInfo, ExecRequest, FileInfo, FileOptions, IfPresent, Layer, Notice, NoticeId, NoticeQuery, Output,
    Pebble, Plan, Process, ServiceInfo,
};

pub use tree::NotCopied;

use super::Context;
use crate::error::{Error, Kind};
use crate::handle::Container;

/// Who can do something about an error of Pebble: what does not answer yet is temporary, all else is a bug. The error itself
/// is [in there](Error::downcast_ref).
pub(crate) fn kind(error: &periapt_pebble::Error) -> Kind {
    if error.is_temporary() { Kind::Temporary } else { Kind::Bug }
}

/// A workload container. Its methods speak to its Pebble; nothing is asked before the first.
///
/// What has no method here is reached by [`Workload::pebble`].
#[derive(Clone)]
pub struct Workload<'a> {
    cx: &'a Context,
    name: String,
}

impl fmt::Debug for Workload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Workload").field(&self.name).finish()
    }
}

impl Context {
    /// A workload container: `cx.container(WEB).replan()?`.
    #[must_use]
    pub fn container(&self, container: Container) -> Workload<'_> {
        self.container_named(container.name())
    }

    /// The workload container that an event names.
    #[must_use]
    pub fn container_named(&self, name: &str) -> Workload<'_> {
        Workload { cx: self, name: name.to_owned() }
    }
}

impl Workload<'_> {
    /// The name in the metadata.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All that its Pebble can do, without this library's names in the errors.
    ///
    /// # Errors
    /// There are no containers here.
    pub fn pebble(&self) -> Result<Rc<dyn Pebble>, Error> {
        if let Some(pebble) = self.cx.pebbles.borrow().get(&self.name) {
            return Ok(Rc::clone(pebble));
        }
        let pebble: Rc<dyn Pebble> = Rc::from(self.cx.commands.borrow_mut().pebble(&self.name)?);
        self.cx.pebbles.borrow_mut().insert(self.name.clone(), Rc::clone(&pebble));
        Ok(pebble)
    }

    fn with<T>(&self, call: impl FnOnce(&dyn Pebble) -> periapt_pebble::Result<T>) -> Result<T, Error> {
        let pebble = self.pebble()?;
        call(&*pebble).map_err(|error| Error::from(error).context(format_args!("container {}", self.name)))
    }

    /// Whether its Pebble answers. It does not before `pebble-ready`, and may not after that, when the container restarts.
    #[must_use]
    pub fn can_connect(&self) -> bool {
        self.pebble().is_ok_and(|pebble| pebble.can_connect())
    }

    /// Adds a layer, or combines it with the one of that label. Starts nothing: [`Workload::replan`] does.
    ///
    /// # Errors
    /// Pebble cannot be reached, which is temporary; it refuses the layer.
    pub fn add_layer(&self, label: &str, layer: &Layer) -> Result<(), Error> {
        self.with(|pebble| pebble.add_layer(label, layer, IfPresent::Combine))
    }

    /// The combined plan.
    ///
    /// # Errors
    /// Pebble cannot be reached, which is temporary.
    pub fn plan(&self) -> Result<Plan, Error> {
        self.with(|pebble| pebble.plan())
    }

    /// Makes what runs fit the plan: starts what is to run, and restarts what has changed.
    ///
    /// # Errors
    /// Pebble cannot be reached, which is temporary; a service does not start.
    pub fn replan(&self) -> Result<(), Error> {
        self.with(|pebble| pebble.replan()).map(drop)
    }

    /// Starts what is to run by itself.
    ///
    /// # Errors
    /// As [`Workload::replan`].
    pub fn autostart(&self) -> Result<(), Error> {
        self.with(|pebble| pebble.autostart()).map(drop)
    }

    /// Starts services.
    ///
    /// # Errors
    /// As [`Workload::replan`]; the plan has no such service.
    pub fn start(&self, services: &[&str]) -> Result<(), Error> {
        self.with(|pebble| pebble.start(services)).map(drop)
    }

    /// Stops services.
    ///
    /// # Errors
    /// As [`Workload::start`].
    pub fn stop(&self, services: &[&str]) -> Result<(), Error> {
        self.with(|pebble| pebble.stop(services)).map(drop)
    }

    /// Stops and starts services. Pebbles that have no restart (they say 400) are told to stop what runs and to start all.
    ///
    /// # Errors
    /// As [`Workload::start`].
    pub fn restart(&self, services: &[&str]) -> Result<(), Error> {
        self.with(|pebble| match pebble.restart(services) {
            Err(error) if error.code() == Some(400) => {
                let known = pebble.services(services)?;
                let running: Vec<&str> = known.iter().filter(|s| s.is_running()).map(|s| &*s.name).collect();
                if !running.is_empty() {
                    pebble.stop(&running)?;
                }
                pebble.start(services).map(drop)
            }
            ended => ended.map(drop),
        })
    }

    /// How services are, by name; all of them if `names` is empty. Those that the plan does not have are left out.
    ///
    /// # Errors
    /// Pebble cannot be reached, which is temporary.
    pub fn services(&self, names: &[&str]) -> Result<Vec<ServiceInfo>, Error> {
        self.with(|pebble| pebble.services(names))
    }

    /// How a service is; none if the plan does not have it.
    ///
    /// # Errors
    /// As [`Workload::services`].
    pub fn service(&self, name: &str) -> Result<Option<ServiceInfo>, Error> {
        Ok(self.services(&[name])?.into_iter().find(|service| service.name == name))
    }

    /// Sends a signal, such as `SIGHUP`, to services.
    ///
    /// # Errors
    /// As [`Workload::start`]; they do not run.
    pub fn send_signal(&self, signal: &str, services: &[&str]) -> Result<(), Error> {
        self.with(|pebble| pebble.send_signal(signal, services))
    }

    /// Writes a file and makes the folders above it.
    ///
    /// # Errors
    /// Pebble cannot be reached, which is temporary; the file cannot be written.
    pub fn push(&self, path: &str, content: impl AsRef<[u8]>) -> Result<(), Error> {
        self.with(|pebble| pebble.write(path, content.as_ref(), &FileOptions::with_parents()))
    }

    /// Writes a file of any size, with a mode and owner.
    ///
    /// # Errors
    /// As [`Workload::push`].
    pub fn push_with(
        &self,
        path: &str,
        source: impl Read + Send + 'static,
        options: &FileOptions,
    ) -> Result<(), Error> {
        self.with(|pebble| pebble.push(path, Box::new(source), options))
    }

    /// Reads a file. For one that is larger than memory see [`Pebble::pull_to`].
    ///
    /// # Errors
    /// Pebble cannot be reached, which is temporary; there is no such file, of which [`Workload::exists`] tells.
    pub fn pull(&self, path: &str) -> Result<Vec<u8>, Error> {
        self.with(|pebble| pebble.pull(path))
    }

    /// Reads a file of text.
    ///
    /// # Errors
    /// As [`Workload::pull`]; it is not UTF-8.
    pub fn pull_text(&self, path: &str) -> Result<String, Error> {
        self.with(|pebble| pebble.pull_text(path))
    }

    /// Writes a file only if what is there is something else. Gives whether it did: then what reads it must be restarted.
    ///
    /// # Errors
    /// As [`Workload::push`].
    pub fn push_if_changed(&self, path: &str, content: impl AsRef<[u8]>) -> Result<bool, Error> {
        let content = content.as_ref();
        let there = self.with(|pebble| match pebble.pull(path) {
            Err(error) if error.is_not_found() => Ok(None),
            other => other.map(Some),
        })?;
        if there.as_deref() == Some(content) {
            return Ok(false);
        }
        self.push(path, content).map(|()| true)
    }

    /// Whether there is something at the path.
    ///
    /// # Errors
    /// Pebble cannot be reached, which is temporary.
    pub fn exists(&self, path: &str) -> Result<bool, Error> {
        self.with(|pebble| pebble.exists(path))
    }

    /// Whether there is a folder at the path.
    ///
    /// # Errors
    /// As [`Workload::exists`].
    pub fn is_dir(&self, path: &str) -> Result<bool, Error> {
        self.with(|pebble| pebble.is_dir(path))
    }

    /// What is in a folder, sorted by name. `pattern` is a glob on names.
    ///
    /// # Errors
    /// As [`Workload::pull`].
    pub fn list(&self, path: &str, pattern: Option<&str>) -> Result<Vec<FileInfo>, Error> {
        self.with(|pebble| pebble.list_files(path, pattern, false))
    }

    /// Makes a folder and those above it. One that is there already stays as it is.
    ///
    /// # Errors
    /// As [`Workload::push`].
    pub fn make_dir(&self, path: &str) -> Result<(), Error> {
        self.with(|pebble| pebble.make_dir(path, &FileOptions::with_parents()))
    }

    /// Removes a file or an empty folder.
    ///
    /// # Errors
    /// As [`Workload::pull`].
    pub fn remove(&self, path: &str) -> Result<(), Error> {
        self.with(|pebble| pebble.remove_path(path, false))
    }

    /// Removes a folder with all that is in it. It need not be there.
    ///
    /// # Errors
    /// As [`Workload::push`].
    pub fn remove_all(&self, path: &str) -> Result<(), Error> {
        self.with(|pebble| pebble.remove_path(path, true))
    }

    /// Runs a command and waits for it.
    ///
    /// # Errors
    /// Pebble cannot be reached, or the command has not ended in time: temporary; it ended with something else than 0.
    pub fn exec(&self, request: ExecRequest) -> Result<Output, Error> {
        self.with(|pebble| pebble.exec(request)?.wait_output())
    }

    /// Starts a command, to speak with it while it runs.
    ///
    /// # Errors
    /// As [`Workload::exec`].
    pub fn spawn(&self, request: ExecRequest) -> Result<Process, Error> {
        self.with(|pebble| pebble.exec(request))
    }

    /// How checks are, by name; all of them if `names` is empty.
    ///
    /// # Errors
    /// Pebble cannot be reached, which is temporary.
    pub fn checks(&self, names: &[&str]) -> Result<Vec<CheckInfo>, Error> {
        self.with(|pebble| pebble.checks(None, names))
    }

    /// Starts checks, and gives those that did not run.
    ///
    /// # Errors
    /// As [`Workload::checks`]; there is no such check.
    pub fn start_checks(&self, names: &[&str]) -> Result<Vec<String>, Error> {
        self.with(|pebble| pebble.start_checks(names))
    }

    /// Stops checks, and gives those that ran.
    ///
    /// # Errors
    /// As [`Workload::start_checks`].
    pub fn stop_checks(&self, names: &[&str]) -> Result<Vec<String>, Error> {
        self.with(|pebble| pebble.stop_checks(names))
    }

    /// Notices, by when they were told last.
    ///
    /// # Errors
    /// Pebble cannot be reached, which is temporary.
    pub fn notices(&self, query: &NoticeQuery) -> Result<Vec<Notice>, Error> {
        self.with(|pebble| pebble.notices(query))
    }

    /// One notice: the one that an event names.
    ///
    /// # Errors
    /// As [`Workload::notices`]; there is none of that id.
    pub fn notice(&self, id: &str) -> Result<Notice, Error> {
        self.with(|pebble| pebble.notice(&NoticeId::from(id)))
    }

    /// Writes a custom notice: the unit gets `pebble-custom-notice` of it.
    ///
    /// # Errors
    /// As [`Workload::notices`]; the key is not `domain/path`.
    pub fn notify(
        &self,
        key: &str,
        data: &[(&str, &str)],
        repeat_after: Option<Duration>,
    ) -> Result<NoticeId, Error> {
        let data = data.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.with(|pebble| pebble.notify(key, &data, repeat_after))
    }
}

#[cfg(test)]
mod tests {
    use periapt_pebble::PathErrorKind;
    use periapt_pebble::fake::FakePebble;

    use super::super::testing_support::FakeAgent;
    use super::*;

    const WEB: Container = Container::new("web");

    #[test]
    fn a_container_does_what_it_is_told() {
        let pebble = FakePebble::default();
        let cx = FakeAgent::new().container("web", &pebble).context();
        let web = cx.container(WEB);
        assert!(web.can_connect());
        let layer =
            Layer::from_yaml("services: {app: {override: replace, command: /bin/app, startup: enabled}}")
                .unwrap();
        web.add_layer("app", &layer).unwrap();
        web.add_layer("app", &layer).unwrap();
        web.replan().unwrap();
        assert!(web.service("app").unwrap().unwrap().is_running());
        assert_eq!(web.service("other").unwrap().map(|s| s.name), None);
        web.restart(&["app"]).unwrap();
        // Refused with 400: then the ways of a Pebble without a restart are tried, and what they say is told.
        assert!(web.restart(&["other"]).unwrap_err().to_string().contains("other"));
        web.stop(&["app"]).unwrap();
        assert!(!web.service("app").unwrap().unwrap().is_running());
        assert!(web.push_if_changed("/etc/app/app.conf", "a=1").unwrap());
        assert!(!web.push_if_changed("/etc/app/app.conf", "a=1").unwrap());
        assert!(web.push_if_changed("/etc/app/app.conf", "a=2").unwrap());
        assert_eq!(web.pull_text("/etc/app/app.conf").unwrap(), "a=2");
        assert_eq!(web.list("/etc/app", None).unwrap().len(), 1);
        web.remove_all("/etc/app").unwrap();
        assert!(!web.exists("/etc/app").unwrap());
    }

    #[test]
    fn errors_of_pebble_have_their_kind_and_the_containers_name() {
        let cx = FakeAgent::new().container("web", &FakePebble::default()).context();
        let error = cx.container(WEB).pull("/nothing").unwrap_err();
        assert_eq!(error.kind(), Kind::Bug);
        assert!(error.to_string().starts_with("container web: not-found"), "{error}");
        let pebble = error.downcast_ref::<periapt_pebble::Error>().unwrap();
        assert!(matches!(pebble, periapt_pebble::Error::Path { kind: PathErrorKind::NotFound, .. }));
        let away = periapt_pebble::Error::Connection("no socket".into());
        assert_eq!(Error::from(away).kind(), Kind::Temporary);
        assert!(!cx.container_named("other").can_connect());
        assert_eq!(cx.container_named("other").replan().unwrap_err().kind(), Kind::Bug);
    }
}
