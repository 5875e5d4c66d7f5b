//! The bodies of requests, by the published schemas of ARP 0.3.7.

use super::shape::Shape::{
    Anything, Extensions, Flag, Integer, List, Name, Number, Object, OneOf, Strings, Text,
};
use super::shape::{Member, Shape, needed, optional};

const EXTENSIONS: Member = optional("extensions", Extensions);

/// `RunStartRequest`.
pub(super) const RUN_START: Shape = Object(&[
    // The schema accepts an empty id, too, but no path could name that run.
    optional("run_id", Name),
    needed("root_node_type_ref", NODE_TYPE_REF),
    needed("input", Anything),
    optional("run_context", RUN_CONTEXT),
    optional("constraints", CONSTRAINTS),
    optional("metadata", METADATA),
    EXTENSIONS,
]);

const NODE_TYPE_REF: Shape = Object(&[needed("node_type_id", Text), needed("version", Text), EXTENSIONS]);

const RUN_CONTEXT: Shape = Object(&[
    optional("tenant_id", Text),
    optional("actor", Object(&[needed("type", Text), needed("id", Text), optional("uri", Text), EXTENSIONS])),
    optional("identity", Anything),
    optional(
        "trace",
        Object(&[optional("trace_id", Text), optional("span_id", Text), optional("request_id", Text)]),
    ),
    optional("policy", Anything),
    optional("budgets", Anything),
    EXTENSIONS,
]);

const CONSTRAINTS: Shape = Object(&[
    optional(
        "structural",
        Object(&[
            optional("max_depth", Integer(0)),
            optional("max_children_per_composite", Integer(0)),
            optional("max_total_nodes_per_run", Integer(0)),
            optional("max_decomposition_rounds_per_node", Integer(0)),
        ]),
    ),
    optional(
        "candidates",
        Object(&[
            optional("max_candidates_per_subtask", Integer(1)),
            optional("allowed_node_type_ids", List(&Text)),
            optional("denied_node_type_ids", List(&Text)),
        ]),
    ),
    optional(
        "budgets",
        Object(&[
            optional("max_wall_time_ms", Integer(0)),
            optional("max_steps", Integer(0)),
            optional("max_external_calls", Integer(0)),
            optional("max_cost", Number),
        ]),
    ),
    optional(
        "gates",
        Object(&[
            optional("side_effect_class", OneOf(&["read", "write", "irreversible"])),
            optional("require_approval", Flag),
        ]),
    ),
    EXTENSIONS,
]);

const METADATA: Shape = Object(&[optional("labels", Strings), optional("annotations", Strings), EXTENSIONS]);
