//! What a charm handles: its handlers by event, and how their deferred events are treated.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use crate::action::{ActionParams, ActionResult, Results};
use crate::context::{Context, JujuWakes};
use crate::error::Error;
use crate::event::{
    Commit, CustomEvent, Emitted, Event, EventKind, EventType, On, Pattern, PreCommit, Selection, Woken,
};
use crate::flow::{Finish, Flow, Outcome};
use crate::memory::HandlerId;
use crate::registry::{ActionCall, Bound, Call, GaveUp, Registration, Registry, StatusCall, Unfit};
use crate::status::Statuses;

/// A method that handles an event: `fn(&mut self, cx: &mut Context)`, or with the event in between.
///
/// `R` is what it returns: [`Flow`] for events that can be deferred, [`Finish`] for those that cannot.
#[diagnostic::on_unimplemented(
    message = "this method cannot handle `{E}` events",
    label = "expected `fn(&mut {C}, &mut Context) -> {R}` or `fn(&mut {C}, {E}, &mut Context) -> {R}`",
    note = "`Flow` is `Result<Done, DeferralOrError>`: its handler may defer the event; `Finish` is `Result<Done, Error>`: its handler cannot",
    note = "handlers of actions, stop, remove, secret-rotate, secret-expired, pre-commit, commit and the statuses cannot defer: they return `Finish`, and actions `ActionResult`"
)]
pub trait Handler<C, E, R, Form>: 'static {
    /// Runs it.
    fn handle(&self, charm: &mut C, event: E, cx: &mut Context) -> R;
}

/// Marks a handler that does not look at the event.
#[derive(Debug)]
pub struct WithoutEvent;
/// Marks a handler that takes the event.
#[derive(Debug)]
pub struct WithEvent;

impl<C, E, R, F: Fn(&mut C, &mut Context) -> R + 'static> Handler<C, E, R, WithoutEvent> for F {
    fn handle(&self, charm: &mut C, _event: E, cx: &mut Context) -> R {
        self(charm, cx)
    }
}

impl<C, E, R, F: Fn(&mut C, E, &mut Context) -> R + 'static> Handler<C, E, R, WithEvent> for F {
    fn handle(&self, charm: &mut C, event: E, cx: &mut Context) -> R {
        self(charm, event, cx)
    }
}

/// Takes the names of a charm's handlers.
pub struct Observe<C> {
    observer: String,
    registry: Registry<C>,
}

impl<C> fmt::Debug for Observe<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let handlers: Vec<String> = self.registry.handlers.iter().map(|h| h.id.to_string()).collect();
        f.debug_struct("Observe").field("handlers", &handlers).finish_non_exhaustive()
    }
}

/// The last part of a type's path, without what it is generic over.
pub(crate) fn short_name<T: ?Sized>() -> &'static str {
    let full = std::any::type_name::<T>();
    let full = full.split('<').next().unwrap_or(full);
    full.rsplit("::").next().unwrap_or(full)
}

/// A method's own name, from the type that stands for it; none for a closure.
fn method_name<F>() -> Option<&'static str> {
    let full = std::any::type_name::<F>();
    let last = full.rsplit("::").next().unwrap_or(full);
    let is_name = !last.is_empty() && last.chars().all(|c| c.is_alphanumeric() || c == '_');
    is_name.then_some(last)
}

macro_rules! plain_events {
    ($($name:ident: $event:ident -> $returns:ident),+ $(,)?) => {$(
        #[doc = concat!("Handles `", stringify!($name), "` events.")]
        pub fn $name<Form, H: Handler<C, crate::event::$event, $returns, Form>>(&mut self, handler: H) -> Observation<'_, C, crate::event::$event> {
            self.when(crate::event::$name(), handler)
        }
    )+};
}

