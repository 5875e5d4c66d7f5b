//! The load of the auth service, tested through the real paths and in virtual time.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use core::time::Duration;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tower::ServiceExt as _;

use crate::auth::asking::AuthClient;
use crate::auth::http;
use crate::auth::load::{Load, Model};
use crate::auth::service::Service;
use crate::auth::settings::Settings;
use crate::auth::state::{COMMAND_CENTER, First, HOUSEHOLD, LOGS, Now, World};
use crate::command_center::{self, CommandCenter};
use crate::home::Home;
use crate::logs::Logs;
use crate::server::control::{Adjustable as _, Admin};
use crate::server::inside::Inside;

const ADMIN: &str = "admin-token";

/// An auth service without a socket.
struct Rig {
    service: Arc<Service>,
    center: Arc<CommandCenter>,
    router: Router,
}

/// The time in milliseconds and the status of an answer.
type Told = (u128, StatusCode);

impl Rig {
    fn with(model: Model) -> Self {
        let first =
            First { node_id: "kitchen-pi", node_key: "node-key", app_key: "app-key", member_password: "p" };
        let home = if model == Model::JARVISD { Home::Jarvisd } else { Home::Python };
        let world = World::with(home, &first, Now::read());
        let (load, admin) = (Load::new(model), Some(Admin(ADMIN.into())));
        let service = Arc::new(Service::new(home, world, &Settings::default(), admin, load));
        let router = http::router(&service);
        let inside = Inside::without_server(router.clone());
        let logs = Arc::new(Logs::new(AuthClient::new(&service, inside.clone(), LOGS, "Logs")));
        let asking = AuthClient::new(&service, inside, COMMAND_CENTER, "Command Center");
        let center = Arc::new(CommandCenter::new(asking, ADMIN.to_owned(), false, 7700));
        center.add_row("kitchen-pi", "node-key", HOUSEHOLD, "kitchen");
        let beside = Router::new()
            .nest_service("/center", command_center::served(&center))
            .nest_service("/logs", logs.served());
        Self { router: beside.fallback_service(router), service, center }
    }

    fn ask(&self, request: Request) -> impl Future<Output = Told> + Send + use<> {
        let (router, begin) = (self.router.clone(), Instant::now());
        async move {
            let response = router.oneshot(request).await.expect("an answer");
            (begin.elapsed().as_millis(), response.status())
        }
    }

    /// Sends this many validations at once.
    async fn at_once(&self, calls: usize) -> Vec<Told> {
        let asked = (0..calls).map(|_| self.ask(validation("kitchen-pi", "app-key")));
        JoinSet::from_iter(asked).join_all().await
    }
}

fn post(path: &str, body: serde_json::Value) -> Request {
    Request::post(path)
        .header(header::CONTENT_TYPE, "application/json")
        .header("X-Jarvis-App-Id", "jarvis-node-agent")
        .header("X-Jarvis-App-Key", "app-key")
        .header("X-Jarvis-Admin-Token", ADMIN)
        .body(Body::from(body.to_string()))
        .expect("a request")
}

fn validation(node: &str, app_key: &'static str) -> Request {
    let body =
        serde_json::json!({ "node_id": node, "node_key": "node-key", "service_id": "jarvis-command-center" });
    let mut request = post("/internal/validate-node", body);
    request.headers_mut().insert("X-Jarvis-App-Key", header::HeaderValue::from_static(app_key));
    request
}

fn get(path: &str) -> Request {
    Request::get(path).body(Body::empty()).expect("a request")
}

