//! Calls about machines and constraints.

use hyper::Method;
use periapt_model::names::{AppName, MachineId};

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
    pub async fn remove_machines(
        &self,
        machines: Vec<MachineId>,
        force: bool,
    ) -> Result<Machines, ClientError> {
        let request = RemoveMachines { machines, force };
        self.client.submit(Method::POST, &self.path(&["remove-machines"]), &request).await
    }

    /// More units, the first of them on these machines.
    pub async fn add_units_to(
        &self,
        app: &AppName,
        count: u32,
        placement: Vec<String>,
    ) -> Result<Units, ClientError> {
        let request = AddUnits { count, placement };
        self.client.submit(Method::POST, &self.path(&["applications", app.as_str(), "units"]), &request).await
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
