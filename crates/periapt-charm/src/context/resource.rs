//! The charm's resources.

use std::path::PathBuf;

use super::Context;
use crate::error::Error;
use crate::handle::Resource;

impl Context {
    /// The file of a resource (`resource-get SITE`). The agent brings it to the unit first where that is needed. Asked once in
    /// a dispatch. For an image it is a YAML file that names the registry's path and the password.
    ///
    /// # Errors
    /// Nobody has attached it, which needs a human; it could not be fetched, which is temporary.
    pub fn resource(&self, resource: Resource) -> Result<PathBuf, Error> {
        let name = resource.name();
        if let Some(path) = self.cache.borrow().model.resources.get(name) {
            return Ok(path.clone());
        }
        let output = match self.run("resource-get", &[name.to_owned()], None) {
            Ok(output) => output,
            Err(error) => return Err(explained(self.app().as_str(), name, error)),
        };
        let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        if path.as_os_str().is_empty() {
            return Err(Error::bug(format!("resource-get {name} printed no path")));
        }
        self.cache.borrow_mut().model.resources.insert(name.to_owned(), path.clone());
        Ok(path)
    }
}

fn explained(app: &str, name: &str, error: crate::commands::CommandError) -> Error {
    let said = error.message.to_ascii_lowercase();
    if said.contains("not found") {
        let hint = format!(
            "the resource {name} is missing: attach it with `juju attach-resource {app} {name}=FILE`"
        );
        return Error::needs_human(hint);
    }
    let temporary = said.contains("could not download");
    let error = Error::from(error);
    if temporary { error.as_kind(crate::Kind::Temporary) } else { error }
}

#[cfg(test)]
mod tests {
    use super::super::testing_support::FakeAgent;
    use super::*;
    use crate::Kind;

    const SITE: Resource = Resource::new("site");

    #[test]
    fn a_resource_is_a_path() {
        let agent = FakeAgent::new().says("resource-get site", "/var/lib/juju/resources/site/site.tgz\n");
        let cx = agent.context();
        assert_eq!(cx.resource(SITE).unwrap(), PathBuf::from("/var/lib/juju/resources/site/site.tgz"));
        cx.resource(SITE).unwrap();
        assert_eq!(agent.calls(), ["resource-get site"]);
    }

    #[test]
    fn what_is_wrong_with_a_resource_says_who_can_mend_it() {
        let kind = |stderr: &str| {
            let agent = FakeAgent::new().fails("resource-get site", stderr);
            let error = agent.context().resource(SITE).unwrap_err();
            (error.kind(), error.to_string())
        };
        let (missing, text) = kind("ERROR could not download resource: resource web/site not found");
        assert_eq!(missing, Kind::NeedsHuman);
        assert!(text.ends_with("`juju attach-resource web site=FILE`"), "{text}");
        assert_eq!(kind("ERROR could not download resource: HTTP request failed").0, Kind::Temporary);
        assert_eq!(kind("ERROR permission denied").0, Kind::Bug);
        let silent = FakeAgent::new();
        assert!(silent.context().resource(SITE).is_err());
    }
}
