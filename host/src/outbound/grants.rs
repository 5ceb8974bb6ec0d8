//! What an operator lets a plugin reach.

/// The grants of one plugin, as its section of the configuration has them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants {
    /// `http`: origins, `scheme://host[:port]`, lower case, without the scheme's own port.
    pub http: Vec<String>,
    /// `email`: recipients, `*`, `*@domain` or an address, lower case.
    pub email: Vec<String>,
}
