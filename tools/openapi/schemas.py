"""Makes the schemas of bodies and answers from the product's models, tables and templates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from functions.process_queue.main import ProcessQueueBody
from shared.configuration.tables import Column, get_table
from shared.configuration.templates import all_templates
from shared.domain.alerts.rules import AnomalyRule, BudgetRule, WebhookRule
from shared.domain.alerts.standing import AlertsRequest
from shared.domain.alerts.tasks import EvaluateTask, SendTask
from shared.domain.cost_reconciliation import ReconciliationRequest
from shared.domain.costs import CostRequest, RestatementsRequest
from shared.domain.credentials import credentials, key_files
from shared.domain.credentials.google_names import ExportTable
from shared.domain.credentials.verification import VerifyTask
from shared.domain.exchange_rates import RatesRequest
from shared.domain.requests.parsing import NoBody
from shared.domain.runs.backfill import MAX_MONTHS
from shared.domain.runs.delivery import CloseTask, RunTask
from shared.domain.schedules.pipeline_configs import ConfigRequest, ConfigSettings
from shared.domain.templates.templates import Parameter, Template
from shared.domain.virtual_tags import VirtualTagRequest
from shared.use_cases.pipeline_configs import ConfigListRequest, PreviewRequest
from shared.use_cases.pipeline_runs import ListRequest
from shared.use_cases.setup_credentials import CredentialStored, StoreRequest
from shared.use_cases.stored_credentials import SetupRequest
from tools.openapi.wording import Json, Shape, get_fields, get_shapes

REFERENCE = "#/components/schemas/{model}"
_MODELS: tuple[type[BaseModel], ...] = (
    key_files.ServiceAccountKey,
    credentials.GcpServiceAccountKey,
    credentials.GcpImpersonation,
    credentials.AwsAccessKey,
    credentials.AwsRole,
    credentials.AzureClientSecret,
    credentials.AzureFederated,
    credentials.FocusHmacKey,
    ProcessQueueBody,
    ConfigRequest,
    RunTask,
    CloseTask,
    NoBody,
    VerifyTask,
    BudgetRule,
    AnomalyRule,
    WebhookRule,
    EvaluateTask,
    SendTask,
    VirtualTagRequest,
    RatesRequest,
)
_QUERIES: dict[str, type[BaseModel]] = {
    model.__name__: model
    for model in (
        ListRequest,
        ConfigListRequest,
        PreviewRequest,
        CostRequest,
        RestatementsRequest,
        ReconciliationRequest,
        SetupRequest,
        StoreRequest,
        AlertsRequest,
    )
}
_CREDENTIALS = {
    "GCP": ("GcpServiceAccountKey", "GcpImpersonation"),
    "AWS": ("AwsAccessKey", "AwsRole"),
    "AZURE": ("AzureClientSecret", "AzureFederated"),
    "FOCUS": ("AwsAccessKey", "AwsRole", "AzureClientSecret", "AzureFederated", "FocusHmacKey"),
}
_COLUMN_TYPES: dict[str, Json] = {
    "STRING": {"type": "string"},
    "INTEGER": {"type": "integer"},
    "BOOLEAN": {"type": "boolean"},
    "TIMESTAMP": {"type": "string", "format": "date-time"},
    "DATE": {"type": "string", "format": "date"},
    "NUMERIC": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"},
    "JSON": {"type": "object"},
}
_DAY: Json = {"type": "string", "format": "date"}


def component_schemas() -> dict[str, Json]:
    """Every schema by name."""
    schemas = {
        **_model_schemas(),
        **_credential_requests(),
        **_run_parameters(),
        **{name: _shape_schema(name) for name in get_shapes()},
        "RunAnswer": {
            "description": "An accepted run, or an accepted backfill.",
            "oneOf": [{"$ref": REFERENCE.format(model=name)} for name in ("RunAccepted", "BackfillAccepted")],
        },
        "Alert": {
            "description": "An alert of the budget, or an anomaly.",
            "oneOf": [{"$ref": REFERENCE.format(model=name)} for name in ("BudgetAlert", "AnomalyAlert")],
        },
        "ScheduleAnswer": {
            "description": "The changed schedule, or the preview if the request asked for one.",
            "oneOf": [{"$ref": REFERENCE.format(model=name)} for name in ("ScheduleChanged", "SchedulePreview")],
        },
    }
    for name, fields in get_fields().items():
        for field, text in fields.items():
            if name in schemas:
                schemas[name]["properties"][field]["description"] = text
    return dict(sorted(schemas.items()))


def query_parameters(model: str) -> Iterator[Json]:
    """The parameters of a query string, by its model's name."""
    whole = _plain(_QUERIES[model].model_json_schema())
    for name, schema in whole["properties"].items():
        known = {key: value for key, value in schema.items() if key != "anyOf"}
        known |= next((option for option in schema.get("anyOf", []) if option != {"type": "null"}), {})
        if known.get("default", 0) is None:
            del known["default"]
        parameter = {"name": name, "in": "query", "description": get_fields()[model][name], "schema": known}
        yield parameter | ({"required": True} if name in whole.get("required", []) else {})