impl<C: 'static> Observe<C> {
    pub(crate) fn new(observer: impl Into<String>) -> Self {
        let registry = Registry {
            handlers: Vec::new(),
            actions: Vec::new(),
            unit_status: Vec::new(),
            app_status: Vec::new(),
            juju_wakes: JujuWakes::default(),
            mistakes: Vec::new(),
        };
        Self { observer: observer.into(), registry }
    }

    pub(crate) fn into_registry(mut self) -> Registry<C> {
        let mut seen = std::collections::BTreeSet::new();
        for handler in &self.registry.handlers {
            if handler.id.handler.is_empty() {
                let events: Vec<String> = handler.patterns.iter().map(Pattern::name).collect();
                self.registry.mistakes.push(format!(
                    "the closure that handles {} has no name to keep its deferred events under: add .named(\"...\")",
                    events.join(", ")
                ));
            }
            if !seen.insert(handler.id.clone()) {
                self.registry.mistakes.push(format!(
                    "two handlers are called {}: give one of them another name with .named(\"...\")",
                    handler.id
                ));
            }
        }
        self.registry
    }

    fn register<F, E>(
        &mut self,
        patterns: Vec<Pattern>,
        deferrable: bool,
        call: Call<C>,
        read: fn(&Event) -> Option<E>,
    ) -> Observation<'_, C, E> {
        let name = method_name::<F>();
        let mut patterns = Some(patterns);
        // The same method for another event is the same handler: its deferred events stand in one queue.
        let known = name.and_then(|name| {
            self.registry.handlers.iter().position(|h| h.id.handler == name && h.id.observer == self.observer)
        });
        let index = match known {
            Some(index) => {
                let first = &mut self.registry.handlers[index];
                first.patterns.extend(patterns.take().unwrap_or_default());
                let before = Rc::clone(&first.call);
                first.call = Rc::new(move |charm, event, cx| match call(charm, event, cx) {
                    Err(Unfit::Event) => before(charm, event, cx),
                    other => other,
                });
                first.deferrable &= deferrable;
                index
            }
            None => {
                let handler = name.unwrap_or_default().to_owned();
                let id = HandlerId { observer: self.observer.clone(), handler };
                self.registry.handlers.push(Registration {
                    id,
                    former: Vec::new(),
                    patterns: patterns.take().unwrap_or_default(),
                    call,
                    deferrable,
                    lane: None,
                    reconciles: false,
                    keeps_when_gone: false,
                    bound: None,
                });
                self.registry.handlers.len() - 1
            }
        };
        Observation { registry: &mut self.registry, index, read }
    }

    /// Handles events of one type: `on.when(DB.changed(), Self::database_changed)`.
    pub fn when<E, Form, H>(&mut self, events: On<E>, handler: H) -> Observation<'_, C, E>
    where
        E: EventType,
        H: Handler<C, E, E::Returns, Form>,
    {
        let deferrable = events.pattern().kind.is_deferrable();
        let call: Call<C> = Rc::new(move |charm, event, cx| {
            let event = E::from_event(event).ok_or(Unfit::Event)?;
            Ok(handler.handle(charm, event, cx).into_flow())
        });
        self.register::<H, E>(vec![events.pattern()], deferrable, call, E::from_event)
    }

    /// Names several events for one handler: `on.any((start(), config_changed(), DB.changed())).reconcile(Self::reconcile)`.
    pub fn any(&mut self, events: impl Selection) -> Several<'_, C> {
        let patterns = events.patterns();
        Several { on: self, patterns }
    }

    plain_events! {
        install: Install -> Flow,
        start: Start -> Flow,
        config_changed: ConfigChanged -> Flow,
        update_status: UpdateStatus -> Flow,
        upgrade_charm: UpgradeCharm -> Flow,
        leader_elected: LeaderElected -> Flow,
        leader_settings_changed: LeaderSettingsChanged -> Flow,
        collect_metrics: CollectMetrics -> Flow,
        secret_changed: SecretChanged -> Flow,
        secret_remove: SecretRemove -> Flow,
        stop: Stop -> Finish,
        remove: Remove -> Finish,
        secret_expired: SecretExpired -> Finish,
        secret_rotate: SecretRotate -> Finish,
    }

    /// Handles the wakes that Periapt gives on request. Never called on Juju.
    pub fn woken<Form, H: Handler<C, Woken, Flow, Form>>(&mut self, handler: H) -> Observation<'_, C, Woken> {
        self.when(crate::event::woken(), handler)
    }

    /// Handles an event of the charm's own, or of a library.
    pub fn custom<E, Form, H>(&mut self, handler: H) -> Observation<'_, C, E>
    where
        E: CustomEvent,
        H: Handler<C, E, Flow, Form>,
    {
        let pattern = Pattern { kind: EventKind::Custom, subject: Some(E::name().to_owned()) };
        let call: Call<C> = Rc::new(move |charm, event, cx| {
            let Event::Custom(emitted) = event else { return Err(Unfit::Event) };
            if emitted.name != E::name() {
                return Err(Unfit::Event);
            }
            let event = Emitted::read(emitted).map_err(Unfit::Data)?;
            Ok(handler.handle(charm, event, cx))
        });
        self.register::<H, E>(vec![pattern], true, call, |event| match event {
            Event::Custom(emitted) => Emitted::read(emitted).ok(),
            _ => None,
        })
    }

    /// Handles an action. Its parameters say which one: `fn(&mut self, params: RotatePassword, cx: &mut Context)`.
    pub fn action<P: ActionParams>(
        &mut self,
        handler: impl Fn(&mut C, P, &mut Context) -> ActionResult + 'static,
    ) {
        let call: ActionCall<C> = Rc::new(move |charm, params, cx| {
            let params = serde_json::from_value(params).map_err(|error| {
                Error::needs_human(format!("the parameters of {} do not fit: {error}", P::NAME))
            })?;
            handler(charm, params, cx)
        });
        if self.registry.actions.iter().any(|(name, _)| *name == P::NAME) {
            self.registry.mistakes.push(format!("the action {} has two handlers", P::NAME));
        }
        self.registry.actions.push((P::NAME, call));
    }

    /// Says what the unit's status is, at the end of every dispatch.
    pub fn collect_unit_status(
        &mut self,
        handler: impl Fn(&mut C, &mut Statuses, &mut Context) -> Finish + 'static,
    ) {
        self.registry.unit_status.push(Rc::new(handler));
    }

    /// Says what the application's status is, at the end of every dispatch of the leader.
    pub fn collect_app_status(
        &mut self,
        handler: impl Fn(&mut C, &mut Statuses, &mut Context) -> Finish + 'static,
    ) {
        self.registry.app_status.push(Rc::new(handler));
    }

    /// What becomes of wakes on Juju, which has none: `wake_after` of a deferral, and [`Context::wake`]. By default they come
    /// with the next event.
    pub fn wake_on_juju(&mut self, wakes: JujuWakes) {
        self.registry.juju_wakes = wakes;
    }

    /// Called when all events are handled, before the dispatch is saved.
    pub fn pre_commit<Form, H: Handler<C, PreCommit, Finish, Form>>(&mut self, handler: H) {
        self.when(On::<PreCommit>::framework(EventKind::PreCommit), handler);
    }

    /// Called after [`pre_commit`](Self::pre_commit), as the last thing of the dispatch.
    pub fn commit<Form, H: Handler<C, Commit, Finish, Form>>(&mut self, handler: H) {
        self.when(On::<Commit>::framework(EventKind::Commit), handler);
    }

    /// Adds the handlers of a library that is a field of the charm: `on.library("db", |api: &mut Api| &mut api.db, Db::observe)`.
    ///
    /// `key` is part of the name under which the library's deferred events are kept: choose it once.
    pub fn library<L: 'static>(
        &mut self,
        key: &str,
        field: impl Fn(&mut C) -> &mut L + 'static,
        observe: impl FnOnce(&mut Observe<L>),
    ) {
        let mut on = Observe::<L>::new(format!("{}/{key}", self.observer));
        observe(&mut on);
        let field = Rc::new(field);
        let inner = on.registry;
        self.registry.mistakes.extend(inner.mistakes);
        for handler in inner.handlers {
            let (call, project) = (handler.call, Rc::clone(&field));
            self.registry.handlers.push(Registration {
                id: handler.id,
                former: handler.former,
                patterns: handler.patterns,
                call: Rc::new(move |charm, event, cx| call(project(charm), event, cx)),
                deferrable: handler.deferrable,
                lane: handler.lane,
                reconciles: handler.reconciles,
                keeps_when_gone: handler.keeps_when_gone,
                bound: handler.bound.map(|bound| Bound {
                    attempts: bound.attempts,
                    within: bound.within,
                    then: bound.then.map(|then| {
                        let project = Rc::clone(&field);
                        let then: GaveUp<C> =
                            Rc::new(move |charm, event, cx| then(project(charm), event, cx));
                        then
                    }),
                }),
            });
        }
        for (name, call) in inner.actions {
            let project = Rc::clone(&field);
            self.registry
                .actions
                .push((name, Rc::new(move |charm, params, cx| call(project(charm), params, cx))));
        }
        let lift = |call: StatusCall<L>| -> StatusCall<C> {
            let project = Rc::clone(&field);
            Rc::new(move |charm, statuses, cx| call(project(charm), statuses, cx))
        };
        self.registry.unit_status.extend(inner.unit_status.into_iter().map(lift));
        self.registry.app_status.extend(inner.app_status.into_iter().map(lift));
    }
}

