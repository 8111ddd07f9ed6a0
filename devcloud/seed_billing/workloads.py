"""The sample organisation: its projects and their workloads, which use SKUs. The seed decides them."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]

_PLACES: dict[str, list[tuple[str, str | None]]] = {
    "zone": [("us-central1-a", "us-central1"), ("us-central1-c", "us-central1"), ("europe-west1-d", "europe-west1")],
    "region": [("us-central1", "us-central1"), ("us-east4", "us-east4"), ("europe-west1", "europe-west1")],
    "multi": [("us", None)],
    "global": [("global", None)],
}
_TEAMS = ("checkout", "search", "platform", "growth", "insights")
_WORKLOADS_PER_WEIGHT = 12
ON_DEMAND = {"id": "7754-699E-0EBF", "description": "Default"}


@dataclass(frozen=True)
class Rate:
    """A workload's prices in one consumption model; `opening` is the constant part of its rows' JSON."""

    opening: str
    effective_price: Decimal
    list_price: Decimal


@dataclass(frozen=True)
class Workload:
    """A workload that uses one SKU. `committed` has its prices under a commitment that lowers them."""

    rate: Rate
    committed: Rate | None
    commitment: str | None
    amount: float
    amount_quantum: Decimal
    per: int
    unit: str
    pricing_unit: str
    credits: tuple[str, ...]
    spikes: bool
    weekend: float
    growth: float


@dataclass(frozen=True)
class Organisation:
    """The part of the sample that depends only on the seed, not on dates."""

    billing_account_id: str
    workloads: list[Workload]
    weights: list[float]
    commitments: list[Json]


def draw_organisation(seed: int) -> Organisation:
    """The organisation of a seed; the same for every range of dates."""
    rng = random.Random(f"organisation {seed}")  # noqa: S311 - sample data, not a secret
    catalogue = load_catalogue()
    projects = [_project(rng, project) for project in catalogue["projects"]]
    terms = {commitment["subscription"]: commitment for commitment in catalogue["commitments"]}
    workloads, weights = [], []
    for service in catalogue["services"]:
        for sku in service["skus"]:
            eligible = [project for project in projects if sku.get("only", project["id"]) == project["id"]]
            count = max(1, sku["weight"] // _WORKLOADS_PER_WEIGHT)
            for _ in range(count):
                project = rng.choices(eligible, [candidate["weight"] for candidate in eligible])[0]
                workloads.append(_workload(rng, project, service, sku, terms))
                weights.append(sku["weight"] / count)
    by_id = {project["id"]: project for project in projects}
    commitments = [
        commitment | {"project": by_id[commitment["project"]]["export"]} for commitment in catalogue["commitments"]
    ]
    account = "-".join(f"{rng.randrange(16**6):06X}" for _ in range(3))
    return Organisation(account, workloads, weights, commitments)


@cache
def load_catalogue() -> Json:
    """catalogue.yml."""
    catalogue: Json = yaml.safe_load(Path(__file__).with_name("catalogue.yml").read_text(encoding="utf-8"))
    return catalogue


def _project(rng: random.Random, project: Json) -> Json:
    """The catalogue's project with `export`, its form in the export."""
    number = str(rng.randrange(10**11, 10**12))
    export = {
        "id": project["id"],
        "number": number,
        "name": project["name"],
        "labels": [{"key": "env", "value": project["env"]}],
        "ancestry_numbers": "/417000000001/417000000002/",
        "ancestors": [
            {"resource_name": f"projects/{number}", "display_name": project["name"]},
            {"resource_name": "folders/417000000002", "display_name": project["folder"]},
            {"resource_name": "organizations/417000000001", "display_name": "example.com"},
        ],
    }
    return project | {"export": export}


