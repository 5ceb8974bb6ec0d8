//! Typed handlers for the events of any provider: its WIT package is checked, its samples are decoded as a host
//! decodes them, handlers are generated from it, and a plugin with them handles the provider's events.

mod events_in_c;
mod handlers_in_c;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{
    CommandOutput, Event, HostDir, Partner, ReceivedRequest, Reply, Smtp, guest, wait_until,
};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The package of the example provider.
fn acme() -> String {
    repository().join("plugins/order-receipt/wit").display().to_string()
}

const HEAD: &str = "package acme:events@1.0.0;\n";
const USE: &str = "use hookyard:plugin/types@0.1.0.{context, failure};";

/// Every kind of type in one payload.
const ALL_TYPES: &str = "
interface kinds {
  enum stage { placed, sent-out }
  variant payment { cash, card(u64), other(string) }
  flags marks { urgent, is-gift }
}
/// `a.b`: all.
interface a-b {
  use hookyard:plugin/types@0.1.0.{context, failure};
  use kinds.{stage, payment, marks};
  record all {
    big: u64, small: s64, short: u8, ratio: f64, letter: char, yes: bool, text: string,
    stage: stage, payment: payment, marks: marks, %type: option<stage>,
    items: list<u64>, pairs: list<tuple<string, u64>>, pair: tuple<u32, string>, deep: option<option<u32>>,
  }
  handle: func(ctx: context, all: all) -> result<_, failure>;
}
";

fn write(dir: &HostDir, file: &str, text: &str) {
    fs::write(dir.path(file), text).unwrap();
}

fn check(dir: &HostDir, text: &str, arguments: &[&str]) -> CommandOutput {
    write(dir, "p.wit", text);
    dir.run(&[&["wit", "check", "p.wit"], arguments].concat())
}

#[tokio::test]
async fn a_package_that_no_host_could_call_is_refused_with_its_place() {
    let dir = HostDir::new("");
    let handler =
        |signature: &str| format!("{HEAD}interface a-b {{ {USE} record r {{ n: u32 }} {signature} }}");
    for (text, parts) in [
        (format!("{HEAD}interface a-b {{ record r {{ n: u32; }} }}"), &["p.wit:2:", "expected"][..]),
        (format!("{HEAD}interface a {{ use other:thing/x@1.0.0.{{y}}; }}"), &["p.wit", "other:thing"]),
        (format!("{HEAD}interface a {{ f: func(); }}"), &["p.wit: no interface has a function `handle`"]),
        (
            handler("handle: func(r: r);"),
            &["acme:events/a-b@1.0.0: handle: expected func(ctx: context, payload)"],
        ),
        (handler("handle: func(ctx: context, r: r) -> result;"), &["a-b@1.0.0: handle: expected"]),
        (
            handler("resource file; handle: func(ctx: context, r: file) -> result<_, failure>;"),
            &["a-b@1.0.0: handle: a payload cannot hold a"],
        ),
        (
            handler("handle: func(ctx: context, r: map<string, u8>) -> result<_, failure>;"),
            &["a-b@1.0.0: handle: a payload cannot hold a `map`: use `list<tuple<string, T>>`"],
        ),
        (
            handler("handle: func(ctx: context, r: r) -> result<_, failure>;")
                + &format!(
                    "interface c {{ {USE} use a-b.{{r}}; handle: func(ctx: context, r: r) -> result<_, failure>; }}"
                ),
            &["another handler's interface, a-b, defines it", "an interface of their own"],
        ),
        ("package hookyard:plugin@0.1.0;".to_owned(), &["p.wit: no interface has a function `handle`"]),
    ] {
        let output = check(&dir, &text, &[]);
        assert_eq!(output.code, 1, "{text}: {output:?}");
        assert!(parts.iter().all(|part| output.err.contains(part)), "{text}: {output:?}");
    }
    for (path, part) in [("none.wit", "none.wit: No such file"), ("plugins", "there is no WIT file in it")] {
        let output = dir.run(&["wit", "check", path]);
        assert!(output.code == 1 && output.err.contains(part), "{output:?}");
    }
}

