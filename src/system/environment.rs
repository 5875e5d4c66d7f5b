//! The variables of the environment by which this program is set up. A check takes the daemon's place in this, too: it
//! then has the variables of the daemon's unit, and not those of the person who made it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use zeroize::Zeroizing;

/// Variables by name. Their values may be secrets.
pub(crate) type Variables = BTreeMap<String, Zeroizing<String>>;

static OF_UNIT: OnceLock<Variables> = OnceLock::new();

/// The variable called `name`, if it is set and is text.
pub(crate) fn variable(name: &str) -> Option<String> {
    match OF_UNIT.get() {
        Some(variables) => variables.get(name).map(|value| value.to_string()),
        None => std::env::var(name).ok(),
    }
}

/// Makes the rest of this program see these variables and no others. Only the first call counts.
pub(crate) fn replace(variables: Variables) {
    let _ = OF_UNIT.set(variables);
}
