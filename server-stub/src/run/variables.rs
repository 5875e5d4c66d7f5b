//! Settings from environment variables, as the ARP services read them: values are trimmed, and a blank value
//! counts as unset.

use std::ffi::OsString;

/// An environment variable that is missing or has an unusable value.
// The value is not shown, because some of the variables are secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} must be {wanted}")]
pub struct VariableError {
    variable: &'static str,
    wanted: &'static str,
}

impl VariableError {
    /// `wanted` continues the sentence after "must be".
    pub(crate) const fn new(variable: &'static str, wanted: &'static str) -> Self {
        Self { variable, wanted }
    }

    /// The variable's name.
    #[must_use]
    pub fn variable(&self) -> &'static str {
        self.variable
    }
}

/// The source of variables.
pub(super) struct Variables<F>(pub(crate) F);

impl<F: Fn(&str) -> Option<OsString>> Variables<F> {
    /// A variable's text. None: it is unset or blank.
    pub(crate) fn text(&self, name: &'static str) -> Result<Option<String>, VariableError> {
        let Some(value) = (self.0)(name) else { return Ok(None) };
        let value = value.into_string().map_err(|_| VariableError::new(name, "UTF-8"))?;
        let value = value.trim();
        Ok((!value.is_empty()).then(|| value.to_owned()))
    }

    /// The first of two variables that is set.
    pub(crate) fn either(
        &self,
        name: &'static str,
        or: &'static str,
    ) -> Result<Option<String>, VariableError> {
        self.text(name)?.map_or_else(|| self.text(or), |value| Ok(Some(value)))
    }

    /// The parts between commas. None: there are none.
    pub(crate) fn list(&self, name: &'static str) -> Result<Option<Vec<String>>, VariableError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        Ok(Some(parts.map(str::to_owned).collect::<Vec<_>>()).filter(|parts| !parts.is_empty()))
    }

    /// A URL that [`crate::run::outbound`] can call.
    pub(crate) fn url(&self, name: &'static str) -> Result<Option<String>, VariableError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match crate::run::outbound::is_url(&text) {
            true => Ok(Some(text)),
            false => Err(VariableError::new(name, "an http or https URL without user, query and fragment")),
        }
    }
}
