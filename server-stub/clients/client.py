"""Has clients generated from the OpenAPI documents that the running stub serves, and plays the recorded exchanges with them:
those of the auth service at the stub, over TLS; all of both homes also with the recorded answers. What a client makes of an
answer, given back as JSON, must be what was recorded. See client.sh."""

import importlib
import inspect
import json
import os
import re
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import httpx

FIXTURES = Path(__file__).resolve().parents[1] / "tests/fixtures"
KEY = "Zq3n8Yk1-_bTtWm5xV7cR0pLsD2fGh4jKa6eUi9oNvBwxxxxxxxxxxxxxxxxxxxx"
HOUSEHOLD = "11111111-2222-4333-8444-555555555555"
SERVICES = {"auth": "url", "command_center": "command_center", "config": "config", "logs": "logs"}
# Requests that no typed client makes: other paths and methods, bodies that are no JSON, fields that are missing or of
# another type. The stub's own tests replay them.
UNTYPED = {"auth": 6, "python": 3, "jarvisd": 20}
RANDOM = {"node_key", "access_token", "refresh_token", "created_at", "updated_at", "last_rotated_at", "granted_at",
          "household_id", "id"}


class Service:
    """A document and the client that was generated from it."""

    def __init__(self, name, document, folder):
        self.document = document
        self.package = f"client_{name}"
        source = folder / f"{name}.json"
        source.write_text(json.dumps(document), encoding="utf-8")
        config = folder / f"{name}.config.json"
        config.write_text(json.dumps({"post_hooks": []}), encoding="utf-8")
        generator = Path(sys.executable).with_name("openapi-python-client")
        subprocess.run([generator, "generate", "--path", source, "--config", config, "--meta", "none", "--fail-on-warning",
                        "--output-path", folder / self.package], check=True, stdout=subprocess.DEVNULL)
        self.client = importlib.import_module(self.package).AuthenticatedClient

    def operation(self, method, path):
        """The function for a request, and the values in its path. None: no operation is like it."""
        path = path.partition("?")[0]
        templates = sorted(self.document["paths"], key=lambda template: template.count("{"))
        for template in templates:
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template))
            found = re.fullmatch(pattern, path)
            if found:
                operation = self.document["paths"][template].get(method.lower())
                if operation is None:
                    return None
                module = importlib.import_module(f"{self.package}.api.default.{operation['operationId']}")
                return module, found.groupdict()
        return None

    def call(self, request, base_url, transport):
        """What the client makes of the answer to a request: the status, and the answer given back as JSON.

        None: a typed client cannot make the request."""
        found = self.operation(request["method"], request["path"])
        if found is None:
            return None
        module, arguments = found
        parameters = inspect.signature(module.sync_detailed).parameters
        headers = dict(request["headers"])
        token = headers.get("Authorization", "Bearer ").removeprefix("Bearer ")
        for name, value in headers.items():
            name = name.lower().replace("-", "_")
            if name in parameters:
                arguments[name] = value
        query = httpx.URL("http://host" + request["path"]).params if "?" in request["path"] else {}
        try:
            for name, value in dict(query).items():
                arguments[name] = typed(module, parameters[name].annotation, value)
            if request["body"]:
                arguments["body"] = typed(module, parameters["body"].annotation, json.loads(request["body"]))
        except (KeyError, TypeError, ValueError):
            return None
        if parameters.get("body") and parameters["body"].default is inspect.Parameter.empty and "body" not in arguments:
            return None
        client = self.client(base_url=base_url, token=token, raise_on_unexpected_status=True)
        with httpx.Client(base_url=base_url, transport=transport,
                          headers={"Authorization": f"Bearer {token}"} if token else {}) as way:
            client.set_httpx_client(way)
            answer = module.sync_detailed(client=client, **arguments)
        return int(answer.status_code), as_json(answer.parsed)


def typed(module, annotation, value):
    """The value as the client's own type."""
    if isinstance(annotation, str):
        annotation = eval(annotation, vars(module))
    for kind in getattr(annotation, "__args__", None) or (annotation,):
        if hasattr(kind, "from_dict"):
            if not isinstance(value, dict):
                raise TypeError
            return kind.from_dict(value)
        if isinstance(value, str) and isinstance(kind, type) and issubclass(kind, str) and kind is not str:
            return kind(value)
    return value


def as_json(parsed):
    if isinstance(parsed, list):
        return [as_json(one) for one in parsed]
    return parsed.to_dict() if hasattr(parsed, "to_dict") else parsed


