//! The extractors by which an endpoint states the permission that it needs.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode};

use super::need::{Need, Read};
use super::{Access, Caller, KnownSession, Problem};
use crate::audit::{Actor, ActorKind, Decision, NOTE_MAX_CHARS, RequestKey};
use crate::event::{Name, PluginName};
use crate::token::{Permission, PluginPattern, StoredToken};

/// The header with the reason for a change.
pub(in crate::admin) const NOTE_HEADER: HeaderName = HeaderName::from_static("x-hookyard-note");

/// The caller has the permission `P` for all plugins. Endpoints that are about no plugin take it.
pub(in crate::admin) struct Allowed<P> {
    caller: Caller,
    note: Option<String>,
    key: Option<RequestKey>,
    permission: PhantomData<P>,
}

/// The caller has the permission `P`, for all plugins or for some. Endpoints that are about plugins take it, and ask it
/// for each.
pub(in crate::admin) struct AllowedFor<P>(Allowed<P>);

/// The permission that an extractor requires, for the API's description.
pub(in crate::admin) trait StatesPermission {
    /// The permission.
    const PERMISSION: Permission;
    /// Whether a token for some plugins only has it too.
    const PER_PLUGIN: bool;
}

impl<P: Need> StatesPermission for Allowed<P> {
    const PERMISSION: Permission = P::PERMISSION;
    const PER_PLUGIN: bool = false;
}

impl<P: Need> StatesPermission for AllowedFor<P> {
    const PERMISSION: Permission = P::PERMISSION;
    const PER_PLUGIN: bool = true;
}

impl<P: Need> Allowed<P> {
    /// This permission, with the reason that a form gives.
    ///
    /// # Errors
    /// A problem if it is too long.
    pub(in crate::admin) fn with_note(mut self, note: &str) -> Result<Self, Problem> {
        let note = note.trim();
        if note.chars().count() > NOTE_MAX_CHARS {
            return Err(Problem::bad_request(format!("the note has more than {NOTE_MAX_CHARS} characters")));
        }
        self.note = Some(note.to_owned()).filter(|note| !note.is_empty());
        Ok(self)
    }

    /// The decision of this request, for the audit log. Its token and its session are checked again: they may have
    /// ended since the request began.
    ///
    /// # Errors
    /// A problem if the token is not valid any more, or the session is over.
    pub(in crate::admin) fn decision(self) -> Result<Decision, Problem> {
        let Caller { token, address, access, session } = self.caller;
        if session.is_some_and(|session| !access.continues(&session)) {
            return Err(Problem::new(StatusCode::UNAUTHORIZED, "the session is over: log in again"));
        }
        let token = access.tokens.find(&token.stored.token.hash).unwrap_or(token);
        Access::check(&token).map_err(|refused| Problem::new(StatusCode::UNAUTHORIZED, refused.detail))?;
        let stored = &token.stored;
        let actor = Actor { kind: ActorKind::Token, name: stored.token.name.to_string(), address };
        Ok(Decision { actor, token: Some(stored.id), note: self.note, key: self.key })
    }

    /// Whether the token is for this plugin.
    pub(in crate::admin) fn sees(&self, plugin: &str) -> bool {
        let patterns = &self.caller.token.stored.token.plugins;
        patterns.is_empty()
            || Name::new(plugin).is_ok_and(|name: PluginName| PluginPattern::any_matches(patterns, &name))
    }

    /// Whether the caller may see personal values.
    pub(in crate::admin) fn may_unmask(&self) -> bool {
        self.caller.has(Permission::Unmask)
    }

    /// Whether the caller may change what runs.
    pub(in crate::admin) fn may_operate(&self) -> bool {
        self.caller.has(Permission::Operate)
    }

    /// Requires one more permission.
    ///
    /// # Errors
    /// A problem if the caller lacks it.
    pub(in crate::admin) fn require(&self, permission: Permission) -> Result<(), Problem> {
        self.caller.require(permission)
    }
}

impl<P> Clone for Allowed<P> {
    fn clone(&self) -> Self {
        let Self { caller, note, key, .. } = self;
        Self { caller: caller.clone(), note: note.clone(), key: key.clone(), permission: PhantomData }
    }
}

impl<P> Clone for AllowedFor<P> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<P: Need> AllowedFor<P> {
    /// This permission, with the reason that a form gives.
    ///
    /// # Errors
    /// A problem if it is too long.
    pub(in crate::admin) fn with_note(self, note: &str) -> Result<Self, Problem> {
        self.0.with_note(note).map(Self)
    }

