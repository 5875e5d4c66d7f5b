//! The entry point of the fuzz targets: see [`crate::fuzzing`].

use std::ffi::OsString;

use super::arguments;

/// Parses these arguments, which do not include the program's name.
///
/// # Errors
/// The sentence that the user is shown.
pub fn parse_arguments(arguments: Vec<OsString>) -> Result<String, String> {
    match arguments::parse(lexopt::Parser::from_args(arguments)) {
        Ok(invocation) => Ok(format!("{invocation:?}")),
        Err(failure) => Err(failure.to_string()),
    }
}
