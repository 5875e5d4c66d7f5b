//! A line as a node sends it, and the complaints about one that is wrong.

use axum::http::StatusCode;

use crate::home::Home;
use crate::home::form::BodyFields;
use crate::home::refusal::{Complaint, Refusal, Step};
use crate::home::request::RequestBody;

/// A line that the logs took from a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The node that sent it.
    pub node_id: String,
    /// As the node wrote it. None: the service took its own time.
    pub timestamp: Option<String>,
    /// 1 to 64 characters.
    pub service: String,
    /// DEBUG, INFO, WARNING, ERROR or CRITICAL.
    pub level: String,
    /// The text.
    pub message: String,
    /// A JSON object.
    pub context: Option<String>,
}

const LEVELS: &str = "^(DEBUG|INFO|WARNING|ERROR|CRITICAL)$";

/// Reads `{"logs": [...]}`.
pub(super) fn read(home: Home, body: RequestBody, node_id: &str) -> Result<Vec<LogLine>, Refusal> {
    let empty = matches!(body, RequestBody::Nothing);
    let read = body.form(|form| form.objects("logs", |fields| line(fields, node_id)));
    read.map_err(|refusal| match (home, refusal) {
        (Home::Jarvisd, Refusal::Unprocessable(_)) if empty => undecodable("Request body is empty"),
        (Home::Jarvisd, Refusal::Unprocessable(complaints)) => as_go(complaints),
        (_, refusal) => refusal,
    })
}

fn line(fields: &mut BodyFields<'_>, node_id: &str) -> LogLine {
    LogLine {
        node_id: node_id.to_owned(),
        timestamp: fields.optional_moment("timestamp"),
        service: fields.string_of("service", 1, 64),
        level: fields.string_like("level", LEVELS, is_level),
        message: fields.string("message"),
        context: fields.optional_map("context"),
    }
}

fn is_level(text: &str) -> bool {
    let levels = LEVELS.trim_start_matches("^(").trim_end_matches(")$");
    levels.split('|').any(|level| level == text)
}

/// jarvisd decodes the body into a struct of pointers before it looks at a field: a wrong type is a failure of
/// the decoder, null is like nothing, and what is missing repeats no input.
fn as_go(complaints: Vec<Complaint>) -> Refusal {
    let missing = |complaint: &Complaint| complaint.kind == "missing" || complaint.input == "null";
    let of_fields = ["string_too_short", "string_too_long", "string_pattern_mismatch", MOMENT];
    if let Some(first) = complaints.iter().find(|one| !missing(one) && !of_fields.contains(&one.kind)) {
        return undecodable(&format!("Invalid JSON body: {}", decoder_error(first)));
    }
    let told = complaints.into_iter().map(|complaint| {
        if missing(&complaint) {
            let message = "Field required".to_owned();
            Complaint { kind: "missing", message, input: "null".to_owned(), context: None, ..complaint }
        } else if complaint.kind == MOMENT {
            Complaint { message: "Input should be a valid datetime".to_owned(), context: None, ..complaint }
        } else {
            Complaint { context: None, ..complaint }
        }
    });
    Refusal::Unprocessable(told.collect())
}

const MOMENT: &str = "datetime_from_date_parsing";

fn undecodable(sentence: &str) -> Refusal {
    Refusal::Sentence(StatusCode::UNPROCESSABLE_ENTITY, sentence.to_owned())
}

/// *Assumption*: the words. Where the text is cut off they are Go's; other causes have more of them there.
fn decoder_error(complaint: &Complaint) -> String {
    match (complaint.kind, complaint.place.last()) {
        ("json_invalid", Some(Step::Index(0))) => "unexpected EOF".to_owned(),
        ("json_invalid", _) => "invalid character looking for beginning of value".to_owned(),
        _ => {
            let names = complaint.place.iter().filter_map(|step| match step {
                Step::Name(name) if name != "body" => Some(name.as_str()),
                Step::Name(_) | Step::Index(_) => None,
            });
            let path = names.collect::<Vec<_>>().join(".");
            format!("json: cannot unmarshal value into Go struct field .{path}")
        }
    }
}
