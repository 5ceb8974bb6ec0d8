//! The page of a source with confirmations, over plain HTTP.

use reqwest::StatusCode;

use super::{SUBSCRIPTION, TOPIC, ask, confirmed, entries, list, subscribe_url, with_alarms};
use crate::access::create;
use crate::pages::visitor::Visitor;
use crate::support::{Partner, Reply};

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_is_decided_on_the_page_of_its_source_by_those_who_may() {
    let sns =
        Partner::start(|number, _| if number == 0 { Reply::text(500, "not <now>") } else { confirmed() })
            .await;
    let dir = with_alarms(&[&sns.origin()], "");
    let host = dir.start().await;
    let operate = Visitor::logged_in(&host, &create(&dir, &["night-shift", "--role", "operate"])).await;
    let read = Visitor::logged_in(&host, &create(&dir, &["dashboard", "--role", "read"])).await;
    let page = operate.get("/sources/alarms").await.body;
    assert!(page.contains("The provider has asked for none."), "{page}");
    assert!(!operate.get("/sources/moncreneau").await.body.contains("id=\"confirmations\""));

    ask(&host, TOPIC, &subscribe_url(&sns.origin(), TOPIC, "t0ken-of-the-provider")).await;
    ask(&host, "arn:x:<b>", &subscribe_url(&sns.origin(), "arn:x:<b>", "t")).await;
    let approve = "/sources/alarms/confirmations/1/approve";
    let page = read.get("/sources/alarms").await.body;
    assert!(page.contains(TOPIC) && page.contains("waits for an operator"), "{page}");
    assert!(page.contains("arn:x:&#60;b&#62;") && !page.contains("arn:x:<b>"), "{page}");
    for hidden in [approve, "t0ken-of-the-provider", "/reject"] {
        assert!(!page.contains(hidden), "{hidden}: {page}");
    }
    assert_eq!(read.submit(approve, &[]).await.status, StatusCode::FORBIDDEN);
    let overview = read.get("/").await.body;
    assert!(overview.contains("2 confirmations of alarms wait for an operator"), "{overview}");

    let page = operate.get("/sources/alarms").await.body;
    assert!(page.contains(approve) && page.contains("t0ken-of-the-provider"), "{page}");
    let back = operate.submit(approve, &[("note", "the new topic")]).await;
    assert_eq!((back.status, back.location()), (StatusCode::SEE_OTHER, "/sources/alarms#confirmations"));
    let page = operate.get("/sources/alarms").await.body;
    assert!(page.contains("Try again") && page.contains("not &#60;now&#62;"), "{page}");
    operate.submit(approve, &[]).await;
    let rejected = operate.submit("/sources/alarms/confirmations/2/reject", &[]).await;
    assert_eq!(rejected.status, StatusCode::SEE_OTHER);
    assert_eq!(operate.submit(approve, &[]).await.status, StatusCode::CONFLICT);
    assert_eq!(
        operate.submit("/sources/alarms/confirmations/9/reject", &[]).await.status,
        StatusCode::NOT_FOUND
    );
    operate.set_cookie("hookyard-language", "fr");
    let page = operate.get("/sources/alarms").await.body;
    for part in ["confirmée", "rejetée", "par night-shift", SUBSCRIPTION] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains(approve) && !page.contains("t0ken-of-the-provider"), "{page}");
    let states: Vec<_> = list(&dir).into_iter().map(|one| one["state"].clone()).collect();
    assert_eq!(states, ["rejected", "confirmed"]);
    assert_eq!(entries(&dir)[0]["note"], "the new topic");
}
