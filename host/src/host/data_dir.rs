//! The data directory, and the first token in it.

use std::path::Path;

use super::StartError;
use crate::config::{self, Config, PrivateDir};
use crate::event::Name;
use crate::token::{FIRST_TOKEN, NewToken, Role, TokenHash};

/// The length below which the host warns of an admin token. Those that it makes have twice as much.
const TOKEN_MIN_BYTES: usize = 32;

/// Makes the data directory. Refuses one that others may write, or in which they may write the database.
pub(super) fn make_data_dir(config: &Config) -> Result<PrivateDir, StartError> {
    let open = |dir: &Path| {
        PrivateDir::make(dir).map_err(|error| StartError::DataDir { dir: dir.to_owned(), error })
    };
    let dir = open(&config.data_dir())?;
    if let Some(beside) = config.database.path().parent().filter(|dir| !dir.as_os_str().is_empty()) {
        open(beside)?;
    }
    for exposed in dir.exposed_ancestors() {
        tracing::warn!(
            "others than the host's user may exchange directories in {}, which the data directory is in: \
             `chmod go-w` it, or set server.data_dir",
            exposed.display()
        );
    }
    Ok(dir)
}

/// The token in the data directory's file, which is made at the first start.
pub(super) fn first_token(config: &Config) -> Result<NewToken, StartError> {
    let secret = config::kept_admin_token(config)?;
    if secret.expose().len() < TOKEN_MIN_BYTES {
        tracing::warn!(
            "the admin token in {} has fewer than {TOKEN_MIN_BYTES} characters, and may be guessed: remove the file and \
             start the host again, which makes a new one",
            config.data_dir().join(config::ADMIN_TOKEN).display()
        );
    }
    let hash = TokenHash::of(secret.expose());
    Ok(NewToken {
        name: Name::stored(FIRST_TOKEN),
        hash,
        role: Role::Admin,
        plugins: Vec::new(),
        expires_at: None,
    })
}