/// Several events for one handler, made by [`Observe::any`].
#[must_use = "nothing is observed before `.run(..)` or `.reconcile(..)` names the handler"]
pub struct Several<'a, C> {
    on: &'a mut Observe<C>,
    patterns: Vec<Pattern>,
}

impl<C> fmt::Debug for Several<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Several").field(&self.patterns).finish()
    }
}

impl<'a, C: 'static> Several<'a, C> {
    /// Runs the handler for each of them. It may take the [`Event`].
    pub fn run<Form, H: Handler<C, Event, Flow, Form>>(self, handler: H) -> Observation<'a, C, Event> {
        let call: Call<C> = Rc::new(move |charm, event, cx| Ok(handler.handle(charm, event.clone(), cx)));
        self.on.register::<H, Event>(self.patterns, true, call, |event| Some(event.clone()))
    }

    /// Runs a handler that brings the unit to what it should be, whatever has happened: it is queued once, however many
    /// events defer it, and run once in a dispatch for all of them.
    pub fn reconcile<H: Handler<C, Event, Flow, WithoutEvent>>(
        self,
        handler: H,
    ) -> Observation<'a, C, Event> {
        self.run(handler).reconciles()
    }
}

/// A handler of `E` events that was named, and how they are treated when it defers them.
pub struct Observation<'a, C, E> {
    registry: &'a mut Registry<C>,
    index: usize,
    /// The event as its handler takes it.
    read: fn(&Event) -> Option<E>,
}

