//! Tokens of this API: the list, making and revoking one.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};

use super::extract::{JsonBody, Path};
use super::formats::NameText;
use super::{CreatedToken, TokenList, TokenRequest, TokenView};
use crate::admin::auth::{Allowed, expiry_clock_ms, need};
use crate::admin::keyed::AnswerToKeep;
use crate::admin::{AdminState, Problem};
use crate::db::TokenCreation;
use crate::token::{FIRST_TOKEN, NewToken, Role, TokenHash};

/// The longest time that a token can be valid for: 100 years.
const EXPIRY_MAX_MS: u64 = 100 * 365 * 24 * 3_600_000;
/// The most patterns of one token.
const PATTERNS_MAX: usize = 100;
/// How secrets begin, so that tools which search for leaked ones recognise them.
const PREFIX: &str = "hky_";

/// All tokens, the oldest first, without their secrets.
#[utoipa::path(get, path = "/tokens", tag = "tokens", responses(
    (status = 200, description = "All tokens, revoked ones too", body = TokenList),
    Problem))]
pub(in crate::admin) async fn list(
    _admin: Allowed<need::Admin>,
    State(state): State<AdminState>,
) -> Result<Json<TokenList>, Problem> {
    let now = expiry_clock_ms();
    let tokens = state.access.tokens.list();
    let items = tokens.iter().map(|token| TokenView::new(&token.stored, token.used_at(), now)).collect();
    Ok(Json(TokenList { items, next_cursor: None }))
}

/// Makes a token. The answer has its secret, which is stored nowhere and cannot be read again.
#[utoipa::path(post, path = "/tokens", tag = "tokens", request_body = TokenRequest, responses(
    (status = 201, description = "The token and its secret", body = CreatedToken),
    (status = 400, description = "Not a token"),
    (status = 409, description = "A token has this name, or there are too many"),
    (status = 422, description = "A token with the role `deploy` that names no plugins"),
    Problem))]
pub(in crate::admin) async fn create(
    admin: Allowed<need::Admin>,
    State(state): State<AdminState>,
    JsonBody(request): JsonBody<TokenRequest>,
) -> Result<(StatusCode, Extension<AnswerToKeep>, Json<CreatedToken>), Problem> {
    let secret = format!("{PREFIX}{}", hex::encode(rand::random::<[u8; 32]>()));
    let now = expiry_clock_ms();
    let new = check(request, TokenHash::of(&secret), now)?;
    let (name, tokens_max) = (new.name.clone(), state.access.tokens_max());
    match state.db.create_token(new, tokens_max, admin.decision()?).await? {
        TokenCreation::Created(stored) => {
            if let Err(error) = state.access.reload().await {
                tracing::warn!("the new token `{name}` is valid when the tokens can be read: {error}");
            }
            let token = TokenView::new(&stored, None, now);
            let to_keep = AnswerToKeep::new(&CreatedToken { secret: None, token: token.clone() });
            Ok((StatusCode::CREATED, Extension(to_keep), Json(CreatedToken { secret: Some(secret), token })))
        }
        TokenCreation::NameTaken(_) => Err(Problem::conflict(format!(
            "there is a token `{name}`: give another name, or revoke that one first (`hookyard token revoke {name}`)"
        ))),
        TokenCreation::Full => Err(Problem::conflict(format!(
            "there are {tokens_max} tokens (`admin.tokens_max`): revoke those that are not in use; \
             `hookyard token list` shows when each was used last"
        ))),
    }
}

/// Revokes a token: no request with it is answered from now on. Its name is free again.
#[utoipa::path(delete, path = "/tokens/{name}", tag = "tokens",
    params(("name" = inline(NameText), Path, description = "The token")),
    responses(
        (status = 204, description = "It is revoked"),
        (status = 404, description = "No such token, or it was revoked before"),
        Problem))]
pub(in crate::admin) async fn revoke(
    admin: Allowed<need::Admin>,
    State(state): State<AdminState>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let revoked = state.db.revoke_token(name.clone(), admin.decision()?).await;
    if !revoked.map_err(|error| state.access.refuse_unstored(&name, error))? {
        let detail = format!("no token `{name}`, or it was revoked before; `hookyard token list` shows all");
        return Err(Problem::not_found(detail));
    }
    state.access.reload_without(&name).await;
    Ok(StatusCode::NO_CONTENT)
}

fn check(request: TokenRequest, hash: TokenHash, now: u64) -> Result<NewToken, Problem> {
    let TokenRequest { name, role, plugins, expires_in_ms } = request;
    if name.as_str() == FIRST_TOKEN {
        return Err(Problem::conflict(format!(
            "`{FIRST_TOKEN}` is the token of the data directory's file: give another name"
        )));
    }
    if role == Role::Deploy && plugins.is_empty() {
        return Err(Problem::unprocessable(
            "a token with the role `deploy` names its plugins: give `plugins`, such as [\"confirmation-sms\"], or \
             [\"*\"] for all (`--plugins`)",
        ));
    }
    if plugins.len() > PATTERNS_MAX {
        return Err(Problem::bad_request(format!("`plugins` has more than {PATTERNS_MAX} patterns")));
    }
    if expires_in_ms.is_some_and(|time| !(1..=EXPIRY_MAX_MS).contains(&time)) {
        return Err(Problem::bad_request(format!("`expires_in_ms` is not 1 to {EXPIRY_MAX_MS}")));
    }
    let expires_at = expires_in_ms.map(|time| now.saturating_add(time));
    Ok(NewToken { name, hash, role, plugins, expires_at })
}
