//! Typed handlers in C. The tests of other languages' SDKs cover their generated code; C's lays out the arguments of the
//! canonical ABI itself, in memory and from parameters.

use serde_json::{Value, json};

use super::{acme, write};
use crate::support::HostDir;

/// A package with each kind of type, in memory and in parameters, and with names that C has for something else.
const KINDS: &str = r"package kinds:events@1.0.0;
interface types {
  enum stage { placed, sent-out }
  variant payment { cash, card(u64), other(string), part(f32), kind(list<stage>) }
  flags marks { urgent, is-gift, a, b, c, d, e, f, last }
  record point { x: s16, y: option<s64> }
  record words {
    %asm: u8, %auto: u8, %bool: u8, %const: u8, %double: u8, %enum: u8, %errno: u8, %extern: u8, %int: u8, %linux: u8,
    %register: u8, %static: u8, %struct: u8, %switch: u8, %typeof: u8, %union: u8, %void: u8, items: u8, is-some: u8,
  }
}
/// `all.types`: C:\
interface all-types {
  use hookyard:plugin/types@0.1.0.{context, failure};
  use types.{stage, payment, marks, point, words as keywords};
  record all {
    /// Ends with \
    yes: bool, big: u64, small: s64, %short: u8, ratio: f64, letter: char, text: string, raw: list<u8>,
    stage: stage, payment: payment, marks: marks, %default: option<stage>, points: list<point>,
    items: list<u16>, names: list<string>, words: list<tuple<string, string>>, sums: list<tuple<string, u64>>,
    pair: tuple<u8, point>, deep: option<option<u32>>, payments: option<list<payment>>,
    keywords: option<keywords>,
  }
  handle: func(ctx: context, failure: all) -> result<_, failure>;
}
interface flat-choice {
  use hookyard:plugin/types@0.1.0.{context, failure};
  use types.{payment};
  handle: func(ctx: context, payment: payment) -> result<_, failure>;
}
interface flat-pair {
  use hookyard:plugin/types@0.1.0.{context, failure};
  handle: func(ctx: context, pair: tuple<option<u8>, s16, f32>) -> result<_, failure>;
}
interface flat-text {
  use hookyard:plugin/types@0.1.0.{context, failure};
  handle: func(ctx: context, text: string) -> result<_, failure>;
}
interface event {
  use hookyard:plugin/types@0.1.0.{context, failure};
  handle: func(ctx: context, %int: s64) -> result<_, failure>;
}
";

/// A package and an interface whose words another package splits differently, and words of WIT and of generated code.
const ORDER: &str = r"package acme:events-order@1.0.0;
interface paid {
  use hookyard:plugin/types@0.1.0.{context, failure};
  handle: func(ctx: context, handler: string) -> result<_, failure>;
}
interface %record {
  use hookyard:plugin/types@0.1.0.{context, failure};
  handle: func(ctx: context, %string: string) -> result<_, failure>;
}
";

const PLUGIN: &str = r#"
#include "acme/order_paid.h"
#include "acme/stock_low.h"
#include "acme_events_order/paid.h"
#include "acme_events_order/record.h"
#include "kinds/all_types.h"
#include "kinds/event.h"
#include "kinds/flat_choice.h"
#include "kinds/flat_pair.h"

static hy_string describe(kinds_payment payment) {
  switch (payment.kind) {
    case KINDS_PAYMENT_CARD: return hy_format("card %" PRIu64, payment.card);
    case KINDS_PAYMENT_OTHER: return payment.other;
    case KINDS_PAYMENT_PART: return hy_format("part %d", (int)(payment.part * 100));
    case KINDS_PAYMENT_KIND: return hy_format("%zu of a kind, %d", payment.kind_.count, payment.kind_.items[0]);
    default: return hy_name_of_kinds_payment(payment);
  }
}

static void put_point(const char *name, kinds_point point) {
  hy_info("%s %d %d %" PRId64, name, point.x, point.y.is_some, point.y.value);
}

