//! What holds for every operation, and is written once rather than at each handler: tags, who may call, and the answers
//! that are no success.

use utoipa::Modify;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::schema::{AnyOfBuilder, Object, Schema, SchemaType, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};

use super::{groups, wording};

/// Answers that any operation may give: the name of the component, the status and what it means.
const ANSWERS: &[(&str, &str, &str)] = &[
    ("BadPath", "400", "A name in the path is not percent-encoded as it should be, or a parameter cannot be read"),
    ("Unauthorized", "401", "This worker wants to know who calls: send a token or a password"),
    ("Forbidden", "403", "Who calls may not do this"),
    ("NotAcceptable", "406", "The answer is JSON, and `Accept` takes none"),
    ("TooLarge", "413", "The body is larger than the worker's limit"),
    ("PathTooLong", "414", "The path and query are longer than 8 KiB"),
    ("NotJson", "415", "The body is not `application/json`"),
    ("TooManyRequests", "429", "This caller asks too often: try again later"),
    ("Failed", "500", "The body is no JSON of the wanted shape (as Kafka Connect answers it), or Wharf failed"),
    ("Starting", "503", "The worker is starting, or cannot do this now: try again in a moment"),
];

const JSON: &str = "application/json";

/// Adds them.
pub(super) struct Complete;

impl Modify for Complete {
    fn modify(&self, api: &mut OpenApi) {
        api.tags = Some(groups::GROUPS.iter().map(|group| tag(group.name, group.about)).collect());
        api.security = Some(vec![
            SecurityRequirement::default(),
            SecurityRequirement::new("token", [] as [&str; 0]),
            SecurityRequirement::new("password", [] as [&str; 0]),
        ]);
        let components = api.components.get_or_insert_default();
        let scheme =
            |scheme, about: &str| SecurityScheme::Http(Http::builder().scheme(scheme).description(Some(about)).build());
        let token = scheme(HttpAuthScheme::Bearer, "A token from `wharf token`.");
        let password = scheme(HttpAuthScheme::Basic, "A user name and a token as its password.");
        components.add_security_scheme("token", token);
        components.add_security_scheme("password", password);
        for (name, _, about) in ANSWERS {
            components.responses.insert((*name).to_owned(), refusal(about).into());
        }
        components.schemas.values_mut().for_each(flattened_options);
        for (path, item) in &mut api.paths.paths {
            let operations = [
                ("get", &mut item.get, false),
                ("delete", &mut item.delete, false),
                ("post", &mut item.post, true),
                ("put", &mut item.put, true),
                ("patch", &mut item.patch, true),
            ];
            for (method, operation, takes_body) in operations {
                if let Some(operation) = operation {
                    operation.tags = Some(vec![groups::of(path).to_owned()]);
                    wording::complete(operation, method, path);
                    complete(operation, takes_body);
                }
            }
        }
    }
}

/// A flattened `Option` is described as an object that has these fields and is `null` at the same time, or not: nothing is
/// both. What is meant is an object that may have them.
fn flattened_options(schema: &mut RefOr<Schema>) {
    let RefOr::T(Schema::AllOf(all)) = schema else { return };
    for part in &mut all.items {
        let RefOr::T(Schema::OneOf(choice)) = part else { continue };
        let is_null = |it: &RefOr<Schema>| matches!(it, RefOr::T(Schema::Object(it)) if it.schema_type == SchemaType::Type(Type::Null));
        if choice.items.iter().any(is_null) {
            let fields = choice.items.iter().filter(|it| !is_null(it)).cloned();
            let any = fields.fold(AnyOfBuilder::new(), AnyOfBuilder::item).item(Object::new());
            *part = RefOr::T(Schema::AnyOf(any.build()));
        }
    }
}

fn complete(operation: &mut Operation, takes_body: bool) {
    let responses = &mut operation.responses.responses;
    let is_json = responses.iter().filter(|(status, _)| status.starts_with('2')).all(|(_, response)| match response {
        RefOr::T(response) => response.content.keys().all(|kind| kind == JSON),
        RefOr::Ref(_) => true,
    });
    let has_names = operation.parameters.iter().flatten().any(|parameter| match parameter {
        RefOr::T(parameter) => matches!(parameter.parameter_in, ParameterIn::Path),
        RefOr::Ref(_) => true,
    });
    for (status, response) in responses.iter_mut() {
        let RefOr::T(response) = response else { continue };
        if (status.starts_with('4') || status.starts_with('5')) && response.content.is_empty() {
            response.content.insert(JSON.to_owned(), error().into());
        }
    }
    for (name, status, _) in ANSWERS {
        let is_possible = match *status {
            "400" | "414" => has_names,
            "406" => is_json,
            "413" | "415" => takes_body,
            _ => true,
        };
        if is_possible && !responses.contains_key(*status) {
            responses.insert((*status).to_owned(), Ref::from_response_name(*name).into());
        }
    }
}

fn tag(name: &str, about: &str) -> utoipa::openapi::Tag {
    TagBuilder::new().name(name).description(Some(about)).build()
}

fn refusal(about: &str) -> Response {
    ResponseBuilder::new().description(about).content(JSON, error()).build()
}

fn error() -> utoipa::openapi::Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name("Error"))).build()
}
