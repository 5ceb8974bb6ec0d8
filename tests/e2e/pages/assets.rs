//! What a page is made of: few bytes, kept by browsers for good.

use reqwest::{Method, StatusCode, header};

use super::first_token;
use super::visitor::{Answer, Visitor};
use crate::support::{Event, HostDir};

/// The most bytes of a first visit, compressed.
const FIRST_LOAD_MAX_BYTES: u64 = 100_000;

/// The addresses of the files that a page loads.
fn assets(page: &str) -> Vec<&str> {
    let parts = page.split("\"/assets/").skip(1).map(|rest| rest.split('"').next().unwrap());
    parts.collect()
}

async fn fetch(visitor: &Visitor, path: &str, more: &[(&str, &str)]) -> (Answer, u64) {
    let mut request = visitor.request(Method::GET, path).header(header::ACCEPT_ENCODING, "gzip");
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.bytes().await.unwrap();
    let body = String::from_utf8_lossy(&bytes).into_owned();
    (Answer { status, headers, body }, bytes.len() as u64)
}

#[tokio::test]
async fn a_first_visit_is_small_and_the_next_one_loads_the_page_only() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    for number in 0..60 {
        host.send(&Event::created(&format!("evt_{number}"))).await;
    }
    let visitor = Visitor::logged_in(&host, &first_token(&dir)).await;
    let page = visitor.get("/events").await.body;
    let (compressed, mut bytes) = fetch(&visitor, "/events", &[]).await;
    assert_eq!(compressed.headers[header::CONTENT_ENCODING], "gzip");
    let names = assets(&page);
    assert_eq!(names.len(), 4, "{names:?}");
    for name in names {
        let path = format!("/assets/{name}");
        // Whoever is not logged in gets them too: the log-in is made of them.
        let (asset, size) = fetch(&Visitor::new(&host), &path, &[]).await;
        assert_eq!(asset.status, StatusCode::OK, "{path}");
        let cache = &asset.headers[header::CACHE_CONTROL];
        assert_eq!(cache, "public, max-age=31536000, immutable", "{path}");
        bytes += size;
        let tag = asset.headers[header::ETAG].to_str().unwrap().to_owned();
        let (again, size) = fetch(&visitor, &path, &[("if-none-match", &tag)]).await;
        assert_eq!((again.status, size), (StatusCode::NOT_MODIFIED, 0), "{path}");
    }
    assert!(bytes < FIRST_LOAD_MAX_BYTES, "{bytes}");
    assert_eq!(visitor.get("/assets/pages.000000000000.css").await.status, StatusCode::NOT_FOUND);
}