bool on_all_types(const hy_context *ctx, const kinds_all *all, hy_failure *failure) {
  hy_info("%d %" PRIu64 " %" PRId64 " %u %d %" PRIx32, all->yes, all->big, all->small, all->short_,
          (int)(all->ratio * 1000), all->letter);
  hy_info("%.*s %zu %d", HY_ARG(all->text), all->raw.len, all->raw.ptr[all->raw.len - 1]);
  hy_info("%.*s %.*s %d %d", HY_ARG(hy_name_of_kinds_stage(all->stage)), HY_ARG(describe(all->payment)),
          all->marks == (KINDS_MARKS_URGENT | KINDS_MARKS_LAST), all->default_.is_some);
  for (size_t i = 0; i < all->points.count; i++) put_point("point", all->points.items[i]);
  hy_info("%d %.*s %.*s", all->items.items[all->items.count - 1], HY_ARG(all->names.items[all->names.count - 1]),
          HY_ARG(all->words.items[all->words.count - 1].value));
  hy_info("%.*s %" PRIu64, HY_ARG(all->sums.items[0].name), all->sums.items[0].value);
  hy_info("%d %d %d", all->pair.f0, all->deep.is_some, all->deep.value.is_some);
  put_point("pair", all->pair.f1);
  for (size_t i = 0; i < all->payments.value.count; i++) hy_info("%.*s", HY_ARG(describe(all->payments.value.items[i])));
  return hy_store_set(hy_str("types"), ctx->event_id, hy_str("all"), failure);
}

bool on_flat_choice(const hy_context *ctx, const kinds_payment *payment, hy_failure *failure) {
  (void)ctx;
  return hy_reject(failure, "%.*s", HY_ARG(describe(*payment)));
}

bool on_flat_pair(const hy_context *ctx, const hy_tuple3_optional_u8_s16_f32 *pair, hy_failure *failure) {
  (void)failure;
  hy_info("%" PRIu32 " %d %d %d %d", ctx->attempt, pair->f0.is_some, pair->f0.value, pair->f1, (int)(pair->f2 * 4));
  return true;
}

bool on_kinds_event(const hy_context *ctx, int64_t int_, hy_failure *failure) {
  (void)ctx, (void)failure;
  hy_info("%" PRId64, int_);
  return true;
}

bool on_order_paid(const hy_context *ctx, const acme_order *order, hy_failure *failure) {
  (void)ctx, (void)failure;
  hy_info("%" PRIu64 " %.*s %.*s", order->id, HY_ARG(hy_name_of_acme_order_status(order->status)), HY_ARG(order->total));
  return true;
}

bool on_paid(const hy_context *ctx, hy_string handler, hy_failure *failure) {
  (void)ctx, (void)failure;
  hy_info("paid %.*s", HY_ARG(handler));
  return true;
}

bool on_record(const hy_context *ctx, hy_string string, hy_failure *failure) {
  (void)ctx, (void)failure;
  hy_info("record %.*s", HY_ARG(string));
  return true;
}

bool on_stock_low(const hy_context *ctx, const acme_stock *stock, hy_failure *failure) {
  (void)ctx, (void)failure;
  hy_info("%.*s %u of %u", HY_ARG(stock->sku), stock->left, stock->threshold);
  return true;
}
"#;

const TEST: &str = r#"
#include "test/acme.h"
#include "test/acme_events_order.h"
#include "test/kinds.h"

HY_TEST(handles_samples_of_both_packages) {
  kinds_all all = hy_sample_all_types();
  all.payments.value.items[0].kind = KINDS_PAYMENT_CASH;
  EXPECT_DONE(hy_deliver_all_types(&all));
  EXPECT_TEXT(hy_logged(0), "INFO 1 1001 1001 1 1500 61");
  EXPECT_DONE(hy_deliver_kinds_event(INT64_MIN));
  EXPECT_TEXT(hy_logged(hy_logged_count() - 1), "INFO -9223372036854775808");
  kinds_payment payment = {.kind = KINDS_PAYMENT_OTHER, .other = hy_str("cheque")};
  EXPECT_REJECTED(hy_deliver_flat_choice(&payment), "cheque");
  acme_order order = hy_sample_order_paid();
  EXPECT_DONE(hy_deliver_order_paid(&order));
  EXPECT_DONE(hy_deliver_paid(hy_str("")));
  acme_stock stock = hy_sample_stock_low();
  EXPECT_DONE(hy_deliver_stock_low(&stock));
}

