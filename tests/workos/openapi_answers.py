"""Holds answers against an OpenAPI file: openapi_answers.py FILE ANSWERS...

ANSWERS begin with a line for the routes of the code, a list of methods and paths, with * for what is named. Then they have
a JSON object a line: method, target, request, status, headers, body (null: none). Every answer must be as the file has it,
every request that was granted too, every example as its schema; the file and the code must have the same routes; and every
status of the file must be among the answers. Needs Debian's python3-jsonschema.
"""
import json
import re
import sys
from urllib.parse import parse_qsl, unquote

from jsonschema import Draft202012Validator

with open(sys.argv[1], encoding="utf-8") as file:
    api = json.load(file)
routes = set()
answers = []
for path in sys.argv[2:]:
    with open(path, encoding="utf-8") as file:
        routes |= {tuple(route) for route in json.loads(next(file))}
        answers += [json.loads(line) for line in file]

faults = []
components = api["components"]


def resolved(node):
    while "$ref" in node:
        target = api
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


validators = {}


def check(schema, value, what):
    key = json.dumps(schema, sort_keys=True)
    if key not in validators:
        whole = {**schema, "components": {"schemas": components["schemas"]}}
        Draft202012Validator.check_schema(whole)
        validators[key] = Draft202012Validator(whole)
    for error in validators[key].iter_errors(value):
        place = "/".join(str(part) for part in error.absolute_path)
        faults.append(f"{what}: {place}: {error.message[:300]}")


def from_query(schema, text):
    if schema.get("type") == "boolean" and text in ("true", "false"):
        return text == "true"
    if schema.get("type") == "integer" and text.isdigit():
        return int(text)
    return text


operations = [
    (method.upper(), path, re.compile("^" + re.sub(r"\{[^}]*\}", "([^/]+)", path) + "$"), operation)
    for path, methods in api["paths"].items()
    for method, operation in methods.items()
]

in_file = {(method, re.sub(r"\{[^}]*\}", "*", path)) for method, path, _, _ in operations}
faults += [f"{method} {path} is no route of the code" for method, path in sorted(in_file - routes)]
faults += [f"{method} {path} is not in the file" for method, path in sorted(routes - in_file)]
names = [operation["operationId"] for _, _, _, operation in operations]
faults += [f"operationId {name} twice" for name in sorted({name for name in names if names.count(name) > 1})]

given = set()
for answer in answers:
    target, _, query = answer["target"].partition("?")
    found = [each for each in operations if each[0] == answer["method"] and each[2].match(target)]
    if len(found) != 1:
        faults.append(f"{answer['method']} {target} is {len(found)} operations of the file")
        continue
    method, path, _, operation = found[0]
    what = f"{method} {path} {answer['status']}"
    given.add((method, path, str(answer["status"])))
    if str(answer["status"]) not in operation["responses"]:
        faults.append(f"{what} is not in the file: {json.dumps(answer['body'])[:300]}")
        continue
    response = resolved(operation["responses"][str(answer["status"])])
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    for name, header in response.get("headers", {}).items():
        header = resolved(header)
        value = headers.get(name.lower())
        if value is None:
            if header.get("required"):
                faults.append(f"{what}: no header {name}")
        else:
            check(header["schema"], from_query(header["schema"], value), f"{what}: {name}")
    content = response.get("content", {}).get("application/json")
    if content is None:
        if answer["body"] is not None:
            faults.append(f"{what}: has a body")
    else:
        if not headers.get("content-type", "").startswith("application/json"):
            faults.append(f"{what}: no JSON by its type")
        check(content["schema"], answer["body"], f"{what} {target}")
    if answer["status"] < 300:
        body = operation.get("requestBody")
        if answer["request"] is not None and body is None:
            faults.append(f"{what}: was given a body")
        elif answer["request"] is not None:
            check(body["content"]["application/json"]["schema"], answer["request"], f"{what}: request")
        elif body is not None and body["required"]:
            faults.append(f"{what}: was granted without a body")
        parameters = {each["name"]: each for each in operation.get("parameters", []) if each["in"] == "query"}
        for name, value in parse_qsl(query, keep_blank_values=True):
            if name not in parameters:
                faults.append(f"{what}: query has {name}")
            else:
                check(parameters[name]["schema"], from_query(parameters[name]["schema"], unquote(value)), f"{what}: {name}")

for method, path, _, operation in operations:
    for status, response in operation["responses"].items():
        if (method, path, status) not in given:
            faults.append(f"{method} {path} was never answered {status}")
        for content in resolved(response).get("content", {}).values():
            if "example" in content:
                check(content["schema"], content["example"], f"{method} {path} {status}: example")
            elif status < "300":
                faults.append(f"{method} {path} {status} has no example")
    for content in operation.get("requestBody", {}).get("content", {}).values():
        check(content["schema"], content["example"], f"{method} {path}: example of the request")

for fault in dict.fromkeys(faults):
    print(fault)
print(f"{len(answers)} answers of {len(operations)} operations, {len(given)} statuses, {len(faults)} faults")
sys.exit(1 if faults else 0)
