//! One attempt through hookyard's runtime against bare wasmtime with static bindings: the same
//! component, the same pool, the same call, a fresh instance each.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookyard::config::Config;
use hookyard::delivery::{Delivery, DeliveryId, ReadySince};
use hookyard::event::{Digest, Event, PluginName};
use hookyard::outbound::Outbound;
use hookyard::plugins::settings;
use hookyard::runtime::{
    AttemptReport, Call, CompileOptions, EmptyStores, MemoryBounds, Revision, Runtime, engine_config,
};
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Engine, Store, UpdateDeadline};

use crate::child::guest;
use crate::figures::{Spread, print};

/// The bindings that `wasmtime` generates for the plugin's world.
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, reason = "generated")]
mod bindings {
    wasmtime::component::bindgen!({
        path: [
            "../wit/wasi/io.wit",
            "../wit/wasi/clocks.wit",
            "../wit/wasi/random.wit",
            "../wit/wasi/config.wit",
            "../wit/wasi/logging.wit",
            "../wit/wasi/keyvalue.wit",
            "../wit/wasi/http.wit",
            "../wit/hookyard-plugin-0.1.0",
            "../wit/moncreneau-events-1.0.0",
        ],
        world: "moncreneau:events/on-appointment-created",
        exports: { default: async },
    });
}

use bindings::exports::moncreneau::events::appointment_created::Created;
use bindings::hookyard::plugin::types::Context;
use bindings::moncreneau::events::appointments::{Department, Organization, Status};
use bindings::wasi::logging::logging::{self, Level};
use bindings::{OnAppointmentCreated, OnAppointmentCreatedPre};

const CALLS: u32 = 20_000;
const ROUNDS: usize = 9;
const PAYLOAD: &str = r#"{"id":12345,"departmentId":5,"department":{"id":5,"name":"Passport Service","organization":{"id":1,"name":"Ministry of Interior"}},"dateTime":"2026-01-25T14:30:00","status":"SCHEDULED","name":"Jean Dupont","phone":"+224621234567","email":"jean.dupont@example.gn","qrCode":"https://moncreneau.gn/qr/12345","createdAt":"2026-01-21T14:30:00Z","creditsUsed":1}"#;

/// Measures both in turn.
pub fn run() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let Figures { hookyard, bare, checked, ratios } =
        runtime.block_on(async { tokio::spawn(measure()).await.unwrap() });
    print(
        "attempt: hookyard's (decode, instantiate, call, record, drop) against bare wasmtime with static bindings",
        &[
            format!("ratio     {}   target: at most 1.5", Spread::of(ratios)),
            format!("hookyard  {} µs", Spread::of(hookyard)),
            format!("bare      {} µs", Spread::of(bare)),
            format!("bare      {} µs with checks in compiled code, no pool", Spread::of(checked)),
        ],
    );
}

/// µs an attempt, round by round.
#[derive(Default)]
struct Figures {
    hookyard: Vec<f64>,
    bare: Vec<f64>,
    checked: Vec<f64>,
    ratios: Vec<f64>,
}

async fn measure() -> Figures {
    let config = Config::default();
    let ours = HookyardRuntime::new(&config).await;
    let bare = BareWasmtime::new(&config, MemoryBounds::GuardPages);
    let checked = BareWasmtime::new(&config, MemoryBounds::Checks);
    let mut figures = Figures::default();
    for round in 0..=ROUNDS {
        let (a, b, c) = (ours.round().await, bare.round().await, checked.round().await);
        // The first round warms up.
        if round > 0 {
            figures.hookyard.push(a);
            figures.bare.push(b);
            figures.checked.push(c);
            figures.ratios.push(a / b);
        }
    }
    figures
}

struct HookyardRuntime {
    revision: Arc<Revision>,
    delivery: Delivery,
    settings: hookyard::runtime::PluginSettings,
}

