//! An app: a server with its sources; and the runtime that all apps and mocks of the process share.

use std::{
    sync::Arc,
    task::{Context, Wake, Waker},
    thread::available_parallelism,
    time::Duration,
};

use livetape_core::{
    error::{Code, Problem},
    inject,
};
use livetape_engine::{
    channels::Channel,
    source::{Tape, live::NetTransport},
};
use livetape_feed::{
    control::{Control, Driver, ReplayOrder, Unit},
    hub::{Hub, Limits},
};
use livetape_io::net::Listening;
use livetape_server::{Event, Handlers, Server};
use napi::{
    Env, Status,
    bindgen_prelude::{Array, Function, PromiseRaw},
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};
use napi_derive::napi;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    error::{OrError as _, bad, json, parse},
    event::{Unanswered, to_array},
    feed::NativeFeed,
    options::{AppOptions, speed},
};

/// Maximum number of events of a turn.
const BATCH_EVENTS_MAX: usize = 256;

/// A server and its sources. Node drops it with its environment, for example that of a worker that ends: the
/// app closes then.
///
/// Methods that wait are not `async`: such a future borrows `self`, which Node frees although the future
/// still runs (napi-rs issue 1575).
#[napi]
pub struct NativeApp {
    app: Arc<App>,
    pub(crate) handlers: Handlers,
    events: Mutex<mpsc::Receiver<Event>>,
    pub(crate) unanswered: Mutex<Unanswered>,
}

/// What an app and its pending calls share.
struct App {
    options: AppOptions,
    hub: Hub,
    control: Control,
    handlers: Handlers,
    alarm: Arc<Alarm>,
    /// Driver of the sources, until the app listens.
    driver: Mutex<Option<Driver>>,
    closed: CancellationToken,
}

/// Calls JavaScript when there are events again. It keeps the process running.
#[derive(Default)]
struct Alarm(Mutex<Option<ThreadsafeFunction<(), (), (), Status, false>>>);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(turn) = &*self.0.lock() {
            turn.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

#[napi]
impl NativeApp {
    /// Creates an app from the options of `createApp`, as JSON.
    #[napi(constructor)]
    pub fn new(options: String) -> napi::Result<Self> {
        let options: AppOptions = parse("options", &options).or_error()?;
        options.check().or_error()?;
        let hub = Hub::new(Uuid::new_v4().simple().to_string(), Limits::default());
        let (control, driver) = Control::new();
        let (handlers, events) =
            Handlers::new(&hub, &control, options.sockets(), options.lobby(), options.handlers());
        let app = App {
            options,
            hub,
            control,
            handlers: handlers.clone(),
            alarm: Arc::default(),
            driver: Mutex::new(Some(driver)),
            closed: CancellationToken::new(),
        };
        Ok(Self { app: Arc::new(app), handlers, events: Mutex::new(events), unanswered: Mutex::default() })
    }