#[tokio::test(start_paused = true)]
async fn one_call_takes_500_ms_and_fourteen_take_turns() {
    let rig = Rig::with(Model::MEASURED);
    let told = rig.at_once(1).await;
    assert!(matches!(told[..], [(490..=500, StatusCode::OK)]), "{told:?}");
    let told = rig.at_once(14).await;
    assert!(told.iter().all(|(_, status)| *status == StatusCode::OK), "{told:?}");
    assert!((3430..3700).contains(&told.iter().map(|(at, _)| *at).max().unwrap_or(0)), "{told:?}");
    let told = Rig::with(Model::MEASURED.faster_by(10)).at_once(14).await;
    assert!((343..420).contains(&told.iter().map(|(at, _)| *at).max().unwrap_or(0)), "{told:?}");
    let told = Rig::with(Model::INSTANT).at_once(100).await;
    assert!(told.iter().all(|told| *told == (0, StatusCode::OK)), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn fifteen_wait_for_each_other_until_the_pools_time_out() {
    let rig = Rig::with(Model::MEASURED);
    let told = rig.at_once(15).await;
    assert!(told.iter().all(|(at, _)| (30_000..32_500).contains(at)), "{told:?}");
    let failed = |told: &[Told]| told.iter().filter(|(_, s)| *s == StatusCode::INTERNAL_SERVER_ERROR).count();
    assert!((1..15).contains(&failed(&told)), "{told:?}");
    assert_eq!(failed(&rig.at_once(14).await), 0, "and then it is as before");
    let told = rig.at_once(100).await;
    assert_eq!(told.len(), 100);
    assert!(told.iter().all(|(at, _)| *at >= 30_000), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_health_check_hangs_with_forty_inside() {
    for (calls, least, most) in [(39, 0, 0), (40, 28_000, 32_000)] {
        let rig = Rig::with(Model::MEASURED);
        let health = async {
            sleep(Duration::from_secs(1)).await;
            rig.ask(get("/health")).await
        };
        let ((at, status), told) = tokio::join!(health, rig.at_once(calls));
        assert!((least..=most).contains(&at), "{calls}: {at}");
        assert_eq!((status, told.len()), (StatusCode::OK, calls));
    }
}

#[tokio::test(start_paused = true)]
async fn abandoned_calls_are_worked_off_and_delay_others() {
    let rig = Rig::with(Model::MEASURED);
    for _ in 0..4 {
        let asked = rig.ask(validation("kitchen-pi", "app-key"));
        assert!(tokio::time::timeout(Duration::from_millis(50), asked).await.is_err());
    }
    assert_eq!(rig.service.validations(), 0);
    let (at, _) = rig.ask(validation("kitchen-pi", "app-key")).await;
    // Five calls in turn; the first began 200 ms ago.
    assert!((1000..1300).contains(&at), "{at}");
    assert_eq!(rig.service.validations(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_restart_loses_the_pile() {
    let rig = Rig::with(Model::MEASURED);
    assert!(tokio::time::timeout(Duration::from_secs(5), rig.at_once(100)).await.is_err());
    let shown =
        |rig: &Rig| -> serde_json::Value { serde_json::from_str(&rig.service.load.shown()).expect("JSON") };
    let busy = serde_json::json!({ "threads": 40, "connections": 15, "cores": 0 });
    assert_eq!(shown(&rig)["busy"], busy, "a deadlock");
    rig.service.load.restart();
    let told = rig.at_once(1).await;
    assert!(matches!(told[..], [(490..=500, StatusCode::OK)]), "{told:?}");
    assert_eq!(rig.service.validations(), 1);
    rig.service.load.set(Model::INSTANT);
    assert_eq!(shown(&rig), serde_json::json!({ "model": "instant" }));
    assert_eq!(rig.at_once(1).await, [(0, StatusCode::OK)]);
}

/// Prices are numbers of checks, each of 245 ms.
#[tokio::test(start_paused = true)]
async fn each_path_has_its_price() {
    let rig = Rig::with(Model::MEASURED);
    let register = serde_json::json!({ "node_id": "attic-pi", "household_id": HOUSEHOLD, "name": "Attic" });
    let person = serde_json::json!({ "email": "a@example.com", "password": "long enough" });
    let token = rig.center.provisioning_token(HOUSEHOLD, None);
    let enrol = serde_json::json!({ "node_id": "cellar-pi", "provisioning_token": token });
    let heartbeat = || Request::post("/center/api/v0/admin/nodes/heartbeat");
    let beats = heartbeat().header("X-API-Key", "kitchen-pi:node-key").body(Body::empty());
    let malformed = Request::post("/internal/validate-node").header(header::CONTENT_TYPE, "application/json");
    let nothing = serde_json::json!({});
    for (what, request, checks, status) in [
        ("a validation", validation("kitchen-pi", "app-key"), 2, 200),
        ("an unknown node", validation("nobody", "app-key"), 1, 200),
        ("a wrong app key", validation("kitchen-pi", "other"), 1, 401),
        ("no app", Request::post("/internal/app-ping").body(Body::empty()).expect("one"), 0, 405),
        ("malformed", malformed.body("{".into()).expect("a request"), 0, 422),
        ("fields missing", post("/internal/validate-node", nothing.clone()), 1, 422),
        ("an app's ping", post("/internal/validate-app", nothing.clone()), 1, 200),
        ("a registration", post("/internal/nodes/register", register), 2, 201),
        ("an enrolment", post("/center/api/v0/nodes/register", enrol), 2, 201),
        ("a heartbeat", beats.expect("a request"), 2, 200),
        ("a heartbeat of nobody", heartbeat().body(Body::empty()).expect("a request"), 0, 400),
        ("a new key", post("/admin/nodes/kitchen-pi/rotate-key", nothing), 1, 200),
        ("a person", post("/auth/register", person.clone()), 1, 201),
        ("a login", post("/auth/login", person), 1, 200),
        ("health", get("/health"), 0, 200),
        ("no path", get("/nowhere"), 0, 404),
    ] {
        let (at, told) = rig.ask(request).await;
        assert_eq!((at + 5) / 245, checks, "{what}: {at} ms");
        assert_eq!(told, status, "{what}");
    }
}

/// Prices in milliseconds, in this order: what has been proved costs nothing in any service.
#[tokio::test(start_paused = true)]
async fn jarvisd_remembers_keys_for_all_paths() {
    let rig = Rig::with(Model::JARVISD);
    let beat = |key: &str| {
        let request = Request::post("/center/api/v0/admin/nodes/heartbeat").header("X-API-Key", key);
        request.body(Body::empty()).expect("a request")
    };
    let lines = |key: &str| {
        let request = Request::post("/logs/api/v0/node/logs/batch").header("X-Node-Id", "kitchen-pi");
        let line = serde_json::json!({ "service": "s", "level": "INFO", "message": "m" });
        let body = serde_json::json!({ "logs": [line] }).to_string();
        request.header("X-Node-Key", key).body(Body::from(body)).expect("a request")
    };
    for (what, request, price, status) in [
        ("lines", lines("node-key"), 105, 204),
        ("the next lines", lines("node-key"), 5, 204),
        ("lines with a wrong key", lines("other"), 100, 403),
        ("a heartbeat", beat("kitchen-pi:node-key"), 10, 200),
        ("a wrong key", beat("kitchen-pi:other"), 100, 401),
        ("a wrong key again", beat("kitchen-pi:other"), 100, 401),
        ("an unknown node", beat("nobody:node-key"), 0, 401),
        ("a validation of the same node", validation("kitchen-pi", "app-key"), 100, 200),
        ("the same again", validation("kitchen-pi", "app-key"), 0, 200),
        ("a wrong app key", validation("kitchen-pi", "other"), 100, 401),
        ("health", get("/health"), 0, 200),
    ] {
        assert_eq!(
            rig.ask(request).await,
            (price, StatusCode::from_u16(status).expect("a status")),
            "{what}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn jarvisd_checks_on_after_its_client_left() {
    let rig = Rig::with(Model::JARVISD);
    for _ in 0..4 {
        let asked = rig.ask(validation("kitchen-pi", "app-key"));
        assert!(tokio::time::timeout(Duration::from_millis(10), asked).await.is_err());
    }
    // Eight checks before its own two, on two cores; the first began 40 ms ago.
    let (at, status) = rig.ask(validation("kitchen-pi", "app-key")).await;
    assert!((450..500).contains(&at) && status == StatusCode::OK, "{at}: {status}");
    assert_eq!(rig.service.validations(), 5);
}

/// Python's command center waits five seconds for the auth service, and then refuses the node.
#[tokio::test(start_paused = true)]
async fn a_heartbeat_in_a_stall_is_a_401() {
    let rig = Rig::with(Model::MEASURED);
    let heartbeat =
        Request::post("/center/api/v0/admin/nodes/heartbeat").header("X-API-Key", "kitchen-pi:node-key");
    let heartbeat = heartbeat.body(Body::empty()).expect("a request");
    let late = async {
        sleep(Duration::from_millis(100)).await;
        rig.ask(heartbeat).await
    };
    let (_, (at, status)) = tokio::join!(rig.at_once(30), late);
    assert!((5000..5100).contains(&at) && status == StatusCode::UNAUTHORIZED, "{at}: {status}");
}
