//! A browser without scripts: it keeps cookies, and sends forms.

use std::cell::RefCell;
use std::collections::BTreeMap;

use reqwest::{RequestBuilder, Response, StatusCode, header, redirect};

use super::address;
use crate::support::RunningHost;

/// See the module.
pub(crate) struct Visitor {
    base: String,
    http: reqwest::Client,
    cookies: RefCell<BTreeMap<String, String>>,
}

/// A page.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(super) headers: header::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// Where it leads to.
    pub(crate) fn location(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |to| to.to_str().unwrap())
    }

    /// Its cookies, as they were set.
    pub(super) fn set_cookies(&self) -> Vec<String> {
        self.headers
            .get_all(header::SET_COOKIE)
            .iter()
            .map(|cookie| cookie.to_str().unwrap().to_owned())
            .collect()
    }

    /// The token of its forms.
    pub(super) fn form_token(&self) -> String {
        let (_, rest) = self.body.split_once("name=\"form_token\" value=\"").expect("a form");
        rest.split('"').next().unwrap().to_owned()
    }
}

impl Visitor {
    pub(super) fn new(host: &RunningHost<'_>) -> Self {
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]);
        let http = http.redirect(redirect::Policy::none()).build().unwrap();
        Self { base: address(host), http, cookies: RefCell::default() }
    }

    /// A visitor who is logged in with a token.
    pub(crate) async fn logged_in(host: &RunningHost<'_>, token: &str) -> Self {
        let visitor = Self::new(host);
        let answer = visitor.post("/login", &[("token", token)]).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/"), "{}", answer.body);
        visitor
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// The value of a cookie.
    pub(super) fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.borrow().get(name).cloned()
    }

    pub(crate) fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.borrow_mut().insert(name.into(), value.into());
    }

    /// A request as a browser makes it.
    pub(super) fn request(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
        let cookies = self.cookies.borrow();
        let cookies: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.http.request(method, format!("{}{path}", self.base));
        let request = request.header(header::ACCEPT, "text/html,*/*;q=0.8");
        if cookies.is_empty() { request } else { request.header(header::COOKIE, cookies.join("; ")) }
    }

    /// Sends a request, and keeps the cookies of its answer.
    pub(super) async fn send(&self, request: RequestBuilder) -> Answer {
        let response: Response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        for cookie in headers.get_all(header::SET_COOKIE) {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if rest.contains("Max-Age=0") {
                self.cookies.borrow_mut().remove(name);
            } else {
                self.set_cookie(name, value);
            }
        }
        Answer { status, headers, body: response.text().await.unwrap() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(reqwest::Method::GET, path)).await
    }

    /// Sends a form from a page of this host.
    pub(super) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = self.request(reqwest::Method::POST, path).header(header::ORIGIN, &self.base);
        self.send(with_form(request, form)).await
    }

    /// Sends a form with the token of this session.
    pub(crate) async fn submit(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let token = self.get("/settings").await.form_token();
        self.post(path, &[form, &[("form_token", &token)]].concat()).await
    }
}

/// Adds a form to a request.
pub(super) fn with_form(request: RequestBuilder, form: &[(&str, &str)]) -> RequestBuilder {
    let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)
}

/// Adds a form with a file to a request.
pub(super) fn with_file(request: RequestBuilder, form: &[(&str, &str)], file: &[u8]) -> RequestBuilder {
    const BOUNDARY: &str = "a-boundary-that-is-in-no-field";
    let mut body = Vec::new();
    for (name, value) in form {
        let part =
            format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let head = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"x.wasm\"\r\n\
         content-type: application/wasm\r\n\r\n"
    );
    let body = [&body[..], head.as_bytes(), file, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat();
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    request.header(header::CONTENT_TYPE, kind).body(body)
}