def _workload(rng: random.Random, project: Json, service: Json, sku: Json, terms: dict[str, Json]) -> Workload:
    constant = _constant(rng, project, service, sku)
    commitment = terms.get(sku.get("commitment", ""), {})
    rate = _rate(constant, sku, ON_DEMAND, Decimal(1))
    lowers = "model" in commitment
    committed = _rate(constant, sku, commitment["model"], Decimal(str(commitment["share"]))) if lowers else None
    # A NUMERIC has nine decimal places. Price times amount has at most nine, so the cost is exact.
    prices = [price for paid in (rate, committed) if paid for price in (paid.effective_price, paid.list_price)]
    return Workload(
        rate=rate,
        committed=committed,
        commitment=sku.get("commitment"),
        amount=sku["amount"] * rng.uniform(0.4, 1.8),
        amount_quantum=Decimal(1).scaleb(-min(3, 9 - max(map(_decimals, prices)))),
        per=sku["per"],
        unit=sku["unit"],
        pricing_unit=sku["pricing_unit"],
        credits=tuple(sku.get("credits", ())),
        spikes=sku.get("spikes", False),
        weekend=project["weekend"],
        growth=project["growth"],
    )


def _rate(constant: Json, sku: Json, model: Json, share: Decimal) -> Rate:
    """The prices in a consumption model: a share of the list prices."""
    list_price = Decimal(str(sku["price"]))
    default = (list_price * Decimal(str(sku.get("contract", 1)))).normalize()
    effective_price, list_price_of_model = (default * share).normalize(), (list_price * share).normalize()
    price = {
        "tier_start_amount": "0",
        "unit": sku["pricing_unit"],
        "pricing_unit_quantity": "1",
        "effective_price": f"{effective_price:f}",
        "list_price": f"{list_price:f}",
        "effective_price_default": f"{default:f}",
        "list_price_consumption_model": f"{list_price_of_model:f}",
    }
    opening = json.dumps(constant | {"price": price, "consumption_model": model}).removesuffix("}")
    return Rate(opening, effective_price, list_price_of_model)


def _constant(rng: random.Random, project: Json, service: Json, sku: Json) -> Json:
    place, region = rng.choice(_PLACES[sku["scope"]])
    team = rng.choice(_TEAMS)
    return {
        "service": {"id": service["id"], "description": service["description"]},
        "sku": {"id": sku["id"], "description": sku["description"]},
        "project": project["export"],
        "labels": [{"key": "team", "value": team}] if rng.random() < 0.8 else [],
        "system_labels": _system_labels(rng, sku),
        "tags": _tags(rng, project),
        "location": _location(place, region),
        "resource": _resource(rng, project, service, sku, place),
        "transaction_type": "THIRD_PARTY_RESELLER" if "seller" in service else "GOOGLE",
        "seller_name": service.get("seller", "Google LLC"),
    }


def _location(place: str, region: str | None) -> Json:
    country = {"us": "US", "eu": "BE"}.get(place[:2])
    return {
        "location": place,
        "country": country,
        "region": region,
        "zone": place if region != place and region else None,
    }


def _system_labels(rng: random.Random, sku: Json) -> list[Json]:
    if sku.get("resource") != "instances" or sku["scope"] != "zone":
        return []
    cores = rng.choice(("2", "4", "8", "16"))
    return [
        {"key": "compute.googleapis.com/cores", "value": cores},
        {"key": "compute.googleapis.com/machine_spec", "value": f"n1-standard-{cores}"},
    ]


def _tags(rng: random.Random, project: Json) -> list[Json]:
    centre = {"key": "cost-center", "value": f"cc-{project['folder']}", "inherited": True, "namespace": "417000000001"}
    own = {"key": "criticality", "value": "high", "inherited": False, "namespace": "417000000001"}
    return [centre, own] if rng.random() < 0.25 else [centre]


def _resource(rng: random.Random, project: Json, service: Json, sku: Json, place: str) -> Json | None:
    if "resource" not in sku:
        return None
    name = f"{project['id'].split('-')[-1]}-{sku['resource'].rstrip('s')}-{rng.randrange(16**4):04x}"
    api = service["description"].lower().removeprefix("cloud ").split(" ")[0]
    path = f"projects/{project['id']}/locations/{place}/{sku['resource']}/{name}"
    return {"name": name, "global_name": f"//{api}.googleapis.com/{path}"}


def _decimals(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
