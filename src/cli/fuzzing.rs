//! Doors for the fuzz targets: see `host::fuzzing`.

use std::ffi::OsString;

use super::arguments;

/// What these arguments, the program's name not among them, ask for.
///
/// # Errors
/// What is told to whoever typed them.
pub fn parse_arguments(arguments: Vec<OsString>) -> Result<String, String> {
    match arguments::parse(lexopt::Parser::from_args(arguments)) {
        Ok(invocation) => Ok(format!("{invocation:?}")),
        Err(failure) => Err(failure.to_string()),
    }
}