def named(value, name=None):
    """The value with names in the place of what is random."""
    if isinstance(value, dict):
        return {key: named(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [named(one) for one in value]
    return f"<{name}>" if name in RANDOM and value is not None else value


def recorded_body(response):
    if not response["body"]:
        return None
    media_type = {name.lower(): value for name, value in response["headers"].items()}.get("content-type", "")
    return json.loads(response["body"]) if media_type.startswith("application/json") else response["body"]


def at_the_stub(service, where, directory, context):
    """Plays the auth service's recording, in its order. Returns what differs and how many requests were no client's."""
    read = lambda name: (directory / name).read_text(encoding="utf-8").strip()
    keys = {"kitchen-pi": json.loads(read("credential.json"))["node_key"]}
    app, base_url = read("app.key"), where["url"]
    app_headers = {"X-Jarvis-App-Id": "jarvis-node-agent", "X-Jarvis-App-Key": app}

    def call(method, path, body=None):
        request = {"method": method, "path": path, "headers": app_headers, "body": body and json.dumps(body)}
        return service.call(request, base_url, httpx.HTTPTransport(verify=context))

    for node, services in (("garage-pi", ["command-center"]), ("attic-pi", [])):
        body = {"node_id": node, "household_id": HOUSEHOLD, "name": "x", "services": services}
        status, answer = call("POST", "/internal/nodes/register", body)
        assert status == 201, answer
        keys[node] = answer["node_key"]
    assert call("DELETE", "/internal/nodes/garage-pi")[0] == 200
    differences, untyped, refresh_token = [], 0, ""
    for exchange in json.loads((FIXTURES / "jarvis-auth.json").read_text(encoding="utf-8"))["exchanges"]:
        request = exchange["request"]
        put = {"<app_key>": app, "<admin_token>": read("admin.token")}
        headers = {name: put.get(value, value) for name, value in request["headers"].items()}
        body = request["body"]
        if body:
            node = next((node for node in keys if f'"{node}"' in body), None)
            body = body.replace(KEY, keys.get(node, KEY)).replace("<opaque>", refresh_token)
        if headers.get("Content-Type", "application/json") != "application/json":
            untyped += 1
            continue
        got = service.call({**request, "headers": headers, "body": body}, base_url, httpx.HTTPTransport(verify=context))
        if got is None:
            untyped += 1
            continue
        wanted = exchange["response"]["status"], named(recorded_body(exchange["response"]))
        if (got[0], named(got[1])) != wanted:
            differences.append(f"{exchange['name']}: recorded {wanted}, the client has {got}")
        if isinstance(got[1], dict):
            refresh_token = got[1].get("refresh_token", refresh_token)
    return differences, untyped


def with_recorded_answers(services, home):
    """Gives the clients the recorded answers of a home. Returns what differs and how many requests were no client's."""
    differences, untyped = [], 0
    profile = {"python": "legacy", "jarvisd": "jarvisd"}[home]
    for record in json.loads((FIXTURES / "jarvis-home.json").read_text(encoding="utf-8"))["records"]:
        if record["profile"] != profile:
            continue
        request, response = record["request"], record["response"]
        if response["status"] == 431:  # to a header that is too long, which no client makes
            untyped += 1
            continue
        sent = []

        def answer(asked):
            sent.append(asked)
            return httpx.Response(response["status"], headers=response["headers"], content=response["body"].encode())

        service = services[record["service"].replace("-", "_")]
        got = service.call(request, "http://home", httpx.MockTransport(answer))
        if got is None:
            untyped += 1
            continue
        wanted = response["status"], recorded_body(response)
        if got != wanted:
            differences.append(f"{home}, {record['case']}: recorded {wanted}, the client has {got}")
        asked = sent[0].method, sent[0].url.raw_path.decode(), json.loads(sent[0].content or b"null")
        wanted = request["method"], request["path"], json.loads(request["body"] or "null")
        if asked != wanted:
            differences.append(f"{home}, {record['case']}: recorded {wanted}, the client sent {asked}")
    return differences, untyped


def main(stub):
    differences, untyped = [], {}
    for home in ("python", "jarvisd"):
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            sys.path.insert(0, str(folder))
            process = subprocess.Popen([stub, "--home", home, "--listen", "127.0.0.1:0", "--dir", folder / "stub"],
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            try:
                where = json.loads(process.stdout.readline())
                context = ssl.create_default_context(cafile=folder / "stub/ca.pem")
                services = {}
                for name, key in SERVICES.items():
                    with urllib.request.urlopen(f"{where[key]}/__stub/openapi.json", context=context, timeout=30) as answer:
                        services[name] = Service(f"{home}_{name}", json.load(answer), folder)
                if home == "python":
                    found, untyped["auth"] = at_the_stub(services["auth"], where, folder / "stub", context)
                    differences += found
                found, untyped[home] = with_recorded_answers(services, home)
                differences += found
            finally:
                process.terminate()
                process.wait(timeout=30)
                sys.path.remove(str(folder))
    if untyped != UNTYPED:
        differences.append(f"no typed client makes {untyped} requests of the recordings, but it was {UNTYPED}")
    print("\n".join(differences) or f"all answers are as recorded; requests that no typed client makes: {untyped}")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