HY_TEST(gets_the_values_of_a_test_natively_and_in_a_component) {
  kinds_stage stages[] = {KINDS_STAGE_SENT_OUT};
  kinds_payment payments[] = {{.kind = KINDS_PAYMENT_KIND, .kind_ = {stages, 1}}, {.kind = KINDS_PAYMENT_PART, .part = 0.25}};
  kinds_all all = hy_sample_all_types();
  all.big = UINT64_MAX, all.small = INT64_MIN, all.ratio = -0.1, all.letter = 0x1F600;
  all.raw = (hy_string){"\x07\xC8", 2};
  all.marks = KINDS_MARKS_URGENT | KINDS_MARKS_LAST;
  all.default_.is_some = false;
  all.payment = payments[1];
  all.payments.value = (hy_list_kinds_payment){payments, 2};
  EXPECT_DONE(hy_deliver_all_types(&all));
  EXPECT_TEXT(hy_logged(0), "INFO 1 18446744073709551615 -9223372036854775808 1 -100 1f600");
  EXPECT(hy_ends_with(hy_logged(1), hy_str(" 2 -56")));
  EXPECT_TEXT(hy_logged(2), "INFO placed part 25 1 0");
  EXPECT_TEXT(hy_logged(hy_logged_count() - 2), "INFO 1 of a kind, 1");
  EXPECT_TEXT(hy_stored("types", "evt_sample").value, "all");
}
"#;

/// Events, and what the handler logs of them, or the reason of its rejection.
fn cases() -> Vec<(&'static str, Value, Vec<&'static str>)> {
    let all = json!({
        "yes": true, "big": u64::MAX, "small": i64::MIN, "short": 255, "ratio": -0.5, "letter": "é", "text": "a b",
        "raw": [7, 200], "stage": "sent-out", "payment": { "card": u64::MAX }, "marks": ["urgent", "last"],
        "default": null, "points": [{ "x": -32768, "y": i64::MAX }, { "x": 1, "y": null }], "items": [1, 65535],
        "names": ["", "two"], "words": { "k": "v", "l": "w" }, "sums": { "all": u64::MAX },
        "pair": [9, { "x": 2, "y": 3 }], "deep": 5,
        "payments": ["cash", { "part": 0.25 }, { "kind": ["sent-out", "placed"] }, { "other": "gift" }],
    });
    let logged_of_all = [
        "1 18446744073709551615 -9223372036854775808 255 -500 e9",
        "a b 2 -56",
        "sent-out card 18446744073709551615 1 0",
        "point -32768 1 9223372036854775807",
        "point 1 0 0",
        "65535 two w",
        "all 18446744073709551615",
        "9 1 1",
        "pair 2 1 3",
        "cash",
        "part 25",
        "2 of a kind, 1",
        "gift",
    ];
    vec![
        ("all.types", all, logged_of_all.to_vec()),
        ("flat.choice", json!({ "card": u64::MAX }), vec!["card 18446744073709551615"]),
        ("flat.choice", json!({ "part": -1.5 }), vec!["part -150"]),
        ("flat.choice", json!({ "kind": ["sent-out"] }), vec!["1 of a kind, 1"]),
        ("flat.choice", json!("cheque"), vec!["cheque"]),
        ("flat.choice", json!("cash"), vec!["cash"]),
        ("flat.pair", json!([200, -2, 1.75]), vec!["1 1 200 -2 7"]),
        ("flat.pair", json!([null, 32767, -0.25]), vec!["1 0 0 32767 -1"]),
        ("event", json!(i64::MIN), vec!["-9223372036854775808"]),
        ("paid", json!("cash"), vec!["paid cash"]),
        ("record", json!(""), vec!["record "]),
        ("stock.low", json!({ "sku": "A-1", "left": 3, "threshold": u32::MAX }), vec!["A-1 3 of 4294967295"]),
    ]
}

/// Runs the plugin with a payload, and returns its report.
fn run(dir: &HostDir, event: &str, payload: &Value, code: i32) -> Value {
    let event = json!({ "id": "evt_1", "type": event, "data": { "object": payload } });
    dir.replace("event.json", event.to_string().as_bytes());
    let output = dir.run(&["plugin", "run", "desk", "--event", "event.json", "--json"]);
    assert_eq!(output.code, code, "{event}: {output:?}");
    serde_json::from_str(&output.out).unwrap()
}

