//! `cargo run -p manual -- DIR`: writes manual pages, completions, schema and API descriptions below DIR.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(folder), None) = (arguments.next(), arguments.next()) else {
        return fail("say where to write: cargo run -p manual -- DIR", 64);
    };
    // The commit's time, which the build of the packages sets, so that two builds are the same.
    let epoch = match std::env::var("SOURCE_DATE_EPOCH").map(|text| text.parse()) {
        Ok(Ok(epoch)) => epoch,
        Ok(Err(_)) => return fail("SOURCE_DATE_EPOCH is not a number of seconds", 64),
        Err(_) => 0,
    };
    match manual::write(Path::new(&folder), &manual::date(epoch)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => fail(&format!("{} cannot be written: {why}", folder.display()), 73),
    }
}

#[expect(clippy::print_stderr, reason = "a program's message")]
fn fail(why: &str, code: u8) -> ExitCode {
    eprintln!("manual: {why}");
    code.into()
}