    /// The sender of the request.
    pub(in crate::admin) fn caller(&self) -> &Caller {
        &self.0.caller
    }

    /// Requires one more permission.
    ///
    /// # Errors
    /// A problem if the caller lacks it.
    pub(in crate::admin) fn require(&self, permission: Permission) -> Result<(), Problem> {
        self.0.require(permission)
    }

    /// The permission for a plugin.
    ///
    /// # Errors
    /// A problem if the token is not for this plugin.
    pub(in crate::admin) fn plugin(self, name: &str) -> Result<Allowed<P>, Problem> {
        self.check(name)?;
        Ok(self.0)
    }

    /// Requires that the token is for this plugin.
    ///
    /// # Errors
    /// A problem if it is not.
    pub(in crate::admin) fn check(&self, name: &str) -> Result<(), Problem> {
        if self.sees(name) {
            return Ok(());
        }
        let token = &self.0.caller.token.stored.token;
        let plugins: Vec<_> = token.plugins.iter().map(|pattern| format!("`{pattern}`")).collect();
        Err(self.0.caller.deny(
            P::PERMISSION,
            format!("the token `{}` is for {} only, not for `{name}`", token.name, plugins.join(", ")),
        ))
    }

    /// The permission for all plugins.
    ///
    /// # Errors
    /// A problem if the token is for some plugins only. `remedy` says what a caller with such a token can do.
    pub(in crate::admin) fn all_plugins(self, remedy: &str) -> Result<Allowed<P>, Problem> {
        if !self.0.caller.is_for_some() {
            return Ok(self.0);
        }
        let name = &self.0.caller.token.stored.token.name;
        let detail = format!("the token `{name}` is for some plugins only: {remedy}");
        Err(self.0.caller.deny(P::PERMISSION, detail))
    }

    /// The permission for the plugin that is named, or else for all.
    ///
    /// # Errors
    /// As [`Self::plugin`] and [`Self::all_plugins`].
    pub(in crate::admin) fn plugin_or_all(
        self,
        name: Option<&str>,
        remedy: &str,
    ) -> Result<Allowed<P>, Problem> {
        match name {
            Some(name) => self.plugin(name),
            None => self.all_plugins(remedy),
        }
    }

    /// Whether the token is for this plugin.
    pub(in crate::admin) fn sees(&self, plugin: &str) -> bool {
        self.0.sees(plugin)
    }

    /// The patterns of the plugins that the token is for; none if it is for all.
    pub(in crate::admin) fn patterns(&self) -> Vec<PluginPattern> {
        if self.sees_all() { Vec::new() } else { self.0.caller.token.stored.token.plugins.clone() }
    }

    /// Whether the caller may see personal values.
    pub(in crate::admin) fn may_unmask(&self) -> bool {
        self.0.may_unmask()
    }

    /// Whether the token is for all plugins.
    pub(in crate::admin) fn sees_all(&self) -> bool {
        !self.0.caller.is_for_some()
    }

    /// The problem for something that does not exist. A token for some plugins does not learn whether something of
    /// another plugin does.
    pub(in crate::admin) fn missing(&self, missing: Problem) -> Problem {
        if self.0.caller.is_for_some() {
            let detail = "this is of none of the plugins that the token is for, or does not exist";
            return self.0.caller.deny(P::PERMISSION, detail);
        }
        missing
    }
}

/// A caller whose answer goes on for long.
pub(in crate::admin) struct Viewer(Allowed<Read>);

impl Viewer {
    /// Checks that the token is still valid.
    ///
    /// # Errors
    /// Why it is not.
    pub(in crate::admin) fn check(&self) -> Result<(), String> {
        let Caller { token, access, session, .. } = &self.0.caller;
        if session.as_ref().is_some_and(|session| !access.continues(session)) {
            return Err("the session has ended".into());
        }
        let name = &token.stored.token.name;
        let known = access.tokens.find(&token.stored.token.hash);
        let known = known.ok_or_else(|| format!("the token `{name}` is not known any more"))?;
        Access::check(&known).map_err(|refused| refused.detail)
    }

    /// Whether the token is for this plugin.
    pub(in crate::admin) fn sees(&self, plugin: &str) -> bool {
        self.0.sees(plugin)
    }

    /// Whether the token is for all plugins.
    pub(in crate::admin) fn sees_all(&self) -> bool {
        !self.0.caller.is_for_some()
    }