impl HookyardRuntime {
    async fn new(config: &Config) -> Self {
        let name = PluginName::new("stats").unwrap();
        let settings = settings(config, &name);
        let outbound = Outbound::new(&config.http, &config.email).unwrap();
        let runtime =
            Runtime::new(&config.runtime, CompileOptions::default(), Arc::new(EmptyStores), outbound)
                .unwrap();
        let loaded = runtime.load(&name, guest("stats"), &settings).await;
        let revision = loaded.unwrap_or_else(|refusal| panic!("{refusal}")).revision;
        let event = Event {
            metadata: None,
            source: PluginName::new("moncreneau").unwrap(),
            id: "evt_abc123".into(),
            event_type: "appointment.created".into(),
            created: "2026-01-21T14:30:00Z".into(),
            received_at: 1,
            body: PAYLOAD.into(),
            payload: 0..PAYLOAD.len(),
            ordering_key: None,
            digest: Digest::of(PAYLOAD.as_bytes()),
            origin: None,
            trace: None,
        };
        let id = DeliveryId { event: 1, number: 1 };
        let event = Arc::new(event);
        let delivery = Delivery {
            id,
            event,
            plugin: name,
            attempts: 0,
            failures: 0,
            since: 0,
            order: None,
            revision: None,
            ready: ReadySince::Due(0),
        };
        Self { revision, delivery, settings }
    }

    async fn round(&self) -> f64 {
        let started = Instant::now();
        for _ in 0..CALLS {
            let call = Call {
                delivery: &self.delivery,
                package: Some("moncreneau:events"),
                settings: &self.settings,
                trace: None,
            };
            let AttemptReport { attempt, .. } = self.revision.attempt(call).await;
            assert!(attempt.failure.is_none() && attempt.logs.len() == 1);
            black_box(attempt);
        }
        started.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS)
    }
}

/// The least that a host can keep for an instance: its lines and its deadline.
struct Lines {
    lines: Vec<String>,
    deadline: Instant,
}

impl logging::Host for Lines {
    fn log(&mut self, _level: Level, _context: String, message: String) {
        self.lines.push(message);
    }
}

struct BareWasmtime {
    engine: Engine,
    pre: OnAppointmentCreatedPre<Lines>,
}

impl BareWasmtime {
    fn new(config: &Config, bounds: MemoryBounds) -> Self {
        let engine = Engine::new(&engine_config(&config.runtime, bounds)).unwrap();
        let component = Component::from_binary(&engine, &guest("stats")).unwrap();
        let mut linker = Linker::new(&engine);
        logging::add_to_linker::<_, HasSelf<Lines>>(&mut linker, |lines| lines).unwrap();
        let pre = OnAppointmentCreatedPre::new(linker.instantiate_pre(&component).unwrap()).unwrap();
        let clock = engine.weak();
        std::thread::spawn(move || {
            while let Some(engine) = clock.upgrade() {
                engine.increment_epoch();
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Self { engine, pre }
    }

    async fn round(&self) -> f64 {
        let started = Instant::now();
        for _ in 0..CALLS {
            let deadline = Instant::now() + Duration::from_secs(2);
            let mut store = Store::new(&self.engine, Lines { lines: Vec::new(), deadline });
            store.set_epoch_deadline(1);
            store.epoch_deadline_callback(|context| {
                assert!(Instant::now() < context.data().deadline);
                Ok(UpdateDeadline::Yield(1))
            });
            let plugin: OnAppointmentCreated = self.pre.instantiate_async(&mut store).await.unwrap();
            let handler = plugin.moncreneau_events_appointment_created();
            let result = handler.call_handle(&mut store, &context(), &created()).await.unwrap();
            assert!(result.is_ok() && store.data().lines.len() == 1);
            black_box(store);
        }
        started.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS)
    }
}

fn context() -> Context {
    Context {
        event_id: "evt_abc123".into(),
        event_type: "appointment.created".into(),
        source: "moncreneau".into(),
        created: "2026-01-21T14:30:00Z".into(),
        received_at: 1,
        idempotency_key: "0123456789abcdef0123456789abcdef".into(),
        attempt: 1,
    }
}

fn created() -> Created {
    let some = |text: &str| Some(text.to_owned());
    let organization = Organization { id: 1, name: "Ministry of Interior".into() };
    Created {
        id: 12345,
        department_id: 5,
        department: Some(Department {
            id: 5,
            name: "Passport Service".into(),
            organization: Some(organization),
        }),
        date_time: "2026-01-25T14:30:00".into(),
        status: Status::Scheduled,
        name: "Jean Dupont".into(),
        phone: some("+224621234567"),
        email: some("jean.dupont@example.gn"),
        qr_code: some("https://moncreneau.gn/qr/12345"),
        created_at: some("2026-01-21T14:30:00Z"),
        credits_used: Some(1),
    }
}
