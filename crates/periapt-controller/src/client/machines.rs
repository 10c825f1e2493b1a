//! Calls about machines and constraints.

use hyper::Method;
use periapt_model::names::AppName;

use super::{ClientError, ModelClient};
use crate::api::replies::{Changed, Units};
use crate::api::requests::{
    AddMachines, AddUnits, ConstraintsParams, Machines, RemoveMachines, SetConstraints, ShowConstraints,
};

impl ModelClient {
    /// Machines without units.
    pub async fn add_machines(&self, request: &AddMachines) -> Result<Machines, ClientError> {
        self.client.submit(Method::POST, &self.path(&["machines"]), request).await
    }

    /// Machines go away.
    pub async fn remove_machines(&self, request: &RemoveMachines) -> Result<Machines, ClientError> {
        self.client.submit(Method::POST, &self.path(&["remove-machines"]), request).await
    }

    /// More units, on these machines or with these storages.
    pub async fn add_units_to(&self, app: &AppName, request: &AddUnits) -> Result<Units, ClientError> {
        self.client.submit(Method::POST, &self.path(&["applications", app.as_str(), "units"]), request).await
    }

    /// The constraints of an application, or of the model.
    pub async fn constraints(&self, application: Option<AppName>) -> Result<ShowConstraints, ClientError> {
        let params = ConstraintsParams { application };
        self.client.query(Method::GET, &self.path(&["constraints"]), &params).await
    }

    /// Replaces them.
    pub async fn set_constraints(&self, request: &SetConstraints) -> Result<Changed, ClientError> {
        self.client.submit(Method::PUT, &self.path(&["constraints"]), request).await
    }
}
