//! The cluster that a charm on Kubernetes lives in. With the feature `kube`.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use periapt_model::names::AppName;

use super::Context;
use crate::error::{Error, Kind};

/// Who can do something about an error of Kubernetes: what cannot be reached, is too busy, or was changed by somebody else in
/// the meantime is temporary; what is forbidden needs a human; all else is a bug.
pub(crate) fn kind(error: &kube::Error) -> Kind {
    match error {
        kube::Error::Api(status) => match status.code {
            401 | 403 => Kind::NeedsHuman,
            408 | 409 | 410 | 429 | 500.. => Kind::Temporary,
            _ => Kind::Bug,
        },
        kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => Kind::Temporary,
        kube::Error::Auth(_) => Kind::NeedsHuman,
        _ => Kind::Bug,
    }
}

/// A client of the cluster's API, and what its futures run on.
pub struct Kube {
    client: kube::Client,
    runtime: tokio::runtime::Runtime,
    app: AppName,
}

impl fmt::Debug for Kube {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kube").field("namespace", &self.client.default_namespace()).finish_non_exhaustive()
    }
}

impl Context {
    /// The cluster: with the service account of the charm's pod, or by `KUBECONFIG`. Made once in a dispatch.
    ///
    /// ```no_run
    /// # use periapt_charm::prelude::*;
    /// # use periapt_charm::{kube, k8s_openapi::api::core::v1::Service};
    /// # fn handle(cx: &mut Context) -> Result<(), Error> {
    /// let services = cx.kube()?.block_on(|client| async {
    ///     kube::Api::<Service>::default_namespaced(client).list(&Default::default()).await
    /// })?;
    /// # let _ = services;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// There is neither a service account nor a `KUBECONFIG` here.
    pub fn kube(&self) -> Result<Rc<Kube>, Error> {
        if let Some(kube) = &*self.kube.borrow() {
            return Ok(Rc::clone(kube));
        }
        let runtime = runtime()?;
        let mut config = runtime
            .block_on(kube::Config::infer())
            .map_err(|error| Error::from(error).context("there is no way to the cluster from here"))?;
        // The hook waits, and with it the unit.
        config.connect_timeout = Some(Duration::from_secs(5));
        config.read_timeout = Some(Duration::from_secs(30));
        let kube = Rc::new(Kube::new(runtime, config, self.app().clone())?);
        *self.kube.borrow_mut() = Some(Rc::clone(&kube));
        Ok(kube)
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

impl Kube {
    fn new(runtime: tokio::runtime::Runtime, config: kube::Config, app: AppName) -> Result<Self, Error> {
        let guard = runtime.enter();
        let client = kube::Client::try_from(config)?;
        drop(guard);
        Ok(Self { client, runtime, app })
    }

    /// Runs a future with the client, and waits for it.
    ///
    /// # Errors
    /// Those of the future. What the application is not allowed to do needs a human, and is told how to allow it.
    pub fn block_on<T, E: Into<Error>, F: Future<Output = Result<T, E>>>(
        &self,
        work: impl FnOnce(kube::Client) -> F,
    ) -> Result<T, Error> {
        self.runtime.block_on(work(self.client.clone())).map_err(|error| {
            let error: Error = error.into();
            let forbidden =
                error.downcast_ref::<kube::Error>().is_some_and(|error| kind(error) == Kind::NeedsHuman);
            match forbidden {
                true => error.context(format_args!(
                    "{app} is not allowed to do that: run `juju trust {app} --scope=cluster`",
                    app = self.app
                )),
                false => error,
            }
        })
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> kube::Client {
        self.client.clone()
    }

    /// The namespace of the model.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.client.default_namespace()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use k8s_openapi::api::core::v1::Service;

    use super::*;

    /// Asks for a service of a cluster that answers with that code once.
    fn asked(code: u16) -> Error {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            let body = format!(
                r#"{{"kind": "Status", "apiVersion": "v1", "metadata": {{}}, "status": "Failure", "message": "no", "reason": "No", "code": {code}}}"#
            );
            let head = format!(
                "HTTP/1.1 {code} No\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all((head + &body).as_bytes()).unwrap();
        });
        let config = kube::Config::new(format!("http://{address}").parse().unwrap());
        let kube = Kube::new(runtime().unwrap(), config, "web".parse().unwrap()).unwrap();
        let found = kube
            .block_on(|client| async { kube::Api::<Service>::default_namespaced(client).get("web").await });
        server.join().unwrap();
        found.map(drop).unwrap_err()
    }

    #[test]
    fn answers_of_the_cluster_have_their_kind() {
        for (code, expected) in [(404, Kind::Bug), (409, Kind::Temporary), (500, Kind::Temporary)] {
            assert_eq!(asked(code).kind(), expected, "{code}");
        }
        let forbidden = asked(403);
        assert_eq!(forbidden.kind(), Kind::NeedsHuman);
        assert!(forbidden.to_string().contains("run `juju trust web --scope=cluster`"), "{forbidden}");
    }

    #[test]
    fn a_cluster_that_cannot_be_reached_is_tried_again() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = kube::Config::new(format!("http://{free}").parse().unwrap());
        let kube = Kube::new(runtime().unwrap(), config, "web".parse().unwrap()).unwrap();
        let error =
            kube.block_on(|client| async move { client.apiserver_version().await }).map(drop).unwrap_err();
        assert_eq!(error.kind(), Kind::Temporary, "{error}");
    }
}
