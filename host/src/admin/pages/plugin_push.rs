//! Pushing a plugin's file from its page: first the difference that it would make, then the push.

use axum::body::{Body, Bytes};
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::plugin::{self, PluginPageQuery, Pushed};
use super::plugins::plugin_path;
use super::visit::Visit;
use crate::admin::api::extract::{IfMatch, Path, Query};
use crate::admin::api::revisions::{self, PushQuery};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};
use crate::event::Digest;

/// The form.
#[derive(Default)]
struct PushForm {
    note: String,
    /// The version of the revisions' history that the reader saw.
    version: Option<i64>,
    /// Whether to show the difference only.
    dry_run: bool,
    /// The digest of the file whose difference the reader saw.
    seen: String,
    file: Bytes,
}

impl PushForm {
    async fn read(mut form: Multipart) -> Result<Self, Problem> {
        let wrong = |error: axum::extract::multipart::MultipartError| Problem::bad_request(error.body_text());
        let mut read = Self::default();
        while let Some(field) = form.next_field().await.map_err(wrong)? {
            match field.name().unwrap_or_default() {
                "note" => read.note = field.text().await.map_err(wrong)?,
                "version" => read.version = Some(version_of(&field.text().await.map_err(wrong)?)?),
                "dry_run" => read.dry_run = field.text().await.map_err(wrong)? == "true",
                "seen" => read.seen = field.text().await.map_err(wrong)?,
                "file" => read.file = field.bytes().await.map_err(wrong)?,
                _ => {}
            }
        }
        if read.file.is_empty() {
            return Err(Problem::bad_request(
                "the form has no file: choose the plugin's file, and send it again",
            ));
        }
        Ok(read)
    }

    /// Whether it has another file than the one whose difference the reader saw.
    fn has_changed(&self) -> bool {
        !self.dry_run && !self.seen.is_empty() && self.seen != Digest::of(&self.file).to_string()
    }
}

fn version_of(text: &str) -> Result<i64, Problem> {
    text.parse().map_err(|_| {
        Problem::bad_request("`version` of the form is no number: load the page again, and send its form")
    })
}

/// `POST /plugins/{name}/push`
pub(super) async fn push(
    reader: AllowedFor<need::Read>,
    deployer: AllowedFor<need::Deploy>,
    State(admin): State<AdminState>,
    visit: Visit,
    Path(name): Path<String>,
    form: Multipart,
) -> Result<Response, Problem> {
    let form = PushForm::read(form).await?;
    if form.has_changed() {
        return Err(Problem::conflict(
            "this is not the file whose difference was shown: show its difference first",
        ));
    }
    let deployer = deployer.with_note(&form.note)?;
    let (query, seen) = (Query(PushQuery { dry_run: form.dry_run }), IfMatch(form.version));
    let body = Body::from(form.file);
    let pushed = revisions::push(deployer, State(admin.clone()), Path(name.clone()), query, seen, body).await;
    let shown = match pushed {
        Ok((_, result)) if form.dry_run => Pushed::Difference(Box::new(result.0)),
        Ok((_, result)) => {
            let digest = result.0.digest.unwrap_or_default();
            return Ok(Redirect::to(&format!("{}?pushed={digest}", plugin_path(&name))).into_response());
        }
        Err(problem) if problem.status == StatusCode::UNPROCESSABLE_ENTITY => Pushed::Refused(problem.detail),
        Err(problem) => return Err(problem),
    };
    // A form leads back to the plugin's page: this one is the answer to a push.
    let visit = Visit { path: plugin_path(&name), ..visit };
    plugin::page(reader, admin, visit, name, PluginPageQuery::default(), Some(shown)).await
}