#[tokio::test]
async fn events_that_do_not_fit_a_package_are_named_with_their_place() {
    let dir = HostDir::new("");
    write(&dir, "good.json", r#"{"type":"stock.low","data":{"sku":"A","left":1,"threshold":5}}"#);
    write(&dir, "bad.json", r#"{"type":"stock.low","data":{"object":{"sku":"A","left":-1,"threshold":5}}}"#);
    write(&dir, "payload.json", r#"{"sku":"A","left":"many","threshold":5}"#);
    write(&dir, "other.json", r#"{"type":"stock.high"}"#);
    let acme = acme();
    let output = dir.run(&["wit", "check", &acme, "--event", "good.json"]);
    assert_eq!(output.code, 0, "{output:?}");
    let parts = ["acme:events@1.0.0", "  order.paid\n", "sample beside the WIT", "good.json: stock.low fits"];
    assert!(parts.iter().all(|part| output.out.contains(part)), "{output:?}");
    for (file, more, part) in [
        ("bad.json", &[][..], "payload.left: expected u32, found number -1"),
        ("payload.json", &["--type", "stock.low"], "payload.left: expected u32, found string \"many\""),
        ("other.json", &[], "no package here handles `stock.high`"),
    ] {
        let output = dir.run(&[&["wit", "check", &acme, "--event", file], more].concat());
        assert_eq!(output.code, 1, "{output:?}");
        assert!(output.out.contains(&format!("{file}: stock.")), "{output:?}");
        assert!(output.out.contains(part), "{output:?}");
    }
    let output = dir.run(&["wit", "check", &acme, "--event", "payload.json"]);
    assert!(output.code == 1 && output.err.contains("with --type: order.paid, order.shipped"), "{output:?}");
}

#[tokio::test]
async fn a_sample_that_does_not_fit_its_package_is_named() {
    let dir = HostDir::new("");
    fs::create_dir_all(dir.path("p/samples")).unwrap();
    write(&dir, "p/events.wit", &format!("{HEAD}{ALL_TYPES}"));
    write(&dir, "p/samples/a.b.json", r#"{"type":"a.b","data":{"big":1}}"#);
    let output = dir.run(&["wit", "check", "p"]);
    assert_eq!(output.code, 1);
    assert!(
        output.err.contains("acme:events@1.0.0: samples/a.b.json: payload.small: expected s64"),
        "{output:?}"
    );
}

#[tokio::test]
async fn a_payload_is_decoded_to_one_exact_form_and_back_in_samples() {
    let dir = HostDir::new("");
    write(&dir, "p.wit", &format!("{HEAD}{ALL_TYPES}"));
    let decode = |json: &str| {
        write(&dir, "in.json", json);
        let mut command = dir.command(&["wit", "decode", "--type", "a.b", "--wit", "p.wit", "--payload"]);
        let output = CommandOutput::run(command.stdin(fs::File::open(dir.path("in.json")).unwrap()));
        assert_eq!(output.code, 0, "{output:?}");
        serde_json::from_str::<Value>(&output.out).unwrap()
    };
    let sent = r#"{"big":18446744073709551615,"small":"-9223372036854775808","short":7,"ratio":2,"letter":"é","yes":"true",
        "text":1.50,"stage":"SENT_OUT","payment":{"card":4242},"marks":["urgent"],"items":[1],"pairs":{"k":9007199254740993},
        "pair":[1,"x"],"deep":3}"#;
    let expected = json!({
        "big": "18446744073709551615", "small": "-9223372036854775808", "short": 7, "ratio": 2.0, "letter": "é",
        "yes": true, "text": "1.50", "stage": "sent-out", "payment": { "card": "4242" }, "marks": ["urgent"],
        "type": null, "items": ["1"], "pairs": [["k", "9007199254740993"]], "pair": [1, "x"],
        "deep": { "some": 3 },
    });
    assert_eq!(decode(sent), expected);
    let generated = dir.run(&["wit", "generate", "--lang", "rust", "--out", "out", "p.wit"]);
    assert_eq!(generated.code, 0, "{generated:?}");
    let text = fs::read_to_string(dir.path("out/src/acme.rs")).unwrap();
    for part in [
        "pub trait AB {",
        "Payment::Cash",
        "marks: Marks::empty() | Marks::URGENT",
        "type_: Some(Stage::Placed)",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn names_that_mean_something_else_in_a_language_get_another_word() {
    let dir = HostDir::new("");
    let text = format!(
        "package box:events@1.0.0; interface kinds {{ record payment-card {{ n: u8 }}
         variant payment {{ card(payment-card), cash }} record context {{ n: u8 }} }}
         /// `a.b`: all.
         interface a-b {{ {USE} use kinds.{{payment, context as its-context}};
         record payload {{ payment: payment, its: its-context }}
         handle: func(ctx: context, payload: payload) -> result<_, failure>; }}"
    );
    write(&dir, "p.wit", &text);
    for (language, file, parts) in [
        (
            "rust",
            "src/box_events.rs",
            &["PaymentCard as PaymentCardPayload", "Context as ContextPayload"][..],
        ),
        ("go", "box_events/box_events.go", &["type PaymentCardPayload struct"]),
        ("python", "box_events.py", &["class PaymentCardPayload", "class ContextPayload"]),
        ("typescript", "src/box_events.ts", &["interface PaymentCardPayload"]),
        (
            "c",
            "generated/box_events.h",
            &["} box_events_payment_card_payload;", "} box_events_context_payload;"],
        ),
    ] {
        let output = dir.run(&["wit", "generate", "--lang", language, "--out", language, "p.wit"]);
        assert_eq!(output.code, 0, "{output:?}");
        let text = fs::read_to_string(dir.path(language).join(file)).unwrap();
        assert!(parts.iter().all(|part| text.contains(part)), "{language}: {text}");
    }
}

#[tokio::test]
async fn the_contract_beside_a_package_is_no_package_of_its_own() {
    let dir = HostDir::new("");
    assert_eq!(dir.run(&["wit", "export", "wit"]).code, 0);
    let _host = dir.start().await;
    for arguments in [&["event", "send", "appointment.created"][..], &["wit", "check", "wit", &acme()]] {
        let output = dir.run(arguments);
        assert_eq!(output.code, 0, "{output:?}");
    }
}

#[tokio::test]
async fn plugins_in_two_languages_handle_the_events_of_another_provider() {
    let (smtp, ledger) = (Smtp::start().await, Partner::start(|_, _| Reply::text(200, "")).await);
    let dir = HostDir::new(&format!(
        "[sources.acme]\nscheme = \"hmac\"\nsecrets = [\"whsec_acme\"]\npackage = \"acme:events\"\npayload = \"/data\"\n\
         [plugin.order-receipt]\nemail = [\"*\"]\n\
         [plugin.order-ledger]\nemail = [\"*\"]\nhttp = [\"{ledger}\"]\n\
         config = {{ ledger_url = \"{ledger}\", purchasing = \"buy@example.com\", zone = \"Pacific/Auckland\" }}\n\
         [email]\nsmtp = \"smtp://{}\"\nfrom = \"shop@example.com\"\n",
        smtp.address(),
        ledger = ledger.origin()
    ));
    for plugin in ["order-receipt", "order-ledger"] {
        let built = fs::read(repository().join(format!("target/plugins/{plugin}.wasm"))).unwrap();
        dir.install(plugin, &built);
    }
    let host = dir.start().await;
    for event in ["order.paid", "order.shipped", "stock.low"] {
        let sent = dir.run(&["event", "send", event, "--wit", &acme(), "--id", event]);
        assert_eq!(sent.code, 0, "{sent:?}");
        wait_until(&format!("{event} is done"), async || {
            let (_, found) = host.api_get(&format!("/api/v1/events/acme/{event}")).await;
            (found["state"] == "done").then_some(())
        })
        .await;
    }
    let emails =
        wait_until("the emails came", async || Some(smtp.received()).filter(|received| received.len() == 3))
            .await;
    let texts: String = emails.iter().map(|email| email.data.as_str()).collect();
    for expected in ["Receipt 1", "129.90 EUR", "Order sku-1001 again"] {
        assert!(texts.contains(expected), "{texts}");
    }
    let [booking] =
        wait_until("the order is booked", async || <[ReceivedRequest; 1]>::try_from(ledger.requests()).ok())
            .await;
    let body: Value = serde_json::from_slice(&booking.body).unwrap();
    assert_eq!(booking.path, "/9007199254740993");
    assert_eq!(
        (&body["customer"], &body["total"]),
        (&json!("18446744073709551615"), &json!("129.90")),
        "{body}"
    );
    let unknown = dir.run(&["event", "send", "order.lost", "--wit", &acme()]);
    let known = "they handle order.paid, order.shipped, stock.low";
    assert!(unknown.code == 2 && unknown.err.contains(known), "{unknown:?}");
}

#[tokio::test]
async fn an_emitted_event_goes_to_typed_handlers_of_the_package_that_its_plugin_names() {
    let dir = HostDir::new("");
    let emits = |more: &str| format!("[plugin.outbox]\nevents = [\"told\"]\nemit = [\"*\"]\n{more}");
    dir.configure(&emits(""));
    dir.install("outbox", &guest("outbox"));
    dir.install("desk", &fs::read(repository().join("target/plugins/appointment-desk.wasm")).unwrap());
    let host = dir.start().await;
    let sample =
        fs::read_to_string(repository().join("wit/moncreneau-events-1.0.0/samples/appointment.created.json"));
    let sample: Value = serde_json::from_str(&sample.unwrap()).unwrap();
    let payload = sample["data"]["object"].to_string();
    let action = json!({ "do": "emit-data", "type": "appointment.created", "text": payload });
    let expect = async |expected: &[&str]| {
        wait_until(&format!("the emitted events are {expected:?}"), async || {
            let emitted = host.events("&source=plugin.outbox").await;
            let states: Vec<_> = emitted.iter().filter_map(|event| event["state"].as_str()).collect();
            (states == expected).then_some(())
        })
        .await;
    };
    host.send(&Event::with_payload("told", "evt_1", &action)).await;
    expect(&["unhandled"]).await;
    dir.configure(&emits("emit_package = \"moncreneau:events\"\n"));
    host.wait_log(&["configuration changed: plugin.outbox"]).await;
    host.send(&Event::with_payload("told", "evt_2", &action)).await;
    expect(&["done", "unhandled"]).await;
}

#[tokio::test]
async fn the_contract_is_exported_once_in_the_layout_of_wit_bindgen() {
    let dir = HostDir::new("");
    let output = dir.run(&["wit", "export", "wit"]);
    assert_eq!(output.code, 0, "{output:?}");
    for file in ["http.wit", "hookyard-plugin-0.1.0/types.wit", "moncreneau-events-1.0.0/events.wit"] {
        assert!(dir.path("wit/deps").join(file).is_file(), "{file}");
    }
    let world = fs::read_to_string(dir.path("wit/plugin.wit")).unwrap();
    assert!(world.contains("\n    export hookyard:plugin/event-handler@0.1.0;\n"), "{world}");
    assert!(world.contains("\n    // export moncreneau:events/appointment-created@1.0.0;\n"), "{world}");
    // Every world that can be made of it is one: `wit check` reads it with its dependencies.
    dir.replace("wit/plugin.wit", world.replace("// export", "export").as_bytes());
    let output = dir.run(&["wit", "check", "wit", &acme()]);
    assert_eq!(output.code, 0, "{output:?}");
    // One file in the way, and none is written.
    fs::create_dir_all(dir.path("again/deps/moncreneau-events-1.0.0")).unwrap();
    write(&dir, "again/deps/moncreneau-events-1.0.0/events.wit", "mine");
    for (folder, there) in
        [("wit", "wit/plugin.wit"), ("again", "again/deps/moncreneau-events-1.0.0/events.wit")]
    {
        let again = dir.run(&["wit", "export", folder]);
        let said = format!(
            "error: {there}: it is there already, so nothing was written: export into another folder"
        );
        assert!(again.code == 1 && again.err.starts_with(&said), "{again:?}");
    }
    assert!(!dir.path("again/plugin.wit").exists());
}