def _model_schemas() -> dict[str, Json]:
    _, together = models_json_schema([(model, "validation") for model in _MODELS], ref_template=REFERENCE)
    schemas: dict[str, Json] = together["$defs"]
    schemas["CredentialStored"] = TypeAdapter(CredentialStored).json_schema() | {"additionalProperties": False}
    schemas["CredentialStored"]["properties"]["provider"] = {"enum": list(_CREDENTIALS)}
    schemas["CredentialStored"]["properties"]["action"] = {"enum": ["CREATED", "UPDATED"]}
    schemas["CredentialStored"]["properties"]["dataset_status"] = {"enum": ["CREATED", "ALREADY_EXISTS"]}
    schemas["ConfigChange"] = _partial(ConfigSettings.model_json_schema())
    schemas["ConfigChange"]["properties"]["preview"] = {"type": "boolean", "default": False}
    schemas["GcpServiceAccountKey"]["properties"]["service_account_json"] = {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": {"$ref": REFERENCE.format(model="ServiceAccountKey")},
    }
    return {name: _plain(schema) for name, schema in schemas.items()}


def _partial(schema: Json) -> Json:
    """The schema of a partial change: every field is optional and has no default."""
    for said in schema["properties"].values():
        said.pop("default", None)
    return {key: value for key, value in schema.items() if key != "required"}


def _plain(schema: Any) -> Any:
    """The schema without generated titles."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _plain(value) for key, value in schema.items() if key != "title" or not isinstance(value, str)}


def _credential_requests() -> dict[str, Json]:
    schemas: dict[str, Json] = {}
    for provider, shapes in _CREDENTIALS.items():
        options = [{"$ref": REFERENCE.format(model=shape)} for shape in shapes]
        schemas[f"{provider.capitalize()}CredentialRequest"] = {
            "description": f"Credentials for {provider}.",
            "type": "object",
            "properties": {
                "provider": {"const": provider, "description": "The provider."},
                "credentials": {"oneOf": options, "description": "The credential, in one of its forms."},
            },
            "required": ["provider", "credentials"],
            "additionalProperties": False,
        }
    named = {name: REFERENCE.format(model=name) for name in schemas}
    mapping = dict(zip(_CREDENTIALS, named.values(), strict=True))
    return schemas | {
        "CredentialRequest": {
            "description": "A provider and its credentials.",
            "oneOf": [{"$ref": reference} for reference in named.values()],
            "discriminator": {"propertyName": "provider", "mapping": mapping},
        }
    }


def _run_parameters() -> dict[str, Json]:
    templates = {_schema_name(template): _template_schema(template) for template in all_templates()}
    options = [{"$ref": REFERENCE.format(model=name)} for name in templates]
    described = {"description": "The parameters of the template that the path names.", "anyOf": options}
    return templates | {"RunParameters": described}


def _schema_name(template: Template) -> str:
    parts = (template.provider, template.domain, template.template)
    return "".join(part.title().replace("_", "") for part in parts) + "Parameters"


def _template_schema(template: Template) -> Json:
    days = {
        "date": {**_DAY, "description": "One day, UTC."},
        "start_date": {**_DAY, "description": "The first day of a range, UTC."},
        "end_date": {**_DAY, "description": f"The last day of a range of at most {template.max_days} days."},
        "split": {"const": "month", "description": f"A run for each month of the range, at most {MAX_MONTHS}."},
        "preview": {"type": "boolean", "description": "Answer what `split` would make, and queue nothing."},
    }
    return {
        "description": f"{template.provider}/{template.domain}/{template.template}: {template.description}.",
        "type": "object",
        "properties": days | {name: _parameter(parameter) for name, parameter in template.parameters.items()},
        "dependentRequired": {
            "start_date": ["end_date"],
            "end_date": ["start_date"],
            "split": ["start_date"],
            "preview": ["split"],
        },
        "not": {"required": ["date", "start_date"]},
        "additionalProperties": False,
    }


def _parameter(parameter: Parameter) -> Json:
    said = {
        "default": parameter.default,
        "minimum": parameter.minimum,
        "maximum": parameter.maximum,
        "enum": parameter.values,
        "maxLength": parameter.max_length if parameter.type in {"string", "table"} else None,
    }
    known = {key: value for key, value in said.items() if value is not None}
    if parameter.type == "table":
        return {
            **_plain(TypeAdapter(ExportTable).json_schema()),
            **known,
            "description": parameter.description,
        }
    return {"type": parameter.type, **known, "description": parameter.description}


def _shape_schema(name: str) -> Json:
    shape = get_shapes()[name]
    base = _shape_schema(shape.extends) if shape.extends else {"properties": {}, "required": []}
    properties = {**base["properties"], **_columns(shape)}
    for field, said in shape.properties.items():
        known = properties.get(field, {})
        properties[field] = {**({"description": known["description"]} if known else {}), **said}
    fresh = [field for field in properties if field not in base["properties"]]
    return {
        "description": shape.description,
        "type": "object",
        "properties": properties,
        "required": [field for field in [*base["required"], *fresh] if field not in shape.optional],
        "additionalProperties": False,
    }


def _columns(shape: Shape) -> dict[str, Json]:
    if not shape.table:
        return {}
    known = {column.name: column for column in get_table(shape.group, shape.table).columns}
    return {name: _column(known[name]) for name in shape.columns}


def _column(column: Column) -> Json:
    schema = dict(_COLUMN_TYPES[column.type])
    if column.mode == "NULLABLE":
        schema["type"] = [schema["type"], "null"]
    return {**schema, "description": column.description}