    /// Whether the token may see the audit log.
    pub(in crate::admin) fn sees_audit(&self) -> bool {
        self.sees_all() && self.0.caller.has(Permission::Admin)
    }
}

impl AllowedFor<Read> {
    /// The same caller with another permission for all plugins, if it has that. The lack of it is no refusal that counts.
    pub(in crate::admin) fn with<P: Need>(&self) -> Option<Allowed<P>> {
        let Allowed { caller, note, key, .. } = &self.0;
        let is_allowed = caller.has(P::PERMISSION) && !caller.is_for_some();
        is_allowed.then(|| Allowed {
            caller: caller.clone(),
            note: note.clone(),
            key: key.clone(),
            permission: PhantomData,
        })
    }

    /// The decision of this request about what belongs to the caller's token, such as its sessions.
    ///
    /// # Errors
    /// As [`Allowed::decision`].
    pub(in crate::admin) fn own_decision(self) -> Result<Decision, Problem> {
        self.0.decision()
    }

    /// The caller of an answer that goes on for long.
    pub(in crate::admin) fn into_viewer(self) -> Viewer {
        Viewer(self.0)
    }
}

impl Caller {
    /// Whether its role has a permission.
    pub(in crate::admin) fn has(&self, permission: Permission) -> bool {
        self.token.stored.token.role.has(permission)
    }

    /// The token.
    pub(in crate::admin) fn token(&self) -> &StoredToken {
        &self.token.stored
    }

    /// Whether it may see and end this session.
    pub(in crate::admin) fn owns(&self, session: &KnownSession) -> bool {
        let is_own = session.stored.session.token == self.token.stored.id;
        is_own || (self.has(Permission::Admin) && !self.is_for_some())
    }

    /// The session of the browser that sent the request, if one did.
    pub(in crate::admin) fn session(&self) -> Option<&Arc<KnownSession>> {
        self.session.as_ref()
    }

    /// Whether the token is for some plugins only.
    pub(in crate::admin) fn is_for_some(&self) -> bool {
        let plugins = &self.token.stored.token.plugins;
        !plugins.is_empty() && !plugins.iter().any(PluginPattern::matches_all)
    }

    /// The number of the token.
    pub(in crate::admin) fn token_id(&self) -> i64 {
        self.token.stored.id
    }

    /// Requires a permission.
    ///
    /// # Errors
    /// A problem if the caller lacks it.
    pub(in crate::admin) fn require(&self, permission: Permission) -> Result<(), Problem> {
        if self.has(permission) {
            return Ok(());
        }
        let token = &self.token.stored.token;
        let detail = format!(
            "the token `{}` has the role `{}`, which lacks the permission `{permission}` that this needs",
            token.name, token.role
        );
        Err(self.deny(permission, detail))
    }

    /// The problem of a request that the token does not permit. It is counted for the audit log.
    fn deny(&self, permission: Permission, detail: impl Into<String>) -> Problem {
        self.access.failures.count_denial(self.token.stored.token.name.as_str(), permission);
        Problem::new(StatusCode::FORBIDDEN, detail)
    }
}

impl<P: Need, S: Send + Sync> FromRequestParts<S> for AllowedFor<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let unknown = || Problem::new(StatusCode::UNAUTHORIZED, "the request has no token");
        let caller = parts.extensions.get::<Caller>().cloned().ok_or_else(unknown)?;
        caller.require(P::PERMISSION)?;
        let note = read_note(parts)?;
        let key = parts.extensions.get::<RequestKey>().cloned();
        Ok(Self(Allowed { caller, note, key, permission: PhantomData }))
    }
}

impl<P: Need, S: Send + Sync> FromRequestParts<S> for Allowed<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let allowed = AllowedFor::<P>::from_request_parts(parts, state).await?;
        allowed.all_plugins("this is about no plugin, or about all")
    }
}

/// The note of a request: UTF-8, or else ISO 8859-1, which HTTP had for headers once and many clients send.
fn read_note(parts: &Parts) -> Result<Option<String>, Problem> {
    let Some(header) = parts.headers.get(NOTE_HEADER) else { return Ok(None) };
    let bytes = header.as_bytes();
    let note = std::str::from_utf8(bytes)
        .map_or_else(|_| bytes.iter().map(|byte| char::from(*byte)).collect(), str::to_owned);
    if note.chars().count() > NOTE_MAX_CHARS {
        let detail = format!("the header `{NOTE_HEADER}` has more than {NOTE_MAX_CHARS} characters");
        return Err(Problem::bad_request(detail));
    }
    Ok(Some(note))
}
