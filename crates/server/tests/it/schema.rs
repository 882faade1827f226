//! A JSON schema, as a client reads it.

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

/// Where a document would come from: a reference is relative to it.
const ADDRESS: &str = "http://127.0.0.1/schema.json";

pub(crate) struct Schema {
    all: Schemas,
    root: SchemaIndex,
}

impl Schema {
    /// Compiles a schema, which must be valid itself.
    #[track_caller]
    pub(crate) fn new(document: &Value) -> Self {
        let (mut all, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource(ADDRESS, document.clone()).unwrap();
        let root =
            compiler.compile(ADDRESS, &mut all).unwrap_or_else(|error| panic!("{error:#}\n{document:#}"));
        Self { all, root }
    }

    pub(crate) fn check(&self, json: &Value) -> Result<(), String> {
        self.all.validate(json, self.root).map_err(|error| format!("{error}\n{json:#}"))
    }
}
