//! The stylesheet and the scripts. Each address has a digest of its content, so browsers keep them for good.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::event::Digest;

/// Hexadecimal digits of the digest in an address.
const DIGITS: usize = 12;

/// `dist/htmx.min.js` of the npm package htmx.org 4.0.1, unchanged; its licence is in `assets/htmx.LICENSE`.
const HTMX: &[u8] = include_bytes!("assets/htmx.min.js");

/// A file that pages are made of.
struct Asset {
    /// Its name in its address.
    name: String,
    etag: String,
    media_type: &'static str,
    content: &'static [u8],
}

/// The addresses of the files, for the head of each page.
pub(super) struct AssetPaths {
    pub(super) style: String,
    pub(super) script: String,
    pub(super) htmx: String,
    pub(super) icon: String,
}

static ASSETS: LazyLock<[Asset; 4]> = LazyLock::new(|| {
    [
        Asset::new("pages", "css", "text/css; charset=utf-8", include_bytes!("assets/pages.css")),
        Asset::new("pages", "js", "text/javascript; charset=utf-8", include_bytes!("assets/pages.js")),
        Asset::new("htmx", "js", "text/javascript; charset=utf-8", HTMX),
        Asset::new("icon", "svg", "image/svg+xml", include_bytes!("assets/icon.svg")),
    ]
});

static PATHS: LazyLock<AssetPaths> = LazyLock::new(|| {
    let [style, script, htmx, icon] = &*ASSETS;
    let path = |asset: &Asset| format!("/assets/{}", asset.name);
    AssetPaths { style: path(style), script: path(script), htmx: path(htmx), icon: path(icon) }
});

impl Asset {
    fn new(name: &str, end: &str, media_type: &'static str, content: &'static [u8]) -> Self {
        let digest = Digest::of(content).to_string();
        let digest = digest.get(..DIGITS).unwrap_or(&digest);
        Self { name: format!("{name}.{digest}.{end}"), etag: format!("\"{digest}\""), media_type, content }
    }
}

/// The addresses of the files.
pub(super) fn paths() -> &'static AssetPaths {
    &PATHS
}

/// `GET /assets/{name}`
pub(super) async fn show(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let known = headers.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok()).unwrap_or_default();
    // A compressed answer has a weak tag.
    let is_known = known.split(',').any(|tag| tag.trim().trim_start_matches("W/") == asset.etag);
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, asset.media_type)], asset.content).into_response()
    };
    let own = response.headers_mut();
    own.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
        own.insert(header::ETAG, etag);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn htmx_is_the_file_of_its_package() {
        let published = "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130";
        assert_eq!(Digest::of(HTMX).to_string(), published);
    }
}