    /// Starts the server and its source. Returns the port.
    #[napi]
    pub fn listen<'env>(&self, env: &'env Env, port: Option<u32>) -> napi::Result<PromiseRaw<'env, u32>> {
        let app = Arc::clone(&self.app);
        env.spawn_future(async move { app.start(port).await.or_error() })
    }

    /// Returns the time for the result of a handler, in ms.
    #[napi(getter)]
    pub fn handler_timeout_ms(&self) -> f64 {
        self.app.options.handlers().answer_max.as_secs_f64() * 1e3
    }

    /// Sets the function that is called when there are events, and when the app has closed.
    #[napi]
    pub fn run(&self, turn: Function<'_, (), ()>) -> napi::Result<()> {
        *self.app.alarm.0.lock() = Some(turn.build_threadsafe_function().build()?);
        self.app.alarm.wake_by_ref();
        Ok(())
    }

    /// Ends a turn of JavaScript and begins the next: writes the messages of the handlers, answers the events that
    /// still wait for it with 0, and returns the next ones. See `to_array`; `null` when the app has closed.
    ///
    /// If there are none, the function of `run` is called once there are.
    #[napi]
    pub fn turn<'env>(&self, env: &'env Env) -> napi::Result<Option<Array<'env>>> {
        self.handlers.flush();
        let mut unanswered = self.unanswered.lock();
        unanswered.end(&self.handlers, self.app.options.handlers().answer_max);
        let waker = Waker::from(Arc::clone(&self.app.alarm));
        let (mut cx, mut events) = (Context::from_waker(&waker), Vec::new());
        let taken = self.events.lock().poll_recv_many(&mut cx, &mut events, BATCH_EVENTS_MAX);
        if taken.is_pending() && self.app.closed.is_cancelled() {
            *self.app.alarm.0.lock() = None;
            return Ok(None);
        }
        to_array(env, events, &mut unanswered).map(Some)
    }

    /// Shuts the server down, and returns when everything has closed.
    #[napi]
    pub fn close<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
        self.app.shut_down();
        let closed = self.app.closed.clone();
        env.spawn_future(async move {
            closed.cancelled().await;
            Ok(())
        })
    }

    /// Subscribes to the feed, with the query parameters of `GET /events`.
    #[napi]
    pub fn subscribe(&self, query: String) -> napi::Result<NativeFeed> {
        let join = livetape_server::feed_query(&query).or_error()?;
        Ok(NativeFeed::new(self.app.hub.join(&join).or_error()?, self.app.closed.clone()))
    }

    /// Controls the replay. Returns its state as JSON.
    #[napi]
    pub fn replay<'env>(
        &self,
        env: &'env Env,
        order: String,
        value: Option<String>,
    ) -> napi::Result<PromiseRaw<'env, String>> {
        let order = read_order(&order, value.as_deref()).or_error()?;
        let control = self.app.control.clone();
        env.spawn_future(async move { json(&control.order(order).await.or_error()?) })
    }

    /// Connects to a user. Returns the status as JSON.
    #[napi]
    pub fn connect<'env>(&self, env: &'env Env, user: String) -> napi::Result<PromiseRaw<'env, String>> {
        let control = self.app.control.clone();
        env.spawn_future(async move { json(&control.connect(user).await.or_error()?) })
    }

    /// Disconnects a user. Returns the status as JSON.
    #[napi]
    pub fn disconnect<'env>(&self, env: &'env Env, user: String) -> napi::Result<PromiseRaw<'env, String>> {
        let control = self.app.control.clone();
        env.spawn_future(async move { json(&control.disconnect(user).await.or_error()?) })
    }

    /// Injects an event: the body of `POST /inject`.
    #[napi]
    pub fn inject<'env>(&self, env: &'env Env, request: String) -> napi::Result<PromiseRaw<'env, String>> {
        let request = inject::parse(parse("event", &request).or_error()?).or_error()?;
        let control = self.app.control.clone();
        env.spawn_future(async move { json(&control.inject(request).await.or_error()?) })
    }

    /// Returns the status of the source as JSON.
    #[napi]
    pub fn status(&self) -> napi::Result<String> {
        json(&self.app.control.status())
    }

    /// Returns the state of the replay as JSON.
    #[napi]
    pub fn replay_state(&self) -> napi::Result<String> {
        json(&self.app.control.replay())
    }
}

impl Drop for NativeApp {
    fn drop(&mut self) {
        self.app.shut_down();
    }
}

impl App {
    /// Lets everything close. `closed` is cancelled when it has.
    fn shut_down(&self) {
        self.control.shut_down();
        if self.take_driver().is_some() {
            // Nothing runs.
            self.closed.cancel();
        }
    }

    fn take_driver(&self) -> Option<Driver> {
        self.driver.lock().take()
    }

