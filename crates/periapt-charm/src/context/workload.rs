//! What the charm says of its workload and asks of its machine: the version, metrics, a reboot.

use super::Context;
use crate::environment::Dispatched;
use crate::error::Error;
use crate::event::EventKind;

impl Context {
    /// Shows the workload's version in `juju status`, at once (`application-version-set -- 14.2`). The same version again in a
    /// dispatch is not sent.
    ///
    /// # Errors
    /// Those of `application-version-set`.
    pub fn set_workload_version(&self, version: &str) -> Result<(), Error> {
        if self.cache.borrow().model.version.as_deref() == Some(version) {
            return Ok(());
        }
        self.run("application-version-set", &["--".to_owned(), version.to_owned()], None)?;
        self.cache.borrow_mut().model.version = Some(version.to_owned());
        Ok(())
    }

    /// Reboots the machine when this hook has ended well (`juju-reboot`). The unit gets `start` then.
    ///
    /// # Errors
    /// In an action, which cannot reboot; those of `juju-reboot`, which is for machines only.
    pub fn reboot(&self) -> Result<(), Error> {
        self.juju_reboot(&[])
    }

    /// Reboots the machine at once (`juju-reboot --now`). The hook is cut off, nothing of this dispatch is kept, and it is run
    /// again after the reboot: look first whether the reboot is still needed. Return as soon as this has.
    ///
    /// # Errors
    /// As [`Context::reboot`].
    pub fn reboot_now(&self) -> Result<(), Error> {
        self.juju_reboot(&["--now".to_owned()])
    }

    fn juju_reboot(&self, args: &[String]) -> Result<(), Error> {
        if let Dispatched::Action { name, .. } = &self.environment.dispatched {
            return Err(Error::bug(format!(
                "the action {name} cannot reboot the machine: only a hook can, because it is run again"
            )));
        }
        self.run("juju-reboot", args, None)?;
        Ok(())
    }

    /// Reports metrics (`add-metric --labels zone=a requests=3`), in `collect-metrics` only. Gone with Juju 4.
    ///
    /// # Errors
    /// Another event is running; a name or label that cannot be written; those of `add-metric`.
    pub fn add_metrics(&self, metrics: &[(&str, f64)], labels: &[(&str, &str)]) -> Result<(), Error> {
        let event = self.environment.event();
        if event.is_none_or(|event| event.kind() != EventKind::CollectMetrics) {
            return Err(Error::bug("metrics can only be added in collect-metrics"));
        }
        let plain = |text: &&str| !text.is_empty() && !text.contains([',', '=']);
        let names = metrics.iter().map(|(name, _)| name);
        let mut words = names.chain(labels.iter().flat_map(|(name, value)| [name, value]));
        if let Some(odd) = words.find(|word| !plain(word)) {
            return Err(Error::bug(format!(
                "{odd:?} is no name or label of a metric: it is empty, or has a comma or an equals sign"
            )));
        }
        if let Some((name, value)) = metrics.iter().find(|(_, value)| !value.is_finite()) {
            return Err(Error::bug(format!("the metric {name} has the value {value}, which is no number")));
        }
        let mut args = Vec::new();
        if !labels.is_empty() {
            let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            args.extend(["--labels".to_owned(), labels.join(",")]);
        }
        args.extend(metrics.iter().map(|(name, value)| format!("{name}={value}")));
        if !metrics.is_empty() {
            self.run("add-metric", &args, None)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing_support::FakeAgent;

    #[test]
    fn the_version_is_sent_once() {
        let agent = FakeAgent::new();
        let cx = agent.context();
        cx.set_workload_version("-1.2 beta").unwrap();
        cx.set_workload_version("-1.2 beta").unwrap();
        cx.set_workload_version("1.3").unwrap();
        assert_eq!(agent.calls(), ["application-version-set -- -1.2 beta", "application-version-set -- 1.3"]);
    }

    #[test]
    fn only_hooks_reboot() {
        let agent = FakeAgent::new();
        let cx = agent.context();
        cx.reboot().unwrap();
        cx.reboot_now().unwrap();
        assert_eq!(agent.calls(), ["juju-reboot", "juju-reboot --now"]);
        let action = FakeAgent::new().with("JUJU_DISPATCH_PATH", "actions/heal");
        let error = action.context().reboot().unwrap_err();
        assert!(error.to_string().starts_with("the action heal cannot reboot"), "{error}");
        assert_eq!(action.calls(), [""; 0]);
    }

    #[test]
    fn metrics_have_one_hook() {
        let metrics = [("requests", 3.0), ("load", 0.25)];
        assert!(FakeAgent::new().context().add_metrics(&metrics, &[]).is_err());
        let agent = FakeAgent::new().with("JUJU_DISPATCH_PATH", "hooks/collect-metrics");
        let cx = agent.context();
        cx.add_metrics(&metrics, &[]).unwrap();
        cx.add_metrics(&metrics[..1], &[("zone", "a"), ("tier", "1")]).unwrap();
        assert!(cx.add_metrics(&[("a=b", 1.0)], &[]).is_err());
        assert!(cx.add_metrics(&[("a", 1.0)], &[("b", "x,y")]).is_err());
        assert!(cx.add_metrics(&[("a", f64::NAN)], &[]).is_err());
        assert_eq!(
            agent.calls(),
            ["add-metric requests=3 load=0.25", "add-metric --labels zone=a,tier=1 requests=3"]
        );
    }
}