fn build_and_test(dir: &HostDir) {
    // Generated code keeps to ISO C, for an author may ask for that.
    let makefile = std::fs::read_to_string(dir.path("desk/Makefile")).unwrap();
    write(dir, "desk/Makefile", &format!("CFLAGS = -Werror -pedantic\n{}", makefile.lines().last().unwrap()));
    for command in
        [&["plugin", "build", "desk"][..], &["plugin", "test", "desk"], &["plugin", "test", "desk", "--wasm"]]
    {
        let output = dir.run(command);
        assert_eq!(output.code, 0, "{output:?}");
        assert!(!output.err.contains("warning"), "{output:?}");
    }
}

/// Each event is logged, or rejected, with its values.
fn expect_values(dir: &HostDir) {
    for (event, payload, expected) in cases() {
        let is_rejected = event == "flat.choice";
        let report = run(dir, event, &payload, i32::from(is_rejected));
        if is_rejected {
            assert_rejected(&report, expected[0]);
            continue;
        }
        let lines: Vec<_> = expected.iter().map(|line| format!("INFO {line}")).collect();
        assert_eq!((&report["outcome"], &report["logs"]), (&json!("done"), &json!(lines)), "{report}");
    }
    let report = run(dir, "event", &json!("many"), 1);
    assert!(report["reason"].as_str().unwrap().contains("payload: expected s64"), "{report}");
    let sample = dir.run(&["plugin", "run", "desk", "--event", "order.paid"]);
    assert!(sample.code == 0 && sample.out.contains("paid 129.90"), "{sample:?}");
}

fn assert_rejected(report: &Value, reason: &str) {
    let whole = report["reason"].as_str().unwrap();
    assert!(report["outcome"] == "rejected" && whole.ends_with(&format!(": {reason}")), "{report}");
}

/// A field and a handler more, and a handler and a package less.
fn expect_changes(dir: &HostDir) {
    std::fs::remove_dir_all(dir.path("desk/wit/acme-events-order-1.0.0")).unwrap();
    let changed = KINDS.replace("flat-text", "other-text").replace("{ x: s16,", "{ x: s16, z: u8,");
    write(dir, "desk/wit/kinds-events-1.0.0/kinds.wit", &changed);
    let plugin = r#"
#include "kinds/all_types.h"
#include "kinds/other_text.h"
bool on_all_types(const hy_context *ctx, const kinds_all *all, hy_failure *failure) {
  return hy_reject(failure, "%d on attempt %" PRIu32, all->points.items[0].z, ctx->attempt);
}
bool on_other_text(const hy_context *ctx, hy_string text, hy_failure *failure) {
  return hy_reject(failure, "%.*s on attempt %" PRIu32, HY_ARG(text), ctx->attempt);
}
"#;
    write(dir, "desk/src/plugin.c", plugin);
    let output = dir.run(&["plugin", "build", "desk"]);
    assert_eq!(output.code, 0, "{output:?}");
    assert_rejected(&run(dir, "other.text", &json!("é"), 1), "é on attempt 1");
    for (file, is_there) in [
        ("acme_events_order.c", false),
        ("kinds/flat_text.c", false),
        ("kinds/other_text.c", true),
        ("acme/stock_low.c", true),
    ] {
        assert_eq!(dir.path("desk/generated").join(file).is_file(), is_there, "{file}");
    }
}

#[test]
fn handlers_of_two_packages_get_every_kind_of_value_and_follow_changes() {
    let dir = HostDir::new("");
    write(&dir, "kinds.wit", KINDS);
    let acme = acme();
    write(&dir, "order.wit", ORDER);
    let packages = ["--wit", "kinds.wit", "--wit", "order.wit", "--wit", &acme];
    let new = [&["plugin", "new", "desk", "--lang", "c"][..], &packages].concat();
    let output = dir.run(&[&new[..], &["--on", "order.paid", "event", "flat.text"]].concat());
    assert_eq!(output.code, 0, "{output:?}");
    build_and_test(&dir);
    write(&dir, "desk/src/plugin.c", PLUGIN);
    write(&dir, "desk/test/plugin_test.c", TEST);
    build_and_test(&dir);
    expect_values(&dir);
    expect_changes(&dir);
}