    async fn start(&self, port: Option<u32>) -> Result<u32, Problem> {
        let port = port.map(u16::try_from).transpose().map_err(|_| bad("the port is not from 0 to 65535"))?;
        let runtime = runtime()?;
        let address = self.options.address(port)?;
        let config = livetape_server::Config {
            handlers: Some(self.handlers.clone()),
            ..self.options.server(address)?
        };
        let options = self.options.channel()?;
        let transport = NetTransport::new(&options.live)?;
        let tape = match self.options.replay.clone() {
            None => None,
            Some(name) => {
                let found = runtime.spawn_blocking(move || Tape::find(name)).await;
                Some(found.map_err(|failed| Problem::new(Code::Io, failed))??)
            }
        };
        let Some(driver) = self.take_driver() else {
            return Err(bad("the app is already listening, or closed").hint("create another app"));
        };
        let listening = match runtime.spawn(Listening::bind(address)).await {
            Ok(Ok(listening)) => listening,
            failed => {
                // The caller may try another port.
                *self.driver.lock() = Some(driver);
                if self.control.shutdown().is_cancelled() {
                    // `close` was called meanwhile, and waits for this.
                    self.closed.cancel();
                }
                return Err(match failed {
                    Ok(Err(problem)) if problem.code == Code::PortInUse => {
                        problem.hint("choose another port, or 0 for any free port")
                    }
                    Ok(Err(problem)) => problem,
                    _ => Problem::new(Code::CannotListen, "the server stopped"),
                });
            }
        };
        let bound = listening.addresses().first().map_or(0, |address| u32::from(address.port()));
        let server = Server { hub: self.hub.clone(), control: self.control.clone(), config };
        let user = self.options.live.clone();
        let channel = Channel::new(self.hub.clone(), &self.control, driver, transport, options);
        // Failures are events of the feed.
        let source = match (tape, user) {
            (Some(tape), _) => {
                let show = channel.replay(tape);
                runtime.spawn(async { drop(show.await) })
            }
            (None, Some(user)) => runtime.spawn(async { drop(channel.live(user).await) }),
            (None, None) => runtime.spawn(async { drop(channel.serve().await) }),
        };
        let serving = runtime.spawn(livetape_server::serve(listening, server));
        let (closed, alarm) = (self.closed.clone(), Arc::clone(&self.alarm));
        // Also ends the app after `POST /shutdown`.
        runtime.spawn(async move {
            // A task that panicked has ended too.
            let _ = tokio::join!(serving, source);
            closed.cancel();
            alarm.wake();
        });
        Ok(bound)
    }
}

/// Reads an order to the replay; `value` is JSON.
fn read_order(order: &str, value: Option<&str>) -> Result<ReplayOrder, Problem> {
    let value: Value = value.map_or(Ok(Value::Null), |value| parse("value", value))?;
    Ok(match order {
        "play" => ReplayOrder::Play,
        "pause" => ReplayOrder::Pause,
        "seek" => ReplayOrder::Seek(offset(&value)?),
        "speed" => ReplayOrder::Speed(speed(&value)?),
        "step" => {
            let frames = value.as_i64().and_then(|frames| i32::try_from(frames).ok());
            let frames = frames.ok_or_else(|| bad(format!("`{value}` is not a number of frames")))?;
            ReplayOrder::Step(frames, Unit::Frames)
        }
        "load" => ReplayOrder::Load(value.as_str().unwrap_or_default().to_owned()),
        other => return Err(bad(format!("unknown order `{other}`"))),
    })
}

/// Reads an offset: seconds, or text such as `1m30s`.
fn offset(value: &Value) -> Result<Duration, Problem> {
    let read = match value {
        Value::String(text) => livetape_core::offset::parse(text),
        other => livetape_core::offset::from_seconds(other.as_f64().unwrap_or(f64::NAN)),
    };
    read.map_err(bad)
}

static RUNTIME: Mutex<Option<Runtime>> = Mutex::new(None);

/// Returns the runtime, and starts it first if necessary.
pub(crate) fn runtime() -> Result<Handle, Problem> {
    // Locked until it is started: a second one would be dropped, which panics on a thread of Node's runtime.
    let mut running = RUNTIME.lock();
    if let Some(runtime) = &*running {
        return Ok(runtime.handle().clone());
    }
    // JavaScript has a processor of its own: with another thread there, each message would wait for one more switch.
    let threads = available_parallelism().map_or(1, |all| all.get().saturating_sub(1).max(1));
    let mut builder = Builder::new_multi_thread();
    let built = builder.worker_threads(threads).thread_name("livetape").enable_all().build();
    let built = built.map_err(|error| Problem::new(Code::Io, format!("cannot start threads: {error}")))?;
    let handle = built.handle().clone();
    *running = Some(built);
    Ok(handle)
}
