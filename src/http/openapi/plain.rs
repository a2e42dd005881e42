//! Schemas as one would write them by hand.
//!
//! The derive says what it adds to a schema that stands in place (a default, a description) as a second schema that must
//! hold too, of type `object`, which no string is; and that a body may be left out as "this or null". And a page that lets
//! people try an operation begins with the examples of all its parameters, some of which exclude each other: where a
//! parameter may be left out its example is the schema's, which is only shown; and the first type of a body that such a page
//! offers is text, which people can write.

use serde_json::{Map, Value};

/// Folds such pairs into one schema, wherever they stand.
pub fn plainly(document: &mut Value) {
    match document {
        Value::Object(members) => {
            if let Some(folded) = folded(members) {
                *members = folded;
            }
            members.values_mut().for_each(plainly);
            if members.get("required") == Some(&Value::Bool(false)) {
                show_example(members);
            }
            if let Some(Value::Object(types)) =
                members.get_mut("requestBody").and_then(|body| body.get_mut("content"))
                && let Some(text) = types.shift_remove("text/plain")
            {
                types.shift_insert(0, "text/plain".to_owned(), text);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(plainly),
        _ => {}
    }
}

fn folded(members: &Map<String, Value>) -> Option<Map<String, Value>> {
    if members.len() != 1 {
        return None;
    }
    if let Some([Value::Object(schema), Value::Object(addition)]) = pair(members, "allOf") {
        let adds_only =
            |name: &String| ["type", "default", "description", "example"].contains(&name.as_str());
        if addition["type"] != "object" || !addition.keys().all(adds_only) {
            return None;
        }
        let mut schema = schema.clone();
        schema
            .extend(addition.iter().filter(|(name, _)| *name != "type").map(|(n, v)| (n.clone(), v.clone())));
        return Some(schema);
    }
    match pair(members, "oneOf") {
        Some([Value::Object(schema), Value::Object(null)] | [Value::Object(null), Value::Object(schema)])
            if null.len() == 1 && null["type"] == "null" && schema.contains_key("$ref") =>
        {
            Some(schema.clone())
        }
        _ => None,
    }
}

/// Moves the example of a parameter into its schema.
fn show_example(parameter: &mut Map<String, Value>) {
    let Some(example) = parameter.shift_remove("example") else { return };
    if let Some(Value::Object(schema)) = parameter.get_mut("schema") {
        schema.insert("examples".to_owned(), Value::Array(vec![example]));
    }
}

fn pair<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a [Value; 2]> {
    members.get(name)?.as_array()?.as_slice().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_added_to_a_schema_stands_in_it() {
        let mut schema = json!({"a": {"allOf": [
            {"type": "string", "enum": ["x", "y"], "description": "words"}, {"type": "object", "default": "x"}
        ]}});
        plainly(&mut schema);
        assert_eq!(
            schema,
            json!({"a": {"type": "string", "enum": ["x", "y"], "description": "words", "default": "x"}})
        );
    }

    #[test]
    fn the_example_of_a_parameter_that_may_be_left_out_is_only_shown() {
        let mut parameter =
            json!({"name": "a", "required": false, "schema": {"type": "string"}, "example": "x"});
        plainly(&mut parameter);
        assert_eq!(
            parameter,
            json!({"name": "a", "required": false, "schema": {"type": "string", "examples": ["x"]}})
        );
    }

    #[test]
    fn a_body_that_may_be_left_out_is_not_null() {
        let mut schema = json!({"schema": {"oneOf": [{"$ref": "#/x"}, {"type": "null"}]}});
        plainly(&mut schema);
        assert_eq!(schema, json!({"schema": {"$ref": "#/x"}}));
    }

    #[test]
    fn schemas_that_both_say_something_stay_two() {
        let both = json!({"allOf": [{"type": "string"}, {"type": "object", "properties": {"a": {}}}]});
        let mut schema = both.clone();
        plainly(&mut schema);
        assert_eq!(schema, both);
    }
}