impl<C, E> fmt::Debug for Observation<'_, C, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observation").field(&self.registry.handlers[self.index].id).finish()
    }
}

impl<C: 'static, E: 'static> Observation<'_, C, E> {
    fn set(self, change: impl FnOnce(&mut Registration<C>)) -> Self {
        change(&mut self.registry.handlers[self.index]);
        self
    }

    /// Under which name its deferred events are kept; the method's own unless given. Closures need one.
    pub fn named(self, name: impl Into<String>) -> Self {
        self.set(|handler| handler.id.handler = name.into())
    }

    /// A name that the handler had in an older version of the charm: what was deferred under it is this handler's now.
    pub fn was(self, name: impl Into<String>) -> Self {
        self.set(|handler| handler.former.push(name.into()))
    }

    /// The lane it stands in: as long as an event of the lane is deferred, later ones of the lane queue behind it, so that
    /// their order is kept.
    pub fn lane(self, lane: impl Into<String>) -> Self {
        self.set(|handler| handler.lane = Some(lane.into()))
    }

    /// It does not matter to it which event it runs for; see [`Several::reconcile`].
    pub fn reconciles(self) -> Self {
        self.set(|handler| handler.reconciles = true)
    }

    /// Its deferred events are kept, and run, when their relation, secret or storage is gone.
    pub fn keep_when_gone(self) -> Self {
        self.set(|handler| handler.keeps_when_gone = true)
    }

    /// From so many tries, or so long after the first, a deferral fails the hook.
    pub fn give_up_after(self, bound: impl Into<Limit>) -> Self {
        let limit = bound.into();
        self.set(|handler| {
            let then = handler.bound.take().and_then(|bound| bound.then);
            handler.bound = Some(limit.bound(then));
        })
    }

    /// From so many tries, or so long after the first, a deferral is dropped and `then` is called instead. It may take the
    /// event, as the handler may.
    pub fn give_up_with<Form, H: Handler<C, E, Finish, Form>>(
        self,
        bound: impl Into<Limit>,
        then: H,
    ) -> Self {
        let (limit, read) = (bound.into(), self.read);
        let then: GaveUp<C> = Rc::new(move |charm, event, cx| match read(event) {
            Some(event) => then.handle(charm, event, cx),
            // The handler has other events too, and gave up on one of those: nothing is dropped without a word.
            None => Err(Error::bug(format!("there is nothing to do instead of {}", event.name()))),
        });
        self.set(|handler| handler.bound = Some(limit.bound(Some(then))))
    }
}

/// How long a handler may go on deferring an event: so many tries, or so long.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// So many tries.
    Tries(u32),
    /// So long after the first deferral.
    Within(Duration),
}

impl Limit {
    fn bound<C>(self, then: Option<GaveUp<C>>) -> Bound<C> {
        match self {
            Self::Tries(count) => Bound { attempts: Some(count), within: None, then },
            Self::Within(time) => Bound { attempts: None, within: Some(time), then },
        }
    }
}

impl From<u32> for Limit {
    fn from(tries: u32) -> Self {
        Self::Tries(tries)
    }
}

impl From<Duration> for Limit {
    fn from(time: Duration) -> Self {
        Self::Within(time)
    }
}

/// No results.
///
/// # Errors
/// Never.
pub fn no_results() -> ActionResult {
    Ok(Results::new())
}
