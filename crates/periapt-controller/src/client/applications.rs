//! Calls about applications, units and relations.

use hyper::Method;
use periapt_model::names::{AppName, ResourceName, UnitName};

use super::{ClientError, ModelClient};
use crate::api::replies::{Changed, Deployed, Related, Units};
use crate::api::requests::{
    AddUnits, Deploy, Expose, Integrate, Refresh, RemoveParams, RemoveRelation, RemoveUnits, ResolveUnits,
    SetConfig, Switch, Unexpose, UnitParams, Upload,
};
use crate::views::actions::ActionList;
use crate::views::application::{ShowApplication, ShowConfig};
use crate::views::resources::ResourceList;
use crate::views::unit::ShowUnit;
use crate::views::why::{ApplicationWhy, UnitWhy};

impl ModelClient {
    fn app_path(&self, app: &AppName, rest: &[&str]) -> String {
        let segments: Vec<&str> =
            ["applications", app.as_str()].into_iter().chain(rest.iter().copied()).collect();
        self.path(&segments)
    }

    fn unit_path(&self, unit: &UnitName, rest: &[&str]) -> String {
        let number = unit.number().to_string();
        let segments: Vec<&str> =
            ["units", unit.app().as_str(), &number].into_iter().chain(rest.iter().copied()).collect();
        self.path(&segments)
    }

    /// A new application. Its charm's tree must be in the daemon's home already.
    pub async fn deploy(&self, request: &Deploy) -> Result<Deployed, ClientError> {
        self.client.submit(Method::POST, &self.path(&["applications"]), request).await
    }

    /// Another charm. Its tree must be in the daemon's home already.
    pub async fn refresh(&self, app: &AppName, request: &Refresh) -> Result<Deployed, ClientError> {
        self.client.submit(Method::POST, &self.app_path(app, &["refresh"]), request).await
    }

    /// One application.
    pub async fn application(&self, app: &AppName) -> Result<ShowApplication, ClientError> {
        self.client.call(Method::GET, &self.app_path(app, &[])).await
    }

    /// An application goes away.
    pub async fn remove_application(
        &self,
        app: &AppName,
        params: &RemoveParams,
    ) -> Result<Units, ClientError> {
        self.client.query(Method::DELETE, &self.app_path(app, &[]), params).await
    }

    /// The options of an application.
    pub async fn config(&self, app: &AppName) -> Result<ShowConfig, ClientError> {
        self.client.call(Method::GET, &self.app_path(app, &["config"])).await
    }

    /// Sets and resets options of an application.
    pub async fn set_config(&self, app: &AppName, request: &SetConfig) -> Result<Changed, ClientError> {
        self.client.submit(Method::PUT, &self.app_path(app, &["config"]), request).await
    }

    /// `trust`.
    pub async fn trust(&self, app: &AppName, on: bool) -> Result<Changed, ClientError> {
        self.client.submit(Method::PUT, &self.app_path(app, &["trust"]), &Switch { on }).await
    }

    /// `expose` without options, or `unexpose`.
    pub async fn expose(&self, app: &AppName, on: bool) -> Result<Changed, ClientError> {
        self.client.submit(Method::PUT, &self.app_path(app, &["exposed"]), &Switch { on }).await
    }

    /// `expose`.
    pub async fn expose_to(&self, app: &AppName, request: &Expose) -> Result<Changed, ClientError> {
        self.client.submit(Method::POST, &self.app_path(app, &["expose"]), request).await
    }

    /// `unexpose`.
    pub async fn unexpose(&self, app: &AppName, request: &Unexpose) -> Result<Changed, ClientError> {
        self.client.submit(Method::POST, &self.app_path(app, &["unexpose"]), request).await
    }

    /// A new file for a resource. The file must be in the daemon's home already.
    pub async fn attach_resource(
        &self,
        app: &AppName,
        resource: &ResourceName,
        file: &Upload,
    ) -> Result<Changed, ClientError> {
        self.client.submit(Method::PUT, &self.app_path(app, &["resources", resource.as_str()]), file).await
    }

    /// The resources of an application.
    pub async fn resources(&self, app: &AppName) -> Result<ResourceList, ClientError> {
        self.client.call(Method::GET, &self.app_path(app, &["resources"])).await
    }

    /// The actions of an application.
    pub async fn actions(&self, app: &AppName) -> Result<ActionList, ClientError> {
        self.client.call(Method::GET, &self.app_path(app, &["actions"])).await
    }

    /// More units.
    pub async fn add_units(&self, app: &AppName, count: u32) -> Result<Units, ClientError> {
        self.add_units_to(app, &AddUnits { count, ..AddUnits::default() }).await
    }

    /// Units go away.
    pub async fn remove_units(&self, request: &RemoveUnits) -> Result<Units, ClientError> {
        self.client.submit(Method::POST, &self.path(&["remove-units"]), request).await
    }

    /// One unit.
    pub async fn unit(&self, unit: &UnitName, params: &UnitParams) -> Result<ShowUnit, ClientError> {
        self.client.query(Method::GET, &self.unit_path(unit, &[]), params).await
    }

    /// Units in error go on.
    pub async fn resolve(&self, request: &ResolveUnits) -> Result<Units, ClientError> {
        self.client.submit(Method::POST, &self.path(&["resolve"]), request).await
    }

    /// A new relation; each end is `app` or `app:endpoint`.
    pub async fn integrate(&self, a: &str, b: &str) -> Result<Related, ClientError> {
        self.integrate_via(a, b, Vec::new()).await
    }

    /// The same, with traffic from these networks.
    pub async fn integrate_via(&self, a: &str, b: &str, via: Vec<String>) -> Result<Related, ClientError> {
        let request = Integrate { a: a.to_owned(), b: b.to_owned(), via };
        self.client.submit(Method::POST, &self.path(&["relations"]), &request).await
    }

    /// A relation goes away.
    pub async fn remove_relation(&self, request: &RemoveRelation) -> Result<Related, ClientError> {
        self.client.submit(Method::POST, &self.path(&["remove-relation"]), request).await
    }

    /// What a unit waits for.
    pub async fn why_unit(&self, unit: &UnitName) -> Result<UnitWhy, ClientError> {
        self.client.call(Method::GET, &self.unit_path(unit, &["why"])).await
    }

    /// What an application waits for.
    pub async fn why_application(&self, app: &AppName) -> Result<ApplicationWhy, ClientError> {
        self.client.call(Method::GET, &self.app_path(app, &["why"])).await
    }

    pub(super) fn replay_path(&self, unit: &UnitName) -> String {
        self.unit_path(unit, &["replay"])
    }
}
